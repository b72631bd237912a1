"""What one may ask a player to do to its cluster: to a node, a link, a message, or what waits at a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import ParameterError
from ._recording import Recording

if TYPE_CHECKING:
    from ..cluster import Cluster

MESSAGE_VERBS: Mapping[str, Callable[[Any, int], object]] = MappingProxyType(
    {
        "deliver": lambda cluster, id: cluster.deliver(id),
        "drop": lambda cluster, id: cluster.drop(id),
        "duplicate": lambda cluster, id: cluster.duplicate(id),
    }
)
"""What may be done to a message under way."""

Named = tuple[str, Callable[[Any], object]]


def asked_action(asked: Mapping[str, Any], recordings: Sequence[Recording]) -> Named:
    """What the browser asks for, with a name for its branch.

    Parameters
    ----------
    asked : mapping
        With ``verb``; and ``node``, perhaps ``other`` or ``waiting``, or ``recording`` and ``message``.
    recordings : sequence of Recording
        All that the player has.

    Raises
    ------
    ParameterError
        If there is no such verb, or what it is about waits no longer.
    """
    verb = str(asked["verb"])
    if asked.get("message") is not None:
        return _about_message(verb, recordings[int(asked["recording"])], int(asked["message"]))
    node = str(asked.get("node", ""))
    if verb == "deliver all":
        return verb, lambda cluster: cluster.settle()
    if verb == "let" and asked.get("waiting") is not None:
        label = str(asked["waiting"])
        return f"{label} of {node}", lambda cluster: cluster.deliver(_waiting(cluster, node, label))
    if verb == "link" and asked.get("other") is not None:
        other = str(asked["other"])
        return f"link {node} - {other}", lambda cluster: _switch_link(cluster, node, other)
    known = type(recordings[0].cluster)._verbs
    if verb not in known:
        raise ParameterError("verb", verb, f"one of {', '.join(known)}")
    act = known[verb].act
    return (verb if known[verb].when == "cut" else f"{verb} {node}"), lambda cluster: act(cluster, node)


def _about_message(verb: str, recording: Recording, place: int) -> Named:
    if verb not in MESSAGE_VERBS:
        raise ParameterError("verb", verb, f"one of {', '.join(MESSAGE_VERBS)}")
    id, words = recording.message(place)
    return f"{verb} {words}", lambda cluster: MESSAGE_VERBS[verb](cluster, id)


def _waiting(cluster: Cluster, node: str, label: str) -> int:
    """The first thing of a name that waits at a node and is no message."""
    rows = cluster._world.pending(False)
    found = [row["id"] for row in rows if (row["dst"], row["label"]) == (node, label) and row["kind"] != "message"]
    if not found:
        raise ParameterError("waiting", label, f"something that waits at {node}")
    return found[0]


def _switch_link(cluster: Cluster, a: str, b: str) -> None:
    """Cut the link between two nodes, or mend it if it is cut."""
    if {(a, b), (b, a)} & set(cluster.cuts):
        cluster.mend(a, b)
    else:
        cluster.cut(a, b)
