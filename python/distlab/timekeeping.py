"""How right clocks are: ideal clocks that drift, samples of a cluster's clocks, and when clocks are synchronized."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import units
from ._core import nanoseconds
from .cluster import Cluster
from .errors import ParameterError, ParameterTypeError, UnknownNode
from .units import Duration

__all__ = [
    "ClockCluster",
    "ClockErrors",
    "ClockReading",
    "DriftingClock",
    "clock_errors",
    "delta_synchronized",
    "resync_period",
]

Floats = NDArray[np.float64]

MOST_SAMPLES = 5_000_000
"""More than this would not fit into memory on small machines: clocks times samples."""


class ClockReading(NamedTuple):
    """A node's clock at one time, in seconds.

    Attributes
    ----------
    hardware : float
        What its hardware shows.
    time : float
        What the node takes for the time.
    bound : float
        How far it says that can be off; nan if it does not know.
    error : float
        How far it is ahead of true time.
    """

    hardware: float
    time: float
    bound: float
    error: float


@dataclass(frozen=True)
class DriftingClock:
    """An ideal clock that was off by ``offset`` at time 0 and runs ``drift_ppm`` parts per million fast.

    Parameters
    ----------
    offset : duration
        May be negative.
    drift_ppm : float
        rho, in parts per million: dC/dt = 1 + rho. Above -1e6: a clock does not run backwards.

    Raises
    ------
    ParameterError, ParameterTypeError
        If it would stand still or run backwards, or is no number.

    Notes
    -----
    Notes, Theorem 3.1.

    Examples
    --------
    >>> import distlab as dl
    >>> clock = dl.DriftingClock(drift_ppm=100)
    >>> clock(50)
    50.005
    """

    offset: Duration = 0.0
    drift_ppm: float = 0.0

    def __post_init__(self) -> None:
        units.offset(self.offset, "offset")
        units.number(self.drift_ppm, "drift_ppm", "a finite number above -1e6", above=-1e6)

    def __call__(self, t: Duration) -> float:
        """What it shows at true time ``t``, in seconds."""
        time = units.seconds(nanoseconds(t, "t"))
        return time + units.seconds(units.offset(self.offset, "offset")) + time * self.drift_ppm * 1e-6


@dataclass(frozen=True, eq=False)
class ClockErrors:
    """Samples of a cluster's clocks: what :func:`clock_errors` returns. All times in seconds.

    Attributes
    ----------
    nodes : list of str
        Whose clocks, one for each column.
    time : array of float, shape (samples,)
        True time of each sample.
    error : array of float, shape (samples, nodes)
        How far what a node takes for the time is ahead of true time.
    hardware : array of float, shape (samples, nodes)
        How far its hardware clock is ahead: where it would be if nobody set it right.
    bound : array of float, shape (samples, nodes)
        How far the node says it can be off; nan where it does not know.
    up : array of bool, shape (samples, nodes)
        Whether the node was up.

    Examples
    --------
    >>> import distlab as dl
    >>> cluster = dl.Ntp((1, 2), seed=1, drift_ppm={"s1n0": 10, "s1n1": -10})
    >>> errors = dl.clock_errors(cluster, "1h", every="30s")
    >>> errors
    <ClockErrors of 3 clocks, 121 samples from 0 s to 3600 s>
    >>> bool(errors.spread(hardware=True)[-1] > 10 * errors.spread()[-1]), errors.within_bound()
    (True, True)
    """

    nodes: list[str]
    time: Floats
    error: Floats
    hardware: Floats
    bound: Floats
    up: NDArray[np.bool_]

    def of(self, node: str) -> dict[str, Any]:
        """The columns of one node: ``time, error, hardware, bound, up``."""
        if node not in self.nodes:
            raise UnknownNode(node, tuple(self.nodes))
        at = self.nodes.index(node)
        columns = {name: getattr(self, name)[:, at] for name in ("error", "hardware", "bound", "up")}
        return {"time": self.time, **columns}

    def spread(self, *, hardware: bool = False) -> Floats:
        """The largest difference |Ci - Cj| between any two clocks that are up, for each sample; nan if none is."""
        clocks = np.where(self.up, self.hardware if hardware else self.error, np.nan)
        known = self.up.any(axis=1)
        spread = np.full(len(self.time), np.nan)
        spread[known] = np.nanmax(clocks[known], axis=1) - np.nanmin(clocks[known], axis=1)
        return spread

    def within_bound(self) -> bool:
        """Whether no node that says how far it can be off was further off; to the nanosecond."""
        return not bool((np.abs(self.error) > self.bound + 5e-10).any())

    def __repr__(self) -> str:
        span = f"from {self.time[0]:g} s to {self.time[-1]:g} s"
        return f"<ClockErrors of {len(self.nodes)} clocks, {len(self.time)} samples {span}>"


def clock_errors(
    cluster: Cluster, duration: Duration, every: Duration, nodes: Sequence[str] | None = None
) -> ClockErrors:
    """Run a cluster on for a time, and look at all its clocks again and again.

    Parameters
    ----------
    cluster : Cluster
        Of any protocol: nodes that keep no clock take their hardware's reading for the time.
    duration : duration
        How long to run.
    every : duration
        From one sample to the next; the first is taken now.
    nodes : sequence of str, optional
        Whose clocks; all otherwise.

    Returns
    -------
    ClockErrors

    Raises
    ------
    ParameterError
        If there would be more than 5 million readings, or ``every`` is 0.
    UnknownNode
        If there is no such node.

    Notes
    -----
    True time is the simulator's, which no node can see. O(samples x nodes) beside the run itself.

    Examples
    --------
    >>> import distlab as dl
    >>> cluster = dl.Raft(3, seed=1).skew("n0", drift_ppm=50)
    >>> dl.clock_errors(cluster, "100s", every="50s").error[:, 0].tolist()
    [0.0, 0.0025, 0.005]
    """
    if not isinstance(cluster, Cluster):
        raise ParameterTypeError("cluster", cluster, "a Cluster")
    step, length = units.positive(every, "every"), nanoseconds(duration, "duration")
    chosen = cluster._world.names if nodes is None else [cluster._known(node) for node in nodes]
    if not chosen:
        raise ParameterError("nodes", nodes, "at least one")
    count = length // step + 1
    if count * len(chosen) > MOST_SAMPLES:
        raise ParameterError("every", every, f"an interval with at most {MOST_SAMPLES:,} readings in all")
    at = np.array([cluster._world.names.index(node) for node in chosen])
    start = cluster._world.now
    time = start + step * np.arange(count)
    columns = {name: np.empty((count, len(chosen)), np.int64) for name in ("hardware_ns", "time_ns", "within_ns")}
    up = np.empty((count, len(chosen)), np.bool_)
    for i, time_ns in enumerate(time.tolist()):
        cluster._run(time_ns, False)
        seen = cluster._world.clocks()
        up[i] = seen["up"][at]
        for name, column in columns.items():
            column[i] = seen[name][at]
    cluster._run(start + length, False)
    within = columns["within_ns"]
    return ClockErrors(
        nodes=list(chosen),
        time=time / units.SECOND,
        error=(columns["time_ns"] - time[:, None]) / units.SECOND,
        hardware=(columns["hardware_ns"] - time[:, None]) / units.SECOND,
        bound=np.where(within < 0, np.nan, within / units.SECOND),
        up=up,
    )


def delta_synchronized(
    clocks: ClockErrors | Sequence[Callable[[Any], float]] | Mapping[str, Callable[[Any], float]],
    t: Duration | None,
    delta: Duration,
) -> bool:
    """Whether any two clocks differ by at most ``delta`` at time ``t``: |Ci(t) - Cj(t)| <= delta.

    Parameters
    ----------
    clocks : ClockErrors, or sequence or mapping of callables
        Samples of a cluster's clocks; or clocks as functions of true time in seconds.
    t : duration or None
        When: of samples the last one up to then. None: at all samples.
    delta : duration

    Raises
    ------
    ParameterError
        If ``t`` is before the first sample or after the last, or None without samples; if there are no clocks.
    ParameterTypeError
        If these are no clocks.

    Notes
    -----
    Notes, Definition 3.1. Equality counts, to within half a nanosecond.

    Examples
    --------
    >>> import distlab as dl
    >>> clocks = [dl.DriftingClock(drift_ppm=100), dl.DriftingClock(drift_ppm=-100)]
    >>> dl.delta_synchronized(clocks, "50s", "10ms"), dl.delta_synchronized(clocks, "51s", "10ms")
    (True, False)
    """
    most = units.seconds(nanoseconds(delta, "delta")) + 5e-10
    if isinstance(clocks, ClockErrors):
        spread = clocks.spread()
        if t is None:
            return not bool((spread > most).any())
        time = units.seconds(nanoseconds(t, "t"))
        if not clocks.time[0] <= time <= clocks.time[-1]:
            raise ParameterError("t", t, f"a time from {clocks.time[0]:g} s to {clocks.time[-1]:g} s, or None")
        return not bool(spread[np.searchsorted(clocks.time, time, "right") - 1] > most)
    each = list(clocks.values()) if isinstance(clocks, Mapping) else clocks
    allowed = "samples from clock_errors, or functions of time"
    if isinstance(each, str) or not isinstance(each, Sequence) or not all(callable(it) for it in each):
        raise ParameterTypeError("clocks", clocks, allowed)
    if not each:
        raise ParameterError("clocks", clocks, "at least one clock")
    if t is None:
        raise ParameterError("t", t, "a time: only samples have an end")
    shown = [it(units.seconds(nanoseconds(t, "t"))) for it in each]
    return bool(max(shown) - min(shown) <= most)


def resync_period(delta: Duration, drift_ppm: float) -> float:
    """How often clocks must be set right to stay within ``delta`` of each other: delta / (2 rho), in seconds.

    Parameters
    ----------
    delta : duration
        How far apart they may be.
    drift_ppm : float
        How fast or slow each of them may be, in parts per million.

    Notes
    -----
    Two clocks drift apart by 2 rho a second; that setting them right takes no time and makes no error is assumed.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.resync_period("10ms", drift_ppm=100)
    50.0
    """
    rho = units.number(drift_ppm, "drift_ppm", "parts per million, a finite number above 0")
    return units.positive(delta, "delta") / (2 * rho * 1e3)


class ClockCluster(Cluster):
    """The base of the clusters that keep time: :class:`distlab.Ntp` and its like."""

    def _set_up_clocks(
        self,
        nodes: Mapping[str, Any],
        offsets: Mapping[str, Duration] | None,
        drift_ppm: Mapping[str, float] | None,
        **options: Any,
    ) -> None:
        """Makes the world; hardware clocks are what they are before anybody looks at them."""
        self._skews: list[tuple[str, dict[str, Any]]] = []
        for parameter, given in (("offset", offsets), ("drift_ppm", drift_ppm)):
            name = "offsets" if parameter == "offset" else parameter
            if given is None:
                continue
            if not isinstance(given, Mapping):
                raise ParameterTypeError(name, given, "a mapping of nodes")
            for node, value in given.items():
                if node not in nodes:
                    raise UnknownNode(node, tuple(nodes))
                self._skews.append((node, {parameter: value}))
        super().__init__(nodes, **options)

    def _join(self, nodes: Mapping[str, Any]) -> None:
        self._world.spawn(dict(nodes))
        for node, skew in self._skews:
            self.skew(node, **skew)
        self._skews = []
        with self._explained():
            self._world.start_nodes()

    def _restore(self) -> None:
        self._skews = []
        super()._restore()

    def _live(self, node: str) -> dict[str, Any] | None:
        """A node's live state; None while it is down."""
        state, _ = self._world.state(self._known(node))
        return None if state is None else dict(state[self._protocol])

    def clock(self, node: str) -> ClockReading:
        """A node's clock now, and how far off it is.

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.Ntp((1, 1), network=dl.Network(latency="5ms"), offsets={"s1n0": "2s"})
        >>> cluster.run_for("1s").clock("s1n0")
        ClockReading(hardware=3.0, time=1.0, bound=0.005017, error=0.0)
        """
        at = self._world.names.index(self._known(node))
        seen = self._world.clocks()
        hardware, time, within = (int(seen[name][at]) for name in ("hardware_ns", "time_ns", "within_ns"))
        bound = float("nan") if within < 0 else units.seconds(within)
        return ClockReading(units.seconds(hardware), units.seconds(time), bound, units.seconds(time - self._world.now))


def discipline(slew_ppm: float, step: Duration) -> dict[str, int]:
    """How a clock is set right, in the form of the core."""
    allowed = "parts per million, above 0 and below 1e6"
    slew = round(units.number(slew_ppm, "slew_ppm", allowed) * 1_000)
    if not 0 < slew < units.SECOND:
        raise ParameterError("slew_ppm", slew_ppm, allowed)
    return {"slew_ppb": slew, "step": nanoseconds(step, "step")}


def tolerance(drift: float, parameter: str) -> int:
    """A drift that is allowed for, from parts per million to parts per billion."""
    allowed = "parts per million, from 0 to below 1e6"
    found = round(units.number(drift, parameter, allowed, above=-5e-324) * 1_000)
    if found >= units.SECOND:
        raise ParameterError(parameter, drift, allowed)
    return found


def interval(value: Duration | tuple[Duration, Duration], parameter: str) -> dict[str, int]:
    """A span above 0."""
    span = units.span(value, parameter)
    if span["min"] == 0:
        raise ParameterError(parameter, value, "durations above 0")
    return span
