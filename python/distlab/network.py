"""How messages travel and how long things take: values that a cluster is made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import units
from ._core import nanoseconds
from .errors import ParameterError, ParameterTypeError
from .units import Duration

__all__ = [
    "Constant",
    "Disk",
    "Distribution",
    "Empirical",
    "Exponential",
    "LogNormal",
    "Mixture",
    "Network",
    "Normal",
    "Pareto",
    "Shifted",
    "Uniform",
    "Weibull",
]


class Distribution:
    """The base of all distributions of durations.

    A distribution is a value: it can be compared, pickled, and used in many clusters. Wherever one is
    expected a plain duration means :class:`Constant`, and a pair ``(low, high)`` means :class:`Uniform`.
    """

    def to_data(self) -> Any:
        """The form in which the core takes it."""
        raise NotImplementedError(f"{type(self).__name__} is no distribution of its own")  # pragma: no cover


@dataclass(frozen=True)
class Constant(Distribution):
    """Always the same.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.Constant("5ms").to_data()
    {'constant': 5000000}
    """

    value: Duration

    def to_data(self) -> Any:
        return {"constant": nanoseconds(self.value, "value")}


@dataclass(frozen=True)
class Uniform(Distribution):
    """Anything from ``low`` to ``high``, all alike."""

    low: Duration
    high: Duration

    def to_data(self) -> Any:
        return {"uniform": units.span((self.low, self.high), "(low, high)")}


@dataclass(frozen=True)
class Normal(Distribution):
    """The bell curve, cut off at zero: what would be negative is drawn again."""

    mean: Duration
    sd: Duration

    def to_data(self) -> Any:
        return {"normal": {"mean": nanoseconds(self.mean, "mean"), "sd": nanoseconds(self.sd, "sd")}}


@dataclass(frozen=True)
class LogNormal(Distribution):
    """The logarithm is normal, with standard deviation ``sigma``; half of the durations are below ``median``.

    How latencies of networks and disks often look.
    """

    median: Duration
    sigma: float

    def to_data(self) -> Any:
        sigma = units.number(self.sigma, "sigma", "a finite number, 0 or more", above=-5e-324)
        return {"log_normal": {"median": nanoseconds(self.median, "median"), "sigma": sigma}}


@dataclass(frozen=True)
class Exponential(Distribution):
    """The time between events that know nothing of each other."""

    mean: Duration

    def to_data(self) -> Any:
        return {"exponential": {"mean": nanoseconds(self.mean, "mean")}}


@dataclass(frozen=True)
class Pareto(Distribution):
    """A heavy tail: ``P(more than x) = (scale / x) ** shape``; with ``shape <= 1`` even the mean is infinite."""

    scale: Duration
    shape: float

    def to_data(self) -> Any:
        shape = units.number(self.shape, "shape", "a finite number above 0")
        return {"pareto": {"scale": nanoseconds(self.scale, "scale"), "shape": shape}}


@dataclass(frozen=True)
class Weibull(Distribution):
    """Lifetimes: failures get rarer with age for ``shape < 1``, and more frequent for ``shape > 1``."""

    scale: Duration
    shape: float

    def to_data(self) -> Any:
        shape = units.number(self.shape, "shape", "a finite number above 0")
        return {"weibull": {"scale": nanoseconds(self.scale, "scale"), "shape": shape}}


@dataclass(frozen=True)
class Empirical(Distribution):
    """One of these samples, all alike: what was measured somewhere."""

    samples: Sequence[Duration]

    def to_data(self) -> Any:
        samples = [nanoseconds(it, f"samples[{i}]") for i, it in enumerate(_floats(self.samples))]
        if not samples:
            raise ParameterError("samples", self.samples, "at least one duration")
        return {"empirical": samples}


@dataclass(frozen=True)
class Mixture(Distribution):
    """One of some distributions, in proportion to weights: ``Mixture((0.9, fast), (0.1, slow))``."""

    parts: tuple[tuple[float, Any], ...]

    def __init__(self, *parts: tuple[float, Any]) -> None:
        object.__setattr__(self, "parts", parts)

    def to_data(self) -> Any:
        if not self.parts:
            raise ParameterError("parts", self.parts, "at least one (weight, distribution)")
        weight = "a finite number, 0 or more"
        return {
            "mixture": [
                [units.number(w, f"parts[{i}][0]", weight, above=-5e-324), distribution(it, f"parts[{i}][1]")]
                for i, (w, it) in enumerate(self.parts)
            ]
        }


@dataclass(frozen=True)
class Shifted(Distribution):
    """``offset`` longer than a sample of ``of``: a wire's length plus its jitter."""

    offset: Duration
    of: Any

    def to_data(self) -> Any:
        return {"shifted": {"offset": nanoseconds(self.offset, "offset"), "of": distribution(self.of, "of")}}


def distribution(value: Any, parameter: str) -> Any:
    """A distribution, a duration, or a pair of durations, in the form of the core."""
    if isinstance(value, Distribution):
        return value.to_data()
    if isinstance(value, tuple | list) and len(value) == 2:
        return {"uniform": units.span((value[0], value[1]), parameter)}
    if isinstance(value, Mapping | tuple | list) or value is None:
        raise ParameterTypeError(parameter, value, "a distribution, a duration, or a pair (low, high) of durations")
    return {"constant": nanoseconds(value, parameter)}


def _floats(values: Any) -> Any:
    """The values of a numpy array as Python numbers; anything else as it is."""
    return values.tolist() if hasattr(values, "tolist") else values


@dataclass(frozen=True)
class Network:
    """How messages travel. Every ordered pair of nodes is a link of its own.

    Parameters
    ----------
    latency : Distribution, duration, or pair of durations
        How long a message is under way.
    loss, duplicate : float
        How often a message is lost, or arrives twice: from 0 to 1.
    bandwidth : float, optional
        Bytes a second of each link; messages of their real serialized size queue for it. None: no limit.
    fifo : bool
        Whether messages of one link arrive in the order in which they left.
    places : sequence of int, optional
        The place of each node, by index (node ``i`` is at ``places[i % len(places)]``), with ``between``.
    between : square matrix of durations, optional
        The time from place to place, to which the latency is added.
    count_bytes : bool
        Whether ``metrics["bytes"]`` counts although no bandwidth asks for sizes.

    Examples
    --------
    >>> import distlab as dl
    >>> wan = dl.Network(latency=dl.LogNormal("40ms", sigma=0.3), loss=0.001)
    >>> dl.Raft(3, network=wan).run_for("1s").now
    1.0
    >>> dl.Network(loss=1.5).to_data()
    Traceback (most recent call last):
    ...
    distlab.ParameterError: network.loss: expected a number from 0 to 1, got 1.5
    """

    latency: Any = ("0.5ms", "1.5ms")
    loss: float = 0.0
    duplicate: float = 0.0
    bandwidth: float | None = None
    fifo: bool = False
    places: Sequence[int] | None = None
    between: Sequence[Sequence[Duration]] | None = None
    count_bytes: bool = False

    def to_data(self) -> dict[str, Any]:
        """The form in which the core takes it."""
        data: dict[str, Any] = {
            "latency": distribution(self.latency, "network.latency"),
            "loss": units.probability(self.loss, "network.loss"),
            "duplicate": units.probability(self.duplicate, "network.duplicate"),
            "fifo": bool(self.fifo),
            "count_bytes": bool(self.count_bytes),
        }
        if self.bandwidth is not None:
            allowed = "bytes a second, 1 or more, or None"
            data["bandwidth"] = int(units.number(self.bandwidth, "network.bandwidth", allowed, above=0.999))
        if (self.places is None) != (self.between is None):
            raise ParameterError("network.places", self.places, "given together with between, or neither")
        if self.places is not None and self.between is not None:
            rows = [[nanoseconds(it, "network.between") for it in _floats(row)] for row in self.between]
            data["places"] = {"of": list(_floats(self.places)), "between": rows}
        return data


@dataclass(frozen=True)
class Disk:
    """How stable storage behaves.

    Parameters
    ----------
    sync : Distribution, duration, or pair of durations
        How long a sync takes; what a node sends after a write leaves only when the write is durable. Writes
        made while a sync is under way share the next one.
    fsync : bool
        False: nothing waits; a write becomes durable a sync later, and is lost in a crash before that.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.Raft(3, disk=dl.Disk(sync=("1ms", "3ms"))).nodes
    ['n0', 'n1', 'n2']
    """

    sync: Any = 0.0
    fsync: bool = True

    def to_data(self) -> dict[str, Any]:
        """The form in which the core takes it."""
        return {"sync": distribution(self.sync, "disk.sync"), "fsync": bool(self.fsync)}
