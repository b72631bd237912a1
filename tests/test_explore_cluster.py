"""Clusters explored from Python: built-in nodes and one's own, properties over views, counterexamples that replay."""

import pickle
import types

import pytest

import distlab as dl


def echoes(count=2, **options):
    return dl.Cluster.of({name: {"echo": {}} for name in "abcdef"[:count]}, **options)


def ping(to, count=1):
    return {"echo": {"ping": {"to": to, "count": count}}}


class Lock(dl.Node):
    """Lends a lock to one at a time."""

    def __init__(self):
        self.holder, self.waiting = None, []

    def on_message(self, cx, sender, msg):
        if msg == "acquire":
            self.waiting.append(sender)
        elif msg == "release" and self.holder == sender:
            self.holder = None
        if self.holder is None and self.waiting:
            self.holder = self.waiting.pop(0)
            cx.send(self.holder, "granted")


class Worker(dl.Node):
    """Asks for the lock, and gives it back."""

    def __init__(self):
        self.inside = False

    def on_call(self, cx, op, call):
        cx.send("lock", "acquire")

    def on_message(self, cx, sender, msg):
        self.inside = True
        cx.send("lock", "release")


def locked():
    return dl.Cluster.of({"lock": Lock(), "a": Worker(), "b": Worker()}, seed=3)


BOTH = {"a": [("go",)], "b": [("go",)]}


def one_holder(view):
    return sum(it["label"] == "granted" for it in view.messages) < 2


def test_pings_are_as_many_as_arithmetic_says():
    for clients, pings in [(1, 3), (2, 2), (3, 2)]:
        names = "bcd"[:clients]
        cluster = echoes(clients + 1)
        calls = {name: [ping("a") for _ in range(pings)] for name in names}
        found = cluster.explore(calls=calls, timing="asynchronous")
        assert found.complete and found.ok
        # asked, on its way there, on its way back: and done
        assert found.distinct == (3 * pings + 1) ** clients


def test_the_cluster_itself_does_not_move():
    cluster = echoes()
    cluster.call("a", ping("b", 3))
    before = cluster.save()
    assert cluster.explore().distinct > 3
    assert cluster.save() == before


def test_from_the_middle_of_a_run():
    cluster = echoes()
    cluster.call("a", ping("b", 4))
    cluster.run_for("2ms")
    under_way = len(cluster.messages)
    found = cluster.explore(graph=True)
    assert under_way == 1 and found.distinct < 9 and found.graph.initial == 1


def test_the_result_is_the_same_on_any_number_of_threads():
    cluster = echoes(4)
    calls = {name: [ping("a", 2)] for name in "bcd"}
    reports = [
        cluster.explore(calls=calls, threads=threads, faults=dl.Budget(drops=1, crashes=1)) for threads in (1, 2, 3)
    ]
    assert len({(it.distinct, it.generated, it.depth, it.terminal) for it in reports}) == 1
    assert all(it.coverage == reports[0].coverage for it in reports)


def test_nodes_written_in_python():
    found = locked().explore(calls=BOTH, always=one_holder, sometimes={"in": lambda it: it.node("a").inside})
    assert found.ok and found.complete


def test_a_counterexample_is_an_ordinary_run():
    class Greedy(Lock):
        def on_message(self, cx, sender, msg):
            if msg == "acquire":
                cx.send(sender, "granted")

    cluster = dl.Cluster.of({"lock": Greedy(), "a": Worker(), "b": Worker()}, seed=5)
    found = cluster.explore(calls=BOTH, always=one_holder)
    violation = found.violation
    assert violation.property == "one_holder" and len(violation) == 4
    run = violation.replay()
    assert sum(it["label"] == "granted" for it in run.messages) == 2
    assert violation.replay().fingerprint == run.fingerprint
    assert violation.plot().get_yticklabels()[0].get_text() == "lock"
    assert "a is asked" in str(violation)
    run.manual = False
    run.run_for("1s")  # and goes on as a simulation
    assert run.node("a").inside and run.node("b").inside


class Asker(dl.Node):
    """Asks until it is answered, or only once."""

    def __init__(self, again):
        self.again, self.answered = again, False

    def on_call(self, cx, op, call):
        self.on_timer(cx, "again")

    def on_timer(self, cx, name):
        cx.send("s", "question")
        if self.again:
            cx.arm("again", "1s")

    def on_message(self, cx, sender, msg):
        self.answered = True
        cx.disarm("again")


class Answerer(dl.Node):
    def on_message(self, cx, sender, msg):
        cx.send(sender, "answer")


def test_liveness_needs_what_is_fair():
    answered = {"answered": lambda it: it.node("a").answered}

    def explored(again, **options):
        cluster = dl.Cluster.of({"a": Asker(again), "s": Answerer()})
        return cluster.explore(calls={"a": [("go",)]}, eventually=answered, messages="set", **options)

    assert explored(again=False).ok
    lost = explored(again=False, faults=dl.Budget(drops=1)).violation
    assert lost.claim == "eventually" and not lost.closes and "lost" in str(lost)
    assert explored(again=True, faults=dl.Budget(drops=3)).ok
    ever = explored(again=True, faults=dl.Budget(drops=None)).violation
    assert ever.closes and ever.replay() is not None


def test_choices_are_made_every_way():
    class Dice(dl.Node):
        def __init__(self):
            self.sum = 0

        def on_call(self, cx, op, call):
            self.sum = cx.choose(6) + cx.choose(6) + (100 if cx.chance(0.5) else 0)
            cx.reply(op, self.sum)

    cluster = dl.Cluster.of({"d": Dice()})
    found = cluster.explore(calls={"d": [("roll",)]}, graph=True)
    assert found.distinct == 1 + 11 * 2 and found.generated == 1 + 72
    violation = cluster.explore(
        calls={"d": [("roll",)]}, always={"small": lambda it: it.node("d").sum != 110}
    ).violation
    assert violation.actions[-1]["call"]["choices"] == [5, 5, 1]
    assert violation.replay().node("d").sum == 110


def test_lost_writes_and_the_order_of_effects():
    class Saver(dl.Node):
        def on_message(self, cx, sender, msg):
            cx.write((cx.disk or 0) + 1)
            cx.send(sender, "saved")

        def on_start(self, cx):
            self.found = cx.disk

    class Asker(dl.Node):
        def __init__(self):
            self.saved = 0

        def on_call(self, cx, op, call):
            cx.send("s", "save")

        def on_message(self, cx, sender, msg):
            self.saved += 1

    def explored(sync):
        cluster = dl.Cluster.of({"s": Saver(), "a": Asker()}, disk=sync)
        kept = {"kept": lambda it: it.node("a").saved <= (it.state("s")["disk"] or 0)}
        faults = dl.Budget(crashes=1)
        return cluster.explore(calls={"a": [("go",)]}, always=kept, faults=faults, crashable=["s"])

    assert explored(dl.Disk()).ok
    assert explored(dl.Disk(sync="1ms")).ok
    lost = explored(dl.Disk(sync="1ms", fsync=False)).violation
    assert lost.property == "kept" and any("crash" in it for it in lost.actions)


def test_what_cannot_be_branched_on_is_refused():
    class Clock(dl.Node):
        def on_call(self, cx, op, call):
            cx.reply(op, cx.now)

    cluster = dl.Cluster.of({"c": Clock()})
    with pytest.raises(dl.UnexplorableError, match="c reads its clock in .*call"):
        cluster.explore(calls={"c": [("time",)]})
    assert cluster.explore(calls={"c": [("time",)]}, clock="frozen").complete
    with pytest.raises(dl.UnexplorableError, match="workload"):
        raft = dl.Raft(3)
        raft.workload(rate=10, until="9s")
        raft.explore()
    with pytest.raises(dl.UnexplorableError, match="crash"):
        planned = echoes()
        planned.at("1s").crash("a")
        planned.explore()
    with pytest.raises(dl.UnexplorableError, match="paused"):
        paused = echoes()
        paused.pause("a")
        paused.explore()


def test_nodes_written_in_python_are_not_known_to_be_alike():
    with pytest.raises(dl.UnexplorableError, match="symmetry"):
        locked().explore(calls=BOTH, symmetry=[["a", "b"]])


def test_wrong_calls():
    cluster = echoes()
    for wrong, error, words in [
        (lambda: cluster.explore(depth=0), dl.ParameterError, "max_depth"),
        (lambda: cluster.explore(calls={"z": []}), dl.UnknownNode, "z"),
        (lambda: cluster.explore(calls=[ping("a")]), dl.ParameterTypeError, "calls"),
        (lambda: cluster.explore(calls={"a": ping("b")}), dl.ParameterTypeError, r"calls\['a'\]"),
        (lambda: cluster.explore(calls={"a": [{"echo": {"pong": 1}}]}), dl.DistlabError, "pong"),
        (lambda: cluster.explore(timing="sometimes"), dl.ParameterError, "asynchronous"),
        (lambda: cluster.explore(messages="heap"), dl.ParameterError, "bag"),
        (lambda: cluster.explore(faults=3), dl.ParameterTypeError, "faults"),
        (lambda: cluster.explore(crashable="a"), dl.ParameterTypeError, "crashable"),
        (lambda: cluster.explore(invariants=["Nonsense"]), dl.ParameterError, "Nonsense"),
        (lambda: cluster.explore(symmetry=True), dl.ParameterError, "symmetry"),
        (lambda: cluster.explore(symmetry=[["a", "a"]]), dl.ParameterError, "symmetry"),
        (lambda: cluster.explore(speed=9), TypeError, "speed"),
        (
            lambda: cluster.replay([{"deliver": {"from": "a", "to": "b", "msg": {"echo": {"ping": 1}}}}]),
            dl.StepImpossible,
            "under way",
        ),
        (lambda: cluster.replay([{"dance": {}}]), dl.ParameterError, "step"),
    ]:
        with pytest.raises(error, match=words):
            wrong()


def test_what_a_property_or_a_handler_raises_comes_out():
    with pytest.raises(ZeroDivisionError) as caught:
        echoes().explore(always={"odd": lambda it: 1 / 0})
    assert any('"odd"' in it for it in caught.value.__notes__)

    class Broken(dl.Node):
        def on_call(self, cx, op, call):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no") as caught:
        dl.Cluster.of({"x": Broken()}).explore(calls={"x": [("go",)]})
    assert any("node 'x'" in it for it in caught.value.__notes__)
    kept = []
    echoes().explore(always={"keep": lambda it: kept.append(it) or True})
    with pytest.raises(dl.HandlerError, match="view"):
        _ = kept[0].nodes


class Naive(Lock):
    """For the pasted test, which imports it."""

    fixed = False

    def on_message(self, cx, sender, msg):
        if self.fixed:
            super().on_message(cx, sender, msg)
        elif msg == "acquire":
            cx.send(sender, "granted")


def test_a_pasted_test_fails_until_the_bug_is_gone(monkeypatch):
    cluster = dl.Cluster.of({"lock": Naive(), "a": Worker(), "b": Worker()})
    source = cluster.explore(calls=BOTH, always=one_holder).violation.to_pytest("test_lock")
    module = types.ModuleType(Naive.__module__)
    module.Naive, module.Worker, module.one_holder = Naive, Worker, one_holder
    monkeypatch.setitem(__import__("sys").modules, Naive.__module__, module)
    space = {}
    exec(source, space)
    with pytest.raises(dl.PropertyViolation, match="one_holder"):
        space["test_lock"]()
    monkeypatch.setattr(Naive, "fixed", True)
    space["test_lock"]()


def test_counterexamples_can_be_kept(tmp_path):
    cluster = dl.Cluster.of({"lock": Naive(), "a": Worker(), "b": Worker()})
    violation = cluster.explore(calls=BOTH, always=one_holder).violation
    path = violation.save(tmp_path / "two.json")
    again = dl.Counterexample.load(path, nodes=[Naive, Worker])
    assert again.actions == violation.actions and again.calls == violation.calls
    assert again.replay().fingerprint == violation.replay().fingerprint
    copy = pickle.loads(pickle.dumps(echoes().explore(calls={"a": [ping("b")]}, always=lambda it: not it.messages)))
    assert copy.violation.replay().messages
