"""Clusters as something to explore: what crosses into the core, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from . import units
from ._core import View
from .cluster import Cluster
from .errors import ParameterTypeError, PropertyViolation, StepImpossible

__all__ = ["View", "replay", "setup"]

_DEFAULTS: dict[str, Any] = {
    "calls": None,
    "timing": "asynchronous",
    "messages": None,
    "partial_sends": None,
    "crashable": None,
    "partitionable": None,
    "mending": False,
    "history": False,
    "clock": "refused",
}


def setup(
    cluster: Cluster,
    budget: Any,
    invariants: bool | list[str],
    groups: Sequence[Sequence[str]] | None,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """What the core is told about an exploration of a cluster."""
    if unknown := sorted(set(given) - set(_DEFAULTS)):
        raise TypeError(f"explore() got unexpected keyword arguments {', '.join(unknown)}")
    options = {**_DEFAULTS, **given}
    units.choice(options["timing"], "timing", ("asynchronous", "synchronous"))
    units.choice(options["clock"], "clock", ("refused", "frozen"))
    if options["messages"] is not None:
        units.choice(options["messages"], "messages", ("bag", "set", "fifo"))
    for name in ("crashable", "partitionable"):
        if options[name] is not None:
            options[name] = [cluster._known(it) for it in _sequence(options[name], name)]
    return {
        **options,
        "calls": list(_calls(cluster, options["calls"])),
        "history": bool(options["history"]),
        "mending": bool(options["mending"]),
        "faults": budget.to_data(),
        "invariants": invariants,
        "symmetric": [[cluster._known(it) for it in _sequence(group, "symmetry")] for group in groups or ()],
    }


def _sequence(value: Any, parameter: str) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ParameterTypeError(parameter, value, "a list of names of nodes")
    return value


def _calls(cluster: Cluster, calls: Any) -> Iterable[tuple[str, list[Any]]]:
    if calls is None:
        return
    if not isinstance(calls, Mapping):
        raise ParameterTypeError("calls", calls, "a mapping of names of nodes to lists of calls")
    for node, asked in calls.items():
        if not isinstance(asked, list | tuple):
            raise ParameterTypeError(f"calls[{node!r}]", asked, "a list of calls")
        yield cluster._known(node), list(asked)


def replay(
    cluster: Cluster,
    steps: list[Any],
    calls: Any,
    strict: bool,
    invariants: bool | Iterable[str],
    always: Mapping[str, Callable[[Any], object]],
) -> Any:
    """A fork of a cluster that has made some steps: see :meth:`Cluster.replay`."""
    for name, predicate in always.items():
        if not callable(predicate):
            raise ParameterTypeError(f"always[{name!r}]", predicate, "a predicate of a cluster")
    fork = cluster.fork()
    if invariants is not False:
        fork.watch(invariants)
    fork._world.begin_replay(list(_calls(cluster, calls)))
    fork._steps = [len(fork._world.trace()["kind"])]
    for index, step in enumerate(steps):
        with fork._explained():
            try:
                fork._world.replay(step, index)
            except StepImpossible:
                if strict:
                    raise
                break
        fork._steps.append(len(fork._world.trace()["kind"]))
        for name, predicate in always.items():
            if not predicate(fork):
                raise PropertyViolation(name, _so_far(cluster, name, steps[: index + 1], calls))
    return fork


def _so_far(cluster: Cluster, name: str, steps: list[Any], calls: Any) -> Any:
    from .counterexample import Counterexample

    kinds = [next(iter(it)) if isinstance(it, Mapping) else str(it) for it in steps]
    return Counterexample(cluster.fork(), name, "always", steps, kinds, [], calls=calls)
