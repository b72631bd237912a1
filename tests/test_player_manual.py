"""Players of clusters that move by hand: what a script does step by step, what is clicked, and what the page shows of it."""

import re
import sys
from pathlib import Path

import pytest

import distlab as dl

sys.path.insert(0, str(Path(__file__).parent))
import pictures
from pictures import needs_node


def in_node(tmp_path, script, **values):
    return pictures.in_node(tmp_path, "player.js", f"const d = await m.decode(v.payload);\n{script}", **values)


def raft(**options):
    return dl.Raft(["S1", "S2", "S3", "S4", "S5"], manual=True, noop=False, **options)


def logs(cluster):
    for name, terms in {"S1": [1, 2], "S2": [1, 2], "S3": [1], "S4": [1], "S5": [1, 3]}.items():
        cluster.set_state(name, term=3, log=terms, commit=1)


def leads(cluster):
    cluster.campaign("S1")
    cluster.deliver(dst=["S2", "S3"])
    cluster.deliver(dst="S1")


FIGURE_8 = [
    ("(b)", logs),
    ("(c) S1 leads again", leads),
    ("(c) an old entry goes to S3", lambda c: (c.deliver(dst="S3"), c.deliver(dst="S1"), c.deliver(dst="S3"))),
    ("(d) S1 crashes, S5 runs", lambda c: (c.crash("S1"), c.campaign("S5"))),
    lambda c: c.settle(),
]


def plain(steps):
    cluster = raft()
    for it in FIGURE_8[:steps]:
        (it[1] if isinstance(it, tuple) else it)(cluster)
    return cluster


@pytest.fixture(scope="module")
def show():
    return dl.player(raft(), script=FIGURE_8, branches={"all is lost": ("(d) S1 crashes, S5 runs", lambda c: c.drop())})


def test_a_script_is_played_event_by_event(show):
    captions = [it for it, _ in show._branches[0].recording.captions]
    assert captions == [it for it, *_ in FIGURE_8[:4]]
    for steps, words in enumerate(captions, 1):
        found, wanted = show.cluster(words), plain(steps)
        assert (found.fingerprint, found.now) == (wanted.fingerprint, wanted.now)
        assert [found.state(it) for it in found.nodes] == [wanted.state(it) for it in wanted.nodes]
    last = show._last(0)
    assert show.cluster(last).fingerprint == plain(5).fingerprint
    assert show.cluster("(b)").fingerprint == show.cluster(5).fingerprint
    events = [show.cluster(it)._world.events for it in range(5, last + 1)]
    assert {b - a for a, b in zip(events, events[1:], strict=False)} <= {0, 1}


def test_the_given_cluster_stays_as_it_is():
    cluster, twin = raft(), raft()
    dl.player(cluster, script=FIGURE_8)
    assert (cluster.now, cluster.fingerprint, len(cluster.trace)) == (twin.now, twin.fingerprint, len(twin.trace))


def test_a_settled_cluster_is_as_if_the_core_had_settled_it():
    def busy(cluster):
        cluster.campaign("n0").settle()
        cluster.propose("n0", ("put", "x", 1))

    cluster = dl.Raft(3, manual=True, seed=4, disk=dl.Disk(sync="2ms"), network=dl.Network(loss=0.1, duplicate=0.2))
    counts = []
    show = dl.player(cluster, script=[busy, lambda c: counts.append(c.settle())])
    busy(cluster)
    assert counts == [cluster.settle()]
    assert counts[0] > 4
    assert show.cluster(show._last(0)).fingerprint == cluster.fingerprint
    with pytest.raises(dl.BudgetExceeded):
        dl.player(dl.Raft(3, manual=True).campaign("n0"), script=lambda c: c.settle(1))


def test_branches_leave_where_they_are_told(show):
    branch = show._branches[1]
    assert (branch.parent, branch.at) == (0, show._step("(d) S1 crashes, S5 runs", 0))
    wanted = plain(4)
    wanted.drop()
    assert show.cluster(show._last(1), "all is lost").fingerprint == wanted.fingerprint
    assert show.cluster("(b)", "all is lost").fingerprint == plain(1).fingerprint
    show = dl.player(raft(), script=FIGURE_8[:2]).branch("first", [("a", lambda c: c.crash("S1"))], 2)
    show.branch("second", lambda c: c.crash("S2"), "a", of="first").perform(lambda c: c.recover("S2"), "second")
    assert [(it.parent, it.at) for it in show._branches] == [(-1, 0), (0, 2), (1, 3)]
    last = show.cluster(show._last(2), "second")
    assert [it for it in last.nodes if not last.up(it)] == ["S1"]


def test_more_may_be_done_where_a_branch_ends():
    show = dl.player(raft(), script=FIGURE_8[:1])
    show.perform(FIGURE_8[1:]).perform(lambda c: None)
    assert show._branches[0].recording.captions[-1][0] == FIGURE_8[3][0]
    assert show.cluster(show._last(0)).fingerprint == plain(5).fingerprint


def test_an_invariant_that_breaks_ends_the_script():
    steps = [("both vote twice", lambda c: [c.campaign(it) for it in ("n0", "n1")]), lambda c: c.settle(), FIGURE_8[0]]
    show = dl.player(dl.Raft(3, manual=True, mutant="vote_twice", check_invariants=True), script=steps)
    assert "VoteOnce" in show.payload["branches"][0]["notice"]
    assert [it for it, _ in show._branches[0].recording.captions] == ["both vote twice"]


SCENES = """
return v.places.map((position) => {
  const course = d.courses[v.branch], { recording, at } = course.locate(position), it = recording.columns;
  const name = (node) => recording.names[node], time = course.restOf(position);
  return {
    caption: course.captionAt(position), told: recording.told(at), at: course.at(time),
    roles: recording.names.map((_, node) => recording.stateOf(node, at).role),
    waits: recording.names.map((_, node) => recording.timersAt(node, at).map((timer) => timer.label)),
    logs: recording.names.map((_, node) => {
      const log = recording.logAt(node, at);
      return Array.from({ length: log.last }, (_, i) => log.entry(i + 1).group);
    }),
    flying: recording.flyingAt(at, time).filter((it) => !it.over).map(({ message, share }) =>
      [name(it.message_from[message]), name(it.message_to[message]), d.labels[it.message_label[message]], share]),
  };
});"""


def test_every_step_is_shown_as_the_core_has_it(tmp_path, show):
    if pictures.NODE is None:
        pytest.skip("there is no Node.js here")
    for branch, name in enumerate(show.branches):
        places = list(range(show._last(branch) + 1))
        scenes = in_node(tmp_path, SCENES, payload=show.payload, places=places, branch=branch)
        for place, scene in zip(places, scenes, strict=True):
            cluster = show.cluster(place, name)
            assert scene["at"] == place
            faces = [cluster.portrait(it) for it in cluster.nodes]
            assert scene["roles"] == [it.role for it in faces]
            assert scene["logs"] == [[group for group, _ in it.log.entries] for it in faces]
            waiting = [sorted(it["label"] for it in cluster.pending(kind="timer", dst=node)) for node in cluster.nodes]
            assert [sorted(it) for it in scene["waits"]] == waiting
            under_way = sorted((it["src"], it["dst"], it["label"]) for it in cluster.messages)
            assert sorted(tuple(it[:3]) for it in scene["flying"]) == under_way
            assert all(0.1 < share < 0.9 for *_, share in scene["flying"])
            if place:
                assert scene["told"] != ["something happens that leaves no trace"]
    captions = [it["caption"] for it in in_node(tmp_path, SCENES, payload=show.payload, places=[0, 5, 6, 99], branch=0)]
    assert captions == ["", "(b)", "(c) S1 leads again", "(d) S1 crashes, S5 runs"]


@needs_node
def test_messages_on_one_way_stand_apart_in_order_and_move_without_a_jump(tmp_path):
    def send(cluster):
        for number in range(5):
            cluster._world.post("a", "b", {"echo": {"ping": number}})

    cluster = dl.Cluster.of({"a": {"echo": {}}, "b": {"echo": {}}}, manual=True)
    script = [
        send,
        lambda c: c.deliver(c.messages[2]["id"]),
        lambda c: c.drop(c.messages[0]["id"]),
        lambda c: c.settle(),
    ]
    show = dl.player(cluster, script=script)
    code = """
const course = d.courses[0], { recording } = course, ways = new Map();
const fates = [...recording.columns.message_fate].map((it) => it - 1);
for (let i = 0; i <= 100 * course.last; i++) {
  const time = i / 100;
  for (const it of recording.flyingAt(course.at(time), time))
    if (!it.gone) ways.set(it.message, [...(ways.get(it.message) ?? []), it.share]);
}
return { ways: [...ways], waiting: [...recording.waitingAt(5)], fates, last: course.last };"""
    got = in_node(tmp_path, code, payload=show.payload)
    shares = [share for _, share in sorted(got["waiting"])]
    assert len(shares) == 5
    assert shares == sorted(shares, reverse=True)
    assert min(a - b for a, b in zip(shares, shares[1:], strict=False)) > 0.1
    lost = {it for it, message in enumerate(show._branches[0].recording._messages) if message.state == 1}
    assert len(lost) == 1
    for message, way in got["ways"]:
        assert max(abs(a - b) for a, b in zip(way, way[1:], strict=False)) < 0.05
        assert way[-1] > 0.9 or message in lost


def asking(show, **question):
    """What the widget answers."""
    widget = show.widget()
    widget.asked = {"id": f"q{len(show.branches)}{show._last(0)}{question}", "do": "act", **question}
    assert widget.answer["id"] == widget.asked["id"]
    return widget.answer


def test_a_click_goes_on_where_the_branch_ends_and_branches_before():
    pytest.importorskip("anywidget")
    show = dl.player(raft(), script=FIGURE_8[:1])
    here = {"branch": 0, "position": 5, "time": 5}
    assert asking(show, verb="campaign", node="S1", **here) == {
        "id": show.widget().asked["id"],
        "branch": 0,
        "problem": "",
    }
    assert (show.branches, show._last(0)) == (["as it was"], 6)
    here["position"] = 6
    messages = show._branches[0].recording._messages
    asking(show, verb="deliver", recording=0, message=0, **here)
    assert messages[0].fate == 7
    assert asking(show, verb="drop", recording=0, message=1, **here)["branch"] == 1
    assert show.branches[1] == "drop request_vote S1 - S3"
    assert len(show.cluster(7, show.branches[1]).messages) == 3
    asking(show, verb="duplicate", recording=1, message=2, branch=1, position=7, time=7)
    assert len(show.cluster(8, show.branches[1]).messages) == 4
    asking(show, verb="deliver all", branch=1, position=8, time=8)
    assert not show.cluster(show._last(1), show.branches[1]).messages
    assert show.branches == ["as it was", "drop request_vote S1 - S3"]


def test_what_waits_at_a_node_is_let_happen():
    pytest.importorskip("anywidget")
    show = dl.player(dl.Raft(3, manual=True, disk=dl.Disk(sync="5ms")))
    asking(show, verb="let", node="n1", waiting="election", branch=0, position=0, time=0)
    assert show.cluster(1).state("n1")["role"] == "candidate"
    assert not show.cluster(1).messages
    asking(show, verb="let", node="n1", waiting="sync", branch=0, position=1, time=1)
    ways = [(it["src"], it["dst"]) for it in show.cluster(2).messages]
    assert sorted(ways) == [("n1", "n0"), ("n1", "n1"), ("n1", "n2")]
    own = next(i for i, it in enumerate(show._branches[0].recording._messages) if it.source == it.target)
    asking(show, verb="deliver", recording=0, message=own, branch=0, position=2, time=2)
    assert ("n1", "n1") not in [(it["src"], it["dst"]) for it in show.cluster(3).messages]
    answer = asking(show, verb="let", node="n1", waiting="sync", branch=0, position=3, time=3)
    assert "waiting: expected something that waits at n1" in answer["problem"]
    asking(show, verb="tick", node="n2", branch=0, position=show._last(0), time=0)
    assert asking(show, verb="explode", recording=0, message=0, branch=0, position=0, time=0)["problem"]


def test_a_message_may_be_lost_where_a_cluster_moves_by_itself():
    pytest.importorskip("anywidget")
    show = dl.player(dl.Raft(3, seed=7), until="0.4s")
    recording = show._branches[0].recording
    place, message = next((i, it) for i, it in enumerate(recording._messages) if it.fate > it.begin + 1)
    time = recording.time_ns(message.begin) / 1e9
    here = {"branch": 0, "position": message.begin, "time": time, "recording": 0, "message": place}
    for verb in ("drop", "duplicate", "deliver"):
        assert asking(show, verb=verb, **here)["problem"] == ""
        plain = dl.Raft(3, seed=7).run(until=time)
        getattr(plain, verb)(message.id)
        assert show.cluster("0.4s", show.branches[-1]).fingerprint == plain.run(until="0.4s").fingerprint


STEP = ("a", lambda c: c.campaign("n0"))
BAD = {
    "until: expected None for a cluster in manual mode": (ValueError, {"until": "1s"}),
    "script: expected a callable, or a sequence": (TypeError, {"script": 5}),
    r"script\[1\]: expected a callable, or \(words, callable\)": (TypeError, {"script": [STEP, ("b", 5)]}),
    "events: expected as many as the script": (ValueError, {"script": [STEP, STEP], "events": 1}),
    "at: expected the words of a part of the script: 'a'": (ValueError, {"branches": {"b": ("c", print)}}),
    "at: expected a step from 0 to 1 of 'as it was'": (ValueError, {"branches": {"b": (2, print)}}),
    "at: expected a whole number": (TypeError, {"branches": {"b": (0.5, print)}}),
    "node: expected a server that is up": (ValueError, {"script": lambda c: c.crash("n0").campaign("n0")}),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_say_what_would_be_right(message):
    error, options = BAD[message]
    with pytest.raises(error, match=message) as caught:
        dl.player(dl.Raft(3, manual=True), **{"script": [STEP], **options})
    assert isinstance(caught.value, dl.DistlabError)


def test_a_cluster_that_moves_by_itself_takes_no_script_and_one_by_hand_no_time():
    for act in (lambda: dl.player(dl.Raft(3), script=[STEP]), lambda: dl.player(dl.Raft(3), events=9).perform(STEP[1])):
        with pytest.raises(dl.ParameterError, match=re.escape("script: expected a cluster in manual mode")):
            act()
    with pytest.raises(dl.ParameterError, match="duration: expected a cluster that moves by itself"):
        dl.player(dl.Raft(3, manual=True)).extend("1s")
