"""Which page leaves when a frame is needed: replacement policies over reference strings.

>>> from distlab.memory import paging
>>> belady = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
>>> [paging.simulate(belady, frames=frames, policy="fifo").faults for frames in (3, 4)]
[9, 10]
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments
from . import _policies
from ._policies import POLICIES

__all__ = [
    "OUTCOMES",
    "POLICIES",
    "Comparison",
    "Curve",
    "Series",
    "Simulation",
    "Step",
    "compare",
    "miss_ratio_curve",
    "simulate",
    "stack_distances",
]

OUTCOMES = ("hit", "filled", "replaced", "wrote back")
"""What the codes of :attr:`Simulation.outcomes` mean."""

_Pages: TypeAlias = NDArray[np.uint64]

_SHOWN = 60


class _Equal:
    """Equal where all fields are, arrays by what is in them."""

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, it.name) for it in fields(self) if it.compare)  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, _Equal):
            return NotImplemented
        pairs = zip(self._compared(), other._compared(), strict=True)
        return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else bool(a == b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Step:
    """What one reference met, and the frames afterwards.

    Attributes
    ----------
    page : int
    outcome : str
        One of ``"hit"``, ``"filled"`` (a fault that took a free frame), ``"replaced"`` (a fault that took the frame of
        ``victim``), ``"wrote back"`` (the same, and the victim had to be written back first).
    victim : int or None
        Whose frame it took.
    frames : tuple of (int or None)
        The page in each frame; None: free.
    """

    page: int
    outcome: str
    victim: int | None
    frames: tuple[int | None, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Simulation(_Equal):
    """What a reference string met.

    Attributes
    ----------
    policy : str
    frames : int
    hits, faults : int
        References whose page had a frame, and those whose page had none.
    evictions : int
        Faults that took the frame of another page.
    write_backs : int
        Evictions of pages that had been written to.
    outcomes : ndarray of uint8, or None
        What each reference met, as codes of ``distlab.memory.paging.OUTCOMES``; None unless asked for.
    victims : ndarray of uint64, or None
        Whose frame each took, where the outcome says that it took one.
    """

    policy: str
    frames: int
    hits: int
    faults: int
    evictions: int
    write_backs: int
    outcomes: NDArray[np.uint8] | None = None
    victims: _Pages | None = None
    _pages: _Pages = field(default_factory=lambda: np.empty(0, np.uint64), compare=False)
    _page_bits: int = 0

    def __len__(self) -> int:
        return self.hits + self.faults

    @property
    def miss_ratio(self) -> float:
        """The share of references that fault; nan if there are none."""
        return self.faults / len(self) if len(self) else float("nan")

    @property
    def clean_drops(self) -> int:
        """Evictions of pages that had not been written to, and so need no write-back."""
        return self.evictions - self.write_backs

    @cached_property
    def pages(self) -> int:
        """How many different pages there are."""
        return _core.paging_distinct(self._pages, self._page_bits)

    @property
    def compulsory(self) -> int:
        """Faults of first references to a page (cold ones), which no policy and no number of frames avoids."""
        return self.pages

    def steps(self) -> list[Step]:
        """Each reference with the frames after it, as a textbook draws it.

        Raises
        ------
        ParameterError
            If outcomes were not asked for, or for more than 100,000 entries.
        """
        if self.outcomes is None or self.victims is None:
            raise ParameterError("outcomes", False, "True when simulating")
        if len(self) * self.frames > 100_000:
            raise ParameterError("refs", len(self), "references times frames at most 100,000, to show each step")
        frames: list[int | None] = [None] * self.frames
        where: dict[int, int] = {}
        found = []
        for page, code, victim in zip(self._numbers(), self.outcomes.tolist(), self.victims.tolist(), strict=True):
            if code:
                at = where.pop(victim) if code > 1 else len(where)
                frames[at], where[page] = page, at
            found.append(Step(page, OUTCOMES[code], victim if code > 1 else None, tuple(frames)))
        return found

    def columns(self) -> dict[str, Any]:
        """One row for each reference, as columns that pandas and polars take; a victim means nothing where none left.

        Raises
        ------
        ParameterError
            If outcomes were not asked for.
        """
        if self.outcomes is None or self.victims is None:
            raise ParameterError("outcomes", False, "True when simulating")
        pages = self._pages >> np.uint64(self._page_bits)
        return {"page": pages, "outcome": np.asarray(OUTCOMES)[self.outcomes], "victim": self.victims}

    def _numbers(self) -> list[int]:
        return (self._pages >> np.uint64(self._page_bits)).tolist()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        counts = f"{self.faults:,} faults in {len(self):,} references ({self.miss_ratio:.2%})"
        return f"<{self.policy}, {self.frames:,} frames: {counts}, {self.evictions:,} evictions>"

    def _repr_html_(self) -> str:
        title = html.escape(repr(self))
        if self.outcomes is None or len(self) > _SHOWN or self.frames > _SHOWN:
            return f"<p>{title}</p>"
        steps = self.steps()
        marks = {"hit": "", "filled": "F", "replaced": "F", "wrote back": "F, W"}
        rows = [("reference", [str(it.page) for it in steps])]
        for frame in range(self.frames):
            rows.append((f"frame {frame}", ["" if it.frames[frame] is None else str(it.frames[frame]) for it in steps]))
        rows.append(("fault", [marks[it.outcome] for it in steps]))
        lines = "".join(
            f"<tr><th>{name}</th>" + "".join(f"<td>{html.escape(it)}</td>" for it in cells) + "</tr>"
            for name, cells in rows
        )
        return f"<table><caption>{title}</caption>{lines}</table>"


@dataclass(frozen=True, repr=False, eq=False)
class Series(_Equal):
    """What a reference string met with several numbers of frames.

    Attributes
    ----------
    policy : str
    frames : ndarray of int64
    hits, faults, evictions, write_backs : ndarray of uint64
        As in :class:`Simulation`, for each number of frames.
    """

    policy: str
    frames: NDArray[np.int64]
    hits: NDArray[np.uint64]
    faults: NDArray[np.uint64]
    evictions: NDArray[np.uint64]
    write_backs: NDArray[np.uint64]

    @property
    def miss_ratio(self) -> NDArray[np.float64]:
        """The share of references that fault; nan if there are none."""
        return _ratio(self.faults, self.hits + self.faults)

    def columns(self) -> dict[str, Any]:
        """One row for each number of frames, as columns that pandas and polars take."""
        names = ("frames", "hits", "faults", "evictions", "write_backs", "miss_ratio")
        return {name: getattr(self, name) for name in names}

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Miss ratio over frames: :func:`distlab.plot.miss_ratio_curves`."""
        from ..plot import miss_ratio_curves

        return miss_ratio_curves({self.policy: (self.frames, self.miss_ratio)}, ax, **options)

    def __repr__(self) -> str:
        sizes = f"{self.frames.min():,} to {self.frames.max():,} frames"
        return f"<{self.policy}, {sizes}: {self.faults.max():,} to {self.faults.min():,} faults>"


@overload
def simulate(
    refs: ArrayLike,
    frames: int,
    policy: str = "lru",
    *,
    kinds: ArrayLike | None = None,
    page_bits: int = 0,
    outcomes: bool | None = None,
    policy_options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Simulation: ...
@overload
def simulate(
    refs: ArrayLike,
    frames: Sequence[int] | NDArray[np.integer[Any]],
    policy: str = "lru",
    *,
    kinds: ArrayLike | None = None,
    page_bits: int = 0,
    outcomes: bool | None = None,
    policy_options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Series: ...
def simulate(
    refs: ArrayLike,
    frames: int | Sequence[int] | NDArray[np.integer[Any]],
    policy: str = "lru",
    *,
    kinds: ArrayLike | None = None,
    page_bits: int = 0,
    outcomes: bool | None = None,
    policy_options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Simulation | Series:
    """Replay a reference string through frames that are free at the beginning.

    Parameters
    ----------
    refs : array_like of int
        Pages, of any size up to 64 bits; or addresses, with ``page_bits``.
    frames : int, or sequence of int
        How many frames there are; several numbers are tried on all cores.
    policy : str
        Who leaves when a frame is needed:

        - ``"fifo"``: who came first; ``"lru"``: who was not used for longest; ``"mru"``: who was used last;
        - ``"clock"``: second chance. Option ``insert_referenced``: True, a page counts as used when it comes in, as in
          textbooks; False (default), it does not, as in libCacheSim;
        - ``"lfu"``: who was used least often since it came; of equals, who became so first;
        - ``"random"``: anybody, by ``seed``;
        - ``"opt"``: who is used again last (Belady 1966);
        - ``"arc"`` (Megiddo and Modha 2003);
        - ``"2q"`` (Johnson and Shasha 1994), with the options ``in_ratio`` (0.25) and ``out_ratio`` (0.5);
        - ``"s3-fifo"`` (Yang et al. 2023), with ``small_ratio`` (0.1), ``ghost_ratio`` (0.9), ``move_to_main`` (2) and
          ``fill_main``: True (default), until somebody has to leave, new pages that the small queue has no room for go
          to the main one, as in libCacheSim since December 2024; False, they stay in the small one, as in the paper;
        - ``"sieve"`` (Zhang et al. 2024).
    kinds : array_like, optional
        Of each reference 0 or ``"read"``, 1 or ``"write"``, 2 or ``"fetch"``; bools say whether it writes. None: all
        read. A victim that was written to since it came is written back.
    page_bits : int
        How many low bits of ``refs`` to drop: 12 for addresses and pages of 4 KiB.
    outcomes : bool, optional
        Whether to keep what each reference met; without, for at most 10,000 references. Never kept for several numbers
        of frames.
    policy_options : mapping, optional
        What can be set, by name, as above; only what the policy has.
    seed : int
        For ``"random"``.

    Returns
    -------
    Simulation, or Series
        The latter for a sequence of numbers of frames.

    Raises
    ------
    ParameterError
        For no frames, unknown policies and options, negative pages, kinds of another length.
    ParameterTypeError
        For references that are no whole numbers.

    Notes
    -----
    O(1) for each reference and any policy; for ``"opt"`` O(log64 references). Misses are those of libCacheSim 0.3.5 for
    FIFO, LRU, MRU, CLOCK, LFU, OPT, ARC, 2Q, S3-FIFO and SIEVE, but for caches so small that libCacheSim's S3-FIFO and
    2Q, whose small queue is then empty, let nothing in.

    Examples
    --------
    >>> from distlab.memory import paging
    >>> found = paging.simulate([0, 2, 1], frames=2, kinds=["write", "read", "read"])
    >>> found.faults, found.write_backs
    (3, 1)
    >>> found.steps()[-1]
    Step(page=1, outcome='wrote back', victim=0, frames=(1, 2))
    """
    pages, bits = _references(refs), _bits(page_bits)
    written = _writes(kinds, len(pages))
    settings = _settings(policy_options, [_policies.policy(policy)], seed)
    wanted = None if outcomes is None else arguments.flag(outcomes, "outcomes")
    if isinstance(frames, Sequence | np.ndarray) and not isinstance(frames, str | bytes) and np.ndim(frames) > 0:
        if wanted:
            raise ParameterError("outcomes", outcomes, "False for several numbers of frames")
        sizes = _sizes(frames)
        columns_of_all = _core.paging_compare(pages, bits, written, [policy], sizes.tolist(), settings)
        return Series(policy, sizes, *columns_of_all)
    count = _frames(frames)
    details = len(pages) <= 10_000 if wanted is None else wanted
    counts = _core.paging_simulate(pages, bits, written, policy, count, settings, details)
    hits, faults, evictions, write_backs, columns = counts
    codes, victims = columns if columns is not None else (None, None)
    return Simulation(policy, count, hits, faults, evictions, write_backs, codes, victims, pages, bits)


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(_Equal):
    """Faults of policies with numbers of frames.

    Attributes
    ----------
    policies : tuple of str
    frames : ndarray of int64
    faults, evictions, write_backs : ndarray of uint64, shape (policies, frames)
    references : int
        How many references there were.
    """

    policies: tuple[str, ...]
    frames: NDArray[np.int64]
    faults: NDArray[np.uint64]
    references: int
    evictions: NDArray[np.uint64]
    write_backs: NDArray[np.uint64]

    @property
    def miss_ratio(self) -> NDArray[np.float64]:
        """The share of references that fault, in the shape of ``faults``; nan if there are none."""
        return _ratio(self.faults, self.references)

    def __getitem__(self, policy: str) -> NDArray[np.uint64]:
        if policy not in self.policies:
            raise ParameterError("policy", policy, f"one of {', '.join(self.policies)}")
        return np.asarray(self.faults[self.policies.index(policy)], np.uint64)

    def columns(self) -> dict[str, Any]:
        """One row for each policy and number of frames, as columns that pandas and polars take."""
        policies, frames = len(self.policies), len(self.frames)
        return {
            "policy": np.repeat(np.asarray(self.policies), frames),
            "frames": np.tile(self.frames, policies),
            "faults": self.faults.ravel(),
            "evictions": self.evictions.ravel(),
            "write_backs": self.write_backs.ravel(),
            "miss_ratio": self.miss_ratio.ravel(),
        }

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Miss ratio over frames, a curve for each policy: :func:`distlab.plot.miss_ratio_curves`."""
        from ..plot import miss_ratio_curves

        return miss_ratio_curves(self, ax, **options)

    def __repr__(self) -> str:
        sizes = f"{self.frames.min():,} to {self.frames.max():,} frames"
        return f"<Comparison of {', '.join(self.policies)} with {sizes}, {self.references:,} references>"


def compare(
    refs: ArrayLike,
    frames: Sequence[int] | NDArray[np.integer[Any]],
    policies: Sequence[str] = POLICIES,
    *,
    kinds: ArrayLike | None = None,
    page_bits: int = 0,
    policy_options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Comparison:
    """The faults of policies with numbers of frames, worked out on all cores.

    Parameters
    ----------
    refs, kinds, page_bits, policy_options, seed
        As for :func:`simulate`; an option concerns the policies that have it.
    frames : sequence of int
        Numbers of frames.
    policies : sequence of str
        Which policies; all by default.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> from distlab.memory import paging
    >>> belady = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
    >>> paging.compare(belady, frames=[3, 4], policies=["fifo", "lru", "opt"]).faults.tolist()
    [[9, 10], [10, 8], [7, 6]]
    """
    pages = _references(refs)
    written = _writes(kinds, len(pages))
    sizes = _sizes(frames)
    if isinstance(policies, str | bytes) or not isinstance(policies, Sequence) or not policies:
        raise ParameterTypeError("policies", policies, "a sequence of names of policies")
    names = [_policies.policy(it, "policies") for it in policies]
    settings = _settings(policy_options, names, seed)
    columns = _core.paging_compare(pages, _bits(page_bits), written, names, sizes.tolist(), settings)
    _, faults, evictions, write_backs = (it.reshape(len(names), len(sizes)) for it in columns)
    return Comparison(tuple(names), sizes, faults, len(pages), evictions, write_backs)


@dataclass(frozen=True, repr=False, eq=False)
class Curve(_Equal):
    """The misses of LRU for every number of frames.

    Attributes
    ----------
    frames : ndarray of int64
        1, 2, ... up to the number of different pages; with more frames nothing changes.
    faults : ndarray of uint64
        How many references fault with so many frames.
    references : int
        How many references there were.
    """

    frames: NDArray[np.int64]
    faults: NDArray[np.uint64]
    references: int

    @property
    def miss_ratio(self) -> NDArray[np.float64]:
        """The share of references that fault."""
        return _ratio(self.faults, self.references)

    @property
    def pages(self) -> int:
        """How many different pages there are."""
        return len(self.frames)

    def misses(self, frames: ArrayLike) -> Any:
        """How many references fault with so many frames; with none, all do."""
        allowed = "a number of frames from 0 up, or a row of them"
        all_of_them = np.concatenate([np.asarray([self.references], np.uint64), self.faults])
        if isinstance(frames, int | np.integer):
            return int(all_of_them[min(arguments.whole(frames, "frames", allowed, most=2**63 - 1), self.pages)])
        sizes = arguments.row(frames, "frames", allowed)
        return all_of_them[np.minimum(sizes, self.pages).astype(np.int64)]

    def frames_for(self, miss_ratio: float) -> int | None:
        """The fewest frames with which at most this share of references faults; None: no number does."""
        share = arguments.real(miss_ratio, "miss_ratio", "a share from 0 to 1", most=1)
        enough = np.flatnonzero(self.miss_ratio <= share)
        return int(self.frames[enough[0]]) if len(enough) else None

    def columns(self) -> dict[str, Any]:
        """One row for each number of frames, as columns that pandas and polars take."""
        return {"frames": self.frames, "faults": self.faults, "miss_ratio": self.miss_ratio}

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Miss ratio over frames: :func:`distlab.plot.miss_ratio_curves`."""
        from ..plot import miss_ratio_curves

        return miss_ratio_curves(self, ax, **options)

    def __repr__(self) -> str:
        return f"<LRU's miss ratio curve of {self.references:,} references to {self.pages:,} pages>"


def miss_ratio_curve(refs: ArrayLike, *, page_bits: int = 0) -> Curve:
    """The misses of LRU for every number of frames, exactly and from one pass.

    Parameters
    ----------
    refs, page_bits
        As for :func:`simulate`.

    Returns
    -------
    Curve

    Notes
    -----
    LRU is a stack algorithm: what hits with some frames hits with more (Mattson et al. 1970). Stack distances after
    Olken 1981. O(log pages) for each reference at most, and much less for those that come back soon.

    Examples
    --------
    >>> from distlab.memory import paging
    >>> curve = paging.miss_ratio_curve([1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5])
    >>> curve.faults.tolist()
    [12, 12, 10, 8, 5]
    >>> curve.misses(3), curve.frames_for(0.7)
    (10, 4)
    """
    pages = _references(refs)
    faults = _core.paging_misses(pages, _bits(page_bits))
    return Curve(np.arange(1, len(faults) + 1), faults, len(pages))


def stack_distances(refs: ArrayLike, *, page_bits: int = 0) -> NDArray[np.uint32]:
    """For each reference, how many different pages were used since the last one to its page, itself included.

    Parameters
    ----------
    refs, page_bits
        As for :func:`simulate`.

    Returns
    -------
    ndarray of uint32
        A reference hits with at least so many frames under LRU; 0 for the first to a page, which never hits.

    Examples
    --------
    >>> from distlab.memory import paging
    >>> paging.stack_distances([7, 8, 8, 7]).tolist()
    [0, 0, 1, 2]
    """
    return _core.paging_distances(_references(refs), _bits(page_bits))


def _ratio(faults: NDArray[np.uint64], references: Any) -> NDArray[np.float64]:
    """A share of references; nan where there are none, and so nothing to share."""
    ratio = np.full(faults.shape, np.nan)
    np.divide(faults, references, out=ratio, where=np.greater(references, 0))
    return ratio


def _references(refs: ArrayLike) -> _Pages:
    return arguments.integers(refs, "refs", np.uint64, "one row of whole numbers from 0 to 2^64 - 1")


def _writes(kinds: ArrayLike | None, references: int) -> NDArray[np.bool_] | None:
    codes = arguments.kinds(kinds, references, of="references")
    return None if codes is None else np.equal(codes, arguments.KINDS.index("write"))


def _sizes(frames: Any) -> NDArray[np.int64]:
    found = arguments.row(frames, "frames", "numbers of frames from 1 to 2^63 - 1")
    if not found.size:
        raise ParameterError("frames", frames, "one number of frames at least")
    return np.asarray([_frames(it) for it in found.tolist()], np.int64)


def _frames(value: Any) -> int:
    return arguments.whole(value, "frames", "a number of frames from 1 to 2^63 - 1", least=1, most=2**63 - 1)


def _bits(value: Any) -> int:
    return arguments.whole(value, "page_bits", "a number of bits from 0 to 63", most=63)


def _settings(policy_options: Any, policies: Sequence[str], seed: Any) -> dict[str, Any]:
    seed = arguments.whole(seed, "seed", "a whole number from 0 to 2^64 - 1")
    return {"seed": seed, **_policies.options(policy_options, policies)}
