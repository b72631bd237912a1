"""Everything that can go wrong, as exceptions that carry their data.

All derive from :class:`DistlabError`; those about bad arguments also from the builtin one would expect
(``ValueError``, ``TypeError``, ``KeyError``). Every one can be pickled, so it survives a process pool.
"""

from __future__ import annotations

import pickle
import reprlib
from typing import Any

__all__ = [
    "AllocationError",
    "BudgetExceeded",
    "ClockError",
    "ClusterBusy",
    "ClusterHalted",
    "ConsistencyViolation",
    "DistlabError",
    "HandlerError",
    "HistoryError",
    "InternalError",
    "InvariantViolation",
    "LivelockError",
    "MachineError",
    "ManualModeError",
    "MemoryFault",
    "MissingKey",
    "OutOfMemory",
    "PageFault",
    "ParameterError",
    "ParameterTypeError",
    "PropertyViolation",
    "ProtectionFault",
    "SaveFileError",
    "SerializationError",
    "SpecError",
    "StepImpossible",
    "TraceError",
    "TreeMismatch",
    "UnexplorableError",
    "UnknownNode",
]

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60


class DistlabError(Exception):
    """The base of every error of this package.

    Examples
    --------
    >>> import distlab as dl
    >>> issubclass(dl.UnknownNode, dl.DistlabError)
    True
    """

    __module__ = "distlab"


def _portable(value: Any) -> Any:
    """The value itself, or its repr where it cannot be pickled."""
    try:
        pickle.dumps(value)
    except Exception:
        return repr(value)
    return value


class _AboutParameter(DistlabError):
    """An argument, or a part of one, that is not what it should be.

    Attributes
    ----------
    parameter : str
        Which one, as a path: ``network.loss``, ``message['term'][3]``.
    value : object
        What was given.
    allowed : str
        What would be right.
    problem : str or None
        What is wrong, where "expected ..., got ..." does not say it.
    """

    __module__ = "distlab"

    def __init__(self, parameter: str, value: Any = None, allowed: str = "", problem: str | None = None) -> None:
        super().__init__(parameter, value, allowed, problem)
        self.parameter = parameter
        self.value = value
        self.allowed = allowed
        self.problem = problem

    def __str__(self) -> str:
        text = self.problem or f"expected {self.allowed}, got {_short.repr(self.value)}"
        return f"{self.parameter}: {text}" if self.parameter else text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parameter, _portable(self.value), self.allowed, self.problem)


class ParameterError(_AboutParameter, ValueError):
    """An argument of the right type with a value that is not allowed.

    Examples
    --------
    >>> import distlab as dl
    >>> str(dl.ParameterError("loss", 1.5, "a number from 0 to 1"))
    'loss: expected a number from 0 to 1, got 1.5'
    """

    __module__ = "distlab"


class HistoryError(ParameterError):
    """Operations or text that are no history; the parameter names the row, or line and column.

    Examples
    --------
    >>> import distlab as dl
    >>> try:
    ...     dl.History.parse("C1: W(x,1)@[3,0]")
    ... except dl.HistoryError as error:
    ...     print("before it is invoked" in str(error))
    True
    """

    __module__ = "distlab"


class TraceError(ParameterError):
    r"""A recorded trace that cannot be understood: malformed, damaged, or cut short.

    Attributes
    ----------
    parameter : str
        Which line or record; ``"path"`` where it is the file as a whole.
    value : str or None
        What stands there.
    line : int or None
        Which line, from 1 on; of a trace that is cut short or damaged, the last that could be read.
    record : int or None
        The same for a trace of records.

    Examples
    --------
    >>> import io
    >>> import distlab as dl
    >>> try:
    ...     dl.memory.read_lackey(io.StringIO("I  0401ab70,3\nI  0401"))
    ... except dl.TraceError as error:
    ...     print(error.line, error.value)
    2 I  0401
    """

    __module__ = "distlab"

    def __init__(
        self,
        parameter: str,
        value: Any = None,
        allowed: str = "",
        problem: str | None = None,
        line: int | None = None,
        record: int | None = None,
    ) -> None:
        super().__init__(parameter, value, allowed, problem)
        self.line = line
        self.record = record

    def __reduce__(self) -> tuple[Any, ...]:
        data = (self.parameter, _portable(self.value), self.allowed, self.problem)
        return type(self), (*data, self.line, self.record)


class ParameterTypeError(_AboutParameter, TypeError):
    """An argument of the wrong type."""

    __module__ = "distlab"


class SerializationError(_AboutParameter, TypeError):
    """A value that cannot be kept as data: sent, written to disk, or saved."""

    __module__ = "distlab"


class UnknownNode(DistlabError, KeyError):
    """There is no node of that name.

    Attributes
    ----------
    node : object
        The name that was asked for.
    known : tuple of str
        The names there are.
    """

    __module__ = "distlab"

    def __init__(self, node: Any, known: tuple[str, ...] = ()) -> None:
        super().__init__(node, tuple(known))
        self.node = node
        self.known = tuple(known)

    def __str__(self) -> str:
        names = ", ".join(self.known[:20]) + (", ..." if len(self.known) > 20 else "")
        return f"no node {_short.repr(self.node)}; there are: {names}" if names else f"no node {_short.repr(self.node)}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (_portable(self.node), self.known)


class MissingKey(DistlabError, KeyError):
    """There is no such key in a Merkle tree.

    Attributes
    ----------
    key : object
        The key that was asked for.
    """

    __module__ = "distlab"

    def __init__(self, key: Any) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"no key {_short.repr(self.key)}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (_portable(self.key),)


class TreeMismatch(DistlabError, ValueError):
    """Two Merkle trees that cannot be compared: nodes at the same place stand for different things.

    Attributes
    ----------
    what : str
        In what they differ: ``"hashes"``, ``"orders"``, ``"rings"``, ``"ranges"``, ``"splits"`` or ``"sizes"``.
    ours, theirs : str
        What the one has, and the other.

    Examples
    --------
    >>> import distlab as dl
    >>> try:
    ...     dl.hashing.MerkleTree(leaves=8).diff(dl.hashing.MerkleTree(leaves=16))
    ... except dl.TreeMismatch as error:
    ...     print(error)
    trees of different sizes: 8 leaves and 16 leaves
    """

    __module__ = "distlab"

    def __init__(self, what: str, ours: str = "", theirs: str = "") -> None:
        super().__init__(what, ours, theirs)
        self.what = what
        self.ours = ours
        self.theirs = theirs

    def __str__(self) -> str:
        return f"trees of different {self.what}: {self.ours} and {self.theirs}"


class SaveFileError(DistlabError, ValueError):
    """A saved cluster that cannot be read: damaged, cut short, or of another version."""

    __module__ = "distlab"


class HandlerError(DistlabError, RuntimeError):
    """A node written in Python was used in a way that cannot work.

    For example: a context kept and used after its handler returned, or a message for a node that has no
    ``on_message``. An exception that a handler raises itself is not wrapped: it surfaces as it is.
    """

    __module__ = "distlab"


class MachineError(DistlabError, RuntimeError):
    """A state machine written in Python whose ``query`` changed its state: its copies would no longer be equal.

    Attributes
    ----------
    machine : str
        Its class.
    question : object
        What it was asked.
    before, after : object
        Its state before and after: what ``snapshot()`` returned, or its attributes.

    Examples
    --------
    >>> import distlab as dl
    >>> class Visits:
    ...     count = 0
    ...     def apply(self, command):
    ...         return self.count
    ...     def query(self, question):
    ...         self.count += 1
    ...         return self.count
    >>> raft = dl.Raft(["a"], machine=Visits)
    >>> try:
    ...     raft.run_until(raft.client("ann").query("visits"))
    ... except dl.MachineError as error:
    ...     print(error.question, error.before, error.after)
    visits {} {'count': 1}
    """

    __module__ = "distlab"

    def __init__(self, machine: str, question: Any = None, before: Any = None, after: Any = None) -> None:
        super().__init__(machine, question, before, after)
        self.machine = machine
        self.question = question
        self.before = before
        self.after = after

    def __str__(self) -> str:
        before, after = _short.repr(self.before), _short.repr(self.after)
        what = f"query({_short.repr(self.question)}) of {self.machine} changed its state from {before} to {after}"
        return f"{what}: a query must leave it as it is, what changes it belongs into apply"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.machine, *map(_portable, (self.question, self.before, self.after)))


class InvariantViolation(DistlabError, AssertionError):
    """An invariant that was watched does not hold.

    Attributes
    ----------
    invariant : str
        Its name.
    detail : str
        What was seen, in words.
    seed : int
        The seed of the run.
    step : int
        How many events had been handled.
    time : float
        When, in seconds of simulated time.
    node : str or None
        The node whose step broke it.
    trace : object
        What happened until then, if a trace was recorded.
    replay : str or None
        The one line that runs it again.
    """

    __module__ = "distlab"

    def __init__(
        self,
        invariant: str,
        detail: str = "",
        seed: int = 0,
        step: int = 0,
        time: float = 0.0,
        node: str | None = None,
        trace: Any = None,
        replay: str | None = None,
    ) -> None:
        super().__init__(invariant, detail, seed, step, time, node)
        self.invariant = invariant
        self.detail = detail
        self.seed = seed
        self.step = step
        self.time = time
        self.node = node
        self.trace = trace
        self.replay = replay

    def __str__(self) -> str:
        text = f"{self.invariant}: {self.detail} (seed {self.seed}, step {self.step}, t = {self.time:.9g} s)"
        return f"{text}\nreplay: {self.replay}" if self.replay else text

    def __reduce__(self) -> tuple[Any, ...]:
        data = (self.invariant, self.detail, self.seed, self.step, self.time, self.node)
        return type(self), (*data, _portable(self.trace), self.replay)


class LivelockError(DistlabError, RuntimeError):
    """Too many events at one instant: something reacts to itself without letting time pass.

    Attributes
    ----------
    node : str
        The node the last of these events was for.
    event : str
        What the event was.
    """

    __module__ = "distlab"

    def __init__(self, node: str, event: str = "", detail: str = "") -> None:
        super().__init__(node, event, detail)
        self.node = node
        self.event = event
        self.detail = detail

    def __str__(self) -> str:
        return self.detail or f"time stands still: node {self.node!r} keeps reacting to {self.event} at one instant"


class BudgetExceeded(DistlabError, RuntimeError):
    """A limit of the configuration was reached (events, messages in flight, memory).

    Attributes
    ----------
    limit : str
        Its name.
    detail : str
        What was reached, and by whom, in words.
    """

    __module__ = "distlab"

    def __init__(self, limit: str, detail: str = "") -> None:
        super().__init__(limit, detail)
        self.limit = limit
        self.detail = detail

    def __str__(self) -> str:
        return self.detail or f"the limit {self.limit!r} was reached"


class ClockError(DistlabError, ValueError):
    """Stamps that do not belong together, or a clock that cannot go on."""

    __module__ = "distlab"


class ClusterBusy(DistlabError, RuntimeError):
    """The cluster is running, in another thread or further up in this one's calls."""

    __module__ = "distlab"


class ClusterHalted(DistlabError, RuntimeError):
    """The cluster was stopped by an internal error and cannot go on; a fork or a save from before can."""

    __module__ = "distlab"


class ManualModeError(DistlabError, RuntimeError):
    """The cluster moves only by hand, and was asked to run by itself."""

    __module__ = "distlab"


class AllocationError(DistlabError):
    """No place for a piece of memory.

    Attributes
    ----------
    owner : str
        Who asked.
    size, free, largest : int
        For how much; what is free in all; and what is free in one piece.
    holes : int
        In how many pieces it is free.
    """

    __module__ = "distlab"

    def __init__(self, owner: str, size: int, free: int, largest: int, holes: int) -> None:
        super().__init__(owner, size, free, largest, holes)
        self.owner = owner
        self.size = size
        self.free = free
        self.largest = largest
        self.holes = holes

    def __str__(self) -> str:
        text = f"no place for {self.owner!r} of {self.size}: {self.free} free"
        if self.size > self.free:
            return text
        return f"{text}, but at most {self.largest} in one piece ({self.holes} holes)"


class InternalError(DistlabError, RuntimeError):
    """A defect of distlab itself, caught before it could do harm.

    Attributes
    ----------
    detail : str
        What the engine said.
    seed : int or None
        The seed of the run, to reproduce it.
    """

    __module__ = "distlab"

    def __init__(self, detail: str, seed: int | None = None) -> None:
        super().__init__(detail, seed)
        self.detail = detail
        self.seed = seed

    def __str__(self) -> str:
        seed = "" if self.seed is None else f" (seed {self.seed})"
        return f"{self.detail}{seed}; this is a defect of distlab: please report it"


class ConsistencyViolation(DistlabError):
    """A history is not what a consistency model asks for.

    Attributes
    ----------
    verdict : Verdict
        Which model, why, and the smallest part of the history that fails.
    """

    __module__ = "distlab"

    def __init__(self, verdict: Any) -> None:
        super().__init__(verdict)
        self.verdict = verdict

    def __str__(self) -> str:
        lines = [f"not {self.verdict.model}: {self.verdict.reason}"]
        part = self.verdict.counterexample
        if part is not None and len(part) <= 20:
            lines += [f"  {part[row].process}: {part.describe(row)}" for row in range(len(part))]
        return "\n".join(lines)


class SpecError(DistlabError, TypeError):
    """A specification written in Python that does not keep the rules of :class:`distlab.Spec`.

    Attributes
    ----------
    spec : str
        The name of its class.
    problem : str
        What is wrong, in words.
    state : object
        The state it was looked at in; None if that does not matter.
    action : object
        The name of the action that did it; None if that does not matter.
    """

    __module__ = "distlab"

    def __init__(self, spec: str, problem: str = "", state: Any = None, action: Any = None) -> None:
        super().__init__(spec, problem, state, action)
        self.spec = spec
        self.problem = problem
        self.state = state
        self.action = action

    def __str__(self) -> str:
        at = "" if self.state is None else f" (at the state {_short.repr(self.state)})"
        return f"{self.spec}: {self.problem}{at}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.spec, self.problem, _portable(self.state), _portable(self.action))


class UnexplorableError(DistlabError, ValueError):
    """Something that an exploration cannot branch on: its outcomes are too many, or hang on a clock.

    Attributes
    ----------
    detail : str
        What it is, where, and what to do instead.
    """

    __module__ = "distlab"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class StepImpossible(DistlabError, ValueError):
    """A step of a path that is not possible where it should happen.

    Attributes
    ----------
    index : int
        Which step, from 0 on.
    step : object
        What should have happened.
    possible : list
        What could have happened instead, where that is known.
    why : str
        Why it is not possible, where that is known.
    """

    __module__ = "distlab"

    def __init__(self, index: int, step: Any = None, possible: Any = (), why: str = "") -> None:
        super().__init__(index, step, possible, why)
        self.index = index
        self.step = step
        self.possible = list(possible)
        self.why = why

    def __str__(self) -> str:
        could = ", ".join(_short.repr(it) for it in self.possible[:12]) + (", ..." if len(self.possible) > 12 else "")
        why = self.why or f"possible: {could or 'nothing'}"
        return f"step {self.index}, {_short.repr(self.step)}, is not possible: {why}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.index, _portable(self.step), _portable(self.possible), self.why)


class PropertyViolation(DistlabError, AssertionError):
    """A property does not hold in all that was explored.

    Attributes
    ----------
    property : str
        Its name.
    counterexample : Counterexample or None
        The way to where it fails; None for a ``sometimes`` that no state fulfils.
    """

    __module__ = "distlab"

    def __init__(self, name: str, counterexample: Any = None) -> None:
        super().__init__(name, counterexample)
        self.property = name
        self.counterexample = counterexample

    def __str__(self) -> str:
        if self.counterexample is None:
            return f"{self.property}: no state fulfils it"
        return str(self.counterexample)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.property, _portable(self.counterexample))


class MemoryFault(DistlabError, ValueError):
    """An access to memory that is refused: the base of :class:`ProtectionFault` and :class:`PageFault`.

    Attributes
    ----------
    reason : str
        Why: ``"read-only"``, ``"supervisor"``, ``"not-executable"``, ``"non-canonical"`` or ``"unmapped"``.
    address : int
        The virtual address.
    process : int
        Whose access it was.
    kind : str
        What it was for: ``"read"``, ``"write"`` or ``"fetch"``.
    translation : Translation or None
        What the walk read until then; None where the access was one of many.
    position : int or None
        Which of many accesses it was, from 0 on.
    """

    __module__ = "distlab"

    def __init__(
        self,
        reason: str,
        address: int = 0,
        process: int = 0,
        kind: str = "read",
        translation: Any = None,
        position: int | None = None,
    ) -> None:
        super().__init__(reason, address, process, kind)
        self.reason = reason
        self.address = address
        self.process = process
        self.kind = kind
        self.translation = translation
        self.position = position

    def __str__(self) -> str:
        why = {
            "read-only": "the page may only be read",
            "supervisor": "the page is the system's own",
            "not-executable": "the page holds no instructions",
            "non-canonical": "the address is not canonical",
            "unmapped": "nothing is mapped there",
        }.get(self.reason, self.reason)
        at = "" if self.position is None else f"access {self.position}: "
        return f"{at}{self.kind} of {self.address:#x} by process {self.process}: {why}"

    def __reduce__(self) -> tuple[Any, ...]:
        data = (self.reason, self.address, self.process, self.kind, _portable(self.translation), self.position)
        return type(self), data


class ProtectionFault(MemoryFault):
    """An access that the rights of a page forbid, or to an address that is not canonical.

    Examples
    --------
    >>> import distlab as dl
    >>> table = dl.memory.PageTable.preset("32-bit")
    >>> table.map(0x1000, frame=5, writable=False)
    >>> try:
    ...     table.translate(0x1004, kind="write")
    ... except dl.ProtectionFault as fault:
    ...     print(fault)
    write of 0x1004 by process 0: the page may only be read
    """

    __module__ = "distlab"


class PageFault(MemoryFault):
    """A page fault that cannot be served: nothing is mapped at the address, neither in memory nor on disk."""

    __module__ = "distlab"


class OutOfMemory(DistlabError, MemoryError):
    """A page must leave memory and there is no room for it, or there are no frames for a page.

    Attributes
    ----------
    what : str
        What there is too little of.
    """

    __module__ = "distlab"

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"out of {self.what}"
