"""Several processes on one processor: who has it when, and who waits for the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _given as given
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..memory import Timetable


def timetable(found: Timetable, ax: Axes | None = None, *, title: str | None = None) -> Axes:
    """Who has the processor when: a row for each process, and one for the processor when nobody can go on.

    Parameters
    ----------
    found : Timetable
        What :meth:`distlab.memory.Mmu.schedule` gave.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one. Blue: a process runs; grey: the processor waits for a transfer. As far as turns were
        taken down.

    Examples
    --------
    >>> import distlab as dl
    >>> jobs = {0: range(0, 1 << 14, 64), 1: range(0, 1 << 14, 64)}
    >>> ax = dl.memory.Mmu(processes=2, S="20us").schedule(jobs).plot()
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['process 0', 'process 1', 'nobody']
    """
    from ..memory import Timetable

    given.an(Timetable, found, "found")
    title = given.words(title, "title")
    names: list[Any] = [*found.processes, None]
    columns = found.columns()
    unit, scale = _unit(found.total_ns)
    ax = given.axes(ax, (6.4, 1.0 + 0.34 * len(names)))
    for row, name in enumerate(names):
        mine = columns["process"] == (-1 if name is None else name)
        for waiting, colour in ((False, style.BLUE), (True, style.PALE)):
            chosen = mine & (columns["waiting"] == waiting)
            begin, end = columns["begin_ns"][chosen] / scale, columns["end_ns"][chosen] / scale
            bars = list(zip(begin.tolist(), (end - begin).tolist(), strict=True))
            ax.broken_barh(bars, (row - 0.36, 0.72), facecolors=colour, linewidth=0)
    ax.set_yticks(range(len(names)), ["nobody" if it is None else f"process {it}" for it in names])
    ax.set(xlabel=f"time ({unit})", ylim=(len(names) - 0.4, -0.6), xlim=(0, max(found.total_ns / scale, 1e-9)))
    ax.tick_params(axis="y", length=0)
    for label, colour in (("runs", style.BLUE), ("waits for a transfer", style.PALE)):
        ax.plot([], [], "s", color=colour, label=label)
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.caption(ax, f"{found.utilisation:.0%} busy" if np.isfinite(found.utilisation) else None)
    if title:
        ax.set_title(title, fontsize="medium")
    return ax


def _unit(total_ns: float) -> tuple[str, float]:
    """A unit in which times have few digits, and how many nanoseconds it has."""
    for name, scale in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if total_ns >= scale:
            return name, scale
    return "ns", 1.0
