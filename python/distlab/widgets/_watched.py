"""A world that tells when something is done to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core import World

MOVES = frozenset(
    {
        *("add_load", "apply", "begin_replay", "begin_snapshot", "call", "complete_write", "deliver", "discard"),
        *("duplicate", "edit", "fire", "inject", "post", "replay", "run_op", "run_until", "run_while", "schedule"),
        *("spawn", "start_nodes", "step"),
    }
)
"""What may be done to a world so that something happens to it."""

QUIET = ("timer", "fault", "load")
"""What may wait and yet nothing be under way: :meth:`distlab.Cluster.settle` leaves it alone."""


class Watched:
    """A world in front of another one, for which it stands; who looks at it sees no difference.

    Parameters
    ----------
    world : World
        For which it stands.
    done : callable
        What is told, with a name of :data:`MOVES` and its arguments, whenever something was done.
    """

    def __init__(self, world: World, done: Callable[[str, Sequence[Any]], None]) -> None:
        self.__dict__.update(_world=world, _done=done)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._world, name)
        if name not in MOVES:
            return found

        def move(*arguments: Any) -> Any:
            try:
                return found(*arguments)
            finally:
                self._done(name, arguments)

        return move

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._world, name, value)

    def settle(self, most: int = 100_000) -> int:
        """As the world's own, one event after the other."""
        for events in range(most):
            rest = [row["id"] for row in self._world.pending(False) if row["kind"] not in QUIET]
            if not rest:
                return events
            self.deliver(rest[0])
        rest_of_it: int = self._world.settle(0)  # which refuses if there is any
        return most + rest_of_it
