"""The verbs by which a cluster is moved by hand: what happens next, and what never does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Self, cast

from . import units
from .errors import ParameterError
from .units import Duration

if TYPE_CHECKING:
    from ._core import World

__all__ = ["ByHand"]

KINDS = ("message", "service", "timer", "sync", "start", "call", "fault", "load")
"""What can wait."""


class ByHand:
    """What waits in a cluster, and verbs to let it happen in any order."""

    _world: World

    def _known(self, name: str) -> str:
        raise TypeError("a place where nodes are")  # pragma: no cover

    def _explained(self) -> AbstractContextManager[None]:
        raise TypeError("a place where things happen")  # pragma: no cover

    @property
    def manual(self) -> bool:
        """Whether the cluster moves only by hand."""
        return self._world.manual

    @manual.setter
    def manual(self, manual: bool) -> None:
        self._world.manual = manual

    def pending(self, **filters: Any) -> list[dict[str, Any]]:
        """Everything that waits, in the order in which it will happen by itself.

        Parameters
        ----------
        **filters
            Only what has these values: ``kind="message", src="n0", dst="n1", label="append_entries"``; a
            collection means any of its members.

        Returns
        -------
        list of dict
            ``id, kind`` (message, timer, sync, call, ...), ``label, src, dst, at`` (seconds), ``message``, ``armed``
            (another number whenever a timer is set anew, though it keeps its id).
        """
        if unknown := set(filters) - {"id", "kind", "label", "src", "dst"}:
            raise ParameterError("filter", sorted(unknown), "some of id, kind, label, src, dst")
        for kind in _members(filters.get("kind")):
            units.choice(kind, "kind", KINDS)
        for end in ("src", "dst"):
            for name in _members(filters.get(end)):
                self._known(name)
        rows = [
            {
                **{name: row[name] for name in ("id", "kind", "label", "src", "dst")},
                "at": units.seconds(row["at_ns"]),
                "message": row["payload"],
                "armed": row["armed"],
            }
            for row in cast("list[dict[str, Any]]", self._world.pending())
        ]
        return [row for row in rows if all(row[name] in _members(value) for name, value in filters.items())]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages under way."""
        return self.pending(kind="message")

    def deliver(self, id: int | None = None, **filters: Any) -> int:
        """Let something that waits happen now: one thing by id, or all messages that match. How many.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, manual=True)
        >>> raft.campaign("n0").deliver(dst="n1")
        1
        """
        return self._each(id, filters, self._world.deliver)

    def drop(self, id: int | None = None, **filters: Any) -> int:
        """Let something that waits never happen: one thing by id, or all messages that match. How many."""
        return self._each(id, filters, self._world.discard)

    def duplicate(self, id: int | None = None, **filters: Any) -> int:
        """Let a message arrive a second time: one by id (returns the copy's id), or all that match (how many)."""
        if id is not None:
            return self._world.duplicate(units.count(id, "id", least=0))
        return self._each(id, filters, self._world.duplicate)

    def _each(self, id: int | None, filters: Mapping[str, Any], act: Callable[[int], object]) -> int:
        if id is not None and filters:
            raise ParameterError("id", id, "an id or filters, not both")
        chosen = (
            [units.count(id, "id", least=0)]
            if id is not None
            else [it["id"] for it in self.pending(**{"kind": "message", **filters})]
        )
        with self._explained():
            for one in chosen:
                act(one)
        return len(chosen)

    def fire(self, node: str, timer: Any) -> Self:
        """A timer goes off now, whether it was armed or not."""
        with self._explained():
            self._world.fire(node, timer)
        return self

    def arm(self, node: str, timer: Any, after: Duration | tuple[Duration, Duration]) -> Self:
        """Set a timer as its node would, in place of one of its name: after a time, or at random within a range.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a", "b", "c"], seed=1).arm("b", {"raft": "election"}, "1ms")
        >>> raft.run_for("0.1s").leader
        'b'
        """
        with self._explained():
            self._world.arm(node, timer, after)
        return self

    def disarm(self, node: str, timer: Any) -> Self:
        """A timer will not go off, if it was armed."""
        with self._explained():
            self._world.disarm(node, timer)
        return self

    def complete_write(self, node: str) -> Self:
        """The sync of a node's disk that is under way completes now."""
        with self._explained():
            self._world.complete_write(node)
        return self

    def settle(self, most: int = 100_000) -> int:
        """Let everything that waits happen except timers, faults and loads; the number of events."""
        with self._explained():
            return self._world.settle(most)

    def edit(self, node: str, *, state: Any = None, disk: Any = None) -> Self:
        """Replace a node's state or disk, in the form of :meth:`state`; None leaves it as it is."""
        with self._explained():
            self._world.edit(node, state, disk)
        return self


def _members(value: Any) -> tuple[Any, ...]:
    """A collection's members, or the value alone."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)
