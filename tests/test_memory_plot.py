"""Pictures of memory: what is drawn where."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

import distlab as dl
from distlab.memory import MemoryTrace, paging


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_curve_a_policy_and_the_optimum_dashed():
    refs = np.random.default_rng(1).integers(0, 40, 2000)
    found = paging.compare(refs, frames=[16, 2, 8], policies=["fifo", "opt"])
    ax = found.plot(title="random")
    fifo, opt = ax.lines
    assert [fifo.get_label(), opt.get_label()] == ["FIFO", "OPT"] and opt.get_linestyle() == "--"
    assert fifo.get_xdata().tolist() == [2, 8, 16]  # in order, whatever order was asked for
    assert fifo.get_ydata().tolist() == (found["fifo"][[1, 2, 0]] / 2000).tolist()
    assert ax.get_xscale() == "log" and ax.get_title() == "random"
    curve = paging.miss_ratio_curve(refs)
    (line,) = curve.plot(logarithmic=False).lines
    assert line.get_ydata().tolist() == curve.miss_ratio.tolist()
    (mine,) = dl.plot.miss_ratio_curves({"mine": ([1, 2], [0.5, 0.25])}).lines
    assert mine.get_label() == "mine"


def test_reach_is_entries_times_the_size_of_a_page():
    ax = dl.plot.tlb_reach([16, 64], {4096: [0.5, 0.25], 2**21: [0.1, 0.0]}, footprint=2**20)
    small, large, footprint = ax.lines
    assert small.get_xdata().tolist() == [2**16, 2**18] and large.get_xdata().tolist() == [2**25, 2**27]
    assert small.get_label() == "pages of 4 KiB" and footprint.get_xdata()[0] == 2**20


def test_a_surface_has_lines_of_equal_time():
    h, n = np.linspace(0.5, 1, 11), np.arange(1, 5)
    times = dl.memory.emat(h=h, n=n[:, None], t=1, m=100)
    ax = dl.plot.emat_surface(h, n, times, levels=[150, 200])
    mesh, lines = ax.collections[0], ax.collections[1]
    assert mesh.get_array().size == times.size and len(lines.get_paths()) == 2
    for level, path in zip((150, 200), lines.get_paths(), strict=True):
        x, y = path.vertices.T
        assert np.allclose(dl.memory.emat(h=x, n=y, t=1, m=100), level, rtol=0.02)


def test_references_are_dots_at_their_pages():
    trace = MemoryTrace([0x1000, 0x1008, 0x9000, 0x1000], kinds=["fetch", "fetch", "write", "read"])
    ax = dl.plot.reference_pattern(trace)
    dots = {line.get_label(): sorted(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in ax.lines}
    assert dots["fetched"] == [(0.5, 0), (1.5, 0)] and dots["written"] == [(2.5, 1)] and dots["read"] == [(3.5, 0)]
    assert ax.get_ylabel() == "page (2 of 4 KiB)"


def test_a_walk_is_drawn_with_its_numbers():
    table = dl.memory.PageTable.preset("32-bit-two-level")
    table.map(0x00401000, frame=0x345)
    ax = dl.plot.page_walk(table.translate(0x00401678))
    words = " ".join(text.get_text() for text in ax.texts)
    assert all(it in words for it in ("0x678", "0x345", "0x1"))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: dl.plot.miss_ratio_curves(7), "data: expected a Comparison"),
        (lambda: dl.plot.miss_ratio_curves({"a": ([1], [1, 2])}), "two rows of one length"),
        (lambda: dl.plot.tlb_reach([1, 2], {4096: [0.1]}), "miss_ratios[4096]: expected a value for each of 2 TLBs"),
        (lambda: dl.plot.emat_surface([1, 2], [1, 2], [[1, 2, 3]]), "times: expected the shape (2, 2)"),
        (lambda: dl.plot.reference_pattern([]), "trace: expected"),
        (lambda: dl.plot.reference_pattern([0.5]), "trace[0]: expected a trace"),
    ],
)
def test_bad_data_is_named(call, text):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError)) as raised:
        call()
    assert text in str(raised.value)
