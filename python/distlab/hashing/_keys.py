"""Keys on their way into the core: arrays without a Python object a key, everything else as a list."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import ParameterError, ParameterTypeError

Key: TypeAlias = int | str | bytes | bytearray | uuid.UUID | np.integer[Any]
"""What may be looked up."""

Keys: TypeAlias = npt.NDArray[Any] | Iterable[Key]
"""A column of keys: a numpy array of integers, bytes (``S``) or text (``U``), or anything that can be iterated."""

Column: TypeAlias = tuple[str, Any, int]

_ALLOWED = "a one-dimensional array of integers, bytes or text, or an iterable of int, str, bytes and uuid.UUID"


def column(keys: Keys, parameter: str = "keys") -> Column:
    """Keys as the core takes them: kind, data, and the width of a field.

    Raises
    ------
    ParameterTypeError
        Keys that are none, such as floats, or one key instead of many.
    """
    if isinstance(keys, (str, bytes, bytearray, uuid.UUID, int, float, np.generic)):
        raise ParameterTypeError(parameter, keys, _ALLOWED)
    if isinstance(keys, list):
        return "list", keys, 0
    if not isinstance(keys, np.ndarray):
        to_numpy = getattr(keys, "to_numpy", None)
        if not callable(to_numpy):
            try:
                return "list", list(keys), 0
            except TypeError:
                raise ParameterTypeError(parameter, keys, _ALLOWED) from None
        keys = to_numpy()
    return _array(np.asarray(keys), parameter)


def kept(keys: Keys, parameter: str = "keys") -> Any:
    """Keys that can be gone through more than once: an array, a list, or a column of a data frame."""
    taken = column(keys, parameter)
    return keys if isinstance(keys, np.ndarray) or callable(getattr(keys, "to_numpy", None)) else taken[1]


def _array(keys: npt.NDArray[Any], parameter: str) -> Column:
    if keys.ndim != 1:
        raise ParameterError(parameter, keys.shape, "a one-dimensional array")
    match keys.dtype.kind:
        case "u":
            return "uint", np.ascontiguousarray(keys, np.uint64), 0
        case "i":
            return "int", np.ascontiguousarray(keys, np.int64).view(np.uint64), 0
        case "S" if keys.dtype.itemsize:
            return "bytes", np.ascontiguousarray(keys).view(np.uint8), keys.dtype.itemsize
        case "U" if keys.dtype.itemsize:
            text = np.ascontiguousarray(keys, keys.dtype.newbyteorder("="))
            return "text", text.view(np.uint32), keys.dtype.itemsize // 4
        case "O" | "S" | "U" | "T":
            return "list", keys.tolist(), 0
    if not keys.size:  # An empty list has become an array of floats.
        return "list", [], 0
    raise ParameterTypeError(parameter, keys, _ALLOWED)
