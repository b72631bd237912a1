"""Addresses, kinds of access, sizes and times as users write them, made into what the core understands."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arguments import choice as choice
from .._arguments import flag as flag
from .._arguments import real as real
from .._arguments import text as text
from .._arguments import whole as whole
from .._core import nanoseconds
from ..errors import ParameterError, ParameterTypeError
from ..network import Constant, Distribution

KINDS = ("read", "write", "fetch")
"""The kinds of access, at the places of their codes."""

Time = float | str | timedelta
"""Nanoseconds as a number, text such as ``"8ms"``, or a ``timedelta``."""

_SIZES = {"B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
_TIME = "nanoseconds as a number, text such as '8ms', or a timedelta; 0 or more"


def address(value: Any, parameter: str = "address") -> int:
    """An address: the geometry decides whether it is one of its own."""
    return whole(value, parameter, "an address: a whole number from 0 to 2^64 - 1")


def process(value: Any, parameter: str = "process") -> int:
    """The number of a process."""
    return whole(value, parameter, "the number of a process", most=2**32 - 1)


def kind(value: Any, parameter: str = "kind") -> int:
    """The code of a kind of access."""
    return KINDS.index(choice(value, parameter, KINDS))


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
        if isinstance(value, str):
            text(value, parameter, _TIME)
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


def row(values: Any, parameter: str, allowed: str) -> NDArray[Any]:
    """One row of whole numbers that are not negative.

    Of a list that has numbers from 2^63 on among smaller ones numpy makes floating-point numbers, which do not hold
    them: such lists are taken number by number.
    """
    try:
        found: NDArray[Any] = np.asarray(values)
        if found.ndim == 1 and found.dtype.kind in "fO" and not isinstance(values, np.ndarray):
            found = _exact(list(values), parameter, allowed)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, ParameterError | ParameterTypeError):
            raise
        raise ParameterTypeError(parameter, values, allowed) from None
    if found.shape == (0,) and found.dtype.kind == "f":
        return np.zeros(0, np.uint64)  # what numpy makes of an empty list
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise ParameterTypeError(parameter, values, allowed)
    if found.dtype.kind == "i" and found.size and found.min() < 0:
        at = int(np.argmin(found))
        raise ParameterError(f"{parameter}[{at}]", int(found[at]), allowed)
    return found


def _exact(values: list[Any], parameter: str, allowed: str) -> NDArray[Any]:
    """Whole numbers of 64 bits, one by one."""
    for at, value in enumerate(values):
        whole(value, f"{parameter}[{at}]", allowed)
    return np.array(values, np.uint64)


def integers(values: ArrayLike, parameter: str, dtype: type[np.unsignedinteger[Any]], allowed: str) -> NDArray[Any]:
    """A column of whole numbers that fit the type, without a copy where they are."""
    found = row(values, parameter, allowed)
    most = np.iinfo(dtype).max
    if found.size and np.iinfo(found.dtype).max > most and int(found.max()) > most:
        at = int(np.argmax(found))
        raise ParameterError(f"{parameter}[{at}]", int(found[at]), allowed)
    if found.dtype == np.int64 and dtype is np.uint64:
        found = found.view(np.uint64)
    return np.ascontiguousarray(found, dtype)


def addresses(values: ArrayLike, parameter: str = "addresses") -> NDArray[np.uint64]:
    """A column of addresses."""
    return integers(values, parameter, np.uint64, "whole numbers from 0 to 2^64 - 1")


def kinds(
    values: ArrayLike | None, length: int, parameter: str = "kinds", of: str = "addresses"
) -> NDArray[np.uint8] | None:
    """A column of kinds of access: codes, words, or (of bools) whether each one writes."""
    if values is None:
        return None
    allowed = "0 (read), 1 (write), 2 (fetch), these words, or whether each access writes"
    try:
        found: NDArray[Any] = np.asarray(values)
    except ValueError:
        raise ParameterTypeError(parameter, values, allowed) from None
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
    codes = integers(found, parameter, np.uint8, allowed)
    if codes.size and codes.max() > 2:
        at = int(np.argmax(codes > 2))
        raise ParameterError(f"{parameter}[{at}]", int(codes[at]), allowed)
    return same_length(codes, length, parameter, of)


def processes(values: ArrayLike | None, length: int, parameter: str = "processes") -> NDArray[np.uint32] | None:
    """A column of numbers of processes."""
    if values is None:
        return None
    return same_length(integers(values, parameter, np.uint32, "numbers of processes"), length, parameter)


def same_length(column: NDArray[Any], length: int, parameter: str, of: str = "addresses") -> NDArray[Any]:
    """A column as long as that of the addresses."""
    if len(column) != length:
        raise ParameterError(parameter, f"{len(column)} of them", f"one for each of the {length} {of}")
    return column
