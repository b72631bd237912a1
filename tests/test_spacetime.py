"""The space-time diagram that can be moved: its data, its module in Node.js, and the page in a browser."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import distlab as dl
from distlab.plot._arrows import messages_of
from distlab.plot._columns import Trace as Words
from distlab.plot._order import KINDS
from distlab.widgets import _encode
from distlab.widgets._picture import source

sys.path.insert(0, str(Path(__file__).parent))
import pictures
from pictures import needs_node
from spacetime_traces import commit, many, raft

# -- the module in Node.js ------------------------------------------------------------------------------------------


def in_node(tmp_path, script, **values):
    return pictures.in_node(tmp_path, "spacetime.js", script, **values)


@needs_node
@pytest.mark.parametrize("cluster", [raft(1), commit(1)], ids=["raft", "commit"])
def test_columns_arrive_as_they_were(tmp_path, cluster):
    trace = cluster.trace
    words = {3: "x" * 2_500, 0: "first </script>", 7: None}
    payload = dl.spacetime(trace, details={"state": words}).payload
    got = in_node(
        tmp_path, "const d = await m.decode(v.payload); return { ...d, stamp: m.lamport(d) };", payload=payload
    )
    for name in ("time", "kind", "node", "peer", "label"):
        assert np.array_equal(np.asarray(got[name]), trace.columns[name]), name
    assert (got["names"], got["labels"]) == (trace.columns["names"], trace.columns["labels"])
    numbered = np.isin(trace.columns["kind"], [KINDS.index(it) for it in ("note", "call", "reply")])
    assert np.array_equal(got["number"], np.where(numbered, trace.columns["id"], 0))
    (state,) = got["details"]
    assert dict(zip(state["rows"], (state["table"][it] for it in state["words"]), strict=True)) == {
        0: "first </script>",
        3: "x" * 2_000 + "… (500 characters more)",
        7: "None",
    }
    order = dl.causality(trace)
    assert np.array_equal(np.asarray(got["stamp"])[order.place > 0], order.lamport[order.place > 0])


@needs_node
def test_times_that_are_no_whole_nanoseconds_arrive_exactly(tmp_path):
    columns = many(50)
    columns["time"] = np.sort(np.random.default_rng(1).random(100) * np.pi)
    payload = dl.spacetime(columns).payload
    assert "delta" not in payload["columns"]["time"]
    got = in_node(tmp_path, "return (await m.decode(v.payload)).time", payload=payload)
    assert got == columns["time"].tolist()


@needs_node
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [raft, commit])
def test_cones_are_those_of_the_core(tmp_path, make, seed):
    trace = make(seed).trace
    order = dl.causality(trace)
    events = np.random.default_rng(seed).choice(np.flatnonzero(order.place), 25).tolist()
    script = "const d = await m.decode(v.payload); return v.events.map((it) => m.cone(d, it));"
    roles = in_node(tmp_path, script, payload=dl.spacetime(trace).payload, events=events)
    for event, role in zip(events, np.asarray(roles), strict=True):
        assert np.array_equal(np.flatnonzero(role == 1), order.past(event))
        assert np.flatnonzero(role == 2).tolist() == [event]
        assert np.array_equal(np.flatnonzero(role == 3), order.future(event))


@needs_node
def test_what_is_no_event_has_no_cone(tmp_path):
    trace = raft().trace
    drop = int(np.flatnonzero(trace.columns["kind"] == KINDS.index("drop"))[0])
    script = "const d = await m.decode(v.payload); return v.rows.map((it) => m.cone(d, it).some((role) => role));"
    found = in_node(tmp_path, script, payload=dl.spacetime(trace).payload, rows=[drop, -1, len(trace)])
    assert found == [False, False, False]


@needs_node
def test_messages_have_the_fates_that_the_still_picture_gives_them(tmp_path):
    trace = raft().trace
    script = "const d = await m.decode(v.payload); return m.messages(d);"
    got = in_node(tmp_path, script, payload=dl.spacetime(trace).payload)
    rows = Words.of(trace)
    want = messages_of(rows, -1.0, 9.0, list(range(len(rows.names))), None)
    assert got["row"] == want.row.tolist()
    assert got["fate"] == want.fate.tolist()
    states = np.where(want.fate < 0, 2, np.where(want.lost, 1, 0))
    assert set(states.tolist()) == {0, 1, 2}
    assert got["state"] == states.tolist()
    assert got["copy"] == want.copy.astype(int).tolist()
    assert sum(got["copy"]) > 5


@needs_node
def test_what_is_in_view_is_found_without_looking_at_all(tmp_path):
    windows = np.sort(np.random.default_rng(3).uniform(-0.5, 10.5, (60, 2)), axis=1).tolist()
    windows += [[-5, -4], [20, 30], [-1, 20], [5, 5]]
    script = """
const d = await m.decode(v.payload), sent = m.messages(d), placed = m.place(sent, d.time);
const found = new Uint32Array(sent.count), shown = new Uint8Array(sent.count).map((_, i) => i % 7 ? 1 : 0);
const views = v.windows.map(([a, b]) => found.slice(0, m.visible(placed, a, b, shown, found)));
return { views, ...placed };
"""
    got = in_node(tmp_path, script, payload=dl.spacetime(many(3_000)).payload, windows=windows)
    begin, end, order = (np.asarray(got[it]) for it in ("begin", "end", "order"))
    assert np.all(np.diff(begin) >= 0)
    for (a, b), found in zip(windows, got["views"], strict=True):
        assert found == np.flatnonzero((begin <= b) & (end >= a) & (order % 7 > 0)).tolist()


@needs_node
def test_steps_durations_and_cuts_are_readable(tmp_path):
    script = """
const far = Infinity;
return {
  steps: [[1, 10], [7, 10], [0.0033, 5], [100, 1]].map(([a, b]) => m.step(a, b)),
  words: [0, 1.5, 0.0123, 2e-6, 3e-9].map(m.duration),
  straight: m.crossings([10, 40, -far], [90, 80, far], 0), bent: m.crossings([10, 200], [50, far], 0),
};"""
    got = in_node(tmp_path, script)
    assert got["steps"] == pytest.approx([0.1, 1, 0.001, 100])
    assert got["words"] == ["0 s", "1.5 s", "12.3 ms", "2 µs", "3 ns"]
    assert got["straight"] == [50, 50, 50]
    assert 10 < got["bent"][0] < 50
    assert got["bent"][1] > 200


# -- the page as text -----------------------------------------------------------------------------------------------


def test_a_page_holds_all_it_needs_and_may_load_nothing(tmp_path):
    picture = dl.spacetime(raft(), title="Raft <b>")
    text = picture.to_html()
    assert picture.to_html(tmp_path / "page.html") is None
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text
    assert not re.search(r"https?:|//www|src=|href=|url\(|@import|\bimport\s*[({\"']|\beval\b|innerHTML = [^']", text)
    assert "default-src 'none'; script-src 'sha256-" in text
    assert "<title>Raft &lt;b&gt;</title>" in text


def test_no_name_breaks_out_of_the_page():
    columns = many(20)
    columns["names"] = [f"</script><script>alert({i})//" for i in range(8)]
    columns["labels"] = ["<!--", "]]>", "\u2028", "\\"]
    text = dl.spacetime(columns).to_html()
    assert text.count("<script") == text.count("</script") == 2
    words = re.search(r'id="payload">(.*)</script>\n', text).group(1)
    assert json.loads(words)["names"] == columns["names"]


def test_a_hundred_thousand_messages_take_little_room():
    text = dl.spacetime(many()).to_html()
    assert len(text) < 13 * 200_000


# -- arguments ------------------------------------------------------------------------------------------------------


def picture(**options):
    return dl.spacetime(raft(), **options)


BAD = {
    "source: expected a cluster": (TypeError, lambda: dl.spacetime([1, 2])),
    "nodes: expected a collection": (TypeError, lambda: picture(nodes="n0")),
    "no node 'n9'": (dl.UnknownNode, lambda: picture(nodes=["n9"])),
    "labels: expected some of": (ValueError, lambda: picture(labels=["voting"])),
    "kinds: expected some of": (ValueError, lambda: picture(kinds=["send"])),
    "window: expected a pair": (TypeError, lambda: picture(window=3)),
    "from < until": (ValueError, lambda: picture(window=(2, 1))),
    "cone: expected a row of the trace": (TypeError, lambda: picture(cone=True)),
    "cone: expected a row below": (ValueError, lambda: picture(cone=10**9)),
    "chain: expected True": (TypeError, lambda: picture(chain="all")),
    "each of which happened before": (ValueError, lambda: picture(chain=[5, 4])),
    "cut: expected a count": (TypeError, lambda: picture(cut="now")),
    r"cut\['early'\]: expected a count": (TypeError, lambda: picture(cut={"early": "now"})),
    r"cut\['n0'\]: expected a number of events": (ValueError, lambda: picture(cut={"n0": -1})),
    "details: expected a mapping": (TypeError, lambda: picture(details=["a"])),
    r"details\['a'\]: expected words for each": (ValueError, lambda: picture(details={"a": ["x"]})),
    r"details\['a'\]: expected a row below": (ValueError, lambda: picture(details={"a": {10**9: "x"}})),
    r"details\['a'\]: expected a row of": (TypeError, lambda: picture(details={"a": {"x": "x"}})),
    "title: expected text": (TypeError, lambda: picture(title=3)),
    "height: expected a whole number, 120 or more": (ValueError, lambda: picture(height=10)),
    "times that never decrease": (ValueError, lambda: dl.spacetime(many(20) | {"time": np.arange(40)[::-1] * 1.0})),
    "finite times": (ValueError, lambda: dl.spacetime(many(20) | {"time": np.full(40, np.nan)})),
    "kinds of row out of": (ValueError, lambda: dl.spacetime(many(20) | {"kinds": ["what"] * 15})),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_say_what_would_be_right(message):
    error, act = BAD[message]
    with pytest.raises(error, match=message) as caught:
        act()
    assert isinstance(caught.value, dl.DistlabError)


def test_a_trace_too_long_is_refused_not_cut(monkeypatch):
    monkeypatch.setattr(_encode, "ROW_LIMIT", 99)
    with pytest.raises(dl.ParameterError, match="100 rows, at most 99 are drawn"):
        dl.spacetime(many(50))


def test_an_empty_trace_makes_a_page():
    assert "payload" in dl.spacetime(dl.Raft(3, trace="full").trace).to_html()
    assert repr(dl.spacetime(dl.Raft(1, trace="off"))) == "<SpaceTime of 0 messages between 1 nodes, 0 rows>"


def test_kinds_have_the_codes_of_the_core():
    assert tuple(raft().trace.columns["kinds"]) == KINDS


def test_words_for_codes_make_the_same_picture():
    trace = raft().trace
    rows = Words.of(trace)
    words = {name: getattr(rows, name) for name in ("time", "kind", "node", "peer", "id", "label", "names")}
    again = dl.spacetime(words).payload
    first = dl.spacetime(trace).payload
    assert {name: again["columns"][name] for name in ("time", "kind", "node", "link")} == {
        name: first["columns"][name] for name in ("time", "kind", "node", "link")
    }


def test_cuts_and_chains_are_those_of_the_core():
    cluster = raft()
    order = dl.causality(cluster.trace)
    early = cluster.trace.columns["time"] <= 0.25
    skewed = {"n1": int(order.place[(order.node == 1) & early].max()), "n2": 5, "n0": 5}
    payload = dl.spacetime(cluster, cut={"early": early, "skewed": skewed}, chain=True).payload
    clean, bent = payload["cuts"]
    assert (clean["consistent"], clean["violations"], bent["consistent"]) == (True, [], False)
    assert bent["violations"] == [delivery for _, delivery in order.cut(skewed).messages] != []
    assert payload["chain"] == order.critical_path().tolist()
    for node in range(3):
        assert cluster.trace.columns["time"][clean["inside"][node]] <= 0.25
        assert cluster.trace.columns["time"][clean["outside"][node]] > 0.25
        assert order.place[bent["inside"][node]] == skewed[f"n{node}"]
    same = dl.spacetime(cluster, cut=set(np.flatnonzero(early & (order.place > 0)).tolist())).payload["cuts"][0]
    assert (same["inside"], same["outside"]) == (clean["inside"], clean["outside"])


# -- in a notebook --------------------------------------------------------------------------------------------------


def test_without_anywidget_it_is_a_page_in_a_frame(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    found = dl.spacetime(raft(), height=300)
    with pytest.raises(dl.plot.MissingExtra, match=re.escape("pip install 'distlab[widgets]'")):
        found.widget()
    shown = found._repr_mimebundle_()
    assert shown["text/plain"] == repr(found)
    assert shown["text/html"].startswith('<iframe sandbox="allow-scripts" style="width:100%;height:316px')
    assert "<script" not in shown["text/html"]


def test_a_page_too_large_for_a_notebook_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.setattr("distlab.widgets._picture.INLINE_BYTES", 1_000)
    assert "write it with to_html(path)" in dl.spacetime(raft())._repr_mimebundle_()["text/html"]


def test_the_widget_carries_the_same_data():
    pytest.importorskip("anywidget")
    found = dl.spacetime(raft(), cone=9)
    widget = found.widget()
    assert widget is found.widget()
    assert (widget.payload, widget.selected, widget._esm) == (found.payload, 9, source("spacetime.js"))
    assert "application/vnd.jupyter.widget-view+json" in str(found._repr_mimebundle_())


def test_the_still_picture_shows_the_same():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    ax = dl.spacetime(raft(), ("100ms", "200ms"), nodes=["n2", "n0"], cone=40).plot(seed=7)
    assert [it.get_text() for it in ax.get_yticklabels()] == ["n2", "n0"]
    assert ax.get_xlim() == (0.1, 0.2)
    ax.get_figure().clear()


# -- what nodes know ------------------------------------------------------------------------------------------------


def watched_raft():
    cluster = dl.Raft(3, seed=7, trace="full")
    return cluster, dl.widgets.watched(cluster, "0.4s")


def test_what_nodes_know_is_written_down_without_changing_the_run():
    cluster, known = watched_raft()
    plain = dl.Raft(3, seed=7, trace="full").run(until="0.4s")
    assert (cluster.fingerprint, cluster.now, len(cluster.trace)) == (plain.fingerprint, 0.4, len(plain.trace))
    rows = cluster.trace.rows()
    led = next(i for i, it in enumerate(rows) if it["kind"] == "note" and it["label"] == "leader")
    assert "role=leader" in known[led]
    for name in cluster.nodes:
        last = max(row for row in known if rows[row]["node"] == name)
        assert known[last] == ", ".join(f"{key}={value}" for key, value in cluster.status(name).items())


def test_words_are_those_after_the_event_they_stand_at():
    def crashing():
        cluster = dl.Raft(3, seed=7, trace="full")
        cluster.at("0.25s").crash("n2").at("0.3s").recover("n2")
        return cluster

    cluster, twin = crashing(), crashing()
    known = dl.widgets.watched(cluster, "0.8s", lambda it, name: it.status(name).get("term"))
    rows, begun, changed, unchanged = cluster.trace.rows(), len(twin.trace), 0, 0
    terms = {name: twin.status(name).get("term") for name in twin.nodes}
    while len(twin.trace) < len(rows):
        assert twin.step()
        for name in twin.nodes:
            before, terms[name] = terms[name], twin.status(name).get("term")
            mine = [row for row in range(begun, len(twin.trace)) if rows[row]["node"] == name]
            same = before == terms[name]
            assert [known.get(row) for row in mine] == [None if same else str(terms[name])] * len(mine)
            changed, unchanged = changed + (not same), unchanged + (same and bool(mine))
        begun = len(twin.trace)
    assert changed >= 6
    assert unchanged > 30


def test_a_callable_says_what_to_write_down():
    cluster = dl.Raft(3, seed=7, trace="full")
    known = dl.widgets.watched(cluster, 0.4, lambda it, name: it.status(name)["term"])
    assert {"1"} <= set(known.values()) <= {"0", "1", "2"}


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (TypeError, (5, "1s")),
        (ValueError, (dl.Raft(3).run(until="2s"), "1s")),
        (ValueError, (dl.Raft(3), "1s", "mood")),
        (TypeError, (dl.Raft(3), [])),
    ],
)
def test_watching_refuses_what_it_cannot_do(error, arguments):
    with pytest.raises(error) as caught:
        dl.widgets.watched(*arguments)
    assert isinstance(caught.value, dl.DistlabError)
