"""Merkle trees: how two replicas find the keys on which they differ without sending everything."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arguments import called, choice, text
from ..errors import ParameterError, ParameterTypeError
from ._keys import Key
from ._servers import whole
from ._values import Pairs, Value, Values, pair_columns
from .ring import HashRing, Range

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MerkleProof", "MerkleTree", "Message", "TreeDiff"]

_DEFAULT_LEAVES = 2**15
_T = TypeVar("_T", bound="MerkleTree")


class Message(NamedTuple):
    """A message of a comparison.

    Attributes
    ----------
    content : str
        ``"hashes"`` (of nodes on one level), ``"keys"`` (of the leaves that differ, with the hashes of their
        pairs) or ``"verdict"`` (which of them differ, or that nothing does).
    level : int or None
        How far the nodes are below the root; None where there are none.
    sender : str
        ``"here"`` or ``"there"``.
    hashes : int
        Hashes of nodes in it.
    keys : int
        Keys in it.
    bytes : int
        How long it is.
    """

    content: str
    level: int | None
    sender: str
    hashes: int
    keys: int
    bytes: int


@dataclass(frozen=True, eq=False, repr=False)
class TreeDiff:
    """In what two trees differ, and what it took to find out.

    True if they differ in anything.

    Attributes
    ----------
    missing_here, missing_there, different : list
        Keys that only the other tree has; that only this one has; that both have with different values.
    leaves : numpy.ndarray of uint32
        The leaves in which they are.
    depth : int
        log2 of the number of leaves.
    messages : list of Message
        Everything that was sent, in order. The replicas take turns. Whoever receives hashes answers with one bit
        for each (does it differ?) and the hashes of the two children of those that do; at the leaves with their
        keys and the hashes of their pairs; whoever receives keys answers with the verdict. Numbers take 4 bytes.
    hashes, bytes : int
        Hashes of nodes, and bytes, in all messages.
    scan_hashes, scan_bytes : int
        What a full scan sends instead: each key with the hash of its pair.
    copy_bytes : int
        What it takes to send all keys and values.
    level, index : numpy.ndarray of uint32
        Every node that was compared: how far below the root, and which one there.
    differs : numpy.ndarray of bool
        Whether its hashes differ.

    Notes
    -----
    One difference costs 1 + 2 log2 L hashes in a tree of L leaves, d differences at most 1 + 2 d log2 L, none 1.
    """

    missing_here: list[Any]
    missing_there: list[Any]
    different: list[Any]
    leaves: npt.NDArray[np.uint32]
    depth: int
    messages: list[Message]
    scan_hashes: int
    scan_bytes: int
    copy_bytes: int
    level: npt.NDArray[np.uint32]
    index: npt.NDArray[np.uint32]
    differs: npt.NDArray[np.bool_]

    @property
    def keys(self) -> list[Any]:
        """All keys that differ in one way or another."""
        return [*self.missing_here, *self.missing_there, *self.different]

    @property
    def hashes(self) -> int:
        return sum(it.hashes for it in self.messages)

    @property
    def bytes(self) -> int:
        return sum(it.bytes for it in self.messages)

    def columns(self) -> dict[str, list[Any]]:
        """The messages as columns, ready for a data frame."""
        return {name: [getattr(it, name) for it in self.messages] for name in Message._fields}

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """The nodes that were compared: see :func:`distlab.plot.merkle_descent`."""
        from ..plot._hashing import merkle_descent

        return merkle_descent(self, ax, **options)

    def __len__(self) -> int:
        return len(self.missing_here) + len(self.missing_there) + len(self.different)

    def __repr__(self) -> str:
        return (
            f"<TreeDiff of {len(self)} keys: {len(self.missing_here)} missing here, {len(self.missing_there)} missing "
            f"there, {len(self.different)} different; {self.hashes} hashes, {self.bytes} bytes in "
            f"{len(self.messages)} messages (full scan: {self.scan_hashes} hashes, {self.scan_bytes} bytes)>"
        )

    def _repr_html_(self) -> str:
        def line(row: Sequence[Any], tag: str) -> str:
            cells = ("" if it is None else html.escape(str(it)) for it in row)
            return "<tr>" + "".join(f"<{tag}>{it}</{tag}>" for it in cells) + "</tr>"

        rows = "".join(line(it, "td") for it in self.messages)
        total = line(["total", None, None, self.hashes, sum(it.keys for it in self.messages), self.bytes], "th")
        return f"<p>{html.escape(repr(self)[1:-1])}</p><table>{line(Message._fields, 'th')}{rows}{total}</table>"


@dataclass(frozen=True)
class MerkleProof:
    """Shows that a tree has a pair to someone who knows nothing but the root (Merkle's authentication path).

    Attributes
    ----------
    hash, encoding : str
        As the tree's.
    width : int
        Bytes of the hash of a pair.
    leaf : int
        The leaf, from 0 on.
    before, after : list of bytes
        The hashes of the other pairs of the leaf: of those before this one, and of those after it.
    siblings : list of bytes
        The hash of the sibling of every node on the way up, from the leaf to below the root.

    Examples
    --------
    >>> import distlab as dl
    >>> tree = dl.hashing.MerkleTree({"a": 1, "b": 2, "c": 3}, leaves=4)
    >>> proof = tree.proof("b")
    >>> proof.verify(tree.root, "b", 2), proof.verify(tree.root, "b", 3)
    (True, False)
    """

    hash: str
    encoding: str
    width: int
    leaf: int
    before: list[bytes] = field(repr=False)
    after: list[bytes] = field(repr=False)
    siblings: list[bytes] = field(repr=False)

    def verify(self, root: bytes, key: Key, value: Value) -> bool:
        """Whether the tree with that root has this pair; takes O(log n)."""
        if value is None:
            raise ParameterTypeError("value", value, "an int, float, str, bytes or uuid.UUID")
        return self._leads(root, key, value=value)

    def verify_hash(self, root: bytes, hash: bytes) -> bool:  # noqa: A002 (what it is)
        """Whether the tree with that root has a pair of this hash."""
        return self._leads(root, "", hash=_given(hash))

    def _leads(self, root: bytes, key: Key, **what: Any) -> bool:
        if not isinstance(root, bytes):
            raise ParameterTypeError("root", root, "bytes")
        kind = (self.hash, self.encoding, whole(self.width, "width", 1, 32))
        leaf = whole(self.leaf, "leaf", 0, 2**32 - 1)
        return _core.merkle_verify(kind, leaf, self.before, self.after, self.siblings, root, key, **what)

    @property
    def size_bytes(self) -> int:
        """Bytes of all its hashes."""
        return sum(map(len, [*self.before, *self.after, *self.siblings]))


class MerkleTree:
    """A binary tree of hashes over the key space of a replica (notes 2.12, definition 12.5).

    The key space is cut into L = 2^depth leaves once and for all, so the same pairs make the same tree in whatever
    order they come. A leaf is a bucket: its hash is that of its pair, or of the hashes of its pairs in the order of
    their keys. The tree keeps keys and hashes, not values; those are in the store that it describes.

    Parameters
    ----------
    pairs : mapping, iterable of pairs, or keys
        What to begin with. Of equal keys, the last counts. A key is an int, a str, bytes or a ``uuid.UUID``, a
        value also a float; text and the equal bytes are one key, an integer and its bytes are not.
    values : array or iterable, optional
        The values, if ``pairs`` are keys alone. Columns in numpy arrays are fastest.
    hash : {"sha256", "sha1", "blake3", "md5"}
        A cryptographic hash. Collisions can be made for SHA-1, and easily for MD5: for the papers' sake.
    leaves : int, optional
        A power of two up to 2^24, 2^15 by default (as Cassandra has it): two replicas need the same. With
        ``order="key"``: how many ranges to cut the given keys into, at most one a key, which is the default.
    order : {"hash", "key"}
        Whether a leaf is an equal part of a hash ring (or of a ``range`` of it), or a range of adjacent keys.
    splits : iterable of keys, optional
        With ``order="key"``: the keys at which leaves begin, after the first; empty leaves are added up to a power
        of two. By default taken from the keys given, so that leaves have equally many: give the other replica the
        same ``splits``, or make it by :meth:`like`.
    ring : HashRing, optional
        On which ring keys have their positions; by default one of 64 bits with XXH3.
    range : (int, int) or Range, optional
        The first and the last position that the tree covers, round past zero if need be; by default all. Dynamo
        keeps one tree for each range of a virtual node: see :class:`MerkleForest`.
    encoding : {"framed", "concatenated"}
        What is hashed. ``"concatenated"`` is the notes' ``H(key || value)`` and ``H(left || right)``, in which
        ("ab", "c") and ("a", "bc") are one, as are a node and a pair that spells its children. ``"framed"`` (the
        default) puts first what is hashed and how long the key is (inner nodes as in RFC 6962).

    Raises
    ------
    ParameterError, ParameterTypeError
        Leaves that are no power of two, splits that do not rise, an unknown hash, a key outside of the range, a
        value that is none of the above, ...

    Notes
    -----
    ``put`` and ``delete`` hash one bucket and log2 L nodes. Building n pairs takes O(n log n) to sort, and hashes
    each pair and each node above one once. ``diff`` takes O(d log L) for d differences.

    Sources: R. Merkle, A Digital Signature Based on a Conventional Encryption Function, CRYPTO 1987; DeCandia et
    al., Dynamo, SOSP 2007, section 4.7.

    Examples
    --------
    >>> import distlab as dl
    >>> here = dl.hashing.MerkleTree({f"key{i}": i for i in range(1000)}, leaves=256)
    >>> there = here.copy()
    >>> there.put("key7", 8)
    False
    >>> found = here.diff(there)
    >>> found.different, found.hashes, found.scan_hashes
    (['key7'], 17, 1000)
    """

    def __init__(
        self,
        pairs: Pairs | None = None,
        values: Values | None = None,
        *,
        hash: str = "sha256",  # noqa: A002 (the name that everybody uses)
        leaves: int | None = None,
        order: Literal["hash", "key"] = "hash",
        splits: Sequence[Key] | npt.NDArray[Any] | None = None,
        ring: HashRing | None = None,
        range: tuple[int, int] | Range | None = None,  # noqa: A002 (what it is)
        encoding: Literal["framed", "concatenated"] = "framed",
    ) -> None:
        for name, word in (("hash", hash), ("order", order), ("encoding", encoding)):
            text(word, name, "a name as a string")
        if pairs is None and values is not None:
            raise ParameterError("pairs", None, "the keys that belong to the values")
        columns = None if pairs is None else pair_columns(pairs, values)
        if order == "hash":
            if splits is not None:
                raise ParameterError("splits", splits, "nothing with order='hash'")
            count = _DEFAULT_LEAVES if leaves is None else whole(leaves, "leaves", 1, 2**24)
            self._native = _core.merkle_hashed(hash, encoding, count, *_range(ring, range))
        elif order == "key":
            if ring is not None or range is not None:
                raise ParameterError("range", range or ring, "nothing with order='key'")
            self._native = _core.merkle_sorted(hash, encoding, _splits(splits, leaves, columns))
        else:
            raise ParameterError("order", order, "'hash' or 'key'")
        if columns is not None:
            with _of_pairs(values):
                self._native.update(*columns)

    @classmethod
    def from_leaf_hashes(
        cls: type[_T],
        hashes: Mapping[Any, bytes | str] | Sequence[bytes | str],
        *,
        hash: str = "concatenation",  # noqa: A002
        encoding: Literal["framed", "concatenated"] | None = None,
    ) -> _T:
        """A tree over given hashes, one a leaf, in the order of their keys.

        Parameters
        ----------
        hashes : mapping of key to bytes or hexadecimal text, or sequence
            The hashes of the leaves, all equally long; of a sequence, the keys are 0, 1, ...
        hash : str
            What makes inner nodes. By default nothing does: the hash of a node is its children's side by side, as
            in figures. Otherwise the hashes have to be as long as its own.
        encoding : str, optional
            ``"framed"`` unless nothing is hashed.

        Examples
        --------
        The notes' figure 2.65:

        >>> import distlab as dl
        >>> a = dl.hashing.MerkleTree.from_leaf_hashes({"A": "1A", "B": "3B", "C": "2C", "D": "0D"})
        >>> b = dl.hashing.MerkleTree.from_leaf_hashes({"A": "1A", "B": "4B", "C": "2C", "D": "0D"})
        >>> a.root.hex(), b.root.hex(), a.diff(b).keys
        ('1a3b2c0d', '1a4b2c0d', ['B'])
        """
        text(hash, "hash", "a name as a string")
        if encoding is not None:
            choice(encoding, "encoding", ("framed", "concatenated"))
        if isinstance(hashes, Mapping):
            keys, found = list(hashes.keys()), [_given(it, f"hashes[{key!r}]") for key, it in hashes.items()]
        elif isinstance(hashes, Sequence) and not isinstance(hashes, (str, bytes, bytearray)):
            keys, found = [*_range_of(len(hashes))], [_given(it, f"hashes[{at}]") for at, it in enumerate(hashes)]
        else:
            raise ParameterTypeError("hashes", hashes, "a mapping or a sequence of hashes")
        if not found or len({len(it) for it in found}) > 1:
            raise ParameterError("hashes", hashes, "at least one hash, and all of one length")
        width = len(found[0]) if hash == "concatenation" else None
        with called("hashes", "keys"):
            splits = _core.merkle_splits(("list", keys, 0))
        if len(splits) != len(keys) - 1:
            raise ParameterError("hashes", hashes, "keys that differ")
        tree = object.__new__(cls)
        tree._native = _core.merkle_sorted("sha256" if width else hash, encoding or "framed", splits, width)
        for key, it in zip(keys, found, strict=True):
            tree._native.put_hash(key, it)
        return tree

    @classmethod
    def _of(cls: type[_T], native: _core.MerkleTree) -> _T:
        tree = object.__new__(cls)
        tree._native = native
        return tree

    def like(self: _T, pairs: Pairs | None = None, values: Values | None = None) -> _T:
        """A tree of the same kind (hash, encoding, leaves) with other pairs: for another replica."""
        tree = type(self)._of(self._native.like())
        if pairs is not None:
            tree.update(pairs, values)
        elif values is not None:
            raise ParameterError("pairs", None, "the keys that belong to the values")
        return tree

    def copy(self: _T) -> _T:
        """The same once more, to be changed without changing this one; takes O(n) when one of the two first changes."""
        return type(self)._of(self._native.copy())

    @property
    def root(self) -> bytes:
        """The hash of the root: equal if, and (but for collisions) only if, all pairs are."""
        return self.node(0, 0)

    @property
    def hash(self) -> str:
        """The name of the hash function; ``"concatenation"`` if there is none."""
        return self._native.settings()[0]

    @property
    def encoding(self) -> str:
        """``"framed"`` or ``"concatenated"``."""
        return self._native.settings()[1]

    @property
    def order(self) -> str:
        """``"hash"`` or ``"key"``."""
        return self._native.settings()[3]

    @property
    def depth(self) -> int:
        """How many levels are below the root: log2 of the leaves."""
        return self._native.settings()[4]

    @property
    def leaves(self) -> int:
        """How many leaves."""
        return 1 << self.depth

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return self._native.settings()[5]

    @property
    def range(self) -> tuple[int, int] | None:
        """The first and the last position on the ring that it covers; None if ordered by key."""
        ring = self._native.ring()
        return None if ring is None else ring[2:]

    def node(self, level: int, index: int) -> bytes:
        """The hash of a node, ``level`` below the root, there the one number ``index`` from the left."""
        level = whole(level, "level", 0, self.depth)
        found = self._native.node(level, whole(index, "index", 0, 2**level - 1))
        return b"" if found is None else found

    def leaf_of(self, key: Key) -> int:
        """The leaf that a key belongs to, there or not."""
        return self._native.leaf_of(key)

    def leaf_hash(self, leaf: int) -> bytes:
        """The hash of a leaf."""
        return self.node(self.depth, whole(leaf, "leaf", 0, self.leaves - 1))

    def leaf_range(self, leaf: int) -> tuple[Any, Any] | None:
        """What a leaf covers; None if nothing.

        The first and the last position on the ring, or the key at which it begins and the one before which it
        ends (None: there is no bound).
        """
        leaf = whole(leaf, "leaf", 0, self.leaves - 1)
        return self._native.positions(leaf) if self.order == "hash" else self._native.bounds(leaf)

    def keys(self, leaf: int | None = None) -> list[Any]:
        """The keys of a leaf, or of all leaves one after the other, each in their order."""
        if leaf is None:
            return self._native.keys(0, self.leaves)
        leaf = whole(leaf, "leaf", 0, self.leaves - 1)
        return self._native.keys(leaf, leaf + 1)

    def pair_hash(self, key: Key) -> bytes | None:
        """The hash of the pair that has this key; None if there is none."""
        return self._native.pair_hash(key)

    def put(self, key: Key, value: Value) -> bool:
        """Adds a pair, or replaces the one with this key. Hashes log2 L nodes.

        Returns
        -------
        bool
            Whether the key is new.
        """
        return self._native.put(key, value)

    def put_hash(self, key: Key, hash: bytes | str) -> bool:  # noqa: A002 (what it is)
        """The same with nothing but the hash of the pair, as bytes or hexadecimal text."""
        return self._native.put_hash(key, _given(hash))

    def update(self, pairs: Pairs, values: Values | None = None) -> None:
        """Adds or replaces many pairs, and hashes each node above them once; all of them, or none if it raises.

        Can be interrupted while pairs are read and hashed; into an empty tree, at any time.
        """
        columns = pair_columns(pairs, values)
        with _of_pairs(values):
            self._native.update(*columns)

    def delete(self, key: Key) -> None:
        """Takes a pair out. Hashes log2 L nodes.

        Raises
        ------
        MissingKey
            There is no such key (a ``KeyError``).
        """
        self._native.delete(key)

    def diff(self, other: MerkleTree) -> TreeDiff:
        """In what another replica's tree differs, and what the two have to send each other to find out.

        Raises
        ------
        TreeMismatch
            The trees differ in hash, order, range or number of leaves (a ``ValueError``).

        Examples
        --------
        >>> import distlab as dl
        >>> here = dl.hashing.MerkleTree({"a": 1, "b": 2}, leaves=16)
        >>> there = here.like({"b": 2, "c": 3})
        >>> found = here.diff(there)
        >>> found.missing_here, found.missing_there
        (['c'], ['a'])
        """
        if not isinstance(other, MerkleTree):
            raise ParameterTypeError("other", other, "a MerkleTree")
        found = self._native.diff(other._native)
        level, index, differs = found.pop("compared")
        scan_hashes, scan_bytes, copy_bytes = found.pop("scan")
        messages = [
            Message(content, at, "there" if is_answer else "here", hashes, keys, bytes_)
            for content, at, is_answer, hashes, keys, bytes_ in found.pop("messages")
        ]
        return TreeDiff(
            **found,
            depth=self.depth,
            messages=messages,
            scan_hashes=scan_hashes,
            scan_bytes=scan_bytes,
            copy_bytes=copy_bytes,
            level=level,
            index=index,
            differs=differs,
        )

    def proof(self, key: Key) -> MerkleProof:
        """Shows that the key is there with its value, by log2 L hashes and those of its leaf.

        Raises
        ------
        MissingKey
            There is no such key (a ``KeyError``).
        """
        hash_, encoding, width = self._native.settings()[:3]
        return MerkleProof(hash_, encoding, width, *self._native.proof(key))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._native)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, key: Any) -> bool:
        return self._native.pair_hash(key) is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MerkleTree):
            return NotImplemented
        return self._native == other._native

    __hash__ = None  # type: ignore[assignment]

    def __copy__(self: _T) -> _T:
        return self.copy()

    def __deepcopy__(self: _T, memo: dict[int, Any]) -> _T:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return _load, (type(self), self._native.save())

    def __repr__(self) -> str:
        kind = f"{len(self)} keys in {self.leaves} leaves by {self.order}"
        return f"<MerkleTree of {kind}: {self.hash} {self.root.hex()[:16]}>"


def _load(cls: type[_T], saved: bytes) -> _T:
    return cls._of(_core.MerkleTree.load(saved))


_range_of = range  # MerkleTree.__init__ has a parameter of that name.


@contextmanager
def _of_pairs(values: Values | None) -> Iterator[None]:
    """Where values came with their keys, what is wrong with them is wrong with the pairs."""
    with called("pairs", "keys"):
        if values is not None:
            yield
        else:
            with called("pairs", "values"):
                yield


def _given(hash_: Any, parameter: str = "hash") -> bytes:
    if isinstance(hash_, str):
        try:
            return bytes.fromhex(hash_)
        except ValueError:
            raise ParameterError(parameter, hash_, "hexadecimal digits, two a byte") from None
    if not isinstance(hash_, (bytes, bytearray)):
        raise ParameterTypeError(parameter, hash_, "bytes or hexadecimal text")
    return bytes(hash_)


def _range(ring: HashRing | None, given: tuple[int, int] | Range | None) -> tuple[str, int, int, int]:
    hash_, bits = "xxh3", 64
    if ring is not None:
        if not isinstance(ring, HashRing):
            raise ParameterTypeError("ring", ring, "a HashRing")
        if ring.placement not in ("hashed", "even", "given"):
            raise ParameterError("ring", ring, "a ring that hashes keys as they are, not another library's")
        hash_, bits = ring.hash, ring.bits
    if given is None:
        return hash_, bits, 0, 2**bits - 1
    first, last = (given.first, given.last) if isinstance(given, Range) else _two(given)
    return hash_, bits, whole(first, "range", 0, 2**bits - 1), whole(last, "range", 0, 2**bits - 1)


def _two(given: Any) -> tuple[Any, Any]:
    try:
        first, last = given
    except (TypeError, ValueError):
        raise ParameterTypeError("range", given, "a Range, or the first and the last position") from None
    return first, last


def _splits(splits: Any, leaves: int | None, columns: Any) -> list[Any]:
    if splits is None:
        keys = ("list", [], 0) if columns is None else columns[0]
        count = None if leaves is None else whole(leaves, "leaves", 1, 2**24)
        with called("pairs", "keys"):
            found = _core.merkle_splits(keys, count)
        if count is not None and len(found) + 1 < count:
            raise ParameterError("leaves", count, f"at most one a key, with order='key': {len(found) + 1}")
        return found
    if leaves is not None:
        raise ParameterError("leaves", leaves, "nothing beside splits")
    if (
        isinstance(splits, str | bytes | bytearray | Mapping)
        or not isinstance(splits, Iterable)
        or getattr(splits, "ndim", 1) != 1
    ):
        raise ParameterTypeError("splits", splits, "keys at which leaves begin")
    return splits.tolist() if isinstance(splits, np.ndarray) else list(splits)
