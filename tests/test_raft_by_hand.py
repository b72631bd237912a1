"""Raft moved by hand: time that passes for one server, servers that begin in a given state, and what is refused."""

import pickle

import pytest

import distlab as dl


def leader_of_three(**options):
    raft = dl.Raft(3, manual=True, election_timeout=("150ms", "150ms"), **options)
    raft.campaign("n0").settle()
    assert raft.leader == "n0"
    return raft


def test_a_heartbeat_holds_back_an_election_by_ticks():
    raft = leader_of_three()
    raft.tick("n1", 2).beat("n0").settle()
    assert raft.tick("n1", 1).state("n1")["role"] == "follower"  # 50 ms after the heartbeat
    assert raft.tick("n1", 1).state("n1")["role"] == "follower"
    assert raft.tick("n1", 1).state("n1")["role"] == "candidate"


@pytest.mark.parametrize("prevote", [False, True])
def test_ticks_all_around_keep_a_leader(prevote):
    raft = leader_of_three(prevote=prevote)
    for _ in range(60):
        for node in raft.nodes:
            raft.tick(node)
            raft.settle()
    assert raft.leader == "n0" and {raft.status(node)["term"] for node in raft.nodes} == {1}


def test_ticks_of_one_server_are_no_time_for_another():
    raft = dl.Raft(3, manual=True, election_timeout=("150ms", "150ms"))
    assert raft.tick("n0", 3).state("n0")["role"] == "candidate"
    assert raft.tick("n1", 2).state("n1")["role"] == "follower"
    assert raft.tick("n1", 1).state("n1")["role"] == "candidate"


def test_what_is_given_as_committed_is_applied():
    raft = dl.Raft(3, manual=True, noop=False)
    raft.set_state("n0", term=1, log=[dl.Entry(1, 1, ("put", "x", 1)), dl.Entry(2, 1, ("put", "x", 2))], commit=1)
    state = raft.state("n0")
    assert (state["commit"], state["applied"], state["machine"]) == (1, 1, {"x": 1})
    counter = dl.Raft(1, machine="counter", manual=True)
    counter.set_state("n0", log=[dl.Entry(1, 1, ("add", 5))], commit=1)
    assert counter.state("n0")["machine"] == 5


def test_a_log_goes_back_as_it_was_read():
    raft = dl.Raft(5, seed=1, manual=True, machine="counter", check_invariants=True, session_limit=4)
    raft.campaign("n0").settle()
    session = raft.client("ann").session()
    session.call(("add", 5))
    raft.settle()
    raft.change_membership(["n0", "n1", "n2"], node="n0")
    raft.settle()
    log = raft.state("n0")["log"]
    assert any(isinstance(it.command, dl.Membership) for it in log)
    named = [it.session for it in log if it.session is not None]
    assert len(named) == 2 and named[0]["client"] == session.name  # its registration, and its command
    assert pickle.loads(pickle.dumps(log)) == log
    for node in ("n1", "n2"):
        raft.set_state(node, term=1, log=log, commit=len(log))
        assert raft.state(node)["log"] == log
        assert raft.state(node)["machine"] == 5
        assert raft.membership(node) == raft.membership("n0")


def test_a_prefabricated_term_is_that_of_the_last_entry_at_least():
    raft = dl.Raft(3, manual=True)
    for node in raft.nodes:
        raft.set_state(node, log=[4])
    raft.campaign("n0").settle()
    assert [it.term for it in raft.state("n0")["log"]] == [4, 5]


def test_what_is_not_given_stays():
    raft = dl.Raft(3, manual=True)
    raft.set_state("n0", term=3, voted_for="n1", log=[1, 1, 2, 3])
    raft.set_state("n0", term=3)
    assert raft.state("n0")["voted_for"] == "n1"
    raft.set_state("n0", snapshot=dl.LogSnapshot(2, 1, {"x": 1}))
    state = raft.state("n0")
    assert ([it.index for it in state["log"]], state["log_first"], state["machine"]) == ([3, 4], 3, {"x": 1})
    raft.set_state("n0", snapshot=dl.LogSnapshot(3, 1, {}))  # another entry than the log has there
    assert raft.state("n0")["log"] == []


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ({"log": [4], "term": 3}, "term"),
        ({"log": [2, 1]}, "log"),
        ({"log": {1: 2}}, "log"),
        ({"log": [dl.Entry(5, 1, None)]}, "index"),
        ({"snapshot": dl.LogSnapshot(3, 3, {}), "term": 1}, "term"),
        ({"snapshot": dl.LogSnapshot(3, 3, {}), "log": [1]}, "log"),
        ({"voted_for": "ann"}, "node"),
        ({"log": [1], "commit": 2}, "commit"),
        ({"snapshot": 3}, "snapshot"),
    ],
)
def test_servers_that_cannot_be_are_refused(state, name):
    raft = dl.Raft(3, manual=True)
    raft.client("ann")
    before = raft.state("n0")
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError, dl.UnknownNode), match=name):
        raft.set_state("n0", **state)
    assert raft.state("n0") == before


def test_a_leader_that_is_made_a_follower_waits_for_a_leader():
    raft = dl.Raft(1, seed=1)
    raft.run_until(raft.has_leader)
    raft.set_state("n0", term=7)
    assert not raft.has_leader()
    assert raft.run_until(raft.has_leader) and raft.status("n0")["term"] == 8


def test_a_server_is_given_another_timeout_at_once():
    for node in ("n0", "n1", "n2"):
        raft = dl.Raft(3, seed=5).set_timing(node, election_timeout="100ms", heartbeat="20ms")
        assert raft.run_for("140ms").leader == node


def test_a_process_that_dies_loses_nothing_even_without_fsync():
    def term_after(**crash):
        raft = dl.Raft(1, seed=1, disk=dl.Disk(sync="10s"), unsafe_skip_sync=True)
        raft.run_until(raft.has_leader)
        return raft.crash("n0", **crash).recover("n0").status("n0")["term"]

    assert (term_after(), term_after(lose_unsynced=False)) == (0, 1)
    with pytest.raises(dl.ParameterError, match="torn"):
        dl.Raft(1).crash("n0", lose_unsynced=False, torn=True)
    raft = dl.Raft(3, seed=2, check_invariants=True, disk=dl.Disk(sync="5ms"))
    plan = raft.nemesis("process_crash", until="10s")
    raft.workload(2, until="10s", rate=20)
    raft.run(until="12s")
    assert len(plan) > 4 and raft.history.check().ok


def test_locks_are_read_at_a_server_in_every_mode():
    raft = dl.Raft(3, seed=1, machine="lock", lease_drift=0.01, leader_liveness=True)
    raft.run_until(raft.client("ann").acquire("l"))
    raft.run_for("1s")
    for mode in ("log", "read_index", "local", "lease", "follower"):
        op = raft.read(raft.leader, mode, query=("holder", "l"))
        assert raft.run_until(op) and op.result[0] == "ann"
    with pytest.raises(dl.ParameterError, match="query"):
        raft.read("n0", key="x", query=("holder", "l"))


def test_commits_are_in_full_traces():
    raft = dl.Raft(3, seed=1, trace="full")
    raft.run_until(raft.client("ann").put("x", 1))
    raft.run_for("1s")
    columns = raft.trace.columns
    commits = [row for row in raft.trace.rows("remark") if row["label"] == "commit"]
    assert {row["node"] for row in commits} == set(raft.nodes)
    assert max(row["id"] for row in commits) == 2
    assert "remark" in columns["kinds"]
    quiet = dl.Raft(3, seed=1)
    quiet.run_for("2s")
    assert not list(quiet.trace.rows("remark"))


def test_names_of_invariants_choose_what_an_exploration_looks_at():
    for names in (["ElectionSafety"], ("ElectionSafety", "LogMatching"), {"LogMatching"}, "ElectionSafety"):
        assert dl.Raft(1).explore(2, invariants=names).violation is None


def test_wrong_calls_are_refused_by_name():
    raft, other = dl.Raft(3, seed=1), dl.Raft(3, seed=1)
    op = other.propose("n0", ("put", "x", 1))
    raft.propose("n0", ("put", "x", 1))
    with pytest.raises(dl.ParameterError, match="condition"):
        raft.run_until(op)
    assert other.fork().run_until(op, "1s")
    manual = dl.Raft(["a", "b"], learners=["c"], manual=True)
    for wrong in (-1, "x", 1.5, True):
        with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match="id"):
            manual.deliver(wrong)
    with pytest.raises(dl.ParameterError, match="kind"):
        manual.deliver(kind="mesage")
    with pytest.raises(dl.ParameterError, match="vote"):
        manual.campaign("c")
    for wrong in (None, 1, "ElectionSafety"):
        with pytest.raises(dl.ParameterTypeError, match="check_invariants"):
            dl.Raft(3, check_invariants=wrong)


def test_ticks_go_on_after_a_save_of_a_cluster_that_was_down():
    raft = dl.Raft(1, manual=True).crash("n0")
    again = dl.load(raft.save())
    assert again.recover("n0").tick("n0", 6).status("n0")["role"] == "leader"


def test_a_leader_appends_a_repeated_command_once():
    raft = leader_of_three()
    client, last = raft.client("ann"), len(raft.state("n0")["log"])
    client.send("n0", ("put", "x", 1), seq=1).send("n0", ("put", "x", 1), seq=1, retry=True)
    assert len(raft.state("n0")["log"]) == last + 1
    client.send("n0", ("put", "x", 1), seq=1)  # nothing says that it is the same: it is carried out once all the same
    assert len(raft.state("n0")["log"]) == last + 2
    with pytest.raises(dl.ParameterTypeError, match="retry"):
        client.send("n0", ("put", "x", 1), seq=1, retry=1)
