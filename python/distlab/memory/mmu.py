"""A memory management unit: address spaces, TLBs, frames and swap, one access at a time or a whole trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _core
from ..errors import MemoryFault, PageFault, ParameterError, ParameterTypeError, ProtectionFault, SerializationError
from ..network import Distribution
from . import _arguments as arguments
from . import _policies
from ._arguments import Time
from .geometry import Geometry
from .replayed import OUTCOMES, Counters, Replay, Timetable, emat_terms
from .tlb import Tlb, TlbHierarchy, WalkCache
from .translation import PageTableEntry, Translation

__all__ = ["OUTCOMES", "Counters", "Mmu", "Nested", "Replay", "Swap"]

_SPLIT = TlbHierarchy(data=Tlb(64, 4), instruction=Tlb(64, 4))
_BACKINGS = ("zero", "disk", "file")
_POLICIES = tuple(it for it in _policies.POLICIES if it != "opt")


@dataclass(frozen=True)
class Swap:
    """The device that pages are written to when they must leave memory.

    Parameters
    ----------
    slots : int, optional
        How many pages fit; None: all that come. :class:`distlab.OutOfMemory` is raised when a dirty page must
        leave and no slot is free.
    write_back_time : float, str, timedelta or Distribution
        What it takes to write a dirty victim back, before the page that replaces it is read: nanoseconds as a
        number, text with a unit, or a distribution. 0: the system cleans pages in time. (The ``write_back`` of
        :func:`emat` is the same as a multiple of ``S``.)

    Examples
    --------
    >>> import distlab as dl
    >>> dl.memory.Swap(slots=1000, write_back_time="8ms")
    Swap(slots=1000, write_back_time='8ms')
    """

    slots: int | None = None
    write_back_time: Time | Distribution = 0.0

    def __post_init__(self) -> None:
        if self.slots is not None:
            arguments.whole(self.slots, "slots", "a whole number from 0 to 2^32 - 2, or None", most=2**32 - 2)
        arguments.service(self.write_back_time, "write_back_time")


@dataclass(frozen=True)
class Nested:
    """The host of a virtual machine, whose tables each address of the guest's memory is translated by.

    A walk of the guest's ``n`` levels that finds nothing in caches then takes ``(n + 1) * (m + 1) - 1``
    references, with ``m`` levels of the host: every entry of the guest lies at an address of the guest's memory,
    and so does the page itself. The host has memory for everything.

    Parameters
    ----------
    geometry : Geometry or str
        How the host cuts up addresses of the guest's memory.
    tlb : Tlb, optional
        A cache of where pages of the guest's memory are.

    Examples
    --------
    >>> import distlab as dl
    >>> guest = dl.memory.Mmu("x86-64", nested=dl.memory.Nested("x86-64"))
    >>> guest.translate(0x1234).references
    24
    """

    geometry: Geometry | str = "x86-64"
    tlb: Tlb | None = None

    def __post_init__(self) -> None:
        Geometry.of(self.geometry, "geometry")
        if self.tlb is not None and not isinstance(self.tlb, Tlb):
            raise ParameterTypeError("tlb", self.tlb, "a Tlb, or None")
        if self.tlb is not None and self.tlb.sizes is not None:
            raise ParameterError(
                "tlb", self.tlb, "a Tlb without sizes: it holds pages of the guest's memory of any size"
            )

    def _to_data(self) -> dict[str, Any]:
        tlb = None if self.tlb is None else self.tlb._shape()
        return {"geometry": Geometry.of(self.geometry).to_data(), "tlb": tlb}


class Mmu:
    """A memory management unit, with the memory and the operating system behind it.

    An access looks into the TLBs, else walks the tables, else is a page fault: *minor* if no device is needed
    (a page of zeros, a page that another process has in memory, the copy after a fork), *major* if the page is
    read from disk or swap. A page that needs a frame when none is free takes that of a victim, chosen by the
    replacement policy, which sees every access; a clean victim is dropped, a dirty one written to swap first.
    A walk that a fault interrupts goes on where it stopped, so each level is read once. Times are in
    **nanoseconds**, as in :func:`emat`. With one level of TLB and no walk cache an access takes:

    - ``t + m`` if the TLB knows the page;
    - ``t + n*m + m`` if it does not, with ``n`` levels of tables;
    - ``t + n*m + S + m`` if the page is on disk, and ``write_back_time`` more if its victim is dirty.

    Parameters
    ----------
    geometry : Geometry, PageTable or str
        How addresses are cut up: of the table given (only its geometry is used), or one of the names of
        :meth:`Geometry.preset`.
    frames : int, optional
        How many (small) pages fit into memory; None: all that come. Huge pages are outside, in memory of their
        own above, and never evicted.
    policy : str
        Which page must leave: ``"fifo"``, ``"lru"``, ``"mru"``, ``"clock"``, ``"lfu"``, ``"random"``, ``"arc"``,
        ``"2q"``, ``"s3-fifo"`` or ``"sieve"``. (``"opt"`` would need to know the future.)
    policy_options : mapping, optional
        What can be set on the policy, by name: ``insert_referenced`` (clock), ``in_ratio, out_ratio`` (2q),
        ``small_ratio, ghost_ratio, move_to_main`` (s3-fifo).
    tlb : TlbHierarchy, Tlb, str or None
        The TLBs; a single one is for instructions and data alike; a name is one of
        :meth:`TlbHierarchy.preset`. None: there is none, and no ``t``. By default one of 64 entries and 4 ways
        each for instructions and data.
    walk_cache : WalkCache, Tlb, str, optional
        Where walks may begin instead of at the root; a name is one of :meth:`WalkCache.preset`.
    swap : Swap, optional
        The swap device.
    processes : int
        How many address spaces there are at first: 0, 1, ... More come by :meth:`new_process` and :meth:`fork`.
    demand : {"disk", "zero", None}
        What is behind an address that nobody mapped. ``"disk"``: the program's own pages, read from disk when
        first touched (a major fault); ``"zero"``: pages of zeros (a minor fault); None: nothing, and touching it
        raises :class:`distlab.PageFault`.
    t, t2, m : float, str or timedelta
        What a look into the first TLB, into the second, and an access to memory take.
    S : float, str, timedelta or Distribution
        What reading a page from a device takes.
    minor_fault, walk_cache_time, context_switch : float, str or timedelta
        What a minor fault, a look into the walk cache, and going over to another process take.
    nested : Nested, Geometry or str, optional
        The machine is the guest of a host with that geometry.
    seed : int
        For random policies and times.

    Attributes
    ----------
    geometry : Geometry
        How addresses are cut up.

    Notes
    -----
    Source: notes 2.7. A TLB is looked into with the entry's rights: a refused access changes nothing but the
    order of use in TLBs, and costs what was looked at. The walk cache is looked into from the leaf up, and only
    the entry that is found counts as used.

    Examples
    --------
    The figure on swapping: three pages, two frames, pages 0 and 2 in memory.

    >>> import distlab as dl
    >>> mmu = dl.memory.Mmu("32-bit", frames=2)
    >>> mmu.map(0x0000, frame=1)
    >>> mmu.map(0x2000, frame=0)
    >>> found = mmu.translate(0x1000)
    >>> print(found.fault, "fault;", found.victim)
    major fault; 0x0 of process 0 leaves frame 0x1, dropped clean
    >>> hex(found.physical_address)
    '0x1000'

    A whole trace at once:

    >>> mmu = dl.memory.Mmu("x86-64", frames=3)
    >>> mmu.replay([page << 12 for page in (1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5)]).page_faults
    10
    """

    def __init__(
        self,
        geometry: Any = "x86-64",
        *,
        frames: int | None = None,
        policy: str = "lru",
        policy_options: Mapping[str, Any] | None = None,
        tlb: TlbHierarchy | Tlb | str | None = _SPLIT,
        walk_cache: WalkCache | Tlb | str | None = None,
        swap: Swap | None = None,
        processes: int = 1,
        demand: str | None = "disk",
        t: Time = 1.0,
        t2: Time = 7.0,
        m: Time = 100.0,
        S: Time | Distribution = 8_000_000.0,  # noqa: N803
        minor_fault: Time = 0.0,
        walk_cache_time: Time = 0.0,
        context_switch: Time = 0.0,
        nested: Nested | Geometry | str | None = None,
        seed: int = 0,
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in ("self", "geometry")}
        self.geometry = Geometry.of(getattr(geometry, "geometry", geometry), "geometry")
        self._config = configuration(self.geometry, **given)
        self._core = _core.Mmu(self._config)

    # Accesses

    def translate(
        self, address: int, kind: str = "read", *, process: int | None = None, supervisor: bool = False
    ) -> Translation:
        """One access, with everything it did.

        Parameters
        ----------
        address : int
            The virtual address.
        kind : {"read", "write", "fetch"}
            What the access is for.
        process : int, optional
            Whose access; None: of the process that runs. Another one than that goes on from now (a context
            switch, whose time is not part of the translation's).
        supervisor : bool
            Whether the system itself has the access, which may touch pages that are not for users.

        Returns
        -------
        Translation
            The physical address and the way there.

        Raises
        ------
        ProtectionFault
            If the rights of the page do not allow it, or the address is not canonical. Carries the translation.
        PageFault
            If nothing is mapped there, and ``demand`` is None. Carries the translation.
        OutOfMemory
            If a dirty page must leave and the swap device is full.
        ParameterError
            If the address does not fit into the geometry's word, or there is no such process.

        Examples
        --------
        >>> import distlab as dl
        >>> mmu = dl.memory.Mmu("32-bit-two-level", frames=100)
        >>> mmu.translate(0x00401678)
        <Translation read 0x401678 -> 0x678, major-fault, 2 references, 8,000,301 ns>
        >>> mmu.translate(0x00401700)
        <Translation read 0x401700 -> 0x700, tlb-hit, 0 references, 101 ns>
        """
        process = self._process(process)
        code, supervisor = arguments.kind(kind), arguments.flag(supervisor, "supervisor")
        data = self._core.translate(process, arguments.address(address), code, supervisor)
        found = Translation._from_data(data, str(self.geometry))
        if found.denial is not None:
            raise refusal(found.denial, found.virtual_address, process, kind, found, None)
        return found

    def replay(
        self,
        addresses: Any,
        kinds: ArrayLike | None = None,
        processes: ArrayLike | None = None,
        *,
        supervisor: bool = False,
        on_fault: str = "raise",
        outcomes: bool = False,
        latencies: bool = False,
    ) -> Replay:
        """Many accesses, one after the other: the same as :meth:`translate` for each, only faster.

        Parameters
        ----------
        addresses : array_like of int, or a trace
            Virtual addresses; of a trace (with ``addresses`` and ``kinds``) its kinds are used, too.
        kinds : array_like, optional
            Of each access 0 or ``"read"``, 1 or ``"write"``, 2 or ``"fetch"``; bools say whether it writes. None:
            all read.
        processes : array_like of int, optional
            Whose each access is; None: all of the process that runs.
        supervisor : bool
            Whether the system itself has the accesses.
        on_fault : {"raise", "count"}
            What to do about an access that is refused: raise an exception, or count it and go on.
        outcomes : bool
            Whether to give the outcome of each access, a code of :data:`OUTCOMES`, as an array of uint8.
        latencies : bool
            Whether to give what each access took, in nanoseconds, as an array of float64.

        Returns
        -------
        Replay
            Counters of this replay, total time, measured EMAT, and the arrays asked for.

        Raises
        ------
        ProtectionFault, PageFault
            At the first access that is refused (``position`` says which). It and those before have happened.
        OutOfMemory
            If a dirty page must leave and the swap device is full.
        ParameterError, ParameterTypeError
            If a column is not what it should be; the parameter names the row.

        Notes
        -----
        Takes constant time per access but for large TLB sets; accesses to the page that was last used for the
        same kind of access cost a few cycles. Can be interrupted.

        Examples
        --------
        >>> import distlab as dl
        >>> import numpy as np
        >>> mmu = dl.memory.Mmu(frames=64, t=1, m=100, S="8ms")
        >>> replay = mmu.replay(np.arange(0, 1 << 20, 64), outcomes=True)
        >>> replay.accesses, replay.page_faults, replay.evictions
        (16384, 256, 192)
        >>> np.bincount(replay.outcomes).tolist()
        [16128, 0, 0, 0, 256]
        """
        if kinds is None and hasattr(addresses, "kinds"):
            kinds = addresses.kinds
        column = arguments.addresses(getattr(addresses, "addresses", addresses))
        kinds = arguments.kinds(kinds, len(column))
        owners = arguments.processes(processes, len(column))
        lenient = arguments.choice(on_fault, "on_fault", ("raise", "count")) == "count"
        flags = (arguments.flag(it, name) for it, name in ((outcomes, "outcomes"), (latencies, "latencies")))
        supervisor = arguments.flag(supervisor, "supervisor")
        data, codes, times = self._core.replay(column, kinds, owners, supervisor, lenient, *flags)
        if data["stopped"] is not None:
            at, reason = data["stopped"]
            process = self.current_process if owners is None else int(owners[at])
            kind = arguments.KINDS[0 if kinds is None else int(np.asarray(kinds)[at])]
            raise refusal(reason, int(column[at]), process, kind, None, at)
        return Replay(Counters(**data["counters"]), data["time_ns"], codes, times)

    def schedule(
        self,
        jobs: Mapping[int, Any],
        *,
        dma: bool = True,
        quantum: Time | None = None,
        turns: int = 10_000,
    ) -> Timetable:
        """Run several processes on one processor: one whose page must be transferred sleeps, and others go on.

        Parameters
        ----------
        jobs : mapping of int to array_like or trace
            Of each process the addresses it accesses, or a pair of addresses and kinds.
        dma : bool
            Whether transfers go on by themselves (direct memory access) while another process runs; otherwise
            the processor waits for each.
        quantum : float, str or timedelta, optional
            After what time it is another one's turn; None: only when one sleeps or ends.
        turns : int
            How many turns of the processor to take down, for a picture.

        Returns
        -------
        Timetable
            Total time, utilisation of the processor, and how each process fared.

        Raises
        ------
        ProtectionFault, PageFault
            At the first access that is refused: ``process`` and ``position`` say which.
        ParameterError, ParameterTypeError
            If a job is not what it should be; the parameter names process and row: ``jobs[0][17]``.

        Notes
        -----
        Processes take turns in the order in which they became ready. The device does one transfer after the
        other, a dirty victim's before the page's. An access counts as made when its transfer begins, so another
        process may take the page's frame away again while it is under way.

        Examples
        --------
        >>> import distlab as dl
        >>> jobs = {0: range(0, 1 << 16, 64), 1: range(0, 1 << 16, 64)}
        >>> with_dma = dl.memory.Mmu(processes=2, S="100us").schedule(jobs)
        >>> without = dl.memory.Mmu(processes=2, S="100us").schedule(jobs, dma=False)
        >>> with_dma.total_ns < without.total_ns and with_dma.utilisation > without.utilisation
        True
        """
        if not isinstance(jobs, Mapping):
            raise ParameterTypeError("jobs", jobs, "a mapping from processes to addresses")
        columns = []
        for process, job in jobs.items():
            name = f"jobs[{process!r}]"
            number = arguments.process(process, name)
            kinds = getattr(job, "kinds", None)
            addresses: Any = getattr(job, "addresses", job)
            if isinstance(job, tuple) and len(job) == 2 and not isinstance(job[0], int):
                addresses, kinds = job
            column = arguments.addresses(addresses, name)
            columns.append((number, column, arguments.kinds(kinds, len(column), f"{name}.kinds")))
        length = float("inf") if quantum is None else arguments.time(quantum, "quantum")
        most = arguments.whole(turns, "turns", "a whole number, 0 or more", most=2**31)
        data = self._core.schedule(columns, length, arguments.flag(dma, "dma"), most)
        if data["stopped"] is not None:
            process, at, reason = data["stopped"]
            _, addresses, codes = next(it for it in columns if it[0] == process)
            kind = arguments.KINDS[0 if codes is None else int(codes[at])]
            raise refusal(reason, int(addresses[at]), process, kind, None, at)
        return Timetable._from_data(data["timetable"], [number for number, *_ in columns])

    def emat_terms(self, replay: Replay) -> dict[str, float]:
        """The terms with which :func:`emat` gives what a replay of this machine took on average.

        Parameters
        ----------
        replay : Replay
            Of this machine, with no access refused.

        Returns
        -------
        dict of str to float
            ``h``, ``p``, ``h2`` and ``dirty_fraction`` as they were counted, the machine's times, for ``n`` the mean
            references of a walk and for ``S`` the mean service of a page fault, minor or major; ``write_back`` is the
            swap device's time as a multiple of that.

        Raises
        ------
        ParameterError
            If there were no accesses, some were refused, or something took time for which :func:`emat` has no term:
            context switches, looks into a walk cache, first writes after a fork behind two levels of TLB.

        Examples
        --------
        >>> import distlab as dl
        >>> mmu = dl.memory.Mmu(frames=2, m=100, S="1us", swap=dl.memory.Swap(write_back_time="2us"))
        >>> replay = mmu.replay([0x1000, 0x2000, 0x3000, 0x3008], kinds=["write", "read", "read", "read"])
        >>> terms = mmu.emat_terms(replay)
        >>> terms["h"], round(terms["dirty_fraction"], 3), terms["write_back"]
        (0.25, 0.333, 2.0)
        >>> abs(dl.memory.emat(**terms) / replay.emat_ns - 1) < 1e-12
        True
        """
        if not isinstance(replay, Replay):
            raise ParameterTypeError("replay", replay, "a Replay")
        return emat_terms(replay.counters, self._config["times"])

    # Address spaces

    @property
    def processes(self) -> tuple[int, ...]:
        """The processes there are."""
        return tuple(self._core.processes())

    @property
    def current_process(self) -> int:
        """The process that runs."""
        return self._core.current()

    def new_process(self) -> int:
        """A new process with an empty address space; returns its number."""
        return self._core.add_process()

    def switch(self, process: int) -> None:
        """Let another process go on. Without tags all but the global entries of TLBs are flushed."""
        self._core.switch(arguments.process(process))

    def fork(self, process: int | None = None) -> int:
        """Copy an address space; returns the number of the new process.

        Pages that may be written are lent to both read-only, until one of them writes: then it gets a copy (a
        minor fault), or, if nobody shares the page any more, the page itself. What is mapped shared or global
        stays shared.

        Examples
        --------
        >>> import distlab as dl
        >>> mmu = dl.memory.Mmu("x86-64")
        >>> mmu.map(0x1000)
        >>> child = mmu.fork()
        >>> first = mmu.translate(0x1000, process=child).frame
        >>> second = mmu.translate(0x1000, kind="write", process=child).frame
        >>> first == mmu.translate(0x1000, process=0).frame != second
        True
        """
        return self._core.fork(self._process(process))

    def exit(self, process: int) -> None:
        """End a process: its pages, tables and entries in TLBs are no more."""
        self._core.exit(arguments.process(process))

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
        shared: bool = False,
        backing: str = "disk",
        process: int | None = None,
    ) -> None:
        """Bring pages into memory and map them, now.

        Parameters
        ----------
        address : int
            Where they begin; a multiple of their size.
        frame : int, optional
            The frame of the first, which must be free; the others follow. None: any frames; if none is free,
            other pages must leave.
        length : int or str, optional
            How many bytes, rounded up to whole pages; None: one page.
        page_size : int or str, optional
            The size of the pages, if they are huge; see :attr:`Geometry.page_sizes`.
        writable, user, executable : bool
            What they may be used for.
        global_ : bool
            Whether TLBs may use the entries for all processes.
        shared : bool
            Whether they stay shared when the process forks.
        backing : {"disk", "zero", "file"}
            Where they come from when they were dropped clean and are needed again. Once written they belong on
            swap; a ``"file"`` is written back in place.
        process : int, optional
            Whose address space; None: of the process that runs.

        Raises
        ------
        ParameterError
            If something is mapped there, the frame is not free, or sizes do not fit. Pages before the one that
            does not fit stay mapped.
        """
        wanted = self._mapping(page_size, writable, user, executable, global_, shared, backing)
        if frame is not None:
            frame = arguments.whole(frame, "frame", "the number of a free frame, from 0 to 2^30 - 1", most=2**30 - 1)
        count = wanted["page_size"] or self.geometry.page_size
        count = count if length is None else arguments.size(length, "length")
        self._core.map(self._process(process), arguments.address(address), count, wanted, frame)

    def mmap(
        self,
        length: int | str,
        address: int | None = None,
        *,
        page_size: int | str | None = None,
        writable: bool = True,
        user: bool = True,
        executable: bool = False,
        shared: bool = False,
        backing: str = "zero",
        process: int | None = None,
    ) -> int:
        """Set a region aside, whose pages come into memory when they are touched.

        Parameters
        ----------
        length : int or str
            How many bytes, rounded up to whole pages.
        address : int, optional
            Where it begins; None: where it fits, from a quarter of the address space on.
        page_size, writable, user, executable, shared, backing, process
            As for :meth:`map`; pages of ``"zero"`` backing cost a minor fault each.

        Returns
        -------
        int
            Where the region begins.

        Examples
        --------
        >>> import distlab as dl
        >>> mmu = dl.memory.Mmu("x86-64", demand=None)
        >>> heap = mmu.mmap("1MiB")
        >>> mmu.translate(heap + 5000, kind="write").fault
        'minor'
        """
        wanted = self._mapping(page_size, writable, user, executable, False, shared, backing)
        at = None if address is None else arguments.address(address)
        return self._core.reserve(self._process(process), at, arguments.size(length, "length"), wanted)

    def unmap(self, address: int, length: int | str | None = None, *, process: int | None = None) -> None:
        """Take pages and regions out; tables that are left empty are given back.

        Parameters
        ----------
        address : int
            Where to begin: at the beginning of a page.
        length : int or str, optional
            How many bytes, rounded up to whole pages; None: the page at ``address``.
        process : int, optional
            Whose address space; None: of the process that runs.

        Raises
        ------
        ParameterError
            If nothing is mapped there, or a huge page would be cut.
        """
        self._core.unmap(self._process(process), arguments.address(address), self._length(address, length, process))

    def protect(
        self,
        address: int,
        length: int | str | None = None,
        *,
        writable: bool = True,
        user: bool = True,
        executable: bool = True,
        process: int | None = None,
    ) -> None:
        """Change what pages and regions may be used for; parameters as for :meth:`unmap` and :meth:`map`."""
        count = self._length(address, length, process)
        rights = _rights(writable, user, executable)
        self._core.protect(self._process(process), arguments.address(address), count, rights)

    def share(
        self,
        address: int,
        length: int | str | None = None,
        *,
        to: int,
        at: int | None = None,
        rights: tuple[bool, bool, bool] | None = None,
        process: int | None = None,
    ) -> None:
        """Map pages of a process into another one, too: each sees what the other writes.

        Parameters
        ----------
        address : int
            Where they begin in the process that has them.
        length : int or str, optional
            How many bytes, rounded up to whole pages; None: one page.
        to : int
            The process that gets them.
        at : int, optional
            Where they begin there; None: at the same address.
        rights : (writable, user, executable), optional
            What it may use them for; None: the same.
        process : int, optional
            The process that has them; None: the one that runs.
        """
        start = arguments.address(address)
        count = self.geometry.page_size if length is None else arguments.size(length, "length")
        there = start if at is None else arguments.address(at, "at")
        if rights is not None and (not isinstance(rights, tuple | list) or len(rights) != 3):
            raise ParameterTypeError("rights", rights, "three truth values: writable, user, executable")
        allowed = None if rights is None else _rights(*rights, names=("rights[0]", "rights[1]", "rights[2]"))
        self._core.share((self._process(process), start, count), (arguments.process(to, "to"), there), allowed)

    def entry(self, address: int, *, process: int | None = None) -> PageTableEntry | None:
        """The entry that stands for an address, without any access; None if there is none."""
        found = self._core.entry(self._process(process), arguments.address(address))
        return None if found is None else PageTableEntry(**found[0])

    def invalidate(self, address: int | None = None, *, process: int | None = None, keep_global: bool = False) -> int:
        """Make TLBs and the walk cache forget; returns how many entries of TLBs that were.

        Parameters
        ----------
        address : int, optional
            Only the page there, of ``process`` or of the one that runs.
        process : int, optional
            Without an address: everything of that process but global entries. Neither: everything.
        keep_global : bool
            With neither: whether global entries stay.
        """
        at = None if address is None else arguments.address(address)
        owner = None if process is None else arguments.process(process)
        if arguments.flag(keep_global, "keep_global") and (at is not None or owner is not None):
            raise ParameterError("keep_global", keep_global, "False, unless everything is invalidated")
        return self._core.invalidate(owner, at, arguments.flag(keep_global, "keep_global"))

    # What there is

    @property
    def counters(self) -> Counters:
        """What was counted since the beginning, or since :meth:`reset_counters`."""
        return Counters(**self._core.counters()["counters"])

    @property
    def total_ns(self) -> float:
        """What all that was counted took, in nanoseconds."""
        found: float = self._core.counters()["time_ns"]
        return found

    def reset_counters(self) -> None:
        """Count from zero again; memory, TLBs and caches stay as they are: after a warm-up."""
        self._core.reset_counters()

    @property
    def table_bytes(self) -> int:
        """What the page tables of all processes take."""
        return int(self._core.usage()["table_bytes"])

    @property
    def tables(self) -> tuple[int, ...]:
        """How many tables there are on each level, the root's first, of all processes."""
        return tuple(self._core.usage()["tables"])

    def table_bytes_of(self, process: int) -> int:
        """What the page tables of one process take."""
        return self._core.tables_of(arguments.process(process))[1]

    @property
    def usage(self) -> dict[str, Any]:
        """How much there is of everything: tables, frames, slots of swap, entries of TLBs."""
        return dict(self._core.usage())

    def __repr__(self) -> str:
        frames, policy = self._config["frames"], self._config["policy"]
        memory = "all the frames" if frames is None else f"{frames:,} frames"
        counts = f"{len(self.processes)} processes, {self.counters.accesses:,} accesses"
        return f"<Mmu {self.geometry}, {memory}, {policy}, {counts}>"

    def copy(self) -> Mmu:
        """The same machine once more, in the state in which it is: what happens to one does not happen to the other.

        Notes
        -----
        Linear in what there is: tables, frames, entries of TLBs.

        Examples
        --------
        >>> import distlab as dl
        >>> mmu = dl.memory.Mmu(frames=4)
        >>> _ = mmu.translate(0x1000)
        >>> other = mmu.copy()
        >>> other.translate(0x1008).outcome, mmu.counters.accesses, other.counters.accesses
        ('tlb-hit', 1, 2)
        """
        made = object.__new__(type(self))
        made.geometry, made._config, made._core = self.geometry, self._config, self._core.copy()
        return made

    def __copy__(self) -> Mmu:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Mmu:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        raise SerializationError("mmu", self, problem="cannot be pickled: its state has no form as data; see copy()")

    def _process(self, process: int | None) -> int:
        return self._core.current() if process is None else arguments.process(process)

    def _length(self, address: int, length: int | str | None, process: int | None) -> int:
        if length is not None:
            return arguments.size(length, "length")
        found = self._core.entry(self._process(process), arguments.address(address))
        return self.geometry.page_size if found is None else self.geometry.span(found[1])

    def _mapping(
        self,
        page_size: int | str | None,
        writable: bool,
        user: bool,
        executable: bool,
        global_: bool,
        shared: bool,
        backing: str,
    ) -> dict[str, Any]:
        size = None if page_size is None else arguments.size(page_size, "page_size")
        if size is not None and size not in self.geometry.page_sizes:
            known = ", ".join(arguments.show_size(it) for it in self.geometry.page_sizes)
            raise ParameterError("page_size", page_size, f"a size of pages of this geometry: {known}")
        writable, user, executable = _rights(writable, user, executable)
        return {
            "rights": {"writable": writable, "user": user, "executable": executable},
            "global_": arguments.flag(global_, "global_"),
            "shared": arguments.flag(shared, "shared"),
            "backing": arguments.choice(backing, "backing", _BACKINGS),
            "page_size": size,
        }


def configuration(
    geometry: Geometry,
    *,
    frames: Any,
    policy: Any,
    policy_options: Any,
    tlb: Any,
    walk_cache: Any,
    swap: Any,
    processes: Any,
    demand: Any,
    nested: Any,
    seed: Any,
    **times: Any,
) -> dict[str, Any]:
    """What an MMU is made of, in the form in which the core takes it; the arguments are those of :class:`Mmu`."""
    swap = Swap() if swap is None else swap
    if not isinstance(swap, Swap):
        raise ParameterTypeError("swap", swap, "a Swap, or None")
    if frames is not None:
        frames = arguments.whole(frames, "frames", "from 1 to 2^28, or None", least=1, most=2**28)
    if isinstance(policy, str) and policy == "opt":
        raise ParameterError("policy", policy, f"one of {', '.join(_POLICIES)} (opt would need to know the future)")
    tlbs, cache = TlbHierarchy.of(tlb), WalkCache.of(walk_cache)
    no_tlb = {"data": [], "instruction": [], "second": [], "tagged": True}
    if nested is not None and not isinstance(nested, Nested):
        nested = Nested(Geometry.of(nested, "nested"))
    return {
        "geometry": geometry.to_data(),
        "processes": arguments.whole(processes, "processes", "from 1 to 65,536", least=1, most=2**16),
        "frames": frames,
        "policy": _policies.policy(policy, known=_POLICIES),
        "policy_options": _policies.options(policy_options, [policy]),
        "tlb": no_tlb if tlbs is None else tlbs.to_data(geometry),
        "walk_cache": [] if cache is None else cache.to_data(geometry),
        "swap_slots": swap.slots,
        "demand": None if demand is None else arguments.choice(demand, "demand", ("disk", "zero")),
        "nested": None if nested is None else nested._to_data(),
        "times": {
            "tlb": arguments.time(times["t"], "t"),
            "second_tlb": arguments.time(times["t2"], "t2"),
            "memory": arguments.time(times["m"], "m"),
            "fault": arguments.service(times["S"], "S"),
            "write_back": arguments.service(swap.write_back_time, "write_back_time"),
            "minor_fault": arguments.time(times["minor_fault"], "minor_fault"),
            "walk_cache": arguments.time(times["walk_cache_time"], "walk_cache_time"),
            "context_switch": arguments.time(times["context_switch"], "context_switch"),
        },
        "seed": arguments.whole(seed, "seed", "a whole number from 0 to 2^64 - 1"),
    }


def _rights(
    writable: bool, user: bool, executable: bool, names: tuple[str, str, str] = ("writable", "user", "executable")
) -> tuple[bool, bool, bool]:
    given = (writable, user, executable)
    writable, user, executable = (arguments.flag(it, name) for it, name in zip(given, names, strict=True))
    return writable, user, executable


def refusal(
    reason: str, address: int, process: int, kind: str, translation: Translation | None, at: int | None
) -> MemoryFault:
    """The exception for an access that is refused."""
    kind_of = PageFault if reason == "unmapped" else ProtectionFault
    return kind_of(reason, address, process, kind, translation, at)
