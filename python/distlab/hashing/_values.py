"""Values on their way into the core: as keys are, and floating-point numbers besides."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import ParameterError, ParameterTypeError
from ._keys import Column, Key, Keys, column

Value: TypeAlias = int | float | str | bytes | bytearray | uuid.UUID | np.number[Any]
"""What a Merkle tree takes for a value; anything else has to be made into bytes first."""

Values: TypeAlias = npt.NDArray[Any] | Iterable[Value]
"""A column of values."""

Pairs: TypeAlias = Mapping[Any, Any] | Iterable[tuple[Key, Value]] | Keys
"""Keys with their values as a mapping or as pairs, or keys alone if the values come in a column of their own."""


def pair_columns(pairs: Any, values: Values | None) -> tuple[Column, Column]:
    """Keys and values as the core takes them.

    Raises
    ------
    ParameterError, ParameterTypeError
        What is no pair, or columns of a wrong type.
    """
    if values is not None:
        if isinstance(pairs, Mapping):
            raise ParameterError("values", values, "nothing beside a mapping, which has values of its own")
        return column(pairs), value_column(values)
    if isinstance(pairs, Mapping):
        return ("list", list(pairs.keys()), 0), ("list", list(pairs.values()), 0)
    if isinstance(pairs, (str, bytes, bytearray, int, float, np.ndarray, np.generic)):
        raise ParameterTypeError("pairs", pairs, "a mapping, pairs of a key and a value, or keys beside `values`")
    keys: list[Any] = []
    found: list[Any] = []
    try:
        for pair in pairs:
            key, value = pair
            if isinstance(pair, (str, bytes, bytearray)):
                raise TypeError  # Text of two letters is no pair.
            keys.append(key)
            found.append(value)
    except (TypeError, ValueError):
        allowed = "a pair of a key and a value"
        raise ParameterTypeError(f"pairs[{len(keys)}]", pairs, allowed) from None
    return ("list", keys, 0), ("list", found, 0)


def value_column(values: Any) -> Column:
    """Values as the core takes them."""
    if not isinstance(values, (np.ndarray, list)):
        to_numpy = getattr(values, "to_numpy", None)
        values = to_numpy() if callable(to_numpy) else values
    if isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        if values.ndim != 1:
            raise ParameterError("values", values.shape, "a one-dimensional array")
        if values.size:
            return "float", np.ascontiguousarray(values, np.float64).view(np.uint64), 0
        return "list", [], 0
    return column(values, "values")
