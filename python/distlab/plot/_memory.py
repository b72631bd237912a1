"""Memory: misses over frames, what a TLB reaches, what an access costs, which pages a program touches when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import flag, text, whole
from ..errors import ParameterError, ParameterTypeError
from ..memory import _arguments as arguments
from . import _given as given
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..memory.paging import Comparison, Curve

_Floats = NDArray[np.float64]

#: How the policies are drawn: each has its colour in every picture, the optimum is the line that nobody crosses.
_POLICIES = {
    "opt": (style.BLACK, "--"),
    "lru": (style.BLUE, "-"),
    "fifo": (style.VERMILLION, "-"),
    "clock": (style.ORANGE, "-"),
    "arc": (style.GREEN, "-"),
    "2q": (style.GREEN, "--"),
    "s3-fifo": (style.PURPLE, "-"),
    "sieve": (style.PURPLE, "--"),
    "lfu": (style.SKY, "-"),
    "random": (style.GREY, "-"),
    "mru": (style.GREY, ":"),
}

#: The most columns and rows of a picture of references.
_CELLS = (400, 200)


def miss_ratio_curves(
    data: Comparison | Curve | Mapping[str, tuple[ArrayLike, ArrayLike]],
    ax: Axes | None = None,
    *,
    logarithmic: bool = True,
    title: str | None = None,
) -> Axes:
    """The share of references that fault, over the number of frames.

    Parameters
    ----------
    data : Comparison, Curve, or mapping of str to (frames, miss ratios)
        What :func:`distlab.memory.paging.compare` or :func:`distlab.memory.paging.miss_ratio_curve` found, or lines by
        name.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    logarithmic : bool
        Whether the axis of frames is.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> refs = dl.memory.exercise("replacement", seed=1).data["refs"]
    >>> ax = dl.memory.paging.compare(refs, frames=[1, 2, 3, 4], policies=["lru", "opt"]).plot()
    >>> [line.get_label() for line in ax.lines]
    ['LRU', 'OPT']
    """
    curves = _curves(data)
    logarithmic, title = flag(logarithmic, "logarithmic"), given.words(title, "title")
    ax = given.axes(ax)
    for name, (frames, ratios) in curves.items():
        colour, line = _POLICIES.get(name, (None, "-"))
        few: dict[str, Any] = {"marker": "o", "markersize": 3} if len(frames) <= 24 else {}
        step = "default" if few else "steps-post"
        ax.plot(frames, ratios, line, color=colour, label=_written(name), linewidth=1.4, drawstyle=step, **few)
    if logarithmic:
        ax.set_xscale("log")
        _plain_ticks(ax)
    ax.set(xlabel="frames", ylabel="miss ratio")
    ax.set_ylim(bottom=0)
    if title:
        ax.set_title(title, fontsize="medium")
    if len(ax.lines) > 1:
        style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _curves(data: Any) -> dict[str, tuple[_Floats, _Floats]]:
    from ..memory.paging import Comparison, Curve

    if isinstance(data, Comparison):
        rows = zip(data.policies, data.miss_ratio, strict=True)
        order = np.argsort(data.frames, kind="stable")
        return {name: (data.frames[order].astype(np.float64), row[order]) for name, row in rows}
    if isinstance(data, Curve):
        return {"lru": (data.frames.astype(np.float64), data.miss_ratio)}
    if not isinstance(data, Mapping):
        raise ParameterTypeError("data", data, "a Comparison, a Curve, or a mapping of names to (frames, ratios)")
    if not data:
        raise ParameterError("data", data, "one line at least")
    found = {}
    for name, pair in data.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ParameterTypeError(f"data[{name!r}]", pair, "a pair of frames and miss ratios")
        frames, ratios = (given.numbers(it, f"data[{name!r}]", "rows of numbers") for it in pair)
        if frames.shape != ratios.shape or frames.ndim != 1:
            raise ParameterError(f"data[{name!r}]", (frames.shape, ratios.shape), "two rows of one length")
        found[str(name)] = (frames, ratios)
    return found


def _written(name: str) -> str:
    known = {"2q": "2Q", "s3-fifo": "S3-FIFO", "random": "random"}
    return known.get(name, name.upper() if name in _POLICIES else name)


def tlb_reach(
    entries: Sequence[int] | NDArray[np.integer[Any]],
    miss_ratios: Mapping[int, ArrayLike],
    ax: Axes | None = None,
    *,
    footprint: int | None = None,
) -> Axes:
    """How the misses of a TLB fall with what it reaches: its entries times the size of a page.

    Parameters
    ----------
    entries : sequence of int
        Sizes of TLBs.
    miss_ratios : mapping of int to array_like
        By the size of a page in bytes, the misses of each of these TLBs as a share of accesses.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    footprint : int, optional
        How many bytes the program touches: a line from where on everything is reached.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.plot.tlb_reach([16, 64], {4096: [0.02, 0.01], 2**21: [0.001, 0.0]}, footprint=2**20)
    >>> [line.get_label() for line in ax.lines[:2]]
    ['pages of 4 KiB', 'pages of 2 MiB']
    """
    sizes = arguments.row(entries, "entries", "a row of sizes of TLBs").astype(np.float64)
    if not sizes.size:
        raise ParameterError("entries", entries, "one size at least")
    if not isinstance(miss_ratios, Mapping):
        raise ParameterTypeError("miss_ratios", miss_ratios, "a mapping of sizes of pages to misses")
    if not miss_ratios:
        raise ParameterError("miss_ratios", miss_ratios, "one size of pages at least")
    lines = {}
    for page_size, ratios in miss_ratios.items():
        place = f"miss_ratios[{page_size!r}]"
        count = whole(page_size, place, "misses by the size of a page in bytes", least=1)
        lines[count] = given.numbers(ratios, place, "a row of shares of accesses")
        if lines[count].shape != sizes.shape:
            raise ParameterError(place, lines[count].shape, f"a value for each of {len(sizes)} TLBs")
    if footprint is not None:
        footprint = whole(footprint, "footprint", "a positive number of bytes, or None", least=1)
    ax = given.axes(ax)
    for number, (page_size, values) in enumerate(lines.items()):
        colour = style.PALETTE[number % len(style.PALETTE)]
        label = f"pages of {size_text(page_size)}"
        ax.plot(sizes * page_size, values, "o-", color=colour, markersize=3, linewidth=1.4, label=label)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter(_formatter(size_text))
    ax.set(xlabel="reach of the TLB", ylabel="TLB miss ratio")
    ax.set_ylim(bottom=0)
    if footprint is not None:
        ax.axvline(footprint, color=style.GREY, linewidth=1, linestyle=":")
        text = f"all it touches: {size_text(footprint)}"
        style.write(ax, text, (footprint, 1), (-3, -2), ("data", "axes fraction"), ha="right", va="top", rotation=90)
    style.legend(ax)
    return ax


def emat_surface(
    x: ArrayLike,
    y: ArrayLike,
    times: ArrayLike,
    ax: Axes | None = None,
    *,
    xlabel: str = "TLB hit rate h",
    ylabel: str = "levels n",
    unit: str = "ns",
    levels: Sequence[float] | int | None = None,
) -> Axes:
    """The effective access time over two of its terms, as a map with lines of equal time.

    Parameters
    ----------
    x, y : array_like
        The values of the two terms.
    times : array_like, shape (len(y), len(x))
        What :func:`distlab.memory.emat` gives for ``x`` and ``y[:, None]``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    xlabel, ylabel, unit : str
        What the axes and times are called.
    levels : sequence of float or int, optional
        At which times lines are drawn, or about how many.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import numpy as np, distlab as dl
    >>> h, n = np.linspace(0.8, 1, 21), np.arange(1, 6)
    >>> ax = dl.plot.emat_surface(h, n, dl.memory.emat(h=h, n=n[:, None], t=1, m=100))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('TLB hit rate h', 'levels n')
    """
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import LogLocator, MaxNLocator

    named = {"x": x, "y": y, "times": times}
    columns, rows, surface = (given.numbers(it, name, "an array of numbers") for name, it in named.items())
    for name, it in (("xlabel", xlabel), ("ylabel", ylabel), ("unit", unit)):
        text(it, name, "text")
    if columns.ndim != 1 or rows.ndim != 1 or surface.shape != (len(rows), len(columns)):
        raise ParameterError("times", surface.shape, f"the shape ({rows.size}, {columns.size}) of y and x")
    if min(len(rows), len(columns)) < 2:
        raise ParameterError("times", surface.shape, "at least two values of each term")
    if not all(np.isfinite(it).all() for it in (columns, rows, surface)):
        raise ParameterError("times", times, "finite times of finite terms")
    least, most = float(surface.min()), float(surface.max())
    wide = least > 0 and most / least > 10
    norm = LogNorm(least, most) if wide else Normalize(least, most)
    if levels is None or isinstance(levels, int | np.integer):
        count = 8 if levels is None else whole(levels, "levels", "how many lines, or at which times", least=1, most=99)
        finder = LogLocator(subs=(1.0, 2.0, 5.0), numticks=30) if wide else MaxNLocator(count)
        lines = [it for it in finder.tick_values(least, most) if least < it < most]
    else:
        chosen = given.numbers(levels, "levels", "how many lines, or at which times")
        if chosen.ndim != 1 or not np.isfinite(chosen).all():
            raise ParameterError("levels", levels, "how many lines, or a row of finite times")
        lines = np.unique(chosen).tolist()
    ax = given.axes(ax, (5.2, 3.6))
    mesh = ax.pcolormesh(columns, rows, surface, cmap="YlGnBu", norm=norm, shading="gouraud", rasterized=True)
    drawn = ax.contour(columns, rows, surface, levels=lines, colors="black", linewidths=0.7) if lines else None
    if drawn is not None:
        ax.clabel(drawn, fontsize=style.SMALL, fmt=lambda value: f"{value:,.4g}")
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.colorbar(mesh, ax=ax, label=f"effective access time ({unit})", shrink=0.9)
    if np.array_equal(rows, rows.round()):
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def reference_pattern(
    trace: Any,
    ax: Axes | None = None,
    *,
    page_bits: int = 12,
    title: str | None = None,
) -> Axes:
    """Which pages a program touches when: time to the right, pages upwards, without those it never touches.

    Parameters
    ----------
    trace : MemoryTrace or array_like of int
        Addresses; a trace's kinds tell code from data.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    page_bits : int
        A page has ``2 ** page_bits`` bytes.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import numpy as np, distlab as dl
    >>> ax = dl.plot.reference_pattern(np.arange(0, 1 << 20, 64))
    >>> ax.get_ylabel()
    'page (256 of 4 KiB)'
    """
    column = getattr(trace, "addresses", trace)
    addresses = arguments.integers(column, "trace", np.uint64, "a trace, or a row of addresses")
    if not len(addresses):
        raise ParameterError("trace", 0, "at least one address")
    page_bits = whole(page_bits, "page_bits", "a whole number from 0 to 63", most=63)
    title = given.words(title, "title")
    kinds = getattr(trace, "kinds", None)
    length, columns = len(addresses), min(_CELLS[0], len(addresses))
    column = np.arange(length) * columns // length
    numbers = addresses >> np.uint64(page_bits)
    codes = np.zeros(length, np.uint8) if kinds is None else np.asarray(kinds)
    # Most accesses go where the last one went, and look the same.
    new = np.ones(length, np.bool_)
    new[1:] = (numbers[1:] != numbers[:-1]) | (codes[1:] != codes[:-1]) | (column[1:] != column[:-1])
    pages, rows = np.unique(numbers[new], return_inverse=True)
    column, codes = column[new], codes[new]
    ax = given.axes(ax, (6.4, 3.6))
    groups = [("data", codes == 0)] if kinds is None else _by_kind(codes)
    for (label, chosen), colour in zip(groups, (style.BLUE, style.VERMILLION, style.GREEN), strict=False):
        cells = np.unique(column[chosen] * len(pages) + rows[chosen])
        times = (cells // len(pages) + 0.5) * length / columns
        size = float(np.clip(400 / max(len(pages), columns), 0.6, 4))
        shown = label if kinds is not None else None
        ax.plot(times, cells % len(pages), "s", color=colour, markersize=size, linestyle="none", label=shown)
    for gap in np.flatnonzero(np.diff(pages.astype(np.float64)) > 1 << 16):
        ax.axhline(gap + 0.5, color=style.PALE, linewidth=0.8, zorder=0)
    ax.set(xlabel="access", ylabel=f"page ({len(pages):,} of {size_text(1 << page_bits)})")
    ax.set_xlim(0, len(addresses))
    ax.locator_params(axis="x", nbins=5)
    ax.xaxis.set_major_formatter(_formatter(_whole))
    if title:
        ax.set_title(title, fontsize="medium")
    if kinds is not None:
        style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=3)
    return ax


def _by_kind(kinds: NDArray[Any]) -> list[tuple[str, NDArray[np.bool_]]]:
    groups = [("read", kinds == 0), ("written", kinds == 1), ("fetched", kinds == 2)]
    return [(label, chosen) for label, chosen in groups if chosen.any()]


def size_text(count: float) -> str:
    """A number of bytes in the unit a person would use.

    Examples
    --------
    >>> size_text(4096), size_text(3 * 2**20), size_text(100)
    ('4 KiB', '3 MiB', '100 B')
    """
    for unit, scale in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.4g} {unit}"
    return f"{count:.4g} B"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _formatter(write: Callable[[float], str]) -> Any:
    """What writes the ticks of an axis."""
    from matplotlib.ticker import FuncFormatter

    def tick(value: float, _position: int | None = None) -> str:
        return write(value)

    return FuncFormatter(tick)


def _plain_ticks(ax: Axes) -> None:
    """A logarithmic axis with numbers as people write them."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.xaxis.set_major_locator(LogLocator(numticks=10))
    ax.xaxis.set_major_formatter(_formatter(_whole))
    ax.xaxis.set_minor_formatter(NullFormatter())
