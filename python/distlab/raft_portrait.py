"""What pictures say about a server of Raft, and about a client."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .membership import Membership
from .portrait import FAULT_VERBS, LogPortrait, Portrait, Tone, Verb, plain_portrait

if TYPE_CHECKING:
    from .raft import Raft

TONES: Mapping[str, Tone] = {
    "follower": "calm",
    "candidate": "running",
    "pre_candidate": "running",
    "leader": "leading",
}


_SERVER = {"role": {"leader": {"peers": {"id": True, "match_index": True, "next_index": True}}}} | dict.fromkeys(
    ("leader", "commit", "applied", "votes"), True
)
_DISK = {"term": True, "voted_for": True, "log": {"first": True}, "snapshot": {"last_included_index": True}}
PARTS: Mapping[str, Any] = {"state": {"raft": {"server": _SERVER}}, "disk": {"raft": _DISK}}
"""What a portrait needs of a server beside its log: it costs the same however long that is."""


def portrait(raft: Raft, node: str, known: LogPortrait | None = None) -> Portrait:
    """A server with its term, votes and log, perhaps without what is known of that; of a client what any node has."""
    if node not in raft.nodes:
        return plain_portrait(raft, node)
    live, disk = raft._world.state(node, PARTS)
    disk = disk["raft"]
    server: Any = {"role": "down", "leader": None, "commit": 0, "applied": 0}
    if live is not None:
        server = live["raft"]["server"]
    role, first = server["role"], disk["log"]["first"]
    peers = role["leader"]["peers"] if isinstance(role, Mapping) else []
    role = "leader" if isinstance(role, Mapping) else role
    kept, entries = _entries(raft, node, first, known)
    log = LogPortrait(
        entries=entries,
        first=first,
        committed=max(server["commit"], first - 1),
        applied=max(server["applied"], first - 1),
        unit="term",
        words=words,
        kept=kept,
    )
    facts = {"term": disk["term"], "voted for": disk["voted_for"], "leader": server["leader"], "last index": log.last}
    if live is not None:
        facts |= {"committed": log.committed, "applied": log.applied}
    if peers:
        facts["sends next"] = {peer["id"]: peer["next_index"] for peer in peers if peer["id"] != node}
    if disk["snapshot"] is not None:
        facts["snapshot up to"] = disk["snapshot"]["last_included_index"]
    return Portrait(
        role="" if live is None else role.replace("_", "-"),
        tone=TONES.get(role, ""),
        badge=f"T{disk['term']}",
        below="" if disk["voted_for"] is None else f"→ {disk['voted_for']}",
        facts=facts,
        timer="heartbeat" if role == "leader" else "election",
        votes=_votes(raft, node, server) if "candidate" in role else {},
        log=log,
        reached={peer["id"]: peer["match_index"] for peer in peers if peer["id"] != node},
    )


def _entries(raft: Raft, node: str, first: int, known: LogPortrait | None) -> tuple[int, list[tuple[int, Any]]]:
    """How many entries of a log are as they are known, and those after them.

    A log changes by dropping entries from some place on and adding others, and no entry comes again once it was
    dropped: where an entry is as it is known, so is all before it. It is looked for from the end, in steps twice as
    long each.
    """
    known = known if known is not None and known.first <= first else LogPortrait(first=first)
    index, step = known.last + 1, 1
    while True:
        index, step = max(index - step, first), 2 * step
        kept = index - first
        parts = {"disk": {"raft": {"log": {"entries": slice(kept, None)}}}}
        found = raft._world.state(node, parts)[1]["raft"]["log"]["entries"]
        entries = [(entry["term"], entry["command"]) for entry in found]
        if not kept or (entries and entries[0] == known.entries[index - known.first]):
            return kept, entries


def _votes(raft: Raft, node: str, server: Mapping[str, Any]) -> dict[str, bool | None]:
    """What each voter has said to a candidate."""
    members = raft.membership(node)
    voters = list(dict.fromkeys([*members.voters, *members.outgoing]))
    return dict(zip(voters, server["votes"], strict=False))


def words(command: Any) -> str:
    """What an entry of a log holds, in a few words.

    Examples
    --------
    >>> from distlab.raft_portrait import words
    >>> words("noop"), words({"apply": {"session": None, "op": {"put": {"key": "x", "value": 5}}}})
    ('no-op', 'put x 5')
    """
    if isinstance(command, str):
        return "no-op" if command == "noop" else command
    ((what, content),) = command.items()
    if what == "configure":
        return str(Membership(**content["membership"]))
    op = content["op"] if what == "apply" else what
    if isinstance(op, str):
        return op
    ((kind, fields),) = op.items()
    return " ".join([kind, *map(str, fields.values())])


def _propose(raft: Any, node: str) -> None:
    at = f"at {raft.now:g} s"
    commands = {
        "kv": ("put", "x", at),
        "counter": ("add", 1),
        "lock": ("acquire", "x", at),
        "queue": ("enqueue", "x", at),
        "list": ("append", "x", at),
    }
    machine = raft._server_config["machine"]
    raft.propose(node, commands[machine] if isinstance(machine, str) else ("apply", at))


VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        **FAULT_VERBS,
        "campaign": Verb("up", lambda raft, node: raft.campaign(node)),
        "propose": Verb("up", _propose),
        "tick": Verb("manual", lambda raft, node: raft.tick(node)),
    }
)
"""What may be done to a server: what to any node, and what only Raft knows."""
