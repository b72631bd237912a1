"""One Merkle tree for each key range of a ring, as Dynamo keeps them."""

from __future__ import annotations

import bisect
import uuid
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arguments import called, text
from ..errors import ParameterError, ParameterTypeError, TreeMismatch, UnknownNode
from ._keys import Key, column
from ._servers import whole
from ._values import Pairs, Value, Values, pair_columns
from .merkle import MerkleTree, TreeDiff, _of_pairs, _range
from .ring import HashRing, Range

__all__ = ["ForestDiff", "MerkleForest"]


@dataclass(frozen=True, eq=False, repr=False)
class ForestDiff:
    """In what two nodes differ where both hold copies, and what it took to find out.

    Attributes
    ----------
    ranges : dict of Range to TreeDiff
        The comparison of each range that both hold.
    missing_here, missing_there, different, keys : list
        As of :class:`TreeDiff`, over all ranges.
    hashes, bytes, scan_hashes, scan_bytes : int
        Sums of what the comparisons of the ranges took.
    """

    ranges: dict[Range, TreeDiff]

    def _all(self, name: str) -> list[Any]:
        return [key for diff in self.ranges.values() for key in getattr(diff, name)]

    def _sum(self, name: str) -> int:
        return sum(getattr(diff, name) for diff in self.ranges.values())

    @property
    def missing_here(self) -> list[Any]:
        return self._all("missing_here")

    @property
    def missing_there(self) -> list[Any]:
        return self._all("missing_there")

    @property
    def different(self) -> list[Any]:
        return self._all("different")

    @property
    def keys(self) -> list[Any]:
        return self._all("keys")

    @property
    def hashes(self) -> int:
        return self._sum("hashes")

    @property
    def bytes(self) -> int:
        return self._sum("bytes")

    @property
    def scan_hashes(self) -> int:
        return self._sum("scan_hashes")

    @property
    def scan_bytes(self) -> int:
        return self._sum("scan_bytes")

    def columns(self) -> dict[str, Any]:
        """One row for each range that both hold, as columns that pandas and polars take."""
        names = ("hashes", "bytes", "scan_hashes", "scan_bytes")
        numbers = {name: [getattr(diff, name) for diff in self.ranges.values()] for name in names}
        places = {"first": [it.first for it in self.ranges], "last": [it.last for it in self.ranges]}
        return places | {"keys": [len(diff) for diff in self.ranges.values()]} | numbers

    def __len__(self) -> int:
        return sum(map(len, self.ranges.values()))

    def __repr__(self) -> str:
        unlike = sum(1 for diff in self.ranges.values() if diff)
        return (
            f"<ForestDiff of {len(self)} keys in {unlike} of {len(self.ranges)} common ranges: {self.hashes} hashes, "
            f"{self.bytes} bytes (full scan: {self.scan_hashes} hashes, {self.scan_bytes} bytes)>"
        )


class MerkleForest:
    """The Merkle trees of a node of a ring: one for each key range of which it holds a copy.

    Two healthy nodes of a cluster hold different keys, so the roots of trees over all that each has never match.
    Those of a range do: Dynamo keeps "a separate Merkle tree for each key range (the set of keys covered by a
    virtual node)". (The notes, 2.12, speak of one tree over the whole local store.)

    Parameters
    ----------
    ring : HashRing
        The ring as it is now; changes made to it later are not seen.
    node : str
        Whose trees.
    pairs, values
        As of :class:`MerkleTree`: what the node has, or what everybody has together; pairs of ranges of which the
        node holds no copy are left out.
    copies : int
        On how many different nodes each key is: the preference list of its range.
    leaves : int
        Leaves of each tree, a power of two.
    hash, encoding
        As of :class:`MerkleTree`.

    Raises
    ------
    ParameterError, ParameterTypeError, UnknownNode
        As of :class:`MerkleTree`; more copies than nodes; a node that is not on the ring.

    Examples
    --------
    >>> import distlab as dl
    >>> ring = dl.hashing.HashRing(["A", "B", "C", "D"], vnodes=4)
    >>> data = {f"key{i}": i for i in range(500)}
    >>> a, b = (dl.hashing.MerkleForest(ring, node, data, copies=2) for node in "AB")
    >>> shared = next(key for key in data if key in a and key in b)
    >>> _ = b.put(shared, "newer")
    >>> a.diff(b).keys == [shared]
    True

    Forests are values, as trees are:

    >>> a.copy() == a, a == b
    (True, False)
    """

    def __init__(
        self,
        ring: HashRing,
        node: str,
        pairs: Pairs | None = None,
        values: Values | None = None,
        *,
        copies: int = 3,
        leaves: int = 256,
        hash: str = "sha256",  # noqa: A002 (the name that everybody uses)
        encoding: Literal["framed", "concatenated"] = "framed",
    ) -> None:
        if not isinstance(ring, HashRing):
            raise ParameterTypeError("ring", ring, "a HashRing")
        if text(node, "node", "the name of a node") not in ring:
            raise UnknownNode(node, tuple(ring.nodes))
        self._hash, self._bits = _range(ring, None)[:2]
        self.node = node
        self.copies = whole(copies, "copies", 1, len(ring))
        leaves = whole(leaves, "leaves", 1, 2**24)
        self._ends = np.unique(ring.positions)
        holders = _holders(ring, self._ends, self.copies)
        self._holders = [[ring.nodes[it] for it in row] for row in holders.tolist()]
        self.trees: dict[Range, MerkleTree] = {}
        self._by_index: dict[int, MerkleTree] = {}
        ends = [int(it) for it in self._ends]
        for i, last in enumerate(ends):
            if node in self._holders[i]:
                first = (ends[i - 1] + 1) % 2**ring.bits
                covers = Range(first, last, self._holders[i][0], (last - first) % 2**ring.bits + 1)
                tree = MerkleTree(leaves=leaves, ring=ring, range=covers, hash=hash, encoding=encoding)
                self.trees[covers] = self._by_index[i] = tree
        if pairs is not None:
            self.update(pairs, values)
        elif values is not None:
            raise ParameterError("pairs", None, "the keys that belong to the values")

    def update(self, pairs: Pairs, values: Values | None = None) -> None:
        """Adds or replaces many pairs; all of them, or none if it raises.

        Parameters
        ----------
        pairs, values
            As of :class:`MerkleTree`. Pairs of ranges of which the node holds no copy are left out.
        """
        keys, found = pair_columns(pairs, values)
        with _of_pairs(values):
            places = self._places(keys)
            # A column is its kind, its entries, and for numpy's text how wide they are.
            if (count := len(found[1]) // (found[2] or 1)) != len(places):
                raise ParameterError("values", count, f"one for each of {len(places)} keys")
            _known(found, np.flatnonzero(~np.isin(places, list(self._by_index))))
            order = np.argsort(places, kind="stable")
            cuts = np.searchsorted(places[order], np.arange(len(self._ends) + 1))
            changed = {}
            for i, tree in self._by_index.items():
                chosen = order[cuts[i] : cuts[i + 1]]
                if len(chosen):
                    changed[i] = tree._native.copy()
                    changed[i].update(_take(keys, chosen), _take(found, chosen))
        for i, native in changed.items():
            self._by_index[i]._native = native

    def copy(self) -> MerkleForest:
        """The same once more, to be changed without changing this one."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.trees = {it: tree.copy() for it, tree in self.trees.items()}
        made._by_index = dict(zip(self._by_index, made.trees.values(), strict=True))
        return made

    def _places(self, keys: Any) -> npt.NDArray[np.intp]:
        positions = _core.merkle_positions(self._hash, self._bits, keys)
        if self._bits > 64:
            ends = list(self._ends)
            found = np.array([bisect.bisect_left(ends, it) for it in positions], np.intp)
        else:
            found = np.searchsorted(self._ends, positions)
        return found % len(self._ends)

    def tree_of(self, key: Key) -> MerkleTree:
        """The tree of the range that a key is in.

        Raises
        ------
        ParameterError
            A key of which this node holds no copy.
        """
        with called("key", "keys[0]"):
            place = int(self._places(column([key], "key"))[0])
        if place not in self._by_index:
            raise ParameterError("key", key, f"one that {self.node!r} has; it is on {', '.join(self._holders[place])}")
        return self._by_index[place]

    def put(self, key: Key, value: Value) -> bool:
        """Adds a pair, or replaces the one with this key; whether the key is new."""
        return self.tree_of(key).put(key, value)

    def delete(self, key: Key) -> None:
        """Takes a pair out."""
        self.tree_of(key).delete(key)

    def diff(self, other: MerkleForest) -> ForestDiff:
        """In what another node differs, range by range, in those that both hold.

        Raises
        ------
        TreeMismatch
            The forests are of different rings, copies, or kinds of trees.
        """
        if not isinstance(other, MerkleForest):
            raise ParameterTypeError("other", other, "a MerkleForest")
        if self._ring() != other._ring():
            raise TreeMismatch("rings", f"{len(self._ends)} ranges", f"{len(other._ends)} others")
        return ForestDiff({it: tree.diff(other.trees[it]) for it, tree in self.trees.items() if it in other.trees})

    def common(self, other: MerkleForest) -> list[Range]:
        """The ranges of which both nodes hold copies."""
        if not isinstance(other, MerkleForest):
            raise ParameterTypeError("other", other, "a MerkleForest")
        return [it for it in self.trees if it in other.trees]

    def _ring(self) -> tuple[Any, ...]:
        return self._hash, self._bits, self._holders, self._ends.tolist()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MerkleForest):
            return NotImplemented
        same = (self.node, self.copies, self._ring()) == (other.node, other.copies, other._ring())
        return same and self.trees == other.trees

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> MerkleForest:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> MerkleForest:
        return self.copy()

    def __contains__(self, key: Any) -> bool:
        place = int(self._places(column([key], "key"))[0])
        return place in self._by_index and key in self._by_index[place]

    def __len__(self) -> int:
        return sum(map(len, self.trees.values()))

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<MerkleForest of {self.node!r}: {len(self)} keys in {len(self.trees)} of {len(self._ends)} ranges>"


def _holders(ring: HashRing, ends: npt.NDArray[Any], copies: int) -> npt.NDArray[np.int32]:
    """Who holds the copies of the range that ends at each position, as the ring says (it knows the racks)."""
    racks = {node: rack for node, rack in ring.racks.items() if rack is not None}
    tokens = {node: [int(it) for it in ring.tokens(node)] for node in ring.nodes}
    plain = HashRing(tokens=tokens, bits=ring.bits, hash="identity", racks=racks or None)
    return plain.preference_lists(ends if ring.bits <= 64 else ends.tolist(), copies)


def _known(values: tuple[str, Any, int], left_out: npt.NDArray[np.intp]) -> None:
    """Values of pairs that are left out have to be values, too."""
    if values[0] != "list":
        return
    kinds = (int, float, str, bytes, bytearray, uuid.UUID, np.number)
    for at in left_out.tolist():
        if isinstance(values[1][at], bool | np.bool_) or not isinstance(values[1][at], kinds):
            raise ParameterTypeError(f"values[{at}]", values[1][at], "an int, float, str, bytes or uuid.UUID")


def _take(given: tuple[str, Any, int], chosen: npt.NDArray[np.intp]) -> tuple[str, Any, int]:
    """These rows of a column."""
    kind, data, width = given
    if isinstance(data, list):
        return kind, [data[i] for i in chosen.tolist()], width
    rows = data.reshape(-1, width) if width else data
    return kind, np.ascontiguousarray(rows[chosen]).reshape(-1), width
