"""How long placements and Merkle trees take, from Python: ``make bench``. Nothing here asserts a time."""

import numpy as np
import pytest

import distlab as dl

NODES, VNODES, KEYS = 100, 160, 1_000_000


@pytest.fixture(scope="module")
def ring():
    return dl.hashing.HashRing(NODES, vnodes=VNODES)


def numbers():
    return np.random.default_rng(7).integers(0, 2**64, KEYS, dtype=np.uint64)


KINDS = {
    "uint64": numbers,
    "fixed-width bytes": lambda: np.array([b"key%012d" % i for i in range(KEYS)]),
    "fixed-width text": lambda: np.array([f"key{i:012d}" for i in range(KEYS)]),
    "list of str": lambda: [f"key{i:012d}" for i in range(KEYS)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_million_lookups(benchmark, ring, kind):
    keys = KINDS[kind]()
    assert len(benchmark(ring.lookup_many, keys)) == KEYS


def test_numpy_searchsorted_without_hashing(benchmark, ring):
    positions = np.sort(np.asarray(ring.positions, np.uint64))
    keys = numbers()
    benchmark(lambda: np.searchsorted(positions, keys) % len(positions))


def test_building_a_ring(benchmark):
    assert benchmark(lambda: dl.hashing.HashRing(NODES, vnodes=VNODES)).size_bytes > 0


def test_what_moves_when_a_server_joins(benchmark, ring):
    grown = ring.copy()
    grown.add("one more")
    keys = numbers()
    benchmark(ring.moved, grown, keys)


@pytest.mark.parametrize("name", ["blake3", "sha256", "sha1", "md5"])
def test_building_a_merkle_tree(benchmark, name):
    store = {f"key{i:06d}": b"value %d" % i for i in range(100_000)}
    benchmark.pedantic(lambda: dl.hashing.MerkleTree(store, hash=name), rounds=3)


def test_updating_a_merkle_tree(benchmark):
    tree = dl.hashing.MerkleTree({f"key{i:06d}": b"value" for i in range(100_000)})
    count = iter(range(10**9))
    benchmark(lambda: tree.put("key050000", b"value %d" % next(count)))
