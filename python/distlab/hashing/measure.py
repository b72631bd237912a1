"""How evenly keys are spread, and which of them move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UnknownNode

__all__ = ["Load", "Movement"]


@dataclass(frozen=True, eq=False)
class Load:
    """How many keys each server holds.

    Attributes
    ----------
    nodes : list of str
        The servers.
    counts : numpy.ndarray of int64
        Keys of each.
    fair : numpy.ndarray of float64
        Keys that each would hold if the weights were met exactly.
    max_over_mean : float
        The fullest server: its keys over its fair part.
    min_over_mean : float
        The emptiest one.
    std_over_mean : float
        The standard deviation of keys over fair parts (of the whole population, not of a sample).
    p99_over_mean : float
        The 99th percentile of keys over fair parts, between servers linearly interpolated.
    efficiency : float
        1 / ``max_over_mean``: what Dynamo's paper calls load-balancing efficiency.

    Examples
    --------
    >>> import distlab as dl
    >>> ring = dl.hashing.HashRing(["A", "B"], placement="even", vnodes=1, bits=9, hash="identity")
    >>> load = ring.load(range(512))
    >>> load["A"], load["B"], load.max_over_mean
    (256, 256, 1.0)
    """

    nodes: list[str]
    counts: npt.NDArray[np.int64]
    fair: npt.NDArray[np.float64] = field(repr=False)

    @property
    def relative(self) -> npt.NDArray[np.float64]:
        """Keys of each over its fair part; nan without keys."""
        with np.errstate(invalid="ignore"):
            return self.counts / self.fair

    @property
    def max_over_mean(self) -> float:
        return float(self.relative.max())

    @property
    def min_over_mean(self) -> float:
        return float(self.relative.min())

    @property
    def std_over_mean(self) -> float:
        return float(self.relative.std())

    @property
    def p99_over_mean(self) -> float:
        return float(np.percentile(self.relative, 99))

    @property
    def efficiency(self) -> float:
        return 1 / self.max_over_mean if self.counts.any() else float("nan")

    def __getitem__(self, node: str) -> int:
        try:
            return int(self.counts[self.nodes.index(node)])
        except ValueError:
            raise UnknownNode(node, tuple(self.nodes)) from None

    def columns(self) -> dict[str, Any]:
        """One row for each server, as columns that pandas and polars take."""
        return {"node": np.array(self.nodes), "keys": self.counts, "fair": self.fair, "relative": self.relative}

    def as_dict(self) -> dict[str, int]:
        """Keys by name."""
        return dict(zip(self.nodes, self.counts.tolist(), strict=True))

    def __repr__(self) -> str:
        total = int(self.counts.sum())
        return (
            f"<Load of {total} keys on {len(self.nodes)} nodes: max/mean {self.max_over_mean:.3f}, "
            f"std/mean {self.std_over_mean:.3f}>"
        )


def load_of(nodes: list[str], counts: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> Load:
    """A load beside what would be fair."""
    return Load(nodes, counts, counts.sum() * weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Movement:
    """Which keys move from one placement to another.

    Attributes
    ----------
    keys : int
        How many keys were looked at.
    moved : int
        How many of them are on another server afterwards.
    unnecessary : int
        How many of them moved for nothing: from a server that stays, and whose part does not shrink, to one that
        was there before, and whose part does not grow.
    mask : numpy.ndarray of bool
        Which keys moved.
    nodes : list of str
        All servers of before and after.
    matrix : numpy.ndarray of int64
        ``matrix[i, j]`` keys went from ``nodes[i]`` to ``nodes[j]``; those on the diagonal stayed.
    """

    keys: int
    moved: int
    unnecessary: int
    mask: npt.NDArray[np.bool_] = field(repr=False)
    nodes: list[str] = field(repr=False)
    matrix: npt.NDArray[np.int64] = field(repr=False)

    @property
    def fraction(self) -> float:
        """The part of the keys that moved, from 0 to 1; nan without keys."""
        return self.moved / self.keys if self.keys else float("nan")

    def columns(self) -> dict[str, Any]:
        """One row for each pair of servers between which keys moved, as columns that pandas and polars take."""
        pairs = self.by_pair()
        return {
            "source": np.array([source for source, _ in pairs], np.str_),
            "target": np.array([target for _, target in pairs], np.str_),
            "keys": np.array([*pairs.values()], np.int64),
        }

    def by_pair(self) -> dict[tuple[str, str], int]:
        """How many went from whom to whom, without those who stayed."""
        rows, columns = np.nonzero(self.matrix)
        return {
            (self.nodes[i], self.nodes[j]): int(self.matrix[i, j])
            for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
            if i != j
        }

    def __repr__(self) -> str:
        return (
            f"<Movement of {self.moved} of {self.keys} keys ({self.fraction:.2%}), {self.unnecessary} of them in vain>"
        )


_Side = tuple[list[str], Sequence[float], npt.NDArray[np.int32]]


def movement(before: _Side, after: _Side) -> Movement:
    """What moves from one assignment of the same keys to another."""
    nodes = list(dict.fromkeys([*before[0], *after[0]]))
    number = {name: i for i, name in enumerate(nodes)}
    sides = [np.array([number[name] for name in side[0]], np.int32)[side[2]] for side in (before, after)]
    count = len(nodes)
    pairs = np.bincount(sides[0].astype(np.int64) * count + sides[1], minlength=count * count)
    matrix = pairs.reshape(count, count)
    share = np.zeros((2, count))
    for row, (names, weights, _) in zip(share, (before, after), strict=True):
        row[[number[name] for name in names]] = np.array(weights) / sum(weights)
    # Relative to each other: of those who are there before and after, whose weight changes?
    both = (share > 0).all(axis=0)
    was, now = (row / row[both].sum() if both.any() else row for row in share)
    gives = ~(share[1] > 0) | (both & (now < was * (1 - 1e-12)))
    takes = ~(share[0] > 0) | (both & (now > was * (1 + 1e-12)))
    stays = np.trace(matrix)
    vain = matrix[np.ix_(~gives, ~takes)].sum() - np.trace(matrix[np.ix_(~gives & ~takes, ~gives & ~takes)])
    total = int(pairs.sum())
    return Movement(
        keys=total,
        moved=total - int(stays),
        unnecessary=int(vain),
        mask=sides[0] != sides[1],
        nodes=nodes,
        matrix=matrix.astype(np.int64),
    )
