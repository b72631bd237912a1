"""What Python users wait for, with pytest-benchmark: ``make bench``. Nothing here asserts a time.

The peer, SimPy, is measured in the same run where it is installed.
"""

import pytest

import distlab as dl

EVENTS = 100_000


class Bouncer(dl.Node):
    """Sends a number back, one less, until it is zero."""

    def on_message(self, cx, sender, left):
        if left:
            cx.send(sender, left - 1)


def bouncing(nodes, message):
    cluster = dl.Cluster.of(nodes, trace="off")
    cluster.inject("n0", "n1", message)
    return (cluster,), {}


def test_built_in_nodes_bounce(benchmark):
    """An event of two built-in nodes, through the full network model."""
    echoes = [{"echo": {}}, {"echo": {}}]
    benchmark.extra_info["events"] = EVENTS
    benchmark.pedantic(dl.Cluster.run, setup=lambda: bouncing(echoes, {"echo": {"ping": EVENTS}}), rounds=10)


def test_python_nodes_bounce(benchmark):
    """An event of two nodes written in Python."""
    benchmark.extra_info["events"] = EVENTS
    benchmark.pedantic(dl.Cluster.run, setup=lambda: bouncing([Bouncer(), Bouncer()], EVENTS), rounds=5)


def test_simpy_processes_bounce(benchmark):
    """The same with SimPy: two processes, a store each, a delay on the way."""
    simpy = pytest.importorskip("simpy")

    def bounce(environment, own, other):
        while True:
            left = yield own.get()
            yield environment.timeout(0.001)
            if left:
                other.put(left - 1)

    def setup():
        environment = simpy.Environment()
        stores = simpy.Store(environment), simpy.Store(environment)
        for own, other in (stores, stores[::-1]):
            environment.process(bounce(environment, own, other))
        stores[0].put(EVENTS)
        return (environment,), {}

    benchmark.extra_info["events"] = EVENTS
    benchmark.pedantic(lambda environment: environment.run(), setup=setup, rounds=3)


def test_the_whole_election_figure(benchmark):
    """Nine curves of a thousand elections each."""
    ranges = [(150, 151), (150, 155), (150, 175), (150, 200), (150, 300), (12, 24), (25, 50), (50, 100), (100, 200)]
    benchmark.pedantic(lambda: [dl.election_times((low / 1e3, high / 1e3)) for low, high in ranges], rounds=3)


@pytest.mark.parametrize("checked", [False, True], ids=["plain", "invariants"])
def test_raft_under_load(benchmark, checked):
    """Ten simulated seconds of five servers and eight clients."""

    def setup():
        raft = dl.Raft(5, seed=1, trace="off", check_invariants=checked)
        raft.workload(clients=8, rate=2_000, until="10s")
        return (raft,), {}

    benchmark.pedantic(lambda raft: raft.run(until="10s"), setup=setup, rounds=3)


def test_a_million_columns(benchmark):
    """Latencies of a long load as numpy columns."""
    raft = dl.Raft(3, seed=1, trace="off")
    load = raft.workload(clients=16, limit=200_000)
    raft.run_for("600s")
    assert len(benchmark.pedantic(lambda: load.latency.values, rounds=3)) == 200_000
