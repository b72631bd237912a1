"""Two-phase commit: a transaction happens at all of its participants or at none (notes 2.6.2; Gray 1978)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from . import units
from .cluster import TraceLevel
from .commitment import AtomicCommit, chance
from .network import Disk, Network
from .units import Duration

__all__ = ["TwoPhaseCommit"]


class TwoPhaseCommit(AtomicCommit):
    """A coordinator and participants that commit in two phases.

    A participant that has voted YES is blocked, and keeps its locks, until somebody tells it the decision.

    Parameters
    ----------
    participants : int or list of str
        How many databases (``db0, db1, ...``), or their names. The coordinator is called ``tc``.
    presumed_abort : bool
        Whether the coordinator keeps no record of a transaction before it commits: without a record it was aborted.
    acks : bool
        Whether participants acknowledge decisions: four messages for each of them instead of three.
    cooperative : bool
        Whether a participant in doubt asks the other participants too.
    vote_timeout : duration or (duration, duration)
        How long the coordinator waits for votes before it aborts.
    prepare_timeout : duration or (duration, duration)
        How long a participant with work waits to be asked for its vote before it aborts.
    decision_timeout : duration or (duration, duration)
        How long a participant that voted YES waits for the decision before it asks, again and again.
    ack_timeout : duration or (duration, duration)
        How long the coordinator waits for acknowledgements before it repeats a decision.
    retry : duration, (duration, duration) or None
        How long a client waits for the result before it asks again; None: for ever.
    no_probability : float
        How often a participant votes NO though it could commit.
    seed, network, disk, service, trace, manual, limits
        As for :class:`distlab.Cluster`.
    check_invariants : bool or list of str
        Whether to look at the invariants after every step: Agreement, DecisionStable, CommitValid, AppliedOnce,
        LocksHeld.
    mutant : str, optional
        A rule that every node breaks, to test the tests: one of ``TwoPhaseCommit.mutants``.

    Raises
    ------
    ParameterError
        If there are no participants, a duration is zero, a word is not known, ...

    Examples
    --------
    The coordinator crashes while the votes are on their way to it, and the participants are blocked:

    >>> import distlab as dl
    >>> cluster = dl.TwoPhaseCommit(participants=3, seed=1, network=dl.Network(latency="5ms"))
    >>> op = cluster.client("alice").transaction({name: [("put", "x", 1)] for name in cluster.participants})
    >>> _ = cluster.at("12ms").crash("tc").at("1s").recover("tc")
    >>> cluster.run(until="500ms").in_doubt()
    {'db0': ['alice.1'], 'db1': ['alice.1'], 'db2': ['alice.1']}
    >>> cluster.locks_held()["db0"]
    {'x': 'alice.1'}
    >>> _ = cluster.run(until="2s")
    >>> op.result, cluster.decisions(op)
    ('committed', {'tc': 'commit', 'db0': 'commit', 'db1': 'commit', 'db2': 'commit'})
    """

    mutants: ClassVar[tuple[str, ...]] = (
        "forget_vote",
        "forget_decision",
        "vote_before_sync",
        "decide_before_sync",
        "abort_after_yes",
        "vote_after_abort",
        "commit_without_all_votes",
        "guess_abort",
        "unlock_early",
        "forget_locks",
    )
    _protocol = "two_phase_commit"

    def __init__(
        self,
        participants: int | Sequence[str] = 3,
        *,
        presumed_abort: bool = False,
        acks: bool = False,
        cooperative: bool = False,
        vote_timeout: Duration | tuple[Duration, Duration] = "100ms",
        prepare_timeout: Duration | tuple[Duration, Duration] = "200ms",
        decision_timeout: Duration | tuple[Duration, Duration] = "100ms",
        ack_timeout: Duration | tuple[Duration, Duration] = "100ms",
        retry: Duration | tuple[Duration, Duration] | None = "500ms",
        no_probability: float = 0.0,
        seed: int = 0,
        network: Network | None = None,
        disk: Disk | None = None,
        service: Any = None,
        trace: TraceLevel = "summary",
        check_invariants: bool | Iterable[str] = False,
        manual: bool = False,
        mutant: str | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        config = {
            "presumed_abort": bool(presumed_abort),
            "acks": bool(acks),
            "cooperative": bool(cooperative),
            "vote_timeout": units.span(vote_timeout, "vote_timeout"),
            "prepare_timeout": units.span(prepare_timeout, "prepare_timeout"),
            "decision_timeout": units.span(decision_timeout, "decision_timeout"),
            "ack_timeout": units.span(ack_timeout, "ack_timeout"),
            "no_per_million": chance(no_probability, "no_probability"),
            "mutant": mutant,
        }
        self._set_up(
            participants,
            config,
            retry,
            seed=seed,
            network=network,
            disk=disk,
            service=service,
            trace=trace,
            check_invariants=check_invariants,
            manual=manual,
            limits=limits,
        )
