"""Two- and three-phase commit: what they cost, how long they block, that they are atomic, and what breaks them."""

import numpy as np
import pytest

import distlab as dl

BOTH = [dl.TwoPhaseCommit, dl.ThreePhaseCommit]
DELAY = 0.005


def calm(facade, n=3, **options):
    return facade(n, network=dl.Network(latency=DELAY), **options)


def put(cluster, value=1, client="c0"):
    return cluster.client(client).transaction({name: [("put", "x", value)] for name in cluster.participants})


@pytest.mark.parametrize(
    ("facade", "acks", "each", "delays"),
    [
        (dl.TwoPhaseCommit, False, 3, 4),
        (dl.TwoPhaseCommit, True, 4, 4),
        (dl.ThreePhaseCommit, False, 5, 6),
        (dl.ThreePhaseCommit, True, 6, 6),
    ],
)
def test_messages_and_delays_follow_the_law(facade, acks, each, delays):
    for n in range(1, 8):
        cluster = calm(facade, n, acks=acks, trace="full")
        op = put(cluster)
        cluster.run_for("1s")
        assert op.result == "committed"
        assert cluster.messages_per_transaction() == each * n
        assert op.latency == pytest.approx(delays * DELAY)


def test_two_phase_commit_blocks_for_as_long_as_the_coordinator_is_down():
    down = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0])
    table = dl.TwoPhaseCommit.blocking_windows(down)
    slope, constant = np.polyfit(table["down"], table["window"], 1)
    assert slope == pytest.approx(1, abs=1e-6)
    # The doubt before the crash (a fifth of a delay), and prepare, vote and commit after it.
    assert constant == pytest.approx(3.2 * DELAY, abs=1e-6)
    assert set(table["outcome"]) == {"committed"}


def test_three_phase_commit_does_not_block():
    table = dl.ThreePhaseCommit.blocking_windows([0.5, 4.0, 64.0])
    assert np.ptp(table["window"]) < 1e-9 and table["window"][0] < 0.5
    assert set(table["outcome"]) == {"aborted"}


def test_presuming_and_cooperating_end_doubts_earlier():
    presumed = dl.TwoPhaseCommit.blocking_windows([2.0], presumed_abort=True)
    assert presumed["outcome"].tolist() == ["aborted"]
    # All are in doubt: nobody can help anybody.
    together = dl.TwoPhaseCommit.blocking_windows([2.0], cooperative=True)
    assert together["window"][0] > 2.0


@pytest.mark.parametrize("facade", BOTH)
def test_what_a_transaction_reads_comes_back(facade):
    cluster = calm(facade, 2)
    client = cluster.client("alice")
    work = {"db0": [("add", "x", 5), ("get", "x")], "db1": [("append", "log", "a"), ("get", "log")]}
    op = client.transaction(work)
    assert op.txn is None and op.result is None and op.answers is None
    cluster.run_for(2.5 * DELAY)
    assert op.txn == "alice.1" and op.status == "pending"
    assert cluster.transactions("tc") == {"alice.1": "collecting"}
    assert cluster.in_doubt() == {"db0": ["alice.1"], "db1": ["alice.1"]}
    assert cluster.locks_held() == {"db0": {"x": "alice.1"}, "db1": {"log": "alice.1"}}
    assert cluster.decision("db0", op) is None
    cluster.run_for("1s")
    assert (op.status, op.result, op.answers) == ("ok", "committed", [None, 5, ["a"]])
    assert cluster.decisions(op) == {"tc": "commit", "db0": "commit", "db1": "commit"}
    assert cluster.values("db0") == {"x": 5} and cluster.values("db1") == {"log": ["a"]}
    assert cluster.locks_held() == {"db0": {}, "db1": {}}
    cluster.crash("alice").recover("alice")
    again = client.transaction({"db0": [("refuse",)]})
    cluster.run_for("1s")
    assert (again.status, again.result, again.txn) == ("fail", "aborted", "alice.2.1")


@pytest.mark.parametrize("facade", BOTH)
@pytest.mark.parametrize("seed", range(6))
def test_a_sharded_bank_keeps_its_money(facade, seed):
    bank = facade(5, seed=seed, network=dl.Network(latency=("1ms", "8ms")), check_invariants=True, acks=seed % 2 == 0)
    load = bank.workload(clients=4, rate=150, keys=dl.Zipf(40), width=2 + seed % 3, until="4s")
    bank.nemesis("crash", until="4s", most_down=2)
    bank.run(until="10s")
    counts = load.counts()
    assert counts["ok"] > 100 and counts["fail"] > 20
    assert sum(sum(bank.values(name).values()) for name in bank.participants) == 0
    assert not any(bank.in_doubt().values())


@pytest.mark.parametrize("seed", range(6))
def test_two_phase_commit_is_strict_serializable_under_everything(seed):
    cluster = dl.TwoPhaseCommit(
        3,
        seed=seed,
        network=dl.Network(latency=("1ms", "9ms"), loss=0.02, duplicate=0.05),
        disk=dl.Disk(sync=("0ms", "3ms")),
        presumed_abort=seed % 2 == 1,
        cooperative=seed % 3 == 1,
        acks=seed % 3 != 1,
        check_invariants=True,
    )
    mix = {"read": 0.4, "update": 0.6}
    load = cluster.workload(clients=5, rate=120, keys=15, mix=mix, until="4s")
    cluster.nemesis("crash", "partition", "pause", "lossy", until="4s")
    cluster.run(until="10s")
    assert load.counts()["ok"] > 80
    assert load.history.check("strict-serializable").ok


def test_histories_show_lost_isolation():
    found = 0
    for seed in range(10):
        cluster = dl.TwoPhaseCommit(2, seed=seed, network=dl.Network(latency=("1ms", "9ms")), mutant="unlock_early")
        load = cluster.workload(clients=6, rate=800, keys=3, mix={"read_modify_write": 1.0}, until="2s")
        cluster.run(until="4s")
        found += not load.history.check("serializable").ok
    assert found > 5


@pytest.mark.parametrize("facade", BOTH)
def test_every_mutant_is_known_and_some_are_caught_here(facade):
    for mutant in facade.mutants:
        assert put(calm(facade, mutant=mutant)).status == "pending"
    cluster = calm(facade, mutant="commit_without_all_votes", check_invariants=True)
    put(cluster)
    cluster.at("1ms").crash("db2")
    with pytest.raises(dl.InvariantViolation, match="CommitValid"):
        cluster.run_for("1s")


def test_the_notes_rule_for_a_missing_acknowledgement_splits():
    for splits in (True, False):
        cluster = calm(dl.ThreePhaseCommit, abort_on_missing_ack=splits, check_invariants=True)
        put(cluster)
        cluster.run(until="16ms").crash("db2")
        cluster.cut("tc", "db0").cut("tc", "db1")  # as if it died between its decision and the first message
        cluster.mend("tc", "db0", oneway=True).mend("tc", "db1", oneway=True)
        cluster.run(until="21ms").cut("tc", "db0").cut("tc", "db1")
        if splits:
            with pytest.raises(dl.InvariantViolation, match="Agreement"):
                cluster.run_for("2s")
        else:
            cluster.run_for("2s")


@pytest.mark.parametrize("facade", BOTH)
def test_a_saved_cluster_is_the_same_again(facade):
    cluster = calm(facade, seed=3)
    op = put(cluster)
    cluster.run_for(2.5 * DELAY)
    loaded = dl.load(cluster.save())
    assert type(loaded) is facade
    assert loaded.participants == cluster.participants and loaded.clients == ["c0"]
    assert loaded.in_doubt() == cluster.in_doubt()
    assert loaded.run_for("1s").fingerprint == cluster.run_for("1s").fingerprint
    assert op.result == "committed"
    assert loaded.client("c1").transaction({"db0": []}).status == "pending"
    with pytest.raises(dl.ParameterError, match="a saved TwoPhaseCommit"):
        dl.TwoPhaseCommit.load_from(dl.Raft(3).save())


@pytest.mark.parametrize("facade", BOTH)
def test_bad_input_is_named(facade):
    cluster = facade(2)
    client = cluster.client("c0")
    for work, error, text in [
        ({}, dl.ParameterError, "work: expected at least one participant"),
        ([("put", "x", 1)], dl.ParameterTypeError, "work"),
        ({"db9": []}, dl.UnknownNode, "db9"),
        ({"tc": []}, dl.UnknownNode, "tc"),
        ({"db0": "get x"}, dl.ParameterTypeError, r"work\['db0'\]"),
        ({"db0": [("steal", "x")]}, dl.ParameterError, r"work\['db0'\]\[0\]"),
        ({"db0": [("get", "x"), ("put", "x")]}, dl.ParameterError, r"work\['db0'\]\[1\]"),
        ({"db0": [("put", "x", 1.5)]}, dl.DistlabError, "whole number"),
    ]:
        with pytest.raises(error, match=text):
            client.transaction(work)
    for options, text in [
        ({"participants": 0}, "participants"),
        ({"participants": ["tc"]}, "tc"),
        ({"vote_timeout": 0}, "vote_timeout"),
        ({"mutant": "evil"}, "mutant"),
        ({"no_probability": 2}, "no_probability"),
    ]:
        with pytest.raises(dl.ParameterError, match=text):
            facade(**options)
    with pytest.raises(dl.ParameterError, match="width"):
        cluster.workload(width=3)
    with pytest.raises(dl.ParameterError, match="name"):
        cluster.client("db0")
    put(cluster)
    cluster.run_for("1s")
    with pytest.raises(dl.ParameterError, match="trace"):
        cluster.messages_per_transaction()
