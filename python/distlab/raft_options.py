"""How a Raft cluster may be set up, in the form of the core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import units
from ._core import machine_class, state_machine
from .errors import ParameterError, ParameterTypeError
from .units import Duration

READ_MODES = ("log", "read_index", "local", "lease", "follower", "session")
MACHINES = ("kv", "counter", "lock", "queue", "list")
MUTANTS = (
    "vote_twice",
    "no_log_check",
    "vote_before_sync",
    "minority_quorum",
    "commit_old_term",
    "count_before_sync",
    "ack_before_sync",
    "commit_beyond_match",
    "no_truncate",
    "truncate_always",
    "no_consistency_check",
    "no_dedup",
    "read_without_round",
    "pre_vote_counts",
    "pre_vote_binds",
    "direct_switch",
    "new_majority_only",
    "second_change",
    "change_before_commit",
    "no_rollback",
    "learners_count",
    "lease_without_bound",
    "follower_read_at_once",
    "snapshot_without_sessions",
    "snapshot_without_members",
    "compact_before_snapshot",
    "install_older",
    "keep_conflicting_log",
    "chunks_in_any_order",
    "expired_is_new",
    "vote_with_hole",
    "session_read_at_once",
)


def timing(election_timeout: Duration | tuple[Duration, Duration], heartbeat: Duration) -> tuple[dict[str, int], int]:
    """The election timeout and the heartbeat in nanoseconds."""
    timeout = units.span(election_timeout, "election_timeout")
    beat = units.positive(heartbeat, "heartbeat")
    if timeout["min"] == 0:
        raise ParameterError("election_timeout", election_timeout, "durations above 0")
    if beat >= timeout["min"]:
        allowed = f"below the shortest election timeout ({units.seconds(timeout['min']) * 1e3:g} ms)"
        raise ParameterError("heartbeat", heartbeat, allowed)
    return timeout, beat


def client_config(
    servers: list[str], retry: Duration | tuple[Duration, Duration], read_mode: str, register: bool
) -> dict[str, Any]:
    """How a client is set up."""
    units.choice(read_mode, "read_mode", READ_MODES)
    patience = units.span(retry, "retry")
    if patience["min"] == 0:
        raise ParameterError("retry", retry, "durations above 0")
    return {"servers": servers, "retry": patience, "read_mode": read_mode, "register": register}


def members(nodes: int | Sequence[str], learners: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of voters and learners."""
    voters, listening = units.names(nodes, "nodes"), listed(learners, "learners")
    if set(listening) & set(voters):
        raise ParameterError("learners", learners, "servers that are no voters")
    return voters, listening


def lease_bound(drift: float | None, leader_liveness: bool, read_mode: str) -> int | None:
    """The bound of leases in millionths; None without leases."""
    if drift is None:
        if read_mode == "lease":
            raise ParameterError("lease_drift", drift, "a bound on the drift of clocks, for leases to read by")
        return None
    if not leader_liveness:
        raise ParameterError("lease_drift", drift, "None without leader_liveness", "leases need leader_liveness=True")
    return round(units.probability(drift, "lease_drift") * 1e6)


def listed(names: Any, parameter: str) -> list[str]:
    """Names of servers, perhaps none."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Sequence):
        raise ParameterTypeError(parameter, names, "a list of names of servers")
    return units.names(list(names), parameter) if len(names) else []


def machine_kind(machine: Any) -> Any:
    """Which state machine, in the form of the core."""
    if isinstance(machine, type):
        _check_state(machine)
        return {"custom": state_machine(machine)}
    if not isinstance(machine, str):
        raise ParameterTypeError("machine", machine, f"one of {', '.join(MACHINES)}, or a class with apply(command)")
    return units.choice(machine, "machine", MACHINES)


def machine_spec(kind: Any) -> str | type | None:
    """What a state machine does, for checkers: the name of a specification, or its class; None if not known."""
    if isinstance(kind, str):
        return "mutex" if kind == "lock" else kind
    return machine_class(kind["custom"]) if kind else None


def _check_state(machine: type) -> None:
    """Whether the state of such machines is found again: by two methods, or in their attributes."""
    methods = [hasattr(machine, name) for name in ("snapshot", "restore")]
    if any(methods):
        if not all(methods):
            raise ParameterTypeError("machine", machine, "a class with both snapshot() and restore(state), or neither")
        return
    bases = machine.__mro__[:-1]
    if any("__slots__" in vars(base) or base.__module__ == "builtins" for base in bases):
        allowed = "a class with snapshot() and restore(state), since its state is not in its attributes alone"
        raise ParameterTypeError("machine", machine, allowed)


def known_sessions(limit: int | None, sessions: bool) -> int | None:
    """How many sessions are remembered."""
    if limit is not None and not sessions:
        raise ParameterError("session_limit", limit, "None without sessions")
    return None if limit is None else units.count(limit, "session_limit")
