"""Nonsense for every parameter of everything public in dl.memory and its pictures."""

import inspect
import io
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import distlab as dl

sys.path.insert(0, str(Path(__file__).parent))
from bad_input import COUNT, FLAG, NOTHING, NUMBER, OPTIONAL, SIGNED, WHOLE, Call

from distlab.memory import generators, paging

mpl.use("Agg")

import matplotlib.pyplot as plt

memory = dl.memory
REFS = [1, 2, 3, 1, 2, 4]
NAME = frozenset({"text", "null"})
EMPTY = frozenset({"list"})
ADDRESSES = EMPTY
SIZE = COUNT
TIME = NUMBER
SERVICE = TIME
RATE = WHOLE | {"list", "list of one", "2-d array"}
TERM = RATE | {"1.5"}
LACKEY = b"I  04000ffe,3\n S 1fff000758,8\n"


def mmu(**options):
    return memory.Mmu("32-bit-two-level", frames=100, **options)


def mapped():
    machine = mmu()
    machine.map(0x1000)
    return machine


def holding(contiguous_or_paged):
    contiguous_or_paged.allocate("A", 1)
    return contiguous_or_paged


MMU = {
    "frames": OPTIONAL | COUNT,
    "policy_options": OPTIONAL | {"dict"},
    "tlb": OPTIONAL,
    "walk_cache": OPTIONAL,
    "swap": OPTIONAL,
    "processes": COUNT,
    "demand": OPTIONAL,
    "t": TIME,
    "t2": TIME,
    "m": TIME,
    "S": SERVICE,
    "minor_fault": TIME,
    "walk_cache_time": TIME,
    "context_switch": TIME,
    "nested": OPTIONAL,
    "seed": WHOLE,
}
RIGHTS = {"writable": FLAG, "user": FLAG, "executable": FLAG}
PROCESS = {"process": OPTIONAL | {"0"}}
LENGTH = {"length": OPTIONAL | SIZE}
MAPPING = {**RIGHTS, "page_size": OPTIONAL, "global_": FLAG, "shared": FLAG, **PROCESS}
TEXT_TRACE = {"page_bits": OPTIONAL | WHOLE, "fetches": FLAG, "limit": OPTIONAL | WHOLE, "chunk": COUNT}
CSV = {
    **TEXT_TRACE,
    "address": WHOLE,
    "kind": OPTIONAL | WHOLE,
    "size": OPTIONAL | WHOLE,
    "header": OPTIONAL | FLAG,
    "delimiter": frozenset({"text", "null"}),
    "base": OPTIONAL,
}
COLUMNS = {"kinds": OPTIONAL, "sizes": OPTIONAL, "times": OPTIONAL, "next": OPTIONAL, "skipped": WHOLE}


def calls():
    yield from mmu_calls()
    yield from space_calls()
    yield from part_calls()
    yield from geometry_calls()
    yield from allocation_calls()
    yield from emat_calls()
    yield from paging_calls(paging.miss_ratio_curve(REFS))
    yield from generator_calls()
    yield from trace_calls()


def mmu_calls():
    yield Call(memory.Mmu, {"geometry": "x86-64"}, MMU)
    yield Call(mmu().translate, {"address": 0x1000}, {"address": WHOLE, "supervisor": FLAG, **PROCESS})
    many = {"addresses": ADDRESSES, "kinds": OPTIONAL, "processes": OPTIONAL}
    flags = dict.fromkeys(["supervisor", "outcomes", "latencies"], FLAG)
    yield Call(mmu().replay, {"addresses": [4096, 8192]}, many | flags)
    yield Call(
        mmu().schedule,
        {"jobs": {0: [4096, 8192]}},
        {"jobs": frozenset({"dict"}), "dma": FLAG, "quantum": OPTIONAL | TIME, "turns": WHOLE},
    )
    yield Call(mmu(processes=2).switch, {"process": 0}, {"process": WHOLE})
    yield Call(lambda process: mmu().fork(process), {"process": 0}, PROCESS, "Mmu.fork")
    yield Call(lambda process: mmu().exit(process), {"process": 0}, {"process": frozenset({"0"})}, "Mmu.exit")


def space_calls():
    frame = {"frame": OPTIONAL | WHOLE, "address": frozenset({"0"})}
    yield Call(
        lambda **it: mmu().map(**it),
        {
            "address": 0x1000,
            **dict.fromkeys([*RIGHTS, "global_", "shared"], False),
            "frame": None,
            "length": None,
            "page_size": None,
            "backing": "disk",
            "process": None,
        },
        {**frame, **MAPPING, **LENGTH},
        "Mmu.map",
    )
    yield Call(
        lambda **it: mmu().mmap(**it),
        {
            "length": 4096,
            **dict.fromkeys([*RIGHTS, "shared"], False),
            "address": None,
            "page_size": None,
            "backing": "disk",
            "process": None,
        },
        {"address": OPTIONAL | {"0"}, "length": SIZE, **MAPPING},
        "Mmu.mmap",
    )
    yield Call(
        lambda **it: mapped().unmap(**it),
        {"address": 0x1000, "length": None, "process": None},
        {**PROCESS, **LENGTH},
        "Mmu.unmap",
    )
    yield Call(
        lambda **it: mapped().protect(**it),
        {"address": 0x1000, "length": None, "process": None, **dict.fromkeys(RIGHTS, True)},
        {**PROCESS, **LENGTH, **RIGHTS},
        "Mmu.protect",
    )

    def share(**it):
        machine = mmu(processes=2)
        machine.map(0x1000)
        machine.share(**it)

    yield Call(
        share,
        {"address": 0x1000, "length": None, "to": 1, "at": None, "rights": None, "process": None},
        {
            **PROCESS,
            **LENGTH,
            "process": OPTIONAL | {"0", "1"},
            "to": COUNT,
            "at": OPTIONAL | {"0"},
            "address": frozenset({"0"}),
            "rights": OPTIONAL,
        },
        "Mmu.share",
        named={"to": "at"},
    )
    yield Call(mmu().entry, {"address": 0x1000}, {"address": WHOLE, **PROCESS})
    yield Call(mmu().invalidate, {}, {"address": OPTIONAL | WHOLE, "keep_global": FLAG, **PROCESS})
    yield Call(mmu().table_bytes_of, {"process": 0}, {"process": frozenset({"0"})})


def part_calls():
    yield Call(memory.Swap, {}, {"slots": OPTIONAL | WHOLE, "write_back": SERVICE, "write_back_time": SERVICE})
    yield Call(memory.Nested, {}, {"tlb": OPTIONAL})
    yield Call(memory.Tlb, {"entries": 64}, {"entries": COUNT, "ways": OPTIONAL | COUNT, "sizes": OPTIONAL | COUNT})
    yield Call(memory.Tlb(64).reach, {"page_size": 4096}, {"page_size": SIZE})
    yield Call(
        memory.TlbHierarchy, {"data": memory.Tlb(64)}, {"instruction": OPTIONAL, "second": OPTIONAL, "tagged": FLAG}
    )
    yield Call(memory.TlbHierarchy.preset, {"name": "champsim"}, {})
    yield Call(memory.WalkCache, {"levels": memory.Tlb(64)}, {"levels": frozenset({"list", "list of None"})})
    yield Call(memory.WalkCache.preset, {"name": "champsim"}, {})


def geometry_calls():
    geometry = memory.Geometry.preset("32-bit")
    table = memory.PageTable.preset("32-bit")
    table.map(0x1000, frame=1)
    yield Call(
        memory.Geometry,
        {"levels": 1, "bits_per_level": 20, "page_bits": 12, "word_bits": 32},
        {"levels": COUNT},
        named={"bits_per_level": "word_bits", "page_bits": "word_bits"},
    )
    yield Call(memory.Geometry.preset, {"name": "32-bit"}, {})
    yield Call(memory.Geometry.of, {"given": "32-bit"}, {}, hidden=("parameter",))
    for name in ("span", "table_bytes"):
        yield Call(getattr(geometry, name), {"level": 0}, {"level": frozenset({"0"})})
    for name in ("is_canonical", "page", "offset", "indices"):
        right = WHOLE | ({"2**70"} - {"2**70"})
        yield Call(getattr(geometry, name), {"address": 0}, {"address": right})
    yield Call(
        memory.PageTable,
        {"levels": 1, "bits_per_level": 20, "page_bits": 12, "word_bits": 32},
        {"levels": COUNT},
        named={"bits_per_level": "word_bits", "page_bits": "word_bits"},
    )
    yield Call(memory.PageTable.preset, {"name": "32-bit"}, {})
    yield Call(memory.PageTable.of, {"geometry": "32-bit"}, {})
    yield Call(table.translate, {"address": 0x1000}, {"supervisor": FLAG}, named={"address": "read of"})
    yield Call(table.entry, {"address": 0x1000}, {"address": WHOLE})
    yield Call(table.indices, {"address": 0x1000}, {"address": WHOLE})
    yield Call(table.offset, {"address": 0x1000}, {"address": WHOLE})
    yield Call(table.protect, {"address": 0x1000}, {**LENGTH, **RIGHTS})


def allocation_calls():
    yield Call(memory.ContiguousMemory, {"size": 4}, {"size": COUNT})
    yield Call(memory.PagedMemory, {"size": 4, "page_size": 1}, {"page_size": COUNT, "size": COUNT})
    for kind in (memory.ContiguousMemory, lambda size: memory.PagedMemory(size, 1)):
        yield Call(
            lambda owner, size, kind=kind: kind(4).allocate(owner, size),
            {"owner": "A", "size": 1},
            {"owner": NAME, "size": COUNT},
            "allocate",
            hidden=("kind",),
        )
        yield Call(lambda owner, kind=kind: holding(kind(4)).free(owner), {"owner": "A"}, {}, "free", hidden=("kind",))
    yield Call(memory.exercise, {"kind": "emat"}, {"seed": SIGNED | {"2**70", "-2**70"}})
    yield Call(memory.exercises, {"count": 2}, {"count": WHOLE, "kind": OPTIONAL, "seed": SIGNED | {"2**70", "-2**70"}})
    yield Call(memory.exercise("emat").check, {"answer": 1}, {"answer": SIGNED | NUMBER | {"2**70", "-2**70", "inf"}})


def emat_calls():
    emat = {"h": 0.5, "t": 1, "m": 100, "n": 2}
    terms = dict.fromkeys([*emat, "S", "write_back", "t2", "cache_time"], TERM)
    terms |= dict.fromkeys(["h", "p", "dirty_fraction", "h2", "cache_hit_rate"], RATE)
    yield Call(memory.emat, emat, terms)
    yield Call(lambda **it: memory.emat.parts(**it), emat | {"form": "example", "p": 1}, terms, "emat.parts")
    yield Call(
        lambda **it: memory.emat.solve_for(**it),
        {"term": "S", "target": 1e6, "h": 0.5, "t": 1, "m": 100, "n": 2, "p": 0.5, "form": "example"},
        terms
        | {"target": EMPTY, "h": WHOLE - {"1"} | EMPTY | {"2-d array"}, "p": WHOLE - {"1"} | EMPTY | {"2-d array"}},
        "emat.solve_for",
        named={"h": "target", "p": "target"},
    )


def trace_calls():
    trace = memory.MemoryTrace([0x1000, 0x2FFE], kinds=[2, 1], sizes=[4, 4])
    oracle = np.array([(1, 7, 1, -1)], dtype="<u4,<u8,<u4,<i8").tobytes()
    yield Call(memory.MemoryTrace, {"addresses": [1, 2]}, {"addresses": ADDRESSES, **COLUMNS})
    yield Call(
        memory.MemoryTrace.from_arrays,
        {"addresses": [1, 2]},
        {"addresses": ADDRESSES, **COLUMNS, "page_bits": OPTIONAL | WHOLE},
    )
    yield Call(trace.split, {}, {"page_bits": WHOLE})
    yield Call(trace.pages, {}, {"page_bits": WHOLE})
    yield Call(lambda rows: trace[rows], {"rows": slice(1)}, {"rows": EMPTY}, "trace[]")
    yield Call(memory.RequestTrace, {"objects": [1, 2]}, {"objects": EMPTY, **COLUMNS})
    yield Call(lambda rows: memory.RequestTrace([7])[rows], {"rows": slice(1)}, {"rows": EMPTY}, "requests[]")
    for read, text, right in (
        (memory.read_lackey, LACKEY, TEXT_TRACE),
        (memory.iter_lackey, LACKEY, TEXT_TRACE),
        (memory.read_csv, b"1,1,1\n", CSV),
        (memory.iter_csv, b"1,1,1\n", CSV),
        (memory.read_oracle_general, oracle, TEXT_TRACE),
        (memory.iter_oracle_general, oracle, TEXT_TRACE),
    ):
        yield reader(read, text, right)


def reader(read, text, right):
    usual = {it.name: it.default for it in inspect.signature(read).parameters.values() if it.name != "path"}

    def call(path=io, **rest):
        return read(io.BytesIO(text) if path is io else path, **rest)

    return Call(call, {"path": io} | usual, right, read.__name__)


def paging_calls(curve):
    right = {
        "refs": EMPTY,
        "writes": OPTIONAL,
        "kinds": OPTIONAL,
        "page_bits": WHOLE,
        "outcomes": OPTIONAL | FLAG,
        "seed": WHOLE,
        "policy_options": OPTIONAL | {"dict"},
        "frames": COUNT,
    }
    yield Call(paging.simulate, {"refs": REFS, "frames": 2}, right)
    yield Call(paging.compare, {"refs": REFS, "frames": [2]}, right | {"frames": NOTHING})
    yield Call(paging.miss_ratio_curve, {"refs": REFS}, right)
    yield Call(paging.stack_distances, {"refs": REFS}, right)
    yield Call(curve.misses, {"frames": 1}, {"frames": WHOLE | EMPTY})
    yield Call(curve.frames_for, {"miss_ratio": 0.5}, {"miss_ratio": WHOLE})
    for policy, options in (
        ("clock", {"insert_referenced": FLAG}),
        ("2q", {"in_ratio": WHOLE, "out_ratio": NUMBER}),
        ("s3-fifo", {"small_ratio": WHOLE, "ghost_ratio": NUMBER, "move_to_main": COUNT, "fill_main": FLAG}),
    ):
        for name, values in options.items():
            right = {name: values is FLAG or 1}
            for call, title in ((simulated, "simulate"), (with_policy, "Mmu")):
                yield Call(
                    lambda policy=policy, call=call, **it: call(policy, it),
                    right,
                    {name: values},
                    f"{title} {policy}",
                    hidden=("policy", "call"),
                )


def simulated(policy, options):
    return paging.simulate(REFS, 8, policy, policy_options=options)


def with_policy(policy, options):
    return memory.Mmu(frames=8, policy=policy, policy_options=options)


def generator_calls():
    usual = {"count": WHOLE, "pages": COUNT, "seed": WHOLE, "start": WHOLE, "base": WHOLE}
    yield Call(generators.sequential, {"count": 3}, usual | {"pages": OPTIONAL | COUNT})
    yield Call(
        generators.strided, {"count": 3, "stride": 1, "start": 10}, usual | {"stride": SIGNED, "span": OPTIONAL | COUNT}
    )
    yield Call(generators.uniform, {"count": 3, "pages": 4}, usual)
    yield Call(generators.zipf, {"count": 3, "pages": 4}, usual | {"alpha": NUMBER, "permute": FLAG})
    yield Call(
        generators.working_set,
        {"count": 3, "pages": 4, "working_set": 1, "phase_length": 1},
        usual | {"working_set": COUNT, "phase_length": COUNT, "outside": WHOLE},
    )
    yield Call(
        generators.matrix,
        {"rows": 2, "columns": 2},
        dict.fromkeys(["rows", "columns", "passes", "element_size"], COUNT) | {"base": WHOLE},
    )
    yield Call(generators.pointer_chase, {"count": 3, "nodes": 4}, usual | {"nodes": COUNT, "node_size": COUNT})
    yield Call(
        generators.mixed_loop,
        {"count": 3, "loop": 1, "pages": 4},
        usual | {"pages": NOTHING, "loop": COUNT, "random_fraction": WHOLE},
    )


def plot_calls():
    curve = paging.miss_ratio_curve(REFS)
    text = {"title": OPTIONAL | NAME | {"empty text"}, "ax": OPTIONAL}
    yield Call(dl.plot.miss_ratio_curves, {"data": curve}, text | {"logarithmic": FLAG})
    yield Call(
        dl.plot.tlb_reach,
        {"entries": [1, 2], "miss_ratios": {4096: [0.5, 0.1]}},
        text | {"footprint": OPTIONAL | COUNT},
    )
    yield Call(
        dl.plot.emat_surface,
        {"x": [1, 2], "y": [1, 2], "times": [[1, 2], [3, 4]]},
        text
        | {
            "times": frozenset({"2-d array"}),
            "levels": OPTIONAL | COUNT | {"list"},
            **dict.fromkeys(["xlabel", "ylabel", "unit"], NAME | {"empty text"}),
        },
    )
    yield Call(dl.plot.reference_pattern, {"trace": [1, 2, 3]}, text | {"page_bits": WHOLE})
    yield Call(dl.plot.page_walk, {"translation": mapped().translate(0x1000)}, text)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.mark.parametrize("call", list(calls()), ids=lambda it: it.name)
def test_nonsense_is_refused_and_the_parameter_is_named(call):
    assert call.complaints() == []


@pytest.mark.parametrize("call", list(plot_calls()), ids=lambda it: it.name)
def test_pictures_refuse_nonsense(call):
    assert call.complaints() == []
