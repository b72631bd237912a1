"""What pictures show of the order of events: cuts, the cone of an event, a chain of causes."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import records
from ..causal import Causality, causality
from ..causal import Cut as Judged
from ..errors import ParameterError, ParameterTypeError
from . import _columns

#: The kinds of row, by the code that the native module gives them.
KINDS = (
    *("start", "send", "deliver", "drop", "duplicate", "timer", "call", "reply"),
    *("write", "sync", "note", "crash", "pause", "resume", "fault", "remark"),
)


@dataclass(frozen=True)
class DrawnCut:
    """A cut with what is drawn of it: for each node the last event inside and the first outside, -1 for none."""

    name: str
    judged: Judged
    inside: NDArray[np.int64]
    outside: NDArray[np.int64]


def ordered_trace(source: Any) -> records.Trace:
    """A trace whose codes of kinds are those of the native module, from columns with codes or words."""
    if isinstance(source, records.Trace) and tuple(source.columns["kinds"]) == KINDS:
        return source
    rows = _columns.Trace.of(source)
    if unknown := sorted(set(np.unique(rows.kind).tolist()) - set(KINDS)):
        raise ParameterError("trace", unknown, f"kinds of row out of {', '.join(KINDS)}")
    labels, label = np.unique(rows.label, return_inverse=True)
    codes = {kind: code for code, kind in enumerate(KINDS)}
    return records.Trace(
        {
            "time": rows.time,
            "kind": np.asarray([codes[it] for it in rows.kind.tolist()], np.uint8),
            "node": rows.node.astype(np.uint32),
            "peer": rows.peer.astype(np.uint32),
            "id": rows.id,
            "cause": np.asarray(_columns.column(source, "cause", np.zeros(len(rows.id))), np.uint64),
            "label": label.astype(np.uint32),
            "kinds": list(KINDS),
            "labels": [str(it) for it in labels],
            "names": list(rows.names),
        },
        getattr(source, "dropped", 0),
    )


def order_of(source: Any) -> Causality:
    """The happens-before order of a trace in any form that can be drawn."""
    return causality(ordered_trace(source))


def cuts_of(order: Causality, cut: Any, parameter: str = "cut") -> list[DrawnCut]:
    """A cut, or several by name, judged and ready to be drawn.

    A cut is what :meth:`Causality.cut` takes, or a set of rows.
    """
    if cut is None:
        return []
    if isinstance(cut, Mapping) and cut and not any(isinstance(it, int | np.integer) for it in cut.values()):
        return [_cut(order, str(name), it, f"{parameter}[{name!r}]") for name, it in cut.items()]
    return [_cut(order, "cut", cut, parameter)]


def _cut(order: Causality, name: str, cut: Any, parameter: str) -> DrawnCut:
    if isinstance(cut, Set):
        members = [event_of(order, it, parameter) for it in cut]
        cut = np.zeros(len(order), np.bool_)
        cut[members] = True
    elif isinstance(cut, str) or cut is None:
        allowed = "a count for each node, by name or in order, a mask of rows, or a set of rows"
        raise ParameterTypeError(parameter, cut, allowed)
    judged = order.cut(cut)
    mask = np.asarray(cut) if not isinstance(cut, Mapping) else None
    if mask is None or mask.dtype != np.bool_:
        counts = order._frontier(cut, mask).astype(np.int64)
        mask = (order.place > 0) & (order.place <= counts[order.node])
    inside: NDArray[np.int64] = np.full(len(order.nodes), -1)
    outside = inside.copy()
    for node in range(len(order.nodes)):
        rows = np.flatnonzero((order.place > 0) & (order.node == node))
        held = np.flatnonzero(mask[rows])
        after = int(held[-1]) + 1 if len(held) else 0
        inside[node] = rows[after - 1] if after else -1
        outside[node] = rows[after] if after < len(rows) else -1
    return DrawnCut(name, judged, inside, outside)


def event_of(order: Causality, row: Any, parameter: str) -> int:
    """A row that is an event."""
    if isinstance(row, bool) or not isinstance(row, int | np.integer):
        raise ParameterTypeError(parameter, row, "a row of the trace")
    if not 0 <= row < len(order) or not order.place[row]:
        raise ParameterError(parameter, int(row), f"a row below {len(order)} that is an event at a node")
    return int(row)


def chain_of(order: Causality, chain: Any) -> NDArray[np.int64]:
    """A chain of causes: True for what the last event waited for, an event for what that waited for, or rows."""
    if chain is None or chain is False:
        return np.empty(0, np.int64)
    if chain is True:
        return order.critical_path()
    if isinstance(chain, int | np.integer):
        return order.critical_path(event_of(order, chain, "chain"))
    rows = np.asarray(chain)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ParameterTypeError("chain", chain, "True, a row of the trace, or rows that follow from each other")
    rows = np.asarray([event_of(order, it, "chain") for it in rows], np.int64)
    if len(rows) > 1 and not np.all(order.happens_before(rows[:-1], rows[1:])):
        raise ParameterError("chain", rows.tolist(), "rows each of which happened before the next")
    return rows
