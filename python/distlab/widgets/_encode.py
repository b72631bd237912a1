"""A trace as one value of JSON: columns deflated and in base64, words in tables."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import records
from ..causal import Causality
from ..errors import ParameterError, ParameterTypeError
from ..plot import _columns
from ..plot._arrows import colours_of
from ..plot._order import DrawnCut
from ..plot._spacetime import lane_breaks, network_faults
from ._watch import Lasting

ROW_LIMIT = 4_000_000
"""How many rows a picture takes at most: what a browser holds in memory with ease."""

TEXT_LIMIT = 2_000
"""How many characters of a detail are kept; what is cut off is counted at its end."""

_NANOS = 1_000_000_000


def column(values: NDArray[Any]) -> dict[str, Any]:
    """Whole numbers or floats, in the narrowest type that holds them."""
    values = np.ascontiguousarray(values)
    if values.dtype.kind == "f":
        kind = "f8"
    else:
        most = int(values.max(initial=0))
        kind = "u1" if most < 2**8 else "u2" if most < 2**16 else "u4" if most < 2**32 else "f8"
    data = zlib.compress(values.astype(f"<{kind}").tobytes(), 6)
    return {"type": kind, "count": len(values), "data": base64.b64encode(data).decode("ascii")}


def time_column(time: NDArray[np.float64]) -> dict[str, Any]:
    """Seconds that never decrease: as differences in nanoseconds where nothing is lost by that."""
    nanos = np.rint(time * _NANOS)
    if not len(time) or np.abs(nanos).max() >= 2**53 or not np.array_equal(nanos / _NANOS, time):
        return column(time)
    first = int(nanos[0])
    steps = np.diff(nanos.astype(np.int64), prepend=first)
    return column(steps) | {"delta": True, "first": first, "scale": _NANOS}


def words(table: Sequence[str]) -> dict[str, Any]:
    """A table of words: JSON, deflated."""
    data = zlib.compress(json.dumps(table, separators=(",", ":")).encode("utf-8"), 6)
    return {"type": "words", "count": len(table), "data": base64.b64encode(data).decode("ascii")}


def links(trace: records.Trace, order: Causality) -> NDArray[np.int64]:
    """For each message that leaves, how many rows later its fate is; for each that arrives, how many rows ago it left.

    0 where there is none: under way when the trace ends, or sent before it begins.
    """
    kind, ids = trace.columns["kind"], np.asarray(trace.columns["id"])
    codes = {name: code for code, name in enumerate(trace.columns["kinds"])}
    found = np.zeros(len(kind), np.int64)
    leaves = np.flatnonzero(np.isin(kind, [codes["send"], codes["duplicate"]]))
    fates = np.flatnonzero(np.isin(kind, [codes["deliver"], codes["drop"]]))
    sorted_fates = fates[np.argsort(ids[fates], kind="stable")]
    if len(fates) and len(leaves):
        at = np.minimum(np.searchsorted(ids[sorted_fates], ids[leaves]), len(fates) - 1)
        fate = sorted_fates[at]
        known = (ids[fate] == ids[leaves]) & (fate > leaves)
        found[leaves[known]] = fate[known] - leaves[known]
    arrived = np.flatnonzero(order.send >= 0)
    found[arrived] = arrived - order.send[arrived]
    return found


def checked(trace: records.Trace) -> records.Trace:
    """The trace, if its times and its length can be drawn."""
    if len(trace) > ROW_LIMIT:
        problem = f"{len(trace):,} rows, at most {ROW_LIMIT:,} are drawn: record a shorter run"
        raise ParameterError("trace", len(trace), f"at most {ROW_LIMIT:,} rows", problem)
    time = np.asarray(trace.columns["time"], np.float64)
    if not np.isfinite(time).all():
        raise ParameterError("trace", float(time[~np.isfinite(time)][0]), "finite times")
    if len(time) and (steps := np.diff(time)).min(initial=0.0) < 0:
        row = int(np.flatnonzero(steps < 0)[0]) + 1
        raise ParameterError("trace", float(time[row]), f"times that never decrease, as at row {row}")
    return trace


def encode(trace: records.Trace, order: Causality) -> dict[str, Any]:
    """The part of the payload that is the trace itself."""
    columns = trace.columns
    kinds = list(columns["kinds"])
    numbered = np.isin(columns["kind"], [kinds.index(it) for it in ("note", "call", "reply")])
    rows = _columns.Trace.of(trace)
    colours, index = _colours(rows, columns["labels"])
    return {
        "version": 1,
        "names": [str(it) for it in columns["names"]],
        "labels": [str(it) for it in columns["labels"]],
        "kinds": kinds,
        "columns": {
            "time": time_column(np.asarray(columns["time"], np.float64)),
            **{name: column(columns[name]) for name in ("kind", "node", "peer", "label")},
            "link": column(links(trace, order)),
            "number": column(np.where(numbered, columns["id"], 0)),
        },
        "colours": colours,
        "colour_of": index,
        "spans": lane_breaks(rows),
        "faults": [
            [it.start, it.end if np.isfinite(it.end) else None, it.label] for it in network_faults(rows, math.inf)
        ],
        "dropped": int(trace.dropped),
    }


def _colours(rows: _columns.Trace, labels: Sequence[str]) -> tuple[list[str], list[int]]:
    """The colours in use, and for each label which of them."""
    named = colours_of(rows.label[np.isin(rows.kind, ["send", "duplicate"])])
    colours = list(dict.fromkeys([*named.values(), "#8C8C8C"]))
    return colours, [colours.index(named.get(str(it), "#8C8C8C")) for it in labels]


def encode_cut(cut: DrawnCut) -> dict[str, Any]:
    """A cut: where it crosses the lanes, and which deliveries contradict it."""
    return {
        "name": cut.name,
        "consistent": cut.judged.consistent,
        "inside": cut.inside.tolist(),
        "outside": cut.outside.tolist(),
        "violations": [delivery for _, delivery in cut.judged.messages],
        "problem": cut.judged.problem,
    }


def encode_details(details: Mapping[str, Any] | None, rows: int) -> list[dict[str, Any]]:
    """Words about rows, under headings: a mapping of rows to words, or words for all rows (None: nothing to say)."""
    if details is None:
        return []
    allowed = "a mapping of headings to words by row"
    if not isinstance(details, Mapping):
        raise ParameterTypeError("details", details, allowed)
    return [{"name": str(name), **_words(f"details[{name!r}]", it, rows)} for name, it in details.items()]


def _words(parameter: str, given: Any, rows: int) -> dict[str, Any]:
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, Sequence | np.ndarray) and not isinstance(given, str | bytes):
        if len(given) != rows:
            raise ParameterError(parameter, len(given), f"words for each of the {rows} rows")
        pairs = [(row, it) for row, it in enumerate(given) if it is not None]
    else:
        raise ParameterTypeError(parameter, given, "a mapping of rows to words, or words for each row")
    for row, _ in pairs:
        if isinstance(row, bool) or not isinstance(row, int | np.integer):
            raise ParameterTypeError(parameter, row, "a row of the trace")
        if not 0 <= row < rows:
            raise ParameterError(parameter, int(row), f"a row below {rows}")
    pairs.sort(key=lambda it: int(it[0]))
    table: dict[str, int] = {}
    words = [table.setdefault(_short(str(it)), len(table)) for _, it in pairs]
    return {
        "rows": column(np.asarray([int(row) for row, _ in pairs], np.int64)),
        "words": column(np.asarray(words, np.int64)),
        "table": list(table),
        "lasting": isinstance(given, Lasting),
    }


def _short(text: str) -> str:
    over = len(text) - TEXT_LIMIT
    return text if over <= 0 else f"{text[:TEXT_LIMIT]}… ({over:,} characters more)"
