"""Dynamo's three strategies to place partitions: how even the loads are, for how much metadata."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arguments import text
from ..errors import ParameterError, ParameterTypeError
from ._keys import Key, Keys, column
from ._servers import Nodes, Racks, Weights, equal_servers_of, names_of, whole
from .measure import Load, load_of
from .placement import Placement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "DYNAMO_FIGURE_8",
    "DynamoFigure",
    "EqualPartitions",
    "Transfer",
    "dynamo_efficiency",
    "dynamo_figure",
    "dynamo_loads",
    "dynamo_metadata",
]

_Floats = npt.NDArray[np.float64]

_SIZES = (60, 120, 240, 480, 960, 1920, 3840, 7680, 15360, 30720)
_STRATEGY_1 = (0.521, 0.609, 0.690, 0.759, 0.821, 0.869, 0.909, 0.930, 0.950, 0.960)
_STRATEGY_3 = (0.861, 0.869, 0.901, 0.920, 0.941, 0.960, 0.971, 0.981, 0.981, 0.990)

#: Figure 8 of the Dynamo paper: for strategies 1 and 3, the size of the metadata (S*T tokens, or Q partitions) and
#: the load-balancing efficiency published for it. Read off the vector graphic: 30 nodes, 3 copies.
DYNAMO_FIGURE_8: Mapping[int, Mapping[int, float]] = {
    1: dict(zip(_SIZES, _STRATEGY_1, strict=True)),
    3: dict(zip(_SIZES, _STRATEGY_3, strict=True)),
}


def dynamo_loads(
    strategy: int,
    nodes: int = 30,
    copies: int = 3,
    *,
    tokens: int | None = None,
    partitions: int | None = None,
    rings: int = 1,
    seed: int = 0,
) -> _Floats:
    """The part of the key space of which each node has copies, on random rings.

    Parameters
    ----------
    strategy : {1, 2, 3}
        The paper's number. 1: ``tokens`` random tokens a node, partitions between them. 2: the same tokens, but
        ``partitions`` equal partitions, each on the first nodes from its end on. 3: ``partitions`` equal partitions,
        of which every node owns as many, by lot; copies on the next other owners.
    nodes, copies : int
        The paper's S and N.
    tokens : int
        The paper's T, of a node; for strategies 1 and 2.
    partitions : int
        The paper's Q, in all; for strategies 2 and 3.
    rings : int
        How many rings to draw.
    seed : int
        Other seeds, other rings.

    Returns
    -------
    numpy.ndarray of float64, shape (rings, nodes)
        Every row adds up to ``copies``.

    Raises
    ------
    ParameterError, ParameterTypeError
        More copies than nodes, fewer partitions than nodes (strategy 3), something missing or not needed, ...

    Notes
    -----
    O(P log P) a ring of P tokens or partitions. Source: DeCandia et al., Dynamo, SOSP 2007, section 6.2.

    Examples
    --------
    >>> import distlab as dl
    >>> loads = dl.hashing.dynamo_loads(3, nodes=4, copies=2, partitions=64)
    >>> loads.shape, float(loads.sum().round(9))
    ((1, 4), 2.0)
    """
    strategy = whole(strategy, "strategy", 1, 3)
    for name, value, needed in (("tokens", tokens, strategy != 3), ("partitions", partitions, strategy != 1)):
        if needed == (value is None):
            raise ParameterError(name, value, f"{'a number' if needed else 'nothing'} with strategy {strategy}")
    return _core.dynamo_loads(
        strategy,
        whole(nodes, "nodes", 1, 2**20),
        whole(copies, "copies", 1, 2**20),
        0 if tokens is None else whole(tokens, "tokens", 1, 2**26),
        0 if partitions is None else whole(partitions, "partitions", 1, 2**26),
        whole(rings, "rings", 1, 2**26),
        whole(seed, "seed", 0, 2**64 - 1),
    )


def dynamo_efficiency(
    strategy: int,
    nodes: int = 30,
    copies: int = 3,
    *,
    tokens: int | None = None,
    partitions: int | None = None,
    rings: int = 1,
    seed: int = 0,
) -> _Floats:
    """The load-balancing efficiency, mean load over the highest one, of random rings.

    Parameters
    ----------
    strategy, nodes, copies, tokens, partitions, rings, seed
        As of :func:`dynamo_loads`.

    Returns
    -------
    numpy.ndarray of float64, shape (rings,)

    Examples
    --------
    >>> import distlab as dl
    >>> found = dl.hashing.dynamo_efficiency(1, tokens=128, rings=60)
    >>> bool(abs(found.mean() - dl.hashing.DYNAMO_FIGURE_8[1][30 * 128]) < 0.02)
    True
    """
    loads = dynamo_loads(strategy, nodes, copies, tokens=tokens, partitions=partitions, rings=rings, seed=seed)
    found: _Floats = loads.mean(axis=1) / loads.max(axis=1)
    return found


def dynamo_metadata(
    strategy: int,
    nodes: int = 30,
    *,
    tokens: int | None = None,
    partitions: int | None = None,
    token_bytes: int | None = None,
    node_bytes: int = 2,
) -> tuple[int, int]:
    """What every node has to know about the others: how many entries, and how many bytes.

    With strategies 1 and 2, where each of the S*T tokens is and whose it is. With strategy 3, whose each of the Q
    partitions is; where a partition is follows from its number.

    Parameters
    ----------
    strategy : {1, 2, 3}
        The paper's number.
    nodes : int
        The paper's S.
    tokens : int
        The paper's T, of a node; for strategies 1 and 2.
    partitions : int
        The paper's Q, at least one a node; for strategy 3. (That of strategy 2 does not have to be told.)
    token_bytes : int, optional
        What a position takes, for strategies 1 and 2; by default 16, those of an MD5.
    node_bytes : int
        What the number of a node takes.

    Raises
    ------
    ParameterError, ParameterTypeError
        Something missing, or not needed with that strategy.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.hashing.dynamo_metadata(1, tokens=100), dl.hashing.dynamo_metadata(3, partitions=3000)
    ((3000, 54000), (3000, 6000))
    """
    nodes, strategy = whole(nodes, "nodes", 1, 2**20), whole(strategy, "strategy", 1, 3)
    needless = {"tokens": tokens, "token_bytes": token_bytes} if strategy == 3 else {"partitions": partitions}
    for name, value in needless.items():
        if value is not None:
            raise ParameterError(name, value, f"nothing with strategy {strategy}")
    each = whole(node_bytes, "node_bytes", 0, 2**20)
    if strategy == 3:
        if partitions is None:
            raise ParameterError("partitions", None, "a number with strategy 3")
        total = whole(partitions, "partitions", nodes, 2**26)
        return total, total * each
    if tokens is None:
        raise ParameterError("tokens", None, f"a number with strategy {strategy}")
    total = nodes * whole(tokens, "tokens", 1, 2**26)
    return total, total * (each + (16 if token_bytes is None else whole(token_bytes, "token_bytes", 0, 2**20)))


@dataclass(frozen=True, eq=False, repr=False)
class DynamoFigure:
    """Figure 8 of the Dynamo paper, reproduced; one row a point.

    Attributes
    ----------
    strategy : numpy.ndarray of int64
        1, 2 or 3.
    metadata : numpy.ndarray of int64
        Tokens in all (S*T), or partitions (Q).
    efficiency, deviation : numpy.ndarray of float64
        Mean load over the highest: its mean over the rings, and its standard deviation.
    published : numpy.ndarray of float64
        What the paper has; nan where it is not known.
    nodes, copies, rings, seed : int
        How it was made.
    partitions : int or None
        The Q of strategy 2, if that is there.
    """

    strategy: npt.NDArray[np.int64]
    metadata: npt.NDArray[np.int64]
    efficiency: _Floats
    deviation: _Floats
    published: _Floats
    nodes: int
    copies: int
    partitions: int | None
    rings: int
    seed: int

    def columns(self) -> dict[str, Any]:
        """The columns by name, ready for a data frame."""
        return {name: getattr(self, name) for name in ("strategy", "metadata", "efficiency", "deviation", "published")}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """The figure: see :func:`distlab.plot.dynamo_efficiency`."""
        from ..plot._hashing import dynamo_efficiency as draw

        return draw(self, ax, **options)

    def __repr__(self) -> str:
        known = np.isfinite(self.published)
        off = np.abs(self.efficiency - self.published)[known].max() if known.any() else float("nan")
        return (
            f"<DynamoFigure of {len(self.strategy)} points, {self.nodes} nodes, {self.copies} copies, {self.rings} "
            f"rings each: at most {off:.3f} off what is published>"
        )

    def _repr_html_(self) -> str:
        head = "<tr><th>strategy</th><th>metadata</th><th>efficiency</th><th>deviation</th><th>published</th></tr>"
        rows = zip(*self.columns().values(), strict=True)
        lines = "".join(
            f"<tr><td>{a}</td><td>{b}</td><td>{c:.3f}</td><td>{d:.3f}</td>"
            f"<td>{'' if np.isnan(e) else f'{e:.3f}'}</td></tr>"
            for a, b, c, d, e in rows
        )
        return f"<p>{html.escape(repr(self)[1:-1])}</p><table>{head}{lines}</table>"


def dynamo_figure(
    sizes: Iterable[int] | None = None,
    strategies: Iterable[int] = (1, 2, 3),
    *,
    nodes: int = 30,
    copies: int = 3,
    partitions: int | None = None,
    rings: int = 60,
    seed: int = 0,
) -> DynamoFigure:
    """Efficiency against the size of the metadata: figure 8 of the Dynamo paper.

    Parameters
    ----------
    sizes : iterable of int, optional
        Sizes of the metadata: S*T tokens for strategies 1 and 2 (so multiples of ``nodes``), Q partitions for strategy
        3; by default 2, 4, 8, ... 1024 a node, as in the paper.
    strategies : iterable of {1, 2, 3}
        Which ones.
    nodes, copies, rings, seed
        As of :func:`dynamo_loads`.
    partitions : int, optional
        The Q of strategy 2. The paper does not say which; with 1000 (the default) it falls behind strategy 1 where
        there are more tokens than partitions, as in the paper, which recommends Q >> S*T.

    Raises
    ------
    ParameterError, ParameterTypeError
        Sizes that are no whole number of tokens a node, ``partitions`` without strategy 2, ...

    Examples
    --------
    >>> import distlab as dl
    >>> found = dl.hashing.dynamo_figure([60, 960], [1, 3], rings=20)
    >>> found.strategy.tolist(), found.published.tolist()
    ([1, 1, 3, 3], [0.521, 0.821, 0.861, 0.941])
    """
    nodes = whole(nodes, "nodes", 1, 2**20)
    chosen = [whole(it, f"strategies[{at}]", 1, 3) for at, it in enumerate(_several(strategies, "strategies"))]
    usual = [2 * nodes << doubled for doubled in range(10)]
    wanted = [whole(it, f"sizes[{at}]", nodes, 2**26) for at, it in enumerate(_several(sizes, "sizes", usual))]
    for at, size in enumerate(wanted):
        if size % nodes and chosen != [3]:
            raise ParameterError(f"sizes[{at}]", size, f"multiples of {nodes}, the nodes, for strategies 1 and 2")
    if 2 in chosen:
        partitions = 1000 if partitions is None else whole(partitions, "partitions", 1, 2**26)
    elif partitions is not None:
        raise ParameterError("partitions", partitions, "nothing without strategy 2")
    rows = []
    for strategy in chosen:
        for size in wanted:
            options: dict[str, Any] = {"rings": rings, "seed": seed}
            if strategy != 3:
                options["tokens"] = size // nodes
            if strategy != 1:
                options["partitions"] = size if strategy == 3 else partitions
            found = dynamo_efficiency(strategy, nodes, copies, **options)
            known = DYNAMO_FIGURE_8.get(strategy, {}) if (nodes, copies) == (30, 3) else {}
            rows.append((strategy, size, found.mean(), found.std(ddof=rings > 1), known.get(size, np.nan)))
    columns = [np.array(it) for it in zip(*rows, strict=True)]
    return DynamoFigure(
        strategy=columns[0],
        metadata=columns[1],
        efficiency=columns[2],
        deviation=columns[3],
        published=columns[4],
        nodes=nodes,
        copies=copies,
        partitions=partitions,
        rings=rings,
        seed=seed,
    )


def _several(given: Any, parameter: str, usual: list[int] | None = None) -> list[Any]:
    """At least one of something."""
    if given is None and usual is not None:
        return usual
    if isinstance(given, str | bytes | bytearray):
        raise ParameterTypeError(parameter, given, "several whole numbers")
    try:
        found = list(given)
    except TypeError:
        raise ParameterTypeError(parameter, given, "several whole numbers") from None
    if not found:
        raise ParameterError(parameter, given, "at least one whole number")
    return found


class Transfer(NamedTuple):
    """A partition that gets another owner.

    Attributes
    ----------
    partition : int
        Which.
    source, target : str
        Whose it was, and whose it is.
    """

    partition: int
    source: str
    target: str


class EqualPartitions(Placement):
    """Dynamo's third strategy: Q equal partitions of the hashes, of which each of S nodes owns Q/S (or one more).

    Who joins takes partitions by lot from those who have most, who leaves gives his by lot to those who have
    fewest, so everybody's part stays equal, and nothing else moves. A partition moves as a whole, with its file and
    its Merkle tree.

    Parameters
    ----------
    nodes : int, iterable of str
        How many nodes, or their names.
    partitions : int
        The paper's Q, at least one a node.
    copies : int
        The paper's N: on how many different nodes each partition is.
    hash : str
        As of :class:`HashRing`.
    seed : int
        The lot.

    Raises
    ------
    ParameterError, ParameterTypeError
        Fewer partitions than nodes, more copies than nodes, a name twice, ...

    Examples
    --------
    >>> import distlab as dl
    >>> table = dl.hashing.EqualPartitions(["A", "B", "C"], partitions=12, copies=2)
    >>> moved = table.join("D")
    >>> len(moved), {it.target for it in moved}, table.counts()
    (3, {'D'}, {'A': 3, 'B': 3, 'C': 3, 'D': 3})
    """

    _native: _core.Partitions  # type: ignore[assignment]

    def __init__(
        self,
        nodes: Nodes,
        partitions: int = 1024,
        copies: int = 3,
        hash: str = "xxh3",  # noqa: A002 (the name that everybody uses)
        seed: int = 0,
    ) -> None:
        text(hash, "hash", "the name of a hash function")
        self._native = _core.Partitions(
            equal_servers_of(nodes)[0],
            whole(partitions, "partitions", 1, 2**26),
            whole(copies, "copies", 1, 2**20),
            hash,
            whole(seed, "seed", 0, 2**64 - 1),
        )

    @property
    def partitions(self) -> int:
        """How many partitions."""
        return len(self._native.owners())

    @property
    def copies(self) -> int:
        """On how many nodes each is."""
        return self._native.settings()[1]

    @property
    def owners(self) -> npt.NDArray[np.uint32]:
        """Whose each partition is, as places in ``nodes``."""
        return self._native.owners()

    def counts(self) -> dict[str, int]:
        """How many partitions each node owns."""
        counts = np.bincount(self.owners, minlength=len(self)).tolist()
        return dict(zip(self.nodes, counts, strict=True))

    def shares(self) -> dict[str, float]:
        """The part of the key space of which each node has copies; they add up to ``copies``."""
        return dict(zip(self.nodes, self._native.loads().tolist(), strict=True))

    @property
    def efficiency(self) -> float:
        """Mean over highest of ``shares``."""
        loads = self._native.loads()
        return float(loads.mean() / loads.max())

    def partition(self, key: Key) -> int:
        """The partition of a key, from 0 on."""
        return self._native.partition(key)

    def partition_many(self, keys: Keys) -> npt.NDArray[np.int32]:
        """The partitions of many keys."""
        return self._native.partitions(*column(keys))

    def preference_list(self, key: Key, n: int | None = None) -> list[str]:
        """The first ``n`` different owners from the key's partition on; by default as many as there are copies."""
        n = self.copies if n is None else whole(n, "n", 1, len(self))
        return [self.nodes[it] for it in self._native.holders(self.partition(key), n)]

    def load(self, keys: Keys, copies: int = 1) -> Load:
        """How many of these keys each node owns; of several copies, all are counted."""
        copies = whole(copies, "copies", 1, len(self))
        if copies == 1:
            return super().load(keys)
        each = np.bincount(self.partition_many(keys), minlength=self.partitions)
        counts = np.zeros(len(self), np.int64)
        for partition in np.flatnonzero(each).tolist():
            counts[self._native.holders(partition, copies)] += each[partition]
        return load_of(self.nodes, counts, np.ones(len(self)))

    def join(self, node: str) -> list[Transfer]:
        """Lets a node join; which partitions move.

        Raises
        ------
        ParameterError
            A name that is there, or as many nodes as partitions. Nothing is changed then.
        """
        return _transfers(self._native.join(_name(node)))

    def leave(self, node: str) -> list[Transfer]:
        """Lets a node leave; which partitions move.

        Raises
        ------
        UnknownNode
            A name that is not there (a ``KeyError``).
        ParameterError
            There would be fewer nodes than copies. Nothing is changed then.
        """
        return _transfers(self._native.leave(_name(node)))

    def add(self, nodes: Nodes, weights: Weights = None, racks: Racks = None) -> None:
        changed = self._native.copy()
        for name in equal_servers_of(self._fresh(nodes), weights, racks)[0]:
            changed.join(name)
        self._native = changed

    def remove(self, nodes: Nodes) -> None:
        changed = self._native.copy()
        for name in names_of(self._fresh(nodes)):
            changed.leave(name)
        self._native = changed

    def reweight(self, node: str, weight: float) -> None:
        """Is refused: all parts are equal."""
        raise ParameterError("weight", weight, "no weights: all parts are equal")

    def __reduce__(self) -> tuple[Any, ...]:
        return _load, (type(self), self._native.save())

    def _about(self) -> str:
        return f"{self.partitions} partitions, {self.copies} copies"


def _load(cls: type[EqualPartitions], saved: bytes) -> EqualPartitions:
    made = object.__new__(cls)
    made._native = _core.Partitions.load(saved)
    return made


def _name(node: Any) -> str:
    return text(node, "node", "the name of a node")


def _transfers(moves: tuple[list[int], list[str], list[str]]) -> list[Transfer]:
    return [Transfer(*it) for it in zip(*moves, strict=True)]
