"""Specifications whose numbers of states are known from elsewhere: the truth that the explorer is held against.

Each was published and explored by others; the classes here are the same systems, written anew in Rust. Most can be
broken by a ``flaw``, to see a property fail.

======================= ================================================== =========================== ==========
class                   from                                               constants                   distinct
======================= ================================================== =========================== ==========
:class:`TwoPhase`       Gray and Lamport, *Consensus on Transaction        3, 4, 5 managers            288, 1,568,
                        Commit*                                                                        8,832
:class:`Peterson`       TLA+ examples, ``locks_auxiliary_vars``                                        42
:class:`DiningPhilosophers` TLA+ examples, ``DiningPhilosophers``          NP = 5                      67
:class:`EWD840`         TLA+ examples, ``ewd840``                          N = 3                       302
:class:`ChangRoberts`   TLA+ examples, ``chang_roberts``                   N = 3                       137
:class:`AlternatingBit` TLA+ examples, ``SpecifyingSystems/TLC``           2 values, 2 + 2 under way   240
:class:`Paxos`          Stateright 0.31, ``examples/paxos.rs``             1, 2, 3 clients             265, 16,668,
                                                                                                       1,194,428
:class:`Pings`          arithmetic                                         k clients, m pings          (2m+1)^k,
                                                                                                       lossy (3m+1)^k
======================= ================================================== =========================== ==========

>>> import distlab as dl
>>> [dl.explore(spec).distinct for spec in (dl.specs.TwoPhase(3), dl.specs.Peterson(), dl.specs.Pings(2, 3))]
[288, 42, 49]
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from . import units

__all__ = [
    "EWD840",
    "AlternatingBit",
    "BuiltIn",
    "ChangRoberts",
    "DiningPhilosophers",
    "Paxos",
    "Peterson",
    "Pings",
    "PrimaryBackup",
    "TwoPhase",
]


@dataclass(frozen=True)
class BuiltIn:
    """The base class of the specifications of this module."""

    _name: ClassVar[str] = ""
    _words: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __post_init__(self) -> None:
        for it in fields(self):
            value = getattr(self, it.name)
            if it.name in self._words:
                if value is not None:
                    units.choice(value, it.name, self._words[it.name])
            elif not isinstance(value, bool):
                units.count(value, it.name)

    def to_data(self) -> Any:
        """The core's form."""
        return {self._name: {it.name: getattr(self, it.name) for it in fields(self)}}


@dataclass(frozen=True)
class TwoPhase(BuiltIn):
    """Two-phase commit as Gray and Lamport specify it: resource managers, and a transaction manager.

    With ``symmetry=True`` states count as one that differ only in the names of managers: of the 8,832 for five
    managers, 314 are left. (Stateright reports 665 there: its representatives look at a part of the state only, so
    that some equal states stay apart.)

    Parameters
    ----------
    managers : int
        How many resource managers: 1 to 15.
    flaw : {None, "commits_early", "aborts_prepared"}
        The transaction manager commits as soon as one manager is prepared; or a prepared one may abort on its own.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.explore(dl.specs.TwoPhase(5)).distinct, dl.explore(dl.specs.TwoPhase(5), symmetry=True).distinct
    (8832, 314)
    """

    managers: int = 3
    flaw: str | None = None
    _name = "two_phase"
    _words: ClassVar = {"flaw": ("commits_early", "aborts_prepared")}


@dataclass(frozen=True)
class Peterson(BuiltIn):
    """Peterson's mutual exclusion of two processes.

    Parameters
    ----------
    flaw : {None, "ignores_turn", "keeps_turn"}
        A process waits whoever has the turn; or it gives the turn to itself.
    """

    flaw: str | None = None
    _name = "peterson"
    _words: ClassVar = {"flaw": ("ignores_turn", "keeps_turn")}


@dataclass(frozen=True)
class DiningPhilosophers(BuiltIn):
    """Philosophers who hand each other forks (Chandy and Misra).

    Parameters
    ----------
    seats : int
        How many: 2 to 8.
    flaw : {None, "everybody_holds_left", "eats_dirty"}
        At the beginning everybody holds one fork; or who is hungry eats with dirty forks too.
    """

    seats: int = 5
    flaw: str | None = None
    _name = "philosophers"
    _words: ClassVar = {"flaw": ("everybody_holds_left", "eats_dirty")}


@dataclass(frozen=True)
class EWD840(BuiltIn):
    """Termination detection on a ring (Dijkstra, Feijen, van Gasteren).

    Parameters
    ----------
    nodes : int
        How many: 1 to 8.
    flaw : {None, "stays_white", "stays_black"}
        A node that wakes one behind the token stays white; or a node that passes the token stays black.
    """

    nodes: int = 3
    flaw: str | None = None
    _name = "ewd840"
    _words: ClassVar = {"flaw": ("stays_white", "stays_black")}


@dataclass(frozen=True)
class ChangRoberts(BuiltIn):
    """Election on a ring (Chang and Roberts).

    Parameters
    ----------
    nodes : int
        How many: 1 to 6.
    flaw : {None, "forwards_larger", "swallows_smaller"}
        A candidate lets larger names pass; or it keeps a smaller one to itself.
    """

    nodes: int = 3
    flaw: str | None = None
    _name = "chang_roberts"
    _words: ClassVar = {"flaw": ("forwards_larger", "swallows_smaller")}


@dataclass(frozen=True)
class AlternatingBit(BuiltIn):
    """The alternating bit protocol over lines with loss.

    Parameters
    ----------
    values : int
        How many different ones are sent: 1 to 4.
    under_way : int
        How many messages, and how many acknowledgements, may be under way: 1 to 4.
    loss : bool
        Whether the lines lose any.
    flaw : {None, "trusts_any_acknowledgement", "acknowledges_ahead"}
        The sender takes any acknowledgement; or the receiver acknowledges the bit that it waits for.
    """

    values: int = 2
    under_way: int = 2
    loss: bool = True
    flaw: str | None = None
    _name = "alternating_bit"
    _words: ClassVar = {"flaw": ("trusts_any_acknowledgement", "acknowledges_ahead")}


@dataclass(frozen=True)
class Pings(BuiltIn):
    """Clients that ping a server one after another; the counts are arithmetic.

    Parameters
    ----------
    clients : int
        How many: 1 to 8.
    pings : int
        How many each: 1 to 80.
    loss : bool
        Whether pings and answers may be lost.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.explore(dl.specs.Pings(3, 2, loss=True)).distinct == (3 * 2 + 1) ** 3
    True
    """

    clients: int = 2
    pings: int = 2
    loss: bool = False
    _name = "pings"


@dataclass(frozen=True)
class Paxos(BuiltIn):
    """Single-decree Paxos as a register of three servers: every client writes once and reads once.

    That the register is linearizable is one of its properties.

    Parameters
    ----------
    clients : int
        How many write and read: 1 to 3.
    flaw : {None, "ignores_votes", "breaks_promises"}
        A server proposes its own client's value whatever others have voted for; or it votes in any ballot.
    """

    clients: int = 2
    flaw: str | None = None
    _name = "paxos"
    _words: ClassVar = {"flaw": ("ignores_votes", "breaks_promises")}


@dataclass(frozen=True)
class PrimaryBackup(BuiltIn):
    """A primary and its backup that lose sight of each other (notes 2.2.1).

    Parameters
    ----------
    arbiter : {"test_and_set", "read_then_set", "nobody"}
        Who says which of the two goes on: a flag that is tested and set in one step, one that is read first and set
        then, or nobody.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.explore(dl.specs.PrimaryBackup()).ok, dl.explore(dl.specs.PrimaryBackup("nobody")).ok
    (True, False)
    """

    arbiter: str = "test_and_set"
    _name = "primary_backup"
    _words: ClassVar = {"arbiter": ("test_and_set", "read_then_set", "nobody")}
