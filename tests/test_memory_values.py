"""What is measured against the closed form; copies; arguments that must not be lost."""

import copy
import pickle

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import distlab as dl
from distlab.memory import paging

memory = dl.memory
REFS = memory.generators.zipf(5000, pages=400, alpha=0.7, seed=2) << 12
THIRD = np.arange(5000) % 3 == 0
HIGH = [1, 2**63, 2**63 + 4096]


# --- measured and by the formula ------------------------------------------------------------------------


def forked(mmu):
    mmu.replay(REFS)
    mmu.fork()
    return mmu.replay(REFS, kinds=THIRD)


MACHINES = {
    "minor faults": ({"demand": "zero", "minor_fault": 500.0}, lambda it: it.replay(REFS)),
    "major faults": ({"frames": 50, "S": "100us"}, lambda it: it.replay(REFS)),
    "both": (
        {"frames": 50, "S": "100us", "minor_fault": 300.0, "demand": "zero", "swap": memory.Swap(write_back_time=1e4)},
        lambda it: it.replay(REFS, kinds=THIRD),
    ),
    "dirty victims": (
        {"frames": 50, "S": 1e5, "swap": memory.Swap(write_back_time=3e5)},
        lambda it: it.replay(REFS, kinds=THIRD),
    ),
    "only dirty victims take time": (
        {"frames": 50, "S": 0, "swap": memory.Swap(write_back_time=70)},
        lambda it: it.replay(REFS, kinds=THIRD),
    ),
    "first writes after a fork": ({"minor_fault": 700.0}, forked),
    "first writes after a fork, without a TLB": ({"minor_fault": 700.0, "tlb": None}, forked),
    "two levels of TLB": ({"frames": 60, "tlb": "champsim", "walk_cache": "champsim"}, lambda it: it.replay(REFS)),
    "random times": (
        {"frames": 60, "S": dl.Exponential("1us"), "swap": memory.Swap(write_back_time=dl.Uniform("1us", "2us"))},
        lambda it: it.replay(REFS, kinds=THIRD),
    ),
    "a guest": ({"nested": "sv39", "t": 3}, lambda it: it.replay(REFS)),
}


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_measured_is_what_the_formula_gives(name):
    options, run = MACHINES[name]
    mmu = memory.Mmu(**options)
    replay = run(mmu)
    terms = mmu.emat_terms(replay)
    assert memory.emat(**terms) == pytest.approx(replay.emat_ns, rel=1e-14)
    assert replay.page_faults > 0
    if "h2" not in terms or not terms["h2"]:
        assert terms["h"] == pytest.approx(replay.tlb_hit_rate, abs=1e-15)
    assert terms["p"] == pytest.approx(replay.page_hit_rate, abs=1e-15)


def test_write_back_is_a_time_of_the_device_and_a_multiple_in_the_formula():
    mmu = memory.Mmu(frames=1, S=1000, swap=memory.Swap(write_back_time=2500))
    replay = mmu.replay([0, 4096, 0], kinds=["write", "write", "write"])
    assert mmu.emat_terms(replay)["write_back"] == 2.5 and replay.total_ns == 3 * (1 + 4 * 100 + 100 + 1000) + 2 * 2500


def test_a_first_write_after_a_fork_is_a_walk_and_no_hit():
    mmu = memory.Mmu(minor_fault=50)
    mmu.map(0)
    mmu.translate(0)
    mmu.fork()
    mmu.translate(0)
    # The TLB knows the page, but only for reading: the first write walks again, and only the second is answered.
    replay = mmu.replay([0, 0], kinds=["write", "write"])
    assert (replay.counters.rewalks, replay.counters.tlb_hits, replay.tlb_hit_rate) == (1, 1, 0.5)
    assert replay.page_hit_rate == 0.0
    assert memory.emat(**mmu.emat_terms(replay)) == pytest.approx(replay.emat_ns, rel=1e-14)


def test_walks_to_nothing_are_no_hits():
    mmu = memory.Mmu(demand=None)
    mmu.map(0)
    replay = mmu.replay([0, 4096, 8192, 0], on_fault="count")
    assert replay.page_hit_rate == 1.0 and replay.counters.unmapped_faults == 2
    assert np.isnan(memory.Mmu(demand=None).replay([4096], on_fault="count").page_hit_rate)


@pytest.mark.parametrize(
    ("mmu", "text"),
    [
        (memory.Mmu(processes=2, context_switch=5), "context_switch"),
        (memory.Mmu(walk_cache="champsim", walk_cache_time=1), "walk_cache"),
        (memory.Mmu(demand=None), "none of which was refused"),
    ],
    ids=["switches", "walk cache", "refused"],
)
def test_what_the_formula_has_no_term_for_is_said(mmu, text):
    owners = np.arange(4) % len(mmu.processes)
    replay = mmu.replay([0, 4096, 0, 4096], processes=owners, on_fault="count")
    with pytest.raises(dl.ParameterError, match=text):
        mmu.emat_terms(replay)
    with pytest.raises(dl.ParameterTypeError, match="replay"):
        mmu.emat_terms(0.5)


def test_times_that_no_number_holds_are_refused():
    for call in (memory.emat, memory.emat.parts):
        with pytest.raises(dl.ParameterError, match="S: expected so small"):
            call(h=0.5, t=1, m=1, n=1, p=0.5, S=1e308, dirty_fraction=1, write_back=1e10)
    with pytest.raises(dl.ParameterError, match="no finite number"):
        memory.emat.solve_for("h", target=5, t=1, m=1, n=1, p=0.5, S=1e308, dirty_fraction=1, write_back=1e10)


def test_nothing_has_no_ratio():
    assert np.isnan(paging.compare([], [1, 2], ["lru"]).miss_ratio).all()
    assert np.isnan(paging.simulate([], [1, 2]).miss_ratio).all()
    assert np.isnan(paging.simulate([], 1).miss_ratio)
    assert paging.miss_ratio_curve([]).miss_ratio.shape == (0,)
    assert np.isnan(memory.Mmu().replay([]).tlb_hit_rate) and np.isnan(memory.Mmu().replay([]).emat_ns)


# --- numbers of 64 bits ---------------------------------------------------------------------------------


def test_large_numbers_among_small_ones_stay_what_they_are():
    """Of such a list numpy makes floating-point numbers, which lose the low bits."""
    assert np.asarray(HIGH).dtype == np.float64
    assert memory.MemoryTrace(HIGH).addresses.tolist() == HIGH
    assert memory.RequestTrace([*HIGH, 1]).objects.tolist() == [*HIGH, 1]
    assert paging.simulate([*HIGH, 1], 4).faults == 3
    assert paging.stack_distances([2**64 - 1, 0, 2**64 - 2, 2**64 - 1]).tolist() == [0, 0, 0, 3]
    geometry = memory.Geometry(6, 9, 10, 64)
    replay = memory.Mmu(geometry, demand="zero").replay([2**64 - 1, 0, 2**64 - 2])
    assert replay.page_faults == 2
    assert memory.Mmu(geometry).schedule({0: [2**64 - 1, 0]}).processes[0]["transfers"] == 2
    assert dl.plot.reference_pattern(HIGH, page_bits=0).get_ylabel() == "page (3 of 1 B)"
    for bad, error in (
        ([2**64, 1], dl.ParameterError),
        ([2**63, -1], dl.ParameterError),
        ([2**63, 0.5], dl.ParameterTypeError),
    ):
        for call in (
            memory.Mmu().replay,
            memory.MemoryTrace,
            lambda it: paging.simulate(it, 2),
            dl.plot.reference_pattern,
        ):
            with pytest.raises(error):
                call(bad)


# --- copies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [lambda it: it.copy(), copy.copy, copy.deepcopy])
def test_a_copied_machine_goes_its_own_way(duplicate):
    mmu = memory.Mmu(frames=20, policy="random", S=dl.Exponential("1us"), seed=5)
    mmu.replay(REFS[:500])
    other = duplicate(mmu)
    assert repr(other) == repr(mmu) and other.usage == mmu.usage and other.counters == mmu.counters
    # From the same state the same happens, lots included ...
    assert other.replay(REFS).total_ns == mmu.replay(REFS).total_ns
    # ... and what happens to one does not happen to the other.
    before = mmu.counters
    other.new_process()
    other.replay(REFS)
    assert mmu.counters == before and mmu.processes == (0,)


def test_a_copied_table_goes_its_own_way():
    table = memory.PageTable.preset("32-bit-two-level")
    table.map(0x1000, frame=1)
    for duplicate in (copy.copy, copy.deepcopy, memory.PageTable.copy):
        other = duplicate(table)
        other.map(0x400000, frame=2)
        assert other.translate(0x1000).frame == 1 and table.entry(0x400000) is None


@pytest.mark.parametrize("it", [memory.Mmu(), memory.PageTable.preset("32-bit")], ids=["mmu", "table"])
def test_what_has_no_form_as_data_says_so(it):
    with pytest.raises(dl.SerializationError, match="copy"):
        pickle.dumps(it)


# --- nothing is lost ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (
            lambda: memory.Mmu(policy="lru", policy_options={"insert_referenced": True}),
            "policy_options['insert_referenced']",
        ),
        (lambda: memory.Mmu(policy="2q", policy_options={"small_ratio": 0.1}), "policy_options['small_ratio']"),
        (lambda: memory.WalkCache(memory.Tlb(8, sizes=["4KiB"])), "levels"),
        (lambda: memory.WalkCache([None, memory.Tlb(8, sizes=["4KiB"])]), "levels"),
        (lambda: memory.Nested(tlb=memory.Tlb(8, sizes=["4KiB"])), "tlb"),
        (lambda: memory.TlbHierarchy(data=[]), "data"),
        (lambda: memory.TlbHierarchy(data=memory.Tlb(8), second=[]), "second"),
        (lambda: memory.Mmu().invalidate(0x1000, keep_global=True), "keep_global"),
        (lambda: paging.simulate([1], 1, outcomes="no"), "outcomes"),
        (lambda: memory.Mmu("32-bit").mmap("2TiB"), "length"),
        (lambda: memory.Mmu("32-bit").schedule({7: [0]}), "jobs[7]"),
        (lambda: memory.Mmu("32-bit").schedule({0: [0, 2**32]}), "jobs[0][1]"),
        (lambda: memory.Mmu("32-bit").schedule({0: ([0], [4])}), "jobs[0].kinds[0]"),
    ],
)
def test_what_would_have_no_effect_or_another_is_refused(call, parameter):
    with pytest.raises((dl.ParameterError, dl.ParameterTypeError)) as caught:
        call()
    assert caught.value.parameter == parameter


def test_the_value_that_was_given_is_told():
    with pytest.raises(dl.ParameterError) as caught:
        memory.Mmu("32-bit").mmap(2**40 + 1)
    assert str(2**40 + 1) in str(caught.value)


def test_a_job_that_is_refused_says_whose_it_was_and_where():
    mmu = memory.Mmu(processes=2)
    mmu.map(0x5000, process=1, writable=False)
    with pytest.raises(dl.ProtectionFault) as caught:
        mmu.schedule({0: [0x1000, 0x1008], 1: ([0x4000, 0x5008], ["read", "write"])})
    fault = caught.value
    assert (fault.process, fault.position, fault.address, fault.kind) == (1, 1, 0x5008, "write")


@pytest.mark.parametrize("number", [np.int64(4), np.uint8(4), 4])
def test_numbers_of_numpy_are_numbers(number):
    assert memory.ContiguousMemory(number).allocate("A", number) == 0
    assert memory.PagedMemory(number, page_size=number).size == 4
    assert len(memory.exercises(number, seed=number)) == 4 and memory.exercise("emat", number).seed == 4
    assert memory.Geometry(number, number, number, np.int64(20)).reach == 2**20
    assert memory.Tlb(number, ways=number) == memory.Tlb(4, 4)
    assert memory.Mmu(frames=number, processes=number, seed=number).processes == (0, 1, 2, 3)
    assert paging.miss_ratio_curve([1, 2]).misses(number) == 2


# --- pictures -------------------------------------------------------------------------------------------


def test_a_timetable_shows_who_had_the_processor():
    mmu = memory.Mmu(processes=2, S="20us", tlb=None, t=0)
    found = mmu.schedule({0: [0, 4096], 1: [0, 4096]})
    ax = found.plot(title="two processes")
    assert [it.get_text() for it in ax.get_yticklabels()] == ["process 0", "process 1", "nobody"]
    columns = found.columns()
    for row, process in enumerate((0, 1, -1)):
        spans = [
            path.get_extents()
            for it in ax.collections
            for path in it.get_paths()
            if abs(path.get_extents().y0 - row + 0.36) < 1e-9
        ]
        mine = columns["process"] == process
        shown = sum(it.x1 - it.x0 for it in spans) * 1e3
        assert shown == pytest.approx((columns["end_ns"] - columns["begin_ns"])[mine].sum())
    assert ax.get_xlabel() == "time (µs)" and "process" in found._repr_html_()
    assert columns["end_ns"].max() == found.total_ns or found.total_ns > columns["end_ns"].max()


def test_what_came_of_each_access_is_columns():
    replay = memory.Mmu(t=1, m=10, S=50).replay([0, 0], outcomes=True, latencies=True)
    assert replay.columns()["outcome"].tolist() == ["major-fault", "tlb-hit"]
    assert replay.columns()["latency_ns"].tolist() == [1 + 40 + 10 + 50, 11]
    with pytest.raises(dl.ParameterError, match="outcomes"):
        memory.Mmu().replay([0]).columns()


def test_what_came_of_each_reference_is_columns():
    found = paging.simulate([0, 2, 1], frames=2, kinds=["write", "read", "read"])
    assert found.columns()["outcome"].tolist() == ["filled", "filled", "wrote back"]
    assert found.columns()["page"].tolist() == [0, 2, 1] and found.columns()["victim"][2] == 0
    with pytest.raises(dl.ParameterError, match="outcomes"):
        paging.simulate([0], 1, outcomes=False).columns()
    curve = paging.miss_ratio_curve([1, 2, 1])
    assert {name: it.tolist() for name, it in curve.columns().items()} == {
        "frames": [1, 2],
        "faults": [3, 2],
        "miss_ratio": [1.0, 2 / 3],
    }
