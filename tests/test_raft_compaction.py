"""Raft's snapshots, sessions that expire, and what the log may drive, from Python."""

import copy

import pytest

import distlab as dl
from distlab.raft import Compaction, Entry, LogSnapshot


def lagging(**options):
    """Three servers, one of which lags behind what the others have compacted away."""
    raft = dl.Raft(3, seed=4, check_invariants=True, **options)
    raft.run_until(raft.has_leader)
    behind = next(name for name in raft.nodes if name != raft.leader)
    raft.isolate(behind)
    return raft, behind


def test_who_lags_behind_gets_the_snapshot():
    raft, behind = lagging(compaction=Compaction(entries=50, keep=5, chunk=64))
    alice = raft.client("alice")
    for i in range(200):
        raft.run_until(alice.put(f"k{i % 20}", i))
    state = raft.state(raft.leader)
    assert state["snapshot"].index >= 150
    assert len(state["log"]) < 60
    assert state["log_first"] == state["snapshot"].index - 4
    assert state["log"][0].index == state["log_first"]
    raft.heal().run_until(lambda: raft.state(behind)["incoming"] is not None)
    progress = raft.state(raft.leader)["progress"][behind]["snapshot"]
    assert 0 <= progress["offset"] < progress["data"]
    raft.run_for("2s")
    assert raft.state(behind)["snapshot"].index >= 150
    assert raft.state(behind)["machine"] == {f"k{i}": 180 + i for i in range(20)}
    assert raft.status(behind)["snapshot_index"] == raft.state(behind)["snapshot"].index


def test_a_run_with_snapshots_is_forked_saved_and_repeated():
    def run():
        raft, _ = lagging(compaction=20)
        raft.workload(clients=3, rate=200, until="2s")
        raft.at("1s").heal()
        return raft.run(until="1.05s")

    one, two = run(), run()
    again = dl.load(one.save())
    fork = one.fork()
    for raft in (one, two, again, fork):
        raft.run(until="4s")
    assert one.fingerprint == two.fingerprint == again.fingerprint == fork.fingerprint
    assert one.metrics["notes"]["installed"] > 0


def test_compacting_by_hand():
    raft = dl.Raft(3, manual=True)
    raft.campaign("n0").settle()
    raft.propose("n0", ("put", "x", 1))
    raft.settle()
    raft.beat("n0").settle()
    op = raft.compact("n1")
    raft.settle()
    assert op.reply["raft"]["done"]["index"] == 2
    assert raft.state("n1")["snapshot"] == LogSnapshot(2, 1, {"x": 1}, None)
    assert raft.state("n1")["log"] == []
    assert raft.state("n0")["snapshot"] is None
    again = raft.compact("n1")
    raft.settle()
    assert (again.status, again.reply["raft"]["refused"]["reason"]) == ("fail", "nothing new is applied")
    beyond = raft.compact("n1", 9)
    raft.settle()
    assert beyond.reply["raft"]["refused"]["reason"] == "no snapshot stands for these entries"
    assert [operation.kind for operation in raft.history] == ["write"]


def test_a_past_with_a_snapshot_is_made_by_hand():
    raft = dl.Raft(3, manual=True, check_invariants=True)
    members = dl.Membership(["n0", "n1", "n2"])
    raft.set_state("n0", term=3, snapshot=LogSnapshot(5, 3, {"x": 7}, members), log=[3, 3])
    raft.set_state("n1", term=3, snapshot=LogSnapshot(5, 3, {"x": 7}, members))
    raft.set_state("n2", term=2, log=[1, 1, 2])
    state = raft.state("n0")
    assert (state["commit"], state["applied"], state["log_first"]) == (5, 5, 6)
    assert [entry.index for entry in state["log"]] == [6, 7]
    raft.campaign("n0").settle()
    for _ in range(4):
        raft.beat("n0").settle()
    assert raft.state("n2")["snapshot"] == LogSnapshot(5, 3, {"x": 7}, members)
    assert [entry.term for entry in raft.state("n2")["log"]] == [3, 3, 4]
    assert raft.state("n2")["machine"] == {"x": 7}
    with pytest.raises(dl.ParameterError, match=r"commit.*from 5 to 8"):
        raft.set_state("n0", commit=2)
    with pytest.raises(dl.ParameterTypeError, match="snapshot"):
        raft.set_state("n0", snapshot={"index": 5})


def test_time_passes_for_one_server_alone():
    raft = dl.Raft(3, manual=True)
    raft.set_timing("n1", election_timeout=("100ms", "100ms"), heartbeat="50ms")
    raft.tick("n2", 1)
    assert raft.tick("n1", 1).state("n1")["role"] == "follower"
    raft.drop(kind="timer", dst="n1")
    raft.fire("n1", {"raft": "election"})
    raft.tick("n1", 1)
    assert raft.state("n1")["term"] == 1
    assert raft.tick("n1", 1).state("n1")["term"] == 2
    assert raft.state("n2")["role"] == "follower"
    with pytest.raises(dl.ParameterError, match="in manual mode"):
        dl.Raft(3).tick("n0")


@pytest.mark.parametrize("seed", range(3))
def test_locks_are_held_by_one_at_a_time(seed):
    raft = dl.Raft(3, seed=seed, machine="lock", network=dl.Network(latency="2ms", loss=0.1, duplicate=0.1))
    clients = [raft.client(name) for name in ("ann", "bob", "cat")]
    tokens = []
    for _ in range(15):
        asked = [(client, client.acquire("l")) for client in clients]
        for client, op in asked:
            raft.run_until(op)
            if op.status == "ok":
                tokens.append(op.result)
                raft.run_until(client.release("l"))
    assert tokens == sorted(set(tokens))
    assert len(tokens) >= 15
    raft.history.check("linearizable", spec="mutex").raise_if_bad()
    raft.run_until(op := clients[0].holder("l"))
    assert op.result is None


@pytest.mark.parametrize("seed", range(3))
def test_queues_are_first_in_first_out(seed):
    raft = dl.Raft(3, seed=seed, machine="queue", network=dl.Network(latency="2ms", loss=0.1, duplicate=0.1))
    ann, bob = raft.client("ann"), raft.client("bob")
    ops = [op for i in range(30) for op in (ann.enqueue("q", i), bob.dequeue("q"))]
    raft.at("50ms").crash("n0").at("1s").recover("n0")
    for op in ops:
        raft.run_until(op)
    raft.history.check("linearizable", spec="queue").raise_if_bad()
    got = [op.result for op in ops[1::2] if op.result is not None]
    assert len(got) == len(set(got)) > 0


def test_lists_only_grow():
    raft = dl.Raft(3, seed=1, machine="list")
    ann = raft.client("ann")
    for i in range(3):
        raft.run_until(ann.append("l", i))
    raft.run_until(op := ann.get("l"))
    assert op.result == [0, 1, 2]
    raft.run_until(ann.get("nothing"))
    raft.history.check("linearizable", spec="list").raise_if_bad()
    assert raft.state("n0")["machine"]["l"][:1] == [0]


class Bank:
    """Accounts: a state machine of one's own."""

    def __init__(self):
        self.accounts = {}

    def apply(self, command):
        kind, name, amount = command
        if kind == "deposit":
            self.accounts[name] = self.accounts.get(name, 0) + amount
        return self.accounts.get(name, 0)

    def query(self, question):
        return self.accounts.get(question[1], 0)

    def snapshot(self):
        return copy.deepcopy(self.accounts)

    def restore(self, state):
        self.accounts = state


class Tally:
    """The same without the methods that are not needed."""

    def __init__(self):
        self.count = 0

    def apply(self, command):
        self.count += command
        return self.count


@pytest.mark.parametrize("read_mode", ["log", "read_index"])
def test_a_class_of_ones_own_is_replicated_snapshot_and_all(read_mode):
    raft, behind = lagging(machine=Bank, compaction=Compaction(entries=10, chunk=16), read_mode=read_mode)
    ann = raft.client("ann")
    for i in range(45):
        raft.run_until(op := ann.apply(["deposit", f"a{i % 3}", i]))
    assert op.result == sum(range(2, 45, 3))
    raft.heal().run_for("2s")
    want = {f"a{k}": sum(range(k, 45, 3)) for k in range(3)}
    assert [raft.state(name)["machine"] for name in raft.nodes] == [want] * 3
    assert raft.state(behind)["snapshot"].state.keys() == want.keys()
    raft.run_until(op := ann.query(["balance", "a1"]))
    assert op.result == want["a1"]
    fork, again = raft.fork(), dl.load(raft.save(), nodes=[Bank])
    for one in (raft, fork, again):
        one.run_until(one.client("ann").apply(["deposit", "a0", 1]))
        one.run_for("1s")
    assert raft.fingerprint == fork.fingerprint == again.fingerprint
    assert raft.state("n0")["machine"] == fork.state("n0")["machine"] == again.state("n0")["machine"]
    kinds = {operation.kind for operation in raft.history}
    assert kinds == {"deposit", "balance"}


def test_a_class_without_snapshot_is_its_attributes():
    raft, behind = lagging(machine=Tally, compaction=5)
    ann = raft.client("ann")
    for _ in range(12):
        raft.run_until(op := ann.apply(2))
    raft.heal().run_for("2s").crash(behind).recover(behind).run_for("2s")
    assert op.result == 24
    assert raft.state(behind)["machine"] == {"count": 24}
    raft.run_until(op := ann.query(0))
    assert op.status == "fail"


def test_a_class_of_ones_own_is_explored():
    raft = dl.Raft(["a"], machine=Tally)
    raft.run_until(raft.has_leader)
    found = raft.explore(calls={"a": [{"raft": {"propose": {"op": {"apply": {"command": 1}}}}}]}, max_states=500)
    assert found.distinct > 1


class Faulty:
    def apply(self, command):
        raise RuntimeError("this machine is broken")


class Fractional:
    def apply(self, command):
        return 0.5


class Needs:
    def __init__(self, something):
        pass

    def apply(self, command):
        return None


def test_exceptions_of_a_machine_reach_whoever_runs_the_cluster():
    raft = dl.Raft(1, machine=Faulty)
    op = raft.client("ann").apply(1)
    with pytest.raises(RuntimeError, match="this machine is broken"):
        raft.run_until(op)
    with pytest.raises(dl.ClusterHalted, match="exception of its state machine"):
        raft.run_for("1s")
    raft = dl.Raft(1, machine=Fractional)
    op = raft.client("ann").apply(1)
    with pytest.raises(dl.DistlabError, match="apply"):
        raft.run_until(op)


@pytest.mark.parametrize("wrong", [Needs, int, Tally(), 3, None, "bank", [Tally]])
def test_what_is_no_state_machine_is_refused(wrong):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match="machine"):
        dl.Raft(3, machine=wrong)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"entries": 0}, "compaction.entries"),
        ({"bytes": 0}, "compaction.bytes"),
        ({"bytes": "many"}, "compaction.bytes"),
        ({"factor": 0}, "compaction.factor"),
        ({"factor": "4"}, "compaction.factor"),
        ({"every": "0s"}, "compaction.every"),
        ({"keep": -1}, "compaction.keep"),
        ({"chunk": 0}, "compaction.chunk"),
        ({"entries": 1.5}, "compaction.entries"),
    ],
)
def test_nonsense_about_compaction_is_refused_by_name(options, name):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match=name):
        dl.Raft(3, compaction=Compaction(**options))


@pytest.mark.parametrize("wrong", ["10", 1.5, True, {"entries": 3}])
def test_compaction_is_a_policy_or_a_number(wrong):
    with pytest.raises(dl.ParameterTypeError, match="compaction"):
        dl.Raft(3, compaction=wrong)


def test_sessions_expire_and_late_commands_are_not_repeated():
    raft = dl.Raft(3, seed=2, machine="counter", session_limit=2)
    clients = [raft.client(f"c{i}") for i in range(4)]
    for client in clients:
        raft.run_until(op := client.add())
        assert op.status == "ok"
    raft.run_until(late := clients[0].add())
    assert (late.status, late.result) == ("info", None)
    raft.run_until(again := clients[0].add())
    assert (again.status, again.result) == ("ok", 5)
    raft.history.check("linearizable", spec="counter").raise_if_bad()
    with pytest.raises(dl.ParameterError, match="session_limit"):
        dl.Raft(3, session_limit=0)


@pytest.mark.parametrize("seed", range(6))
def test_reads_by_session_are_sequentially_consistent(seed):
    raft = dl.Raft(5, seed=seed, read_mode="session", network=dl.Network(latency=("1ms", "30ms"), loss=0.05))
    raft.workload(clients=4, rate=60, keys=4, reads=0.6, until="3s")
    raft.at("1s").isolate("n1").at("1.5s").crash("n2").at("2s").heal().at("2.2s").recover("n2")
    history = raft.run(until="5s").history
    assert len(history) > 100
    history.check("sequential").raise_if_bad()


def test_reads_by_session_are_not_linearizable():
    def stale(seed):
        raft = dl.Raft(5, seed=seed, read_mode="session", network=dl.Network(latency=("1ms", "60ms")))
        raft.workload(clients=6, rate=200, keys=2, reads=0.6, until="3s")
        return not raft.run(until="4s").history.check("linearizable").ok

    assert any(stale(seed) for seed in range(5))


# Scenario R11: as course 6.5840 tests its key-value service, labs 4A and 4B.
@pytest.mark.parametrize("unreliable", [False, True])
@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("partitions", [False, True])
@pytest.mark.parametrize("snapshots", [False, True])
@pytest.mark.parametrize(("clients", "keys"), [(1, 1), (7, 10)])
def test_the_matrix_of_the_course(unreliable, restarts, partitions, snapshots, clients, keys):
    network = dl.Network(latency=("0ms", "27ms"), loss=0.1) if unreliable else dl.Network(latency="1ms")
    limit = 1000 if snapshots else None
    raft = dl.Raft(
        5, seed=keys, network=network, compaction=Compaction(bytes=limit) if limit else None, check_invariants=True
    )
    load = raft.workload(clients=clients, rate=40 * clients, keys=keys, reads=0.5, until="4s")
    if partitions:
        raft.nemesis("partition", until="4s")
    largest = 0
    for half in range(1, 9):
        raft.run(until=half / 2)
        if restarts and half % 2 == 0:
            for name in raft.nodes:
                raft.crash(name)
            for name in raft.nodes:
                raft.recover(name)
        for name in raft.nodes:
            applied = raft.status(name)["applied"] if raft.up(name) else 0
            entries = [entry for entry in raft.state(name)["log"] if entry.index <= applied]
            largest = max(largest, len(dl._core.encode([(e.index, e.term, str(e.command)) for e in entries])))
    raft.heal().run_for("10s")
    assert load.counts()["ok"] > 20 * clients
    assert sum(load.counts().values()) == len(raft.history)
    raft.history.check("linearizable").raise_if_bad()
    if limit:
        assert largest < 8 * limit


@pytest.mark.parametrize("seed", range(4))
def test_a_record_that_cannot_be_read_loses_nothing(seed):
    raft = dl.Raft(3, seed=seed, check_invariants=True)
    alice = raft.client("alice")
    for i in range(10):
        raft.run_until(alice.put("x", i))
        victim = raft.nodes[i % 3]
        raft.crash(victim, corrupt=True).run_for("300ms").recover(victim).run_for("600ms")
    raft.run_until(op := alice.get("x"))
    assert op.result == 9
    raft.history.check("linearizable").raise_if_bad()


def test_an_entry_of_a_registration_is_shown():
    raft = dl.Raft(1, session_limit=3)
    raft.run_until(raft.client("ann").put("x", 1))
    entries = raft.state("n0")["log"]
    assert entries[0] == Entry(1, 1, None)
    assert "register" in entries[1].command
    assert entries[2].command == {"put": {"key": "x", "value": 1}}


class InAList(list):
    def apply(self, command):
        self.append(command)
        return len(self)


class Slotted:
    __slots__ = ("count",)

    def apply(self, command):
        return None


class OnlySnapshot:
    def apply(self, command):
        return None

    def snapshot(self):
        return 1


@pytest.mark.parametrize("wrong", [InAList, Slotted, OnlySnapshot])
def test_a_class_whose_state_would_get_lost_is_refused(wrong):
    with pytest.raises(dl.ParameterTypeError, match="restore"):
        dl.Raft(1, machine=wrong)


def test_classes_of_one_name_are_told_apart():
    def adder(by):
        class Adder:
            def __init__(self):
                self.sum = 0

            def apply(self, command):
                self.sum += by
                return self.sum

        return Adder

    one, thousand = adder(1), adder(1000)

    def first(raft):
        raft.run_until(op := raft.client("ann").apply(0))
        return op.result

    old = dl.Raft(1, machine=one)
    assert [first(old), first(dl.Raft(1, machine=thousand)), first(dl.Raft(1, machine=one))] == [1, 1000, 1]
    old.crash("n0").recover("n0")
    assert first(old) == 2


def test_what_is_loaded_serves_clients_as_before():
    raft = dl.Raft(3, seed=1, session_limit=2, read_mode="session")
    raft.run_until(raft.has_leader)
    again = dl.Raft.load_from(raft.save())
    for one in (raft, again):
        one.run_until(op := one.client("ann").put("x", 1))
        assert op.status == "ok"
        one.run_for("1s")
    assert raft.fingerprint == again.fingerprint
    for name in raft.nodes:
        raft.crash(name)
    asleep = dl.Raft.load_from(raft.save())
    with pytest.raises(dl.ParameterError, match="was up when it was saved"):
        asleep.add_server("z")


def test_forks_have_servers_of_their_own():
    raft = dl.Raft(3, seed=1)
    fork = raft.fork().add_server("x")
    assert (len(raft.nodes), len(fork.nodes)) == (3, 4)
    assert raft.run_until(raft.has_leader)
    assert fork.client("ann")
    assert raft.client("ann")


def test_clients_find_servers_that_came_after_them():
    raft = dl.Raft(["a", "b", "c"], seed=1, check_invariants=True)
    ann = raft.client("ann")
    for name in "def":
        raft.add_server(name)
    raft.run_until(ann.put("x", 1))
    raft.run_for("200ms")
    assert raft.run_until(raft.change_membership(["d", "e", "f"]))
    assert raft.run_until(op := ann.put("x", 2))
    assert op.status == "ok"


def test_a_server_that_was_removed_does_not_count_for_who_leads():
    raft = dl.Raft(["a", "b", "c", "d"], seed=2, leader_liveness=True)
    raft.run_until(raft.has_leader)
    raft.run_for("1s")
    gone = next(name for name in raft.nodes if name != raft.leader)
    raft.isolate(gone)
    assert raft.run_until(raft.change_membership([name for name in raft.nodes if name != gone]))
    raft.run_for("2s").heal().run_for("2s")
    assert raft.status(gone)["term"] > raft.status(raft.leader)["term"]
    assert raft.has_leader()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda raft: raft.propose("n0", (["a"], 1)), "command"),
        (lambda raft: raft.change_membership(["n0"], 3), "learners"),
        (lambda raft: raft.change_membership(["n0"], None), "learners"),
        (lambda raft: raft.set_state("n0", log=5), "log"),
        (lambda raft: raft.set_state("n0", log=[2, 1]), "log"),
        (lambda raft: raft.set_state("n0", snapshot=LogSnapshot(5, 3, {}, 3)), "snapshot.membership"),
        (lambda raft: raft.set_state("n0", snapshot=LogSnapshot(2**32, 3, {})), "snapshot.index"),
        (lambda raft: raft.set_state("n0", snapshot=LogSnapshot(0, 3, {})), "snapshot.index"),
        (lambda raft: raft.set_timing("n0"), "node"),
        (lambda raft: raft.crash("n0").tick("n0"), "node"),
        (lambda raft: raft.compact("n0", 0), "index"),
        (lambda raft: raft.beat("n0"), "node"),
        (lambda raft: raft.crash("n0").campaign("n0"), "node"),
        (lambda raft: dl.Raft(["a"], manual=True).campaign("a").campaign("a"), "node"),
        (lambda raft: dl.Raft(1, read_mode="lease"), "lease_drift"),
        (lambda raft: dl.plot.logs(raft, "axes"), "ax"),
        (lambda raft: dl.plot.cluster_ring(raft, "axes"), "ax"),
        (lambda raft: dl.plot.latency_steps({"a": [1.0]}, "axes"), "ax"),
        (lambda raft: dl.Raft(1, sessions=False, session_limit=2), "session_limit"),
        (lambda raft: dl.Raft(1, machine=Tally, manual=True).set_state("n0", snapshot=LogSnapshot(5, 3)), "state"),
        (
            lambda raft: dl.Raft(1, machine="lock", manual=True).set_state("n0", snapshot=LogSnapshot(5, 3, {"l": 3})),
            "snapshot.state",
        ),
    ],
)
def test_nonsense_is_refused_by_name(call, name):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match=name):
        call(dl.Raft(3, manual=True, check_invariants=True))


@pytest.mark.parametrize(("machine", "state"), [("lock", {"l": ("ann", 4)}), ("queue", {"q": [1, 2]}), ("counter", 3)])
def test_every_machine_can_be_given_a_past(machine, state):
    raft = dl.Raft(1, machine=machine, manual=True)
    raft.set_state("n0", snapshot=LogSnapshot(5, 3, state))
    assert raft.state("n0")["machine"] == state
    assert raft.state("n0")["snapshot"].state == state


def test_commands_are_sent_and_retried_by_hand():
    raft = dl.Raft(3, machine="counter", manual=True, session_limit=1)
    raft.campaign("n0").settle()
    ann, bob = raft.client("ann"), raft.client("bob")

    def answers(client):
        found = [it["message"]["raft"]["response"]["result"] for it in raft.messages if it["dst"] == client.name]
        raft.drop(dst=client.name)
        return found

    def settle():
        while raft.deliver(dst=["n0", "n1", "n2"]):
            pass

    ann.send("n1", ("add", 1), seq=1)
    assert answers(ann) == [{"not_leader": {"hint": "n0"}}]
    ann.send("n0", None, seq=1)
    settle()
    ((answer,),) = [list(it.values()) for it in answers(ann)]
    opened = answer["value"]
    ann.send("n0", ("add", 5), seq=opened + 1)
    settle()
    ann.send("n0", ("add", 5), seq=opened + 1)
    settle()
    assert answers(ann) == [{"answer": {"value": 5}}] * 2
    bob.send("n0", None, seq=1)
    settle()
    ann.send("n0", ("add", 5), seq=opened + 2)
    settle()
    assert answers(ann) == [{"answer": {"refused": "session_expired"}}]
    assert raft.state("n0")["machine"] == 5
    assert raft.state("n0")["sessions"] == 1
    with pytest.raises(dl.UnknownNode):
        ann.send("ann", ("add", 1), seq=1)
    with pytest.raises(dl.ParameterError, match="seq"):
        ann.send("n0", ("add", 1), seq=0)


def test_what_a_power_failure_would_leave():
    raft = dl.Raft(3, seed=1, disk=dl.Disk(sync="20ms"), check_invariants=True)
    raft.run_until(raft.has_leader)
    raft.run_for("300ms")
    leader = raft.leader
    last = raft.state(leader)["log"][-1].index
    assert raft.durable_index(leader) == last
    raft.propose(leader, ("put", "x", 1))
    raft.run_for("5ms")
    assert (raft.state(leader)["log"][-1].index, raft.durable_index(leader)) == (last + 1, last)
    raft.run_for("50ms")
    before = raft.fingerprint
    assert raft.durable_index(leader) == last + 1
    assert (raft.fingerprint, raft.leader) == (before, leader)
    with pytest.raises(dl.UnknownNode):
        raft.durable_index("nobody")
