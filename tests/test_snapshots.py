"""Snapshots from Python: money, cuts, what goes on from one, what is refused."""

import os
from collections import Counter

import numpy as np
import pytest

import distlab as dl

SEEDS = int(os.environ.get("DISTLAB_SEEDS", "40"))
DISORDER = {"network": dl.Network(latency=dl.Uniform("0.1ms", "5ms"))}
FIFO = {"network": dl.Network(latency=dl.Uniform("0.1ms", "5ms"), fifo=True)}


@pytest.mark.parametrize(("algorithm", "options"), [("chandy_lamport", FIFO), ("lai_yang", DISORDER)])
def test_money_is_never_lost(algorithm, options):
    under_way = 0
    for seed in range(SEEDS):
        bank = dl.Bank(2 + seed % 4, seed=seed, **options).run_for("9ms")
        snapshots = [bank.run_for("1ms").snapshot(bank.nodes[seed % 2], algorithm=algorithm) for _ in range(3)]
        for snapshot in snapshots:
            assert bank.money(snapshot.wait()) == bank.total, seed
            assert snapshot.consistent and snapshot.problem is None
            under_way += len(snapshot.messages)
        numbers = [it.number for it in snapshots]
        assert numbers == sorted(set(numbers))
    assert under_way > SEEDS


def test_a_naive_snapshot_loses_and_makes_money():
    slow = dl.Network(
        latency=dl.Uniform("0.1ms", "5ms"), fifo=True, places=[0, 1, 2], between=[[0, 0, 0.015], [0, 0, 0], [0, 0, 0]]
    )
    found = []
    for seed in range(30):
        bank = dl.Bank(3, seed=seed, every="5ms", network=slow).run_for("20ms")
        snapshot = bank.snapshot("n0", algorithm="naive").wait()
        found.append((bank.money(snapshot), (snapshot.problem or "").split(":")[0]))
    assert min(found)[0] < 300 < max(found)[0]
    assert {"lost", "received but not sent"} <= {problem for _, problem in found}


def test_a_network_without_order_is_refused_or_shown_to_be_wrong():
    bank = dl.Bank(3, seed=1, trace="full", **DISORDER).run_for("9ms")
    with pytest.raises(dl.ParameterError, match=r"network\.fifo.*lai_yang.*overtakes a marker.*unsafe=True"):
        bank.snapshot()
    contradicted = 0
    for seed in range(20):
        bank = dl.Bank(3, seed=seed, trace="full", **DISORDER).run_for("9ms")
        snapshot = bank.snapshot(unsafe=True).wait()
        order = dl.causality(bank.trace)
        cut = order.cut(snapshot.cut(order))
        if not cut:
            contradicted += 1
            assert not snapshot.consistent and "inside: deliver money" in cut.problem
    assert contradicted > 3


@pytest.mark.parametrize("algorithm", ["chandy_lamport", "lai_yang"])
def test_what_was_under_way_is_what_the_cut_says(algorithm):
    for seed in range(10):
        raft = dl.Raft(3, seed=seed, trace="full", **FIFO)
        raft.workload(clients=2, rate=300)
        raft.run_for("900ms")
        snapshot = raft.snapshot("n1", algorithm=algorithm).wait()
        raft.run_for("200ms")
        order = dl.causality(raft.trace)
        cut = order.cut(snapshot.cut(order))
        assert cut.consistent, cut.problem
        columns = raft.trace.columns
        labels = np.asarray(columns["labels"])[columns["label"]]
        own = {"marker", "take", "report", "late", "begin"}
        names = order.nodes
        seen = Counter(
            (names[order.node[send]], names[order.node[delivery]])
            for send, delivery in cut.in_transit
            if labels[send] not in own
        )
        assert seen == Counter((src, dst) for src, dst, _ in snapshot.messages)


def test_one_marker_for_each_channel():
    bank = dl.Bank(5, seed=2, trace="full").run_for("9ms")
    bank.snapshot("n3").wait()
    columns = bank.trace.columns
    labels, kinds = np.asarray(columns["labels"]), np.asarray(columns["kinds"])
    markers = (labels[columns["label"]] == "marker") & (kinds[columns["kind"]] == "send")
    channels = Counter(zip(columns["node"][markers], columns["peer"][markers], strict=True))
    assert len(channels) == 5 * 4 and set(channels.values()) == {1}


class Counting(dl.Node):
    """A token goes round; everybody counts how often it came."""

    def __init__(self):
        self.seen = 0

    def on_message(self, cx, sender, msg):
        self.seen += 1
        cx.arm("pass", "2ms")

    def on_timer(self, cx, timer):
        cx.send(f"n{(int(cx.id[1:]) + 1) % 3}", "token")


def test_nodes_written_in_python_take_part_and_go_on():
    cluster = dl.Cluster.of([Counting(), Counting(), Counting()], seed=3, network=dl.Network(fifo=True))
    cluster.inject("n0", "n0", "token").run_for("100ms")
    for wait in range(12):
        snapshot = cluster.run_for("0.7ms").snapshot("n2").wait()
        tokens = len(snapshot.messages) + sum("pass" in timers for timers in snapshot.timers.values())
        assert tokens == 1, wait
        before = sum(state["seen"] for state in snapshot.states.values())
        again = snapshot.restore().run_for("1s")
        after = [again.node(name).seen for name in again.nodes]
        assert sum(after) > before + 100 and max(after) - min(after) <= 1
    assert cluster.node("n0").seen < 60, "the cluster itself did not run on meanwhile"


def test_a_restored_bank_goes_on_with_all_its_money():
    bank = dl.Bank(4, seed=5).run_for("20ms")
    snapshot = bank.snapshot("n1").wait()
    now, balances = bank.now, bank.balances
    again = snapshot.restore()
    assert isinstance(again, dl.Bank) and again.now == now
    assert again.balances == {name: state["balance"] for name, state in snapshot.states.items()}
    assert len(again.messages) == len(snapshot.messages)
    again.run_for("50ms")
    assert again.money(again.snapshot("n2").wait()) == 400
    assert bank.balances == balances
    assert again.fork(seed=9).run_for("1s").fingerprint != again.fork(seed=10).run_for("1s").fingerprint


def test_a_restored_raft_elects_and_commits():
    raft = dl.Raft(3, seed=2, check_invariants=True, **FIFO)
    client = raft.client("c")
    for value in range(5):
        assert raft.run_until(client.put("x", value))
    snapshot = raft.snapshot("n0").wait()
    again = snapshot.restore()
    assert again.run_until(again.has_leader)
    again.run_for("2s")
    commits = [again.status(name)["commit"] for name in ("n0", "n1", "n2")]
    read = again.client("d").get("x")
    assert min(commits) >= 6 and again.run_until(read) and read.result == 4
    raft.crash("n0")
    assert snapshot.restore().run_for("2s").up("n0"), "a complete snapshot outlives its initiator"


def test_figure_2_2_the_messages_of_a_and_b_are_replayed():
    """a at p1 and b at p2 send to p3, which has recorded e and neither: both are under way."""
    bank = dl.Bank(["p1", "p2", "p3"], every=0, manual=True)
    bank.settle()

    def pay(src, dst, amount):
        bank.transfer(src, dst, amount)
        bank.deliver(kind="call")

    def receive(src, dst):
        bank.deliver(bank.pending(kind="message", src=src, dst=dst)[0]["id"])

    pay("p3", "p1", 4), receive("p3", "p1")  # e
    pay("p1", "p3", 1)  # a
    pay("p2", "p3", 2)  # b
    snapshot = bank.snapshot("p3")
    receive("p3", "p3"), receive("p3", "p2"), receive("p3", "p1")
    pay("p1", "p3", 8)  # after the cut
    bank.settle()
    assert {name: state["balance"] for name, state in snapshot.states.items()} == {"p1": 103, "p2": 98, "p3": 96}
    assert snapshot.messages == [("p1", "p3", {"money": 1}), ("p2", "p3", {"money": 2})]
    again = snapshot.restore()
    assert [(it["src"], it["dst"]) for it in again.messages] == [("p1", "p3"), ("p2", "p3")]
    again.settle()
    assert again.balances == {"p1": 103, "p2": 98, "p3": 99}
    assert bank.balances == {"p1": 95, "p2": 98, "p3": 107}


def test_several_at_once_and_a_crash():
    bank = dl.Bank(4, seed=7).run_for("9ms")
    first, second = bank.snapshot("n0"), bank.snapshot("n3")
    assert first.number < second.number and not first.complete
    assert "0 of 4 nodes so far" in repr(first)
    first.wait(), second.wait()
    assert bank.money(first) == bank.money(second) == 400
    third = bank.snapshot("n0")
    bank.crash("n2")
    assert not bank.run_until(lambda: third.complete, "1s")
    with pytest.raises(dl.ParameterError, match="timeout.*n2"):
        third.wait("1s")
    # What n2 had is lost, and what it counted; snapshots add up again.
    bank.recover("n2").run_for("10ms")
    total = bank.total
    for algorithm in ("lai_yang", "chandy_lamport"):
        fourth = bank.snapshot("n1", algorithm=algorithm).wait()
        assert fourth.consistent and bank.money(fourth) == total
    assert not third.complete


@pytest.mark.parametrize(("algorithm", "options"), [("chandy_lamport", FIFO), ("lai_yang", DISORDER)])
def test_crashes_and_what_they_leave_under_way_do_not_tear_later_snapshots(algorithm, options):
    completed = 0
    for seed in range(SEEDS):
        bank = dl.Bank(3, seed=seed, every="0.5ms", **options).run_for("9ms")
        first = bank.snapshot("n0", algorithm=algorithm)
        bank.run_for(f"{seed % 9}ms").crash(f"n{seed % 3}").recover(f"n{seed % 3}").run_for(f"{seed % 4}ms")
        second = bank.snapshot("n0", algorithm=algorithm)
        total = bank.total
        assert bank.money(second.wait()) == total and second.consistent, seed
        bank.run_for("50ms")
        if first.complete:
            completed += 1
            assert bank.money(first) == 300 and first.consistent, seed
    assert 0 < completed < SEEDS


def test_a_node_that_joins_is_in_the_next_snapshot():
    for algorithm in ("chandy_lamport", "lai_yang"):
        raft = dl.Raft(3, seed=2, **FIFO)
        raft.run_until(raft.has_leader)
        raft.workload(clients=2, rate=500)
        raft.run_for("100ms")
        first = raft.snapshot("n0", algorithm=algorithm)
        raft.run_for("1ms")
        raft.client("late").put("x", 1)
        second = raft.snapshot("n1", algorithm=algorithm)
        assert first.wait().consistent and second.wait().consistent, first.problem
        assert set(second.states) - set(first.states) == {"late"}


def test_waiting_for_a_processor_is_being_under_way():
    for seed in range(20):
        bank = dl.Bank(3, seed=seed, service="0.3ms", trace="full", **FIFO).run_for("9ms")
        snapshot = bank.pause("n1").snapshot("n0")
        bank.run_for("5ms").resume("n1")
        assert bank.money(snapshot.wait()) == 300
        with pytest.raises(dl.ParameterError, match="no service times"):
            snapshot.cut()


def test_a_node_that_takes_part_shows_itself_as_ever():
    for cluster in (
        dl.Bank(3, seed=4).run_for("30ms"),
        dl.Raft(3, seed=4, **FIFO).run_for("1s"),
        dl.Cluster.of([Counting(), Counting()], network=dl.Network(fifo=True)).run_for("1s"),
    ):

        def seen(cluster=cluster):
            kinds = [it for it in cluster.pending() if it["label"] != "begin"]
            return [(cluster.state(name), cluster.status(name)) for name in cluster.nodes], kinds, cluster.cuts

        before = seen()
        cluster.snapshot()
        assert seen() == before


def test_a_bank_is_known_again_while_its_first_account_is_down():
    bank = dl.Bank(3, seed=4).run_for("30ms").crash("n0")
    assert type(dl.load(bank.save())) is dl.Bank


def test_snapshots_survive_saving():
    bank = dl.Bank(3, seed=4).run_for("30ms")
    number = bank.snapshot("n0").wait().number
    again = dl.load(bank.save())
    assert isinstance(again, dl.Bank) and again.total == 300
    assert again.snapshot("n0").wait().number > number
    assert again.money(again.snapshot("n1").wait()) == 300


def test_bad_input():
    bank = dl.Bank(3, seed=1)
    calls = [
        (lambda: bank.snapshot("nobody"), dl.UnknownNode, "nobody"),
        (lambda: bank.snapshot("n0", algorithm="magic"), dl.ParameterError, "algorithm.*chandy_lamport"),
        (lambda: dl.Bank(3, balance=-1), dl.ParameterError, "balance"),
        (lambda: dl.Bank(3, balance={"n0": 1}), dl.ParameterError, "balance.*each"),
        (lambda: dl.Bank(3, balance=2**62), dl.ParameterError, "2\\*\\*62"),
        (lambda: dl.Bank(0), dl.ParameterError, "accounts"),
        (lambda: bank.transfer("n0", "n9", 1), dl.UnknownNode, "n9"),
        (lambda: bank.transfer("n0", "n1", 1.5), dl.ParameterTypeError, "amount"),
        (lambda: bank.snapshot("n0").restore(), dl.ParameterError, "complete.*wait"),
        (lambda: bank.snapshot("n0").total(3), dl.ParameterTypeError, "amount"),
        (lambda: bank.snapshot("n0").wait().cut(), dl.ParameterError, "trace.*full"),
        (lambda: bank.snapshot("n0").cut(), dl.ParameterError, "complete"),
        (lambda: bank.money(bank.snapshot("n0")), dl.ParameterError, "complete"),
        (lambda: dl.Bank.money(3), dl.ParameterTypeError, "Snapshot of a Bank"),
        (lambda: bank.snapshot("n0", unsafe="no"), dl.ParameterTypeError, "unsafe"),
        (lambda: bank.snapshot("n0").wait().cut(3), dl.ParameterTypeError, "order"),
        (lambda: dl.Bank(3).crash("n0").snapshot("n0"), dl.ParameterError, "initiator.*up"),
        (lambda: dl.Bank(3).run_for(1).crash("n1").snapshot("n0"), dl.ParameterError, "lose"),
        (
            lambda: dl.Bank(3, network=dl.Network(fifo=True, loss=0.1)).run_for(1).snapshot(algorithm="lai_yang"),
            dl.ParameterError,
            "loses messages",
        ),
        (
            lambda: dl.Bank(3, network=dl.Network(fifo=True, duplicate=0.1)).run_for(1).snapshot(),
            dl.ParameterError,
            "doubles messages",
        ),
    ]
    for call, error, text in calls:
        with pytest.raises(error, match=text):
            call()


COMMITTED = {
    "chandy_lamport": 0x0975B5DEA355CEF2,
    "lai_yang": 0xD861E513E13EF278,
    "naive": 0xD96636A22AA2E492,
}


@pytest.mark.parametrize("algorithm", COMMITTED)
def test_committed_fingerprints(algorithm):
    bank = dl.Bank(4, seed=11, **FIFO).run_for("20ms")
    bank.snapshot("n1", algorithm=algorithm).wait()
    assert hex(bank.run_for("20ms").fingerprint) == hex(COMMITTED[algorithm])
