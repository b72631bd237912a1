"""A run that is moved by hand, as frames: what somebody does is what happens, one event after the other.

There is no time to go by. Position p is reached half a beat before p beats are over, and what it left under way has
come to rest when they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import units
from ..errors import InvariantViolation, ParameterError, ParameterTypeError
from ._recording import Message, Recording, Tables

if TYPE_CHECKING:
    from ..cluster import Cluster

BEAT = units.SECOND
"""What stands for the time of an event, in nanoseconds."""

Action = Callable[[Any], object]
Script = Action | Sequence[Action | tuple[str, Action]]

KINDS = ("step", "edit")
"""The kinds of rows that only such a recording has: a part of the script begins; a node is given another state."""


class ManualRecording(Recording):
    """A recording of a cluster in manual mode; every event that somebody lets happen to it is a position.

    Parameters
    ----------
    cluster : Cluster
        A fork that nobody else uses.
    tables : Tables
        Where words go.
    start : int
        At which position of the whole course it begins.
    most : int
        How many positions it may have.
    """

    def __init__(self, cluster: Cluster, tables: Tables, start: int, most: int) -> None:
        self._most = most
        self._caption = ""
        self._edits: list[int] = []
        super().__init__(cluster, tables, {}, start * BEAT)
        self._codes = dict(zip(KINDS, range(len(self._world.trace()["kinds"]), 256), strict=False))

    @property
    def now_ns(self) -> int:
        return self.start_ns + max(self.position * BEAT - BEAT // 2, 0)

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.position * BEAT

    def perform(self, script: Script) -> None:
        """Do what a script says, until an invariant is broken."""
        for words, act in steps_of(script):
            if self.stopped:
                return
            self._perform(words, act)

    def _perform(self, words: str, act: Action) -> None:
        before, self._caption = self.position, words
        try:
            with self.cluster._explained():
                act(self.cluster)
        except InvariantViolation as violation:
            self.stopped = str(violation).splitlines()[0]
            self._look()
        finally:
            if self.position == before:
                self._look(force=True)
            self._caption = ""
        if words:
            self.captions.append((words, self.position))

    def _done(self, what: str, arguments: Sequence[Any]) -> None:
        super()._done(what, arguments)
        if what == "edit":
            self._edits.append(self._number(next(iter(self._edited))))
        self._look(force=what == "edit")

    def seen(self, columns: Any, unseen: bool) -> None:
        if self.position > self._most:
            raise ParameterError("events", self._most, "as many as the script lets happen")
        if self._caption:
            self._rows.append((self.position, self._codes["step"], -1, self.tables.labels.number(self._caption), 0))
            self._caption = ""
        label = self.tables.labels.number("")
        self._rows += [(self.position, self._codes["edit"], node, label, 0) for node in self._edits]
        self._edits.clear()
        super().seen(columns, unseen)

    def _read_timers(self, waiting: Sequence[Any]) -> None:
        super()._read_timers(waiting)
        mine = [row for row in waiting if row["kind"] == "message" and row["id"] not in self._flying]
        for row in mine:  # what a node says to itself leaves no row when it is sent
            self._send(row["id"], self.now_ns, self._number(row["src"]), self._number(row["dst"]), row["label"])
        if mine:
            self._read_messages(self._world.pending(True))

    def keep(self) -> None:
        """A fork of every position is kept: nobody could run one on to the next."""
        self.checkpoints.append((self.position, self.cluster.fork()))

    def moment(self, position: int, time_ns: int) -> tuple[Cluster, dict[int, int]]:
        return self.checkpoints[position][1].fork(), {}

    def waits(self, row: Any) -> bool:
        """All that waits at a node may be let happen, not only its timers."""
        return row["kind"] not in ("message", "fault", "load")

    def _message_row(self, it: Message) -> list[int]:
        return [0, it.begin, it.fate + 1, it.state, it.source, it.target, it.label, it.text, 0]


def steps_of(script: Script) -> list[tuple[str, Action]]:
    """The parts of a script, each with its words."""
    if callable(script):
        return [("", script)]
    allowed = "a callable, or a sequence of callables and (words, callable)"
    if isinstance(script, str) or not isinstance(script, Sequence):
        raise ParameterTypeError("script", script, allowed)
    found: list[tuple[str, Action]] = []
    for place, it in enumerate(script):
        words, act = it if isinstance(it, tuple) and len(it) == 2 else ("", it)
        if not isinstance(words, str) or not callable(act):
            raise ParameterTypeError(f"script[{place}]", it, "a callable, or (words, callable)")
        found.append((words, act))
    return found
