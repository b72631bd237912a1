"""What nodes know after each event, for pictures to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import units
from .._core import nanoseconds
from ..errors import ParameterError, ParameterTypeError

if TYPE_CHECKING:
    from ..cluster import Cluster


class Lasting(dict[int, str]):
    """Words by row that hold until the next ones of the same node: an event without words has those of the last one.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.widgets.Lasting({3: "follower", 40: "leader"})[40]
    'leader'
    """


def watched(cluster: Cluster, until: units.Duration, show: str | Callable[[Cluster, str], Any] = "status") -> Lasting:
    """Run a cluster, and write down what its nodes know after each event: ``details`` of :func:`distlab.spacetime`.

    Parameters
    ----------
    cluster : Cluster
        With a trace of level ``"full"``. It runs as by :meth:`Cluster.run`, event by event.
    until : float, str or timedelta
        Until when.
    show : {"status", "state"} or callable
        What to write down: :meth:`Cluster.status`, :meth:`Cluster.state`, or what a callable gives for the cluster and
        the name of a node.

    Returns
    -------
    Lasting
        Words for the rows of each event that changed something.

    Raises
    ------
    ParameterError
        If the time is over, or there is no such thing to show.

    Notes
    -----
    After every event every node is asked, and after a change the trace is looked at: O(events x nodes + changes x
    rows). For runs of some thousands of events.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=7, trace="full")
    >>> states = dl.widgets.watched(raft, "0.3s")
    >>> picture = dl.spacetime(raft, details={"status after": states})
    >>> any("role=leader" in words for words in states.values())
    True
    """
    if not callable(getattr(cluster, "run_until", None)):
        raise ParameterTypeError("cluster", cluster, "a cluster")
    end = nanoseconds(until, "until")
    now = cluster._world.now
    if end < now:
        raise ParameterError("until", until, f"a time not before now, {units.seconds(now):g} s")
    ask = show if callable(show) else _asked(units.choice(show, "show", ("status", "state")))
    found, known, seen = Lasting(), {name: _words(ask(cluster, name)) for name in cluster.nodes}, len(cluster.trace)

    def look() -> bool:
        nonlocal seen
        changed = {}
        for name in cluster.nodes:
            if (words := _words(ask(cluster, name))) != known.get(name):
                changed[name] = known[name] = words
        if changed:
            columns = cluster.trace.columns
            for name, words in changed.items():
                found.update(dict.fromkeys(_last_handling(columns, name, seen), words))
            seen = len(columns["node"])
        return False

    cluster.run_until(look, units.seconds(end - now))
    look()
    cluster.run(until)
    return found


def _last_handling(columns: Mapping[str, Any], name: str, seen: int) -> list[int]:
    """The rows that the latest input of a node has caused, of those from row ``seen`` on."""
    rows = np.flatnonzero(columns["node"][seen:] == columns["names"].index(name)) + seen
    if not len(rows):
        return []
    same = [columns[it][rows] == columns[it][rows[-1]] for it in ("cause", "time")]
    found: list[int] = rows[same[0] & same[1]].tolist()
    return found


def _asked(what: str) -> Callable[[Cluster, str], Any]:
    return lambda cluster, name: getattr(cluster, what)(name)


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={it}" for name, it in value.items())
    return str(value)
