"""Translation lookaside buffers and walk caches: values that an MMU is made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments
from .geometry import Geometry

__all__ = ["TLBS", "WALK_CACHES", "Tlb", "TlbHierarchy", "WalkCache"]

_POLICIES = ("lru", "fifo", "random", "tree-plru")
_ENTRIES = "a whole number from 1 to 2^20"


@dataclass(frozen=True)
class Tlb:
    """A translation lookaside buffer, or that part of one which holds pages of some sizes.

    Parameters
    ----------
    entries : int
        How many pages it knows, from 1 to 2**20.
    ways : int, optional
        In how many places a page may be; ``entries / ways``, the number of sets, must be a power of two. None:
        anywhere (fully associative).
    policy : {"lru", "fifo", "random", "tree-plru"}
        Which entry of a full set makes room. ``"tree-plru"`` needs a power of two of at most 64 ways.
    sizes : sequence of (int or str), optional
        The sizes of the pages it holds, such as ``["4KiB", "2MiB"]``; None: all. A size that no part holds is
        walked for every time.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.memory.Tlb(64, ways=4).sets
    16
    """

    entries: int
    ways: int | None = None
    policy: str = "lru"
    sizes: tuple[int | str, ...] | None = None

    def __post_init__(self) -> None:
        # Numpy's integers become Python's, which know how many bits they have.
        entries = arguments.whole(self.entries, "entries", _ENTRIES, least=1, most=2**20)
        object.__setattr__(self, "entries", entries)
        allowed = "a divisor of entries that makes the number of sets a power of two"
        if self.ways is not None:
            ways = arguments.whole(self.ways, "ways", allowed, least=1, most=entries)
            object.__setattr__(self, "ways", ways)
            if entries % ways or (entries // ways).bit_count() != 1:
                raise ParameterError("ways", ways, f"{allowed} ({entries} entries)")
        if self.associativity > 2**15:
            raise ParameterError("ways", self.associativity, "at most 2^15")
        arguments.choice(self.policy, "policy", _POLICIES)
        if self.policy == "tree-plru" and ((self.ways or self.entries).bit_count() != 1 or self.associativity > 64):
            raise ParameterError("ways", self.associativity, "a power of two up to 64, with policy 'tree-plru'")
        if self.sizes is not None:
            if isinstance(self.sizes, str | int):
                object.__setattr__(self, "sizes", (self.sizes,))
            if not isinstance(self.sizes, Sequence) or isinstance(self.sizes, bytes | bytearray) or not self.sizes:
                raise ParameterTypeError("sizes", self.sizes, "sizes of pages")
            object.__setattr__(self, "sizes", tuple(self.sizes))
            for size in self.sizes:
                arguments.size(size, "sizes")

    @property
    def associativity(self) -> int:
        """In how many places a page may be."""
        return self.ways or self.entries

    @property
    def sets(self) -> int:
        """How many sets there are."""
        return self.entries // self.associativity

    def reach(self, page_size: int | str = "4KiB") -> int:
        """How many bytes it knows at most, with pages of one size."""
        return self.entries * arguments.size(page_size, "page_size")

    def _shape(self) -> dict[str, Any]:
        return {"entries": self.entries, "ways": self.associativity, "policy": self.policy}

    def _to_data(self, geometry: Geometry) -> dict[str, Any]:
        levels = []
        for size in self.sizes or ():
            count = arguments.size(size, "sizes")
            if count not in geometry.page_sizes:
                known = ", ".join(arguments.show_size(it) for it in geometry.page_sizes)
                raise ParameterError("sizes", size, f"sizes of pages of the geometry: {known}")
            known_levels = (geometry.levels - 1, *geometry.huge_levels)
            levels.append(next(it for it in known_levels if geometry.span(it) == count))
        return {"shape": self._shape(), "levels": levels}


Level = Tlb | Sequence[Tlb] | None


@dataclass(frozen=True)
class TlbHierarchy:
    """The TLBs of a machine.

    Parameters
    ----------
    data : Tlb or sequence of Tlb
        The first level for data; of several parts if pages of some sizes have entries of their own.
    instruction : Tlb or sequence of Tlb, optional
        The first level for instructions; None: they share that of data.
    second : Tlb or sequence of Tlb, optional
        A second level behind both. What it knows goes into the first level, too.
    tagged : bool
        Whether entries carry the process they belong to (an address space identifier); otherwise all but the
        global ones are flushed when another process goes on.

    Examples
    --------
    >>> import distlab as dl
    >>> tlbs = dl.memory.TlbHierarchy.preset("champsim")
    >>> tlbs.second.entries, tlbs.second.ways
    (1536, 12)
    """

    data: Level
    instruction: Level = None
    second: Level = None
    tagged: bool = True

    def __post_init__(self) -> None:
        arguments.flag(self.tagged, "tagged")
        if self.data is None:
            raise ParameterError("data", None, "a Tlb: there is no hierarchy without a first level for data")
        for name in ("data", "instruction", "second"):
            if isinstance(level := getattr(self, name), Sequence):
                object.__setattr__(self, name, tuple(_parts(level, name)))
            else:
                _parts(level, name)

    @classmethod
    def preset(cls, name: str) -> TlbHierarchy:
        """Known TLBs: one of :data:`TLBS`.

        ``"champsim"``: the default of the simulator ChampSim, as its ``champsim_config.json`` of May 2025 (commit
        2ff2501) has it: ``ITLB`` and ``DTLB`` 16 sets of 4 ways, ``STLB`` 128 sets of 12. (Their latencies there are 1,
        1 and 8 cycles of 0.25 ns.)

        ``"skylake"``: Intel's client cores of 2015, as WikiChip's article on their microarchitecture lists them. For
        instructions 128 entries of 8 ways for 4 KiB and 8, fully associative, for 2 MiB; for data 64 of 4 ways for
        4 KiB, 32 of 4 ways for 2 MiB and 4, fully associative, for 1 GiB; behind both 1,536 of 12 ways for 4 KiB and
        2 MiB together, and 16 of 4 ways for 1 GiB.
        """
        return TLBS[arguments.choice(name, "name", tuple(TLBS))]

    @classmethod
    def of(cls, given: TlbHierarchy | Tlb | str | None) -> TlbHierarchy | None:
        """What was given as a hierarchy: one TLB is for instructions and data alike."""
        if given is None or isinstance(given, TlbHierarchy):
            return given
        if isinstance(given, Tlb):
            return cls(given)
        if isinstance(given, str):
            return TLBS[arguments.choice(given, "tlb", tuple(TLBS))]
        allowed = "a Tlb, a TlbHierarchy, one of the names " + ", ".join(repr(it) for it in TLBS) + ", or None"
        raise ParameterTypeError("tlb", given, allowed)

    def to_data(self, geometry: Geometry) -> dict[str, Any]:
        """The form in which the core takes it."""
        names = ("data", "instruction", "second")
        levels = {name: [it._to_data(geometry) for it in _parts(getattr(self, name), name)] for name in names}
        return {**levels, "tagged": bool(self.tagged)}


def _parts(level: Level, name: str) -> Sequence[Tlb]:
    parts = () if level is None else (level,) if isinstance(level, Tlb) else level
    allowed = "a Tlb, or a sequence of them with different sizes of pages"
    if (
        not isinstance(parts, Sequence)
        or isinstance(parts, str | bytes)
        or not all(isinstance(it, Tlb) for it in parts)
    ):
        raise ParameterTypeError(name, level, allowed)
    if level is not None and not parts:
        raise ParameterError(name, level, f"{allowed}; one at least")
    return parts


@dataclass(frozen=True)
class WalkCache:
    """A walk cache (page-structure cache): for each level above the last the tables its entries lead to.

    A walk begins at the table nearest to the leaf that is known. Entries carry the process they belong to.

    Parameters
    ----------
    levels : Tlb or sequence of (Tlb or None)
        The shape of the cache of each level above the last, the root's first; None: that level has none. A
        single one is used for every level. Without ``sizes``: what is cached are tables.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.memory.WalkCache.preset("champsim").levels[-1].entries
    32
    """

    levels: Tlb | Sequence[Tlb | None]

    def __post_init__(self) -> None:
        given = (self.levels,) if isinstance(self.levels, Tlb) else self.levels
        known = isinstance(given, Sequence) and not isinstance(given, str | bytes)
        if not known or not all(it is None or isinstance(it, Tlb) for it in given):
            raise ParameterTypeError("levels", self.levels, "a Tlb, or one (or None) for each level above the last")
        for tlb in given:
            if tlb is not None and tlb.sizes is not None:
                raise ParameterError("levels", tlb, "a Tlb without sizes: a walk cache holds tables, not pages")
        if not isinstance(self.levels, Tlb):
            object.__setattr__(self, "levels", tuple(self.levels))

    @classmethod
    def preset(cls, name: str) -> WalkCache:
        """Known walk caches: one of :data:`WALK_CACHES`.

        ``"champsim"``: the default of ChampSim, the ``PTW`` of its ``champsim_config.json`` of May 2025 (commit
        2ff2501): ``pscl5`` 1 set of 2 ways for the root's level of five, ``pscl4`` 1 of 4 and ``pscl3`` 2 of 4 below,
        and ``pscl2`` 4 of 8 for the tables of the last level; with fewer levels those nearest to the leaf.
        """
        return WALK_CACHES[arguments.choice(name, "name", tuple(WALK_CACHES))]

    @classmethod
    def of(cls, given: WalkCache | Tlb | str | None) -> WalkCache | None:
        """What was given as a walk cache."""
        if given is None or isinstance(given, WalkCache):
            return given
        if isinstance(given, Tlb):
            return cls(given)
        if isinstance(given, str):
            return WALK_CACHES[arguments.choice(given, "walk_cache", tuple(WALK_CACHES))]
        allowed = "a WalkCache, a Tlb, one of the names " + ", ".join(repr(it) for it in WALK_CACHES) + ", or None"
        raise ParameterTypeError("walk_cache", given, allowed)

    def to_data(self, geometry: Geometry) -> list[dict[str, Any] | None]:
        """The form in which the core takes it."""
        above = geometry.levels - 1
        shapes: list[dict[str, Any] | None]
        if isinstance(self.levels, Tlb):
            shapes = [self.levels._shape()]
            return shapes * above
        if self == WALK_CACHES["champsim"]:  # also one that comes from another process
            chosen = self.levels[max(len(self.levels) - above, 0) :]
            shapes = [None if it is None else it._shape() for it in chosen]
            return [None for _ in range(above - len(chosen))] + shapes
        if len(self.levels) != above:
            raise ParameterError("walk_cache", f"{len(self.levels)} levels", f"one for each of {above} upper levels")
        return [None if it is None else it._shape() for it in self.levels]


TLBS = {
    "champsim": TlbHierarchy(data=Tlb(64, 4), instruction=Tlb(64, 4), second=Tlb(1536, 12)),
    "skylake": TlbHierarchy(
        instruction=(Tlb(128, 8, sizes=("4KiB",)), Tlb(8, sizes=("2MiB",))),
        data=(Tlb(64, 4, sizes=("4KiB",)), Tlb(32, 4, sizes=("2MiB",)), Tlb(4, sizes=("1GiB",))),
        second=(Tlb(1536, 12, sizes=("4KiB", "2MiB")), Tlb(16, 4, sizes=("1GiB",))),
    ),
}
"""Known TLBs by name."""

WALK_CACHES = {"champsim": WalkCache((Tlb(2, 2), Tlb(4, 4), Tlb(8, 4), Tlb(32, 8)))}
"""Known walk caches by name."""
