"""What all pictures share: matplotlib on demand, a palette, axes of time, shaded faults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import DistlabError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._columns import FaultInterval

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY, PALE = "#E69F00", "#56B4E9", "#000000", "#8C8C8C", "#DEDEDE"
BROWN = "#7A5300"

#: Okabe and Ito's colours, without the yellow that vanishes on white.
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)

SMALL = 8.0
"""Size of what is written inside a picture, in points."""


class MissingExtra(DistlabError, ImportError):
    """An optional dependency is not installed.

    Attributes
    ----------
    extra : str
        The extra of distlab that brings it.

    Examples
    --------
    >>> import distlab as dl
    >>> str(dl.plot.MissingExtra("matplotlib", "plot"))
    "this needs matplotlib: pip install 'distlab[plot]'"
    """

    __module__ = "distlab.plot"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)
        self.package = package
        self.extra = extra

    def __str__(self) -> str:
        return f"this needs {self.package}: pip install 'distlab[{self.extra}]'"


def pyplot() -> Any:
    """Matplotlib's pyplot, imported when first needed.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtra("matplotlib", "plot") from error
    return plt


def axes(ax: Axes | None, size: tuple[float, float] = (6.4, 3.4)) -> Axes:
    """``ax``, or the axes of a new figure; without the frame that carries no information."""
    plt = pyplot()
    found: Axes = plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax
    found.spines[["top", "right"]].set_visible(False)
    found.set_axisbelow(True)
    return found


def caption(ax: Axes, *parts: str | None) -> None:
    """Write what the reader needs to run it again in the corner below the axes."""
    text = ", ".join(part for part in parts if part)
    if text:
        write(ax, text, (1, 0), (0, -36), "axes fraction", ha="right", va="top", color=GREY)


def write(
    ax: Axes,
    text: str,
    at: tuple[float, float],
    offset: tuple[float, float],
    coords: str | tuple[str, str] = "data",
    **options: Any,
) -> None:
    """Write a few small words, ``offset`` points away from ``at``."""
    options = {"fontsize": SMALL, "xycoords": coords, "textcoords": "offset points"} | options
    ax.annotate(text, at, offset, **options)


def seed_text(seed: int | None) -> str | None:
    """How a caption names the seed."""
    return None if seed is None else f"seed {seed}"


def duration(seconds: float) -> str:
    """A duration in the unit a person would use, three digits.

    Examples
    --------
    >>> duration(0.01234), duration(2.5), duration(0)
    ('12.3 ms', '2.5 s', '0 s')
    """
    if seconds == 0 or not math.isfinite(seconds):
        return f"{seconds:.3g} s"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(seconds) >= 0.9995 * scale:
            return f"{float(f'{seconds / scale:.3g}'):g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def log_durations(axis: Any) -> None:
    """A logarithmic axis of durations, its ticks written as ``10 ms``."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    def write(value: float, _position: int | None = None) -> str:
        return duration(value)

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(numticks=12))
    axis.set_major_formatter(FuncFormatter(write))
    axis.set_minor_formatter(NullFormatter())


def shade_faults(ax: Axes, faults: Iterable[FaultInterval | tuple[float, float, str]]) -> None:
    """Shade each fault while it lasts, and name it above the axes.

    A fault without an end (nan or infinity) lasts until the right edge, so shade after the data is drawn.
    """
    left, right = ax.get_xlim()
    seen = [it for it in sorted(faults, key=lambda it: it[0]) if it[0] <= right and not it[1] < left]
    starts = [max(start, left) for start, _, _ in seen]
    levels = stagger(ax, starts, [label for _, _, label in seen])
    for (_, end, label), start, level in zip(seen, starts, levels, strict=True):
        if end > start or not math.isfinite(end):
            stop = min(end, right) if math.isfinite(end) else right
            ax.axvspan(start, stop, color=ORANGE, alpha=0.16, linewidth=0, zorder=0)
        ax.axvline(start, color=ORANGE, linewidth=0.8, zorder=0.5)
        above = ("data", "axes fraction")
        write(ax, label, (start, 1.0), (1, 2 + 9 * level), above, color=BROWN, fontsize=SMALL - 1)
    ax.set_xlim(left, right)


def stagger(ax: Axes, starts: Sequence[float], texts: Sequence[str], levels: int = 3) -> list[int]:
    """On which line to write each text, so that those side by side do not overlap."""
    left, right = ax.get_xlim()
    per_character = (right - left) / characters(ax)
    free = [-math.inf] * levels
    chosen = []
    for start, text in zip(starts, texts, strict=True):
        level = next((i for i, end in enumerate(free) if start >= end), free.index(min(free)))
        free[level] = start + (len(text) + 1) * per_character
        chosen.append(level)
    return chosen


def characters(ax: Axes) -> float:
    """How many small characters fit side by side into the axes."""
    inches: float = ax.get_window_extent().width / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    return max(inches * 72 / (0.55 * (SMALL - 1)), 1.0)


def legend(ax: Axes, **options: Any) -> None:
    """A legend without a frame, if there is anything to explain."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=SMALL, **options)
