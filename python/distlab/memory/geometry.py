"""How an address is cut up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import _core
from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments

__all__ = ["GEOMETRIES", "Geometry"]

GEOMETRIES = ("32-bit", "32-bit-two-level", "x86-64", "x86-64-5-level", "sv39", "sv48")
"""The names of known geometries, all with pages of 4 KiB."""

_BITS = "the bits of an index as a whole number from 1 to 24, or one such number for each level, the root's first"


@dataclass(frozen=True)
class Geometry:
    """How an address is cut up: an index for each level of tables, the root's first, and an offset in the page.

    The offset is the lowest ``page_bits`` bits, the next lowest group indexes the table of the *last* level.

    Parameters
    ----------
    levels : int
        How many levels of tables a walk goes through, from 1 to 8.
    bits_per_level : int or sequence of int
        How many bits index a table; of each level, the root's first, if they differ.
    page_bits : int
        A page has ``2 ** page_bits`` bytes.
    word_bits : int
        How wide an address is. All bits must be used; only in a word of 64 bits there may be fewer, and then an
        address is *canonical* if the bits above repeat the highest one in use.

    Attributes
    ----------
    entry_bytes : int
        The size of an entry of a table: a word, rounded up to a power of two.
    huge_levels : tuple of int
        The levels, counted from the root as 0, whose entries may stand for one huge page: up to two levels above
        the last, but not the root's unless there are only two levels.

    Raises
    ------
    ParameterError
        If the parts do not add up.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.memory.Geometry.preset("x86-64").reach == 256 * 2**40
    True
    >>> dl.memory.Geometry.preset("32-bit-two-level").indices(0x00401678)
    (1, 1)
    """

    levels: int
    bits_per_level: tuple[int, ...]
    page_bits: int
    word_bits: int
    entry_bytes: int = field(init=False)
    huge_levels: tuple[int, ...] = field(init=False)

    def __init__(self, levels: int, bits_per_level: int | Sequence[int], page_bits: int, word_bits: int) -> None:
        levels = arguments.whole(levels, "levels", "a whole number from 1 to 8", least=1, most=8)
        if isinstance(bits_per_level, Sequence) and not isinstance(bits_per_level, str):
            bits = tuple(arguments.whole(it, "bits_per_level", _BITS, least=1, most=24) for it in bits_per_level)
        else:
            bits = (arguments.whole(bits_per_level, "bits_per_level", _BITS, least=1, most=24),) * levels
        if len(bits) != levels:
            raise ParameterError("bits_per_level", bits_per_level, f"one number for each of {levels} levels")
        page_bits = arguments.whole(page_bits, "page_bits", "a whole number from 1 to 40", least=1, most=40)
        word_bits = arguments.whole(word_bits, "word_bits", "a whole number from 2 to 64", least=2, most=64)
        self._fill(_core.memory_geometry((list(bits), page_bits, word_bits)))

    def _fill(self, data: dict[str, Any]) -> None:
        object.__setattr__(self, "levels", len(data["bits"]))
        object.__setattr__(self, "bits_per_level", tuple(data["bits"]))
        object.__setattr__(self, "page_bits", data["page_bits"])
        object.__setattr__(self, "word_bits", data["word_bits"])
        object.__setattr__(self, "entry_bytes", data["entry_bytes"])
        object.__setattr__(self, "huge_levels", tuple(data["huge_levels"]))

    @classmethod
    def preset(cls, name: str) -> Geometry:
        """A known geometry, by its name: one of :data:`GEOMETRIES`.

        ``"32-bit"`` has one level, ``"32-bit-two-level"`` is 10/10/12, ``"x86-64"`` 9/9/9/9/12 with canonical
        addresses of 48 bits, ``"x86-64-5-level"`` the same with 57; ``"sv39"`` and ``"sv48"`` are RISC-V's.
        """
        return cls._named(name, "name")

    @classmethod
    def _named(cls, name: Any, parameter: str) -> Geometry:
        allowed = "one of " + ", ".join(repr(it) for it in GEOMETRIES)
        if not isinstance(name, str):
            raise ParameterTypeError(parameter, name, f"a Geometry, or {allowed}")
        if name.lower() not in GEOMETRIES:
            raise ParameterError(parameter, name, allowed)
        found = cls.__new__(cls)
        found._fill(_core.memory_geometry(name.lower()))
        return found

    @classmethod
    def of(cls, given: Geometry | str, parameter: str = "given") -> Geometry:
        """``given``, or the geometry of that name; an error calls it ``parameter``."""
        return given if isinstance(given, Geometry) else cls._named(given, parameter)

    @property
    def page_size(self) -> int:
        """The bytes of a (small) page."""
        return 1 << self.page_bits

    @property
    def page_sizes(self) -> tuple[int, ...]:
        """The sizes of pages in bytes, the smallest first: huge ones come after."""
        return tuple(self.span(level) for level in (self.levels - 1, *reversed(self.huge_levels)))

    @property
    def address_bits(self) -> int:
        """How many bits of an address are in use."""
        return sum(self.bits_per_level) + self.page_bits

    @property
    def reach(self) -> int:
        """How many bytes can be addressed."""
        return 1 << self.address_bits

    def span(self, level: int) -> int:
        """How many bytes one entry of a level's table stands for; level 0 is the root's."""
        level = arguments.whole(level, "level", f"from 0 to {self.levels - 1}", most=self.levels - 1)
        return 1 << (self.page_bits + sum(self.bits_per_level[level + 1 :]))

    def table_bytes(self, level: int) -> int:
        """The bytes of one table of a level."""
        level = arguments.whole(level, "level", f"from 0 to {self.levels - 1}", most=self.levels - 1)
        return self.entry_bytes << self.bits_per_level[level]

    def is_canonical(self, address: int) -> bool:
        """Whether the bits above those in use repeat the highest of them (are zero in words below 64 bits)."""
        above = arguments.address(address) >> (self.address_bits - (self.word_bits == 64))
        return above in (0, (1 << (65 - self.address_bits)) - 1 if self.word_bits == 64 else 0)

    def page(self, address: int) -> int:
        """The number of the page an address lies in.

        Raises
        ------
        ParameterError
            If the address is outside the geometry.
        """
        if not self.is_canonical(address):
            raise ParameterError("address", hex(address), "an address of the geometry")
        return (address & (self.reach - 1)) >> self.page_bits

    def offset(self, address: int) -> int:
        """Where in its page an address lies."""
        return arguments.address(address) & (self.page_size - 1)

    def indices(self, address: int) -> tuple[int, ...]:
        """The index into the table of each level, the root's first."""
        page, found = self.page(address), []
        for bits in reversed(self.bits_per_level):
            found.append(page & ((1 << bits) - 1))
            page >>= bits
        return tuple(reversed(found))

    def to_data(self) -> dict[str, Any]:
        """The form in which the core takes it."""
        return {
            "bits": list(self.bits_per_level),
            "page_bits": self.page_bits,
            "word_bits": self.word_bits,
            "entry_bytes": self.entry_bytes,
            "huge_levels": list(self.huge_levels),
        }

    def __str__(self) -> str:
        parts = "/".join(str(it) for it in (*self.bits_per_level, self.page_bits))
        return f"{parts} of {self.word_bits} bits"
