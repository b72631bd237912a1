"""When a replicated log is compacted, and what takes the place of its beginning (notes 3.14 and 3.15)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import units
from ._core import decode, encode
from .errors import ParameterError, ParameterTypeError
from .membership import Membership
from .units import Duration

__all__ = ["Compaction", "LogSnapshot"]

MOST = 1_000_000
"""The greatest index of a snapshot that is made by hand: what watches a cluster keeps a number for every index."""


@dataclass(frozen=True)
class Compaction:
    """When a server takes a snapshot in place of the beginning of its log, each on its own.

    As soon as one of the conditions holds; without any, only when it is asked to (:meth:`Raft.compact`).

    Parameters
    ----------
    entries : int, optional
        So many entries have been applied since the last.
    bytes : int or str, optional
        The entries applied since the last take so many bytes; ``"64 KiB"`` is understood.
    factor : float, optional
        They take so many times what the last snapshot takes (Ongaro's thesis, section 5.1.2): with 4, a fifth of what
        is written is snapshots.
    every : duration, optional
        So long after the last, if anything was applied since.
    keep : int
        How many of the entries that it stands for stay in the log, for followers that lag a little.
    chunk : int or str
        How many bytes of a snapshot one InstallSnapshot carries.

    Examples
    --------
    >>> import distlab as dl
    >>> raft = dl.Raft(3, seed=1, compaction=dl.Compaction(entries=100, keep=10))
    >>> load = raft.workload(clients=4, limit=1_000)
    >>> _ = raft.run_for("20s")
    >>> state = raft.state(raft.leader)
    >>> state["snapshot"].index >= 900, len(state["log"]) <= 120
    (True, True)
    """

    entries: int | None = None
    bytes: int | str | None = None
    factor: float | None = None
    every: Duration | None = None
    keep: int = 0
    chunk: int | str = "32 KiB"

    def to_data(self) -> dict[str, Any]:
        """The form in which the core takes it."""
        factor = None
        if self.factor is not None:
            factor = round(100 * units.number(self.factor, "compaction.factor", "a number above 0, or None"))
        return {
            "entries": None if self.entries is None else units.count(self.entries, "compaction.entries"),
            "bytes": None if self.bytes is None else units.size(self.bytes, "compaction.bytes"),
            "factor_percent": factor,
            "every": None if self.every is None else units.positive(self.every, "compaction.every"),
            "keep": units.count(self.keep, "compaction.keep", least=0),
            "chunk": units.size(self.chunk, "compaction.chunk"),
        }

    @classmethod
    def of(cls, value: Any) -> Compaction:
        """What stands for it: itself, a number of entries, or None for never."""
        if isinstance(value, cls):
            return value
        if value is None:
            return cls()
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ParameterTypeError("compaction", value, "a Compaction, a number of entries, or None")
        return cls(entries=units.count(value, "compaction"))


class LogSnapshot(NamedTuple):
    """What stands for the entries up to ``index``: the state machine's contents there, and who belonged to the cluster.

    Attributes
    ----------
    index, term : int
        Of the last entry that it stands for.
    state : object
        What the state machine holds: a dict of keys and values, a counter's number, ... Sessions are not among it.
    membership : Membership, optional
        The latest configuration up to there; None where the log never had one.
    """

    index: int  # type: ignore[assignment]  # a log's index, rather than tuple.index
    term: int
    state: Any = None
    membership: Membership | None = None

    def to_data(self, machine: Any) -> dict[str, Any]:
        """The form in which the core takes it, for servers that run this machine."""
        index = units.count(self.index, "snapshot.index")
        if index > MOST:
            raise ParameterError("snapshot.index", index, f"an index up to {MOST:,}")
        if self.membership is not None and not isinstance(self.membership, Membership):
            raise ParameterTypeError("snapshot.membership", self.membership, "a Membership or None")
        replica: dict[str, Any] = {"machine": _machine(machine, self.state), "sessions": []}
        members = None
        if self.membership is not None:
            members = {"index": index, "membership": vars(self.membership)}
        return {
            "last_included_index": index,
            "last_included_term": units.count(self.term, "snapshot.term"),
            "members": members,
            "replica": replica,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> LogSnapshot | None:
        """From the form of the core."""
        if data is None:
            return None
        members = data["members"]
        return cls(
            data["last_included_index"],
            data["last_included_term"],
            contents(data["replica"]["machine"]),
            None if members is None else Membership(**members["membership"]),
        )


def contents(machine: Mapping[str, Any]) -> Any:
    """What a state machine holds, as users know it."""
    ((kind, held),) = machine.items()
    if kind == "custom":
        return decode(held[1])
    if kind == "lock":
        return {key: (holder["owner"], holder["token"]) for key, holder in held["held"].items()}
    return held


def _machine(kind: Any, state: Any) -> dict[str, Any]:
    """The other way round; without a state, as before the first command where the machine is not one's own."""
    if not isinstance(kind, str):
        if state is None:
            raise ParameterError("snapshot.state", state, "what snapshot() of the state machine returns")
        return {"custom": [kind["custom"], encode(state)]}
    if kind == "lock":
        try:
            held = {key: {"owner": owner, "token": token} for key, (owner, token) in (state or {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise ParameterTypeError("snapshot.state", state, "a dict of (owner, token) by lock") from None
        return {"lock": {"held": held, "token": max((it["token"] for it in held.values()), default=0)}}
    return {kind: (0 if kind == "counter" else {}) if state is None else state}
