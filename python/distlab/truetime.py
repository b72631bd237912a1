"""TrueTime: a clock that knows how far it can be off (notes 2.13; Corbett et al. 2012, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from . import units
from ._core import nanoseconds
from .clocks import Interval
from .cluster import Op, TraceLevel
from .errors import ClockError, ParameterError
from .network import Disk, Network
from .timekeeping import ClockCluster, interval, tolerance
from .units import Duration

__all__ = ["TrueTime", "WaitOp"]


class WaitOp(Op):
    """A wait until a time has passed for certain; it may still be under way.

    Attributes
    ----------
    stamp : float or None
        The time, in seconds; None until it has passed.
    """

    @property
    def stamp(self) -> float | None:
        reply = self.reply
        waited = {} if reply is None else reply["truetime"].get("waited", {})
        return units.seconds(waited["stamp"]) if waited else None


class TrueTime(ClockCluster):
    """Time masters and the daemons that ask them, in one or more data centres.

    Parameters
    ----------
    daemons : int
        How many machines there are in each data centre (``dc0.d0``, ``dc0.d1``, ...).
    gps : int
        How many masters with a GPS receiver (``dc0.gps0``, ...) in each: right to within ``epsilon``, always.
    atomic : int
        How many with an atomic clock (``dc0.atomic0``, ...) in each: right when they start, then drifting slowly; they
        compare themselves with the GPS masters of their data centre.
    datacenters : int
        How many data centres there are. Daemons also ask the first master of every other one.
    poll : duration or (duration, duration)
        How often daemons ask.
    patience : duration or (duration, duration)
        How long they wait for answers.
    tolerance_ppm : float
        How far true time and a machine's clock can drift apart: us for each second that the clock counts.
    atomic_tolerance_ppm : float
        The same for atomic clocks.
    epsilon : duration
        How far off masters can be.
    between : duration
        How much longer a message takes from one data centre to another; without a ``network`` of one's own.
    offsets, drift_ppm : mapping, optional
        As for :class:`distlab.Ntp`. Masters with an offset are liars.
    seed, network, disk, service, trace, manual, limits
        As for :class:`distlab.Cluster`. By default a message takes 1 ms.
    check_invariants : bool or list of str
        Whether to look at the invariants after every step: ErrorBound (the interval contains true time),
        ExternalConsistency. A clock fault breaks ErrorBound.
    mutant : str, optional
        A rule that every node breaks, to test the tests: one of ``TrueTime.mutants``.

    Raises
    ------
    ParameterError
        If there are no masters or no daemons, a duration is zero, ...

    Notes
    -----
    The bound is a sawtooth: what the way to the masters leaves open, and ``tolerance_ppm`` for each second since the
    last poll; 1 to 7 ms with the defaults, 4 ms on average, as in the paper. Who finds its own clock outside of what it
    thought possible says nothing more until it is started again.

    Examples
    --------
    >>> import distlab as dl
    >>> tt = dl.TrueTime(daemons=2, drift_ppm={"dc0.d0": 150}, check_invariants=True).run_for("59s")
    >>> now = tt.interval("dc0.d0")
    >>> tt.now in now, round(now.epsilon, 4)
    (True, 0.0068)
    >>> commit = tt.commit("dc0.d0")
    >>> tt.run_until(commit), round(commit.latency, 4) == round(2 * now.epsilon, 4), commit.stamp == now.latest
    (True, True, True)
    """

    mutants: ClassVar[tuple[str, ...]] = ("half_wait", "no_wait", "no_drift", "no_delay", "believe_all")
    _protocol = "truetime"

    def __init__(
        self,
        daemons: int = 3,
        *,
        gps: int = 2,
        atomic: int = 1,
        datacenters: int = 1,
        poll: Duration | tuple[Duration, Duration] = "30s",
        patience: Duration | tuple[Duration, Duration] = "1s",
        tolerance_ppm: float = 200.0,
        atomic_tolerance_ppm: float = 1.0,
        epsilon: Duration = 0.0,
        between: Duration = "30ms",
        offsets: Mapping[str, Duration] | None = None,
        drift_ppm: Mapping[str, float] | None = None,
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
        if mutant is not None:
            units.choice(mutant, "mutant", self.mutants)
        if units.count(gps, "gps", least=0) + units.count(atomic, "atomic", least=0) == 0:
            raise ParameterError("gps", gps, "at least one master, gps or atomic")
        centres = [f"dc{i}" for i in range(units.count(datacenters, "datacenters"))]
        common = {
            "poll": interval(poll, "poll"),
            "patience": interval(patience, "patience"),
            "epsilon": nanoseconds(epsilon, "epsilon"),
            "mutant": mutant,
        }
        daemon_drift = tolerance(tolerance_ppm, "tolerance_ppm")
        kinds = {
            "gps": {**common, "kind": "gps", "drift_ppb": 0},
            "atomic": {
                **common,
                "kind": "atomic",
                "drift_ppb": tolerance(atomic_tolerance_ppm, "atomic_tolerance_ppm"),
            },
            "d": {**common, "kind": "daemon", "drift_ppb": daemon_drift},
        }
        counts = {"gps": gps, "atomic": atomic, "d": units.count(daemons, "daemons")}
        members = {dc: {kind: [f"{dc}.{kind}{i}" for i in range(n)] for kind, n in counts.items()} for dc in centres}
        nodes: dict[str, Any] = {}
        for dc, own in members.items():
            far = [[*it["gps"], *it["atomic"]][0] for other, it in members.items() if other != dc]
            sources = {"gps": [], "atomic": own["gps"], "d": [*own["gps"], *own["atomic"], *far]}
            for kind, names in own.items():
                config = {**kinds[kind], "sources": sources[kind]}
                nodes |= {name: {"truetime": {"config": config}} for name in names}
        places = [i for i, own in enumerate(members.values()) for names in own.values() for _ in names]
        ways = [[0 if a == b else between for b in centres] for a in centres]
        self._set_up_clocks(
            nodes,
            offsets,
            drift_ppm,
            seed=seed,
            network=Network(latency="1ms", places=places, between=ways) if network is None else network,
            disk=disk,
            service=service,
            trace=trace,
            check_invariants=check_invariants,
            manual=manual,
            limits=limits,
        )

    def _of_kind(self, *kinds: str) -> list[str]:
        return [name for name in self.nodes if self.status(name)["kind"] in kinds]

    @property
    def masters(self) -> list[str]:
        """The names of the time masters."""
        return self._of_kind("gps", "atomic")

    @property
    def daemons(self) -> list[str]:
        """The names of the machines."""
        return self._of_kind("daemon")

    def interval(self, node: str) -> Interval:
        """``TT.now()`` at a node: the interval in which it knows true time to be, in seconds.

        Raises
        ------
        ClockError
            If the node is down, not synchronized yet, or has found its clock to be wrong.

        Examples
        --------
        >>> import distlab as dl
        >>> tt = dl.TrueTime().run_for("2s")
        >>> tt.interval("dc0.d0").epsilon < tt.run_for("20s").interval("dc0.d0").epsilon
        True
        """
        at = self._world.names.index(self._known(node))
        seen = self._world.clocks()
        time, within = int(seen["time_ns"][at]), int(seen["within_ns"][at])
        if within >= 0:
            return Interval(units.seconds(time - within), units.seconds(time + within))
        if not self.up(node):
            raise ClockError(f"{node} is down")
        wrong = self.status(node)["evicted"]
        raise ClockError(f"the clock of {node} is wrong" if wrong else f"{node} is not synchronized yet")

    def after(self, node: str, time: Duration) -> bool:
        """``TT.after(time)`` at a node: whether a time has passed for certain."""
        return self.interval(node).after(units.seconds(nanoseconds(time, "time")))

    def before(self, node: str, time: Duration) -> bool:
        """``TT.before(time)`` at a node: whether a time has certainly not come yet."""
        return self.interval(node).before(units.seconds(nanoseconds(time, "time")))

    def commit(self, node: str) -> WaitOp:
        """Give a stamp, the latest that true time can be, and wait until it has passed for certain.

        Returns
        -------
        WaitOp
            Answered when any other commit, anywhere, will get a larger stamp; of status ``"fail"`` if the node does not
            know the time.
        """
        return WaitOp(self, self.call(self._known(node), {"truetime": "commit"}).number)

    def commit_wait(self, node: str, stamp: Duration) -> WaitOp:
        """Wait at a node until a time has passed for certain."""
        call = {"truetime": {"commit_wait": {"stamp": nanoseconds(stamp, "stamp")}}}
        return WaitOp(self, self.call(self._known(node), call).number)

    def liars(self, node: str) -> list[str]:
        """The masters that a node did not believe at its last poll, as most others contradict them."""
        state = self._live(node)
        return [] if state is None else list(state["liars"])

    def evicted(self) -> list[str]:
        """The nodes that have found their own clock to be wrong."""
        return [name for name in self.nodes if self.status(name)["evicted"]]
