"""What only a search through every order of events shows."""

from dataclasses import dataclass, replace

import pytest

import distlab as dl


@dataclass(frozen=True)
class Pair:
    """A primary and its backup: what each believes to be, whether they hear each other, whom the arbiter chose."""

    roles: tuple[str, str] = ("primary", "backup")
    linked: bool = True
    up: tuple[bool, bool] = (True, True)
    chosen: int | None = None


class Failover(dl.Spec):
    """Failover between two servers (notes 2.2.1): who hears nothing of the other goes on alone, or asks first."""

    def __init__(self, arbiter):
        self.arbiter = arbiter

    def init(self):
        return Pair()

    def actions(self, state):
        if state.linked:
            yield "cut", replace(state, linked=False)
        for i in (0, 1):
            if not state.up[i]:
                continue
            up = tuple(state.up[j] and j != i for j in (0, 1))
            yield ("crash", i), replace(state, up=up)
            if state.roles[i] in ("primary", "backup") and not (state.linked and state.up[1 - i]):
                yield ("miss", i), self.alone(state, i)

    def alone(self, state, i):
        """The other is not heard any more. The arbiter is a test-and-set: the first to ask is chosen, for good."""
        if not self.arbiter:
            role, chosen = "alone", None
        else:
            chosen = i if state.chosen is None else state.chosen
            role = "alone" if chosen == i else "stopped"
        roles = tuple(role if j == i else state.roles[j] for j in (0, 1))
        return replace(state, roles=roles, chosen=chosen)

    @dl.Spec.always
    def one_primary(self, state):
        return sum(state.up[i] and state.roles[i] == "alone" for i in (0, 1)) < 2

    @dl.Spec.sometimes
    def the_backup_takes_over(self, state):
        return state.up[1] and state.roles[1] == "alone"


def test_two_primaries_appear_where_no_arbiter_is():
    violation = dl.explore(Failover(arbiter=False)).violation
    assert violation.property == "one_primary"
    assert sorted(violation.kinds) == ["cut", "miss", "miss"]
    found = dl.explore(Failover(arbiter=True))
    assert found.ok and found.complete
    assert {it.name: it.outcome for it in found.properties}["the_backup_takes_over"] == "seen"


def test_who_is_chosen_may_die_at_once():
    found = dl.explore(Failover(arbiter=True), eventually={"served": lambda it: "alone" in it.roles})
    assert found.violation.claim == "eventually"  # nothing ever goes wrong: nobody has to take over
    with pytest.raises(dl.PropertyViolation, match="served"):
        found.raise_if_bad()


def commitment(protocol=dl.TwoPhaseCommit, participants=2, **options):
    """One transaction that is about to begin; its client asks once."""
    cluster = protocol(participants, retry=None, **options)
    cluster.client("alice").transaction({name: [("put", "x", 1)] for name in cluster.participants})
    return cluster


SERVERS = ["tc", "db0", "db1"]


def stage(view, node):
    """What a node's disk says of the transaction: "prepared", "committed", ... or "" for nothing."""
    (disk,) = view.state(node)["disk"].values()
    for found in (*disk["settled"].values(), *disk["open"].values()):
        return next(iter(found)) if isinstance(found, dict) else found
    return ""


def all_know(view):
    """Whether every participant that is up knows how the transaction ended."""
    return all(not view.up(it) or stage(view, it) in ("committed", "aborted") for it in SERVERS[1:])


@pytest.mark.parametrize("options", [{}, {"presumed_abort": True}, {"cooperative": True}, {"acks": True}])
def test_two_phase_commit_is_atomic_whatever_crashes(options):
    faults = dl.Budget(crashes=2, recoveries=2)
    found = commitment(**options).explore(
        timing="synchronous",
        faults=faults,
        crashable=SERVERS,
        sometimes={
            "committed": lambda it: stage(it, "db0") == "committed",
            "aborted": lambda it: stage(it, "db0") == "aborted",
        },
    )
    assert found.ok and found.complete
    assert "Agreement" in {it.name for it in found.properties}


def test_two_phase_commit_is_atomic_in_any_order_of_messages():
    found = commitment().explore(faults=dl.Budget(crashes=1, drops=1, timeouts=2), crashable=SERVERS)
    assert found.ok and found.complete and found.distinct > 10_000
    cut = commitment().explore(timing="synchronous", faults=dl.Budget(crashes=1, partitions=1), crashable=SERVERS)
    assert cut.ok and cut.complete


@pytest.mark.parametrize("cooperative", [False, True])
def test_two_phase_commit_blocks_exactly_in_the_window_of_the_notes(cooperative):
    """Blocked: voted YES, the coordinator down, and no decision on the way. Nobody else, and never otherwise.

    Who has not voted may be bound to be blocked, but only by what is still on its way to it.
    """
    seen = []

    def look(view):
        coming = {(it["dst"], it["label"]) for it in view.messages}
        told = {it: (it, "commit") in coming or (it, "abort") in coming for it in SERVERS}
        stages = {it: stage(view, it) for it in SERVERS}
        seen.append((stages, view.up("tc"), told, {node for node, _ in coming}))
        return True

    faults = dl.Budget(crashes=1, recoveries=0)
    graph = (
        commitment(cooperative=cooperative)
        .explore(always=look, timing="synchronous", faults=faults, crashable=["tc"], graph=True)
        .graph
    )
    assert len(seen) == len(graph)
    blocked_somewhere = False
    for node in SERVERS[1:]:
        ending = graph.reaching([i for i, it in enumerate(seen) if it[0][node] in ("committed", "aborted")])
        for i, (stages, up, told, addressed) in enumerate(seen):
            blocked, window = not ending[i], not up and not told[node]
            if stages[node] != "prepared":
                assert not blocked or node in addressed
            elif cooperative:
                assert window or not blocked
            else:
                assert window == blocked, (i, seen[i])
            blocked_somewhere |= blocked
    assert blocked_somewhere


def test_two_phase_commit_blocks_and_three_phase_commit_does_not():
    options = {"eventually": all_know, "timing": "synchronous", "crashable": ["tc"]}
    faults = dl.Budget(crashes=1, recoveries=0)
    blocked = commitment().explore(faults=faults, **options).violation
    assert blocked.claim == "eventually" and not blocked.states[-1]["tc"]["up"]
    assert commitment().explore(faults=dl.Budget(crashes=1), mending=True, **options).ok
    assert commitment(dl.ThreePhaseCommit).explore(faults=faults, **options).ok


def test_three_phase_commit_is_atomic_under_crashes_alone_and_never_blocks():
    found = commitment(dl.ThreePhaseCommit).explore(
        timing="synchronous", faults=dl.Budget(crashes=2, recoveries=0), crashable=SERVERS, eventually=all_know
    )
    assert found.ok and found.complete


def test_three_phase_commit_splits_under_partition():
    violation = commitment(dl.ThreePhaseCommit).explore(timing="synchronous", faults=dl.Budget(partitions=1)).violation
    assert violation.property == "Agreement"
    run = violation.replay()
    assert sorted({it for it in run.decisions("alice.1").values() if it}) == ["abort", "commit"]


def test_aborting_after_a_missing_acknowledgement_splits():
    """The notes' rule, against Skeen's: a participant that got the pre-commit may have committed with the others."""
    options = {"timing": "synchronous", "faults": dl.Budget(crashes=2, recoveries=0), "crashable": SERVERS}
    assert commitment(dl.ThreePhaseCommit).explore(**options).ok
    found = commitment(dl.ThreePhaseCommit, abort_on_missing_ack=True).explore(**options)
    assert found.violation.property == "Agreement"


@pytest.mark.parametrize("mutant", ["forget_vote", "forget_decision", "abort_after_yes", "commit_without_all_votes"])
def test_a_broken_rule_of_two_phase_commit_is_found(mutant):
    faults = dl.Budget(crashes=2, recoveries=2)
    found = commitment(mutant=mutant).explore(timing="synchronous", faults=faults, crashable=SERVERS)
    assert found.violation is not None
    with pytest.raises(dl.InvariantViolation, match=found.violation.property):
        run = found.violation
        run.system.replay([*run.before, *run.actions], calls=run.calls, invariants=True)


@pytest.mark.parametrize("mutant", ["vote_before_sync", "decide_before_sync"])
def test_a_write_that_is_not_durable_in_time_is_found(mutant):
    faults = dl.Budget(crashes=1, timeouts=1)
    cluster = commitment(mutant=mutant, disk=dl.Disk(sync="1ms"))
    assert cluster.explore(faults=faults, crashable=SERVERS).violation is not None


def propose(value):
    return {"raft": {"propose": {"op": {"put": {"key": "x", "value": value}}}}}


def elected(**options):
    """Three servers, one of which has been elected: the explorations below begin in the middle of a simulation."""
    raft = dl.Raft(3, seed=1, **options)
    raft.run_until(raft.has_leader)
    return raft.run_for("20ms")


@pytest.mark.parametrize(("mutant", "invariant"), [("count_before_sync", "LeaderCompleteness"), (None, None)])
def test_a_leader_that_counts_itself_before_its_disk_has_synced(mutant, invariant):
    raft = elected(mutant=mutant, disk=dl.Disk(sync="5ms"))
    leader = raft.leader
    found = raft.explore(
        calls={leader: [propose(1)]},
        faults=dl.Budget(crashes=1, recoveries=1, timeouts=1),
        crashable=[leader],
        max_states=600_000,
    )
    assert (found.violation and found.violation.property) == invariant


@pytest.mark.parametrize(("mutant", "invariant"), [("no_consistency_check", "LogMatching"), (None, None)])
def test_entries_that_are_accepted_without_a_look_at_what_comes_before(mutant, invariant):
    raft = elected(mutant=mutant)
    old = raft.leader
    raft.isolate(old)
    raft.propose(old, ("put", "x", 1))
    raft.run_for("1s")
    raft.heal()
    assert raft.leader != old
    found = raft.explore(faults=dl.Budget(timeouts=1))
    assert (found.violation and found.violation.property) == invariant


@pytest.mark.parametrize("mutant", ["no_dedup", None])
def test_a_command_that_is_carried_out_twice(mutant):
    raft = elected(mutant=mutant)
    raft.client("c")

    def once(view):
        servers = [view.state(it)["state"]["raft"]["server"] for it in raft.nodes]
        return not any("[1, 1]" in str(it["replica"]) for it in servers)

    append = {"raft": {"execute": {"op": {"append": {"key": "x", "value": 1}}}}}
    found = raft.explore(calls={"c": [append]}, faults=dl.Budget(timeouts=1), always=once, max_states=20_000)
    assert (found.violation and found.violation.property) == ("once" if mutant else None)


@pytest.mark.parametrize("mutant", ["read_without_round", None])
def test_a_stale_read_is_judged_by_the_history(mutant):
    raft = elected(mutant=mutant, read_mode="read_index")
    old = raft.leader
    raft.run_until(raft.client("d").put("x", 1))
    raft.client("c")
    raft.run_for("100ms")
    raft.partition([old, "c"], [*(it for it in raft.nodes if it != old), "d"])
    raft.run_until(raft.client("d").put("x", 2))
    raft.run_for("1ms")
    read = {"raft": {"execute": {"op": {"get": {"key": "x"}}}}}
    found = raft.explore(
        calls={"c": [read]},
        faults=dl.Budget(timeouts=0),
        history=True,
        always={"linearizable": lambda view: view.history.check("linearizable").ok},
    )
    assert (found.violation and found.violation.property) == ("linearizable" if mutant else None)
    if mutant:
        run = found.violation.replay()
        assert not run.history.check("linearizable").ok
