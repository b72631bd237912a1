"""Which node had which role when: a lane for each node, the terms of the leaders written on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError
from . import _style as style
from ._columns import FaultInterval, column

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How each role looks; a role that is not here gets the next colour of the palette.
LOOKS: dict[str, dict[str, Any]] = {
    "leader": {"facecolor": style.BLUE},
    "candidate": {"facecolor": style.ORANGE},
    "pre-candidate": {"facecolor": "#F5D38A"},
    "follower": {"facecolor": style.PALE},
    "learner": {"facecolor": "#EFEFEF"},
    "paused": {"facecolor": "white", "edgecolor": style.GREY, "hatch": "////", "linewidth": 0},
    "down": {"facecolor": "white", "edgecolor": style.VERMILLION, "hatch": "xxxx", "linewidth": 0},
}


def timeline(
    columns: Any,
    ax: Axes | None = None,
    *,
    faults: Iterable[FaultInterval | tuple[float, float, str]] = (),
    until: float | None = None,
    seed: int | None = None,
) -> Axes:
    """The role of every node over time; leaders carry their term.

    Parameters
    ----------
    columns : mapping
        ``time`` (seconds), ``node`` (index), ``role`` (words), ``term``: a row whenever a node takes a role
        or a term, in order of time; :func:`role_changes` reads them off a trace. Optionally the list of
        ``names``. Nodes without a row have no lane.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    faults : iterable of (start, end, label)
        What went wrong when, in seconds.
    until : float, optional
        Where the last roles end, in seconds; a little after the last row otherwise.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> rows = {"time": [0.0, 0.2, 0.0], "node": [0, 0, 1], "role": ["follower", "leader", "follower"],
    ...         "term": [0, 1, 0], "names": ["n0", "n1"]}
    >>> ax = dl.plot.timeline(rows, until=1.0)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['n0', 'n1']
    """
    time = np.asarray(column(columns, "time"), dtype=np.float64)
    node = np.asarray(column(columns, "node"), dtype=np.int64)
    role = np.asarray(column(columns, "role"), dtype=np.str_)
    term = np.asarray(column(columns, "term"), dtype=np.int64)
    if not len(time) == len(node) == len(role) == len(term):
        raise ParameterError("columns", [len(it) for it in (time, node, role, term)], "columns of one length")
    lanes = np.unique(node).tolist()
    known = column(columns, "names", ())
    names = [str(known[it]) if it < len(known) else f"n{it}" for it in lanes]
    last = float(time.max(initial=0.0))
    end = until if until is not None else last + max(0.05 * last, 1e-3)
    ax = style.axes(ax, (7.2, 0.9 + 0.36 * max(len(names), 2)))
    ax.set(xlim=(min(float(time.min(initial=0.0)), 0.0), end), ylim=(max(len(names), 1) - 0.4, -0.6))
    colours = _looks(role)
    for lane, it in enumerate(lanes):
        mine = np.flatnonzero(node == it)
        _lane(ax, lane, time[mine], role[mine], term[mine], end, colours)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set(xlabel="time (s)")
    style.shade_faults(ax, faults)
    _explain(ax, [name for name in colours if name in set(role)], colours)
    style.caption(ax, style.seed_text(seed))
    return ax


def _looks(role: NDArray[np.str_]) -> dict[str, dict[str, Any]]:
    """A look for each role there is."""
    spare = (style.GREEN, style.PURPLE, style.SKY, style.BLACK, style.VERMILLION)
    others = [str(name) for name in np.unique(role) if name not in LOOKS]
    return LOOKS | {name: {"facecolor": spare[i % len(spare)]} for i, name in enumerate(others)}


def _lane(
    ax: Axes,
    lane: int,
    time: NDArray[np.float64],
    role: NDArray[np.str_],
    term: NDArray[np.int64],
    end: float,
    looks: dict[str, dict[str, Any]],
) -> None:
    """One node: neighbouring rows of the same role (and, of a leader, term) are one bar."""
    if not len(time):
        return
    leads = role == "leader"
    new = (role[1:] != role[:-1]) | (leads[1:] & (term[1:] != term[:-1]))
    starts = np.flatnonzero(np.concatenate([[True], new]))
    begin = time[starts]
    stop = np.minimum(np.concatenate([begin[1:], [end]]), end)
    left, right = ax.get_xlim()
    spans = list(zip(begin.tolist(), stop.tolist(), role[starts].tolist(), strict=True))
    for name in sorted({name for _, _, name in spans}):
        bars = [(a, b - a) for a, b, it in spans if it == name and b > a]
        ax.broken_barh(bars, (lane - 0.36, 0.72), **looks[name])
    for (a, b, name), number in zip(spans, term[starts].tolist(), strict=True):
        if name == "leader" and b > a:
            _write_term(ax, lane, a, b, number, right - left)


def _write_term(ax: Axes, lane: int, start: float, stop: float, term: int, width: float) -> None:
    """On the bar if there is room, otherwise right above its beginning."""
    text = f"term {term}"
    room = (stop - start) / width * style.characters(ax)
    for words in (text, str(term)):
        if room > len(words) + 1:
            ax.text(
                (start + stop) / 2,
                lane,
                words,
                color="white",
                fontsize=style.SMALL,
                ha="center",
                va="center_baseline",
            )
            return
    ax.text(start, lane - 0.38, str(term), color=style.BLUE, fontsize=style.SMALL - 1, ha="left", va="bottom")


def _explain(ax: Axes, roles: list[str], looks: dict[str, dict[str, Any]]) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(**looks[name], label=name) for name in roles]
    if patches:
        ax.legend(handles=patches, frameon=False, fontsize=style.SMALL, loc="center left", bbox_to_anchor=(1.0, 0.5))
