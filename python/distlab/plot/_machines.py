"""One trace through many machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._arguments import choice
from ..errors import ParameterTypeError
from . import _given as given
from . import _style as style
from ._memory import size_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = {
    "tlb_miss_ratio": "TLB miss ratio",
    "emat_ns": "effective access time (ns)",
    "page_faults": "page faults",
    "walks": "walks",
    "walk_references": "references to tables",
    "evictions": "evictions",
    "table_bytes": "page tables (bytes)",
}


def mmu_comparison(found: Any, ax: Axes | None = None, *, value: str | None = None, title: str | None = None) -> Axes:
    """What machines made of one trace: over sizes of TLBs or of pages, a line for each associativity or depth.

    Parameters
    ----------
    found : TlbComparison or GeometryComparison
        From :func:`distlab.memory.compare_tlbs` or :func:`distlab.memory.compare_geometries`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    value : str, optional
        What to show: ``"tlb_miss_ratio"`` (of TLBs, by default), ``"emat_ns"`` (of geometries, by default) or another
        of the arrays.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> refs = dl.memory.generators.zipf(2000, pages=200, seed=1) << 12
    >>> ax = dl.memory.compare_tlbs(refs, entries=[8, 16], ways=[1, None]).plot()
    >>> [line.get_label() for line in ax.lines]
    ['1 way', 'fully associative']
    """
    from ..memory import GeometryComparison, TlbComparison

    if not isinstance(found, TlbComparison | GeometryComparison):
        raise ParameterTypeError("found", found, "a TlbComparison or a GeometryComparison")
    title = given.words(title, "title")
    if value is not None:
        choice(value, "value", tuple(_SHOWN))
    if isinstance(found, TlbComparison):
        value = value or "tlb_miss_ratio"
        x, lines, xlabel = found.entries, getattr(found, value).T, "entries of the TLB"
        labels = ["fully associative" if it is None else f"{it} way{'s' * (it > 1)}" for it in found.ways]
        ticks = [f"{it:,}" for it in x.tolist()]
    else:
        value = value or "emat_ns"
        x, lines, xlabel = found.page_sizes, getattr(found, value), "size of a page"
        labels = [f"{it} level{'s' * (it > 1)}" for it in found.levels.tolist()]
        ticks = [size_text(it) for it in x.tolist()]
    ax = given.axes(ax)
    order = x.argsort(kind="stable")
    for number, (label, line) in enumerate(zip(labels, lines, strict=True)):
        colour = style.PALETTE[number % len(style.PALETTE)]
        ax.plot(x[order], line[order], "o-", color=colour, markersize=3, linewidth=1.4, label=label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(x[order], [ticks[it] for it in order])
    ax.minorticks_off()
    ax.set(xlabel=xlabel, ylabel=_SHOWN[value])
    ax.set_ylim(bottom=0)
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    if title:
        ax.set_title(title, fontsize="medium")
    return ax
