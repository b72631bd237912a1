"""Histories as logs of Jepsen's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .history import History

__all__: list[str] = []

_SYMBOL = re.compile(r"[A-Za-z_*!?<>=+.-][\w*!?<>=+.-]*")
_RESULT = ("read", "dequeue", "pop", "scan")


def log(history: History) -> str:
    """One map an event, in the order of the events; keys as ``[key value]``, processes as numbers."""
    column = history.columns
    begin, end = column["invoked"], column["completed"]
    rows = np.arange(len(history))
    answered = rows[~np.isnan(end)]
    time = np.concatenate([begin, end[answered]])
    row = np.concatenate([rows, answered])
    completes = np.concatenate([np.zeros(len(rows), dtype=int), np.ones(len(answered), dtype=int)])
    # At one instant, invocations come first; but an operation of no duration is invoked before it completes,
    # and a process completes before it invokes again.
    order = _keep_processes(np.lexsort((row, completes, time)), row, completes, column["process"])
    numbers: dict[Any, int] = {}
    lines = []
    for index, event in enumerate(order):
        process = numbers.setdefault(column["process"][row[event]], len(numbers))
        lines.append(_line(history, int(row[event]), bool(completes[event]), index, process, float(time[event])))
    return "".join(lines)


def _keep_processes(order: Any, row: Any, completes: Any, process: Any) -> list[int]:
    """The same order, but each process completes an operation before it invokes the next."""
    waiting: dict[Any, list[int]] = {}
    open_: dict[Any, int] = {}
    kept: list[int] = []
    for event in order.tolist():
        who, op = process[row[event]], int(row[event])
        if not completes[event] and who in open_:
            waiting.setdefault(who, []).append(event)
            continue
        kept.append(event)
        if not completes[event]:
            open_[who] = op
            continue
        open_.pop(who, None)
        for later in waiting.pop(who, []):
            kept.append(later)
            open_[who] = int(row[later])
    return kept


def _line(history: History, row: int, completed: bool, index: int, process: int, time: float) -> str:
    op = history[row]
    kind = op.status if completed else "invoke"
    if op.kind == "txn":
        known = completed and op.status == "ok"
        parts = [[f":{f}", k, v if known or f != "r" else None] for f, k, v in op.argument or ()]
        value = "[" + " ".join("[" + " ".join([p[0], edn(p[1]), edn(p[2])]) + "]" for p in parts) + "]"
    else:
        shown = op.result if completed and op.kind in _RESULT else op.argument
        value = edn(shown) if op.key is None else f"#jepsen.independent.Tuple [{edn(op.key)} {edn(shown)}]"
    when = round(time * 1e9)
    return f"{{:index {index}, :type :{kind}, :process {process}, :f :{op.kind}, :value {value}, :time {when}}}\n"


def edn(value: Any) -> str:
    """A value in EDN; a word as a symbol, other text as a string."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case int() | np.integer():
            return str(int(value))
        case str() if _SYMBOL.fullmatch(value) and value not in ("nil", "true", "false"):
            return value
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        case list() | tuple():
            return "[" + " ".join(edn(it) for it in value) + "]"
        case _:
            return edn(repr(value))
