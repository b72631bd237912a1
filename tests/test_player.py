"""The player: its recordings against plain runs, its module in Node.js, its page as text, and what a widget asks."""

import base64
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import distlab as dl
from distlab.widgets import _player
from distlab.widgets._picture import source

sys.path.insert(0, str(Path(__file__).parent))
import pictures
from pictures import needs_node


def in_node(tmp_path, script, **values):
    return pictures.in_node(tmp_path, "player.js", f"const d = await m.decode(v.payload);\n{script}", **values)


def raft(seed=7, trace="summary"):
    """Elections, lost and doubled messages, entries that are thrown away, crashes, pauses, cuts, and planned code."""
    network = dl.Network(latency=dl.Uniform("1ms", "8ms"), loss=0.05, duplicate=0.1)
    cluster = dl.Raft(5, seed=seed, network=network, disk=dl.Disk(sync="1ms"), trace=trace)
    cluster.workload(clients=2, rate=60, until="1.5s")
    cluster.at("0.35s").do(lambda it: it.isolate(it.leader or "n0"))
    cluster.at("0.8s").heal().at("0.9s").crash("n3").at("1s").pause("n1").at("1.1s").recover("n3").resume("n1")
    cluster.at("1.15s").cut("n0", "n4", oneway=True).at("1.2s").isolate("n2")
    return cluster


def later(seed=3):
    """The same from the middle, with messages under way."""
    return raft(seed, "full").run(until="0.6s")


def commit(seed=1):
    cluster = dl.TwoPhaseCommit(participants=3, seed=seed, network=dl.Network(latency=dl.Uniform("1ms", "4ms")))
    for i in range(3):
        cluster.client("alice").transaction({"db0": [("put", "x", i)], "db2": [("put", "y", i)]})
    cluster.at("6ms").crash("tc").at("0.2s").recover("tc")
    return cluster


class Relay(dl.Node):
    def __init__(self):
        self.heard = 0

    def on_start(self, cx):
        cx.arm("again", ("5ms", "9ms"))

    def on_timer(self, cx, timer):
        cx.send(cx.nodes[cx.choose(len(cx.nodes))], {"hop": 0})
        cx.arm("again", ("5ms", "9ms"))

    def on_message(self, cx, sender, msg):
        self.heard += 1
        if msg["hop"] < 3:
            cx.send(sender, {"hop": msg["hop"] + 1})


def relays(seed=2):
    nodes = {name: Relay() for name in "abc"}
    return dl.Cluster.of(nodes, seed=seed, network=dl.Network(latency="2ms", loss=0.1), service="0.3ms")


CLUSTERS = {
    "raft": (raft, 1.4),
    "later": (later, 1.4),
    "other raft": (lambda: raft(11), 1.4),
    "commit": (commit, 0.5),
    "bank": (lambda: dl.Bank(3, seed=3), 0.02),
    "python": (relays, 0.2),
}


def moments(cluster, until, count, seed=0):
    rng = np.random.default_rng(seed)
    return np.round(np.sort(rng.uniform(cluster.now, until, count)), 9).tolist()


# -- recordings against plain runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_given_cluster_stays_as_it_is(name):
    make, until = CLUSTERS[name]
    cluster, twin = make(), make()
    show = dl.player(cluster, until=until, branches={"later": (cluster.now + 0.01, lambda it: it.crash(it.nodes[0]))})
    show.extend("50ms").cluster(until)
    assert (cluster.now, cluster.fingerprint, len(cluster.trace)) == (twin.now, twin.fingerprint, len(twin.trace))
    assert cluster.run(until=until).fingerprint == twin.run(until=until).fingerprint


@pytest.mark.parametrize("name", CLUSTERS)
def test_any_moment_is_that_of_a_plain_run(name):
    make, until = CLUSTERS[name]
    show, plain = dl.player(make(), until=until), make()
    for time in moments(plain, until, 25):
        found, wanted = show.cluster(time), plain.run(until=time)
        assert (found.now, found.fingerprint) == (wanted.now, wanted.fingerprint)
        assert [found.state(it) for it in found.nodes] == [wanted.state(it) for it in wanted.nodes]
    rest = show.cluster(until)
    assert rest.run_for("0.5s").fingerprint == plain.run(until=until).run_for("0.5s").fingerprint


@needs_node
def test_logs_that_planned_code_rewrites_are_shown_as_they_are(tmp_path):
    def rewrite(it):
        _, disk = it._world.state("n1")
        disk["raft"]["log"]["entries"][0]["term"] = 0  # before others that stay
        it.edit("n1", disk=disk)

    cluster = dl.Raft(3, seed=7)
    cluster.workload(clients=1, rate=200, until="0.5s")
    cluster.at("0.4s").do(rewrite)
    cluster.run(until="0.3s")
    times = [0.35, 0.399, 0.401, 0.45]
    scenes = in_node(tmp_path, SCENES, payload=dl.player(cluster, until="0.5s").payload, times=times, branch=0)
    for time, scene in zip(times, scenes, strict=True):
        scene_matches(scene, cluster.run(until=time))
    assert cluster.portrait("n1").log.entries[0][0] == 0
    assert len(cluster.portrait("n1").log.entries) > 5


def test_a_branch_is_a_fork_on_which_that_was_done():
    def break_it(it):
        it.crash(it.leader).cut("n0", "n1")

    show = dl.player(raft(), until="1.4s", branches={"a": ("0.3s", break_it)})
    show.branch("b", lambda it: it.at("0.9s").isolate("n4"), "0.5s", of="a")
    plain = raft().run(until="0.3s")
    break_it(plain)
    for branch, times in [("a", (0.3, 0.45, 0.8)), ("b", (0.3, 0.5))]:
        for time in times:
            assert show.cluster(time, branch).fingerprint == plain.fork().run(until=time).fingerprint
    assert show.cluster("1.4s", "a").fingerprint == plain.fork().run(until="1.4s").fingerprint
    plain.run(until="0.5s").at("0.9s").isolate("n4")
    for time in (0.5, 0.7, 0.95, 1.4):
        assert show.cluster(time, "b").fingerprint == plain.fork().run(until=time).fingerprint
    assert show.cluster("1.4s", "b").cuts != show.cluster("1.4s", "a").cuts
    assert show.cluster("0.25s", "b").fingerprint == raft().run(until="0.25s").fingerprint


def test_more_can_be_recorded():
    show = dl.player(raft(), until="0.4s", branches={"a": ("0.2s", lambda it: it.crash("n0"))})
    show.extend("0.5s").extend("0.7s", "a")
    assert show.cluster("0.9s").fingerprint == raft().run(until="0.9s").fingerprint
    plain = raft().run(until="0.2s").crash("n0")
    assert show.cluster("1.1s", "a").fingerprint == plain.run(until="1.1s").fingerprint
    with pytest.raises(dl.ParameterError, match=re.escape("from 0 s to 0.9 s")):
        show.cluster("1s")


# -- the module in Node.js ------------------------------------------------------------------------------------------

SCENES = """
return v.times.map((time) => {
  const course = d.courses[v.branch], position = course.at(time), { recording, at } = course.locate(position);
  const name = (node) => recording.names[node], entry = (log, i) => [log.entry(i).group, log.entry(i).words];
  return {
    time: course.timeOf(position), position, cuts: recording.cutsAt(at).map(([a, b]) => [name(a), name(b)]),
    nodes: recording.names.map((_, node) => {
      const log = recording.logAt(node, at);
      return {
        ...recording.stateOf(node, at), timers: recording.timersAt(node, at),
        log: log && { first: log.first, entries: Array.from({ length: log.last - log.first + 1 }, (_, i) => entry(log, log.first + i)) },
      };
    }),
    flying: recording.flyingAt(at, time).filter((it) => !it.over).map(({ message, share }) => {
      const it = recording.columns;
      return [name(it.message_from[message]), name(it.message_to[message]), d.labels[it.message_label[message]],
        share, recording.sent[message], recording.arrived[message]];
    }),
  };
});"""


def scene_matches(scene, cluster):
    """Whether the browser knows of a moment what the cluster says."""
    world = cluster._world
    assert scene["time"] <= cluster.now
    assert sorted(map(tuple, scene["cuts"])) == sorted(cluster.cuts)
    waiting = world.pending(False)
    for name, node in zip(world.names, scene["nodes"], strict=True):
        face = cluster.portrait(name)
        assert (node["up"], node["paused"]) == (cluster.up(name), world.is_paused(name))
        assert (node["role"], node["badge"], node["below"]) == (face.role, face.badge, face.below)
        assert [key for key, _ in node["facts"]] == list(face.facts)
        whole = [[key, str(it)] for key, it in face.facts.items() if isinstance(it, int) and not isinstance(it, bool)]
        assert [it for it in node["facts"] if it in whole] == whole
        if face.log is not None:
            words = [[group, face.log.words(it)] for group, it in face.log.entries]
            assert node["log"] == {"first": face.log.first, "entries": words}
            assert (node["committed"], node["applied"]) == (face.log.committed, face.log.applied)
        due = {}
        for row in waiting:
            if row["kind"] == "timer" and row["dst"] == name:
                due[row["label"]] = min(row["at_ns"] / 1e9, due.get(row["label"], 1e9))
        assert {it["label"]: it["due"] for it in node["timers"]} == pytest.approx(due, abs=1e-8)
    wanted = [(r["src"], r["dst"], r["label"], r["at_ns"] / 1e9) for r in waiting if r["kind"] == "message"]
    found = [(a, b, label, at) for a, b, label, _, _, at in scene["flying"]]
    if not any(row["kind"] == "service" for row in waiting):
        assert [it[:3] for it in sorted(found)] == [it[:3] for it in sorted(wanted)]
    for *_, share, sent, at in scene["flying"]:
        if at > sent:
            assert share == pytest.approx(min((cluster.now - sent) / (at - sent), 1), abs=1e-6)


@needs_node
@pytest.mark.parametrize("name", CLUSTERS)
def test_what_is_shown_at_any_time_is_what_the_core_says(tmp_path, name):
    make, until = CLUSTERS[name]
    plain = make()
    times = moments(plain, until, 40, seed=1)
    payload = dl.player(make(), until=until).payload
    for time, scene in zip(times, in_node(tmp_path, SCENES, payload=payload, times=times, branch=0), strict=True):
        scene_matches(scene, plain.run(until=time))


@needs_node
def test_messages_arrive_when_and_where_the_core_says(tmp_path):
    make, until = CLUSTERS["later"]
    plain = make()
    times = moments(plain, until, 30, seed=2)
    scenes = in_node(tmp_path, SCENES, payload=dl.player(make(), until=until).payload, times=times, branch=0)
    moved = make().set_trace("full")
    rows = moved.run(until=until).trace.rows()
    fates = {it["id"]: it["kind"] for it in rows if it["kind"] in ("deliver", "drop")}
    sent = {it["id"]: it["time"] for it in rows if it["kind"] in ("send", "duplicate")}
    some = 0
    for time, scene in zip(times, scenes, strict=True):
        waiting = [it for it in plain.run(until=time).messages if fates.get(it["id"]) == "deliver"]
        shown = {(a, b, label, round(begin, 9), round(end, 9)) for a, b, label, _, begin, end in scene["flying"]}
        for it in waiting:
            assert (it["src"], it["dst"], it["label"], round(sent[it["id"]], 9), round(it["at"], 9)) in shown
            some += 1
    assert some > 50


@needs_node
def test_branches_show_what_forks_do_and_share_what_was_before(tmp_path):
    show = dl.player(raft(), until="1.4s", branches={"a": ("0.41s", lambda it: it.crash("n2"))})
    show.branch("b", lambda it: it.recover("n2").cut("n0", "n1"), "0.7s", of="a")
    show.branch("c", lambda it: it.pause("n0"), "0.2s", of="b")
    times = moments(raft(), 1.4, 24, seed=3)
    forks = {
        0: [],
        1: [(0.41, lambda it: it.crash("n2"))],
        2: [(0.41, lambda it: it.crash("n2")), (0.7, lambda it: it.recover("n2").cut("n0", "n1"))],
        3: [(0.2, lambda it: it.pause("n0"))],
    }
    assert [it.parent for it in show._branches] == [-1, 0, 1, 0]
    for branch, actions in forks.items():
        scenes = in_node(tmp_path, SCENES, payload=show.payload, times=times, branch=branch)
        for time, scene in zip(times, scenes, strict=True):
            plain = raft()
            for at, act in actions:
                if at <= time:
                    act(plain.run(until=at))
            scene_matches(scene, plain.run(until=time))


@needs_node
def test_steps_go_forward_and_back_through_every_event(tmp_path):
    show = dl.player(raft(), until="0.6s", branches={"a": ("0.3s", lambda it: it.crash("n2"))})
    script = """
const head = new m.Head(d), seen = [], back = [];
head.choose(1);
const here = () => {
  const { recording, at } = head.course.locate(head.position);
  return [head.position, head.time, JSON.stringify(recording.names.map((_, i) => recording.stateOf(i, at))), recording.told(at)];
};
head.step(-Infinity);
for (seen.push(here()); head.position < head.course.last; seen.push(here())) head.step(1);
for (back.push(here()); head.position > 0; back.push(here())) head.step(-1);
const far = new m.Head(d), stops = [];
for (far.choose(1); far.position < far.course.last; stops.push(far.position)) far.notable(1);
return { seen, back: back.reverse(), from: head.course.from, last: head.course.last, stops };"""
    got = in_node(tmp_path, script, payload=show.payload)
    assert got["seen"] == got["back"]
    assert [it[0] for it in got["seen"]] == list(range(got["last"] + 1))
    times = [it[1] for it in got["seen"]]
    assert times == sorted(times)
    shared = show._branches[0].recording.times_ns[: got["from"]]
    assert times[1 : got["from"] + 1] == [it / 1e9 for it in shared]
    assert got["seen"][got["from"] + 1][3] == ["n2 crashes"]
    assert all(it[3] for it in got["seen"][1:])
    assert got["from"] + 1 in got["stops"]


@needs_node
def test_going_to_another_branch_keeps_the_time_and_more_data_the_place(tmp_path):
    show = dl.player(raft(), until="0.6s", branches={"a": ("0.3s", lambda it: it.crash("n2"))})
    first = show.payload
    show.extend("0.3s")
    script = """
const head = new m.Head(d), known = new Map(), places = [];
const note = () => places.push([head.branch, head.position, head.time]);
head.seek(0.45); note();
head.choose(1); note();
head.choose(0); note();
head.seek(99); note();
head.adopt(await m.decode(v.more, known)); note();
const ended = [head.advance(0.1), head.advance(9)]; note();
head.seek(0.1); const before = head.position; head.choose(1);
return { places, ended, same: before === head.position };"""
    got = in_node(tmp_path, script, payload=first, more=show.payload)
    (a, b, c, end, kept, on) = got["places"]
    assert a == c
    assert (a[2], b[2]) == (0.45, 0.45)
    assert (a[0], b[0]) == (0, 1)
    assert end[2] == kept[2] == 0.6
    assert end[1] == kept[1]
    assert got["ended"] == [False, True]
    assert on[2] == 0.9
    assert got["same"]


@needs_node
def test_groups_are_what_cuts_leave_together(tmp_path):
    show = dl.player(dl.Raft(5), until="10ms")
    script = "return v.cases.map(([nodes, cuts]) => m.groupsOf(nodes, cuts));"
    both = lambda *pairs: [p for a, b in pairs for p in ([a, b], [b, a])]  # noqa: E731
    cases = [
        [[0, 1, 2], []],
        [[0, 1, 2], both((0, 1), (0, 2))],
        [[0, 1, 2], [[0, 1], [0, 2]]],
        [[0, 1, 2, 3], both((0, 1), (0, 3), (2, 1), (2, 3))],
        [[0, 1, 2], both((0, 1))],
    ]
    got = in_node(tmp_path, script, payload=show.payload, cases=cases)
    assert got == [[[0, 1, 2]], [[0], [1, 2]], [[0, 1, 2]], [[0, 2], [1, 3]], [[0, 2, 1]]]


@needs_node
def test_a_message_says_what_it_carries(tmp_path):
    show = dl.player(dl.Raft(3, seed=7, network=dl.Network(latency="5ms")), until="0.4s")
    script = """
const it = d.recordings[0].columns;
return [...it.message_text].map((text, i) => [d.labels[it.message_label[i]], d.texts[text]]);"""
    texts = dict(in_node(tmp_path, script, payload=show.payload))
    assert "term: 1\n" in texts["request_vote"]
    assert "entries: " in texts["append_entries"]


# -- limits ---------------------------------------------------------------------------------------------------------


def test_a_recording_that_ends_early_says_so():
    short = dl.player(raft(), until="1s", events=100)
    assert short._branches[0].recording.position == 100
    assert "recorded up to event 100" in repr(short)
    assert "recorded up to event 100" in short.payload["branches"][0]["notice"]
    free = dl.player(raft(), events=100)
    assert "recorded up to" not in repr(free)
    assert free._branches[0].recording.position == 100


def test_a_cluster_that_comes_to_rest_is_recorded_to_its_end():
    cluster = dl.Cluster.of({"a": {"echo": {}}, "b": {"echo": {}}}, seed=1)
    cluster.call("a", {"echo": {"ping": {"to": "b", "count": 3}}})
    show = dl.player(cluster)
    assert "recorded up to" not in repr(show)
    assert show._branches[0].recording.counts()[1] == cluster.fork().run().metrics["sent"] > 0


def test_a_broken_invariant_ends_the_recording_and_is_told():
    cluster = dl.Raft(5, seed=1, mutant="vote_twice", check_invariants=True, network=dl.Network(latency="40ms"))
    show = dl.player(cluster, until="20s", events=20_000)
    assert "VoteOnce" in repr(show)
    assert "VoteOnce" in show.payload["branches"][0]["notice"]
    with pytest.raises(dl.InvariantViolation):
        cluster.run(until="20s")
    end = show._branches[0].recording.end_ns / 1e9
    assert end == pytest.approx(cluster.now)
    assert show.cluster(end).now == end
    with pytest.raises(dl.ParameterError, match="branch: VoteOnce"):
        show.extend("1s")


# -- the page as text -----------------------------------------------------------------------------------------------


def test_a_page_holds_all_it_needs_and_may_load_nothing(tmp_path):
    show = dl.player(raft(), until="0.4s", title="Raft <b>", branches={"<script>": lambda it: it.crash("n0")})
    text = show.to_html()
    assert show.to_html(tmp_path / "page.html") is None
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text
    assert not re.search(r"https?:|//www|src=|href=|url\(|@import|\bimport\s*[({\"']|\beval\b|innerHTML = [^']", text)
    assert "default-src 'none'; script-src 'sha256-" in text
    assert "<title>Raft &lt;b&gt;</title>" in text
    assert text.count("<script") == text.count("</script") == 2


def test_no_protocol_is_named_in_the_module():
    text = source("player.js").lower()
    for word in ("raft", "term", "leader", "candidate", "append_entries", "heartbeat", "election"):
        assert not re.search(rf"\b{word}\b", text), word


def test_thousands_of_events_take_little_room():
    show = dl.player(raft(), until="1.4s")
    events, _ = show._branches[0].recording.counts()
    assert len(json.dumps(show.payload)) < 60 * events + 20_000


# -- arguments ------------------------------------------------------------------------------------------------------


def show(**options):
    return dl.player(dl.Raft(3, seed=7).run(until="50ms"), **({"until": "0.2s"} | options))


BAD = {
    "cluster: expected a cluster": (TypeError, lambda: dl.player(dl.Raft(3).trace)),
    "until: expected a time after now, 0.05 s": (ValueError, lambda: show(until="50ms")),
    "until: expected": (ValueError, lambda: show(until="soon")),
    "events: expected a whole number": (TypeError, lambda: show(events=2.5)),
    "events: expected at most 200,000": (ValueError, lambda: show(events=10**6)),
    "branches: expected a mapping": (TypeError, lambda: show(branches=[1])),
    "branches: expected the name of a branch": (TypeError, lambda: show(branches={3: print})),
    "a name that no branch has": (ValueError, lambda: show(branches={"as it was": print})),
    r"branches\['a'\]: expected a callable": (TypeError, lambda: show(branches={"a": ("60ms", "crash")})),
    "a time that is recorded, from 0.05 s to 0.2 s": (ValueError, lambda: show(branches={"a": ("40ms", print)})),
    "at: expected a time that is recorded": (ValueError, lambda: show().cluster("0.3s")),
    "branch: expected one of 'as it was'": (ValueError, lambda: show().cluster("0.1s", "b")),
    "duration: expected": (ValueError, lambda: show().extend(-1)),
    "title: expected text": (TypeError, lambda: show(title=3)),
    "height: expected a whole number, 120 or more": (ValueError, lambda: show(height=10)),
    "no node": (dl.UnknownNode, lambda: show(branches={"a": lambda it: it.crash("n9")})),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_say_what_would_be_right(message):
    error, act = BAD[message]
    with pytest.raises(error, match=message) as caught:
        act()
    assert isinstance(caught.value, dl.DistlabError)


# -- in a notebook --------------------------------------------------------------------------------------------------


def asking(show, **question):
    """What the widget answers."""
    widget = show.widget()
    widget.asked = {"id": f"q{len(show.branches)}{question}", **question}
    assert widget.answer["id"] == widget.asked["id"]
    return widget


def test_what_the_widget_asks_makes_branches():
    pytest.importorskip("anywidget")
    show = dl.player(raft(), until="0.6s")
    widget = show.widget()
    assert widget is show.widget()
    assert (widget.live, widget.payload, widget._esm) == (True, show.payload, source("player.js"))
    assert "application/vnd.jupyter.widget-view+json" in str(show._repr_mimebundle_())
    position = show._position(0, 300_000_000)
    widget = asking(show, do="act", verb="crash", node="n2", branch=0, position=position, time=0.3)
    assert (widget.answer["branch"], widget.answer["problem"]) == (1, "")
    assert show.branches == ["as it was", "crash n2"]
    assert widget.payload == show.payload
    plain = raft().run(until="0.3s").crash("n2")
    assert show.cluster("0.55s", "crash n2").fingerprint == plain.run(until="0.55s").fingerprint
    asking(show, do="act", verb="propose", node="n2", branch=0, position=position, time=0.3)
    asking(
        show, do="act", verb="crash", node="n2", branch=0, position=3, time=show._branches[0].recording.time_ns(3) / 1e9
    )
    assert show.branches[2:] == ["propose n2", "crash n2 (2)"]


def test_a_link_is_cut_and_mended():
    pytest.importorskip("anywidget")
    show = dl.player(raft(), until="0.3s")
    asking(show, do="act", verb="link", node="n0", other="n1", branch=0, position=show._position(0, 10**8), time=0.1)
    assert show.branches[1:] == ["link n0 - n1"]
    assert set(show.cluster("0.1s", "link n0 - n1").cuts) == {("n0", "n1"), ("n1", "n0")}
    asking(
        show, do="act", verb="link", node="n1", other="n0", branch=1, position=show._position(1, 2 * 10**8), time=0.2
    )
    assert show.cluster("0.2s", "link n1 - n0").cuts == []


def test_what_leaves_no_trace_is_seen_on_its_branch(tmp_path):
    def edit(it):
        it.set_state("n0", term=9, log=[8, 9])

    show = dl.player(dl.Raft(3, seed=7), until="0.1s", branches={"edited": ("50ms", edit)})
    assert show.cluster("50ms", "edited").state("n0")["term"] == 9
    plain = dl.Raft(3, seed=7).run(until="50ms")
    edit(plain)
    if pictures.NODE:
        (scene,) = in_node(tmp_path, SCENES, payload=show.payload, times=[0.05], branch=1)
        scene_matches(scene, plain)


def test_a_fault_between_two_events_of_one_time_comes_between_them():
    pytest.importorskip("anywidget")
    show = dl.player(dl.Raft(["a", "b", "c"], seed=1, network=dl.Network(latency="5ms")), until="0.5s")
    times = show._branches[0].recording.times_ns
    same = next(i for i in range(1, len(times)) if times[i] == times[i - 1])
    asking(show, do="act", verb="crash", node="a", branch=0, position=same, time=times[same] / 1e9)
    assert show._branches[1].at == same
    assert show._branches[1].recording.start_ns == times[same]
    asking(show, do="act", verb="crash", node="a", branch=0, position=same + 1, time=times[same] / 1e9)
    assert show._branches[2].at == same + 1


def test_the_widget_hears_what_cannot_be():
    pytest.importorskip("anywidget")
    show = dl.player(raft(), until="0.3s")
    widget = asking(show, do="act", verb="explode", node="n2", branch=0, position=3, time=0.1)
    assert "verb: expected one of crash" in widget.answer["problem"]
    widget = asking(show, do="act", verb="crash", node="n9", branch=0, position=3, time=0.1)
    assert "n9" in widget.answer["problem"]
    assert show.branches == ["as it was"]


def test_playing_past_the_end_records_more():
    pytest.importorskip("anywidget")
    show = dl.player(raft(), until="0.3s")
    widget = asking(show, do="extend", branch=0)
    assert widget.answer["problem"] == ""
    end = widget.payload["branches"][0]["end"]
    assert end > 0.3
    assert widget.payload["branches"][0]["notice"] == ""
    assert show.cluster(end).fingerprint == raft().run(until=end).fingerprint


def test_without_anywidget_it_is_a_page_in_a_frame_and_a_still_picture(monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    found = dl.player(raft(), until="0.3s", height=300)
    shown = found._repr_mimebundle_()
    assert shown["text/plain"] == repr(found)
    assert shown["text/html"].startswith('<iframe sandbox="allow-scripts" style="width:100%;height:316px')
    assert base64.b64decode(shown["image/png"]).startswith(b"\x89PNG")


def test_a_player_without_matplotlib_has_no_still_picture(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert "image/png" not in dl.player(raft(), until="0.3s")._repr_mimebundle_()


def test_still_pictures_show_who_is_what():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    found = dl.player(raft(), until="1.2s", branches={"a": ("0.3s", lambda it: it.crash("n2"))})
    texts = {it.get_text() for it in found.plot("0.32s", "a").texts}
    assert "n2\ndown" in texts
    assert any(it.startswith("n0\n") and "election in" in it for it in texts)
    cluster = raft().run(until="0.32s")
    assert any("leader" in it.get_text() for it in cluster.plot_ring().texts)
    assert cluster.now == 0.32
    later = {it.get_text() for it in cluster.plot_ring("0.95s").texts}
    assert "n3\ndown" in later
    with pytest.raises(dl.ParameterTypeError, match="cluster: expected a cluster"):
        dl.plot.cluster_ring(cluster.trace)
    with pytest.raises(dl.ParameterError, match="not in the past"):
        cluster.plot_ring("0.1s")


# -- portraits ------------------------------------------------------------------------------------------------------


def test_a_candidate_shows_its_votes_and_a_leader_how_far_the_others_are():
    cluster = dl.Raft(3, manual=True)
    cluster.campaign("n0").deliver(dst="n1")
    face = cluster.portrait("n0")
    assert (face.role, face.tone, face.badge, face.below) == ("candidate", "running", "T1", "→ n0")
    assert face.votes == {"n0": True, "n1": None, "n2": None}
    cluster.deliver(dst="n0")
    cluster.propose("n0", ("put", "x", 5))
    cluster.deliver(dst="n1")
    cluster.settle()
    face = cluster.portrait("n0")
    assert (face.role, face.tone, face.timer) == ("leader", "leading", "heartbeat")
    assert [(group, face.log.words(it)) for group, it in face.log.entries] == [(1, "no-op"), (1, "put x 5")]
    assert face.reached == {"n1": 2, "n2": 2}
    assert face.facts["sends next"] == {"n1": 3, "n2": 3}
    assert (face.log.committed, face.log.first, face.log.last) == (2, 1, 2)


class Speaking(Relay):
    """Keeps what it hears as a log, and every now and then forgets the beginning of it, or its end."""

    def portrait(self):
        last, first = self.heard - self.heard % 5 // 4, 1 + self.heard // 4 * 3
        entries = [(1 + i // 3 + self.heard // 10, f"word {i}") for i in range(first, last + 1)]
        log = dl.LogPortrait(entries, first=first, committed=first, applied=first, unit="round")
        return dl.Portrait("relay", "leading", str(self.heard), log=log)


def test_a_node_written_in_python_speaks_for_itself(tmp_path):
    cluster = dl.Cluster.of({"a": Speaking(), "b": Relay()}, seed=1, network=dl.Network(latency="2ms"))
    show = dl.player(cluster, until="0.4s")
    plain = cluster.fork().run(until="50ms")
    assert plain.portrait("a").badge == str(plain.node("a").heard) != "0"
    assert plain.portrait("b").facts == {"heard": plain.node("b").heard}
    assert cluster.fork().crash("a").portrait("a").log is None
    if pictures.NODE:
        times = moments(plain, 0.4, 30)
        firsts = set()
        for time, scene in zip(
            times, in_node(tmp_path, SCENES, payload=show.payload, times=times, branch=0), strict=True
        ):
            scene_matches(scene, plain.run(until=time))
            firsts.add(scene["nodes"][0]["log"]["first"])
        assert len(firsts) > 5

    class Wrong(Relay):
        def portrait(self):
            return "me"

    with pytest.raises(dl.ParameterTypeError, match=r"a.portrait\(\): expected a distlab.Portrait"):
        dl.Cluster.of({"a": Wrong()}).portrait("a")


def test_terms_have_the_same_colours_in_moving_and_still_pictures():
    from distlab.plot._logs import GROUPS

    assert f"const GROUPS = {json.dumps(GROUPS)};" in source("player.js")


def test_limits_are_what_the_documentation_says():
    assert f"{_player.EVENT_LIMIT:,}" in dl.player.__doc__
