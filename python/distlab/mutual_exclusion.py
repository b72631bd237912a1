"""Mutual exclusion without a coordinator (notes 1.3.2; Lamport 1978; Ricart and Agrawala 1981)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from . import units
from ._core import nanoseconds
from .clocks import Lamport
from .cluster import Cluster, Op, TraceLevel
from .errors import ParameterError
from .network import Disk, Network
from .units import Duration
from .workload import Load, Workload

__all__ = ["EntryOp", "MutualExclusion"]


class EntryOp(Op):
    """A question for the critical section; it may still be under way.

    Attributes
    ----------
    stamp : Lamport or None
        When the node asked for it, in the order in which all agree; None until it is granted or refused.
    """

    @property
    def stamp(self) -> Lamport | None:
        reply = self.reply
        if reply is None:
            return None
        ((_, fields),) = reply["mutual_exclusion"].items()
        return Lamport(fields["stamp"]["counter"], fields["stamp"]["process"]) if "stamp" in fields else None


class MutualExclusion(Cluster):
    """Nodes that enter a critical section one at a time, in the order in which they asked.

    Parameters
    ----------
    nodes : int or list of str
        How many nodes (``n0, n1, ...``), or their names.
    algorithm : {"lamport", "ricart_agrawala"}
        3(n - 1) messages for each entry, on channels that keep their order; or 2(n - 1), on any channels.
    hold : duration
        How long a workload's requests stay inside.
    unsafe : bool
        Whether Lamport's algorithm may run on a network that does not keep the order of messages, where it is wrong.
    seed, network, disk, service, trace, manual, limits
        As for :class:`distlab.Cluster`; without a ``network``, one that keeps the order of messages.
    check_invariants : bool or list of str
        Whether to look at the invariants after every step: MutualExclusion, GrantOrder.
    mutant : str, optional
        A rule that every node breaks, to test the tests: one of ``MutualExclusion.mutants``.

    Raises
    ------
    ParameterError
        If the network does not keep the order of messages and the algorithm needs it, ...

    Notes
    -----
    Nobody may fail and no message may be lost: while a node is down nobody enters, and one that was down takes part no
    more, since it has forgotten whom it has let pass.

    Examples
    --------
    >>> import distlab as dl
    >>> cluster = dl.MutualExclusion(3, seed=1, check_invariants=True)
    >>> first, second = cluster.acquire("n0"), cluster.acquire("n1")
    >>> _ = cluster.run_for("1s")
    >>> cluster.inside, first.status, second.status
    (['n0'], 'ok', 'pending')
    >>> _ = cluster.release("n0"), cluster.run_for("1s")
    >>> cluster.inside, second.stamp
    (['n1'], Lamport(counter=1, process='n1'))
    """

    _protocol = "mutual_exclusion"

    mutants: ClassVar[tuple[str, ...]] = (
        "enter_without_acks",
        "ignore_queue",
        "answer_inside",
        "ignore_ties",
        "forget_restart",
    )

    def __init__(
        self,
        nodes: int | Sequence[str] = 3,
        *,
        algorithm: Literal["lamport", "ricart_agrawala"] = "lamport",
        hold: Duration = "1ms",
        unsafe: bool = False,
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
        names = units.names(nodes, "nodes")
        if mutant is not None:
            units.choice(mutant, "mutant", self.mutants)
        units.choice(algorithm, "algorithm", ("lamport", "ricart_agrawala"))
        if algorithm == "lamport" and isinstance(network, Network) and not network.fifo and not unsafe:
            allowed = (
                "fifo=True: Lamport's algorithm is wrong on channels that do not keep their order (unsafe=True: try)"
            )
            raise ParameterError("network.fifo", network.fifo, allowed)
        config = {"peers": names, "algorithm": algorithm, "hold": nanoseconds(hold, "hold"), "mutant": mutant}
        super().__init__(
            {name: {"mutual_exclusion": {"config": dict(config)}} for name in names},
            seed=seed,
            network=Network(fifo=True) if network is None else network,
            disk=disk,
            service=service,
            trace=trace,
            check_invariants=check_invariants,
            manual=manual,
            limits=limits,
        )

    def _ask(self, node: str, call: Any) -> EntryOp:
        return EntryOp(self, self.call(self._known(node), {"mutual_exclusion": call}).number)

    def acquire(self, node: str) -> EntryOp:
        """Have a node enter; answered when it is inside, where it stays until it is told to leave."""
        return self._ask(node, "acquire")

    def release(self, node: str) -> EntryOp:
        """Have a node leave; refused (status ``"fail"``) if it is not inside by :meth:`acquire`."""
        return self._ask(node, "release")

    def enter(self, node: str, hold: Duration = "1ms") -> EntryOp:
        """Have a node enter, stay for a time, and leave; answered when it has left."""
        return self._ask(node, {"enter": {"hold": nanoseconds(hold, "hold")}})

    def phases(self) -> dict[str, str]:
        """Where each node that is up is: ``"outside"``, ``"waiting"``, ``"inside"``; ``"forgotten"``: it was down."""
        return {name: str(self.status(name)["phase"]) for name in self.nodes if self.up(name)}

    @property
    def inside(self) -> list[str]:
        """Who is inside: nobody or one, if all is well."""
        return [name for name, phase in self.phases().items() if phase == "inside"]

    def workload(
        self,
        nodes: Sequence[str] | None = None,
        *,
        rate: float | None = None,
        arrivals: str = "poisson",
        think: Any = 0.0,
        until: Duration | None = None,
        limit: int | None = None,
    ) -> Load:
        """Have nodes enter again and again, for ``hold`` each time.

        Parameters
        ----------
        nodes : list of str, optional
            Who; all otherwise.
        rate, arrivals, think, until, limit
            As for :class:`distlab.Workload`.

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.MutualExclusion(4, algorithm="ricart_agrawala", seed=3, check_invariants=True)
        >>> load = cluster.workload(limit=100)
        >>> cluster.run_for("10s").metrics["sent"], load.counts()["ok"]
        (600, 100)
        """
        names = self.nodes if nodes is None else [self._known(name) for name in nodes]
        return self.load(Workload(names, rate, arrivals, think, start=self.now, until=until, limit=limit))

    def entries(self) -> dict[str, Any]:
        """Every stay in the critical section, in the order of the entries, out of the trace.

        Returns
        -------
        dict of str to numpy array
            ``node`` (names), ``counter`` (of the request's stamp), ``start, end`` (seconds; ``end`` is nan while the
            node is inside).

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.MutualExclusion(["a", "b"], network=dl.Network(latency="5ms", fifo=True))
        >>> _ = cluster.enter("a", "20ms"), cluster.enter("b", "20ms"), cluster.run_for("1s")
        >>> {name: column.tolist() for name, column in cluster.entries().items()}
        {'node': ['a', 'b'], 'counter': [1, 1], 'start': [0.005, 0.03], 'end': [0.025, 0.05]}
        """
        begun: dict[tuple[str, int], int] = {}
        found: list[list[Any]] = []
        for row in self.trace.rows("note"):
            of = (str(row["node"]), int(row["id"]))
            if row["label"] == "enters":
                begun[of] = len(found)
                found.append([*of, row["time"], np.nan])
            elif row["label"] == "leaves" and of in begun:
                found[begun.pop(of)][3] = row["time"]
        columns = list(zip(*found, strict=True)) if found else [()] * 4
        kinds = (np.str_, np.uint64, np.float64, np.float64)
        names = ("node", "counter", "start", "end")
        return {name: np.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)}
