"""The messages of a space-time diagram: which are in a window, and how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _style as style
from ._columns import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How far an arrow goes that never arrives, as a share of the way.
LOST_AT = 0.6

#: More messages than this are drawn as thin lines without heads.
DENSE = 400

#: How lines are interrupted: messages still under way, and copies.
PENDING, COPY = (0, (5, 3)), (0, (1.5, 1.5))

#: Colours of kinds of messages; vermillion is for what is lost or wrong, black comes last.
COLOURS = (
    *(style.BLUE, style.GREEN, style.PURPLE, style.ORANGE, style.SKY),
    *("#882255", "#999933", "#44AA99", "#5B4DB2", style.BLACK),
)

#: How visible a message is that a chosen event has nothing to do with.
FAINT = 0.16


@dataclass(frozen=True)
class Messages:
    """The messages of a window: when and where each left, when it arrived, what became of it.

    ``row`` and ``fate`` are the rows where it leaves and where its fate is told, -1 for a fate that is not known.
    """

    sent: NDArray[np.float64]
    arrived: NDArray[np.float64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    label: NDArray[np.str_]
    lost: NDArray[np.bool_]
    copy: NDArray[np.bool_]
    row: NDArray[np.int64]
    fate: NDArray[np.int64]

    def pick(self, chosen: NDArray[np.bool_]) -> Messages:
        """Only the chosen ones."""
        return Messages(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Lines:
    """Where messages begin and end in a picture, and which are lost, under way, copies."""

    x0: NDArray[np.float64]
    y0: NDArray[np.float64]
    x1: NDArray[np.float64]
    y1: NDArray[np.float64]


def messages_of(rows: Trace, begin: float, end: float, lanes: list[int], labels: Collection[str] | None) -> Messages:
    """Every message that is under way at some time of the window, between the chosen nodes."""
    sends = np.flatnonzero(np.isin(rows.kind, ["send", "duplicate"]))
    fates = np.flatnonzero(np.isin(rows.kind, ["deliver", "drop"]))
    last = float(rows.time.max(initial=0.0))
    fate = np.full(len(sends), -1, np.int64)
    if len(fates) and len(sends):
        order = fates[np.argsort(rows.id[fates], kind="stable")]
        at = np.minimum(np.searchsorted(rows.id[order], rows.id[sends]), len(order) - 1)
        fate = np.where(rows.id[order[at]] == rows.id[sends], order[at], -1)
    known = fate >= 0
    arrived = np.full(len(sends), math.inf)
    arrived[known] = rows.time[fate[known]]
    lost = known.copy()
    lost[known] = rows.kind[fate[known]] == "drop"
    found = Messages(
        sent=rows.time[sends],
        arrived=arrived,
        source=rows.node[sends],
        target=rows.peer[sends],
        label=rows.label[sends],
        lost=lost,
        copy=rows.kind[sends] == "duplicate",
        row=sends,
        fate=fate,
    )
    over = np.where(np.isfinite(arrived), arrived, last)
    chosen = (found.sent <= end) & (over >= begin)
    chosen &= np.isin(found.source, lanes) & np.isin(found.target, lanes)
    if labels is not None:
        chosen &= np.isin(found.label, list(labels))
    return found.pick(chosen)


def lines_of(messages: Messages, lanes: list[int], usual: float) -> Lines:
    """Where each message begins and ends; one that never arrives goes a part of the way."""
    place = np.full(max(lanes, default=0) + 1, -1)
    place[lanes] = np.arange(len(lanes))
    y0, y1 = place[messages.source].astype(np.float64), place[messages.target].astype(np.float64)
    x0, x1 = messages.sent, messages.arrived.copy()
    pending = ~np.isfinite(x1)
    # A message lost on leaving, or not yet arrived, is drawn as far as one that arrives would get.
    stub = pending | (messages.lost & (x1 <= x0))
    x1[stub] = x0[stub] + _usual_delay(messages, usual)
    short = messages.lost | pending
    x1, y1 = np.where(short, x0 + LOST_AT * (x1 - x0), x1), np.where(short, y0 + LOST_AT * (y1 - y0), y1)
    return Lines(x0, y0, x1, y1)


def _usual_delay(messages: Messages, otherwise: float) -> float:
    took = (messages.arrived - messages.sent)[np.isfinite(messages.arrived) & ~messages.lost]
    return float(np.median(took)) if len(took) else otherwise


def colours_of(label: NDArray[np.str_]) -> dict[str | None, str]:
    """A colour for each of the most frequent labels; None stands for all that the palette has none left for."""
    names, counts = np.unique(label, return_counts=True)
    frequent = [str(it) for it in names[np.argsort(-counts, kind="stable")]]
    colours: dict[str | None, str] = dict(zip(sorted(frequent[: len(COLOURS)]), COLOURS, strict=False))
    return colours | ({None: style.GREY} if len(frequent) > len(COLOURS) else {})


def draw_messages(
    ax: Axes, messages: Messages, lines: Lines, faint: NDArray[np.bool_], colours: dict[str | None, str]
) -> None:
    """All messages, those that are ``faint`` below the others; of thousands only thin lines."""
    pending, dense = ~np.isfinite(messages.arrived), len(messages.sent) > DENSE
    whole = ~messages.lost & ~pending & ~messages.copy
    dashed, copied = (messages.lost | pending) & ~messages.copy, messages.copy
    known = [it for it in colours if it is not None]
    for name, colour in colours.items():
        mine = messages.label == name if name is not None else ~np.isin(messages.label, known)
        if not mine.any():
            continue
        for some, alpha in ((mine & faint, FAINT), (mine & ~faint, 1.0)):
            if dense:
                thin = float(np.clip(600 / len(messages.sent), 0.15, 0.7)) * alpha
                segments(ax, lines, some, colour, linewidths=0.5, alpha=thin, zorder=2, rasterized=True)
                continue
            arrows(ax, lines, some & whole, colour, alpha=alpha)
            segments(ax, lines, some & dashed, colour, linewidths=0.9, linestyles=PENDING, alpha=alpha)
            segments(ax, lines, some & copied, colour, linewidths=0.9, linestyles=COPY, alpha=alpha)
            heads = some & copied & ~messages.lost & ~pending
            ax.plot(lines.x1[heads], lines.y1[heads], ">", color=colour, markersize=3.5, linestyle="none", alpha=alpha)
        ax.plot([], [], "-", color=colour, label="other kinds" if name is None else name)
    for some, style_of, name in ((pending & ~messages.copy, PENDING, "still under way"), (copied, COPY, "copy")):
        if some.any():
            ax.plot([], [], linestyle=style_of, color=style.GREY, label=name)
    if messages.lost.any():
        size, width = (3.0, 0.8) if dense else (5.0, 1.3)
        cross: dict[str, Any] = {"markersize": size, "markeredgewidth": width, "linestyle": "none", "zorder": 4}
        ax.plot(lines.x1[messages.lost], lines.y1[messages.lost], "x", color=style.VERMILLION, label="lost", **cross)


def arrows(ax: Axes, lines: Lines, chosen: NDArray[np.bool_], colour: str, **options: Any) -> None:
    """All arrows of one colour as one artist."""
    if not chosen.any():
        return
    a, b, c, d = lines.x0[chosen], lines.y0[chosen], lines.x1[chosen], lines.y1[chosen]
    shape = {"width": 0.010, "headwidth": 7, "headlength": 9, "headaxislength": 8, "minlength": 0, "zorder": 2}
    exact: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "inches"}
    ax.quiver(a, b, c - a, d - b, color=colour, **exact, **(shape | options))


def segments(ax: Axes, lines: Lines, chosen: NDArray[np.bool_], colour: str, **options: Any) -> None:
    """All lines of one colour as one artist."""
    if not chosen.any():
        return
    from matplotlib.collections import LineCollection

    starts, ends = np.stack([lines.x0, lines.y0], axis=1), np.stack([lines.x1, lines.y1], axis=1)
    found = LineCollection(list(np.stack([starts, ends], axis=1)[chosen]), colors=colour, **({"zorder": 2} | options))
    ax.add_collection(found, autolim=False)
