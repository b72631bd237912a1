"""Explorations from Python: a specification written in Python, one of the core, and a cluster of a real protocol."""

import pytest

import distlab as dl


class TwoPhase(dl.Spec):
    """Two-phase commit as Gray and Lamport specify it, in Python."""

    def __init__(self, managers):
        self.managers = managers

    def init(self):
        return ("working",) * self.managers, "init", frozenset(), frozenset()

    def actions(self, state):
        managers, decided, prepared, messages = state
        if decided == "init":
            if len(prepared) == self.managers:
                yield "commit", (managers, "committed", prepared, messages | {"commit"})
            yield "abort", (managers, "aborted", prepared, messages | {"abort"})
        for i in range(self.managers):
            after = lambda word, i=i: (*managers[:i], word, *managers[i + 1 :])  # noqa: E731
            if decided == "init" and ("prepared", i) in messages:
                yield ("receive", i), (managers, decided, prepared | {i}, messages)
            if managers[i] == "working":
                yield ("prepare", i), (after("prepared"), decided, prepared, messages | {("prepared", i)})
                yield ("refuse", i), (after("aborted"), decided, prepared, messages)
            if "commit" in messages:
                yield ("told", i), (after("committed"), decided, prepared, messages)
            if "abort" in messages:
                yield ("told", i), (after("aborted"), decided, prepared, messages)

    @dl.Spec.always
    def consistent(self, state):
        return not ("aborted" in state[0] and "committed" in state[0])


def test_specification_in_python(benchmark):
    found = benchmark.pedantic(lambda: dl.explore(TwoPhase(6)), rounds=3)
    assert found.distinct == 50_816
    benchmark.extra_info["generated a second"] = found.generated / benchmark.stats["min"]


@pytest.mark.parametrize("threads", [1, 2])
def test_specification_of_the_core(benchmark, threads):
    found = benchmark.pedantic(lambda: dl.explore(dl.specs.TwoPhase(7), threads=threads), rounds=5)
    assert found.distinct == 296_448
    benchmark.extra_info["generated a second"] = found.generated / benchmark.stats["min"]


@pytest.mark.parametrize("threads", [1, 2])
def test_cluster_of_three_participants(benchmark, threads):
    cluster = dl.TwoPhaseCommit(3, retry=None)
    cluster.client("alice").transaction({name: [("put", "x", 1)] for name in cluster.participants})
    faults = dl.Budget(crashes=1, drops=1, timeouts=2)
    found = benchmark.pedantic(
        lambda: cluster.explore(faults=faults, crashable=["tc", "db0"], threads=threads), rounds=2
    )
    assert found.ok
    assert found.distinct > 100_000
    benchmark.extra_info["distinct a second"] = found.distinct / benchmark.stats["min"]
