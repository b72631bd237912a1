"""Clocks that are kept right over a network: NTP (notes 1.3.1; RFC 5905), Cristian's and Berkeley's algorithms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from . import units
from ._core import nanoseconds
from .cluster import TraceLevel
from .errors import ParameterError, ParameterTypeError, UnknownNode
from .network import Disk, Network
from .timekeeping import ClockCluster, discipline, interval, tolerance
from .units import Duration

__all__ = ["Berkeley", "Cristian", "Ntp"]


class Ntp(ClockCluster):
    """Nodes that have the time from each other, down from references that have it of themselves.

    Parameters
    ----------
    upstreams : sequence of int, or mapping of str to sequence of str
        How many nodes there are of stratum 0, 1, 2, ..., each of which asks all of the stratum above (``s0n0``,
        ``s1n0``, ``s1n1``, ...); or whom each node asks. Who asks nobody is a reference (stratum 0): its hardware is
        right, unless it is made a falseticker by ``offsets`` or ``drift_ppm``.
    poll : duration or (duration, duration)
        From one poll to the next, once a node has the time.
    burst : duration or (duration, duration)
        The same before that.
    slew_ppm : float
        How fast a correction is worked in.
    step : duration
        Larger errors are corrected at once.
    tolerance_ppm : float
        How much nodes take their hardware to drift at most (phi): error bounds grow by that.
    precision : duration
        How finely clocks are read.
    offsets : mapping of str to duration, optional
        How far hardware clocks are ahead when they start; may be negative.
    drift_ppm : mapping of str to float, optional
        How fast they run.
    seed, network, disk, service, trace, manual, limits
        As for :class:`distlab.Cluster`.
    check_invariants : bool or list of str
        Whether to look at the invariants after every step: ErrorBound, SlewRate, Stratum. A reference that is wrong,
        and hardware that drifts more than allowed for, break ErrorBound.
    mutant : str, optional
        A rule that every node breaks, to test the tests: one of ``Ntp.mutants``.

    Raises
    ------
    ParameterError
        If there are no nodes, a duration is zero, a clock would run backwards, ...
    UnknownNode
        If an upstream is no node.

    Notes
    -----
    A message each way for each upstream and poll. The error of an offset is half the difference of the two ways, and so
    at most half of the round trip.

    Examples
    --------
    >>> import distlab as dl
    >>> ntp = dl.Ntp((2, 2, 2), seed=1, offsets={"s2n0": "1s"}, drift_ppm={"s2n0": 12}, check_invariants=True)
    >>> ntp.run_for("2min").strata()
    {'s0n0': 0, 's0n1': 0, 's1n0': 1, 's1n1': 1, 's2n0': 2, 's2n1': 2}
    >>> abs(ntp.clock("s2n0").error) < 1e-3 < abs(ntp.clock("s2n0").hardware - ntp.now)
    True
    """

    mutants: ClassVar[tuple[str, ...]] = ("always_step", "no_dispersion", "forget_root", "trust_stratum")
    _protocol = "ntp"

    def __init__(
        self,
        upstreams: Sequence[int] | Mapping[str, Sequence[str]] = (1, 2, 4),
        *,
        poll: Duration | tuple[Duration, Duration] = "16s",
        burst: Duration | tuple[Duration, Duration] = "2s",
        slew_ppm: float = 500.0,
        step: Duration = "128ms",
        tolerance_ppm: float = 15.0,
        precision: Duration = "1us",
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
        config = {
            "poll": interval(poll, "poll"),
            "burst": interval(burst, "burst"),
            "discipline": discipline(slew_ppm, step),
            "drift_ppb": tolerance(tolerance_ppm, "tolerance_ppm"),
            "precision": nanoseconds(precision, "precision"),
            "mutant": mutant,
        }
        nodes = {
            name: {"ntp": {"config": {**config, "upstreams": above, "reference": None if above else 0}}}
            for name, above in _topology(upstreams).items()
        }
        self._set_up_clocks(
            nodes,
            offsets,
            drift_ppm,
            seed=seed,
            network=network,
            disk=disk,
            service=service,
            trace=trace,
            check_invariants=check_invariants,
            manual=manual,
            limits=limits,
        )

    @property
    def references(self) -> list[str]:
        """The names of the nodes of stratum 0."""
        return [name for name in self.nodes if self.status(name)["stratum"] == 0]

    def stratum(self, node: str) -> int:
        """How far a node is from a reference; 16: it does not have the time. Of one that is down: at its start."""
        return int(self.status(self._known(node))["stratum"])

    def strata(self) -> dict[str, int]:
        """How far each node is from a reference."""
        return {name: self.stratum(name) for name in self.nodes}

    def upstream(self, node: str) -> str | None:
        """Whom a node has the time from; None if it does not have it, or is a reference."""
        found = self.status(self._known(node)).get("upstream")
        return None if found is None else str(found)

    def falsetickers(self, node: str) -> list[str]:
        """Whom a node asks and does not believe, because most others contradict them."""
        state = self._live(node)
        return [] if state is None else list(state["falsetickers"])

    def status(self, node: str) -> dict[str, Any]:
        """What a node knows: its stratum and upstream, what it measured, and the time.

        Returns
        -------
        dict
            ``stratum``; ``upstream``; how often the clock was corrected at once (``steps``); and in seconds ``offset``,
            ``delay`` and ``dispersion`` of the upstream when the clock was last set right, ``root_delay``,
            ``root_dispersion``, and ``time``: what the node takes for the time.

        Examples
        --------
        >>> import distlab as dl
        >>> ntp = dl.Ntp((1, 1), network=dl.Network(latency="5ms"), offsets={"s1n0": "-50ms"})
        >>> ntp.run_for("1s").status("s1n0")
        {'stratum': 1, 'upstream': 's0n0', 'steps': 0, 'offset': 0.05, 'delay': 0.01, 'dispersion': 1.15e-06,
         'root_delay': 0.01, 'root_dispersion': 2.15e-06, 'time': 0.950495}
        """
        status = super().status(node)
        if "upstream" in status:
            status["upstream"] = self.nodes[status["upstream"]]
        return {**_in_seconds(status), "time": self.clock(node).time}


class Cristian(ClockCluster):
    """Clients that ask one server, and assume that half of the round trip has passed since it answered.

    Parameters
    ----------
    clients : int or list of str
        How many clients (``c0, c1, ...``), or their names. The server is called ``server``; its hardware is right.
    poll : duration or (duration, duration)
        How often a client asks.
    retry : duration or (duration, duration)
        How long it waits after an answer that took too long.
    most_delay : duration, optional
        Longer round trips are not believed.
    least_way : duration
        The shortest time that a message can take.
    slew_ppm, step, tolerance_ppm, offsets, drift_ppm
        As for :class:`distlab.Ntp`.
    **options
        As for :class:`distlab.Cluster`. The invariants are ErrorBound and SlewRate.

    Notes
    -----
    Cristian, *Probabilistic Clock Synchronization* (1989). The error is at most half the round trip less ``least_way``.

    Examples
    --------
    >>> import distlab as dl
    >>> cluster = dl.Cristian(1, network=dl.Network(latency="10ms"), offsets={"c0": "3s"}).run_for("1s")
    >>> cluster.clock("c0").error, round(cluster.clock("c0").bound, 3)
    (0.0, 0.01)
    """

    _protocol = "cristian"

    def __init__(
        self,
        clients: int | Sequence[str] = 2,
        *,
        poll: Duration | tuple[Duration, Duration] = "16s",
        retry: Duration | tuple[Duration, Duration] = "1s",
        most_delay: Duration | None = None,
        least_way: Duration = 0.0,
        slew_ppm: float = 500.0,
        step: Duration = "128ms",
        tolerance_ppm: float = 15.0,
        offsets: Mapping[str, Duration] | None = None,
        drift_ppm: Mapping[str, float] | None = None,
        **options: Any,
    ) -> None:
        names = units.names(clients, "clients", "c")
        if "server" in names:
            raise ParameterError("clients", names, "names other than server, which is the server's")
        config = {
            "poll": interval(poll, "poll"),
            "retry": interval(retry, "retry"),
            "most_delay": None if most_delay is None else units.positive(most_delay, "most_delay"),
            "least_way": nanoseconds(least_way, "least_way"),
            "discipline": discipline(slew_ppm, step),
            "drift_ppb": tolerance(tolerance_ppm, "tolerance_ppm"),
        }
        nodes: dict[str, Any] = {"server": {"cristian": {"config": {**config, "server": None}}}}
        nodes |= {name: {"cristian": {"config": {**config, "server": "server"}}} for name in names}
        self._set_up_clocks(nodes, offsets, drift_ppm, **options)

    @property
    def clients(self) -> list[str]:
        """The names of the clients."""
        return self.nodes[1:]

    def status(self, node: str) -> dict[str, Any]:
        """What a node knows: its ``role``; of the last answer, in seconds, ``offset, delay, within``."""
        return _in_seconds(super().status(node))


class Berkeley(ClockCluster):
    """Nodes none of which knows the time: a master lets all agree on the average of their clocks.

    Parameters
    ----------
    members : int or list of str
        How many others there are (``m0, m1, ...``), or their names. The master is called ``master``.
    poll : duration or (duration, duration)
        From one round to the next.
    patience : duration or (duration, duration)
        How long the master waits for answers.
    gamma : duration
        How far apart clocks may be that are averaged; who is further off is set right and not counted.
    slew_ppm, step, offsets, drift_ppm
        As for :class:`distlab.Ntp`.
    **options
        As for :class:`distlab.Cluster`. The invariant is SlewRate.

    Notes
    -----
    Gusella and Zatti, *The Accuracy of the Clock Synchronization Achieved by TEMPO in Berkeley UNIX 4.3BSD* (1989).

    Examples
    --------
    3:00, 3:25 and 2:50 make 3:05:

    >>> import distlab as dl
    >>> network = dl.Network(latency="1ms")
    >>> cluster = dl.Berkeley(2, gamma="1h", network=network, offsets={"m0": "25min", "m1": "-10min"}).run_for("1s")
    >>> [cluster.clock(name).error / 60 for name in cluster.nodes]
    [5.0, 5.0, 5.0]
    """

    _protocol = "berkeley"

    def __init__(
        self,
        members: int | Sequence[str] = 3,
        *,
        poll: Duration | tuple[Duration, Duration] = "16s",
        patience: Duration | tuple[Duration, Duration] = "1s",
        gamma: Duration = "1s",
        slew_ppm: float = 500.0,
        step: Duration = "128ms",
        offsets: Mapping[str, Duration] | None = None,
        drift_ppm: Mapping[str, float] | None = None,
        **options: Any,
    ) -> None:
        names = units.names(members, "members", "m")
        if "master" in names:
            raise ParameterError("members", names, "names other than master, which is the master's")
        config = {
            "poll": interval(poll, "poll"),
            "patience": interval(patience, "patience"),
            "gamma": nanoseconds(gamma, "gamma"),
            "discipline": discipline(slew_ppm, step),
        }
        nodes: dict[str, Any] = {"master": {"berkeley": {"config": {**config, "members": names}}}}
        nodes |= {name: {"berkeley": {"config": dict(config)}} for name in names}
        self._set_up_clocks(nodes, offsets, drift_ppm, **options)

    @property
    def members(self) -> list[str]:
        """The names of the others."""
        return self.nodes[1:]

    def status(self, node: str) -> dict[str, Any]:
        """What a node knows: its ``role``, and by how many seconds it was last ``adjusted``."""
        return _in_seconds(super().status(node))


def _topology(upstreams: Any) -> dict[str, list[str]]:
    """Whom each node asks."""
    allowed = "numbers of nodes, from stratum 0 on; or a mapping of nodes to lists of those they ask"
    if isinstance(upstreams, Mapping):
        asked: dict[str, list[str]] = {}
        for name, above in upstreams.items():
            if isinstance(above, str | Mapping) or not isinstance(above, Sequence):
                raise ParameterTypeError(f"upstreams[{name!r}]", above, "a list of nodes")
            asked[name] = list(above)
        for name, above in asked.items():
            for it in above:
                if it not in asked:
                    raise UnknownNode(it, tuple(asked))
            if name in above or len(set(above)) != len(above):
                raise ParameterError(f"upstreams[{name!r}]", above, "other nodes, each of them once")
    elif isinstance(upstreams, str) or not isinstance(upstreams, Sequence):
        raise ParameterTypeError("upstreams", upstreams, allowed)
    else:
        widths = [units.count(width, f"upstreams[{level}]") for level, width in enumerate(upstreams)]
        levels = [[f"s{level}n{i}" for i in range(width)] for level, width in enumerate(widths)]
        asked = {name: list(above) for above, level in zip([[], *levels], levels, strict=False) for name in level}
    if not asked:
        raise ParameterError("upstreams", upstreams, allowed)
    return asked


def _in_seconds(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status with everything that is in nanoseconds in seconds, last."""
    plain = {name: value for name, value in status.items() if not name.endswith("_ns")}
    times = {name[:-3]: units.seconds(value) for name, value in status.items() if name.endswith("_ns")}
    return plain | times
