"""Replacement policies by name, and what can be set on them: the same for reference strings and for an MMU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments

POLICIES = ("fifo", "lru", "mru", "clock", "lfu", "random", "opt", "arc", "2q", "s3-fifo", "sieve")
"""The names of all policies."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "clock": ("insert_referenced",),
    "2q": ("in_ratio", "out_ratio"),
    "s3-fifo": ("small_ratio", "ghost_ratio", "move_to_main", "fill_main"),
}


def policy(value: Any, parameter: str = "policy", known: Sequence[str] = POLICIES) -> str:
    """The name of a policy."""
    allowed = f"one of {', '.join(known)}"
    if not isinstance(value, str):
        raise ParameterTypeError(parameter, value, allowed)
    if value not in known:
        raise ParameterError(parameter, value, allowed)
    return value


def options(given: Any, policies: Sequence[str]) -> dict[str, Any]:
    """What is set on policies, each where one of them has it."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ParameterTypeError("policy_options", given, "a mapping from names of options to values, or None")
    have = [name for it in policies for name in _OPTIONS.get(it, ())]
    for name, value in given.items():
        place = f"policy_options[{name!r}]"
        if name not in have:
            what = f"can be set are {', '.join(have)}" if have else "nothing can be set"
            raise ParameterError(place, value, f"left out: of {', '.join(policies)} {what}")
        if name in ("insert_referenced", "fill_main"):
            arguments.flag(value, place)
        elif name == "move_to_main":
            arguments.whole(value, place, "a number of uses from 1 to 255", least=1, most=255)
        elif name in ("in_ratio", "small_ratio"):
            arguments.real(value, place, "a share of the frames, from 0 to 1", most=1)
        else:
            arguments.real(value, place, "a ratio to the frames, from 0 to 16", most=16)
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in given.items()}
