"""Explorations: how many states there were by depth, the graph of states, and a behavior step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DistlabError
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class TooManyStates(DistlabError, ValueError):
    """A graph has more states than a reader could tell apart.

    Attributes
    ----------
    states : int
        How many there are.
    limit : int
        How many may be drawn.

    Examples
    --------
    >>> import distlab as dl
    >>> str(dl.plot.TooManyStates(5_000, 300))
    '5,000 states, at most 300 are drawn: explore a smaller system, or raise limit'
    """

    __module__ = "distlab.plot"

    def __init__(self, states: int, limit: int) -> None:
        super().__init__(states, limit)
        self.states = states
        self.limit = limit

    def __str__(self) -> str:
        counts = f"{self.states:,} states, at most {self.limit:,} are drawn"
        return f"{counts}: explore a smaller system, or raise limit"


def exploration(found: Any, ax: Axes | None = None, *, label: str | None = None) -> Axes:
    """How many new states an exploration came to by depth.

    Parameters
    ----------
    found : Exploration
        With ``level_distinct, distinct, stopped``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise. Several explorations may share one.
    label : str, optional
        For the legend.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.plot.exploration(dl.explore(dl.specs.TwoPhase(3)))
    >>> ax.get_xlabel()
    'depth (states)'
    """
    alone = ax is None
    ax = style.axes(ax)
    levels = np.asarray(found.level_distinct)
    depth = np.arange(1, len(levels) + 1)
    (line,) = ax.plot(depth, levels, marker="o", markersize=3, label=label)
    if found.stopped is not None and len(levels):
        ax.plot(depth[-1:], levels[-1:], marker="x", markersize=8, color=line.get_color())
        style.write(ax, f"stopped: {found.stopped}", (float(depth[-1]), float(levels[-1])), (4, 4))
    ax.set(xlabel="depth (states)", ylabel="new states")
    highest = max((float(np.max(line.get_ydata(), initial=1)) for line in ax.lines), default=1.0)
    if highest > 1_000:
        ax.set(yscale="log", ylim=(0.8, 2 * highest))
    else:
        ax.set_ylim(0, 1.08 * highest)
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.legend(ax)
    if alone:
        style.caption(ax, f"{found.distinct:,} distinct states", f"{found.generated:,} generated")
    return ax


def state_graph(
    graph: Any,
    ax: Axes | None = None,
    *,
    text: Callable[[Any], str] | None = None,
    colour: Callable[[Any], object] | None = None,
    limit: int = 300,
) -> Axes:
    """The graph of states, level by level from the initial ones on the left.

    Parameters
    ----------
    graph : StateGraph
        With ``states, initial, source, target, kind, kinds``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    text : callable, optional
        What to write at a state; by default the state itself if there are at most 30.
    colour : callable, optional
        A value for each state; equal values have one colour.
    limit : int
        How many states to draw at most.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Raises
    ------
    TooManyStates
        If there are more than ``limit`` states.
    """
    count = len(graph.states)
    if count > limit:
        raise TooManyStates(count, limit)
    level = _levels(graph)
    place = _places(graph, level)
    width, height = int(level.max(initial=0)) + 1, int(np.bincount(level).max(initial=1))
    ax = style.axes(ax, (min(2.0 + 0.9 * width, 14.0), min(1.6 + 0.5 * height, 10.0)))
    for kind, name in enumerate(graph.kinds):
        chosen = graph.kind == kind
        if chosen.any():
            _arrows(ax, place, graph.source[chosen], graph.target[chosen], style.PALETTE[kind % 7], name)
    colours = [style.GREY] * count
    if colour is not None:
        values = list(dict.fromkeys(map(colour, graph.states)))
        colours = [style.PALETTE[values.index(colour(it)) % 7] for it in graph.states]
    edge = [style.BLACK if i < graph.initial else "white" for i in range(count)]
    ax.scatter(place[:, 0], place[:, 1], s=46, c=colours, edgecolors=edge, linewidths=1.2, zorder=3)
    if text is not None or count <= 30:
        for i, it in enumerate(graph.states):
            words = text(it) if text is not None else _brief(it)
            style.write(
                ax, words, (place[i, 0], place[i, 1]), (0, 5), ha="center", va="bottom", fontsize=style.SMALL - 1
            )
    ax.set(xlabel="depth (states)", yticks=[], xticks=range(width), xticklabels=range(1, width + 1))
    ax.spines["left"].set_visible(False)
    ax.margins(0.08)
    style.legend(ax, loc="upper left", bbox_to_anchor=(1, 1), title="action")
    return ax


def _levels(graph: Any) -> Any:
    level = np.full(len(graph.states), -1)
    level[: graph.initial] = 0
    front = list(range(graph.initial))
    following: dict[int, list[int]] = {}
    for a, b in zip(graph.source.tolist(), graph.target.tolist(), strict=True):
        following.setdefault(a, []).append(b)
    while front:
        after = []
        for a in front:
            for b in following.get(a, ()):
                if level[b] < 0:
                    level[b] = level[a] + 1
                    after.append(b)
        front = after
    return level


def _places(graph: Any, level: Any) -> Any:
    """Each state in the column of its level; in a column, near to those before it."""
    place = np.zeros((len(level), 2))
    before: dict[int, list[int]] = {}
    for a, b in zip(graph.source.tolist(), graph.target.tolist(), strict=True):
        if level[a] < level[b]:
            before.setdefault(b, []).append(a)
    for depth in range(int(level.max(initial=0)) + 1):
        here = np.flatnonzero(level == depth)
        wish = np.array([np.mean(place[before[i], 1]) if i in before else 0.0 for i in here.tolist()])
        order = here[np.argsort(wish, kind="stable")]
        place[order, 0] = depth
        place[order, 1] = np.arange(len(order)) - (len(order) - 1) / 2
    return place


def _arrows(ax: Axes, place: Any, source: Any, target: Any, colour: str, name: str) -> None:
    for i, (a, b) in enumerate(zip(source.tolist(), target.tolist(), strict=True)):
        if a == b:
            style.write(ax, "\u21ba", tuple(place[a]), (5, -3), color=colour, fontsize=style.SMALL + 2)
            continue
        bend = 0.0 if place[b, 0] == place[a, 0] + 1 else 0.25
        arrow = {
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 0.8,
            "shrinkA": 4,
            "shrinkB": 4,
            "alpha": 0.7,
            "connectionstyle": f"arc3,rad={bend}",
        }
        ax.annotate("", place[b], place[a], arrowprops=arrow, zorder=1)
        if i == 0:
            ax.plot([], [], color=colour, label=name)
    if not any(a != b for a, b in zip(source.tolist(), target.tolist(), strict=True)):
        ax.plot([], [], color=colour, label=name)


def behavior(found: Any, ax: Axes | None = None) -> Axes:
    """A behavior step by step: a row for each part of the state, a column for each step, what changes in colour.

    Parameters
    ----------
    found : Counterexample
        Of a specification: with ``states, actions, lasso``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.
    """
    columns = [_parts(it) for it in found.states]
    names = list(dict.fromkeys(name for column in columns for name in column))
    longest = max((len(text) for column in columns for text in column.values()), default=1)
    wide = 0.35 + 0.075 * max(longest, *(len(str(it)) for it in found.actions), 4)
    ax = style.axes(ax, (min(1.4 + wide * len(columns), 16.0), 1.1 + 0.34 * len(names)))
    for x, column in enumerate(columns):
        for y, name in enumerate(names):
            text = column.get(name, "")
            changed = x > 0 and columns[x - 1].get(name, "") != text
            if changed:
                ax.axvspan(x - 0.5, x + 0.5, *_band(y, len(names)), color=style.SKY, alpha=0.35, linewidth=0)
            ax.text(x, y, text, ha="center", va="center", fontsize=style.SMALL)
        if x > 0:
            above = ("data", "axes fraction")
            style.write(ax, _brief(found.actions[x - 1]), (x - 0.5, 1.0), (0, 4), above, ha="center")
            ax.axvline(x - 0.5, color=style.PALE, linewidth=0.8, zorder=0)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(names) - 0.5, -0.5))
    ax.set(xticks=range(len(columns)), yticks=range(len(names)), yticklabels=names, xlabel="step")
    ax.tick_params(length=0)
    if found.lasso is not None:
        last = len(columns) - 1
        name = _brief(found.actions[-1]) if len(found.actions) == len(columns) else "stays"
        back = {"arrowstyle": "-|>", "color": style.VERMILLION, "connectionstyle": "arc3,rad=-0.25", "linewidth": 1.4}
        bottom = len(names) - 0.6
        ax.annotate("", (found.lasso, bottom), (last, bottom), arrowprops=back, annotation_clip=False)
        style.write(ax, f"{name}, for ever", (last, bottom), (0, -22), ha="center", va="top", color=style.VERMILLION)
    style.caption(ax, found._headline())
    return ax


def _band(row: int, rows: int) -> tuple[float, float]:
    return 1 - (row + 1) / rows, 1 - row / rows


def _parts(state: Any) -> dict[str, str]:
    """The parts of a state by name, as text."""
    if isinstance(state, Mapping):
        return {str(name): _brief(it) for name, it in state.items()}
    if is_dataclass(state) and not isinstance(state, type):
        return {it.name: _brief(getattr(state, it.name)) for it in fields(state)}
    if isinstance(state, tuple):
        names = getattr(state, "_fields", None) or [str(i) for i in range(len(state))]
        return {name: _brief(it) for name, it in zip(names, state, strict=True)}
    return {"state": _brief(state)}


def _brief(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return " ".join(_brief(it) for it in value)
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(_brief, value))) + "}"
    return str(value)
