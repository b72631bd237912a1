"""Stamps of logical and bounded clocks, against the order of events in random executions."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import distlab as dl
from distlab.clocks import Hybrid, Interval, Lamport, Vector, possible_relations

PROCESSES = 4


@st.composite
def executions(draw):
    """Events as (process, index of the send that is received or None); a message may be received by several."""
    events = []
    for _ in range(draw(st.integers(1, 25))):
        process = draw(st.integers(0, PROCESSES - 1))
        sends = [i for i, (other, _) in enumerate(events) if other != process]
        events.append((process, draw(st.sampled_from([None, *sends]))))
    return events


def happens_before(events):
    """All pairs, from the definition: order within a process, messages, and what follows from both."""
    before = [set() for _ in events]
    for i, (process, send) in enumerate(events):
        direct = [j for j in range(i) if events[j][0] == process][-1:] + ([] if send is None else [send])
        for j in direct:
            before[i] |= before[j] | {j}
    return before


def stamps(events, start, receive):
    clocks, found = [start(p) for p in range(PROCESSES)], []
    for process, send in events:
        clocks[process] = receive(clocks[process], process, None if send is None else found[send])
        found.append(clocks[process])
    return found


@settings(max_examples=400, deadline=None)
@given(executions())
def test_vectors_are_ordered_exactly_as_the_events(events):
    before = happens_before(events)
    for start in (lambda p: Vector.zero(PROCESSES), lambda p: Vector({})):
        named = start(0).entries == {}
        key = str if named else int
        found = stamps(events, start, lambda c, p, m, key=key: c.tick(key(p)) if m is None else c.receive(m, key(p)))
        for i, a in enumerate(found):
            for j, b in enumerate(found):
                expected = "equal" if i == j else "before" if i in before[j] else "after" if j in before[i] else None
                assert a.relation(b) == (expected or "concurrent")
                assert (a < b) == (expected == "before") and (a >= b) == (expected in ("after", "equal"))


@settings(max_examples=400, deadline=None)
@given(executions())
def test_lamport_stamps_grow_along_causality_and_leave_open_what_they_say(events):
    before = happens_before(events)
    found = stamps(events, lambda p: Lamport(0, p), lambda c, _, m: c.tick() if m is None else c.receive(m))
    for i, a in enumerate(found):
        for j, b in enumerate(found):
            relation = (
                "equal" if i == j else "before" if i in before[j] else "after" if j in before[i] else "concurrent"
            )
            assert relation in possible_relations(a, b)
            assert relation != "before" or a < b
    assert len(set(found)) == len(found)


def test_the_rule_of_the_notes_breaks_the_clock_condition():
    ties = 0
    for counter in range(6):
        sent = Lamport(2, "p").tick()
        receiver = Lamport(counter, "q")
        received = receiver.receive(sent, rule="notes")
        ties += received.counter == sent.counter or received.counter == receiver.counter
        assert receiver.receive(sent).counter > max(sent.counter, receiver.counter)
    assert ties == 6


def test_exercise_3_1():
    assert possible_relations((0, "P"), (0, "Q")) == {"concurrent"}
    assert possible_relations((1, "P"), (0, "Q")) == {"after", "concurrent"}
    assert possible_relations((0, "P"), (1, "Q")) == {"before", "concurrent"}
    assert possible_relations((3, "P"), (4, "P")) == {"before"}
    assert Lamport(1, "P") < Lamport(1, "Q") and Lamport(3, "P") > Lamport(1, "Q")


def test_exercise_3_2_and_example_3_3():
    assert Vector([0, 0]).relation(Vector([0, 0])) == "equal"
    assert Vector([1, 0]).relation(Vector([0, 0])) == "after"
    assert Vector([0, 1]).concurrent(Vector([1, 0]))
    assert Vector([1, 0]) < Vector([2, 0])
    p1 = Vector.zero(3).tick(0).tick(0).tick(0)
    p2 = Vector.zero(3).receive(p1, 1).tick(1)
    p3 = Vector.zero(3).tick(2).receive(p2, 2)
    assert (p1.entries, p2.entries, p3.entries) == ((3, 0, 0), (3, 2, 0), (3, 2, 2))


def test_hybrid_stamps():
    assert Hybrid(10, 0).tick(now_ns=5) == (10, 1)
    assert Hybrid(10, 3).receive(Hybrid(10, 7), now_ns=5) == (10, 8)
    assert Hybrid(10, 3).receive(Hybrid(9, 7), now_ns=5) == (10, 4)
    assert Hybrid(8, 3).receive(Hybrid(9, 7), now_ns=5) == (9, 8)
    assert Hybrid(8, 3).receive(Hybrid(9, 7), now_ns=50) == (50, 0)
    assert Hybrid(1, 9) < Hybrid(2, 0)


def test_intervals():
    assert 96 in Interval.around(100, 4) and 95 not in Interval.around(100, 4)
    assert Interval(0, 5).intersection(Interval(3, 9)) == Interval(3, 5)
    assert Interval(0, 2).intersection(Interval(3, 9)) is None
    assert (
        Interval(3, 3).relation(Interval(3, 3)) == "equal" and Interval(3, 4).relation(Interval(3, 4)) == "concurrent"
    )
    assert not Interval(0, 5) < Interval(5, 6) and Interval(6, 7) > Interval(0, 5)


def test_stamps_are_values():
    for stamp in (Lamport(3, "p"), Vector([1, 2]), Vector({"b": 1, "a": 2}), Hybrid(5, 1), Interval(1, 2)):
        twin = pickle.loads(pickle.dumps(stamp))
        assert twin == stamp and type(twin) is type(stamp) and hash(twin) == hash(stamp)
    assert Vector({"a": 1, "b": 0}) == Vector({"a": 1}) and Vector([0]) != Vector([0, 0])


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: Vector([1]) < Vector([1, 2]), dl.ClockError, "vectors of 1 and of 2 processes"),
        (lambda: Vector([1]).tick(1), dl.ClockError, "process 1 of 1"),
        (lambda: Vector([1]) | Vector({"a": 1}), dl.ClockError, "do not mix"),
        (lambda: Vector([1]).tick("a"), dl.ClockError, "do not mix"),
        (lambda: Vector([2**64 - 1]).tick(0), dl.ClockError, "cannot go on"),
        (lambda: Vector([-1]), dl.ParameterError, "entries[0]: expected a whole number from 0"),
        (lambda: Vector([1.5]), dl.ParameterTypeError, "entries[0]: expected a whole number"),
        (lambda: Vector("ab"), dl.ParameterTypeError, "entries: expected a sequence"),
        (lambda: Vector({1: 1}), dl.ParameterTypeError, "process: expected the name"),
        (lambda: Vector([1]).receive([1], 0), dl.ParameterTypeError, "vector: expected a Vector"),
        (lambda: Lamport(-1, "p"), dl.ParameterError, "counter: expected a whole number from 0"),
        (lambda: Lamport(1, "p").receive((1, "q"), rule="seed"), dl.ParameterError, "rule: expected"),
        (lambda: Lamport(2**64 - 1, "p").tick(), dl.ClockError, "cannot go on"),
        (lambda: possible_relations(3, (1, "q")), dl.ParameterTypeError, "a: expected a stamp"),
        (lambda: Hybrid(0, 0).receive(Hybrid(9, 0), 1, bound_ns=5), dl.ClockError, "8 ns ahead"),
        (lambda: Hybrid(0.5, 0), dl.ParameterTypeError, "physical_ns"),
        (lambda: Interval(2, 1), dl.ClockError, "ends before it begins"),
        (lambda: Interval(float("nan"), 1), dl.ParameterTypeError, "earliest"),
    ],
)
def test_what_does_not_belong_together_is_refused(call, kind, text):
    with pytest.raises(kind) as raised:
        call()
    assert text in str(raised.value) and isinstance(raised.value, ValueError | TypeError)
