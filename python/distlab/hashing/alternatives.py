"""What else places keys on servers, with the same operations as the ring."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .._arguments import called, choice, text
from ..errors import ParameterError
from ._keys import Key, Keys, column
from ._servers import (
    Nodes,
    Racks,
    Servers,
    Weights,
    equal_servers_of,
    number,
    rackless_servers_of,
    whole,
)
from .measure import Load, load_of
from .placement import Placement
from .ring import HashRing

__all__ = [
    "AlphabeticalRanges",
    "BoundedLoadRing",
    "Jump",
    "Maglev",
    "Modulo",
    "MultiProbe",
    "RandomTable",
    "Rendezvous",
]


def _other(kind: str, servers: Servers, hash_: str, seed: int = 0, size: int = 0) -> _core.Placement:
    text(hash_, "hash", "the name of a hash function")
    names, weights, _ = servers
    return _core.other_placement(kind, names, weights, hash=hash_, seed=whole(seed, "seed", 0, 2**64 - 1), size=size)


class _Weighted(Placement):
    """Servers may have weights."""

    @staticmethod
    def _servers(nodes: Nodes, weights: Weights, racks: Racks) -> Servers:
        return rackless_servers_of(nodes, weights, racks)


class Modulo(Placement):
    """The hash of the key modulo the number of servers.

    Balanced and without any table, but whoever joins or leaves moves nearly all keys: n/(n+1) of them when the
    (n+1)th server joins, where 1/(n+1) would do. Who leaves from within the list renumbers those behind.

    Parameters
    ----------
    nodes : int, iterable of str
        The servers, in the order of the remainders.
    hash : str
        As for :class:`HashRing`; ``"identity"`` for integers that are hashes already.

    Examples
    --------
    The notes' 16 shards on four servers, of which one goes down (figure 2.49): four shards should move, ten do.

    >>> import distlab as dl
    >>> before = dl.hashing.Modulo(4, hash="identity")
    >>> after = dl.hashing.Modulo(3, hash="identity")
    >>> before.moved(after, range(16))
    <Movement of 10 of 16 keys (62.50%), 6 of them in vain>
    >>> [shard for shard, moves in enumerate(before.moved(after, range(16)).mask) if not moves]
    [0, 1, 2, 12, 13, 14]
    """

    def __init__(self, nodes: Nodes, hash: str = "xxh3") -> None:  # noqa: A002
        self._native = _other("modulo", equal_servers_of(nodes), hash)


class Jump(Placement):
    """Jump consistent hash (Lamping and Veach 2014): even without any table, and nothing moves without need.

    But servers are only numbers: they can leave from the end of the list alone. So when one leaves from within,
    the last one takes its place, and about 2/n of the keys move instead of 1/n.

    Parameters
    ----------
    nodes : int, iterable of str
        The servers; the numbers of the paper's buckets are places in this list.
    hash : str
        As for :class:`HashRing`. With ``"identity"``, integers are the paper's keys themselves: bit for bit what
        its C++ gives.

    Notes
    -----
    A look-up takes O(ln n) divisions.

    Examples
    --------
    >>> import distlab as dl
    >>> int(dl.hashing.Jump(100_001, hash="identity").lookup_many([2201])[0])
    22152
    """

    def __init__(self, nodes: Nodes, hash: str = "xxh3") -> None:  # noqa: A002
        self._native = _other("jump", equal_servers_of(nodes), hash)


class Rendezvous(_Weighted):
    """Rendezvous hashing (Thaler and Ravishankar 1998): every server draws a number for the key, the highest wins.

    No table and no virtual nodes; weights are met exactly, and nothing moves without need. But a look-up takes
    O(n): each server has to draw.

    Parameters
    ----------
    nodes : int, iterable of str, or mapping of str to float
        The servers.
    weights : mapping or sequence, optional
        Their shares, relative to each other.
    hash : str
        As for :class:`HashRing`.
    seed : int
        Other seeds, other numbers.

    Examples
    --------
    >>> import distlab as dl
    >>> scheme = dl.hashing.Rendezvous({"small": 1, "large": 3})
    >>> 0.74 < scheme.load(range(100_000))["large"] / 100_000 < 0.76
    True
    """

    def __init__(self, nodes: Nodes, weights: Weights = None, hash: str = "xxh3", seed: int = 0) -> None:  # noqa: A002
        self._native = _other("rendezvous", rackless_servers_of(nodes, weights), hash, seed)


class Maglev(_Weighted):
    """Maglev hashing (Eisenbud et al. 2016): a table that the servers fill in turn, each in an order of its own.

    Without weights, the numbers of entries differ by one at most. Whoever joins or leaves moves a little more
    than needed.

    Parameters
    ----------
    nodes : int, iterable of str, or mapping of str to float
        The servers.
    size : int
        Entries of the table: a prime, at least a hundred times the number of servers for 1 % of imbalance.
    weights : mapping or sequence, optional
        Their shares, relative to each other.
    hash : str
        As for :class:`HashRing`.
    seed : int
        Other seeds, other orders.

    Examples
    --------
    >>> import distlab as dl, numpy as np
    >>> maglev = dl.hashing.Maglev(3, size=7)
    >>> sorted(np.bincount(maglev.table).tolist())
    [2, 2, 3]
    """

    def __init__(
        self,
        nodes: Nodes,
        size: int = 65_537,
        weights: Weights = None,
        hash: str = "xxh3",  # noqa: A002
        seed: int = 0,
    ) -> None:
        servers = rackless_servers_of(nodes, weights)
        self._native = _other("maglev", servers, hash, seed, whole(size, "size", 2, 2**26))

    @property
    def table(self) -> npt.NDArray[np.int32]:
        """The server of each entry, as a place in ``nodes``."""
        return self._native.table()


class MultiProbe(Placement):
    """Multi-probe consistent hashing (Appleton and O'Reilly 2015): one point a server, several probes a key.

    A key belongs to the server that is the closest ahead of any of its probes. Nothing moves without need.

    Parameters
    ----------
    nodes : int, iterable of str
        The servers.
    probes : int
        From 1 to 1024; with 21 (the default) the fullest server has about 1.05 times its part.
    hash : str
        As for :class:`HashRing`.
    seed : int
        Other seeds, other points.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.hashing.MultiProbe(10).load(range(100_000)).max_over_mean < dl.hashing.HashRing(
    ...     10, vnodes=1).load(range(100_000)).max_over_mean
    True
    """

    def __init__(self, nodes: Nodes, probes: int = 21, hash: str = "xxh3", seed: int = 0) -> None:  # noqa: A002
        servers = equal_servers_of(nodes)
        self._native = _other("multi-probe", servers, hash, seed, whole(probes, "probes", 1, 1024))


class RandomTable(_Weighted):
    """Shards that are given to servers by lot: balanced, but there is a table to be kept and asked.

    Who joins gets shards by lot from all, who leaves gives them to all by lot; nothing else moves. So what is
    where depends on who came and went when.

    Parameters
    ----------
    nodes : int, iterable of str, or mapping of str to float
        The servers.
    shards : int
        How many; a key is in the shard of its hash modulo this number.
    weights : mapping or sequence, optional
        Their shares, relative to each other.
    hash : str
        As for :class:`HashRing`.
    seed : int
        What the lots are drawn by.

    Examples
    --------
    >>> import distlab as dl
    >>> before = dl.hashing.RandomTable(4)
    >>> after = before.copy()
    >>> after.remove("n1")
    >>> before.moved(after, range(1000)).unnecessary
    0
    """

    def __init__(
        self,
        nodes: Nodes,
        shards: int = 65_536,
        weights: Weights = None,
        hash: str = "xxh3",  # noqa: A002
        seed: int = 0,
    ) -> None:
        servers = rackless_servers_of(nodes, weights)
        self._native = _other("random-table", servers, hash, seed, whole(shards, "shards", 1, 2**26))

    @property
    def table(self) -> npt.NDArray[np.int32]:
        """The server of each shard, as a place in ``nodes``."""
        return self._native.table()


class AlphabeticalRanges(Placement):
    """Ranges of keys in their order: neighbours stay together, and so does everything that begins alike.

    Text and bytes are ordered by their bytes, integers by their value; each of the two is cut into one range a
    server. Who joins gets the upper half of the fullest range, as the sample has it; the range of one who leaves
    goes to its neighbour below.

    Parameters
    ----------
    nodes : int, iterable of str
        The servers, from the lowest range to the highest.
    boundaries : iterable of keys, optional
        Where the second range begins, the third, ...; all text or all integers.
    sample : array or iterable of keys, optional
        Instead of boundaries: cut so that each range has as many of these. Without both, text is cut evenly
        between a and z, integers up to 2^64.

    Examples
    --------
    >>> import distlab as dl
    >>> ranges = dl.hashing.AlphabeticalRanges(["A-M", "N-Z"])
    >>> ranges.lookup("apple"), ranges.lookup("zebra"), ranges.boundaries()
    ('A-M', 'N-Z', [b'n'])
    """

    def __init__(self, nodes: Nodes, boundaries: Keys | None = None, sample: Keys | None = None) -> None:
        if boundaries is not None and sample is not None:
            raise ParameterError("sample", sample, "nothing beside boundaries")
        names, weights, _ = equal_servers_of(nodes)
        by, given = ("sample", [] if sample is None else sample) if boundaries is None else ("boundaries", boundaries)
        keys = column(given, by)
        with called(by, "keys"), called(by, "boundaries"):
            self._native = _core.alphabet(names, weights, by, *keys)

    def boundaries(self, of: str = "text") -> list[Any]:
        """Where the ranges but the first begin: of ``"text"`` as bytes, or of ``"integers"``."""
        choice(of, "of", ("text", "integers"))
        found = self._native.boundaries()
        return list(found[0] if of == "text" else found[2])

    def range_owners(self, of: str = "text") -> list[str]:
        """Whose the ranges are, the first one included."""
        choice(of, "of", ("text", "integers"))
        found = self._native.boundaries()
        return [self.nodes[it] for it in (found[1] if of == "text" else found[3])]


class BoundedLoadRing(_Weighted):
    """A ring whose servers have room for little more than their part (Mirrokni, Thorup, Zadimoghaddam 2018).

    A key goes on round the ring until it finds a server that is not full. Of K keys, no server of weight w ever
    has more than ``ceil((1 + epsilon) * K * w / W)``, W the sum of weights.

    ``place`` and ``release`` keep the books: when a key is released and the room shrinks, servers that are too
    full send keys on; when servers join or leave, all keys are placed again in the order in which they came.
    ``lookup`` says where a key is, or where it would go. ``lookup_many``, ``load`` and ``moved`` ask another
    question: where these keys would go all together, in their order, onto a ring without others.

    Parameters
    ----------
    nodes : int, iterable of str, or mapping of str to float
        The servers.
    epsilon : float
        How much more than its part a server has room for, above 0.
    vnodes, bits, hash, weights, seed
        As for :class:`HashRing`.

    Examples
    --------
    >>> import distlab as dl
    >>> ring = dl.hashing.BoundedLoadRing(list("ABCD"), epsilon=0.25)
    >>> _ = ring.place_many(range(100))
    >>> ring.loads.counts.max() <= 32, ring.room["A"]
    (np.True_, 32)
    """

    def __init__(
        self,
        nodes: Nodes,
        epsilon: float = 0.25,
        vnodes: int | None = None,
        bits: int = 64,
        hash: str = "xxh3",  # noqa: A002
        weights: Weights = None,
        seed: int = 0,
    ) -> None:
        text(hash, "hash", "the name of a hash function")
        names, weights_, racks = rackless_servers_of(nodes, weights)
        bits = whole(bits, "bits", 1, 128)
        self._native = _core.hash_ring(
            names,
            weights_,
            racks,
            bits=bits,
            hash=hash,
            vnodes=bits if vnodes is None else whole(vnodes, "vnodes", 1, 2**24),
            placement="hashed",
            seed=whole(seed, "seed", 0, 2**64 - 1),
            epsilon=number(epsilon, "epsilon"),
        )

    @property
    def epsilon(self) -> float:
        """How much more than its part a server has room for."""
        return self._native.bounds(None)[2]

    def place(self, key: Key) -> str:
        """Gives a key to a server and says to which; one that has a server already stays there."""
        return self._native.place(key)

    def place_many(self, keys: Keys) -> npt.NDArray[np.int32]:
        """Gives keys to servers one after the other, all or (where one of them is none) not any.

        The room grows with every key. So the first ones may go further than :meth:`lookup_many` says, which
        knows from the start how many there will be.
        """
        return self._native.place_many(*column(keys))

    def release(self, key: Key) -> int:
        """Takes a key away, and says how many others moved because there is less room now.

        Raises
        ------
        ParameterError
            A key that was not placed.
        """
        return self._native.release(key)

    @property
    def loads(self) -> Load:
        """How many keys each server holds."""
        return load_of(self.nodes, self._native.bounds(None)[0], np.array(self._native.weights()))

    @property
    def room(self) -> dict[str, int]:
        """How many keys each server may hold now."""
        return dict(zip(self.nodes, self._native.bounds(None)[1].tolist(), strict=True))

    def room_of(self, keys: int) -> dict[str, int]:
        """How many keys each server may hold of so many in all."""
        found = self._native.bounds(whole(keys, "keys", 0, 2**53))[1]
        return dict(zip(self.nodes, found.tolist(), strict=True))

    def _about(self) -> str:
        loads, _, epsilon = self._native.bounds(None)
        return f"{int(loads.sum())} keys, epsilon {epsilon:g}"


BY_NAME: dict[str, type[Placement]] = {
    "ring": HashRing,
    "bounded": BoundedLoadRing,
    "multi-probe": MultiProbe,
    "rendezvous": Rendezvous,
    "maglev": Maglev,
    "jump": Jump,
    "random-table": RandomTable,
    "ranges": AlphabeticalRanges,
    "modulo": Modulo,
}
