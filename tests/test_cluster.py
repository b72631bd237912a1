"""The base class: every verb of every cluster, on the smallest protocols that show it."""

import math
import pickle
import signal
import threading
import time
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest

import distlab as dl


class Probe(dl.Node):
    """Remembers on disk what it hears; ticks when told."""

    def __init__(self):
        self.heard = []
        self.ticks = 0

    def on_message(self, cx, sender, msg):
        self.heard.append((sender, msg))
        cx.write([*(cx.disk or []), msg])

    def on_timer(self, cx, name):
        self.ticks += 1
        cx.arm(name, "10ms")

    def on_call(self, cx, op, call):
        match call:
            case {"tell": to, "what": what}:
                cx.send(to, what)
                cx.reply(op)
            case "tick":
                cx.arm("tick", "10ms")
                cx.reply(op)
            case "spin":
                cx.arm("spin", 0)
            case "now":
                cx.reply(op, cx.now)


def probes(n=3, **options):
    options.setdefault("network", dl.Network(latency="1ms"))
    return dl.Cluster.of([Probe() for _ in range(n)], **options)


def tell(cluster, src, dst, what):
    return cluster.call(src, {"tell": dst, "what": what})


def heard(cluster, node):
    return [msg for _, msg in cluster.node(node).heard]


def test_time_moves_as_told():
    cluster = probes()
    assert cluster.run_for("150ms").now == 0.15
    assert cluster.run_for(timedelta(milliseconds=50)).now == 0.2
    assert cluster.run(until=1.5).now == 1.5
    tell(cluster, "n0", "n1", 1)
    assert cluster.step() and cluster.step() and not cluster.step()
    assert cluster.now == pytest.approx(1.501)
    tell(cluster, "n0", "n1", 2)
    cluster.run()
    assert heard(cluster, "n1") == [1, 2]
    with pytest.raises(dl.ParameterError, match="until: expected a time that is not in the past"):
        cluster.run(until="1s")


def test_run_until_an_operation_or_a_condition():
    cluster = probes()
    op = tell(cluster, "n0", "n1", "x")
    assert op.status == "pending" and math.isnan(op.latency)
    assert cluster.run_until(op)
    assert (op.status, op.latency) == ("ok", 0.0)
    assert cluster.run_until(lambda: heard(cluster, "n1") == ["x"])
    assert cluster.now == 0.001
    assert cluster.run_until(lambda c: c.now == 0.001), "a condition may take the cluster"
    assert not cluster.run_until(lambda: False, timeout="2s")
    with pytest.raises(dl.ParameterTypeError, match="condition"):
        cluster.run_until(7)


def test_an_operation_of_a_dead_node_stays_pending():
    cluster = probes().crash("n0")
    op = tell(cluster, "n0", "n1", 1)
    assert not cluster.run_until(op, timeout="5s")
    assert op.status == "pending" and op.result is None
    assert cluster.history[0].status == "info"


def test_planned_faults_and_planned_code():
    cluster = probes()
    seen = []
    cluster.at("1s").crash("n1").at("2s").recover("n1").do(lambda c: seen.append((c.now, c.up("n1"))))
    cluster.at("1.5s").do(lambda c: seen.append((c.now, c.up("n1"))))
    cluster.run_for("3s")
    assert seen == [(1.5, False), (2.0, True)]
    assert [row["kind"] for row in cluster.trace.rows() if row["node"] == "n1"] == [
        "start",
        "crash",
        "fault",
        "start",
    ]
    with pytest.raises(dl.ParameterError, match="time"):
        cluster.at("1s")


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        (lambda c: c.crash("n1"), lambda c: c.recover("n1")),
        (lambda c: c.wipe("n1"), lambda c: c.recover("n1")),
        (lambda c: c.partition(["n0"], ["n1", "n2"]), lambda c: c.heal()),
        (lambda c: c.cut("n0", "n1", oneway=True), lambda c: c.mend("n0", "n1")),
        (lambda c: c.isolate("n1"), lambda c: c.heal()),
        (lambda c: c.weather("n0", "n1", loss=1.0), lambda c: c.weather("n0", "n1")),
        (lambda c: c.corrupt(1.0), lambda c: c.corrupt(0.0)),
        (lambda c: c.omit("n0", send=1.0), lambda c: c.omit("n0")),
        (lambda c: c.omit("n1", receive=1.0, peer="n0"), lambda c: c.omit("n1", peer="n0")),
    ],
)
def test_faults_that_lose_messages_until_they_are_repaired(break_it, mend_it):
    cluster = probes()
    break_it(cluster)
    tell(cluster, "n0", "n1", 1)
    cluster.run_for("1s")
    mend_it(cluster)
    tell(cluster, "n0", "n1", 2)
    cluster.run_for("1s")
    assert heard(cluster, "n1") == [2]


def test_pause_and_resume():
    cluster = probes().pause("n1")
    tell(cluster, "n0", "n1", 1)
    cluster.run_for("1s")
    assert heard(cluster, "n1") == []
    assert cluster.resume("n1").run_for("1s") is cluster
    assert heard(cluster, "n1") == [1]


def test_slow_nodes_disks_and_weather():
    cluster = probes().slow("n1", extra="5ms")
    tell(cluster, "n0", "n1", 1)
    assert cluster.run_until(lambda: heard(cluster, "n1") == [1])
    assert cluster.now == pytest.approx(0.006)
    cluster.slow("n1").weather(delay="20ms")
    tell(cluster, "n0", "n1", 2)
    assert cluster.run_until(lambda: len(heard(cluster, "n1")) == 2)
    assert cluster.now == pytest.approx(0.006 + 0.021)


def test_clocks_are_the_nodes_own():
    cluster = probes().skew("n0", offset="-5s").skew("n1", drift_ppm=1_000_000).freeze("n2")
    for node in cluster.nodes:
        cluster.call(node, "tick")
    cluster.run_for("1s")
    readings = []
    for node in cluster.nodes:
        op = cluster.call(node, "now")
        assert cluster.run_until(op)
        readings.append(op.result)
    assert readings == pytest.approx([-4.0, 2.0, 0.0])
    assert [cluster.node(node).ticks for node in cluster.nodes] == [100, 200, 0]
    cluster.thaw("n2").run_for("1s")
    assert cluster.node("n2").ticks == 100


def test_disks_lose_what_is_not_durable():
    cluster = probes(disk=dl.Disk(sync="10ms"))
    cluster.inject("n0", "n1", "kept").run_for("20ms")
    cluster.inject("n0", "n1", "lost").run_for("5ms")
    cluster.crash("n1").recover("n1").run_for("1ms")
    assert cluster.state("n1")["disk"] == ["kept"]
    cluster.disk_lies("n1").inject("n0", "n1", "a lie").run_for("50ms")
    cluster.crash("n1").recover("n1").run_for("1ms")
    assert cluster.state("n1")["disk"] == ["kept"]
    cluster.disk_lies("n1", 0).disk_slow("n1", factor=2, extra="5ms").inject("n0", "n1", "slow").run_for("24ms")
    assert cluster.fork().crash("n1").state("n1")["disk"] == ["kept"]
    assert cluster.run_for("2ms").crash("n1").state("n1")["disk"] == ["kept", "slow"]


def test_by_hand():
    cluster = probes(manual=True)
    tell(cluster, "n0", "n1", "a")
    tell(cluster, "n0", "n1", "b")
    tell(cluster, "n0", "n2", "c")
    first, second, _ = cluster.messages
    assert (first["src"], first["dst"], first["message"]) == ("n0", "n1", "a")
    copy = cluster.duplicate(first["id"])
    assert cluster.deliver(second["id"]) == 1
    assert cluster.deliver(copy) == 1
    assert cluster.drop(dst="n1") == 1
    assert heard(cluster, "n1") == ["b", "a"]
    assert cluster.settle() == 1 and heard(cluster, "n2") == ["c"]
    cluster.fire("n0", "tick")
    assert cluster.node("n0").ticks == 1 and [it["kind"] for it in cluster.pending()] == ["timer"]
    cluster.inject("n2", "n0", "d")
    assert heard(cluster, "n0") == ["d"]
    with pytest.raises(dl.DistlabError, match="manual"):
        cluster.run_for(1)
    with pytest.raises(dl.ParameterError, match="id"):
        cluster.deliver(10**9)
    with pytest.raises(dl.UnknownNode, match="no node 'n7'; there are: n0, n1, n2"):
        cluster.deliver(dst="n7")
    cluster.manual = False
    assert cluster.run_for("1s").node("n0").ticks == 101


def test_writes_by_hand():
    cluster = probes(manual=True, disk=dl.Disk(sync="10ms"))
    cluster.inject("n0", "n1", 1)
    assert [it["kind"] for it in cluster.pending()] == ["sync"]
    cluster.complete_write("n1").crash("n1")
    assert cluster.state("n1")["disk"] == [1]
    with pytest.raises(dl.DistlabError, match="n1"):
        cluster.complete_write("n1")


def test_forks_and_saves_have_the_same_future(tmp_path):
    def after(cluster):
        for i in range(50):
            tell(cluster, f"n{i % 3}", f"n{(i + 1) % 3}", i)
            cluster.run_for("3ms")
        return cluster.fingerprint

    network = dl.Network(latency=dl.Exponential("5ms"), loss=0.1, duplicate=0.1)
    cluster = probes(seed=5, network=network)
    tell(cluster, "n0", "n1", {"nested": [1, (2, 3)]})
    cluster.run_for("2ms")
    fork, other = cluster.fork(), cluster.fork(seed=6)
    cluster.save(tmp_path / "run.distlab")
    loaded = dl.load(tmp_path / "run.distlab", nodes=[Probe])
    assert after(cluster) == after(fork) == after(loaded)
    assert after(other) != cluster.fingerprint
    assert heard(cluster, "n1") == heard(loaded, "n1")
    cluster.at("10s").do(lambda c: None)
    with pytest.raises(dl.ParameterError, match="Python code"):
        cluster.save()


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"PK" + b])
def test_damaged_saves_are_refused(damage):
    saved = probes().run_for("1s").save()
    with pytest.raises(dl.SaveFileError):
        dl.load(damage(saved), nodes=[Probe])


def test_every_flipped_byte_is_noticed():
    saved = probes().run_for("1s").save()
    for i in range(0, len(saved), 7):
        flipped = bytearray(saved)
        flipped[i] ^= 0x40
        with pytest.raises(dl.SaveFileError):
            dl.load(bytes(flipped), nodes=[Probe])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: c.crash("n9"), dl.UnknownNode, "no node 'n9'; there are: n0, n1, n2"),
        (lambda c: c.crash(None), dl.DistlabError, "node"),
        (lambda c: c.run_for("10 parsecs"), dl.ParameterError, "duration: .*10 parsecs"),
        (lambda c: c.run_for(-1), dl.ParameterError, "duration"),
        (lambda c: c.run_for(float("nan")), dl.ParameterError, "duration"),
        (lambda c: c.run_for([1]), dl.ParameterTypeError, "duration"),
        (lambda c: c.partition(["n0", "n1"], ["n1"]), dl.ParameterError, "n1 is named twice"),
        (lambda c: c.partition("n0", "n1"), dl.ParameterTypeError, "groups"),
        (lambda c: c.partition(["n0", "n1"]), dl.ParameterError, "at least two groups"),
        (lambda c: c.cut("n0", "n0"), dl.ParameterError, "another node"),
        (lambda c: c.weather(loss=1.5), dl.ParameterError, r"loss: expected a number from 0 to 1, got 1\.5"),
        (lambda c: c.weather(loss="much"), dl.ParameterTypeError, "loss"),
        (lambda c: c.slow("n0", factor=0), dl.ParameterError, "factor"),
        (lambda c: c.skew("n0"), dl.ParameterError, "offset"),
        (lambda c: c.pending(colour="red"), dl.ParameterError, "filter"),
        (lambda c: c.set_trace("loud"), dl.ParameterError, "level"),
        (lambda c: c.watch(["Luck"]), dl.ParameterError, "ElectionSafety"),
        (lambda c: c.inject("n0", "n1", object()), dl.SerializationError, "object"),
    ],
)
def test_wrong_calls_say_what_is_right_and_change_nothing(call, error, message):
    cluster = probes()
    before = cluster.fork()
    with pytest.raises(error, match=message):
        call(cluster)
    assert cluster.run_for("1s").fingerprint == before.run_for("1s").fingerprint


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dl.Cluster.of([]), dl.ParameterError, "nodes"),
        (lambda: dl.Cluster.of(7), dl.ParameterTypeError, "nodes"),
        (lambda: dl.Cluster.of([object()]), dl.DistlabError, "handler|on_message"),
        (lambda: dl.Cluster.of({"a": {"raft": {"server": {}}}}), dl.DistlabError, "config"),
        (lambda: probes(seed=-1), dl.ParameterError, "seed"),
        (lambda: probes(seed="x"), dl.ParameterTypeError, "seed"),
        (lambda: probes(network=dl.Network(latency="-1ms")), dl.ParameterError, "latency"),
        (lambda: probes(network=dl.Network(latency=("2ms", "1ms"))), dl.ParameterError, "latency"),
        (lambda: probes(network=0.5), dl.ParameterTypeError, "network"),
        (lambda: probes(network=dl.Network(bandwidth=0)), dl.ParameterError, "bandwidth"),
        (lambda: probes(network=dl.Network(latency=dl.Pareto("1ms", -1))), dl.ParameterError, "shape"),
        (lambda: probes(network=dl.Network(latency=dl.Mixture())), dl.ParameterError, "parts"),
        (lambda: probes(network=dl.Network(places=[0, 1])), dl.ParameterError, "places"),
        (lambda: probes(limits={"luck": 1}), dl.ParameterError, "limits"),
    ],
)
def test_wrong_clusters(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_exception_in_a_handler_surfaces_and_stops_only_its_node():
    class Fragile(Probe):
        def on_message(self, cx, sender, msg):
            if msg == "bad":
                raise ZeroDivisionError("handler")
            super().on_message(cx, sender, msg)

    cluster = dl.Cluster.of({"a": Fragile(), "b": Fragile()}, network=dl.Network(latency="1ms"))
    tell(cluster, "a", "b", "bad")
    with pytest.raises(ZeroDivisionError, match="handler"):
        cluster.run_for("1s")
    assert (cluster.up("a"), cluster.up("b")) == (True, False)
    cluster.recover("b")
    tell(cluster, "a", "b", "good")
    cluster.run_for("1s")
    assert heard(cluster, "b") == ["good"]


def test_a_loop_without_delay_is_stopped():
    cluster = probes(limits={"instant": 1_000})

    class Spinner(dl.Node):
        def on_start(self, cx):
            cx.arm("spin", 0)

        def on_timer(self, cx, name):
            cx.arm("spin", 0)

    cluster = dl.Cluster.of({"s": Spinner()}, limits={"instant": 1_000})
    with pytest.raises(dl.LivelockError) as caught:
        cluster.run_for("1s")
    assert (caught.value.node, caught.value.event) == ("s", "timer")


@dataclass
class Ball:
    left: int


class Bouncer(dl.Node):
    def on_message(self, cx, sender, msg):
        if msg.left:
            cx.send(sender, Ball(msg.left - 1))


def test_python_and_built_in_nodes_share_a_cluster():
    class Caller(dl.Node):
        def __init__(self):
            self.seen = 0

        def on_start(self, cx):
            cx.send("echo", {"echo": {"ping": 3}})

        def on_message(self, cx, sender, msg):
            self.seen += 1

    cluster = dl.Cluster.of({"echo": {"echo": {}}, "py": Caller()}, trace="full")
    cluster.run_for("1s")
    assert cluster.node("py").seen == 1 or cluster.metrics["notes"].get("foreign message")


def test_dataclasses_travel():
    cluster = dl.Cluster.of([Bouncer(), Bouncer()])
    cluster.inject("n0", "n1", Ball(9)).run_for("1s")
    assert cluster.metrics["sent"] == 9


def test_ctrl_c_stops_a_long_run_and_leaves_it_usable():
    raft = dl.Raft(5, seed=1)
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        raft.run(until="10000h")
    timer.join()
    assert time.perf_counter() - begin < 5, "far below the hours that the run would take"
    before = raft.now
    assert raft.run_for("1s").now > before


def test_two_clusters_run_in_two_threads():
    def run(seed, results):
        results[seed] = dl.Raft(3, seed=seed).run_for("30s").fingerprint

    alone, together = {}, {}
    for seed in (1, 2):
        run(seed, alone)
    threads = [threading.Thread(target=run, args=(seed, together)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone == together


def test_a_running_cluster_is_busy_for_others():
    raft = dl.Raft(3, seed=1)
    thread = threading.Thread(target=lambda: raft.run(until="3000s"))
    thread.start()
    seen = set()
    while thread.is_alive():
        assert raft.now >= 0, "time can be read while it runs"
        try:
            raft.status("n0")
        except dl.ClusterBusy as busy:
            seen.add(type(busy))
    thread.join()
    assert seen == {dl.ClusterBusy}


def test_values_can_be_pickled():
    raft = dl.Raft(3, seed=1, trace="full")
    raft.workload(clients=2, rate=100, until="1s")
    raft.run(until="2s")
    network = dl.Network(latency=dl.Mixture((0.9, dl.LogNormal("1ms", 0.5)), (0.1, "10ms")))
    for value in (network, dl.Zipf(10), raft.history, raft.trace, raft.history.latency, dl.Disk(sync="1ms")):
        again = pickle.loads(pickle.dumps(value))
        assert repr(again) == repr(value)
    assert len(pickle.loads(pickle.dumps(raft.history))) == len(raft.history)


def test_histories_survive_json_lines(tmp_path):
    raft = dl.Raft(3, seed=1)
    raft.workload(clients=3, rate=200, mix="F", until="1s")
    raft.at("0.5s").crash("n0").crash("n1")
    raft.run(until="2s")
    history = raft.history
    history.to_jsonl(tmp_path / "h.jsonl")
    again = dl.History.from_jsonl(tmp_path / "h.jsonl")
    assert again.to_jsonl() == history.to_jsonl()
    assert history.counts()["info"] > 0 and set(history.columns["kind"]) == {"read", "rmw"}
    with pytest.raises(dl.ParameterError, match="line 2"):
        dl.History.from_jsonl(history.to_jsonl().splitlines()[0] + "\n{broken")
    for name, ops in _by_process(history).items():
        for earlier, later in zip(ops, ops[1:], strict=False):
            assert earlier.completed <= later.invoked, f"operations of {name} overlap"


def _by_process(history):
    found = {}
    for op in history:
        found.setdefault(op.process, []).append(op)
    return found


def test_memory_stays_bounded_with_tracing_off():
    import resource

    cluster = dl.Cluster.of({"a": {"echo": {}}, "b": {"echo": {}}}, trace="off", network=dl.Network(latency="1ms"))
    cluster.inject("a", "b", {"echo": {"ping": 4_000_000_000}}).run_for("100s")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cluster.run_for("2000s")
    assert cluster.metrics["events"] > 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000, "kilobytes"


def test_the_trace_is_a_ring_of_bounded_size():
    raft = dl.Raft(3, trace="full", limits={"trace_rows": 1_000}).run_for("60s")
    trace = raft.trace
    assert len(trace) == 1_000 and trace.dropped > 1_000
    assert np.all(np.diff(trace.columns["time"]) >= 0)


def test_reprs_are_one_useful_line():
    cluster = probes(seed=3).run_for("1s")
    op = tell(cluster, "n0", "n1", 1)
    for value in (cluster, op, cluster.trace, cluster.history, cluster.at("5s"), cluster.history.latency):
        assert "\n" not in repr(value) and "object at 0x" not in repr(value)
    assert "<table>" in cluster._repr_html_() and "<table>" in cluster.history._repr_html_()


def test_every_verb_of_a_client_does_what_it_says():
    raft = dl.Raft(3, seed=1)
    alice = raft.client("alice")

    def said(op):
        raft.run_until(op)
        return op.status, op.result

    assert said(alice.put("x", 1)) == ("ok", None)
    assert said(alice.cas("x", 1, 2)) == ("ok", True)
    assert said(alice.cas("x", 1, 3)) == ("fail", False)
    assert said(alice.execute(("cas", "x", 2, 4))) == ("ok", True)
    assert said(alice.swap("x", 5)) == ("ok", 4)
    assert said(alice.append("l", 7)) == ("ok", [7])
    assert said(alice.append("t", "ab")) == ("ok", "ab")
    assert said(alice.scan("a", 10)) == ("ok", [["l", [7]], ["t", "ab"], ["x", 5]])
    assert said(alice.delete("x")) == ("ok", None)
    assert said(alice.get("x")) == ("ok", None)
    assert raft.history.check("linearizable").ok

    counter = dl.Raft(3, seed=1, machine="counter")
    bob = counter.client("bob")
    for ask, result in ((lambda: bob.add(2), 2), (lambda: bob.execute(("add", 3)), 5), (bob.read, 5)):
        op = ask()
        counter.run_until(op)
        assert op.result == result
    assert counter.history.check("linearizable").ok
