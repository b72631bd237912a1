"""Who can have caused what: the happens-before order of a recorded execution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .clocks import Relation, Vector
from .errors import ParameterError, ParameterTypeError, UnknownNode
from .records import Trace

__all__ = ["Causality", "Cut", "causality"]

_Rows: TypeAlias = NDArray[np.int64]
_Bools: TypeAlias = NDArray[np.bool_]

BUDGET_BYTES = 512 << 20
"""How much memory vector stamps may take, where nothing else is said."""

_NONE = 0xFFFFFFFF


def causality(trace: Trace, *, memory_bytes: int = BUDGET_BYTES) -> Causality:
    """The happens-before order of the events of a trace, from any cluster.

    An event is a row at a node: a message that leaves or arrives, a timer, a call, a reply, a write, a crash, ...
    Within a node events are ordered as they happened, a delivery happens after its send, and what follows from both.
    Drops and duplications happen in the network and are no events; a copy that arrives was sent by the original send.

    Parameters
    ----------
    trace : Trace
        Recorded at level ``"full"``: without messages, only the order within each node is known.
    memory_bytes : int
        How much memory vector stamps may take; what does not fit is worked out again when asked for.

    Returns
    -------
    Causality

    Raises
    ------
    ParameterError
        If a message arrives before it is sent.

    Notes
    -----
    Lamport 1978; Fidge 1988 and Mattern 1989 for the stamps. One pass, O(rows + deliveries x nodes) time. No event
    has a vector of its own: those between two deliveries share one, and of the vectors of deliveries only those are
    kept that are alive where a window of deliveries begins (one a node, and one a message under way), until somebody
    asks.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=7, trace="full")
    >>> _ = raft.run_until(raft.has_leader)
    >>> order = dl.causality(raft.trace)
    >>> chain = order.longest_chain()
    >>> bool(order.happens_before(chain[0], chain[-1]))
    True
    """
    if not isinstance(trace, Trace):
        raise ParameterTypeError("trace", trace, "a Trace: cluster.trace")
    if not isinstance(memory_bytes, int) or isinstance(memory_bytes, bool) or memory_bytes < 0:
        raise ParameterTypeError("memory_bytes", memory_bytes, "a number of bytes")
    return Causality(trace, memory_bytes)


@dataclass(frozen=True)
class Cut:
    """What a cut through an execution says.

    Attributes
    ----------
    consistent : bool
        Whether all that is inside could have been all that had happened at some time.
    messages : list of (int, int)
        Rows of sends outside whose message is received inside, and of those deliveries: the contradictions.
    skipped : list of (int, int)
        Rows of events outside, and of an event inside that its node did later: not even a prefix.
    in_transit : list of (int, int)
        Rows of sends inside and of their deliveries outside: what a snapshot at this cut must record of the channels.
    problem : str or None
        The first contradiction, in words.
    """

    consistent: bool
    messages: list[tuple[int, int]]
    skipped: list[tuple[int, int]]
    in_transit: list[tuple[int, int]]
    problem: str | None = None

    def __bool__(self) -> bool:
        return self.consistent


class Causality:
    """The happens-before order of an execution; made by :func:`causality`.

    Events are named by their row in the trace.

    Attributes
    ----------
    trace : Trace
        What was ordered.
    nodes : list of str
        The names of the nodes, in the order of the entries of stamps.
    node, place : ndarray of int64
        For each row, the index of its node and its place among that node's events, from 1; -1 and 0 for rows that are
        no events.
    send : ndarray of int64
        For each row that is a delivery, the row of its send; -1 for others.
    unmatched : int
        Deliveries whose send is not in the trace any more: what they carried is not known.
    """

    def __init__(self, trace: Trace, memory_bytes: int = BUDGET_BYTES) -> None:
        columns = trace.columns
        self.trace = trace
        self.nodes: list[str] = list(columns["names"])
        node_column = np.ascontiguousarray(columns["node"], np.uint32)
        kind = np.ascontiguousarray(columns["kind"], np.uint8)
        id, cause = (np.ascontiguousarray(columns[name], np.uint64) for name in ("id", "cause"))
        self._core = _core.Causality(node_column, kind, id, cause, len(self.nodes), memory_bytes)
        node, place, send = (it.astype(np.int64) for it in self._core.events())
        node[node == _NONE], send[send == _NONE] = -1, -1
        self.node, self.place, self.send = node, place, send
        self.unmatched = self._core.unmatched

    def __len__(self) -> int:
        return len(self.node)

    def __repr__(self) -> str:
        events = int((self.place > 0).sum())
        return f"<Causality {events:,} events at {len(self.nodes)} nodes, {int((self.send >= 0).sum()):,} deliveries>"

    @overload
    def happens_before(self, a: int, b: int) -> bool: ...
    @overload
    def happens_before(self, a: ArrayLike, b: ArrayLike) -> bool | _Bools: ...
    def happens_before(self, a: ArrayLike, b: ArrayLike) -> bool | _Bools:
        """Whether ``a`` happened before ``b``, and may have caused it.

        Parameters
        ----------
        a, b : int or array_like of int
            Rows, broadcast against each other.

        Returns
        -------
        bool or ndarray of bool
            O(1) for each pair, as long as the vectors fit into the memory that was allowed.

        Raises
        ------
        ParameterError
            For rows that are not there or are no events.
        """
        first, second = (self._rows(it, name) for it, name in ((a, "a"), (b, "b")))
        first, second = np.broadcast_arrays(first, second)
        flat = [np.ascontiguousarray(it.ravel(), np.uint32) for it in (first, second)]
        found = self._core.happen_before(flat[0], flat[1]).reshape(first.shape)
        return bool(found) if first.ndim == 0 else found

    def concurrent(self, a: ArrayLike, b: ArrayLike) -> bool | _Bools:
        """Whether ``a`` and ``b`` are different events that know nothing of each other."""
        first, second = (self._rows(it, name) for it, name in ((a, "a"), (b, "b")))
        ordered = self.happens_before(first, second) | np.asarray(self.happens_before(second, first))
        found = ~ordered & (first != second)
        return bool(found) if np.ndim(found) == 0 else cast(_Bools, found)

    def relation(self, a: int, b: int) -> Relation:
        """How event ``a`` stands to event ``b``: ``"before"``, ``"after"``, ``"equal"`` or ``"concurrent"``."""
        return cast(Relation, self._core.relation(self._row(a, "a"), self._row(b, "b")))

    def stamp(self, event: int) -> Vector:
        """The vector stamp of an event, by the standard rule: every event counts."""
        return Vector(self.stamps([event])[0].tolist())

    def stamps(self, events: ArrayLike | None = None) -> NDArray[np.uint32]:
        """The vector stamps of many events, a row each.

        Parameters
        ----------
        events : array_like of int, optional
            Rows; without, all that are events: ``numpy.flatnonzero(order.place)``.

        Returns
        -------
        ndarray of uint32, shape (events, nodes)
        """
        rows = np.flatnonzero(self.place) if events is None else self._rows(events, "events").ravel()
        return self._core.stamps(np.ascontiguousarray(rows, np.uint32))

    @property
    def lamport(self) -> NDArray[np.uint32]:
        """The Lamport stamp of each row, by the standard rule; 0: no event.

        It is also the length of the longest chain of causes that ends with the row.
        """
        return self._core.lamport()

    def past(self, event: int) -> _Rows:
        """The rows of all that happened before an event: its causal cone, without itself. O(rows)."""
        return np.flatnonzero(self._core.past(self._row(event, "event")))

    def future(self, event: int) -> _Rows:
        """The rows of all that happened after an event. O(rows)."""
        return np.flatnonzero(self._core.future(self._row(event, "event")))

    def longest_chain(self) -> _Rows:
        """The rows of a longest chain of causes, the first cause first. O(rows)."""
        return self._core.longest_chain()

    def critical_path(self, event: int | None = None) -> _Rows:
        """What an event waited for: back to the cause that came last, and so on to one without a cause.

        Parameters
        ----------
        event : int, optional
            A row; without, the last event of the trace.

        Returns
        -------
        ndarray of int64
            Rows, the oldest first. Where two rows in a row are of different nodes, it waited for a message.
        """
        events = np.flatnonzero(self.place)
        if event is None and not len(events):
            return events
        return self._core.critical_path(self._row(events[-1] if event is None else event, "event"))

    def cut(self, cut: Mapping[str, int] | Sequence[int] | ArrayLike) -> Cut:
        """Whether a cut is consistent, and what contradicts it if not.

        Parameters
        ----------
        cut : mapping of str to int, sequence of int, or array of bool
            How many events of each node are inside: by name (nodes that are not named have all of theirs inside) or
            in the order of ``nodes``; or, for each row of the trace, whether it is inside.

        Returns
        -------
        Cut
            True where it is consistent. O(rows).

        Raises
        ------
        ParameterError
            For more events than a node has, or a mask of another length.

        Examples
        --------
        >>> import distlab as dl
        >>> raft = dl.Raft(3, seed=7, trace="full")
        >>> _ = raft.run_until(raft.has_leader)
        >>> order = dl.causality(raft.trace)
        >>> bool(order.cut(raft.trace.columns["time"] <= 0.2))
        True
        """
        given = np.asarray(cut) if not isinstance(cut, Mapping) else None
        if given is not None and given.dtype == np.bool_:
            if given.shape != (len(self),):
                raise ParameterError("cut", given.shape, f"a value for each of the {len(self)} rows")
            messages, skipped, transit = self._core.cut_of(np.ascontiguousarray(given))
        else:
            messages, skipped, transit = self._core.cut_at(self._frontier(cut, given))
        problem = self._problem(messages, skipped)
        return Cut(problem is None, messages, skipped, transit, problem)

    def describe(self, event: int) -> str:
        """An event in words."""
        row, columns = self._row(event, "event"), self.trace.columns
        kind, label = columns["kinds"][columns["kind"][row]], columns["labels"][columns["label"][row]]
        peer = int(columns["peer"][row])
        other = f" {'to' if kind == 'send' else 'from'} {self.nodes[peer]}" if peer < len(self.nodes) else ""
        node = self.nodes[self.node[row]] if self.node[row] >= 0 else "nowhere"
        return f"{kind} {label}{other} at {node}, t = {columns['time'][row]:.9g} s (row {row})"

    def _problem(self, messages: list[tuple[int, int]], skipped: list[tuple[int, int]]) -> str | None:
        if messages:
            send, delivery = messages[0]
            return f"inside: {self.describe(delivery)}; outside: its {self.describe(send)}"
        if skipped:
            missing, present = skipped[0]
            return f"inside: {self.describe(present)}; outside, though earlier: {self.describe(missing)}"
        return None

    def _frontier(self, cut: Any, given: NDArray[Any] | None) -> NDArray[np.uint32]:
        most = np.bincount(self.node[self.node >= 0], minlength=len(self.nodes))
        if isinstance(cut, Mapping):
            counts = most.copy()
            for name, count in cut.items():
                if name not in self.nodes:
                    raise UnknownNode(name, tuple(self.nodes))
                counts[self.nodes.index(name)] = _whole(count, f"cut[{name!r}]")
        else:
            assert given is not None
            if given.dtype.kind not in "iu" or given.shape != (len(self.nodes),):
                raise ParameterTypeError(
                    "cut", cut, f"a count for each of the {len(self.nodes)} nodes, or a mask of rows"
                )
            counts = given.astype(np.int64)
        for name, count, limit in zip(self.nodes, counts, most, strict=True):
            if not 0 <= count <= limit:
                raise ParameterError(f"cut[{name!r}]", int(count), f"a number of events from 0 to {limit}")
        return counts.astype(np.uint32)

    def _row(self, value: Any, parameter: str) -> int:
        return int(self._rows(_whole(value, parameter), parameter))

    def _rows(self, value: ArrayLike, parameter: str) -> _Rows:
        rows: NDArray[Any] = np.asarray(value)
        if rows.dtype.kind not in "iu":
            raise ParameterTypeError(parameter, value, "a row of the trace, or an array of rows")
        bad = (rows < 0) | (rows >= len(self))
        if bad.any():
            raise ParameterError(parameter, int(rows[bad].flat[0] if rows.ndim else rows), f"a row below {len(self)}")
        return rows.astype(np.int64)


def _whole(value: Any, parameter: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ParameterTypeError(parameter, value, "a whole number")
    return int(value)
