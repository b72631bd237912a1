"""How right clocks are: errors over time, and the sawtooth of TrueTime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ParameterTypeError
from ..timekeeping import ClockErrors
from . import _style as style
from ._columns import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scale = Literal["log", "linear"]


def clock_error(
    runs: ClockErrors | Mapping[str, ClockErrors],
    ax: Axes | None = None,
    *,
    of: Literal["error", "pairs"] = "error",
    hardware: bool = False,
    bounds: bool = True,
    scale: Scale | None = None,
    seed: int | None = None,
) -> Axes:
    """How far clocks are off true time, or off each other, over time.

    Parameters
    ----------
    runs : ClockErrors, or mapping of str to ClockErrors
        One run: a line for each clock. Several, by name ("NTP on", "NTP off"): a line for the worst clock of each.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    of : {"error", "pairs"}
        Against true time; or |Ci - Cj|, the largest difference of any two clocks.
    hardware : bool
        Whether to draw the hardware clocks too, dashed: where clocks would be if nobody set them right.
    bounds : bool
        Whether to shade how far nodes say they can be off, where one run is drawn against true time.
    scale : {"log", "linear"}, optional
        Of the error; "log" (of its absolute value) where several runs or the hardware are drawn, "linear" otherwise.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Raises
    ------
    ParameterError, ParameterTypeError
        If there is no run, or something is none.

    Examples
    --------
    >>> import distlab as dl
    >>> def run(poll):
    ...     cluster = dl.Ntp((1, 2), seed=1, poll=poll, burst=poll, drift_ppm={"s1n0": 14, "s1n1": -9})
    ...     return dl.clock_errors(cluster, "10min", every="5s")
    >>> ax = dl.plot.clock_error({"a poll every 16 s": run("16s"), "one every 2 min": run("2min")}, seed=1)
    >>> ax.get_ylabel(), ax.get_yscale()
    ('largest |C - t|', 'log')
    """
    named = runs if isinstance(runs, Mapping) else {"": runs}
    if not named:
        raise ParameterError("runs", runs, "at least one run")
    for name, run in named.items():
        if not isinstance(run, ClockErrors):
            raise ParameterTypeError(f"runs[{name!r}]" if name else "runs", run, "samples from clock_errors")
    if of not in ("error", "pairs"):
        raise ParameterError("of", of, "'error' or 'pairs'")
    chosen: Scale = scale or ("log" if hardware or isinstance(runs, Mapping) else "linear")
    if chosen not in ("log", "linear"):
        raise ParameterError("scale", scale, "'log', 'linear' or None")
    found = style.axes(ax)
    lines = _single(named[""], of, hardware) if isinstance(runs, ClockErrors) else _worst(named, of, hardware)
    for (label, time, values, dashed), colour in zip(lines, _colours(lines), strict=True):
        shown = _log(values) if chosen == "log" else values
        found.plot(time, shown, label=label, color=colour, linewidth=0.9 if dashed else 1.4, ls="--" if dashed else "-")
    if bounds and isinstance(runs, ClockErrors) and of == "error":
        _bounds(found, runs, chosen)
    _label(found, of, isinstance(runs, Mapping), chosen)
    style.legend(found, loc="best", ncols=2 if len(lines) > 4 else 1)
    style.caption(found, style.seed_text(seed))
    return found


def truetime(errors: ClockErrors, ax: Axes | None = None, *, node: str | None = None, seed: int | None = None) -> Axes:
    """The sawtooth of TrueTime: how far a node says that it can be off, and how far it is.

    Parameters
    ----------
    errors : ClockErrors
        Samples of a :class:`distlab.TrueTime`'s clocks.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    node : str, optional
        Whose clock; the last one otherwise.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Raises
    ------
    UnknownNode
        If there are no samples of that node.
    ParameterError
        If it never knew how far it can be off.

    Examples
    --------
    >>> import distlab as dl
    >>> tt = dl.TrueTime(1, drift_ppm={"dc0.d0": 150}).run_for("1s")
    >>> ax = dl.plot.truetime(dl.clock_errors(tt, "2min", every="0.5s"), node="dc0.d0")
    >>> ax.get_ylabel()
    'ms'
    """
    if not isinstance(errors, ClockErrors):
        raise ParameterTypeError("errors", errors, "samples from clock_errors")
    name = errors.nodes[-1] if node is None else node
    own = errors.of(name)
    time, bound, error = own["time"], own["bound"] * 1e3, np.abs(own["error"]) * 1e3
    if np.isnan(bound).all():
        raise ParameterError("node", name, "one that knows how far it can be off")
    found = style.axes(ax)
    mean = float(np.nanmean(bound))
    found.fill_between(time, 0, bound, color=style.SKY, alpha=0.25, linewidth=0)
    found.plot(time, bound, color=style.BLUE, linewidth=1.4, label="epsilon: what it can be off")
    found.plot(time, error, color=style.BLACK, linewidth=1.0, label="what it is off")
    found.axhline(mean, color=style.GREY, linewidth=0.9, ls="--", label=f"epsilon on average: {mean:.2g} ms")
    wrong = error > bound + 5e-7
    if wrong.any():
        top = float(np.nanmax(np.where(wrong, error, bound)))
        found.fill_between(time, 0, top, where=wrong, color=style.VERMILLION, alpha=0.25, linewidth=0, step="mid")
        at, offset, side = float(time[wrong][0]), (-4, -8), "right"
        if at < (time[0] + time[-1]) / 2:
            at, offset, side = float(time[wrong][-1]), (4, -8), "left"
        style.write(found, "wrong, and does not know", (at, top), offset, ha=side, color=style.VERMILLION)
    found.set(xlabel="true time in s", ylabel="ms", ylim=(0, None), xlim=(time[0], time[-1]))
    found.set_title(f"TrueTime at {name}", loc="left", fontsize=10)
    found.margins(y=0.15)
    found.set_ylim(0, found.get_ylim()[1] * 1.25)
    style.legend(found, loc="upper right", ncols=3)
    style.caption(found, style.seed_text(seed))
    return found


Line = tuple[str, Floats, Floats, bool]


def _single(run: ClockErrors, of: str, hardware: bool) -> list[Line]:
    """The lines of one run: of each clock, and of its hardware."""
    if of == "pairs":
        lines: list[Line] = [("clocks", run.time, run.spread(), False)]
        return [*lines, ("hardware", run.time, run.spread(hardware=True), True)] if hardware else lines
    each = [(node, run.time, _where_up(run.error, run.up)[:, i], False) for i, node in enumerate(run.nodes)]
    dashed = [(f"{node}, hardware", run.time, run.hardware[:, i], True) for i, node in enumerate(run.nodes)]
    return [*each, *dashed] if hardware else each


def _worst(runs: Mapping[str, ClockErrors], of: str, hardware: bool) -> list[Line]:
    """The lines of several runs: of the worst clock of each."""
    lines: list[Line] = []
    for name, run in runs.items():
        for is_hardware in (False, True) if hardware else (False,):
            clocks = run.hardware if is_hardware else run.error
            furthest = run.spread(hardware=is_hardware) if of == "pairs" else _furthest(_where_up(clocks, run.up))
            lines.append((f"{name}, hardware" if is_hardware else name, run.time, furthest, is_hardware))
    return lines


def _where_up(values: Floats, up: NDArray[np.bool_]) -> Floats:
    return np.where(up, values, np.nan)


def _furthest(clocks: Floats) -> Floats:
    """The largest absolute value of each row; nan where there is none."""
    found = np.full(len(clocks), np.nan)
    known = ~np.isnan(clocks).all(axis=1)
    found[known] = np.nanmax(np.abs(clocks[known]), axis=1)
    return found


def _log(values: Floats) -> Floats:
    """For a logarithmic axis: an error of less than a nanosecond is drawn as one."""
    return np.maximum(np.abs(values), 1e-9)


def _colours(lines: list[Line]) -> list[str]:
    """A clock and its hardware have one colour."""
    bases = list(dict.fromkeys(label.removesuffix(", hardware") for label, *_ in lines))
    palette = {base: style.PALETTE[i % len(style.PALETTE)] for i, base in enumerate(bases)}
    return [palette[label.removesuffix(", hardware")] for label, *_ in lines]


def _bounds(ax: Axes, run: ClockErrors, scale: Scale) -> None:
    for i, colour in zip(range(len(run.nodes)), style.PALETTE, strict=False):
        bound = _where_up(run.bound, run.up)[:, i]
        if np.isnan(bound).all() or not np.nanmax(bound) > 0:
            continue
        low = np.full_like(bound, 1e-9) if scale == "log" else -bound
        ax.fill_between(run.time, low, bound, color=colour, alpha=0.08, linewidth=0)


def _label(ax: Axes, of: str, several: bool, scale: Scale) -> None:
    from matplotlib.ticker import FuncFormatter

    what = "|Ci - Cj|" if of == "pairs" else "C - t" if scale == "linear" and not several else "|C - t|"
    ax.set(xlabel="true time in s", ylabel=f"largest {what}" if several or of == "pairs" else what)
    if scale == "log":
        style.log_durations(ax.yaxis)
    else:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.duration(value)))
    ax.grid(axis="y", color=style.PALE, linewidth=0.6)
