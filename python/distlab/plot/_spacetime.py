"""Who said what to whom: a lane for each node, an arrow for each message, time to the right."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import units
from ..errors import DistlabError, ParameterError, ParameterTypeError
from . import _style as style
from ._arrows import DENSE, Messages, colours_of, draw_messages, lines_of, messages_of
from ._columns import NOBODY, UP, FaultInterval, Trace, fault_intervals
from ._order import chain_of, cuts_of, event_of, order_of
from ._overlays import Cone, cone_of, draw_chain, draw_cone, draw_cuts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..causal import Causality

#: What happens at one node, and its mark.
MARKS = {
    "timer": ("v", style.BLACK, "timer"),
    "call": ("o", style.GREEN, "asked"),
    "reply": ("s", style.GREEN, "answered"),
    "write": ("|", style.PURPLE, "written"),
    "sync": ("D", style.PURPLE, "synced"),
    "note": ("*", style.ORANGE, "note"),
}


#: The words of more notes than this are not written.
WORDS = 60


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


def spacetime(
    trace: Any,
    window: tuple[float, float] | None = None,
    ax: Axes | None = None,
    *,
    nodes: Collection[str] | None = None,
    kinds: Collection[str] = ("timer", "call", "reply", "note"),
    labels: Collection[str] | None = None,
    notes: Collection[str] | None = None,
    axis: str = "time",
    cut: Any = None,
    cone: int | None = None,
    chain: Any = None,
    limit: int = 50_000,
    seed: int | None = None,
) -> Axes:
    """A space-time diagram of a window of a trace.

    Messages are arrows from sender to receiver, coloured by their kind; a lost one ends in a cross, one still
    under way when the trace ends is dashed, a copy made by the network is dotted. More than 400 are thin lines. A
    lane is broken while its node is down and dotted while it is paused. Faults of the network are shaded. The words of
    notes are written if there are at most 60.

    Parameters
    ----------
    trace : mapping or trace
        Columns ``time`` (seconds), ``kind, node, peer, id, label``, with the lists ``kinds`` and ``labels``
        that the codes are indices of, and ``names`` of the nodes.
    window : (float, float), optional
        From when until when, in seconds (or in Lamport stamps, as ``axis`` is); the whole trace otherwise.
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
    axis : {"time", "order"}
        Whether an event stands at its true time, or at its Lamport stamp: as many steps from the left as the longest
        chain of causes before it. Faults of the network have no place there.
    cut : mapping of str to int, sequence of int, array of bool, set of int, or mapping of str to any of these, optional
        A cut to draw, as :meth:`Causality.cut` takes it, or a set of rows; or several by name. Messages that contradict
        it are red.
    cone : int, optional
        A row, the event whose causal past and future to shade. Messages outside are faint.
    chain : True, int or sequence of int, optional
        The chain of causes to emphasise: of the last event, of the event of a row, or these rows. See
        :meth:`Causality.critical_path`.
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
        If the window is empty, or a node, kind of event, kind of message or row is not known.
    ParameterTypeError
        If an argument is of another type.

    See Also
    --------
    distlab.spacetime : the same to zoom into, point at and filter.

    Examples
    --------
    >>> import distlab as dl
    >>> rows = {"time": [0.001, 0.004], "kind": ["send", "deliver"], "node": [0, 1], "peer": [1, 0],
    ...         "id": [1, 1], "label": ["ping", "ping"], "names": ["a", "b"]}
    >>> ax = dl.plot.spacetime(rows, window=(0, 0.01), cone=1)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['a', 'b']
    """
    rows, order = Trace.of(trace), None
    limit = _limit(limit)
    units.choice(axis, "axis", ("time", "order"))
    if axis == "order" or any(it is not None for it in (cut, cone, chain)):
        order = order_of(trace)
    if axis == "order" and order is not None:
        rows = replace(rows, time=stamps(rows, order))
    begin, end = _window(rows, window)
    lanes = _lanes(rows, nodes)
    _check_names("kinds", kinds, MARKS)
    for parameter, given in (("labels", labels), ("notes", notes)):
        if given is not None:
            _check_names(parameter, given, sorted(set(rows.label.tolist())))
    messages = messages_of(rows, begin, end, lanes, labels)
    if len(messages.sent) > limit:
        raise TooManyArrows(len(messages.sent), limit)
    around = None if cone is None or order is None else cone_of(order, event_of(order, cone, "cone"), rows.time)
    ax = style.axes(ax, (8.0, 0.9 + 0.65 * min(max(len(lanes), 2), 8) + 0.3 * min(max(len(lanes) - 8, 0), 40)))
    ax.set(xlim=(begin, end), ylim=(max(len(lanes), 1) - 0.5, -0.5))
    _draw_lanes(ax, rows, lanes, begin, end)
    colours = colours_of(rows.label[np.isin(rows.kind, ["send", "duplicate"])])
    _draw_messages(ax, messages, lanes, around, colours)
    size = 1.0 if len(messages.sent) <= DENSE else 0.6
    _draw_marks(ax, rows.without_notes(notes), lanes, begin, end, kinds, size)
    if around is not None:
        draw_cone(ax, around, rows, lanes)
    if order is not None:
        draw_chain(ax, chain_of(order, chain), rows, order, lanes)
        draw_cuts(ax, cuts_of(order, cut), rows, order, lanes)
    ax.set_yticks(range(len(lanes)), [rows.name(node) for node in lanes])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set(xlabel="time (s)" if axis == "time" else "Lamport stamp")
    if axis == "time":
        style.shade_faults(ax, network_faults(rows, end))
    style.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))
    style.caption(ax, style.seed_text(seed))
    return ax


def _limit(limit: Any) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer):
        raise ParameterTypeError("limit", limit, "a number of messages")
    if limit < 0:
        raise ParameterError("limit", int(limit), "a number of messages, 0 or more")
    return int(limit)


def _check_names(parameter: str, given: Any, known: Collection[str]) -> None:
    """A collection of names all of which are known."""
    if isinstance(given, str) or not isinstance(given, Collection):
        raise ParameterTypeError(parameter, given, "a collection of names")
    if unknown := sorted(str(it) for it in given if it not in known):
        raise ParameterError(parameter, unknown, f"some of {', '.join(known)}")


def stamps(rows: Trace, order: Causality) -> NDArray[np.float64]:
    """The Lamport stamp of each row; of a copy, that of what its node did last; 0 of what is nowhere."""
    found = order.lamport.astype(np.float64)
    for i in np.flatnonzero(rows.kind == "duplicate"):
        before = found[:i][(rows.node[:i] == rows.node[i]) & (rows.kind[:i] != "drop")]
        found[i] = before[-1] if len(before) else 0.0
    return found


def _draw_messages(
    ax: Axes, messages: Messages, lanes: list[int], around: Cone | None, colours: dict[str | None, str]
) -> None:
    left, right = ax.get_xlim()
    lines = lines_of(messages, lanes, (right - left) / 20)
    faint = np.zeros(len(messages.sent), np.bool_) if around is None else ~around.touches(messages.row, messages.fate)
    draw_messages(ax, messages, lines, faint, colours)


def _window(rows: Trace, window: tuple[float, float] | None) -> tuple[float, float]:
    if window is None:
        begin, end = (float(rows.time.min()), float(rows.time.max())) if len(rows.time) else (0.0, 1.0)
        margin = 0.02 * (end - begin) or 1e-3
        return begin - margin, end + margin
    allowed = "(from, until) in seconds, from < until"
    try:
        begin, end = (float(it) for it in window)
    except (TypeError, ValueError):
        raise ParameterTypeError("window", window, allowed) from None
    if not (math.isfinite(begin) and math.isfinite(end) and begin < end):
        raise ParameterError("window", window, allowed)
    return begin, end


def _lanes(rows: Trace, nodes: Collection[str] | None) -> list[int]:
    """The nodes to draw, from top to bottom."""
    if nodes is None:
        return list(range(len(rows.names)))
    _check_names("nodes", nodes, rows.names)
    index = {name: i for i, name in enumerate(rows.names)}
    return [index[name] for name in dict.fromkeys(nodes)]


def lane_breaks(rows: Trace) -> list[tuple[int, int, int, str]]:
    """When a node was not up: node, the row that began it, the row that ended it (-1: none), "down" or "paused"."""
    found: list[tuple[int, int, int, str]] = []
    begun: dict[int, tuple[int, str]] = {}
    for i in np.flatnonzero(np.isin(rows.kind, ["crash", "pause", "resume", *UP]) & (rows.node != NOBODY)).tolist():
        node, kind = int(rows.node[i]), str(rows.kind[i])
        if node in begun:
            since, state = begun.pop(node)
            found.append((node, since, i, state))
        if kind in ("crash", "pause"):
            begun[node] = (i, "down" if kind == "crash" else "paused")
    return sorted(found + [(node, since, -1, state) for node, (since, state) in begun.items()], key=lambda it: it[1])


def _draw_lanes(ax: Axes, rows: Trace, lanes: list[int], begin: float, end: float) -> None:
    """A line while a node is up, none while it is down, dots while it is paused."""
    breaks = lane_breaks(rows)
    for lane, node in enumerate(lanes):
        since = begin
        for _, first, last, state in (it for it in breaks if it[0] == node):
            start, stop = (min(float(rows.time[it]), end) if it >= 0 else end for it in (first, last))
            _stretch(ax, lane, since, start, "up")
            _stretch(ax, lane, max(start, since), stop, state)
            since = max(since, stop)
        _stretch(ax, lane, since, end, "up")
    crashed = np.flatnonzero((rows.kind == "crash") & (rows.time >= begin) & (rows.time <= end))
    crashed = crashed[np.isin(rows.node[crashed], lanes)]
    if len(crashed):
        y = [lanes.index(int(it)) for it in rows.node[crashed]]
        mark: dict[str, Any] = {"markersize": 8, "linestyle": "none", "zorder": 5, "label": "crash"}
        ax.plot(rows.time[crashed], y, "X", color=style.VERMILLION, **mark)


def _stretch(ax: Axes, lane: int, start: float, stop: float, state: str) -> None:
    if state != "down" and stop > start:
        line = {"up": "-", "paused": (0, (1, 2))}[state]
        ax.plot([start, stop], [lane, lane], color="0.55", linewidth=1.2, linestyle=line, zorder=1)


def _draw_marks(
    ax: Axes, rows: Trace, lanes: list[int], begin: float, end: float, kinds: Iterable[str], scale: float
) -> None:
    inside = (rows.time >= begin) & (rows.time <= end) & (rows.node != NOBODY)
    for kind in kinds:
        marker, colour, name = MARKS[kind]
        here = np.flatnonzero(inside & (rows.kind == kind) & np.isin(rows.node, lanes))
        if not len(here):
            continue
        y = [lanes.index(int(rows.node[i])) for i in here]
        size = scale * (6.0 if kind == "note" else 3.5)
        ax.plot(rows.time[here], y, marker, color=colour, markersize=size, linestyle="none", zorder=3, label=name)
        if kind == "note" and len(here) <= WORDS:
            _write_notes(ax, rows, here, lanes)


def _write_notes(ax: Axes, rows: Trace, notes: NDArray[np.int64], lanes: list[int]) -> None:
    """The words of the notes above their lanes."""
    for lane, node in enumerate(lanes):
        mine = notes[rows.node[notes] == node]
        times, words = rows.time[mine].tolist(), rows.label[mine].tolist()
        for time, text, level in zip(times, words, style.stagger(ax, times, words), strict=True):
            offset = (3.0, 5.0 + 8.0 * level)
            style.write(ax, text, (time, lane), offset, color=style.BROWN, fontsize=style.SMALL - 1, clip_on=True)


def network_faults(rows: Trace, end: float) -> list[FaultInterval]:
    """The faults that are not already seen as broken lanes."""
    return [it for it in fault_intervals(rows, end) if not it.label.endswith((" crashed", " paused"))]
