"""A cluster at one moment: nodes in a ring, messages on their way, logs beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .. import units
from ..errors import ParameterTypeError
from ..portrait import LogPortrait, Portrait
from . import _given as given
from . import _style as style
from ._arrows import colours_of
from ._logs import draw_boxes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..cluster import Cluster

#: How a node looks, by the tone of its role; other roles get colours of the palette.
TONES = {"leading": style.BLUE, "running": style.ORANGE, "calm": "#F6F7F9"}
ROLES = (style.GREEN, style.PURPLE, style.SKY, style.GREY)

RADIUS = 0.17
"""Of a node, where the ring has radius 1."""


def cluster_ring(
    cluster: Cluster, ax: Axes | None = None, *, sent: Mapping[int, float] | None = None, logs: bool = True
) -> Axes:
    """A cluster as it stands: nodes in a ring with their roles and timers, messages under way, cut links.

    Parameters
    ----------
    cluster : Cluster
        What to draw; it does not move.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.
    sent : mapping of int to float, optional
        When messages that are under way were sent, by id, in seconds: where it is not known, and the cluster's trace
        does not tell, a message is drawn half-way.
    logs : bool
        Whether to draw the logs below, of nodes that have one.

    Returns
    -------
    matplotlib.axes.Axes
        ``ax``, or the new one.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(5, seed=7)
    >>> _ = raft.run_until(raft.has_leader)
    >>> ax = dl.plot.cluster_ring(raft)
    """
    if not callable(getattr(cluster, "portrait", None)):
        raise ParameterTypeError("cluster", cluster, "a cluster")
    names = cluster._world.names
    faces = {name: cluster.portrait(name) for name in names}
    with_logs = [name for name in cluster.nodes if faces[name].log is not None] if logs else []
    ax = given.axes(ax, (6.4, 4.4 + 0.28 * len(with_logs)))
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-2.1 if len(names) == len(cluster.nodes) else -2.75, 2.1))
    ax.spines[:].set_visible(False)
    places = _places(cluster)
    waiting = cluster._world.pending(False)
    _draw_cuts(ax, cluster, places)
    _draw_messages(ax, cluster, places, waiting, _sent(cluster) if sent is None else sent)
    for name in names:
        _draw_node(ax, cluster, name, faces[name], places[name], _roles(faces))
    low = -1.45
    if with_logs:
        low = -1.65 - 0.24 * len(with_logs)
        _draw_rows(ax, {name: faces[name].log for name in with_logs}, -1.6)
    ax.set_ylim(low, 1.6)
    style.caption(ax, f"at {cluster.now:.6g} s", style.seed_text(cluster.seed))
    return ax


def _places(cluster: Cluster) -> dict[str, tuple[float, float]]:
    """Where each node stands: those of the protocol in a ring, others in a column left of it."""
    n, found = len(cluster.nodes), {}
    for i, name in enumerate(cluster.nodes):
        angle = math.pi / 2 - 2 * math.pi * i / n
        found[name] = (math.cos(angle), math.sin(angle)) if n > 1 else (0.0, 0.0)
    others = [name for name in cluster._world.names if name not in found]
    apart = min(0.5, 2.4 / max(len(others), 1))
    for i, name in enumerate(others):
        found[name] = (-2.45, ((len(others) - 1) / 2 - i) * apart)
    return found


def _roles(faces: Mapping[str, Portrait]) -> dict[str, str]:
    """Colours for roles without a tone."""
    roles = dict.fromkeys(it.role for it in faces.values() if it.role and not it.tone)
    return {role: ROLES[i % len(ROLES)] for i, role in enumerate(roles)}


def _sent(cluster: Cluster) -> dict[int, float]:
    """When messages were sent, from the cluster's own trace."""
    columns = cluster.trace.columns
    leaves = columns["kind"] == list(columns["kinds"]).index("send")
    return dict(zip(columns["id"][leaves].tolist(), columns["time"][leaves].tolist(), strict=True))


def _draw_node(
    ax: Axes, cluster: Cluster, name: str, face: Portrait, place: tuple[float, float], roles: Mapping[str, str]
) -> None:
    from matplotlib.patches import Circle

    (x, y), up, paused = place, cluster.up(name), cluster._world.is_paused(name)
    radius = RADIUS if name in cluster.nodes else 0.6 * RADIUS
    colour = TONES.get(face.tone) or roles.get(face.role, TONES["calm"]) if up else "white"
    edge = style.GREY if colour == TONES["calm"] else colour
    outline = {"edgecolor": edge, "linewidth": 1.4} if up else {"edgecolor": style.VERMILLION, "linestyle": "--"}
    ax.add_patch(Circle((x, y), radius, facecolor=colour, zorder=4, **cast("dict[str, Any]", outline)))
    ink = "white" if colour == style.BLUE else style.BLACK
    bold: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": style.SMALL, "weight": "bold", "zorder": 6}
    if not up:
        ax.plot([x], [y], "x", color=style.VERMILLION, markersize=14, zorder=5)
    elif name in cluster.nodes:
        ax.text(x, y, face.badge or name, color=ink, **bold)
    if paused:
        ax.text(x + 0.16, y - 0.16, "II", color=style.BROWN, **bold)
    role = "down" if not up else "paused" if paused else face.role
    timer = _timer_words(cluster, name, face) if up and not paused and name in cluster.nodes else None
    inside = up and name in cluster.nodes and not face.badge
    words = "\n".join(filter(None, (None if inside else name, role, timer)))
    side = 0 if abs(x) < 0.3 or name not in cluster.nodes else math.copysign(1, x)
    dx, dy = (side * 0.28, 0.0) if side else (0.0, radius + 0.1 if y > 0 and name in cluster.nodes else -radius - 0.06)
    align = {0: "center", 1: "left", -1: "right"}[int(side)]
    vertical = "center" if side else "bottom" if dy > 0 else "top"
    ax.text(x + dx, y + dy, words, ha=align, va=vertical, fontsize=style.SMALL, zorder=6)


def _timer_words(cluster: Cluster, name: str, face: Portrait) -> str | None:
    """Which of its timers is to go off, and in how long."""
    armed = [row for row in cluster._world.pending(False) if row["kind"] == "timer" and row["dst"] == name]
    chosen = [row for row in armed if row["label"] == face.timer] if face.timer else armed
    if not chosen:
        return None
    first = min(chosen, key=lambda row: row["at_ns"])
    return f"{first['label']} in {style.duration(max(units.seconds(first['at_ns']) - cluster.now, 0.0))}"


def _draw_cuts(ax: Axes, cluster: Cluster, places: Mapping[str, tuple[float, float]]) -> None:
    """Cut links, dashed and crossed in their middle."""
    for a, b in sorted({(min(it), max(it)) for it in cluster.cuts}):
        if a in places and b in places:
            (x0, y0), (x1, y1) = places[a], places[b]
            ax.plot([x0, x1], [y0, y1], "--", color=style.VERMILLION, linewidth=0.8, alpha=0.6, zorder=1)
            ax.plot([(x0 + x1) / 2], [(y0 + y1) / 2], "x", color=style.VERMILLION, markersize=6, zorder=1)


def _draw_messages(
    ax: Axes,
    cluster: Cluster,
    places: Mapping[str, tuple[float, float]],
    waiting: Any,
    sent: Mapping[int, float],
) -> None:
    import numpy as np

    flying = [row for row in waiting if row["kind"] == "message" and row["src"] != row["dst"]]
    colours = colours_of(np.asarray([row["label"] for row in flying], np.str_)) if flying else {}
    for row in flying:
        (x0, y0), (x1, y1) = places[row["src"]], places[row["dst"]]
        begin, end = sent.get(row["id"]), units.seconds(row["at_ns"])
        share = 0.5 if begin is None or end <= begin else min(max((cluster.now - begin) / (end - begin), 0.0), 1.0)
        length = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        along, bend = RADIUS + share * (length - 2 * RADIUS), 0.28 * share * (1 - share) * length
        colour = colours.get(row["label"], style.GREY)
        ax.annotate(
            "",
            (x0 + ux * along + uy * bend, y0 + uy * along - ux * bend),
            (x0 + ux * (along - 0.16) + uy * bend, y0 + uy * (along - 0.16) - ux * bend),
            arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0},
            zorder=3,
        )
    for label in dict.fromkeys(row["label"] for row in flying):
        ax.plot([], [], ">-", color=colours.get(label, style.GREY), markersize=4, label=label)
    style.legend(ax, loc="upper right", bbox_to_anchor=(1.0, 1.02))


def _draw_rows(ax: Axes, logs: Mapping[str, LogPortrait | None], top: float) -> None:
    """The ends of logs as rows of boxes, in the coordinates of the ring."""
    size, columns = 0.19, 18
    last = max(log.last for log in logs.values() if log is not None)
    first = max(1, last - columns + 1)
    small: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 6, "color": style.GREY}
    for index in range(first, last + 1):
        ax.text(-1.55 + (index - first + 0.5) * size, top + 0.02, str(index), **small)
    for i, (name, log) in enumerate(logs.items()):
        assert log is not None
        y = top - 0.24 * (i + 1)
        ax.text(-1.65, y + size / 2, name, ha="right", va="center", fontsize=style.SMALL)
        draw_boxes(ax, log, y, size, (first, last), lambda index: -1.55 + (index - first) * size)
