"""Configurations of a replicated group: quorums, simple and joint changes, and what is refused."""

import itertools

import numpy as np
import pytest

import distlab as dl
from distlab.raft import committed_index, vote_result


def majority_has(voters, acked, index):
    return not voters or 2 * sum(acked.get(it, 0) >= index for it in voters) > len(voters)


def test_an_index_is_committed_if_either_majority_has_it():
    members = [1, 2, 3, 4]
    sets = [set(it) for n in range(5) for it in itertools.combinations(members, n)]
    for incoming, outgoing in itertools.product(sets, sets):
        for acks in itertools.product((0, 1, 2), repeat=4):
            acked = dict(zip(members, acks, strict=True))
            both = [i for i in (0, 1, 2) if majority_has(incoming, acked, i) and majority_has(outgoing, acked, i)]
            want = max(both) if incoming | outgoing else None
            assert committed_index(incoming, acked, outgoing) == want, (incoming, outgoing, acked)


@pytest.mark.parametrize(
    ("size", "acks", "want"),
    [(1, 0, 1), (3, 0, 0), (3, 1, 1), (3, 2, 1), (5, 0, 0), (5, 1, 0), (5, 2, 1), (5, 3, 1), (5, 4, 1)],
)
def test_what_a_leader_commits_by_how_many_followers_have_it(size, acks, want):
    voters = [f"n{i}" for i in range(size)]
    assert committed_index(voters, dict.fromkeys(voters[: acks + 1], 1)) == want


@pytest.mark.parametrize(
    ("voters", "outgoing", "votes", "want"),
    [
        ("", "", "", "won"),
        ("1", "", "_", "open"),
        ("123", "", "yny", "won"),
        ("1234", "", "ynyn", "lost"),
        ("12", "34", "yyyn", "lost"),
        ("123", "345", "yy_yn", "open"),
        ("123456789", "123", "yy_yyy___", "won"),
        ("123456789", "123", "y__yyyyyy", "open"),
    ],
)
def test_whom_two_majorities_elect(voters, outgoing, votes, want):
    heard = {str(i + 1): {"y": True, "n": False}.get(vote) for i, vote in enumerate(votes)}
    assert vote_result(list(voters), heard, list(outgoing)) == want
    assert vote_result(list(outgoing), heard, list(voters)) == want, "who comes and who goes makes no difference"


def test_numbers_of_numpy_are_numbers():
    acked = {1: np.int64(7), np.int32(2): np.uint8(9)}
    assert committed_index(np.array([1, 2, 3]), acked) == 7
    assert vote_result([1], {1: np.bool_(True)}) == "won"
    assert str(dl.Membership(np.array([2, 1]))) == "voters=(1 2)"
    assert committed_index([1], {1: 2**64 - 1}) == 2**64 - 1


def test_a_configuration_goes_through_two_steps():
    joint = dl.Membership([1]).enter_joint({1: "remove", 2: "voter", 3: "voter", 4: "learner"})
    assert str(joint) == "voters=(2 3)&&(1) learners=(4)" and joint.is_joint
    assert joint.committed_index({1: 5, 2: 9, 3: 9}) == 5
    assert joint.vote_result({2: True, 3: True}) == "open"
    after = joint.leave_joint()
    assert after == dl.Membership([2, 3], learners=[4]) and not after.is_joint
    demoted = dl.Membership(["a", "b"]).enter_joint({"a": "learner"}, auto_leave=True)
    assert str(demoted) == "voters=(b)&&(a b) learners_next=(a) autoleave"
    assert str(demoted.leave_joint()) == "voters=(b) learners=(a)"


ONE, JOINT = dl.Membership([1, 2]), dl.Membership([1, 2], outgoing=[1])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda: JOINT.enter_joint({3: "voter"}), "config is already joint"),
        (lambda: dl.Membership().enter_joint({3: "voter"}), "can't make a zero-voter config joint"),
        (ONE.leave_joint, "can't leave a non-joint config"),
        (lambda: JOINT.simple({3: "voter"}), "can't apply simple config change in joint config"),
        (lambda: ONE.simple({3: "voter", 4: "voter"}), "more than one voter changed without entering joint config"),
        (lambda: ONE.simple([(1, "remove"), (2, "remove")]), "removed all voters"),
    ],
)
def test_a_change_that_cannot_be_says_why(change, problem):
    with pytest.raises(dl.ParameterError) as caught:
        change()
    assert (caught.value.parameter, caught.value.problem) == ("membership", problem)


@pytest.mark.parametrize(
    ("call", "error", "parameter"),
    [
        (lambda: committed_index("abc", {}), dl.ParameterTypeError, "voters"),
        (lambda: committed_index([1, "a"], {}), dl.ParameterError, "voters"),
        (lambda: committed_index([1, 1], {}), dl.ParameterError, "voters"),
        (lambda: committed_index([1], {}, ["a"]), dl.ParameterError, "members"),
        (lambda: committed_index([1.5], {}), dl.ParameterTypeError, "voters"),
        (lambda: committed_index([True], {}), dl.ParameterTypeError, "voters"),
        (lambda: committed_index([1], [3]), dl.ParameterTypeError, "acked"),
        (lambda: committed_index([1], {1: -1}), dl.ParameterError, "acked[1]"),
        (lambda: committed_index([1], {1: 2**64}), dl.ParameterError, "acked[1]"),
        (lambda: committed_index([1], {1: float("nan")}), dl.ParameterTypeError, "acked[1]"),
        (lambda: vote_result([1], {1: "yes"}), dl.ParameterTypeError, "votes[1]"),
        (lambda: vote_result(1, {}), dl.ParameterTypeError, "voters"),
        (lambda: dl.Membership([1], learners=[1]), dl.ParameterError, "learners"),
        (lambda: dl.Membership([1], learners_next=[2]), dl.ParameterError, "learners_next"),
        (lambda: ONE.simple({3: "king"}), dl.ParameterError, "changes"),
        (lambda: ONE.simple([3]), dl.ParameterTypeError, "changes"),
    ],
)
def test_bad_input_is_named(call, error, parameter):
    with pytest.raises(error) as caught:
        call()
    assert caught.value.parameter == parameter


# -- in a running cluster ------------------------------------------------------------------------------


def settled(raft, voters):
    """The leader, once these are the voters, and all of them have applied the same."""

    def so():
        states = [raft.state(name) for name in voters]
        return (
            raft.leader in voters
            and all(set(state["membership"].voters) == set(voters) for state in states)
            and len({(state["applied"], len(state["log"])) for state in states}) == 1
        )

    assert raft.run_until(so, timeout="20s"), [raft.status(name) for name in raft.nodes]
    return raft.leader


def test_all_servers_are_replaced_under_load():
    raft = dl.Raft(3, seed=11, check_invariants=True)
    for name in ("x", "y", "z"):
        raft.add_server(name)
    assert raft.nodes == ["n0", "n1", "n2", "x", "y", "z"]
    load = raft.workload(clients=3, rate=100, until="3s")
    raft.run(until="1s")
    op = raft.change_membership(["x", "y", "z"])
    raft.run(until="5s")
    assert op.status == "ok" and op.reply["raft"]["done"]["answer"] == "done"
    assert settled(raft, ["x", "y", "z"]) in ("x", "y", "z")
    assert str(raft.membership()) == "voters=(x y z)"
    assert raft.config() == {"voters": ["x", "y", "z"], "learners": []}
    assert [e.command for e in raft.state("x")["log"] if isinstance(e.command, dl.Membership)] == [
        dl.Membership(["x", "y", "z"], ["n0", "n1", "n2"], auto_leave=True),
        dl.Membership(["x", "y", "z"]),
    ]
    assert load.counts()["fail"] == 0
    assert raft.history.check("linearizable")


def test_a_joint_configuration_stays_until_it_is_left():
    raft = dl.Raft(3, seed=3, learners=["l"], check_invariants=True).run_for("1s")
    assert str(raft.membership()) == "voters=(n0 n1 n2) learners=(l)"
    op = raft.change_membership(["n0", "n1", "l"], ["n2"], auto_leave=False)
    raft.run_for("1s")
    assert op.status == "ok"
    assert str(raft.membership()) == "voters=(l n0 n1)&&(n0 n1 n2) learners_next=(n2)"
    again = raft.change_membership(["n0"])
    raft.run_for("0.1s")
    assert again.status == "fail" and again.reply["raft"]["refused"]["reason"] == "config is already joint"
    left = raft.leave_joint()
    raft.run_for("1s")
    assert left.status == "ok" and str(raft.membership()) == "voters=(l n0 n1) learners=(n2)"


def test_an_office_is_handed_over_and_a_disturber_is_ignored():
    raft = dl.Raft(3, seed=5, prevote=True, check_quorum=True, leader_liveness=True, check_invariants=True).run_for(
        "1s"
    )
    to = next(name for name in raft.nodes if name != raft.leader)
    op = raft.transfer(to)
    assert raft.run_until(op) and op.status == "ok" and raft.leader == to
    term, other = raft.status(to)["term"], next(name for name in raft.nodes if name != to)
    raft.isolate(other).run_for("5s")
    assert raft.state(other)["role"] in ("follower", "pre_candidate")
    raft.heal().run_for("2s")
    assert (raft.leader, raft.status(other)["term"]) == (to, term)
    refused = raft.transfer(to)
    assert raft.run_until(refused) and refused.reply["raft"]["refused"]["reason"] == "it leads already"
    assert raft.run_until(raft.forget_leader(other))


@pytest.mark.parametrize("mode", ["lease", "follower"])
def test_reads_without_the_log_are_linearizable(mode):
    options = {"leader_liveness": True, "lease_drift": 0.01} if mode == "lease" else {}
    raft = dl.Raft(3, seed=9, read_mode=mode, check_invariants=True, **options)
    load = raft.workload(clients=4, rate=200, keys=3, until="4s")
    raft.run(until="1s")
    leader = raft.leader
    raft.crash(leader).at("2s").recover(leader)
    raft.run(until="8s")
    assert load.counts()["fail"] == 0 and raft.history.check("linearizable")


def test_a_saved_cluster_keeps_its_members():
    raft = dl.Raft(["a", "b"], seed=1, learners=["c"]).add_server("d").run_for("1s")
    raft.run_until(raft.change_membership(["a", "b", "d"], ["c"]))
    for other in (raft.fork(), dl.load(raft.save())):
        assert other.membership() == dl.Membership(["a", "b", "d"], learners=["c"])
        other.add_server("e")
        assert other.run_until(other.change_membership(["e"])) and str(other.membership("e")) == "voters=(e)"


@pytest.mark.parametrize(
    ("make", "error", "parameter"),
    [
        (lambda: dl.Raft(3, learners=["n0"]), dl.ParameterError, "learners"),
        (lambda: dl.Raft(3, learners="abc"), dl.ParameterTypeError, "learners"),
        (lambda: dl.Raft(3, learners=5), dl.ParameterTypeError, "learners"),
        (lambda: dl.Raft(3, conf_effective="later"), dl.ParameterError, "conf_effective"),
        (lambda: dl.Raft(3, catch_up_rounds=-1), dl.ParameterError, "catch_up_rounds"),
        (lambda: dl.Raft(3, lease_drift=0.1), dl.ParameterError, "lease_drift"),
        (lambda: dl.Raft(3, lease_drift=2, leader_liveness=True), dl.ParameterError, "lease_drift"),
        (lambda: dl.Raft(3).change_membership("n0"), dl.ParameterTypeError, "voters"),
        (lambda: dl.Raft(3).change_membership(["n0"], mode="fast"), dl.ParameterError, "mode"),
        (lambda: dl.Raft(3).add_server("n0"), dl.ParameterError, "name"),
        (lambda: dl.Raft(3).add_server(7), dl.ParameterTypeError, "name"),
        (lambda: dl.Raft(3).read("n0", mode="guess"), dl.ParameterError, "mode"),
    ],
)
def test_what_a_cluster_is_not_told(make, error, parameter):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.parameter == parameter


def test_members_must_be_servers():
    raft = dl.Raft(3)
    for call in (
        lambda: raft.change_membership(["n0", "n9"]),
        lambda: raft.transfer("n9"),
        lambda: raft.membership("q"),
    ):
        with pytest.raises(dl.UnknownNode):
            call()
    refused = raft.change_membership([])
    raft.run_until(refused)
    assert refused.status == "fail"
