"""Arguments as users give them, of Python or numpy: refused by name where they are not what they should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import units
from .errors import ParameterError, ParameterTypeError


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


def text(value: Any, parameter: str, allowed: str) -> str:
    """Text that can be passed on: not one half of a surrogate pair, which UTF-8 does not have."""
    if not isinstance(value, str):
        raise ParameterTypeError(parameter, value, allowed)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ParameterError(parameter, value, f"{allowed}, without lone surrogates") from None
    return value


def choice(value: Any, parameter: str, allowed: Sequence[str]) -> str:
    """One of some words."""
    if not isinstance(value, str):
        raise ParameterTypeError(parameter, value, " or ".join(repr(it) for it in allowed))
    return units.choice(value, parameter, allowed)


def real(value: Any, parameter: str, allowed: str, *, least: float = 0.0, most: float = float("inf")) -> float:
    """A number within bounds, of Python or numpy; not NaN."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise ParameterTypeError(parameter, value, allowed)
    if not least <= value <= most:
        raise ParameterError(parameter, value, allowed)
    return float(value)


@contextmanager
def called(parameter: str, instead_of: str) -> Iterator[None]:
    """Errors about ``instead_of``, or a part of it, become errors about ``parameter``."""
    try:
        yield
    except (ParameterError, ParameterTypeError) as error:
        if error.parameter != instead_of and not error.parameter.startswith((f"{instead_of}[", f"{instead_of}.")):
            raise
        name = parameter + error.parameter[len(instead_of) :]
        raise type(error)(name, error.value, error.allowed, error.problem) from None
