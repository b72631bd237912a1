"""What came of many accesses."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["OUTCOMES", "Counters", "Replay", "Timetable"]

OUTCOMES = (
    "tlb-hit",
    "second-tlb-hit",
    "walk",
    "minor-fault",
    "major-fault",
    "protection-fault",
    "unmapped-fault",
)
"""How an access can go, at the places of the codes in :attr:`Replay.outcomes`."""


@dataclass(frozen=True)
class Counters:
    """What an MMU counts.

    Attributes
    ----------
    accesses, writes, fetches : int
        Accesses in all, and how many of them wrote or fetched an instruction.
    itlb_hits, itlb_misses, dtlb_hits, dtlb_misses : int
        Looks into the first TLB for instructions, and into that for data (also if it is for both).
    second_tlb_hits, second_tlb_misses : int
        Looks into the second TLB.
    walks, walk_references, host_references : int
        Walks of tables, the entries they read, and how many of these were in tables of a host.
    walk_cache_hits, walk_cache_misses : int
        Walks that began below the root, and those that did not though there is a walk cache.
    minor_faults, major_faults : int
        Page faults that needed no device, and those that read from one.
    copies, reuses : int
        First writes after a fork that made a copy, and those that needed none any more.
    evictions, clean_drops, dirty_write_backs : int
        Pages that had to leave; clean ones were dropped, dirty ones written back.
    protection_faults, unmapped_faults : int
        Accesses that were refused by rights (or for their address), and because nothing is there.
    shootdowns : int
        Entries of TLBs that were invalidated because their page left or changed.
    context_switches, flushes : int
        How often another process went on, and TLBs were flushed for it.
    fault_ns, write_back_ns : int
        What random services took, in nanoseconds.
    """

    accesses: int
    writes: int
    fetches: int
    itlb_hits: int
    itlb_misses: int
    dtlb_hits: int
    dtlb_misses: int
    second_tlb_hits: int
    second_tlb_misses: int
    walks: int
    walk_references: int
    host_references: int
    walk_cache_hits: int
    walk_cache_misses: int
    minor_faults: int
    major_faults: int
    copies: int
    reuses: int
    evictions: int
    clean_drops: int
    dirty_write_backs: int
    protection_faults: int
    unmapped_faults: int
    shootdowns: int
    context_switches: int
    flushes: int
    fault_ns: int
    write_back_ns: int

    @property
    def page_faults(self) -> int:
        """Page faults in all."""
        return self.minor_faults + self.major_faults

    @property
    def rewalks(self) -> int:
        """Walks in spite of a TLB that knew the page: first writes after a fork, which need another entry."""
        first, second = self.itlb_misses + self.dtlb_misses, self.second_tlb_misses
        if not first and not self.itlb_hits and not self.dtlb_hits:
            return 0  # there is no TLB
        return self.walks - (second if second or self.second_tlb_hits else first)

    @property
    def tlb_hits(self) -> int:
        """Accesses that a TLB of either level answered, so that there was no walk."""
        return self.itlb_hits + self.dtlb_hits + self.second_tlb_hits - self.rewalks

    @property
    def tlb_hit_rate(self) -> float:
        """The part of accesses that a TLB of either level answered; NaN without any access."""
        return self.tlb_hits / self.accesses if self.accesses else float("nan")

    @property
    def page_hit_rate(self) -> float:
        """The ``p`` of the formula: the part of walks to pages that there are, which found the page in memory.

        NaN without any such walk. Walks that found nothing mapped count as neither hit nor fault; one that a page's
        rights put an end to did find its entry.
        """
        walks = self.walks - self.unmapped_faults
        return 1 - self.page_faults / walks if walks else float("nan")

    def as_dict(self) -> dict[str, int]:
        """All counters by their names."""
        return {it.name: getattr(self, it.name) for it in fields(self)}

    def _repr_html_(self) -> str:
        shown = {name: count for name, count in self.as_dict().items() if count or name == "accesses"}
        rows = "".join(f"<tr><th>{name}</th><td>{count:,}</td></tr>" for name, count in shown.items())
        return f"<table><tbody>{rows}</tbody></table>"


@dataclass(frozen=True, eq=False)
class Replay:
    """What came of many accesses.

    Attributes
    ----------
    counters : Counters
        What was counted.
    total_ns : float
        What all accesses took, with context switches, in nanoseconds.
    outcomes : ndarray of uint8, or None
        How each access went: a code, whose meaning is in :data:`OUTCOMES`.
    latencies_ns : ndarray of float64, or None
        What each access took, in nanoseconds.
    """

    counters: Counters
    total_ns: float
    outcomes: NDArray[np.uint8] | None = None
    latencies_ns: NDArray[np.float64] | None = None

    @property
    def emat_ns(self) -> float:
        """The measured effective memory access time in nanoseconds; NaN without any access."""
        return self.total_ns / self.accesses if self.accesses else float("nan")

    @property
    def accesses(self) -> int:
        """How many accesses there were."""
        return self.counters.accesses

    @property
    def page_faults(self) -> int:
        """Page faults in all."""
        return self.counters.page_faults

    @property
    def minor_faults(self) -> int:
        """Page faults that needed no device."""
        return self.counters.minor_faults

    @property
    def major_faults(self) -> int:
        """Page faults that read from a device."""
        return self.counters.major_faults

    @property
    def evictions(self) -> int:
        """Pages that had to leave."""
        return self.counters.evictions

    @property
    def dirty_write_backs(self) -> int:
        """Pages that had to leave and were written back first."""
        return self.counters.dirty_write_backs

    @property
    def walk_references(self) -> int:
        """Entries of tables that walks read."""
        return self.counters.walk_references

    @property
    def tlb_hit_rate(self) -> float:
        """The part of accesses whose page a TLB knew."""
        return self.counters.tlb_hit_rate

    @property
    def page_hit_rate(self) -> float:
        """The part of walks that found the page in memory: see :attr:`Counters.page_hit_rate`."""
        return self.counters.page_hit_rate

    def columns(self) -> dict[str, Any]:
        """What came of each access, as columns that pandas and polars take: the arrays that were asked for.

        Raises
        ------
        ParameterError
            If neither outcomes nor latencies were asked for.
        """
        columns: dict[str, Any] = {}
        if self.outcomes is not None:
            columns["outcome"] = np.asarray(OUTCOMES)[self.outcomes]
        if self.latencies_ns is not None:
            columns["latency_ns"] = self.latencies_ns
        if not columns:
            raise ParameterError("outcomes", False, "True when replaying, or latencies")
        return columns

    def __repr__(self) -> str:
        return (
            f"<Replay of {self.accesses:,} accesses: TLB hit rate {self.tlb_hit_rate:.4f}, "
            f"{self.page_faults:,} page faults, EMAT {self.emat_ns:,.6g} ns>"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self.__repr__()[1:-1]}</p>{self.counters._repr_html_()}"


@dataclass(frozen=True, eq=False)
class Timetable:
    """How several processes shared a processor.

    Attributes
    ----------
    total_ns : float
        When the last process ended, in nanoseconds.
    busy_ns, idle_ns : float
        When the processor worked (switching included), and when it waited for transfers.
    device_ns : float
        When the device worked.
    switches : int
        How often the processor went over to another process.
    processes : dict of int to dict
        Of each process ``cpu_ns``, ``blocked_ns``, ``finished_ns`` and ``transfers``.
    turns : list of (process or None, begin, end, waiting)
        What the processor did when, in nanoseconds, as far as it was taken down.
    """

    total_ns: float
    busy_ns: float
    idle_ns: float
    device_ns: float
    switches: int
    processes: dict[int, dict[str, Any]]
    turns: list[tuple[int | None, float, float, bool]]

    @classmethod
    def _from_data(cls, data: dict[str, Any], names: list[int]) -> Timetable:
        turns = [
            (None if it["job"] is None else names[it["job"]], it["begin_ns"], it["end_ns"], it["waiting"])
            for it in data["turns"]
        ]
        same = {name: data[name] for name in ("total_ns", "busy_ns", "idle_ns", "device_ns", "switches")}
        return cls(**same, processes=dict(zip(names, data["jobs"], strict=True)), turns=turns)

    def columns(self) -> dict[str, Any]:
        """The turns as columns that pandas and polars take; process -1: nobody could go on."""
        rows = self.turns
        return {
            "process": np.array([-1 if it[0] is None else it[0] for it in rows], np.int64),
            "begin_ns": np.array([it[1] for it in rows], np.float64),
            "end_ns": np.array([it[2] for it in rows], np.float64),
            "waiting": np.array([it[3] for it in rows], np.bool_),
        }

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Who had the processor when: :func:`distlab.plot.timetable`."""
        from ..plot._schedule import timetable

        return timetable(self, ax, **options)

    @property
    def utilisation(self) -> float:
        """The part of the time in which the processor worked; NaN if there was nothing to do."""
        return self.busy_ns / self.total_ns if self.total_ns else float("nan")

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{it}</th>" for it in ("process", "cpu (ns)", "blocked (ns)", "finished (ns)", "transfers"))
        names = ("cpu_ns", "blocked_ns", "finished_ns", "transfers")
        rows = "".join(
            f"<tr><th>{process}</th>" + "".join(f"<td>{fared[name]:,.10g}</td>" for name in names) + "</tr>"
            for process, fared in self.processes.items()
        )
        return f"<p>{self.__repr__()[1:-1]}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        return (
            f"<Timetable of {len(self.processes)} processes: {self.total_ns:,.6g} ns, "
            f"processor {self.utilisation:.1%} busy, {self.switches} switches>"
        )


def emat_terms(counters: Counters, times: dict[str, Any]) -> dict[str, float]:
    """The terms of the closed form that stand for what was counted: see :meth:`Mmu.emat_terms`."""
    count = counters
    looks = {"walk_cache": count.walk_cache_hits + count.walk_cache_misses, "context_switch": count.context_switches}
    second = count.second_tlb_hits + count.second_tlb_misses
    without = next((name for name, many in looks.items() if many and times[name]), None)
    if not count.accesses or count.protection_faults or count.unmapped_faults:
        raise ParameterError("replay", count.accesses, "accesses, none of which was refused")
    if without is not None or (second and count.rewalks):
        what = without or "first writes after a fork behind two levels of TLB"
        raise ParameterError("replay", what, "nothing that takes time for which there is no term")
    faults, misses = count.page_faults, count.walks + count.second_tlb_hits
    fault_ns = count.minor_faults * times["minor_fault"] + _spent(times["fault"], count.major_faults, count.fault_ns)
    back_ns = _spent(times["write_back"], count.dirty_write_backs, count.write_back_ns)
    dirty = min(count.dirty_write_backs / faults, 1.0) if faults else 0.0
    if not fault_ns:  # nothing to be a multiple of
        fault_ns, back_ns, dirty = fault_ns + back_ns, 0.0, 0.0
    looked = count.itlb_hits + count.itlb_misses + count.dtlb_hits + count.dtlb_misses
    return {
        "h": 1 - misses / count.accesses,
        "t": times["tlb"] if looked else 0.0,
        "m": times["memory"],
        "n": count.walk_references / count.walks if count.walks else 0.0,
        "p": 1 - faults / count.walks if count.walks else 1.0,
        "S": fault_ns / faults if faults else 0.0,
        "dirty_fraction": dirty,
        "write_back": back_ns / (dirty * fault_ns) if dirty else 1.0,
        "h2": count.second_tlb_hits / misses if misses else 0.0,
        "t2": times["second_tlb"] if second else 0.0,
    }


def _spent(service: dict[str, Any], count: int, random_ns: int) -> float:
    """What a service took in all."""
    return float(count * service["constant"] if "constant" in service else random_ns)
