"""Histories: what was asked and what was answered, and whether that is consistent."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core, units
from .errors import HistoryError
from .records import Latency, table

if TYPE_CHECKING:
    from .verdict import Classification, Verdict

__all__ = ["History", "Operation"]

STATUS = ("ok", "fail", "info")
"""The words for the codes of a ``status`` column."""

COLUMNS = ("process", "kind", "key", "argument", "result", "status", "invoked", "completed")
"""The columns of a history."""

ACCESSES = {"r": 0, "w": 1, "append": 2}


class Operation(NamedTuple):
    """One operation of a history.

    Of a transaction, ``argument`` is the list of its accesses: ``("r", key, value)``, ``("w", key, value)``,
    ``("append", key, value)``.
    """

    process: str
    kind: str
    key: Any = None
    argument: Any = None
    result: Any = None
    status: str = "ok"
    invoked: float = 0.0
    completed: float = float("nan")


class History:
    """What was asked and what was answered, as columns.

    Every cluster keeps one; others come from operations (:meth:`from_ops`), columns or data frames
    (:meth:`from_columns`), transactions in flat arrays (:meth:`from_transactions`), Jepsen's EDN
    (:meth:`from_edn`), JSON lines (:meth:`from_jsonl`), call and return events (:meth:`from_events`), or the
    notation of the notes' figures (:meth:`parse`).

    An operation is ``ok`` (it took effect), ``fail`` (it did not, and never will) or ``info`` (nobody knows: it may
    take effect at any later time, or never). A process has one operation at a time; after an ``info`` its client
    goes on as a new process.

    Attributes
    ----------
    columns : dict of str to numpy array or list
        ``process`` (names: ``"alice"``, or ``"alice/1"`` for a second operation open at the same time), ``kind,
        key, argument, result`` (lists), ``status`` (0 ok, 1 fail, 2 info), ``invoked, completed, latency``
        (seconds; nan where there is no answer). pandas and polars take it as it is.
    initial : object
        What registers hold before the first write. A read of None always means the initial value.
    spec : str, class or None
        What the objects are, where that is known: :meth:`check` asks for that if it is told nothing else. That of a
        cluster is what its state machine does, or the class of a machine of one's own.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=1)
    >>> _ = raft.run_until(raft.client("alice").put("x", 1))
    >>> [(op.process, op.kind, op.key, op.argument, op.status) for op in raft.history]
    [('alice', 'write', 'x', 1, 'ok')]
    >>> raft.history.check("linearizable").ok
    True
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        initial: Any = None,
        spec: str | type | None = None,
        questions: NDArray[np.bool_] | None = None,
    ) -> None:
        self._columns: dict[str, Any] | None = dict(columns)
        self._native: _core.History | None = None
        self._questions = questions  # to a state machine, rather than commands: which rows are
        self.initial = initial
        self.spec = spec

    @classmethod
    def _wrap(
        cls, native: _core.History, spec: str | type | None = None, questions: NDArray[np.bool_] | None = None
    ) -> History:
        """Around a history of the core."""
        history = cls.__new__(cls)
        history._columns, history._native, history.initial = None, native, native.initial
        history.spec, history._questions = spec, questions
        return history

    @classmethod
    def _of(
        cls, raw: Mapping[str, Any], chosen: NDArray[np.bool_] | None = None, spec: str | type | None = None
    ) -> History:
        """From the columns of a cluster."""
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
        kinds = [raw["kinds"][code] for code in raw["kind"][keep].tolist()]
        for row, kind in enumerate(kinds):
            # What a transaction was asked for gives way to what it did, once that is known.
            if kind == "txn" and not isinstance(spec, type):
                done = pick["result"][row]
                pick["argument"][row] = [tuple(it) for it in (pick["argument"][row] if done is None else done)]
                pick["result"][row] = None
        return cls(
            {
                "process": names,
                "kind": kinds,
                **pick,
                "status": status,
                "invoked": invoked,
                "completed": completed,
            },
            spec=spec,
            questions=raw["reads"][keep] if raw["reads"].any() else None,
        )

    # --- ways in ------------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str) -> History:
        """A history from the notation of the notes' figures: one line a client.

        ``W(x,1)`` or ``Wx1`` writes, ``R(x,1)`` or ``Rx1`` reads, ``[R(x,0) W(y,1)]`` is a transaction, ``L(m)``
        and ``U(m)`` lock and unlock, any other kind is written as ``kind(key, argument)=result``. ``@[0,3]`` gives
        the interval; without it, the i-th operation of a line takes ``[2i, 2i+1]``, or begins one after the
        operation before it if that is later. ``?`` after an operation: nobody knows whether it took effect; ``!``:
        it failed. Lines may also be separated by ``|``. Registers begin as 0.

        Raises
        ------
        HistoryError
            If the text is no history; it names line and column.

        Examples
        --------
        >>> import distlab as dl
        >>> h = dl.History.parse('''C1: W(x,1)@[0,3] W(x,2)@[5,8]
        ...                         C2: R(x,2)@[4,7]''')
        >>> len(h), h.check("linearizable").ok
        (3, True)
        """
        if not isinstance(text, str):
            raise HistoryError("text", text, "text in the notation of the figures")
        return cls._wrap(_core.History.parse(text))

    @classmethod
    def from_ops(cls, ops: Iterable[Any], initial: Any = None) -> History:
        """A history from operations: :class:`Operation` objects, tuples in its order, or dicts with its fields.

        Left out: the status (``ok``), the times (the operations follow one another), the completion (none: the
        operation never completed; None and nan mean the same).

        Parameters
        ----------
        ops : iterable
            The operations.
        initial : object
            What registers hold before the first write.

        Raises
        ------
        HistoryError
            If a row is no operation or the history is not well formed; it names the row.

        Examples
        --------
        >>> import distlab as dl
        >>> h = dl.History.from_ops([
        ...     {"process": "a", "kind": "write", "key": "x", "argument": 1, "invoked": 0, "completed": 2},
        ...     ("b", "read", "x", None, 1, "ok", 1, 3)])
        >>> h.check().ok
        True
        """
        rows = [_row(op, number) for number, op in enumerate(ops)]
        return cls._from_rows(rows, initial)

    @classmethod
    def _from_rows(cls, rows: Sequence[Mapping[str, Any]], initial: Any) -> History:
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in COLUMNS}
        columns["status"] = np.array(columns["status"], dtype=np.uint8)
        columns["invoked"] = np.array(columns["invoked"], dtype=np.float64)
        ends = [np.nan if end is None else end for end in columns["completed"]]
        columns["completed"] = np.array(ends, dtype=np.float64)
        return cls(columns, initial)._checked()

    @classmethod
    def from_columns(cls, columns: Any, initial: Any = None) -> History:
        """A history from columns: a mapping of arrays or lists, or a pandas or polars data frame.

        Parameters
        ----------
        columns
            ``process, kind, invoked, completed`` and, where there are any, ``key, argument, result``; ``status``
            (codes or words) if not all are ok. Integer arrays cross without becoming objects: a million operations
            take a fraction of a second. Of plain reads and writes in such arrays, what a read was given and what
            a write returned is not looked at. A read's value may also stand in the column ``value``, as a write's.
        initial : object
            What registers hold before the first write.

        Raises
        ------
        HistoryError
            If a column is missing, too short, or of no use, or the history is not well formed.

        Examples
        --------
        >>> import distlab as dl, numpy as np
        >>> h = dl.History.from_columns({"process": np.array([0, 1]), "kind": ["write", "read"],
        ...     "key": np.array([7, 7]), "value": np.array([1, 1]),
        ...     "invoked": np.array([0, 1]), "completed": np.array([3, 4])})
        >>> h.check().ok
        True
        """
        names = list(columns.keys() if isinstance(columns, Mapping) else columns.columns)
        given = {str(name): _array(columns[name]) for name in names}
        for name in ("process", "kind", "invoked", "completed"):
            if name not in given:
                raise HistoryError(
                    "columns", names, "the columns process, kind, invoked, completed", f"no column {name}"
                )
        length = len(given["process"])
        value = given.get("value")
        full: dict[str, Any] = {
            "process": given["process"],
            "kind": _strings(given["kind"]),
            "key": given.get("key"),
            "argument": given.get("argument", value),
            "result": given.get("result", value),
            "status": _statuses(given.get("status"), length),
            **_times(given["invoked"], given["completed"]),
        }
        for name, column in full.items():
            if column is not None and len(column) != length:
                raise HistoryError(name, len(column), f"as many rows as process has: {length}")
        return cls(full, initial)._checked()

    @classmethod
    def from_transactions(cls, *, initial: Any = None, **columns: Any) -> History:
        """A history of transactions from flat arrays, for very many of them.

        Parameters
        ----------
        process, status, invoked, completed : array, one row a transaction
            ``status``: 0 ok, 1 fail, 2 info.
        starts : array of int
            Where each transaction's accesses begin, and at the end their number.
        function, key, value : array of int, one row an access
            ``function``: 0 read, 1 write, 2 append, 3 read a list (``value`` is its number), 4 read null,
            5 read with unknown result.
        list_starts, elements : array of int
            Where each list begins in ``elements``, and at the end their number.

        Examples
        --------
        >>> import distlab as dl, numpy as np
        >>> a = np.array
        >>> h = dl.History.from_transactions(
        ...     process=a([0, 1]), status=a([0, 0]), invoked=a([0, 1]), completed=a([2, 3]), starts=a([0, 1, 2]),
        ...     function=a([2, 3]), key=a([5, 5]), value=a([1, 0]), list_starts=a([0, 1]), elements=a([1]))
        >>> h.check("serializable").ok
        True
        """
        empty = np.zeros(1, dtype=np.int64)
        given = {"list_starts": empty, "elements": empty[:0], **{name: _array(it) for name, it in columns.items()}}
        length = len(given.get("process", ()))
        given["status"] = _statuses(given.get("status"), length)
        if "invoked" not in given or "completed" not in given:
            raise HistoryError("columns", sorted(columns), "process, status, invoked, completed, starts, function, ...")
        given.update(_times(given["invoked"], given["completed"]))
        return cls._wrap(_core.History.from_transactions(given, initial))

    @classmethod
    def from_edn(cls, source: str | Path) -> History:
        """A history from a log of Jepsen, Knossos or Elle: a path, or the text itself.

        Raises
        ------
        HistoryError
            If the text is no such log; it names line and column.

        Examples
        --------
        >>> import distlab as dl
        >>> h = dl.History.from_edn("{:process 0, :type :invoke, :f :write, :value 1} "
        ...                         "{:process 0, :type :ok, :f :write, :value 1}")
        >>> h[0].kind, h[0].argument
        ('write', 1)
        """
        return cls._wrap(_core.History.from_edn(_text(source, "{[(;#:")))

    @classmethod
    def from_events(cls, events: Iterable[Any], initial: Any = None) -> History:
        """A history from calls and returns in their order, as Porcupine takes them.

        Parameters
        ----------
        events : iterable of tuple
            ``("call", id, process, kind, key, argument)`` and ``("return", id, result)``; a return may have a
            status as a fourth item. A call without a return never completed.
        initial : object
            What registers hold before the first write.

        Examples
        --------
        >>> import distlab as dl
        >>> h = dl.History.from_events([("call", 1, "a", "write", "x", 5), ("call", 2, "b", "read", "x", None),
        ...                             ("return", 2, 5), ("return", 1, None)])
        >>> h.check().ok
        True
        """
        rows: list[dict[str, Any]] = []
        of: dict[Any, dict[str, Any]] = {}
        for place, event in enumerate(events):
            shape = "('call', id, process, kind, key, argument) or ('return', id, result)"
            match tuple(event) if isinstance(event, Sequence) else event:
                case ("call", id_, process, kind, key, argument) if id_ not in of:
                    of[id_] = _row((process, kind, key, argument, None, "info", place, None), len(rows))
                    rows.append(of[id_])
                case ("return", id_, result, *status) if id_ in of and len(status) <= 1:
                    row = of.pop(id_)
                    row.update(result=result, status=_status((*status, "ok")[0], f"event {place}"), completed=place)
                case ("call", id_, *_) if id_ in of:
                    raise HistoryError(f"event {place}", event, "an id that is not open")
                case ("return", id_, *_):
                    raise HistoryError(f"event {place}", event, "the id of a call that is open")
                case _:
                    raise HistoryError(f"event {place}", event, shape)
        return cls._from_rows(rows, initial)

    @classmethod
    def from_jsonl(cls, source: str | Path, initial: Any = None) -> History:
        """A history from JSON lines, as :meth:`to_jsonl` writes them: a path, or the text itself.

        Raises
        ------
        HistoryError
            If a line is not such an object; it names line and column.
        """
        text = _text(source, "{")
        rows = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                rows.append(_row(_json(line, number), f"line {number}"))
        return cls._from_rows(rows, initial)

    # --- ways out -----------------------------------------------------------------------------------------

    @property
    def columns(self) -> dict[str, Any]:
        """The columns; see the class."""
        if self._columns is None:
            assert self._native is not None
            self._columns = self._native.columns()
            accesses = self._columns.pop("accesses", None)
            if accesses is not None:
                given = self._columns["argument"]
                self._columns["argument"] = [a if b is None else b for a, b in zip(given, accesses, strict=True)]
        if "latency" not in self._columns:
            self._columns["latency"] = self._columns["completed"] - self._columns["invoked"]
        return self._columns

    @property
    def native(self) -> _core.History:
        """The history as the core has it."""
        if self._native is None:
            columns = dict(self._columns or {})
            if any(kind in ("txn", "T", "transaction") for kind in columns["kind"]):
                columns["accesses"] = [
                    result if isinstance(result, list | tuple) else argument or ()
                    for argument, result in zip(columns["argument"], columns["result"], strict=True)
                ]
            self._native = _core.History.from_columns(columns, self.initial, isinstance(self.spec, type))
        return self._native

    def _read_by(self, spec: Any) -> History:
        """The same for a checker by this specification: a state machine's class takes every word for what it is."""
        if isinstance(spec, type) == isinstance(self.spec, type):
            return self
        return History(self.columns, self.initial, spec if isinstance(spec, type) else None, self._questions)

    def _checked(self) -> History:
        _ = self.native
        return self

    def __len__(self) -> int:
        return len(self._native) if self._native is not None else len(self.columns["invoked"])

    def __getitem__(self, index: int) -> Operation:
        column = self.columns

        def cell(name: str) -> Any:
            values = column[name]
            return None if values is None else _plain(values[index])

        return Operation(
            str(cell("process")),
            column["kind"][index],
            cell("key"),
            column["argument"][index] if column["argument"] is not None else None,
            cell("result"),
            STATUS[column["status"][index]],
            float(column["invoked"][index]),
            float(column["completed"][index]),
        )

    def __iter__(self) -> Iterator[Operation]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and repr(list(self)) == repr(list(other)) and self.initial == other.initial

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        columns = {name: self.columns[name] for name in COLUMNS}
        return History, (columns, self.initial, _importable(self.spec), self._questions)

    @property
    def latency(self) -> Latency:
        """How long the operations took."""
        return Latency(self.columns["latency"], self.columns)

    def counts(self) -> dict[str, int]:
        """How many operations ended how."""
        found = np.bincount(self.columns["status"], minlength=3)
        return dict(zip(STATUS, found.tolist(), strict=True))

    def describe(self, row: int) -> str:
        """An operation in a few words.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.History.parse("C1: W(x,1)").describe(0)
        'write(x, 1)'
        """
        if (text := self.native.describe(row)) is None:
            raise HistoryError("row", row, f"a row below {len(self)}")
        return text

    def select(self, rows: Iterable[int]) -> History:
        """Some of the operations, as a history of their own."""
        return self._part([int(row) for row in rows])

    def _part(self, rows: list[int], native: _core.History | None = None) -> History:
        """Some of the rows, as the core has them."""
        questions = None if self._questions is None else self._questions[rows]
        return History._wrap(native or self.native.select(rows), self.spec, questions)

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
        return _written(out.getvalue(), path)

    def to_edn(self, path: str | Path | None = None) -> str | None:
        """The history as a log of Jepsen's: invocations and completions in their order, for other checkers.

        Parameters
        ----------
        path : str or Path, optional
            Where to write; None returns the text.

        Examples
        --------
        >>> import distlab as dl
        >>> print(dl.History.parse("C1: enqueue(nil,1)").to_edn(), end="")
        {:index 0, :type :invoke, :process 0, :f :enqueue, :value 1, :time 0}
        {:index 1, :type :ok, :process 0, :f :enqueue, :value 1, :time 1000000000}
        """
        from .edn import log

        return _written(log(self), path)

    # --- judging ------------------------------------------------------------------------------------------

    def check(self, model: str = "linearizable", spec: Any = None, **options: Any) -> Verdict:
        """Whether the history is what a model asks for: :func:`distlab.check`."""
        from .verdict import check

        return check(self, model, spec, **options)

    def classify(self, spec: Any = None, **options: Any) -> Classification:
        """Which models of the ladder hold and which do not: :func:`distlab.classify`."""
        from .verdict import classify

        return classify(self, spec, **options)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Latencies over time: :func:`distlab.plot.latency_series`; :meth:`intervals` draws the operations."""
        from .plot import latency_series

        return latency_series(self.columns, ax, **options)

    def intervals(self, ax: Any = None, **options: Any) -> Any:
        """The operations as bars, a lane a process: :func:`distlab.plot.history_intervals`."""
        from .plot import history_intervals

        return history_intervals(self, ax, **options)

    def __repr__(self) -> str:
        counted = ", ".join(f"{count} {name}" for name, count in self.counts().items())
        return f"<History of {len(self)} operations: {counted}>"

    def _repr_html_(self) -> str:
        rows = [[*op[:6], f"{op.invoked:.6g}", f"{op.completed:.6g}"] for op, _ in zip(self, range(20), strict=False)]
        more = f"<p>... and {len(self) - 20} more</p>" if len(self) > 20 else ""
        return table(Operation._fields, rows, repr(self)) + more


# --- rows and columns -------------------------------------------------------------------------------------


def _row(op: Any, number: int | str) -> dict[str, Any]:
    """An operation as a dict with every field, the status as its code."""
    place = f"row {number}" if isinstance(number, int) else number
    allowed = "an Operation, a tuple, or a dict with " + ", ".join(COLUMNS)
    if isinstance(op, Mapping):
        given = dict(op)
    elif isinstance(op, Sequence) and not isinstance(op, str) and 2 <= len(op) <= len(COLUMNS):
        given = dict(zip(COLUMNS, op, strict=False))
    else:
        raise HistoryError(place, op, allowed)
    if unknown := [name for name in given if name not in COLUMNS and name not in ("value", "latency")]:
        raise HistoryError(place, unknown[0], "the fields " + ", ".join(COLUMNS))
    if "kind" not in given or not isinstance(given["kind"], str):
        raise HistoryError(f"{place}: kind", given.get("kind"), 'a string like "read"')
    if "value" in given:
        given.setdefault("result" if given["kind"] in ("read", "r") else "argument", given["value"])
    timed = "invoked" in given
    order = number if isinstance(number, int) else 0
    row = {
        "process": str(given.get("process", 0)),
        "kind": given["kind"],
        "key": given.get("key"),
        "argument": given.get("argument"),
        "result": given.get("result"),
        "status": _status(given.get("status", "ok"), place),
        "invoked": given["invoked"] if timed else float(order),
        "completed": given.get("completed") if timed else order + 0.5,
    }
    for name in ("invoked", "completed"):
        if not isinstance(row[name], int | float | np.number) and not (name == "completed" and row[name] is None):
            raise HistoryError(f"{place}: {name}", row[name], "a time as a number")
    if row["completed"] is None or np.isnan(row["completed"]):
        row["status"] = 2
    return row


def _importable(spec: str | type | None) -> str | type | None:
    """A specification, unless it is a class that another process could not find."""
    try:
        pickle.dumps(spec)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    return spec


def _plain(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _status(word: Any, place: str) -> int:
    if isinstance(word, str) and word in STATUS:
        return STATUS.index(word)
    if isinstance(word, int | np.integer) and 0 <= word < len(STATUS):
        return int(word)
    raise HistoryError(f"{place}: status", word, " or ".join(STATUS))


def _array(column: Any) -> Any:
    """A column of a data frame as an array; lists stay lists."""
    if isinstance(column, list | tuple):
        return list(column)
    array = column.to_numpy() if hasattr(column, "to_numpy") else column
    return np.ascontiguousarray(array) if isinstance(array, np.ndarray) and array.dtype != object else array


def _strings(column: Any) -> Any:
    return column.tolist() if isinstance(column, np.ndarray) else column


def _statuses(column: Any, length: int) -> NDArray[np.uint8]:
    if column is None:
        return np.zeros(length, dtype=np.uint8)
    array = np.asarray(column)
    if array.dtype.kind in "iu" and (not len(array) or (array.min() >= 0 and array.max() < len(STATUS))):
        return array.astype(np.uint8)
    return np.array([_status(word, f"row {i}") for i, word in enumerate(array.tolist())], dtype=np.uint8)


def _times(invoked: Any, completed: Any) -> dict[str, Any]:
    begin, end = np.asarray(invoked), np.asarray(completed)
    if begin.dtype.kind in "iu" and end.dtype.kind in "iu":
        return {"invoked": begin.astype(np.int64), "completed": end.astype(np.int64)}
    try:
        return {"invoked": begin.astype(np.float64), "completed": end.astype(np.float64)}
    except (TypeError, ValueError):
        raise HistoryError("invoked, completed", (begin.dtype, end.dtype), "times as numbers") from None


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


# --- text -------------------------------------------------------------------------------------------------


def _text(source: str | Path, beginnings: str) -> str:
    """The text itself, or what is in the file of that name."""
    is_text = isinstance(source, str) and (not source.strip() or source.lstrip()[0] in beginnings)
    return str(source) if is_text else Path(source).read_text(encoding="utf-8")


def _written(text: str, path: str | Path | None) -> str | None:
    if path is None:
        return text
    Path(path).write_text(text, encoding="utf-8")
    return None


def _json(line: str, number: int) -> Mapping[str, Any]:
    allowed = "a JSON object with " + ", ".join(COLUMNS)
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        problem = f"no JSON: {error.msg}"
        raise HistoryError(f"line {number}, column {error.colno}", line, allowed, problem) from None
    if not isinstance(row, dict):
        raise HistoryError(f"line {number}, column 1", line, allowed)
    return row
