"""Durations, probabilities and names as users write them, made into what the core understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from numbers import Integral, Real
from typing import Any

from ._core import nanoseconds
from .errors import ParameterError, ParameterTypeError

Duration = float | str | timedelta
"""Seconds as a number, text such as ``"150ms"``, or a ``timedelta``."""

SECOND = 1_000_000_000
"""A second in nanoseconds: what the core counts in."""

_SIZES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def seconds(nanos: int) -> float:
    """Nanoseconds as float seconds."""
    return nanos / SECOND


def span(value: Duration | tuple[Duration, Duration], parameter: str) -> dict[str, int]:
    """A duration, or a pair (shortest, longest), as the core's span."""
    low, high = value if isinstance(value, tuple | list) and len(value) == 2 else (value, value)
    if isinstance(low, tuple | list):
        raise ParameterTypeError(parameter, value, "a duration, or a pair (shortest, longest) of durations")
    result = {"min": nanoseconds(low, parameter), "max": nanoseconds(high, parameter)}
    if result["min"] > result["max"]:
        raise ParameterError(parameter, value, "a pair with the shorter duration first")
    return result


def positive(value: Duration, parameter: str) -> int:
    """A duration above zero, in nanoseconds."""
    if (found := nanoseconds(value, parameter)) == 0:
        raise ParameterError(parameter, value, "a duration above 0")
    return found


def offset(value: Duration, parameter: str) -> int:
    """A duration that may be negative (a number below 0, or text that begins with a minus), in nanoseconds."""
    if isinstance(value, str) and value.lstrip().startswith("-"):
        return -nanoseconds(value.lstrip()[1:], parameter)
    if isinstance(value, timedelta) and value < timedelta(0):
        return -nanoseconds(-value, parameter)
    if isinstance(value, int | float) and value < 0:
        return -nanoseconds(-value, parameter)
    return nanoseconds(value, parameter)


def probability(value: float, parameter: str) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterTypeError(parameter, value, "a number from 0 to 1")
    if not 0 <= value <= 1:
        raise ParameterError(parameter, value, "a number from 0 to 1")
    return float(value)


def number(value: float, parameter: str, allowed: str, *, above: float = 0.0) -> float:
    """A finite number above a bound."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterTypeError(parameter, value, allowed)
    if not above < value < float("inf"):
        raise ParameterError(parameter, value, allowed)
    return float(value)


def count(value: int, parameter: str, *, least: int = 1) -> int:
    """A whole number, at least ``least``."""
    allowed = f"a whole number, {least} or more"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ParameterTypeError(parameter, value, allowed)
    if value < least:
        raise ParameterError(parameter, value, allowed)
    return int(value)


def size(value: int | str, parameter: str) -> int:
    """A number of bytes above zero, or text such as ``"500MB"``, in bytes."""
    allowed = 'a number of bytes above 0, or text such as "500MB"'
    if isinstance(value, str):
        digits = value.strip().rstrip("kKMGiB").strip()
        unit = value.strip()[len(digits) :].strip()
        try:
            found = float(digits) * _SIZES[unit]
        except (ValueError, KeyError):
            raise ParameterError(parameter, value, allowed) from None
    elif isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterTypeError(parameter, value, allowed)
    else:
        found = float(value) if not isinstance(value, Integral) else int(value)
    if not 0 < found < 2**63:
        raise ParameterError(parameter, value, allowed)
    return int(found)


def names(value: int | Sequence[str], parameter: str, prefix: str = "n") -> list[str]:
    """Names, or how many there are to be."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return [f"{prefix}{i}" for i in range(count(int(value), parameter))]
    allowed = "how many there are (1 or more), or a list of distinct names"
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise ParameterTypeError(parameter, value, allowed)
    if not value or len(set(value)) != len(value) or not all(isinstance(it, str) and it for it in value):
        raise ParameterError(parameter, value, allowed)
    return list(value)


def choice(value: str, parameter: str, allowed: Sequence[str]) -> str:
    """One of some words."""
    if value not in allowed:
        raise ParameterError(parameter, value, " or ".join(repr(it) for it in allowed))
    return value


def json_like(value: Any) -> Any:
    """A value with everything that is not JSON turned into its repr."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_like(it) for key, it in value.items()}
    if isinstance(value, list | tuple):
        return [json_like(it) for it in value]
    return repr(value)
