"""Raft's clients before the judge: what it promises holds under faults, and planted bugs are found."""

import pytest

import distlab as dl


def stormy(seed, **options):
    """Five servers under partitions and crashes; eight clients."""
    network = dl.Network(latency=dl.LogNormal("2ms", sigma=0.6), loss=0.02, duplicate=0.05)
    raft = dl.Raft(5, seed=seed, network=network, trace="off", **options)
    raft.workload(clients=8, rate=300, keys=dl.Zipf(15), reads=0.5, until="4s")
    raft.run(until="1s")
    for second in (1, 2, 3):
        leader = raft.leader or "n0"
        others = [name for name in raft.nodes if name != leader]
        raft.partition([leader, others[0]], others[1:])
        raft.at(second + 0.5).heal()
        raft.at(second + 0.6).crash(others[2])
        raft.at(second + 0.9).recover(others[2])
        raft.run(until=float(second + 1))
    return raft.run(until="5s").history


@pytest.mark.parametrize("read_mode", ["log", "read_index"])
@pytest.mark.parametrize("seed", range(8))
def test_what_clients_see_of_raft_is_linearizable(seed, read_mode):
    history = stormy(seed, read_mode=read_mode)
    assert len(history) > 800
    verdict = history.check("linearizable").raise_if_bad()
    order = verdict.order
    times = history.columns["invoked"][list(order)]
    ends = history.columns["completed"][list(order)]
    latest = -1.0
    for begin, end in zip(times, ends, strict=True):
        assert not end < latest, "the witness keeps real time"
        latest = max(latest, begin)


@pytest.mark.parametrize("mix", "ABCDEF")
def test_the_ycsb_workloads_are_linearizable_under_a_crash(mix):
    raft = dl.Raft(3, seed=3, network=dl.Network(latency="2ms", loss=0.02), trace="off")
    raft.workload(mix=mix, keys=dl.Zipf(30), clients=6, rate=150, until="4s")
    raft.at("2s").crash("n0").at("3s").recover("n0")
    history = raft.run(until="5s").history
    assert len(history) > 400
    history.check("linearizable").raise_if_bad()


def first(histories, spec=None):
    """The first verdict against one of the histories, and after how many."""
    for tried, history in enumerate(histories, 1):
        verdict = history.check("linearizable", spec=spec)
        if not verdict:
            return verdict, tried
    return None, tried


def test_stale_reads_of_a_deposed_leader_are_found():
    verdict, _ = first(stormy(seed, read_mode="local") for seed in range(5))
    assert verdict is not None
    assert verdict.history[verdict.culprits[0]].kind == "read"
    assert 2 <= len(verdict.counterexample) <= 4
    assert "read" in verdict.reason


def test_reads_that_are_not_confirmed_are_found():
    histories = (stormy(seed, read_mode="read_index", mutant="read_without_round") for seed in range(10))
    verdict, _ = first(histories)
    assert verdict is not None


def counted(seed, **options):
    """One client counts to twenty through a network that loses answers."""
    raft = dl.Raft(3, seed=seed, machine="counter", network=dl.Network(latency="2ms", loss=0.2), **options)
    alice = raft.client("alice")
    for _ in range(20):
        raft.run_until(alice.add(1))
    raft.run_until(alice.read())
    return raft.history


def test_commands_executed_twice_are_found():
    assert first(map(counted, range(5)))[0] is None
    verdict, _ = first(counted(seed, mutant="no_dedup") for seed in range(5))
    assert verdict is not None
    assert verdict.ok is False


def power_failure(seed, **options):
    """Alice writes, everything crashes, Bob reads."""
    raft = dl.Raft(3, seed=seed, disk=dl.Disk(sync=("20ms", "60ms")), **options)
    raft.run_until(raft.has_leader)
    raft.run_until(raft.client("alice").put("x", 1))
    for name in raft.nodes:
        raft.crash(name).at(raft.now + 0.1).recover(name)
    raft.run_for("1ms")
    raft.run_until(raft.client("bob").get("x"))
    return raft.history


def test_acknowledged_writes_that_are_lost_are_found():
    assert first(map(power_failure, range(5)))[0] is None
    verdict, _ = first(power_failure(seed, unsafe_skip_sync=True) for seed in range(5))
    assert [op.kind for op in verdict.counterexample] == ["write", "read"]
    assert "null" in verdict.reason or "initial" in verdict.reason
