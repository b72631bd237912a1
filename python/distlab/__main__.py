"""``python -m distlab``: a Raft cluster under faults, checked at every step; a short report, and plots."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import distlab as dl

from .plot._style import duration

CRASH, PARTITION, POWER_FAILURE, END = 4.0, 9.0, 15.0, 20.0
"""When what happens, in seconds of simulated time."""

LASTS = 3.0
"""How long a crashed leader is down, and a partition lasts, in seconds."""


def experiment(seed: int) -> tuple[dl.Raft, dl.Load]:
    """Break a cluster of five under load, in three ways, looking at all invariants after every step.

    Examples
    --------
    >>> from distlab.__main__ import experiment
    >>> raft, load = experiment(seed=1)
    >>> raft.now, load.counts()["fail"]
    (21.0, 0)
    """
    raft = dl.Raft(
        nodes=5,
        seed=seed,
        network=dl.Network(latency=dl.LogNormal("1ms", sigma=0.5), loss=0.01),
        disk=dl.Disk(sync=("1ms", "3ms")),
        check_invariants=True,
        trace="full",
    )
    load = raft.workload(clients=8, rate=400, keys=dl.Zipf(100), reads=0.5, until=END)
    raft.run(until=CRASH)
    leader = _leader(raft)
    raft.crash(leader).at(CRASH + LASTS).recover(leader)
    raft.run(until=PARTITION)
    minority = [_leader(raft)]
    minority += [name for name in raft.nodes if name not in minority][:1]
    raft.partition(minority, [name for name in raft.nodes if name not in minority])
    raft.at(PARTITION + LASTS).heal()
    raft.run(until=POWER_FAILURE)
    for name in raft.nodes:
        raft.crash(name).at(POWER_FAILURE + 1).recover(name)
    raft.run(until=END + 1)
    return raft, load


def _leader(raft: dl.Raft) -> str:
    """Who leads, as soon as somebody does."""
    raft.run_until(raft.has_leader)
    assert raft.leader is not None
    return raft.leader


def report(raft: dl.Raft, load: dl.Load) -> str:
    """What happened and what it cost, in a few lines."""
    lines = [
        f"Raft: 5 servers, 8 clients, 400 operations a second, {raft.now:g} s simulated, seed {raft.seed}",
        "",
    ]
    story = (
        (CRASH, f"the leader crashes, for {LASTS:g} s"),
        (PARTITION, f"the leader and one more are cut off, for {LASTS:g} s"),
        (POWER_FAILURE, "power fails everywhere, for 1 s: what no disk has synced is lost"),
    )
    for at, what in story:
        when, who, term = _next_leader(raft, at)
        quiet = _longest_silence(load, at, at + LASTS)
        lines.append(f"{at:5.1f} s  {what}")
        lines.append(f"         {who} leads term {term} after {duration(when - at)};")
        lines[-1] += f" no answer for {duration(quiet)} at most"
    counts, metrics = load.counts(), raft.metrics
    p50, p99, p999 = map(duration, load.latency.quantile([0.5, 0.99, 0.999]).tolist())
    lines += [
        "",
        f"operations   {counts['ok']:,} answered, {counts['fail']:,} refused, {counts['info']:,} without an answer",
        f"latency      p50 {p50}, p99 {p99}, p99.9 {p999}",
        f"messages     {metrics['sent']:,} sent, {metrics['lost']:,} lost, {metrics['cut']:,} cut off",
        f"invariants   looked at after each of {metrics['events']:,} steps: none broken",
        f"clients      {_judged(raft)}",
        f"fingerprint  {raft.fingerprint:#018x}",
    ]
    return "\n".join(lines)


def _judged(raft: dl.Raft) -> str:
    verdict = raft.history.check("linearizable")
    return "what they saw is linearizable" if verdict.ok else f"what they saw is not linearizable: {verdict.reason}"


def _next_leader(raft: dl.Raft, at: float) -> tuple[float, str, int]:
    """When after ``at`` who began to lead, and in which term."""
    roles = dl.plot.role_changes(raft.trace)
    i = int(np.flatnonzero((roles["time"] > at) & (roles["role"] == "leader"))[0])
    return float(roles["time"][i]), str(roles["names"][roles["node"][i]]), int(roles["term"][i])


def _longest_silence(load: dl.Load, begin: float, end: float) -> float:
    """The longest time within which no client got an answer, in seconds."""
    answers = load.columns["completed"]
    inside = answers[(answers > begin) & (answers < end)]
    return float(np.diff(np.concatenate([[begin], np.sort(inside), [end]])).max())


def draw(raft: dl.Raft, load: dl.Load, out: Path) -> list[Path]:
    """Write the plots into a folder."""
    faults = dl.plot.fault_intervals(raft.trace, until=raft.now)
    elected = _next_leader(raft, CRASH)[0]
    pictures: dict[str, Any] = {
        "timeline": dl.plot.timeline(dl.plot.role_changes(raft.trace), faults=faults, until=raft.now, seed=raft.seed),
        "latency": dl.plot.latency_series(load, faults=faults, seed=raft.seed),
        "latency_cdf": dl.plot.latency_cdf(load, by="kind", scale="logit", seed=raft.seed),
        "throughput": dl.plot.throughput(load, faults=faults, seed=raft.seed),
        "election": dl.plot.spacetime(raft.trace, (elected - 0.012, elected + 0.006), nodes=raft.nodes, seed=raft.seed),
    }
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{name}.png" for name in pictures]
    for path, ax in zip(paths, pictures.values(), strict=True):
        ax.get_figure(root=True).savefig(path, dpi=150)
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment, print the report, write the plots."""
    parser = argparse.ArgumentParser(prog="python -m distlab", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="where all chance comes from (default: 7)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the plots (default: out)")
    options = parser.parse_args(arguments)
    os.environ.setdefault("MPLBACKEND", "agg")  # plots go to files, so no window is needed
    began = time.perf_counter()
    raft, load = experiment(options.seed)
    took = time.perf_counter() - began
    print(report(raft, load))
    print(f"\nsimulated in {took:.2f} s of real time; plots:")
    for path in draw(raft, load, options.out):
        print(f"  {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
