"""All placements side by side."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._arguments import choice
from ..errors import ParameterError, ParameterTypeError
from ._keys import Keys, kept
from ._servers import Nodes, names_of, whole
from .alternatives import BY_NAME, AlphabeticalRanges
from .placement import Placement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "compare"]

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What placements cost and how well they do; one row a placement.

    Attributes
    ----------
    scheme : list of str
        The placements.
    nodes, keys : int
        How many servers and keys they were tried with.
    max_over_mean, std_over_mean, p99_over_mean : numpy.ndarray of float64
        Balance: see :class:`Load`.
    join_moved, leave_moved : numpy.ndarray of float64
        The part of the keys that moves when one server joins, or when the one in the middle of the list leaves.
    join_ideal, leave_ideal : numpy.ndarray of float64
        The part that has to: 1/(n+1), and what the one who leaves had.
    join_unnecessary, leave_unnecessary : numpy.ndarray of float64
        The part that moves between servers that were there before and are after.
    lookup_ns : numpy.ndarray of float64
        Processor time of one look-up among many, in nanoseconds.
    size_bytes : numpy.ndarray of int64
        What they take in memory, names included.
    """

    scheme: list[str]
    nodes: int
    keys: int
    max_over_mean: _Floats
    std_over_mean: _Floats
    p99_over_mean: _Floats
    join_moved: _Floats
    join_ideal: _Floats
    join_unnecessary: _Floats
    leave_moved: _Floats
    leave_ideal: _Floats
    leave_unnecessary: _Floats
    lookup_ns: _Floats
    size_bytes: npt.NDArray[np.int64]

    def columns(self) -> dict[str, Any]:
        """The columns by name, ready for ``pandas.DataFrame`` or ``polars.DataFrame``."""
        names = [it.name for it in fields(self) if it.name not in ("nodes", "keys")]
        return {name: getattr(self, name) for name in names}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Balance, movement, cost and memory side by side: :func:`distlab.plot.comparison`."""
        from ..plot._hashing import comparison

        return comparison(self, ax, **options)

    def row(self, scheme: str) -> dict[str, float]:
        """What there is about one placement."""
        choice(scheme, "scheme", self.scheme)
        at = self.scheme.index(scheme)
        return {name: column[at].item() for name, column in self.columns().items() if name != "scheme"}

    def _cells(self) -> list[list[str]]:
        head = ["scheme", "max/mean", "std/mean", "p99/mean", "join moved", "in vain", "leave moved", "in vain"]
        rows = [[*head, "ns", "bytes"]]
        for i, scheme in enumerate(self.scheme):
            balance = [f"{it[i]:.3f}" for it in (self.max_over_mean, self.std_over_mean, self.p99_over_mean)]
            parts = (self.join_moved, self.join_unnecessary, self.leave_moved, self.leave_unnecessary)
            moves = [f"{it[i]:.2%}" for it in parts]
            rows.append([scheme, *balance, *moves, f"{self.lookup_ns[i]:.1f}", f"{self.size_bytes[i]}"])
        return rows

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.scheme)} placements: {self.nodes} nodes, {self.keys} keys>"

    def __str__(self) -> str:
        rows = self._cells()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        def line(row: list[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(it)}</{tag}>" for it in row) + "</tr>"

        head, *rows = self._cells()
        return f"<table>{line(head, 'th')}{''.join(line(it, 'td') for it in rows)}</table>"


def compare(
    nodes: Nodes | None = None,
    keys: int | Keys = 100_000,
    schemes: Iterable[str] | Mapping[str, Placement] | None = None,
    seed: int | None = None,
    repeats: int = 3,
) -> Comparison:
    """Tries placements with the same servers and keys.

    Parameters
    ----------
    nodes : int, iterable of str
        The servers; by default ten. Not beside placements of one's own.
    keys : int, or array or iterable of keys
        The keys, or how many random integers.
    schemes : iterable of str, or mapping of str to Placement, optional
        Which ones: ``"ring"`` (a hundred virtual nodes a server), ``"bounded"``, ``"multi-probe"``,
        ``"rendezvous"``, ``"maglev"``, ``"jump"``, ``"random-table"``, ``"ranges"`` (cut by every tenth of the
        keys), ``"modulo"``; by default all. Or placements of one's own by name, which are left as they are.
    seed : int, optional
        What random keys are drawn by, 0 by default; not beside keys of one's own.
    repeats : int
        How often look-ups are timed; the shortest time counts.

    Returns
    -------
    Comparison
        One row a placement. All but ``lookup_ns`` is the same each time.

    Examples
    --------
    >>> import distlab as dl
    >>> found = dl.hashing.compare(10, 20_000, ["ring", "jump", "modulo"])
    >>> found.join_unnecessary[:2].tolist(), bool(found.join_moved[2] > 0.85)
    ([0.0, 0.0], True)
    """
    repeats = whole(repeats, "repeats", 1, 1000)
    tried = _tried(keys, seed)
    if isinstance(nodes, Mapping):
        raise ParameterTypeError("nodes", nodes, "names, or how many; for weights give placements as schemes")
    if nodes is not None and isinstance(schemes, Mapping):
        raise ParameterError("nodes", nodes, "nothing beside placements of one's own, which have theirs")
    placements = _placements(names_of(10 if nodes is None else nodes), tried, schemes)
    rows = [_measure(it, tried, repeats) for it in placements.values()]
    columns: dict[str, Any] = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    servers = {len(it) for it in placements.values()}
    return Comparison(list(placements), max(servers), len(tried), **columns)


def _tried(keys: Any, seed: int | None) -> Any:
    """The keys that placements are tried with: given ones, or random integers."""
    if isinstance(keys, int | np.integer) and not isinstance(keys, bool):
        count = whole(keys, "keys", 1, 2**31 - 1)
        drawn = np.random.default_rng(whole(0 if seed is None else seed, "seed", 0, 2**64 - 1))
        return drawn.integers(0, 2**64, count, np.uint64)
    if seed is not None:
        raise ParameterError("seed", seed, "nothing beside keys of one's own")
    given = kept(keys)
    if not len(given):
        raise ParameterError("keys", keys, "at least one key")
    return given


def _placements(
    nodes: list[str], keys: npt.NDArray[Any] | Sequence[Any], schemes: Iterable[str] | Mapping[str, Placement] | None
) -> dict[str, Placement]:
    if isinstance(schemes, Mapping):
        for name, scheme in schemes.items():
            if not isinstance(scheme, Placement):
                raise ParameterTypeError(f"schemes[{name!r}]", scheme, "a placement")
        found = dict(schemes)
    else:
        found = {}
        wanted = BY_NAME if schemes is None else [schemes] if isinstance(schemes, str) else schemes
        if not isinstance(wanted, Iterable) or isinstance(wanted, bytes | np.ndarray):
            raise ParameterTypeError("schemes", schemes, "names of placements, or placements by name")
        for name in wanted:
            choice(name, "schemes", tuple(BY_NAME))
            options: dict[str, Any] = {"vnodes": 100} if name in ("ring", "bounded") else {}
            if BY_NAME[name] is AlphabeticalRanges:
                options = {"sample": keys[:: 10 if len(keys) > 100 * len(nodes) else 1]}
            make: Any = BY_NAME[name]
            found[name] = make(nodes, **options)
    if not found:
        raise ParameterError("schemes", schemes, "at least one placement")
    return found


def _measure(scheme: Placement, keys: Any, repeats: int) -> dict[str, float]:
    shortest = float("inf")
    for _ in range(repeats):
        start = time.process_time_ns()
        scheme.lookup_many(keys)
        shortest = min(shortest, time.process_time_ns() - start)
    load = scheme.load(keys)
    joined, left = scheme.copy(), scheme.copy()
    joined.add(next(name for i in range(len(scheme) + 1) if (name := f"new{i}") not in scheme))
    join = scheme.moved(joined, keys)
    row = {
        "max_over_mean": load.max_over_mean,
        "std_over_mean": load.std_over_mean,
        "p99_over_mean": load.p99_over_mean,
        "join_moved": join.fraction,
        "join_ideal": joined.weights[joined.nodes[-1]] / sum(joined.weights.values()),
        "join_unnecessary": join.unnecessary / join.keys,
        "leave_moved": float("nan"),
        "leave_ideal": float("nan"),
        "leave_unnecessary": float("nan"),
        "lookup_ns": shortest / len(keys),
        "size_bytes": scheme.size_bytes,
    }
    if len(scheme) > 1:
        leaver = scheme.nodes[len(scheme) // 2]
        left.remove(leaver)
        leave = scheme.moved(left, keys)
        row["leave_moved"] = leave.fraction
        row["leave_ideal"] = load[leaver] / leave.keys
        row["leave_unnecessary"] = leave.unnecessary / leave.keys
    return row
