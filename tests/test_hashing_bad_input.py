"""Nonsense for every parameter of everything public in dl.hashing and its pictures."""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import distlab as dl

sys.path.insert(0, str(Path(__file__).parent))
from bad_input import ANY, COUNT, FLAG, NAME, NOTHING, OPTIONAL, WHOLE, Call

mpl.use("Agg")

import matplotlib.pyplot as plt

hashing = dl.hashing
#: What is a key, and what is many of them.
KEY = NAME | {"empty text", "bytes", "-1", "0", "1", "2**70", "np.int64(-1)"}
KEYS = frozenset({"list", "list of text", "dict", "dict of None"})
NAMES = frozenset({"text", "empty text", "1", "list of text", "null"})
NODE = frozenset({"text", "empty text", "null"})
RATE = frozenset({"1", "1.5", "2**70"})
WEIGHT = RATE - {"2**70"}
WEIGHTS = OPTIONAL | WEIGHT | {"dict"}
SHARES = WEIGHTS | RATE
RACKS = OPTIONAL | {"text", "empty text", "null"}
VALUE = KEY | {"1.5", "nan", "inf"}
PAIRS = OPTIONAL | {"list", "dict"}
USUAL = {"nodes": NAMES, "weights": WEIGHTS, "seed": WHOLE, "vnodes": OPTIONAL | COUNT, "bits": COUNT}
SETTINGS = {
    "leaves": OPTIONAL | COUNT,
    "ring": OPTIONAL,
    "range": OPTIONAL,
    "splits": OPTIONAL,
    "values": OPTIONAL,
    "pairs": PAIRS,
    "copies": COUNT,
}


def ring(**options):
    return hashing.HashRing(list("ABCD"), **({"vnodes": 4} | options))


def calls():
    yield from placement_calls()
    yield from operation_calls()
    yield from ring_calls()
    yield from merkle_calls()
    yield from proof_and_forest_calls()
    yield from dynamo_calls()


def placement_calls():
    yield Call(
        hashing.HashRing,
        {"nodes": 4},
        USUAL | {"bits": OPTIONAL | COUNT, "racks": RACKS, "tokens": OPTIONAL, "placement": OPTIONAL},
    )
    yield Call(
        hashing.HashRing.of_layout,
        {"layout": "ABCD"},
        {"layout": frozenset({"text", "null", "list of text"}), "bits": NOTHING},
    )
    yield Call(hashing.HashRing.ketama, {"nodes": ["a", "b"]}, USUAL | {"weights": SHARES})
    yield Call(
        hashing.HashRing.uhashring,
        {"nodes": ["a", "b"]},
        USUAL | {"ketama": FLAG, "weights": WEIGHTS - {"1.5", "2**70"}},
    )
    for kind, right in (
        (hashing.Modulo, {}),
        (hashing.Jump, {}),
        (hashing.Rendezvous, {"weights": SHARES}),
        (hashing.Maglev, {"weights": SHARES}),
        (hashing.MultiProbe, {"probes": COUNT}),
        (hashing.RandomTable, {"shards": COUNT, "weights": SHARES}),
        (hashing.BoundedLoadRing, {"epsilon": RATE}),
    ):
        yield Call(kind, {"nodes": 2}, USUAL | right)
    yield Call(
        hashing.AlphabeticalRanges,
        {"nodes": 2},
        USUAL | {"boundaries": OPTIONAL | {"list of text", "dict of None"}, "sample": OPTIONAL | KEYS},
    )
    yield Call(hashing.EqualPartitions, {"nodes": 4, "copies": 1}, USUAL | {"copies": COUNT})


def operation_calls():
    all_of_them = [
        ring(),
        hashing.Modulo(4),
        hashing.Jump(4),
        hashing.Rendezvous(4),
        hashing.Maglev(4),
        hashing.MultiProbe(4),
        hashing.RandomTable(4, 64),
        hashing.AlphabeticalRanges(4),
        hashing.BoundedLoadRing(4, vnodes=4),
        hashing.EqualPartitions(4, 16, 1),
    ]
    for it in all_of_them:
        name = type(it).__name__
        yield Call(it.lookup, {"key": "k"}, {"key": KEY}, f"{name}.lookup")
        yield Call(it.lookup_many, {"keys": ["k"]}, {"keys": KEYS}, f"{name}.lookup_many")
        yield Call(it.load, {"keys": ["k"]}, {"keys": KEYS, "copies": COUNT}, f"{name}.load")
        yield Call(it.moved, {"after": it, "keys": ["k"]}, {"keys": KEYS}, f"{name}.moved")
        weighs = isinstance(
            it, hashing.HashRing | hashing.Rendezvous | hashing.Maglev | hashing.RandomTable | hashing.BoundedLoadRing
        )
        relative = isinstance(it, hashing.Rendezvous | hashing.RandomTable)
        has_racks = isinstance(it, hashing.HashRing)
        right = {
            "nodes": NODE | {"list", "list of text", "dict"} if weighs else NODE | {"list", "list of text"},
            "weights": (SHARES if relative else WEIGHTS) if weighs else OPTIONAL,
            "racks": RACKS | {"list of text", "list of None"} if has_racks else OPTIONAL,
            "tokens": OPTIONAL,
        }

        def add(it=it, **rest):
            it.copy().add(**rest)

        usual = {"nodes": "new", "weights": None, "racks": None} | ({"tokens": None} if has_racks else {})
        yield Call(lambda add=add, **rest: add(**rest), usual, right, f"{name}.add", hidden=("add",))
        yield Call(
            lambda it=it, **rest: it.copy().remove(**rest),
            {"nodes": it.nodes[0]},
            {"nodes": frozenset({"list", "dict"})},
            f"{name}.remove",
            hidden=("it",),
        )
        if weighs:
            yield Call(
                lambda it=it, **rest: it.copy().reweight(**rest),
                {"node": it.nodes[0], "weight": 2},
                {"weight": RATE if relative else WEIGHT},
                f"{name}.reweight",
                hidden=("it",),
            )


def ring_calls():
    here = ring()
    yield Call(here.preference_list, {"key": "k", "n": 2}, {"key": KEY, "n": COUNT, "racks": FLAG})
    yield Call(here.preference_lists, {"keys": ["k"], "n": 2}, {"keys": KEYS, "n": COUNT, "racks": FLAG})
    yield Call(here.tokens, {"node": "A"}, {})
    yield Call(here.ranges, {}, {"node": OPTIONAL})
    yield Call(here.position, {"key": "k"}, {"key": KEY})
    bounded = hashing.BoundedLoadRing(4, vnodes=4)
    yield Call(bounded.place, {"key": "k"}, {"key": KEY})
    yield Call(bounded.place_many, {"keys": ["k"]}, {"keys": KEYS})
    yield Call(lambda key: bounded.copy().release(key), {"key": "k"}, {"key": KEY}, "BoundedLoadRing.release")
    yield Call(bounded.room_of, {"keys": 4}, {"keys": WHOLE})
    ranges = hashing.AlphabeticalRanges(4)
    yield Call(ranges.boundaries, {"of": "text"}, {"of": NOTHING})
    yield Call(ranges.range_owners, {"of": "text"}, {"of": NOTHING})
    yield Call(lambda node: here.load(["k"])[node], {"node": "A"}, {}, "Load[]")
    other = ring()
    other.remove("B")
    yield Call(
        hashing.movement_plan,
        {"before": here, "after": other},
        {
            "bytes": OPTIONAL | WHOLE,
            "keys": OPTIONAL | KEYS,
            "sizes": OPTIONAL,
            "copies": COUNT,
            "racks": FLAG,
            "lost": frozenset({"list", "dict"}),
            "send": RATE,
            "receive": OPTIONAL | RATE,
        },
    )
    plan = hashing.movement_plan(here, other)
    yield Call(
        plan.under_way, {"at": 0}, {"at": frozenset({"0", "1", "1.5", "-1", "2**70", "-2**70", "inf", "np.int64(-1)"})}
    )
    yield Call(
        hashing.compare,
        {"nodes": 2, "keys": 10, "schemes": ["jump"], "repeats": 1, "seed": None},
        {
            "nodes": OPTIONAL | NAMES,
            "keys": COUNT | {"list of text", "dict of None"},
            "schemes": OPTIONAL,
            "seed": OPTIONAL | WHOLE,
            "repeats": COUNT,
        },
        named={"schemes": "nodes", "keys": "seed"},
    )
    found = hashing.compare(2, 10, ["jump"])
    yield Call(found.row, {"scheme": "jump"}, {})
    yield Call(hashing.sample_keys, {"kind": "integers", "n": 2}, {"n": OPTIONAL | WHOLE, "seed": WHOLE})


def merkle_calls():
    data = {"a": 1, "b": 2}
    yield Call(hashing.MerkleTree, {"pairs": data}, SETTINGS)
    yield Call(
        lambda **it: hashing.MerkleTree(data, order="key", **it),
        {"splits": None},
        {"splits": OPTIONAL | {"list", "list of text"}},
        "MerkleTree by key",
    )
    yield Call(
        lambda **it: hashing.MerkleTree(["a", "b"], **it),
        {"values": [1, 2]},
        {},
        "MerkleTree values",
        named={"values": "pairs"},
    )
    yield Call(hashing.MerkleTree.from_leaf_hashes, {"hashes": {"A": "1A"}}, {"encoding": OPTIONAL})
    tree = hashing.MerkleTree(data, leaves=8)
    yield Call(tree.like, {}, SETTINGS)
    yield Call(
        lambda **it: tree.copy().update(**it),
        {"pairs": data, "values": None},
        {"pairs": frozenset({"list", "dict"}), "values": OPTIONAL},
        "MerkleTree.update",
    )
    yield Call(
        lambda **it: tree.copy().put(**it), {"key": "a", "value": 2}, {"key": KEY, "value": VALUE}, "MerkleTree.put"
    )
    yield Call(
        lambda **it: tree.copy().put_hash(**it), {"key": "a", "hash": bytes(32)}, {"key": KEY}, "MerkleTree.put_hash"
    )
    yield Call(lambda **it: tree.copy().delete(**it), {"key": "a"}, {}, "MerkleTree.delete", named={"key": "no"})
    yield Call(tree.node, {"level": 1, "index": 0}, {"level": WHOLE, "index": WHOLE})
    yield Call(tree.leaf_of, {"key": "a"}, {"key": KEY})
    yield Call(tree.leaf_hash, {"leaf": 0}, {"leaf": WHOLE})
    yield Call(tree.leaf_range, {"leaf": 0}, {"leaf": WHOLE})
    yield Call(tree.keys, {}, {"leaf": OPTIONAL | WHOLE})
    yield Call(tree.pair_hash, {"key": "a"}, {"key": KEY})
    yield Call(tree.proof, {"key": "a"}, {}, named={"key": "no"})
    yield Call(tree.diff, {"other": tree}, {})


def proof_and_forest_calls():
    data = {"a": 1, "b": 2}
    tree = hashing.MerkleTree(data, leaves=8)
    proof = tree.proof("a")
    yield Call(
        proof.verify,
        {"root": tree.root, "key": "a", "value": 1},
        {"root": frozenset({"bytes"}), "key": KEY, "value": VALUE},
    )
    yield Call(
        proof.verify_hash,
        {"root": tree.root, "hash": bytes(32)},
        {"root": frozenset({"bytes"}), "hash": frozenset({"bytes", "empty text"})},
    )
    here = ring()
    yield Call(
        hashing.MerkleForest, {"ring": here, "node": "A", "copies": 2}, SETTINGS | {"ring": NOTHING, "leaves": COUNT}
    )
    forest = hashing.MerkleForest(here, "A", copies=4)
    yield Call(forest.tree_of, {"key": "a"}, {"key": KEY})
    yield Call(forest.put, {"key": "a", "value": 1}, {"key": KEY, "value": VALUE})
    full = hashing.MerkleForest(here, "A", data, copies=4)
    yield Call(lambda key: full.copy().delete(key), {"key": "a"}, {}, "MerkleForest.delete", named={"key": "no"})
    yield Call(
        lambda **it: full.copy().update(**it),
        {"pairs": data, "values": None},
        {"pairs": frozenset({"list", "dict"}), "values": OPTIONAL},
        "MerkleForest.update",
    )
    yield Call(forest.diff, {"other": forest}, {})
    yield Call(forest.common, {"other": forest}, {})


def dynamo_calls():
    counts = {"nodes": COUNT, "copies": COUNT, "rings": COUNT, "seed": WHOLE}
    yield Call(
        hashing.dynamo_loads,
        {"strategy": 1, "nodes": 4, "copies": 1, "tokens": 2},
        counts | {"strategy": COUNT, "tokens": COUNT, "partitions": OPTIONAL},
    )
    yield Call(
        hashing.dynamo_efficiency,
        {"strategy": 1, "nodes": 4, "copies": 1, "tokens": 2},
        counts | {"strategy": COUNT, "tokens": COUNT, "partitions": OPTIONAL},
    )
    yield Call(
        hashing.dynamo_metadata,
        {"strategy": 1, "nodes": 4, "tokens": 2},
        counts
        | {
            "strategy": COUNT,
            "tokens": COUNT,
            "partitions": OPTIONAL,
            "token_bytes": OPTIONAL | WHOLE,
            "node_bytes": WHOLE,
        },
    )
    yield Call(
        hashing.dynamo_figure,
        {"sizes": [60], "strategies": [1], "rings": 2},
        counts | {"sizes": OPTIONAL, "nodes": NOTHING, "partitions": OPTIONAL},
        named={"nodes": "copies"},
    )
    table = hashing.EqualPartitions(4, 16, 2)
    yield Call(table.partition, {"key": "k"}, {"key": KEY})
    yield Call(table.partition_many, {"keys": ["k"]}, {"keys": KEYS})
    yield Call(table.preference_list, {"key": "k"}, {"key": KEY, "n": OPTIONAL | COUNT})
    yield Call(lambda node: table.copy().join(node), {"node": "new"}, {"node": NODE}, "EqualPartitions.join")
    yield Call(lambda node: table.copy().leave(node), {"node": "n0"}, {}, "EqualPartitions.leave")


def plot_calls():
    here, other = ring(), ring()
    other.remove("B")
    text = {"title": OPTIONAL | NODE, "ax": OPTIONAL}
    yield Call(dl.plot.ring, {"ring": here}, text | {"keys": OPTIONAL | KEYS, "before": OPTIONAL})
    yield Call(
        dl.plot.ring_change, {"before": here, "after": other}, text | {"keys": OPTIONAL | KEYS, "titles": NOTHING}
    )
    shares = {v: [[0.5, 0.5], [0.4, 0.6]] for v in (1, 2)}
    yield Call(dl.plot.vnode_balance, {"shares": shares}, text | {"label": OPTIONAL | NODE, "seed": OPTIONAL | WHOLE})
    yield Call(dl.plot.dynamo_efficiency, {"figure": hashing.dynamo_figure([60], [1], rings=2)}, text)
    yield Call(dl.plot.comparison, {"found": hashing.compare(2, 10, ["jump"])}, text)
    tree = hashing.MerkleTree({"a": 1}, leaves=4)
    diff = tree.diff(tree.like({"a": 2}))
    yield Call(dl.plot.merkle_descent, {"diff": diff}, text | {"tree": OPTIONAL, "digits": COUNT})


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.mark.parametrize("call", list(calls()), ids=lambda it: it.name)
def test_nonsense_is_refused_and_the_parameter_is_named(call):
    assert call.complaints() == []


@pytest.mark.parametrize("call", list(plot_calls()), ids=lambda it: it.name)
def test_pictures_refuse_nonsense(call):
    assert call.complaints() == []


def test_the_table_is_right_about_what_is_right():
    assert ANY >= KEY | KEYS | NAMES | WEIGHTS | VALUE
    assert np.array(sorted(ANY)).dtype.kind == "U"
