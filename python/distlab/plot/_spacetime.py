"""Who said what to whom: a lane for each node, an arrow for each message, time to the right."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DistlabError, ParameterError
from . import _style as style
from ._columns import NOBODY, UP, FaultInterval, Trace, fault_intervals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What happens at one node, and its mark.
MARKS = {
    "timer": ("v", style.BLACK, "timer"),
    "call": ("o", style.GREEN, "asked"),
    "reply": ("s", style.GREEN, "answered"),
    "write": ("|", style.PURPLE, "written"),
    "sync": ("D", style.PURPLE, "synced"),
    "note": ("*", style.ORANGE, "note"),
}

#: How far an arrow goes that never arrives, as a share of the way.
LOST_AT = 0.6


class TooManyArrows(DistlabError, ValueError):
    """A window holds more messages than a reader could tell apart.

    Attributes
    ----------
    messages : int
        How many there are.
    limit : int
        How many may be drawn.

    Examples
    --------
    >>> import distlab as dl
    >>> str(dl.plot.TooManyArrows(12_345, 2_000))
    '12,345 messages in the window, at most 2,000 are drawn: narrow window, nodes or labels, or raise limit'
    """

    __module__ = "distlab.plot"

    def __init__(self, messages: int, limit: int) -> None:
        super().__init__(messages, limit)
        self.messages = messages
        self.limit = limit

    def __str__(self) -> str:
        counts = f"{self.messages:,} messages in the window, at most {self.limit:,} are drawn"
        return f"{counts}: narrow window, nodes or labels, or raise limit"


@dataclass(frozen=True)
class _Messages:
    """The messages of a window: when and where each left, when it arrived, what became of it."""

    sent: NDArray[np.float64]
    arrived: NDArray[np.float64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    label: NDArray[np.str_]
    lost: NDArray[np.bool_]
    copy: NDArray[np.bool_]

    def pick(self, chosen: NDArray[np.bool_]) -> _Messages:
        return _Messages(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def spacetime(
    trace: Any,
    window: tuple[float, float] | None = None,
    ax: Axes | None = None,
    *,
    nodes: Collection[str] | None = None,
    kinds: Collection[str] = ("timer", "call", "reply", "note"),
    labels: Collection[str] | None = None,
    notes: Collection[str] | None = None,
    limit: int = 2_000,
    seed: int | None = None,
) -> Axes:
    """A space-time diagram of a window of a trace.

    Messages are arrows from sender to receiver, coloured by their kind; a lost one ends in a cross, one still
    under way when the trace ends is dashed, as is a copy made by the network. A lane is broken while its node
    is down and dotted while it is paused. Faults of the network are shaded.

    Parameters
    ----------
    trace : mapping or trace
        Columns ``time`` (seconds), ``kind, node, peer, id, label``, with the lists ``kinds`` and ``labels``
        that the codes are indices of, and ``names`` of the nodes.
    window : (float, float), optional
        From when until when, in seconds; the whole trace otherwise.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    nodes : collection of str, optional
        Which nodes, from top to bottom; all otherwise. Messages from or to others are left out.
    kinds : collection of str
        Which events at a node to mark: of ``timer, call, reply, write, sync, note``.
    labels : collection of str, optional
        Which kinds of messages to draw; all otherwise.
    notes : collection of str, optional
        Which notes to mark; all otherwise.
    limit : int
        How many messages to draw at most.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Raises
    ------
    TooManyArrows
        If the window holds more than ``limit`` messages. Nothing is left out silently.
    ParameterError
        If the window is empty, or a node or kind is not known.

    Examples
    --------
    >>> import distlab as dl
    >>> rows = {"time": [0.001, 0.004], "kind": ["send", "deliver"], "node": [0, 1], "peer": [1, 0],
    ...         "id": [1, 1], "label": ["ping", "ping"], "names": ["a", "b"]}
    >>> ax = dl.plot.spacetime(rows, window=(0, 0.01))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['a', 'b']
    """
    rows = Trace.of(trace)
    begin, end = _window(rows, window)
    lanes = _lanes(rows, nodes)
    if unknown := set(kinds) - set(MARKS):
        raise ParameterError("kinds", sorted(unknown), f"some of {', '.join(MARKS)}")
    messages = _messages(rows, begin, end, lanes, labels)
    if len(messages.sent) > limit:
        raise TooManyArrows(len(messages.sent), limit)
    ax = style.axes(ax, (8.0, 0.9 + 0.65 * max(len(lanes), 2)))
    ax.set(xlim=(begin, end), ylim=(max(len(lanes), 1) - 0.5, -0.5))
    _draw_lanes(ax, rows, lanes, begin, end)
    _draw_messages(ax, messages, lanes)
    _draw_marks(ax, rows.without_notes(notes), lanes, begin, end, kinds)
    ax.set_yticks(range(len(lanes)), [rows.name(node) for node in lanes])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set(xlabel="time (s)")
    style.shade_faults(ax, _network_faults(rows, end))
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.caption(ax, style.seed_text(seed))
    return ax


def _window(rows: Trace, window: tuple[float, float] | None) -> tuple[float, float]:
    if window is None:
        begin, end = (float(rows.time.min()), float(rows.time.max())) if len(rows.time) else (0.0, 1.0)
        margin = 0.02 * (end - begin) or 1e-3
        return begin - margin, end + margin
    begin, end = float(window[0]), float(window[1])
    if not begin < end:
        raise ParameterError("window", window, "(from, until) in seconds, from < until")
    return begin, end


def _lanes(rows: Trace, nodes: Collection[str] | None) -> list[int]:
    """The nodes to draw, from top to bottom."""
    if nodes is None:
        return list(range(len(rows.names)))
    index = {name: i for i, name in enumerate(rows.names)}
    if unknown := [name for name in nodes if name not in index]:
        raise ParameterError("nodes", unknown, f"some of {', '.join(rows.names)}")
    return [index[name] for name in nodes]


def _messages(rows: Trace, begin: float, end: float, lanes: list[int], labels: Collection[str] | None) -> _Messages:
    """Every message that is under way at some time of the window, between the chosen nodes."""
    sends = np.flatnonzero(np.isin(rows.kind, ["send", "duplicate"]))
    fates = np.flatnonzero(np.isin(rows.kind, ["deliver", "drop"]))
    last = float(rows.time.max(initial=0.0))
    order = fates[np.argsort(rows.id[fates], kind="stable")]
    at = np.searchsorted(rows.id[order], rows.id[sends])
    found = np.zeros(len(sends), dtype=np.bool_)
    if len(order):
        at = np.minimum(at, len(order) - 1)
        found = rows.id[order[at]] == rows.id[sends]
    fate = order[at] if len(order) else np.zeros(len(sends), dtype=np.int64)
    messages = _Messages(
        sent=rows.time[sends],
        arrived=np.where(found, rows.time[fate], math.inf) if len(order) else np.full(len(sends), math.inf),
        source=rows.node[sends],
        target=rows.peer[sends],
        label=rows.label[sends],
        lost=found & (rows.kind[fate] == "drop") if len(order) else found,
        copy=rows.kind[sends] == "duplicate",
    )
    over = np.where(np.isfinite(messages.arrived), messages.arrived, last)
    chosen = (messages.sent <= end) & (over >= begin)
    chosen &= np.isin(messages.source, lanes) & np.isin(messages.target, lanes)
    if labels is not None:
        chosen &= np.isin(messages.label, list(labels))
    return messages.pick(chosen)


def _draw_messages(ax: Axes, messages: _Messages, lanes: list[int]) -> None:
    row = {node: lane for lane, node in enumerate(lanes)}
    y0 = np.asarray([row[int(it)] for it in messages.source], dtype=np.float64)
    y1 = np.asarray([row[int(it)] for it in messages.target], dtype=np.float64)
    left, right = ax.get_xlim()
    usual = _usual_delay(messages, (right - left) / 20)
    x0, x1 = messages.sent, messages.arrived.copy()
    pending = ~np.isfinite(x1)
    # A message lost on leaving, or not yet arrived, is drawn as far as one that arrives would get.
    stub = pending | (messages.lost & (x1 <= x0))
    x1[stub] = x0[stub] + usual
    cut = messages.lost | pending
    x1, y1 = np.where(cut, x0 + LOST_AT * (x1 - x0), x1), np.where(cut, y0 + LOST_AT * (y1 - y0), y1)
    for name, colour in _colours(messages.label).items():
        mine = messages.label == name if name != "other" else ~np.isin(messages.label, list(_colours(messages.label)))
        whole = mine & ~messages.lost & ~pending & ~messages.copy
        _arrows(ax, x0, y0, x1, y1, whole, colour, name)
        _dashes(ax, x0, y0, x1, y1, mine & ~whole, colour, None if whole.any() else name)
        heads = mine & ~messages.lost & ~whole & ~pending
        ax.plot(x1[heads], y1[heads], ">", color=colour, markersize=3.5, linestyle="none")
    if messages.lost.any():
        ax.plot(
            x1[messages.lost],
            y1[messages.lost],
            "x",
            color=style.VERMILLION,
            markersize=5,
            markeredgewidth=1.3,
            linestyle="none",
            zorder=4,
            label="lost",
        )


def _usual_delay(messages: _Messages, otherwise: float) -> float:
    took = (messages.arrived - messages.sent)[np.isfinite(messages.arrived) & ~messages.lost]
    return float(np.median(took)) if len(took) else otherwise


def _colours(label: NDArray[np.str_]) -> dict[str, str]:
    """A colour for each of the most frequent labels; "other" for what the palette has none left for."""
    names, counts = np.unique(label, return_counts=True)
    frequent = [str(it) for it in names[np.argsort(-counts, kind="stable")]]
    spare = [it for it in style.PALETTE if it != style.VERMILLION]
    colours = dict(zip(sorted(frequent[: len(spare)]), spare, strict=False))
    return colours | ({"other": style.GREY} if len(frequent) > len(spare) else {})


def _arrows(
    ax: Axes,
    x0: NDArray[np.float64],
    y0: NDArray[np.float64],
    x1: NDArray[np.float64],
    y1: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    colour: str,
    label: str,
) -> None:
    """All arrows of one colour as one artist."""
    if not chosen.any():
        return
    a, b, c, d = x0[chosen], y0[chosen], x1[chosen], y1[chosen]
    ax.quiver(
        a,
        b,
        c - a,
        d - b,
        color=colour,
        angles="xy",
        scale_units="xy",
        scale=1,
        units="inches",
        width=0.010,
        headwidth=7,
        headlength=9,
        headaxislength=8,
        minlength=0,
        zorder=2,
    )
    ax.plot([], [], "-", color=colour, label=label)


def _dashes(
    ax: Axes,
    x0: NDArray[np.float64],
    y0: NDArray[np.float64],
    x1: NDArray[np.float64],
    y1: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    colour: str,
    label: str | None,
) -> None:
    """All interrupted lines of one colour as one artist."""
    if not chosen.any():
        return
    from matplotlib.collections import LineCollection

    ends = np.stack([np.stack([x0, y0], axis=1), np.stack([x1, y1], axis=1)], axis=1)[chosen]
    lines = LineCollection(list(ends), colors=colour, linewidths=0.9, linestyles="dashed", zorder=2)
    ax.add_collection(lines, autolim=False)
    if label is not None:
        ax.plot([], [], "--", color=colour, label=label)


def _draw_lanes(ax: Axes, rows: Trace, lanes: list[int], begin: float, end: float) -> None:
    """A line while a node is up, none while it is down, dots while it is paused."""
    crashed = []
    for lane, node in enumerate(lanes):
        state, since = "up", begin
        changes = np.flatnonzero((rows.node == node) & np.isin(rows.kind, ["crash", "pause", "resume", *UP]))
        for i in changes:
            time, kind = float(rows.time[i]), str(rows.kind[i])
            after = {"crash": "down", "pause": "paused"}.get(kind, "up")
            if begin <= time <= end:
                _stretch(ax, lane, since, time, state)
                since = time
                crashed += [(time, lane)] if kind == "crash" else []
            if time <= end:
                state = after
        _stretch(ax, lane, since, end, state)
    if crashed:
        x, y = zip(*crashed, strict=True)
        ax.plot(x, y, "X", color=style.VERMILLION, markersize=8, linestyle="none", zorder=5, label="crash")


def _stretch(ax: Axes, lane: int, start: float, stop: float, state: str) -> None:
    if state != "down" and stop > start:
        line = {"up": "-", "paused": (0, (1, 2))}[state]
        ax.plot([start, stop], [lane, lane], color="0.55", linewidth=1.2, linestyle=line, zorder=1)


def _draw_marks(ax: Axes, rows: Trace, lanes: list[int], begin: float, end: float, kinds: Iterable[str]) -> None:
    inside = (rows.time >= begin) & (rows.time <= end) & (rows.node != NOBODY)
    for kind in kinds:
        marker, colour, name = MARKS[kind]
        here = np.flatnonzero(inside & (rows.kind == kind) & np.isin(rows.node, lanes))
        if not len(here):
            continue
        y = [lanes.index(int(rows.node[i])) for i in here]
        size = 6 if kind == "note" else 3.5
        ax.plot(rows.time[here], y, marker, color=colour, markersize=size, linestyle="none", zorder=3, label=name)
        if kind == "note":
            _write_notes(ax, rows, here, lanes)


def _write_notes(ax: Axes, rows: Trace, notes: NDArray[np.int64], lanes: list[int]) -> None:
    """The words of the notes above their lanes."""
    for lane, node in enumerate(lanes):
        mine = notes[rows.node[notes] == node]
        times, words = rows.time[mine].tolist(), rows.label[mine].tolist()
        for time, text, level in zip(times, words, style.stagger(ax, times, words), strict=True):
            offset = (3.0, 5.0 + 8.0 * level)
            style.write(ax, text, (time, lane), offset, color=style.BROWN, fontsize=style.SMALL - 1, clip_on=True)


def _network_faults(rows: Trace, end: float) -> list[FaultInterval]:
    """The faults that are not already seen as broken lanes."""
    return [it for it in fault_intervals(rows, end) if not it.label.endswith((" crashed", " paused"))]
