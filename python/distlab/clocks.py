"""Logical and bounded clocks as values: what stamps say about the order of two events.

A stamp is the clock of the process whose last event has it: :meth:`tick` gives the stamp of its next event,
:meth:`receive` that of receiving a message. None of them changes: each call gives a new one.

- :class:`Lamport`: a counter and a process; what causes an event has a smaller stamp than it;
- :class:`Vector`: a counter for each process; causes are exactly what has a smaller stamp;
- :class:`Hybrid`: like Lamport's, but close to physical time;
- :class:`Interval`: a time known to lie between two bounds, as TrueTime gives it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self, TypeAlias, cast

from ._core import hybrid_next, lamport_next, lamport_relations, vector_merge, vector_next, vector_relation
from .errors import ClockError, ParameterError, ParameterTypeError

__all__ = ["Hybrid", "Interval", "Lamport", "Relation", "Vector", "possible_relations"]

Relation: TypeAlias = Literal["before", "after", "equal", "concurrent"]
"""How the first of two events stands to the second."""


class _Stamp(NamedTuple):
    counter: int
    process: str | int


class Lamport(_Stamp):
    """A Lamport stamp: a pair of a counter and a process.

    Stamps are totally ordered, by counter and then by process. They are tuples, so ``(3, "P")`` compares with one.

    Parameters
    ----------
    counter : int, default 0
        The time; a clock that has seen nothing shows 0.
    process : str or int
        Whose it is.

    Raises
    ------
    ParameterError, ParameterTypeError
        For a counter that is negative, above 2**64 - 1, or no whole number.

    Notes
    -----
    Lamport 1978; notes, Definition 3.5.

    Examples
    --------
    >>> import distlab as dl
    >>> sent = dl.clocks.Lamport(0, "P").tick()
    >>> dl.clocks.Lamport(4, "Q").receive(sent)
    Lamport(counter=5, process='Q')

    By the rule that the notes print, a receive can have the stamp of the receiver's event before it:

    >>> dl.clocks.Lamport(4, "Q").receive(sent, rule="notes")
    Lamport(counter=4, process='Q')
    """

    __slots__ = ()

    def __new__(cls, counter: int = 0, process: str | int = 0) -> Self:
        return super().__new__(cls, _count(counter, "counter"), process)

    def tick(self) -> Lamport:
        """The stamp of the next event of the process; a send is one, and its message carries that stamp.

        Raises
        ------
        ClockError
            At the end of the counter.
        """
        return Lamport(lamport_next(self.counter, None, False), self.process)

    def receive(self, message: tuple[int, str | int], rule: Literal["standard", "notes"] = "standard") -> Lamport:
        """The stamp of receiving a message.

        Parameters
        ----------
        message : Lamport
            The stamp of its send.
        rule : {"standard", "notes"}
            One more than both stamps; or the larger of them, as the notes print it: then "a happens before b" does
            not imply a smaller stamp.
        """
        if rule not in ("standard", "notes"):
            raise ParameterError("rule", rule, "'standard' or 'notes'")
        counter, _ = _stamp(message, "message")
        return Lamport(lamport_next(self.counter, counter, rule == "notes"), self.process)


def possible_relations(a: tuple[int, str | int], b: tuple[int, str | int]) -> set[Relation]:
    """The relations that two events may have, as far as their Lamport stamps tell.

    Parameters
    ----------
    a, b : Lamport or tuple of (int, process)
        The stamps, by the standard rule.

    Returns
    -------
    set of {"before", "after", "equal", "concurrent"}
        How ``a`` may stand to ``b``. Events of one process are ordered; between processes the larger stamp cannot
        have happened before the smaller one, and that is all.

    Notes
    -----
    Notes, Theorem 3.2 and Exercise 3.1. Equal counters of two processes mean concurrent events: the process only
    breaks the tie where a total order is wanted.

    Examples
    --------
    >>> import distlab as dl
    >>> sorted(dl.clocks.possible_relations((1, "P"), (0, "Q")))
    ['after', 'concurrent']
    >>> dl.clocks.possible_relations((0, "P"), (0, "Q"))
    {'concurrent'}
    """
    (first, p), (second, q) = _stamp(a, "a"), _stamp(b, "b")
    return cast(set[Relation], set(lamport_relations(first, second, p == q)))


class Vector:
    """A vector clock: a counter for each process.

    ``a < b`` holds exactly if the event stamped ``a`` happened before that stamped ``b``: at most as large in every
    entry, and smaller in one. Stamps of concurrent events are neither smaller nor larger nor equal.

    Parameters
    ----------
    entries : sequence of int, or mapping of str to int
        Dense, an entry for each of the processes ``0 .. n-1``; or sparse by name, where what is missing counts as 0.

    Raises
    ------
    ParameterError, ParameterTypeError
        For entries that are negative, above 2**64 - 1, or no whole numbers.

    Notes
    -----
    Fidge 1988, Mattern 1989; notes, Definition 3.6 and Theorem 3.5 (whose "smaller in every entry" would call
    ``[1, 0]`` and ``[2, 0]`` incomparable). The notes do not count a send as an event: there, put ``clock`` itself
    into the message instead of ``clock.tick(process)``. O(processes) for each call.

    Examples
    --------
    Example 3.3 of the notes, where a send is no event of its own:

    >>> import distlab as dl
    >>> p1 = dl.clocks.Vector([0, 0, 0])
    >>> for _ in range(3):
    ...     p1 = p1.tick(0)
    >>> p2 = dl.clocks.Vector([0, 0, 0]).receive(p1, 1)
    >>> p2
    Vector([3, 1, 0])
    >>> p1 < p2, p2.tick(1).relation(dl.clocks.Vector([4, 0, 0]))
    (True, 'concurrent')

    By name, processes need not be known beforehand:

    >>> dl.clocks.Vector({"alice": 1}).receive(dl.clocks.Vector({"bob": 2}), "alice")
    Vector({'alice': 2, 'bob': 2})
    """

    __slots__ = ("_entries",)
    _entries: tuple[int, ...] | dict[str, int]

    def __init__(self, entries: Sequence[int] | Mapping[str, int]) -> None:
        if isinstance(entries, Mapping):
            named = {_process_name(name): _count(count, f"entries[{name!r}]") for name, count in entries.items()}
            self._entries = {name: named[name] for name in sorted(named) if named[name]}
        elif isinstance(entries, str | bytes) or not isinstance(entries, Sequence):
            raise ParameterTypeError("entries", entries, "a sequence of counters, or a mapping of names to counters")
        else:
            self._entries = tuple(_count(count, f"entries[{at}]") for at, count in enumerate(entries))

    @classmethod
    def zero(cls, processes: int) -> Vector:
        """The dense clock of ``processes`` processes that have seen nothing."""
        return cls([0] * _count(processes, "processes"))

    def tick(self, process: int | str) -> Vector:
        """The stamp of the next event of ``process``.

        Raises
        ------
        ClockError
            If there is no such entry in a dense vector, or at the end of a counter.
        """
        return _vector(vector_next(self._entries, _process(process), None))

    def receive(self, message: Vector, process: int | str) -> Vector:
        """The stamp of receiving ``message`` at ``process``: the larger of each two entries, and the receive itself.

        Raises
        ------
        ClockError
            If the vectors are of different processes.
        """
        return _vector(vector_next(self._entries, _process(process), _entries(message)))

    def merge(self, other: Vector) -> Vector:
        """The larger of each two entries: all that either knows of. Also written ``a | b``."""
        return _vector(vector_merge(self._entries, _entries(other)))

    def relation(self, other: Vector) -> Relation:
        """How the event stamped so stands to the one stamped ``other``.

        Raises
        ------
        ClockError
            If the vectors are of different processes.
        """
        return cast(Relation, vector_relation(self._entries, _entries(other)))

    def concurrent(self, other: Vector) -> bool:
        """Whether neither event can have caused the other."""
        return self.relation(other) == "concurrent"

    @property
    def entries(self) -> tuple[int, ...] | dict[str, int]:
        """The counters: a tuple if dense, a dict of those above 0 if sparse."""
        return self._entries if isinstance(self._entries, tuple) else dict(self._entries)

    def __getitem__(self, process: int | str) -> int:
        if isinstance(self._entries, dict):
            return self._entries.get(_process_name(process), 0)
        if not isinstance(process, int) or not 0 <= process < len(self._entries):
            raise ParameterError("process", process, f"a number from 0 to {len(self._entries) - 1}")
        return self._entries[process]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[int | str]:
        return iter(self._entries)

    def __lt__(self, other: Vector) -> bool:
        return self.relation(other) == "before" if isinstance(other, Vector) else NotImplemented

    def __le__(self, other: Vector) -> bool:
        return self.relation(other) in ("before", "equal") if isinstance(other, Vector) else NotImplemented

    def __gt__(self, other: Vector) -> bool:
        return self.relation(other) == "after" if isinstance(other, Vector) else NotImplemented

    def __ge__(self, other: Vector) -> bool:
        return self.relation(other) in ("after", "equal") if isinstance(other, Vector) else NotImplemented

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self._entries == other._entries

    def __hash__(self) -> int:
        return hash(self._entries if isinstance(self._entries, tuple) else tuple(self._entries.items()))

    def __or__(self, other: Vector) -> Vector:
        return self.merge(other) if isinstance(other, Vector) else NotImplemented

    def __reduce__(self) -> tuple[Any, ...]:
        return Vector, (self.entries,)

    def __repr__(self) -> str:
        shown = list(self._entries) if isinstance(self._entries, tuple) else self._entries
        return f"Vector({shown})"


class _HybridStamp(NamedTuple):
    physical_ns: int
    counter: int


class Hybrid(_HybridStamp):
    """A hybrid logical stamp: the largest physical time heard of, and a counter for what shares it.

    Totally ordered; what causes an event has a smaller stamp, and the physical part is never behind the own clock
    nor ahead of the fastest clock.

    Parameters
    ----------
    physical_ns : int, default 0
        Nanoseconds.
    counter : int, default 0

    Notes
    -----
    Kulkarni, Demirbas, Madappa, Avva and Leone 2014, Figure 5.

    Examples
    --------
    >>> import distlab as dl
    >>> sent = dl.clocks.Hybrid().tick(now_ns=10)
    >>> dl.clocks.Hybrid().receive(sent, now_ns=7)
    Hybrid(physical_ns=10, counter=1)
    >>> dl.clocks.Hybrid().receive(sent, now_ns=7, bound_ns=2)
    Traceback (most recent call last):
    ...
    distlab.ClockError: the message is 3 ns ahead of the local clock, more than the bound of 2 ns
    """

    __slots__ = ()

    def __new__(cls, physical_ns: int = 0, counter: int = 0) -> Self:
        return super().__new__(cls, _count(physical_ns, "physical_ns"), _count(counter, "counter"))

    def tick(self, now_ns: int) -> Hybrid:
        """The stamp of the next event, a send included, at a process whose physical clock shows ``now_ns``."""
        return Hybrid(*hybrid_next(self[:], _count(now_ns, "now_ns"), None, None))

    def receive(self, message: Hybrid, now_ns: int, bound_ns: int | None = None) -> Hybrid:
        """The stamp of receiving a message.

        Parameters
        ----------
        message : Hybrid
            The stamp of its send.
        now_ns : int
            What the receiver's physical clock shows.
        bound_ns : int, optional
            How far a message may be ahead of that.

        Raises
        ------
        ClockError
            If it is further ahead: a broken clock must not drag the others along.
        """
        if not isinstance(message, Hybrid):
            raise ParameterTypeError("message", message, "a Hybrid stamp")
        bound = None if bound_ns is None else _count(bound_ns, "bound_ns")
        return Hybrid(*hybrid_next(self[:], _count(now_ns, "now_ns"), message[:], bound))


@dataclass(frozen=True)
class Interval:
    """A time known to lie from ``earliest`` to ``latest``, both included; in any one unit.

    Two intervals are ordered only where they do not touch: ``a < b`` means that ``a`` was before ``b`` for certain.

    Parameters
    ----------
    earliest, latest : float or int

    Raises
    ------
    ClockError
        If it ends before it begins.

    Notes
    -----
    TrueTime: Corbett et al. 2012, section 3; notes 2.13.

    Examples
    --------
    >>> import distlab as dl
    >>> now = dl.clocks.Interval.around(100, epsilon=4)
    >>> now
    Interval(earliest=96, latest=104)
    >>> now.after(95), now.after(96), now.before(105), now.commit_wait
    (True, False, True, 8)
    >>> now < dl.clocks.Interval(105, 110), now.relation(dl.clocks.Interval(104, 110))
    (True, 'concurrent')
    """

    earliest: float
    latest: float

    def __post_init__(self) -> None:
        for name in ("earliest", "latest"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
                raise ParameterTypeError(name, value, "a number")
        if self.earliest > self.latest:
            raise ClockError(f"an interval from {self.earliest} to {self.latest}: it ends before it begins")

    @classmethod
    def around(cls, reading: float, epsilon: float) -> Interval:
        """What a clock that shows ``reading`` and is off by at most ``epsilon`` knows."""
        return cls(reading - epsilon, reading + epsilon)

    @property
    def epsilon(self) -> float:
        """Half the width: how far the middle can be off."""
        return (self.latest - self.earliest) / 2

    @property
    def commit_wait(self) -> float:
        """How long a commit stamped ``latest`` waits until everybody's clock is past it: the width, 2 epsilon."""
        return self.latest - self.earliest

    def after(self, time: float) -> bool:
        """Whether ``time`` has passed for certain."""
        return self.earliest > time

    def before(self, time: float) -> bool:
        """Whether ``time`` has certainly not come yet."""
        return self.latest < time

    def __contains__(self, time: float) -> bool:
        return self.earliest <= time <= self.latest

    def relation(self, other: Interval) -> Relation:
        """How the time in this interval stands to that in ``other``, as far as they tell."""
        if self.latest < other.earliest:
            return "before"
        if other.latest < self.earliest:
            return "after"
        return "equal" if self == other and self.earliest == self.latest else "concurrent"

    def intersection(self, other: Interval) -> Interval | None:
        """What both know; None if they exclude each other: then one of them is wrong."""
        earliest, latest = max(self.earliest, other.earliest), min(self.latest, other.latest)
        return Interval(earliest, latest) if earliest <= latest else None

    def __lt__(self, other: Interval) -> bool:
        return self.relation(other) == "before" if isinstance(other, Interval) else NotImplemented

    def __gt__(self, other: Interval) -> bool:
        return self.relation(other) == "after" if isinstance(other, Interval) else NotImplemented


def _count(value: Any, parameter: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ParameterTypeError(parameter, value, "a whole number")
    if not 0 <= value < 2**64:
        raise ParameterError(parameter, value, "a whole number from 0 to 2**64 - 1")
    return value


def _stamp(value: Any, parameter: str) -> tuple[int, str | int]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise ParameterTypeError(parameter, value, "a stamp: a pair of a counter and a process")
    return _count(value[0], f"{parameter}[0]"), value[1]


def _process(value: Any) -> int | str:
    return _process_name(value) if isinstance(value, str) else _count(value, "process")


def _process_name(value: Any) -> str:
    if not isinstance(value, str):
        raise ParameterTypeError("process", value, "the name of a process")
    return value


def _entries(value: Any) -> tuple[int, ...] | dict[str, int]:
    if not isinstance(value, Vector):
        raise ParameterTypeError("vector", value, "a Vector")
    return value._entries


def _vector(entries: Sequence[int] | Mapping[str, int]) -> Vector:
    return Vector(entries)
