"""The ring of consistent hashing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arguments import choice, flag, text
from ..errors import ParameterError, ParameterTypeError, UnknownNode
from ._keys import Key, Keys, column
from ._servers import Nodes, Racks, Servers, Weights, servers_of, whole
from .measure import Load, load_of
from .placement import Placement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HashRing", "Range"]

_BITS = {"ketama": 32}


@dataclass(frozen=True)
class Range:
    """Positions of a ring that belong to one server, from ``first`` round to ``last``, both included.

    Attributes
    ----------
    first, last : int
        The first and the last position; ``last < first`` where they go past zero.
    node : str
        Whose they are.
    size : int
        How many positions.
    """

    first: int
    last: int
    node: str
    size: int

    def __contains__(self, position: object) -> bool:
        if not isinstance(position, (int, np.integer)):
            return False
        at = int(position)
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or 0 <= at <= self.last


class HashRing(Placement):
    """A ring of 2^bits positions on which every server has virtual nodes.

    A key belongs to the first virtual node at its position or after it, clockwise (towards higher positions, and
    from the last to 0). Of two virtual nodes on one position, the one whose server's name comes first has it.

    Parameters
    ----------
    nodes : int, iterable of str, or mapping of str to float
        How many servers, their names, or their names with their weights.
    vnodes : int, optional
        Virtual nodes of a server of weight 1, by default ``bits`` as the notes have it (definition 9.4); a server
        of weight w has ``round(vnodes * w)``.
    bits : int, optional
        From 1 to 128, by default 64 (32 with ``hash="ketama"``).
    hash : str
        ``"xxh3"`` (the default), ``"xxh64"``, ``"md5"``, ``"sha1"``, ``"sha256"``, ``"blake3"``: the first
        ``bits`` bits of it, most significant first. ``"ketama"``: the first four bytes of MD5 as a little-endian
        number. ``"identity"``: an integer is its own position (modulo the ring), for figures.
        An MD5 ring cannot exceed about 8 million keys a second and core.
    weights : mapping or sequence, optional
        Shares of the servers, relative to each other; 1 where none is given.
    racks : mapping or sequence, optional
        Where servers stand: those of a rack fail together.
    placement : {"hashed", "even"}, optional
        Virtual node ``i`` of a server is at the hash of ``f"{name}#{i}"`` (the default), or all are as far apart
        as possible, in an order that goes through the servers with another stride each round. A server that joins
        an even ring goes where the gaps are widest.
    seed : int
        Other seeds, other positions of hashed virtual nodes; 0 (the default) leaves names as they are.
    tokens : mapping of str to sequence of int, optional
        Positions by hand, instead of ``placement`` and ``seed``. Virtual nodes of those who join later are ``vnodes``.

    Raises
    ------
    ParameterError, ParameterTypeError
        No nodes, a name twice, a weight that is not above zero, ``vnodes=0``, an unknown hash, ...

    Notes
    -----
    Building takes O(P log P) for P virtual nodes, a look-up O(1): an index of at least 4 P buckets says where to
    look. Sources: Karger et al. 1997; notes 2.9.

    Examples
    --------
    The notes' ring of 9 bits: when B leaves, C takes its range and has half of all keys.

    >>> import distlab as dl
    >>> ring = dl.hashing.HashRing(list("ABCD"), vnodes=1, bits=9, placement="even", hash="identity")
    >>> ring.lookup(100)
    'B'
    >>> ring.remove("B")
    >>> ring.lookup(100), ring.shares()
    ('C', {'A': 0.25, 'C': 0.5, 'D': 0.25})
    """

    def __init__(
        self,
        nodes: Nodes | None = None,
        vnodes: int | None = None,
        bits: int | None = None,
        hash: str = "xxh3",  # noqa: A002 (the name that everybody uses)
        weights: Weights = None,
        racks: Racks = None,
        placement: Literal["hashed", "even"] | None = None,
        seed: int = 0,
        tokens: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        text(hash, "hash", "the name of a hash function")
        seed = whole(seed, "seed", 0, 2**64 - 1)
        if placement is not None:
            choice(placement, "placement", ("hashed", "even"))
            if tokens is not None:
                raise ParameterError("placement", placement, "nothing beside tokens, which are positions by hand")
        if seed and (tokens is not None or placement == "even"):
            raise ParameterError("seed", seed, "0 where positions are not drawn: with tokens, or placement='even'")
        if nodes is None and tokens is None:
            raise ParameterError("nodes", nodes, "at least one node")
        bits = _BITS.get(hash, 64) if bits is None else whole(bits, "bits", 1, 128)
        given = None
        if tokens is not None:
            nodes = list(tokens) if nodes is None else nodes
            given = _positions(tokens, bits)
        names, weights_, racks_ = servers_of(nodes if nodes is not None else [], weights, racks)
        if given is not None:
            for name in [*given, *names]:
                if name not in given or name not in names:
                    raise UnknownNode(name, tuple(names))
        if vnodes is None:
            vnodes = max(1, *map(len, given.values())) if given else bits
        self._made(
            names,
            weights_,
            racks_,
            bits=bits,
            hash=hash,
            vnodes=whole(vnodes, "vnodes", 1, 2**24),
            placement="given" if given is not None else placement or "hashed",
            seed=seed,
            tokens=None if given is None else [given[name] for name in names],
        )

    def _made(self, *servers: Any, **settings: Any) -> None:
        self._native = _core.hash_ring(*servers, **settings)

    @classmethod
    def of_layout(cls, layout: Sequence[str], bits: int = 64, hash: str = "xxh3") -> HashRing:  # noqa: A002
        """A ring with evenly spaced virtual nodes of these servers, in this order, the first at position 0.

        Examples
        --------
        The notes' ring with two virtual nodes a server: when D leaves, B and C share its load.

        >>> import distlab as dl
        >>> ring = dl.hashing.HashRing.of_layout("BADCABCD", bits=9, hash="identity")
        >>> ring.remove("D")
        >>> ring.shares()
        {'B': 0.375, 'A': 0.25, 'C': 0.375}
        """
        bits = whole(bits, "bits", 1, 128)
        if not isinstance(layout, Sequence) or isinstance(layout, bytes | bytearray):
            raise ParameterTypeError("layout", layout, "a sequence of names")
        if not 0 < len(layout) <= 2**bits:
            raise ParameterError("layout", layout, "from 1 to 2^bits names")
        tokens: dict[str, list[int]] = {}
        for i, name in enumerate(layout):
            text(name, f"layout[{i}]", "names as strings")
            tokens.setdefault(name, []).append((i << bits) // len(layout))
        return cls(tokens=tokens, bits=bits, hash=hash)

    @classmethod
    def ketama(cls, nodes: Nodes, weights: Weights = None) -> HashRing:
        """The ring of libketama (and of what follows it, such as memcached clients), bit for bit.

        Four points of 32 bits from each MD5 of ``f"{name}-{i}"``, 160 points a server on average, more or fewer
        by weight; names are usually ``"host:port"``. Integers as keys are hashed as their decimal digits.

        Examples
        --------
        >>> import distlab as dl
        >>> ring = dl.hashing.HashRing.ketama(["10.0.1.1:11211", "10.0.1.2:11211", "10.0.1.3:11211"])
        >>> ring.lookup("foo"), ring.position("foo")
        ('10.0.1.2:11211', 3675831724)
        """
        return cls._of_others(nodes, weights, "ketama", "ketama", 32, 40)

    @classmethod
    def uhashring(
        cls, nodes: Nodes, weights: Weights = None, vnodes: int | None = None, ketama: bool = False
    ) -> HashRing:
        """The ring that ``uhashring.HashRing(nodes)`` makes (version 2.5), bit for bit.

        By default 160 points a server, each the whole MD5 of ``f"{name}-{i}"``; with ``ketama``, what it makes of
        ``hash_fn="ketama"``: as :meth:`ketama`, but a key on a virtual node's own position belongs to the next one.
        Integers as keys are hashed as their decimal digits.

        Examples
        --------
        >>> import distlab as dl
        >>> ring = dl.hashing.HashRing.uhashring(["node1", "node2", "node3"])
        >>> ring.lookup("coconut")
        'node2'
        """
        if flag(ketama, "ketama"):
            return cls._of_others(nodes, weights, "uhashring-ketama", "ketama", 32, 40 if vnodes is None else vnodes)
        return cls._of_others(nodes, weights, "uhashring", "md5", 128, 160 if vnodes is None else vnodes)

    @classmethod
    def _of_others(cls, nodes: Nodes, weights: Weights, whose: str, hash_: str, bits: int, vnodes: int) -> HashRing:
        ring = object.__new__(cls)
        servers = servers_of(nodes, weights)
        vnodes = whole(vnodes, "vnodes", 1, 2**24)
        HashRing._made(ring, *servers, bits=bits, hash=hash_, vnodes=vnodes, placement=whose, seed=0)
        return ring

    @property
    def bits(self) -> int:
        """The ring has 2^bits positions."""
        return self._native.ring_settings()[0]

    @property
    def hash(self) -> str:
        """The name of the hash function."""
        return self._native.ring_settings()[1]

    @property
    def vnodes(self) -> int:
        """Virtual nodes of a server of weight 1."""
        return self._native.ring_settings()[2]

    @property
    def placement(self) -> str:
        """``"hashed"``, ``"even"``, ``"given"``, or whose ring it reproduces."""
        return self._native.ring_settings()[3]

    @property
    def racks(self) -> dict[str, str | None]:
        """Where each server stands."""
        return dict(zip(self._native.nodes(), self._native.racks(), strict=True))

    @property
    def positions(self) -> npt.NDArray[Any]:
        """Where the virtual nodes are, in order: uint64, or Python integers on rings of more than 64 bits."""
        return self._wide(self._native.points()[0])

    @property
    def owners(self) -> npt.NDArray[np.int32]:
        """Whose they are, as places in ``nodes``, in the same order."""
        return np.array(self._native.points()[1], np.int32)

    def tokens(self, node: str) -> npt.NDArray[Any]:
        """Where the virtual nodes of one server are, in the order in which it got them."""
        return self._wide(self._native.tokens(text(node, "node", "the name of a node")))

    def position(self, key: Key) -> int:
        """Where a key is on the ring, from 0 to 2^bits - 1."""
        return self._native.position(key)

    def _wide(self, numbers: list[int]) -> npt.NDArray[Any]:
        return np.array(numbers, np.uint64 if self.bits <= 64 else object)

    def ranges(self, node: str | None = None) -> list[Range]:
        """Which positions belong to a server, or to each one, in the order of the ring.

        Ranges of one server side by side are one. A virtual node behind another one on the same position has none.
        """
        if node is not None and text(node, "node", "the name of a node") not in self:
            raise UnknownNode(node, tuple(self.nodes))
        nodes, whole_ring = self.nodes, 2**self.bits
        found = zip(*self._native.ranges(), strict=True)
        return [
            Range(first, last, nodes[owner], (last - first) % whole_ring + 1)
            for first, last, owner in found
            if node is None or nodes[owner] == node
        ]

    def shares(self) -> dict[str, float]:
        """Which part of the ring is whose; the parts add up to 1."""
        return dict(zip(self.nodes, self._native.shares().tolist(), strict=True))

    def preference_list(self, key: Key, n: int, racks: bool = True) -> list[str]:
        """The first ``n`` different servers from the key on, clockwise: who holds its ``n`` copies.

        Parameters
        ----------
        key : int, str, bytes or UUID
            Which key.
        n : int
            How many, at most as many as there are nodes.
        racks : bool
            Whether servers of a rack that has a copy wait until every rack has one (as Cassandra's
            ``NetworkTopologyStrategy`` does). Means nothing on a ring without racks.

        Examples
        --------
        >>> import distlab as dl
        >>> ring = dl.hashing.HashRing(
        ...     list("ABCD"), vnodes=1, bits=9, placement="even", hash="identity", racks=list("xxyy"))
        >>> ring.preference_list(100, 3), ring.preference_list(300, 3), ring.preference_list(300, 3, racks=False)
        (['B', 'C', 'D'], ['D', 'A', 'B'], ['D', 'A', 'B'])
        >>> ring.preference_list(400, 2), ring.preference_list(400, 2, racks=False)
        (['A', 'C'], ['A', 'B'])
        """
        return self._native.preference_list(key, self._copies(n), flag(racks, "racks"))

    def preference_lists(self, keys: Keys, n: int, racks: bool = True) -> npt.NDArray[np.int32]:
        """The same for many keys: a row of ``n`` places in ``nodes`` each; shape ``(len(keys), n)``."""
        return self._native.preference_lists(*column(keys), self._copies(n), flag(racks, "racks"))

    def _copies(self, n: int) -> int:
        return whole(n, "n", 1, len(self))

    def load(self, keys: Keys, copies: int = 1) -> Load:
        """How many of these keys each server holds, and how even that is; of several copies, all are counted."""
        if whole(copies, "copies", 1, len(self)) == 1:
            return super().load(keys)
        found = self.preference_lists(keys, copies)
        counts = np.bincount(found.ravel(), minlength=len(self)).astype(np.int64)
        return load_of(self.nodes, counts, np.array(self._native.weights()))

    def add(
        self,
        nodes: Nodes,
        weights: Weights = None,
        racks: Racks = None,
        tokens: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Lets one server join, or several at once; at positions by hand, if ``tokens`` are given.

        Raises
        ------
        ParameterError
            A name that is there already, a weight that is not above zero, no room. Nothing is changed then.
        """
        if tokens is None:
            super().add(nodes, weights, racks)
            return
        names, weights_, racks_ = servers_of(self._fresh(nodes), weights, racks)
        given = _positions(tokens, self.bits)
        for name in [*given, *names]:
            if name not in given or name not in names:
                raise UnknownNode(name, tuple(names))
        self._native.add_given(names, weights_, racks_, [given[name] for name in names])

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Whose every position is: :func:`distlab.plot.ring`."""
        from ..plot._hashing import ring

        return ring(self, ax, **options)

    @staticmethod
    def _servers(nodes: Nodes, weights: Weights, racks: Racks) -> Servers:
        return servers_of(nodes, weights, racks)

    def _about(self) -> str:
        bits, hash_, vnodes, placement = self._native.ring_settings()
        return f"{vnodes} vnodes each, {bits} bits, {hash_}, {placement}"


def _positions(tokens: Mapping[str, Sequence[int]], bits: int) -> dict[str, list[int]]:
    if not isinstance(tokens, Mapping):
        raise ParameterTypeError("tokens", tokens, "a mapping of names to positions")
    found = {}
    for name, given in tokens.items():
        text(name, "tokens", "a mapping of names to positions")
        place = f"tokens[{name!r}]"
        if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str | bytes) or np.ndim(given) != 1:
            raise ParameterTypeError(place, given, "a row of positions")
        found[name] = [whole(it, place, 0, 2**bits - 1) for it in given]
    return found
