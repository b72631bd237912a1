"""Experiments that repeat one situation many times, on all cores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import units
from ._core import nanoseconds
from .network import Disk, Exponential, Network
from .raft import Raft
from .units import Duration

__all__ = ["election_times"]


def election_times(
    timeout: tuple[Duration, Duration] = ("150ms", "300ms"),
    count: int = 1_000,
    *,
    servers: int = 5,
    latency: object = "1ms",
    sync: object = Exponential("3ms"),
    heartbeat: Duration | None = None,
    unequal_logs: bool = True,
    deadline: Duration = "1000s",
    seed: int = 0,
) -> NDArray[np.float64]:
    """How long a Raft cluster is without a leader after its leader has crashed: the paper's figure 16.

    Every trial begins with a heartbeat that the leader sends to all followers at once, so that their timers
    start together and split votes are likely; the leader crashes at a random time within its heartbeat
    interval after that, and the trial ends when another server leads. (Ongaro and Ousterhout 2014, extended
    version, section 9.3.)

    Parameters
    ----------
    timeout : (duration, duration)
        The range of election timeouts.
    count : int
        How many trials.
    servers : int
        How many servers; one of them is the leader that crashes.
    latency : Distribution, duration, or pair of durations
        How long a message takes, one way.
    sync : Distribution, duration, or pair of durations
        How long a disk takes until a vote is on it. The paper publishes no distributions, only that a broadcast
        took about 15 ms; the defaults are two numbers chosen to fit its figure.
    heartbeat : duration, optional
        The leader's heartbeat interval; half of the shortest timeout otherwise.
    unequal_logs : bool
        Whether the logs differ in length, so that some servers cannot win.
    deadline : duration
        When to give up a trial.
    seed : int
        Trial ``i`` is the fork with seed ``seed * count + i``.

    Returns
    -------
    numpy array of float64
        Seconds without a leader, one for each trial; nan where the deadline came first.

    Examples
    --------
    >>> import distlab as dl, numpy as np
    >>> times = dl.election_times(("150ms", "300ms"), 200, seed=1)
    >>> bool(0.1 < np.median(times) < 0.3)
    True
    """
    units.count(count, "count")
    units.count(servers, "servers", least=2)
    shortest = units.span(timeout, "timeout")["min"]
    beat = shortest // 2 if heartbeat is None else units.positive(heartbeat, "heartbeat")
    raft = Raft(
        servers,
        seed=seed % 2**64,
        election_timeout=timeout,
        heartbeat=units.seconds(beat),
        network=Network(latency=latency),
        disk=Disk(sync=sync),
        trace="off",
    )
    leader, *followers = raft.nodes
    messages = []
    for i, follower in enumerate(followers):
        length = servers - i if unequal_logs else servers
        raft.set_state(follower, term=1, voted_for=leader, leader=leader, log=[1] * length)
        heard = {"term": 1, "prev_log_index": length, "prev_log_term": 1, "entries": [], "leader_commit": 0, "round": 0}
        messages.append((leader, follower, {"raft": {"append_entries": heard}}))
    raft.crash(leader)
    first = seed * count
    seeds = [it % 2**64 for it in range(first, first + count)]
    took = raft._world.trials(seeds, "leader", nanoseconds(deadline, "deadline"), messages=messages)["took_ns"]
    crashed_after = np.random.Generator(np.random.PCG64(seed)).random(count) * beat
    return np.where(took < 0, np.nan, (took - crashed_after) / units.SECOND)
