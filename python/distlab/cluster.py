"""The cluster: what every protocol's facade has in common."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast

from . import units
from ._core import World, nanoseconds
from .by_hand import ByHand
from .errors import InvariantViolation, ParameterError, ParameterTypeError, UnknownNode
from .faults import FaultVerbs, Hazard, Schedule
from .history import History
from .network import Disk, Network, distribution
from .portrait import FAULT_VERBS, LogPortrait, Portrait, Verb, plain_portrait
from .records import Trace, table
from .snapshot import ALGORITHMS, Snapshot, SnapshotAlgorithm, check_channels
from .units import Duration
from .workload import Load, Workload

if TYPE_CHECKING:
    from .explore import Exploration

__all__ = ["Cluster", "Op"]

TraceLevel = Literal["off", "summary", "full"]


class Op:
    """An operation that was asked of a node; it may still be under way.

    Attributes
    ----------
    status : str
        ``"pending"``, or how it ended: ``"ok"``, ``"fail"`` (it never took effect), ``"info"`` (nobody knows).
    result : object
        What came back; None until then.
    latency : float
        Seconds from question to answer; nan until then.
    invoked, completed : float
        When, in seconds; ``completed`` is nan until then.
    """

    def __init__(self, cluster: Cluster, number: int) -> None:
        self._cluster = cluster
        self.number = number

    @property
    def _row(self) -> Any:
        return self._cluster._world.op(self.number)

    @property
    def status(self) -> str:
        return self._row["outcome"] or "pending"

    @property
    def result(self) -> Any:
        return self._cluster._world.history(self.number)["result"][0]

    @property
    def reply(self) -> Any:
        """What came back, in the protocol's own words; None until then."""
        return self._row["reply"]

    @property
    def invoked(self) -> float:
        return units.seconds(self._row["called_ns"])

    @property
    def completed(self) -> float:
        replied = self._row["replied_ns"]
        return math.nan if replied is None else units.seconds(replied)

    @property
    def latency(self) -> float:
        return self.completed - self.invoked

    def __repr__(self) -> str:
        row = self._row
        (kind,) = row["call"] if isinstance(row["call"], dict) and len(row["call"]) == 1 else ("call",)
        return f"<Op {self.number} {kind} of {row['node']}: {self.status}>"


class Cluster(FaultVerbs, ByHand):
    """Nodes, their network and disks, and simulated time: a deterministic run that one can look into.

    Made by a protocol's facade such as :class:`distlab.Raft`, or by :meth:`of` for nodes of one's own.

    Parameters
    ----------
    nodes : mapping of str to node
        Objects with handlers (see :class:`distlab.Node`), or built-in nodes as data (``{"echo": {}}``).
    seed : int
        Where all chance comes from: the same seed and the same calls give the same run.
    network : Network, optional
        How messages travel.
    disk : Disk, optional
        How stable storage behaves; by default a write is durable at once.
    service : Distribution, duration, or pair of durations, optional
        How long a node takes for each message or call, one after another.
    trace : {"summary", "off", "full"}
        What to record: faults and notes; nothing; every message, timer, call, write and commit too.
    check_invariants : bool or list of str
        Whether to look at the protocols' invariants after every step (all, or those named). A broken one
        raises :class:`InvariantViolation`, and the cluster stands still from then on.
    manual : bool
        Whether the cluster moves only by hand (``deliver``, ``fire``, ``settle`` ...).
    limits : mapping, optional
        ``pending`` events, events in one ``instant``, ``effects`` of one handler, ``trace_rows``.

    Examples
    --------
    >>> import distlab as dl
    >>> class Pong(dl.Node):
    ...     def on_message(self, cx, sender, msg):
    ...         if msg < 3:
    ...             cx.send(sender, msg + 1)
    >>> cluster = dl.Cluster.of({"a": Pong(), "b": Pong()}, seed=1, trace="full")
    >>> cluster.inject("a", "b", 0).run_for("1s")
    <Cluster of 2 nodes at 1 s, seed 1>
    >>> cluster.metrics["sent"]
    3
    """

    _protocol: ClassVar[str] = ""  # of a facade whose nodes are all of one protocol: its name
    _verbs: ClassVar[Mapping[str, Verb]] = FAULT_VERBS  # what one may do to a node of it in a player
    _asked_before: int = 0  # operations that are not of this cluster but of the one that it goes on from

    def __init__(
        self,
        nodes: Mapping[str, Any],
        *,
        seed: int = 0,
        network: Network | None = None,
        disk: Disk | None = None,
        service: Any = None,
        trace: TraceLevel = "summary",
        check_invariants: bool | Iterable[str] = False,
        manual: bool = False,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        if not isinstance(nodes, Mapping):
            raise ParameterTypeError("nodes", nodes, "a mapping of names to nodes")
        if not nodes:
            raise ParameterError("nodes", nodes, "at least one node")
        self._world = World(_config(seed, network, disk, service, trace, manual, limits))
        self._agenda: list[tuple[int, int, Callable[[Any], object]]] = []
        self._planned = 0
        self._kin = object()  # forks have the same
        self._steps: list[int] = []  # of a replay: how many rows the trace had before the first step, and after each
        self._join(nodes)
        if check_invariants is not False:
            self.watch(check_invariants)

    @classmethod
    def of(cls, nodes: Mapping[str, Any] | Sequence[Any], **options: Any) -> Cluster:
        """A cluster of one's own nodes.

        Parameters
        ----------
        nodes : mapping of str to node, or sequence of nodes
            Objects with handlers, or built-in nodes as data; a sequence is named ``n0, n1, ...``.
        **options
            As for :class:`Cluster`.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.Cluster.of([{"echo": {}}, {"echo": {}}]).nodes
        ['n0', 'n1']
        """
        if isinstance(nodes, Sequence) and not isinstance(nodes, str):
            return Cluster({f"n{i}": node for i, node in enumerate(nodes)}, **options)
        return Cluster(cast("Mapping[str, Any]", nodes), **options)

    # -- time -----------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Simulated time, in seconds."""
        return units.seconds(self._world.now)

    def step(self) -> bool:
        """Let the next thing happen, whenever that is. False: there is nothing left to happen."""
        with self._explained():
            return self._world.step()

    def run_for(self, duration: Duration, *, progress: bool = False) -> Self:
        """Run for a time.

        Parameters
        ----------
        duration : float, str or timedelta
            Seconds, or text such as ``"150ms"``.
        progress : bool
            Whether to show a progress bar (needs ``tqdm``).
        """
        return self._run(self._world.now + nanoseconds(duration, "duration"), progress)

    def run(self, until: Duration | None = None, *, progress: bool = False) -> Self:
        """Run until a time, or with None until nothing is left to happen.

        Raises
        ------
        ParameterError
            If the time is in the past; with None, if the cluster would never come to rest because timers
            are armed again and again, this runs until it is interrupted.
        """
        if until is None:
            with self._explained():
                self._world.run_until(None)
            return self
        time_ns = nanoseconds(until, "until")
        if time_ns < self._world.now:
            raise ParameterError("until", until, f"a time that is not in the past (now is {self.now:g} s)")
        return self._run(time_ns, progress)

    def run_until(self, condition: Op | Callable[..., object], timeout: Duration = "60s") -> bool:
        """Run until an operation is answered, or a condition holds; at most ``timeout`` of simulated time.

        Parameters
        ----------
        condition : Op or callable
            An operation, a callable without arguments, or one that takes the cluster; asked after every event.
        timeout : float, str or timedelta
            When to give up: an operation of a cluster that is down would stay pending for ever.

        Returns
        -------
        bool
            Whether it came to be.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=1)
        >>> raft.run_until(raft.has_leader)
        True
        """
        deadline = self._world.now + nanoseconds(timeout, "timeout")
        if isinstance(condition, Op):
            op = condition
            if op._cluster._kin is not self._kin:
                raise ParameterError("condition", op, "an operation of this cluster, or of one it was forked from")
            return self._through_agenda(deadline, lambda until: self._world.run_op(op.number, until))
        if not callable(condition):
            raise ParameterTypeError("condition", condition, "an operation, or a callable")
        holds = _without_arguments(condition, self)
        if holds():
            return True
        return self._through_agenda(deadline, lambda until: self._world.run_while(lambda: not holds(), until))

    def _run(self, time_ns: int, progress: bool) -> Self:
        with self._explained(), _bar(progress, self._world.now, time_ns) as report:
            self._through_agenda(time_ns, lambda until: bool(self._world.run_until(until, report)) and False)
        return self

    def _through_agenda(self, time_ns: int, run: Callable[[int], bool]) -> bool:
        """Runs up to a time, stopping on the way for planned Python code."""
        with self._explained():
            while self._agenda and self._agenda[0][0] <= time_ns:
                if run(self._agenda[0][0]):
                    return True
                _, _, action = self._agenda.pop(0)
                action(self)
            return run(time_ns)

    def _plan(self, time_ns: int, action: Callable[[Any], object]) -> None:
        self._planned += 1
        self._agenda.append((time_ns, self._planned, action))
        self._agenda.sort(key=lambda it: it[:2])

    def at(self, time: Duration) -> Schedule:
        """Plan faults for a time: ``raft.at("5s").crash("n0").at("8s").recover("n0")``.

        Raises
        ------
        ParameterError
            If the time is in the past.
        """
        time_ns = nanoseconds(time, "time")
        if time_ns < self._world.now:
            raise ParameterError("time", time, f"a time that is not in the past (now is {self.now:g} s)")
        return Schedule(self, time_ns)

    def nemesis(
        self,
        *hazards: str | Hazard,
        until: Duration,
        start: Duration | None = None,
        nodes: Sequence[str] | None = None,
        most_down: int | None = None,
        zones: Sequence[Sequence[str]] = (),
        seed: int | None = None,
    ) -> list[tuple[float, Any]]:
        """Plan random faults, each with its repair before ``until``.

        Parameters
        ----------
        *hazards : str or Hazard
            What may go wrong: names such as ``"crash", "partition", "lossy"``, or a :class:`Hazard`.
        until : duration
            When everything is repaired.
        start : duration, optional
            When it begins; now otherwise.
        nodes : sequence of str, optional
            Who may be hit; by default ``nodes``, that is not the clients.
        most_down : int, optional
            How many may be crashed, wiped or paused at a time; by default a minority.
        zones : sequence of sequences of str
            Nodes with a common fate (racks, regions), for hazards with ``scope="zone"``.
        seed : int, optional
            Of the plan; the cluster's own otherwise.

        Returns
        -------
        list of (float, fault)
            The plan: seconds and faults, in order. It hangs on the arguments only, not on the run.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(5, seed=3, check_invariants=True)
        >>> plan = raft.nemesis("crash", "partition", "lossy", until="10s")
        >>> raft.run(until="12s").has_leader(), len(plan) > 10
        (True, True)
        """
        if not hazards:
            raise ParameterError("hazards", hazards, "at least one")
        data = {
            "hazards": [(Hazard(it) if isinstance(it, str) else it).to_data() for it in hazards],
            "most_down": most_down,
            "zones": [list(zone) for zone in zones],
            "from": self._world.now if start is None else nanoseconds(start, "start"),
            "until": nanoseconds(until, "until"),
        }
        targets = list(self.nodes if nodes is None else nodes)
        plan = self._world.plan(data, self.seed if seed is None else seed, targets)
        for at_ns, fault in plan:
            self._world.schedule(at_ns, fault)
        return [(units.seconds(at_ns), fault) for at_ns, fault in plan]

    def _fault(self, fault: str | Mapping[str, Any]) -> None:
        with self._explained():
            self._world.apply(fault)

    # -- asking ---------------------------------------------------------------------------------------

    def call(self, node: str, call: Any) -> Op:
        """Ask something of a node, in its own words: what its ``on_call`` is given."""
        op = Op(self, self._world.call(node, call))
        if self.manual:  # by hand only messages, timers and syncs wait
            with self._explained():
                for row in self._world.pending(False):
                    if row["kind"] == "call":
                        self._world.deliver(row["id"])
        return op

    def inject(self, src: str, dst: str, message: Any) -> Self:
        """Put a message in front of ``dst``, now, as if ``src`` had sent it."""
        number = self._world.inject(src, dst, message)
        if self.manual:
            with self._explained():
                self._world.deliver(number)
        return self

    def load(self, workload: Workload) -> Load:
        """Put a load on client nodes."""
        return Load(self, self._world.add_load(workload.to_data()))

    # -- what there is --------------------------------------------------------------------------------

    @property
    def seed(self) -> int:
        """Where all chance comes from."""
        return self._world.seed

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes."""
        return self._world.names

    def up(self, node: str) -> bool:
        """Whether a node runs (a paused one does)."""
        return self._world.is_up(node)

    def status(self, node: str) -> dict[str, Any]:
        """A few named facts about a node, cheap to read."""
        return self._world.status(node)

    def state(self, node: str) -> dict[str, Any]:
        """A node's live state (None while it is down) and what is on its disk, as data."""
        state, disk = self._world.state(node)
        return {"state": state, "disk": disk}

    def excerpt(self, node: str, parts: Mapping[str, Any]) -> dict[str, Any]:
        """Parts of a node's live state and of what is on its disk, as data: a little of something large costs little.

        Parameters
        ----------
        node : str
            Which node.
        parts : mapping
            What of ``"state"`` and ``"disk"`` is wanted: True is all of it, a mapping some fields, a slice some items
            of a list. Of a list, fields are those of its items; what has no parts, such as a number, comes whole. Where
            there is a choice, as of protocols, what was not chosen is left out.

        Raises
        ------
        ParameterError
            If something has no such field, or is no list.
        ParameterTypeError
            If a part is neither.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a"], seed=1).run_for("1s")
        >>> raft.excerpt("a", {"disk": {"raft": {"term": True, "log": {"entries": slice(-1, None)}}}})
        {'disk': {'raft': {'term': 1, 'log': {'entries': [{'term': 1, 'command': 'noop'}]}}}}
        """
        state, disk = self._world.state(node, parts)
        return {name: it for name, it in (("state", state), ("disk", disk)) if name in parts}

    def portrait(self, node: str) -> Portrait:
        """What pictures say about a node, such as those of :func:`distlab.player`: a protocol may say more.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.Bank(3, seed=1).portrait("n0").badge
        '100'
        """
        return plain_portrait(self, node)

    def _portrait_since(self, node: str, known: LogPortrait) -> Portrait:
        """As :meth:`portrait`; of a log that goes on from one that is known, without the beginning that it kept."""
        return self.portrait(node)

    def _sketch(self, node: str) -> Any:
        """Something cheap that changes whenever the portrait does, unless what is on disk changes; None: nothing is."""
        return None

    def plot_ring(self, at: Duration | None = None, ax: Any = None, **options: Any) -> Any:
        """The nodes in a ring, with what they are and what is under way: :func:`distlab.plot.cluster_ring`.

        Parameters
        ----------
        at : duration, optional
            A time that is not in the past, for which a fork is run; now otherwise.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.
        **options
            As for :func:`distlab.plot.cluster_ring`.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=7)
        >>> ax = raft.plot_ring("0.4s")
        >>> raft.now
        0.0
        """
        from .plot import cluster_ring

        return cluster_ring(self if at is None else self.fork().run(at), ax, **options)

    def node(self, name: str) -> Any:
        """The live object of a node written in Python (None while it is down): to look at, not to change."""
        return self._world.object(name)

    @property
    def fingerprint(self) -> int:
        """A hash of every input of every node so far: runs that differ anywhere differ here."""
        return self._world.fingerprint

    @property
    def metrics(self) -> dict[str, Any]:
        """What was counted so far: events, messages by fate, bytes, timers, writes, and notes by label."""
        return self._world.metrics()

    @property
    def trace(self) -> Trace:
        """What was recorded so far."""
        return Trace._of(self._world.trace())

    @property
    def history(self) -> History:
        """Every operation so far."""
        return History._of(self._world.history(self._asked_before), spec=self._spec)

    @property
    def _spec(self) -> str | type | None:
        """What its history is to be checked against, unless something else is said; None: what its operations say."""
        return None

    @property
    def cuts(self) -> list[tuple[str, str]]:
        """Every cut link, as (from, to)."""
        return self._world.cuts()

    def set_trace(self, level: TraceLevel, *, clear: bool = False) -> Self:
        """Record more or less from now on; ``clear`` forgets what was recorded so far."""
        self._world.set_trace(cast(TraceLevel, units.choice(level, "level", ("off", "summary", "full"))))
        if clear:
            self._world.clear_trace()
        return self

    def watch(self, invariants: bool | Iterable[str] = True) -> Self:
        """Look at invariants after every step from now on: all, those of these names, or none (False)."""
        if not isinstance(invariants, bool):
            if isinstance(invariants, str) or not isinstance(invariants, Iterable):
                raise ParameterTypeError("check_invariants", invariants, "True, False, or a list of names")
            invariants = list(invariants)
            known = self.invariants()
            if unknown := [it for it in invariants if it not in known]:
                raise ParameterError("check_invariants", unknown, f"True, False, or some of {', '.join(known)}")
        with self._explained():
            self._world.watch(invariants)
        return self

    @staticmethod
    def invariants() -> list[str]:
        """The names of all invariants there are."""
        return sorted(set(World.invariants()))

    # -- time travel ----------------------------------------------------------------------------------

    def fork(self, seed: int | None = None) -> Self:
        """A copy with the same future; with another ``seed``, with the same past only.

        Cheap: what does not change is shared.
        """
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy._world = self._world.fork(seed)
        copy._agenda = list(self._agenda)
        return copy

    def snapshot(
        self,
        initiator: str | None = None,
        *,
        algorithm: SnapshotAlgorithm = "chandy_lamport",
        unsafe: bool = False,
    ) -> Snapshot:
        """Have a node begin a global snapshot, now: of whatever runs here, which need not know.

        Parameters
        ----------
        initiator : str, optional
            Who begins; the first node that is up otherwise. Several snapshots may be under way at once.
        algorithm : {"chandy_lamport", "lai_yang", "naive"}
            One marker on every channel, which must keep the order of messages; messages that tell whether their sender
            has recorded its state, on any channels that lose nothing; or every node when it is told to, and no
            channels, which is wrong.
        unsafe : bool
            Whether to try it on a network on which it is wrong, or may never complete.

        Returns
        -------
        Snapshot
            Still under way: ``snapshot.wait()`` runs the cluster until it is complete.

        Raises
        ------
        ParameterError
            If messages may be lost, doubled or (Chandy-Lamport) overtake each other, or the initiator is down.

        Notes
        -----
        n nodes exchange n (n - 1) markers and n - 1 reports (Chandy and Lamport), or n - 1 requests, n - 1 reports, and
        a report for each message that was under way (Lai and Yang). A node that crashes forgets what it was recording.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=1, network=dl.Network(fifo=True))
        >>> _ = raft.run_until(raft.has_leader)
        >>> snapshot = raft.snapshot("n2").wait()
        >>> [status["role"] for status in map(raft.status, raft.nodes)].count("leader"), snapshot.consistent
        (1, True)
        """
        if not isinstance(unsafe, bool):
            raise ParameterTypeError("unsafe", unsafe, "True or False")
        if initiator is None:
            up = [name for name in self.nodes if self.up(name)]
            if not up:
                raise ParameterError("initiator", initiator, "a node that is up: all are down")
            initiator = up[0]
        elif not self.up(self._known(initiator)):
            raise ParameterError("initiator", initiator, "a node that is up")
        units.choice(algorithm, "algorithm", ALGORITHMS)
        if not unsafe:
            check_channels(self._world.channels(), algorithm)
        number = self._world.begin_snapshot(initiator, algorithm)
        return Snapshot(self, initiator, number, algorithm)

    def save(self, path: str | os.PathLike[str] | None = None) -> bytes:
        """The whole cluster as data; also written to ``path`` if one is given.

        Raises
        ------
        ParameterError
            If Python code is planned with ``at(...).do(...)``: code is no data.
        """
        if self._agenda:
            raise ParameterError("at(...).do(...)", len(self._agenda), "no planned Python code in a saved cluster")
        saved = self._world.save()
        if path is not None:
            Path(path).write_bytes(saved)
        return saved

    @classmethod
    def load_from(cls, source: bytes | str | os.PathLike[str], nodes: Sequence[type] = ()) -> Self:
        """A cluster from :meth:`save`: its bytes, or the path of a file. See :func:`distlab.load`."""
        saved = source if isinstance(source, bytes) else Path(source).read_bytes()
        cluster = object.__new__(cls)
        cluster._world = World.load(saved, nodes)
        cluster._agenda, cluster._planned, cluster._steps, cluster._kin = [], 0, [], object()
        cluster._restore()
        return cluster

    @classmethod
    def unpack(cls, text: str, nodes: Sequence[type] = ()) -> Cluster:
        """A cluster from the text that a pasted test holds: see :meth:`Counterexample.to_pytest`."""
        from .counterexample import unpacked

        return load(unpacked(text), nodes)

    @classmethod
    def _is_saved(cls, cluster: Cluster) -> bool:
        """Whether a cluster that was read is one of these: by what is on its first disk, which a crash leaves."""
        _, disk = cluster._world.state(cluster._world.names[0])
        return isinstance(disk, dict) and cls._protocol in disk

    def _restore(self) -> None:
        """Finds again what the facade keeps beside the world."""
        if self._protocol and not self._is_saved(self):
            raise ParameterError("source", self._world.names, f"a saved {type(self).__name__}")

    # -- exploring ------------------------------------------------------------------------------------

    def explore(self, depth: int | None = None, **options: Any) -> Exploration:
        """Visit every state that the cluster can reach from here: every order of events, not one.

        Time is gone: messages arrive in any order (or each link's in its own, with ``Network(fifo=True)``), timers go
        off in any order that their spans allow, and every choice of a handler is made both ways. The cluster itself
        does not move. A workload that still runs, planned faults and the like cannot be branched on: explore before
        them, or ask what clients do by ``calls``.

        Parameters
        ----------
        depth : int, optional
            The longest path, in states.
        faults : Budget
            What may go wrong, and how often. Nothing by default.
        calls : mapping of str to list
            What clients ask: for a node, its calls, in the words of :meth:`call`; the next one is asked as soon as the
            one before it is answered, or any time later.
        timing : {"asynchronous", "synchronous"}
            Whether a timer may go off while messages are under way, or only when all have arrived: timeouts that are
            longer than any delay.
        messages : {"bag", "set", "fifo"}, optional
            Whether equal messages under way count, or are one, or every link keeps its order; as the network does it by
            default.
        partial_sends : bool, optional
            Whether a crash may take with it any of what the node has sent and what has not arrived: a process that dies
            in the middle of a broadcast. By default if timing is synchronous.
        mending : bool
            Whether crashed nodes are sure to come up again, and cuts to heal: matters for what comes eventually.
        crashable, partitionable : list of str, optional
            Whom crashes and partitions may hit; all nodes by default.
        history : bool
            Whether states remember in which order operations were asked and answered: for properties that look at
            ``view.history``.
        clock : {"refused", "frozen"}
            What a handler gets that reads its clock: an error, because an exploration cannot branch on it; or a clock
            that stands still.
        **options
            As for :func:`distlab.explore`: ``invariants, always, sometimes, eventually, max_states, symmetry, ...``.
            Predicates get a :class:`View` of the cluster.

        Returns
        -------
        Exploration
            Its counterexamples replay as clusters.

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.Cluster.of({"a": {"echo": {}}, "b": {"echo": {}}})
        >>> found = cluster.explore(calls={"a": [{"echo": {"ping": {"to": "b", "count": 2}}}]})
        >>> found.distinct, found.complete
        (6, True)
        """
        from .explore import explore

        if depth is not None:
            options["max_depth"] = depth
        return explore(self, **options)

    def replay(
        self,
        steps: Iterable[Any],
        *,
        calls: Mapping[str, Sequence[Any]] | None = None,
        strict: bool = True,
        invariants: bool | Iterable[str] = False,
        always: Mapping[str, Callable[[Any], object]] | None = None,
    ) -> Self:
        """A fork that has made the steps of a counterexample, in manual mode and with a full trace.

        Parameters
        ----------
        steps : iterable
            The steps, as data: :attr:`Counterexample.actions`.
        calls : mapping of str to list, optional
            The calls that :meth:`explore` was given.
        strict : bool
            Whether a step that is not possible is an error; otherwise the fork stands where it was to happen.
        invariants : bool or list of str
            The protocols' invariants to watch on the way.
        always : mapping of str to callable
            Predicates of the fork itself, looked at after every step.

        Raises
        ------
        InvariantViolation, PropertyViolation
            If an invariant or a predicate does not hold.
        StepImpossible
            If a step is not possible, and ``strict``.
        """
        from .exploring import replay

        return cast("Self", replay(self, list(steps), calls, strict, invariants, always or {}))

    # -- the rest -------------------------------------------------------------------------------------

    def _join(self, nodes: Mapping[str, Any]) -> None:
        """Adds nodes, and starts them."""
        self._world.spawn(dict(nodes))
        with self._explained():
            self._world.start_nodes()

    def _known(self, node: Any) -> str:
        if node not in self._world.names:
            raise UnknownNode(node, tuple(self._world.names))
        return cast(str, node)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Gives a violation what only the cluster knows: the trace, and the line that runs it again."""
        try:
            yield
        except InvariantViolation as violation:
            if violation.trace is None:
                violation.trace = self.trace
            if violation.replay is None:
                violation.replay = f"the same calls on a cluster with seed={violation.seed}"
            raise

    def __repr__(self) -> str:
        count = len(self.nodes)
        nodes = f"{count} node{'s' if count != 1 else ''}"
        return f"<{type(self).__name__} of {nodes} at {self.now:g} s, seed {self.seed}>"

    def _repr_html_(self) -> str:
        rows = [(name, "up" if self.up(name) else "down", self.status(name)) for name in self.nodes]
        head = list(dict.fromkeys(key for _, _, status in rows for key in status))
        lines = [[name, up, *(status.get(key, "") for key in head)] for name, up, status in rows]
        return table(["node", "", *head], lines, repr(self))


def load(source: bytes | str | os.PathLike[str], nodes: Sequence[type] = ()) -> Cluster:
    """A cluster from :meth:`Cluster.save`: its bytes, or the path of a file.

    A saved cluster is data: reading it runs no code. Clusters that hold nodes written in Python need the
    classes of those nodes given again.

    Parameters
    ----------
    source : bytes or path
        What was saved.
    nodes : sequence of type
        The classes of the nodes written in Python, and of their data.

    Raises
    ------
    SaveFileError
        If it is damaged, cut short, not a saved cluster, or of another version.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=4).run_for("1s")
    >>> again = dl.load(raft.save())
    >>> again.run_for("1s").fingerprint == raft.run_for("1s").fingerprint
    True
    """
    from .bank import Bank
    from .mutual_exclusion import MutualExclusion
    from .ntp import Berkeley, Cristian, Ntp
    from .raft import Raft
    from .three_phase_commit import ThreePhaseCommit
    from .transactions import Transactions
    from .truetime import TrueTime
    from .two_phase_commit import TwoPhaseCommit

    cluster = Cluster.load_from(source, nodes)
    commitment = (TwoPhaseCommit, ThreePhaseCommit)
    clocks = (Ntp, Cristian, Berkeley, TrueTime, MutualExclusion)
    facades: tuple[Any, ...] = (Raft, Transactions, *commitment, *clocks, Bank)
    for facade in facades:
        if facade._is_saved(cluster):
            return cast("Cluster", facade.load_from(source, nodes))
    return cluster


def _config(
    seed: int,
    network: Network | None,
    disk: Disk | None,
    service: Any,
    trace: str,
    manual: bool,
    limits: Mapping[str, int] | None,
) -> dict[str, Any]:
    """The core's configuration."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ParameterTypeError("seed", seed, "a whole number from 0 to 2**64 - 1")
    if not 0 <= seed < 2**64:
        raise ParameterError("seed", seed, "a whole number from 0 to 2**64 - 1")
    for name, value, kind in (("network", network, Network), ("disk", disk, Disk)):
        if value is not None and not isinstance(value, kind):
            raise ParameterTypeError(name, value, f"a distlab.{kind.__name__}")
    config: dict[str, Any] = {
        "seed": seed,
        "network": (network or Network()).to_data(),
        "disk": (disk or Disk()).to_data(),
        "trace": units.choice(trace, "trace", ("off", "summary", "full")),
        "manual": bool(manual),
    }
    if service is not None:
        config["service"] = distribution(service, "service")
    if limits is not None:
        allowed = ("pending", "instant", "effects", "trace_rows")
        config["limits"] = {units.choice(it, "limits", allowed): units.count(n, it) for it, n in limits.items()}
    return config


def _without_arguments(condition: Callable[..., object], cluster: Cluster) -> Callable[[], object]:
    """The condition as a callable without arguments: one that needs an argument is given the cluster."""
    import inspect

    try:
        parameters = inspect.signature(condition).parameters.values()
    except (TypeError, ValueError):
        return condition
    needed = [
        it for it in parameters if it.default is it.empty and it.kind in (it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD)
    ]
    return (lambda: condition(cluster)) if needed else condition


@contextmanager
def _bar(shown: bool, start_ns: int, end_ns: int) -> Iterator[Callable[[int, int], object] | None]:
    """A progress bar over simulated time, if wanted."""
    if not shown:
        yield None
        return
    from tqdm.auto import tqdm

    total = units.seconds(end_ns - start_ns)
    with tqdm(total=total, unit="s", bar_format="{l_bar}{bar}| {n:.2f}/{total:.2f} simulated s") as bar:

        def report(now_ns: int, _events: int) -> None:
            bar.update(units.seconds(now_ns - start_ns) - bar.n)

        yield report
        bar.update(total - bar.n)
