"""Specifications of one's own, to be explored: states, actions, and what is claimed of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from functools import partial
from typing import Any, ClassVar, TypeVar

from .errors import ParameterError, ParameterTypeError, SpecError, StepImpossible

__all__ = ["Spec"]

_CLAIM = "__distlab_claim__"
_Predicate = TypeVar("_Predicate", bound=Callable[..., object])


class Spec:
    """The base class of specifications written in Python: what TLA+ calls a specification, as a class.

    A specification has no nodes and no messages unless it makes them itself: it is the states that a system may
    begin in (:meth:`init`), and for every state the steps that may come next (:meth:`actions`). What should hold
    is written as methods under :meth:`always`, :meth:`sometimes` and :meth:`eventually`, or as a mapping
    ``invariants`` of names to predicates.

    A state is a value that never changes: a number, a string, a tuple, a frozenset, a frozen dataclass, an Enum
    member, of such values. States are told apart by their content.

    Attributes
    ----------
    invariants : mapping of str to callable, or callable
        More properties that hold always; ``invariants(self)`` may return the mapping, and ``invariants(self, state)``
        a bool, or a mapping of names to bools.
    unfair : collection of str
        Kinds of actions that nobody promises ever happen (crashes, losses): ``eventually`` does not rely on them.
        All others are weakly fair: what stays possible for ever happens.

    Examples
    --------
    >>> import distlab as dl
    >>> class Jugs(dl.Spec):
    ...     '''Four litres, with jugs of three and five.'''
    ...     def init(self):
    ...         return 0, 0
    ...     def actions(self, state):
    ...         three, five = state
    ...         yield "fill 3", (3, five)
    ...         yield "fill 5", (three, 5)
    ...         yield "empty 3", (0, five)
    ...         yield "empty 5", (three, 0)
    ...         moved = min(three, 5 - five)
    ...         yield "3 into 5", (three - moved, five + moved)
    ...         moved = min(five, 3 - three)
    ...         yield "5 into 3", (three + moved, five - moved)
    ...     @dl.Spec.always
    ...     def never_four(self, state):
    ...         return state[1] != 4
    >>> dl.explore(Jugs()).violation.actions
    ['fill 5', '5 into 3', 'empty 3', '5 into 3', 'fill 5', '5 into 3']
    """

    invariants: ClassVar[Any] = {}
    unfair: ClassVar[Iterable[str]] = ()

    def init(self) -> Any:
        """Where the system may begin: a state, or a list, set or generator of states."""
        raise SpecError(type(self).__name__, "init(self) is missing: it returns the initial state, or a list of them")

    def actions(self, state: Any) -> Iterable[tuple[Any, Any]]:
        """What may happen: pairs of a name and the state it leads to.

        A name is a string, or a tuple that begins with one: ``("send", 3)`` is of the kind ``send``. The same state
        must give the same pairs in the same order.

        Parameters
        ----------
        state : object
            A state that was returned before; not to be changed.
        """
        raise SpecError(
            type(self).__name__, "actions(self, state) is missing: it yields pairs (name, next state)", state
        )

    # -- what is claimed ------------------------------------------------------------------------------

    @staticmethod
    def always(predicate: _Predicate) -> _Predicate:
        """Marks a method ``(self, state)`` as a property of every state (safety)."""
        setattr(predicate, _CLAIM, "always")
        return predicate

    @staticmethod
    def sometimes(predicate: _Predicate) -> _Predicate:
        """Marks a method as a property of some state: shows that what should be possible is."""
        setattr(predicate, _CLAIM, "sometimes")
        return predicate

    @staticmethod
    def eventually(predicate: _Predicate) -> _Predicate:
        """Marks a method as a property that every fair behavior comes to (liveness)."""
        setattr(predicate, _CLAIM, "eventually")
        return predicate

    # -- by hand --------------------------------------------------------------------------------------

    def initial(self) -> list[Any]:
        """The states that :meth:`init` names, as a list."""
        given = self.init()
        if isinstance(given, list | Set | Iterator) and not isinstance(given, frozenset):
            given = list(given)
        else:
            given = [given]
        if not given:
            raise SpecError(type(self).__name__, "init(self) names no state to begin in")
        return given

    def follow(self, actions: Iterable[Any], start: Any = None, *, strict: bool = True) -> list[Any]:
        """The states along a path.

        Parameters
        ----------
        actions : iterable
            The names of the actions, in order. Of several with one name, the first is taken.
        start : object, optional
            Where to begin: the first initial state from which the path is possible otherwise.
        strict : bool
            Whether an action that is not possible is an error; otherwise the path ends there.

        Returns
        -------
        list
            The states, one more than actions.

        Raises
        ------
        StepImpossible
            If an action is not possible where it should happen.
        """
        path = list(actions)
        starts = self.initial() if start is None else [start]
        longest: list[Any] = []
        for first in starts:
            states = self._follow(path, first)
            if len(states) > len(longest):
                longest = states
            if len(states) == len(path) + 1:
                return states
        if strict:
            at = len(longest) - 1
            raise StepImpossible(at, path[at], [name for name, _ in self.actions(longest[-1])])
        return longest

    def _follow(self, path: list[Any], first: Any) -> list[Any]:
        states = [first]
        for action in path:
            found = [state for name, state in self.actions(states[-1]) if name == action]
            if not found:
                break
            states.append(found[0])
        return states

    def claims(self) -> list[tuple[str, str, Callable[[Any], object]]]:
        """Every property as (name, claim, predicate), in the order in which the class defines them."""
        found: dict[str, tuple[str, str, Callable[[Any], object]]] = {}
        for owner in reversed(type(self).__mro__):
            for name, value in vars(owner).items():
                if (claim := getattr(value, _CLAIM, None)) is not None:
                    found[name] = (name, claim, getattr(self, name))
                elif name in found:
                    del found[name]
        return [*found.values(), *self._invariants()]

    def _invariants(self) -> Iterator[tuple[str, str, Callable[[Any], object]]]:
        given = self.invariants
        if callable(given) and not isinstance(given, Mapping):
            if inspect.signature(given).parameters:
                yield from self._of_state(given)
                return
            given = given()
        allowed = "a mapping of names to predicates of a state, or a method that returns one"
        if not isinstance(given, Mapping):
            given = {getattr(it, "__name__", repr(it)): it for it in _functions(given, allowed)}
        for name, predicate in given.items():
            if not callable(predicate):
                raise ParameterTypeError(f"invariants[{name!r}]", predicate, "a predicate of a state")
            yield str(name), "always", predicate

    def _of_state(self, check: Callable[[Any], Any]) -> Iterator[tuple[str, str, Callable[[Any], object]]]:
        """``invariants(self, state)`` answers for one state: a bool, or a bool for every name."""
        answer = check(self.initial()[0])
        if not isinstance(answer, Mapping):
            yield "invariants", "always", check
            return
        for name in answer:
            yield str(name), "always", partial(_one_of, check, name)

    def holds(self, name: str, state: Any) -> bool:
        """Whether the property of that name holds in a state."""
        for known, _, predicate in self.claims():
            if known == name:
                return bool(predicate(state))
        raise ParameterError("name", name, "one of " + ", ".join(it[0] for it in self.claims()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({fields})"


def _one_of(check: Callable[[Any], Any], name: Any, state: Any) -> object:
    return check(state)[name]


def _functions(given: Any, allowed: str) -> list[Callable[[Any], object]]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ParameterTypeError("invariants", given, allowed)
    functions = list(given)
    if bad := [it for it in functions if not callable(it)]:
        raise ParameterTypeError("invariants", bad[0], allowed)
    return functions


def parts(spec: Spec, more: Iterable[tuple[str, str, Callable[[Any], object]]] = ()) -> dict[str, Any]:
    """What the core explores: the specification, taken apart."""
    return {
        "spec": spec,
        "initial": spec.initial(),
        "actions": spec.actions,
        "properties": [*spec.claims(), *more],
        "representative": getattr(spec, "representative", None),
        "unfair": [str(it) for it in spec.unfair],
    }
