"""Exhaustive exploration: every order of events, and what was found."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from . import _core, units
from .cluster import Cluster
from .counterexample import Counterexample
from .errors import BudgetExceeded, ParameterError, ParameterTypeError, PropertyViolation
from .exploring import setup
from .records import table
from .spec import Spec, parts
from .specs import BuiltIn

__all__ = ["Budget", "Exploration", "PropertyResult", "StateGraph", "explore"]

_Predicate = Callable[[Any], object]
_Properties = Mapping[str, _Predicate] | Iterable[_Predicate] | _Predicate | None


@dataclass(frozen=True)
class Budget:
    """How often what may go wrong in an exploration of a cluster; None: as often as it likes.

    Attributes
    ----------
    crashes : int or None
        How many crashes; a crash loses memory, timers, and writes that are not durable.
    recoveries : int or None
        How many crashed nodes come up again.
    drops : int or None
        How many messages get lost.
    duplicates : int or None
        How many messages arrive a second time.
    partitions : int or None
        How many times the network falls into two parts; each may heal again.
    timeouts : int or None
        How many timers go off.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.Budget(crashes=1, drops=2).recoveries is None
    True
    """

    crashes: int | None = 0
    recoveries: int | None = None
    drops: int | None = 0
    duplicates: int | None = 0
    partitions: int | None = 0
    timeouts: int | None = None

    def __post_init__(self) -> None:
        for it in fields(self):
            value = getattr(self, it.name)
            if value is not None:
                units.count(value, f"faults.{it.name}", least=0)
                if value > 65_534:
                    raise ParameterError(f"faults.{it.name}", value, "at most 65,534, or None for no limit")

    def to_data(self) -> dict[str, int | None]:
        """The core's form."""
        return {it.name: getattr(self, it.name) for it in fields(self)}


class PropertyResult(NamedTuple):
    """What became of a property: ``holds``, ``fails``, ``seen`` (a ``sometimes``), or ``unknown``."""

    name: str
    claim: str
    outcome: str
    counterexample: Counterexample | None


@dataclass(frozen=True, repr=False)
class StateGraph:
    """The states that were visited, and what leads from one to another.

    Attributes
    ----------
    states : list
        The states, in the order in which they were found.
    initial : int
        How many of them are initial: the first.
    source, target : numpy.ndarray of uint32
        The edges, as indices of states.
    kind : numpy.ndarray of uint32
        The kind of action of each edge, as an index of ``kinds``.
    kinds : list of str
        The kinds of actions.
    actions : list
        The action of each edge.
    """

    states: list[Any]
    initial: int
    source: NDArray[np.uint32]
    target: NDArray[np.uint32]
    kind: NDArray[np.uint32]
    kinds: list[str]
    actions: list[Any]

    def to_networkx(self) -> Any:
        """As a ``networkx.MultiDiGraph``: nodes have ``state`` and ``initial``, edges ``action`` and ``kind``."""
        import networkx as nx

        graph = nx.MultiDiGraph()
        graph.add_nodes_from((i, {"state": it, "initial": i < self.initial}) for i, it in enumerate(self.states))
        edges = zip(self.source.tolist(), self.target.tolist(), self.actions, self.kind.tolist(), strict=True)
        graph.add_edges_from((a, b, {"action": action, "kind": self.kinds[kind]}) for a, b, action, kind in edges)
        return graph

    def reaching(self, goal: Callable[[Any], object] | Iterable[int]) -> NDArray[np.bool_]:
        """From which states a state can be reached that is a goal: a predicate of states, or their indices.

        Costs time and memory in proportion to the graph.
        """
        can = np.zeros(len(self.states), dtype=bool)
        can[[i for i, it in enumerate(self.states) if goal(it)] if callable(goal) else list(goal)] = True
        order = np.argsort(self.target, kind="stable")
        source, starts = self.source[order], np.searchsorted(self.target[order], np.arange(len(self.states) + 1))
        todo = np.flatnonzero(can).tolist()
        while todo:
            at = todo.pop()
            for before in source[starts[at] : starts[at + 1]].tolist():
                if not can[before]:
                    can[before] = True
                    todo.append(before)
        return can

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The graph, drawn level by level: :func:`distlab.plot.state_graph`."""
        from .plot import state_graph

        return state_graph(self, ax, **options)

    def __len__(self) -> int:
        return len(self.states)

    def __repr__(self) -> str:
        return f"<StateGraph of {len(self.states):,} states and {len(self.source):,} edges>"


@dataclass(frozen=True, repr=False)
class Exploration:
    """What an exploration has found.

    Attributes
    ----------
    distinct, generated : int
        How many states there are, and how often one was come to (initial states, and one for each action tried).
    depth : int
        The longest of the shortest paths, in states: an initial state has depth 1.
    complete : bool
        Whether every state that can be reached was visited.
    stopped : str or None
        Why not: ``counterexample``, ``depth``, ``states``, ``memory``, ``time``, ``cancelled``, ``walks``.
    terminal : int
        States in which nothing may happen.
    properties : tuple of PropertyResult
        What became of each property.
    violations : tuple of Counterexample
        The counterexamples that were found.
    coverage : dict of str to (int, int)
        By kind of action: how often it was taken, how often it led to a new state.
    level_distinct, level_generated : numpy.ndarray of int64
        By depth, from 1 on: new states, and states generated on the way to them.
    symmetry, reduction : bool
        Whether they were in force: both are off where they would not be sound, as with ``eventually``.
    collision : float
        How likely it is, about, that two states had one hash and were taken for one.
    memory_bytes : int
        What was remembered at the most.
    seconds : float
        How long it took.
    graph : StateGraph or None
        The states and edges, if ``graph=True``.
    """

    distinct: int
    generated: int
    depth: int
    stopped: str | None
    terminal: int
    properties: tuple[PropertyResult, ...]
    violations: tuple[Counterexample, ...]
    coverage: dict[str, tuple[int, int]]
    level_distinct: NDArray[np.int64]
    level_generated: NDArray[np.int64]
    collision: float
    memory_bytes: int
    seconds: float
    symmetry: bool = False
    reduction: bool = False
    graph: StateGraph | None = field(default=None)

    @property
    def complete(self) -> bool:
        """Whether every state that can be reached was visited."""
        return self.stopped is None

    @property
    def violation(self) -> Counterexample | None:
        """The first counterexample; None if there is none."""
        return self.violations[0] if self.violations else None

    @property
    def ok(self) -> bool | None:
        """Whether all that was claimed holds; None: nothing speaks against it, but not every state was visited."""
        if self.violations or any(it.outcome == "fails" for it in self.properties):
            return False
        return True if self.complete or all(it.outcome in ("holds", "seen") for it in self.properties) else None

    def __bool__(self) -> bool:
        return self.ok is True

    def raise_if_bad(self) -> Exploration:
        """Itself, if everything was visited and holds.

        Raises
        ------
        PropertyViolation
            If a property fails; it carries the counterexample.
        BudgetExceeded
            If the exploration stopped early.
        """
        if self.violations:
            raise PropertyViolation(self.violations[0].property, self.violations[0])
        if failed := [it for it in self.properties if it.outcome == "fails"]:
            raise PropertyViolation(failed[0].name)
        if not self.complete:
            allow = "max_depth=, max_states=, memory= or time_limit="
            raise BudgetExceeded(str(self.stopped), f"{self!r}: allow more with {allow}, or make the system smaller")
        return self

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """How many new states there were by depth: :func:`distlab.plot.exploration`."""
        from .plot import exploration

        return exploration(self, ax, **options)

    def __repr__(self) -> str:
        said = {True: "all holds", False: "fails", None: "nothing found yet"}[self.ok]
        if self.violation is not None:
            said = f"{self.violation.property} fails after {len(self.violation)} steps"
        size = f"{self.distinct:,} distinct states of {self.generated:,} generated, depth {self.depth}"
        end = "complete" if self.complete else f"incomplete ({self.stopped})"
        return f"<Exploration: {said}; {size}; {end}>"

    def _repr_html_(self) -> str:
        rows = [[it.name, it.claim, it.outcome] for it in self.properties]
        taken = [[kind, f"{all_:,}", f"{new:,}"] for kind, (all_, new) in self.coverage.items()]
        text = table(["property", "claim", "outcome"], rows, repr(self))
        text += table(["action", "taken", "to new states"], taken)
        return text + (self.violation._repr_html_() if self.violation is not None else "")


def explore(
    system: Any,
    *,
    invariants: bool | Iterable[Any] | Mapping[str, _Predicate] | _Predicate = True,
    always: _Properties = None,
    sometimes: _Properties = None,
    eventually: _Properties = None,
    faults: Budget | None = None,
    max_depth: int | None = None,
    max_states: int | None = None,
    memory: int | str = "4GB",
    time_limit: units.Duration | None = None,
    strategy: str = "breadth-first",
    walks: int = 1_000,
    seed: int = 0,
    threads: int | None = None,
    symmetry: bool | Sequence[Sequence[str]] = False,
    reduction: bool = False,
    deadlock: bool = False,
    all_violations: bool = False,
    graph: bool = False,
    hash_bits: int = 64,
    progress: bool = False,
    **of_cluster: Any,
) -> Exploration:
    """Visit every state that a system can reach, and check what is claimed of it in each.

    Parameters
    ----------
    system : Spec, Cluster, or a specification of distlab.specs
        What to explore. Of a cluster, from where it is now: every order of deliveries, timers, choices and
        faults; the cluster itself does not move.
    invariants : bool, or names, or predicates
        Of a cluster: whether to watch its protocols' invariants, or which by name. A mapping of names to
        predicates, or predicates, are more properties that hold always.
    always, sometimes, eventually : mapping of str to callable, or callables, or callable
        More properties: of a specification's state, or of a cluster's :class:`View`. ``eventually`` is checked under
        weak fairness: what stays possible for ever happens, faults excepted.
    faults : Budget, optional
        Of a cluster: what may go wrong, and how often. Nothing by default.
    max_depth, max_states : int, optional
        The longest path (in states, the initial one included), the most distinct states.
    memory : int or str
        The most bytes for what is remembered, such as ``"4GB"``.
    time_limit : duration, optional
        When to give up.
    strategy : {"breadth-first", "depth-first", "walks"}
        Nearest first, so that counterexamples are as short as can be; along one path first; or random walks,
        which remember nothing: for what is too large for all else.
    walks, seed : int
        How many random walks (of ``max_depth`` states each), and where their chance comes from.
    threads : int, optional
        How many threads; as many as there are cores by default. What is written in Python runs on one. The result is
        the same whatever the number.
    symmetry : bool, or groups of nodes
        Whether states count as one that differ only in the names of things that are alike: for a specification, by its
        own ``representative(state)``; for a cluster, the groups of nodes that are alike: that differ in nothing but
        their names, and that no other node is set up to know in an order.
    reduction : bool
        Whether to try only one order of actions where no property can tell (partial-order reduction). Off by itself
        where that would not be sound.
    deadlock : bool
        Whether a state in which nothing may happen is a counterexample.
    all_violations : bool
        Whether to go on after the first counterexample, until every property has one.
    graph : bool
        Whether to keep the graph of states.
    hash_bits : {64, 128}
        By how many bits of hash states are told apart.
    progress : bool
        Whether to show a progress bar (needs ``tqdm``).
    **of_cluster
        Of a cluster, more: see :meth:`Cluster.explore`.

    Returns
    -------
    Exploration
        With ``distinct, generated, depth, complete, violation`` and much else.

    Raises
    ------
    ParameterError, ParameterTypeError
        If an argument makes no sense.
    SpecError
        If a specification does not keep its rules: states that cannot be hashed, actions that change a state.
    UnexplorableError
        If a cluster's outcomes hang on what cannot be branched on: a clock, a load, planned faults.

    Notes
    -----
    A state takes about 11 bytes, besides those whose successors are not known yet. Counterexamples are found again by
    replaying steps, so none are kept. Notes 2.14; Lamport, *Specifying Systems*; Clarke, Grumberg, Peled, *Model
    Checking*.

    Examples
    --------
    >>> import distlab as dl
    >>> found = dl.explore(dl.specs.TwoPhase(3))
    >>> found.distinct, found.depth, found.complete, found.violation
    (288, 11, True, None)
    """
    settings = _settings(
        max_depth, max_states, memory, time_limit, strategy, walks, seed, deadlock, all_violations, graph, hash_bits
    )
    settings["reduction"] = bool(reduction)
    settings["symmetry"] = bool(symmetry)
    settings["threads"] = units.count(threads, "threads") if threads is not None else (os.cpu_count() or 1)
    claims = [
        *_claims("invariants", "always", _predicates(invariants)),
        *_claims("always", "always", always),
        *_claims("sometimes", "sometimes", sometimes),
        *_claims("eventually", "eventually", eventually),
    ]
    if isinstance(system, Cluster):
        groups = symmetry if not isinstance(symmetry, bool) else None
        if symmetry is True:
            raise ParameterError("symmetry", symmetry, "the groups of nodes that are alike, such as [['db0', 'db1']]")
        names = _named(invariants)
        return _of_cluster(system, settings, claims, names, faults or Budget(), groups, progress, of_cluster)
    if faults is not None:
        raise ParameterError("faults", faults, "None: a specification says itself what may go wrong")
    if of_cluster:
        raise TypeError(f"explore() got unexpected keyword arguments {', '.join(sorted(of_cluster))}")
    if isinstance(system, BuiltIn):
        if claims:
            raise ParameterError(claims[0][0], claims[0][2], "no more properties: a built-in specification has its own")
        return _explored(system, lambda report: _core.explore_named(system.to_data(), settings, report), progress)
    if isinstance(system, Spec):
        if symmetry is not False and getattr(system, "representative", None) is None:
            raise ParameterError("symmetry", symmetry, "False, or a specification with a method representative(state)")
        if reduction:
            raise ParameterError("reduction", reduction, "False: nothing is known of what actions in Python look at")
        settings["threads"] = 1
        return _explored(system, lambda report: _core.explore_spec(parts(system, claims), settings, report), progress)
    raise ParameterTypeError("system", system, "a Spec, a Cluster, or a specification of distlab.specs (not its class)")


def _settings(
    max_depth: int | None,
    max_states: int | None,
    memory: int | str,
    time_limit: units.Duration | None,
    strategy: str,
    walks: int,
    seed: int,
    deadlock: bool,
    all_violations: bool,
    graph: bool,
    hash_bits: int,
) -> dict[str, Any]:
    units.choice(strategy, "strategy", ("breadth-first", "depth-first", "walks"))
    if hash_bits not in (64, 128):
        raise ParameterError("hash_bits", hash_bits, "64 or 128")
    order: Any = strategy.replace("-", "_")
    if strategy == "walks":
        order = {"walks": {"count": units.count(walks, "walks"), "seed": units.count(seed, "seed", least=0)}}
    return {
        "strategy": order,
        "depth": None if max_depth is None else units.count(max_depth, "max_depth"),
        "states": None if max_states is None else units.count(max_states, "max_states"),
        "memory_bytes": units.size(memory, "memory"),
        "seconds": None if time_limit is None else units.seconds(units.positive(time_limit, "time_limit")),
        "wide": hash_bits == 128,
        "deadlock": bool(deadlock),
        "all_counterexamples": bool(all_violations),
        "graph": bool(graph),
    }


def _predicates(invariants: Any) -> _Properties:
    """Of what was given as invariants, the predicates."""
    if isinstance(invariants, bool | str):
        return None
    if isinstance(invariants, Mapping) or callable(invariants):
        return cast(_Properties, invariants)
    return [it for it in invariants if not isinstance(it, str)]


def _named(invariants: Any) -> bool | list[str]:
    """Of what was given as invariants, the names of the protocols' own."""
    if isinstance(invariants, bool):
        return invariants
    if isinstance(invariants, str):
        return [invariants]
    if isinstance(invariants, Mapping) or callable(invariants):
        return True
    names = [it for it in invariants if isinstance(it, str)]
    known = Cluster.invariants()
    if unknown := [it for it in names if it not in known]:
        raise ParameterError("invariants", unknown, f"True, False, predicates, or some of {', '.join(known)}")
    return names


def _claims(parameter: str, claim: str, given: _Properties) -> Iterator[tuple[str, str, _Predicate]]:
    if given is None:
        return
    if callable(given) and not isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, Mapping):
        if not isinstance(given, Iterable):
            raise ParameterTypeError(parameter, given, "a mapping of names to predicates, predicates, or one predicate")
        given = {getattr(it, "__name__", repr(it)): it for it in given}
    for name, predicate in given.items():
        if not callable(predicate):
            raise ParameterTypeError(f"{parameter}[{name!r}]", predicate, "a predicate of a state")
        yield str(name), claim, predicate


def _explored(system: Any, run: Callable[[Any], dict[str, Any]], progress: bool, **more: Any) -> Exploration:
    """Runs an exploration, and makes what it found an :class:`Exploration`."""
    begin = time.perf_counter()
    with _bar(progress) as report:
        found = run(report)
    seconds = time.perf_counter() - begin
    violations = tuple(Counterexample._of(system, it, **more) for it in found.pop("counterexamples"))
    results = tuple(
        PropertyResult(name, claim, outcome, None if index is None else violations[index])
        for name, claim, outcome, index in found.pop("properties")
    )
    graph = found.pop("graph")
    return Exploration(
        properties=results,
        violations=violations,
        coverage={kind: (taken, new) for kind, taken, new in found.pop("coverage")},
        graph=None if graph is None else StateGraph(**graph),
        seconds=seconds,
        **found,
    )


@contextmanager
def _bar(shown: bool) -> Iterator[Callable[[int, int, int, int, int], object] | None]:
    if not shown:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(unit=" states", unit_scale=True) as bar:

        def report(distinct: int, generated: int, depth: int, frontier: int, memory: int) -> None:
            bar.update(distinct - bar.n)
            bar.set_postfix(generated=generated, depth=depth, frontier=frontier, MB=memory >> 20)

        yield report


def _of_cluster(
    cluster: Cluster,
    settings: dict[str, Any],
    claims: list[tuple[str, str, _Predicate]],
    invariants: bool | list[str],
    budget: Budget,
    groups: Sequence[Sequence[str]] | None,
    progress: bool,
    given: Mapping[str, Any],
) -> Exploration:
    """Explores a cluster from where it is; its counterexamples hold a fork that stands there."""
    if not isinstance(budget, Budget):
        raise ParameterTypeError("faults", budget, "a distlab.Budget")
    asked = setup(cluster, budget, invariants, groups, given)
    base = cluster.fork()
    predicates = {name: predicate for name, _, predicate in claims}
    more = {"predicates": predicates, "calls": asked["calls"]}
    return _explored(base, lambda report: base._world.explore(asked, claims, settings, report), progress, **more)
