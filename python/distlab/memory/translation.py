"""One access to memory with everything it did."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _arguments as arguments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PageTableEntry", "Translation", "Victim", "WalkStep"]


@dataclass(frozen=True)
class PageTableEntry:
    """An entry of a page table.

    Attributes
    ----------
    present : bool
        Whether it leads anywhere: to a frame, or (on upper levels) to another table.
    writable, user, executable : bool
        The rights: writing, access by processes (not only by the system), fetching instructions.
    accessed, dirty : bool
        Whether the page was used, and written, since it came into its frame.
    huge : bool
        Whether it is a leaf on an upper level.
    global_ : bool
        Whether TLBs may use it for all processes.
    copy_on_write : bool
        Whether the first write makes a copy, after a fork.
    shared : bool
        Whether the page stays shared when its process forks.
    frame, table, swap_slot : int or None
        Where it leads: of a leaf the frame, or the slot on the swap device; of an upper entry the next table.
    """

    present: bool
    writable: bool
    user: bool
    executable: bool
    accessed: bool
    dirty: bool
    huge: bool
    global_: bool
    copy_on_write: bool
    shared: bool
    frame: int | None
    table: int | None
    swap_slot: int | None

    @property
    def flags(self) -> str:
        """The bits as letters: Present Write User eXecute Accessed Dirty Huge Global Copy-on-write Shared."""
        bits = (self.present, self.writable, self.user, self.executable, self.accessed, self.dirty)
        more = (self.huge, self.global_, self.copy_on_write, self.shared)
        return "".join(letter if bit else "-" for letter, bit in zip("PWUXADHGCS", bits + more, strict=True))

    def __str__(self) -> str:
        if self.frame is not None:
            return f"frame {self.frame:#x} [{self.flags}]"
        if self.table is not None:
            return f"table {self.table}"
        if self.swap_slot is not None:
            return f"swap slot {self.swap_slot} [{self.flags}]"
        return f"not in memory [{self.flags}]" if "W" in self.flags or self.user else "empty"


@dataclass(frozen=True)
class WalkStep:
    """What a walk read on one level.

    Attributes
    ----------
    level : int
        Which level; the root's is 0.
    table : int
        The number of the table.
    index : int
        The index into it.
    entry : PageTableEntry
        The entry as it was read: before a page fault changed it.
    host_references : int
        How many entries of the host's tables were read to find it (0 unless the machine is a guest).
    """

    level: int
    table: int
    index: int
    entry: PageTableEntry
    host_references: int = 0


@dataclass(frozen=True)
class Victim:
    """A page that had to leave its frame.

    Attributes
    ----------
    owners : tuple of (int, int)
        The processes that had it mapped, and at which address.
    frame : int
        The frame it was in.
    dirty : bool
        Whether it was written back first; a clean one is dropped.
    swap_slot : int or None
        Where on the swap device it is now.
    """

    owners: tuple[tuple[int, int], ...]
    frame: int
    dirty: bool
    swap_slot: int | None

    def __str__(self) -> str:
        owners = ", ".join(f"{address:#x} of process {process}" for process, address in self.owners)
        where = "" if self.swap_slot is None else f" (swap slot {self.swap_slot})"
        return f"{owners} leaves frame {self.frame:#x}, {'written back' if self.dirty else 'dropped clean'}{where}"


@dataclass(frozen=True)
class Translation:
    """One access to memory with everything it did. Printed, or shown in a notebook, it is a table.

    Attributes
    ----------
    virtual_address : int
        Where the access went.
    physical_address : int or None
        Where that is in memory; None if the access was refused.
    process : int
        Whose access it was.
    kind : {"read", "write", "fetch"}
        What it was for.
    outcome : str
        ``"tlb-hit"``, ``"second-tlb-hit"``, ``"walk"`` (the page was present), ``"minor-fault"``,
        ``"major-fault"``, ``"protection-fault"`` or ``"unmapped-fault"``.
    denial : str or None
        Why it was refused: as :attr:`distlab.MemoryFault.reason`.
    page : int or None
        The number of the (small) page; None if the address is not canonical.
    offset : int
        Where in its page the address lies.
    page_size : int
        The bytes of the page.
    indices : tuple of int
        The index into the table of each level, the root's first, down to the level of the page's entry.
    frame : int or None
        The (first) frame the page is in.
    entry : PageTableEntry or None
        The page's entry as it is now.
    tlbs : tuple of (str, bool)
        The TLBs that were looked into, in order (``"itlb"``, ``"dtlb"``, ``"tlb"`` for one that is for both,
        ``"second"``), and whether they knew the page.
    walk_cache : tuple of (int, int) or None
        The level and the number of the table at which the walk cache let the walk begin.
    steps : tuple of WalkStep
        What the walk read; empty if there was none.
    references : int
        How many entries of tables it read, those of a host included.
    victims : tuple of Victim
        The pages that had to leave.
    copied : bool or None
        For the first write after a fork: whether the page was copied, or nobody shared it any more.
    guest_address : int or None
        Of a guest: the address that its own tables lead to, and the host's further.
    time_ns, device_ns : float
        What the access took, and what of that was waiting for devices, in nanoseconds.
    geometry : str
        How addresses are cut up.
    """

    virtual_address: int
    physical_address: int | None
    process: int
    kind: str
    outcome: str
    denial: str | None
    page: int | None
    offset: int
    page_size: int
    indices: tuple[int, ...]
    frame: int | None
    entry: PageTableEntry | None
    tlbs: tuple[tuple[str, bool], ...]
    walk_cache: tuple[int, int] | None
    steps: tuple[WalkStep, ...]
    references: int
    victims: tuple[Victim, ...]
    copied: bool | None
    guest_address: int | None
    time_ns: float
    device_ns: float
    geometry: str

    @classmethod
    def _from_data(cls, data: dict[str, Any], geometry: str) -> Translation:
        entry, cached = data["entry"], data["walk_cache"]
        steps = tuple(
            WalkStep(it["level"], it["table"], it["index"], PageTableEntry(**it["entry"]), it["host_references"])
            for it in data["steps"]
        )
        victims = tuple(
            Victim(tuple((p, a) for p, a in it["owners"]), it["frame"], it["dirty"], it["swap_slot"])
            for it in data["victims"]
        )
        names = ("virtual_address", "physical_address", "process", "kind", "outcome", "denial", "page", "offset")
        same = ("frame", "references", "copied", "guest_address", "time_ns", "device_ns")
        return cls(
            **{name: data[name] for name in names + same},
            page_size=data["page_bytes"],
            indices=tuple(data["indices"]),
            entry=None if entry is None else PageTableEntry(**entry),
            tlbs=tuple((it["tlb"], it["hit"]) for it in data["tlbs"]),
            walk_cache=None if cached is None else (cached["level"], cached["table"]),
            steps=steps,
            victims=victims,
            geometry=geometry,
        )

    @property
    def tlb_hit(self) -> bool:
        """Whether a TLB knew the page."""
        return any(hit for _, hit in self.tlbs)

    @property
    def fault(self) -> str | None:
        """``"minor"``, ``"major"``, ``"protection"`` or ``"unmapped"``; None if there was no fault."""
        return self.outcome.removesuffix("-fault") if self.outcome.endswith("-fault") else None

    @property
    def victim(self) -> Victim | None:
        """The page that had to leave, if one had to."""
        return self.victims[0] if self.victims else None

    @property
    def write_back(self) -> bool:
        """Whether a page that had to leave was written back."""
        return any(it.dirty for it in self.victims)

    def rows(self) -> list[tuple[str, str]]:
        """What happened, step by step: what was looked at, and what was found."""
        indices = ", ".join(f"{it:#x}" for it in self.indices)
        rows = [("address", f"indices {indices}; offset {self.offset:#x}")]
        rows += [(name, "hit" if hit else "miss") for name, hit in self.tlbs]
        if self.walk_cache is not None:
            level, table = self.walk_cache
            rows.append(("walk cache", f"begins at level {level}, table {table}"))
        for step in self.steps:
            host = f" (host: {step.host_references} references)" if step.host_references else ""
            rows.append((f"level {step.level}", f"table {step.table}[{step.index:#x}]: {step.entry}{host}"))
        if self.fault is not None:
            rows.append(("fault", self.denial or self.fault))
        if self.copied is not None:
            rows.append(("first write", "page copied" if self.copied else "no longer shared, no copy needed"))
        rows += [("victim", str(it)) for it in self.victims]
        if self.entry is not None and self.steps:
            rows.append(("entry now", str(self.entry)))
        if self.guest_address is not None:
            rows.append(("guest", f"physical address {self.guest_address:#x} of the guest"))
        if self.physical_address is not None:
            rows.append(("physical", f"{self.physical_address:#x}"))
        rows.append(("time", f"{self.time_ns:,.10g} ns, {self.references} references to tables"))
        return rows

    def __str__(self) -> str:
        where = "refused" if self.physical_address is None else f"{self.physical_address:#x}"
        lines = [f"{self.kind} {self.virtual_address:#x} by process {self.process} -> {where} ({self.outcome})"]
        width = max(len(name) for name, _ in self.rows())
        lines += [f"  {name:<{width}}  {text}" for name, text in self.rows()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        where = "refused" if self.physical_address is None else f"{self.physical_address:#x}"
        return (
            f"<Translation {self.kind} {self.virtual_address:#x} -> {where}, {self.outcome}, "
            f"{self.references} references, {self.time_ns:,.10g} ns>"
        )

    def _repr_html_(self) -> str:
        where = "refused" if self.physical_address is None else f"{self.physical_address:#x}"
        head = f"{self.kind} {self.virtual_address:#x} &rarr; {where} ({self.outcome})"
        body = "".join(f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in self.rows())
        return f"<table><caption>{head}</caption><tbody>{body}</tbody></table>"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the walk: :func:`distlab.plot.page_walk`."""
        from ..plot._page_walk import page_walk

        return page_walk(self, ax)

    @property
    def page_bits(self) -> int:
        """How many bits the offset has."""
        return self.page_size.bit_length() - 1

    @property
    def size(self) -> str:
        """The size of the page in words: ``"4 KiB"``."""
        return arguments.show_size(self.page_size)
