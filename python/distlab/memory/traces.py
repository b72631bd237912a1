"""Reference strings of real programs: read from recorded traces, in columns, and written again.

A trace is recorded by Valgrind's tool Lackey, which writes a line for every instruction that is fetched and for
every access to data::

    valgrind --tool=lackey --trace-mem=yes --log-file=true.lackey /bin/true

>>> import distlab as dl
>>> trace = dl.memory.sample_trace()
>>> pages = trace.pages()
>>> dl.memory.paging.simulate(pages, frames=64, policy="lru").faults < len(trace) // 100
True
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core
from ..errors import ParameterError, ParameterTypeError
from . import _arguments as arguments

__all__ = [
    "MemoryTrace",
    "RequestTrace",
    "iter_csv",
    "iter_lackey",
    "iter_oracle_general",
    "read_csv",
    "read_lackey",
    "read_oracle_general",
    "sample_trace",
]


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes | str: ...


TracePath: TypeAlias = str | os.PathLike[str] | _Readable
"""A path, or a file object open for reading, binary or text."""

_ALL = 2**63 - 1
_CHUNK = 1 << 20
_SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_PACKINGS = ("none", "gzip", "zstd")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class MemoryTrace:
    """What a program touched, in order: three columns of one length.

    ``trace[i:j]`` and ``trace[mask]`` are traces of these references; ``len(trace)`` is how many there are.
    Whatever takes addresses and kinds of access takes a trace: ``mmu.replay(trace)``.

    Parameters
    ----------
    addresses : array_like of int
        Where each reference begins, from 0 to 2^64 - 1.
    kinds : array_like, optional
        0 (read), 1 (write) or 2 (fetch of an instruction), these words, or whether each reference writes;
        without, all read.
    sizes : array_like of int, optional
        How many bytes each reference touches; without, 1.
    skipped : int, optional
        How many lines of the source were passed over because they were no part of a trace.

    Attributes
    ----------
    addresses : ndarray of uint64
    kinds : ndarray of uint8
    sizes : ndarray of uint32
    skipped : int

    Raises
    ------
    ParameterError, ParameterTypeError
        If a column has other values or another length.

    Examples
    --------
    >>> import distlab as dl
    >>> trace = dl.memory.MemoryTrace([0x1000, 0x2ffe], kinds=["fetch", "write"], sizes=[4, 4])
    >>> trace
    MemoryTrace(2 references: 0 reads, 1 write, 1 fetch)
    >>> trace.pages()
    array([1, 2, 3], dtype=uint64)
    >>> trace.writes
    array([False,  True])
    """

    addresses: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    sizes: NDArray[np.uint32]
    skipped: int

    def __init__(
        self, addresses: ArrayLike, kinds: ArrayLike | None = None, sizes: ArrayLike | None = None, skipped: int = 0
    ) -> None:
        starts = arguments.addresses(addresses)
        count = len(starts)
        codes = arguments.kinds(kinds, count)
        if codes is None:
            codes = np.zeros(count, np.uint8)
        skipped = arguments.whole(skipped, "skipped", "a whole number, 0 or more")
        columns = {"addresses": starts, "kinds": codes, "sizes": _small(sizes, count, "sizes", 1)}
        for name, value in (*columns.items(), ("skipped", skipped)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_arrays(
        cls,
        addresses: ArrayLike,
        kinds: ArrayLike | None = None,
        sizes: ArrayLike | None = None,
        *,
        page_bits: int | None = None,
    ) -> MemoryTrace:
        """A trace of columns from anywhere.

        Parameters
        ----------
        addresses, kinds, sizes : array_like
            As for the class.
        page_bits : int, optional
            Cut references where pages of ``2**page_bits`` bytes begin, see :meth:`split`; None: leave them whole.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.memory.MemoryTrace.from_arrays([0xfff], sizes=[2], page_bits=12).addresses.tolist()
        [4095, 4096]
        """
        trace = cls(addresses, kinds, sizes)
        return trace if page_bits is None else trace.split(page_bits)

    def split(self, page_bits: int = 12) -> MemoryTrace:
        """The same, with every reference that crosses into another page cut into one for each page.

        Parameters
        ----------
        page_bits : int
            Pages have ``2**page_bits`` bytes; from 0 to 63.

        Returns
        -------
        MemoryTrace
            This very one if nothing crosses.

        Notes
        -----
        Linear in the number of pieces.
        """
        bits = arguments.whole(page_bits, "page_bits", "a whole number from 0 to 63", most=63)
        columns = _core.trace_split(self.addresses, self.kinds, self.sizes, bits)
        return self if len(columns[0]) == len(self) else MemoryTrace(*columns, self.skipped)

    def pages(self, page_bits: int = 12) -> NDArray[np.uint64]:
        """The numbers of the pages that are touched, in order.

        A reference that crosses into another page touches both, so there may be more pages than references;
        :meth:`split` gives a trace that has one page a reference.

        Parameters
        ----------
        page_bits : int
            Pages have ``2**page_bits`` bytes: 12 for 4 KiB, 21 for 2 MiB.

        Examples
        --------
        >>> import distlab as dl
        >>> dl.memory.MemoryTrace([0, 4095, 4096]).pages().tolist()
        [0, 0, 1]
        """
        trace = self.split(page_bits)
        return trace.addresses >> np.uint64(page_bits)

    @property
    def reads(self) -> NDArray[np.bool_]:
        """Of each reference whether it reads data."""
        return np.equal(self.kinds, 0)

    @property
    def writes(self) -> NDArray[np.bool_]:
        """Of each reference whether it writes."""
        return np.equal(self.kinds, 1)

    @property
    def fetches(self) -> NDArray[np.bool_]:
        """Of each reference whether it fetches an instruction."""
        return np.equal(self.kinds, 2)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        compression: Literal["none", "gzip", "zstd"] | None = None,
        level: int | None = None,
    ) -> None:
        """Write it as Lackey's text, which :func:`read_lackey` and other tools read.

        Parameters
        ----------
        path : str or os.PathLike
            An existing file is replaced, once all is written.
        compression : {"none", "gzip", "zstd"}, optional
            By default as the name says: ``.gz``, ``.zst``, or neither.
        level : int, optional
            How hard to compress: 0 to 9 for gzip (6), 1 to 22 for zstd (3).

        Raises
        ------
        ParameterError
            If a size is 0 or more than 65536, which no processor accesses at once.
        OSError
            If the file cannot be written.
        """
        if len(self):
            for at in (int(np.argmin(self.sizes)), int(np.argmax(self.sizes))):
                if not 1 <= self.sizes[at] <= 65536:
                    raise ParameterError(f"sizes[{at}]", int(self.sizes[at]), "1 to 65536, in a file of Lackey's")
        packing, effort = _packing(path, compression, level)
        _core.trace_save(os.fspath(path), packing, effort, self.addresses, self.kinds, self.sizes)

    def __len__(self) -> int:
        return len(self.addresses)

    def __getitem__(self, rows: slice | ArrayLike) -> MemoryTrace:
        at = _rows(rows)
        return MemoryTrace(self.addresses[at], self.kinds[at], self.sizes[at], self.skipped)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MemoryTrace):
            return NotImplemented
        names = ("addresses", "kinds", "sizes")
        return all(np.array_equal(getattr(self, it), getattr(other, it)) for it in names)

    __hash__ = None  # type: ignore[assignment]

    def _counts(self) -> list[tuple[int, str]]:
        counts = np.bincount(self.kinds, minlength=3).tolist()
        return [(count, name) for count, name in zip(counts, ("read", "write", "fetch"), strict=True)]

    def __repr__(self) -> str:
        counts = ", ".join(_many(*it) for it in self._counts())
        skipped = f", {_many(self.skipped, 'line')} skipped" if self.skipped else ""
        return f"MemoryTrace({_many(len(self), 'reference')}: {counts}{skipped})"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("", "references", "bytes", "distinct 4 KiB pages"))
        rows = []
        for code, name in [*enumerate(("read", "write", "fetch")), (None, "all")]:
            part = self if code is None else self[self.kinds == code]
            cells = (len(part), int(part.sizes.sum(dtype=np.uint64)), len(np.unique(part.pages())))
            rows.append(f"<tr><th>{name}</th>" + "".join(f"<td>{it:,}</td>" for it in cells) + "</tr>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


@dataclass(frozen=True, init=False, eq=False, repr=False)
class RequestTrace:
    """Requests for objects of a cache, as libCacheSim records them: four columns of one length.

    ``trace[i:j]`` and ``trace[mask]`` are the columns of these requests, unchanged.

    Parameters
    ----------
    objects : array_like of int
        Which object each request asks for, from 0 to 2^64 - 1.
    sizes : array_like of int, optional
        How large the objects are, in bytes; without, 1.
    times : array_like of int, optional
        When, in seconds; without, 0.
    next : array_like of int, optional
        The number of the next request for the same object, from 1 on; -1: there is none. Without, it is counted.

    Attributes
    ----------
    objects : ndarray of uint64
    sizes : ndarray of uint32
    times : ndarray of uint32
    next : ndarray of int64

    Examples
    --------
    >>> import distlab as dl
    >>> requests = dl.memory.RequestTrace([7, 8, 7])
    >>> requests.next.tolist()
    [3, -1, -1]
    >>> dl.memory.paging.simulate(requests.objects, frames=2).faults
    2
    """

    objects: NDArray[np.uint64]
    sizes: NDArray[np.uint32]
    times: NDArray[np.uint32]
    next: NDArray[np.int64]

    def __init__(
        self,
        objects: ArrayLike,
        sizes: ArrayLike | None = None,
        times: ArrayLike | None = None,
        next: ArrayLike | None = None,  # noqa: A002
    ) -> None:
        asked = arguments.integers(objects, "objects", np.uint64, "whole numbers from 0 to 2^64 - 1")
        count = len(asked)
        following = _core.requests_next(asked) if next is None else _signed(next, count, "next")
        small = {"sizes": _small(sizes, count, "sizes", 1), "times": _small(times, count, "times", 0)}
        for name, column in ({"objects": asked, "next": following} | small).items():
            object.__setattr__(self, name, column)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        compression: Literal["none", "gzip", "zstd"] | None = None,
        level: int | None = None,
    ) -> None:
        """Write it as ``oracleGeneral``, which libCacheSim reads; the parameters are those of a memory trace."""
        packing, effort = _packing(path, compression, level)
        _core.requests_save(os.fspath(path), packing, effort, self.times, self.objects, self.sizes, self.next)

    def __len__(self) -> int:
        return len(self.objects)

    def __getitem__(self, rows: slice | ArrayLike) -> RequestTrace:
        at = _rows(rows)
        return RequestTrace(self.objects[at], self.sizes[at], self.times[at], self.next[at])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RequestTrace):
            return NotImplemented
        names = ("objects", "sizes", "times", "next")
        return all(np.array_equal(getattr(self, it), getattr(other, it)) for it in names)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RequestTrace({_many(len(self), 'request')}, {_many(int((self.next == -1).sum()), 'last one')})"


def read_lackey(
    path: TracePath,
    *,
    page_bits: int | None = 12,
    modify: Literal["both", "write"] = "both",
    fetches: bool = True,
    malformed: Literal["error", "skip"] = "error",
    limit: int | None = None,
) -> MemoryTrace:
    r"""A trace that ``valgrind --tool=lackey --trace-mem=yes`` wrote.

    Plain, gzip or zstd, told by the first bytes and not by the name. Lines of Valgrind's own (``==4711== ...``)
    are passed over. It is decompressed by a second thread while this one reads.

    Parameters
    ----------
    path : str, os.PathLike or file object
        A file, or an object with a method ``read``, binary or text.
    page_bits : int, optional
        A reference that crosses into another page of ``2**page_bits`` bytes becomes one reference for each page;
        None: all stay whole.
    modify : {"both", "write"}
        A modification (``M``) is a read and then a write, as Lackey counts it, or a write alone.
    fetches : bool
        Whether to keep fetches of instructions (``I``).
    malformed : {"error", "skip"}
        What to do with a line that is no part of a trace; skipped ones are counted in :attr:`MemoryTrace.skipped`.
    limit : int, optional
        How many references to read at most.

    Returns
    -------
    MemoryTrace

    Raises
    ------
    TraceError
        A line is malformed, with its number; or the compressed data is damaged or ends too soon.
    OSError
        The file cannot be read.
    ParameterError, ParameterTypeError
        An argument is not what it should be.

    Examples
    --------
    >>> import io
    >>> import distlab as dl
    >>> text = "==7== Lackey\nI  04000ffe,3\n S 1fff000758,8\n M 0421c7f0,4\n"
    >>> trace = dl.memory.read_lackey(io.StringIO(text))
    >>> [hex(it) for it in trace.addresses]
    ['0x4000ffe', '0x4001000', '0x1fff000758', '0x421c7f0', '0x421c7f0']
    >>> trace.kinds.tolist(), trace.sizes.tolist()
    ([2, 2, 1, 0, 1], [2, 1, 8, 4, 4])
    """
    reader = _lackey(path, page_bits, modify, fetches, malformed)
    return _all(reader, limit)


def iter_lackey(
    path: TracePath,
    *,
    chunk: int = _CHUNK,
    page_bits: int | None = 12,
    modify: Literal["both", "write"] = "both",
    fetches: bool = True,
    malformed: Literal["error", "skip"] = "error",
) -> Iterator[MemoryTrace]:
    r"""The same as :func:`read_lackey`, in pieces: for traces that do not fit into memory.

    Parameters
    ----------
    path, page_bits, modify, fetches, malformed
        As for :func:`read_lackey`.
    chunk : int
        How many references a piece has; the last may have fewer.

    Yields
    ------
    MemoryTrace
        Its ``skipped`` counts from the beginning of the file.

    Notes
    -----
    Memory: a chunk, and a few MiB.

    Examples
    --------
    >>> import io
    >>> import distlab as dl
    >>> text = " L 00001000,4\n" * 5
    >>> [len(piece) for piece in dl.memory.iter_lackey(io.StringIO(text), chunk=2)]
    [2, 2, 1]
    """
    size = arguments.whole(chunk, "chunk", "a positive whole number", least=1, most=_ALL)
    return _pieces(_lackey(path, page_bits, modify, fetches, malformed), size)


def read_csv(
    path: TracePath,
    *,
    address: str | int = 0,
    kind: str | int | None = None,
    size: str | int | None = None,
    header: bool | None = None,
    delimiter: str = ",",
    base: int | None = None,
    page_bits: int | None = None,
    limit: int | None = None,
) -> MemoryTrace:
    r"""A trace in a table: a line for each reference, plain, gzip or zstd.

    Parameters
    ----------
    path : str, os.PathLike or file object
    address, kind, size : str or int
        The columns, by the names in the header or by their numbers from 0 on. Without ``kind`` all references
        read, without ``size`` they touch one byte. Kinds may be written r, w, f, read, write, fetch, load, store,
        l, s, i, or 0, 1, 2, in either case.
    header : bool, optional
        Whether the first line names the columns; None: if it has no address where one should be.
    delimiter : str
        One character between fields, which may be quoted (``"``).
    base : {10, 16}, optional
        How addresses are written; None: hexadecimal if they begin with ``0x``.
    page_bits : int, optional
        Cut references where pages of ``2**page_bits`` bytes begin; None: leave them whole.
    limit : int, optional
        How many references to read at most.

    Raises
    ------
    TraceError
        A line is malformed, with its number; or the compressed data is damaged or ends too soon.
    ParameterError
        There is no such column, or an argument is not what it should be.

    Examples
    --------
    >>> import io
    >>> import distlab as dl
    >>> table = io.StringIO("time,addr,op\n1,0x1000,R\n2,0x2000,W\n")
    >>> trace = dl.memory.read_csv(table, address="addr", kind="op")
    >>> trace.pages().tolist(), trace.writes.tolist()
    ([1, 2], [False, True])
    """
    return _all(_csv(path, address, kind, size, header, delimiter, base, page_bits), limit)


def iter_csv(
    path: TracePath,
    *,
    chunk: int = _CHUNK,
    address: str | int = 0,
    kind: str | int | None = None,
    size: str | int | None = None,
    header: bool | None = None,
    delimiter: str = ",",
    base: int | None = None,
    page_bits: int | None = None,
) -> Iterator[MemoryTrace]:
    """The same as :func:`read_csv`, in pieces of ``chunk`` references."""
    many = arguments.whole(chunk, "chunk", "a positive whole number", least=1, most=_ALL)
    return _pieces(_csv(path, address, kind, size, header, delimiter, base, page_bits), many)


def read_oracle_general(path: TracePath, *, limit: int | None = None) -> RequestTrace:
    """A trace in libCacheSim's binary format ``oracleGeneral``, plain, gzip or zstd.

    Records have 24 bytes, little-endian: time in seconds (u32), object (u64), size in bytes (u32), and the number
    of the next request for the same object (i64, from 1 on; -1 or 2^63 - 1 for none, both read as -1).

    Parameters
    ----------
    path : str, os.PathLike or file object
    limit : int, optional
        How many requests to read at most.

    Raises
    ------
    TraceError
        The file is cut short, or a record has a next request that does not come later.

    Examples
    --------
    >>> import struct, io
    >>> import distlab as dl
    >>> data = struct.pack("<IQIq", 10, 99, 4096, 2) + struct.pack("<IQIq", 11, 99, 4096, -1)
    >>> trace = dl.memory.read_oracle_general(io.BytesIO(data))
    >>> trace.objects.tolist(), trace.next.tolist()
    ([99, 99], [2, -1])
    """
    count = _limit(limit)
    columns = _core.RequestReader(path).next(count)
    return RequestTrace(np.zeros(0, np.uint64)) if columns is None else _requests(columns)


def iter_oracle_general(path: TracePath, *, chunk: int = _CHUNK) -> Iterator[RequestTrace]:
    """The same as :func:`read_oracle_general`, in pieces of ``chunk`` requests."""
    size = arguments.whole(chunk, "chunk", "a positive whole number", least=1, most=_ALL)
    reader = _core.RequestReader(path)

    def pieces() -> Iterator[RequestTrace]:
        while (columns := reader.next(size)) is not None:
            yield _requests(columns)

    return pieces()


def _requests(columns: tuple[Any, Any, Any, Any]) -> RequestTrace:
    times, objects, sizes, following = columns
    return RequestTrace(objects, sizes, times, following)


def _lackey(path: TracePath, page_bits: int | None, modify: str, fetches: bool, malformed: str) -> _core.TraceReader:
    arguments.choice(modify, "modify", ("both", "write"))
    arguments.choice(malformed, "malformed", ("error", "skip"))
    return _core.TraceReader.lackey(path, _bits(page_bits), modify, malformed, arguments.flag(fetches, "fetches"))


def _csv(
    path: TracePath,
    address: str | int,
    kind: str | int | None,
    size: str | int | None,
    header: bool | None,
    delimiter: str,
    base: int | None,
    page_bits: int | None,
) -> _core.TraceReader:
    for name, column in (("address", address), ("kind", kind), ("size", size)):
        allowed = "the name of a column, or its number from 0 on"
        if isinstance(column, str):
            arguments.text(column, name, allowed)
        elif column is not None or name == "address":
            arguments.whole(column, name, allowed, most=2**32)
    if not isinstance(delimiter, str):
        raise ParameterTypeError("delimiter", delimiter, "one ASCII character")
    if len(delimiter) != 1 or not delimiter.isascii():
        raise ParameterError("delimiter", delimiter, "one ASCII character")
    if base is not None and arguments.whole(base, "base", "10, 16 or None") not in (10, 16):
        raise ParameterError("base", base, "10, 16 or None")
    head = None if header is None else arguments.flag(header, "header")
    told = "" if base is None else str(base)
    return _core.TraceReader.csv(path, address, kind, size, head, ord(delimiter), told, _bits(page_bits))


def _bits(page_bits: int | None) -> int | None:
    allowed = "a whole number from 0 to 63, or None"
    return None if page_bits is None else arguments.whole(page_bits, "page_bits", allowed, most=63)


def _limit(limit: int | None) -> int:
    return _ALL if limit is None else arguments.whole(limit, "limit", "a whole number, or None", most=_ALL)


def _all(reader: _core.TraceReader, limit: int | None) -> MemoryTrace:
    columns = reader.next(_limit(limit))
    if columns is None:
        return MemoryTrace(np.zeros(0, np.uint64), skipped=reader.skipped)
    return MemoryTrace(*columns, reader.skipped)


def _pieces(reader: _core.TraceReader, chunk: int) -> Iterator[MemoryTrace]:
    while (columns := reader.next(chunk)) is not None:
        yield MemoryTrace(*columns, reader.skipped)


def _packing(path: Any, compression: str | None, level: int | None) -> tuple[str, int]:
    if not isinstance(path, str | os.PathLike):
        raise ParameterTypeError("path", path, "a path")
    suffix = os.path.splitext(os.fspath(path))[1]
    name = (
        _SUFFIXES.get(suffix, "none")
        if compression is None
        else arguments.choice(compression, "compression", _PACKINGS)
    )
    least, most, usual = {"none": (0, 0, 0), "gzip": (0, 9, 6), "zstd": (1, 22, 3)}[name]
    if level is None:
        return name, usual
    return name, arguments.whole(level, "level", f"{least} to {most} for {name}", least=least, most=most)


def _rows(rows: Any) -> Any:
    """Rows that leave a column one: a slice, a mask, or numbers."""
    if isinstance(rows, slice):
        return rows
    found = np.asarray(rows)
    if isinstance(rows, list) and not rows:
        return found.astype(np.int64)
    if found.ndim != 1 or found.dtype.kind not in "biu":
        raise ParameterTypeError("rows", rows, "a slice, a mask, or a list of numbers")
    return found


def _small(values: ArrayLike | None, count: int, parameter: str, usual: int) -> NDArray[np.uint32]:
    """A column of 32 bits, or the usual value everywhere."""
    if values is None:
        return np.full(count, usual, np.uint32)
    column = arguments.integers(values, parameter, np.uint32, "whole numbers from 0 to 2^32 - 1")
    return arguments.same_length(column, count, parameter)


def _signed(values: ArrayLike, count: int, parameter: str) -> NDArray[np.int64]:
    allowed = "whole numbers of requests below 2^63, or -1"
    try:
        column: NDArray[Any] = np.asarray(values)
    except ValueError:
        raise ParameterTypeError(parameter, values, allowed) from None
    if column.ndim != 1 or (column.size and column.dtype.kind not in "iu"):
        raise ParameterTypeError(parameter, values, allowed)
    if column.dtype == np.uint64 and column.size and column.max() >= 2**63:
        raise ParameterError(f"{parameter}[{int(np.argmax(column))}]", int(column.max()), allowed)
    return arguments.same_length(np.ascontiguousarray(column, np.int64), count, parameter)


def _many(count: int, what: str) -> str:
    plural = what if count == 1 else f"{what}es" if what.endswith("ch") else f"{what}s"
    return f"{count:,} {plural}"


def sample_trace() -> MemoryTrace:
    """The first 2.3 million references of a real program: GNU ``as`` 2.40 that assembles ten lines of C.

    It starts, is linked to its libraries, builds its tables of instructions, and reads its input: 481 pages of
    4 KiB, recorded on x86-64 Linux with Valgrind 3.19's Lackey. The file holds addresses and sizes only, as
    Lackey wrote them (``distlab/data/sample.lackey.zst``, 0.5 MB); its licence is that of distlab.

    Returns
    -------
    MemoryTrace
        Cut where pages of 4 KiB begin.

    Examples
    --------
    >>> import distlab as dl
    >>> dl.memory.sample_trace()
    MemoryTrace(2,309,231 references: 406,966 reads, 211,746 writes, 1,690,519 fetches)
    """
    import importlib.resources  # costs a few milliseconds that only this needs

    with (importlib.resources.files("distlab.data") / "sample.lackey.zst").open("rb") as file:
        return read_lackey(file)
