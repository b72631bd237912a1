"""Gives every parameter of a call every kind of nonsense, and looks at what comes of it.

A call is a table: who is called, arguments that are right, and for each parameter which of the values below are right,
too (by their names). Everything else has to raise an error of distlab's that names the parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import distlab as dl

VALUES: dict[str, Any] = {
    "None": None,
    "text": "x",
    "empty text": "",
    "bytes": b"x",
    "-1": -1,
    "0": 0,
    "1": 1,
    "1.5": 1.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "2**70": 2**70,
    "-2**70": -(2**70),
    "True": True,
    "list": [],
    "list of text": ["x"],
    "list of one": [[1]],
    "list of None": [None],
    "dict": {},
    "dict of None": {"x": None},
    "object": object(),
    "array of text": np.array("x"),
    "array of nan": np.array([np.nan]),
    "2-d array": np.zeros((2, 2), np.int64),
    "np.int64(-1)": np.int64(-1),
    "lone surrogate": "\ud800",
    "null": "\0",
}

#: What is right for parameters of a kind, beside what they are given.
COUNT = frozenset({"1"})
NUMBER = frozenset({"0", "1", "1.5"})
WHOLE = frozenset({"0", "1"})
SIGNED = frozenset({"0", "1", "-1", "np.int64(-1)"})
FLAG = frozenset({"True"})
OPTIONAL = frozenset({"None"})
NAME = frozenset({"text", "lone surrogate", "null"})
NOTHING: frozenset[str] = frozenset()
ANY = frozenset(VALUES)


@dataclass
class Call:
    """A call that is right, and what of the nonsense is right for its parameters."""

    who: Callable[..., Any]
    right: Mapping[str, Any]
    allowed: Mapping[str, frozenset[str]]
    name: str = ""
    #: Names by which the message may call a parameter, where it is another one.
    named: Mapping[str, str] = field(default_factory=dict)
    #: Parameters of the test's own.
    hidden: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.name = self.name or getattr(self.who, "__qualname__", repr(self.who))

    def parameters(self) -> list[str]:
        """All that can be passed by name."""
        try:
            found = inspect.signature(self.who).parameters.values()
        except ValueError:
            return list(self.right)
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        names = dict.fromkeys([it.name for it in found if it.kind not in kinds] + list(self.right))
        return [it for it in names if it not in self.hidden]

    def complaints(self) -> list[str]:
        """What was not refused as it should be."""
        found = []
        for parameter in self.parameters():
            allowed = self.allowed.get(parameter, NOTHING)
            for label, value in VALUES.items():
                if wrong := self._try(parameter, value, label in allowed):
                    found.append(f"{self.name}({parameter}={label}): {wrong}")
        return found

    def _try(self, parameter: str, value: Any, is_right: bool) -> str | None:
        try:
            made = self.who(**{**self.right, parameter: value})
            if hasattr(made, "__next__"):
                list(made)
        except (dl.UnknownNode, dl.MissingKey) as error:
            return f"is right, but raises {error!r}" if is_right else None  # which carries whom nobody knows
        except dl.DistlabError as error:
            names = [parameter, *self.named.get(parameter, "").split()]
            if is_right:
                return f"is right, but raises {error!r}"
            if not any(it in str(error) for it in names):
                return f"does not name {parameter}: {error}"
        except OSError as error:
            return None if parameter == "path" else f"raises {error!r}"
        except BaseException as error:
            return f"raises {type(error).__name__}: {error}"
        else:
            if not is_right:
                return "is not refused"
        return None
