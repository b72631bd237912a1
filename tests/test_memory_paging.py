"""Replacement policies over reference strings: counts, outcomes, curves, and what is refused."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import distlab as dl
from distlab.memory import paging
from distlab.memory.paging import OUTCOMES, POLICIES, compare, miss_ratio_curve, simulate, stack_distances

BELADY = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5]
FAR = np.uint64(0x9E3779B97F4A7C15)

strings = st.lists(st.integers(0, 12), max_size=60)


# --- a trace that is the same everywhere, and what libCacheSim 0.3.5 counts on it ------------------------


def mixed(n, seed):
    """SplitMix64's output for a counter: integers only."""
    z = (np.arange(n, dtype=np.uint64) + np.uint64(seed << 32)) * FAR
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def trace(n=100_000, sparse=True):
    """Some pages much more often than others, with scans between; sparse numbers."""
    most = np.uint64(2) << (mixed(n, 1) % np.uint64(13))
    at = np.arange(n, dtype=np.uint64)
    refs = np.where(
        at // np.uint64(1000) % np.uint64(7) == 3, at % np.uint64(5000) + np.uint64(10_000), mixed(n, 2) % most
    )
    return refs * FAR >> np.uint64(12) if sparse else refs


SIZES = [20, 100, 1000, 3000]
LIBCACHESIM = {
    "fifo": [83176, 66227, 41491, 31899],
    "lru": [80082, 61717, 39368, 28096],
    "clock": [78533, 60528, 38378, 27516],
    "lfu": [66834, 52830, 31750, 25278],
    "opt": [61329, 45346, 25920, 19905],
    "arc": [68639, 52995, 31564, 24292],
    "2q": [69944, 54066, 33473, 26865],
    "s3-fifo": [67194, 52103, 31259, 23827],
    "sieve": [67438, 51731, 31749, 25278],
}


@pytest.mark.parametrize("sparse", [True, False])
def test_misses_are_those_of_libcachesim(sparse):
    refs = trace(sparse=sparse)
    found = compare(refs, SIZES, list(LIBCACHESIM))
    assert {name: found[name].tolist() for name in LIBCACHESIM} == LIBCACHESIM
    for policy, misses in LIBCACHESIM.items():
        assert simulate(refs, 1000, policy).faults == misses[2]


def test_misses_are_those_of_libcachesim_with_other_settings():
    refs = trace()
    assert simulate(refs, [100, 1000], "2q", policy_options={"in_ratio": 0.1, "out_ratio": 0.8}).faults.tolist() == [
        53225,
        32806,
    ]
    s3 = {"small_ratio": 0.25, "ghost_ratio": 0.5, "move_to_main": 1}
    assert simulate(refs, [100, 1000], "s3-fifo", policy_options=s3).faults.tolist() == [53285, 32115]


# --- worked numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("policy", "faults"), [("fifo", [9, 10]), ("lru", [10, 8]), ("opt", [7, 6])])
def test_beladys_string(policy, faults):
    assert [simulate(BELADY, frames=frames, policy=policy).faults for frames in (3, 4)] == faults
    assert simulate(BELADY, frames=[3, 4], policy=policy).faults.tolist() == faults


def test_the_notes_swap_figure():
    """Figure 2.42: pages 0 and 2 are resident, 1 is accessed; 0 was written to and goes to disk."""
    found = simulate([0, 2, 1], frames=2, kinds=[True, False, False])
    assert found.steps()[-1] == paging.Step(page=1, outcome="wrote back", victim=0, frames=(1, 2))
    assert (found.hits, found.faults, found.evictions, found.write_backs, found.clean_drops) == (0, 3, 1, 1, 0)


def test_clock_by_hand():
    """Three frames full of used pages: the hand clears 1, 2, 3 and takes the first; without the bit it takes 1 at once."""
    refs = [1, 2, 3, 1, 4, 1]
    assert simulate(refs, 3, "clock", policy_options={"insert_referenced": True}).victims[4] == 1
    without = simulate(refs, 3, "clock")
    assert without.outcomes.tolist() == [1, 1, 1, 0, 2, 0] and without.victims[4] == 2


def test_s3_fifo_fills_the_main_queue_first_or_not():
    """Two frames of twenty are the small queue's: with filling, only its two pages can leave first."""
    refs = [*range(20), 100]
    assert simulate(refs, 20, "s3-fifo").victims[-1] == 0
    refs = [*range(20), 100, 5, 101, 5]
    filled = simulate(refs, 20, "s3-fifo")
    small = simulate(refs, 20, "s3-fifo", policy_options={"fill_main": False})
    assert filled.outcomes[-1] == 0 and small.outcomes[-1] == 0
    assert filled.victims[22] == 1 and small.victims[22] == 1
    more = [*range(20), 100, 101, 102, 2]
    assert simulate(more, 20, "s3-fifo").outcomes[-1] == 0  # 2 is in the main queue; the small one held 0, 1, 100, ...
    assert (
        simulate(more, 20, "s3-fifo", policy_options={"fill_main": False}).outcomes[-1] != 0
    )  # 2 was third in the small queue


# --- against something slow and plain -------------------------------------------------------------------


def plain(refs, frames, policy):
    """FIFO, LRU, MRU and OPT with a list: what OSTEP's paging-policy.py does."""
    memory, outcomes = [], []
    for at, page in enumerate(refs):
        outcomes.append(page not in memory)
        if page in memory:
            if policy in ("lru", "mru"):
                memory.remove(page)
                memory.append(page)
            continue
        if len(memory) == frames:
            rest = refs[at + 1 :]
            farthest = max(memory, key=lambda it: rest.index(it) if it in rest else len(refs))
            memory.remove({"fifo": memory[0], "lru": memory[0], "mru": memory[-1], "opt": farthest}[policy])
        memory.append(page)
    return outcomes


@settings(max_examples=150, deadline=None)
@given(strings, st.integers(1, 6), st.sampled_from(["fifo", "lru", "mru", "opt"]))
def test_each_reference_meets_what_it_meets_in_a_list(refs, frames, policy):
    assert (simulate(refs, frames, policy).outcomes > 0).tolist() == plain(refs, frames, policy)


@settings(max_examples=60, deadline=None)
@given(strings, st.integers(1, 6), st.sampled_from(POLICIES), st.integers(0, 5))
def test_counts_outcomes_victims_and_frames_tell_the_same_story(refs, frames, policy, seed):
    writes = [at % 3 == 0 for at in range(len(refs))]
    found = simulate(refs, frames, policy, kinds=writes, seed=seed)
    names = [OUTCOMES[code] for code in found.outcomes.tolist()]
    assert found.hits == names.count("hit") and found.hits + found.faults == len(found) == len(refs)
    assert found.evictions == names.count("replaced") + names.count("wrote back")
    assert found.write_backs == names.count("wrote back")
    assert found.compulsory == len(set(refs)) <= found.faults or not refs
    resident, dirty = set(), set()
    for step, page, write in zip(found.steps(), refs, writes, strict=True):
        assert (step.outcome == "hit") == (page in resident)
        if step.victim is not None:
            resident.remove(step.victim)
            assert (step.outcome == "wrote back") == (step.victim in dirty)
            dirty.discard(step.victim)
        resident.add(page)
        if write:
            dirty.add(page)
        assert {it for it in step.frames if it is not None} == resident
    quick = simulate(refs, frames, policy, seed=seed, outcomes=False)
    assert (quick.hits, quick.evictions, quick.outcomes) == (found.hits, found.evictions, None)


@settings(max_examples=60, deadline=None)
@given(strings)
def test_lru_is_a_stack_algorithm_and_one_pass_counts_all_sizes(refs):
    curve = miss_ratio_curve(refs)
    assert curve.pages == len(set(refs)) == len(curve.faults)
    sizes = np.arange(1, 15)
    each = [simulate(refs, int(frames)).faults for frames in sizes]
    assert curve.misses(sizes).tolist() == each == sorted(each, reverse=True)
    distances = stack_distances(refs)
    assert curve.misses(0) == len(refs)
    for frames in range(1, 15):
        assert ((distances == 0) | (distances > frames)).sum() == each[frames - 1]


def test_the_curve_of_a_long_trace():
    refs = trace()
    curve = miss_ratio_curve(refs)
    assert curve.misses(np.array(SIZES)).tolist() == LIBCACHESIM["lru"]
    assert curve.pages == 11126 == curve.faults[-1] and curve.references == 100_000
    frames = curve.frames_for(0.4)
    assert curve.misses(frames) <= 40_000 < curve.misses(frames - 1)
    assert curve.frames_for(0.0) is None and curve.frames_for(1.0) == 1
    shifted = miss_ratio_curve((refs << np.uint64(8)) + np.uint64(77), page_bits=8)
    assert shifted == miss_ratio_curve(refs & np.uint64(2**56 - 1))


def test_nobody_beats_the_optimum():
    found = compare(trace(20_000), [10, 100, 1000])
    assert found.policies == POLICIES
    assert (found.faults >= found["opt"]).all()
    assert (np.diff(found["opt"].astype(int)) <= 0).all()


# --- results --------------------------------------------------------------------------------------------


def test_several_numbers_of_frames_are_each_of_them():
    refs = trace(5000)
    writes = mixed(5000, 3) % np.uint64(4) == 0
    for policy in POLICIES:
        for written in (None, writes):
            found = simulate(refs, np.array([7, 300, 2**40]), policy, kinds=written, seed=3)
            for at, frames in enumerate(found.frames.tolist()):
                one = simulate(refs, frames, policy, kinds=written, seed=3)
                assert (one.hits, one.faults, one.evictions, one.write_backs) == tuple(
                    getattr(found, name)[at] for name in ("hits", "faults", "evictions", "write_backs")
                )
                assert found.miss_ratio[at] == one.miss_ratio
    assert list(found.columns()) == ["frames", "hits", "faults", "evictions", "write_backs", "miss_ratio"]


def test_a_comparison_is_a_table():
    found = compare(BELADY, frames=[3, 4], policies=["fifo", "lru"], kinds=[True] * 12)
    columns = found.columns()
    assert columns["policy"].tolist() == ["fifo", "fifo", "lru", "lru"]
    assert columns["frames"].tolist() == [3, 4, 3, 4]
    assert columns["faults"].tolist() == [9, 10, 10, 8]
    assert columns["evictions"].tolist() == columns["write_backs"].tolist() == [6, 6, 7, 4]
    assert found["lru"].tolist() == [10, 8] and found.miss_ratio[0, 0] == 0.75
    with pytest.raises(dl.ParameterError, match="opt"):
        found["opt"]


def test_random_draws_the_same_lots_for_the_same_seed():
    refs = trace(20_000)
    found = [simulate(refs, 500, "random", seed=seed).faults for seed in (0, 0, 1, 2**64 - 1)]
    assert found[0] == found[1] and len(set(found)) == 3
    assert simulate(BELADY, 3, "random", seed=7).victims.tolist() == [0, 0, 0, 2, 0, 4, 1, 2, 3, 1, 3, 0]


def test_values_compare_pickle_and_show_themselves():
    values = [
        simulate(BELADY, 3),
        simulate(BELADY, [3, 4]),
        compare(BELADY, [3, 4], ["lru", "opt"]),
        miss_ratio_curve(BELADY),
    ]
    for value in values:
        assert pickle.loads(pickle.dumps(value)) == value
        assert "\n" not in repr(value) and repr(value).startswith("<")
        assert all(value != other for other in values if other is not value)
    assert simulate(BELADY, 3) == simulate(BELADY, 3) != simulate(BELADY, 4)
    assert repr(values[0]) == "<lru, 3 frames: 10 faults in 12 references (83.33%), 7 evictions>"


def test_the_textbooks_grid():
    text = simulate(BELADY, 3, "fifo", kinds=[True] + [False] * 11)._repr_html_()
    assert text.count("<tr>") == 5 and text.count("<td>") == 5 * 12
    assert "<th>frame 2</th>" in text and "F, W" in text and text.startswith("<table><caption>&lt;fifo")
    assert "<td>" not in simulate(trace(1000), 3)._repr_html_()
    assert "<td>" not in simulate(BELADY, 3, outcomes=False)._repr_html_()


def test_steps_need_outcomes_and_a_small_case():
    with pytest.raises(dl.ParameterError, match="outcomes"):
        simulate(BELADY, 3, outcomes=False).steps()
    with pytest.raises(dl.ParameterError, match="100,000"):
        simulate(trace(5000), 100).steps()
    assert simulate(trace(20_000), 100).outcomes is None
    assert len(simulate(trace(20_000), 100, outcomes=True).victims) == 20_000


# --- what goes in ---------------------------------------------------------------------------------------

TYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i4", ">u8"]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_any_type_of_whole_numbers(dtype):
    refs = np.array(BELADY, dtype)
    assert simulate(refs, 3) == simulate(BELADY, 3)
    assert stack_distances(refs).tolist() == stack_distances(BELADY).tolist()


def test_arrays_that_are_not_contiguous():
    both = np.array([BELADY, BELADY[::-1]]).T
    assert simulate(both[:, 0], 3) == simulate(BELADY, 3)
    assert simulate(np.array(BELADY)[::-1], 3) == simulate(BELADY[::-1], 3)
    writes = np.repeat([True, False], 12)[::2]
    assert simulate(BELADY, 3, kinds=writes) == simulate(BELADY, 3, kinds=writes.tolist())
    frozen = np.array(BELADY)
    frozen.flags.writeable = False
    assert simulate(frozen, 3).faults == 10


@pytest.mark.parametrize("policy", POLICIES)
def test_numbers_of_64_bits(policy):
    huge = [2**64 - page for page in BELADY]
    found = simulate(huge, 3, policy)
    assert found.outcomes.tolist() == simulate(BELADY, 3, policy).outcomes.tolist()
    assert simulate(np.array(huge, np.uint64), 3, policy) == found
    assert found.steps()[0].page == 2**64 - 1
    assert simulate([0, 2**64 - 1, 2**63, 0], 3, policy).hits == 1  # no type of numpy's holds this list as it is


def test_addresses_are_pages_with_an_offset():
    refs = np.array(BELADY) * 4096 + np.arange(12)
    found = simulate(refs, 3, page_bits=12)
    assert found.faults == 10 and [it.page for it in found.steps()] == BELADY
    assert simulate([2**64 - 1, 2**63, 0], 2, page_bits=63).faults == 2
    assert compare(refs, [3], ["lru"], page_bits=np.int8(12)).faults.tolist() == [[10]]
    assert stack_distances(refs, page_bits=12).tolist() == stack_distances(BELADY).tolist()


@pytest.mark.parametrize("empty", [[], (), np.empty(0), np.empty(0, np.uint8), range(0)], ids=repr)
def test_nothing_at_all(empty):
    for policy in POLICIES:
        found = simulate(empty, 3, policy, kinds=[])
        assert (found.hits, found.faults, found.evictions, found.pages, len(found)) == (0, 0, 0, 0, 0)
        assert np.isnan(found.miss_ratio) and found.steps() == []
    assert np.isnan(simulate(empty, [3]).miss_ratio[0])
    curve = miss_ratio_curve(empty)
    assert curve.pages == 0 and curve.misses(5) == 0 and len(stack_distances(empty)) == 0
    assert compare(empty, [1, 2]).faults.sum() == 0


def test_more_frames_than_anybody_needs_cost_nothing():
    for policy in POLICIES:
        assert simulate(BELADY, 2**62, policy).faults == 5
    assert simulate(BELADY, np.uint8(3)).faults == 10


REFUSED = [
    ({"refs": [1, -2]}, dl.ParameterError, "refs[1]", -2),
    ({"refs": [1.0, 2.0]}, dl.ParameterTypeError, "refs[0]", 1.0),
    ({"refs": np.array([1.0, np.nan])}, dl.ParameterTypeError, "refs", None),
    ({"refs": [True, False]}, dl.ParameterTypeError, "refs", None),
    ({"refs": ["a"]}, dl.ParameterTypeError, "refs", None),
    ({"refs": 7}, dl.ParameterTypeError, "refs", 7),
    ({"refs": [[1], [2]]}, dl.ParameterTypeError, "refs", None),
    ({"refs": [[1], [2, 3]]}, dl.ParameterTypeError, "refs", None),
    ({"refs": [2**64]}, dl.ParameterError, "refs[0]", 2**64),
    ({"refs": [2**63, -1]}, dl.ParameterError, "refs[1]", -1),
    ({"refs": None}, dl.ParameterTypeError, "refs", None),
    ({"frames": 0}, dl.ParameterError, "frames", 0),
    ({"frames": -1}, dl.ParameterError, "frames", -1),
    ({"frames": 2**63}, dl.ParameterError, "frames", 2**63),
    ({"frames": 2.0}, dl.ParameterTypeError, "frames", 2.0),
    ({"frames": True}, dl.ParameterTypeError, "frames", True),
    ({"frames": "3"}, dl.ParameterTypeError, "frames", "3"),
    ({"frames": []}, (dl.ParameterError, dl.ParameterTypeError), "frames", []),
    ({"frames": [3, 0]}, dl.ParameterError, "frames", 0),
    ({"frames": [3, 1.5]}, dl.ParameterTypeError, "frames[1]", 1.5),
    ({"frames": [[3]]}, dl.ParameterTypeError, "frames", None),
    ({"frames": [3, 4], "outcomes": True}, dl.ParameterError, "outcomes", True),
    ({"policy": "LRU"}, dl.ParameterError, "policy", "LRU"),
    ({"policy": None}, dl.ParameterTypeError, "policy", None),
    ({"kinds": [True]}, dl.ParameterError, "kinds", "1 of them"),
    ({"kinds": [3] * 12}, dl.ParameterError, "kinds[0]", 3),
    ({"kinds": [0.5] * 12}, dl.ParameterTypeError, "kinds", None),
    ({"page_bits": 64}, dl.ParameterError, "page_bits", 64),
    ({"page_bits": -1}, dl.ParameterError, "page_bits", -1),
    ({"page_bits": 1.0}, dl.ParameterTypeError, "page_bits", 1.0),
    ({"seed": -1}, dl.ParameterError, "seed", -1),
    ({"seed": 2**64}, dl.ParameterError, "seed", 2**64),
    ({"seed": "x"}, dl.ParameterTypeError, "seed", "x"),
    ({"policy_options": {"insert_referenced": True}}, dl.ParameterError, "policy_options['insert_referenced']", True),
    (
        {"policy": "clock", "policy_options": {"insert_referenced": 1}},
        dl.ParameterTypeError,
        "policy_options['insert_referenced']",
        1,
    ),
    ({"policy": "2q", "policy_options": {"in_ratio": 1.5}}, dl.ParameterError, "policy_options['in_ratio']", 1.5),
    ({"policy": "2q", "policy_options": {"out_ratio": -0.1}}, dl.ParameterError, "policy_options['out_ratio']", -0.1),
    ({"policy": "2q", "policy_options": {"in_ratio": "a"}}, dl.ParameterTypeError, "policy_options['in_ratio']", "a"),
    (
        {"policy": "s3-fifo", "policy_options": {"ghost_ratio": float("nan")}},
        dl.ParameterError,
        "policy_options['ghost_ratio']",
        None,
    ),
    (
        {"policy": "s3-fifo", "policy_options": {"small_ratio": float("inf")}},
        dl.ParameterError,
        "policy_options['small_ratio']",
        float("inf"),
    ),
    (
        {"policy": "s3-fifo", "policy_options": {"move_to_main": 0}},
        dl.ParameterError,
        "policy_options['move_to_main']",
        0,
    ),
    (
        {"policy": "s3-fifo", "policy_options": {"move_to_main": 256}},
        dl.ParameterError,
        "policy_options['move_to_main']",
        256,
    ),
    ({"policy": "s3-fifo", "policy_options": {"kin": 0.1}}, dl.ParameterError, "policy_options['kin']", 0.1),
]


@pytest.mark.parametrize(("given", "error", "parameter", "value"), REFUSED, ids=lambda it: repr(it)[:40])
def test_what_makes_no_sense_is_refused_by_name(given, error, parameter, value):
    with pytest.raises(error) as caught:
        simulate(**{"refs": BELADY, "frames": 3, **given})
    assert caught.value.parameter == parameter
    if value is not None:
        assert caught.value.value == value
    assert isinstance(caught.value, ValueError | TypeError) and pickle.loads(pickle.dumps(caught.value))


def test_an_unknown_policy_is_told_all_names():
    with pytest.raises(dl.ParameterError, match="fifo, lru, mru, clock, lfu, random, opt, arc, 2q, s3-fifo, sieve"):
        simulate(BELADY, 3, "nru")


def test_comparing_refuses_the_same():
    for policies, error in [("lru", dl.ParameterTypeError), ([], dl.ParameterTypeError), (["x"], dl.ParameterError)]:
        with pytest.raises(error) as caught:
            compare(BELADY, [3], policies)
        assert caught.value.parameter == "policies"
    with pytest.raises(dl.ParameterError, match="left out"):
        compare(BELADY, [3], ["lru", "2q"], policy_options={"insert_referenced": True})
    assert compare(BELADY, [3], ["lru", "clock"], policy_options={"insert_referenced": True}).faults.tolist() == [
        [10],
        [9],
    ]
    with pytest.raises(dl.ParameterTypeError):
        compare(BELADY, 3)
    for wrong, error in [(-1, dl.ParameterError), (1.5, dl.ParameterTypeError), ("a", dl.ParameterTypeError)]:
        with pytest.raises(error):
            miss_ratio_curve(BELADY).misses(wrong)
    with pytest.raises(dl.ParameterError):
        miss_ratio_curve(BELADY).frames_for(float("nan"))


# --- long calls -----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
@pytest.mark.parametrize(
    "work",
    [
        lambda refs: simulate(refs, 50_000, "lfu"),
        lambda refs: simulate(refs, 50_000, "opt"),
        lambda refs: simulate(refs, 50_000, outcomes=True),
        lambda refs: compare(refs, range(1000, 50_000, 100)),
        miss_ratio_curve,
        stack_distances,
        lambda refs: simulate(refs, 50_000, outcomes=False).pages,
    ],
    ids=["simulate", "opt", "outcomes", "compare", "curve", "distances", "pages"],
)
def test_ctrl_c_is_heard(work):
    """However long the work: it is given again and again, until the signal comes in one of the calls."""
    refs = mixed(3_000_000, 4) % np.uint64(300_000) * FAR
    timer = threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        while True:
            work(refs)
    timer.join()
    assert simulate(BELADY, 3).faults == 10


def test_others_run_meanwhile():
    """The interpreter lock is let go: another thread counts while one simulates."""
    refs = mixed(1_000_000, 5) % np.uint64(200_000) * FAR
    counted, done = [], threading.Event()

    def count():
        while not done.is_set():
            counted.append(1)
            time.sleep(0.0005)

    other = threading.Thread(target=count)
    other.start()
    before = len(counted)
    for _ in range(3):
        simulate(refs, 50_000, "lfu")
    during = len(counted) - before
    done.set()
    other.join()
    assert during > 5
