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
    assert committed_index(voters, dict.fromkeys(voters[:acks + 1], 1)) == want


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
