"""Logs as rows of boxes: what replicated logs agree on, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import units
from ..errors import ParameterError, ParameterTypeError
from ..portrait import LogPortrait
from . import _given as given
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours of groups of entries, such as terms; neighbours differ much, also to colour-blind readers.
GROUPS = ("#8C8C8C", "#2BB389", "#CC79A7", "#56B4E9", "#D9C22E", "#5B4DB2", "#E08A5B")

MOST = 400
"""How many entries of one log are drawn at most."""


def logs(
    source: Any,
    ax: Axes | None = None,
    *,
    first: int | None = None,
    last: int | None = None,
    words: bool = False,
    seed: int | None = None,
) -> Axes:
    """The log of every node as a row of boxes, each with its term: figures 6 to 8 of the Raft paper.

    Full boxes are committed as far as the node knows, dashed ones are not; a hatched box is what is in a snapshot, and
    a triangle marks what was applied last.

    Parameters
    ----------
    source : Cluster, or mapping of str to LogPortrait or to sequence of int
        A cluster whose nodes have logs; or logs by the name of the row, also as the terms of their entries alone, whose
        boxes are full.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    first, last : int, optional
        From which index to which to draw; otherwise to the end of the longest log, and 400 entries at most.
    words : bool
        Whether to write below each term what the entry holds.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Raises
    ------
    ParameterError
        If there is no log, or ``first`` is after ``last``.
    ParameterTypeError
        If ``source`` is of another type.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.plot.logs({"leader": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], "(a)": [1, 1, 1, 4, 4, 5, 5, 6, 6]})
    >>> [it.get_text() for it in ax.get_yticklabels()]
    ['leader', '(a)']
    """
    found = _logs_of(source)
    end = max(it.last for it in found.values()) if last is None else units.count(last, "last")
    begin = max(1, end - MOST + 1) if first is None else units.count(first, "first")
    if begin > max(end, 1):
        raise ParameterError("first", first, f"an index up to {end}")
    columns = max(end - begin + 1, 1)
    ax = given.axes(ax, (min(1.2 + (0.62 if words else 0.36) * columns, 16.0), 0.6 + 0.42 * len(found)))
    for row, log in enumerate(found.values()):
        draw_boxes(ax, log, -row - 0.4, 0.8, (begin, end), lambda index: index - 0.5, words)
        if begin <= log.applied <= end:
            ax.plot([log.applied], [-row - 0.49], "^", color=style.GREY, markersize=4, clip_on=False)
    ax.set(xlim=(begin - 0.6, max(end, begin) + 0.6), ylim=(0.5 - len(found), 0.5), xlabel="index of the entry")
    ax.set_yticks([-row for row in range(len(found))], list(found))
    ax.set_xticks(range(begin, end + 1, max(1, columns // 20)))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    style.caption(ax, style.seed_text(seed))
    return ax


def _logs_of(source: Any) -> dict[str, LogPortrait]:
    if callable(getattr(source, "portrait", None)):
        faces = {name: source.portrait(name).log for name in source.nodes}
        found = {name: log for name, log in faces.items() if log is not None}
    elif isinstance(source, Mapping):
        found = {str(name): _log_of(it) for name, it in source.items()}
    else:
        raise ParameterTypeError("source", source, "a cluster, or a mapping of names to logs")
    if not found:
        raise ParameterError("source", source, "a cluster whose nodes have logs, or at least one log")
    return found


def _log_of(given: Any) -> LogPortrait:
    if isinstance(given, LogPortrait):
        return given
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise ParameterTypeError("source", given, "a LogPortrait, or the terms of its entries")
    terms = [units.count(it, "term", least=0) for it in given]
    return LogPortrait([(term, "") for term in terms], committed=len(terms))


def draw_boxes(
    ax: Axes,
    log: LogPortrait,
    y: float,
    size: float,
    window: tuple[int, int],
    x: Callable[[int], float],
    words: bool = False,
) -> None:
    """One log as boxes, from ``y`` up; ``x`` says where the box of an index begins."""
    from matplotlib.patches import Rectangle

    first, last = window
    pitch = x(2) - x(1)
    if log.first > first:
        width = x(min(log.first, last + 1)) - x(first)
        ax.add_patch(Rectangle((x(first), y), width, size, facecolor="white", edgecolor=style.GREY, hatch="////"))
    for index in range(max(log.first, first), min(log.last, last) + 1):
        group, holds = log.entries[index - log.first]
        colour, committed = GROUPS[group % len(GROUPS)], index <= log.committed
        look: dict[str, Any] = {"facecolor": colour if committed else "white", "edgecolor": colour, "linewidth": 1.3}
        dashes: dict[str, Any] = {} if committed else {"linestyle": (0, (2, 1.5))}
        ax.add_patch(Rectangle((x(index) + 0.06 * pitch, y), 0.88 * pitch, size, zorder=3, **look, **dashes))
        middle, text = (x(index) + pitch / 2, y + size / 2), str(group)
        if words:
            text = f"{text}\n{log.words(holds)}"
        ax.text(*middle, text, ha="center", va="center", fontsize=5.5 if words else style.SMALL - 1, zorder=4)
