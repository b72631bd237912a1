"""Pictures of a run, with matplotlib.

Every function takes data (columns of numpy arrays, or the object that has them) and an optional ``ax``, and
returns the ``ax`` it drew on; without one it makes a figure of its own. Times are in seconds. Colours can be
told apart by colour-blind readers and in print.

matplotlib is imported by the first call that draws: ``pip install 'distlab[plot]'``.

- :func:`latency_cdf`, :func:`latency_steps`, :func:`latency_series`, :func:`throughput`: what the clients saw;
- :func:`heatmap`: something measured at every pair of two settings;
- :func:`timeline`: which node led when, in which term;
- :func:`spacetime`: who said what to whom, message by message (:func:`distlab.spacetime`: to zoom into and point at);
- :func:`cluster_ring`, :func:`logs`: a cluster as it stands, and its logs box by box;
- :func:`history_intervals`, :func:`verdict`, :func:`transaction_cycle`, :func:`ladder`: whether a history is
  consistent, and why;
- :func:`exploration`, :func:`state_graph`, :func:`behavior`: what an exploration visited, and a counterexample;
- :func:`ring`, :func:`ring_change`, :func:`vnode_balance`, :func:`comparison`: where keys are, and how evenly;
- :func:`merkle_descent`: how two Merkle trees were compared;
- :func:`dynamo_efficiency`: Dynamo's strategies of placement, against published results;
- :func:`miss_ratio_curves`, :func:`tlb_reach`, :func:`emat_surface`, :func:`reference_pattern`, :func:`page_walk`,
  :func:`mmu_comparison`, :func:`timetable`: memory, from the pages of a program to the time of an access;
- :func:`clock_error`, :func:`truetime`: how right clocks are, and how far they say they can be off;
- :func:`election_figure`: how long a cluster is without a leader, against published results.
"""

from __future__ import annotations

from ._clocks import clock_error, truetime
from ._cluster import cluster_ring
from ._columns import FaultInterval, fault_intervals, role_changes
from ._elections import RAFT_FIGURE_16_RANDOMNESS, RAFT_FIGURE_16_TIMEOUT, election_figure
from ._exploration import TooManyStates, behavior, exploration, state_graph
from ._hashing import comparison, dynamo_efficiency, merkle_descent, ring, ring_change, vnode_balance
from ._history import history_intervals, ladder, transaction_cycle, verdict
from ._load import latency_cdf, latency_series, latency_steps, throughput
from ._logs import logs
from ._machines import mmu_comparison
from ._memory import emat_surface, miss_ratio_curves, reference_pattern, tlb_reach
from ._page_walk import page_walk
from ._schedule import timetable
from ._spacetime import TooManyArrows, spacetime
from ._style import MissingExtra
from ._surface import heatmap
from ._timeline import timeline

__all__ = [
    "RAFT_FIGURE_16_RANDOMNESS",
    "RAFT_FIGURE_16_TIMEOUT",
    "FaultInterval",
    "MissingExtra",
    "TooManyArrows",
    "TooManyStates",
    "behavior",
    "clock_error",
    "cluster_ring",
    "comparison",
    "dynamo_efficiency",
    "election_figure",
    "emat_surface",
    "exploration",
    "fault_intervals",
    "heatmap",
    "history_intervals",
    "ladder",
    "latency_cdf",
    "latency_series",
    "latency_steps",
    "logs",
    "merkle_descent",
    "miss_ratio_curves",
    "mmu_comparison",
    "page_walk",
    "reference_pattern",
    "ring",
    "ring_change",
    "role_changes",
    "spacetime",
    "state_graph",
    "throughput",
    "timeline",
    "timetable",
    "tlb_reach",
    "transaction_cycle",
    "truetime",
    "verdict",
    "vnode_balance",
]
