"""What replays of references and of addresses take, from numpy arrays: ``make bench``. Nothing here asserts a time.

The peer, libCacheSim, is measured in the same run where it is installed, with a hash table of the right size.
"""

import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest

from distlab import memory
from distlab.memory import paging

REFERENCES = 1_000_000
SIZES = {"64k": (65_536, 8_192, 16), "1m": (1_000_000, 10_000, 17)}


def zipf(pages, references, seed=7):
    """Pages by Zipf's law with sparse numbers."""
    rng = np.random.default_rng(seed)
    below = np.cumsum(1 / np.arange(1, pages + 1))
    ranks = np.searchsorted(below, rng.random(references) * below[-1])
    return rng.permutation(pages)[ranks].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(12)


@pytest.fixture(scope="module", params=list(SIZES))
def trace(request):
    pages, frames, hashpower = SIZES[request.param]
    return zipf(pages, REFERENCES), frames, hashpower


@pytest.mark.parametrize("policy", paging.POLICIES)
def test_replay(benchmark, trace, policy):
    """Every policy, counts only."""
    refs, frames, _ = trace
    benchmark.extra_info["references"] = REFERENCES
    benchmark.pedantic(paging.simulate, (refs, frames, policy), rounds=5)


def test_replay_with_outcomes_and_writes(benchmark, trace):
    """What each reference met, and dirty pages."""
    refs, frames, _ = trace
    writes = np.arange(REFERENCES) % 4 == 0
    benchmark.extra_info["references"] = REFERENCES
    benchmark.pedantic(paging.simulate, (refs, frames), {"outcomes": True, "kinds": writes}, rounds=5)


def test_the_whole_curve_of_lru(benchmark, trace):
    """All numbers of frames from one pass."""
    benchmark.extra_info["references"] = REFERENCES
    benchmark.pedantic(paging.miss_ratio_curve, trace[:1], rounds=5)


def test_all_policies_at_ten_sizes(benchmark):
    """On all cores."""
    refs = zipf(65_536, REFERENCES // 4)
    sizes = np.geomspace(64, 32_768, 10).astype(int)
    benchmark.extra_info["references"] = len(refs) * 10 * len(paging.POLICIES)
    benchmark.pedantic(paging.compare, (refs, sizes), rounds=2)


def oracle_general(refs):
    """libCacheSim's records: time, page, size, next reference."""
    n = len(refs)
    order = np.argsort(refs, kind="stable")
    after = np.full(n, np.iinfo(np.int64).max)
    same = refs[order][:-1] == refs[order][1:]
    after[order[:-1][same]] = order[1:][same]
    records = np.zeros(n, dtype=[("time", "<u4"), ("page", "<u8"), ("size", "<u4"), ("next", "<i8")])
    records["page"], records["size"], records["next"] = refs, 1, after
    return records


@pytest.mark.parametrize("policy", ["fifo", "lru", "clock", "lfu", "random", "opt", "arc", "2q", "s3-fifo", "sieve"])
def test_libcachesim_replays(benchmark, trace, policy, tmp_path):
    """The same with libCacheSim; and the same misses, but for lots of its own."""
    peer = pytest.importorskip("libcachesim")
    named = {"2q": "TwoQ", "s3-fifo": "S3FIFO", "opt": "Belady", "clock": "Clock", "random": "Random", "sieve": "Sieve"}
    refs, frames, hashpower = trace
    path = tmp_path / "trace.bin"
    oracle_general(refs).tofile(path)

    def setup():
        reader = peer.TraceReader(str(path), peer.TraceType.ORACLE_GENERAL_TRACE)
        return (getattr(peer, named.get(policy, policy.upper()))(frames, hashpower=hashpower), reader), {}

    benchmark.extra_info["references"] = REFERENCES
    missed, _ = benchmark.pedantic(lambda cache, reader: cache.process_trace(reader), setup=setup, rounds=3)
    if policy != "random":
        assert round(missed * REFERENCES) == paging.simulate(refs, frames, policy).faults


def test_a_plain_loop_replays(benchmark):
    """LRU with 64 frames as OSTEP's paging-policy.py keeps it: a list that is searched."""
    refs = zipf(300, 20_000)

    def replay(pages):
        memory, faults = [], 0
        for page in pages:
            if page in memory:
                memory.remove(page)
            else:
                faults += 1
                if len(memory) == 64:
                    memory.pop(0)
            memory.append(page)
        return faults

    benchmark.extra_info["references"] = len(refs)
    faults = benchmark.pedantic(replay, (refs.tolist(),), rounds=3)
    assert faults == paging.simulate(refs, 64).faults


@pytest.mark.parametrize("outcomes", [False, True])
@pytest.mark.parametrize("case", ["sample", "64k", "1m"])
def test_the_whole_machine_replays(benchmark, case, outcomes):
    """Two levels of TLBs, a walk cache, four levels of tables, frames, dirty bits; from an empty memory on."""
    if case == "sample":
        trace = memory.sample_trace()
        addresses, kinds, frames = trace.addresses, trace.kinds, 200
    else:
        pages, frames, _ = SIZES[case]
        addresses = memory.generators.zipf(REFERENCES, pages=pages, seed=1) << np.uint64(12)
        kinds = (np.arange(REFERENCES) % 10 < 3).astype(np.uint8)

    def setup():
        mmu = memory.Mmu("x86-64", frames=frames, tlb="champsim", walk_cache="champsim")
        return (mmu, addresses, kinds), {"outcomes": outcomes}

    benchmark.extra_info["references"] = len(addresses)
    benchmark.pedantic(memory.Mmu.replay, setup=setup, rounds=5)


@pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed, which packs the text")
@pytest.mark.parametrize("packing", ["plain", "zstd"])
def test_traces_are_read(benchmark, packing, tmp_path):
    """Lackey's text, which is a few million records here, as it comes and packed."""
    packed = resources.files("distlab.data") / "sample.lackey.zst"
    text = subprocess.run(["zstd", "-dc", str(packed)], capture_output=True, check=True).stdout * 5
    path = tmp_path / "trace"
    path.write_bytes(text)
    if packing == "zstd":
        subprocess.run(["zstd", "-q", "--rm", str(path), "-o", f"{path}.zst"], check=True)
        path = f"{path}.zst"
    benchmark.extra_info["records"] = text.count(b"\n")
    benchmark.pedantic(lambda: sum(len(it.addresses) for it in memory.iter_lackey(path)), rounds=3)
