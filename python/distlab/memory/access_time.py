"""Effective memory access time: what an access costs on average, in closed form."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import emat_parts, emat_solve, emat_times
from ..errors import ParameterTypeError
from . import _arguments as arguments

__all__ = ["Emat", "EmatParts", "emat"]

Form: TypeAlias = Literal["example", "definition", "no_walk_on_fault"]
_Floats: TypeAlias = NDArray[np.float64]

_DEFAULTS: Final = {
    "h": 0.0,
    "t": 0.0,
    "m": 0.0,
    "n": 0.0,
    "p": 1.0,
    "S": 0.0,
    "dirty_fraction": 0.0,
    "write_back": 1.0,
    "h2": 0.0,
    "t2": 0.0,
    "cache_hit_rate": 0.0,
    "cache_time": 0.0,
}
"""Every term, in the order in which the core knows them, and what it is where nothing is said."""

_REQUIRED: Final = ("h", "t", "m", "n")


class EmatParts(NamedTuple):
    """Where the time of an average access goes; the parts add up to it.

    Attributes
    ----------
    tlb, walk, data, fault : float or ndarray
        Looking into the TLBs, walking page tables, the access to the data itself, serving page faults; in the
        unit of the times.
    """

    tlb: float | _Floats
    walk: float | _Floats
    data: float | _Floats
    fault: float | _Floats


class Emat:
    r"""Effective memory access time; there is one of them: call ``dl.memory.emat``.

    All arguments may be numbers or arrays, which are broadcast against each other; numbers alone give a float.
    Times may be in any unit, and the result is in the same.

    Parameters
    ----------
    h : array_like
        The share of accesses that the TLB answers, from 0 to 1.
    t, m : array_like
        The time of a look into the TLB, and of an access to memory.
    n : array_like
        Levels of the page table: how many accesses to memory a walk takes. An average may be a fraction; a nested
        walk of ``n`` over ``k`` levels takes ``(n + 1) * (k + 1) - 1``.
    p : array_like, default 1
        The share of walks that find their page present; the others are page faults.
    S : array_like, default 0
        The service time of a page fault.
    form : {"example", "definition", "no_walk_on_fault"}
        What a miss of the TLB is charged. With ``walk = n m``, and ``data = m`` (see the cache below):

        - ``"example"``: :math:`h (t + data) + (1-h) (t + p (walk + data) + (1-p) (walk + S + data))`. What the notes'
          example does, and a machine: it walks, and then makes the access.
        - ``"definition"``: :math:`h (t + data) + (1-h) (t + p\,walk + (1-p) S)`, as the notes print it.
        - ``"no_walk_on_fault"``: :math:`h (t + data) + (1-h) (t + p (walk + data) + (1-p) (S + data))`, as many
          textbooks have it.
    dirty_fraction, write_back : array_like, default 0 and 1
        The share of faults whose victim is dirty, and what writing it back costs in units of ``S``: a fault takes
        ``S * (1 + dirty_fraction * write_back)``.
    h2, t2 : array_like, default 0
        The share of misses of the TLB that a second TLB behind it answers, and the time of a look into that.
    cache_hit_rate, cache_time : array_like, default 0
        A cache in front of memory, for data: ``data = cache_time + (1 - cache_hit_rate) * m``. Walks pass it by.

    Returns
    -------
    float or ndarray of float64

    Raises
    ------
    ParameterError
        For a rate outside of [0, 1], a time that is negative or not finite, an unknown form.
    ParameterTypeError
        For what is no number, and for arrays that cannot be broadcast.

    Notes
    -----
    Definition 7.17 and Example 7.2 of the notes, which differ: the definition leaves out the access behind the walk.
    O(1) for each element.

    Examples
    --------
    The notes' three levels, for two hit rates:

    >>> import numpy as np, distlab as dl
    >>> dl.memory.emat(h=0.80, t=5, m=100, n=3)
    165.0
    >>> dl.memory.emat(h=np.array([0.80, 0.98]), t=5, m=100, n=3, form="definition")
    array([145., 109.])

    A surface is one call, and the question can be turned round:

    >>> dl.memory.emat(h=np.linspace(0.9, 1, 3), t=1, m=100, n=np.arange(1, 5)[:, None]).shape
    (4, 3)
    >>> round(dl.memory.emat.solve_for("h", target=111, t=5, m=100, n=3), 9)
    0.98
    """

    __slots__ = ()

    @overload
    def __call__(
        self,
        h: float,
        t: float,
        m: float,
        n: float,
        p: float = ...,
        S: float = ...,  # noqa: N803
        *,
        form: Form = ...,
        dirty_fraction: float = ...,
        write_back: float = ...,
        h2: float = ...,
        t2: float = ...,
        cache_hit_rate: float = ...,
        cache_time: float = ...,
    ) -> float: ...
    @overload
    def __call__(
        self,
        h: ArrayLike,
        t: ArrayLike,
        m: ArrayLike,
        n: ArrayLike,
        p: ArrayLike = ...,
        S: ArrayLike = ...,  # noqa: N803
        *,
        form: Form = ...,
        dirty_fraction: ArrayLike = ...,
        write_back: ArrayLike = ...,
        h2: ArrayLike = ...,
        t2: ArrayLike = ...,
        cache_hit_rate: ArrayLike = ...,
        cache_time: ArrayLike = ...,
    ) -> float | _Floats: ...
    def __call__(
        self,
        h: ArrayLike,
        t: ArrayLike,
        m: ArrayLike,
        n: ArrayLike,
        p: ArrayLike = 1.0,
        S: ArrayLike = 0.0,  # noqa: N803
        *,
        form: Form = "example",
        dirty_fraction: ArrayLike = 0.0,
        write_back: ArrayLike = 1.0,
        h2: ArrayLike = 0.0,
        t2: ArrayLike = 0.0,
        cache_hit_rate: ArrayLike = 0.0,
        cache_time: ArrayLike = 0.0,
    ) -> float | _Floats:
        """The average time of an access."""
        given = (h, t, m, n, p, S, dirty_fraction, write_back, h2, t2, cache_hit_rate, cache_time)
        columns, shape = _columns(dict(zip(_DEFAULTS, given, strict=True)))
        return _shaped(emat_times(_form(form), columns, _rows(shape)), shape)

    def parts(self, *, form: Form = "example", **terms: ArrayLike) -> EmatParts:
        """Where that time goes.

        Parameters
        ----------
        form, **terms
            As for :func:`emat` itself.

        Returns
        -------
        EmatParts
            Its four parts add up to ``emat(...)``.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.memory.emat.parts(h=0.75, t=5, m=100, n=3)
        EmatParts(tlb=5.0, walk=75.0, data=100.0, fault=0.0)
        """
        columns, shape = _columns(_completed(terms))
        parts = emat_parts(_form(form), columns, _rows(shape))
        return EmatParts(*(_shaped(it, shape) for it in parts))

    def solve_for(self, term: str, *, target: ArrayLike, form: Form = "example", **terms: ArrayLike) -> float | _Floats:
        """The value of one term that makes the average time ``target``.

        Parameters
        ----------
        term : str
            Which one: any argument of :func:`emat` but ``form``.
        target : array_like
            The wanted time.
        form, **terms
            As for :func:`emat` itself, without ``term``.

        Returns
        -------
        float or ndarray of float64
            Exact but for rounding: the time is a straight line in each term alone.

        Raises
        ------
        ParameterError
            If no allowed value of the term gives that time; the message says which times can be had.

        Examples
        --------
        How rare must page faults be, for an average of 200 ns?

        >>> import distlab as dl
        >>> p = dl.memory.emat.solve_for("p", target=200, h=0.8, t=5, m=100, n=3, S=8e6)
        >>> f"one walk in {1 / (1 - p):,.0f}"
        'one walk in 45,714'
        """
        arguments.choice(term, "term", tuple(_DEFAULTS))
        if term in terms:
            raise ParameterTypeError(term, terms[term], problem="is what is asked for, so it cannot be given")
        columns, shape = _columns(_completed(terms | {term: _DEFAULTS[term]}), target)
        wanted = columns.pop()
        return _shaped(emat_solve(_form(form), columns, _rows(shape), term, wanted), shape)

    def __repr__(self) -> str:
        return "distlab.memory.emat"

    def __reduce__(self) -> str:
        return "emat"


emat: Final = Emat()


def _completed(terms: dict[str, ArrayLike]) -> dict[str, ArrayLike]:
    """All terms, those that were not given with their defaults."""
    for name, value in terms.items():
        if name not in _DEFAULTS:
            raise ParameterTypeError(name, value, problem=f"is no term; the terms are {', '.join(_DEFAULTS)}")
    if missing := [name for name in _REQUIRED if name not in terms]:
        raise ParameterTypeError(missing[0], problem="is missing, and has no default")
    return _DEFAULTS | terms


def _columns(terms: dict[str, ArrayLike], *more: ArrayLike) -> tuple[list[_Floats], tuple[int, ...]]:
    """Flat columns, broadcast against each other; a number stays one number."""
    named = list(terms.items()) + [("target", it) for it in more]
    arrays = [_numbers(name, value) for name, value in named]
    try:
        shape = np.broadcast_shapes(*(it.shape for it in arrays))
    except ValueError as error:
        shapes = ", ".join(f"{name} {it.shape}" for (name, _), it in zip(named, arrays, strict=True) if it.shape)
        raise ParameterTypeError("terms", shapes, "arrays whose shapes can be broadcast") from error
    flat = [it.reshape(1) if it.ndim == 0 else np.broadcast_to(it, shape).ravel() for it in arrays]
    return flat, shape


def _numbers(name: str, value: ArrayLike) -> _Floats:
    try:
        found: NDArray[Any] = np.asarray(value)
    except ValueError:
        raise ParameterTypeError(name, value, "a number or an array of numbers") from None
    if found.dtype.kind not in "iuf":
        raise ParameterTypeError(name, value, "a number or an array of numbers")
    return found.astype(np.float64)


def _rows(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _shaped(flat: _Floats, shape: tuple[int, ...]) -> float | _Floats:
    return flat.reshape(shape) if shape else float(flat[0])


def _form(value: Any) -> str:
    return arguments.choice(value, "form", get_args(Form))
