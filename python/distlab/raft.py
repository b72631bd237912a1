"""Raft: consensus by an elected leader that replicates its log (notes 2.3; Ongaro and Ousterhout 2014)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from . import units
from .cluster import Cluster, Op, TraceLevel
from .errors import ParameterError, ParameterTypeError, UnknownNode
from .membership import Membership, committed_index, vote_result
from .network import Disk, Network
from .units import Duration
from .workload import Keys, Load, Workload

__all__ = ["Client", "Entry", "Membership", "Raft", "committed_index", "vote_result"]

READ_MODES = ("log", "read_index", "local")
MUTANTS = (
    "vote_twice",
    "no_log_check",
    "vote_before_sync",
    "minority_quorum",
    "commit_old_term",
    "count_before_sync",
    "ack_before_sync",
    "commit_beyond_match",
    "no_truncate",
    "truncate_always",
    "no_consistency_check",
    "no_dedup",
    "read_without_round",
)


class Entry(NamedTuple):
    """An entry of a log; ``command`` is None for the no-op at the beginning of a term."""

    index: int  # type: ignore[assignment]  # a log's index, rather than tuple.index
    term: int
    command: Any


class Client:
    """A client of a cluster: a node of its own that finds the leader, and asks again until it is answered.

    Its commands carry a session and a serial number, so that each is carried out once however often it is sent.
    """

    def __init__(self, cluster: Raft, name: str) -> None:
        self._cluster = cluster
        self.name = name

    def execute(self, op: Any) -> Op:
        """Have any operation carried out: a dict such as ``{"put": {"key": "x", "value": 1}}``."""
        return self._cluster.call(self.name, {"raft": {"execute": {"op": _operation(op)}}})

    def put(self, key: str, value: Any) -> Op:
        """Write a value: None, a bool, an int, a str, or a list of these."""
        return self.execute({"put": {"key": key, "value": value}})

    def get(self, key: str) -> Op:
        """Read a value; None if the key was never written."""
        return self.execute({"get": {"key": key}})

    def cas(self, key: str, expect: Any, value: Any) -> Op:
        """Write a value if the present one is ``expect``; the result says whether."""
        return self.execute({"cas": {"key": key, "expected": expect, "value": value}})

    def append(self, key: str, value: Any) -> Op:
        """Append to a list or a text."""
        return self.execute({"append": {"key": key, "value": value}})

    def delete(self, key: str) -> Op:
        """Remove a key."""
        return self.execute({"delete": {"key": key}})

    def swap(self, key: str, value: Any) -> Op:
        """Write a value; the result is the one before it."""
        return self.execute({"swap": {"key": key, "value": value}})

    def scan(self, key: str, count: int) -> Op:
        """Read up to ``count`` keys in order, from ``key`` on."""
        return self.execute({"scan": {"key": key, "count": count}})

    def add(self, amount: int = 1) -> Op:
        """Add to the counter (``machine="counter"``); the result is its new value."""
        return self.execute({"add": {"by": amount}})

    def read(self) -> Op:
        """Read the counter."""
        return self.execute("read")

    def __repr__(self) -> str:
        return f"<Client {self.name} of {self._cluster!r}>"


class Raft(Cluster):
    """A Raft cluster.

    Parameters
    ----------
    nodes : int or list of str
        How many servers, or their names.
    seed : int
        Where all chance comes from.
    network, disk, service, trace, manual, limits
        As for :class:`distlab.Cluster`.
    election_timeout : duration or (duration, duration)
        How long a server waits for a leader before it runs itself: drawn anew each time from this range.
    heartbeat : duration
        How often a leader is heard; below the shortest election timeout.
    noop : bool
        Whether a leader begins its term with an entry that does nothing, so that it can commit at once.
    machine : {"kv", "counter"}
        What the log drives.
    max_entries : int
        How many entries one AppendEntries carries at most.
    max_inflight : int
        How many AppendEntries with entries may be under way to one server.
    sessions : bool
        Whether a client's repeated command is recognized, and answered from memory.
    read_mode : {"log", "read_index", "local"}
        How clients read: through the log; by the leader once a majority has confirmed it; or from whoever is
        asked, possibly stale.
    retry : duration or (duration, duration)
        How long a client waits for an answer before it asks somebody else.
    unsafe_skip_sync : bool
        Whether servers answer before their writes are durable (``Disk(fsync=False)``): what skipping fsync breaks.
    check_invariants : bool or list of str
        Whether to look at the invariants after every step: ElectionSafety, LeaderAppendOnly, LogMatching,
        LeaderCompleteness, StateMachineSafety, Monotonic, VoteOnce, StateOrdering.
    mutant : str, optional
        A rule that every server breaks, to test the tests: one of ``Raft.mutants``.

    Raises
    ------
    ParameterError
        If there are no nodes, the heartbeat is not below the election timeout, a range is empty, ...

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(5, seed=7)
    >>> raft.run_until(raft.has_leader)
    True
    >>> op = raft.client("alice").put("x", 1)
    >>> raft.run_until(op), op.status
    (True, 'ok')
    """

    mutants = MUTANTS

    def __init__(
        self,
        nodes: int | Sequence[str] = 5,
        *,
        seed: int = 0,
        network: Network | None = None,
        election_timeout: Duration | tuple[Duration, Duration] = ("150ms", "300ms"),
        heartbeat: Duration = "50ms",
        disk: Disk | None = None,
        manual: bool = False,
        noop: bool = True,
        machine: str = "kv",
        max_entries: int = 256,
        max_inflight: int = 256,
        sessions: bool = True,
        read_mode: str = "log",
        retry: Duration | tuple[Duration, Duration] = ("100ms", "200ms"),
        unsafe_skip_sync: bool = False,
        service: Any = None,
        trace: TraceLevel = "summary",
        check_invariants: bool | Iterable[str] = False,
        mutant: str | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        servers = units.names(nodes, "nodes")
        timeout = units.span(election_timeout, "election_timeout")
        beat = units.positive(heartbeat, "heartbeat")
        if timeout["min"] == 0:
            raise ParameterError("election_timeout", election_timeout, "durations above 0")
        if beat >= timeout["min"]:
            allowed = f"below the shortest election timeout ({units.seconds(timeout['min']) * 1e3:g} ms)"
            raise ParameterError("heartbeat", heartbeat, allowed)
        if mutant is not None:
            units.choice(mutant, "mutant", MUTANTS)
        config = {
            "voters": servers,
            "election_timeout": timeout,
            "heartbeat": beat,
            "noop": bool(noop),
            "machine": units.choice(machine, "machine", ("kv", "counter")),
            "max_entries": units.count(max_entries, "max_entries"),
            "max_inflight": units.count(max_inflight, "max_inflight"),
            "sessions": bool(sessions),
            "mutant": mutant,
        }
        units.choice(read_mode, "read_mode", READ_MODES)
        patience = units.span(retry, "retry")
        if patience["min"] == 0:
            raise ParameterError("retry", retry, "durations above 0")
        if unsafe_skip_sync:
            disk = Disk(sync=(disk or Disk(sync="100ms")).sync, fsync=False)
        self._servers = servers
        self._client_config = {"servers": servers, "retry": patience, "read_mode": read_mode}
        super().__init__(
            {name: {"raft": {"server": {"config": config}}} for name in servers},
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
        """The names of the servers."""
        return list(self._servers)

    @property
    def clients(self) -> list[str]:
        """The names of the clients."""
        servers = set(self._servers)
        return [name for name in self._world.names if name not in servers]

    @property
    def leader(self) -> str | None:
        """The live server that leads in the latest term; None if nobody does."""
        leading = [(status["term"], name) for name, status in self._live() if status["role"] == "leader"]
        return max(leading)[1] if leading else None

    def has_leader(self) -> bool:
        """Whether a live server leads in the latest term that any live server has seen."""
        live = [status for _, status in self._live()]
        term = max((status["term"] for status in live), default=0)
        return any(status["role"] == "leader" and status["term"] == term for status in live)

    def _live(self) -> list[tuple[str, dict[str, Any]]]:
        return [(name, self._world.status(name)) for name in self._servers if self._world.is_up(name)]

    def _server(self, node: Any) -> str:
        if node not in self._servers:
            raise UnknownNode(node, tuple(self._servers))
        return str(node)

    @staticmethod
    def _is_server(cluster: Cluster, name: str) -> bool:
        return "voted_for" in cluster.status(name)

    @classmethod
    def _is_saved(cls, cluster: Cluster) -> bool:
        return any(cls._is_server(cluster, name) for name in cluster.nodes)

    def _restore(self) -> None:
        names = self._world.names
        self._servers = [name for name in names if self._is_server(self, name)]
        if not self._servers:
            raise ParameterError("source", names, "a saved Raft cluster", "the saved cluster has no Raft servers")
        self._client_config = {"servers": self._servers}
        for name in self.clients:
            state, _ = self._world.state(name)
            if state is not None and "client" in state.get("raft", {}):
                self._client_config = state["raft"]["client"]["config"]

    def status(self, node: str) -> dict[str, Any]:
        """A few named facts about a server or client, cheap to read: ``role, term, voted_for, leader, commit, ...``."""
        facts, names = super().status(node), self._world.names
        return {
            key: names[it] if key in ("voted_for", "leader") and it is not None else it for key, it in facts.items()
        }

    def state(self, node: str) -> dict[str, Any]:
        """Everything about a server.

        Returns
        -------
        dict
            ``role`` ("follower", "candidate", "leader", "down"), ``term, voted_for, leader``, ``log`` (a list of
            :class:`Entry`), ``log_first`` (the index of the first entry), ``commit, applied``, ``next_index`` and
            ``match_index`` (of a leader: by server), ``progress`` (likewise), ``config``, ``machine`` (the state
            machine's contents), ``durable`` (whether everything written is).

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a"], seed=1)
        >>> _ = raft.run_for("1s")
        >>> raft.state("a")["role"], raft.state("a")["log"]
        ('leader', [Entry(index=1, term=1, command=None)])
        """
        live, disk = self._world.state(self._server(node))
        disk = disk["raft"]
        first = disk["log"]["first"]
        log = [
            Entry(first + i, entry["term"], _command(entry["command"]))
            for i, entry in enumerate(disk["log"]["entries"])
        ]
        durable = {"term": disk["term"], "voted_for": disk["voted_for"], "log": log, "log_first": first}
        if live is None:
            return {"role": "down", "leader": None, "commit": 0, "applied": 0, **durable}
        server = live["raft"]["server"]
        role = server["role"]
        peers = role["leader"]["peers"] if isinstance(role, dict) else []
        return {
            "role": "leader" if isinstance(role, dict) else role,
            "leader": server["leader"],
            "commit": server["commit"],
            "applied": server["applied"],
            **durable,
            "next_index": {peer["id"]: peer["next_index"] for peer in peers},
            "match_index": {peer["id"]: peer["match_index"] for peer in peers},
            "progress": {peer["id"]: peer["progress"] for peer in peers},
            "config": server["config"],
            "machine": server["replica"],
        }

    def config(self) -> dict[str, Any]:
        """The members of the cluster."""
        return {"voters": list(self._servers), "learners": []}

    # -- clients --------------------------------------------------------------------------------------

    def client(self, name: str) -> Client:
        """The client of that name; it joins when it is first named."""
        if not isinstance(name, str) or not name:
            raise ParameterTypeError("name", name, "the name of a client")
        if name in self._servers:
            raise ParameterError("name", name, "a name that is not a server's")
        if name not in self._world.names:
            self._join({name: {"raft": {"client": {"config": self._client_config}}}})
        return Client(self, name)

    def workload(
        self,
        clients: int | Sequence[str] = 1,
        *,
        rate: float | None = None,
        arrivals: str = "poisson",
        think: Any = 0.0,
        keys: Keys | int | None = None,
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
        rate, arrivals, think, keys, reads, mix, until, limit
            As for :class:`distlab.Workload`.
        start : duration, optional
            When it begins; now otherwise.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=2)
        >>> load = raft.workload(clients=8, mix="A", limit=1_000)
        >>> _ = raft.run_for("10s")
        >>> load.counts()
        {'ok': 1000, 'fail': 0, 'info': 0}
        """
        names = [self.client(name).name for name in units.names(clients, "clients", "c")]
        begin = self.now if start is None else start
        earlier = len(self._world.history()["called_ns"])
        options = {"keys": keys, "reads": reads, "mix": mix, "until": until, "limit": limit}
        return self.load(
            Workload(names, rate, arrivals, think, start=begin, first_value=earlier + 1, **options)  # type: ignore[arg-type]
        )

    def propose(self, node: str, command: Any) -> Op:
        """Ask a server itself to replicate a command: a dict, or a tuple such as ``("put", "x", 5)``.

        A server that does not lead answers with status ``"fail"`` and ``reply["not_leader"]["hint"]``; one that
        leads with the entry's index and term in ``reply["done"]`` once it is applied.
        """
        return self.call(self._server(node), {"raft": {"propose": {"op": _operation(command)}}})

    def read(self, node: str, mode: str = "log", key: str | None = None) -> Op:
        """Ask a server itself to read: a key, or without one the counter.

        Parameters
        ----------
        node : str
            Whom to ask.
        mode : {"log", "read_index", "local"}
            Through the log; confirmed by a majority; or from what it has, possibly stale.
        key : str, optional
            Which key.
        """
        op = "read" if key is None else {"get": {"key": key}}
        mode = units.choice(mode, "mode", READ_MODES)
        return self.call(self._server(node), {"raft": {"read": {"op": op, "mode": mode}}})

    # -- by hand --------------------------------------------------------------------------------------

    def campaign(self, node: str) -> Self:
        """A server's election timer goes off."""
        return self.fire(self._server(node), {"raft": "election"})

    def beat(self, node: str) -> Self:
        """A leader's heartbeat timer goes off."""
        return self.fire(self._server(node), {"raft": "heartbeat"})

    def set_state(
        self,
        node: str,
        *,
        term: int | None = None,
        voted_for: Any = ...,
        log: Sequence[Any] | None = None,
        commit: int | None = None,
        leader: Any = ...,
    ) -> Self:
        """Prefabricate a server: what is not given stays.

        Parameters
        ----------
        node : str
            Which server; it becomes a follower.
        term : int
            Its current term.
        voted_for, leader : str or None
            Whom it voted for in that term, and who leads it.
        log : sequence of int or Entry
            The terms of its entries, or the entries.
        commit : int
            Its commit index. What it has applied is applied anew.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, manual=True)
        >>> raft.set_state("n0", term=8, log=[1, 1, 1, 4, 4, 5, 5, 6, 6, 6]).state("n0")["term"]
        8
        """
        live, disk = self._world.state(self._server(node))
        if live is None:
            raise ParameterError("node", node, "a server that is up")
        server, raft = live["raft"]["server"], disk["raft"]
        if term is not None:
            raft["term"] = units.count(term, "term", least=0)
            raft["voted_for"] = None
        if voted_for is not ...:
            raft["voted_for"] = voted_for
        if log is not None:
            raft["log"] = {"first": 1, "entries": [_entry(it, i) for i, it in enumerate(log)]}
        last = raft["log"]["first"] + len(raft["log"]["entries"]) - 1
        config = server["config"]
        upto = min(server["commit"], last) if commit is None else units.count(commit, "commit", least=0)
        if upto > last:
            raise ParameterError("commit", commit, f"an index of the log: at most {last}")
        fresh = {"config": config, "commit": upto, "leader": server["leader"] if leader is ... else leader}
        self._world.edit(node, {"raft": {"server": {**fresh, "applied": 0}}}, disk)
        return self

    # -- experiments ----------------------------------------------------------------------------------

    def timeline(self) -> dict[str, Any]:
        """Who had which role in which term since when, as columns ``time, node, role, term`` and ``names``."""
        from .plot import role_changes

        return role_changes(self.trace.columns)

    def plot_timeline(self, ax: Any = None, **options: Any) -> Any:
        """The role of every server over time: :func:`distlab.plot.timeline`."""
        from .plot import fault_intervals, timeline

        defaults = {"faults": fault_intervals(self.trace.columns, self.now), "until": self.now, "seed": self.seed}
        return timeline(self.timeline(), ax, **{**defaults, **options})


def _operation(command: Any) -> Any:
    """An operation as data: ``("put", "x", 5)`` is short for ``{"put": {"key": "x", "value": 5}}``."""
    if not isinstance(command, tuple):
        return command
    fields = {"get": 1, "put": 2, "append": 2, "delete": 1, "swap": 2, "add": 1, "read": 0, "cas": 3, "scan": 2}
    allowed = "a dict such as {'put': {'key': 'x', 'value': 5}}, or a tuple such as ('put', 'x', 5)"
    if not command or fields.get(command[0]) != len(command) - 1:
        raise ParameterError("command", command, allowed)
    kind, *values = command
    names = {
        "add": ["by"],
        "cas": ["key", "expected", "value"],
        "scan": ["key", "count"],
    }.get(kind, ["key", "value"])
    return {kind: dict(zip(names, values, strict=False))} if values else kind


def _command(command: Any) -> Any:
    """What an entry tells the state machine; None for a no-op."""
    return None if command == "noop" else command["apply"]["op"]


def _entry(value: Any, position: int) -> dict[str, Any]:
    """An entry as data, from a term or an :class:`Entry`."""
    if isinstance(value, Entry):
        command = "noop" if value.command is None else {"apply": {"session": None, "op": _operation(value.command)}}
        return {"term": units.count(value.term, f"log[{position}].term"), "command": command}
    return {"term": units.count(value, f"log[{position}]"), "command": "noop"}
