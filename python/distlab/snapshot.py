"""Global snapshots of a running cluster (notes 2.1; Chandy and Lamport 1985; Lai and Yang 1987)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ._core import World
from .causal import Causality, causality
from .errors import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from .cluster import Cluster
    from .units import Duration

__all__ = ["Snapshot", "SnapshotAlgorithm"]

SnapshotAlgorithm = Literal["chandy_lamport", "lai_yang", "naive"]

ALGORITHMS = ("chandy_lamport", "lai_yang", "naive")

_WRONG = {
    "disorder": ("network.fifo", False, "fifo=True, or algorithm='lai_yang': what overtakes a marker is in no channel"),
    "lose": (
        "network",
        "loses messages",
        "links that lose nothing, nodes that are up: markers must arrive",
    ),
    "double": (
        "network",
        "doubles messages",
        "links that double nothing: a copy would count as a message",
    ),
}


def check_channels(channels: dict[str, bool], algorithm: str) -> None:
    """Complains of what an algorithm cannot bear."""
    bears = {"chandy_lamport": (), "lai_yang": ("disorder",), "naive": tuple(_WRONG)}[algorithm]
    for what, (parameter, value, why) in _WRONG.items():
        if channels[what] and what not in bears:
            raise ParameterError(parameter, value, f"{why} (unsafe=True: try)")


class Snapshot:
    """A snapshot of a cluster; made by :meth:`Cluster.snapshot`. It may still be under way.

    Attributes
    ----------
    cluster : Cluster
        Of what.
    initiator : str
        Who began it, and is told by everybody what it recorded.
    number : int
        Tells it from the others, and is higher than theirs that began before; also in the trace, at the notes
        ``snapshot`` (a node records its state) and ``snapshot complete``.
    algorithm : str
        How it is taken.
    complete : bool
        Whether all nodes have reported, and all channels are recorded. Never, if a node crashes before it has done its
        part.
    consistent : bool
        Whether every channel adds up: what was sent was received, or recorded as under way.
    problem : str or None
        The first channel that does not, in words.

    Examples
    --------
    >>> import distlab as dl
    >>> bank = dl.Bank(3, seed=1).run_for("50ms")
    >>> snapshot = bank.snapshot("n0").wait()
    >>> sum(state["balance"] for state in snapshot.states.values()) + sum(
    ...     message["money"] for _, _, message in snapshot.messages
    ... )
    300
    >>> snapshot.consistent
    True
    """

    def __init__(self, cluster: Cluster, initiator: str, number: int, algorithm: str) -> None:
        self.cluster, self.initiator, self.number, self.algorithm = cluster, initiator, number, algorithm
        self._found: dict[str, Any] | None = None
        self._world: World | None = None

    @property
    def complete(self) -> bool:
        if self._found is None and self.cluster._world.is_complete(self.initiator, self.number):
            # It is kept: the initiator may crash, and what it knows would be gone.
            self._world = self.cluster._world.fork()
            self._found = self._world.snapshot(self.initiator, self.number)
        return self._found is not None

    def wait(self, timeout: Duration = "60s") -> Snapshot:
        """Run the cluster until the snapshot is complete.

        Raises
        ------
        ParameterError
            If it is not after so much simulated time.
        """
        if not self.cluster.run_until(lambda: self.complete, timeout):
            missing = [name for name in self.cluster.nodes if name not in self._parts()["nodes"]]
            allowed = f"more time, or channels that lose nothing: no report of {missing or 'all messages under way'}"
            raise ParameterError("timeout", timeout, allowed)
        return self

    def _parts(self) -> dict[str, Any]:
        if self.complete and self._found is not None:
            return self._found
        return self.cluster._world.snapshot(self.initiator, self.number)

    @property
    def states(self) -> dict[str, Any]:
        """What each node recorded of itself, by name: data, or the attributes of a node written in Python."""
        return {name: part["state"] for name, part in self._parts()["nodes"].items()}

    @property
    def disks(self) -> dict[str, Any]:
        """What was on each node's disk, by name."""
        return {name: part["disk"] for name, part in self._parts()["nodes"].items()}

    @property
    def timers(self) -> dict[str, list[str]]:
        """The timers that were armed, by node."""
        return {name: list(part["timers"]) for name, part in self._parts()["nodes"].items()}

    @property
    def channels(self) -> dict[tuple[str, str], list[Any]]:
        """What was under way, in order, by sender and receiver; empty channels are left out."""
        nodes = self._parts()["nodes"].items()
        return {
            (src, dst): list(messages) for dst, part in nodes for src, messages in part["channels"].items() if messages
        }

    @property
    def messages(self) -> list[tuple[str, str, Any]]:
        """All that was under way: sender, receiver, message."""
        return [(src, dst, message) for (src, dst), found in self.channels.items() for message in found]

    @property
    def consistent(self) -> bool:
        return self.complete and not self._parts()["flaws"]

    @property
    def problem(self) -> str | None:
        if not self.complete:
            return "it is not complete"
        for src, dst, sent, received, recorded in self._parts()["flaws"]:
            said = f"{src} had sent {sent} to {dst}, which had received {received}; {recorded} recorded as under way"
            return f"received but not sent: {said}" if received + recorded > sent else f"lost: {said}"
        return None

    def cut(self, order: Causality | None = None) -> dict[str, int]:
        """How many events of each node are inside: as :meth:`Causality.cut`, :func:`distlab.plot.spacetime` take a cut.

        A node's events end before the input that made it record its state. What waited for a disk then was sent for the
        node and not yet for the trace: with slow disks, ``consistent`` is what counts.

        Parameters
        ----------
        order : Causality, optional
            Of the cluster's trace, if there is one already.

        Raises
        ------
        ParameterError
            If the snapshot is not complete, the trace was not full when nodes recorded their states, or inputs waited
            for a processor or a paused node then.
        """
        if order is None:
            order = causality(self.cluster.trace)
        elif not isinstance(order, Causality):
            raise ParameterTypeError("order", order, "a Causality: dl.causality(cluster.trace)")
        columns = order.trace.columns
        labels, kinds = list(columns["labels"]), list(columns["kinds"])
        label = labels.index("snapshot") if "snapshot" in labels else -1
        is_note = (columns["kind"] == kinds.index("note")) & (columns["label"] == label)
        counts: dict[str, int] = {}
        for row in np.flatnonzero(is_note & (columns["id"] == self.number)):
            node, cause = int(columns["node"][row]), columns["cause"][row]
            before = slice(0, int(row))
            inputs = np.flatnonzero((columns["node"][before] == node) & (columns["id"][before] == cause))
            if len(inputs) and order.place[inputs[-1]] > 0:
                counts[order.nodes[node]] = int(order.place[inputs[-1]]) - 1
        if not self.complete:
            raise ParameterError("snapshot", self, "one that is complete: snapshot.wait()")
        missing = [name for name in self.states if name not in counts]
        if missing:
            allowed = (
                f'a trace that tells which input made {missing[0]!r} record its state: trace="full", no service times, '
                "and no pauses then"
            )
            raise ParameterError("trace", order.trace, allowed)
        return counts

    def restore(self) -> Cluster:
        """A cluster that goes on from here.

        Every node is as it recorded itself, with its disk and its timers, and the messages that were under way arrive
        in the order of their channels. A copy: the cluster itself runs on as if nothing was. Links, clocks and
        operations are as they were when the snapshot was first seen to be complete; workloads, planned faults and calls
        under way are not taken over. The trace and the history of the copy begin here: a history that begins in the
        midst cannot be judged as if all had been empty before.

        Raises
        ------
        ParameterError
            If it is not complete.
        """
        if not self.complete or self._world is None:
            raise ParameterError("snapshot", self, "one that is complete: snapshot.wait()")
        copy = self.cluster.fork()
        copy._world = self._world.restore(self.initiator, self.number)
        copy._world.clear_trace()
        copy._agenda = []
        copy._asked_before = len(copy._world.history()["node"])
        return copy

    def total(self, amount: Callable[[Any], float]) -> float:
        """The sum of something over all states and all messages under way.

        Parameters
        ----------
        amount : callable
            Given a state or a message: how much of it is there.
        """
        if not callable(amount):
            raise ParameterTypeError("amount", amount, "a callable")
        if not self.complete:
            raise ParameterError("snapshot", self, "one that is complete: snapshot.wait()")
        messages = [message for _, _, message in self.messages]
        return cast(float, sum(amount(it) for it in [*self.states.values(), *messages]))

    def __repr__(self) -> str:
        how = self.algorithm.replace("_", "-")
        if not self.complete:
            found = f"{len(self._parts()['nodes'])} of {len(self.cluster.nodes)} nodes so far"
            return f"<Snapshot {self.number} of {self.initiator} by {how}: {found}>"
        judged = "" if self.consistent else ", not consistent"
        return f"<Snapshot {self.number} of {self.initiator} by {how}: {len(self.messages)} messages under way{judged}>"
