"""Exercises with worked answers, for teachers: address translation, page replacement, effective access times."""

from __future__ import annotations

import contextlib
import html
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, TypeAlias

import numpy as np

from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments
from . import paging
from .access_time import emat
from .page_table import PageTable

__all__ = ["Exercise", "exercise", "exercises"]

Kind: TypeAlias = Literal["translation", "replacement", "emat"]

KINDS: tuple[Kind, ...] = ("translation", "replacement", "emat")


@dataclass(frozen=True, repr=False)
class Exercise:
    """A question, its answer, and the way there.

    Attributes
    ----------
    kind : str
        ``"translation"``, ``"replacement"`` or ``"emat"``.
    question : str
        What is asked, in plain text.
    answer : int or float
        The physical address, the number of faults, the time in nanoseconds, or a rate.
    solution : str
        How one gets there, step by step.
    seed : int
        What makes the same exercise again: ``exercise(kind, seed)``.
    data : dict
        The numbers of the question, by name.
    """

    kind: Kind
    question: str
    answer: int | float
    solution: str
    seed: int
    data: dict[str, Any] = field(default_factory=dict, compare=False)

    def check(self, answer: Any) -> bool:
        """Whether an answer is right: a whole number exactly, another one to three significant digits.

        Parameters
        ----------
        answer : int, float or str
            Text may be in hexadecimal: ``"0x345678"``.

        Raises
        ------
        ParameterError, ParameterTypeError
            For what is no number.
        """
        given = _number(answer)
        if isinstance(self.answer, int):
            return given == self.answer
        if abs(given) > 1e300:
            return False  # also integers that no float holds
        return math.isclose(given, self.answer, rel_tol=5e-3 if self.answer > 1 else 5e-4)

    def __str__(self) -> str:
        return f"{self.question}\n\n{self.solution}"

    def __repr__(self) -> str:
        first = self.question.splitlines()[0]
        return f"<Exercise {self.kind}, seed {self.seed}: {first}>"

    def _repr_html_(self) -> str:
        question, solution = html.escape(self.question), html.escape(self.solution)
        return f"<pre>{question}</pre><details><summary>solution</summary><pre>{solution}</pre></details>"


def exercise(kind: Kind, seed: int = 0) -> Exercise:
    """An exercise.

    Parameters
    ----------
    kind : {"translation", "replacement", "emat"}
        What it is about.
    seed : int
        Another seed is another exercise; the same one the same.

    Returns
    -------
    Exercise

    Raises
    ------
    ParameterError
        For an unknown kind.

    Examples
    --------
    >>> import distlab as dl
    >>> found = dl.memory.exercise("replacement", seed=3)
    >>> print(found.question)  # doctest: +ELLIPSIS
    A process refers to its pages in this order:
    ...
    >>> found.check(found.answer), found.check(-1)
    (True, False)
    """
    arguments.choice(kind, "kind", KINDS)
    seed = _seed(seed)
    # Text seeds are spread over the whole state, and mean the same on every version of Python.
    question, answer, solution, data = _MAKERS[kind](Random(f"{kind} {seed}"))
    return Exercise(kind, question, answer, solution, seed, data)


def exercises(count: int, kind: Kind | None = None, seed: int = 0) -> list[Exercise]:
    """A sheet of different exercises, of all kinds in turn or of one.

    Parameters
    ----------
    count : int
        How many.
    kind : str, optional
        Of which kind; without, of all in turn.
    seed : int
        Another seed is another sheet.

    Examples
    --------
    >>> import distlab as dl
    >>> [it.kind for it in dl.memory.exercises(4, seed=1)]
    ['translation', 'replacement', 'emat', 'translation']
    """
    count = arguments.whole(count, "count", "a whole number from 0 to 10,000", most=10_000)
    seed = _seed(seed)
    kinds = KINDS if kind is None else (kind,)
    if kind is not None:
        arguments.choice(kind, "kind", KINDS)
    return [exercise(kinds[i % len(kinds)], seed * 10_000 + i) for i in range(count)]


def _seed(seed: Any) -> int:
    if isinstance(seed, bool | np.bool_) or not isinstance(seed, int | np.integer):
        raise ParameterTypeError("seed", seed, "a whole number")
    return int(seed)


def _number(answer: Any) -> float:
    """What somebody answered; whole numbers exactly, as far as text and integers go."""
    allowed = "a number, or the text of one"
    if isinstance(answer, str):
        for read in (lambda it: int(it, 0), float):
            with contextlib.suppress(ValueError):
                return _not_nan(read(answer), answer, allowed)
        raise ParameterError("answer", answer, allowed)
    if isinstance(answer, bool | np.bool_) or not isinstance(answer, int | float | np.integer | np.floating):
        raise ParameterTypeError("answer", answer, allowed)
    return _not_nan(answer.item() if isinstance(answer, np.generic) else answer, answer, allowed)


def _not_nan(number: float, answer: Any, allowed: str) -> float:
    if isinstance(number, float) and math.isnan(number):
        raise ParameterError("answer", answer, allowed)
    return number


_Made: TypeAlias = tuple[str, int | float, str, dict[str, Any]]

_GEOMETRIES = (
    (1, (4,), 8, 12),
    (1, (8,), 8, 16),
    (1, (20,), 12, 32),
    (2, (4, 4), 8, 16),
    (2, (10, 10), 12, 32),
    (3, (5, 5, 5), 9, 24),
    (4, (9, 9, 9, 9), 12, 64),
)


def _translation(rng: Random) -> _Made:
    levels, bits, page_bits, word_bits = rng.choice(_GEOMETRIES)
    table = PageTable(levels, bits, page_bits, word_bits)
    used = sum(bits) + page_bits
    # Without the highest bit, which a canonical address would repeat.
    address = rng.getrandbits(used - 1)
    frame = rng.randrange(1, 1 << min(20, used - page_bits))
    page = address >> page_bits << page_bits
    table.map(page, frame=frame)
    found = table.translate(address)
    digits = (used + 3) // 4
    groups = " + ".join(str(it) for it in bits)
    indices = table.indices(address)
    shape = "one level" if levels == 1 else f"{levels} levels"
    question = (
        f"A machine has virtual addresses of {used} bits and pages of {1 << page_bits:,} bytes. Its page table has "
        f"{shape}, indexed by {groups} bits{'' if levels == 1 else ', the highest ones first'}.\n"
        f"The entry {_path(indices)} holds frame {frame:#x}. Which physical address is {address:#0{digits + 2}x}?"
    )
    offset = table.offset(address)
    lines = [f"{address:#0{digits + 2}x} in binary: {_split(address, (*bits, page_bits))}"]
    names = ["index"] if levels == 1 else [f"index of level {level + 1}" for level in range(levels)]
    lines += [f"{name}: {index} ({index:#x})" for name, index in zip(names, indices, strict=True)]
    lines.append(f"offset: the last {page_bits} bits, {offset:#x}")
    lines.append(f"The last table's entry holds frame {frame:#x}, and the frame begins at {frame << page_bits:#x}.")
    lines.append(f"{frame << page_bits:#x} + {offset:#x} = {found.physical_address:#x}")
    data = {"levels": levels, "bits_per_level": bits, "page_bits": page_bits, "address": address, "frame": frame}
    assert found.physical_address is not None
    return question, found.physical_address, "\n".join(lines), data


def _path(indices: tuple[int, ...]) -> str:
    return " -> ".join(f"[{index:#x}]" for index in indices)


def _split(address: int, groups: tuple[int, ...]) -> str:
    """The bits of an address, a gap between the groups."""
    bits, parts = f"{address:0{sum(groups)}b}", []
    for group in groups:
        parts.append(bits[:group])
        bits = bits[group:]
    return " ".join(parts)


_TAUGHT = {
    "fifo": "first in, first out (FIFO)",
    "lru": "least recently used (LRU)",
    "opt": "the optimal policy (OPT)",
    "clock": "second chance (CLOCK; a page counts as used when it comes in)",
    "lfu": "least frequently used (LFU; of equals, who became so first leaves)",
}


def _replacement(rng: Random) -> _Made:
    policy = rng.choice(list(_TAUGHT))
    frames, pages, length = rng.randrange(3, 5), rng.randrange(5, 8), rng.randrange(12, 19)
    refs = [rng.randrange(1, pages + 1)]
    while len(refs) < length:
        # Some locality, and no page twice in a row.
        near = refs[-3:] if rng.random() < 0.35 else range(1, pages + 1)
        refs += [page for page in [rng.choice(list(near))] if page != refs[-1]]
    options = {"insert_referenced": True} if policy == "clock" else None
    found = paging.simulate(refs, frames, policy, outcomes=True, policy_options=options)
    question = (
        f"A process refers to its pages in this order:\n  {', '.join(map(str, refs))}\n"
        f"It has {frames} frames, all free at the beginning. How many page faults are there with {_TAUGHT[policy]}?"
    )
    lines = [f"{'page':>4}  {'frames':<{4 * frames}}"]
    for step in found.steps():
        held = " ".join("  -" if page is None else f"{page:>3}" for page in step.frames)
        fault = "" if step.outcome == "hit" else "fault" if step.victim is None else f"fault, {step.victim} leaves"
        lines.append(f"{step.page:>4}  {held}  {fault}".rstrip())
    lines.append(f"{found.faults} page faults in {length} references")
    return question, found.faults, "\n".join(lines), {"refs": refs, "frames": frames, "policy": policy}


def _emat(rng: Random) -> _Made:
    terms: dict[str, Any] = {
        "h": rng.choice((0.8, 0.9, 0.95, 0.98, 0.99)),
        "t": rng.choice((1, 2, 5, 10)),
        "m": rng.choice((50, 80, 100, 120, 200)),
        "n": rng.randrange(1, 5),
    }
    faults = rng.random() < 0.5
    if faults:
        terms |= {"p": rng.choice((0.999, 0.9995, 0.9999)), "S": rng.choice((1e6, 5e6, 8e6))}
    given = (
        f"A look into the TLB takes {terms['t']:g} ns, an access to memory {terms['m']:g} ns, and the page table has "
        f"{terms['n']:g} level{'s' if terms['n'] > 1 else ''}."
    )
    if faults:
        share = f"{1 - terms['p']:.2%}".replace(".00%", "%")
        given += f" Of the walks {share} end in a page fault, whose service takes {terms['S'] / 1e6:g} ms more."
    if rng.random() < 0.3 and not faults:
        return _wanted_hit_rate(terms, given)
    question = f"{given}\nThe TLB answers {terms['h']:.0%} of the accesses. What does an access take on average, in ns?"
    answer = emat(**terms)
    return question, answer, _emat_steps(terms, answer), {"terms": terms}


def _emat_steps(terms: dict[str, Any], answer: float) -> str:
    h, t, m, n = (terms[name] for name in ("h", "t", "m", "n"))
    hit, miss = t + m, t + n * m + m
    lines = [
        f"TLB hit: t + m = {t:g} + {m:g} = {hit:g} ns",
        f"TLB miss: t + n m + m = {t:g} + {n:g} * {m:g} + {m:g} = {miss:g} ns",
    ]
    if "p" in terms:
        p, service = terms["p"], terms["S"]
        mean = miss + (1 - p) * service
        lines.append(f"with faults: {miss:g} + {1 - p:.4g} * {service:g} = {mean:.10g} ns")
        miss = mean
    lines.append(f"{h:g} * {hit:g} + {1 - h:.4g} * {miss:.10g} = {answer:.10g} ns")
    return "\n".join(lines)


def _wanted_hit_rate(terms: dict[str, Any], given: str) -> _Made:
    others: dict[str, Any] = {name: value for name, value in terms.items() if name != "h"}
    target = round(emat(**terms))
    answer = emat.solve_for("h", target=target, **others)
    t, m, n = (terms[name] for name in ("t", "m", "n"))
    hit, miss = t + m, t + n * m + m
    question = f"{given}\nWhich share of the accesses must the TLB answer, for {target} ns on average?"
    lines = [
        f"TLB hit: t + m = {hit:g} ns; TLB miss: t + n m + m = {miss:g} ns",
        f"h * {hit:g} + (1 - h) * {miss:g} = {target}",
        f"h = ({miss:g} - {target}) / ({miss:g} - {hit:g}) = {answer:.4f}",
    ]
    return question, float(answer), "\n".join(lines), {"terms": others, "target": target}


_MAKERS: dict[str, Callable[[Random], _Made]] = {
    "translation": _translation,
    "replacement": _replacement,
    "emat": _emat,
}
