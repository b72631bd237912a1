"""Rings of consistent hashing, how evenly they spread keys, and how Merkle trees are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._arguments import text, whole
from ..errors import ParameterError, ParameterTypeError
from ..hashing._keys import kept
from . import _given as given
from . import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..hashing import Comparison, DynamoFigure, HashRing, MerkleTree, TreeDiff

_Floats = npt.NDArray[np.float64]

#: More colours than the palette has, for rings of many servers: the palette, then paler.
_SHADES = (0.0, 0.45, 0.7)

_INNER, _OUTER = 0.78, 1.0


def _colour(number: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    base = to_rgb(style.PALETTE[number % len(style.PALETTE)])
    pale = _SHADES[number // len(style.PALETTE) % len(_SHADES)]
    red, green, blue = (it + (1 - it) * pale for it in base)
    return red, green, blue


def ring(
    ring: HashRing,
    ax: Axes | None = None,
    *,
    keys: Iterable[Any] | None = None,
    before: HashRing | None = None,
    title: str | None = None,
) -> Axes:
    """A ring: whose every position is. Position 0 is on top, and positions rise clockwise.

    Parameters
    ----------
    ring : HashRing
        Which one. Each arc ends at the virtual node that owns it. Names are written where they fit, positions of
        virtual nodes if there are at most 16.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    keys : iterable of keys, optional
        Drawn as dots inside, in the colour of whoever has them.
    before : HashRing, optional
        How it was: colours are as they were then, and the arcs that changed hands since have their former owner's
        colour outside.
    title : str, optional
        Written in the middle.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> ring = dl.hashing.HashRing.of_layout("ABCD", bits=9, hash="identity")
    >>> ax = dl.plot.ring(ring, keys=[100, 200, 300])
    >>> len(ax.patches)
    4
    """
    from ..hashing import HashRing

    given.an(HashRing, ring, "ring")
    if before is not None:
        given.an(HashRing, before, "before")
        if ring.bits != before.bits:
            raise ParameterError("before", before, f"a ring of as many bits: {ring.bits}")
    dots = None if keys is None else list(kept(keys))
    owners = [] if dots is None else ring.lookup_many(dots).tolist()
    title = given.words(title, "title")
    ax = given.axes(ax, (3.6, 3.6))
    from matplotlib.patches import Wedge

    ax.set(aspect="equal", xlim=(-1.45, 1.45), ylim=(-1.45, 1.45))
    ax.axis("off")
    everybody = {*(before.nodes if before is not None else ()), *ring.nodes}
    known = sorted(everybody, key=lambda name: (len(name), name))  # n2 before n10
    colours = {name: _colour(i) for i, name in enumerate(known)}
    arcs = _arcs(ring)
    named = len(arcs) <= 40
    for start, stop, name in arcs:
        span: dict[str, Any] = {"theta1": 90 - 360 * stop, "theta2": 90 - 360 * start}
        edge: dict[str, Any] = {"edgecolor": "white", "linewidth": 1.2 if named else 0.2}
        ax.add_patch(Wedge((0, 0), _OUTER, width=_OUTER - _INNER, facecolor=colours[name], **span, **edge))
        if named and (stop - start) > 0.025:
            x, y = _at((start + stop) / 2, (_INNER + _OUTER) / 2)
            ax.text(x, y, name, color="white", ha="center", va="center", fontsize=style.SMALL, fontweight="bold")
    if before is not None:
        _former(ax, ring, before, colours)
    if len(ring.positions) <= 16:
        _positions(ax, ring)
    if dots is not None:
        _dots(ax, ring, dots, [colours[ring.nodes[it]] for it in owners])
    if not named:
        _names(ax, [name for name in known if name in ring], colours)
    if title:
        ax.text(0, 0, title, ha="center", va="center", fontsize=style.SMALL + 1)
    return ax


def ring_change(
    before: HashRing,
    after: HashRing,
    ax: Axes | None = None,
    *,
    keys: Iterable[Any] | None = None,
    titles: tuple[str, str] = ("before", "after"),
) -> Axes:
    """Two rings side by side: before and after a server joined or left.

    Parameters
    ----------
    before, after : HashRing
        The two.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    keys : iterable of keys, optional
        Drawn in both.
    titles : (str, str)
        Written in the middle of each.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one; its ``child_axes`` are the two rings. The arcs that changed hands have their former
        owner's colour outside, in the second.

    Examples
    --------
    >>> import distlab as dl
    >>> before = dl.hashing.HashRing(list("ABCD"), vnodes=4)
    >>> after = before.copy()
    >>> after.remove("B")
    >>> left, right = dl.plot.ring_change(before, after).child_axes
    >>> len(right.patches) > len(after.ranges())
    True
    """
    from ..hashing import HashRing

    for name, it in (("before", before), ("after", after)):
        given.an(HashRing, it, name)
    if before.bits != after.bits:
        raise ParameterError("after", after, f"a ring of as many bits as the other: {before.bits}")
    if not isinstance(titles, tuple | list) or len(titles) != 2:
        raise ParameterTypeError("titles", titles, "two titles")
    for at, title in enumerate(titles):
        text(title, f"titles[{at}]", "text")
    dots = None if keys is None else list(kept(keys))
    if dots is not None:
        before.lookup_many(dots)
    ax = given.axes(ax, (6.8, 3.5))
    left, right = given.panels(ax, 2, gap=0.0)
    ring(before, left, keys=dots, title=titles[0])
    ring(after, right, keys=dots, before=before, title=titles[1])
    return ax


def _arcs(ring: HashRing) -> list[tuple[float, float, str]]:
    """Begin, end (in turns; the end may be past 1) and owner of the range of every virtual node that has one."""
    size = 2**ring.bits
    positions = [int(it) for it in ring.positions]
    owners, nodes = ring.owners, ring.nodes
    found = []
    for i, position in enumerate(positions):
        previous = positions[i - 1] - (size if i == 0 else 0)
        if position > previous:
            found.append((previous / size, position / size, nodes[owners[i]]))
    return found


def _at(turn: float, radius: float) -> tuple[float, float]:
    angle = 2 * math.pi * turn
    return radius * math.sin(angle), radius * math.cos(angle)


def _former(ax: Axes, ring: HashRing, before: HashRing, colours: Mapping[str, Any]) -> None:
    from matplotlib.patches import Wedge

    new, old = _arcs(ring), _arcs(before)
    cuts = sorted({turn % 1 for start, stop, _ in (*new, *old) for turn in (start, stop)} | {0.0, 1.0})
    for start, stop in pairwise(cuts):
        middle = (start + stop) / 2
        was, now = _owner(old, middle), _owner(new, middle)
        if was != now:
            span: dict[str, Any] = {"theta1": 90 - 360 * stop, "theta2": 90 - 360 * start}
            ax.add_patch(Wedge((0, 0), 1.1, width=0.07, facecolor=colours[was], linewidth=0, **span))


def _owner(arcs: Sequence[tuple[float, float, str]], turn: float) -> str:
    return next(name for start, stop, name in arcs if start < turn <= stop or start < turn - 1 <= stop)


def _positions(ax: Axes, ring: HashRing) -> None:
    for position in ring.positions.tolist():
        turn = position / 2**ring.bits
        (x0, y0), (x1, y1) = _at(turn, _INNER), _at(turn, 1.12)
        ax.plot([x0, x1], [y0, y1], color=style.BLACK, linewidth=0.8, solid_capstyle="butt")
        x, y = _at(turn, 1.16)
        text = str(position) if ring.bits <= 16 else f"{turn:.3f}"
        sides = ("center" if abs(x) < 0.2 else "left" if x > 0 else "right", "center" if abs(y) < 1 else "baseline")
        ax.text(x, y if y > -1 else y - 0.06, text, ha=sides[0], va=sides[1], fontsize=style.SMALL - 1)


def _dots(ax: Axes, ring: HashRing, keys: list[Any], faces: list[Any]) -> None:
    turns = np.array([ring.position(key) / 2**ring.bits for key in keys])
    angle = 2 * np.pi * turns
    size = 22 if len(keys) <= 60 else 6
    ax.scatter(0.7 * np.sin(angle), 0.7 * np.cos(angle), s=size, c=faces, linewidths=0.4, edgecolors="white", zorder=3)


def _names(ax: Axes, names: Sequence[str], colours: Mapping[str, Any]) -> None:
    for name in names[:21]:
        ax.plot([], [], "s", color=colours[name], label=name)
    ax.legend(frameon=False, fontsize=style.SMALL - 1, loc="center", ncols=1 + len(names) // 8, handletextpad=0.2)


def vnode_balance(
    shares: Mapping[int, npt.ArrayLike],
    ax: Axes | None = None,
    *,
    label: str | None = None,
    seed: int | None = None,
) -> Axes:
    """How uneven a ring is by the number of virtual nodes, beside the law.

    A server's part of a ring of n servers with v random virtual nodes each follows a beta distribution, Beta(v,
    (n-1)v): its standard deviation is sqrt((n-1)/(nv+1)) times its mean, about 1/sqrt(v).

    Parameters
    ----------
    shares : mapping of int to array, shape (rings, nodes)
        For each number of virtual nodes, the parts of the ring that the servers of each ring have
        (:meth:`HashRing.shares`).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    label : str, optional
        For the legend; "rings" by default.
    seed : int, optional
        For the caption.

    Returns
    -------
    matplotlib.axes.Axes
        A dot a ring, their root mean square as a circle, the law as a line, and a band in which about 95 % of the
        rings should be.

    Examples
    --------
    >>> import distlab as dl
    >>> shares = {v: [list(dl.hashing.HashRing(8, v, seed=s).shares().values()) for s in range(5)] for v in (1, 8, 64)}
    >>> dl.plot.vnode_balance(shares).get_xlabel()
    'virtual nodes per server'
    """
    tables, n = _tables(shares)
    label = given.words(label, "label")
    if seed is not None:
        whole(seed, "seed", "a whole number, or None")
    ax = given.axes(ax, (5.2, 3.4))
    grid = np.geomspace(min(tables), max(tables), 200) if len(tables) > 1 else np.array([*tables], np.float64)
    law = np.sqrt((n - 1) / (n * grid + 1))
    spread = _spread_of_spread(grid, n)
    band = (law * np.maximum(1 - 2 * spread, 0), law * (1 + 2 * spread))
    ax.fill_between(grid, *band, color=style.BLACK, alpha=0.1, linewidth=0, label="about 95 % of rings, by the law")
    ax.plot(grid, law, color=style.BLACK, linewidth=1.2, label=r"law: $\sqrt{(n-1)/(nv+1)}$")
    for i, (v, table) in enumerate(tables.items()):
        each = table.std(axis=1) / table.mean(axis=1)
        jitter = v * np.exp(np.linspace(-0.06, 0.06, len(each)))
        ax.plot(jitter, each, ".", color=style.SKY, markersize=3, zorder=2)
        # The mean of squares has the law's expectation; that of roots would be a little below.
        mean = math.sqrt(float((each**2).mean()))
        mark: dict[str, Any] = {
            "color": style.BLUE,
            "markerfacecolor": "white",
            "markersize": 6,
            "markeredgewidth": 1.4,
        }
        ax.plot(v, mean, "o", zorder=3, label=None if i else label or "rings", **mark)
    ax.set(xscale="log", yscale="log", xlabel="virtual nodes per server", ylabel="standard deviation / mean of load")
    ax.set_xticks(list(tables), [str(v) for v in tables])
    ax.minorticks_off()
    _log_axis(ax.yaxis, 100, " %")
    ax.grid(color="0.92")
    style.legend(ax, loc="lower left")
    rings = max(len(it) for it in tables.values())
    style.caption(ax, f"{n} servers", f"{rings} rings each", style.seed_text(seed))
    return ax


def _tables(shares: Any) -> tuple[dict[int, _Floats], int]:
    """The parts of the ring by number of virtual nodes, and how many servers there are."""
    if not isinstance(shares, Mapping):
        raise ParameterTypeError("shares", shares, "a mapping of numbers of virtual nodes to parts of rings")
    if not shares:
        raise ParameterError("shares", shares, "at least one number of virtual nodes")
    tables = {}
    for v, parts in shares.items():
        place = f"shares[{v!r}]"
        count = whole(v, place, "a positive number of virtual nodes", least=1)
        tables[count] = np.atleast_2d(given.numbers(parts, place, "parts of the ring, a row a ring"))
        if tables[count].ndim != 2 or not tables[count].size or not np.isfinite(tables[count]).all():
            raise ParameterError(place, tables[count].shape, "finite parts of the ring, a row a ring")
    nodes = {it.shape[1] for it in tables.values()}
    if len(nodes) != 1 or min(nodes) < 2:
        raise ParameterError("shares", nodes, "rings of equally many servers, two at least")
    return dict(sorted(tables.items())), nodes.pop()


def _spread_of_spread(v: _Floats, n: int) -> _Floats:
    """The standard deviation of a ring's relative standard deviation, relative to it, in first order.

    From the variance of a sample variance, with the excess kurtosis of Beta(a, b).
    """
    a, b = v, (n - 1) * v
    excess = 6 * ((a - b) ** 2 * (a + b + 1) - a * b * (a + b + 2)) / (a * b * (a + b + 2) * (a + b + 3))
    found: _Floats = 0.5 * np.sqrt(np.maximum(2 / (n - 1) + excess / n, 0))
    return found


def _log_axis(axis: Any, factor: float, unit: str) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, written as numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{factor * value:g}{unit}"))
    axis.set_minor_formatter(NullFormatter())


def dynamo_efficiency(figure: DynamoFigure, ax: Axes | None = None) -> Axes:
    """Load-balancing efficiency against the size of the metadata: figure 8 of the Dynamo paper.

    Parameters
    ----------
    figure : DynamoFigure
        From :func:`distlab.hashing.dynamo_figure`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes
        A line a strategy with a band of one standard deviation between rings; published points as circles.

    References
    ----------
    G. DeCandia et al.: Dynamo: Amazon's Highly Available Key-value Store, SOSP 2007.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.plot.dynamo_efficiency(dl.hashing.dynamo_figure([60, 480, 3840], rings=10))
    >>> len(ax.get_lines()) >= 3
    True
    """
    from ..hashing import DynamoFigure

    given.an(DynamoFigure, figure, "figure")
    ax = given.axes(ax, (6.0, 3.5))
    names = {
        1: "1: T random tokens, ranges between them",
        2: f"2: T random tokens, Q = {figure.partitions} equal ranges",
        3: "3: Q/S equal ranges per node",
    }
    colours = {1: style.VERMILLION, 2: style.BLUE, 3: style.GREEN}
    has_published = False
    for strategy in sorted(set(figure.strategy.tolist())):
        rows = np.flatnonzero(figure.strategy == strategy)
        rows = rows[np.argsort(figure.metadata[rows])]
        x, y, deviation = figure.metadata[rows], figure.efficiency[rows], figure.deviation[rows]
        colour = colours[strategy]
        ax.fill_between(x, y - deviation, np.minimum(y + deviation, 1), color=colour, alpha=0.15, linewidth=0)
        ax.plot(x, y, color=colour, linewidth=1.6, label=names[strategy])
        known = np.isfinite(figure.published[rows])
        has_published |= bool(known.any())
        mark: dict[str, Any] = {
            "color": colour,
            "markerfacecolor": "white",
            "markersize": 5.5,
            "markeredgewidth": 1.4,
            "zorder": 4,
        }
        ax.plot(x[known], figure.published[rows][known], "o", **mark)
    if has_published:
        ax.plot([], [], "o", color=style.BLACK, markerfacecolor="white", markersize=5.5, label="published")
    ax.set(xscale="log", ylim=(0.4, 1.01), ylabel="efficiency (mean / highest load)")
    ax.set_xlabel("size of the metadata (tokens, or partitions)")
    sizes = sorted(set(figure.metadata.tolist()))
    ax.set_xticks(sizes, [f"{it:,}" for it in sizes], rotation=30 if len(sizes) > 6 else 0)
    ax.minorticks_off()
    ax.grid(color="0.92")
    style.legend(ax, loc="lower right")
    about = f"S = {figure.nodes}, N = {figure.copies}"
    _caption_above(ax, about, f"{figure.rings} rings each", style.seed_text(figure.seed))
    return ax


def _caption_above(ax: Axes, *parts: str | None) -> None:
    """A caption where slanted labels of ticks are in the way below."""
    text = ", ".join(part for part in parts if part)
    style.write(ax, text, (1, 1), (0, 4), "axes fraction", ha="right", va="bottom", color=style.GREY)


def comparison(found: Comparison, ax: Axes | None = None) -> Axes:
    """Placements side by side: balance, movement, cost of a look-up, memory.

    Parameters
    ----------
    found : Comparison
        From :func:`distlab.hashing.compare`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one; its ``child_axes`` are the four panels. The names of the placements are on the first.
        Movement in vain is vermillion; the line is what has to move.

    Examples
    --------
    >>> import distlab as dl
    >>> ax = dl.plot.comparison(dl.hashing.compare(10, 5_000, ["ring", "jump", "modulo"], repeats=1))
    >>> [panel.get_title() for panel in ax.child_axes]
    ['fullest / mean', 'moved when one joins', 'ns per look-up', 'memory (bytes)']
    """
    from ..hashing import Comparison

    given.an(Comparison, found, "found")
    ax = given.axes(ax, (9.4, 0.9 + 0.28 * len(found.scheme)))
    rows = np.arange(len(found.scheme))
    bars: dict[str, Any] = {"height": 0.66, "color": style.BLUE, "linewidth": 0}
    panels = balance, movement, cost, memory = given.panels(ax, 4)
    balance.barh(rows, found.max_over_mean - 1, left=1, **bars)
    balance.set(title="fullest / mean", xlim=(1, None))
    movement.barh(rows, 100 * found.join_moved, **bars)
    needed = found.join_moved - found.join_unnecessary
    movement.barh(rows, 100 * found.join_unnecessary, left=100 * needed, **bars | {"color": style.VERMILLION})
    for row, ideal in zip(rows, found.join_ideal, strict=True):
        movement.plot([100 * ideal] * 2, [row - 0.42, row + 0.42], color=style.BLACK, linewidth=1.2)
    movement.set(title="moved when one joins", xlabel="% of the keys", xlim=(0, 100))
    cost.barh(rows, found.lookup_ns, **bars)
    cost.set(title="ns per look-up", xscale="log")
    _log_axis(cost.xaxis, 1, "")
    memory.barh(rows, found.size_bytes, **bars)
    memory.set(title="memory (bytes)", xscale="log")
    for panel in panels:
        panel.set_yticks(rows, found.scheme)
        panel.tick_params(axis="y", length=0, labelleft=panel is balance)
        panel.title.set_fontsize(style.SMALL + 2)
        panel.grid(axis="x", color="0.92")
        panel.set_ylim(len(rows) - 0.4, -0.6)
    style.caption(memory, f"{found.nodes} servers", f"{found.keys:,} keys")
    return ax


#: Trees of at most so many leaves are drawn whole, others only where they were compared.
_WHOLE = 32

_MOST = 400


def merkle_descent(
    diff: TreeDiff,
    ax: Axes | None = None,
    *,
    tree: MerkleTree | None = None,
    digits: int = 8,
    title: str | None = None,
) -> Axes:
    """How two Merkle trees were compared: what differs, what was compared and is equal, what was never looked at.

    Parameters
    ----------
    diff : TreeDiff
        From :meth:`MerkleTree.diff`.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    tree : MerkleTree, optional
        One of the two trees: hashes are written to its nodes, and keys under its leaves, where they fit.
    digits : int
        Hexadecimal digits of a hash to write.
    title : str, optional
        Over the tree.

    Returns
    -------
    matplotlib.axes.Axes
        Trees of at most 32 leaves are drawn whole. Of others, an equal subtree is a grey triangle.

    Raises
    ------
    ParameterError
        More than 400 nodes were compared.

    Examples
    --------
    >>> import distlab as dl
    >>> here = dl.hashing.MerkleTree({"a": 1, "b": 2}, leaves=8)
    >>> there = here.copy()
    >>> _ = there.put("b", 3)
    >>> ax = here.diff(there).plot(tree=here)
    >>> ax.get_legend() is not None
    True
    """
    from ..hashing import MerkleTree, TreeDiff

    given.an(TreeDiff, diff, "diff")
    if tree is not None:
        given.an(MerkleTree, tree, "tree")
        if tree.depth != diff.depth:
            raise ParameterError("tree", tree, f"one of the two trees, of {2**diff.depth} leaves")
    digits = whole(digits, "digits", "a positive number of digits", least=1)
    title = given.words(title, "title")
    if len(diff.level) > _MOST:
        raise ParameterError("diff", diff, f"at most {_MOST} nodes compared; {len(diff.level)} are too many to see")
    compared = {
        (level, index): differs
        for level, index, differs in zip(diff.level.tolist(), diff.index.tolist(), diff.differs.tolist(), strict=True)
    }
    is_whole = 2**diff.depth <= _WHOLE
    places = _layout(compared, diff.depth, is_whole)
    slots = 1 + max(x for x, _ in places.values())
    high = 0.62 if diff.depth < 6 else 0.36
    ax = given.axes(ax, (min(max(3.2, (0.62 if slots < 20 else 0.26) * slots), 12), 1.0 + high * (diff.depth + 1)))
    ax.axis("off")
    _edges(ax, places, compared)
    named = tree if tree is not None and slots <= 20 else None
    if not is_whole:
        _pruned(ax, places, compared, diff.depth)
    _nodes(ax, places, compared, named, digits)
    if named is not None:
        _leaf_keys(ax, places, named, diff)
    ax.set(xlim=(-0.7, slots - 0.3), ylim=(diff.depth + (0.9 if named is not None else 0.6), -0.5))
    if title:
        ax.set_title(title, fontsize=style.SMALL + 2)
    _descent_legend(ax, is_whole)
    return ax


_Node = tuple[int, int]


def _layout(compared: Mapping[_Node, bool], depth: int, is_whole: bool) -> dict[_Node, tuple[float, float]]:
    """Where nodes are: those without drawn children side by side, parents above the middle of theirs."""
    places: dict[_Node, tuple[float, float]] = {}
    slot = 0

    def place(level: int, index: int) -> float:
        nonlocal slot
        below = [(level + 1, 2 * index + side) for side in (0, 1)]
        if level < depth and (is_whole or below[0] in compared):
            x = sum(place(*it) for it in below) / 2
        else:
            x, slot = float(slot), slot + 1
        places[level, index] = (x, float(level))
        return x

    place(0, 0)
    return places


def _edges(ax: Axes, places: Mapping[_Node, tuple[float, float]], compared: Mapping[_Node, bool]) -> None:
    for (level, index), (x, y) in places.items():
        if level:
            above = places[level - 1, index // 2]
            differs = compared.get((level, index), False)
            look: dict[str, Any] = {
                "color": style.VERMILLION if differs else style.GREY,
                "linewidth": 1.6 if differs else 0.8,
            }
            ax.plot([above[0], x], [above[1], y], zorder=1, **look)


def _pruned(ax: Axes, places: Mapping[_Node, tuple[float, float]], compared: Mapping[_Node, bool], depth: int) -> None:
    for node, (x, y) in places.items():
        if node[0] < depth and not compared[node]:
            ax.fill([x, x - 0.3, x + 0.3], [y, y + 0.62, y + 0.62], color=style.PALE, linewidth=0, zorder=0.5)
            if depth - node[0] > 0:
                count = 2 ** (depth - node[0])
                offset: dict[str, Any] = {
                    "ha": "center",
                    "va": "center",
                    "fontsize": style.SMALL - 2,
                    "color": style.GREY,
                }
                ax.text(x, y + 0.5, f"{count:,}", **offset)


def _nodes(
    ax: Axes,
    places: Mapping[_Node, tuple[float, float]],
    compared: Mapping[_Node, bool],
    tree: MerkleTree | None,
    digits: int,
) -> None:
    for node, (x, y) in places.items():
        differs = compared.get(node)
        colour = style.PALE if differs is None else style.VERMILLION if differs else style.GREEN
        if tree is None:
            ax.plot(x, y, "o", color=colour, markersize=6.5, markeredgecolor="white", zorder=2)
            continue
        text = tree.node(*node).hex().upper()[:digits]
        ink = style.GREY if differs is None else "white"
        box: dict[str, Any] = {
            "boxstyle": "round,pad=0.28",
            "facecolor": colour,
            "edgecolor": "white",
            "linewidth": 0.6,
        }
        look: dict[str, Any] = {"ha": "center", "va": "center", "family": "monospace", "fontsize": style.SMALL - 1}
        ax.text(x, y, text, color=ink, bbox=box, zorder=2, **look)


def _leaf_keys(ax: Axes, places: Mapping[_Node, tuple[float, float]], tree: MerkleTree, diff: TreeDiff) -> None:
    unlike = set(diff.leaves.tolist())
    for (level, index), (x, y) in places.items():
        if level == diff.depth:
            keys = tree.keys(index)
            text = f"{keys[0]}, +{len(keys) - 1}" if len(keys) > 1 else "".join(map(str, keys))
            colour = style.VERMILLION if index in unlike else style.GREY
            style.write(ax, text, (x, y), (0, -13), ha="center", va="top", color=colour, fontsize=style.SMALL - 1)


def _descent_legend(ax: Axes, is_whole: bool) -> None:
    looks = [("differs", style.VERMILLION), ("compared, equal", style.GREEN)]
    for name, colour in looks:
        ax.plot([], [], "o", color=colour, markersize=6.5, label=name)
    rest = "not looked at" if is_whole else "not looked at (leaves)"
    ax.plot([], [], "o" if is_whole else "^", color=style.PALE, markersize=6.5, label=rest)
    ax.legend(
        frameon=False,
        fontsize=style.SMALL,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=3,
        handletextpad=0.1,
        columnspacing=1.2,
    )
