"""Arguments of dl.hashing that must not be lost, forests as values, and Ctrl-C."""

import copy
import os
import pickle
import signal
import threading

import numpy as np
import pytest

import distlab as dl

H = dl.hashing
DATA = {f"key{i}": i for i in range(400)}
RING = H.HashRing(list("ABCD"), vnodes=4)
EQUAL = [H.Modulo, H.Jump, H.MultiProbe, H.AlphabeticalRanges]
WEIGHTED = [H.Rendezvous, H.Maglev, H.RandomTable, H.BoundedLoadRing]


@pytest.mark.parametrize("kind", [*EQUAL, *WEIGHTED, H.EqualPartitions])
def test_only_a_ring_takes_racks(kind):
    scheme = kind(["a", "b", "c"])
    before = scheme.copy()
    for racks in ("x", ["x"], {"d": "x"}):
        with pytest.raises(dl.ParameterError, match="racks: expected nothing"):
            scheme.add("d", racks=racks)
    assert scheme == before


@pytest.mark.parametrize("kind", [*EQUAL, H.EqualPartitions])
def test_equal_parts_take_no_weights(kind):
    scheme = kind(["a", "b", "c"])
    before = scheme.copy()
    for call in (
        lambda: kind({"a": 1, "b": 2, "c": 1}),
        lambda: scheme.add("d", weights=1),
        lambda: scheme.add({"d": 1.0}),
        lambda: scheme.reweight("a", 2),
    ):
        with pytest.raises(dl.ParameterError):
            call()
    assert scheme == before


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: H.HashRing(tokens={"a": [1]}, placement="hashed"), "placement"),
        (lambda: H.HashRing(tokens={"a": [1]}, placement="even"), "placement"),
        (lambda: H.HashRing(tokens={"a": [1]}, seed=5), "seed"),
        (lambda: H.HashRing(3, placement="even", seed=5), "seed"),
        (lambda: H.compare(10, 10, {"mine": H.Jump(3)}), "nodes"),
        (lambda: H.compare(10, [1, 2], ["jump"], seed=5), "seed"),
        (lambda: H.compare(10, "abc"), "keys"),
        (lambda: H.MerkleTree(leaves=8).like(values=[1]), "pairs"),
        (lambda: H.MerkleForest(RING, "A", values=[1]), "pairs"),
        (lambda: H.MerkleTree({"a": 1}, order="key", splits=5), "splits"),
        (lambda: H.MerkleTree({"a": 1}, order="key", splits="b"), "splits"),
        (lambda: RING.preference_list("a", 2, racks="no"), "racks"),
        (lambda: H.HashRing.uhashring(["a"], ketama="no"), "ketama"),
        (lambda: RING.load(["a"], copies=5), "copies"),
        (lambda: H.dynamo_figure(60), "sizes"),
        (lambda: H.dynamo_figure([60], [4]), "strategies[0]"),
        (lambda: H.HashRing({"a": 1, "b": None}), "nodes['b']"),
        (lambda: H.AlphabeticalRanges(3, boundaries=["a", None]), "boundaries[1]"),
        (lambda: H.HashRing(["\ud800"]), "nodes[0]"),
    ],
)
def test_what_would_have_no_effect_or_another_is_refused(call, parameter):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError)) as caught:
        call()
    assert caught.value.parameter == parameter


def test_large_integers_among_small_ones_are_the_same_keys():
    keys = [1, 2**63, 2**64 - 1]
    assert RING.lookup_many(keys).tolist() == RING.lookup_many(np.array(keys, np.uint64)).tolist()
    assert sorted(H.MerkleTree({2**63 + 1: 1, 1: 2}).keys()) == [1, 2**63 + 1]
    assert H.AlphabeticalRanges(3, boundaries=[1, 2**63 + 1]).boundaries("integers") == [1, 2**63 + 1]


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, H.MerkleForest.copy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_a_forest_is_a_value(duplicate):
    forest = H.MerkleForest(RING, "A", DATA, copies=2)
    other = duplicate(forest)
    assert other == forest and not forest.diff(other)
    key = next(it for it in DATA if it in forest)
    other.put(key, "new")
    assert other != forest and forest.diff(other).keys == [key]
    other.update({key: DATA[key]})
    assert other == forest
    assert forest != H.MerkleForest(RING, "B", DATA, copies=2) and forest != 7
    assert forest != H.MerkleForest(RING, "A", DATA, copies=3)


def test_a_forest_takes_many_pairs_all_or_none():
    forest = H.MerkleForest(RING, "A", copies=2)
    trees = dict(forest.trees)
    forest.update(list(DATA), np.arange(len(DATA)))
    assert forest == H.MerkleForest(RING, "A", DATA, copies=2)
    assert all(forest.trees[it] is tree for it, tree in trees.items())
    before = forest.copy()
    for bad in ({**DATA, "key0": "new", "zzz": None}, {"key0": "new", 1.5: 1}):
        with pytest.raises(dl.ParameterTypeError, match="pairs"):
            forest.update(bad)
        assert forest == before


def test_results_are_columns():
    load = RING.load(["a", "b", "c"])
    assert load.columns()["keys"].sum() == 3 and load.columns()["node"].tolist() == list("ABCD")
    after = RING.copy()
    after.remove("B")
    moved = RING.moved(after, range(1000))
    columns = moved.columns()
    assert columns["keys"].sum() == moved.moved > 0 and set(columns["source"].tolist()) == {"B"}
    assert RING.moved(RING, [1]).columns()["keys"].shape == (0,)
    forests = [H.MerkleForest(RING, node, DATA, copies=3) for node in "AB"]
    found = forests[0].diff(forests[1])
    assert sum(found.columns()["hashes"]) == found.hashes == len(found.columns()["first"])
    assert found.columns()["keys"] == [0] * len(found.ranges)


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
@pytest.mark.parametrize(
    "build",
    [
        lambda: H.Maglev(5, size=67_108_859),
        lambda: H.HashRing(64, vnodes=2**17),
        lambda: H.RandomTable(5, shards=2**26),
    ],
    ids=["maglev", "ring", "table"],
)
def test_ctrl_c_is_heard_while_a_large_placement_is_made(build):
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        while True:
            build()
    timer.join()
    assert len(H.Maglev(3, size=524_287).table) == 524_287
