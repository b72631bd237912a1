"""Loads: who asks for what, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from . import units
from ._core import nanoseconds
from .errors import ParameterError, ParameterTypeError
from .history import History
from .network import distribution
from .records import Latency
from .units import Duration

if TYPE_CHECKING:
    from .cluster import Cluster

__all__ = ["Hotspot", "Keys", "Latest", "Load", "Sequential", "UniformKeys", "Workload", "Zipf"]


class Keys:
    """The base of all key distributions. Keys are named ``k0, k1, ...``."""

    def to_data(self) -> dict[str, Any]:
        """The form in which the core takes it."""
        raise NotImplementedError(f"{type(self).__name__} is no distribution of its own")  # pragma: no cover


@dataclass(frozen=True)
class UniformKeys(Keys):
    """All of ``n`` keys alike."""

    n: int

    def to_data(self) -> dict[str, Any]:
        return {"uniform": {"n": units.count(self.n, "keys.n")}}


@dataclass(frozen=True)
class Zipf(Keys):
    """The i-th of ``n`` keys in proportion to ``1 / i ** exponent``; YCSB has 0.99.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.Zipf(100, 0.99).to_data()
    {'zipf': {'n': 100, 'exponent': 0.99}}
    """

    n: int
    exponent: float = 0.99

    def to_data(self) -> dict[str, Any]:
        exponent = units.number(self.exponent, "keys.exponent", "a finite number, 0 or more", above=-5e-324)
        return {"zipf": {"n": units.count(self.n, "keys.n"), "exponent": exponent}}


@dataclass(frozen=True)
class Latest(Keys):
    """The last inserted key is the most popular, then the one before it, ... as in :class:`Zipf`."""

    n: int
    exponent: float = 0.99

    def to_data(self) -> dict[str, Any]:
        exponent = units.number(self.exponent, "keys.exponent", "a finite number, 0 or more", above=-5e-324)
        return {"latest": {"n": units.count(self.n, "keys.n"), "exponent": exponent}}


@dataclass(frozen=True)
class Hotspot(Keys):
    """A share ``hot_fraction`` of ``n`` keys gets ``hot_probability`` of the requests."""

    n: int
    hot_fraction: float = 0.2
    hot_probability: float = 0.8

    def to_data(self) -> dict[str, Any]:
        return {
            "hotspot": {
                "n": units.count(self.n, "keys.n"),
                "hot_fraction": units.probability(self.hot_fraction, "keys.hot_fraction"),
                "hot_probability": units.probability(self.hot_probability, "keys.hot_probability"),
            }
        }


@dataclass(frozen=True)
class Sequential(Keys):
    """One of ``n`` keys after the other, and again from the beginning."""

    n: int

    def to_data(self) -> dict[str, Any]:
        return {"sequential": {"n": units.count(self.n, "keys.n")}}


YCSB: Mapping[str, Mapping[str, float]] = {
    "A": {"read": 0.5, "update": 0.5},
    "B": {"read": 0.95, "update": 0.05},
    "C": {"read": 1.0},
    "D": {"read": 0.95, "insert": 0.05},
    "E": {"scan": 0.95, "insert": 0.05},
    "F": {"read": 0.5, "read_modify_write": 0.5},
}
"""The kinds of access of the YCSB core workloads (Cooper et al. 2010, table 2)."""


@dataclass(frozen=True)
class Workload:
    """A load, as a value.

    Parameters
    ----------
    clients : sequence of str
        The nodes that ask.
    rate : float, optional
        Operations a second of all clients together, whether or not earlier ones are over (an open loop).
        None: each client thinks, asks, and waits for the answer (a closed loop).
    arrivals : {"poisson", "fixed"}
        Of an open loop: random times, or even intervals.
    think : Distribution, duration, or pair of durations
        Of a closed loop: how long a client thinks.
    keys : Keys or int
        Which keys; a number means that many, all alike.
    reads : float
        How often an operation is a read; the others overwrite.
    mix : str or mapping, optional
        Instead of ``reads``: the name of a YCSB core workload, ``"A"`` to ``"F"``, or weights of ``read,
        update, insert, scan, read_modify_write, transfer``.
    width : int or (int, int)
        How many different keys a request is about, or from how many to how many. More than one makes it a
        transaction, for clients that can run one: read all, or write all, or read all and then write all; a
        transfer moves 1 from the first key to the second.
    start, until : duration, optional
        From when until when; nothing is asked from ``until`` on.
    limit : int, optional
        How many operations at most.
    """

    clients: Sequence[str]
    rate: float | None = None
    arrivals: str = "poisson"
    think: Any = 0.0
    keys: Keys | int | None = None
    reads: float = 0.5
    mix: str | Mapping[str, float] | None = None
    start: Duration = 0.0
    until: Duration | None = None
    limit: int | None = None
    first_value: int = 0
    width: int | tuple[int, int] = 1

    def to_data(self) -> dict[str, Any]:
        """The form in which the core takes it."""
        data: dict[str, Any] = {
            "clients": list(self.clients),
            "arrivals": self._arrivals(),
            "keys": self._keys().to_data(),
            "mix": self._mix(),
            "from": nanoseconds(self.start, "start"),
            "first_value": self.first_value,
            "width": self._width(),
        }
        if self.until is not None:
            data["until"] = nanoseconds(self.until, "until")
        if self.limit is not None:
            data["limit"] = units.count(self.limit, "limit")
        return data

    def _width(self) -> dict[str, int]:
        least, most = self.width if isinstance(self.width, tuple) and len(self.width) == 2 else (self.width, self.width)
        return {"min": units.count(least, "width"), "max": units.count(most, "width")}

    def _arrivals(self) -> dict[str, Any]:
        if self.rate is None:
            return {"closed": {"think": distribution(self.think, "think")}}
        rate = units.number(self.rate, "rate", "operations a second, a finite number above 0, or None")
        return {units.choice(self.arrivals, "arrivals", ("poisson", "fixed")): {"rate": rate}}

    def _keys(self) -> Keys:
        if isinstance(self.keys, Keys):
            return self.keys
        if isinstance(self.keys, int) and not isinstance(self.keys, bool):
            return UniformKeys(self.keys)
        if self.keys is not None:
            allowed = "distlab.Zipf, Hotspot, Sequential, Latest, UniformKeys, or how many keys there are"
            raise ParameterTypeError("keys", self.keys, allowed)
        if self.mix in YCSB:
            return Latest(1_000) if self.mix == "D" else Zipf(1_000)
        return UniformKeys(100)

    def _mix(self) -> dict[str, float]:
        if self.mix is None:
            reads = units.probability(self.reads, "reads")
            return {"read": reads, "update": 1.0 - reads}
        if isinstance(self.mix, str):
            return dict(YCSB[units.choice(self.mix, "mix", tuple(YCSB))])
        kinds = ("read", "update", "insert", "scan", "read_modify_write", "transfer")
        weights = {units.choice(kind, "mix", kinds): float(weight) for kind, weight in self.mix.items()}
        if not weights or min(weights.values()) < 0 or not 0 < sum(weights.values()) < float("inf"):
            raise ParameterError("mix", self.mix, "weights, 0 or more, of which one is above 0")
        return weights


class Load:
    """A load that runs: what its operations took, and how they ended.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=2)
    >>> load = raft.workload(clients=4, rate=500, reads=0.9, until="2s")
    >>> _ = raft.run(until="3s")
    >>> len(load) > 900, load.counts()["fail"]
    (True, 0)
    """

    def __init__(self, cluster: Cluster, number: int) -> None:
        self._cluster = cluster
        self.number = number

    @property
    def history(self) -> History:
        """Its operations."""
        raw = self._cluster._world.history()
        return History._of(raw, raw["load"] == self.number)

    @property
    def columns(self) -> dict[str, Any]:
        """Its columns as numpy arrays, in seconds: ``invoked, completed, latency, status, kind``."""
        raw = self._cluster._world.history()
        keep = raw["load"] == self.number
        called, replied = raw["called_ns"][keep], raw["replied_ns"][keep]
        completed = np.where(replied >= 0, replied / units.SECOND, np.nan)
        invoked = called / units.SECOND
        return {
            "invoked": invoked,
            "completed": completed,
            "latency": np.where(replied >= 0, (replied - called) / units.SECOND, np.nan),
            "status": raw["outcome"][keep].astype(np.uint8),
            "kind": np.asarray(raw["kinds"], dtype=np.str_)[raw["kind"][keep]] if len(invoked) else np.array([], str),
        }

    @property
    def latency(self) -> Latency:
        """How long its operations took, in seconds; nan for those without an answer."""
        columns = self.columns
        return Latency(columns["latency"], columns)

    @property
    def status(self) -> Any:
        """How its operations ended: 0 ok, 1 fail, 2 nobody knows (yet)."""
        return self.columns["status"]

    def counts(self) -> dict[str, int]:
        """How many operations ended how."""
        found = np.bincount(self.status, minlength=3).tolist()
        return dict(zip(("ok", "fail", "info"), found, strict=True))

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Latencies over time, with the faults of the run: :func:`distlab.plot.latency_series`."""
        from .plot import fault_intervals, latency_series

        faults = fault_intervals(self._cluster.trace.columns, self._cluster.now)
        return latency_series(self.columns, ax, **{"faults": faults, "seed": self._cluster.seed, **options})

    def __len__(self) -> int:
        return len(self.columns["invoked"])

    def __repr__(self) -> str:
        return f"<Load {self.number}: " + ", ".join(f"{n} {word}" for word, n in self.counts().items()) + ">"
