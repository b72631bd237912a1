"""Memory handed out in pieces: contiguous, with holes that fit nobody, or in pages, where every hole fits."""

from __future__ import annotations

import copy
import html
from typing import Any, Literal, Self, TypeAlias

from .._core import Contiguous, Paged
from ..errors import ParameterError
from . import _arguments as arguments

__all__ = ["ContiguousMemory", "PagedMemory"]

Fit: TypeAlias = Literal["first", "best", "worst", "next"]


class _Memory:
    """What the two kinds share: they are values that can be copied, compared and pickled."""

    _core: Any

    def copy(self) -> Self:
        """The same memory again, independent of this one."""
        return copy.copy(self)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__getstate__() == other.__getstate__()

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> bytes:
        state: bytes = self._core.state()
        return state

    def __setstate__(self, state: bytes) -> None:
        self._restore(state)

    def _restore(self, state: bytes) -> None:
        raise NotImplementedError


class ContiguousMemory(_Memory):
    """A memory whose pieces are contiguous: what is free may lie in holes too small for anybody.

    Parameters
    ----------
    size : int
        How many units it has (bytes, pages, GiB: as you like).
    fit : {"first", "best", "worst", "next"}
        Which hole a piece is cut from: the lowest that is large enough, the smallest, the largest, or the first above
        the last piece that was placed. Of equal ones the lowest.

    Raises
    ------
    ParameterError
        For a size below 1, and for an unknown fit.

    Notes
    -----
    Notes, Definitions 7.2 and 7.6. O(holes) for an allocation, O(log holes) for giving back.

    Examples
    --------
    The notes' example: two units are free, and two do not fit.

    >>> import distlab as dl
    >>> memory = dl.memory.ContiguousMemory(4)
    >>> memory.allocate("A", 1), memory.allocate("B", 2)
    (0, 1)
    >>> memory.free("A")
    >>> memory
    <ContiguousMemory [0, B, B, 0] first fit, 2 of 4 free, largest hole 1>
    >>> memory.allocate("C", 2)
    Traceback (most recent call last):
    ...
    distlab.AllocationError: no place for 'C' of 2: 2 free, but at most 1 in one piece (2 holes)
    """

    def __init__(self, size: int, fit: Fit = "first") -> None:
        self._core: Contiguous = Contiguous(_units(size, "size"), _name(fit, "fit"))

    def _restore(self, state: bytes) -> None:
        self._core = Contiguous.from_state(state)

    @property
    def size(self) -> int:
        """How many units it has."""
        return self._core.size

    @property
    def fit(self) -> str:
        """Which hole a piece is cut from."""
        return self._core.fit

    def allocate(self, owner: str, size: int) -> int:
        """Give ``owner`` a piece of ``size`` units; the unit at which it begins.

        Raises
        ------
        AllocationError
            If no hole is large enough; it says how much is free, and how much in one piece.
        ParameterError
            If the owner holds a piece already, or the size is below 1.
        """
        return self._core.allocate(_name(owner, "owner"), _units(size, "size"))

    def free(self, owner: str) -> None:
        """Take the piece of ``owner`` back.

        Raises
        ------
        ParameterError
            If the owner holds none.
        """
        self._core.free(_name(owner, "owner"))

    def compact(self) -> int:
        """Move all pieces down, so that one hole is left; how many units had to be moved.

        Examples
        --------
        >>> import distlab as dl
        >>> memory = dl.memory.ContiguousMemory(4)
        >>> _ = memory.allocate("A", 1), memory.allocate("B", 2)
        >>> memory.free("A")
        >>> memory.compact(), memory.allocate("C", 2)
        (2, 2)
        """
        return self._core.compact()

    @property
    def pieces(self) -> dict[str, tuple[int, int]]:
        """Start and size of what each owner holds, from below."""
        rows = sorted(self._core.pieces(), key=lambda it: it[1])
        return {owner: (start, size) for owner, start, size in rows}

    @property
    def holes(self) -> list[tuple[int, int]]:
        """Start and size of what nobody holds, from below."""
        return self._core.holes()

    @property
    def free_units(self) -> int:
        """How many units nobody holds."""
        return sum(size for _, size in self.holes)

    @property
    def largest_hole(self) -> int:
        """The largest piece that could be had now."""
        return max((size for _, size in self.holes), default=0)

    @property
    def fragmentation(self) -> float:
        """External fragmentation: the share of what is free that is not in the largest hole; 0 if nothing is free."""
        free = self.free_units
        return 1 - self.largest_hole / free if free else 0.0

    def layout(self) -> list[str | None]:
        """Who holds each unit, from below.

        Raises
        ------
        ParameterError
            For memories of more than a million units: look at ``pieces`` and ``holes``.
        """
        units = _empty(self.size)
        for owner, (start, size) in self.pieces.items():
            units[start : start + size] = [owner] * size
        return units

    def __repr__(self) -> str:
        shown = f"[{', '.join(it or '0' for it in self.layout())}] " if self.size <= 16 else ""
        largest = f"largest hole {self.largest_hole}"
        return f"<ContiguousMemory {shown}{self.fit} fit, {self.free_units} of {self.size} free, {largest}>"

    def _repr_html_(self) -> str:
        extents: list[tuple[int, int, str | None]]
        extents = [(start, size, owner) for owner, (start, size) in self.pieces.items()]
        extents += [(start, size, None) for start, size in self.holes]
        return _strip(sorted(extents, key=lambda it: it[0]), self.size, repr(self))


class PagedMemory(_Memory):
    """A memory whose pieces are pages: whatever is free can be given to anybody, in whole pages.

    Parameters
    ----------
    size : int
        How many units it has, a whole number of pages, at most 2**26.
    page_size : int
        How many units a page has.

    Raises
    ------
    ParameterError
        For sizes that are no whole number of pages, or below 1.

    Examples
    --------
    What fails without pages (see :class:`ContiguousMemory`) works with them; the price is the rest of the last page.

    >>> import distlab as dl
    >>> memory = dl.memory.PagedMemory(4, page_size=1)
    >>> memory.allocate("A", 1), memory.allocate("B", 2)
    ([0], [1, 2])
    >>> memory.free("A")
    >>> memory.allocate("C", 2)
    [0, 3]
    >>> coarse = dl.memory.PagedMemory(4096, page_size=1024)
    >>> _ = coarse.allocate("A", 1500)
    >>> coarse.wasted_units
    548
    """

    def __init__(self, size: int, page_size: int) -> None:
        self._core: Paged = Paged(_units(size, "size"), _units(page_size, "page_size"))

    def _restore(self, state: bytes) -> None:
        self._core = Paged.from_state(state)

    @property
    def size(self) -> int:
        """How many units it has."""
        return self._core.size

    @property
    def page_size(self) -> int:
        """How many units a page has."""
        return self._core.page_size

    def allocate(self, owner: str, size: int) -> list[int]:
        """Give ``owner`` frames for ``size`` units: the lowest free ones.

        Raises
        ------
        AllocationError
            If not enough is free.
        ParameterError
            If the owner holds frames already, or the size is below 1.
        """
        return self._core.allocate(_name(owner, "owner"), _units(size, "size"))

    def free(self, owner: str) -> None:
        """Take the frames of ``owner`` back.

        Raises
        ------
        ParameterError
            If the owner holds none.
        """
        self._core.free(_name(owner, "owner"))

    @property
    def page_table(self) -> dict[str, list[int]]:
        """The frames of each owner, in the order of its pages."""
        return {owner: frames for owner, frames, _ in self._core.pieces()}

    @property
    def free_units(self) -> int:
        """How many units nobody holds."""
        return self._core.free_units

    @property
    def wasted_units(self) -> int:
        """Internal fragmentation: units that are held and were not asked for."""
        return self._core.wasted_units

    def layout(self) -> list[str | None]:
        """Who holds each frame, from below."""
        frames = _empty(self.size // self.page_size)
        for owner, held in self.page_table.items():
            for frame in held:
                frames[frame] = owner
        return frames

    def __repr__(self) -> str:
        frames = self.size // self.page_size
        shown = f"[{', '.join(it or '0' for it in self.layout())}] " if frames <= 16 else ""
        free = f"{self.free_units} of {self.size} free, {self.wasted_units} wasted"
        return f"<PagedMemory {shown}pages of {self.page_size}, {free}>"


def _empty(units: int) -> list[str | None]:
    if units > 1_000_000:
        raise ParameterError("size", units, "at most 1,000,000 units for a layout")
    return [None] * units


def _units(value: Any, name: str) -> int:
    return arguments.whole(value, name, "a whole number of units, from 1 to 2^63 - 1", least=1, most=2**63 - 1)


def _name(value: Any, parameter: str) -> str:
    if not arguments.text(value, parameter, "a name"):
        raise ParameterError(parameter, value, "a name that is not empty")
    return str(value)


def _strip(extents: list[tuple[int, int, str | None]], size: int, title: str) -> str:
    """A bar of the whole memory, each piece as wide as it is large."""
    cells = "".join(
        f'<div style="flex:{extent / size};min-width:1px;overflow:hidden;text-align:center;border:1px solid #8C8C8C;'
        f'background:{"#DEDEDE" if owner is None else "#56B4E9"}">{html.escape(owner or "")}</div>'
        for _, extent, owner in extents
    )
    return f'<div>{html.escape(title)}</div><div style="display:flex;max-width:40em;color:#000">{cells}</div>'
