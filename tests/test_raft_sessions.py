"""Sessions by hand: whatever is lost, doubled or sent to another server, a command is carried out once."""

import pytest

import distlab as dl


def counter(**options):
    return dl.Raft(3, seed=1, machine="counter", **options)


def total(raft):
    raft.run_until(op := raft.client("reader").read())
    return op.result


def test_a_command_is_carried_out_once_however_often_it_is_sent():
    raft = counter()
    session = raft.client("ann").session()
    assert session.name == "ann#1" and session.serial == 0 and session.last is None
    assert session.call(("add", 5)).result == 5
    for server in (None, *raft.nodes, None):
        assert session.retry(server).result == 5
    assert session.serial == 1
    assert session.call(("add", 2)).result == 7
    assert session.retry().result == 7
    assert session.serial == 2
    assert total(raft) == 7
    assert [op.argument for op in raft.history if op.kind == "add"] == [5, 2]
    raft.history.check("linearizable").raise_if_bad()
    assert raft.client("ann").session().name == "ann#2"


def test_serial_numbers_of_ones_own():
    raft = counter()
    session = raft.client("ann").session()
    assert session.call(("add", 5), serial=7).result == 5
    assert session.call(("add", 5), serial=7).result == 5  # a retry, whatever it says
    assert session.call(("add", 100), serial=7).result == 5
    old = session.call(("add", 100), serial=3)
    assert (old.status, old.result) == ("fail", None)
    assert session.call(("add", 1), serial=20, server="n2").result == 6
    assert session.serial == 20
    assert total(raft) == 6


def test_an_answer_survives_its_leader():
    raft = counter()
    session = raft.client("ann").session()
    session.call(("add", 5))
    raft.run_for("100ms").crash(raft.leader).run_until(raft.has_leader)
    assert session.retry().result == 5
    assert total(raft) == 5


def test_a_retry_of_what_is_not_answered_yet_answers_it():
    raft = counter(retry="10s")
    session = raft.client("ann").session()
    raft.run_until(raft.has_leader)
    raft.run_for("100ms")
    other = next(name for name in raft.nodes if name != raft.leader)
    raft.cut(session.name, raft.leader)
    op = session.call(("add", 5), server=raft.leader, timeout="100ms")
    assert op.status == "pending"
    with pytest.raises(dl.ParameterError, match="command"):
        session.call(("add", 6))
    with pytest.raises(dl.ParameterError, match="register"):
        session.register()
    raft.transfer(other)
    raft.run_for("100ms")
    assert session.retry(other) is op
    assert (op.status, op.result) == ("ok", 5)
    assert total(raft) == 5
    assert raft.history.check().ok


def test_sessions_that_are_forgotten_say_so():
    raft = counter(session_limit=1)
    ann, bob = (raft.client(name).session() for name in ("ann", "bob"))
    with pytest.raises(dl.ParameterError, match="serial"):
        ann.call(("add", 1), serial=2)
    assert ann.call(("add", 1)).result == 1
    assert ann.retry().result == 1
    assert ann.serial == 1 and not ann.expired
    assert bob.call(("add", 1)).result == 2
    for attempt in (ann.retry(), ann.retry()):
        assert attempt.status == "info"
    late = ann.call(("add", 1))
    assert late.status in ("ok", "info")
    assert total(raft) == (3 if late.status == "ok" else 2)


def test_an_expired_session_is_followed_by_another():
    raft = counter(session_limit=1)
    ann, bob = (raft.client(name).session() for name in ("ann", "bob"))
    assert [it.call(("add", 1)).status for it in (ann, bob, ann)] == ["ok", "ok", "info"]
    assert ann.expired and not bob.expired
    assert ann.retry().status == "info"
    assert ann.register().call(("add", 1), serial=1).result == 3
    assert not ann.expired and ann.serial == 1
    assert raft.history.check().ok


@pytest.mark.parametrize("limit", [None, 3])
def test_another_session_begins_anew(limit):
    raft = counter(session_limit=limit)
    session = raft.client("ann").session()
    session.call(("add", 1))
    session.call(("add", 1))
    assert session.serial == 2
    assert session.register().serial == 0
    assert session.call(("add", 1)).result == 3
    assert session.serial == 1
    assert session.retry().result == 3
    assert total(raft) == 3


def test_by_hand_nothing_waits():
    raft = counter(manual=True)
    raft.campaign("n0").settle()
    session = raft.client("ann").session()
    op = session.call(("add", 5), server="n0")
    assert op.status == "pending"
    (request,) = [it for it in raft.messages if it["src"] == session.name]
    assert request["dst"] == "n0"
    raft.drop(request["id"])
    assert session.retry("n0") is op
    raft.settle()
    assert (op.status, op.result) == ("ok", 5)
    again = session.retry("n0")
    assert again.status == "pending"
    raft.settle()
    assert again.result == 5
    assert raft.state("n0")["machine"] == 5
    assert len(raft.history) == 1


def test_sessions_live_on_in_copies():
    raft = counter()
    session = raft.client("ann").session()
    session.call(("add", 5))
    session.retry()
    for copy in (raft.fork(), dl.load(raft.save())):
        assert len(copy.history) == 1
        assert copy.client("ann").session().name == "ann#2"
        copy.workload(["late"], mix={"add": 1}, rate=100, limit=20)
        copy.run_for("5s")
        assert copy.history.check().ok
        assert copy.history.counts()["ok"] == 21


def test_without_memory_a_retry_is_carried_out_again_and_found():
    raft = counter(sessions=False)
    session = raft.client("ann").session()
    assert [session.call(("add", 5)).result, session.retry().result] == [5, 10]
    assert total(raft) == 10
    assert raft.history.check("linearizable").ok is False


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda session: session.retry(), "retry"),
        (lambda session: session.call(("add",)), "command"),
        (lambda session: session.call(("add", 1), serial=0), "serial"),
        (lambda session: session.call(("add", 1), serial="1"), "serial"),
        (lambda session: session.call(("add", 1), server="nobody"), "nobody"),
        (lambda session: session.call(("add", 1), timeout="-1s"), "timeout"),
        (lambda session: (session.call(("add", 1)), session.retry("nobody")), "nobody"),
        (lambda session: (session._cluster.crash(session.name), session.call(("add", 1))), "session"),
    ],
)
def test_sessions_that_make_no_sense_are_refused_by_name(call, name):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError, dl.UnknownNode), match=name):
        call(counter().client("ann").session())
