"""Counterexamples: the way to a state that should not be, as something to read, draw, replay, keep and test."""

from __future__ import annotations

import base64
import html
import inspect
import json
import os
import textwrap
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ._core import decode, encode
from .cluster import Cluster, load
from .errors import InvariantViolation, ParameterError, ParameterTypeError, SaveFileError, StepImpossible
from .records import table
from .spec import Spec

__all__ = ["Counterexample"]

_FORMAT = "distlab counterexample 1"


class Counterexample:
    """The way to a state in which a property does not hold.

    Of a specification, states are its own values and actions their names. Of a cluster, actions are steps (a message
    delivered, a timer gone off, a node crashed, ...), as data, and states say of every node what its status says.

    Attributes
    ----------
    property : str
        What does not hold; ``"deadlock"`` if nothing may happen in the last state.
    claim : str
        ``always``, ``eventually``, or ``deadlock``.
    actions : list
        What happens, in order. Of a lasso, the last one leads back.
    kinds : list of str
        The kind of each action.
    states : list
        The initial state, and the state after each action (but the one that leads back).
    lasso : int or None
        Of a property that should hold eventually: the state that the last action leads back to, so that the part from
        there goes round for ever. If no action leads back, the behavior stays in the last state for ever.
    detail : str
        What was seen, in words, if a protocol's invariant has words for it.
    before : list
        Of a cluster whose nodes had yet to start: how they did, as steps before the first state.
    system : object
        What was explored; of a cluster, a fork that stands where the exploration began.

    Examples
    --------
    >>> import distlab as dl
    >>> class Lamp(dl.Spec):
    ...     def init(self):
    ...         return 0
    ...     def actions(self, n):
    ...         yield "press", (n + 1) % 4
    ...     @dl.Spec.always
    ...     def low(self, n):
    ...         return n < 2
    >>> print(dl.explore(Lamp()).violation)
    low fails after 2 steps
        0
     1  press -> 1
     2  press -> 2
    """

    def __init__(
        self,
        system: Any,
        name: str,
        claim: str,
        actions: Sequence[Any],
        kinds: Sequence[str],
        states: Sequence[Any],
        lasso: int | None = None,
        detail: str = "",
        predicate: Callable[[Any], object] | None = None,
        before: Sequence[Any] = (),
        calls: Mapping[str, Sequence[Any]] | Sequence[tuple[str, Sequence[Any]]] | None = None,
    ) -> None:
        self.system = system
        self.property = name
        self.claim = claim
        self.actions = list(actions)
        self.kinds = list(kinds)
        self.states = list(states)
        self.lasso = lasso
        self.detail = detail
        self.before = list(before)
        self.calls = {node: list(asked) for node, asked in dict(calls or {}).items()}
        self._predicate = predicate

    @classmethod
    def _of(
        cls,
        system: Any,
        found: Mapping[str, Any],
        predicates: Mapping[str, Callable[[Any], object]] | None = None,
        calls: Sequence[tuple[str, Sequence[Any]]] = (),
    ) -> Counterexample:
        """From what the core found."""
        name = found["property"]
        made = cls(
            system,
            "deadlock" if name is None else name,
            found["claim"] or "deadlock",
            found["actions"],
            found["kinds"],
            found["states"],
            found["lasso"],
            predicate=(predicates or {}).get(name),
            before=found["before"],
            calls=calls,
        )
        if made._is_cluster and made._predicate is None and made.claim == "always":
            with suppress(StepImpossible):
                try:
                    made._replay(len(made), invariants=[made.property])
                except InvariantViolation as violation:
                    made.detail = violation.detail
        return made

    def __len__(self) -> int:
        """How many actions."""
        return len(self.actions)

    @property
    def closes(self) -> bool:
        """Whether the last action leads back, so that something happens for ever."""
        return len(self.actions) == len(self.states)

    # -- to read --------------------------------------------------------------------------------------

    def __str__(self) -> str:
        width = len(str(len(self.actions)))
        lines = [self._headline()]
        if self._is_cluster:
            lines += [f" {i:>{width}}  {_step(it)}" for i, it in enumerate(self.actions, 1)]
        else:
            lines.append(f" {'':>{width}}  {_shown(self.states[0])}")
            for i, action in enumerate(self.actions, 1):
                after = _shown(self.states[i]) if i < len(self.states) else f"back to after {self.lasso}"
                lines.append(f" {i:>{width}}  {_shown(action)} -> {after}")
        return "\n".join(lines)

    def _headline(self) -> str:
        steps = f"{len(self.actions)} step{'s' if len(self.actions) != 1 else ''}"
        if self.claim == "deadlock":
            return f"nothing may happen after {steps}"
        if self.claim == "eventually":
            loop = f"goes round from after {self.lasso}" if self.closes else "stays as it is"
            return f"{self.property} never comes: after {steps} the behavior {loop} for ever"
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.property} fails after {steps}{detail}"

    def __repr__(self) -> str:
        return f"<Counterexample: {self._headline()}>"

    def _repr_html_(self) -> str:
        if self._is_cluster:
            rows = [[i, _step(it)] for i, it in enumerate(self.actions, 1)]
            return table(["", "step"], rows, self._headline())
        first: list[list[Any]] = [[0, "", _shown(self.states[0])]]
        rows = [
            [i, _shown(action), _shown(self.states[i]) if i < len(self.states) else f"back to {self.lasso}"]
            for i, action in enumerate(self.actions, 1)
        ]
        return table(["", "action", "state"], first + rows, html.escape(self._headline()))

    @property
    def _is_cluster(self) -> bool:
        return isinstance(self.system, Cluster)

    # -- to see again ---------------------------------------------------------------------------------

    def replay(self, steps: int | None = None) -> Any:
        """The same steps again, by the real thing.

        Parameters
        ----------
        steps : int, optional
            How many; all by default.

        Returns
        -------
        Cluster or list
            Of a cluster, a fork that has made the steps, in manual mode and with a full trace: an ordinary simulation
            that can be looked at, drawn, and run on. Of a specification, the states along the way, computed anew.

        Raises
        ------
        StepImpossible
            If the system has changed since, and a step is not possible any more.
        """
        actions = self.actions[:steps]
        if self._is_cluster:
            return self._replay(len(actions))
        if isinstance(self.system, Spec):
            return self.system.follow(actions, self.states[0])
        return self.states[: len(actions) + 1]

    def _replay(self, steps: int, **options: Any) -> Any:
        return self.system.replay([*self.before, *self.actions[:steps]], calls=self.calls, **options)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """As a picture: of a cluster, its space-time diagram; of a specification, what changes in each step.

        Exploring knows no time, so the diagram goes step by step. See :func:`distlab.plot.spacetime` and
        :func:`distlab.plot.behavior`.
        """
        from .plot import behavior, spacetime

        if not self._is_cluster:
            return behavior(self, ax, **options)
        cluster = self.replay()
        begun = len(self.before)
        rows = _by_steps(cluster.trace.columns, cluster._steps[begun:])
        usual = {"seed": cluster.seed, "window": (0.0, len(self.actions) + 0.9)}
        drawn = spacetime(rows, ax=ax, **{**usual, **options})
        drawn.set_xlabel("step")
        return drawn

    # -- to keep --------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file: data, and no code.

        The cluster is saved with it; a specification has to be given again to :meth:`load`.
        """
        saved = {
            "format": _FORMAT,
            "property": self.property,
            "claim": self.claim,
            "kinds": self.kinds,
            "lasso": self.lasso,
            "detail": self.detail,
            "actions": _text(encode(self.actions)),
            "before": _text(encode(self.before)),
            "calls": _text(encode(self.calls)),
            "states": _text(encode(self.states)),
            "cluster": _text(self.system.save()) if self._is_cluster else None,
        }
        where = Path(path)
        where.write_text(json.dumps(saved, indent=1) + "\n")
        return where

    @classmethod
    def load(cls, path: str | os.PathLike[str], spec: Spec | None = None, nodes: Sequence[type] = ()) -> Counterexample:
        """Read one from a file.

        Parameters
        ----------
        path : path
            Where :meth:`save` wrote it.
        spec : Spec, optional
            The specification, if it is one's.
        nodes : sequence of type
            The classes of a cluster's nodes written in Python, and of their data.

        Raises
        ------
        SaveFileError
            If the file is damaged, or something else.
        """
        try:
            saved = json.loads(Path(path).read_text())
            if saved["format"] != _FORMAT:
                raise SaveFileError(f"{path}: written by another version: {saved['format']!r}")
            values = {name: decode(unpacked(saved[name])) for name in ("actions", "states", "before", "calls")}
            cluster = saved["cluster"]
            rest = {name: saved[name] for name in ("claim", "kinds", "lasso", "detail")} | {"name": saved["property"]}
        except (KeyError, TypeError, UnicodeDecodeError, ValueError, zlib.error) as error:
            if isinstance(error, SaveFileError):
                raise
            raise SaveFileError(f"{path}: not a saved counterexample: {error}") from error
        if cluster is None and spec is None:
            raise ParameterError("spec", spec, "the specification that this counterexample is one of")
        system = spec if cluster is None else load(unpacked(cluster), nodes)
        return cls(system, **values, **rest)

    def to_pytest(self, name: str | None = None) -> str:
        """A test to paste into a file of tests: it fails as long as the counterexample is one.

        It needs nothing but what it says itself; predicates and classes of one's own it imports from where they were
        defined.

        Parameters
        ----------
        name : str, optional
            The name of the test, made of the property's otherwise.
        """
        words = "".join(it if it.isalnum() else "_" for it in self.property).strip("_").lower()
        name = name or f"test_{words or 'property'}_holds"
        if not name.isidentifier():
            raise ParameterError("name", name, "an identifier")
        body = _cluster_test(self) if self._is_cluster else _spec_test(self)
        return f"def {name}():\n" + textwrap.indent(body, "    ")

    def __reduce__(self) -> tuple[Any, ...]:
        known = {name: it for name, it in vars(self).items() if name not in ("system", "property", "_predicate")}
        known["name"] = self.property
        return (_restored, (self.system.save(), known)) if self._is_cluster else (_made, (self.system, known))


def _made(system: Any, known: Mapping[str, Any]) -> Counterexample:
    return Counterexample(system, **known)


def _restored(saved: bytes, known: Mapping[str, Any]) -> Counterexample:
    return _made(load(saved), known)


def _text(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 9)).decode("ascii")


def unpacked(text: str) -> bytes:
    """What :func:`_text` made text of."""
    return zlib.decompress(base64.b85decode(text))


def _by_steps(columns: Mapping[str, Any], ends: Sequence[int]) -> dict[str, Any]:
    """A trace in which every row has the number of its step for its time; 0: before the first."""
    rows = np.arange(len(columns["kind"]))
    step = np.searchsorted(np.asarray(ends), rows, side="right").astype(np.float64)
    kinds = list(columns["kinds"])
    sent = {
        it: step[row] for row, it in enumerate(columns["id"].tolist()) if columns["kind"][row] == kinds.index("send")
    }
    for row in np.flatnonzero(columns["kind"] == kinds.index("drop")):
        if sent.get(int(columns["id"][row])) == step[row]:
            step[row] += 0.4  # lost on the way, at once
    return {**columns, "time": step}


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "  ".join(f"{key}={it}" for key, it in value.items())
    return repr(value)


def _step(step: Any) -> str:
    """A step of a cluster in words."""
    if isinstance(step, str):
        return step
    ((kind, facts),) = step.items()
    words = {
        "deliver": "{to} gets {msg} from {from}",
        "fire": "timer {timer} of {node} goes off",
        "start": "{node} comes up",
        "call": "{node} is asked {call}",
        "sync": "the disk of {node} has synced",
        "crash": "{node} crashes",
        "recover": "{node} recovers",
        "drop": "{msg} from {from} to {to} is lost",
        "duplicate": "{to} gets {msg} from {from}, and will once more",
        "cut": "the network falls apart: {groups}",
        "heal": "the network heals",
    }
    text: str = words.get(kind, kind).format(**{name: _brief(it) for name, it in facts.items()})
    if facts.get("lost"):
        lost = ", ".join(f"{_brief(row[-1])} to {row[-2]}" for row in facts["lost"])
        text += f", and with it is lost {lost}"
    return text + (f" (choices {facts['choices']})" if facts.get("choices") else "")


def _brief(value: Any) -> str:
    """Data without the names around it: ``{"raft": {"vote": {"term": 2}}}`` is ``vote(term=2)``."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, inner),) = value.items()
        if isinstance(inner, str):
            return f"{inner}"
        if isinstance(inner, Mapping) and len(inner) == 1:
            ((name, inner),) = inner.items()
        if isinstance(inner, Mapping):
            parts = ", ".join(f"{key}={_inside(it)}" for key, it in inner.items())
            return f"{name}({parts})"
        return f"{name}({_inside(inner)})"
    return _inside(value)


def _inside(value: Any) -> str:
    """A part of a message: of a dict, what it holds."""
    if isinstance(value, Mapping):
        return "(" + ", ".join(_inside(it) for it in value.values()) + ")"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inside(it) for it in value) + "]"
    return str(value)


def _cluster_test(found: Counterexample) -> str:
    imports, ready = ["import distlab as dl"], "cluster"
    classes = sorted({type(it) for it in _nodes(found.system)}, key=lambda it: it.__qualname__)
    imports += [f"from {it.__module__} import {it.__qualname__}" for it in classes]
    nodes = f", nodes=[{', '.join(it.__qualname__ for it in classes)}]" if classes else ""
    saved = _literal(_text(found.system.save()))
    lines = [*imports, "", f"saved = {saved}", f"steps = {_pretty([*found.before, *found.actions])}"]
    lines += [f"calls = {found.calls!r}"]
    lines += [f"{ready} = dl.Cluster.unpack(saved{nodes})", f"# {found._headline()}"]
    if found._predicate is not None:
        lines[0:1] = ["import distlab as dl", *_import_of(found._predicate)]
        predicate = found._predicate.__qualname__ if _importable(found._predicate) else "holds"
        lines.append(f"{ready}.replay(steps, calls=calls, strict=False, always={{{found.property!r}: {predicate}}})")
    else:
        lines.append(f"{ready}.replay(steps, calls=calls, strict=False, invariants=[{found.property!r}])")
    return "\n".join(lines) + "\n"


def _spec_test(found: Counterexample) -> str:
    system = type(found.system)
    lines = [f"from {system.__module__} import {system.__qualname__}", "", f"spec = {found.system!r}"]
    lines += [f"actions = {_pretty(found.actions)}", f"# {found._headline()}"]
    lines += ["states = spec.follow(actions, strict=False)"]
    reached = f"len(states) <= {len(found.actions)}"
    if found.claim == "deadlock":
        lines.append(f"assert {reached} or list(spec.actions(states[-1]))")
    elif found.claim == "eventually":
        lines.append(f"assert {reached} or any(spec.holds({found.property!r}, state) for state in states)")
    else:
        lines.append(f"assert {reached} or spec.holds({found.property!r}, states[-1])")
    return "\n".join(lines) + "\n"


def _nodes(cluster: Cluster) -> list[Any]:
    """The live objects of nodes written in Python."""
    found = []
    for name in cluster._world.names:
        try:
            node = cluster.node(name)
        except (ParameterError, ParameterTypeError):
            continue
        if node is not None:
            found.append(node)
    return found


def _importable(predicate: Callable[[Any], object]) -> bool:
    name = getattr(predicate, "__qualname__", "")
    return name.isidentifier() and inspect.getmodule(predicate) is not None


def _import_of(predicate: Callable[[Any], object]) -> list[str]:
    if _importable(predicate):
        return [f"from {predicate.__module__} import {predicate.__qualname__}"]
    return ["", "def holds(view):", "    ...  # the property, as it was given to explore()", ""]


def _literal(text: str) -> str:
    lines = textwrap.wrap(text, 96, break_on_hyphens=False)
    return "(\n" + "".join(f"    {it!r}\n" for it in lines) + ")"


def _pretty(values: Sequence[Any]) -> str:
    return "[\n" + "".join(f"    {it!r},\n" for it in values) + "]"
