"""The native module: one world class for every protocol, and what crosses into it and out of it.

Everything crosses as data. A struct is a dict, an enum variant without data its name, one with data
``{"variant": data}``, nothing is None; a node of a built-in protocol is ``{"raft": {...}}``. A node is named
by its name, or by its index. Times and durations are whole nanoseconds here; the facades speak seconds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypedDict, final

import numpy as np
from numpy.typing import NDArray

_Node: TypeAlias = str | int
_Duration: TypeAlias = float | str | timedelta
_Vector: TypeAlias = Sequence[int] | Mapping[str, int]

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
    armed: int
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
    reads: NDArray[np.bool_]
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
    def from_columns(columns: dict[str, Any], initial: object, exact_kinds: bool) -> History:
        """From equally long columns ``process, kind, key, argument, result, status, invoked, completed`` (None: all
        null) and, of transactions, ``accesses``; where kinds are exact, no two words mean the same. O(n log n)."""
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

    def state(self, node: _Node, parts: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
        """A node's state (None while it is down) and what is on its disk, as data.

        ``parts`` says what of ``state`` and ``disk`` is wanted: True, a mapping of fields, or of a list a slice; what is
        not wanted is passed over, or None. Of a list, fields are those of its items.
        """

    def edit(self, node: _Node, state: Any = None, disk: Any = None) -> None:
        """Replace a node's state or disk, in the form of ``state``; None leaves it as it is."""

    def status(self, node: _Node) -> dict[str, Any]:
        """A few named facts about a node: of one that is down, what it restarts with."""

    def object(self, node: _Node) -> Any:
        """The live object of a node written in Python (None while it is down): to look at, not to change."""

    def cuts(self) -> list[tuple[str, str]]:
        """Every cut link, as (from, to)."""

    def clocks(self) -> dict[str, NDArray[Any]]:
        """Every node's hardware clock and what it takes for the time, in ns, by node, and how far off it says it can be.

        Columns ``hardware_ns``, ``time_ns``, ``within_ns`` (-1: it does not know) and ``up``. Of a node that is down, the
        time is that of its hardware.
        """

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

    def arm(self, node: _Node, timer: Any, after: _Duration | tuple[_Duration, _Duration]) -> None:
        """A timer is set from outside, to go off once within a span, on its node's clock."""

    def disarm(self, node: _Node, timer: Any) -> None:
        """A timer will not go off, if it was armed."""

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

    # Snapshots.
    def channels(self) -> dict[str, bool]:
        """What may go wrong with messages, as things are: ``disorder``, ``lose``, ``double``."""

    def begin_snapshot(self, initiator: _Node, algorithm: str) -> int:
        """Every node takes part in snapshots from now on, and one begins at a node, now; its number."""

    def is_complete(self, initiator: _Node, number: int) -> bool:
        """Whether the initiator has all of a snapshot."""

    def snapshot(self, initiator: _Node, number: int) -> dict[str, Any]:
        """A snapshot as its initiator has it: ``complete``, ``nodes`` (``state, disk, timers, channels``) and ``flaws``.

        A flaw is a channel that does not add up: sender, receiver, how many messages were sent, received and recorded.
        """

    def restore(self, initiator: _Node, number: int) -> World:
        """A copy that goes on from a snapshot, with nobody taking part in snapshots."""

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

def quorum_index(incoming: Sequence[int], outgoing: Sequence[int], acked: Sequence[int]) -> int | None:
    """The greatest index that the voters, members as positions in ``acked``, have acknowledged in sufficient number."""

def quorum_vote(incoming: Sequence[int], outgoing: Sequence[int], votes: Sequence[bool | None]) -> str:
    """How an election stands, with votes by position: ``"won"``, ``"lost"`` or ``"open"``."""

_Parts: TypeAlias = tuple[list[int], list[int], list[int], list[int], bool]

def membership_change(config: _Parts, how: str, changes: Sequence[tuple[str, int]]) -> _Parts:
    """The configuration after ``changes`` (of ``"voter"``, ``"learner"``, ``"remove"``), made in the way ``how``."""

def encode(value: Any) -> bytes:
    """The encoding of a value: what a node written in Python may send, store and answer."""

def decode(encoding: bytes) -> Any:
    """The value of an encoding."""

def machine_class(kind: str) -> type | None:
    """The class of state machines that :func:`state_machine` gave this name."""

def state_machine(class_: Any) -> str:
    """Makes a class of state machines known; its name."""

__version__: Final[str]

# --- clocks ---

def lamport_next(counter: int, message: int | None, notes: bool) -> int: ...
def lamport_relations(a: int, b: int, same_process: bool) -> list[str]: ...
def vector_next(clock: _Vector, process: int | str, message: _Vector | None) -> _Vector: ...
def vector_merge(a: _Vector, b: _Vector) -> _Vector: ...
def vector_relation(a: _Vector, b: _Vector) -> str: ...
def hybrid_next(
    clock: tuple[int, int], now: int, message: tuple[int, int] | None, bound: int | None
) -> tuple[int, int]: ...

# --- happens-before ---

_Pairs: TypeAlias = list[tuple[int, int]]

@final
class Causality:
    def __new__(
        cls,
        node: NDArray[np.uint32],
        kind: NDArray[np.uint8],
        id: NDArray[np.uint64],
        cause: NDArray[np.uint64],
        nodes: int,
        budget_bytes: int,
    ) -> Causality: ...
    def events(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]: ...
    @property
    def unmatched(self) -> int: ...
    @property
    def vector_bytes(self) -> int: ...
    def happen_before(self, a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.bool_]: ...
    def relation(self, a: int, b: int) -> str: ...
    def stamps(self, rows: NDArray[np.uint32]) -> NDArray[np.uint32]: ...
    def past(self, row: int) -> NDArray[np.bool_]: ...
    def future(self, row: int) -> NDArray[np.bool_]: ...
    def lamport(self) -> NDArray[np.uint32]: ...
    def longest_chain(self) -> NDArray[np.int64]: ...
    def critical_path(self, row: int) -> NDArray[np.int64]: ...
    def cut_at(self, frontier: NDArray[np.uint32]) -> tuple[_Pairs, _Pairs, _Pairs]: ...
    def cut_of(self, mask: NDArray[np.bool_]) -> tuple[_Pairs, _Pairs, _Pairs]: ...

# --- hashing: placements of keys ---

_Key: TypeAlias = Any

@final
class Placement:
    """Where keys are, by one scheme or another."""

    def nodes(self) -> list[str]:
        """The names of the servers, by number."""

    def weights(self) -> list[float]:
        """Their weights."""

    def racks(self) -> list[str | None]:
        """Their racks."""

    def size_bytes(self) -> int:
        """What it takes in memory."""

    def lookup(self, key: _Key) -> str:
        """The server of one key."""

    def lookup_many(self, kind: str, data: Any, width: int) -> NDArray[np.int32]:
        """The numbers of the servers of many keys."""

    def count(self, kind: str, data: Any, width: int) -> NDArray[np.int64]:
        """How many of these keys each server holds."""

    def preference_list(self, key: _Key, n: int, racks_apart: bool) -> list[str]:
        """The first ``n`` different servers from the key on."""

    def preference_lists(self, kind: str, data: Any, width: int, n: int, racks_apart: bool) -> NDArray[np.int32]:
        """The same for many keys, as numbers, a row each."""

    def add(self, names: Sequence[str], weights: Sequence[float], racks: Sequence[str | None]) -> None:
        """Servers join."""

    def add_given(
        self,
        names: Sequence[str],
        weights: Sequence[float],
        racks: Sequence[str | None],
        tokens: Sequence[Sequence[int]],
    ) -> None:
        """Servers join a ring, at positions of their own."""

    def remove(self, names: Sequence[str]) -> None:
        """Servers leave."""

    def reweight(self, name: str, weight: float) -> None:
        """A server gets another weight."""

    def points(self) -> tuple[list[int], list[int]]:
        """All virtual nodes of a ring, in order: positions and numbers of servers."""

    def ranges(self) -> tuple[list[int], list[int], list[int]]:
        """The ranges of a ring: first and last positions, and numbers of servers."""

    def shares(self) -> NDArray[np.float64]:
        """Which part of a ring is whose."""

    def ring_settings(self) -> tuple[int, str, int, str]:
        """Bits, hash, virtual nodes and placement of a ring."""

    def position(self, key: _Key) -> int:
        """Where a key is on a ring."""

    def tokens(self, name: str) -> list[int]:
        """The positions of one server's virtual nodes, in the order in which it got them."""

    def table(self) -> NDArray[np.int32]:
        """The server of each entry of a table."""

    def boundaries(self) -> tuple[list[bytes], list[int], list[int], list[int]]:
        """Boundaries and owners of ranges of text, and of integers."""

    def place(self, key: _Key) -> str:
        """Gives a key to a server of a ring with bounded loads."""

    def place_many(self, kind: str, data: Any, width: int) -> NDArray[np.int32]:
        """Gives many keys to servers, all or none; says to whom."""

    def release(self, key: _Key) -> int:
        """Takes a key away; says how many others moved."""

    def bounds(self, keys: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
        """Loads, room for the keys that are held, and epsilon."""

    def copy(self) -> Placement:
        """One more of it, that changes on its own."""

    def __eq__(self, other: object, /) -> bool: ...

    def save(self) -> bytes:
        """As bytes."""

    @staticmethod
    def load(bytes: bytes) -> Placement:
        """From bytes."""

def hash_ring(
    names: Sequence[str],
    weights: Sequence[float],
    racks: Sequence[str | None],
    *,
    bits: int,
    hash: str,
    vnodes: int,
    placement: str,
    seed: int,
    tokens: Sequence[Sequence[int]] | None = None,
    epsilon: float | None = None,
) -> Placement:
    """A ring."""

def other_placement(
    kind: str, names: Sequence[str], weights: Sequence[float], *, hash: str, seed: int = 0, size: int = 0
) -> Placement:
    """A placement without a ring: ``size`` is what the kind needs of one."""

def alphabet(
    names: Sequence[str], weights: Sequence[float], by: str, kind: str, data: Any, width: int
) -> Placement:
    """Ranges of keys in their order, by boundaries or by a sample."""

def transfers(
    before: Placement,
    after: Placement,
    *,
    copies: int,
    racks_apart: bool,
    lost: Sequence[str],
    bytes: int = 0,
    keys: tuple[str, Any, int] | None = None,
    sizes: NDArray[np.uint64] | None = None,
) -> dict[str, Any]:
    """Transfers from one ring to another, as columns; ``bytes`` on the ring evenly, or keys with their sizes."""

def transfer_times(
    source: NDArray[np.int32],
    target: NDArray[np.int32],
    bytes: NDArray[np.uint64],
    survivors: NDArray[np.int32],
    order: str,
    send: Sequence[float],
    receive: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each transfer starts and stops, in seconds; rates by server, in bytes a second."""

# --- hashing: Merkle trees ---

_Given = tuple[str, Any, int]

@final
class MerkleTree:
    """A Merkle tree. Readers share it; who changes it while somebody reads has a copy of his own."""

    def like(self) -> MerkleTree:
        """A tree of the same kind without pairs."""

    def copy(self) -> MerkleTree:
        """A tree of its own that is equal."""

    def update(self, keys: _Given, values: _Given) -> None:
        """Adds many pairs or replaces them: all or, if one is refused, none."""

    def put(self, key: Any, value: Any) -> bool:
        """Adds a pair or replaces it; whether the key is new."""

    def put_hash(self, key: Any, hash: bytes) -> bool:
        """The same, by the hash of the pair."""

    def delete(self, key: Any) -> None:
        """Takes a pair out."""

    def pair_hash(self, key: Any) -> bytes | None:
        """The hash of the pair of a key; None if there is none."""

    def leaf_of(self, key: Any) -> int:
        """The leaf of a key."""

    def __len__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def node(self, level: int, index: int) -> bytes | None:
        """The hash of a node; None if there is none."""

    def settings(self) -> tuple[str, str, int, str, int, int]:
        """What it is made of: hash, encoding, bytes of a pair's hash, order, depth, memory in bytes."""

    def ring(self) -> tuple[str, int, int, int] | None:
        """The ring whose positions the tree covers: hash, bits, first and last position. None if ordered by key."""

    def positions(self, leaf: int) -> tuple[int, int] | None:
        """The first and the last position of a leaf; None if it has none, or if ordered by key."""

    def bounds(self, leaf: int) -> tuple[Any, Any] | None:
        """The keys at which a leaf begins and before which it ends; None if it has no keys, or if ordered by hash."""

    def keys(self, first: int, end: int) -> list[Any]:
        """The keys of the leaves from one on to before another."""

    def diff(self, other: MerkleTree) -> dict[str, Any]:
        """In what another tree differs, and what it took to find out."""

    def proof(self, key: Any) -> tuple[int, list[bytes], list[bytes], list[bytes]]:
        """A proof that a key is there: leaf, hashes before and after in the leaf, siblings from the leaf up."""

    def save(self) -> bytes:
        """As bytes."""

    @staticmethod
    def load(bytes: bytes) -> MerkleTree:
        """From bytes."""

def merkle_hashed(hash: str, encoding: str, leaves: int, ring_hash: str, bits: int, first: int, last: int) -> MerkleTree:
    """A tree over positions of a ring, from one round to another."""

def merkle_sorted(hash: str, encoding: str, splits: list[Any], width: int | None = None) -> MerkleTree:
    """A tree over keys in their order, cut at these; ``width`` bytes of given hashes make it one of concatenations."""

def merkle_splits(keys: _Given, leaves: int | None = None) -> list[Any]:
    """Where to cut so that as many leaves have equally many of these keys each; one leaf a key by default."""

def merkle_positions(hash: str, bits: int, keys: _Given) -> Any:
    """Where keys are on a ring, of at most 64 bits as an array."""

def merkle_verify(
    kind: tuple[str, str, int],
    leaf: int,
    before: Sequence[bytes],
    after: Sequence[bytes],
    siblings: Sequence[bytes],
    root: bytes,
    key: Any,
    value: Any = None,
    hash: bytes | None = None,
) -> bool:
    """Whether a proof leads from a pair, or from its hash, to a root."""

# --- hashing: Dynamo's strategies ---

@final
class Partitions:
    """Equal partitions, equally many a node."""

    def __new__(cls, nodes: list[str], partitions: int, copies: int, hash: str, seed: int) -> Partitions: ...
    def copy(self) -> Partitions:
        """A table of its own that is equal."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: ClassVar[None]  # type: ignore[assignment]

    def nodes(self) -> list[str]:
        """The names of the nodes, by number."""

    def settings(self) -> tuple[str, int]:
        """The name of the hash, and on how many nodes each partition is."""

    def owners(self) -> NDArray[np.uint32]:
        """Whose each partition is."""

    def loads(self) -> NDArray[np.float64]:
        """The part of the key space of which each node has copies."""

    def holders(self, partition: int, n: int) -> list[int]:
        """The first different owners from a partition on."""

    def weights(self) -> list[float]:
        """All nodes weigh the same."""

    def size_bytes(self) -> int:
        """What it takes in memory."""

    def partition(self, key: Any) -> int:
        """The partition of one key."""

    def lookup(self, key: Any) -> str:
        """The node of one key."""

    def partitions(self, kind: str, data: Any, width: int) -> NDArray[np.int32]:
        """The partitions of many keys."""

    def lookup_many(self, kind: str, data: Any, width: int) -> NDArray[np.int32]:
        """The numbers of the nodes of many keys."""

    def count(self, kind: str, data: Any, width: int) -> NDArray[np.int64]:
        """How many of these keys each node has."""

    def join(self, name: str) -> tuple[list[int], list[str], list[str]]:
        """A node joins; which partitions move."""

    def leave(self, name: str) -> tuple[list[int], list[str], list[str]]:
        """A node leaves; which partitions move."""

    def save(self) -> bytes:
        """As bytes."""

    @staticmethod
    def load(bytes: bytes) -> Partitions:
        """From bytes."""

def dynamo_loads(
    strategy: int, nodes: int, copies: int, tokens: int, partitions: int, rings: int, seed: int
) -> NDArray[np.float64]:
    """The loads of all nodes (columns) on so many rings (rows)."""

# --- memory: paging ---

def paging_simulate(
    pages: NDArray[np.uint64],
    page_bits: int,
    writes: NDArray[np.bool_] | None,
    policy: str,
    frames: int,
    options: dict[str, Any],
    details: bool,
) -> tuple[int, int, int, int, tuple[NDArray[np.uint8], NDArray[np.uint64]] | None]: ...
def paging_compare(
    pages: NDArray[np.uint64],
    page_bits: int,
    writes: NDArray[np.bool_] | None,
    policies: Sequence[str],
    frames: Sequence[int],
    options: dict[str, Any],
) -> list[NDArray[np.uint64]]: ...
def paging_distances(pages: NDArray[np.uint64], page_bits: int) -> NDArray[np.uint32]: ...
def paging_misses(pages: NDArray[np.uint64], page_bits: int) -> NDArray[np.uint64]: ...
def paging_distinct(pages: NDArray[np.uint64], page_bits: int) -> int: ...

# --- memory: MMU ---

def memory_geometry(given: str | tuple[list[int], int, int]) -> dict[str, Any]:
    """A geometry in full, by its name or of its parts (bits of each level, page bits, word bits)."""

@final
class Mmu:
    """A machine with memory."""

    def __new__(cls, config: dict[str, Any]) -> Mmu: ...

    def copy(self) -> Mmu:
        """The same machine once more, in the state in which it is."""

    def translate(self, process: int, address: int, kind: int, supervisor: bool) -> dict[str, Any]:
        """One access, with everything it did."""

    def replay(
        self,
        addresses: NDArray[np.uint64],
        kinds: NDArray[np.uint8] | None,
        processes: NDArray[np.uint32] | None,
        supervisor: bool,
        lenient: bool,
        outcomes: bool,
        latencies: bool,
    ) -> tuple[dict[str, Any], NDArray[np.uint8] | None, NDArray[np.float64] | None]:
        """Many accesses: what they counted, and arrays of what came of each if asked for."""

    def schedule(
        self,
        jobs: list[tuple[int, NDArray[np.uint64], NDArray[np.uint8] | None]],
        quantum_ns: float,
        dma: bool,
        most_turns: int,
    ) -> dict[str, Any]:
        """Several processes on one processor: the timetable, or whose access was refused."""

    def counters(self) -> dict[str, Any]:
        """What was counted so far."""

    def reset_counters(self) -> None: ...

    def usage(self) -> dict[str, Any]:
        """How much there is of everything."""

    def tables_of(self, process: int) -> tuple[list[int], int]:
        """The tables of one process by level, and what they take."""

    def processes(self) -> list[int]: ...

    def current(self) -> int: ...

    def switch(self, process: int) -> None: ...

    def add_process(self) -> int: ...

    def fork(self, process: int) -> int: ...

    def exit(self, process: int) -> None: ...

    def map(self, process: int, address: int, length: int, mapping: dict[str, Any], frame: int | None) -> None:
        """Maps pages now."""

    def reserve(self, process: int, address: int | None, length: int, mapping: dict[str, Any]) -> int:
        """Sets a region aside; says where it begins."""

    def unmap(self, process: int, address: int, length: int) -> None: ...

    def protect(self, process: int, address: int, length: int, rights: tuple[bool, bool, bool]) -> None: ...

    def share(
        self, source: tuple[int, int, int], target: tuple[int, int], rights: tuple[bool, bool, bool] | None
    ) -> None:
        """Maps pages of one process into another one, too."""

    def entry(self, process: int, address: int) -> tuple[dict[str, Any], int] | None:
        """The entry that stands for an address, and its level."""

    def invalidate(self, process: int | None, address: int | None, keep_global: bool) -> int:
        """Forgets a page, a process, or (neither given) everything; says how many entries of TLBs that were."""

# --- memory: reference strings ---

_References: TypeAlias = tuple[NDArray[np.uint64], NDArray[np.uint8], NDArray[np.uint32]]
_Requests: TypeAlias = tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint32], NDArray[np.int64]]

@final
class TraceReader:
    """A reference string that is being read."""

    @staticmethod
    def lackey(path: Any, page_bits: int | None, modify: str, malformed: str, fetches: bool) -> TraceReader:
        """Reads Lackey's text."""

    @staticmethod
    def csv(
        path: Any,
        address: str | int,
        kind: str | int | None,
        size: str | int | None,
        header: bool | None,
        delimiter: int,
        base: str,
        page_bits: int | None,
    ) -> TraceReader:
        """Reads a table."""

    def next(self, limit: int) -> _References | None:
        """The next references, at most `limit`; None at the end."""

    @property
    def skipped(self) -> int:
        """How many lines were skipped so far."""

@final
class RequestReader:
    """Requests of libCacheSim that are being read."""

    def __new__(cls, path: Any) -> RequestReader: ...
    def next(self, limit: int) -> _Requests | None:
        """The next requests, at most `limit`; None at the end."""

def trace_split(
    addresses: NDArray[np.uint64], kinds: NDArray[np.uint8], sizes: NDArray[np.uint32], page_bits: int
) -> _References:
    """References cut where pages begin."""

def trace_save(
    path: str,
    packing: str,
    level: int,
    addresses: NDArray[np.uint64],
    kinds: NDArray[np.uint8],
    sizes: NDArray[np.uint32],
) -> None:
    """Writes Lackey's text."""

def requests_save(
    path: str,
    packing: str,
    level: int,
    times: NDArray[np.uint32],
    objects: NDArray[np.uint64],
    sizes: NDArray[np.uint32],
    next: NDArray[np.int64],
) -> None:
    """Writes libCacheSim's records."""

def requests_next(objects: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Of each request the number of the next for the same object."""

def generate_steps(count: int, start: int, step: int, period: int) -> NDArray[np.uint64]:
    """From `start` on in steps, starting again after `period` of them."""

def generate_uniform(count: int, pages: int, seed: int) -> NDArray[np.uint64]:
    """Any page, all alike."""

def generate_zipf(count: int, pages: int, alpha: float, permute: bool, seed: int) -> NDArray[np.uint64]:
    """A few pages often, most rarely."""

def generate_phases(
    count: int, pages: int, working_set: int, phase_length: int, outside: float, seed: int
) -> NDArray[np.uint64]:
    """A working set for a while, then another."""

def generate_matrix(
    count: int, rows: int, columns: int, element_size: int, base: int, by_columns: bool
) -> NDArray[np.uint64]:
    """The elements of a matrix."""

def generate_chase(count: int, nodes: int, node_size: int, base: int, seed: int) -> NDArray[np.uint64]:
    """All nodes in the order of a random cycle."""

def generate_mixed(count: int, looped: int, pages: int, random_fraction: float, seed: int) -> NDArray[np.uint64]:
    """A loop that is interrupted."""

def mmu_compare(
    configs: list[dict[str, Any]],
    addresses: NDArray[np.uint64],
    kinds: NDArray[np.uint8] | None,
    processes: NDArray[np.uint32] | None,
) -> list[dict[str, Any]]:
    """Replays the same accesses in a machine of each of these configurations."""

# --- memory: access times and allocation ---

def emat_times(form: str, terms: Sequence[NDArray[np.float64]], rows: int) -> NDArray[np.float64]: ...
def emat_parts(form: str, terms: Sequence[NDArray[np.float64]], rows: int) -> list[NDArray[np.float64]]: ...
def emat_solve(
    form: str, terms: Sequence[NDArray[np.float64]], rows: int, of: str, target: NDArray[np.float64]
) -> NDArray[np.float64]: ...
@final
class Contiguous:
    def __new__(cls, size: int, fit: str) -> Contiguous: ...
    @staticmethod
    def from_state(state: bytes) -> Contiguous: ...
    def state(self) -> bytes: ...
    def allocate(self, owner: str, size: int) -> int: ...
    def free(self, owner: str) -> tuple[int, int]: ...
    def compact(self) -> int: ...
    def pieces(self) -> list[tuple[str, int, int]]: ...
    def holes(self) -> list[tuple[int, int]]: ...
    @property
    def size(self) -> int: ...
    @property
    def fit(self) -> str: ...

@final
class Paged:
    def __new__(cls, size: int, page_size: int) -> Paged: ...
    @staticmethod
    def from_state(state: bytes) -> Paged: ...
    def state(self) -> bytes: ...
    def allocate(self, owner: str, size: int) -> list[int]: ...
    def free(self, owner: str) -> list[int]: ...
    def pieces(self) -> list[tuple[str, list[int], int]]: ...
    @property
    def size(self) -> int: ...
    @property
    def page_size(self) -> int: ...
    @property
    def free_units(self) -> int: ...
    @property
    def wasted_units(self) -> int: ...
