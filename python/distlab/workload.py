"""Loads: who asks for what, and when."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
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


KINDS: Mapping[str, str] = {
    kind: kind
    for kind in (
        *("read", "update", "insert", "scan", "read_modify_write", "transfer", "append", "add", "count"),
        *("acquire", "release", "holder", "enqueue", "dequeue", "peek", "command"),
    )
}
"""All kinds of access, as the core calls them."""

MACHINES: Mapping[str, Mapping[str, str]] = {
    "counter": {"read": "count", "add": "add"},
    "mutex": {"holder": "holder", "acquire": "acquire", "release": "release"},
    "queue": {"peek": "peek", "enqueue": "enqueue", "dequeue": "dequeue"},
    "list": {"read": "read", "append": "append"},
}
"""What state machines other than keys and values know, by their specification: the first of each only reads."""

Commands = Iterable[Any] | Callable[[random.Random], Iterable[Any]]
"""Commands of a state machine of one's own, or what makes them."""

MOST_COMMANDS = 1_000
"""How many commands are made where nothing limits them."""


def _weights(mix: Mapping[str, float], kinds: Mapping[str, str]) -> dict[str, float]:
    """How often is what, in the words of the core."""
    weights = {kinds[units.choice(kind, "mix", tuple(kinds))]: float(weight) for kind, weight in mix.items()}
    if not weights or min(weights.values()) < 0 or not 0 < sum(weights.values()) < float("inf"):
        raise ParameterError("mix", mix, "weights, 0 or more, of which one is above 0")
    return weights


def for_machine(
    spec: str | type | None,
    keys: Keys | int | None,
    reads: float,
    mix: str | Mapping[str, float] | None,
    commands: Commands | None,
    limit: int | None,
    seed: str,
) -> dict[str, Any]:
    """What a workload asks of a state machine with this specification."""
    if isinstance(spec, type):
        for name, given in (("keys", keys), ("mix", mix)):
            if given is not None:
                raise ParameterError(name, given, "None for a state machine of one's own, whose commands say all")
        return {"mix": {"command": 1.0}, "commands": _commands(spec, commands, limit, random.Random(seed))}
    if commands is not None:
        raise ParameterError("commands", commands, f"None for {spec}: they are for a state machine of one's own")
    if spec is None or spec not in MACHINES:
        return {"keys": keys, "reads": reads, "mix": mix}
    kinds = MACHINES[spec]
    if spec == "counter" and keys is not None:
        raise ParameterError("keys", keys, "None for a counter, of which there is one")
    if isinstance(mix, str):
        raise ParameterError("mix", mix, f"weights of {', '.join(kinds)}: YCSB's workloads are for keys and values")
    if mix is None:
        looks, *changes = kinds
        share = units.probability(reads, "reads")
        mix = {looks: share, **dict.fromkeys(changes, (1.0 - share) / len(changes))}
    return {"keys": UniformKeys(10) if keys is None else keys, "mix": _weights(mix, kinds)}


def _commands(machine: type, given: Commands | None, limit: int | None, rng: random.Random) -> list[tuple[str, Any]]:
    """The operations that commands of a state machine are: a tuple is one already."""
    allowed = "a list of commands, or a callable that is given a random.Random and returns them"
    given = getattr(machine, "commands", None) if given is None else given
    if given is None:
        raise ParameterError("commands", given, f"{allowed}: {machine.__name__} has no commands(rng) of its own")
    made = given(rng) if callable(given) else given
    if isinstance(made, str | bytes | Mapping) or not isinstance(made, Iterable):
        raise ParameterTypeError("commands", made, allowed)
    most = MOST_COMMANDS if limit is None else units.count(limit, "limit")
    chosen = list(made) if isinstance(made, Sequence) else list(itertools.islice(made, most))
    if not chosen:
        raise ParameterError("commands", chosen, "at least one")
    operations = [command if isinstance(command, tuple) else ("apply", command) for command in chosen]
    for place, it in enumerate(operations):
        if len(it) != 2 or it[0] not in ("apply", "query"):
            raise ParameterError(f"commands[{place}]", it, 'a command, ("apply", command) or ("query", question)')
    return operations


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
        update, insert, scan, read_modify_write, transfer``, and of what only some state machines know: ``append, add,
        count`` (reads a counter), ``acquire, release, holder, enqueue, dequeue, peek, command``.
    width : int or (int, int)
        How many different keys a request is about, or from how many to how many. More than one makes it a
        transaction, for clients that can run one: read all, or write all, or read all and then write all; a
        transfer moves 1 from the first key to the second.
    start, until : duration, optional
        From when until when; nothing is asked from ``until`` on.
    limit : int, optional
        How many operations at most.
    commands : sequence
        Of what kind ``command`` is: ``("apply", command)`` or ``("query", question)`` for a state machine of one's own,
        taken in turn and again from the first.
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
    commands: Sequence[tuple[str, Any]] = ()

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
            "commands": [list(command) for command in self.commands],
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
        if isinstance(self.mix, str) and self.mix in YCSB:
            return Latest(1_000) if self.mix == "D" else Zipf(1_000)
        return UniformKeys(100)

    def _mix(self) -> dict[str, float]:
        if self.mix is None:
            reads = units.probability(self.reads, "reads")
            return {"read": reads, "update": 1.0 - reads}
        if isinstance(self.mix, str):
            return dict(YCSB[units.choice(self.mix, "mix", tuple(YCSB))])
        return _weights(self.mix, KINDS)


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
        return History._of(raw, raw["load"] == self.number, self._cluster._spec)

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
