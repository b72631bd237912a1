"""What a run leaves behind: its trace and its history, as columns."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import units
from ._core import nanoseconds
from .errors import ParameterError

__all__ = ["History", "Latency", "Operation", "Trace"]

STATUS = ("ok", "fail", "info")
"""The words for the codes of a ``status`` column."""


class Latency:
    """How long operations took, in seconds; nan for those without an answer.

    Examples
    --------
    >>> import distlab as dl, numpy as np
    >>> latency = dl.Latency(np.array([0.1, 0.2, 0.4, np.nan]))
    >>> float(latency.quantile(0.5)), len(latency)
    (0.2, 4)
    """

    def __init__(self, values: NDArray[np.float64], columns: Mapping[str, Any] | None = None) -> None:
        self.values = values
        self._columns = columns

    def quantile(self, q: Any) -> Any:
        """Quantiles of what was answered, in seconds; nan if nothing was."""
        answered = self.values[~np.isnan(self.values)]
        return np.quantile(answered, q) if len(answered) else np.full(np.shape(q), np.nan)[()]

    def mean(self) -> float:
        """The mean of what was answered, in seconds; nan if nothing was."""
        answered = self.values[~np.isnan(self.values)]
        return float(answered.mean()) if len(answered) else float("nan")

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The fraction answered within a time: :func:`distlab.plot.latency_cdf`."""
        from .plot import latency_cdf

        n = len(self.values)
        plain = {"invoked": np.zeros(n), "completed": self.values, "latency": self.values, "status": np.zeros(n)}
        return latency_cdf(plain if self._columns is None else self._columns, ax, **options)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        p50, p99 = self.quantile([0.5, 0.99])
        answered = int(np.count_nonzero(~np.isnan(self.values)))
        return f"<Latency of {answered} of {len(self)}: p50 {p50 * 1e3:.3g} ms, p99 {p99 * 1e3:.3g} ms>"


class Operation(NamedTuple):
    """One operation of a history."""

    process: str
    kind: str
    key: Any
    argument: Any
    result: Any
    status: str
    invoked: float
    completed: float


class History:
    """What was asked of a cluster and what it answered, as columns.

    Attributes
    ----------
    columns : dict of str to numpy array or list
        ``process`` (names: ``"alice"``, or ``"alice/1"`` for a second operation open at the same time; no two
        operations of a process overlap), ``kind, key, argument, result`` (lists), ``status`` (0 ok, 1 fail,
        2 info: nobody knows), ``invoked, completed, latency`` (seconds; nan where there is no answer).

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=1)
    >>> _ = raft.run_until(raft.client("alice").put("x", 1))
    >>> [(op.process, op.kind, op.key, op.argument, op.status) for op in raft.history]
    [('alice', 'write', 'x', 1, 'ok')]
    """

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.columns = dict(columns)

    @classmethod
    def _of(cls, raw: Mapping[str, Any], chosen: NDArray[np.bool_] | None = None) -> History:
        """From the columns of the native module."""
        keep = np.arange(len(raw["called_ns"])) if chosen is None else np.flatnonzero(chosen)
        nodes, lanes = raw["node"][keep], raw["process"][keep]
        status = raw["outcome"][keep].astype(np.uint8)
        answered = raw["replied_ns"][keep] >= 0
        invoked = raw["called_ns"][keep] / units.SECOND
        completed = np.where(answered, raw["replied_ns"][keep] / units.SECOND, np.nan)
        numbered = _lane_numbers(nodes, lanes)
        names = [
            raw["nodes"][node] if lane == 0 else f"{raw['nodes'][node]}/{lane}"
            for node, lane in zip(nodes.tolist(), numbered, strict=True)
        ]
        pick = {name: [raw[name][i] for i in keep.tolist()] for name in ("key", "argument", "result")}
        return cls(
            {
                "process": names,
                "kind": [raw["kinds"][code] for code in raw["kind"][keep].tolist()],
                **pick,
                "status": status,
                "invoked": invoked,
                "completed": completed,
                "latency": completed - invoked,
            }
        )

    def __len__(self) -> int:
        return len(self.columns["invoked"])

    def __getitem__(self, index: int) -> Operation:
        column = self.columns
        return Operation(
            column["process"][index],
            column["kind"][index],
            column["key"][index],
            column["argument"][index],
            column["result"][index],
            STATUS[column["status"][index]],
            float(column["invoked"][index]),
            float(column["completed"][index]),
        )

    def __iter__(self) -> Iterator[Operation]:
        return (self[i] for i in range(len(self)))

    @property
    def latency(self) -> Latency:
        """How long the operations took."""
        return Latency(self.columns["latency"], self.columns)

    def counts(self) -> dict[str, int]:
        """How many operations ended how."""
        found = np.bincount(self.columns["status"], minlength=3)
        return dict(zip(STATUS, found.tolist(), strict=True))

    def to_jsonl(self, path: str | Path | None = None) -> str | None:
        """One JSON object a line: the fields of :class:`Operation`; ``completed`` is null without an answer.

        Parameters
        ----------
        path : str or Path, optional
            Where to write; None returns the text.
        """
        out = io.StringIO()
        for op in self:
            row = op._asdict()
            row["completed"] = None if np.isnan(op.completed) else op.completed
            out.write(json.dumps(units.json_like(row), ensure_ascii=False) + "\n")
        if path is None:
            return out.getvalue()
        Path(path).write_text(out.getvalue(), encoding="utf-8")
        return None

    @classmethod
    def from_jsonl(cls, source: str | Path) -> History:
        """A history from what :meth:`to_jsonl` wrote: a path, or the text itself.

        Raises
        ------
        ParameterError
            If a line is not such an object; it names the line.
        """
        is_text = isinstance(source, str) and (not source.strip() or source.lstrip().startswith("{"))
        text = str(source) if is_text else Path(source).read_text(encoding="utf-8")
        rows = [_read_row(line, i) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
        column = {name: [row[name] for row in rows] for name in Operation._fields}
        invoked = np.array(column["invoked"], dtype=np.float64)
        completed = np.array([np.nan if it is None else it for it in column["completed"]], dtype=np.float64)
        status = np.array([STATUS.index(it) for it in column["status"]], dtype=np.uint8)
        times = {"status": status, "invoked": invoked, "completed": completed, "latency": completed - invoked}
        return cls({**column, **times})

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Latencies over time: :func:`distlab.plot.latency_series`."""
        from .plot import latency_series

        return latency_series(self.columns, ax, **options)

    def __repr__(self) -> str:
        return f"<History of {len(self)} operations: {_counted(self.counts())}>"

    def _repr_html_(self) -> str:
        rows = [[*op[:6], f"{op.invoked:.6f}", f"{op.completed:.6f}"] for op, _ in zip(self, range(20), strict=False)]
        more = f"<p>... and {len(self) - 20} more</p>" if len(self) > 20 else ""
        return table(Operation._fields, rows, repr(self)) + more


def _lane_numbers(nodes: NDArray[Any], lanes: NDArray[Any]) -> list[int]:
    """For each operation, which of its node's processes it belongs to, counted from 0."""
    if not len(nodes):
        return []
    first: dict[int, int] = {}
    order = np.unique(np.stack([nodes.astype(np.int64), lanes.astype(np.int64)]), axis=1)
    numbers: dict[tuple[int, int], int] = {}
    for node, lane in order.T.tolist():
        numbers[node, lane] = first.get(node, 0)
        first[node] = numbers[node, lane] + 1
    return [numbers[key] for key in zip(nodes.tolist(), lanes.tolist(), strict=True)]


def _read_row(line: str, number: int) -> dict[str, Any]:
    allowed = "a JSON object with " + ", ".join(Operation._fields)
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ParameterError(f"line {number}", line, allowed, f"no JSON: {error}") from None
    if not isinstance(row, dict) or any(name not in row for name in Operation._fields):
        raise ParameterError(f"line {number}", line, allowed)
    if row["status"] not in STATUS:
        raise ParameterError(f"line {number}: status", row["status"], " or ".join(STATUS))
    return row


class Trace:
    """What happened, as columns.

    Attributes
    ----------
    columns : dict
        ``time`` (seconds), ``kind`` (codes into ``kinds``), ``node`` and ``peer`` (indexes into ``names``;
        0xffffffff: none), ``id`` (equal in a send and its delivery; of a note its number), ``cause`` (the id of
        the input whose handling caused the row; 0: none), ``label`` (codes into ``labels``), and the lists
        ``kinds, labels, names``.
    dropped : int
        How many older rows the ring has let go.
    """

    def __init__(self, columns: Mapping[str, Any], dropped: int = 0) -> None:
        self.columns = dict(columns)
        self.dropped = dropped

    @classmethod
    def _of(cls, raw: Mapping[str, Any]) -> Trace:
        """From the columns of the native module."""
        columns = {
            "time": raw["time_ns"] / units.SECOND,
            "kind": raw["kind"],
            "node": raw["node"].astype(np.uint32),
            "peer": raw["peer"].astype(np.uint32),
            "id": raw["id"],
            "cause": raw["cause"],
            "label": raw["label"],
            "kinds": raw["kinds"],
            "labels": raw["labels"],
            "names": raw["nodes"],
        }
        return cls(columns, raw["dropped"])

    def __len__(self) -> int:
        return len(self.columns["time"])

    def rows(self, kind: str | None = None, label: str | None = None) -> list[dict[str, Any]]:
        """The rows as dictionaries with words for codes, optionally only those of a kind or label."""
        column, found = self.columns, []
        for i in range(len(self)):
            row = {name: column[name][i].item() for name in ("time", "id", "cause")}
            row["kind"] = column["kinds"][column["kind"][i]]
            row["label"] = column["labels"][column["label"][i]]
            row["node"], row["peer"] = (self._name(int(column[name][i])) for name in ("node", "peer"))
            if kind in (None, row["kind"]) and label in (None, row["label"]):
                found.append(row)
        return found

    def _name(self, node: int) -> str | None:
        names = self.columns["names"]
        return str(names[node]) if node < len(names) else None

    def to_jsonl(self, path: str | Path | None = None) -> str | None:
        """One JSON object a line; ``path=None`` returns the text."""
        text = "".join(json.dumps(row) + "\n" for row in self.rows())
        if path is None:
            return text
        Path(path).write_text(text, encoding="utf-8")
        return None

    def plot(self, window: tuple[units.Duration, units.Duration] | None = None, ax: Any = None, **options: Any) -> Any:
        """A space-time diagram of a window: :func:`distlab.plot.spacetime`."""
        from .plot import spacetime

        bounds = None
        if window is not None:
            begin, end = (units.seconds(nanoseconds(it, "window")) for it in window)
            bounds = (begin, end)
        return spacetime(self.columns, bounds, ax, **options)

    def __repr__(self) -> str:
        dropped = f", {self.dropped} older ones dropped" if self.dropped else ""
        return f"<Trace of {len(self)} rows{dropped}>"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def table(head: Any, rows: Any, caption: str = "") -> str:
    """An HTML table."""
    cells = "".join(f"<th>{html.escape(str(it))}</th>" for it in head)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(str(it))}</td>" for it in row) + "</tr>" for row in rows)
    return f"<table><caption>{html.escape(caption)}</caption><tr>{cells}</tr>{lines}</table>"
