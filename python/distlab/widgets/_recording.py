"""A run as frames: what changed at each event, so that any moment of it can be had again.

A *position* counts events after which there was something to see; position 0 is where the recording begins.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import InvariantViolation
from ..plot._columns import NOBODY
from ..portrait import LogPortrait, Portrait
from . import _encode
from ._watched import Watched

if TYPE_CHECKING:
    from ..cluster import Cluster

CHECKPOINT = 256
"""After so many events a fork is kept, from which moments are reached again."""

FOREVER = 2**62
"""A time that never comes, in nanoseconds."""

TEXT_LIMIT = 300
"""How many characters of a message are kept; what is cut off is counted at its end."""

DELIVERED, LOST, PENDING = 0, 1, 2

STORAGE = ("write", "start", "crash", "pause", "resume", "fault")
"""The kinds of rows after which what a node has written, or whether it runs, may be different."""


@dataclass(slots=True)
class Message:
    """A message: when it was sent, at which positions it left and ended, and what it says."""

    id: int
    sent_ns: int
    begin: int
    source: int
    target: int
    label: int
    fate: int = -1  # the position at which it ended
    state: int = PENDING
    text: int = 0
    due_ns: int = 0  # when it was to arrive, if that was ever known


class Words(dict[str, int]):
    """A table of words: each is written down once, and has a number."""

    def number(self, word: str) -> int:
        """The number of a word, a new one if it is new."""
        return self.setdefault(word, len(self))


@dataclass(frozen=True)
class Tables:
    """The words of all recordings of a player."""

    labels: Words = field(default_factory=Words)
    texts: Words = field(default_factory=lambda: Words({"": 0}))
    states: Words = field(default_factory=Words)
    entries: Words = field(default_factory=Words)
    cuts: Words = field(default_factory=Words)

    def encode(self) -> dict[str, Any]:
        """All tables, for the browser."""
        return {name: _encode.words(list(getattr(self, name))) for name in self.__dataclass_fields__}


class Runner:
    """Runs a cluster event by event, and looks after each."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.position = 0
        self.stopped = ""  # why it cannot go on, if it cannot
        self._world = cluster._world
        self._world.set_trace("full")
        self._world.clear_trace()
        self._handled, self._planned = self._world.events, len(cluster._agenda)

    def run(self, until_ns: int | None, most: int) -> bool:
        """Run up to a time (None: for ever) or up to position ``most``; whether it came to that."""
        end_ns = FOREVER if until_ns is None else until_ns
        try:
            return self.cluster._through_agenda(end_ns, lambda it: self._steps(it, most))
        except InvariantViolation as violation:
            self.stopped = str(violation).splitlines()[0]
            self._look()
            return False

    def _steps(self, until_ns: int, most: int) -> bool:
        self._look()  # what planned code has done since
        while self.position < most:
            if not (self._step(until_ns) | self._look()):
                return False
        return True

    def _step(self, until_ns: int) -> bool:
        """Let one thing happen, if it happens by then; whether there may be more."""
        world = self._world
        if until_ns == FOREVER:
            return world.step()
        if world.now == until_ns:  # there may be more at this very time
            return any(row["at_ns"] <= until_ns for row in world.pending(False)) and world.step()
        turns = iter((True, False))
        world.run_while(lambda: next(turns, False), until_ns)
        return True

    def _look(self, force: bool = False) -> bool:
        """Whether something has happened since the last look; ``force``: yes."""
        columns, handled, planned = self._world.trace(), self._world.events, len(self.cluster._agenda)
        # Planned code may do anything; and who handles what has waited for its processor may leave no row.
        unseen = force or planned != self._planned or not len(columns["kind"])
        if unseen and not force and (handled, planned) == (self._handled, self._planned):
            return False
        self._handled, self._planned = handled, planned
        self._world.clear_trace()
        self.position += 1
        self.seen(columns, unseen)
        return True

    def seen(self, columns: Any, unseen: bool) -> None:
        """Something has happened, perhaps more than rows tell: what a recording is made of."""


class Recording(Runner):
    """A run of a cluster as columns; the cluster runs with it.

    Parameters
    ----------
    cluster : Cluster
        A fork that nobody else uses.
    tables : Tables
        Where words go.
    sent_ns : mapping of int to int
        When messages that are under way were sent, by id, as far as it is known.
    start_ns : int, optional
        When it begins; at the cluster's own time otherwise.
    """

    def __init__(
        self, cluster: Cluster, tables: Tables, sent_ns: Mapping[int, int], start_ns: int | None = None
    ) -> None:
        super().__init__(cluster)
        self.tables = tables
        self.start_ns = self._world.now if start_ns is None else start_ns
        self.times_ns: list[int] = []
        self.captions: list[tuple[str, int]] = []  # parts of a script, and the last position of each
        self.checkpoints: list[tuple[int, Cluster]] = []
        self._rows: list[tuple[int, int, int, int, int]] = []  # position, kind, node, label, number
        self._messages: list[Message] = []
        self._states: list[tuple[int, int, int]] = []  # position, node, state
        self._timers: list[tuple[int, int, int, int]] = []  # position, node, label, how long from now + 1; 0: not armed
        self._logs: list[tuple[int, int, int, int, int]] = []  # position, node, first, kept up to, how many new
        self._entries: list[int] = []
        self._cuts: list[tuple[int, int]] = []
        self._flying: dict[int, Message] = {}
        self._armed: dict[tuple[int, int], int] = {}
        self._known_logs: dict[int, LogPortrait] = {}
        self._sketches: dict[int, Any] = {}
        self._numbers: dict[str, int] = {}
        self._edited: set[str] = set()
        cluster._world = cast("Any", Watched(self._world, self._done))
        self._read_all(sent_ns)

    def _done(self, what: str, arguments: Sequence[Any]) -> None:
        """Somebody has done something to the world from outside, such as planned code."""
        if what == "edit":
            node = arguments[0]
            self._edited.add(node if isinstance(node, str) else self._world.names[node])

    @property
    def now_ns(self) -> int:
        """When the latest position was reached."""
        return self._world.now

    @property
    def end_ns(self) -> int:
        """Up to when it is recorded."""
        return self._world.now

    def begin(self, done: bool) -> None:
        """Whether something was done to the cluster before it runs: it is part of all moments of the recording."""
        if done:
            self._look(force=True)
        self.checkpoints.append((self.position, self.cluster.fork()))

    def keep(self) -> None:
        """Keep a fork now and then."""
        if self.position % CHECKPOINT == 0:
            self.checkpoints.append((self.position, self.cluster.fork()))

    def time_ns(self, position: int) -> int:
        """When a position was reached."""
        return self.times_ns[position - 1] if position else self.start_ns

    def at(self, time_ns: int) -> int:
        """The last position that was reached by a time."""
        return bisect_right(self.times_ns, time_ns)

    def moment(self, position: int, time_ns: int) -> tuple[Cluster, dict[int, int]]:
        """A fork as things stood at a time after a position, and when what was under way had been sent."""
        at, kept = max((it for it in self.checkpoints if it[0] <= position), key=lambda it: it[0])
        runner = Runner(kept.fork())
        runner.position = at
        runner.run(None, position)
        cluster = runner.cluster
        later = position == self.position or time_ns < self.times_ns[position]
        if later and time_ns > cluster._world.now and not runner.stopped:
            cluster._through_agenda(time_ns, lambda until: bool(cluster._world.run_until(until)) and False)
        runner._world.clear_trace()
        return cluster, self._sent_before(position)

    def _sent_before(self, position: int) -> dict[int, int]:
        over = (it for it in self._messages if it.begin <= position and (it.fate < 0 or it.fate > position))
        return {it.id: it.sent_ns for it in over}

    # -- looking --------------------------------------------------------------------------------------

    def _read_all(self, sent_ns: Mapping[int, int]) -> None:
        waiting = self._world.pending(True)
        for row in waiting:
            if row["src"] is not None and row["kind"] in ("message", "service"):
                sent = min(sent_ns.get(row["id"], self.start_ns), self.start_ns)
                self._send(row["id"], sent, self._number(row["src"]), self._number(row["dst"]), row["label"])
        self._read_messages(waiting)
        self._read_timers(waiting)
        self._read_cuts()
        everybody = range(len(self._world.names))
        self._read_nodes(everybody, everybody)

    def seen(self, columns: Any, unseen: bool) -> None:
        kinds, labels, now = columns["kinds"], columns["labels"], self.now_ns
        self.times_ns.append(now)
        touched, rewritten, new, everything = set(), set(), False, unseen
        rows = zip(*(columns[it].tolist() for it in ("kind", "node", "peer", "label", "id")), strict=True)
        for code, node, peer, label, id in rows:
            kind = kinds[code]
            touched.add(node)
            if kind in STORAGE:
                rewritten.add(node)
            if kind in ("send", "duplicate"):
                new = True
                self._send(id, now, node, peer, labels[label])
            elif kind in ("deliver", "drop"):
                if id not in self._flying and kind == "deliver":
                    self._send(id, now, peer, node, labels[label])  # it was put in front of the node
                self._arrive(id, LOST if kind == "drop" else DELIVERED)
            elif kind != "write":
                everything |= kind == "fault"
                number = id if kind in ("note", "call", "reply") else 0
                self._rows.append((self.position, code, node, self.tables.labels.number(labels[label]), number))
        waiting = self._world.pending(new)
        if new:
            self._read_messages(waiting)
        self._read_timers(waiting)
        names = self._world.names
        if everything:
            self._read_cuts()
            touched = rewritten = set(range(len(names)))
        self._read_nodes(sorted(it for it in touched if 0 <= it < len(names)), rewritten)
        self.keep()

    def _number(self, name: str | None) -> int:
        assert name is not None
        if name not in self._numbers:
            self._numbers = {it: number for number, it in enumerate(self._world.names)}
        return self._numbers[name]

    def _send(self, id: int, sent_ns: int, source: int, target: int, label: str) -> None:
        message = Message(id, sent_ns, self.position, source, target, self.tables.labels.number(label))
        self._flying[id] = message
        self._messages.append(message)

    def _arrive(self, id: int, state: int) -> None:
        message = self._flying.pop(id, None)
        if message is not None:
            message.fate, message.state = self.position, state

    def _read_messages(self, waiting: Sequence[Any]) -> None:
        """What new messages say, and when they are to arrive."""
        for row in waiting:
            message = self._flying.get(row["id"])
            if message is not None and not message.due_ns:
                message.text = self.tables.texts.number(message_words(row["payload"], row["label"]))
                message.due_ns = row["at_ns"]

    def _read_timers(self, waiting: Sequence[Any]) -> None:
        due: dict[tuple[int, int], int] = {}
        for row in waiting:
            if self.waits(row):
                key = (self._number(row["dst"]), self.tables.labels.number(row["label"]))
                due[key] = min(row["at_ns"], due.get(key, row["at_ns"]))
        now = self._world.now
        for key, at in due.items():
            if self._armed.get(key) != at:
                self._timers.append((self.position, *key, max(at - now, 0) + 1))
        self._timers += [(self.position, *key, 0) for key in sorted(self._armed.keys() - due.keys())]
        self._armed = due

    def waits(self, row: Any) -> bool:
        """Whether something that waits is shown at its node."""
        return bool(row["kind"] == "timer")

    def _read_cuts(self) -> None:
        cuts = [[self._number(a), self._number(b)] for a, b in self.cluster.cuts]
        self._cuts.append((self.position, self.tables.cuts.number(json.dumps(cuts, separators=(",", ":")))))

    def _read_nodes(self, nodes: Iterable[int], rewritten: Container[int]) -> None:
        """What some nodes look like; asked again only where what a sketch shows, or what is on disk, has changed.

        Of logs only what is new is read, unless somebody has changed them by hand.
        """
        names = self._world.names
        for node in nodes:
            sketch, known = self.cluster._sketch(names[node]), self._known_logs.get(node)
            if sketch is not None and sketch == self._sketches.get(node) and node not in rewritten:
                continue
            self._sketches[node] = sketch
            if known is None or names[node] in self._edited:
                face = self.cluster.portrait(names[node])
            else:
                face = self.cluster._portrait_since(names[node], known)
            self._states.append((self.position, node, self.tables.states.number(self._state(names[node], face))))
            if face.log is not None:
                self._read_log(node, face.log)
        self._edited.clear()

    def _state(self, name: str, face: Portrait) -> str:
        """What there is to say about a node but for its log, as JSON."""
        state: dict[str, Any] = {
            "up": self._world.is_up(name),
            "paused": self._world.is_paused(name),
            "role": face.role,
            "tone": face.tone,
            "badge": face.badge,
            "below": face.below,
            "facts": [[key, fact_words(it)] for key, it in face.facts.items()],
            "timer": face.timer,
            "votes": [[self._number(it), said] for it, said in face.votes.items()],
            "reached": [[self._number(it), index] for it, index in face.reached.items()],
        }
        if face.log is not None:
            state |= {"committed": face.log.committed, "applied": face.log.applied, "unit": face.log.unit}
        return json.dumps(state, separators=(",", ":"))

    def _read_log(self, node: int, log: LogPortrait) -> None:
        known = self._known_logs.get(node)
        entries: list[Any] = []
        if known is not None and known.first <= log.first <= known.last + 1:
            entries = cast("list[Any]", known.entries)
            del entries[: log.first - known.first]
        before, same = len(entries), log.kept + _common(entries[log.kept :], log.entries)
        new = log.entries[same - log.kept :]
        entries[same:] = new
        self._known_logs[node] = replace(log, entries=entries, kept=0)
        if known is not None and known.first == log.first and same == before and not new:
            return
        self._logs.append((self.position, node, log.first, log.first + same, len(new)))
        self._entries += [self.tables.entries.number(f"{group}\t{_short(log.words(it))}") for group, it in new]

    def message(self, place: int) -> tuple[int, str]:
        """The id of a message, and what it is in a few words."""
        it, names = self._messages[place], self._world.names
        return it.id, f"{list(self.tables.labels)[it.label]} {names[it.source]} - {names[it.target]}"

    # -- for the browser ------------------------------------------------------------------------------

    def encode(self) -> dict[str, Any]:
        """The recording: times, columns, and who is in it."""
        ring = [self._number(it) for it in self.cluster.nodes]
        names = self._world.names
        groups: dict[str, tuple[Sequence[Sequence[int]], str]] = {
            "row": (self._rows, "position kind node label number"),
            "message": (
                [self._message_row(it) for it in self._messages],
                "ago begin fate state from to label text took",
            ),
            "state": (self._states, "position node state"),
            "timer": (self._timers, "position node label left"),
            "log": (self._logs, "position node first from count"),
            "cut": (self._cuts, "position cuts"),
        }
        columns = {"time": _encode.time_column(np.asarray(self.times_ns, np.float64) / 1e9)}
        for group, (rows, fields) in groups.items():
            table = np.asarray(rows, np.int64).reshape(len(rows), len(fields.split()))
            for i, name in enumerate(fields.split()):
                values = table[:, i]
                columns[f"{group}_{name}"] = _encode.column(np.where(values < 0, NOBODY, values))
        columns["entry"] = _encode.column(np.asarray(self._entries, np.int64))
        return {
            "start": self.start_ns / 1e9,
            "end": self.end_ns / 1e9,
            "names": names,
            "ring": ring,
            "stopped": self.stopped,
            "columns": columns,
        }

    def _message_row(self, it: Message) -> list[int]:
        """Its sending as time before its first position here, its end counted from 1 (0: none), how long it takes."""
        ago, took = self.time_ns(it.begin) - it.sent_ns, max(it.due_ns - it.sent_ns, 0)
        return [ago, it.begin, it.fate + 1, it.state, it.source, it.target, it.label, it.text, took]

    def counts(self) -> tuple[int, int]:
        """How many events there are, and how many messages."""
        return self.position, len(self._messages)


def _common(a: Sequence[Any], b: Sequence[Any]) -> int:
    """How long two sequences are the same."""
    most = min(len(a), len(b))
    if a[:most] == b[:most]:
        return most
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), most)


def fact_words(value: Any) -> str:
    """A fact in a few words.

    Examples
    --------
    >>> fact_words(None), fact_words(0.000328093), fact_words(True)
    ('-', '0.0003281', 'yes')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _short(f"{value:.4g}" if isinstance(value, float) else _compact(value))


def message_words(payload: Any, label: str) -> str:
    """What a message says, a line for each of its fields.

    Examples
    --------
    >>> print(message_words({"raft": {"ask": {"term": 2, "last": None, "entries": [1, 2, 3, 4]}}}, "ask"))
    term: 2
    last: -
    entries: 4 items
    """
    while isinstance(payload, Mapping) and len(payload) == 1:
        ((key, inside),) = payload.items()
        if not isinstance(inside, Mapping) and key != label:
            break
        payload = inside
    if payload is None or payload == label or (isinstance(payload, str) and payload.endswith(label)):
        return ""
    if isinstance(payload, Mapping):
        return _short("\n".join(f"{key}: {_compact(value)}" for key, value in payload.items()))
    return _short(_compact(payload))


def _compact(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if isinstance(value, list | tuple) and len(value) > 3:
        return f"{len(value):,} items"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_compact(it)}" for key, it in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_compact, value)) or "none"
    return str(value)


def _short(text: str) -> str:
    over = len(text) - TEXT_LIMIT
    return text if over <= 0 else f"{text[:TEXT_LIMIT]}… ({over:,} characters more)"
