"""Experiments that published work can be compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import units
from .errors import ParameterError
from .network import Disk, Exponential, Network
from .raft import Raft
from .units import Duration

__all__ = ["time_without_leader"]


def time_without_leader(
    election_timeout: tuple[Duration, Duration],
    *,
    trials: int = 1_000,
    seed: int = 0,
    network: Network | None = None,
    disk: Disk | None = None,
    log_lengths: Sequence[int] = (1, 2, 3, 4),
    give_up: Duration = "120s",
) -> NDArray[np.float64]:
    """How long a Raft cluster is without a leader after a crash: the setup of figure 16 of the Raft paper.

    A leader and as many followers as there are log lengths. In each trial the leader sends heartbeats to all at
    once and crashes at a random time within the heartbeat interval, which is half of the shortest election
    timeout. The followers' logs differ in length, so that not all of them can be elected.

    Parameters
    ----------
    election_timeout : (duration, duration)
        The range from which election timeouts are drawn.
    trials : int
        How many crashes; trial ``i`` is a fork of one cluster with seed ``i``.
    seed : int
        Of the cluster that is forked, and of the times of the crashes.
    network, disk : Network, Disk, optional
        The paper publishes no distribution, only that a broadcast took about 15 ms. By default a message
        takes 1 ms and a sync an exponential time of mean 3 ms: two numbers, chosen to fit the figure's rows.
    log_lengths : sequence of int
        The number of entries in each follower's log.
    give_up : duration
        After how long a trial without a leader ends.

    Returns
    -------
    array of float
        Seconds without a leader of each trial; nan if there was none in time.

    References
    ----------
    D. Ongaro, J. Ousterhout: In Search of an Understandable Consensus Algorithm (extended version), 2014,
    section 9.3.

    Examples
    --------
    >>> from distlab.experiments import time_without_leader
    >>> times = time_without_leader(("150ms", "300ms"), trials=20)
    >>> len(times), bool(0.05 < times.min() < times.max() < 2)
    (20, True)
    """
    shortest = units.seconds(units.span(election_timeout, "election_timeout")["min"])
    trials = units.count(trials, "trials")
    heartbeat = shortest / 2
    cluster = Raft(
        len(log_lengths) + 1,
        seed=seed,
        network=network or Network(latency="1ms"),
        disk=disk or Disk(sync=Exponential("3ms")),
        election_timeout=election_timeout,
        heartbeat=heartbeat,
        noop=False,
        trace="off",
    )
    if not cluster.run_until(cluster.has_leader, timeout="1000s"):
        raise ParameterError(
            "election_timeout", election_timeout, "a range wide enough to elect a first leader"
        )
    cluster.run_for(2 * heartbeat)
    leader = cluster.leader
    assert leader is not None
    followers = [name for name in cluster.nodes if name != leader]
    for name, length in zip(followers, log_lengths, strict=True):
        cluster.set_state(name, log=[1] * length, leader=leader)
    crashes = np.random.default_rng(seed).uniform(0.0, heartbeat, trials)
    return np.array([_trial(cluster, leader, i, float(crashes[i]), give_up) for i in range(trials)])


def _trial(cluster: Raft, leader: str, seed: int, crash: float, give_up: Duration) -> float:
    """Until the crash nobody hears anything more, so the leader may as well go right after its broadcast."""
    trial = cluster.fork(seed=seed)
    broadcast = trial.now
    trial.beat(leader).crash(leader)
    elected = trial.run_until(trial.has_leader, timeout=give_up)
    return trial.now - broadcast - crash if elected else float("nan")
