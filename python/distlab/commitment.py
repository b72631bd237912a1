"""What the facades of atomic commitment have in common: participants, clients, decisions, doubts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from . import units
from ._core import nanoseconds
from .cluster import Cluster, Op
from .errors import ParameterError, ParameterTypeError, UnknownNode
from .network import Network
from .units import Duration
from .workload import Keys, Load, Workload

__all__ = ["AtomicCommit", "CommitClient", "CommitOp"]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "get": ("key",),
    "put": ("key", "value"),
    "append": ("key", "value"),
    "add": ("key", "by", "least"),
    "refuse": (),
}
"""What an operation is given, by its name; ``least`` may be left out."""

UNCOUNTED = ("work", "start", "result")
"""Messages to and from clients: they are no part of the protocol."""


class CommitOp(Op):
    """A transaction that was asked of a client; it may still be under way.

    Attributes
    ----------
    status : str
        ``"pending"``, ``"ok"`` (it committed), ``"fail"`` (it was aborted).
    result : str or None
        ``"committed"`` or ``"aborted"``; None until then.
    answers : list or None
        If it committed, what its ``get`` and ``add`` found, in order.
    txn : str or None
        The name of the transaction, as nodes write it down; None before the client has begun it.
    """

    _cluster: AtomicCommit

    def _ended(self) -> tuple[str, Any]:
        """How it ended, and what the reply says besides."""
        if self.reply is None:
            return "", {}
        ((word, fields),) = self.reply[self._cluster._protocol].items()
        return str(word), fields

    @property
    def result(self) -> str | None:
        word, _ = self._ended()
        return word or None

    @property
    def answers(self) -> list[Any] | None:
        word, fields = self._ended()
        return list(fields["answers"]) if word == "committed" else None

    @property
    def txn(self) -> str | None:
        _, fields = self._ended()
        if "txn" in fields:
            return _name(fields["txn"])
        client = self._row["node"]
        state = self._cluster._live(client)
        for txn, asking in ({} if state is None else state["asking"]).items():
            if asking["op"] == self.number:
                return _name(txn)
        return None


class CommitClient:
    """A client of a cluster: a node of its own that has transactions carried out."""

    def __init__(self, cluster: AtomicCommit, name: str) -> None:
        self._cluster = cluster
        self.name = name

    def transaction(self, work: Mapping[str, Iterable[Any]]) -> CommitOp:
        """Do some work at several participants: all of it or none.

        Parameters
        ----------
        work : mapping of str to iterable of tuple
            Of each participant that takes part, the operations there, in order: ``("get", key)``,
            ``("put", key, value)``, ``("append", key, item)`` (to a list), ``("add", key, amount)`` and
            ``("add", key, amount, least)`` (the participant votes NO if the sum would be below ``least``), and
            ``("refuse",)`` (it votes NO).

        Returns
        -------
        CommitOp

        Raises
        ------
        ParameterError
            If nobody takes part, or something is no such operation.
        UnknownNode
            If somebody who takes part is no participant.

        Examples
        --------
        >>> import distlab as dl
        >>> bank = dl.TwoPhaseCommit(participants=2, seed=1)
        >>> alice = bank.client("alice")
        >>> pay = alice.transaction({"db0": [("add", "alice", -30, 0)], "db1": [("add", "bob", 30)]})
        >>> bank.run_until(pay), pay.result
        (True, 'aborted')
        >>> _ = bank.run_until(alice.transaction({"db0": [("put", "alice", 100)]}))
        >>> pay = alice.transaction({"db0": [("add", "alice", -30, 0)], "db1": [("add", "bob", 30)]})
        >>> _ = bank.run_for("1s")
        >>> pay.result, pay.answers, bank.values("db0"), bank.values("db1")
        ('committed', [100, None], {'alice': 70}, {'bob': 30})
        """
        if not isinstance(work, Mapping):
            raise ParameterTypeError("work", work, "a mapping of participants to lists of operations")
        if not work:
            raise ParameterError("work", work, "at least one participant")
        parts = []
        for node, ops in work.items():
            self._cluster._participant(node)
            if isinstance(ops, str | Mapping) or not isinstance(ops, Iterable):
                raise ParameterTypeError(f"work[{node!r}]", ops, "a list of operations")
            parts.append({"node": node, "ops": [_operation(op, f"work[{node!r}][{i}]") for i, op in enumerate(ops)]})
        call = {self._cluster._protocol: {"transact": {"parts": parts}}}
        return CommitOp(self._cluster, self._cluster.call(self.name, call).number)

    def transfer(self, source: str, target: str, key: str, amount: int, least: int | None = 0) -> CommitOp:
        """Move an amount from one participant's account to another's of the same name, if enough is there."""
        return self.transaction({source: [("add", key, -amount, least)], target: [("add", key, amount)]})

    def __repr__(self) -> str:
        return f"<CommitClient {self.name} of {self._cluster!r}>"


class AtomicCommit(Cluster):
    """The base of :class:`distlab.TwoPhaseCommit` and :class:`distlab.ThreePhaseCommit`."""

    mutants: ClassVar[tuple[str, ...]] = ()
    _protocol: ClassVar[str] = ""

    def _set_up(
        self,
        participants: int | Sequence[str],
        config: Mapping[str, Any],
        retry: Duration | tuple[Duration, Duration] | None,
        **options: Any,
    ) -> None:
        """Makes the world: a coordinator and participants that share a configuration."""
        names = units.names(participants, "participants", "db")
        if "tc" in names:
            raise ParameterError("participants", names, "names other than tc, which is the coordinator's")
        if config["mutant"] is not None:
            units.choice(config["mutant"], "mutant", self.mutants)
        for name, span in config.items():
            if isinstance(span, dict) and span["min"] == 0:
                raise ParameterError(name, 0, "durations above 0")
        self._participants = names
        self._client_config: dict[str, Any] = {
            "coordinator": "tc",
            "participants": names,
            "retry": None if retry is None else units.span(retry, "retry"),
        }
        coordinator = {"tc": {self._protocol: {"coordinator": {"config": dict(config)}}}}
        others = {name: {self._protocol: {"participant": {"config": dict(config)}}} for name in names}
        super().__init__({**coordinator, **others}, **options)

    # -- who there is ---------------------------------------------------------------------------------

    @property
    def nodes(self) -> list[str]:
        """The names of the coordinator, ``tc``, and of the participants."""
        return ["tc", *self._participants]

    @property
    def participants(self) -> list[str]:
        """The names of the participants."""
        return list(self._participants)

    @property
    def clients(self) -> list[str]:
        """The names of the clients."""
        others = set(self.nodes)
        return [name for name in self._world.names if name not in others]

    def _participant(self, node: Any) -> str:
        if node not in self._participants:
            raise UnknownNode(node, tuple(self._participants))
        return str(node)

    def _live(self, node: str) -> dict[str, Any] | None:
        """The live state of a node, whatever its part; None while it is down."""
        state, _ = self._world.state(node)
        if state is None:
            return None
        (found,) = state[self._protocol].values()
        return dict(found)

    def _disk(self, node: str) -> dict[str, Any]:
        _, disk = self._world.state(node)
        return dict(disk[self._protocol])

    @classmethod
    def _is_saved(cls, cluster: Cluster) -> bool:
        """Whether a cluster that was read is one of these."""
        if "tc" not in cluster._world.names or cluster.status("tc").get("role") != "coordinator":
            return False
        _, disk = cluster._world.state("tc")
        return cls._protocol in disk

    def _restore(self) -> None:
        if not self._is_saved(self):
            raise ParameterError("source", self._world.names, f"a saved {type(self).__name__}")
        roles = {name: self.status(name).get("role") for name in self._world.names}
        self._participants = [name for name, role in roles.items() if role == "participant"]
        self._client_config = {"coordinator": "tc", "participants": self._participants}
        for name in self.clients:
            state = self._live(name)
            if state is not None:
                self._client_config = {**state["config"]}

    # -- clients --------------------------------------------------------------------------------------

    def client(self, name: str) -> CommitClient:
        """The client of that name; it joins when it is first named."""
        return self._client(name, 2)

    def _client(self, name: str, width: int) -> CommitClient:
        if not isinstance(name, str) or not name:
            raise ParameterTypeError("name", name, "the name of a client")
        if name in self.nodes:
            raise ParameterError("name", name, "a name that is not the coordinator's or a participant's")
        if name not in self._world.names:
            config = {**self._client_config, "width": width}
            self._join({name: {self._protocol: {"client": {"config": config}}}})
        return CommitClient(self, name)

    def workload(
        self,
        clients: int | Sequence[str] = 1,
        *,
        rate: float | None = None,
        arrivals: str = "poisson",
        think: Any = 0.0,
        keys: Keys | int | None = None,
        width: int = 2,
        mix: str | Mapping[str, float] | None = None,
        start: Duration | None = None,
        until: Duration | None = None,
        limit: int | None = None,
    ) -> Load:
        """Put a load on clients: transactions that touch one key at several participants.

        Reads get the key from each of them, updates write it at each, and ``read_modify_write`` transfers: it
        takes from the first what it gives to the others, so that the sum over all participants stays zero.

        Parameters
        ----------
        clients : int or list of str
            How many clients (``c0, c1, ...``), or their names.
        width : int
            How many participants a transaction touches. Of clients that are there already: what it was.
        mix : str or mapping, optional
            As for :class:`distlab.Workload`; transfers only otherwise.
        rate, arrivals, think, keys, until, limit
            As for :class:`distlab.Workload`.
        start : duration, optional
            When it begins; now otherwise.

        Examples
        --------
        >>> import distlab as dl
        >>> bank = dl.TwoPhaseCommit(participants=4, seed=2)
        >>> load = bank.workload(clients=3, rate=100, keys=1_000, limit=200)
        >>> _ = bank.run_for("5s")
        >>> sum(load.counts().values()), load.counts()["ok"] > 180
        (200, True)
        >>> sum(sum(bank.values(name).values()) for name in bank.participants)
        0
        """
        if units.count(width, "width") > len(self._participants):
            raise ParameterError("width", width, f"at most the number of participants ({len(self._participants)})")
        names = [self._client(name, width).name for name in units.names(clients, "clients", "c")]
        begin = self.now if start is None else start
        earlier = len(self._world.history()["called_ns"])
        asked = {"read_modify_write": 1.0} if mix is None else mix
        return self.load(
            Workload(
                names,
                rate,
                arrivals,
                think,
                keys=keys,
                mix=asked,
                start=begin,
                until=until,
                limit=limit,
                first_value=earlier + 1,
            )
        )

    # -- what they know -------------------------------------------------------------------------------

    def transactions(self, node: str) -> dict[str, str]:
        """What a node's disk says of every transaction it knows.

        Returns
        -------
        dict of str to str
            By name (``"alice.1"``: alice's first): ``"collecting"`` (a coordinator waits for votes), ``"prepared"``
            and ``"precommitted"`` (a participant is in doubt), ``"committed"``, ``"aborted"``.

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.TwoPhaseCommit(participants=2, network=dl.Network(latency="5ms"))
        >>> _ = cluster.client("c0").transaction({"db0": [("put", "x", 1)], "db1": [("put", "x", 1)]})
        >>> _ = cluster.run_for("12ms")
        >>> [cluster.transactions(name) for name in cluster.nodes]
        [{'c0.1': 'collecting'}, {'c0.1': 'prepared'}, {'c0.1': 'prepared'}]
        """
        disk = self._disk(self._known(node))
        found = {_name(txn): next(iter(it)) if isinstance(it, dict) else it for txn, it in disk["settled"].items()}
        for txn, it in disk["open"].items():
            ((state, fields),) = it.items()
            if state != "announcing":
                found[_name(txn)] = "precommitted" if fields.get("precommitted") else state
        return found

    def decision(self, node: str, txn: str | CommitOp) -> str | None:
        """What a node's disk says of a transaction: ``"commit"``, ``"abort"``, or None while it knows nothing.

        Parameters
        ----------
        node : str
            Which node: ``"tc"`` or a participant.
        txn : str or CommitOp
            A name such as ``"alice.1"``, or what ``transaction`` returned.
        """
        name = txn.txn if isinstance(txn, CommitOp) else txn
        if name is not None and not isinstance(name, str):
            raise ParameterTypeError("txn", txn, "the name of a transaction, or an operation of a client")
        words = {"committed": "commit", "aborted": "abort"}
        return words.get(self.transactions(node).get(name, "")) if name else None

    def decisions(self, txn: str | CommitOp) -> dict[str, str | None]:
        """What every node's disk says of a transaction, by node."""
        return {node: self.decision(node, txn) for node in self.nodes}

    def values(self, node: str) -> dict[str, Any]:
        """A participant's data, on its disk."""
        return dict(self._disk(self._participant(node))["values"])

    def in_doubt(self) -> dict[str, list[str]]:
        """Which transactions each participant has voted YES to and knows no decision about, by participant."""
        doubts = ("prepared", "precommitted")
        return {
            node: [txn for txn, state in self.transactions(node).items() if state in doubts]
            for node in self._participants
        }

    def locks_held(self) -> dict[str, dict[str, str]]:
        """Which keys are locked by which transactions, by participant; nothing of those that are down."""
        held = {}
        for node in self._participants:
            state = self._live(node)
            held[node] = {} if state is None else {key: _name(txn) for key, txn in state["locks"].items()}
        return held

    # -- what it costs --------------------------------------------------------------------------------

    def in_doubt_intervals(self) -> dict[str, Any]:
        """Every interval in which a participant was in doubt, from its YES to the decision, out of the trace.

        Returns
        -------
        dict of str to numpy array
            ``node`` (names), ``txn`` (numbers, equal for one transaction), ``start, end`` (seconds; ``end`` is nan
            while the doubt lasts), ``outcome`` (``"committed"``, ``"aborted"`` or ``""``).

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.TwoPhaseCommit(participants=3, network=dl.Network(latency="5ms"))
        >>> work = {name: [("put", "x", 1)] for name in cluster.participants}
        >>> _ = cluster.client("c0").transaction(work)
        >>> doubts = cluster.run_for("1s").in_doubt_intervals()
        >>> doubts["node"].tolist(), (doubts["end"] - doubts["start"]).round(6).tolist()
        (['db0', 'db1', 'db2'], [0.01, 0.01, 0.01])
        """
        rows = [row for row in self.trace.rows("note") if row["label"] in ("in doubt", "committed", "aborted")]
        begun: dict[tuple[str, int], int] = {}
        found: list[list[Any]] = []
        for row in rows:
            of = (str(row["node"]), int(row["id"]))
            if row["label"] == "in doubt":
                begun[of] = len(found)
                found.append([*of, row["time"], np.nan, ""])
            elif of in begun:
                found[begun.pop(of)][3:] = [row["time"], row["label"]]
        columns = list(zip(*found, strict=True)) if found else [()] * 5
        kinds = (np.str_, np.uint64, np.float64, np.float64, np.str_)
        names = ("node", "txn", "start", "end", "outcome")
        return {name: np.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)}

    def message_counts(self) -> dict[str, int]:
        """How many messages of each kind were sent; needs ``trace="full"``.

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.TwoPhaseCommit(participants=3, trace="full")
        >>> op = cluster.client("c0").transaction({name: [] for name in cluster.participants})
        >>> _ = cluster.run_for("1s")
        >>> cluster.message_counts()
        {'work': 3, 'start': 1, 'prepare': 3, 'vote': 3, 'commit': 3, 'result': 1}
        >>> cluster.messages_per_transaction()
        9.0
        """
        counts: dict[str, int] = {}
        for row in self.trace.rows("send"):
            counts[row["label"]] = counts.get(row["label"], 0) + 1
        if not counts and self.metrics["sent"]:
            raise ParameterError("trace", "summary", "'full': messages of each kind are counted in the trace")
        return counts

    def messages_per_transaction(self) -> float:
        """How many messages of the protocol were sent for each transaction that has ended.

        Those to and from clients, ``work``, ``start`` and ``result``, are not counted. Needs ``trace="full"``; nan if
        none has ended.
        """
        counts = self.message_counts()
        ended = sum(self._world.history()["replied_ns"] >= 0)
        protocol = sum(count for kind, count in counts.items() if kind not in UNCOUNTED)
        return float(protocol / ended) if ended else float("nan")

    @classmethod
    def blocking_windows(
        cls,
        down: Iterable[Duration],
        *,
        participants: int = 3,
        latency: Duration = "5ms",
        **options: Any,
    ) -> dict[str, Any]:
        """How long participants are in doubt, and hold their locks, when the coordinator is down for some time.

        For each time one transaction runs by itself; the coordinator crashes while the votes are on their way to it,
        and comes back after that time.

        Parameters
        ----------
        down : iterable of duration
            For how long the coordinator is down.
        participants : int
            How many participants there are.
        latency : duration
            How long every message takes.
        **options
            As for the class, except ``network``.

        Returns
        -------
        dict of str to numpy array
            ``down`` and ``window`` (the longest doubt), in seconds, and ``outcome`` (``"committed"``, ``"aborted"``).

        Examples
        --------
        >>> import distlab as dl
        >>> two = dl.TwoPhaseCommit.blocking_windows(["1s", "5s", "20s"])
        >>> (two["window"] - two["down"]).round(3).tolist()
        [0.016, 0.016, 0.016]
        >>> dl.ThreePhaseCommit.blocking_windows(["1s", "5s", "20s"])["window"].round(3).tolist()
        [0.405, 0.405, 0.405]
        """
        times = [nanoseconds(it, "down") for it in down]
        delay = units.seconds(units.positive(latency, "latency"))
        facade: Any = cls
        windows, outcomes = [], []
        for time in times:
            cluster = facade(participants, network=Network(latency=delay), **options)
            work = {name: [("put", "x", 1)] for name in cluster.participants}
            cluster.client("c0").transaction(work)
            cluster.run_for(2.2 * delay).crash("tc").run_for(units.seconds(time)).recover("tc")
            cluster.run_until(lambda c=cluster: not any(c.in_doubt().values()))
            doubts = cluster.in_doubt_intervals()
            longest = int(np.argmax(doubts["end"] - doubts["start"]))
            windows.append(doubts["end"][longest] - doubts["start"][longest])
            outcomes.append(str(doubts["outcome"][longest]))
        return {
            "down": np.array(times, np.float64) / units.SECOND,
            "window": np.array(windows, np.float64),
            "outcome": np.array(outcomes, np.str_),
        }


def chance(value: float, parameter: str) -> int:
    """A probability in parts of a million."""
    return round(units.probability(value, parameter) * 1_000_000)


def _operation(op: Any, parameter: str) -> Any:
    """An operation as data: ``("put", "x", 5)`` is ``{"put": {"key": "x", "value": 5}}``."""
    allowed = (
        "('get', key), ('put', key, value), ('append', key, item), ('add', key, amount), "
        "('add', key, amount, least) or ('refuse',)"
    )
    if not isinstance(op, tuple | list) or not op:
        raise ParameterTypeError(parameter, op, allowed)
    kind, *given = op
    fields = FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None or len(given) not in (len(fields), len(fields) - (kind == "add")):
        raise ParameterError(parameter, op, allowed)
    return {kind: dict(zip(fields, given, strict=False))} if fields else kind


def _name(txn: Any) -> str:
    """The name of a transaction: ``client.count``, or ``client.incarnation.count`` after the client's first crash."""
    client, seq = (txn["client"], txn["seq"]) if isinstance(txn, dict) else txn
    incarnation, count = (seq >> 32) + 1, seq & 0xFFFF_FFFF
    return f"{client}.{count}" if incarnation == 1 else f"{client}.{incarnation}.{count}"
