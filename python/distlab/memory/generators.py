"""Reference strings that are made, each with one thing about it that a policy, a TLB or a cache sees.

All return a numpy array of ``uint64`` and are the same on every platform; the seeded ones give for more
references what they gave for fewer, and then go on. Page numbers where they take ``pages``, addresses in bytes
where they take sizes.

>>> from distlab.memory import generators
>>> generators.sequential(5, pages=2)
array([0, 1, 0, 1, 0], dtype=uint64)
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments

__all__ = ["matrix", "mixed_loop", "pointer_chase", "sequential", "strided", "uniform", "working_set", "zipf"]

_Refs: TypeAlias = NDArray[np.uint64]


def sequential(count: int, *, pages: int | None = None, start: int = 0) -> _Refs:
    """One page after the other: the scan that LRU fears.

    Parameters
    ----------
    count : int
        How many references.
    pages : int, optional
        After so many it begins again; None: it never does.
    start : int
        The first page.

    Examples
    --------
    >>> from distlab.memory import generators
    >>> generators.sequential(7, pages=3).tolist()
    [0, 1, 2, 0, 1, 2, 0]
    """
    many = _count(count)
    period = max(many, 1) if pages is None else _positive(pages, "pages")
    first = arguments.address(start, "start")
    if first + min(period, max(many, 1)) - 1 >= 2**64:
        raise ParameterError("start", start, "one from which all pages are below 2^64")
    return _core.generate_steps(many, first, 1, period)


def strided(count: int, *, stride: int, start: int = 0, span: int | None = None) -> _Refs:
    """Addresses ``start``, ``start + stride``, ``start + 2 * stride`` and so on.

    Parameters
    ----------
    count : int
        How many references.
    stride : int
        From one to the next, in bytes (or pages); negative: downwards.
    start : int
        The first.
    span : int, optional
        It begins again before an address is so far from the start; a multiple of the stride or not. None: never.

    Examples
    --------
    >>> from distlab.memory import generators
    >>> generators.strided(5, stride=64, span=192).tolist()
    [0, 64, 128, 0, 64]
    """
    many, first = _count(count), arguments.address(start, "start")
    step = _integer(stride, "stride")
    if not -(2**63) <= step < 2**63:
        raise ParameterError("stride", stride, "a whole number of 64 bits")
    period = max(many, 1)
    if span is not None:
        period = min(-(-_positive(span, "span") // max(abs(step), 1)), period)
    last = first + step * (min(period, max(many, 1)) - 1)
    if not 0 <= last < 2**64:
        raise ParameterError("stride", stride, "one with which all addresses are from 0 to 2^64 - 1")
    return _core.generate_steps(many, first, step, period)


def uniform(count: int, *, pages: int, seed: int = 0) -> _Refs:
    """Any of ``0 ... pages - 1``, all alike: no locality at all, and no policy is better than another.

    Examples
    --------
    >>> from distlab.memory import generators
    >>> generators.uniform(4, pages=1000, seed=1).tolist()
    [843, 8, 7, 337]
    """
    return _core.generate_uniform(_count(count), _positive(pages, "pages"), _seed(seed))


def zipf(count: int, *, pages: int, alpha: float = 1.0, permute: bool = False, seed: int = 0) -> _Refs:
    """A few pages often, most rarely: page ``k`` with a probability proportional to ``(k + 1) ** -alpha``.

    Parameters
    ----------
    count : int
        How many references.
    pages : int
        How many pages there are, up to 2^64 - 1.
    alpha : float
        How skewed it is, from 0 (all alike) on, to 100; caches of web pages and blocks show 0.6 to 1.2.
    permute : bool
        Give the pages random numbers, so that popular ones are not neighbours.
    seed : int

    Notes
    -----
    Up to 2^20 pages by an alias table (Walker 1977; Vose 1991): one random number a reference. Above by
    rejection-inversion (Hoermann and Derflinger 1996), which needs no memory.

    Examples
    --------
    >>> from distlab.memory import generators
    >>> refs = generators.zipf(100_000, pages=1000, alpha=1.0, seed=1)
    >>> bool(abs((refs == 0).mean() - 1 / sum(1 / k for k in range(1, 1001))) < 0.005)
    True
    """
    skew = _number(alpha, "alpha")
    return _core.generate_zipf(
        _count(count), _positive(pages, "pages"), skew, arguments.flag(permute, "permute"), _seed(seed)
    )


def working_set(
    count: int,
    *,
    pages: int,
    working_set: int,
    phase_length: int,
    outside: float = 0.0,
    seed: int = 0,
) -> _Refs:
    """Phases: for a while a few random pages, all alike, then others (a working set that changes, Denning 1968).

    Parameters
    ----------
    count : int
        How many references.
    pages : int
        How many pages there are.
    working_set : int
        How many of them a phase uses; at most 2^26.
    phase_length : int
        How many references a phase lasts.
    outside : float
        The probability that a reference goes to any of all pages instead.
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from distlab.memory import generators
    >>> refs = generators.working_set(3000, pages=1000, working_set=8, phase_length=1000, seed=1)
    >>> [len(np.unique(phase)) for phase in refs.reshape(3, 1000)]
    [8, 8, 8]
    """
    return _core.generate_phases(
        _count(count),
        _positive(pages, "pages"),
        _positive(working_set, "working_set"),
        _positive(phase_length, "phase_length"),
        _number(outside, "outside"),
        _seed(seed),
    )


def matrix(
    rows: int,
    columns: int,
    *,
    order: Literal["row", "column"] = "row",
    element_size: int = 8,
    base: int = 0,
    passes: int = 1,
) -> _Refs:
    """The addresses of all elements of a matrix that is stored row by row.

    Parameters
    ----------
    rows, columns : int
    order : {"row", "column"}
        Along the rows, as they are stored, or down the columns, where each step is a whole row away.
    element_size : int
        In bytes.
    base : int
        The address of the first element.
    passes : int
        How often it is walked.

    Examples
    --------
    >>> from distlab.memory import generators
    >>> generators.matrix(2, 3, order="column").tolist()
    [0, 24, 8, 32, 16, 40]
    """
    arguments.choice(order, "order", ("row", "column"))
    height, width = _positive(rows, "rows"), _positive(columns, "columns")
    many = _count(height * width * _positive(passes, "passes"), "rows * columns * passes")
    size = _positive(element_size, "element_size")
    return _core.generate_matrix(many, height, width, size, arguments.address(base, "base"), order == "column")


def pointer_chase(count: int, *, nodes: int, node_size: int = 64, base: int = 0, seed: int = 0) -> _Refs:
    """A linked list in random order, walked round and round: every address is a surprise, until the next round.

    Parameters
    ----------
    count : int
        How many references.
    nodes : int
        How many nodes the cycle has, at most 2^26; it is a random cyclic permutation, all alike (Sattolo 1986).
    node_size : int
        From one node to the next in memory, in bytes.
    base : int
        The address of the first node in memory, where the walk begins.
    seed : int

    Examples
    --------
    >>> from distlab.memory import generators
    >>> refs = generators.pointer_chase(8, nodes=4, seed=1)
    >>> sorted(refs[:4].tolist()), refs[:4].tolist() == refs[4:].tolist()
    ([0, 64, 128, 192], True)
    """
    size = _positive(node_size, "node_size")
    return _core.generate_chase(
        _count(count), _positive(nodes, "nodes"), size, arguments.address(base, "base"), _seed(seed)
    )


def mixed_loop(count: int, *, loop: int, pages: int, random_fraction: float = 0.1, seed: int = 0) -> _Refs:
    """A loop over the pages ``0 ... loop - 1``, interrupted by random ones of ``loop ... pages - 1``.

    Parameters
    ----------
    count : int
        How many references.
    loop : int
        How many pages the loop has.
    pages : int
        How many there are in all.
    random_fraction : float
        The probability that a reference is not the loop's; the loop then goes on where it was.
    seed : int

    Examples
    --------
    >>> from distlab.memory import generators
    >>> refs = generators.mixed_loop(1000, loop=4, pages=100, random_fraction=0.2, seed=1)
    >>> refs[refs < 4][:6].tolist()
    [0, 1, 2, 3, 0, 1]
    """
    fraction = _number(random_fraction, "random_fraction")
    return _core.generate_mixed(
        _count(count), _positive(loop, "loop"), _positive(pages, "pages"), fraction, _seed(seed)
    )


def _integer(value: Any, parameter: str) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise ParameterTypeError(parameter, value, "a whole number")
    return int(value)


def _count(value: Any, parameter: str = "count") -> int:
    return arguments.whole(value, parameter, "a whole number from 0 to 2^48", most=2**48)


def _positive(value: Any, parameter: str) -> int:
    return arguments.whole(value, parameter, "a positive whole number of 64 bits", least=1)


def _seed(value: Any) -> int:
    return arguments.whole(value, "seed", "a whole number from 0 to 2^64 - 1")


def _number(value: Any, parameter: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise ParameterTypeError(parameter, value, "a number")
    return float(value)
