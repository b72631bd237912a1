"""Servers on their way into the core: names, weights and racks as three lists of one length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from .._arguments import text
from ..errors import ParameterError, ParameterTypeError, UnknownNode

Nodes: TypeAlias = int | str | Iterable[str] | Mapping[str, float]
"""Servers: how many (named ``n0, n1, ...``), their names, or their names with their weights."""

Weights: TypeAlias = float | Mapping[str, float] | Sequence[float] | None
Racks: TypeAlias = str | Mapping[str, str] | Sequence[str] | None
Servers: TypeAlias = tuple[list[str], list[float], list[str | None]]

_ALLOWED = "names as strings, a mapping of names to weights, or how many"


def names_of(nodes: Nodes, parameter: str = "nodes") -> list[str]:
    """The names alone."""
    if isinstance(nodes, bool):
        raise ParameterTypeError(parameter, nodes, _ALLOWED)
    if isinstance(nodes, (int, np.integer)):
        if not 0 < nodes < 2**31:
            raise ParameterError(parameter, nodes, "from 1 to 2^31 - 1 nodes")
        return [f"n{i}" for i in range(nodes)]
    if isinstance(nodes, str):
        return [text(nodes, parameter, _ALLOWED)]
    if isinstance(nodes, bytes | bytearray):
        raise ParameterTypeError(parameter, nodes, _ALLOWED)
    try:
        names = list(nodes)
    except TypeError:
        raise ParameterTypeError(parameter, nodes, _ALLOWED) from None
    return [str(text(name, f"{parameter}[{at}]", "names as strings")) for at, name in enumerate(names)]


def equal_servers_of(nodes: Nodes, weights: Weights = None, racks: Racks = None) -> Servers:
    """Names of servers that can be given neither weights nor racks.

    Raises
    ------
    ParameterError
        Any of them.
    """
    if isinstance(nodes, Mapping):
        raise ParameterError("nodes", nodes, "names without weights: all servers have equal parts")
    if weights is not None:
        raise ParameterError("weights", weights, "nothing: all servers have equal parts")
    return rackless_servers_of(nodes, None, racks)


def rackless_servers_of(nodes: Nodes, weights: Weights = None, racks: Racks = None) -> Servers:
    """Names and weights of servers that can be given no racks."""
    if racks is not None:
        raise ParameterError("racks", racks, "nothing: only a HashRing knows racks")
    return servers_of(nodes, weights)


def servers_of(nodes: Nodes, weights: Weights = None, racks: Racks = None) -> Servers:
    """Names, weights and racks.

    Raises
    ------
    ParameterError, ParameterTypeError
        Weights that are no numbers, or lists of another length.
    UnknownNode
        A weight or a rack of nobody.
    """
    names = names_of(nodes)
    if isinstance(nodes, Mapping):
        if weights is not None:
            raise ParameterError("weights", weights, "nothing beside a mapping of names to weights")
        return names, [number(it, f"nodes[{name!r}]") for name, it in nodes.items()], _racks(names, racks)
    each_weight = _each(names, weights, "weights", 1.0)
    return names, [number(it, "weights") for it in each_weight], _racks(names, racks)


def _racks(names: list[str], racks: Racks) -> list[str | None]:
    each_rack = _each(names, racks, "racks", None)
    if isinstance(racks, Mapping):
        for name in names:
            if name not in racks:
                raise ParameterError("racks", dict(racks), f"a rack of every node; {name!r} has none")
    return [None if it is None else text(it, "racks", "names of racks as strings") for it in each_rack]


def number(value: Any, parameter: str) -> float:
    """A finite number above zero."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise ParameterTypeError(parameter, value, "a number above 0")
    try:
        found = float(value)
    except OverflowError:
        raise ParameterError(parameter, value, "a finite number above 0") from None
    if not (math.isfinite(found) and found > 0):
        raise ParameterError(parameter, value, "a finite number above 0")
    return found


def whole(value: Any, parameter: str, low: int, high: int) -> int:
    """An integer from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ParameterTypeError(parameter, value, f"an integer from {low} to {high}")
    if not low <= value <= high:
        raise ParameterError(parameter, value, f"an integer from {low} to {high}")
    return int(value)


def _each(names: list[str], given: Any, parameter: str, default: Any) -> list[Any]:
    if given is None:
        return [default] * len(names)
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise UnknownNode(name, tuple(names))
        return [given.get(name, default) for name in names]
    if isinstance(given, (str, bytes, bytearray, int, float, np.number)):
        return [given] * len(names)
    try:
        found = list(given)
    except TypeError:
        raise ParameterTypeError(parameter, given, "a mapping by name, or one for every node") from None
    if len(found) != len(names):
        raise ParameterError(parameter, given, f"one for every node: {len(names)}")
    return found
