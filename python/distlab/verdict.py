"""Verdicts: whether a history is what a consistency model asks for, and why."""

from __future__ import annotations

import html
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import units
from ._core import state_machine
from .errors import BudgetExceeded, ConsistencyViolation, ParameterError, ParameterTypeError
from .history import History, Operation
from .records import table

__all__ = ["MODELS", "Classification", "Edge", "Verdict", "check", "classify"]

MODELS = (
    "linearizable",
    "sequential",
    "causal-memory",
    "causal-convergence",
    "causal",
    "pram",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "eventual",
    "release",
    "lazy-release",
    "strict-serializable",
    "serializable",
    "snapshot-isolation",
    "prefix",
    "transactional-causal",
    "read-atomic",
    "read-committed",
)
"""The names of all models. Other words are understood too: ``fifo`` is ``pram``, ``si`` ``snapshot-isolation``."""


class Edge(NamedTuple):
    """A step of a cycle: an operation that must come before another one, and why."""

    before: Operation
    after: Operation
    kind: str
    why: str


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a checker found out about a history.

    Attributes
    ----------
    ok : bool or None
        Whether the history is what the model asks for. None: the budget ran out before that was known.
    model, algorithm : str
        What was asked for, and how it was found out.
    states : int
        How many states (configurations, edges, decisions) were looked at.
    seconds : float
        How long it took.
    reason : str
        If not ok, what is wrong, in words.
    anomaly : str
        If not ok, what it is called: ``"stale read"``, ``"G1a"``, ``"lost update"``, ...
    witness : list of Operation, dict of str to list of Operation, or None
        If ok, an order of all operations that took effect, or an order for each process (what it saw); None for
        models that forbid something and order nothing.
    order : tuple of int, or None
        The rows of a witness that is one order.
    counterexample : History or None
        If not ok, the smallest part of the history that was found to fail: none of its operations can be left
        out (with the reads of what it wrote) without making it pass.
    rows : tuple of int
        Where the operations of the counterexample are in the history.
    culprits : tuple of int
        The operations that the reason speaks of, as rows of the history, the first one most to blame.
    cycle : tuple of Edge
        If not ok because of a cycle, its steps.
    history : History
        What was judged.

    Examples
    --------
    >>> import distlab as dl
    >>> verdict = dl.History.parse("C1: W(x,1)@[0,1] | C2: R(x,0)@[2,3]").check("linearizable")
    >>> verdict.ok, len(verdict.counterexample)
    (False, 2)
    """

    ok: bool | None
    model: str
    algorithm: str
    states: int
    seconds: float
    history: History
    reason: str = ""
    anomaly: str = ""
    order: tuple[int, ...] | None = None
    views: Mapping[str, tuple[int, ...]] | None = None
    counterexample: History | None = None
    rows: tuple[int, ...] = ()
    culprits: tuple[int, ...] = ()
    edges: tuple[tuple[int, int, str, str], ...] = ()

    @property
    def witness(self) -> list[Operation] | dict[str, list[Operation]] | None:
        """The proof that it is ok; see the class."""
        if self.order is not None:
            return [self.history[row] for row in self.order]
        if self.views is not None:
            return {process: [self.history[row] for row in rows] for process, rows in self.views.items()}
        return None

    @property
    def cycle(self) -> tuple[Edge, ...]:
        """The steps of the cycle; see the class."""
        return tuple(Edge(self.history[a], self.history[b], kind, why) for a, b, kind, why in self.edges)

    def __bool__(self) -> bool:
        return self.ok is True

    def raise_if_bad(self) -> Verdict:
        """Itself, if ok.

        Raises
        ------
        ConsistencyViolation
            If not ok; it carries the verdict.
        BudgetExceeded
            If the budget ran out.
        """
        if self.ok is None:
            raise BudgetExceeded("check", f"{self!r}: allow more with time_limit=, states= or memory=")
        if not self.ok:
            raise ConsistencyViolation(self)
        return self

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The proof as a picture: :func:`distlab.plot.verdict`."""
        from .plot import verdict

        return verdict(self, ax, **options)

    def __repr__(self) -> str:
        said = {True: "holds", False: "fails", None: "not known"}[self.ok]
        why = f": {self.reason}" if self.reason else ""
        return f"<Verdict: {self.model} {said}{why} ({self.algorithm}, {self.states} states)>"

    def _repr_html_(self) -> str:
        said = {True: "holds", False: "fails", None: "is not known (budget ran out)"}[self.ok]
        rows = [["algorithm", self.algorithm], ["states", self.states], ["time", f"{self.seconds:.3g} s"]]
        if self.anomaly:
            rows.append(["anomaly", self.anomaly])
        if self.reason:
            rows.append(["reason", self.reason])
        text = table(["model", f"{self.model} {said}"], rows)
        shown = self.counterexample if self.ok is False else self.history
        small = shown is not None and len(shown) <= 60
        return text + (_picture(self) if small else "")


def _picture(verdict: Any) -> str:
    """The picture of a verdict as SVG, if there is matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return ""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    verdict.plot(figure.add_subplot())
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    svg = out.getvalue()
    return svg[svg.index("<svg") :]


def check(
    history: History,
    model: str = "linearizable",
    spec: Any = None,
    *,
    versions: Mapping[Any, Sequence[Any]] | None = None,
    time_limit: units.Duration | None = "60s",
    states: int | None = None,
    memory: int | str = "4GB",
    shrink: bool = True,
) -> Verdict:
    """Hold a history against a consistency model.

    Parameters
    ----------
    history : History
        What was asked and answered.
    model : str
        One of :data:`MODELS`.
    spec : str or object, optional
        What the objects are, for ``linearizable`` and ``sequential``: ``"register"``, ``"cas-register"``, ``"kv"``,
        ``"set"``, ``"counter"``, ``"queue"``, ``"stack"``, ``"mutex"``, ``"list"``, ``"bank"``; or a state machine's
        class as for :class:`distlab.Raft`, with ``apply(command)`` and perhaps ``query(question)``, whose states are
        compared as they are replicated (elsewhere than in a cluster's history every operation is a command ``[kind,
        key, *arguments]``); or a specification of your own: an object with ``initial()``, ``step(state, op) -> (ok,
        state)``, and optionally ``partition(op)``, where ``op`` is an :class:`Operation` and states are hashable.
        ``step`` is a pure function: whether the operation can have answered what it answered in this state (an
        ``info`` operation has no answer: it is possible with any), and the state after it. None: what the history
        comes from (its ``spec``), or else what the kinds of the operations say.
    versions : mapping of key to list of values, optional
        For transactions: the true order of the versions of each key, the oldest first, if it was logged (the white
        box). Every level is then decided without a search.
    time_limit : duration, optional
        When to give up, with ``ok=None``; None: never.
    states : int, optional
        How many states of a search to look at before giving up; None: any number.
    memory : int or str
        How many bytes a search may take before giving up, as a number or like ``"4GB"``.
    shrink : bool
        Whether to look for a minimal counterexample.

    Returns
    -------
    Verdict

    Raises
    ------
    ParameterError
        If there is no such model or specification, or the history has operations that it does not know.

    Notes
    -----
    Algorithms, n operations of k processes: registers with distinct written values by zones (Gibbons and Korach
    1997), O(n log n); queues with distinct values by bad patterns (Henzinger, Sezgin and Vafeiadis 2013),
    O(n log n); stacks with distinct values by nesting (after Lee and Mathur 2024), O(n log n + n depth); other
    linearizability by just-in-time search (Wing and Gong 1993, Lowe 2017), exponential in what is open at once;
    causal models by bad patterns (Bouajjani et al. 2017), O(n k); PRAM by saturated views; weak transactional levels
    by saturation (Biswas and Enea 2019), O(n k) to O(n^1.5); lists by cycles in Adya's graph, O(n); other
    transactional levels by constraint search, exponential at worst. The verdict names the one that was used.

    Examples
    --------
    >>> import distlab as dl
    >>> h = dl.History.parse("C1: W(x,1) | C2: R(x,1) R(x,0)")
    >>> dl.check(h, "causal").ok
    False
    """
    limit, bytes_ = _budget(time_limit, states, memory)
    began = time.perf_counter()
    spec = _chosen(spec, history, _name(model))
    read = history._read_by(spec if _is_machine(spec) else None)
    own = _specification(spec, read)
    raw = read.native.check(model, own, versions, limit, states, bytes_, bool(shrink))
    return _verdict(history, read, raw, time.perf_counter() - began)


def _budget(time_limit: Any, states: Any, memory: Any) -> tuple[float | None, int]:
    limit = None if time_limit is None else units.seconds(units.positive(time_limit, "time_limit"))
    if states is not None and (isinstance(states, bool) or not isinstance(states, int)):
        raise ParameterTypeError("states", states, "a whole number above 0, or None")
    if states is not None and states <= 0:
        raise ParameterError("states", states, "a whole number above 0, or None")
    return limit, units.size(memory, "memory")


def _name(model: Any) -> str:
    if not isinstance(model, str):
        raise ParameterTypeError("model", model, "one of " + ", ".join(MODELS))
    return model


class _Bound:
    """A user's specification, which is asked with operations, bound to a history, whose rows the core knows."""

    def __init__(self, spec: Any, history: History) -> None:
        self.spec = spec
        self.history = history

    def initial(self) -> Any:
        return self.spec.initial()

    def step(self, state: Any, row: int) -> tuple[bool, Any]:
        answer = self.spec.step(state, self.history[row])
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise ParameterTypeError("spec.step", answer, "a pair (ok, state)")
        return bool(answer[0]), answer[1]

    def partition(self, row: int) -> Any:
        return self.spec.partition(self.history[row]) if hasattr(self.spec, "partition") else None


_WITH_SPEC = ("linearizable", "linearizability", "sequential")


def _chosen(spec: Any, history: History, model: str) -> Any:
    """What to check a history against, where nothing is said what it comes from."""
    plain = model.lower().replace("_", "-")
    if spec is not None and plain in MODELS and plain not in _WITH_SPEC:
        raise ParameterTypeError("spec", spec, f"None for {model}: only linearizable and sequential take one")
    return history.spec if spec is None and plain in _WITH_SPEC else spec


def _is_machine(spec: Any) -> bool:
    """Whether it is a state machine's class, rather than that of a specification."""
    return isinstance(spec, type) and hasattr(spec, "apply") and not hasattr(spec, "step")


def _specification(spec: Any, history: History) -> Any:
    if spec is None or isinstance(spec, str):
        return spec
    if _is_machine(spec):
        asked = history._questions
        return state_machine(spec), [] if asked is None else asked.tolist()
    if isinstance(spec, type):
        spec = spec()
    if callable(getattr(spec, "initial", None)) and callable(getattr(spec, "step", None)):
        return _Bound(spec, history)
    allowed = (
        "the name of a specification, a state machine's class with apply(command), or an object with initial() and "
        "step(state, op) -> (ok, state)"
    )
    raise ParameterTypeError("spec", spec, allowed)


def _verdict(history: History, read: History, raw: Mapping[str, Any], seconds: float) -> Verdict:
    """About a history, as it was read for the judge."""
    names = raw["processes"]
    views = raw["views"]
    return Verdict(
        ok=raw["ok"],
        model=raw["model"],
        algorithm=raw["algorithm"],
        states=raw["states"],
        seconds=seconds,
        history=history,
        reason=raw["reason"],
        anomaly=raw["anomaly"],
        order=None if raw["order"] is None else tuple(raw["order"].tolist()),
        views=None if views is None else {names[p]: tuple(rows.tolist()) for p, rows in views},
        counterexample=None if raw["counterexample"] is None else read._part(list(raw["rows"]), raw["counterexample"]),
        rows=tuple(raw["rows"]),
        culprits=tuple(raw["culprits"]),
        edges=tuple(raw["cycle"]),
    )


class Classification(Mapping[str, Verdict]):
    """The ladder of models for one history: model name to verdict, strongest first.

    Attributes
    ----------
    strongest : tuple of str
        The models that hold and that no other model that holds implies.
    weakest : tuple of str
        The models that fail and that imply no other model that fails.

    Examples
    --------
    >>> import distlab as dl
    >>> ladder = dl.History.parse("C1: W(x,1)@[0,1] | C2: R(x,0)@[2,3]").classify()
    >>> "sequential" in ladder.strongest, ladder.weakest
    (True, ('linearizable',))
    """

    def __init__(self, verdicts: Mapping[str, Verdict], implies: Mapping[str, Sequence[str]]) -> None:
        self._verdicts = dict(verdicts)
        self.implies = {model: implies[model] for model in self._verdicts}

    def __getitem__(self, model: str) -> Verdict:
        return self._verdicts[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._verdicts)

    def __len__(self) -> int:
        return len(self._verdicts)

    @property
    def strongest(self) -> tuple[str, ...]:
        """The strongest models that hold."""
        holding = [model for model, it in self.items() if it.ok]
        return tuple(it for it in holding if not any(it in self.implies[other] for other in holding))

    @property
    def weakest(self) -> tuple[str, ...]:
        """The weakest models that fail."""
        failing = [model for model, it in self.items() if it.ok is False]
        return tuple(it for it in failing if not any(other in failing for other in self.implies[it]))

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """The ladder as a picture: :func:`distlab.plot.ladder`."""
        from .plot import ladder

        return ladder(self, ax, **options)

    def __repr__(self) -> str:
        return f"<Classification: strongest {', '.join(self.strongest) or 'none'}; weakest failing " + (
            f"{', '.join(self.weakest) or 'none'}>"
        )

    def _repr_html_(self) -> str:
        signs = {True: "holds", False: "fails", None: "not known"}
        rows = [[model, signs[it.ok], it.reason or it.algorithm] for model, it in self.items()]
        return table(["model", "", "why"], rows, html.unescape(repr(self)))


def classify(history: History, spec: Any = None, *, shrink: bool = False, **options: Any) -> Classification:
    """Hold a history against every model that is defined for it.

    Parameters
    ----------
    history : History
        What was asked and answered.
    spec, versions, time_limit, states, memory, shrink
        As for :func:`check`; the time limit is for each model.

    Returns
    -------
    Classification

    Raises
    ------
    InternalError
        If a model holds but one that it implies does not: one of the checkers would be wrong.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.classify(dl.History.parse("[R(x,0) W(x,1)] | [R(x,0) W(x,2)]")).weakest
    ('snapshot-isolation',)
    """
    models, implies = history.native.ladder()
    verdicts = {}
    for model in models:
        verdicts[model] = check(history, model, spec if model in _WITH_SPEC else None, shrink=shrink, **options)
    for model, verdict in verdicts.items():
        for weaker in implies[model]:
            if verdict.ok and weaker in verdicts and verdicts[weaker].ok is False:
                from .errors import InternalError

                text = f"{model} holds, but {weaker}, which it implies, does not: {verdicts[weaker].reason}"
                raise InternalError(text, None)
    return Classification(verdicts, implies)
