"""Memory without a network: address translation, paging, and what an access costs."""

from . import generators, paging
from .access_time import Emat, EmatParts, emat
from .allocation import ContiguousMemory, PagedMemory
from .comparisons import GeometryComparison, TlbComparison, compare_geometries, compare_tlbs
from .exercises import Exercise, exercise, exercises
from .geometry import GEOMETRIES, Geometry
from .mmu import Mmu, Nested, Swap
from .page_table import PageTable
from .replayed import OUTCOMES, Counters, Replay, Timetable
from .tlb import TLBS, WALK_CACHES, Tlb, TlbHierarchy, WalkCache
from .traces import (
    MemoryTrace,
    RequestTrace,
    iter_csv,
    iter_lackey,
    iter_oracle_general,
    read_csv,
    read_lackey,
    read_oracle_general,
    sample_trace,
)
from .translation import PageTableEntry, Translation, Victim, WalkStep

__all__ = [
    "GEOMETRIES",
    "OUTCOMES",
    "TLBS",
    "WALK_CACHES",
    "ContiguousMemory",
    "Counters",
    "Emat",
    "EmatParts",
    "Exercise",
    "Geometry",
    "GeometryComparison",
    "MemoryTrace",
    "Mmu",
    "Nested",
    "PageTable",
    "PageTableEntry",
    "PagedMemory",
    "Replay",
    "RequestTrace",
    "Swap",
    "Timetable",
    "Tlb",
    "TlbComparison",
    "TlbHierarchy",
    "Translation",
    "Victim",
    "WalkCache",
    "WalkStep",
    "compare_geometries",
    "compare_tlbs",
    "emat",
    "exercise",
    "exercises",
    "generators",
    "iter_csv",
    "iter_lackey",
    "iter_oracle_general",
    "paging",
    "read_csv",
    "read_lackey",
    "read_oracle_general",
    "sample_trace",
]
