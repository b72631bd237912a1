"""Specifications written in Python: what is found, and what is said of those that do not keep the rules."""

import itertools
import pickle
import random
from collections import deque
from dataclasses import dataclass

import numpy as np
import pytest

import distlab as dl


class Walk(dl.Spec):
    """Any finite graph: states are numbers, actions are named after edges."""

    def __init__(self, edges, start=(0,), bad=(), goal=(), seen=()):
        self.edges, self.start = {a: tuple(sorted(b)) for a, b in edges.items()}, tuple(start)
        self.bad, self.goal, self.seen = frozenset(bad), frozenset(goal), frozenset(seen)

    def init(self):
        return list(self.start)

    def actions(self, state):
        for target in self.edges.get(state, ()):
            yield ("to", target), target

    @dl.Spec.always
    def not_bad(self, state):
        return state not in self.bad

    @dl.Spec.sometimes
    def seen_it(self, state):
        return state in self.seen


def breadth_first(spec):
    """The obvious search: states by depth, and how many were generated."""
    depth = dict.fromkeys(spec.initial(), 1)
    generated, queue = len(spec.initial()), deque(depth)
    while queue:
        state = queue.popleft()
        for _, after in spec.actions(state):
            generated += 1
            if after not in depth:
                depth[after] = depth[state] + 1
                queue.append(after)
    return depth, generated


def random_graph(seed, size=12):
    chance = random.Random(seed)
    edges = {a: {chance.randrange(size) for _ in range(chance.randrange(4))} for a in range(size)}
    return edges, chance


@pytest.mark.parametrize("seed", range(60))
def test_the_search_agrees_with_the_obvious_one(seed):
    edges, chance = random_graph(seed)
    bad = {chance.randrange(12) for _ in range(chance.randrange(2))}
    spec = Walk(edges, start={0, chance.randrange(12)}, seen=bad)
    depth, generated = breadth_first(spec)
    found = dl.explore(spec, graph=True)
    assert (found.distinct, found.generated, found.depth) == (len(depth), generated, max(depth.values()))
    assert found.terminal == sum(not edges.get(it) for it in depth)
    assert found.level_distinct.tolist() == [
        sum(it == level for it in depth.values()) for level in range(1, found.depth + 1)
    ]
    assert sorted(found.graph.states) == sorted(depth)
    assert len(found.graph.source) == generated - len(spec.initial())
    assert found.properties[1].outcome == ("seen" if bad & set(depth) else "fails")
    for strategy in ("depth-first", "breadth-first"):
        assert dl.explore(spec, strategy=strategy).distinct == len(depth)
    wrong = Walk(edges, start=spec.start, bad=bad)
    reached = [depth[it] for it in bad if it in depth]
    violation = dl.explore(wrong).violation
    if not reached:
        assert violation is None
        return
    assert len(violation.states) == min(reached)
    assert violation.states[-1] in bad
    assert violation.replay() == violation.states


def test_a_lasso_goes_round_for_ever():
    three = {"three": lambda it: it == 3}
    staying = Walk({0: {1}, 1: {1, 3}, 3: set()}, seen={3})
    assert dl.explore(staying, eventually=three).ok  # from 1, the way to 3 is possible for ever, so it is taken
    for edges in ({0: {1}, 1: {2}, 2: {1}}, {0: {1}, 1: {2, 3}, 2: {1}, 3: set()}):  # possible now and then only
        spec = Walk(edges)
        violation = dl.explore(spec, eventually=three).violation
        assert violation.claim == "eventually" and violation.closes
        *_, last = violation.states
        assert spec.follow([violation.actions[-1]], last)[-1] == violation.states[violation.lasso]


def test_a_behavior_that_ends_too_early():
    spec = Walk({0: {1, 2}, 1: {3}, 2: set(), 3: set()})
    violation = dl.explore(spec, eventually={"three": lambda it: it == 3}).violation
    assert violation.states == [0, 2] and not violation.closes
    assert "stays as it is" in str(violation)


def test_deadlocks():
    spec = Walk({0: {1}, 1: {2}, 2: set()})
    assert dl.explore(spec, deadlock=False).ok is False  # nothing was `seen_it`
    violation = dl.explore(spec, deadlock=True).violation
    assert (violation.property, violation.states) == ("deadlock", [0, 1, 2])


def test_limits_are_said():
    class Count(dl.Spec):
        def init(self):
            return 0

        def actions(self, n):
            yield "up", n + 1

    found = dl.explore(Count(), max_states=1_000)
    assert (found.distinct, found.complete, found.stopped, found.ok) == (1_000, False, "states", True)
    found = dl.explore(Count(), max_depth=50, always={"small": lambda n: n < 1_000})
    assert (found.distinct, found.depth, found.stopped, found.ok) == (50, 50, "depth", None)
    with pytest.raises(dl.BudgetExceeded, match="max_depth"):
        found.raise_if_bad()
    assert dl.explore(Count(), memory="1MB").stopped == "memory"
    assert dl.explore(Count(), time_limit="50ms").stopped == "time"


def test_walks_are_the_same_again():
    edges, _ = random_graph(5, 40)
    spec = Walk(edges, bad={39})
    one, two = (dl.explore(spec, strategy="walks", walks=50, seed=3, max_depth=30) for _ in range(2))
    assert (one.generated, one.stopped) == (two.generated, two.stopped)
    assert [it.states for it in one.violations] == [it.states for it in two.violations]


def test_symmetry_by_a_representative():
    class Sorted(dl.Spec):
        def init(self):
            return (0, 0, 0)

        def actions(self, state):
            for i in range(3):
                if state[i] < 3:
                    yield ("up", i), (*state[:i], state[i] + 1, *state[i + 1 :])

    class Alike(Sorted):
        def representative(self, state):
            return tuple(sorted(state))

    assert dl.explore(Sorted()).distinct == 4**3
    assert dl.explore(Alike()).distinct == 4**3
    assert dl.explore(Alike(), symmetry=True).distinct == len(
        list(itertools.combinations_with_replacement(range(4), 3))
    )
    with pytest.raises(dl.ParameterError, match="representative"):
        dl.explore(Sorted(), symmetry=True)


@dataclass(frozen=True)
class Pair:
    a: int
    b: int


@dataclass
class Mutable:
    __hash__ = object.__hash__
    n: int = 0


def spec_of(state, actions):
    class Made(dl.Spec):
        def init(self):
            return state

    Made.actions = lambda self, it: actions(it)
    return Made()


def test_every_kind_of_state():
    for first in [0, "a", (1, "x"), Pair(1, 2), frozenset({1, 2}), True, None, b"x", 1.5]:
        found = dl.explore(spec_of(first, lambda it: []), graph=True)
        assert found.distinct == 1 and found.graph.states == [first]
    assert dl.explore(spec_of([1, 1.0, True], lambda it: [])).distinct == 3  # other types are other states


@pytest.mark.parametrize(("state", "instead"), [([1], "tuple"), ({1}, "frozenset"), ({1: 2}, "frozen dataclass")])
def test_states_that_cannot_be_hashed(state, instead):
    with pytest.raises(dl.SpecError, match=f"hashable.*{instead}"):
        dl.explore(spec_of(0, lambda it: [("go", state)]))


def test_an_action_that_changes_the_state_is_named():
    def actions(it):
        yield "look", 1
        it.n += 1
        yield "spoil", 2

    with pytest.raises(dl.SpecError, match="'look' changes the state|'spoil' changes the state") as caught:
        dl.explore(spec_of(Mutable(), lambda it: actions(it) if isinstance(it, Mutable) else ()))
    assert caught.value.action == "spoil"


def test_an_action_that_changes_the_specification_is_named():
    class Shared(dl.Spec):
        def __init__(self):
            self.count = 0

        def init(self):
            return 0

        def actions(self, n):
            yield "read", n
            self.count += 1
            yield "count", (n + 1) % 3

    with pytest.raises(dl.SpecError, match="changes the specification itself") as caught:
        dl.explore(Shared())
    assert caught.value.action == "count"


def test_what_a_property_raises_comes_out_with_the_state():
    with pytest.raises(ZeroDivisionError) as caught:
        dl.explore(spec_of(3, lambda n: [("down", n - 1)] if n else []), always={"inverse": lambda n: 1 / n})
    assert any('"inverse"' in it and "state 0" in it for it in caught.value.__notes__)

    def actions(n):
        yield "go", 1
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken") as caught:
        dl.explore(spec_of(7, actions))
    assert any("in actions, at the state 7" in it for it in caught.value.__notes__)


def test_wrong_calls():
    good = Walk({0: {1}})
    for wrong, error, words in [
        (lambda: dl.explore(good, max_depth=0), dl.ParameterError, "max_depth"),
        (lambda: dl.explore(good, max_states=0), dl.ParameterError, "max_states"),
        (lambda: dl.explore(good, memory=0), dl.ParameterError, "memory"),
        (lambda: dl.explore(good, memory="lots"), dl.ParameterError, "memory"),
        (lambda: dl.explore(good, threads=0), dl.ParameterError, "threads"),
        (lambda: dl.explore(good, strategy="best"), dl.ParameterError, "breadth-first"),
        (lambda: dl.explore(good, hash_bits=32), dl.ParameterError, "64 or 128"),
        (lambda: dl.explore(good, always={"x": 3}), dl.ParameterTypeError, r"always\['x'\]"),
        (lambda: dl.explore(good, faults=dl.Budget(crashes=1)), dl.ParameterError, "faults"),
        (lambda: dl.explore(Walk), dl.ParameterTypeError, "system"),
        (lambda: dl.explore(good, reduction=True), dl.ParameterError, "reduction"),
        (lambda: dl.explore(good, calls={}), TypeError, "calls"),
        (lambda: dl.explore(Walk({}, start=())), dl.SpecError, "no state"),
        (lambda: dl.explore(spec_of(0, lambda it: [1])), dl.SpecError, "pairs"),
        (lambda: dl.explore(spec_of(0, lambda it: None)), dl.SpecError, "pairs"),
        (lambda: dl.explore(dl.Spec()), dl.SpecError, "init"),
        (lambda: good.follow(["nowhere"]), dl.StepImpossible, "nowhere"),
        (lambda: dl.Budget(crashes=-1), dl.ParameterError, "faults.crashes"),
        (lambda: dl.Budget(drops=1.5), dl.ParameterTypeError, "faults.drops"),
    ]:
        with pytest.raises(error, match=words):
            wrong()


def test_invariants_in_every_form():
    class Up(dl.Spec):
        def init(self):
            return 0

        def actions(self, n):
            if n < 5:
                yield "up", n + 1

    class Mapped(Up):
        invariants = {"small": lambda n: n < 3}  # noqa: RUF012

    class Made(Up):
        def invariants(self):
            return {"small": lambda n: n < 3}

    class Asked(Up):
        def invariants(self, n):
            return {"small": n < 3, "positive": n >= 0}

    class Plain(Up):
        def invariants(self, n):
            return n < 3

    for spec in (Mapped(), Made(), Asked(), Plain()):
        assert len(dl.explore(spec).violation) == 3
    assert dl.explore(Up(), invariants=lambda n: n < 3).violation.states[-1] == 3
    assert dl.explore(Up(), invariants={"four": lambda n: n != 4}).violation.property == "four"


def test_unfair_actions_promise_nothing():
    class Retry(dl.Spec):
        def init(self):
            return "waiting"

        def actions(self, state):
            if state == "waiting":
                yield "lose", "waiting"
                yield "answer", "done"

    class Lossy(Retry):
        unfair = ("answer",)

    done = {"done": lambda it: it == "done"}
    assert dl.explore(Retry(), eventually=done).ok
    assert dl.explore(Lossy(), eventually=done).violation.claim == "eventually"


def test_counterexamples_can_be_kept(tmp_path):
    spec = Walk({0: {1}, 1: {2}}, bad={2})
    violation = dl.explore(spec).violation
    path = violation.save(tmp_path / "found.json")
    again = dl.Counterexample.load(path, spec=spec)
    assert (again.states, again.actions, again.property) == (violation.states, violation.actions, "not_bad")
    assert again.replay() == violation.states
    assert pickle.loads(pickle.dumps(violation)).states == violation.states
    with pytest.raises(dl.ParameterError, match="spec"):
        dl.Counterexample.load(path)
    path.write_text("{}")
    with pytest.raises(dl.SaveFileError):
        dl.Counterexample.load(path, spec=spec)


class Doors(dl.Spec):
    """For the pasted test, which imports it."""

    safe = False

    def init(self):
        return (False, False)

    def actions(self, state):
        one, other = state
        if not (self.safe and other):
            yield "open one", (True, other)
        yield "open other", (one, True)
        yield "close", (False, False)

    @dl.Spec.always
    def never_both(self, state):
        return state != (True, True)


def test_a_pasted_test_fails_until_the_bug_is_gone(monkeypatch):
    source = dl.explore(Doors()).violation.to_pytest()
    assert source.startswith("def test_never_both_holds():")
    monkeypatch.setitem(__import__("sys").modules, Doors.__module__, __import__("types").ModuleType("m"))
    __import__("sys").modules[Doors.__module__].Doors = Doors
    space = {}
    exec(source, space)
    with pytest.raises(AssertionError):
        space["test_never_both_holds"]()
    monkeypatch.setattr(Doors, "actions", lambda self, state: [("open one", (True, False))])
    space["test_never_both_holds"]()


def test_the_graph_is_what_networkx_takes():
    networkx = pytest.importorskip("networkx")
    spec = Walk({0: {1, 2}, 1: {3}, 2: {3}, 3: set()})
    graph = dl.explore(spec, graph=True).graph
    drawn = graph.to_networkx()
    assert networkx.is_directed_acyclic_graph(drawn) and drawn.number_of_edges() == 4
    assert graph.kinds == ["to"] and graph.source.dtype == np.uint32
    assert graph.reaching(lambda it: it == 1).tolist() == [it in (0, 1) for it in graph.states]


def test_pictures():
    spec = Walk({0: {1, 2}, 1: {3}, 2: {3}, 3: {0}}, bad={3})
    found = dl.explore(spec, graph=True)
    assert found.plot().get_xlabel() == "depth (states)"
    assert found.violation.plot().get_xlabel() == "step"
    graph = dl.explore(Walk(spec.edges), graph=True).graph
    assert len(graph.plot().texts) > 0
    with pytest.raises(dl.plot.TooManyStates):
        graph.plot(limit=3)
    assert "not_bad" in found._repr_html_()
