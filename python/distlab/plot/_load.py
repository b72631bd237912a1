"""What the clients saw: distributions of latency, latency over time, throughput."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import units
from ..errors import ParameterError, ParameterTypeError
from . import _given as given
from . import _style as style
from ._columns import FAIL, INFO, FaultInterval, Floats, Load

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Faults = Iterable[FaultInterval | tuple[float, float, str]]

#: More operations than this are drawn as quantiles, not as points.
MOST_POINTS = 5_000


def latency_cdf(
    load: Any,
    ax: Axes | None = None,
    *,
    by: Literal["kind"] | None = None,
    quantiles: Sequence[float] = (0.5, 0.99, 0.999),
    scale: Literal["linear", "logit"] = "linear",
    seed: int | None = None,
) -> Axes:
    """The fraction of operations answered within a time.

    Parameters
    ----------
    load : mapping or load
        Columns ``invoked, completed, latency`` (seconds; nan while pending), ``status`` (0 ok, 1 failed,
        2 unknown), ``kind`` (words). Only operations that succeeded count; the legend says how many did not.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    by : "kind", optional
        One curve for each kind of operation.
    quantiles : sequence of float
        Which quantiles to mark.
    scale : {"linear", "logit"}
        "logit" stretches the tail: 0.99 and 0.999 are as far apart as 0.9 and 0.99.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl, numpy as np
    >>> latency = np.random.default_rng(7).lognormal(-5, 0.5, 1_000)
    >>> load = {"invoked": np.arange(1_000) / 100, "completed": np.arange(1_000) / 100 + latency,
    ...         "latency": latency, "status": np.zeros(1_000), "kind": np.repeat("put", 1_000)}
    >>> ax = dl.plot.latency_cdf(load, seed=7)
    >>> ax.get_xlabel()
    'latency'
    """
    columns = Load.of(load)
    if by not in (None, "kind"):
        raise ParameterError("by", by, "'kind' or None")
    ax = given.axes(ax)
    groups = [("all", columns)] if by is None else list(_by_kind(columns))
    for colour, (name, group) in zip(_cycle(), groups, strict=False):
        _cdf_curve(ax, group, "" if by is None else f"{name}: ", colour, quantiles, alone=len(groups) == 1)
    style.log_durations(ax.xaxis)
    if scale == "logit":
        ax.set(yscale="logit", ylim=(0.01, 1 - 0.5 / max(len(columns.latency), 100)))
        ticks = [0.01, 0.1, 0.5, *(1 - 10.0**-i for i in range(1, 8))]
        shown = [it for it in ticks if it <= ax.get_ylim()[1]]
        ax.set_yticks(shown, [f"{it:.7g}" for it in shown])
        ax.set_yticks([], minor=True)
    else:
        ax.set(ylim=(0, 1.02))
    ax.set(xlabel="latency", ylabel="fraction of answered operations")
    ax.grid(axis="both", color="0.92")
    style.legend(ax, loc="upper left" if scale == "logit" else "lower right")
    style.caption(ax, style.seed_text(seed))
    return ax


def _cdf_curve(ax: Axes, load: Load, prefix: str, colour: str, quantiles: Sequence[float], *, alone: bool) -> None:
    latency = np.sort(load.latency[load.answered])
    unanswered = len(load.latency) - len(latency)
    missing = f", {unanswered:,} without success" if unanswered else ""
    marked = [(q, f"p{100 * q:g}", float(np.quantile(latency, q))) for q in quantiles if len(latency)]
    values = "" if alone else "".join(f", {name} {style.duration(value)}" for _, name, value in marked)
    text = f"{prefix}{len(latency):,} operations{missing}{values}"
    if not len(latency):
        ax.plot([], [], color=colour, label=text)
        return
    shown = _thin(len(latency))
    ax.step(latency[shown], (shown + 1) / len(latency), where="post", color=colour, linewidth=1.5, label=text)
    for i, (q, name, value) in enumerate(marked):
        ax.plot([value], [q], "o", color=colour, markersize=4, zorder=3)
        if alone:
            ax.axvline(value, color="0.75", linewidth=0.8, linestyle=(0, (2, 2)), zorder=0)
            at = (value, 0.04 + 0.24 * (i % 3))
            words = f"{name}  {style.duration(value)}"
            style.write(ax, words, at, (-2, 0), ("data", "axes fraction"), rotation=90, ha="right")


def latency_steps(
    groups: Mapping[str, Any],
    ax: Axes | None = None,
    *,
    quantile: float | None = 0.5,
    seed: int | None = None,
) -> Axes:
    """The fraction of operations answered within a time, as steps, for several runs or settings side by side.

    Parameters
    ----------
    groups : mapping of str to load or array_like
        By name a load (as for :func:`latency_cdf`), a :class:`distlab.Latency`, or latencies in seconds; nan counts as
        not answered, so that such a curve stays below 1.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    quantile : float, optional
        Which quantile of what was answered the legend tells and a dot marks; None: none.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Raises
    ------
    ParameterError
        If there is no group, a latency is negative, or ``quantile`` is not from 0 to 1.
    ParameterTypeError
        If an argument is of another type.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.plot.latency_steps({"3 servers": [0.010, 0.012, 0.011], "5 servers": [0.015, 0.012, float("nan")]})
    >>> [it.get_text() for it in ax.get_legend().get_texts()]
    ['3 servers: p50 11 ms', '5 servers: p50 13.5 ms, 1 without answer']
    """
    if not isinstance(groups, Mapping):
        raise ParameterTypeError("groups", groups, "a mapping of names to latencies")
    if not groups:
        raise ParameterError("groups", groups, "at least one group")
    if quantile is not None:
        units.probability(quantile, "quantile")
    found = {str(name): _latencies(it, f"groups[{name!r}]") for name, it in groups.items()}
    ax = given.axes(ax)
    for colour, (name, latency) in zip(_cycle(), found.items(), strict=False):
        answered = np.sort(latency[np.isfinite(latency)])
        missing = len(latency) - len(answered)
        told = [f"{missing:,} without answer"] if missing else []
        if quantile is not None and len(answered):
            at = float(np.quantile(answered, quantile))
            told.insert(0, f"p{100 * quantile:g} {style.duration(at)}")
            ax.plot([at], [np.searchsorted(answered, at, "right") / len(latency)], "o", color=colour, markersize=4)
        text, shown = f"{name}: {', '.join(told)}" if told else name, _thin(len(answered))
        share = (shown + 1) / max(len(latency), 1)
        ax.step(answered[shown], share, where="post", color=colour, linewidth=1.5, label=text)
    style.log_durations(ax.xaxis)
    ax.set(ylim=(0, 1.02), xlabel="latency", ylabel="fraction of operations")
    ax.grid(axis="both", color="0.92")
    style.legend(ax, loc="lower right")
    style.caption(ax, style.seed_text(seed))
    return ax


def _latencies(source: Any, parameter: str) -> Floats:
    """Latencies in seconds; nan for what was not answered with success."""
    if isinstance(source, Mapping) or isinstance(getattr(source, "columns", None), Mapping):
        load = Load.of(source)
        return np.where(load.answered, load.latency, np.nan)
    found = given.numbers(source, parameter, "a load, or latencies in seconds")
    if found.ndim != 1:
        raise ParameterError(parameter, found.shape, "a row of latencies")
    if (found < 0).any() or np.isinf(found).any():
        raise ParameterError(parameter, source, "latencies from 0 on, or nan")
    return found


def _thin(count: int) -> NDArray[np.int64]:
    """Which of ``count`` sorted values a curve needs: evenly many, and every one near the tail."""
    if count <= 2_000:
        return np.arange(count)
    even = np.linspace(0, count - 1, 1_000)
    tail = count - 1 - np.geomspace(1, count - 1, 1_000)
    return np.unique(np.concatenate([even, tail, [count - 1]]).astype(np.int64))


def latency_series(
    load: Any,
    ax: Axes | None = None,
    *,
    faults: Faults = (),
    draw: Literal["auto", "points", "quantiles"] = "auto",
    bins: int = 100,
    seed: int | None = None,
) -> Axes:
    """The latency of operations over the time they were asked, with the faults of the run shaded.

    Parameters
    ----------
    load : mapping or load
        As for :func:`latency_cdf`. Operations that failed or were never answered are marked at the top.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    faults : iterable of (start, end, label)
        What went wrong when, in seconds; see :func:`fault_intervals`.
    draw : {"auto", "points", "quantiles"}
        One point for each operation, or the median and the 99th percentile of each bin of time. "auto" draws
        points up to 5,000 operations.
    bins : int
        Into how many bins of time quantiles are taken.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl, numpy as np
    >>> t = np.linspace(0, 10, 500)
    >>> load = {"invoked": t, "completed": t + 0.002, "latency": np.full(500, 0.002),
    ...         "status": np.zeros(500), "kind": np.repeat("get", 500)}
    >>> ax = dl.plot.latency_series(load, faults=[(4.0, 6.0, "n0 crashed")])
    >>> ax.get_ylabel()
    'latency'
    """
    columns = Load.of(load)
    if draw not in ("auto", "points", "quantiles"):
        raise ParameterError("draw", draw, "'auto', 'points' or 'quantiles'")
    if bins < 1:
        raise ParameterError("bins", bins, "at least 1")
    ax = given.axes(ax, (7.2, 3.4))
    good = columns.pick(columns.answered)
    if draw == "points" or (draw == "auto" and len(good.latency) <= MOST_POINTS):
        for colour, (name, group) in zip(_cycle(), _by_kind(good), strict=False):
            ax.plot(group.invoked, group.latency, ".", color=colour, markersize=2.5, alpha=0.6, label=name)
    else:
        _quantile_band(ax, good, bins)
    style.log_durations(ax.yaxis)
    _without_success(ax, columns)
    ax.set(xlabel="time of the request (s)", ylabel="latency")
    ax.grid(axis="y", color="0.92")
    style.shade_faults(ax, faults)
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=2)
    style.caption(ax, style.seed_text(seed))
    return ax


def _quantile_band(ax: Axes, load: Load, bins: int) -> None:
    edges = _edges(load.invoked, bins)
    middle = (edges[1:] + edges[:-1]) / 2
    which = np.clip(np.searchsorted(edges, load.invoked, side="right") - 1, 0, bins - 1)
    order = np.argsort(which, kind="stable")
    parts = np.split(load.latency[order], np.searchsorted(which[order], np.arange(1, bins)))
    rows = [np.quantile(part, (0.5, 0.99)) if len(part) else (math.nan, math.nan) for part in parts]
    median, p99 = np.asarray(rows, dtype=np.float64).T
    ax.plot(middle, p99, color=style.VERMILLION, linewidth=1.2, marker=".", markersize=3, label="p99")
    ax.plot(middle, median, color=style.BLUE, linewidth=1.5, marker=".", markersize=3, label="median")
    ax.fill_between(middle, median, p99, color=style.BLUE, alpha=0.12, linewidth=0)


def _without_success(ax: Axes, load: Load) -> None:
    """A rug at the top for what failed, and for what nobody knows the outcome of."""
    marks = ((FAIL, "failed", style.BLACK, "x"), (INFO, "no answer", style.VERMILLION, "|"))
    for row, (code, name, colour, marker) in enumerate(marks):
        at = load.invoked[load.status == code]
        if len(at):
            height = np.full(len(at), 0.97 - 0.05 * row)
            ax.plot(
                at,
                height,
                marker,
                color=colour,
                markersize=5,
                linestyle="none",
                clip_on=False,
                transform=ax.get_xaxis_transform(),
                label=f"{name} ({len(at):,})",
            )


def throughput(
    load: Any,
    ax: Axes | None = None,
    *,
    bin_width: float | None = None,
    faults: Faults = (),
    seed: int | None = None,
) -> Axes:
    """Operations answered each second, and those that were not, over time.

    Parameters
    ----------
    load : mapping or load
        As for :func:`latency_cdf`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    bin_width : float, optional
        Over how many seconds to count; a hundredth of the run otherwise.
    faults : iterable of (start, end, label)
        What went wrong when, in seconds.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl, numpy as np
    >>> t = np.linspace(0, 10, 500)
    >>> load = {"invoked": t, "completed": t + 0.002, "latency": np.full(500, 0.002),
    ...         "status": np.zeros(500), "kind": np.repeat("get", 500)}
    >>> dl.plot.throughput(load, bin_width=0.5).get_ylabel()
    'operations / s'
    """
    columns = Load.of(load)
    if bin_width is not None and not (math.isfinite(bin_width) and bin_width > 0):
        raise ParameterError("bin_width", bin_width, "a positive number of seconds")
    ax = given.axes(ax, (7.2, 2.8))
    known = columns.completed[np.isfinite(columns.completed)]
    edges = _edges(np.concatenate([columns.invoked, known]), 100, bin_width)
    answered = columns.completed[columns.answered]
    lost = columns.invoked[columns.status != 0]
    for times, colour, name in (
        (answered, style.BLUE, "answered"),
        (lost, style.VERMILLION, "asked in vain"),
    ):
        if len(times) or colour == style.BLUE:
            rate = np.histogram(times, edges)[0] / np.diff(edges)
            ax.stairs(rate, edges, color=colour, linewidth=1.3, label=name)
    ax.set(xlabel="time (s)", ylabel="operations / s", xlim=(edges[0], edges[-1]))
    ax.set_ylim(bottom=0)
    ax.grid(axis="y", color="0.92")
    style.shade_faults(ax, faults)
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.caption(ax, style.seed_text(seed))
    return ax


def _edges(times: Floats, bins: int, width: float | None = None) -> Floats:
    """Edges of bins that cover ``times``."""
    low, high = (float(times.min()), float(times.max())) if len(times) else (0.0, 1.0)
    if high <= low:
        high = low + 1.0
    if width is None:
        return np.linspace(low, high, bins + 1)
    return np.arange(max(math.ceil((high - low) / width), 1) + 1, dtype=np.float64) * width + low


def _by_kind(load: Load) -> Iterator[tuple[str, Load]]:
    for name in np.unique(load.kind):
        yield str(name), load.pick(load.kind == name)


def _cycle() -> Iterator[str]:
    while True:
        yield from style.PALETTE
