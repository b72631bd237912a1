"""Pictures of rings, balance, Merkle trees and Dynamo's figure: what is on them is what is in the data."""

import numpy as np
import pytest

import distlab as dl

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

from matplotlib.colors import to_hex, to_rgb  # noqa: E402

HashRing, Tree = dl.hashing.HashRing, dl.hashing.MerkleTree
VERMILLION, GREEN, PALE = "#d55e00", "#009e73", "#dedede"


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def arcs(ax, radius=1.0):
    """Turns from the top, clockwise, and colour of each arc of that outer radius."""
    found = [it for it in ax.patches if it.r == radius]
    return sorted(
        ((90 - it.theta2) / 360 % 1, (it.theta2 - it.theta1) / 360, to_hex(it.get_facecolor())) for it in found
    )


def texts(ax):
    return [it.get_text() for it in ax.texts]


def test_a_ring_has_an_arc_a_virtual_node():
    ring = HashRing(list("ABCD"), vnodes=1, bits=9, placement="even", hash="identity")
    ax = ring.plot(keys=[100, 200, 500], title="whose")
    found = arcs(ax)
    np.testing.assert_allclose([it[0] for it in found], [0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose([it[1] for it in found], 0.25)
    assert len({it[2] for it in found}) == 4
    assert {"A", "B", "C", "D", "0", "128", "256", "384", "whose"} <= set(texts(ax))
    dots = ax.collections[0]
    colours = dict(zip([0.0, 0.25, 0.5, 0.75], [it[2] for it in found], strict=True))
    # B has the first quarter, C the second, A the last.
    assert [to_hex(it) for it in dots.get_facecolors()] == [colours[it] for it in (0.0, 0.25, 0.75)]
    x, y = dots.get_offsets()[0]
    assert abs(np.arctan2(x, y) / (2 * np.pi) - 100 / 512) < 1e-9


def test_what_changed_hands_keeps_its_former_colour_outside():
    before = HashRing.of_layout("BADCABCD", bits=9, hash="identity")
    after = before.copy()
    after.remove("D")
    left, right = dl.plot.ring_change(before, after).child_axes
    assert (len(arcs(left)), len(arcs(left, 1.1)), len(arcs(right)), len(arcs(right, 1.1))) == (8, 0, 6, 2)
    of_d = {it[2] for it in arcs(left) if abs(it[0] - 0.125) < 1e-9}
    moved = arcs(right, 1.1)
    assert {it[2] for it in moved} == of_d
    np.testing.assert_allclose([it[0] for it in moved], [0.125, 0.75])
    np.testing.assert_allclose([it[1] for it in moved], 0.125)
    mine = plt.figure().add_subplot()
    assert dl.plot.ring_change(before, after, mine) is mine and len(mine.child_axes) == 2
    with pytest.raises(dl.ParameterError, match="bits"):
        dl.plot.ring(after, before=HashRing(3))


def test_the_parts_of_a_large_ring_add_up():
    for ring in (HashRing(12, vnodes=40), HashRing(3, vnodes=5, bits=128), HashRing(1, vnodes=1)):
        ax = dl.plot.ring(ring, keys=dl.hashing.sample_keys("words", 100))
        assert abs(sum(it[1] for it in arcs(ax)) - 1) < 1e-9
    ax = dl.plot.ring(HashRing(12, vnodes=40))
    assert [it.get_text() for it in ax.get_legend().get_texts()] == [f"n{i}" for i in range(12)]


def test_balance_follows_the_law():
    vnodes = (1, 4, 16, 64)
    shares = {v: [list(HashRing(10, v, seed=s).shares().values()) for s in range(40)] for v in vnodes}
    ax = dl.plot.vnode_balance(shares, seed=0)
    law = next(it for it in ax.get_lines() if it.get_label().startswith("law"))
    x, y = law.get_data()
    np.testing.assert_allclose(y, np.sqrt(9 / (10 * x + 1)))
    means = {it.get_xdata()[0]: it.get_ydata()[0] for it in ax.get_lines() if it.get_marker() == "o"}
    assert list(means) == list(vnodes)
    for v, mean in means.items():
        # 40 rings; a ring's own deviation is at most 35 % (v = 1), so 4 standard errors are 0.22.
        assert abs(mean / np.sqrt(9 / (10 * v + 1)) - 1) < 0.22
    band = ax.collections[0].get_paths()[0]
    dots = [it.get_xydata() for it in ax.get_lines() if it.get_marker() == "."]
    inside = band.contains_points(np.concatenate(dots[1:3])).sum()
    # Binomial with 80 rings and 95 %: four standard deviations below the mean.
    assert inside >= 80 * 0.95 - 4 * np.sqrt(80 * 0.95 * 0.05)
    for bad in ({}, {1: [[1.0]]}, {1: [[0.5, 0.5]], 2: [[0.2, 0.3, 0.5]]}):
        with pytest.raises(dl.ParameterError):
            dl.plot.vnode_balance(bad)


def test_dynamos_figure_has_what_is_published():
    figure = dl.hashing.dynamo_figure([60, 480, 3840], rings=15)
    ax = figure.plot()
    published = [it.get_data() for it in ax.get_lines() if it.get_marker() == "o" and len(it.get_xdata())]
    assert len(published) == 2
    for (x, y), strategy in zip(published, (1, 3), strict=True):
        assert dict(zip(x.tolist(), y.tolist(), strict=True)) == {
            size: dl.hashing.DYNAMO_FIGURE_8[strategy][size] for size in (60, 480, 3840)
        }
    lines = [it for it in ax.get_lines() if it.get_linestyle() == "-" and len(it.get_xdata())]
    np.testing.assert_allclose(np.concatenate([it.get_ydata() for it in lines]), figure.efficiency)
    assert "published" in [it.get_text() for it in ax.get_legend().get_texts()]
    unpublished = dl.hashing.dynamo_figure([60], [1], nodes=10, rings=3).plot()
    assert "published" not in [it.get_text() for it in unpublished.get_legend().get_texts()]


def test_comparison_shows_every_placement():
    found = dl.hashing.compare(10, 4000, ["ring", "maglev", "modulo"], repeats=1)
    mine = plt.figure().add_subplot()
    assert found.plot(mine) is mine
    axes = mine.child_axes
    assert [it.get_text() for it in axes[0].get_yticklabels()] == ["ring", "maglev", "modulo"]
    widths = [it.get_width() for it in axes[1].patches]
    np.testing.assert_allclose(widths[:3], 100 * found.join_moved)
    np.testing.assert_allclose(widths[3:], 100 * found.join_unnecessary)
    with pytest.raises(dl.ParameterTypeError, match="ax"):
        dl.plot.comparison(found, axes[:2])


def colour_of(ax, text):
    (found,) = [it for it in ax.texts if it.get_text() == text and it.get_bbox_patch() is not None]
    return to_hex(found.get_bbox_patch().get_facecolor())


def test_a_descent_shows_what_was_compared():
    here = Tree.from_leaf_hashes({"A": "1A", "B": "3B", "C": "2C", "D": "0D"})
    there = Tree.from_leaf_hashes({"A": "1A", "B": "4B", "C": "2C", "D": "0D"})
    ax = here.diff(there).plot(tree=here, title="A")
    assert [colour_of(ax, it) for it in ("1A3B2C0D", "1A3B", "3B")] == [VERMILLION] * 3
    assert [colour_of(ax, it) for it in ("2C0D", "1A")] == [GREEN] * 2
    assert [colour_of(ax, it) for it in ("2C", "0D")] == [PALE] * 2
    assert {"A", "B", "C", "D"} <= set(texts(ax)) and ax.get_title() == "A"


def test_a_deep_descent_prunes_what_is_equal():
    here = Tree({i: i for i in range(2000)}, leaves=2**12)
    there = here.copy()
    there.put(7, 8)
    diff = here.diff(there)
    ax = diff.plot()
    # Beside the path, one subtree of each size.
    assert sorted(int(it.replace(",", "")) for it in texts(ax)) == [2**i for i in range(1, 12)]
    colours = [
        to_hex(to_rgb(it.get_color())) for it in ax.get_lines() if it.get_marker() == "o" and len(it.get_xdata())
    ]
    assert (colours.count(VERMILLION), colours.count(GREEN)) == (13, 12)
    assert here.diff(here).plot() is not None
    everything = here.diff(here.like())
    with pytest.raises(dl.ParameterError, match="400"):
        everything.plot()
    with pytest.raises(dl.ParameterTypeError, match="MerkleTree"):
        dl.plot.merkle_descent(diff, tree="tree")
