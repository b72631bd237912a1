"""How long a cluster is without a leader, beside what the Raft paper measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ParameterError
from . import _style as style
from ._columns import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The extended Raft paper's Figure 16, top: the range of the election timeout, then at which percentage of
#: the trials how many seconds without a leader. Read off the vector graphic; 100 is the longest trial.
RAFT_FIGURE_16_RANDOMNESS: Mapping[str, Mapping[float, float]] = {
    "150-150 ms": {0: 9.9, 50: 41.0},
    "150-151 ms": {10: 0.435, 50: 1.199, 90: 3.131, 100: 8.217},
    "150-155 ms": {10: 0.119, 50: 0.287, 90: 0.609, 100: 2.143},
    "150-300 ms": {10: 0.125, 50: 0.171, 90: 0.244, 100: 0.603},
}

#: Figure 16, bottom: smaller timeouts, with twice as long as the shortest for the longest.
RAFT_FIGURE_16_TIMEOUT: Mapping[str, Mapping[float, float]] = {
    "12-24 ms": {50: 0.0301, 90: 0.053, 100: 0.152},
    "50-100 ms": {50: 0.0667, 90: 0.0957},
    "100-200 ms": {50: 0.120, 90: 0.166},
    "150-300 ms": {50: 0.171, 90: 0.244},
}


def election_figure(
    curves: Mapping[str, ArrayLike],
    ax: Axes | None = None,
    *,
    published: Mapping[str, Mapping[float, float]] | None = None,
    scale: Literal["log", "linear"] = "log",
    seed: int | None = None,
) -> Axes:
    """The share of trials in which a new leader was there within a time: Figure 16 of the Raft paper.

    Parameters
    ----------
    curves : mapping of str to array
        For each setting, the seconds without a leader of each trial; nan or infinity for a trial that ended
        without one.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    published : mapping, optional
        For each setting, percentages and the seconds published for them; drawn as circles in the colour of
        the curve of the same name. See :data:`RAFT_FIGURE_16_RANDOMNESS`, :data:`RAFT_FIGURE_16_TIMEOUT`.
    scale : {"log", "linear"}
        The axis of time.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    References
    ----------
    D. Ongaro, J. Ousterhout: In Search of an Understandable Consensus Algorithm (extended version), 2014.

    Examples
    --------
    >>> import distlab as dl, numpy as np
    >>> trials = np.random.default_rng(7).uniform(0.12, 0.25, 200)
    >>> ax = dl.plot.election_figure({"150-300 ms": trials}, published=dl.plot.RAFT_FIGURE_16_RANDOMNESS)
    >>> ax.get_ylabel()
    'trials with a new leader (%)'
    """
    if scale not in ("log", "linear"):
        raise ParameterError("scale", scale, "'log' or 'linear'")
    ax = style.axes(ax, (6.4, 3.6))
    points = dict(published or {})
    names = [*curves, *(name for name in points if name not in curves)]
    colours = {name: style.PALETTE[i % len(style.PALETTE)] for i, name in enumerate(names)}
    for name, trials in curves.items():
        _curve(ax, name, np.asarray(trials, dtype=np.float64), colours[name])
    for name, marks in points.items():
        label = None if name in curves else f"{name} (published only)"
        ax.plot(
            list(marks.values()),
            list(marks),
            "o",
            color=colours[name],
            markerfacecolor="white",
            markersize=6,
            markeredgewidth=1.4,
            zorder=4,
            label=label,
        )
    if points:
        ax.plot([], [], "o", color=style.BLACK, markerfacecolor="white", markersize=6, label="published")
    if scale == "log":
        style.log_durations(ax.xaxis)
        ax.set_xlabel("time without a leader")
    else:
        ax.set_xlabel("time without a leader (s)")
        ax.set_xlim(left=0)
    ax.set(ylabel="trials with a new leader (%)", ylim=(-2, 103))
    ax.grid(color="0.92")
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.caption(ax, style.seed_text(seed), _trials(curves.values()))
    return ax


def _curve(ax: Axes, name: str, trials: Floats, colour: str) -> None:
    if not len(trials):
        raise ParameterError(f"curves[{name!r}]", trials, "at least one trial")
    over = np.sort(trials[np.isfinite(trials)])
    percent = 100 * np.arange(1, len(over) + 1) / len(trials)
    ax.step(over, percent, where="post", color=colour, linewidth=1.6, label=name)


def _trials(curves: Iterable[ArrayLike]) -> str | None:
    counts = sorted({len(np.asarray(it)) for it in curves})
    if not counts:
        return None
    return f"{counts[0]:,} trials each" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} trials each"
