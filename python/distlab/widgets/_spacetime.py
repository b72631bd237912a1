"""The space-time diagram to zoom into, point at and filter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

from .. import units
from .._core import nanoseconds
from ..errors import ParameterError, ParameterTypeError, UnknownNode
from ..plot._order import chain_of, cuts_of, event_of, order_of, ordered_trace
from . import _encode
from ._picture import Picture, height_of, text_of

#: Which events are marked at first; the others can be ticked in the picture.
MARKED = ("timer", "call", "reply", "sync", "note", "crash", "pause", "resume", "fault")


def spacetime(
    source: Any,
    window: tuple[units.Duration, units.Duration] | None = None,
    *,
    nodes: Collection[str] | None = None,
    labels: Collection[str] | None = None,
    kinds: Collection[str] = MARKED,
    cut: Any = None,
    cone: int | None = None,
    chain: Any = None,
    details: Mapping[str, Any] | None = None,
    title: str = "",
    height: int = 480,
) -> SpaceTime:
    """The space-time diagram of a run, to zoom into, point at and filter.

    In a notebook the result shows itself; :meth:`SpaceTime.to_html` writes a page that opens without a server or a
    network. Drag to move, turn the wheel to zoom about the pointer, point at an event or a message to read about it,
    click it to shade its causal past and future; the keys are + - arrows Home Escape, n and p for the next and previous
    event. Above 5,000 messages in view their density is drawn, until you zoom in.

    Parameters
    ----------
    source : Cluster, Trace or mapping
        What happened: recorded at level ``"full"``. A mapping has the columns of :class:`Trace`.
    window : (duration, duration), optional
        What to show at first; the whole trace otherwise. All of it can be reached.
    nodes : collection of str, optional
        Which nodes to show at first, from top to bottom; all otherwise.
    labels : collection of str, optional
        Which kinds of messages to show at first; all otherwise.
    kinds : collection of str
        Which kinds of events to mark at first: of ``start, timer, call, reply, write, sync, note, crash, pause, resume,
        fault``.
    cut : optional
        A cut to draw, or several by name, as in :func:`distlab.plot.spacetime`.
    cone : int, optional
        The row of the event whose causal past and future are shaded at first.
    chain : True, int or sequence of int, optional
        The critical path to emphasise, as in :func:`distlab.plot.spacetime`.
    details : mapping of str to words by row, optional
        What else to say about events: headings such as ``"message"`` or ``"state after"``, each with a mapping of rows
        to words, or with words for all rows (None: nothing to say). Whatever is not text is written by ``str``. Above
        2,000 characters, words are cut off, and how much is said at their end. See :func:`distlab.widgets.watched`.
    title : str
        Above the picture.
    height : int
        In CSS pixels.

    Returns
    -------
    SpaceTime

    Raises
    ------
    ParameterError
        If something named is not there, times decrease or are not finite, or there are more than 4,000,000 rows.
    ParameterTypeError
        If an argument is of another type.

    Notes
    -----
    Packing is O(rows log rows). A page is 70 kB and about 5 bytes a row: 1.5 MB for 110,000 messages (290,000 rows).

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=7, trace="full")
    >>> _ = raft.run_until(raft.has_leader)
    >>> picture = dl.spacetime(raft, chain=True)
    >>> picture
    <SpaceTime of 6 messages between 3 nodes, 24 rows>
    >>> picture.to_html().count("<script")
    2
    """
    trace = _encode.checked(ordered_trace(_trace_of(source)))
    order = order_of(trace)
    names = [str(it) for it in trace.columns["names"]]
    wanted = list(dict.fromkeys(_names("nodes", nodes, names)))
    if unknown := [it for it in wanted if it not in names]:
        raise UnknownNode(unknown[0], tuple(names))
    allowed = [str(it) for it in trace.columns["labels"]]
    chosen = _known("labels", _names("labels", labels, allowed), allowed)
    marked = _known("kinds", _names("kinds", kinds, MARKED), (*MARKED, "start", "write"))
    payload = _encode.encode(trace, order) | {
        "cuts": [_encode.encode_cut(it) for it in cuts_of(order, cut)],
        "chain": chain_of(order, chain).tolist(),
        "details": _encode.encode_details(details, len(trace)),
        "window": _window(window),
        "lanes": [names.index(it) for it in wanted] + [i for i, it in enumerate(names) if it not in wanted],
        "hidden_nodes": [i for i, it in enumerate(names) if it not in wanted],
        "hidden_labels": [i for i, it in enumerate(allowed) if it not in chosen],
        "marked": marked,
        "title": text_of("title", title),
    }
    selected = -1 if cone is None else event_of(order, cone, "cone")
    shown = {"window": payload["window"], "nodes": nodes, "labels": labels, "cut": cut, "cone": cone, "chain": chain}
    return SpaceTime(trace, payload, selected, height_of(height), shown)


class SpaceTime(Picture):
    """A space-time diagram that can be moved; made by :func:`spacetime`.

    The trait ``selected`` of its :meth:`widget` is the row that was clicked (-1: none), and can be set.

    Attributes
    ----------
    trace : Trace
        What is drawn.
    payload : dict
        What the browser gets: JSON, with columns deflated and in base64.
    selected : int
        The row whose cone is shaded at first; -1: none.
    height : int
        In CSS pixels.
    """

    _module = "spacetime.js"
    _kind = "space-time diagram"
    _traits = MappingProxyType({"selected": ("Int", -1)})

    def __init__(
        self, trace: Any, payload: dict[str, Any], selected: int, height: int, shown: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.trace = trace
        self.payload = payload
        self.selected = selected
        self.height = height
        self._shown = dict(shown)

    def _values(self) -> dict[str, Any]:
        return {"selected": self.selected}

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The same as a still picture: :func:`distlab.plot.spacetime`, with the options given here."""
        from ..plot import spacetime as still

        return still(self.trace, ax=ax, **(self._shown | options))

    def __repr__(self) -> str:
        columns = self.trace.columns
        sends = int((columns["kind"] == list(columns["kinds"]).index("send")).sum())
        return f"<SpaceTime of {sends:,} messages between {len(columns['names'])} nodes, {len(self.trace):,} rows>"


def _trace_of(source: Any) -> Any:
    """The trace of a cluster, or what is one already."""
    found = getattr(source, "trace", source)
    if not isinstance(found, Mapping) and not isinstance(getattr(found, "columns", None), Mapping):
        raise ParameterTypeError("source", source, "a cluster, a trace, or a mapping of columns")
    return found


def _names(parameter: str, given: Any, everything: Collection[str]) -> list[str]:
    if given is None:
        return list(everything)
    if isinstance(given, str) or not isinstance(given, Collection):
        raise ParameterTypeError(parameter, given, "a collection of names")
    return [str(it) for it in given]


def _known(parameter: str, given: list[str], allowed: Collection[str]) -> list[str]:
    if unknown := [it for it in given if it not in allowed]:
        raise ParameterError(parameter, unknown, f"some of {', '.join(allowed)}")
    return given


def _window(window: Any) -> list[float] | None:
    if window is None:
        return None
    if not isinstance(window, tuple | list) or len(window) != 2:
        raise ParameterTypeError("window", window, "a pair of durations")
    begin, end = (units.seconds(nanoseconds(it, "window")) for it in window)
    if not begin < end:
        raise ParameterError("window", window, "(from, until), from < until")
    return [begin, end]


__all__ = ["SpaceTime", "spacetime"]
