"""Exercises: their answers worked out once more, by other means."""

import math

import pytest

import distlab as dl

SEEDS = range(150)


def test_translations():
    for seed in SEEDS:
        it = dl.memory.exercise("translation", seed)
        data = it.data
        size = 1 << data["page_bits"]
        assert it.answer == data["frame"] * size + data["address"] % size
        assert f"{data['address']:x}" in it.question and f"{it.answer:#x}" in it.solution
        assert it.check(hex(it.answer)) and it.check(it.answer) and not it.check(it.answer + 1)


def slow_faults(refs, frames, policy):
    """From the textbook, for FIFO, LRU and OPT."""
    held, faults = [], 0
    for at, page in enumerate(refs):
        if page in held:
            if policy == "lru":
                held.remove(page)
                held.append(page)
            continue
        faults += 1
        if len(held) == frames:
            rest = refs[at + 1 :]
            later = {it: rest.index(it) if it in rest else math.inf for it in held}
            held.remove(max(held, key=later.get) if policy == "opt" else held[0])
        held.append(page)
    return faults


def test_replacements():
    policies = set()
    for seed in SEEDS:
        it = dl.memory.exercise("replacement", seed)
        policies.add(it.data["policy"])
        assert all(a != b for a, b in zip(it.data["refs"][:-1], it.data["refs"][1:], strict=True))
        if it.data["policy"] in ("fifo", "lru", "opt"):
            assert it.answer == slow_faults(it.data["refs"], it.data["frames"], it.data["policy"])
        assert it.solution.count("fault") == it.answer + 1
        assert it.check(it.answer) and not it.check(it.answer + 1)
    assert policies == {"fifo", "lru", "opt", "clock", "lfu"}


def test_access_times():
    rates = 0
    for seed in SEEDS:
        it = dl.memory.exercise("emat", seed)
        terms = dict(it.data["terms"])
        if "target" in it.data:
            rates += 1
            assert 0 <= it.answer <= 1
            assert dl.memory.emat(h=it.answer, **terms) == pytest.approx(it.data["target"])
        else:
            h, t, m, n = (terms[name] for name in "htmn")
            miss = t + n * m + m + (1 - terms.get("p", 1)) * terms.get("S", 0)
            assert it.answer == pytest.approx(h * (t + m) + (1 - h) * miss)
        assert it.check(f"{it.answer:.4g}") and not it.check(2 * it.answer + 1)
    assert rates > 5


def test_a_seed_is_an_exercise_and_a_sheet_has_different_ones():
    assert dl.memory.exercise("emat", 5) == dl.memory.exercise("emat", 5)
    sheet = dl.memory.exercises(60, seed=2)
    assert len({it.question for it in sheet}) > 55
    assert {it.kind for it in dl.memory.exercises(5, "emat")} == {"emat"}
    assert "<details>" in sheet[0]._repr_html_() and sheet[0].question in str(sheet[0])


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: dl.memory.exercise("caches"), dl.ParameterError, "kind: expected 'translation'"),
        (lambda: dl.memory.exercise("emat", seed="x"), dl.ParameterTypeError, "seed: expected a whole number"),
        (lambda: dl.memory.exercises(-1), dl.ParameterError, "count: expected a whole number from 0"),
        (lambda: dl.memory.exercise("emat").check("much"), dl.ParameterError, "answer: expected a number"),
    ],
)
def test_bad_requests(call, kind, text):
    with pytest.raises(kind) as raised:
        call()
    assert text in str(raised.value)
