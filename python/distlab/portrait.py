"""What pictures say about a node: its role, its facts, its log; and what one may do to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from .errors import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from .cluster import Cluster

__all__ = ["LogPortrait", "Portrait", "Verb", "plain_portrait"]

Tone = Literal["", "calm", "running", "leading"]


@dataclass(frozen=True)
class LogPortrait:
    """A log as a row of boxes.

    Parameters
    ----------
    entries : sequence of (int, object)
        Of each entry its group, which gives the colour (a term), and what it holds.
    first : int
        The index of the first entry: those before it are in a snapshot.
    committed, applied : int
        Up to which index entries are committed, and applied.
    unit : str
        What a group is called, such as ``"term"``.
    words : callable
        Says in a few words what an entry holds.
    kept : int
        How many entries before ``entries`` are not given because they are known.

    Examples
    --------
    >>> from distlab.portrait import LogPortrait
    >>> LogPortrait([(1, "x = 5"), (2, "x = 6")], committed=1).last
    2
    """

    entries: Sequence[tuple[int, Any]] = ()
    first: int = 1
    committed: int = 0
    applied: int = 0
    unit: str = "group"
    words: Callable[[Any], str] = str
    kept: int = 0

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.first + self.kept + len(self.entries) - 1


@dataclass(frozen=True)
class Portrait:
    """What pictures say about a node; made by :meth:`distlab.Cluster.portrait`.

    A node written in Python says it itself if it has a method ``portrait()`` that returns one.

    Parameters
    ----------
    role : str
        What it is at present, in a word or two.
    tone : {"", "calm", "running", "leading"}
        How that looks; by default each role gets a colour of its own.
    badge : str
        What stands in the middle of the node: five characters or fewer.
    below : str
        What stands below that, smaller: eight characters or fewer.
    facts : mapping of str to object
        What else there is to know, in a few words each.
    timer : str, optional
        Which of its timers is drawn around it; by default the one that is due first.
    votes : mapping of str to bool or None
        What each node has answered to it.
    log : LogPortrait, optional
        What it keeps in order.
    reached : mapping of str to int
        Up to which index it knows each node's log to be as its own.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=7)
    >>> _ = raft.run_until(raft.has_leader)
    >>> face = raft.portrait(raft.leader)
    >>> face.role, face.badge, face.log.entries
    ('leader', 'T1', [(1, 'noop')])
    """

    role: str = ""
    tone: Tone = ""
    badge: str = ""
    below: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    timer: str | None = None
    votes: Mapping[str, bool | None] = field(default_factory=dict)
    log: LogPortrait | None = None
    reached: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verb:
    """Something that may be done to a node: a word for a button, and when there is a button.

    Parameters
    ----------
    when : {"up", "down", "paused", "cut", "manual"}
        While the node runs and is not paused, is down, is paused, while some link is cut, or while the node runs and
        the cluster is in manual mode.
    act : callable
        Does it, given the cluster and the name of the node.

    Examples
    --------
    >>> from distlab.portrait import Verb
    >>> wipe = Verb("up", lambda cluster, node: cluster.wipe(node))
    >>> wipe.when
    'up'
    """

    when: Literal["up", "down", "paused", "cut", "manual"]
    act: Callable[[Any, str], object]


FAULT_VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "crash": Verb("up", lambda cluster, node: cluster.crash(node)),
        "restart": Verb("down", lambda cluster, node: cluster.recover(node)),
        "pause": Verb("up", lambda cluster, node: cluster.pause(node)),
        "resume": Verb("paused", lambda cluster, node: cluster.resume(node)),
        "cut off": Verb("up", lambda cluster, node: cluster.isolate(node)),
        "heal the network": Verb("cut", lambda cluster, node: cluster.heal()),
    }
)
"""What may be done to any node of any cluster."""


def plain_portrait(cluster: Cluster, node: str) -> Portrait:
    """What a node written in Python says of itself by a method ``portrait``, or the facts of its status alone."""
    facts = dict(cluster.status(node))
    if not facts and (own := _own_portrait(cluster, node)) is not None:
        return own
    if not facts:
        state, _ = cluster._world.state(node, {"state": True})
        facts = dict(state) if isinstance(state, Mapping) else {} if state is None else {"state": state}
    words = [key for key in ("role", "phase", "state") if isinstance(facts.get(key), str)]
    role = facts.pop(words[0]) if words else ""
    numbers = [str(it) for it in facts.values() if isinstance(it, int) and not isinstance(it, bool)]
    badge = numbers[0] if numbers and not role and len(numbers[0]) <= 5 else ""
    return Portrait(role=role, badge=badge, facts=facts)


def _own_portrait(cluster: Cluster, node: str) -> Portrait | None:
    """What an object with a method ``portrait`` says of itself; None if the node is no such object, or down."""
    try:
        own = getattr(cluster.node(node), "portrait", None)
    except ParameterError:  # a built-in node
        return None
    if not callable(own):
        return None
    found = own()
    if not isinstance(found, Portrait):
        raise ParameterTypeError(f"{node}.portrait()", found, "a distlab.Portrait")
    return found
