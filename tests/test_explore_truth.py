"""What others have counted, counted again; and explorations that are watched, and interrupted."""

import signal
import threading
import time

import pytest

import distlab as dl

specs = dl.specs

COUNTS = [
    (specs.TwoPhase(3), 288, 11),
    (specs.TwoPhase(4), 1_568, 14),
    (specs.TwoPhase(5), 8_832, 17),
    (specs.TwoPhase(6), 50_816, 20),
    (specs.TwoPhase(7), 296_448, 23),
    (specs.TwoPhase(8), 1_745_408, 26),
    (specs.TwoPhase(9), 10_340_352, 29),
    (specs.Peterson(), 42, 11),
    (specs.DiningPhilosophers(5), 67, 29),
    (specs.EWD840(3), 302, 9),
    (specs.ChangRoberts(3), 137, 10),
    (specs.AlternatingBit(2, 2), 240, 10),
    (specs.Paxos(1), 265, 14),
    (specs.Paxos(2), 16_668, 21),
    (specs.Paxos(3), 1_194_428, 28),
    *((specs.Pings(k, m), (2 * m + 1) ** k, 2 * m * k + 1) for k, m in [(1, 1), (2, 3), (3, 4), (4, 2)]),
    *((specs.Pings(k, m, loss=True), (3 * m + 1) ** k, 2 * m * k + 1) for k, m in [(1, 1), (2, 3), (3, 4), (4, 2)]),
]


@pytest.mark.parametrize(("spec", "distinct", "depth"), COUNTS, ids=lambda it: str(it))
def test_the_published_counts_are_met(spec, distinct, depth):
    found = dl.explore(spec)
    assert (found.distinct, found.depth, found.complete) == (distinct, depth, True)
    lossy = isinstance(spec, specs.Pings) and spec.loss  # and nobody asks again
    assert found.ok is not lossy
    assert found.collision < 1e-4


FLAWS = [
    (spec, flaw)
    for spec in (
        specs.TwoPhase,
        specs.Peterson,
        specs.DiningPhilosophers,
        specs.EWD840,
        specs.ChangRoberts,
        specs.AlternatingBit,
        specs.Paxos,
    )
    for flaw in spec._words["flaw"]
]


@pytest.mark.parametrize(("spec", "flaw"), FLAWS, ids=lambda it: getattr(it, "__name__", it))
def test_every_flaw_is_found(spec, flaw):
    found = dl.explore(spec(flaw=flaw))
    assert found.ok is False
    with pytest.raises(dl.PropertyViolation):
        found.raise_if_bad()


def test_all_counts_are_the_same_on_any_number_of_threads_and_with_wider_hashes():
    reports = [
        dl.explore(specs.TwoPhase(6), threads=threads, hash_bits=bits) for threads in (1, 2, 4) for bits in (64, 128)
    ]
    assert len({(it.distinct, it.generated, it.depth, it.terminal, *it.level_distinct) for it in reports}) == 1
    assert all(it.coverage == reports[0].coverage for it in reports)


def test_constants_out_of_range():
    for wrong, words in [
        (lambda: dl.explore(specs.TwoPhase(16)), "managers"),
        (lambda: dl.explore(specs.EWD840(9)), "nodes"),
        (lambda: specs.TwoPhase(0), "managers"),
        (lambda: specs.Peterson("no"), "ignores_turn"),
        (lambda: dl.explore(specs.TwoPhase(3), always={"x": bool}), "built-in"),
    ]:
        with pytest.raises(dl.ParameterError, match=words):
            wrong()


class Endless(dl.Spec):
    def init(self):
        return 0

    def actions(self, n):
        yield "up", n + 1


@pytest.mark.parametrize("system", [specs.TwoPhase(12), Endless()], ids=["core", "python"])
def test_ctrl_c_ends_an_exploration(system):
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(0.3, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        dl.explore(system)
    timer.join()
    assert dl.explore(specs.Peterson()).distinct == 42


def test_progress_is_shown(capfd):
    found = dl.explore(specs.TwoPhase(7), progress=True, threads=1)
    assert found.distinct == 296_448
    assert "states" in capfd.readouterr().err
