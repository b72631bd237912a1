"""Histories and verdicts: operations as intervals, cycles of transactions, the ladder of models."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ParameterError
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..history import History, Operation
    from ..verdict import Classification, Verdict

LIMIT = 400
"""How many operations a picture shows before it asks for a window."""

_COLOUR = {"read": style.SKY, "txn": style.PURPLE, "acquire": style.ORANGE, "release": style.ORANGE}
_WRITE = "#9CD3BE"
_LETTER = {"read": "R", "r": "R", "write": "W", "w": "W", "acquire": "L", "release": "U"}
_EDGE = {
    "wr": style.GREEN,
    "ww": style.BLUE,
    "rw": style.VERMILLION,
    "session": style.GREY,
    "real-time": style.BLACK,
}


def history_intervals(
    history: History,
    ax: Axes | None = None,
    *,
    points: Mapping[int, float] | None = None,
    numbers: Mapping[int, int] | None = None,
    stuck: Collection[int] = (),
    window: tuple[float, float] | None = None,
) -> Axes:
    """The operations of a history as bars on lanes, one for each process.

    Reads are blue, what changes something is green, transactions are purple. An operation that never completed
    fades out to the right; one that failed is drawn in dashes.

    Parameters
    ----------
    history : History
        The operations.
    ax : matplotlib axes, optional
        Where to draw.
    points : mapping of row to time, optional
        When each operation took effect: drawn as a dot on its bar.
    numbers : mapping of row to number, optional
        The place of each operation in an order: written before its name.
    stuck : collection of rows
        Operations to draw in red.
    window : pair of float, optional
        Only what overlaps this time, in seconds.

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ParameterError
        If there are more than 400 operations to draw.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.plot.history_intervals(dl.History.parse("C1: W(x,1) | C2: R(x,0)"))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['C1', 'C2']
    """
    column = history.columns
    begin = np.asarray(column["invoked"], dtype=np.float64)
    end = np.asarray(column["completed"], dtype=np.float64)
    last = float(np.nanmax(np.concatenate([begin, end, [0.0]]))) if len(begin) else 1.0
    low, high = window or (float(begin.min(initial=last)), last)
    margin = 0.06 * (high - low or 1.0)
    rows = [i for i in range(len(history)) if begin[i] <= high and not end[i] < low]
    if len(rows) > LIMIT:
        raise ParameterError("window", window, f"a window with at most {LIMIT} operations (this one has {len(rows)})")
    lanes = list(dict.fromkeys(str(column["process"][i]) for i in rows))
    lanes.sort(key=_natural)
    ax = style.axes(ax, (7.2, 0.9 + 0.52 * max(len(lanes), 1)))
    ax.set_xlim(low - margin, high + 2 * margin)
    ax.set_ylim(len(lanes) - 0.4, -0.6)
    for row in rows:
        lane = lanes.index(str(column["process"][row]))
        stop = end[row] if math.isfinite(end[row]) else high + 2 * margin
        _bar(ax, history[row], lane, (float(begin[row]), float(stop)), row in stuck)
        number = f"{numbers[row]} " if numbers and row in numbers else ""
        pointed = points is not None and row in points
        _label(ax, number + short(history[row]), lane, (float(begin[row]), float(stop)), row in stuck, pointed)
        if points is not None and row in points:
            ax.plot([points[row]] * 2, [lane - 0.25, lane + 0.25], color=style.BLACK, linewidth=1.2)
            ax.plot([points[row]], [lane], "o", color=style.BLACK, markersize=4)
    ax.set_yticks(range(len(lanes)), lanes)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("time (s)")
    return ax


def _natural(name: str) -> tuple[Any, ...]:
    """Numbers in names count as numbers: c2 before c10."""
    import re

    return tuple((0, int(it), "") if it.isdigit() else (1, 0, it) for it in re.split(r"(\d+)", name) if it)


def short(op: Operation) -> str:
    """An operation as the figures write it: ``Wx1``, ``Rx0``; longer ones with spaces.

    Examples
    --------
    >>> import distlab as dl
    >>> short(dl.History.parse("W(x,1)")[0])
    'Wx1'
    """
    if op.kind == "txn":
        return " ".join(_access(*access) for access in op.argument or ())
    word = _LETTER.get(op.kind, op.kind)
    value = op.result if op.kind in ("read", "r", "dequeue", "pop") else op.argument
    if op.kind in ("read", "r") and value is None:
        value = "nil" if op.status == "ok" else "?"
    parts = [str(it) for it in (op.key, value) if it is not None]
    close = len(word) == 1 and all(len(it) <= 2 for it in parts)
    return ("" if close else " ").join([word, *parts])


def _access(function: str, key: Any, value: Any) -> str:
    return f"{function if function == 'append' else function.upper()}{key}{'' if value is None else value}"


def _bar(ax: Axes, op: Operation, lane: int, span: tuple[float, float], stuck: bool) -> None:
    begin, end = span
    colour = style.VERMILLION if stuck else _COLOUR.get(op.kind, _WRITE)
    width = max(end - begin, 0.004 * (ax.get_xlim()[1] - ax.get_xlim()[0]))
    if op.status == "info":
        steps = 12
        for i in range(steps):
            ax.barh(lane, width / steps, 0.5, begin + i * width / steps, color=colour, alpha=0.85 * (1 - i / steps))
        return
    failed = op.status == "fail"
    ax.barh(
        lane,
        width,
        0.5,
        begin,
        facecolor="none" if failed else colour,
        edgecolor=style.GREY if failed else colour,
        alpha=1.0 if stuck or failed else 0.85,
        linestyle="--" if failed else "-",
        linewidth=1.0,
    )


def _label(ax: Axes, text: str, lane: int, span: tuple[float, float], stuck: bool, pointed: bool) -> None:
    """Inside its bar if it fits and no point is drawn there; otherwise above it."""
    left, right = ax.get_xlim()
    begin, end = span
    room = (end - begin) / (right - left) * style.characters(ax)
    inside = len(text) + 1 <= room and not pointed
    at = (begin + (end - begin) / 2, lane) if inside else (begin, lane - 0.27)
    colour = "white" if stuck and inside else style.VERMILLION if stuck else style.BLACK
    place = {"ha": "center", "va": "center"} if inside else {"ha": "left", "va": "bottom"}
    style.write(ax, text, at, (0, 0), color=colour, clip_on=True, **place)


def verdict(verdict: Verdict, ax: Axes | None = None) -> Axes:
    """The proof of a verdict as a picture.

    Of a linearizable history, the point at which each operation took effect; of other orders, the place of each
    operation in it; of a failure, the counterexample with what is to blame in red, or the cycle of transactions.

    Parameters
    ----------
    verdict : Verdict
        What to draw.
    ax : matplotlib axes, optional
        Where to draw.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.History.parse("C1: W(x,1) | C2: R(x,1)").check("linearizable").plot()
    >>> ax.get_title(loc="left")
    'linearizable holds'
    """
    if verdict.edges and any(verdict.history[a].kind == "txn" for a, *_ in verdict.edges):
        return transaction_cycle(verdict, ax)
    said = {True: "holds", False: "fails", None: "is not known"}[verdict.ok]
    if verdict.ok is False and verdict.counterexample is not None:
        stuck = [i for i, row in enumerate(verdict.rows) if row in verdict.culprits[:1]]
        ax = history_intervals(verdict.counterexample, ax, stuck=stuck)
    elif verdict.order is not None and verdict.model in ("linearizable", "strict-serializable"):
        ax = history_intervals(verdict.history, ax, points=_points(verdict.history, verdict.order))
    elif verdict.order is not None:
        places = {row: place + 1 for place, row in enumerate(verdict.order)}
        ax = history_intervals(verdict.history, ax, numbers=places)
    else:
        ax = history_intervals(verdict.history, ax)
    ax.set_title(f"{verdict.model} {said}", fontsize=10, loc="left")
    if verdict.reason:
        style.caption(ax, _wrapped(verdict.reason))
    return ax


def _wrapped(text: str, width: int = 95) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def _points(history: History, order: Sequence[int]) -> dict[int, float]:
    """The times at which operations may have taken effect in this order: as early as it allows, spread a little."""
    begin = np.asarray(history.columns["invoked"], dtype=np.float64)
    end = np.asarray(history.columns["completed"], dtype=np.float64)
    latest: dict[int, float] = {}
    bound = math.inf
    for row in reversed(order):
        bound = min(bound, end[row] if math.isfinite(end[row]) else math.inf)
        latest[row] = bound
    points: dict[int, float] = {}
    now = -math.inf
    for place, row in enumerate(order):
        now = max(now, begin[row])
        rest = order[place:]
        top = latest[row] if math.isfinite(latest[row]) else max(now, float(np.nanmax(np.append(end, begin))))
        crowd = sum(1 for other in rest if begin[other] <= top and latest[other] <= top) or 1
        now += (top - now) / (crowd + 1)
        points[row] = now
    return points


def transaction_cycle(verdict: Verdict, ax: Axes | None = None) -> Axes:
    """The cycle of transactions that a verdict found: who must come before whom, and why.

    Parameters
    ----------
    verdict : Verdict
        A verdict with a cycle.
    ax : matplotlib axes, optional
        Where to draw.

    Raises
    ------
    ParameterError
        If there is no cycle.

    Examples
    --------
    >>> import distlab as dl
    >>> verdict = dl.History.parse("[R(x,0) R(y,0) W(x,1)] | [R(x,0) R(y,0) W(y,1)]").check("serializable")
    >>> ax = dl.plot.transaction_cycle(verdict)
    >>> len(verdict.cycle)
    2
    """
    if not verdict.edges:
        raise ParameterError("verdict", verdict, "a verdict with a cycle")
    ax = style.axes(ax, (6.4, 3.4))
    rows = list(dict.fromkeys(row for a, b, *_ in verdict.edges for row in (a, b)))
    angle = {row: math.pi / 2 - 2 * math.pi * i / len(rows) for i, row in enumerate(rows)}
    place = {row: (1.5 * math.cos(angle[row]), math.sin(angle[row])) for row in rows}
    for a, b, kind, _ in verdict.edges:
        _edge(ax, place[a], place[b], kind, bend=0.28 if len(rows) == 2 else 0.12)
    for row in rows:
        op = verdict.history[row]
        text = f"{op.process}\n" + "\n".join(_wrapped(short(op), 26).splitlines()[:4])
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": style.BLACK}
        ax.text(*place[row], text, ha="center", va="center", fontsize=style.SMALL, bbox=box, zorder=3)
    ax.set(xlim=(-2.3, 2.3), ylim=(-1.35, 1.35))
    ax.set_axis_off()
    name = f": {verdict.anomaly}" if verdict.anomaly else ""
    ax.set_title(f"{verdict.model} fails{name}", fontsize=10, loc="left")
    style.caption(ax, _wrapped(verdict.reason))
    return ax


def _edge(ax: Axes, start: tuple[float, float], stop: tuple[float, float], kind: str, bend: float) -> None:
    colour = _EDGE.get(kind, style.BLACK)
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4, "shrinkA": 26, "shrinkB": 26}
    ax.annotate("", stop, start, arrowprops=arrow | {"connectionstyle": f"arc3,rad={bend}"}, zorder=1)
    (x0, y0), (x1, y1) = start, stop
    middle = ((x0 + x1) / 2 + bend * (y1 - y0) / 2, (y0 + y1) / 2 - bend * (x1 - x0) / 2)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    ax.text(*middle, kind, color=colour, fontsize=style.SMALL, ha="center", va="center", bbox=box, zorder=4)


#: Where each model stands in the picture of the ladder: column and row.
_PLACES = {
    "linearizable": (1, 0),
    "sequential": (1, 1),
    "eventual": (3, 1),
    "causal-memory": (0, 2),
    "causal-convergence": (2, 2),
    "causal": (1.6, 3),
    "pram": (0, 3),
    "writes-follow-reads": (3, 4),
    "read-your-writes": (0, 4),
    "monotonic-reads": (1, 4),
    "monotonic-writes": (2, 4),
    "release": (4, 2),
    "lazy-release": (4, 3),
    "strict-serializable": (1, 0),
    "serializable": (1, 1),
    "snapshot-isolation": (1, 2),
    "prefix": (1, 3),
    "transactional-causal": (1, 4),
    "read-atomic": (1, 5),
    "read-committed": (1, 6),
}


def ladder(classification: Classification, ax: Axes | None = None) -> Axes:
    """The models that hold (green) and that fail (red), each below those that imply it.

    Parameters
    ----------
    classification : Classification
        What :func:`distlab.classify` returned.
    ax : matplotlib axes, optional
        Where to draw.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.History.parse("C1: W(x,1) | C2: R(x,1)").classify().plot()
    """
    rows = max((_PLACES[model][1] for model in classification), default=1)
    ax = style.axes(ax, (7.2, 0.9 + 0.55 * rows))
    for model, weaker in classification.implies.items():
        for other in weaker:
            if other in classification and _direct(classification, model, other):
                arrow = {"arrowstyle": "-|>", "color": style.GREY, "linewidth": 0.8, "shrinkA": 9, "shrinkB": 9}
                ax.annotate("", _at(other), _at(model), arrowprops=arrow, zorder=1)
    colours = {True: style.GREEN, False: style.VERMILLION, None: style.GREY}
    signs = {True: "\N{CHECK MARK} ", False: "\N{BALLOT X} ", None: "? "}
    for model, it in classification.items():
        box = {"boxstyle": "round,pad=0.3", "facecolor": colours[it.ok], "edgecolor": "none", "alpha": 0.95}
        text = signs[it.ok] + model
        ax.text(*_at(model), text, color="white", fontsize=style.SMALL, ha="center", va="center", bbox=box, zorder=2)
    xs = [_PLACES[model][0] for model in classification] or [0]
    ax.set(xlim=(min(xs) - 0.6, max(xs) + 0.6), ylim=(-rows - 0.5, 0.5))
    ax.set_axis_off()
    return ax


def _at(model: str) -> tuple[float, float]:
    column, row = _PLACES[model]
    return float(column), -float(row)


def _direct(classification: Classification, model: str, weaker: str) -> bool:
    """Whether nothing stands between the two."""
    between = classification.implies[model]
    return not any(weaker in classification.implies.get(it, ()) for it in between if it != weaker)
