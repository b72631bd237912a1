"""The native module: one world class for every protocol, and what crosses into it and out of it.

Everything crosses as data. A struct is a dict, an enum variant without data its name, one with data
``{"variant": data}``, nothing is None; a node of a built-in protocol is ``{"raft": {...}}``. A node is named
by its name, or by its index. Times and durations are whole nanoseconds here; the facades speak seconds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias, TypedDict, final

import numpy as np
from numpy.typing import NDArray

_Node: TypeAlias = str | int
_Duration: TypeAlias = float | str | timedelta

class Operation(TypedDict):
    """One operation."""

    id: int
    node: str
    load: int | None
    call: Any
    reply: Any
    outcome: Literal["ok", "fail", "info"] | None
    called_ns: int
    replied_ns: int | None

class Pending(TypedDict):
    """Something that waits to happen."""

    id: int
    at_ns: int
    kind: Literal["message", "service", "timer", "sync", "start", "call", "fault", "load"]
    label: str
    src: str | None
    dst: str | None
    payload: Any

class TraceColumns(TypedDict):
    """What was recorded; row ``i`` is the ``dropped + start + i``-th of the run."""

    time_ns: NDArray[np.int64]
    kind: NDArray[np.uint8]
    node: NDArray[np.int32]
    peer: NDArray[np.int32]
    label: NDArray[np.uint32]
    id: NDArray[np.uint64]
    cause: NDArray[np.uint64]
    kinds: list[str]
    labels: list[str]
    nodes: list[str]
    dropped: int

class HistoryColumns(TypedDict):
    """Every operation, in the order in which they were asked."""

    node: NDArray[np.int32]
    process: NDArray[np.int64]
    load: NDArray[np.int64]
    called_ns: NDArray[np.int64]
    replied_ns: NDArray[np.int64]
    outcome: NDArray[np.uint8]
    kind: NDArray[np.uint32]
    kinds: list[str]
    key: list[Any]
    argument: list[Any]
    result: list[Any]
    nodes: list[str]

class TrialColumns(TypedDict):
    """How each trial went; -1 where the deadline came first."""

    seed: NDArray[np.uint64]
    took_ns: NDArray[np.int64]
    node: NDArray[np.int32]
    events: NDArray[np.uint64]
    sent: NDArray[np.uint64]
    fingerprint: NDArray[np.uint64]

@final
class History:
    """A history in the core: well formed, with numbers for names.

    :class:`distlab.History` is around one.
    """

    @staticmethod
    def from_columns(columns: dict[str, Any], initial: object) -> History:
        """From equally long columns ``process, kind, key, argument, result, status, invoked, completed`` (None: all
        null) and, of transactions, ``accesses``. O(n log n)."""
    @staticmethod
    def from_transactions(columns: dict[str, Any], initial: object) -> History:
        """From the flat arrays that :meth:`distlab.History.from_transactions` describes. O(n log n)."""
    @staticmethod
    def parse(text: str) -> History:
        """From the notation of the notes' figures."""
    @staticmethod
    def from_edn(text: str) -> History:
        """From a log of Jepsen, Knossos or Elle."""
    def __len__(self) -> int: ...
    def columns(self) -> dict[str, Any]:
        """The columns, with names for numbers, and ``accesses`` if there are transactions."""
    def numbers(self) -> dict[str, Any]:
        """``process, kind, key, status, invoked, completed`` as arrays, with the lists ``processes, kinds``."""
    def describe(self, row: int) -> str | None:
        """An operation in words; None if there is no such row."""
    def select(self, rows: list[int]) -> History:
        """Some of the operations, as a history of their own."""
    def check(
        self,
        model: str,
        spec: object,
        versions: Mapping[Any, Any] | None,
        seconds: float | None,
        states: int | None,
        memory_bytes: int,
        shrink: bool,
    ) -> dict[str, Any]:
        """Holds it against a model, off the interpreter lock (unless the specification is written in Python)."""
    def ladder(self) -> tuple[list[str], dict[str, list[str]]]:
        """The models that say something about it, and for every model those that it implies."""
    @property
    def initial(self) -> Any:
        """What registers hold before the first write."""
    @property
    def is_transactional(self) -> bool:
        """Whether there are transactions in it."""

@final
class World:
    """A deterministic world of nodes.

    Only one thing happens to a world at a time: while it runs in another thread, everything but ``now``,
    ``events`` and ``cancel`` raises ``ClusterBusy``.
    """

    def __new__(cls, config: Mapping[str, Any] | None = None) -> World:
        """A world without nodes; ``config`` may have the fields of ``sim::Config``."""

    # What it is made of.
    def spawn(self, nodes: Mapping[str, Any]) -> list[int]:
        """Add nodes by name: a dict or string for a built-in one, an object for one written in Python.

        They may name each other. All are added, or none.
        """

    def start_nodes(self) -> None:
        """Every node that was added and has not come up yet comes up now, in the order of adding."""

    @property
    def seed(self) -> int:
        """Where all chance comes from."""

    @property
    def names(self) -> list[str]:
        """The names of all nodes."""

    @property
    def manual(self) -> bool:
        """Whether the world moves only by hand."""

    @manual.setter
    def manual(self, value: bool) -> None: ...
    def is_up(self, node: _Node) -> bool:
        """Whether a node runs (a paused one does)."""

    def is_paused(self, node: _Node) -> bool:
        """Whether a node is paused."""

    def state(self, node: _Node) -> tuple[Any, Any]:
        """A node's state (None while it is down) and what is on its disk, as data."""

    def edit(self, node: _Node, state: Any = None, disk: Any = None) -> None:
        """Replace a node's state or disk, in the form of ``state``; None leaves it as it is."""

    def status(self, node: _Node) -> dict[str, Any]:
        """A few named facts about a node: of one that is down, what it restarts with."""

    def object(self, node: _Node) -> Any:
        """The live object of a node written in Python (None while it is down): to look at, not to change."""

    def cuts(self) -> list[tuple[str, str]]:
        """Every cut link, as (from, to)."""

    # Asking.
    def call(self, node: _Node, call: Any) -> int:
        """Ask something of a node, now; the number of the operation."""

    def op(self, op: int) -> Operation:
        """An operation."""

    def inject(self, src: _Node, dst: _Node, message: Any) -> int:
        """Put a message on its way, as if ``src`` had sent it: it arrives now. Its id."""

    def post(self, src: _Node, dst: _Node, message: Any) -> None:
        """Send a message over the network, as ``src`` would."""

    def add_load(self, workload: Mapping[str, Any]) -> int:
        """Put a load on clients; its number, which its operations carry in the history."""

    # Time.
    @property
    def now(self) -> int:
        """The world's time, also while it runs."""

    @property
    def events(self) -> int:
        """How many inputs nodes have handled, also while it runs."""

    def cancel(self) -> None:
        """End what runs in another thread: it returns soon, as if there were nothing more to do."""

    def step(self) -> bool:
        """Let the next thing happen. False: there is nothing left to happen."""

    def run_until(self, time_ns: int | None, progress: Callable[[int, int], Any] | None = None) -> int:
        """Let everything up to a time happen; None: until nothing is left. The number of events.

        ``progress(now_ns, events)`` is called now and then.
        """

    def run_while(self, goes_on: Callable[[], Any], deadline_ns: int | None = None) -> bool:
        """Run while ``goes_on()`` is true, asked before each event. False: time or events ran out."""

    def run_op(self, op: int, deadline_ns: int | None = None) -> bool:
        """Run until an operation is answered. False: time or events ran out."""

    # Faults and invariants.
    def apply(self, fault: str | Mapping[str, Any]) -> None:
        """Let a fault happen, now."""

    def schedule(self, time_ns: int, fault: str | Mapping[str, Any]) -> int:
        """Let a fault happen at a time; the id of the pending event."""

    def plan(self, nemesis: Mapping[str, Any], seed: int, nodes: Sequence[_Node]) -> list[tuple[int, Any]]:
        """Random faults, each with its repair, as (time in ns, fault): hangs on its arguments only."""

    def watch(self, invariants: bool | Iterable[str]) -> None:
        """Look at invariants after every step: all, those of these names, or none."""

    @staticmethod
    def invariants() -> list[str]:
        """The names of all invariants."""

    # By hand.
    def pending(self, payload: bool = True) -> list[Pending]:
        """Everything that waits, in the order in which it will happen by itself."""

    def deliver(self, id: int) -> None:
        """Let one thing that waits happen next."""

    def discard(self, id: int) -> None:
        """Let one thing that waits never happen."""

    def duplicate(self, id: int) -> int:
        """Make a message on its way arrive a second time; the copy's id."""

    def fire(self, node: _Node, timer: Any) -> None:
        """A timer goes off now, whether it was armed or not."""

    def complete_write(self, node: _Node) -> None:
        """The sync of a node's disk that is under way completes now."""

    def settle(self, most: int = 100_000) -> int:
        """Let everything that waits happen except timers, faults and loads; the number of events."""

    # What was seen.
    @property
    def fingerprint(self) -> int:
        """A hash of every input of every node so far."""

    def metrics(self) -> dict[str, Any]:
        """What was counted so far."""

    def set_trace(self, level: Literal["off", "summary", "full"]) -> None:
        """Record more or less from now on."""

    def clear_trace(self) -> None:
        """Forget what was recorded so far."""

    def trace(self, start: int = 0) -> TraceColumns:
        """What was recorded, from the ``start``-th row that is still there."""

    def history(self, start: int = 0) -> HistoryColumns:
        """Every operation from the ``start``-th."""

    # Time travel.
    def fork(self, seed: int | None = None) -> World:
        """A copy with the same future; with ``seed``, only the same past."""

    def trials(
        self,
        seeds: Sequence[int],
        until_note: str,
        deadline_ns: int,
        faults: Sequence[tuple[int, str | Mapping[str, Any]]] = (),
        messages: Sequence[tuple[_Node, _Node, Any]] = (),
    ) -> TrialColumns:
        """Fork this world for every seed and run until something is noted again; on all cores.

        Times of faults, and the deadline, count from now.
        """

    def explore(
        self,
        setup: Mapping[str, Any],
        claims: Sequence[tuple[str, str, Callable[[View], Any]]],
        settings: Mapping[str, Any],
        progress: Callable[[int, int, int, int, int], Any] | None = None,
    ) -> dict[str, Any]:
        """Explore every order of events from here; this world does not move.

        ``claims`` are (name, claim, predicate); ``progress(distinct, generated, depth, frontier, memory_bytes)`` is
        called now and then.
        """

    def begin_replay(self, calls: Sequence[tuple[_Node, Sequence[Any]]]) -> None:
        """From now on go by steps of a counterexample: by hand, with a full trace, and with these calls waiting."""

    def replay(self, step: Any, index: int) -> None:
        """Go one step, the ``index``-th from 0."""

    def save(self) -> bytes:
        """The whole world, as data."""

    @staticmethod
    def load(saved: bytes, nodes: Sequence[type] = ()) -> World:
        """A world from ``save``; ``nodes`` are the classes of its nodes written in Python, and of their data."""

@final
class Context:
    """What a handler may read and do; only while it runs."""

    @property
    def id(self) -> str:
        """The name of this node."""

    @property
    def now(self) -> float:
        """What this node's own clock shows, in seconds."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes, this one included."""

    def send(self, to: _Node, msg: Any, *, at_once: bool = False) -> None:
        """Send a copy of ``msg``. It leaves when everything written before is durable; ``at_once``: now."""

    def arm(self, name: str, span: _Duration | tuple[_Duration, _Duration]) -> None:
        """Set the timer ``name`` to go off after ``span`` on this node's clock, replacing an earlier setting."""

    def disarm(self, name: str) -> None:
        """Cancel the timer ``name`` if it is set."""

    def choose(self, n: int) -> int:
        """One of ``0 .. n-1``: drawn by the simulator, each in turn by the explorer."""

    def chance(self, p: float) -> bool:
        """True with probability ``p``: drawn by the simulator, both ways by the explorer."""

    @property
    def disk(self) -> Any:
        """What this node wrote last; None if it never did."""

    def write(self, value: Any) -> None:
        """Replace what is on disk by a copy of ``value``."""

    @property
    def durable(self) -> bool:
        """Whether everything this node wrote so far is durable."""

    def reply(
        self, op: int, value: Any = None, *, outcome: Literal["ok", "fail", "info"] = "ok", at_once: bool = False
    ) -> None:
        """Answer an operation, and say whether it took effect."""

    def note(self, label: str, number: int = 0) -> None:
        """Mark a situation worth seeing in traces and counting over runs."""

    def __deepcopy__(self, _memo: Any) -> Context: ...

@final
class View:
    """A state of a cluster that is being explored; only for the property it is given to, while that runs."""

    @property
    def nodes(self) -> list[str]:
        """The names of all nodes."""

    def up(self, node: _Node) -> bool:
        """Whether a node runs."""

    def state(self, node: _Node) -> dict[str, Any]:
        """A node's live state (None while it is down) and what is on its disk, as data."""

    def status(self, node: _Node) -> dict[str, Any]:
        """A few named facts about a node, cheap to read; of one that is down, what its disk says."""

    def node(self, node: _Node) -> Any:
        """The object of a node written in Python (None while it is down): to look at, not to change."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages under way, as dicts with ``src, dst, label, message``."""

    @property
    def ops(self) -> list[dict[str, Any]]:
        """The operations that are open, answered or still to be asked, as dicts with
        ``id, node, kind, key, argument, result, asked, reply, status``."""

    @property
    def history(self) -> Any:
        """Everything that was asked so far, as a :class:`distlab.History` to be judged; needs ``history=True``."""

    @property
    def partition(self) -> tuple[list[str], list[str]] | None:
        """The groups between which the network is cut by a fault; None: it is not."""

def explore_spec(parts: Mapping[str, Any], settings: Mapping[str, Any], progress: Callable[[int, int, int, int, int], Any] | None = None) -> dict[str, Any]:
    """Explores a specification written in Python, given in parts."""

def explore_named(named: Any, settings: Mapping[str, Any], progress: Callable[[int, int, int, int, int], Any] | None = None) -> dict[str, Any]:
    """Explores a specification of the core, given by name."""

def nanoseconds(value: _Duration, parameter: str = "duration") -> int:
    """A duration in nanoseconds: float seconds, text like ``"150ms"``, or a ``timedelta``."""

def encode(value: Any) -> bytes:
    """The encoding of a value: what a node written in Python may send, store and answer."""

def decode(encoding: bytes) -> Any:
    """The value of an encoding."""

__version__: Final[str]
