"""One trace through many machines: what comes out is what each machine by itself makes of it."""

import os
import signal
import threading

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import distlab as dl

memory = dl.memory
REFS = memory.generators.zipf(6000, pages=300, alpha=0.8, seed=3) << 12
KINDS = np.arange(6000) % 3


@pytest.mark.parametrize("split", [True, False])
def test_tlbs_are_measured_as_one_by_one(split):
    owners = np.arange(6000) // 500 % 2
    options = {"frames": 100, "policy": "clock", "S": 500.0, "t": 2, "m": 10, "seed": 7}
    found = memory.compare_tlbs(
        REFS, np.array([8, 32]), [1, 4, None], kinds=KINDS, processes=owners, split=split, tlb_policy="fifo", **options
    )
    assert found.emat_ns.shape == found.page_faults.shape == (2, 3) and found.accesses == 6000
    for row, entries in enumerate([8, 32]):
        for column, ways in enumerate([1, 4, None]):
            tlb = memory.Tlb(entries, ways, "fifo")
            tlbs = memory.TlbHierarchy(data=tlb, instruction=tlb if split else None)
            one = memory.Mmu(tlb=tlbs, processes=2, **options).replay(REFS, KINDS, owners)
            assert found.emat_ns[row, column] == one.emat_ns
            assert found.tlb_miss_ratio[row, column] == 1 - one.tlb_hit_rate
            for name in ("page_faults", "walk_references", "evictions"):
                assert getattr(found, name)[row, column] == getattr(one, name)
            assert found.walks[row, column] == one.counters.walks


def test_geometries_are_measured_as_one_by_one():
    found = memory.compare_geometries(REFS, [1, 2, 4], [12, 14], address_bits=32, memory="1MiB", S="1us")
    cut = {
        (1, 12): (20,),
        (2, 12): (10, 10),
        (4, 12): (5, 5, 5, 5),
        (1, 14): (18,),
        (2, 14): (9, 9),
        (4, 14): (4, 4, 5, 5),
    }
    for row, levels in enumerate([1, 2, 4]):
        for column, bits in enumerate([12, 14]):
            geometry = memory.Geometry(levels, cut[levels, bits], bits, 32)
            mmu = memory.Mmu(geometry, frames=2**20 >> bits, S="1us")
            one = mmu.replay(REFS)
            assert (found.page_faults[row, column], found.emat_ns[row, column]) == (one.page_faults, one.emat_ns)
            assert found.table_bytes[row, column] == mmu.table_bytes
    # A walk reads an entry a level; larger pages need fewer walks.
    assert (found.walk_references == found.walks * found.levels[:, None].astype(np.uint64)).all()
    assert (found.walks[:, 1] < found.walks[:, 0]).all()


def test_results_are_columns_and_pictures():
    tlbs = memory.compare_tlbs(REFS, [16, 8], [2, None])
    columns = tlbs.columns()
    assert columns["entries"].tolist() == [16, 16, 8, 8] and columns["ways"].tolist() == [2, 16, 2, 8]
    assert columns["emat_ns"].tolist() == tlbs.emat_ns.ravel().tolist()
    two, full = tlbs.plot(title="TLBs").lines
    assert [two.get_label(), full.get_label()] == ["2 ways", "fully associative"]
    assert two.get_xdata().tolist() == [8, 16] and two.get_ydata().tolist() == tlbs.tlb_miss_ratio[::-1, 0].tolist()
    cuts = memory.compare_geometries(REFS, [2, 3], [12, 13], address_bits=32)
    assert cuts.columns()["levels"].tolist() == [2, 2, 3, 3] and cuts.columns()["page_bits"].tolist() == [12, 13] * 2
    lines = cuts.plot(value="walk_references").lines
    assert [it.get_ydata().tolist() for it in lines] == cuts.walk_references.tolist()
    assert lines[0].get_xdata().tolist() == [4096, 8192]
    for it in (tlbs, cuts):
        assert it._repr_html_().count("<tr>") == 5 and "6,000 accesses" in repr(it)
    with pytest.raises(dl.ParameterError, match="value"):
        tlbs.plot(value="faults")


def test_no_accesses_have_no_averages():
    found = memory.compare_tlbs([], [16])
    assert (
        np.isnan(found.emat_ns).all() and np.isnan(found.tlb_miss_ratio).all() and found.page_faults.tolist() == [[0]]
    )


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: memory.compare_tlbs(REFS, [16], [3]), dl.ParameterError, "ways: expected a divisor of entries"),
        (lambda: memory.compare_tlbs(REFS, []), dl.ParameterError, "entries"),
        (lambda: memory.compare_tlbs(REFS, 16), dl.ParameterTypeError, "entries"),
        (lambda: memory.compare_tlbs(REFS, [16, None]), dl.ParameterTypeError, "entries[1]"),
        (lambda: memory.compare_tlbs(REFS, [16], ["x"]), dl.ParameterTypeError, "ways[0]"),
        (lambda: memory.compare_tlbs(REFS, [16], tlb=None), dl.ParameterTypeError, "tlb: cannot be set"),
        (lambda: memory.compare_tlbs(REFS, [16], frame=1), dl.ParameterTypeError, "frame: cannot be set"),
        (lambda: memory.compare_tlbs(REFS, [16], split=1), dl.ParameterTypeError, "split"),
        (lambda: memory.compare_tlbs(REFS, [16], frames=0), dl.ParameterError, "frames"),
        (lambda: memory.compare_tlbs(REFS, [16], geometry="x"), dl.ParameterError, "geometry"),
        (lambda: memory.compare_tlbs(REFS, [16], kinds=[0]), dl.ParameterError, "kinds"),
        (lambda: memory.compare_tlbs([2**63], [16]), dl.ProtectionFault, "access 0"),
        (lambda: memory.compare_tlbs([0, 4096], [16], demand=None), dl.PageFault, "access 0"),
        (lambda: memory.compare_geometries([2**32], [2], [12], address_bits=32), dl.ParameterError, "addresses[0]"),
        (lambda: memory.compare_geometries(REFS, [1], [12]), dl.ParameterError, "levels: 1 levels"),
        (lambda: memory.compare_geometries(REFS, [4], [41]), dl.ParameterError, "page_bits"),
        (lambda: memory.compare_geometries(REFS, [4], [12], memory=5000), dl.ParameterError, "memory"),
        (lambda: memory.compare_geometries(REFS, [4], [12], frames=5), dl.ParameterTypeError, "frames: cannot be set"),
    ],
)
def test_bad_comparisons_are_refused_by_name(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
def test_ctrl_c_is_heard():
    refs = memory.generators.uniform(4_000_000, pages=100_000, seed=1) << 12
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        while True:
            memory.compare_tlbs(refs, [16, 64, 256], [1, 4])
    timer.join()
