"""Traces for other people's viewers: ShiViz and Perfetto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ParameterError

if TYPE_CHECKING:
    from .records import Trace

__all__ = ["perfetto", "shiviz"]

SHIVIZ_PARSER = r"(?<time>\S+) (?<kind>\S+) (?<event>.*)\n(?<host>\S+) (?<clock>{.*})"
"""How ShiViz finds the parts of an event: the first line of the log."""


def shiviz(trace: Trace, path: str | Path | None = None) -> str | None:
    r"""A log for ShiViz: every event with its vector stamp, the regular expression that reads it on top.

    Parameters
    ----------
    trace : Trace
        Recorded at level ``"full"``.
    path : path, optional
        Where to write it; without, the text is returned.

    Returns
    -------
    str or None

    Notes
    -----
    The first line is the expression that finds time, kind, event, host and clock; the second, empty here, would
    separate several executions. Spaces in names of nodes become underscores.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=7, trace="full")
    >>> _ = raft.run_until(raft.has_leader)
    >>> print("\n".join(raft.trace.to_shiviz().splitlines()[2:4]))
    0.000000000 start start
    n0 {"n0": 1}
    """
    from .causal import causality

    order = causality(trace)
    hosts = _hosts(order.nodes)
    rows = np.flatnonzero(order.place)
    columns, lines = trace.columns, [SHIVIZ_PARSER, ""]
    # A few at a time: a stamp for each event of a long trace with many nodes would be large.
    for some in np.array_split(rows, max(1, len(rows) * len(hosts) // 2**22)):
        for row, stamp in zip(some.tolist(), order.stamps(some).tolist(), strict=True):
            kind, label = columns["kinds"][columns["kind"][row]], columns["labels"][columns["label"][row]]
            clock = {host: count for host, count in zip(hosts, stamp, strict=True) if count}
            lines.append(f"{columns['time'][row]:.9f} {kind} {' '.join(label.split())}")
            lines.append(f"{hosts[order.node[row]]} {json.dumps(clock)}")
    return _written("\n".join(lines) + "\n", path)


def perfetto(trace: Trace, path: str | Path | None = None) -> str | None:
    """A trace for Perfetto (ui.perfetto.dev) or chrome://tracing, as trace events in JSON.

    Each node is a track with its events, messages are arrows from send to delivery, operations and the time that a
    node is down are spans. Times are in microseconds.

    Parameters
    ----------
    trace : Trace
        Recorded at level ``"full"``, or ``"summary"`` for faults and notes alone.
    path : path, optional
        Where to write it; without, the text is returned.

    Returns
    -------
    str or None

    Examples
    --------
    >>> import json, distlab as dl
    >>> raft = dl.Raft(3, seed=7, trace="full")
    >>> _ = raft.run_until(raft.has_leader)
    >>> events = json.loads(raft.trace.to_perfetto())["traceEvents"]
    >>> sum(it["ph"] == "s" for it in events) == sum(it["ph"] == "f" for it in events) > 0
    True
    """
    events = [*_tracks(trace), *_rows(trace), *_flows(trace), *_spans(trace)]
    return _written(json.dumps({"traceEvents": events, "displayTimeUnit": "ns"}), path)


def _tracks(trace: Trace) -> Iterator[dict[str, Any]]:
    for node, name in enumerate(trace.columns["names"]):
        yield {"ph": "M", "name": "process_name", "pid": node + 1, "tid": 1, "args": {"name": str(name)}}
        yield {"ph": "M", "name": "process_sort_index", "pid": node + 1, "tid": 1, "args": {"sort_index": node}}


def _rows(trace: Trace) -> Iterator[dict[str, Any]]:
    """Every row at a node; those that arrows begin or end at have a width, for arrows need something to stand on."""
    columns, names = trace.columns, trace.columns["names"]
    for row in range(len(trace)):
        node, kind = int(columns["node"][row]), columns["kinds"][columns["kind"][row]]
        if node >= len(names) or kind in ("drop", "duplicate"):
            continue
        common = {"name": columns["labels"][columns["label"][row]], "cat": kind, **_place(trace, row)}
        peer = int(columns["peer"][row])
        arguments = {"row": row, "kind": kind} | ({"peer": str(names[peer])} if peer < len(names) else {})
        shape = {"ph": "X", "dur": 0.001} if kind in ("send", "deliver") else {"ph": "i", "s": "t"}
        yield common | shape | {"args": arguments}


def _flows(trace: Trace) -> Iterator[dict[str, Any]]:
    from .causal import causality

    order = causality(trace)
    for number, row in enumerate(np.flatnonzero(order.send >= 0).tolist()):
        name = trace.columns["labels"][trace.columns["label"][row]]
        common = {"name": name, "cat": "message", "id": number}
        yield common | {"ph": "s"} | _place(trace, int(order.send[row]))
        yield common | {"ph": "f", "bp": "e"} | _place(trace, row)


def _spans(trace: Trace) -> Iterator[dict[str, Any]]:
    """Operations from call to reply, and nodes from crash to start."""
    columns = trace.columns
    kinds = {name: code for code, name in enumerate(columns["kinds"])}
    wanted = [kinds[it] for it in ("call", "reply", "crash", "start")]
    open_spans: dict[tuple[str, int], dict[str, Any]] = {}
    for row in np.flatnonzero(np.isin(columns["kind"], wanted)).tolist():
        kind, node = columns["kinds"][columns["kind"][row]], int(columns["node"][row])
        if node >= len(columns["names"]):
            continue
        category, number = ("operation", int(columns["id"][row])) if kind in ("call", "reply") else ("down", node)
        key = (category, number)
        if kind in ("call", "crash") and key not in open_spans:
            name = columns["labels"][columns["label"][row]] if kind == "call" else "down"
            span = {"name": name, "cat": category, "id": f"{category} {number}"}
            open_spans[key] = span
            yield span | {"ph": "b"} | _place(trace, row)
        elif kind in ("reply", "start") and key in open_spans:
            yield open_spans.pop(key) | {"ph": "e"} | _place(trace, row)


def _place(trace: Trace, row: int) -> dict[str, Any]:
    columns = trace.columns
    return {"ts": round(float(columns["time"][row]) * 1e6, 3), "pid": int(columns["node"][row]) + 1, "tid": 1}


def _hosts(names: list[str]) -> list[str]:
    hosts = ["_".join(str(name).split()) for name in names]
    if len(set(hosts)) < len(hosts) or "" in hosts:
        raise ParameterError("trace", names, "names of nodes that differ in more than spaces")
    return hosts


def _written(text: str, path: str | Path | None) -> str | None:
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8")
    return None
