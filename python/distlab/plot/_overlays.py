"""What is drawn over a space-time diagram: the cone of an event, cuts, a chain of causes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _style as style
from ._arrows import Lines, arrows
from ._columns import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..causal import Causality
    from ._order import DrawnCut

#: Colours of what is drawn over all else.
CHAIN, CUT = "#D81B60", "#7A3E9D"


@dataclass(frozen=True)
class Cone:
    """The causal past and future of an event, by row, and where they end and begin at each node."""

    event: int
    past: NDArray[np.bool_]
    future: NDArray[np.bool_]
    send: NDArray[np.int64]
    until: NDArray[np.float64]
    since: NDArray[np.float64]

    def touches(self, rows: NDArray[np.int64], fates: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which messages carry something into the event or out of it, by the rows they leave by and of their fates."""
        arrives = (fates >= 0) & (self.send[fates] >= 0)
        leaves = np.where(arrives, self.send[fates], rows)
        return (arrives & self.past[fates]) | self.future[leaves]


def cone_of(order: Causality, event: int, x: NDArray[np.float64]) -> Cone:
    """The cone of an event, where rows stand at ``x``; the event itself counts as both past and future."""
    past, future = np.zeros(len(order), np.bool_), np.zeros(len(order), np.bool_)
    past[order.past(event)], future[order.future(event)] = True, True
    past[event] = future[event] = True
    until, since = np.full(len(order.nodes), -np.inf), np.full(len(order.nodes), np.inf)
    np.maximum.at(until, order.node[past], x[past])
    np.minimum.at(since, order.node[future], x[future])
    return Cone(event, past, future, order.send, until, since)


def draw_cone(ax: Axes, cone: Cone, rows: Trace, lanes: list[int]) -> None:
    """Past and future as shaded regions, with the event in the middle."""
    left, right = ax.get_xlim()
    margin = 0.05 * (right - left)
    for edges, away, colour, name in (
        (cone.until, left - margin, style.BLUE, "causal past"),
        (cone.since, right + margin, style.ORANGE, "causal future"),
    ):
        x = np.clip(edges[lanes], left - margin, right + margin).tolist()
        if not x:
            continue
        y = [float(lane) for lane in range(len(lanes))]
        outline_x, outline_y = [away, x[0], *x, x[-1], away], [-0.3, -0.3, *y, y[-1] + 0.3, y[-1] + 0.3]
        ax.fill(outline_x, outline_y, color=colour, alpha=0.13, linewidth=0, zorder=0.7, label=name)
        for lane, at in zip(y, x, strict=True):
            if at != away:
                ax.plot([away, at], [lane, lane], "-", color=colour, linewidth=4, alpha=0.4, zorder=1.1)
    node = int(rows.node[cone.event])
    if node in lanes:
        circle: dict[str, Any] = {"markersize": 11, "markerfacecolor": "none", "markeredgewidth": 1.6, "zorder": 6}
        ax.plot([rows.time[cone.event]], [lanes.index(node)], "o", color=style.BLACK, **circle)
    ax.set_xlim(left, right)


def draw_chain(ax: Axes, chain: NDArray[np.int64], rows: Trace, order: Causality, lanes: list[int]) -> None:
    """A chain of causes: thick along the lanes, and along the messages between them."""
    if not len(chain):
        return
    lane = {node: float(i) for i, node in enumerate(lanes)}
    x, y = [], []
    for row in chain.tolist():
        x.append(float(rows.time[row]))
        y.append(lane.get(int(rows.node[row]), np.nan))
    ax.plot(
        x, y, "-", color=CHAIN, linewidth=2.6, alpha=0.85, zorder=3.2, label="critical path", solid_capstyle="round"
    )


def draw_cuts(ax: Axes, cuts: list[DrawnCut], rows: Trace, order: Causality, lanes: list[int]) -> None:
    """Each cut as a line through the lanes, red where it is inconsistent, with the messages that contradict it."""
    left, right = ax.get_xlim()
    near = 0.012 * (right - left)
    contradicting: set[tuple[int, int]] = set()
    for cut in cuts:
        x = _crossings(cut, lanes, rows.time, near)
        if not x:
            continue
        colour, y = (CUT if cut.judged.consistent else style.VERMILLION), list(range(len(lanes)))
        verdict = "" if cut.judged.consistent else " (inconsistent)"
        line: dict[str, Any] = {"linewidth": 1.8, "linestyle": (0, (5, 2)), "zorder": 5}
        ax.plot([x[0], *x, x[-1]], [-0.4, *y, y[-1] + 0.4], color=colour, label=cut.name + verdict, **line)
        contradicting.update(cut.judged.messages)
    if contradicting:
        _draw_contradictions(ax, sorted(contradicting), rows, order, lanes)
    ax.set_xlim(left, right)


def _crossings(cut: DrawnCut, lanes: list[int], x: NDArray[np.float64], near: float) -> list[float]:
    """Where a cut crosses each lane: between the last event inside and the first outside, as straight as possible."""
    after = np.asarray([x[it] if it >= 0 else -np.inf for it in cut.inside[lanes]])
    before = np.asarray([x[it] if it >= 0 else np.inf for it in cut.outside[lanes]])
    lowest, highest = float(after.max(initial=-np.inf)), float(before.min(initial=np.inf))
    if np.isinf(lowest):
        middle = highest - near if np.isfinite(highest) else float(x.min(initial=0.0))
    elif lowest < highest:  # a straight line parts inside from outside
        middle = min((lowest + highest) / 2, lowest + near)
    else:
        middle = float(np.median(after[np.isfinite(after)]))
    room = np.minimum(near, (before - after) / 2)
    room[~np.isfinite(room)] = near
    found: list[float] = np.clip(middle, after + room, before - room).tolist()
    return found


def _draw_contradictions(
    ax: Axes, found: list[tuple[int, int]], rows: Trace, order: Causality, lanes: list[int]
) -> None:
    """Messages that are received inside and sent outside: from the future."""
    send, delivery = np.asarray(found, np.int64).T
    shown = np.isin(order.node[send], lanes) & np.isin(order.node[delivery], lanes)
    y = [np.asarray([lanes.index(int(it)) for it in order.node[some[shown]]], np.float64) for some in (send, delivery)]
    if shown.any():
        lines = Lines(rows.time[send[shown]], y[0], rows.time[delivery[shown]], y[1])
        arrows(ax, lines, np.ones(len(y[0]), np.bool_), style.VERMILLION, width=0.022, headwidth=5, zorder=4.5)
        ax.plot([], [], "-", color=style.VERMILLION, linewidth=2.5, label="contradicts a cut")
