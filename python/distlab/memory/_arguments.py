"""Addresses, kinds of access, sizes and times as users write them, made into what the core understands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import units
from .._core import nanoseconds
from ..errors import ParameterError, ParameterTypeError
from ..network import Constant, Distribution

KINDS = ("read", "write", "fetch")
"""The kinds of access, at the places of their codes."""

Time = float | str | timedelta
"""Nanoseconds as a number, text such as ``"8ms"``, or a ``timedelta``."""

_SIZES = {"B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
_TIME = "nanoseconds as a number, text such as '8ms', or a timedelta; 0 or more"


def whole(value: Any, parameter: str, allowed: str, *, least: int = 0, most: int = 2**64 - 1) -> int:
    """A whole number, of Python or numpy, within bounds."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise ParameterTypeError(parameter, value, allowed)
    if not least <= value <= most:
        raise ParameterError(parameter, value, allowed)
    return int(value)


def flag(value: Any, parameter: str) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ParameterTypeError(parameter, value, "True or False")
    return bool(value)


def address(value: Any, parameter: str = "address") -> int:
    """An address: the geometry decides whether it is one of its own."""
    return whole(value, parameter, "an address: a whole number from 0 to 2^64 - 1")


def process(value: Any, parameter: str = "process") -> int:
    """The number of a process."""
    return whole(value, parameter, "the number of a process", most=2**32 - 1)


def kind(value: Any, parameter: str = "kind") -> int:
    """The code of a kind of access."""
    if not isinstance(value, str):
        raise ParameterTypeError(parameter, value, "'read', 'write' or 'fetch'")
    return KINDS.index(units.choice(value, parameter, KINDS))


def size(value: Any, parameter: str) -> int:
    """A number of bytes, or text such as ``"2MiB"``."""
    allowed = "a number of bytes above 0, or text such as '2MiB'"
    if isinstance(value, str):
        text = value.strip()
        digits = text.rstrip("BKMGTi").strip()
        shift = _SIZES.get(text[len(digits) :].strip())
        if shift is None or not digits.isdecimal():
            raise ParameterError(parameter, value, allowed)
        value = int(digits) << shift
    return whole(value, parameter, allowed, least=1)


def show_size(count: int) -> str:
    """A number of bytes in the largest unit that leaves a whole number."""
    for unit, shift in reversed(_SIZES.items()):
        if count and count % (1 << shift) == 0:
            return f"{count >> shift:,} {unit}"
    return f"{count:,} B"


def time(value: Any, parameter: str) -> float:
    """A time in nanoseconds."""
    if isinstance(value, str | timedelta):
        try:
            return float(nanoseconds(value, parameter))
        except ParameterError as error:
            raise ParameterError(parameter, value, _TIME) from error
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise ParameterTypeError(parameter, value, _TIME)
    if not 0 <= value <= 1e18:
        raise ParameterError(parameter, value, _TIME)
    return float(value)


def service(value: Any, parameter: str) -> dict[str, Any]:
    """A time, or a distribution of times, as the core takes it."""
    if isinstance(value, Constant):
        return {"constant": float(nanoseconds(value.value, parameter))}
    if isinstance(value, Distribution):
        return {"random": value.to_data()}
    return {"constant": time(value, parameter)}


def integers(values: ArrayLike, parameter: str, dtype: type[np.unsignedinteger[Any]], allowed: str) -> NDArray[Any]:
    """A column of whole numbers that fit the type."""
    found = np.asarray(values)
    if found.ndim != 1:
        raise ParameterError(parameter, f"{found.ndim} dimensions", "one dimension")
    if found.size == 0:
        return np.zeros(0, dtype)
    if found.dtype.kind not in "ui":
        raise ParameterTypeError(parameter, found.dtype.name, allowed)
    if found.dtype != dtype:
        low, high = int(found.min()), int(found.max())
        if low < 0 or high > np.iinfo(dtype).max:
            at = int(np.argmin(found) if low < 0 else np.argmax(found))
            raise ParameterError(f"{parameter}[{at}]", int(found[at]), allowed)
        if found.dtype == np.int64 and dtype is np.uint64:
            found = found.view(np.uint64)
    return np.ascontiguousarray(found, dtype)


def addresses(values: ArrayLike, parameter: str = "addresses") -> NDArray[np.uint64]:
    """A column of addresses."""
    return integers(values, parameter, np.uint64, "whole numbers from 0 to 2^64 - 1")


def kinds(values: ArrayLike | None, length: int, parameter: str = "kinds") -> NDArray[np.uint8] | None:
    """A column of kinds of access: codes, words, or (of bools) whether each one writes."""
    if values is None:
        return None
    allowed = "0 (read), 1 (write), 2 (fetch), these words, or whether each access writes"
    found = np.asarray(values)
    if found.dtype.kind == "U":
        codes = np.full(found.shape, 255, np.uint8)
        for code, word in enumerate(KINDS):
            codes[found == word] = code
        if (codes == 255).any():
            at = int(np.argmax(codes == 255))
            raise ParameterError(f"{parameter}[{at}]", str(found.flat[at]), allowed)
        found = codes
    elif found.dtype.kind == "b":
        found = found.view(np.uint8)
    return same_length(integers(found, parameter, np.uint8, allowed), length, parameter)


def processes(values: ArrayLike | None, length: int, parameter: str = "processes") -> NDArray[np.uint32] | None:
    """A column of numbers of processes."""
    if values is None:
        return None
    return same_length(integers(values, parameter, np.uint32, "numbers of processes"), length, parameter)


def same_length(column: NDArray[Any], length: int, parameter: str) -> NDArray[Any]:
    """A column as long as that of the addresses."""
    if len(column) != length:
        raise ParameterError(parameter, f"{len(column)} of them", f"one for each of the {length} addresses")
    return column
