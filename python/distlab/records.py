"""What a run leaves behind: its trace and its latencies, as columns."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import units
from ._core import nanoseconds

__all__ = ["Latency", "Trace"]


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

    def to_shiviz(self, path: str | Path | None = None) -> str | None:
        """A log for ShiViz, with vector stamps: :func:`distlab.exports.shiviz`; ``path=None`` returns the text."""
        from .exports import shiviz

        return shiviz(self, path)

    def to_perfetto(self, path: str | Path | None = None) -> str | None:
        """Trace events for Perfetto: :func:`distlab.exports.perfetto`; ``path=None`` returns the text."""
        from .exports import perfetto

        return perfetto(self, path)

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
