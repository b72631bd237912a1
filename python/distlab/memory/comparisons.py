"""One trace through many machines: TLBs of several sizes and associativities, tables of several levels and pages."""

from __future__ import annotations

import html
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments
from .geometry import Geometry
from .mmu import Mmu, configuration, refusal
from .replayed import Counters
from .tlb import Tlb, TlbHierarchy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GeometryComparison", "TlbComparison", "compare_geometries", "compare_tlbs"]

_MOST = 4096
_MEASURED = ("tlb_miss_ratio", "emat_ns", "page_faults", "walks", "walk_references", "evictions", "table_bytes")


@dataclass(frozen=True, eq=False, repr=False)
class _Comparison:
    """What machines made of one trace; in every array a row for each value of the first thing that was varied."""

    tlb_miss_ratio: NDArray[np.float64]
    emat_ns: NDArray[np.float64]
    page_faults: NDArray[np.uint64]
    walks: NDArray[np.uint64]
    walk_references: NDArray[np.uint64]
    evictions: NDArray[np.uint64]
    table_bytes: NDArray[np.uint64]
    accesses: int

    def _varied(self) -> dict[str, NDArray[np.int64]]:
        """What was varied, in the shape of the arrays."""
        raise NotImplementedError

    def columns(self) -> dict[str, Any]:
        """One row for each machine, as columns that pandas and polars take."""
        varied = {name: it.ravel() for name, it in self._varied().items()}
        return varied | {name: getattr(self, name).ravel() for name in _MEASURED}

    def __repr__(self) -> str:
        (first, rows), (second, columns) = ((name, it.shape) for name, it in self._varied().items())
        assert rows == columns
        return f"<{type(self).__name__} of {rows[0]} {first} x {rows[1]} {second}, {self.accesses:,} accesses>"

    def _repr_html_(self) -> str:
        columns = self.columns()
        head = "".join(f"<th>{name}</th>" for name in columns)
        rows = "".join(
            "<tr>"
            + "".join(f"<td>{it:,.6g}</td>" if isinstance(it, float) else f"<td>{it:,}</td>" for it in row)
            + "</tr>"
            for row in zip(*(it.tolist() for it in columns.values()), strict=True)
        )
        return (
            f"<p>{html.escape(repr(self)[1:-1])}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """A line for each value of the second thing that was varied: :func:`distlab.plot.mmu_comparison`."""
        from ..plot._machines import mmu_comparison

        return mmu_comparison(self, ax, **options)


@dataclass(frozen=True, eq=False, repr=False)
class TlbComparison(_Comparison):
    """What one trace met with TLBs of several sizes and associativities.

    Attributes
    ----------
    entries : ndarray of int64
        The sizes of the TLBs: the rows of the arrays below.
    ways : tuple of (int or None)
        Their associativities, None for fully associative: the columns.
    tlb_miss_ratio, emat_ns : ndarray of float64, shape (entries, ways)
        The share of accesses that no TLB answered, and what one took on average, in nanoseconds; nan without any.
    page_faults, walks, walk_references, evictions, table_bytes : ndarray of uint64, shape (entries, ways)
        As in :class:`Counters`, and what page tables took in the end.
    accesses : int
        How many accesses there were.
    """

    entries: NDArray[np.int64]
    ways: tuple[int | None, ...]

    def _varied(self) -> dict[str, NDArray[np.int64]]:
        ways = [[count if it is None else it for it in self.ways] for count in self.entries.tolist()]
        return {"entries": np.repeat(self.entries[:, None], len(self.ways), 1), "ways": np.array(ways, np.int64)}


@dataclass(frozen=True, eq=False, repr=False)
class GeometryComparison(_Comparison):
    """What one trace met with page tables of several levels and pages of several sizes.

    Attributes
    ----------
    levels : ndarray of int64
        How many levels of tables there are: the rows of the arrays below.
    page_bits : ndarray of int64
        Pages have ``2 ** page_bits`` bytes: the columns.
    tlb_miss_ratio, emat_ns : ndarray of float64, shape (levels, page_bits)
        The share of accesses that no TLB answered, and what one took on average, in nanoseconds; nan without any.
    page_faults, walks, walk_references, evictions, table_bytes : ndarray of uint64, shape (levels, page_bits)
        As in :class:`Counters`, and what page tables took in the end.
    accesses : int
        How many accesses there were.
    """

    levels: NDArray[np.int64]
    page_bits: NDArray[np.int64]

    @property
    def page_sizes(self) -> NDArray[np.int64]:
        """The sizes of pages in bytes."""
        return np.left_shift(np.int64(1), self.page_bits)

    def _varied(self) -> dict[str, NDArray[np.int64]]:
        levels, bits = np.meshgrid(self.levels, self.page_bits, indexing="ij")
        return {"levels": levels, "page_bits": bits}


def compare_tlbs(
    addresses: Any,
    entries: Sequence[int] | NDArray[np.integer[Any]],
    ways: Sequence[int | None] = (None,),
    *,
    geometry: Geometry | str = "x86-64",
    kinds: ArrayLike | None = None,
    processes: ArrayLike | None = None,
    tlb_policy: str = "lru",
    split: bool = True,
    **options: Any,
) -> TlbComparison:
    """Replay one trace with TLBs of several sizes and associativities, on all cores.

    Parameters
    ----------
    addresses, kinds, processes
        As for :meth:`Mmu.replay`, or a trace.
    entries : sequence of int
        The sizes of TLBs.
    ways : sequence of (int or None)
        Their associativities; None: fully associative. Each must be possible with each size.
    geometry : Geometry or str
        How addresses are cut up.
    tlb_policy : {"lru", "fifo", "random", "tree-plru"}
        Which entry of a full set makes room.
    split : bool
        Whether there is a TLB of that shape for instructions, too, or one for both.
    **options
        What else an :class:`Mmu` is made with: ``frames``, ``policy``, ``t``, ``m``, ``S``, ... There are as many
        processes as the column ``processes`` has.

    Returns
    -------
    TlbComparison
        With a row for each size and a column for each associativity.

    Raises
    ------
    ProtectionFault, PageFault
        At the first access that is refused.
    ParameterError, ParameterTypeError
        If there is no such TLB, or an argument is not what it should be.

    Notes
    -----
    As many replays as there are TLBs, each by a machine of its own; can be interrupted.

    Examples
    --------
    >>> import distlab as dl
    >>> refs = dl.memory.generators.zipf(20_000, pages=1000, seed=1) << 12
    >>> found = dl.memory.compare_tlbs(refs, entries=[16, 64], ways=[1, 4, None], frames=500)
    >>> found.tlb_miss_ratio.shape
    (2, 3)
    >>> bool((found.tlb_miss_ratio[0] > found.tlb_miss_ratio[1]).all())
    True
    """
    cut = Geometry.of(geometry, "geometry")
    sizes = _several(entries, "entries")
    shapes = _several(ways, "ways", optional=True)
    split = arguments.flag(split, "split")
    machines = []
    for count in sizes:
        for associativity in shapes:
            tlb = Tlb(count, associativity, tlb_policy)
            machines.append((cut, {"tlb": TlbHierarchy(data=tlb, instruction=tlb if split else None)}))
    measured = _measure(addresses, kinds, processes, machines, (len(sizes), len(shapes)), options, ("tlb",))
    return TlbComparison(**measured, entries=np.array(sizes, np.int64), ways=tuple(shapes))


def compare_geometries(
    addresses: Any,
    levels: Sequence[int] | NDArray[np.integer[Any]],
    page_bits: Sequence[int] | NDArray[np.integer[Any]],
    *,
    address_bits: int = 48,
    memory: int | str | None = None,
    kinds: ArrayLike | None = None,
    processes: ArrayLike | None = None,
    **options: Any,
) -> GeometryComparison:
    """Replay one trace with page tables of several levels and pages of several sizes, on all cores.

    Parameters
    ----------
    addresses, kinds, processes
        As for :meth:`Mmu.replay`, or a trace.
    levels : sequence of int
        How many levels of tables there are.
    page_bits : sequence of int
        Pages have ``2 ** page_bits`` bytes.
    address_bits : int
        How wide addresses are: what is above the page is shared out among the levels, the lower ones getting a bit
        more where it does not come out even.
    memory : int or str, optional
        How many bytes of memory there are, a multiple of every size of pages; None: all that is needed.
    **options
        What else an :class:`Mmu` is made with: ``policy``, ``tlb``, ``t``, ``m``, ``S``, ...; not ``frames``, which
        follow from ``memory``.

    Returns
    -------
    GeometryComparison
        With a row for each number of levels and a column for each size of pages.

    Raises
    ------
    ProtectionFault, PageFault
        At the first access that is refused.
    ParameterError, ParameterTypeError
        If there is no such table, or an argument is not what it should be.

    Notes
    -----
    As many replays as there are geometries, each by a machine of its own; can be interrupted.

    Examples
    --------
    >>> import distlab as dl
    >>> refs = dl.memory.generators.strided(4096, stride=1024)
    >>> found = dl.memory.compare_geometries(refs, levels=[2, 4], page_bits=[12, 16], address_bits=32)
    >>> found.page_faults.tolist(), found.walk_references[:, 0].tolist()
    ([[1024, 64], [1024, 64]], [2048, 4096])
    """
    depths, widths = _several(levels, "levels"), _several(page_bits, "page_bits")
    whole = arguments.whole(address_bits, "address_bits", "a whole number from 2 to 64", least=2, most=64)
    total = None if memory is None else arguments.size(memory, "memory")
    machines = []
    for depth in depths:
        for width in widths:
            frames = None
            if total is not None:
                frames, rest = divmod(total, 1 << arguments.whole(width, "page_bits", "from 1 to 40", least=1, most=40))
                if rest:
                    raise ParameterError("memory", memory, f"a multiple of pages of 2^{width} bytes")
            machines.append((_shared_out(depth, width, whole), {"frames": frames}))
    measured = _measure(addresses, kinds, processes, machines, (len(depths), len(widths)), options, ("frames",))
    return GeometryComparison(**measured, levels=np.array(depths, np.int64), page_bits=np.array(widths, np.int64))


def _shared_out(levels: int, page_bits: int, address_bits: int) -> Geometry:
    """A geometry of so many levels; the lower ones have a bit more where it does not come out even."""
    levels = arguments.whole(levels, "levels", "a whole number from 1 to 8", least=1, most=8)
    page_bits = arguments.whole(page_bits, "page_bits", "a whole number from 1 to 40", least=1, most=40)
    above = address_bits - page_bits
    if not levels <= above <= 24 * levels:
        problem = (
            f"{levels} levels of 1 to 24 bits do not share out the {above} bits above a page of 2^{page_bits} bytes"
        )
        raise ParameterError("levels", levels, problem=problem)
    each, more = divmod(above, levels)
    return Geometry(levels, [each + (at >= levels - more) for at in range(levels)], page_bits, address_bits)


def _several(given: Any, parameter: str, *, optional: bool = False) -> list[Any]:
    """One number at least, and not too many; None where that means something."""
    allowed = f"from 1 to {_MOST} whole numbers"
    if isinstance(given, str | bytes) or not isinstance(given, Sequence | np.ndarray) or np.ndim(given) != 1:
        raise ParameterTypeError(parameter, given, allowed)
    if not 1 <= len(given) <= _MOST:
        raise ParameterError(parameter, given, allowed)
    found = given.tolist() if isinstance(given, np.ndarray) else list(given)
    for at, it in enumerate(found):
        if it is not None or not optional:
            arguments.whole(it, f"{parameter}[{at}]", allowed)
    return [None if it is None else int(it) for it in found]


def _measure(
    addresses: Any,
    kinds: Any,
    processes: Any,
    machines: list[tuple[Geometry, dict[str, Any]]],
    shape: tuple[int, int],
    options: dict[str, Any],
    taken: tuple[str, ...],
) -> dict[str, Any]:
    """What each machine made of the trace, as arrays."""
    usual = {
        name: it.default
        for name, it in inspect.signature(Mmu.__init__).parameters.items()
        if name not in ("self", "geometry", "processes")
    }
    for name, value in options.items():
        if name not in usual or name in taken:
            raise ParameterTypeError(
                name, value, problem=f"cannot be set; what can is {', '.join(sorted(usual.keys() - set(taken)))}"
            )
    if len(machines) > _MOST:
        raise ParameterError("machines", len(machines), f"at most {_MOST} in all")
    if kinds is None and hasattr(addresses, "kinds"):
        kinds = addresses.kinds
    column = arguments.addresses(getattr(addresses, "addresses", addresses))
    codes = arguments.kinds(kinds, len(column))
    owners = arguments.processes(processes, len(column))
    count = 1 if owners is None or not len(owners) else int(owners.max()) + 1
    configs = [configuration(cut, **(usual | options | special), processes=count) for cut, special in machines]
    found = _core.mmu_compare(configs, column, codes, owners)
    for it in found:
        if it["replayed"]["stopped"] is not None:
            at, reason = it["replayed"]["stopped"]
            process = 0 if owners is None else int(owners[at])
            kind = arguments.KINDS[0 if codes is None else int(codes[at])]
            raise refusal(reason, int(column[at]), process, kind, None, at)
    counted = [Counters(**it["replayed"]["counters"]) for it in found]
    spent = np.array([it["replayed"]["time_ns"] for it in found], np.float64)
    many = len(column)
    columns = {
        "tlb_miss_ratio": np.array([1 - it.tlb_hit_rate for it in counted], np.float64),
        "emat_ns": spent / many if many else np.full(len(found), np.nan),
        "table_bytes": np.array([it["usage"]["table_bytes"] for it in found], np.uint64),
    }
    for name in ("page_faults", "walks", "walk_references", "evictions"):
        columns[name] = np.array([getattr(it, name) for it in counted], np.uint64)
    return {name: it.reshape(shape) for name, it in columns.items()} | {"accesses": many}
