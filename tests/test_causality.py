"""Who can have caused what, on the traces of real clusters, against the definition."""

import networkx as nx
import numpy as np
import pytest

import distlab as dl
from distlab.clocks import Lamport, Vector, possible_relations


class Gossip(dl.Node):
    """Tells a random node something now and then."""

    def on_start(self, cx):
        cx.arm("talk", ("1ms", "5ms"))

    def on_timer(self, cx, timer):
        others = [name for name in ("a", "b", "c", "d") if name != cx.id]
        cx.send(others[cx.choose(len(others))], {"hello": cx.id})
        cx.arm("talk", ("1ms", "5ms"))

    def on_message(self, cx, sender, message):
        if cx.chance(0.3):
            cx.send(sender, {"reply": cx.id})


def raft(seed):
    network = dl.Network(latency=dl.Uniform("0.5ms", "8ms"), loss=0.05, duplicate=0.1)
    cluster = dl.Raft(3, seed=seed, trace="full", network=network)
    cluster.workload(clients=2, rate=100, until="0.6s")
    cluster.at("0.3s").crash("n0").at("0.4s").recover("n0")
    cluster.run(until="0.5s")
    return cluster


def commit(seed):
    cluster = dl.TwoPhaseCommit(participants=3, seed=seed, trace="full")
    for i in range(4):
        op = cluster.client("alice").transaction({"db0": [("put", "x", i)], "db2": [("put", "y", i)]})
        cluster.run_until(op)
    return cluster


def gossip(seed):
    names = ["a", "b", "c", "d"]
    network = dl.Network(latency=dl.Uniform("1ms", "20ms"), duplicate=0.2)
    cluster = dl.Cluster.of({name: Gossip() for name in names}, seed=seed, trace="full", network=network)
    cluster.run(until="0.1s")
    return cluster


def graph(trace):
    """Rows with an edge from each to what directly follows from it, from the definition."""
    found, last, sends = nx.DiGraph(), {}, {}
    for row, it in enumerate(trace.rows()):
        if it["kind"] == "duplicate":
            sends[it["id"]] = row - 1
        if it["kind"] in ("drop", "duplicate") or it["node"] is None:
            continue
        found.add_node(row)
        if it["node"] in last:
            found.add_edge(last[it["node"]], row)
        if it["kind"] == "deliver":
            found.add_edge(sends[it["id"]], row)
        if it["kind"] == "send":
            sends[it["id"]] = row
        last[it["node"]] = row
    return found


@pytest.mark.parametrize("make", [raft, commit, gossip])
@pytest.mark.parametrize("seed", range(4))
def test_the_order_is_what_the_definition_says(make, seed):
    trace = make(seed).trace
    order, edges = dl.causality(trace), graph(trace)
    rows = np.array(sorted(edges))
    assert np.array_equal(np.flatnonzero(order.place), rows) and order.unmatched == 0
    assert (order.send >= 0).sum() == len(trace.rows(kind="deliver")) > 10
    rng = np.random.default_rng(seed)
    for event in rng.choice(rows, 12).tolist():
        assert order.past(event).tolist() == sorted(nx.ancestors(edges, event))
        assert order.future(event).tolist() == sorted(nx.descendants(edges, event))
    a, b = rng.choice(rows, (2, 400))
    before = [x != y and nx.has_path(edges, x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert order.happens_before(a, b).tolist() == before
    after = order.happens_before(b, a)
    assert np.array_equal(order.concurrent(a, b), ~np.array(before) & ~after & (a != b))
    chain = order.longest_chain()
    assert len(chain) == nx.dag_longest_path_length(edges) + 1 == order.lamport.max()
    assert all(edges.has_edge(x, y) for x, y in zip(chain[:-1].tolist(), chain[1:].tolist(), strict=True))


@pytest.mark.parametrize("make", [raft, commit, gossip])
def test_stamps_are_those_of_the_clocks_and_tell_the_order(make):
    trace = make(11).trace
    order = dl.causality(trace)
    vectors = [Vector.zero(len(order.nodes)) for _ in order.nodes]
    lamports = [Lamport(0, name) for name in order.nodes]
    found = {}
    for row in np.flatnonzero(order.place).tolist():
        node, send = int(order.node[row]), int(order.send[row])
        if send < 0:
            vectors[node], lamports[node] = vectors[node].tick(node), lamports[node].tick()
        else:
            vectors[node] = vectors[node].receive(found[send][0], node)
            lamports[node] = lamports[node].receive(found[send][1])
        found[row] = vectors[node], lamports[node]
    rows = list(found)
    assert [tuple(it) for it in order.stamps().tolist()] == [found[row][0].entries for row in rows]
    assert order.lamport[rows].tolist() == [found[row][1].counter for row in rows]
    assert order.stamp(rows[-1]) == found[rows[-1]][0]
    rng = np.random.default_rng(3)
    for x, y in rng.choice(rows, (300, 2)).tolist():
        relation = order.relation(x, y)
        assert relation == found[x][0].relation(found[y][0])
        assert relation in possible_relations(found[x][1], found[y][1])


def test_a_small_budget_of_memory_changes_no_answer():
    trace = raft(5).trace
    roomy, tight = dl.causality(trace), dl.causality(trace, memory_bytes=0)
    assert np.array_equal(roomy.stamps(), tight.stamps())


def test_every_moment_is_a_consistent_cut_and_a_message_from_the_future_is_named():
    order = dl.causality(raft(2).trace)
    times = order.trace.columns["time"]
    for time in np.linspace(0, 0.5, 40):
        cut = order.cut(times <= time)
        assert cut and cut.problem is None
        assert all(times[send] <= time < times[delivery] for send, delivery in cut.in_transit)
    delivery = int(np.flatnonzero(order.send >= 0)[-1])
    send = int(order.send[delivery])
    sender = order.nodes[order.node[send]]
    cut = order.cut({sender: int(order.place[send]) - 1})
    assert not cut and (send, delivery) in cut.messages
    assert "deliver" in cut.problem and "outside: its send" in cut.problem
    inside = np.ones(len(order), bool)
    inside[send] = False
    assert (send, delivery) in order.cut(inside).messages
    inside = np.ones(len(order), bool)
    inside[np.flatnonzero(order.node == order.node[send])[0]] = False
    assert order.cut(inside).skipped
    counts = [int((order.node == node).sum()) for node in range(len(order.nodes))]
    assert order.cut(counts) and order.cut([0] * len(counts)) and order.cut({})


def test_the_critical_path_follows_what_came_last():
    cluster = dl.TwoPhaseCommit(participants=3, seed=1, trace="full")
    cluster.run_until(cluster.client("alice").transaction({"db0": [("put", "x", 1)], "db1": [("put", "y", 1)]}))
    order = dl.causality(cluster.trace)
    path = order.critical_path().tolist()
    times = cluster.trace.columns["time"][path]
    assert (np.diff(times) >= 0).all() and path == sorted(path)
    hops = [(order.nodes[order.node[x]], order.nodes[order.node[y]]) for x, y in zip(path[:-1], path[1:], strict=True)]
    assert sum(a != b for a, b in hops) >= 3  # prepare, vote, answer: the client sits at the coordinator
    assert all(order.happens_before(x, y) for x, y in zip(path[:-1], path[1:], strict=True))


def test_a_copy_made_by_hand_was_sent_by_its_original():
    cluster = dl.Raft(3, seed=1, manual=True, trace="full")
    cluster.campaign("n0")
    message = cluster.pending(kind="message")[0]
    copy = cluster.duplicate(message["id"])
    cluster.deliver(message["id"])
    cluster.deliver(copy)
    order = dl.causality(cluster.trace)
    sends = [int(order.send[row]) for row in np.flatnonzero(order.send >= 0)]
    assert len(sends) >= 2 and sends[0] == sends[1] and order.unmatched == 0


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda o: o.happens_before(0, 10**9), dl.ParameterError, "b: expected a row below"),
        (lambda o: o.happens_before(-1, 0), dl.ParameterError, "a: expected a row below"),
        (lambda o: o.past(1.5), dl.ParameterTypeError, "event: expected a whole number"),
        (lambda o: o.happens_before([0.5], 1), dl.ParameterTypeError, "a: expected a row"),
        (lambda o: o.cut({"nobody": 1}), dl.UnknownNode, "no node 'nobody'"),
        (lambda o: o.cut({"n0": 10**9}), dl.ParameterError, "cut['n0']: expected a number of events from 0"),
        (lambda o: o.cut([-1] * len(o.nodes)), dl.ParameterError, "expected a number of events from 0"),
        (lambda o: o.cut([1]), dl.ParameterTypeError, "cut: expected a count for each"),
        (lambda o: o.cut(np.zeros(3, bool)), dl.ParameterError, "cut: expected a value for each of the"),
        (lambda o: dl.causality("trace"), dl.ParameterTypeError, "trace: expected a Trace"),
        (lambda o: dl.causality(o.trace, memory_bytes=-1), dl.ParameterTypeError, "memory_bytes"),
    ],
)
def test_bad_questions_are_refused(call, kind, text):
    order = dl.causality(raft(1).trace)
    with pytest.raises(kind) as raised:
        call(order)
    assert text in str(raised.value)


def test_rows_that_are_no_events_have_no_place_in_the_order():
    order = dl.causality(raft(1).trace)
    row = int(np.flatnonzero(order.place == 0)[0])
    with pytest.raises(dl.ParameterError, match="is no event of a node"):
        order.past(row)
