"""Raft: consensus by an elected leader that replicates its log (notes 2.3; Ongaro and Ousterhout 2014)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from . import units
from .cluster import Cluster, Op, TraceLevel
from .compaction import Compaction, LogSnapshot, contents
from .errors import ParameterError, ParameterTypeError, UnknownNode
from .history import History
from .membership import Membership, committed_index, vote_result
from .network import Disk, Network
from .portrait import LogPortrait, Portrait
from .prefabricated import Entry, edit_disk, follower
from .raft_client import Client, operation
from .raft_options import (
    MUTANTS,
    READ_MODES,
    client_config,
    known_sessions,
    lease_bound,
    listed,
    machine_kind,
    machine_spec,
    members,
    timing,
)
from .raft_portrait import VERBS, portrait
from .raft_session import MARK, Session, retried
from .units import Duration
from .workload import Commands, Keys, Load, Workload, for_machine

__all__ = [
    "Client",
    "Compaction",
    "Entry",
    "LogSnapshot",
    "Membership",
    "Raft",
    "Session",
    "committed_index",
    "vote_result",
]

MEMBERSHIP = {"state": {"raft": {"server": {"config": True, "members": True, "applied": True}}}}
"""The parts of a server's state that say who belongs to the cluster."""

ADMINISTRATION = ("transfer", "forget_leader", "change_membership", "compact")


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
    machine : {"kv", "counter", "lock", "queue", "list"} or class
        What the log drives: keys and values, a number, locks, queues, lists that only grow; or a class of one's own,
        with ``apply(command)`` and perhaps ``query(question)``, ``snapshot()`` and ``restore(state)`` (without these
        two its state is what its attributes hold). It must be deterministic, and ``query`` must change nothing; an
        exception halts the cluster.
    compaction : Compaction or int, optional
        When a server takes a snapshot in place of the beginning of its log: a number means after so many entries;
        None: only when it is asked to.
    max_entries : int
        How many entries one AppendEntries carries at most.
    max_inflight : int
        How many AppendEntries with entries may be under way to one server.
    sessions : bool
        Whether a client's repeated command is recognized, and answered from memory.
    session_limit : int, optional
        How many sessions are remembered, those used last; without it all are. A client has one for every operation
        that it has open at once. A command of a session that is forgotten ends as "info", and is not carried out again.
    read_mode : {"log", "read_index", "local", "lease", "follower", "session"}
        How clients read: through the log; by the leader once a majority has confirmed it; from whoever is asked,
        possibly stale; by the leader at once while it has a lease (see ``lease_drift``); from whoever is asked
        once it has come as far as the leader was; or from whoever is asked once it has come as far as this client has
        seen, unless it has crashed since (sequentially consistent).
    retry : duration or (duration, duration)
        How long a client waits for an answer before it asks somebody else.
    prevote : bool
        Whether a server begins a new term only when a majority says that it would vote for it.
    check_quorum : bool
        Whether a leader that has not heard a majority for the shortest election timeout steps down.
    leader_liveness : bool
        Whether a server that has heard a leader within the shortest election timeout ignores candidates, so that
        removed servers disturb nobody.
    learners : list of str
        Servers besides that receive the log, and do not count.
    conf_effective : {"append", "apply"}
        From when on a configuration in the log holds: as soon as a server has it, or when it is applied (as in
        etcd; here unsafe, since a server that comes up has forgotten what is committed).
    catch_up_rounds : int
        In how many rounds a new server must catch up before its vote counts; 0: it counts at once.
    lease_drift : float, optional
        By what part the speed of any clock is wrong at most: then leaders have leases, of
        ``(1 - lease_drift) / (1 + lease_drift)`` of the shortest election timeout. Needs ``leader_liveness``, and is
        unsafe where clocks drift by more, or jump.
    unsafe_skip_sync : bool
        Whether servers answer before their writes are durable (``Disk(fsync=False)``): what skipping fsync breaks.
    check_invariants : bool or list of str
        Whether to look at the invariants after every step: ElectionSafety, LeaderAppendOnly, LogMatching,
        LeaderCompleteness, StateMachineSafety, CommittedOnQuorum, Monotonic, VoteOnce, StateOrdering,
        MaxOneReconfigurationAtATime, ConfigurationInLog, SnapshotSafety.
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
    _verbs = VERBS

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
        machine: str | type = "kv",
        compaction: Compaction | int | None = None,
        max_entries: int = 256,
        max_inflight: int = 256,
        sessions: bool = True,
        session_limit: int | None = None,
        read_mode: str = "log",
        retry: Duration | tuple[Duration, Duration] = ("100ms", "200ms"),
        prevote: bool = False,
        check_quorum: bool = False,
        leader_liveness: bool = False,
        learners: Sequence[str] = (),
        conf_effective: str = "append",
        catch_up_rounds: int = 10,
        lease_drift: float | None = None,
        unsafe_skip_sync: bool = False,
        service: Any = None,
        trace: TraceLevel = "summary",
        check_invariants: bool | Iterable[str] = False,
        mutant: str | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        voters, listening = members(nodes, learners)
        timeout, beat = timing(election_timeout, heartbeat)
        flags = {"noop": noop, "sessions": sessions, "prevote": prevote}
        flags |= {"check_quorum": check_quorum, "leader_liveness": leader_liveness}
        config: dict[str, Any] = {
            **{name: bool(flag) for name, flag in flags.items()},
            "voters": voters,
            "election_timeout": timeout,
            "heartbeat": beat,
            "machine": machine_kind(machine),
            "compaction": Compaction.of(compaction).to_data(),
            "max_entries": units.count(max_entries, "max_entries"),
            "max_inflight": units.count(max_inflight, "max_inflight"),
            "session_limit": known_sessions(session_limit, sessions),
            "tell_index": read_mode == "session",
            "mutant": None if mutant is None else units.choice(mutant, "mutant", MUTANTS),
            "learners": listening,
            "conf_effective": units.choice(conf_effective, "conf_effective", ("append", "apply")),
            "catch_up_rounds": units.count(catch_up_rounds, "catch_up_rounds", least=0),
            "lease_drift_ppm": lease_bound(lease_drift, leader_liveness, read_mode),
        }
        if unsafe_skip_sync:
            disk = Disk(sync=(disk or Disk(sync="100ms")).sync, fsync=False)
        self._servers, self._ticks = (servers := voters + listening), _no_ticks()
        self._server_config: dict[str, Any] = config
        self._client_config = client_config(servers, retry, read_mode, session_limit is not None)
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
        """The names of the servers, members of the cluster or not."""
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
        """Whether a live server leads in the latest term that any live server has seen.

        Servers that do not belong to the leader's cluster may go through terms of their own.
        """
        live = dict(self._live())
        leading = [(status["term"], name) for name, status in live.items() if status["role"] == "leader"]
        if not leading:
            return False
        term, leader = max(leading)
        later = {name for name, status in live.items() if status["term"] > term}
        return not later or later.isdisjoint(_voters(self.membership(leader)))

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
        self._server_config, self._ticks = {}, _no_ticks()
        for name in reversed(self._servers):
            state, _ = self._world.state(name)
            if state is not None:
                self._server_config = state["raft"]["server"]["config"]
        # Of clients that have not been there the file says no more than what their servers expect.
        self._client_config = {
            "servers": self._servers,
            "read_mode": "session" if self._server_config.get("tell_index") else "log",
            "register": self._server_config.get("session_limit") is not None,
        }
        for name in self.clients:
            state, _ = self._world.state(name)
            if state is not None and "client" in state.get("raft", {}):
                config = {**state["raft"]["client"]["config"], "servers": self._servers}
                self._client_config = {key: it for key, it in config.items() if key != "max_lanes"}

    def fork(self, seed: int | None = None) -> Self:
        copy = super().fork(seed)
        copy._servers, copy._ticks = (
            list(self._servers),
            {name: (at, dict(it)) for name, (at, it) in self._ticks.items()},
        )
        copy._client_config = {**self._client_config, "servers": copy._servers}
        return copy

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
            ``role`` ("follower", "pre_candidate", "candidate", "leader", "down"), ``term, voted_for, leader``,
            ``log`` (a list of :class:`Entry`), ``log_first`` (the index of the first entry), ``commit, applied``,
            ``next_index`` and ``match_index`` (of a leader: by server), ``progress`` (likewise), ``config``,
            ``membership`` (the :class:`Membership` that holds for it), ``machine`` (the state machine's
            contents), ``snapshot`` (the :class:`LogSnapshot` that stands for the beginning of the log, or None),
            ``incoming`` (of a snapshot that arrives: ``index`` and ``bytes`` so far; or None), ``sessions`` (how many
            it remembers). What of the log is durable tells :meth:`durable_index`.

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
            Entry(first + i, entry["term"], *_command(entry["command"]))
            for i, entry in enumerate(disk["log"]["entries"])
        ]
        durable = {"term": disk["term"], "voted_for": disk["voted_for"], "log": log, "log_first": first}
        durable["snapshot"] = LogSnapshot.of(disk["snapshot"])
        if live is None:
            return {"role": "down", "leader": None, "commit": 0, "applied": 0, **durable}
        server = live["raft"]["server"]
        role = server["role"]
        peers = role["leader"]["peers"] if isinstance(role, dict) else []
        incoming = server["incoming"]
        return {
            "role": "leader" if isinstance(role, dict) else role,
            "leader": server["leader"],
            "commit": server["commit"],
            "applied": server["applied"],
            **durable,
            "next_index": {peer["id"]: peer["next_index"] for peer in peers},
            "match_index": {peer["id"]: peer["match_index"] for peer in peers},
            "progress": {peer["id"]: _progress(peer["progress"]) for peer in peers},
            "config": server["config"],
            "membership": _membership(server),
            "machine": contents(server["replica"]["machine"]),
            "incoming": incoming and {"index": incoming["last_included_index"], "bytes": len(incoming["data"])},
            "sessions": len(server["replica"]["sessions"]),
        }

    def durable_index(self, node: str) -> int:
        """Index of the last entry of a server's log that would be there if the power failed now.

        Costs a fork, in which it does.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a"], disk=dl.Disk(sync="10ms"), manual=True).campaign("a")
        >>> _ = raft.settle(), raft.propose("a", ("put", "x", 1)), raft.deliver(kind="call")
        >>> raft.state("a")["log"][-1].index, raft.durable_index("a")
        (2, 1)
        >>> raft.complete_write("a").durable_index("a")
        2
        """
        fork = self.fork()
        fork.watch(False)
        fork._world.apply({"crash": {"node": self._server(node)}})
        log = fork._world.state(node)[1]["raft"]["log"]
        return int(log["first"]) + len(log["entries"]) - 1

    def portrait(self, node: str) -> Portrait:
        """What pictures say about a server or client: of a server its role, term, votes and log.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, manual=True).campaign("n0")
        >>> raft.portrait("n0").votes
        {'n0': True, 'n1': None, 'n2': None}
        """
        return portrait(self, node)

    def _portrait_since(self, node: str, known: LogPortrait) -> Portrait:
        return portrait(self, node, known)

    def _sketch(self, node: str) -> Any:
        facts = self._world.status(node)
        alone = facts.get("role") == "follower"  # of others, votes and how far their peers are change besides
        return (self._world.is_up(node), *facts.items()) if alone else None

    def config(self) -> dict[str, Any]:
        """The members of the cluster: ``voters`` and ``learners``, and of a joint configuration ``outgoing``."""
        members = self.membership()
        outgoing = {"outgoing": list(members.outgoing)} if members.is_joint else {}
        return {"voters": list(members.voters), "learners": list(members.learners), **outgoing}

    def membership(self, node: str | None = None) -> Membership:
        """The configuration that holds for a server.

        Parameters
        ----------
        node : str, optional
            Which server; the leader otherwise, or the live server of the latest term.

        Raises
        ------
        ParameterError
            If it is down.

        Examples
        --------
        >>> import distlab as dl
        >>> print(dl.Raft(["a", "b"], learners=["c"]).membership("c"))
        voters=(a b) learners=(c)
        """
        if node is None:
            latest = [(status["term"], name) for name, status in self._live()]
            node = self.leader or (max(latest)[1] if latest else self._servers[0])
        live, _ = self._world.state(self._server(node), MEMBERSHIP)
        if live is None:
            if not self._live():
                return Membership(self._server_config["voters"], (), self._server_config["learners"])
            raise ParameterError("node", node, "a server that is up")
        return _membership(live["raft"]["server"])

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

    def _open_session(self, client: str) -> str:
        """A new node for a session of a client; its name."""
        number = 1
        while (name := f"{client}{MARK}{number}") in self._world.names:
            number += 1
        self._join({name: {"raft": {"client": {"config": {**self._client_config, "max_lanes": 1}}}}})
        return name

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
        commands: Commands | None = None,
    ) -> Load:
        """Put a load on clients.

        Parameters
        ----------
        clients : int or list of str
            How many clients (``c0, c1, ...``), or their names.
        rate, arrivals, think, until, limit
            As for :class:`distlab.Workload`.
        keys : Keys or int
            As there; by default 10 locks, queues or lists. A counter and a machine of one's own have none.
        reads : float
            How often an operation only reads; the others are all alike.
        mix : str or mapping, optional
            Instead of ``reads``: of keys and values as for :class:`distlab.Workload`; otherwise weights of what the
            state machine knows: ``add, read`` (a counter), ``acquire, release, holder`` (locks, in the names of the
            clients), ``enqueue, dequeue, peek``, or ``append, read`` (lists).
        start : duration, optional
            When it begins; now otherwise.
        commands : iterable, or callable
            For a machine of one's own: its commands, in turn and again from the first; ``("query", question)`` asks
            instead. A callable is given a ``random.Random`` and returns them, in endless order if it likes: as many are
            taken as ``limit`` says, or 1,000. By default the class's own static method ``commands(rng)``.

        Raises
        ------
        ParameterError
            If the state machine does not know what is asked for.

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
        asked = for_machine(self._spec, keys, reads, mix, commands, limit, f"{self.seed} {earlier} {names}")
        options: dict[str, Any] = {"until": until, "limit": limit, **asked}
        return self.load(Workload(names, rate, arrivals, think, start=begin, first_value=earlier + 1, **options))

    def propose(self, node: str, command: Any) -> Op:
        """Ask a server itself to replicate a command: a dict, or a tuple such as ``("put", "x", 5)``.

        A server that does not lead answers with status ``"fail"`` and ``reply["raft"]["not_leader"]["hint"]``; one that
        leads with the entry's index and term in ``reply["raft"]["done"]`` once it is applied.
        """
        return self.call(self._server(node), {"raft": {"propose": {"op": operation(command)}}})

    def read(self, node: str, mode: str = "log", key: str | None = None, *, query: Any = None) -> Op:
        """Ask a server itself to read: a key, what another machine answers to, or without either the counter.

        Parameters
        ----------
        node : str
            Whom to ask.
        mode : {"log", "read_index", "local", "lease", "follower", "session"}
            Through the log; confirmed by a majority; from what it has, possibly stale; by a lease, where it has
            one; or from what it has, once it has come as far as the leader was. A session is a client's, so here
            "session" is as "local".
        key : str, optional
            Which key.
        query : tuple, optional
            Of another machine than a store, what to ask, as for :meth:`Client.query`: ``("holder", "a lock")``.

        Raises
        ------
        ParameterError
            If there is a key and a query, or the mode is unknown.
        """
        if query is not None and key is not None:
            raise ParameterError("query", query, "None where a key is read")
        op = operation(query) if query is not None else "read" if key is None else {"get": {"key": key}}
        mode = units.choice(mode, "mode", READ_MODES)
        return self.call(self._server(node), {"raft": {"read": {"op": op, "mode": mode}}})

    @property
    def history(self) -> History:
        """Every operation so far on what the log drives: not those about who leads and who belongs."""
        raw = self._world.history()
        about = np.array([kind in ADMINISTRATION for kind in raw["kinds"]], dtype=bool)
        chosen = ~about[raw["kind"]]
        sessions = [number for number, name in enumerate(raw["nodes"]) if MARK in name and name not in self._servers]
        for row in np.flatnonzero(np.isin(raw["node"], sessions)).tolist():
            chosen[row] = not retried(self._world.op(row)["call"])
        return History._of(raw, chosen, self._spec)

    @property
    def _spec(self) -> str | type | None:
        return machine_spec(self._server_config.get("machine"))

    # -- who leads, and who belongs --------------------------------------------------------------------

    def transfer(self, to: str, node: str | None = None) -> Op:
        """Ask a leader to hand its office over (thesis, section 3.10).

        Parameters
        ----------
        to : str
            Who is to lead.
        node : str, optional
            Whom to ask; the leader otherwise.

        Returns
        -------
        Op
            "ok" once the leader hears its successor; "fail" with ``reply["raft"]["refused"]["reason"]`` if that
            does not happen within the shortest election timeout, or cannot.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=1)
        >>> _ = raft.run_for("2s")
        >>> to = next(name for name in raft.nodes if name != raft.leader)
        >>> op = raft.transfer(to)
        >>> raft.run_until(op), op.status, raft.leader == to
        (True, 'ok', True)
        """
        return self.call(self._asked(node), {"raft": {"transfer": {"to": self._server(to)}}})

    def forget_leader(self, node: str) -> Op:
        """Make a follower act as if it had not heard of its leader for long.

        It then votes for whoever asks, which a leader that reads by a lease relies on nobody doing: with
        ``read_mode="lease"`` what is read afterwards may be stale.
        """
        return self.call(self._server(node), {"raft": "forget_leader"})

    def add_server(self, name: str) -> Self:
        """A new server with an empty disk joins the world, not yet the cluster: see :meth:`change_membership`."""
        if not isinstance(name, str) or not name:
            raise ParameterTypeError("name", name, "the name of a server")
        if name in self._world.names:
            raise ParameterError("name", name, "a name that nobody has")
        if not self._server_config:
            raise ParameterError("name", name, "a cluster of which a server was up when it was saved")
        self._join({name: {"raft": {"server": {"config": self._server_config}}}})
        self._servers.append(name)
        return self

    def change_membership(
        self,
        voters: Sequence[str],
        learners: Sequence[str] = (),
        *,
        mode: str = "joint",
        auto_leave: bool = True,
        node: str | None = None,
    ) -> Op:
        """Ask a leader to change who belongs to the cluster: to any voters and learners (thesis, chapter 4).

        New voters receive the log first, in up to ``catch_up_rounds`` rounds.

        Parameters
        ----------
        voters : list of str
            Those whose votes and copies count from then on.
        learners : list of str
            Those who receive the log, and do not count.
        mode : {"joint", "simple"}
            Through a joint configuration, in which two majorities decide; or at once, for one voter at most.
        auto_leave : bool
            Whether the joint configuration is left as soon as it is committed; otherwise by :meth:`leave_joint`.
        node : str, optional
            Whom to ask; the leader otherwise.

        Returns
        -------
        Op
            "ok" once the last configuration is committed; "fail" with ``reply["raft"]["refused"]["reason"]`` if another
            change is under way, the new servers do not catch up, ...

        Raises
        ------
        UnknownNode
            If somebody is no server of this world: see :meth:`add_server`.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a", "b", "c"], seed=1).add_server("d").add_server("e")
        >>> _ = raft.run_for("1s")
        >>> op = raft.change_membership(["c", "d", "e"])
        >>> raft.run_until(op), op.status, str(raft.membership("d"))
        (True, 'ok', 'voters=(c d e)')
        """
        units.choice(mode, "mode", ("joint", "simple"))
        way = "simple" if mode == "simple" else "auto" if auto_leave else "joint"
        members = {
            "voters": [self._server(it) for it in listed(voters, "voters")],
            "learners": [self._server(it) for it in listed(learners, "learners")],
        }
        return self.call(self._asked(node), {"raft": {"change_membership": {**members, "way": way}}})

    def leave_joint(self, node: str | None = None) -> Op:
        """Ask a leader to end a change that was begun with ``auto_leave=False``."""
        return self.call(self._asked(node), {"raft": "leave_joint"})

    def _asked(self, node: str | None) -> str:
        """Whom to ask: the leader, or, where there is none, somebody who will say so."""
        if node is not None:
            return self._server(node)
        live = [name for name, _ in self._live()]
        return self.leader or (live or self._servers)[0]

    def compact(self, node: str, index: int | None = None) -> Op:
        """Ask a server to take a snapshot of what it has applied, in place of its log up to there.

        Parameters
        ----------
        node : str
            Which server.
        index : int, optional
            Not to take one, but to forget the entries up to this index, for which one stands already: what
            ``Compaction(keep=...)`` has kept.

        Returns
        -------
        Op
            ``reply["raft"]["done"]`` tells the last entry that the snapshot stands for, once it is durable; "fail"
            with ``reply["raft"]["refused"]["reason"]`` if nothing new is applied, or no snapshot stands for these
            entries.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a"], seed=1)
        >>> op = raft.client("alice").put("x", 1)
        >>> raft.run_until(op), raft.run_until(raft.compact("a"))
        (True, True)
        >>> raft.state("a")["snapshot"]
        LogSnapshot(index=2, term=1, state={'x': 1}, membership=None)
        """
        call = "snapshot" if index is None else {"compact": {"index": units.count(index, "index")}}
        return self.call(self._server(node), {"raft": call})

    # -- by hand --------------------------------------------------------------------------------------

    def campaign(self, node: str) -> Self:
        """A server's election timer goes off; one that leads has none, nor has one whose vote does not count."""
        if not self.up(self._server(node)) or self.status(node)["role"] == "leader":
            raise ParameterError("node", node, "a server that is up and does not lead")
        if node not in _voters(members := self.membership(node)):
            raise ParameterError("node", node, f"a server whose vote counts where it is: {members}")
        return self.fire(self._server(node), {"raft": "election"})

    def tick(self, node: str, count: int = 1) -> Self:
        """Let time pass for one server alone, in manual mode: so many heartbeat intervals; its timers go off in time.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, manual=True)
        >>> raft.tick("n1", 6).state("n1")["role"]  # at most 300 ms
        'candidate'
        """
        if not self.manual:
            raise ParameterError("node", node, "a server of a cluster in manual mode: in this one time passes for all")
        if not self.up(self._server(node)):
            raise ParameterError("node", node, "a server that is up")
        live, _ = self._world.state(node)
        beat = units.seconds(live["raft"]["server"]["config"]["heartbeat"])
        for _ in range(units.count(count, "count")):
            self._see_timers()
            clock, due = self._ticks[node]
            clock += beat
            self._ticks[node] = clock, due
            for number in sorted((it for it in due if due[it] <= clock + 1e-9), key=due.__getitem__):
                for timer in self.pending(kind="timer", dst=node):
                    if timer["armed"] == number:  # and no earlier one has ended it
                        self.deliver(timer["id"])
                self._see_timers()  # what was set before time went on, elsewhere too
        return self

    def _see_timers(self) -> None:
        """Notes when timers are due by the time of their server: the world's goes on with whichever goes off."""
        waiting = self.pending(kind="timer")
        for node in self._servers:
            clock, due = self._ticks.setdefault(node, (0.0, {}))
            left = {it["armed"]: it["at"] - self.now for it in waiting if it["dst"] == node}
            self._ticks[node] = clock, {armed: due.get(armed, clock + after) for armed, after in left.items()}

    def set_timing(
        self,
        node: str,
        *,
        election_timeout: Duration | tuple[Duration, Duration] | None = None,
        heartbeat: Duration | None = None,
    ) -> Self:
        """Give one server other timeouts, until it restarts.

        An election timer that runs is set anew, within the new range. A leader's next heartbeat comes when it would
        have come anyway.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(["a", "b", "c"], seed=1).set_timing("b", election_timeout="100ms", heartbeat="20ms")
        >>> raft.run_for("0.2s").leader
        'b'
        """
        live, _ = self._world.state(self._server(node))
        if live is None or (election_timeout is None and heartbeat is None):
            allowed = "a server that is up, and an election_timeout or a heartbeat"
            raise ParameterError("node", node, allowed)
        config = live["raft"]["server"]["config"]
        own = config["election_timeout"]
        timeout = (own["min"] / 1e9, own["max"] / 1e9) if election_timeout is None else election_timeout
        beat = config["heartbeat"] / 1e9 if heartbeat is None else heartbeat
        config["election_timeout"], config["heartbeat"] = timing(timeout, beat)
        self.edit(node, state=live)
        if election_timeout is not None and self.pending(kind="timer", dst=node, label="election"):
            self.arm(node, {"raft": "election"}, timeout)
        return self

    def beat(self, node: str) -> Self:
        """A leader's heartbeat timer goes off."""
        if not self.up(self._server(node)) or self.status(node)["role"] != "leader":
            raise ParameterError("node", node, "a server that leads")
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
        snapshot: LogSnapshot | None = None,
    ) -> Self:
        """Prefabricate a server: what is not given stays.

        Parameters
        ----------
        node : str
            Which server; it becomes a follower.
        term : int
            Its current term; without it, the present one, or that of the last entry if that is later.
        voted_for, leader : str or None
            Whom it voted for in that term, and who leads it.
        log : sequence of int or Entry
            The terms of its entries, or the entries.
        commit : int
            Its commit index. What is committed is applied anew.
        snapshot : LogSnapshot
            What stands for the beginning of its log: ``log`` then begins at the index after it. Without a ``log``, what
            it has beyond that stays if it has the snapshot's last entry, as when a snapshot is installed.

        Raises
        ------
        ParameterError
            If a server cannot be so: terms that fall, entries that stand elsewhere than they say, a log of later terms
            than the server's, a commit index beyond the log.

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
        server = live["raft"]["server"]
        if voted_for not in (None, ...):
            voted_for = self._server(voted_for)
        edit_disk(disk["raft"], server["config"]["machine"], term, voted_for, log, snapshot)
        fresh = follower(server, disk["raft"], commit, leader)
        with self._explained():
            self._world.edit(node, {"raft": {"server": fresh}}, disk)
        if isinstance(server["role"], dict):  # a leader waits for nobody, and a follower must
            timeout = server["config"]["election_timeout"]
            self.disarm(node, {"raft": "heartbeat"})
            self.arm(node, {"raft": "election"}, (timeout["min"] / 1e9, timeout["max"] / 1e9))
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


def _command(command: Any) -> tuple[Any, dict[str, Any] | None]:
    """What an entry tells the state machine (nothing: a no-op), and the client's name for it."""
    if command == "noop":
        return None, None
    if "register" in command:
        return command, command["register"]["session"]
    if "configure" in command:
        return Membership(**command["configure"]["membership"]), None
    return command["apply"]["op"], command["apply"]["session"]


def _no_ticks() -> dict[str, tuple[float, dict[int, float]]]:
    """For each server that was ticked how far its time has come, and when by that each of its timers is due."""
    return {}


def _voters(membership: Membership) -> set[str]:
    """Everybody whose vote counts."""
    return {*membership.voters, *membership.outgoing}


def _progress(progress: Any) -> Any:
    """How sure a leader is of a server; of a snapshot under way, not its bytes but how many they are."""
    if "snapshot" not in progress:
        return progress
    sent = progress["snapshot"]
    return {"snapshot": {**sent, "data": len(sent["data"])}}


def _membership(server: Mapping[str, Any]) -> Membership:
    """The configuration that holds for a server."""
    config = server["config"]
    applied = config["conf_effective"] == "append" or server["applied"]
    for adopted in reversed(server["members"]):
        if applied is True or adopted["index"] <= applied:
            return Membership(**adopted["membership"])
    return Membership(config["voters"], (), config["learners"])
