"""Servers that are as somebody wants them: the past that a scenario begins with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, Self

from . import units
from .compaction import LogSnapshot
from .errors import ParameterError, ParameterTypeError
from .membership import Membership
from .raft_client import operation

__all__ = ["Entry", "edit_disk", "follower"]


class _Fields(NamedTuple):
    index: int  # type: ignore[assignment]  # a log's index, rather than tuple.index
    term: int
    command: Any


class Entry(_Fields):
    """An entry of a log: ``index, term, command``.

    ``command`` is None for the no-op at the beginning of a term, and a :class:`Membership` where who belongs to the
    cluster changes.

    Attributes
    ----------
    session : dict or None
        The client's name for its command: ``client, lane, seq``. It is no part of the tuple.
    """

    session: dict[str, Any] | None

    def __new__(cls, index: int, term: int, command: Any, session: dict[str, Any] | None = None) -> Self:
        """An entry."""
        entry = super().__new__(cls, index, term, command)
        entry.session = session
        return entry


def edit_disk(
    disk: dict[str, Any], machine: Any, term: int | None, voted_for: Any, log: Any, snapshot: LogSnapshot | None
) -> None:
    """Changes what is on a server's disk; see :meth:`Raft.set_state`."""
    if snapshot is not None and not isinstance(snapshot, LogSnapshot):
        raise ParameterTypeError("snapshot", snapshot, "a LogSnapshot")
    if term is not None and units.count(term, "term", least=0) != disk["term"]:
        disk["term"], disk["voted_for"] = term, None  # nobody yet, in that term
    if voted_for is not ...:
        disk["voted_for"] = voted_for
    if log is not None:
        log, disk["unreadable"] = _past(log, 1 if snapshot is None else snapshot.index + 1), [0, 0]
        disk["log"] = {"first": 1, "before": 0, "entries": [_entry(it, i) for i, it in enumerate(log)]}
        disk["snapshot"] = None
    if snapshot is not None:
        disk["snapshot"] = snapshot.to_data(machine)
        entries = _following(disk["log"], snapshot) if log is None else disk["log"]["entries"]
        disk["log"] = {"first": snapshot.index + 1, "before": snapshot.term, "entries": entries}
    entries, before = disk["log"]["entries"], disk["log"]["before"]
    if entries and entries[0]["term"] < before:
        raise ParameterError("log", entries[0]["term"], f"terms from {before} on, that of the snapshot")
    latest = entries[-1]["term"] if entries else before
    if term is None:
        disk["term"] = max(disk["term"], latest)
    elif latest > term:
        raise ParameterError("term", term, f"at least {latest}, the term of the last entry")


def follower(server: Mapping[str, Any], disk: Mapping[str, Any], commit: int | None, leader: Any) -> dict[str, Any]:
    """A follower with what is on this disk, that was this server before."""
    first, entries, stands = disk["log"]["first"], disk["log"]["entries"], disk["snapshot"]
    last, applied = first + len(entries) - 1, 0 if stands is None else stands["last_included_index"]
    upto = max(min(server["commit"], last), applied) if commit is None else units.count(commit, "commit", least=0)
    if not applied <= upto <= last:
        raise ParameterError("commit", commit, f"an index of the log: from {applied} to {last}")
    members = [
        {"index": first + i, "membership": it["command"]["configure"]["membership"]}
        for i, it in enumerate(entries)
        if "configure" in it["command"]
    ]
    fresh = {"config": server["config"], "commit": upto, "leader": server["leader"] if leader is ... else leader}
    if stands is not None:
        fresh["replica"] = stands["replica"]
        members = [stands["members"]] * (stands["members"] is not None) + members
    return {**fresh, "applied": applied, "members": members}


def _following(log: Mapping[str, Any], snapshot: LogSnapshot) -> list[Any]:
    """What stays of a log behind a snapshot: all, if it has the snapshot's last entry; otherwise nothing."""
    beyond = snapshot.index + 1 - log["first"]
    entries: list[Any] = log["entries"]
    if 0 < beyond <= len(entries) and entries[beyond - 1]["term"] == snapshot.term:
        return entries[beyond:]
    return []


def _past(log: Any, first: int) -> list[Any]:
    """A log as a list, if it can be one that begins at this index."""
    if isinstance(log, (str, bytes, Mapping)) or not isinstance(log, Iterable):
        raise ParameterTypeError("log", log, "a sequence of terms or entries")
    entries = list(log)
    terms = [it.term if isinstance(it, Entry) else it for it in entries]
    numbers = [it for it in terms if isinstance(it, int)]
    if numbers != sorted(numbers):
        raise ParameterError("log", log, "terms that never fall")
    for i, it in enumerate(entries):
        if isinstance(it, Entry) and it.index != first + i:
            raise ParameterError(f"log[{i}].index", it.index, f"{first + i}, where it stands")
    return entries


def _entry(value: Any, position: int) -> dict[str, Any]:
    """An entry as data, from a term or an :class:`Entry`."""
    if isinstance(value, Entry):
        command: Any = value.command
        if command is None:
            command = "noop"
        elif isinstance(command, Membership):
            command = {"configure": {"membership": asdict(command)}}
        elif not (isinstance(command, Mapping) and "register" in command):
            command = {"apply": {"session": value.session, "op": operation(command)}}
        return {"term": units.count(value.term, f"log[{position}].term"), "command": command}
    return {"term": units.count(value, f"log[{position}]"), "command": "noop"}
