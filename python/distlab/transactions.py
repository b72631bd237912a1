"""Transactions on sharded data, kept apart by validation, by locks, or not at all (notes 2.6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import units
from ._core import nanoseconds
from .cluster import Cluster, Op, TraceLevel
from .errors import ParameterError, ParameterTypeError, UnknownNode
from .network import Disk, Network
from .units import Duration
from .workload import Keys, Load, Workload, Zipf

__all__ = ["Transaction", "TransactionClient", "Transactions", "Validation", "contention", "validate"]

CONTROLS = ("occ", "timestamp", "2pl", "none")
POLICIES = ("all", "validator", "minimum")
DEADLOCKS = ("detect", "wound_wait", "wait_die", "timeout")
VICTIMS = ("youngest", "fewest_locks")
MUTANTS = (
    "skip_read_validation",
    "skip_graph",
    "skip_pending",
    "skip_readers",
    "unlock_early",
    "skip_upgrade",
    "ignore_wound",
    "timeout_without_abort",
    "vote_before_sync",
    "commit_on_first_vote",
)

_OPERATIONS = {"get": (), "put": ("value",), "add": ("by",), "take": ("by",), "append": ("value",)}


class Transaction(Op):
    """A transaction that was asked of a client; it may still be under way.

    Attributes
    ----------
    status : str
        ``"pending"``, ``"ok"`` (committed), ``"fail"`` (aborted), ``"info"`` (nobody knows).
    result : list or None
        If it committed, what its ``get``, ``add`` and ``take`` read, in order.
    reason : str or None
        If it was aborted, why: ``"stale"``, ``"cycle"``, ``"timestamp"``, ``"wounded"``, ``"died"``,
        ``"deadlock"``, ``"timeout"``, ``"lost"``, ``"silent"``, ``"rollback"``, ``"wrong_type"``.
    attempts : int
        How many attempts it took; 0 until it has ended.
    accesses : list of (str, key, value)
        What it read and wrote, once it has ended: ``("r", key, value), ("w", key, value), ("append", key, element)``.
    """

    def _ended(self, what: str) -> dict[str, Any]:
        reply = self.reply["concurrency_control"] if isinstance(self.reply, dict) else {}
        found = reply.get(what, {})
        return found if isinstance(found, dict) else {}

    @property
    def result(self) -> list[Any] | None:
        done = self._ended("committed")
        return [value for kind, _, value in done["accesses"] if kind == "r"] if done else None

    @property
    def reason(self) -> str | None:
        reason = self._ended("aborted").get("reason")
        return None if reason is None else str(reason)

    @property
    def attempts(self) -> int:
        return int((self._ended("committed") or self._ended("aborted")).get("attempts", 0))

    @property
    def accesses(self) -> list[tuple[Any, ...]]:
        done = self._ended("committed") or self._ended("aborted")
        return [tuple(it) for it in done.get("accesses", ())]


class TransactionClient:
    """A client of a cluster: a node of its own that runs transactions."""

    def __init__(self, cluster: Transactions, name: str) -> None:
        self._cluster = cluster
        self.name = name

    def transaction(self, ops: Iterable[Sequence[Any]]) -> Transaction:
        """Run operations, in order, as one: all of them or none.

        Parameters
        ----------
        ops : iterable of tuple
            ``("get", key)``, ``("put", key, value)``, ``("add", key, amount)``, ``("take", key, amount)`` (rolls
            everything back if less than 0 would be left), ``("append", key, element)``.

        Returns
        -------
        Transaction

        Raises
        ------
        ParameterError
            If something is no such operation.

        Examples
        --------
        >>> import distlab as dl
        >>> bank = dl.Transactions(2, control="2pl", seed=1)
        >>> alice = bank.client("alice")
        >>> _ = bank.run_until(alice.transaction([("put", "x", 100), ("put", "y", 0)]))
        >>> move = alice.transaction([("add", "x", -30), ("add", "y", 30), ("get", "x"), ("get", "y")])
        >>> bank.run_until(move), move.status, move.result
        (True, 'ok', [100, 0, 70, 30])
        """
        call = {"concurrency_control": {"run": {"ops": [_operation(op) for op in ops]}}}
        return Transaction(self._cluster, self._cluster.call(self.name, call).number)

    def get(self, *keys: str) -> Transaction:
        """Read some keys, as of one moment."""
        return self.transaction([("get", key) for key in keys])

    def put(self, **values: Any) -> Transaction:
        """Write some keys, all at once: ``put(x=1, y=2)``."""
        return self.transaction([("put", key, value) for key, value in values.items()])

    def transfer(self, source: str, target: str, amount: int) -> Transaction:
        """Move an amount, if there is enough."""
        return self.transaction([("take", source, amount), ("add", target, amount)])

    def __repr__(self) -> str:
        return f"<TransactionClient {self.name} of {self._cluster!r}>"


class Transactions(Cluster):
    """Data servers, a coordinator, and clients that run transactions.

    Parameters
    ----------
    nodes : int or list of str
        How many data servers, or their names. The coordinator is called ``tc``.
    control : {"occ", "timestamp", "2pl", "none"}
        What keeps transactions apart: centralized optimistic control, where the coordinator looks for an order;
        distributed optimistic control, where every server validates its part in the order of timestamps; strict
        two-phase locking; or nothing. All but ``"none"`` are strict serializable.
    policy : {"validator", "all", "minimum"}
        Of ``"occ"``: who has to go if there is a cycle. Whoever closes it; all its members; as few as possible.
    batch : duration
        Of ``"occ"``: how long transactions are gathered to be validated together; 0: each by itself.
    deadlock : {"detect", "wound_wait", "wait_die", "timeout"}
        Of ``"2pl"``: what is done about deadlocks.
    victim : {"youngest", "fewest_locks"}
        Of ``deadlock="detect"``: who dies.
    lock_timeout : duration or (duration, duration)
        Of ``deadlock="timeout"``: how long anybody waits for a lock.
    placement : mapping of str to str, optional
        Which server keeps a key; the others are spread by a hash.
    attempts : int or None
        How often a client tries a transaction that is aborted; None: for ever.
    backoff : (duration, duration)
        How long it waits before it tries again; the longer one doubles with each attempt.
    retry : duration, (duration, duration) or None
        How long anybody waits for an answer before it asks again; None: nobody does.
    seed, network, disk, service, trace, manual, limits
        As for :class:`distlab.Cluster`.
    check_invariants : bool or list of str
        Whether to look at the invariants after every step: DecidedOnce, CommitDecided, NothingDropped,
        LocksCompatible, PreparedLocked, NoDeadlock, VersionsBehind.
    mutant : str, optional
        A rule that is broken, to test the tests: one of ``Transactions.mutants``.

    Raises
    ------
    ParameterError
        If there are no servers, a word is not known, a range is empty, ...

    Examples
    --------
    >>> import distlab as dl
    >>> stock = dl.Transactions(2, control="occ", seed=1)
    >>> trade = [("get", "A"), ("get", "B"), ("put", "A", 1), ("put", "B", 2)]
    >>> ops = [stock.client(name).transaction(trade) for name in ("alice", "bob")]
    >>> _ = stock.run_for("1s")
    >>> sorted((op.status, op.reason) for op in ops)
    [('fail', 'stale'), ('ok', None)]
    >>> stock.history.check("strict-serializable").ok
    True
    """

    mutants = MUTANTS

    def __init__(
        self,
        nodes: int | Sequence[str] = 3,
        *,
        control: str = "occ",
        policy: str = "validator",
        batch: Duration = 0.0,
        deadlock: str = "detect",
        victim: str = "youngest",
        lock_timeout: Duration | tuple[Duration, Duration] = ("50ms", "100ms"),
        placement: Mapping[str, str] | None = None,
        attempts: int | None = 1,
        backoff: Duration | tuple[Duration, Duration] = ("1ms", "10ms"),
        retry: Duration | tuple[Duration, Duration] | None = ("50ms", "100ms"),
        seed: int = 0,
        network: Network | None = None,
        disk: Disk | None = None,
        service: Any = None,
        trace: TraceLevel = "summary",
        check_invariants: bool | Iterable[str] = False,
        manual: bool = False,
        mutant: str | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        servers = units.names(nodes, "nodes")
        if "tc" in servers:
            raise ParameterError("nodes", servers, "names other than tc, which is the coordinator's")
        if mutant is not None:
            units.choice(mutant, "mutant", MUTANTS)
        pinned = dict(placement or {})
        for key, server in pinned.items():
            if server not in servers:
                raise ParameterError(f"placement[{key!r}]", server, "one of " + ", ".join(servers))
        locks = _deadlock(deadlock, victim, lock_timeout)
        self._servers = servers
        self._config = {
            "servers": servers,
            "coordinator": "tc",
            "control": _control(control, policy, batch, locks),
            "placement": pinned,
            "attempts": None if attempts is None else units.count(attempts, "attempts"),
            "backoff": units.span(backoff, "backoff"),
            "retry": None if retry is None else units.span(retry, "retry"),
            "mutant": mutant,
        }
        super().__init__(
            {
                **{name: {"concurrency_control": {"server": {"config": self._config}}} for name in servers},
                "tc": {"concurrency_control": {"coordinator": {"config": self._config}}},
            },
            seed=seed,
            network=network,
            disk=disk,
            service=service,
            trace=trace,
            check_invariants=check_invariants,
            manual=manual,
            limits=limits,
        )

    # -- who there is ---------------------------------------------------------------------------------

    @property
    def nodes(self) -> list[str]:
        """The names of the data servers and of the coordinator."""
        return [*self._servers, "tc"]

    @property
    def clients(self) -> list[str]:
        """The names of the clients."""
        others = set(self.nodes)
        return [name for name in self._world.names if name not in others]

    @staticmethod
    def _is_server(cluster: Cluster, name: str) -> bool:
        return cluster.status(name).get("part") == "server"

    @classmethod
    def _is_saved(cls, cluster: Cluster) -> bool:
        return any(cls._is_server(cluster, name) for name in cluster.nodes)

    def _restore(self) -> None:
        state, _ = self._world.state("tc")
        if state is None or "coordinator" not in state.get("concurrency_control", {}):
            allowed = "a saved cluster of transactions, with its coordinator up"
            raise ParameterError("source", self._world.names, allowed)
        self._config = state["concurrency_control"]["coordinator"]["config"]
        self._servers = list(self._config["servers"])

    def value(self, key: str) -> Any:
        """What a key holds now, on the disk of its server; None: nothing."""
        for server in self._servers:
            item = self._disk(server)["items"].get(key)
            if item is not None:
                return item["value"]
        return None

    def _disk(self, server: str) -> dict[str, Any]:
        if server not in self._servers:
            raise UnknownNode(server, tuple(self._servers))
        _, disk = self._world.state(server)
        found: dict[str, Any] = disk["concurrency_control"]
        return found

    def values(self) -> dict[str, Any]:
        """What all keys hold now, on the disks of their servers."""
        found = {key: item["value"] for server in self._servers for key, item in self._disk(server)["items"].items()}
        return dict(sorted(found.items()))

    def aborts(self) -> dict[str, int]:
        """How many attempts were aborted, by reason."""
        notes = self.metrics["notes"]
        return {label.removeprefix("abort: "): n for label, n in notes.items() if label.startswith("abort: ")}

    # -- clients --------------------------------------------------------------------------------------

    def client(self, name: str) -> TransactionClient:
        """The client of that name; it joins when it is first named."""
        if not isinstance(name, str) or not name:
            raise ParameterTypeError("name", name, "the name of a client")
        if name in self.nodes:
            raise ParameterError("name", name, "a name that is not a server's")
        if name not in self._world.names:
            self._join({name: {"concurrency_control": {"client": {"config": self._config}}}})
        return TransactionClient(self, name)

    def workload(
        self,
        clients: int | Sequence[str] = 1,
        *,
        rate: float | None = None,
        arrivals: str = "poisson",
        think: Any = 0.0,
        keys: Keys | int | None = None,
        width: int | tuple[int, int] = 2,
        reads: float = 0.5,
        mix: str | Mapping[str, float] | None = None,
        start: Duration | None = None,
        until: Duration | None = None,
        limit: int | None = None,
    ) -> Load:
        """Put a load on clients.

        Parameters
        ----------
        clients : int or list of str
            How many clients (``c0, c1, ...``), or their names.
        rate, arrivals, think, keys, width, reads, until, limit
            As for :class:`distlab.Workload`.
        mix : str or mapping, optional
            ``"stock"`` (get two, put two), ``"bank"`` (move an amount from one account to another, sometimes look
            at two), or as for :class:`distlab.Workload`.
        start : duration, optional
            When it begins; now otherwise.

        Examples
        --------
        >>> import distlab as dl
        >>> bank = dl.Transactions(2, control="2pl", deadlock="wound_wait", attempts=None, seed=2)
        >>> load = bank.workload(clients=4, mix="bank", keys=dl.Zipf(10), limit=200)
        >>> _ = bank.run_for("60s")
        >>> load.counts()["ok"], sum(bank.values().values())
        (200, 0)
        """
        names = [self.client(name).name for name in units.names(clients, "clients", "c")]
        begin = self.now if start is None else start
        earlier = len(self._world.history()["called_ns"])
        mixes = {"stock": {"read_modify_write": 1.0}, "bank": {"transfer": 0.9, "read": 0.1}}
        chosen = mixes[mix] if isinstance(mix, str) and mix in mixes else mix
        options = {"keys": keys, "width": width, "reads": reads, "mix": chosen, "until": until, "limit": limit}
        return self.load(
            Workload(names, rate, arrivals, think, start=begin, first_value=earlier + 1, **options)  # type: ignore[arg-type]
        )


def _control(control: str, policy: str, batch: Duration, locks: Any) -> Any:
    units.choice(policy, "policy", POLICIES)
    window = nanoseconds(batch, "batch")
    match units.choice(control, "control", CONTROLS):
        case "occ":
            return {"graph": {"policy": policy, "batch": window}}
        case "timestamp":
            return "timestamp"
        case "2pl":
            return {"locking": {"deadlock": locks}}
        case _:
            return "nothing"


def _deadlock(deadlock: str, victim: str, timeout: Any) -> Any:
    units.choice(victim, "victim", VICTIMS)
    after = units.span(timeout, "lock_timeout")
    match units.choice(deadlock, "deadlock", DEADLOCKS):
        case "detect":
            return {"detect": {"victim": victim}}
        case "timeout":
            return {"timeout": {"after": after}}
        case other:
            return other


def _operation(op: Any) -> dict[str, Any]:
    allowed = (
        '("get", key), ("put", key, value), ("add", key, amount), ("take", key, amount) or ("append", key, element)'
    )
    if isinstance(op, str) or not isinstance(op, Sequence) or not op or op[0] not in _OPERATIONS:
        raise ParameterError("ops", op, allowed)
    kind, *rest = op
    names = ("key", *_OPERATIONS[kind])
    if len(rest) != len(names) or not isinstance(rest[0], str):
        raise ParameterError("ops", op, allowed)
    if names[-1] == "by" and (isinstance(rest[1], bool) or not isinstance(rest[1], int)):
        raise ParameterTypeError("ops", op, "a whole number as the amount")
    return {kind: dict(zip(names, rest, strict=True))}


class Validation(NamedTuple):
    """What a validation says: who may commit in which order, who must abort, and a cycle if there is one."""

    order: list[str]
    aborted: list[str]
    cycle: list[str] | None


def validate(transactions: Mapping[str, str], policy: str = "all") -> Validation:
    """Whether transactions have a serial order: the validation of centralized OCC (notes, Example 6.1).

    Parameters
    ----------
    transactions : mapping of str to str
        Each transaction in the notation of the notes: ``"Rx0 Wx1"`` reads version 0 of x and makes version 1.
    policy : {"all", "validator", "minimum"}
        Who has to go if there is a cycle: all its members, whoever closes it, or as few as possible.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.validate({"T1": "Rx0 Wx1", "T2": "Rz0 Wz9", "T3": "Ry1 Rx1", "T4": "Rx0 Wy1"}).order
    ['T4', 'T1', 'T3', 'T2']
    >>> dl.validate({"T1": "Rx0 Wx1", "T2": "Rx0 Wy1", "T3": "Ry0 Rx1"})
    Validation(order=[], aborted=['T1', 'T2', 'T3'], cycle=['T2', 'T1', 'T3'])
    """
    units.choice(policy, "policy", POLICIES)
    names = list(transactions)
    cluster = Transactions(1, trace="off")
    batch = [_footprint(name, text) for name, text in transactions.items()]
    op = cluster.call("tc", {"concurrency_control": {"validate": {"batch": batch, "policy": policy}}})
    cluster.run_until(op)
    verdict = op.reply["concurrency_control"]["validated"]["verdict"]
    order, aborted, cycle = verdict["order"], verdict["aborted"], verdict["cycle"]
    return Validation(
        [names[it] for it in order],
        [names[it] for it in aborted],
        None if cycle is None else [names[it] for it in cycle],
    )


def _footprint(name: str, text: Any) -> dict[str, Any]:
    found: dict[str, list[tuple[str, int]]] = {"reads": [], "writes": []}
    for word in text.split() if isinstance(text, str) else [""]:
        key = word[1:].rstrip("0123456789")
        version = word[1 + len(key) :]
        if word[:1] not in ("R", "W") or not key or not version:
            raise ParameterError(f"transactions[{name!r}]", text, 'accesses such as "Rx0 Wx1"')
        found["reads" if word[0] == "R" else "writes"].append((key, int(version)))
    return found


def contention(
    controls: Mapping[str, Mapping[str, Any]] | None = None,
    skews: Sequence[float] = (0.0, 0.5, 0.8, 1.0, 1.2, 1.5),
    *,
    clients: int = 8,
    keys: int = 1_000,
    width: int = 2,
    mix: str | Mapping[str, float] = "bank",
    servers: int = 4,
    service: Any = "50us",
    network: Network | None = None,
    duration: Duration = "2s",
    seed: int = 0,
) -> dict[str, NDArray[Any]]:
    """What contention costs: throughput, aborts and latency of each control as keys grow more popular.

    Clients work in a closed loop, without thinking; what is aborted is tried again until it commits.

    Parameters
    ----------
    controls : mapping of str to mapping, optional
        What to compare: names, each with options of :class:`Transactions`. OCC, timestamps and locking otherwise.
    skews : sequence of float
        Exponents of the Zipf distribution of keys; 0: all alike.
    clients, keys, width, mix, servers
        How many clients, keys, keys a transaction, which transactions, how many data servers.
    service : Distribution, duration, or pair of durations
        How long a node takes for each message: what makes them queue.
    network : Network, optional
        How messages travel.
    duration : duration
        How long each run is measured.
    seed : int
        Of every run.

    Returns
    -------
    dict of str to numpy array
        One row a run: ``control, skew, throughput`` (commits a second), ``abort_rate`` (aborted attempts of all),
        ``latency_p50, latency_p99`` (seconds), ``commits``.

    Examples
    --------
    >>> import distlab as dl
    >>> table = dl.contention({"occ": {"control": "occ"}}, (0.0, 1.5), duration="500ms", clients=8)
    >>> bool(table["abort_rate"][0] < table["abort_rate"][1])
    True
    """
    usual = {"occ": {"control": "occ"}, "timestamp": {"control": "timestamp"}, "2pl": {"control": "2pl"}}
    rows = []
    for name, options in (usual if controls is None else controls).items():
        for skew in skews:
            cluster = Transactions(
                servers,
                **{"attempts": None, **options},
                seed=seed,
                network=network or Network(latency=("200us", "300us")),
                service=service,
                trace="summary",
            )
            load = cluster.workload(clients, keys=Zipf(keys, skew), width=width, mix=mix)
            cluster.run_for(duration)
            commits, aborts = load.counts()["ok"], sum(cluster.aborts().values())
            p50, p99 = load.latency.quantile([0.5, 0.99])
            rate = aborts / max(commits + aborts, 1)
            rows.append((name, skew, commits / cluster.now, rate, p50, p99, commits))
    labels = ("control", "skew", "throughput", "abort_rate", "latency_p50", "latency_p99", "commits")
    return {label: np.array(column) for label, column in zip(labels, zip(*rows, strict=True), strict=True)}
