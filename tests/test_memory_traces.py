"""Traces of real programs, and reference strings that are made."""

import gc
import gzip
import io
import os
import pickle
import shutil
import struct
import subprocess
import threading
import weakref
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import distlab as dl
from distlab.memory import MemoryTrace, RequestTrace, generators

SMALL = b"""==7== Lackey, an example Valgrind tool
I  04000ffe,3
 S 1fff000758,8
 L 0000000000000010,16

 M 0421c7f0,4
==7== Exit code: 0
"""


def slow_lackey(text: str) -> list[tuple[int, int, int]]:
    """Word by word, without pages."""
    rows = []
    for line in text.splitlines():
        if not line or line.startswith("=="):
            continue
        letter, record = line.split()
        address, size = int(record.split(",")[0], 16), int(record.split(",")[1])
        rows += [(address, kind, size) for kind in {"I": [2], "L": [0], "S": [1], "M": [0, 1]}[letter]]
    return rows


def rows(trace: MemoryTrace) -> list[tuple[int, int, int]]:
    return list(zip(trace.addresses.tolist(), trace.kinds.tolist(), trace.sizes.tolist(), strict=True))


def zstd(data: bytes, path: Path) -> bytes:
    """The bytes as a trace compressed by the package itself (there is no zstd in Python 3.11)."""
    dl.memory.read_lackey(io.BytesIO(data), page_bits=None).save(path, compression="zstd")
    return path.read_bytes()


def made(count: int = 50_000, seed: int = 1) -> str:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["I ", " L", " S", " M"], count)
    addresses, sizes = rng.integers(0, 2 ** rng.integers(1, 60, count)), rng.choice([1, 2, 4, 8, 15, 512], count)
    return "".join(f"{k} {a:08x},{s}\n" for k, a, s in zip(kinds, addresses, sizes, strict=True))


# --- reading ---


def test_lackey_is_read_from_everything_that_can_be_read(tmp_path: Path) -> None:
    want = slow_lackey(SMALL.decode())
    path = tmp_path / "small"
    sources = {
        "plain": SMALL,
        "gzip": gzip.compress(SMALL),
        "members": gzip.compress(SMALL[:70]) + gzip.compress(SMALL[70:]),
    }
    sources["zstd"] = zstd(SMALL, tmp_path / "z")
    for data in sources.values():
        path.write_bytes(data)
        for source in (path, str(path), io.BytesIO(data), path.open("rb")):
            assert rows(dl.memory.read_lackey(source, page_bits=None)) == want
            if hasattr(source, "close"):
                source.close()
    assert rows(dl.memory.read_lackey(io.StringIO(SMALL.decode()), page_bits=None)) == want


def test_many_lines_are_read_as_a_slow_reader_reads_them() -> None:
    text = made()
    trace = dl.memory.read_lackey(io.StringIO(text), page_bits=None)
    assert rows(trace) == slow_lackey(text)
    assert trace.addresses.dtype == np.uint64 and trace.kinds.dtype == np.uint8 and trace.sizes.dtype == np.uint32


def test_accesses_across_pages_touch_all_of_them() -> None:
    text = made(5000)
    cut = []
    for address, kind, size in slow_lackey(text):
        while size:
            part = min(size, 64 - address % 64)
            cut.append((address, kind, part))
            address, size = address + part, size - part
    whole = dl.memory.read_lackey(io.StringIO(text), page_bits=None)
    assert rows(dl.memory.read_lackey(io.StringIO(text), page_bits=6)) == cut == rows(whole.split(6))
    assert whole.pages(6).tolist() == [address // 64 for address, _, _ in cut]
    assert whole.split(6).split(6) == whole.split(6)
    assert len(whole.split(63)) == len(whole)


def test_options_choose_what_is_kept() -> None:
    read = lambda **options: rows(dl.memory.read_lackey(io.BytesIO(SMALL), **options))  # noqa: E731
    assert [kind for _, kind, _ in read()] == [2, 2, 1, 0, 0, 1]
    assert [kind for _, kind, _ in read(modify="write", fetches=False)] == [1, 0, 1]
    assert read(limit=3) == read()[:3] and read(limit=0) == []


@pytest.mark.parametrize("source", ["path", "object"])
def test_pieces_are_the_whole(source: str, tmp_path: Path) -> None:
    text = made(20_000).encode()
    (tmp_path / "t").write_bytes(text)
    given = lambda: tmp_path / "t" if source == "path" else io.BytesIO(text)  # noqa: E731
    whole = dl.memory.read_lackey(given(), page_bits=4)
    for chunk in (1000, 4097, 10**9):
        pieces = list(dl.memory.iter_lackey(given(), chunk=chunk, page_bits=4))
        assert {len(piece) for piece in pieces[:-1]} <= {chunk} and 0 < len(pieces[-1]) <= chunk
        for column in ("addresses", "kinds", "sizes"):
            assert np.array_equal(np.concatenate([getattr(it, column) for it in pieces]), getattr(whole, column))


def test_pieces_take_bounded_memory(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "long"
    line = b" L 1fff000758,8\n I"[:-2]
    path.write_bytes(gzip.compress(line * 4_000_000, 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(piece) for piece in dl.memory.iter_lackey(path, chunk=10_000)) == 4_000_000
    # 64 MB of text and 52 MB of columns pass through.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 24_000


def test_giving_up_early_ends_the_thread_that_reads_ahead(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(b" L 1fff000758,8\n" * 500_000)
    tasks = Path("/proc/self/task")
    for _ in range(50):
        assert len(next(dl.memory.iter_lackey(path, chunk=10))) == 10
    gc.collect()
    if tasks.exists():
        waited = threading.Event()
        for _ in range(100):
            names = [(it / "comm").read_text().strip() for it in tasks.iterdir() if (it / "comm").exists()]
            if "distlab-trace" not in names:
                return
            waited.wait(0.05)
        raise AssertionError(f"threads are left: {names}")


# --- what is wrong ---

MALFORMED = [
    (" L 0000q000,4", 3),
    (" L 00001000", 3),
    (" L 00001000,", 3),
    (" L 00001000,0", 3),
    (" L 00001000,65537", 3),
    (" L 00001000,99999999999999999999", 3),
    (" L 11112222333344445,4", 3),
    (" L ffffffffffffffff,2", 3),
    (" X 00001000,4", 3),
    (" L 00001000,4 5", 3),
    (" L", 3),
    ("==x== 7", 3),
    ("\x00\x01", 3),
]


@pytest.mark.parametrize(("line", "number"), MALFORMED)
def test_malformed_line_is_named_by_its_number(line: str, number: int) -> None:
    text = f"I  00001000,4\n\n{line}\nI  00001000,4\n"
    with pytest.raises(dl.TraceError, match=r"^line 3: expected 'I', 'L', 'S' or 'M'") as caught:
        dl.memory.read_lackey(io.StringIO(text))
    assert caught.value.line == number and caught.value.parameter == "line 3" and caught.value.value == line
    assert isinstance(caught.value, dl.ParameterError) and isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.line == 3
    lenient = dl.memory.read_lackey(io.StringIO(text), malformed="skip")
    assert lenient.skipped == 1 and len(lenient) == 2 and "1 line skipped" in repr(lenient)


def test_line_cut_off_at_the_end_is_malformed_and_a_whole_one_needs_no_line_feed() -> None:
    assert len(dl.memory.read_lackey(io.StringIO(" L 00001000,4\n L 00001000,4"))) == 2
    with pytest.raises(dl.TraceError, match="line 2"):
        dl.memory.read_lackey(io.StringIO(" L 00001000,4\n L 0000"))


def test_endless_line_is_refused_even_where_lines_are_skipped() -> None:
    for malformed in ("error", "skip"):
        with pytest.raises(dl.TraceError, match="line 1"):
            dl.memory.read_lackey(io.BytesIO(b"x" * 10_000_000), malformed=malformed)


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_compressed_data_that_is_cut_or_damaged_is_said_to_be(packing: str, tmp_path: Path) -> None:
    text = made(3000).encode()
    data = gzip.compress(text) if packing == "gzip" else zstd(text, tmp_path / "z")
    for length in (5, 20, len(data) // 2, len(data) - 1):
        with pytest.raises(dl.TraceError, match="ends in the middle, after line") as caught:
            dl.memory.read_lackey(io.BytesIO(data[:length]))
        assert caught.value.parameter == "path" and caught.value.line is not None
    damaged = bytearray(data)
    damaged[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    with pytest.raises(dl.TraceError):
        dl.memory.read_lackey(io.BytesIO(bytes(damaged)))


def test_files_that_cannot_be_read_raise_what_the_system_says(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as caught:
        dl.memory.read_lackey(missing)
    assert os.fspath(caught.value.filename) == str(missing) and caught.value.errno == 2
    with pytest.raises(IsADirectoryError):
        dl.memory.read_lackey(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        MemoryTrace([1]).save(tmp_path / "no" / "where")
    with pytest.raises(dl.ParameterTypeError, match="path: expected a path, or a file object"):
        dl.memory.read_lackey(7)


class Failing:
    def __init__(self, gives: object) -> None:
        self.gives, self.called = gives, 0

    def read(self, size: int) -> object:
        self.called += 1
        if isinstance(self.gives, Exception):
            if self.called > 2:
                raise self.gives
            return b" L 00001000,4\n" * 100
        return self.gives


def test_what_a_file_object_raises_surfaces_as_it_is() -> None:
    for error in (ZeroDivisionError("mine"), UnicodeError("mine"), OSError(5, "mine"), EOFError("mine")):
        with pytest.raises(type(error)) as caught:
            dl.memory.read_lackey(Failing(error))
        assert caught.value is error
    compressed = Failing(ZeroDivisionError("mine"))
    begun = [gzip.compress(os.urandom(5000))[:3000]]
    compressed.read = lambda size: begun.pop() if begun else 1 / 0
    with pytest.raises(ZeroDivisionError):
        dl.memory.read_lackey(compressed)
    for gives in (None, 7, object()):
        with pytest.raises(dl.ParameterTypeError, match="bytes or text"):
            dl.memory.read_lackey(Failing(gives))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"page_bits": 64}, dl.ParameterError),
        ({"page_bits": -1}, dl.ParameterError),
        ({"page_bits": 12.0}, dl.ParameterTypeError),
        ({"modify": "read"}, dl.ParameterError),
        ({"malformed": "warn"}, dl.ParameterError),
        ({"fetches": 1}, dl.ParameterTypeError),
        ({"limit": -1}, dl.ParameterError),
        ({"limit": True}, dl.ParameterTypeError),
    ],
)
def test_options_outside_of_what_is_allowed_are_named(options: dict, error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(options))):
        dl.memory.read_lackey(io.BytesIO(SMALL), **options)
    with pytest.raises(dl.ParameterError, match="chunk"):
        dl.memory.iter_lackey(io.BytesIO(SMALL), chunk=0)


# --- the trace itself ---


def test_columns_of_any_kind_become_a_trace() -> None:
    trace = MemoryTrace(np.arange(10, dtype=np.int32)[::2], kinds=["read", "write", "fetch", "read", "read"])
    assert trace.addresses.tolist() == [0, 2, 4, 6, 8] and trace.kinds.tolist() == [0, 1, 2, 0, 0]
    assert trace.sizes.tolist() == [1] * 5
    assert MemoryTrace([1, 2], kinds=np.array([False, True])).writes.tolist() == [False, True]
    assert len(MemoryTrace([])) == 0 and MemoryTrace([]).pages().dtype == np.uint64
    assert MemoryTrace([2**64 - 1], sizes=[1]).pages(0).tolist() == [2**64 - 1]
    assert MemoryTrace.from_arrays([4095], sizes=[4], page_bits=12) == MemoryTrace([4095, 4096], sizes=[1, 3])


@pytest.mark.parametrize(
    ("columns", "parameter"),
    [
        (([-1],), "addresses[0]"),
        (([1.5],), "addresses[0]"),
        (([float("nan")],), "addresses[0]"),
        (([[1]],), "addresses"),
        (([2**64],), "addresses[0]"),
        (([1, 2], [0]), "kinds"),
        (([1], [3]), "kinds[0]"),
        (([1], ["execute"]), "kinds[0]"),
        (([1], None, [2**32]), "sizes[0]"),
        (([1], None, [1, 2]), "sizes"),
    ],
)
def test_columns_that_are_none_are_named(columns: tuple, parameter: str) -> None:
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError)) as caught:
        MemoryTrace(*columns)
    assert caught.value.parameter == parameter


def test_references_past_the_last_address_and_more_than_memory_holds_are_refused() -> None:
    with pytest.raises(dl.ParameterError, match=r"sizes\[1\]"):
        MemoryTrace(np.array([0, 2**64 - 1], np.uint64), sizes=[1, 2]).split(12)
    with pytest.raises(MemoryError):
        MemoryTrace(np.zeros(1 << 14, np.uint64), sizes=np.full(1 << 14, 2**32 - 1)).split(0)
    with pytest.raises(dl.ParameterError, match="page_bits"):
        MemoryTrace([0]).pages(64)


def test_parts_of_a_trace_are_traces() -> None:
    trace = dl.memory.read_lackey(io.BytesIO(SMALL))
    assert rows(trace[1:3]) == rows(trace)[1:3] and rows(trace[[0, -1]]) == [rows(trace)[0], rows(trace)[-1]]
    assert trace[trace.writes].kinds.tolist() == [1, 1] and trace[~trace.fetches].reads.tolist() == [
        False,
        True,
        True,
        False,
    ]
    for wrong in (3, "a", [[1]], 1.5):
        with pytest.raises(dl.ParameterTypeError):
            trace[wrong]
    with pytest.raises(IndexError):
        trace[[99]]
    assert pickle.loads(pickle.dumps(trace)) == trace != trace[1:]
    assert repr(trace) == "MemoryTrace(6 references: 2 reads, 2 writes, 2 fetches)"
    assert "<td>6</td>" in trace._repr_html_() and weakref.ref(trace)() is trace


def test_saved_trace_is_read_again_however_it_is_packed(tmp_path: Path) -> None:
    trace = dl.memory.read_lackey(io.StringIO(made(60_000)))
    sizes = {}
    for name, options in {"t": {}, "t.gz": {}, "t.zst": {}, "x": {"compression": "zstd", "level": 9}}.items():
        trace.save(tmp_path / name, **options)
        sizes[name] = (tmp_path / name).stat().st_size
        assert dl.memory.read_lackey(tmp_path / name) == trace
    assert sizes["t.gz"] < sizes["t"] > sizes["t.zst"] > sizes["x"]
    assert sorted(it.name for it in tmp_path.iterdir()) == ["t", "t.gz", "t.zst", "x"]
    with pytest.raises(dl.ParameterError, match=r"sizes\[1\]"):
        MemoryTrace([1, 2], sizes=[1, 0]).save(tmp_path / "t")
    with pytest.raises(dl.ParameterError, match="level"):
        trace.save(tmp_path / "t.gz", level=10)
    with pytest.raises(dl.ParameterError, match="compression"):
        trace.save(tmp_path / "t", compression="xz")
    MemoryTrace([]).save(tmp_path / "empty.zst")
    assert len(dl.memory.read_lackey(tmp_path / "empty.zst")) == 0


def test_sample_is_small_and_interesting_and_names_nobodys_folders() -> None:
    path = resources.files("distlab.data") / "sample.lackey.zst"
    assert len(path.read_bytes()) <= 600_000
    trace = dl.memory.sample_trace()
    pages = trace.pages()
    assert len(pages) == len(trace) == 2_309_231 and len(np.unique(pages)) == 481
    ratios = [dl.memory.paging.simulate(pages, frames=2**k, policy="lru").faults / len(pages) for k in range(1, 10)]
    assert all(more > 1.15 * fewer for more, fewer in zip(ratios, ratios[1:], strict=False))
    replay = dl.memory.Mmu(frames=64).replay(trace)
    assert replay.counters.accesses == len(trace)


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed")
def test_what_valgrind_writes_today_is_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = shutil.which("true")
    subprocess.run(["valgrind", "--tool=lackey", "--trace-mem=yes", f"--log-file={log}", program], check=True)
    trace = dl.memory.read_lackey(log, page_bits=None)
    assert len(trace) > 10_000 and rows(trace) == slow_lackey(log.read_text())


# --- tables and records ---


def test_tables_give_addresses_kinds_and_sizes(tmp_path: Path) -> None:
    text = 'time;where;"what is done"\n1;0x10;R\n2;17;w\n3;"0xFFF";2\n'
    read = lambda **options: dl.memory.read_csv(io.StringIO(text), delimiter=";", **options)  # noqa: E731
    assert rows(read(address="where", kind="what is done")) == [(16, 0, 1), (17, 1, 1), (4095, 2, 1)]
    assert rows(read(address=1, size=0, page_bits=12)) == [(16, 0, 1), (17, 0, 2), (4095, 0, 1), (4096, 0, 2)]
    path = tmp_path / "numbers.gz"
    path.write_bytes(gzip.compress(b"ff\n100\n"))
    assert dl.memory.read_csv(path, base=16, header=False).addresses.tolist() == [255, 256]
    assert [len(it) for it in dl.memory.iter_csv(path, base=16, header=False, chunk=1)] == [1, 1]
    for options, parameter in [
        ({"address": "nowhere"}, "address"),
        ({"address": -1}, "address"),
        ({"address": None}, "address"),
        ({"kind": 1.5}, "kind"),
        ({"base": 8}, "base"),
        ({"header": 3}, "header"),
    ]:
        with pytest.raises((dl.ParameterError, dl.ParameterTypeError)) as caught:
            read(**options)
        assert caught.value.parameter == parameter
    for delimiter in ("", ",,", "é", '"', "\n"):
        with pytest.raises(dl.ParameterError, match="delimiter"):
            dl.memory.read_csv(path, delimiter=delimiter)
    with pytest.raises(dl.TraceError, match="line 3: expected an address"):
        dl.memory.read_csv(io.StringIO("a\n1\n-2\n"))


def test_requests_of_libcachesim_are_read_and_written(tmp_path: Path) -> None:
    objects = generators.zipf(5000, pages=300, seed=3, permute=True)
    trace = RequestTrace(objects, sizes=np.full(5000, 4096), times=np.arange(5000) // 7)
    data = b"".join(
        struct.pack("<IQIq", *row)
        for row in zip(trace.times.tolist(), objects.tolist(), trace.sizes.tolist(), trace.next.tolist(), strict=True)
    )
    for name in ("t", "t.zst", "t.gz"):
        trace.save(tmp_path / name)
        assert dl.memory.read_oracle_general(tmp_path / name) == trace
    assert (tmp_path / "t").read_bytes() == data
    pieces = list(dl.memory.iter_oracle_general(io.BytesIO(data), chunk=999))
    assert [len(it) for it in pieces] == [999] * 5 + [5] and pieces[1] == trace[999:1998]
    seen: dict[int, int] = {}
    for at in reversed(range(5000)):
        assert trace.next[at] == seen.get(int(objects[at]), -1)
        seen[int(objects[at])] = at + 1
    with pytest.raises(dl.TraceError, match="after record 4999") as caught:
        dl.memory.read_oracle_general(io.BytesIO(data[:-1]))
    assert caught.value.record == 4999 and caught.value.line is None
    with pytest.raises(dl.TraceError, match="is this an oracleGeneral trace"):
        dl.memory.read_oracle_general(io.BytesIO(SMALL * 24))
    assert len(dl.memory.read_oracle_general(io.BytesIO(b""))) == 0
    assert len(dl.memory.read_oracle_general(io.BytesIO(data), limit=10)) == 10
    assert pickle.loads(pickle.dumps(trace)) == trace
    with pytest.raises(dl.ParameterError, match="next"):
        RequestTrace([1, 2], next=[1])


# --- reference strings that are made ---

GENERATED = {
    "sequential": lambda n, seed: generators.sequential(n, pages=1000),
    "strided": lambda n, seed: generators.strided(n, stride=4096, start=64, span=10**7),
    "uniform": lambda n, seed: generators.uniform(n, pages=1000, seed=seed),
    "zipf": lambda n, seed: generators.zipf(n, pages=1000, alpha=0.8, seed=seed),
    "zipf, many": lambda n, seed: generators.zipf(n, pages=10**12, alpha=1.1, permute=True, seed=seed),
    "working_set": lambda n, seed: generators.working_set(
        n, pages=5000, working_set=50, phase_length=999, outside=0.1, seed=seed
    ),
    "pointer_chase": lambda n, seed: generators.pointer_chase(n, nodes=777, node_size=48, base=4096, seed=seed),
    "mixed_loop": lambda n, seed: generators.mixed_loop(n, loop=40, pages=900, random_fraction=0.2, seed=seed),
}


@pytest.mark.parametrize("name", GENERATED)
def test_strings_hang_on_their_seed_alone_and_go_on_where_shorter_ones_end(name: str) -> None:
    make = GENERATED[name]
    refs = make(200_000, 1)
    assert refs.dtype == np.uint64 and refs.shape == (200_000,)
    assert np.array_equal(make(70_001, 1), refs[:70_001])
    assert len(make(0, 1)) == 0
    seeded = name not in ("sequential", "strided")
    assert (not np.array_equal(make(200_000, 2), refs)) == seeded


def test_zipf_has_the_frequencies_of_zipf_under_any_names() -> None:
    for pages in (500, 2 << 20):
        plain = generators.zipf(400_000, pages=pages, alpha=1.0, seed=5)
        renamed = generators.zipf(400_000, pages=pages, alpha=1.0, seed=5, permute=True)
        harmonic = np.sum(1.0 / np.arange(1, pages + 1))
        for refs in (plain, renamed):
            counts = np.sort(np.unique(refs, return_counts=True)[1])[::-1][:8]
            want = 400_000 / harmonic / np.arange(1, 9)
            assert np.all(np.abs(counts - want) < 5 * np.sqrt(want))
            assert refs.max() < pages
        assert (plain == 0).sum() == np.max(np.unique(plain, return_counts=True)[1])
        assert np.bincount((renamed * 8 // pages).astype(int), minlength=8).max() < 0.5 * 400_000
    assert set(generators.zipf(1000, pages=1).tolist()) == {0}
    assert len(np.unique(generators.zipf(100_000, pages=100, alpha=0.0))) == 100


def test_matrix_by_columns_faults_as_theory_says() -> None:
    """512 rows of a page each: by rows every page once, by columns every access another page."""
    by_rows = generators.matrix(512, 512, element_size=8) >> np.uint64(12)
    by_columns = generators.matrix(512, 512, element_size=8, order="column") >> np.uint64(12)
    faults = lambda pages: dl.memory.paging.simulate(pages, frames=64, policy="lru").faults  # noqa: E731
    assert (faults(by_rows), faults(by_columns)) == (512, 512 * 512)
    assert np.array_equal(generators.matrix(3, 4, passes=2), np.tile(np.arange(12) * 8, 2))
    want = np.arange(12).reshape(3, 4).T.ravel() * 4 + 100
    assert np.array_equal(generators.matrix(3, 4, order="column", element_size=4, base=100), want)


def test_phases_need_the_frames_of_their_working_set() -> None:
    refs = generators.working_set(50_000, pages=10_000, working_set=30, phase_length=10_000, seed=2)
    faults = dl.memory.paging.simulate(refs, frames=60, policy="lru").faults
    assert faults <= 5 * 30 and len(np.unique(refs)) >= 5 * 30 - 10


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: generators.uniform(-1, pages=5), "count"),
        (lambda: generators.uniform(2.0, pages=5), "count"),
        (lambda: generators.uniform(5, pages=0), "pages"),
        (lambda: generators.uniform(5, pages=2**64), "pages"),
        (lambda: generators.uniform(5, pages=5, seed=-1), "seed"),
        (lambda: generators.zipf(5, pages=5, alpha=float("nan")), "alpha"),
        (lambda: generators.zipf(5, pages=5, alpha=-0.1), "alpha"),
        (lambda: generators.zipf(5, pages=5, alpha=float("inf")), "alpha"),
        (lambda: generators.zipf(5, pages=5, alpha="1"), "alpha"),
        (lambda: generators.zipf(5, pages=5, permute=1), "permute"),
        (lambda: generators.working_set(5, pages=5, working_set=6, phase_length=1), "working_set"),
        (lambda: generators.working_set(5, pages=5, working_set=5, phase_length=0), "phase_length"),
        (lambda: generators.working_set(5, pages=5, working_set=5, phase_length=1, outside=1.5), "outside"),
        (lambda: generators.matrix(0, 5), "rows"),
        (lambda: generators.matrix(5, 5, order="diagonal"), "order"),
        (lambda: generators.matrix(2**40, 2**40), "rows * columns * passes"),
        (lambda: generators.matrix(2, 2, element_size=2**63), "rows"),
        (lambda: generators.pointer_chase(5, nodes=2**26 + 1), "nodes"),
        (lambda: generators.pointer_chase(5, nodes=10, node_size=2**61), "node_size"),
        (lambda: generators.mixed_loop(5, loop=5, pages=5), "pages"),
        (lambda: generators.mixed_loop(5, loop=5, pages=9, random_fraction=-0.5), "random_fraction"),
        (lambda: generators.strided(3, stride=2**63), "stride"),
        (lambda: generators.strided(3, stride=-1, start=1), "stride"),
        (lambda: generators.sequential(3, start=2**64 - 2), "start"),
    ],
)
def test_arguments_that_make_no_string_are_named(call: object, parameter: str) -> None:
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError)) as caught:
        call()
    assert caught.value.parameter == parameter


def test_more_references_than_memory_holds_are_refused_at_once() -> None:
    with pytest.raises(MemoryError):
        generators.uniform(2**48, pages=5)
