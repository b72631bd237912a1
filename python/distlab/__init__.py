"""A laboratory for distributed systems.

Every protocol runs on one deterministic simulator, can be broken on purpose, checked, drawn and measured.

>>> import distlab as dl
>>> raft = dl.Raft(5, seed=7, check_invariants=True)
>>> load = raft.workload(clients=4, rate=200, until="3s")
>>> _ = raft.at("1s").crash("n0").at("2s").recover("n0")
>>> raft.run(until="4s").now
4.0
>>> load.counts()["fail"]
0

Durations go in as seconds, as text such as ``"150ms"``, or as ``timedelta``; they come out as float seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import clocks, hashing, memory, specs
from ._core import Context, View, __version__
from .bank import Bank
from .causal import Causality, Cut, causality
from .cluster import Cluster, Op, load
from .commitment import AtomicCommit, CommitClient, CommitOp
from .compaction import Compaction, LogSnapshot
from .counterexample import Counterexample
from .errors import (
    AllocationError,
    BudgetExceeded,
    ClockError,
    ClusterBusy,
    ClusterHalted,
    ConsistencyViolation,
    DistlabError,
    HandlerError,
    HistoryError,
    InternalError,
    InvariantViolation,
    LivelockError,
    MachineError,
    ManualModeError,
    MemoryFault,
    MissingKey,
    OutOfMemory,
    PageFault,
    ParameterError,
    ParameterTypeError,
    PropertyViolation,
    ProtectionFault,
    SaveFileError,
    SerializationError,
    SpecError,
    StepImpossible,
    TraceError,
    TreeMismatch,
    UnexplorableError,
    UnknownNode,
)
from .experiments import election_times
from .explore import Budget, Exploration, PropertyResult, StateGraph, explore
from .faults import FaultVerbs, Hazard, Schedule
from .history import History, Operation
from .membership import Membership
from .mutual_exclusion import EntryOp, MutualExclusion
from .network import (
    Constant,
    Disk,
    Distribution,
    Empirical,
    Exponential,
    LogNormal,
    Mixture,
    Network,
    Normal,
    Pareto,
    Shifted,
    Uniform,
    Weibull,
)
from .node import Node
from .ntp import Berkeley, Cristian, Ntp
from .portrait import LogPortrait, Portrait
from .raft import Client, Entry, Raft, Session
from .records import Latency, Trace
from .snapshot import Snapshot
from .spec import Spec
from .three_phase_commit import ThreePhaseCommit
from .timekeeping import (
    ClockCluster,
    ClockErrors,
    ClockReading,
    DriftingClock,
    clock_errors,
    delta_synchronized,
    resync_period,
)
from .transactions import Transaction, TransactionClient, Transactions, Validation, contention, validate
from .truetime import TrueTime, WaitOp
from .two_phase_commit import TwoPhaseCommit
from .verdict import MODELS, Classification, Edge, Verdict, check, classify
from .workload import Hotspot, Keys, Latest, Load, Sequential, UniformKeys, Workload, Zipf

if TYPE_CHECKING:
    from . import plot, widgets
    from .widgets import player, spacetime

__all__ = [
    "MODELS",
    "AllocationError",
    "AtomicCommit",
    "Bank",
    "Berkeley",
    "Budget",
    "BudgetExceeded",
    "Causality",
    "Classification",
    "Client",
    "ClockCluster",
    "ClockError",
    "ClockErrors",
    "ClockReading",
    "Cluster",
    "ClusterBusy",
    "ClusterHalted",
    "CommitClient",
    "CommitOp",
    "Compaction",
    "ConsistencyViolation",
    "Constant",
    "Context",
    "Counterexample",
    "Cristian",
    "Cut",
    "Disk",
    "DistlabError",
    "Distribution",
    "DriftingClock",
    "Edge",
    "Empirical",
    "Entry",
    "EntryOp",
    "Exploration",
    "Exponential",
    "FaultVerbs",
    "HandlerError",
    "Hazard",
    "History",
    "HistoryError",
    "Hotspot",
    "InternalError",
    "InvariantViolation",
    "Keys",
    "Latency",
    "Latest",
    "LivelockError",
    "Load",
    "LogNormal",
    "LogPortrait",
    "LogSnapshot",
    "MachineError",
    "ManualModeError",
    "Membership",
    "MemoryFault",
    "MissingKey",
    "Mixture",
    "MutualExclusion",
    "Network",
    "Node",
    "Normal",
    "Ntp",
    "Op",
    "Operation",
    "OutOfMemory",
    "PageFault",
    "ParameterError",
    "ParameterTypeError",
    "Pareto",
    "Portrait",
    "PropertyResult",
    "PropertyViolation",
    "ProtectionFault",
    "Raft",
    "SaveFileError",
    "Schedule",
    "Sequential",
    "SerializationError",
    "Session",
    "Shifted",
    "Snapshot",
    "Spec",
    "SpecError",
    "StateGraph",
    "StepImpossible",
    "ThreePhaseCommit",
    "Trace",
    "TraceError",
    "Transaction",
    "TransactionClient",
    "Transactions",
    "TreeMismatch",
    "TrueTime",
    "TwoPhaseCommit",
    "UnexplorableError",
    "Uniform",
    "UniformKeys",
    "UnknownNode",
    "Validation",
    "Verdict",
    "View",
    "WaitOp",
    "Weibull",
    "Workload",
    "Zipf",
    "__version__",
    "causality",
    "check",
    "classify",
    "clock_errors",
    "clocks",
    "contention",
    "delta_synchronized",
    "election_times",
    "explore",
    "hashing",
    "load",
    "memory",
    "player",
    "plot",
    "resync_period",
    "spacetime",
    "specs",
    "validate",
    "widgets",
]


def __getattr__(name: str) -> Any:
    """Pictures are imported when they are first asked for: they need matplotlib or a browser, nothing else does."""
    if name in ("plot", "widgets"):
        return import_module(f".{name}", __name__)
    if name in ("player", "spacetime"):
        return getattr(import_module(".widgets", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
