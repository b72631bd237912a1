"""Pictures of replicated logs, and of what was measured at many settings: what is on them is what is in the data."""

import numpy as np
import pytest

import distlab as dl
from distlab.portrait import LogPortrait

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


#: Figure 7 of the Raft paper: a leader of term 8 and what its followers may look like.
FIGURE_7 = {
    "leader": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
    "(a)": [1, 1, 1, 4, 4, 5, 5, 6, 6],
    "(b)": [1, 1, 1, 4],
    "(c)": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
    "(d)": [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
    "(e)": [1, 1, 1, 4, 4, 4, 4],
    "(f)": [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
}


def boxes(ax):
    """The boxes of a picture of logs: row, index, and whether they are full and hatched."""
    found = {}
    for it in ax.patches:
        row, index = round(-it.get_y() - 0.4), round(it.get_x() + it.get_width() / 2)
        found[row, index] = (it.get_facecolor() != (1, 1, 1, 1), it.get_hatch() is not None)
    return found


def test_logs_are_drawn_box_by_box_as_in_figure_7():
    ax = dl.plot.logs(FIGURE_7)
    assert [it.get_text() for it in ax.get_yticklabels()] == list(FIGURE_7)
    assert [int(it.get_text()) for it in ax.texts] == [term for log in FIGURE_7.values() for term in log]
    assert set(boxes(ax)) == {(row, i + 1) for row, log in enumerate(FIGURE_7.values()) for i in range(len(log))}
    assert set(boxes(ax).values()) == {(True, False)}
    by_term = {}
    for box, text in zip(ax.patches, ax.texts, strict=True):
        by_term.setdefault(text.get_text(), set()).add(box.get_facecolor())
    assert all(len(it) == 1 for it in by_term.values())
    assert len(set.union(*by_term.values())) == 7


def test_full_boxes_are_committed_and_hatched_ones_in_a_snapshot():
    log = LogPortrait([(1, ""), (1, ""), (2, ""), (3, "")], first=4, committed=5, applied=4)
    ax = dl.plot.logs({"a": log})
    assert boxes(ax) == {(0, 2): (False, True), (0, 4): (True, False), (0, 5): (True, False), (0, 6): (False, False), (0, 7): (False, False)}  # fmt: skip
    (applied,) = ax.lines
    assert applied.get_xdata().tolist() == [4]
    part = dl.plot.logs({"a": log}, first=5, last=6)
    assert set(boxes(part)) == {(0, 5), (0, 6)}


def test_logs_of_a_cluster_are_those_its_servers_have():
    raft = dl.Raft(3, seed=7)
    raft.workload(clients=1, rate=50, until="0.5s")
    raft.run(until="0.5s")
    ax = dl.plot.logs(raft, words=True, seed=7)
    state = raft.state(raft.leader)
    texts = [it.get_text() for it in ax.texts if "\n" in it.get_text()]
    assert texts[0] == "1\nno-op"
    assert len(texts) == sum(len(raft.state(name)["log"]) for name in raft.nodes)
    row = raft.nodes.index(raft.leader)
    full = [index for (at, index), (is_full, _) in boxes(ax).items() if at == row and is_full]
    assert max(full) == state["commit"]


def test_a_cell_for_each_pair_of_settings():
    values = np.arange(6.0).reshape(2, 3)
    values[1, 2] = np.nan
    ax = dl.plot.heatmap(["a", "b", "c"], [0.5, 2], values, xlabel="x", ylabel="y", label="z", seed=3)
    (image,) = ax.images
    assert np.array_equal(image.get_array().filled(np.nan), values, equal_nan=True)
    assert [it.get_text() for it in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [it.get_text() for it in ax.get_yticklabels()] == ["0.5", "2"]
    written = {
        (it.get_position()[1], it.get_position()[0]): it.get_text() for it in ax.texts if it.get_text() != "seed 3"
    }
    assert written == {(0, 0): "0", (0, 1): "1", (0, 2): "2", (1, 0): "3", (1, 1): "4"}
    assert image.get_clim() == (0, 4)
    assert dl.plot.heatmap([1], [1], [[2]], low=0, high=5).images[0].get_clim() == (0, 5)
    assert not dl.plot.heatmap(range(20), range(20), np.ones((20, 20))).texts
    (only,) = dl.plot.heatmap([1], [1], [[0.5]], words="{:.0%}".format).texts
    assert only.get_text() == "50%"


def test_steps_rise_to_the_fraction_that_was_answered():
    lossy = np.concatenate([np.linspace(0.01, 0.02, 80), np.full(20, np.nan)])
    load = {"invoked": [0, 1], "completed": [0.5, 1.5], "latency": [0.5, 0.5], "status": [0, 1]}
    ax = dl.plot.latency_steps({"lossy": lossy, "load": load, "nothing": [np.nan]})
    curves = {it.get_label().split(":")[0]: it for it in ax.lines if it.get_label()[0] != "_"}
    assert curves["lossy"].get_ydata()[-1] == 0.8
    assert curves["load"].get_ydata()[-1] == 0.5
    texts = [it.get_text() for it in ax.get_legend().get_texts()]
    assert texts == [
        "lossy: p50 15 ms, 20 without answer",
        "load: p50 500 ms, 1 without answer",
        "nothing: 1 without answer",
    ]
    assert len(dl.plot.latency_steps({"a": dl.Latency(np.array([0.1, 0.2]))}, quantile=None).lines) == 1


BAD = {
    "source: expected a cluster, or a mapping": (TypeError, lambda: dl.plot.logs([1, 2])),
    "whose nodes have logs": (ValueError, lambda: dl.plot.logs(dl.Bank(3))),
    "source: expected a LogPortrait": (TypeError, lambda: dl.plot.logs({"a": "112"})),
    "term: expected a whole number": (TypeError, lambda: dl.plot.logs({"a": [1.5]})),
    "first: expected an index up to 2": (ValueError, lambda: dl.plot.logs({"a": [1, 1]}, first=3)),
    "last: expected a whole number": (ValueError, lambda: dl.plot.logs({"a": [1, 1]}, last=0)),
    "x: expected a sequence": (TypeError, lambda: dl.plot.heatmap("ab", [1], [[1, 2]])),
    "y: expected at least one": (ValueError, lambda: dl.plot.heatmap([1], [], np.zeros((0, 1)))),
    r"values: expected the shape \(1, 2\)": (ValueError, lambda: dl.plot.heatmap([1, 2], [1], [[1]])),
    "values: expected at least one finite": (ValueError, lambda: dl.plot.heatmap([1], [1], [[np.nan]])),
    "values: expected an array": (TypeError, lambda: dl.plot.heatmap([1], [1], [["a"]])),
    "low: expected a number below high": (ValueError, lambda: dl.plot.heatmap([1], [1], [[1]], low=3)),
    "high: expected a number": (TypeError, lambda: dl.plot.heatmap([1], [1], [[1]], high="a")),
    "words: expected a callable": (TypeError, lambda: dl.plot.heatmap([1], [1], [[1]], words="%")),
    "xlabel: expected text": (TypeError, lambda: dl.plot.heatmap([1], [1], [[1]], xlabel=1)),
    "groups: expected a mapping": (TypeError, lambda: dl.plot.latency_steps([1, 2])),
    "groups: expected at least one": (ValueError, lambda: dl.plot.latency_steps({})),
    r"groups\['a'\]: expected a load": (TypeError, lambda: dl.plot.latency_steps({"a": ["x"]})),
    r"groups\['a'\]: expected a row": (ValueError, lambda: dl.plot.latency_steps({"a": [[1.0]]})),
    r"groups\['a'\]: expected latencies from 0": (ValueError, lambda: dl.plot.latency_steps({"a": [-1.0]})),
    "quantile: expected a number from 0 to 1": (ValueError, lambda: dl.plot.latency_steps({"a": [1.0]}, quantile=2)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments_say_what_would_be_right(message):
    error, act = BAD[message]
    with pytest.raises(error, match=message) as caught:
        act()
    assert isinstance(caught.value, dl.DistlabError)
