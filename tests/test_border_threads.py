"""Ctrl-C, threads, and what may be read while a world runs."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import distlab as dl
from distlab._core import World

FOREVER = 2**31 - 1


class Ping(dl.Node):
    """Sends a number back and forth; torn if it was ever left half way through a handler."""

    def __init__(self) -> None:
        self.torn = False

    def on_message(self, cx: dl.Context, sender: str, msg: int) -> None:
        self.torn = True
        total = 0
        for i in range(50):
            total += i
        cx.send(sender, msg + 1)
        self.torn = False


def busy() -> World:
    """A world that has something to do for hours."""
    world = World({})
    world.spawn({"a": {"echo": {}}, "b": {"echo": {}}})
    world.call("a", {"echo": {"ping": {"to": "b", "count": FOREVER}}})
    return world


def busy_python() -> World:
    world = World({})
    world.spawn({"a": Ping(), "b": Ping()})
    world.run_until(0)
    world.inject("a", "b", 0)
    return world


def interrupted(run: Callable[[], Any]) -> float:
    """Presses Ctrl-C while `run` runs; how long it took to come back, in seconds."""
    pressed: list[float] = []

    def press() -> None:
        pressed.append(time.perf_counter())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(0.15, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run()
    returned = time.perf_counter()
    timer.join()
    return returned - pressed[0]


RUNS = {
    "until": lambda world: world.run_until(None),
    "deadline": lambda world: world.run_until(10**18),
    "while": lambda world: world.run_while(bool_of(world)),
    "op": lambda world: world.run_op(0),
}


def bool_of(world: World) -> Callable[[], bool]:
    return lambda: world.events >= 0


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_ctrl_c_ends_a_long_run_soon_and_leaves_the_cluster_usable(run: Callable[[World], Any]) -> None:
    world = busy()
    latencies = []
    for _ in range(3):
        before = world.events
        latencies.append(interrupted(lambda: run(world)))
        assert world.events > before
    assert min(latencies) < 0.05
    assert world.is_up("a")
    assert world.run_until(world.now + 10**9) > 0


@pytest.mark.parametrize("run", list(RUNS.values())[:3], ids=list(RUNS)[:3])
def test_ctrl_c_never_leaves_a_python_node_half_way(run: Callable[[World], Any]) -> None:
    world = busy_python()
    handler = signal.getsignal(signal.SIGINT)
    latencies = [interrupted(lambda: run(world)) for _ in range(3)]
    assert min(latencies) < 0.05
    assert signal.getsignal(signal.SIGINT) is handler
    for name in "ab":
        assert world.state(name)[0] == {"torn": False}
    assert world.run_until(world.now + 10**9) > 0


def test_a_second_ctrl_c_ends_a_handler_that_does_not() -> None:
    class Stuck:
        def on_start(self, cx: dl.Context) -> None:
            while True:
                pass

    world = World({})
    world.spawn({"s": Stuck()})

    def press() -> None:
        for _ in range(2):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            time.sleep(0.05)

    timer = threading.Timer(0.1, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        world.run_until(10**9)
    timer.join()
    assert not world.is_up("s")


def test_a_run_can_be_watched_and_cancelled_from_another_thread() -> None:
    world = busy()
    thread = threading.Thread(target=world.run_until, args=(None,))
    thread.start()
    wait_for(lambda: world.events > 1000)
    first = world.now
    wait_for(lambda: world.now > first)
    for use in (
        world.step,
        world.save,
        world.fork,
        world.pending,
        lambda: world.state("a"),
        lambda: world.names,
    ):
        with pytest.raises(dl.ClusterBusy, match="running"):
            use()
    world.cancel()
    thread.join(10)
    assert not thread.is_alive()
    assert world.names == ["a", "b"]
    assert world.step()


def test_two_clusters_run_at_once() -> None:
    first, second = busy(), busy()
    thread = threading.Thread(target=first.run_until, args=(None,))
    thread.start()
    wait_for(lambda: first.events > 0)
    before = first.events
    while first.events < before + 10_000:
        second.run_until(second.now + 10**8)
    assert second.events > 0
    first.cancel()
    thread.join(10)
    assert not thread.is_alive()


def test_results_do_not_hang_on_how_threads_take_turns() -> None:
    def run(into: list[int]) -> None:
        world = busy_python()
        world.run_until(world.now + 3 * 10**9)
        into.append(world.fingerprint)

    fingerprints: list[int] = []
    threads = [threading.Thread(target=run, args=(fingerprints,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(fingerprints)
    assert len(fingerprints) == 5
    assert len(set(fingerprints)) == 1


def test_progress_is_shown_while_it_runs() -> None:
    world = busy()
    seen: list[tuple[int, int]] = []
    world.run_until(3 * 10**11, progress=lambda now, events: seen.append((now, events)))
    assert seen == sorted(seen)
    assert seen[-1] == (world.now, world.events)


def test_an_exception_in_progress_or_condition_ends_the_run() -> None:
    world = busy()
    with pytest.raises(ZeroDivisionError):
        world.run_until(None, progress=lambda now, events: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.run_while(lambda: 1 / 0)
    assert world.step()


def test_a_condition_may_look_at_the_world() -> None:
    world = busy()
    assert world.run_while(lambda: world.state("b")[0] is None or world.state("b")[0]["echo"]["heard"] < 5)
    assert world.state("b")[0]["echo"]["heard"] == 5
    assert not world.run_while(lambda: True, deadline_ns=world.now + 10**6)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
