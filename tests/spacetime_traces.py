"""Runs and traces that the tests of space-time diagrams draw."""

import numpy as np

import distlab as dl
from distlab.plot._order import KINDS


def raft(seed=7):
    network = dl.Network(latency=dl.Uniform("0.5ms", "8ms"), loss=0.05, duplicate=0.1)
    cluster = dl.Raft(3, seed=seed, trace="full", network=network)
    cluster.workload(clients=2, rate=100, until="0.6s")
    cluster.at("0.2s").partition(["n0"], ["n1", "n2"]).at("0.28s").heal()
    cluster.at("0.3s").crash("n0").at("0.4s").recover("n0")
    cluster.run(until="0.5s")
    return cluster


def commit(seed):
    cluster = dl.TwoPhaseCommit(participants=3, seed=seed, trace="full")
    for i in range(4):
        op = cluster.client("alice").transaction({"db0": [("put", "x", i)], "db2": [("put", "y", i)]})
        cluster.run_until(op)
    return cluster


def many(messages=100_000, nodes=8, seed=7):
    """A trace of many messages over ten seconds, with losses, without running a cluster."""
    rng = np.random.default_rng(seed)
    sent = np.sort(rng.integers(0, 10_000_000_000, messages))
    source, step = rng.integers(0, nodes, messages), rng.integers(1, nodes, messages)
    target, label, lost = (source + step) % nodes, rng.integers(0, 4, messages), rng.random(messages) < 0.01
    took = rng.integers(500_000, 8_000_000, messages)
    time = np.concatenate([sent, sent + took])
    order = np.argsort(time, kind="stable")
    ids = np.arange(1, messages + 1)
    kind = np.concatenate([np.full(messages, KINDS.index("send")), np.where(lost, KINDS.index("drop"), 2)])
    return {
        "time": (time / 1e9)[order],
        "kind": kind[order].astype(np.uint8),
        "node": np.concatenate([source, target])[order].astype(np.uint32),
        "peer": np.concatenate([target, source])[order].astype(np.uint32),
        "id": np.tile(ids, 2)[order].astype(np.uint64),
        "cause": np.zeros(2 * messages, np.uint64),
        "label": np.tile(label, 2)[order].astype(np.uint32),
        "kinds": list(KINDS),
        "labels": ["ask", "answer", "ping", "pong"],
        "names": [f"n{i}" for i in range(nodes)],
    }
