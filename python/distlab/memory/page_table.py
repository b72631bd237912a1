"""A page table by itself: one address space, no TLB, memory for all that is mapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import SerializationError
from .geometry import Geometry
from .mmu import Mmu
from .translation import PageTableEntry, Translation

__all__ = ["PageTable"]


class PageTable:
    """A page table by itself: map pages to frames, look addresses up, see what the tables cost.

    There is no TLB, and nothing is in memory that was not mapped. An :class:`Mmu` has all the rest: TLBs, page
    faults, several processes.

    Parameters
    ----------
    levels : int
        How many levels of tables there are.
    bits_per_level : int or sequence of int
        How many bits index a table, of each level if they differ, the root's first.
    page_bits : int
        A page has ``2 ** page_bits`` bytes.
    word_bits : int
        How wide an address is; see :class:`Geometry`.

    Attributes
    ----------
    geometry : Geometry
        How addresses are cut up.

    Examples
    --------
    The figures of the notes: address 104 with page 0 in frame 2, and two levels of tables.

    >>> import distlab as dl
    >>> one = dl.memory.PageTable(levels=1, bits_per_level=20, page_bits=12, word_bits=32)
    >>> one.map(0, frame=2)
    >>> one.translate(104).physical_address
    8296
    >>> two = dl.memory.PageTable.preset("32-bit-two-level")
    >>> two.map(0x00401000, frame=0x345)
    >>> print(two.translate(0x00401678))
    read 0x401678 by process 0 -> 0x345678 (walk)
      address    indices 0x1, 0x1; offset 0x678
      level 0    table 0[0x1]: table 1
      level 1    table 1[0x1]: frame 0x345 [PWUX------]
      entry now  frame 0x345 [PWUXA-----]
      physical   0x345678
      time       0 ns, 2 references to tables
    """

    def __init__(self, levels: int, bits_per_level: int | Sequence[int], page_bits: int, word_bits: int) -> None:
        self._begin(Geometry(levels, bits_per_level, page_bits, word_bits))

    def _begin(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._mmu = Mmu(geometry, tlb=None, demand=None, t=0, m=0, S=0)

    @classmethod
    def preset(cls, name: str) -> PageTable:
        """An empty table of a known geometry, by its name: see :meth:`Geometry.preset`."""
        found = cls.__new__(cls)
        found._begin(Geometry.preset(name))
        return found

    @classmethod
    def of(cls, geometry: Geometry | str) -> PageTable:
        """An empty table of that geometry, or of the one of that name."""
        found = cls.__new__(cls)
        found._begin(Geometry.of(geometry, "geometry"))
        return found

    @property
    def levels(self) -> int:
        """How many levels of tables there are."""
        return self.geometry.levels

    @property
    def bits_per_level(self) -> tuple[int, ...]:
        """How many bits index a table of each level, the root's first."""
        return self.geometry.bits_per_level

    @property
    def page_bits(self) -> int:
        """How many bits the offset has."""
        return self.geometry.page_bits

    @property
    def word_bits(self) -> int:
        """How wide an address is."""
        return self.geometry.word_bits

    @property
    def page_size(self) -> int:
        """The bytes of a page."""
        return self.geometry.page_size

    @property
    def reach(self) -> int:
        """How many bytes can be addressed."""
        return self.geometry.reach

    @property
    def table_bytes(self) -> int:
        """What the tables there are take, in bytes."""
        return self._mmu.table_bytes

    @property
    def tables(self) -> tuple[int, ...]:
        """How many tables there are on each level, the root's first."""
        return self._mmu.tables

    def indices(self, address: int) -> tuple[int, ...]:
        """The index into the table of each level, the root's first."""
        return self.geometry.indices(address)

    def offset(self, address: int) -> int:
        """Where in its page an address lies."""
        return self.geometry.offset(address)

    def map(
        self,
        address: int,
        frame: int | None = None,
        *,
        length: int | str | None = None,
        page_size: int | str | None = None,
        writable: bool = True,
        user: bool = True,
        executable: bool = True,
        global_: bool = False,
    ) -> None:
        """Map pages to frames: as :meth:`Mmu.map`."""
        self._mmu.map(
            address,
            frame,
            length=length,
            page_size=page_size,
            writable=writable,
            user=user,
            executable=executable,
            global_=global_,
        )

    def unmap(self, address: int, length: int | str | None = None) -> None:
        """Take pages out; tables that are left empty are given back: as :meth:`Mmu.unmap`."""
        self._mmu.unmap(address, length)

    def protect(
        self,
        address: int,
        length: int | str | None = None,
        *,
        writable: bool = True,
        user: bool = True,
        executable: bool = True,
    ) -> None:
        """Change what pages may be used for: as :meth:`Mmu.protect`."""
        self._mmu.protect(address, length, writable=writable, user=user, executable=executable)

    def entry(self, address: int) -> PageTableEntry | None:
        """The entry that stands for an address, without any access; None if there is none."""
        return self._mmu.entry(address)

    def translate(self, address: int, kind: str = "read", *, supervisor: bool = False) -> Translation:
        """Walk the tables for one access: as :meth:`Mmu.translate`.

        Raises
        ------
        PageFault
            If nothing is mapped there.
        ProtectionFault
            If the rights of the page do not allow it, or the address is not canonical.
        """
        return self._mmu.translate(address, kind, supervisor=supervisor)

    def copy(self) -> PageTable:
        """The same table once more: what is mapped in one is not mapped in the other."""
        made = object.__new__(type(self))
        made.geometry, made._mmu = self.geometry, self._mmu.copy()
        return made

    def __copy__(self) -> PageTable:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> PageTable:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        raise SerializationError("table", self, problem="cannot be pickled: its state has no form as data; see copy()")

    def __repr__(self) -> str:
        counts = "+".join(str(it) for it in self.tables)
        return f"<PageTable {self.geometry}, {counts} tables, {self.table_bytes:,} bytes>"
