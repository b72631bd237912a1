"""The native world: what crosses, and how mistakes are told."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab import (
    BudgetExceeded,
    ClusterHalted,
    InternalError,
    LivelockError,
    ManualModeError,
    ParameterError,
    ParameterTypeError,
    SaveFileError,
    UnknownNode,
)
from distlab._core import World

SECOND = 1_000_000_000
MS = 1_000_000


def echoes(**config: Any) -> World:
    world = World({"seed": 7, **config})
    world.spawn({"a": {"echo": {}}, "b": {"echo": {}}, "c": {"echo": {}}})
    return world


def ping(to: str, count: int) -> dict[str, Any]:
    return {"echo": {"ping": {"to": to, "count": count}}}


def raft(**config: Any) -> World:
    world = World({"seed": 7, **config})
    names = ["n0", "n1", "n2"]
    world.spawn({name: {"raft": {"server": {"config": {"voters": names}}}} for name in names})
    return world


def test_an_operation_from_call_to_reply() -> None:
    world = echoes()
    op = world.call("a", ping("b", 3))
    assert world.op(op)["reply"] is None
    assert world.run_op(op)
    done = world.op(op)
    assert done["call"] == ping("b", 3)
    assert (done["node"], done["reply"], done["outcome"], done["load"]) == ("a", {"echo": "done"}, "ok", None)
    assert done["called_ns"] == 0
    assert 0 < done["replied_ns"] == world.now
    assert world.metrics()["sent"] == 6
    assert world.events == world.metrics()["events"] == 10


def test_a_deadline_ends_the_wait_for_an_operation() -> None:
    world = echoes()
    world.apply({"crash": {"node": "b"}})
    op = world.call("a", ping("b", 3))
    assert not world.run_op(op, SECOND)
    assert world.now == SECOND
    assert not world.run_op(op)


def test_nodes_are_named_by_name_or_index() -> None:
    world = echoes()
    world.run_until(0)
    assert world.is_up(0)
    assert world.state("a") == world.state(0) == world.state(np.int64(0).item())
    for unknown in ("z", 3, -1, 2**40):
        with pytest.raises(UnknownNode, match="there are: a, b, c") as caught:
            world.state(unknown)
        assert caught.value.node == unknown
        assert caught.value.known == ("a", "b", "c")
    for wrong in (None, 1.0, True, ["a"]):
        with pytest.raises(ParameterTypeError, match="node: expected the name of a node"):
            world.state(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "error", "text"),
    [
        ({"sed": 1}, ParameterError, "expected only the fields 'seed', .*got 'sed'"),
        ({"seed": -1}, ParameterError, "seed: expected a whole number from 0, within 64 bits, got -1"),
        ({"seed": 2**64}, ParameterError, "seed: expected a whole number from 0, within 64 bits"),
        ({"seed": 1.0}, ParameterTypeError, r"seed: expected a whole number, got 1\.0"),
        ({"seed": True}, ParameterTypeError, "seed: expected a whole number, got True"),
        ({"seed": "7"}, ParameterTypeError, "seed: expected a whole number, got '7'"),
        ({"network": {"loss": 1.5}}, ParameterError, r"network\.loss: probability is 1\.5"),
        ({"network": {"loss": "much"}}, ParameterTypeError, r"network\.loss: expected a number, got 'much'"),
        ({"network": {"fifo": 1}}, ParameterTypeError, r"network\.fifo: expected True or False, got 1"),
        ({"network": 5}, ParameterTypeError, "network: expected a dict with the fields 'latency'"),
        (
            {"network": {"latency": {"uniform": {"min": 5, "max": 2}}}},
            ParameterError,
            r"network\.latency\.min",
        ),
        (
            {"network": {"latency": {"uniform": {"min": 5}}}},
            ParameterError,
            r"latency\.uniform: .*field 'max' as well",
        ),
        (
            {"network": {"latency": "uniform"}},
            ParameterTypeError,
            r"network\.latency: expected {'uniform': \.\.\.}",
        ),
        (
            {"network": {"latency": {"uniform": {}, "x": 1}}},
            ParameterError,
            r"network\.latency: expected one of",
        ),
        (
            {"network": {"places": {"of": [0, "x"], "between": []}}},
            ParameterTypeError,
            r"network\.places\.of\[1\]",
        ),
        (
            {"network": {"places": {"of": "ab", "between": []}}},
            ParameterTypeError,
            r"places\.of: expected a list",
        ),
        ({"trace": "loud"}, ParameterError, "trace: expected 'off', 'summary' or 'full', got 'loud'"),
        ([1], ParameterTypeError, "expected a dict with the fields"),
    ],
)
def test_a_wrong_configuration_is_refused_by_path(config: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        World(config)


@pytest.mark.parametrize(
    ("node", "error", "text"),
    [
        ({"ecko": {}}, ParameterError, "x: expected 'echo'"),
        (
            {"raft": {"server": {"config": {}}}},
            ParameterError,
            r"x\.raft\.server\.config: .*field 'voters' as well",
        ),
        (
            {"raft": {"server": {"config": {"voters": ["z"]}}}},
            UnknownNode,
            "no node 'z'; there are: a, b, c, x",
        ),
        (
            {"raft": {"server": {"config": {"voters": ["x"], "heartbeat": "x"}}}},
            ParameterTypeError,
            r"x\.raft\.server\.config\.heartbeat: expected a whole number, got 'x'",
        ),
        (
            {"raft": {"server": {"config": {"voters": ["x"], "election_timeout": {"min": 1, "max": 2.5}}}}},
            ParameterTypeError,
            r"x\.raft\.server\.config\.election_timeout\.max: expected a whole number, got 2\.5",
        ),
        (
            {"raft": {"server": {"config": {"voters": ["x"], "hartbeat": 1}}}},
            ParameterError,
            r"x\.raft\.server\.config: expected only the fields .*got 'hartbeat'",
        ),
    ],
)
def test_a_wrong_node_is_refused_by_path_and_nothing_is_added(node: Any, error: type[Exception], text: str) -> None:
    world = echoes()
    with pytest.raises(error, match=text):
        world.spawn({"x": node})
    assert world.names == ["a", "b", "c"]
    assert world.spawn({"x": {"echo": {}}}) == [3]


@pytest.mark.parametrize("names", [{"": {"echo": {}}}, {"a": {"echo": {}}}, {5: {"echo": {}}}])
def test_names_are_text_and_not_taken(names: Any) -> None:
    with pytest.raises((ParameterError, ParameterTypeError), match="name: expected"):
        echoes().spawn(names)


def test_nodes_may_name_each_other_before_they_are_there() -> None:
    world = raft()
    assert world.run_while(lambda: not any(world.status(name)["role"] == "leader" for name in world.names), SECOND)
    assert world.names == ["n0", "n1", "n2"]
    state, disk = world.state("n1")
    assert list(state) == ["raft"] == list(disk)
    config = state["raft"]["server"]["config"]
    assert config["voters"] == ["n0", "n1", "n2"]


def test_every_state_crosses_both_ways() -> None:
    world = raft()
    world.run_until(SECOND)
    for name in world.names:
        before, fingerprint = world.state(name), world.fingerprint
        world.edit(name, *before)
        assert world.state(name) == before
        assert world.fingerprint == fingerprint
    same = raft()
    same.run_until(SECOND)
    for it in (world, same):
        it.run_until(2 * SECOND)
    assert world.fingerprint == same.fingerprint


def test_a_state_of_another_protocol_is_refused() -> None:
    world = echoes()
    world.spawn({"n": {"raft": {"server": {"config": {"voters": ["n"]}}}}})
    world.run_until(0)
    with pytest.raises(ParameterError, match=r"state: expected a state of a .* node"):
        world.edit("n", state=world.state("a")[0])
    with pytest.raises(ParameterError, match=r"disk: expected a disk of a .* node"):
        world.edit("n", disk=world.state("a")[1])


def test_faults_by_name_and_in_time() -> None:
    world = echoes()
    world.schedule(5 * MS, {"crash": {"node": "a"}})
    world.schedule(9 * MS, {"recover": {"node": "a"}})
    world.run_until(7 * MS)
    assert not world.is_up("a")
    world.run_until(SECOND)
    assert world.is_up("a")
    world.apply({"partition": {"groups": [["a"], ["b", "c"]]}})
    assert world.cuts() == [("a", "b"), ("a", "c"), ("b", "a"), ("c", "a")]
    world.apply("heal")
    assert world.cuts() == []
    world.apply({"pause": {"node": "b"}})
    assert world.is_paused("b")


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ("boom", ParameterError, "fault: expected 'crash', .* got 'boom'"),
        ("crash", ParameterTypeError, "fault: expected {'crash': ...}, with what belongs to it, got 'crash'"),
        ({"heal": 1}, ParameterTypeError, r"fault\.heal: expected no data: just 'heal', got 1"),
        ({"crash": {"node": "z"}}, UnknownNode, "no node 'z'"),
        ({"crash": {"node": "a", "tron": True}}, ParameterError, r"fault\.crash: expected only the fields"),
        (
            {"slow": {"node": "a", "factor": 0}},
            ParameterError,
            "factor: expected a finite number above 0, got 0",
        ),
        ({"partition": {"groups": [["a"], ["a"]]}}, ParameterError, "groups"),
        ({"cut": {"from": "a", "to": "a"}}, ParameterError, "to: expected another node"),
    ],
)
def test_a_wrong_fault_is_refused(fault: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        echoes().apply(fault)


def test_moving_by_hand() -> None:
    world = echoes(manual=True)
    assert world.manual
    with pytest.raises(ManualModeError, match="manual mode"):
        world.run_until(SECOND)
    assert world.settle() == 3
    world.inject("a", "b", {"echo": {"ping": 2}})
    (message,) = world.pending()
    assert message == {
        "id": message["id"],
        "at_ns": 0,
        "armed": message["id"],
        "kind": "message",
        "label": "ping",
        "src": "a",
        "dst": "b",
        "payload": {"echo": {"ping": 2}},
    }
    assert world.pending(payload=False)[0]["payload"] is None
    copy = world.duplicate(message["id"])
    world.discard(message["id"])
    world.deliver(copy)
    assert world.state("b")[0]["echo"]["heard"] == 1
    with pytest.raises(ParameterError, match="id: expected the id of something pending"):
        world.deliver(copy)
    world.manual = False
    world.run_until(SECOND)
    assert world.state("a")[0]["echo"]["heard"] == 1


def test_timers_fire_by_hand() -> None:
    world = raft(manual=True)
    world.settle()
    (timer, *_) = [it for it in world.pending() if it["kind"] == "timer" and it["dst"] == "n2"]
    world.fire("n2", timer["payload"])
    world.settle()
    assert world.status("n2")["role"] == "leader"
    with pytest.raises(ParameterError, match=r"timer: expected one of|timer: expected 'echo'"):
        world.fire("n2", "nonsense")


def test_a_disk_that_syncs_by_hand() -> None:
    world = raft(manual=True, disk={"sync": {"constant": MS}})
    world.settle()
    with pytest.raises(ParameterError, match=r"n0.*no write"):
        world.complete_write("n0")


def test_invariants_are_watched_by_name() -> None:
    world = raft()
    names = World.invariants()
    assert len(names) == len(set(names)) > 3
    world.watch(True)
    world.run_until(SECOND)
    world.watch(names[:2])
    world.watch(False)
    with pytest.raises(ParameterError, match="invariants"):
        world.watch(["no-such"])
    with pytest.raises(ParameterTypeError, match="invariants: expected a list"):
        world.watch("all")


def test_trials_are_forks_with_their_seeds() -> None:
    world = raft()
    world.run_until(SECOND)
    leader = next(name for name in world.names if world.status(name)["role"] == "leader")
    note = next(name for name in world.metrics()["notes"] if "leader" in name)
    trials = world.trials(range(40), note, 5 * SECOND, faults=[(0, {"crash": {"node": leader}})])
    assert (trials["took_ns"] > 100 * MS).all()
    assert len(set(trials["fingerprint"])) == 40
    assert world.names.index(leader) not in trials["node"]
    again = world.fork(seed=11)
    again.schedule(again.now, {"crash": {"node": leader}})
    again.run_until(world.now + int(trials["took_ns"][11]))
    assert again.status(world.names[trials["node"][11]])["role"] == "leader"
    never = world.trials([1], "no such note", MS)
    assert (never["took_ns"][0], never["node"][0]) == (-1, -1)


def test_livelock_and_floods_are_stopped_with_their_node() -> None:
    world = echoes(network={"latency": {"constant": 0}}, limits={"instant": 1000})
    world.call("a", ping("b", 10**6))
    with pytest.raises(LivelockError, match="time stands still") as caught:
        world.run_until(SECOND)
    assert caught.value.node in {"a", "b"}
    assert caught.value.event == "message"
    crowd = echoes(limits={"pending": 10})
    for _ in range(20):
        crowd.call("a", ping("b", 5))
    with pytest.raises(BudgetExceeded, match="pending events") as caught_too:
        crowd.run_until(SECOND)
    assert caught_too.value.limit == "pending events"


def test_traces_are_columns() -> None:
    world = echoes(trace="full")
    world.run_op(world.call("a", ping("b", 2)))
    trace = world.trace()
    columns = {name: it for name, it in trace.items() if isinstance(it, np.ndarray)}
    assert {len(it) for it in columns.values()} == {len(trace["time_ns"])}
    assert {name: it.dtype.name for name, it in columns.items()} == {
        "time_ns": "int64",
        "kind": "uint8",
        "node": "int32",
        "peer": "int32",
        "label": "uint32",
        "id": "uint64",
        "cause": "uint64",
    }
    send, deliver = trace["kinds"].index("send"), trace["kinds"].index("deliver")
    sent, delivered = trace["kind"] == send, trace["kind"] == deliver
    assert sorted(trace["id"][sent]) == sorted(trace["id"][delivered])
    assert trace["nodes"] == ["a", "b", "c"]
    assert (trace["time_ns"][1:] >= trace["time_ns"][:-1]).all()
    tail = world.trace(start=5)
    assert (tail["time_ns"] == trace["time_ns"][5:]).all()
    assert len(world.trace(start=10**6)["kind"]) == 0
    world.clear_trace()
    world.set_trace("off")
    world.run_op(world.call("a", ping("b", 2)))
    assert len(world.trace()["kind"]) == 0


def test_the_trace_is_a_ring() -> None:
    world = echoes(trace="full", limits={"trace_rows": 10})
    world.run_op(world.call("a", ping("b", 50)))
    assert len(world.trace()["kind"]) == 10
    assert world.trace()["dropped"] > 100


def test_histories_are_columns() -> None:
    world = echoes()
    world.apply({"crash": {"node": "c"}})
    ops = [world.call("a", ping("b", 1)), world.call("a", ping("b", 1)), world.call("b", ping("c", 1))]
    world.run_until(SECOND)
    history = world.history()
    assert history["nodes"] == ["a", "b", "c"]
    assert list(history["node"]) == [0, 0, 1]
    assert len(set(history["process"])) == 3
    assert list(history["outcome"]) == [0, 0, 2]
    assert list(history["load"]) == [-1, -1, -1]
    assert [int(it) for it in history["replied_ns"]] == [world.op(op)["replied_ns"] or -1 for op in ops]
    assert len(world.history(2)["kind"]) == 1
    assert len(world.history(99)["kind"]) == 0


def test_the_same_seed_is_the_same_run_however_it_is_cut() -> None:
    straight, cut, saved = raft(), raft(), raft()
    straight.run_until(SECOND)
    for at in range(0, SECOND + 1, 50 * MS):
        cut.run_until(at)
        saved = World.load(saved.save())
        saved.run_until(at)
    assert straight.fingerprint == cut.fingerprint == saved.fingerprint
    assert straight.fork().fingerprint == straight.fingerprint


def test_a_saved_world_says_what_is_wrong_with_it() -> None:
    saved = raft().save()
    for damaged in (saved[:-1], saved + b"x", saved[:40] + bytes([saved[40] ^ 1]) + saved[41:]):
        with pytest.raises(SaveFileError, match="damaged or cut short"):
            World.load(damaged)
    with pytest.raises(SaveFileError, match="no saved cluster"):
        World.load(b"PK\x03\x04")
    head, _version, rest = saved.split(b"\n", 2)
    with pytest.raises(SaveFileError, match=r"saved by version .99\.0"):
        World.load(b"\n".join([head, b"99.0", rest]))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_file_can_harm(noise: bytes, at: int) -> None:
    saved = echoes().save()
    with contextlib.suppress(SaveFileError):
        World.load(saved[:at] + noise + saved[at + len(noise) :])


def test_an_operation_is_known_by_number() -> None:
    world = echoes()
    for method in (world.op, world.run_op):
        with pytest.raises(ParameterError, match="op: expected the number of an operation, got 3"):
            method(3)


def test_a_panic_is_an_error_with_the_seed_and_halts_only_this_world() -> None:
    world = World({"seed": 7})
    world.spawn({"n": {"raft": {"server": {"config": {"voters": ["n"]}}}}})
    world.run_until(SECOND)
    fork = world.fork()
    disk = world.state("n")[1]
    disk["raft"]["log"]["first"] = 2**64 - 1  # no run leads here, and the log's assertions say so
    world.edit("n", disk=disk)
    world.apply({"crash": {"node": "n"}})
    world.schedule(world.now, {"recover": {"node": "n"}})
    with pytest.raises(InternalError, match=r"\(seed 7\); this is a defect of distlab") as caught:
        world.run_until(5 * SECOND)
    assert caught.value.seed == 7
    for use in (world.step, world.save, world.fork, lambda: world.state("n"), lambda: world.names):
        with pytest.raises(ClusterHalted, match="stopped by an internal error"):
            use()
    assert world.now >= SECOND
    assert fork.run_until(2 * SECOND) >= 0
