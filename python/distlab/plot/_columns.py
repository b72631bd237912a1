"""What the pictures read: the columns of a load and of a trace, and what can be told from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ParameterError, ParameterTypeError

Floats = NDArray[np.float64]

OK, FAIL, INFO = 0, 1, 2
"""The codes of a load's ``status``: answered, refused, unknown."""

NOBODY = 0xFFFF_FFFF
"""The ``peer`` of a row that is about one node only."""

UP = ("start", "recover")
"""The kinds of row after which a node is up."""


class FaultInterval(NamedTuple):
    """A fault, and how long it lasted.

    Attributes
    ----------
    start : float
        When it began, in seconds.
    end : float
        When it ended; ``start`` for something that happens at once, infinity if it never ended.
    label : str
        What it was.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.plot.FaultInterval(5.0, 8.0, "n0 crashed").end
    8.0
    """

    start: float
    end: float
    label: str


def column(source: Any, name: str, default: Any = None) -> Any:
    """A column of a mapping, or of an object whose ``columns`` are one."""
    columns = source if isinstance(source, Mapping) else getattr(source, "columns", None)
    if not isinstance(columns, Mapping):
        raise ParameterTypeError(name, source, "a mapping of columns, or an object with columns")
    found = columns.get(name, default)
    if found is None:
        raise ParameterError(name, None, f"a column {name!r}", f"there is no column {name!r}")
    return found


@dataclass(frozen=True)
class Load:
    """The operations of a load."""

    invoked: Floats
    completed: Floats
    latency: Floats
    status: NDArray[np.uint8]
    kind: NDArray[np.str_]

    @classmethod
    def of(cls, source: Any) -> Load:
        """The columns of ``source``, checked to be equally long."""
        if isinstance(source, Load):
            return source
        invoked = np.asarray(column(source, "invoked"), dtype=np.float64)
        arrays = (
            invoked,
            np.asarray(column(source, "completed"), dtype=np.float64),
            np.asarray(column(source, "latency"), dtype=np.float64),
            np.asarray(column(source, "status"), dtype=np.uint8),
            np.asarray(column(source, "kind", np.full(invoked.shape, "operation")), dtype=np.str_),
        )
        lengths = {len(it) for it in arrays}
        if len(lengths) != 1:
            raise ParameterError("load", sorted(lengths), "columns of one length")
        return cls(*arrays)

    def pick(self, chosen: NDArray[np.bool_]) -> Load:
        """Only the chosen operations."""
        return Load(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which operations succeeded and have a latency."""
        return np.asarray((self.status == OK) & np.isfinite(self.latency), dtype=np.bool_)


@dataclass(frozen=True)
class Trace:
    """The rows of a trace, with the words their codes stand for."""

    time: Floats
    kind: NDArray[np.str_]
    node: NDArray[np.int64]
    peer: NDArray[np.int64]
    id: NDArray[np.uint64]
    label: NDArray[np.str_]
    names: tuple[str, ...]

    @classmethod
    def of(cls, source: Any) -> Trace:
        """The columns of ``source`` with kinds and labels as words."""
        if isinstance(source, Trace):
            return source
        node = np.asarray(column(source, "node"), dtype=np.int64)
        seen = int(node[node != NOBODY].max(initial=-1)) + 1
        names = tuple(str(it) for it in column(source, "names", [f"n{i}" for i in range(seen)]))
        return cls(
            time=np.asarray(column(source, "time"), dtype=np.float64),
            kind=_words(column(source, "kind"), column(source, "kinds", ())),
            node=node,
            peer=np.asarray(column(source, "peer"), dtype=np.int64),
            id=np.asarray(column(source, "id"), dtype=np.uint64),
            label=_words(column(source, "label"), column(source, "labels", ())),
            names=names,
        )

    def name(self, node: int) -> str:
        """How a node is called."""
        return self.names[node] if 0 <= node < len(self.names) else f"n{node}"


def _words(codes: Any, words: Sequence[str]) -> NDArray[np.str_]:
    """The words that ``codes`` are indices of; codes that are words already stay."""
    codes = np.asarray(codes)
    if codes.dtype.kind in "UO":
        return np.asarray(codes, dtype=np.str_)
    table = np.asarray([*words, ""], dtype=np.str_)
    return np.asarray(table[np.minimum(codes.astype(np.int64), len(table) - 1)], dtype=np.str_)


#: The faults that last until the network is healed, and what heals it.
_BEGINS = ("partition", "isolate", "cut")
_ENDS = ("heal", "mend")


def fault_intervals(trace: Any, until: float = math.inf) -> list[FaultInterval]:
    """The faults in a trace: when each began and ended, and what it was.

    Parameters
    ----------
    trace : mapping or trace
        Columns ``time, kind, node, peer, id, label`` with the lists ``kinds, labels, names``.
    until : float
        The end of faults that never ended, in seconds.

    Returns
    -------
    list of FaultInterval
        Ordered by their beginning.

    Examples
    --------
    >>> import distlab as dl
    >>> rows = {"time": [1.0, 3.0], "kind": ["crash", "start"], "node": [0, 0], "peer": [0, 0],
    ...         "id": [0, 0], "label": ["", ""], "names": ["n0"]}
    >>> dl.plot.fault_intervals(rows)
    [FaultInterval(start=1.0, end=3.0, label='n0 crashed')]
    """
    rows = Trace.of(trace)
    found: list[FaultInterval] = []
    down: dict[int, float] = {}
    paused: dict[int, float] = {}
    network: list[tuple[float, str]] = []
    for i in np.flatnonzero(np.isin(rows.kind, ["crash", "pause", "resume", "fault", *UP])):
        time, kind, node, label = (
            float(rows.time[i]),
            str(rows.kind[i]),
            int(rows.node[i]),
            str(rows.label[i]),
        )
        if kind == "crash":
            down.setdefault(node, time)
        elif kind in UP and node in down:
            found.append(FaultInterval(down.pop(node), time, f"{rows.name(node)} crashed"))
        elif kind == "pause":
            paused.setdefault(node, time)
        elif kind == "resume" and node in paused:
            found.append(FaultInterval(paused.pop(node), time, f"{rows.name(node)} paused"))
        elif kind == "fault" and label.startswith(_ENDS):
            found += [FaultInterval(start, time, what) for start, what in network]
            network.clear()
        elif kind == "fault" and label.startswith(_BEGINS):
            network.append((time, label))
        elif kind == "fault":
            found.append(FaultInterval(time, time, label))
    found += [FaultInterval(start, until, f"{rows.name(node)} crashed") for node, start in down.items()]
    found += [FaultInterval(start, until, f"{rows.name(node)} paused") for node, start in paused.items()]
    found += [FaultInterval(start, until, what) for start, what in network]
    return sorted(found)


def role_changes(trace: Any, roles: Iterable[str] = ("follower", "candidate", "leader")) -> dict[str, Any]:
    """Who took which role when, from the notes, crashes and pauses of a trace.

    Parameters
    ----------
    trace : mapping or trace
        As for :func:`fault_intervals`. A note whose label is a role says that its node took the role, and the
        note's number is the term.
    roles : iterable of str
        The labels that are roles.

    Returns
    -------
    dict
        Columns ``time, node, role, term`` and the list ``names``, as :func:`timeline` takes them. The roles
        ``down`` and ``paused`` come from crashes and pauses. Nodes that never take a role, such as clients,
        are left out.

    Examples
    --------
    >>> import distlab as dl
    >>> rows = {"time": [0.2, 1.0], "kind": ["note", "crash"], "node": [0, 0], "peer": [0, 0],
    ...         "id": [1, 0], "label": ["leader", ""], "names": ["n0"]}
    >>> dl.plot.role_changes(rows)["role"].tolist()
    ['leader', 'down']
    """
    rows, known = Trace.of(trace), tuple(roles)
    times: list[float] = []
    nodes: list[int] = []
    taken: list[str] = []
    terms: list[int] = []
    last: dict[int, tuple[str, int]] = {}
    actors = np.unique(rows.node[(rows.kind == "note") & np.isin(rows.label, known)])
    changes = np.isin(rows.kind, ["note", "crash", "pause", "resume", *UP]) & np.isin(rows.node, actors)
    for i in np.flatnonzero(changes):
        kind, node, label = str(rows.kind[i]), int(rows.node[i]), str(rows.label[i])
        role, term = last.get(node, (known[0], 0))
        if kind == "note":
            if label not in known:
                continue
            role, term = last[node] = (label, int(rows.id[i]))
        elif kind in UP:
            role, term = last[node] = (known[0], term)
        elif kind in ("crash", "pause"):
            role = "down" if kind == "crash" else "paused"
        times.append(float(rows.time[i]))
        nodes.append(node)
        taken.append(role)
        terms.append(term)
    return {
        "time": np.asarray(times, dtype=np.float64),
        "node": np.asarray(nodes, dtype=np.uint32),
        "role": np.asarray(taken, dtype=np.str_),
        "term": np.asarray(terms, dtype=np.uint64),
        "names": rows.names,
    }
