"""Effective access times in closed form, and memory handed out in pieces."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import distlab as dl
from distlab.memory import ContiguousMemory, PagedMemory, emat

NOTES = {"t": 5, "m": 100, "n": 3}


# --- effective access time ---------------------------------------------------------------------------


def test_the_notes_worked_example():
    assert emat(h=0.80, **NOTES) == 165.0
    assert emat(h=0.98, **NOTES) == 111.0
    assert emat(h=0.80, **NOTES, form="definition") == 145.0
    assert emat(h=0.98, **NOTES, form="definition") == 109.0


def test_numbers_give_a_number_and_arrays_an_array():
    assert type(emat(h=np.float32(0.5), **NOTES)) is float
    assert type(emat(h=np.array(0.5), **NOTES)) is float
    surface = emat(h=np.linspace(0, 1, 5), t=1, m=100, n=np.arange(1, 5)[:, None])
    assert surface.shape == (4, 5) and surface.dtype == np.float64
    assert surface[2, 4] == 101.0 and surface[3, 0] == 501.0
    assert emat(h=[], **NOTES).shape == (0,)
    every_second = np.linspace(0, 1, 9)[::2]
    assert np.array_equal(emat(h=every_second, **NOTES), emat(h=every_second.copy(), **NOTES))


def formula(form, h, t, m, n, p, s, d, w, h2, t2, c, ct):
    """The forms as their page prints them, in numpy."""
    walk, data, fault = n * m, ct + (1 - c) * m, s * (1 + d * w)
    miss = {
        "example": p * (walk + data) + (1 - p) * (walk + fault + data),
        "definition": p * walk + (1 - p) * fault,
        "no_walk_on_fault": p * (walk + data) + (1 - p) * (fault + data),
    }[form]
    return h * (t + data) + (1 - h) * (h2 * (t + t2 + data) + (1 - h2) * (t + t2 + miss))


@pytest.mark.parametrize("form", ["example", "definition", "no_walk_on_fault"])
def test_arrays_agree_with_the_printed_formulas(form):
    rng = np.random.default_rng(5)
    h, p, d, h2, c = rng.random((5, 1000))
    t, m, n, s, w, t2, ct = rng.random((7, 1000)) * 1000
    more = {"dirty_fraction": d, "write_back": w, "h2": h2, "t2": t2, "cache_hit_rate": c, "cache_time": ct}
    found = emat(h, t, m, n, p, s, form=form, **more)
    expected = formula(form, h, t, m, n, p, s, d, w, h2, t2, c, ct)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    parts = emat.parts(form=form, h=h, t=t, m=m, n=n, p=p, S=s, **more)
    np.testing.assert_allclose(sum(parts), expected, rtol=1e-9)


@settings(max_examples=200, deadline=None)
@given(
    term=st.sampled_from(["h", "t", "m", "n", "p", "S", "dirty_fraction", "h2", "t2", "cache_hit_rate"]),
    rates=st.lists(st.floats(0.01, 0.99), min_size=5, max_size=5),
    times=st.lists(st.floats(1, 1000), min_size=5, max_size=5),
)
def test_solving_is_the_inverse(term, rates, times):
    h, p, d, h2, c = rates
    t, m, n, s, t2 = times
    terms = {"h": h, "t": t, "m": m, "n": n, "p": p, "S": s, "t2": t2, "h2": h2}
    terms |= {"dirty_fraction": d, "cache_hit_rate": c}
    target = emat(**terms)
    value = terms.pop(term)
    solved = emat.solve_for(term, target=target, **terms)
    assert emat(**terms, **{term: solved}) == pytest.approx(target, rel=1e-9)
    assert solved == pytest.approx(value, rel=1e-3, abs=1e-3)


def test_solving_broadcasts():
    rates = emat.solve_for("h", target=[111, 165, 405], t=5, m=100, n=3)
    np.testing.assert_allclose(rates, [0.98, 0.8, 0], atol=1e-12)
    assert emat.solve_for("p", target=165, h=0.8, **NOTES, S=8e6) == 1.0


@pytest.mark.parametrize(
    ("terms", "kind", "text"),
    [
        ({"h": 1.2}, ValueError, "h: expected a rate from 0 to 1, got 1.2"),
        ({"h": [0.5, -0.1]}, ValueError, "h: expected a rate from 0 to 1, got -0.1"),
        ({"m": -1}, ValueError, "m: expected a finite number from 0 up, got -1"),
        ({"S": float("nan")}, ValueError, "S: expected a finite number"),
        ({"n": float("inf")}, ValueError, "n: expected a finite number"),
        ({"cache_hit_rate": 7}, ValueError, "cache_hit_rate: expected a rate"),
        ({"t": "5 ns"}, TypeError, "t: expected a number"),
        ({"t": None}, TypeError, "t: expected a number"),
        ({"h": [0.1, 0.2], "t": [1, 2, 3]}, TypeError, "h (2,), t (3,)"),
        ({"form": "textbook"}, ValueError, "form: expected 'example' or 'definition' or 'no_walk_on_fault'"),
    ],
)
def test_bad_terms_are_named(terms, kind, text):
    with pytest.raises(kind) as raised:
        emat(**({"h": 0.8} | NOTES | terms))
    assert isinstance(raised.value, dl.DistlabError) and text in str(raised.value)


def test_what_cannot_be_solved_says_what_can():
    with pytest.raises(dl.ParameterError, match="it can be from 105 to 405"):
        emat.solve_for("h", target=500, **NOTES)
    with pytest.raises(dl.ParameterError, match="whatever S is"):
        emat.solve_for("S", target=500, h=0.8, **NOTES)
    with pytest.raises(dl.ParameterError, match="target: expected a finite time"):
        emat.solve_for("h", target=float("nan"), **NOTES)
    with pytest.raises(dl.ParameterError, match="term: expected 'h' or 't' or 'm'"):
        emat.solve_for("form", target=500, **NOTES)
    with pytest.raises(dl.ParameterTypeError, match="h: is what is asked for"):
        emat.solve_for("h", h=0.5, target=500, **NOTES)
    with pytest.raises(dl.ParameterTypeError, match="m: is missing"):
        emat.solve_for("h", target=500, t=1, n=1)
    with pytest.raises(dl.ParameterTypeError, match="hit_rate: is no term"):
        emat.solve_for("h", target=500, hit_rate=1, **NOTES)


# --- contiguous and paged memory ---------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["first", "best", "worst", "next"])
def test_two_free_units_that_do_not_touch_fit_nobody(fit):
    memory = ContiguousMemory(4, fit=fit)
    memory.allocate("A", 1)
    memory.allocate("B", 2)
    memory.free("A")
    assert memory.layout() == [None, "B", "B", None]
    with pytest.raises(dl.AllocationError) as raised:
        memory.allocate("C", 2)
    error = raised.value
    assert (error.owner, error.size, error.free, error.largest, error.holes) == ("C", 2, 2, 1, 2)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert memory.fragmentation == 0.5
    memory.compact()
    assert memory.allocate("C", 2) == 2 and memory.fragmentation == 0.0

    paged = PagedMemory(4, page_size=1)
    paged.allocate("A", 1)
    paged.allocate("B", 2)
    paged.free("A")
    assert paged.allocate("C", 2) == [0, 3]
    assert paged.layout() == ["C", "B", "B", "C"]


@pytest.mark.parametrize(("fit", "start"), [("first", 0), ("best", 4), ("worst", 7), ("next", 7)])
def test_fits_choose_different_holes(fit, start):
    memory = ContiguousMemory(11, fit=fit)
    for owner, size in [("a", 3), ("b", 1), ("c", 2), ("d", 1)]:
        memory.allocate(owner, size)
    memory.free("a")
    memory.free("c")
    assert memory.holes == [(0, 3), (4, 2), (7, 4)]
    assert memory.allocate("x", 2) == start and memory.fit == fit


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 12)), max_size=40), st.integers(1, 40))
def test_pieces_and_holes_always_tile_the_memory(steps, size):
    for fit in ("first", "best", "worst", "next"):
        memory = ContiguousMemory(size, fit=fit)
        for owner, units in steps:
            name = f"p{owner}"
            if name in memory.pieces:
                memory.free(name)
            else:
                largest = memory.largest_hole
                try:
                    memory.allocate(name, units)
                    assert units <= largest
                except dl.AllocationError:
                    assert units > largest
            extents = sorted([*memory.pieces.values(), *memory.holes])
            assert [start for start, _ in extents] == list(np.cumsum([0] + [it for _, it in extents])[:-1])
            assert sum(it for _, it in extents) == size


def test_memories_are_values():
    memory = ContiguousMemory(10, fit="next")
    memory.allocate("a", 3)
    twin = memory.copy()
    assert twin == memory and pickle.loads(pickle.dumps(memory)) == memory
    memory.free("a")
    assert twin != memory and twin.pieces == {"a": (0, 3)}
    paged = PagedMemory(8, 2)
    assert paged != memory and paged.copy() == paged


def test_bad_requests_for_memory():
    memory = ContiguousMemory(4)
    memory.allocate("A", 1)
    with pytest.raises(dl.ParameterError, match="owner: 'A' holds memory|owner: .*holds memory already"):
        memory.allocate("A", 1)
    with pytest.raises(dl.ParameterError, match="holds no memory"):
        memory.free("B")
    with pytest.raises(dl.ParameterError, match="size: expected a whole number of units"):
        memory.allocate("B", 0)
    with pytest.raises(dl.ParameterTypeError, match="size: expected a whole number"):
        memory.allocate("B", 1.5)
    with pytest.raises(dl.ParameterError, match="fit: expected one of first, best, worst, next"):
        ContiguousMemory(4, fit="buddy")
    with pytest.raises(dl.ParameterError, match="size: expected a whole number of units, from 1"):
        ContiguousMemory(0)
    with pytest.raises(dl.ParameterError, match="size: expected a whole number of pages"):
        PagedMemory(10, page_size=4)
    with pytest.raises(dl.ParameterError, match="at most 2\\^26 pages"):
        PagedMemory(2**40, page_size=1)
    with pytest.raises(dl.AllocationError, match="no place for 'x' of 12: 8 free"):
        PagedMemory(8, 2).allocate("x", 12)
