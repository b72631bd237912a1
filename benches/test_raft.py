"""What Raft's options cost, with pytest-benchmark: ``make bench``. Nothing here asserts a time."""

import pytest

import distlab as dl

COMMANDS = 20_000
SIMULATED = 60


def elected(**options):
    raft = dl.Raft(5, seed=3, trace="off", **options)
    raft.run_until(raft.has_leader)
    return (raft,), {}


def serve(raft, change=False):
    """Sixteen clients write, one command after the other."""
    load = raft.workload(clients=16, reads=0.0, keys=100, limit=COMMANDS)
    if change:
        raft.add_server("new").run_for("1s")
        assert raft.run_until(raft.change_membership(["n0", "n1", "n2", "n3", "new"]))
    while load.counts()["ok"] < COMMANDS:
        raft.run_for("1s")


def test_without_options(benchmark):
    """The paper's Raft, everything else off."""
    benchmark.extra_info["commands"] = COMMANDS
    benchmark.pedantic(serve, setup=elected, rounds=5)


@pytest.mark.parametrize("option", ["prevote", "check_quorum", "leader_liveness"])
def test_with_one_option(benchmark, option):
    """One of the options."""
    benchmark.pedantic(serve, setup=lambda: elected(**{option: True}), rounds=5)


def test_with_options_snapshots_and_a_change(benchmark):
    """Pre-votes, checked quorums, a snapshot every 10,000 entries, and one server replaced on the way."""
    options = {"prevote": True, "check_quorum": True, "compaction": 10_000}

    def setup():
        arguments, _ = elected(**options)
        return arguments, {"change": True}

    benchmark.pedantic(serve, setup=setup, rounds=5)


def test_chaos(benchmark):
    """A minute of crashes, partitions, pauses and loss under load, with all invariants."""

    def setup():
        options = {"prevote": True, "check_quorum": True, "compaction": 10_000, "check_invariants": True}
        raft = dl.Raft(5, seed=3, trace="off", **options)
        raft.nemesis("crash", "partition", "pause", "lossy", until=SIMULATED)
        raft.workload(clients=4, rate=100, keys=100, reads=0.5, until=SIMULATED)
        return (raft,), {"until": SIMULATED}

    benchmark.extra_info["simulated_seconds"] = SIMULATED
    benchmark.pedantic(dl.Raft.run, setup=setup, rounds=5)
