"""The verbs of failure, the same for what happens now and for what is planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from . import units
from ._core import nanoseconds
from .errors import ParameterError, ParameterTypeError
from .network import distribution
from .units import Duration

if TYPE_CHECKING:
    from .cluster import Cluster

__all__ = ["FaultVerbs", "Hazard", "Schedule"]

STRIKES: Mapping[str, Any] = {
    "crash": {"crash": {}},
    "torn_crash": {"crash": {"torn": 1.0}},
    "process_crash": "process_crash",
    "wipe": "wipe",
    "pause": "pause",
    "slow": {"slow": {"factor": 1.0, "extra": 10_000_000}},
    "omit": {"omit": {"send": 0.3, "receive": 0.3}},
    "isolate": "isolate",
    "partition": "partition",
    "cut": {"cut": {}},
    "oneway_cut": {"cut": {"oneway": True}},
    "lossy": {"storm": {"loss": 0.2}},
    "duplicates": {"storm": {"duplicate": 0.2}},
    "corrupt": {"storm": {"corrupt": 0.2}},
    "clock_jump": {"clock_jump": {"most": 1_000_000_000}},
    "clock_drift": {"clock_drift": {"most_ppb": 500_000_000}},
    "clock_freeze": "clock_freeze",
    "disk_lies": {"disk_lie": {"probability": 1.0}},
    "disk_slow": {"disk_slow": {"factor": 10.0}},
    "disk_full": "disk_full",
}
"""What a hazard can do, by name, in the usual strength."""


@dataclass(frozen=True)
class Hazard:
    """A danger for :meth:`Cluster.nemesis`: what goes wrong, how often, and for how long.

    Parameters
    ----------
    strike : str or mapping
        One of the names of :data:`distlab.faults.STRIKES`, or a strike as data with other strengths, such as
        ``{"storm": {"loss": 0.5}}``.
    every : Distribution, duration, or pair of durations
        The time from one strike to the next (with ``scope="each"``: the time between failures).
    lasts : Distribution, duration, or pair of durations
        The time to its repair.
    scope : {"any", "each", "zone"}
        Whom it hits: a random node or link at a time; each for itself; all nodes of a random zone.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.Hazard("crash", every=dl.Exponential("10s"), lasts="1s").strike
    'crash'
    """

    strike: str | Mapping[str, Any]
    every: Any = ("0.5s", "2s")
    lasts: Any = ("0.1s", "1s")
    scope: str = "any"

    def to_data(self) -> dict[str, Any]:
        """The form in which the core takes it."""
        strike = self.strike
        if isinstance(strike, str):
            strike = STRIKES[units.choice(strike, "strike", tuple(STRIKES))]
        return {
            "strike": strike,
            "scope": units.choice(self.scope, "scope", ("any", "each", "zone")),
            "every": distribution(self.every, "every"),
            "lasts": distribution(self.lasts, "lasts"),
        }


class FaultVerbs:
    """What may go wrong. On a cluster the verbs act now; after :meth:`Cluster.at` they are planned.

    Every verb returns the object it was called on, so that verbs can be chained.
    """

    def _fault(self, fault: str | Mapping[str, Any]) -> None:
        raise TypeError("a place where faults go")  # pragma: no cover

    def _do(self, fault: str, /, **fields: Any) -> Self:
        self._fault({fault: fields} if fields else fault)
        return self

    def crash(self, node: str, *, lose_unsynced: bool = True, torn: bool = False, corrupt: bool = False) -> Self:
        """A node loses its memory, and every write that is not durable with the messages that waited for it.

        Parameters
        ----------
        node : str
            Which node.
        lose_unsynced : bool
            Whether its machine loses power. Otherwise only the process dies (``kill -9``): what it wrote is with the
            operating system, which goes on writing; a loss of power before that ends can still take it.
        torn : bool
            Whether the first lost write may remain in part.
        corrupt : bool
            Whether the last record on its disk cannot be read any more, durable or not: its checksum tells.

        Raises
        ------
        ParameterError
            If a write is to be torn where none is lost.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=1)
        >>> raft.crash("n0").up("n0")
        False
        """
        return self._do("crash", node=node, lose_unsynced=lose_unsynced, torn=torn, corrupt=corrupt)

    def recover(self, node: str) -> Self:
        """A crashed node comes up again, with its disk."""
        return self._do("recover", node=node)

    def wipe(self, node: str) -> Self:
        """A node crashes, and its disk is blank afterwards; ``recover`` brings it up."""
        return self._do("wipe", node=node)

    def pause(self, node: str) -> Self:
        """A node stops to react (a long collection of garbage); what arrives waits."""
        return self._do("pause", node=node)

    def resume(self, node: str) -> Self:
        """A paused node goes on with what has waited."""
        return self._do("resume", node=node)

    def slow(self, node: str, *, factor: float = 1.0, extra: Duration = 0.0) -> Self:
        """A node takes ``factor`` times its service time for every input, plus ``extra``. No arguments: normal."""
        allowed = "a finite number above 0"
        factor = units.number(factor, "factor", allowed)
        return self._do("slow", node=node, factor=factor, extra=nanoseconds(extra, "extra"))

    def partition(self, *groups: Iterable[str]) -> Self:
        """Messages between nodes of different groups are lost. Nodes in no group (clients) reach everybody.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(5, seed=1)
        >>> raft.partition(["n0", "n1"], ["n2", "n3", "n4"]).heal().now
        0.0
        >>> raft.partition(["n0", "n1"], ["n1", "n2"])
        Traceback (most recent call last):
        ...
        distlab.ParameterError: groups: expected every node in one group at most, got 'n1 is named twice'
        """
        for group in groups:
            if isinstance(group, str):
                raise ParameterTypeError("groups", group, "lists of node names")
        return self._do("partition", groups=[list(group) for group in groups])

    def cut(self, a: str, b: str, *, oneway: bool = False) -> Self:
        """Messages from ``a`` to ``b`` are lost, and back unless ``oneway``."""
        return self._do("cut", **{"from": a, "to": b, "oneway": oneway})

    def mend(self, a: str, b: str, *, oneway: bool = False) -> Self:
        """Takes back a cut."""
        return self._do("mend", **{"from": a, "to": b, "oneway": oneway})

    def isolate(self, node: str) -> Self:
        """A node reaches nobody (clients neither) and is reached by nobody."""
        return self._do("isolate", node=node)

    def heal(self) -> Self:
        """Every cut, partition and isolation ends."""
        return self._do("heal")

    def weather(
        self,
        src: str | None = None,
        dst: str | None = None,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        corrupt: float = 0.0,
        delay: Any = None,
    ) -> Self:
        """Bad weather on the links from ``src`` to ``dst`` (None: all), on top of what the network does.

        Replaces earlier weather on the same links; without arguments it is calm again.

        Parameters
        ----------
        src, dst : str, optional
            The ends of the links.
        loss, duplicate : float
            How often a message is lost, or arrives twice.
        corrupt : float
            How often a message arrives damaged: its checksum shows it, and it is dropped.
        delay : Distribution, duration, or pair of durations, optional
            A time added to every delivery.
        """
        weather: dict[str, Any] = {
            "loss": units.probability(loss, "loss"),
            "duplicate": units.probability(duplicate, "duplicate"),
            "corrupt": units.probability(corrupt, "corrupt"),
        }
        if delay is not None:
            weather["delay"] = distribution(delay, "delay")
        return self._do("weather", **{"from": src, "to": dst, "weather": weather})

    def corrupt(self, probability: float, src: str | None = None, dst: str | None = None) -> Self:
        """Messages arrive damaged this often, and are dropped: short for ``weather(corrupt=...)``."""
        return self.weather(src, dst, corrupt=probability)

    def omit(
        self,
        node: str,
        *,
        send: float = 0.0,
        receive: float = 0.0,
        peer: str | None = None,
        kind: str | None = None,
    ) -> Self:
        """A node drops some of its own messages; with zeros it does not any more.

        Parameters
        ----------
        node : str
            Which node.
        send, receive : float
            How often what it sends, or should receive, is lost.
        peer : str, optional
            Only messages to or from this node.
        kind : str, optional
            Only messages of this kind, such as ``"append_entries"``.
        """
        rates = {"send": units.probability(send, "send"), "receive": units.probability(receive, "receive")}
        return self._do("omit", node=node, peer=peer, kind=kind, **rates)

    def skew(self, node: str, *, offset: Duration | None = None, drift_ppm: float | None = None) -> Self:
        """A node's clock jumps by ``offset`` (may be negative), or runs ``drift_ppm`` parts per million fast.

        Timers run on elapsed time: a jump does not move them, a drift does.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.Raft(3).skew("n0", drift_ppm=-2_000_000)
        Traceback (most recent call last):
        ...
        distlab.ParameterError: drift_ppm: expected a finite number above -1e6, got -2000000
        """
        if offset is None and drift_ppm is None:
            raise ParameterError("offset", None, "an offset, a drift_ppm, or both")
        if offset is not None:
            self._do("clock_jump", node=node, by=units.offset(offset, "offset"))
        if drift_ppm is not None:
            drift = units.number(drift_ppm, "drift_ppm", "a finite number above -1e6", above=-1e6)
            self._do("clock_drift", node=node, ppb=round(drift * 1_000))
        return self

    def wander(self, node: str, *, step_ppm: float = 0.1, most_ppm: float = 50.0, every: Duration = "1s") -> Self:
        """A node's clock changes its rate by itself from now on: a random walk, as temperature makes real ones do.

        Replaces an earlier wander. The clock never comes to rest again, so that ``run()`` without a time does not end.

        Parameters
        ----------
        node : str
            Whose clock.
        step_ppm : float
            The most that one step changes, in parts per million; 0 ends it, and the rate stays what it is then.
        most_ppm : float
            How fast or slow it may get; a rate that ``skew`` sets beyond that finds back.
        every : duration
            From one step to the next.

        Raises
        ------
        ParameterError
            If the range is 100 % or more (a clock does not run backwards), or a step is longer than the range.

        Examples
        --------
        >>> import distlab as dl
        >>> cluster = dl.Ntp((1, 1), seed=3).wander("s1n0", step_ppm=5).run_for("1h")
        >>> 0 < abs(cluster.clock("s1n0").hardware - cluster.now) < 3_600 * 50e-6
        True
        """
        allowed = "parts per million, from 0 to below 1e6"
        most = round(units.number(most_ppm, "most_ppm", allowed, above=-5e-324) * 1_000)
        step = round(units.number(step_ppm, "step_ppm", allowed, above=-5e-324) * 1_000)
        if most >= units.SECOND:
            raise ParameterError("most_ppm", most_ppm, allowed)
        if step > most:
            raise ParameterError("step_ppm", step_ppm, "no more than most_ppm")
        interval = units.positive(every, "every")
        return self._do("clock_wander", node=node, every=interval, step_ppb=step, most_ppb=most)

    def freeze(self, node: str) -> Self:
        """A node's clock stands still, and with it its timers."""
        return self._do("clock_freeze", node=node)

    def thaw(self, node: str) -> Self:
        """A frozen clock goes on."""
        return self._do("clock_thaw", node=node)

    def disk_lies(self, node: str, probability: float = 1.0) -> Self:
        """A node's disk says this often that writes are durable when they are not; 0: never again."""
        return self._do("disk_lie", node=node, probability=units.probability(probability, "probability"))

    def disk_slow(self, node: str, *, factor: float = 1.0, extra: Duration = 0.0) -> Self:
        """A node's disk takes ``factor`` times as long to sync, plus ``extra``. No arguments: normal."""
        factor = units.number(factor, "factor", "a finite number above 0")
        return self._do("disk_slow", node=node, factor=factor, extra=nanoseconds(extra, "extra"))

    def disk_full(self, node: str, full: bool = True) -> Self:
        """A node's disk is full, and nothing more becomes durable; or, with ``full=False``, has room again."""
        return self._do("disk_full", node=node, full=full)


class Schedule(FaultVerbs):
    """Faults planned for one time of a cluster: what :meth:`Cluster.at` returns."""

    def __init__(self, cluster: Cluster, time_ns: int) -> None:
        self._cluster = cluster
        self._time_ns = time_ns

    def _fault(self, fault: str | Mapping[str, Any]) -> None:
        self._cluster._world.schedule(self._time_ns, fault)

    def at(self, time: Duration) -> Schedule:
        """Plans the next faults for another time."""
        return self._cluster.at(time)

    def do(self, action: Callable[[Cluster], object]) -> Schedule:
        """Plans any Python code: ``action(cluster)`` runs when the time has come.

        For what depends on the state then: ``cluster.at("5s").do(lambda c: c.crash(c.leader))``.
        """
        self._cluster._plan(self._time_ns, action)
        return self

    def __repr__(self) -> str:
        return f"<faults at {units.seconds(self._time_ns):g} s of {self._cluster!r}>"
