"""The pictures, drawn from synthetic columns: what is on them is what is in the data."""

import subprocess
import sys

import numpy as np
import pytest

import distlab as dl

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

FAULTS = [
    dl.plot.FaultInterval(3.0, 5.0, "n0 crashed"),
    dl.plot.FaultInterval(7.0, float("inf"), "partition"),
]
KINDS = ["start", "send", "deliver", "drop", "duplicate", "timer", "call", "reply", "write", "sync", "note",
         "crash", "pause", "resume", "fault"]  # fmt: skip
NOBODY = 0xFFFF_FFFF


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def made_load(count=3_000, seed=7):
    """Ten seconds of reads and writes; slow while a leader is missing, and some without an answer."""
    rng = np.random.default_rng(seed)
    invoked = np.sort(rng.uniform(0, 10, count))
    kind = rng.choice(["get", "put"], count, p=[0.7, 0.3])
    latency = rng.lognormal(-6.5, 0.4, count) * np.where(kind == "put", 3, 1)
    outage = (invoked > 3.0) & (invoked < 3.25)
    latency[outage] += 3.25 - invoked[outage]
    status = np.where(rng.random(count) < 0.004, 2, np.where(rng.random(count) < 0.004, 1, 0)).astype(np.uint8)
    latency[status == 2] = np.nan
    return {
        "invoked": invoked,
        "completed": invoked + latency,
        "latency": latency,
        "status": status,
        "kind": kind,
    }


class TraceMaker:
    """Writes trace rows the way the engine does: codes, and the words they stand for."""

    def __init__(self, names):
        self.names = names
        self.rows = []
        self.labels = []

    def row(self, time, kind, node, peer=NOBODY, number=0, label=""):
        if label not in self.labels:
            self.labels.append(label)
        self.rows.append((time, KINDS.index(kind), node, peer, number, 0, self.labels.index(label)))

    def message(self, number, source, target, label, sent, arrives=None, lost="lost"):
        """A message that arrives, or one that is lost on leaving."""
        self.row(sent, "send", source, target, number, label)
        if arrives is None:
            self.row(sent, "drop", target, source, number, lost)
        else:
            self.row(arrives, "deliver", target, source, number, label)

    def columns(self):
        dtypes = {
            "time": "f8",
            "kind": "u1",
            "node": "u4",
            "peer": "u4",
            "id": "u8",
            "cause": "u8",
            "label": "u4",
        }
        ordered = sorted(self.rows, key=lambda it: it[0])
        columns = zip(*ordered, strict=True)
        arrays = {name: np.asarray(it, dtype) for (name, dtype), it in zip(dtypes.items(), columns, strict=True)}
        return {**arrays, "kinds": KINDS, "labels": self.labels, "names": self.names}


def made_trace():
    """An election, a heartbeat that is lost, a crash, a partition, a second election."""
    made = TraceMaker(["n0", "n1", "n2", "n3", "n4", "alice"])
    number = iter(range(1, 10_000))
    rng = np.random.default_rng(7)
    for node in range(6):
        made.row(0.0, "start", node, label="start")
    for node in range(5):
        made.row(0.0, "note", node, number=0, label="follower")

    def exchange(at, leader, ask, answer, others, lost=()):
        for other in others:
            out, back = rng.lognormal(-5.3, 0.3, 2)
            made.message(next(number), leader, other, ask, at, None if other in lost else at + out)
            if other not in lost:
                made.message(next(number), other, leader, answer, at + out, at + out + back)

    def elect(at, node, term, others):
        made.row(at, "timer", node, label="election")
        made.row(at, "note", node, number=term, label="candidate")
        exchange(at, node, "request_vote", "vote", others)
        made.row(at + 0.014, "note", node, number=term, label="leader")

    elect(0.160, 0, 1, [1, 2, 3, 4])
    for beat in (0.174, 0.224, 0.274):
        exchange(beat, 0, "append_entries", "append_reply", [1, 2, 3, 4], lost=[2] if beat == 0.224 else [])
    made.row(0.230, "call", 0, label="put", number=1)
    made.row(0.244, "reply", 0, label="put", number=1)
    made.row(0.300, "crash", 0, label="crash")
    made.row(0.330, "pause", 4, label="pause")
    made.row(0.360, "resume", 4, label="resume")
    elect(0.440, 3, 2, [1, 2, 4])
    made.row(0.480, "fault", 1, label="partition")
    exchange(0.490, 3, "append_entries", "append_reply", [1, 2, 4], lost=[1])
    made.row(0.520, "start", 0, label="start")
    made.row(0.540, "fault", NOBODY, label="heal")
    made.row(0.540, "note", 1, number=2, label="follower")
    made.message(next(number), 3, 0, "append_entries", 0.548, 0.560)
    made.row(0.560, "send", 3, 1, next(number), "append_entries")
    return made.columns()


def texts(ax):
    return [it.get_text() for it in ax.texts]


def legend(ax):
    return [it.get_text() for it in ax.get_legend().get_texts()]


def test_cdf_marks_the_quantiles_of_the_data():
    load = made_load()
    ax = dl.plot.latency_cdf(load, seed=7)
    good = load["latency"][load["status"] == 0]
    marked = {float(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"}
    assert marked == {q: pytest.approx(np.quantile(good, q)) for q in (0.5, 0.99, 0.999)}
    assert ax.get_xscale() == "log"
    assert "seed 7" in texts(ax)
    assert legend(ax) == [f"{len(good):,} operations, {3_000 - len(good)} without success"]


def test_cdf_reaches_one_at_the_slowest_operation_however_many_points():
    for count in (10, 50_000):
        load = made_load(count)
        curve = dl.plot.latency_cdf(load).lines[0]
        assert len(curve.get_xdata()) < 2_100
        assert curve.get_ydata()[-1] == 1.0
        assert curve.get_xdata()[-1] == np.nanmax(load["latency"][load["status"] == 0])


def test_cdf_by_kind_draws_a_curve_for_each():
    ax = dl.plot.latency_cdf(made_load(), by="kind", scale="logit")
    assert [name.split(":")[0] for name in legend(ax)] == ["get", "put"]
    assert ax.get_yscale() == "logit"


def test_series_marks_what_has_no_success_and_shades_faults():
    load = made_load()
    ax = dl.plot.latency_series(load, faults=FAULTS)
    failed, unknown = (int((load["status"] == code).sum()) for code in (1, 2))
    assert failed
    assert unknown
    assert {f"failed ({failed})", f"no answer ({unknown})"} <= set(legend(ax))
    assert texts(ax)[:2] == ["n0 crashed", "partition"]
    shaded = [(it.get_x(), it.get_x() + it.get_width()) for it in ax.patches]
    assert shaded == [(3.0, 5.0), (7.0, pytest.approx(ax.get_xlim()[1]))]


def test_many_operations_are_drawn_as_quantiles():
    load = made_load(20_000)
    ax = dl.plot.latency_series(load, bins=50)
    median = next(line for line in ax.lines if line.get_label() == "median")
    assert len(median.get_xdata()) == 50
    edges = np.linspace(load["invoked"].min(), load["invoked"].max(), 51)
    inside = (load["invoked"] >= edges[10]) & (load["invoked"] < edges[11]) & (load["status"] == 0)
    assert median.get_ydata()[10] == pytest.approx(np.median(load["latency"][inside]))


def test_throughput_counts_every_operation_once():
    load = made_load()
    ax = dl.plot.throughput(load, bin_width=0.25)
    counts = {it.get_label(): float((it.get_data().values * np.diff(it.get_data().edges)).sum()) for it in ax.patches}
    assert counts["answered"] == pytest.approx((load["status"] == 0).sum())
    assert counts["asked in vain"] == pytest.approx((load["status"] != 0).sum())


def test_faults_are_paired_with_their_ends():
    named = [(it.label, round(it.start, 3), round(it.end, 3)) for it in dl.plot.fault_intervals(made_trace(), 1.0)]
    assert named == [("n0 crashed", 0.3, 0.52), ("n4 paused", 0.33, 0.36), ("partition", 0.48, 0.54)]
    made = TraceMaker(["a"])
    made.row(1.0, "crash", 0)
    assert dl.plot.fault_intervals(made.columns())[0].end == float("inf")


def test_nodes_that_break_together_are_one_fault():
    made = TraceMaker(["a", "b", "c", "d", "e"])
    for node in range(5):
        made.row(1.0, "crash", node, label="crash")
        made.row(2.0, "fault", node, label="recover")
        made.row(2.0, "start", node, label="start")
    made.row(3.0, "pause", 0)
    made.row(3.0, "pause", 1)
    assert dl.plot.fault_intervals(made.columns(), 4.0) == [
        (1.0, 2.0, "5 nodes crashed"),
        (3.0, 4.0, "a, b paused"),
    ]


def test_timeline_shows_who_led_in_which_term_and_no_client():
    rows = dl.plot.role_changes(made_trace())
    ax = dl.plot.timeline(rows, until=0.6)
    assert [it.get_text() for it in ax.get_yticklabels()] == ["n0", "n1", "n2", "n3", "n4"]
    assert legend(ax) == ["leader", "candidate", "follower", "paused", "down"]
    assert {"term 1", "term 2"} <= set(texts(ax))
    bars = {tuple(np.round(path.get_extents().intervalx, 3)) for it in ax.collections for path in it.get_paths()}
    assert {(0.174, 0.3), (0.454, 0.6), (0.3, 0.52), (0.33, 0.36)} <= bars


def test_a_leader_that_changes_terms_gets_a_bar_for_each():
    rows = {"time": [0.0, 1.0, 2.0], "node": [0, 0, 0], "role": ["leader"] * 3, "term": [1, 1, 5]}
    ax = dl.plot.timeline(rows, until=4.0)
    assert sorted(texts(ax)) == ["term 1", "term 5"]


def arrows(ax):
    quivers = [it for it in ax.collections if hasattr(it, "U")]
    ends = [np.stack([q.X, q.Y, q.X + q.U, q.Y + q.V], axis=1) for q in quivers]
    return np.concatenate(ends) if ends else np.empty((0, 4))


def test_every_delivered_message_is_one_arrow_from_sender_to_receiver():
    made = TraceMaker(["a", "b", "c"])
    made.message(1, 0, 1, "ping", 1.0, 1.5)
    made.message(2, 1, 2, "pong", 2.0, 2.25)
    made.message(3, 2, 0, "ping", 2.0, None)
    ax = dl.plot.spacetime(made.columns(), (0, 3))
    assert sorted(map(tuple, arrows(ax))) == [(1.0, 0.0, 1.5, 1.0), (2.0, 1.0, 2.25, 2.0)]
    (lost,) = [line for line in ax.lines if line.get_label() == "lost"]
    assert lost.get_ydata()[0] == pytest.approx(2 - 2 * 0.6)
    assert set(legend(ax)) == {"ping", "pong", "lost"}


def test_windows_nodes_and_labels_choose_messages():
    trace = made_trace()
    assert len(arrows(dl.plot.spacetime(trace, (0.15, 0.20), labels=["vote"]))) == 4
    assert len(arrows(dl.plot.spacetime(trace, (0.44, 0.47), nodes=["n3", "n1"]))) == 2
    assert "leader" not in texts(dl.plot.spacetime(trace, notes=["candidate"]))
    ax = dl.plot.spacetime(trace, nodes=["n3", "n1"])
    assert [it.get_text() for it in ax.get_yticklabels()] == ["n3", "n1"]


def test_a_crashed_node_has_no_lane_until_it_is_back():
    made = TraceMaker(["a"])
    made.row(1.0, "crash", 0)
    made.row(2.0, "start", 0)
    ax = dl.plot.spacetime(made.columns(), (0, 3))
    lanes = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2]
    assert lanes == [(0.0, 1.0), (2.0, 3.0)]
    inside = dl.plot.spacetime(made.columns(), (1.2, 1.8))
    assert not [line for line in inside.lines if len(line.get_xdata()) == 2]


def test_too_many_arrows_are_refused_not_dropped():
    made = TraceMaker(["a", "b"])
    for number in range(30):
        made.message(number, 0, 1, "ping", number / 10, number / 10 + 0.05)
    with pytest.raises(dl.plot.TooManyArrows, match="30 messages in the window, at most 20") as caught:
        dl.plot.spacetime(made.columns(), limit=20)
    assert (caught.value.messages, caught.value.limit) == (30, 20)
    assert len(arrows(dl.plot.spacetime(made.columns(), (0.0, 1.0), limit=20))) == 11


def test_election_figure_draws_curves_and_published_points():
    trials = np.concatenate([np.linspace(0.1, 0.2, 99), [np.nan]])
    ax = dl.plot.election_figure({"150-300 ms": trials}, published=dl.plot.RAFT_FIGURE_16_RANDOMNESS, seed=7)
    curve = next(line for line in ax.lines if line.get_label() == "150-300 ms")
    assert curve.get_ydata()[-1] == 99.0
    circles = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert len(circles) == len(dl.plot.RAFT_FIGURE_16_RANDOMNESS)
    assert circles[-1].get_color() == curve.get_color()
    assert "seed 7, 100 trials each" in texts(ax)


DRAWN = {
    "latency_cdf": lambda ax: dl.plot.latency_cdf(made_load(50), ax),
    "latency_series": lambda ax: dl.plot.latency_series(made_load(50), ax),
    "throughput": lambda ax: dl.plot.throughput(made_load(50), ax),
    "timeline": lambda ax: dl.plot.timeline(dl.plot.role_changes(made_trace()), ax),
    "spacetime": lambda ax: dl.plot.spacetime(made_trace(), None, ax),
    "election_figure": lambda ax: dl.plot.election_figure({"a": [1.0, 2.0]}, ax),
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_draws_on_the_axes_it_is_given(name):
    ax = plt.figure().add_subplot()
    assert DRAWN[name](ax) is ax
    assert ax.get_xlabel()
    ax.get_figure().canvas.draw()


def test_nothing_happened_draws_an_empty_picture():
    empty = dict.fromkeys(("invoked", "completed", "latency", "status", "kind"), np.empty(0))
    for draw in (dl.plot.latency_cdf, dl.plot.latency_series, dl.plot.throughput):
        draw(empty).get_figure().canvas.draw()
    rows = dict.fromkeys(("time", "kind", "node", "peer", "id", "label"), np.empty(0))
    dl.plot.spacetime(rows).get_figure().canvas.draw()
    dl.plot.timeline(dl.plot.role_changes(rows)).get_figure().canvas.draw()


BAD = {
    "load.latency": lambda: dl.plot.latency_cdf({"invoked": [1.0], "completed": [1.0]}),
    "columns of one length": lambda: dl.plot.latency_cdf(made_load() | {"status": [0]}),
    "'kind' or None": lambda: dl.plot.latency_cdf(made_load(), by="status"),
    "at least 1": lambda: dl.plot.latency_series(made_load(), bins=0),
    "positive number of seconds": lambda: dl.plot.throughput(made_load(), bin_width=0),
    "from < until": lambda: dl.plot.spacetime(made_trace(), (2.0, 1.0)),
    "some of n0": lambda: dl.plot.spacetime(made_trace(), nodes=["n9"]),
    "some of timer": lambda: dl.plot.spacetime(made_trace(), kinds=["timers"]),
    "at least one trial": lambda: dl.plot.election_figure({"a": []}),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_say_what_would_be_right(message):
    with pytest.raises((ValueError, dl.DistlabError), match=message.replace("load.latency", "column 'latency'")):
        BAD[message]()


def test_matplotlib_is_imported_on_demand_and_its_absence_explained():
    code = """
import sys
sys.modules["matplotlib"] = None  # as if it were not installed
sys.modules["matplotlib.pyplot"] = None
import distlab as dl
try:
    dl.plot.election_figure({"a": [1.0]})
except dl.DistlabError as error:
    assert isinstance(error, ImportError), error
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "this needs matplotlib: pip install 'distlab[plot]'"


def test_columns_may_be_those_of_an_object():
    class Recorded:
        columns = made_trace()

    assert len(arrows(dl.plot.spacetime(Recorded(), (0.15, 0.20), labels=["vote"]))) == 4
    with pytest.raises(TypeError, match="an object with columns"):
        dl.plot.spacetime([1, 2, 3])


def made_exchange():
    """Two questions and their answers, and a message between others that has nothing to do with them."""
    made = TraceMaker(["a", "b", "c", "d"])
    for node in range(4):
        made.row(0.0, "start", node, label="start")
    made.message(1, 0, 1, "ask", 1.0, 2.0)
    made.message(2, 1, 0, "answer", 3.0, 4.0)
    made.message(3, 2, 3, "other", 1.5, 2.5)
    made.message(4, 0, 1, "ask", 5.0, 6.0)
    return made.columns()


def collected(ax, label):
    return [it for it in [*ax.lines, *ax.patches] if it.get_label() == label]


def test_a_cone_is_shaded_and_what_is_outside_is_faint():
    columns = made_exchange()
    rows = list(zip(columns["time"].tolist(), columns["kind"].tolist(), strict=True))
    ax = dl.plot.spacetime(columns, cone=rows.index((4.0, KINDS.index("deliver"))))
    assert {"causal past", "causal future"} <= set(legend(ax))
    alphas = {q.get_alpha(): len(q.X) for q in ax.collections if hasattr(q, "U")}
    assert alphas[0.16] == 1
    past = collected(ax, "causal past")[0].get_xy()
    assert {(4.0, 0.0), (3.0, 1.0)} <= set(map(tuple, past.tolist()))
    future = collected(ax, "causal future")[0].get_xy()
    assert {(4.0, 0.0), (6.0, 1.0)} <= set(map(tuple, future.tolist()))


def test_cuts_are_lines_and_what_contradicts_them_is_red():
    columns = made_exchange()
    ax = dl.plot.spacetime(columns, cut={"good": columns["time"] <= 2.2, "bad": {"a": 1, "b": 2}})
    assert {"good", "bad (inconsistent)", "contradicts a cut"} <= set(legend(ax))
    (good,), (bad,) = collected(ax, "good"), collected(ax, "bad (inconsistent)")
    assert len(set(np.round(good.get_xdata(), 9).tolist())) == 1
    assert 2.0 < good.get_xdata()[0] < 2.5
    assert 0.0 < bad.get_xdata()[1] < 1.0
    assert 2.0 < bad.get_xdata()[2] < 3.0
    red = [q for q in ax.collections if hasattr(q, "U") and q.get_zorder() == 4.5]
    assert [(q.X.tolist(), (q.X + q.U).tolist()) for q in red] == [([1.0], [2.0])]
    assert "contradicts a cut" not in legend(dl.plot.spacetime(columns, cut=[1, 1, 1, 1]))


def test_the_critical_path_goes_along_lanes_and_messages():
    columns = made_exchange()
    (line,) = collected(dl.plot.spacetime(columns, chain=True), "critical path")
    assert line.get_xdata().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert line.get_ydata().tolist() == [0, 0, 1, 1, 0, 0, 1]


def test_the_axis_may_be_the_order_of_causes():
    columns = made_exchange()
    ax = dl.plot.spacetime(columns, axis="order")
    assert sorted(map(tuple, arrows(ax))) == [(2, 0, 3, 1), (2, 2, 3, 3), (4, 1, 5, 0), (6, 0, 7, 1)]
    assert ax.get_xlabel() == "Lamport stamp"


def test_thousands_of_messages_are_a_few_artists():
    made = TraceMaker(["a", "b", "c"])
    for number in range(5_000):
        made.message(number + 1, number % 3, (number + 1) % 3, f"kind {number % 12}", number / 100, number / 100 + 0.3)
    ax = dl.plot.spacetime(made.columns())
    assert len(arrows(ax)) == 0
    drawn = [it for it in ax.collections if hasattr(it, "get_segments")]
    assert sum(len(it.get_segments()) for it in drawn) == 5_000
    assert len(drawn) == 11
    assert legend(ax).count("other kinds") == 1


def test_a_kind_has_one_colour_in_all_windows():
    columns = made_trace()
    for window in ((0.15, 0.2), (0.44, 0.6), None):
        ax = dl.plot.spacetime(columns, window)
        line = next(it for it in ax.lines if it.get_label() == "append_entries")
        assert line.get_color() == "#0072B2"


BAD_DIAGRAMS = {
    "axis: expected 'time' or 'order'": {"axis": "steps"},
    "labels: expected some of": {"labels": ["votes"]},
    "labels: expected a collection": {"labels": "vote"},
    "cone: expected a row below": {"cone": -1},
    "cone: expected a row of the trace": {"cone": 1.5},
    "chain: expected a row below": {"chain": [10**6]},
    "cut: expected a count for each": {"cut": [1, 2]},
    "limit: expected a number of messages": {"limit": "all"},
    "nodes: expected a collection": {"nodes": "n0"},
    "kinds: expected a collection": {"kinds": None},
    "notes: expected some of": {"notes": ["leading"]},
    "window: expected .from, until. in seconds": {"window": 3},
    "from < until, got .0, inf": {"window": (0, float("inf"))},
}


@pytest.mark.parametrize("message", BAD_DIAGRAMS)
def test_bad_arguments_of_a_diagram_say_what_would_be_right(message):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError), match=message):
        dl.plot.spacetime(made_trace(), **BAD_DIAGRAMS[message])
