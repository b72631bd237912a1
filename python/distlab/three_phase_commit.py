"""Three-phase commit: participants need not wait for a coordinator that is down (notes 2.6.3; Skeen 1981)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from . import units
from .cluster import TraceLevel
from .commitment import AtomicCommit, chance
from .network import Disk, Network
from .units import Duration

__all__ = ["ThreePhaseCommit"]


class ThreePhaseCommit(AtomicCommit):
    """A coordinator and participants that commit in three phases.

    Participants that hear nothing resolve among themselves. That is safe only if a silent node is a crashed one: if
    messages and disks are never slower than the timeouts, and the network is never partitioned.

    Parameters
    ----------
    participants : int or list of str
        How many databases (``db0, db1, ...``), or their names. The coordinator is called ``tc``.
    acks : bool
        Whether participants acknowledge decisions: six messages for each of them instead of five.
    abort_on_missing_ack : bool
        Whether the coordinator aborts when an acknowledgement of a pre-commit does not come. This is the notes'
        wording, and splits the decision; otherwise it commits, as Skeen's does.
    vote_timeout : duration or (duration, duration)
        How long the coordinator waits for votes before it aborts.
    prepare_timeout : duration or (duration, duration)
        How long a participant with work waits to be asked for its vote before it aborts.
    ack_timeout : duration or (duration, duration)
        How long the coordinator waits for acknowledgements.
    decision_timeout : duration or (duration, duration)
        How long a participant in doubt hears nothing before it asks the others; longer than ``vote_timeout`` and
        ``ack_timeout`` by some messages.
    poll_timeout : duration or (duration, duration)
        How long it waits for what they say; longer than a round trip.
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
        A rule that every node breaks, to test the tests: one of ``ThreePhaseCommit.mutants``.

    Raises
    ------
    ParameterError
        If there are no participants, a duration is zero, a word is not known, ...

    Examples
    --------
    Where two-phase commit blocks, the participants come to an end without the coordinator:

    >>> import distlab as dl
    >>> cluster = dl.ThreePhaseCommit(participants=3, seed=1, network=dl.Network(latency="5ms"))
    >>> op = cluster.client("alice").transaction({name: [("put", "x", 1)] for name in cluster.participants})
    >>> _ = cluster.at("22ms").crash("tc")
    >>> cluster.run(until="1s").decisions("alice.1")
    {'tc': None, 'db0': 'commit', 'db1': 'commit', 'db2': 'commit'}

    A partition splits the decision:

    >>> cluster = dl.ThreePhaseCommit(network=dl.Network(latency="5ms"), check_invariants=True)
    >>> op = cluster.client("alice").transaction({name: [("put", "x", 1)] for name in cluster.participants})
    >>> cluster.run(until="16ms").partition(["tc", "db0"], ["db1", "db2"]).run(until="1s")
    Traceback (most recent call last):
    ...
    distlab.InvariantViolation: ...Agreement...
    """

    mutants: ClassVar[tuple[str, ...]] = (
        "forget_vote",
        "forget_decision",
        "vote_before_sync",
        "commit_without_all_votes",
        "resolve_alone",
        "skip_precommit",
        "count_recovered",
        "recover_alone",
    )
    _protocol = "three_phase_commit"

    def __init__(
        self,
        participants: int | Sequence[str] = 3,
        *,
        acks: bool = False,
        abort_on_missing_ack: bool = False,
        vote_timeout: Duration | tuple[Duration, Duration] = "100ms",
        prepare_timeout: Duration | tuple[Duration, Duration] = "300ms",
        ack_timeout: Duration | tuple[Duration, Duration] = "100ms",
        decision_timeout: Duration | tuple[Duration, Duration] = "300ms",
        poll_timeout: Duration | tuple[Duration, Duration] = "100ms",
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
            "acks": bool(acks),
            "abort_on_missing_ack": bool(abort_on_missing_ack),
            "vote_timeout": units.span(vote_timeout, "vote_timeout"),
            "prepare_timeout": units.span(prepare_timeout, "prepare_timeout"),
            "ack_timeout": units.span(ack_timeout, "ack_timeout"),
            "decision_timeout": units.span(decision_timeout, "decision_timeout"),
            "poll_timeout": units.span(poll_timeout, "poll_timeout"),
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
