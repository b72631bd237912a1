"""Transactions: worked examples, what each control promises, and what contention costs."""

import numpy as np
import pytest

import distlab as dl

CONTROLS = {
    "occ": {"control": "occ"},
    "occ-all": {"control": "occ", "policy": "all", "batch": "2ms"},
    "occ-validator": {"control": "occ", "policy": "validator", "batch": "2ms"},
    "occ-minimum": {"control": "occ", "policy": "minimum", "batch": "2ms"},
    "timestamp": {"control": "timestamp"},
    "2pl-detect": {"control": "2pl"},
    "2pl-wound-wait": {"control": "2pl", "deadlock": "wound_wait"},
    "2pl-wait-die": {"control": "2pl", "deadlock": "wait_die"},
    "2pl-timeout": {"control": "2pl", "deadlock": "timeout"},
}

TRADE = [("get", "A"), ("get", "B"), ("put", "A", 1), ("put", "B", 2)]


@pytest.fixture(params=CONTROLS)
def control(request):
    return CONTROLS[request.param]


def test_example_6_1_has_an_order_and_then_a_cycle():
    found = dl.validate({"T1": "Rx0 Wx1", "T2": "Rz0 Wz9", "T3": "Ry1 Rx1", "T4": "Rx0 Wy1"})
    assert found == (["T4", "T1", "T3", "T2"], [], None)
    cyclic = {"T1": "Rx0 Wx1", "T2": "Rx0 Wy1", "T3": "Ry0 Rx1"}
    assert dl.validate(cyclic) == ([], ["T1", "T2", "T3"], ["T2", "T1", "T3"])
    assert dl.validate(cyclic, "validator").aborted == ["T3"]
    assert len(dl.validate(cyclic, "minimum").aborted) == 1


def test_example_6_2_is_not_serializable_though_each_server_finds_an_order():
    x = {"T1": "Rx0 Wx1", "T2": "Rx0", "T3": "Rx1"}
    y = {"T2": "Wy1", "T3": "Ry0"}
    assert dl.validate(x).cycle is None
    assert dl.validate(y).cycle is None
    both = {name: f"{x.get(name, '')} {y.get(name, '')}" for name in x}
    assert dl.validate(both).cycle == ["T2", "T1", "T3"]


def test_a_transaction_is_told_what_it_read_and_wrote(control):
    cluster = dl.Transactions(2, seed=1, check_invariants=True, **control)
    alice = cluster.client("alice")
    assert cluster.run_until(alice.put(x=100, y=5))
    op = alice.transaction([("get", "x"), ("add", "y", 1), ("get", "y"), ("append", "z", "!")])
    assert (op.status, op.result, op.reason, op.attempts) == ("pending", None, None, 0)
    assert cluster.run_until(op)
    assert (op.status, op.result, op.attempts) == ("ok", [100, 5, 6], 1)
    assert op.accesses == [("r", "x", 100), ("r", "y", 5), ("w", "y", 6), ("r", "y", 6), ("append", "z", "!")]
    cluster.run_for("1s")
    assert cluster.values() == {"x": 100, "y": 6, "z": ["!"]}
    assert (cluster.value("x"), cluster.value("nothing")) == (100, None)


def test_what_takes_more_than_there_is_is_rolled_back(control):
    bank = dl.Transactions(2, seed=2, **control)
    alice = bank.client("alice")
    assert bank.run_until(alice.put(a=10, b=0))
    assert bank.run_until(alice.transfer("a", "b", 7))
    late = alice.transfer("a", "b", 7)
    assert bank.run_until(late)
    assert (late.status, late.reason) == ("fail", "rollback")
    bank.run_for("1s")
    assert bank.values() == {"a": 3, "b": 7}


def test_histories_say_what_transactions_did():
    cluster = dl.Transactions(1, seed=1)
    cluster.run_until(cluster.client("alice").transaction([("put", "x", 1), ("get", "x")]))
    cluster.client("bob").put(x=2)
    done, asked = cluster.history
    assert (done.kind, done.argument, done.status) == ("txn", [("w", "x", 1), ("r", "x", 1)], "ok")
    assert (asked.kind, asked.argument, asked.status) == ("txn", [("w", "x", 2)], "info")
    again = dl.History.from_jsonl(cluster.history.to_jsonl())
    assert again.check("strict-serializable").ok


@pytest.mark.parametrize("seed", range(5))
def test_interleaved_trades_lose_an_update_without_control_and_none_with_it(control, seed):
    def play(**options):
        stock = dl.Transactions(2, seed=seed, **options)
        ops = [
            stock.client(name).transaction([*TRADE[:2], ("put", "A", i), ("put", "B", i)])
            for i, name in ((1, "alice"), (2, "bob"))
        ]
        assert all(stock.run_until(op) for op in ops)
        return stock.history.check("strict-serializable")

    assert "lost update" in play(control="none").reason
    assert play(**control).ok


@pytest.mark.parametrize("mix", ["stock", {"read": 0.5, "read_modify_write": 0.5}])
def test_workloads_are_strictly_serializable_under_crashes_and_loss(control, mix):
    for seed in range(3):
        network = dl.Network(latency=dl.LogNormal("2ms", sigma=0.6), loss=0.03, duplicate=0.05)
        cluster = dl.Transactions(
            3, seed=seed, network=network, disk=dl.Disk(sync="1ms"), check_invariants=True, **control
        )
        cluster.workload(clients=6, rate=150, keys=dl.Zipf(12), mix=mix, until="3s")
        cluster.nemesis("crash", "partition", "lossy", until="3s")
        history = cluster.run(until="6s").history
        assert len(history) > 350
        assert history.counts()["ok"] > 20
        history.check("strict-serializable").raise_if_bad()


def test_no_control_is_caught_at_once():
    cluster = dl.Transactions(3, control="none", seed=1)
    cluster.workload(clients=6, rate=300, keys=dl.Zipf(5), mix="stock", until="1s")
    verdict = cluster.run(until="2s").history.check("strict-serializable")
    assert verdict.ok is False
    assert len(verdict.counterexample) <= 4


CAUGHT = {
    "skip_read_validation": {"control": "occ"},
    "skip_graph": {"control": "occ", "batch": "5ms"},
    "skip_pending": {"control": "timestamp"},
    "unlock_early": {"control": "2pl"},
    "skip_upgrade": {"control": "2pl"},
    "timeout_without_abort": {"control": "2pl", "deadlock": "timeout"},
}


@pytest.mark.parametrize("mutant", CAUGHT)
def test_broken_rules_are_seen_by_clients(mutant):
    for seed in range(20):
        cluster = dl.Transactions(3, seed=seed, mutant=mutant, **CAUGHT[mutant])
        cluster.workload(clients=8, keys=dl.Zipf(6), mix="stock", limit=400)
        if cluster.run_for("5s").history.check("strict-serializable").ok is False:
            return
    pytest.fail(f"{mutant} was not caught")


def test_a_vote_for_the_dead_is_seen_by_the_invariants():
    cluster = dl.Transactions(
        2, seed=1, control="2pl", deadlock="wound_wait", mutant="ignore_wound", check_invariants=True
    )
    cluster.workload(clients=8, keys=4, mix="stock", limit=400)
    with pytest.raises(dl.InvariantViolation, match="PreparedLocked"):
        cluster.run_for("5s")


def test_money_is_neither_made_nor_lost(control):
    bank = dl.Transactions(3, seed=4, check_invariants=True, **{**control, "attempts": None})
    load = bank.workload(clients=6, mix="bank", keys=dl.Zipf(8), limit=300)
    bank.run_for("60s")
    assert load.counts()["ok"] == 300
    assert sum(bank.values().values()) == 0
    assert any(bank.values().values())


def test_a_deadlock_costs_one_transaction():
    cluster = dl.Transactions(["a", "b"], control="2pl", placement={"x": "a", "y": "b"}, seed=1)
    one = cluster.client("one").transaction([("put", "x", 1), ("put", "y", 1)])
    two = cluster.client("two").transaction([("put", "y", 2), ("put", "x", 2)])
    cluster.run_for("1s")
    assert sorted([(one.status, one.reason), (two.status, two.reason)], key=str) == [("fail", "deadlock"), ("ok", None)]
    assert cluster.aborts() == {"deadlock": 1}


def test_transactions_that_are_tried_again_commit_at_last():
    cluster = dl.Transactions(1, control="occ", attempts=None, seed=3)
    ops = [cluster.client(f"c{i}").transaction([("add", "x", 1)]) for i in range(10)]
    assert all(cluster.run_until(op) for op in ops)
    cluster.run_for("1s")
    assert cluster.value("x") == 10
    assert max(op.attempts for op in ops) > 1


def test_contention_turns_the_tables():
    table = dl.contention(skews=(0.0, 1.0), duration="1s")
    rows = {(name, skew): i for i, (name, skew) in enumerate(zip(table["control"], table["skew"], strict=True))}
    throughput = {key: table["throughput"][row] for key, row in rows.items()}
    assert throughput["occ", 0.0] > 1.2 * throughput["2pl", 0.0]
    assert throughput["2pl", 1.0] > throughput["occ", 1.0]
    assert table["abort_rate"][rows["occ", 1.0]] > 5 * table["abort_rate"][rows["2pl", 1.0]]
    assert all(column.dtype != object for column in table.values())
    again = dl.contention(skews=(0.0, 1.0), duration="1s")
    assert all(np.array_equal(table[name], again[name]) for name in table)


def test_a_cluster_is_saved_loaded_and_forked(tmp_path):
    cluster = dl.Transactions(2, control="2pl", seed=1)
    cluster.run_until(cluster.client("alice").put(x=1))
    cluster.run_for("1s")
    cluster.save(tmp_path / "saved")
    loaded = dl.Transactions.load_from(tmp_path / "saved")
    assert loaded.clients == ["alice"]
    assert loaded.nodes == ["n0", "n1", "tc"]
    assert isinstance(dl.load(tmp_path / "saved"), dl.Transactions)
    op = loaded.client("bob").get("x")
    assert loaded.run_until(op)
    assert op.result == [1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"control": "mvcc"}, "control"),
        ({"policy": "none"}, "policy"),
        ({"deadlock": "pray"}, "deadlock"),
        ({"victim": "oldest"}, "victim"),
        ({"attempts": 0}, "attempts"),
        ({"nodes": 0}, "nodes"),
        ({"nodes": ["tc"]}, "nodes"),
        ({"placement": {"x": "n9"}}, "placement"),
        ({"mutant": "cosmic_ray"}, "mutant"),
        ({"batch": "-1ms"}, "batch"),
    ],
)
def test_nonsense_is_refused_by_name(options, text):
    with pytest.raises(dl.ParameterError, match=text):
        dl.Transactions(**options)


@pytest.mark.parametrize(
    "ops", [[("get",)], [("put", "x")], ["get x"], [("fly", "x")], [("add", "x", 1.5)], [("get", 3)]]
)
def test_operations_that_are_none_are_refused(ops):
    alice = dl.Transactions(1).client("alice")
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match="ops"):
        alice.transaction(ops)


def test_validation_refuses_what_is_no_access():
    with pytest.raises(dl.ParameterError, match="T1"):
        dl.validate({"T1": "Rx"})


def test_only_clients_that_know_transactions_take_wide_workloads():
    raft = dl.Raft(3, seed=1)
    raft.client("c0")
    with pytest.raises(dl.ParameterError, match="clients"):
        raft.load(dl.Workload(["c0"], width=2))
    with pytest.raises(dl.ParameterError, match="width"):
        dl.Transactions(1).workload(keys=2, width=3)
