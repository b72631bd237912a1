"""Nodes written in Python: handlers, context, crashes, exceptions, time travel."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import pytest

import distlab as dl
from distlab._core import World

SECOND = 1_000_000_000


class Ping(dl.Node):
    """Sends a number back and forth until it is used up."""

    def __init__(self) -> None:
        self.seen = 0

    def on_message(self, cx: dl.Context, sender: str, msg: int) -> None:
        self.seen += 1
        if msg:
            cx.send(sender, msg - 1)


class Counter(dl.Node):
    """Keeps what it was called with on disk."""

    def __init__(self, label: str = "") -> None:
        self.label = label
        self.starts: list[float] = []

    def on_start(self, cx: dl.Context) -> None:
        self.starts.append(cx.now)
        cx.arm("tick", "100ms")

    def on_timer(self, cx: dl.Context, name: str) -> None:
        cx.note(name, 3)

    def on_call(self, cx: dl.Context, op: int, call: Any) -> None:
        cx.write((cx.disk or 0) + call)
        cx.reply(op, {"total": cx.disk, "durable": cx.durable})


def world(nodes: dict[str, Any], **config: Any) -> World:
    made = World({"seed": 7, **config})
    made.spawn(nodes)
    made.run_until(0)
    return made


def run_handler(body: Any, **config: Any) -> Any:
    """Runs `body(cx)` inside a handler and returns what it returns."""
    results: list[Any] = []

    class Probe:
        def on_call(self, cx: dl.Context, op: int, call: Any) -> None:
            RESULTS.append(body(cx))

    RESULTS.clear()
    made = world({"probe": Probe(), "other": Ping()}, **config)
    made.call("probe", None)
    made.run_until(0)
    results.extend(RESULTS)
    return results[0]


RESULTS: list[Any] = []


def test_nodes_talk() -> None:
    pair = world({"a": Ping(), "b": Ping()})
    pair.inject("a", "b", 9)
    assert pair.run_until(None) == 10
    assert (pair.state("a"), pair.state("b")) == (({"seen": 5}, None), ({"seen": 5}, None))


def test_a_call_is_answered_with_what_is_on_disk() -> None:
    counter = world({"c": Counter()})
    first, second = counter.call("c", 2), counter.call("c", 40)
    assert counter.run_op(second)
    assert counter.op(first)["reply"] == {"total": 2, "durable": True}
    assert counter.op(second)["reply"] == {"total": 42, "durable": True}
    assert counter.op(second)["outcome"] == "ok"
    assert counter.state("c")[1] == 42


def test_an_answer_waits_for_the_disk_and_at_once_does_not() -> None:
    class Writer:
        def on_call(self, cx: dl.Context, op: int, call: Any) -> None:
            cx.write(call)
            cx.reply(op, cx.durable, outcome="fail", at_once=call == "at once")

    slow = world({"w": Writer()}, disk={"sync": {"constant": 5_000_000}})
    patient, hasty = slow.call("w", "wait"), slow.call("w", "at once")
    slow.run_until(None)
    assert slow.op(hasty)["replied_ns"] == 0
    assert slow.op(patient)["replied_ns"] == 5_000_000
    assert slow.op(patient)["reply"] is False
    assert slow.op(patient)["outcome"] == "fail"


def test_a_crash_loses_the_object_and_keeps_the_disk() -> None:
    counter = world({"c": Counter("x")})
    counter.call("c", 5)
    counter.run_until(SECOND)
    counter.apply({"crash": {"node": "c"}})
    assert counter.state("c") == (None, 5)
    counter.apply({"recover": {"node": "c"}})
    assert counter.state("c") == ({"label": "x", "starts": [1.0]}, 5)


def test_a_node_is_a_copy_of_the_object_it_was_made_from() -> None:
    original = Ping()
    pair = world({"a": original, "b": original})
    pair.inject("a", "b", 9)
    pair.run_until(None)
    assert original.seen == 0
    assert pair.object("a") is not pair.object("b")
    assert pair.object("a").seen == 5


def test_messages_are_copies() -> None:
    class Sender:
        def on_start(self, cx: dl.Context) -> None:
            payload = {"log": [1]}
            cx.send("b", payload)
            payload["log"].append(2)

    class Receiver(dl.Node):
        def on_message(self, cx: dl.Context, sender: str, msg: Any) -> None:
            self.got = (sender, msg)

    made = world({"a": Sender(), "b": Receiver()})
    made.run_until(SECOND)
    assert made.state("b")[0] == {"got": ("a", {"log": [1]})}


def test_the_context_shows_the_world() -> None:
    assert run_handler(lambda cx: (cx.id, cx.now, cx.nodes, cx.disk, cx.durable)) == (
        "probe",
        0.0,
        ("probe", "other"),
        None,
        True,
    )
    assert run_handler(repr) == '<Context of "probe">'


def test_choices_are_drawn_from_the_seed() -> None:
    def draw(cx: dl.Context) -> list[int]:
        return [cx.choose(6) for _ in range(50)] + [cx.chance(0.5) for _ in range(50)]

    drawn = run_handler(draw)
    assert set(drawn[:50]) == set(range(6))
    assert set(drawn[50:]) == {True, False}
    assert run_handler(draw) == drawn
    assert run_handler(draw, seed=8) != drawn
    assert run_handler(lambda cx: (cx.choose(1), cx.chance(0), cx.chance(1))) == (0, False, True)


def test_a_clock_is_the_nodes_own() -> None:
    counter = world({"c": Counter()})
    counter.apply({"crash": {"node": "c"}})
    counter.apply({"clock_jump": {"node": "c", "by": -2 * SECOND}})
    counter.apply({"recover": {"node": "c"}})
    assert counter.state("c")[0]["starts"] == [-2.0]


def test_timers_are_armed_disarmed_and_traced_by_name() -> None:
    class Timers:
        def on_start(self, cx: dl.Context) -> None:
            cx.arm("never", 1.0)
            cx.arm("retry", ("10ms", "20ms"))
            cx.disarm("never")

        def on_timer(self, cx: dl.Context, name: str) -> None:
            cx.note("fired", int(cx.now * 1000))

    timers = world({"t": Timers()}, trace="full")
    assert [it["label"] for it in timers.pending()] == ["retry"]
    timers.run_until(None)
    trace = timers.trace()
    rows = [
        (trace["kinds"][kind], trace["labels"][label])
        for kind, label in zip(trace["kind"], trace["label"], strict=True)
    ]
    assert ("timer", "retry") in rows
    assert ("note", "fired") in rows
    assert 10 <= trace["id"][-1] <= 20


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        (lambda cx: cx.send("nobody", 1), dl.UnknownNode, "no node 'nobody'; there are: probe, other"),
        (lambda cx: cx.send(9, 1), dl.UnknownNode, "no node 9"),
        (lambda cx: cx.send(None, 1), dl.ParameterTypeError, "node: expected the name"),
        (lambda cx: cx.send("other", object()), dl.SerializationError, "message: expected None, bool"),
        (lambda cx: cx.write({"x": 1j}), dl.SerializationError, r"disk\['x'\]"),
        (lambda cx: cx.arm("t", -1), dl.ParameterError, "span: expected a duration"),
        (lambda cx: cx.arm("t", ("2s", "1s")), dl.ParameterError, "the shorter duration first"),
        (lambda cx: cx.arm("t", (1, 2, 3)), dl.ParameterError, "a pair"),
        (lambda cx: cx.choose(0), dl.ParameterError, "n: expected a whole number from 1"),
        (lambda cx: cx.choose(True), dl.ParameterTypeError, "n: expected a whole number"),
        (lambda cx: cx.chance(1.5), dl.ParameterError, "p: expected a probability"),
        (lambda cx: cx.chance("x"), dl.ParameterTypeError, "p: expected a probability"),
        (lambda cx: cx.reply(0, outcome="good"), dl.ParameterError, "outcome: expected 'ok'"),
    ],
)
def test_mistakes_in_a_handler_say_what_would_be_right(body: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        run_handler(body)


def test_an_exception_surfaces_as_itself_and_stops_only_its_node() -> None:
    class Fragile(dl.Node):
        def on_message(self, cx: dl.Context, sender: str, msg: Any) -> None:
            cx.write("half")
            raise LookupError(msg)

    made = world({"f": Fragile(), "p": Ping(), "q": Ping()}, disk={"sync": {"constant": SECOND}})
    made.inject("p", "f", "boom")
    made.inject("p", "q", 3)
    with pytest.raises(LookupError, match="boom") as caught:
        made.run_until(SECOND)
    assert caught.traceback[-1].name == "on_message"
    assert caught.value.__notes__ == ["in a handler of node 'f', at t = 0 s (seed 7); the node was stopped"]
    assert made.state("f") == (None, None)
    made.run_until(SECOND)
    assert made.state("p")[0] == {"seen": 2}
    made.apply({"recover": {"node": "f"}})
    assert made.is_up("f")


def test_the_run_stops_at_the_event_that_raised() -> None:
    class Fragile:
        def on_message(self, cx: dl.Context, sender: str, msg: Any) -> None:
            raise LookupError

    made = world({"f": Fragile(), "p": Ping(), "q": Ping()}, network={"latency": {"constant": 1000}})
    made.post("p", "q", 1000)
    made.post("p", "f", 0)
    with pytest.raises(LookupError):
        made.run_until(SECOND)
    assert made.now == 1000


def test_a_handler_cannot_run_its_own_cluster() -> None:
    class Greedy:
        def on_start(self, cx: dl.Context) -> None:
            GREEDY[0].run_until(SECOND)

    made = World({})
    GREEDY[:] = [made]
    made.spawn({"g": Greedy()})
    with pytest.raises(dl.ClusterBusy):
        made.run_until(0)
    assert GREEDY[0].run_until(0) == 0


GREEDY: list[World] = []


def test_a_handler_may_run_another_cluster() -> None:
    def inner(cx: dl.Context) -> Any:
        other = world({"a": Ping(), "b": Ping()})
        other.inject("a", "b", 9)
        other.run_until(None)
        return cx.id, other.state("a")[0]

    assert run_handler(inner) == ("probe", {"seen": 5})


def test_a_context_is_dead_outside_its_handler() -> None:
    cx = run_handler(lambda cx: cx)
    for use in (
        lambda: cx.now,
        lambda: cx.id,
        lambda: cx.send("other", 1),
        lambda: cx.disk,
        lambda: cx.nodes,
    ):
        with pytest.raises(dl.HandlerError, match="while it runs"):
            use()
    assert repr(cx) == "<Context, outside its handler>"


def test_a_context_is_dead_in_another_thread() -> None:
    def elsewhere(cx: dl.Context) -> Any:
        caught: list[Any] = []

        def use() -> None:
            try:
                cx.send("other", 1)
            except dl.HandlerError as error:
                caught.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        return len(caught)

    assert run_handler(elsewhere) == 1


@pytest.mark.parametrize("node", [object(), 5, Ping, dl.Node()])
def test_what_has_no_handler_is_no_node(node: Any) -> None:
    made = World({})
    with pytest.raises(dl.ParameterTypeError, match="node: expected an object with on_message"):
        made.spawn({"ok": Ping(), "bad": node})
    assert made.names == []
    assert made.spawn({"bad": Ping()}) == [0]


def test_what_cannot_be_copied_is_no_node() -> None:
    class Locked(Ping):
        def __init__(self) -> None:
            self.lock = threading.Lock()

    with pytest.raises(dl.SerializationError, match=r"Locked: a node is copied .* cannot be: TypeError") as caught:
        World({}).spawn({"l": Locked()})
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize(
    "send", [lambda w: w.inject("p", "t", 1), lambda w: w.call("p", 1), lambda w: w.fire("p", "x")]
)
def test_what_a_class_does_not_handle_is_an_error_on_arrival(send: Any) -> None:
    class Starter:
        def on_start(self, cx: dl.Context) -> None:
            pass

    made = world({"p": Starter(), "t": Starter()})

    def run() -> None:
        send(made)
        made.run_until(0)

    with pytest.raises(dl.HandlerError, match="but Starter defines no on_"):
        run()


def test_a_fork_goes_its_own_way() -> None:
    pair = world({"a": Ping(), "b": Ping()})
    pair.inject("a", "b", 99)
    pair.run_until(10_000_000)
    fork = pair.fork()
    other = pair.fork(seed=8)
    for it in (pair, fork, other):
        it.run_until(None)
    assert fork.fingerprint == pair.fingerprint
    assert other.fingerprint != pair.fingerprint
    assert fork.state("a") == pair.state("a") == ({"seen": 50}, None)
    assert fork.object("a") is not pair.object("a")


@dataclasses.dataclass
class Item:
    key: str
    value: int


class Store(dl.Node):
    def __init__(self) -> None:
        self.items = [Item("x", 1)]

    def on_message(self, cx: dl.Context, sender: str, msg: Any) -> None:
        self.items.append(msg)
        cx.write(self.items)


def test_a_saved_cluster_goes_on_where_it_was() -> None:
    made = world({"s": Store(), "p": Ping()})
    made.post("p", "s", Item("y", 2))
    saved = made.save()
    again = World.load(saved, [Store, Ping, Item])
    for it in (made, again):
        it.run_until(SECOND)
        assert it.state("s")[0] == {"items": [Item("x", 1), Item("y", 2)]}
    assert again.fingerprint == made.fingerprint
    assert again.names == ["s", "p"]


def test_loading_runs_no_code_and_needs_the_classes() -> None:
    made = world({"p": Ping()})
    saved = made.save()
    renamed = saved.replace(b"Ping", b"Pong")
    with pytest.raises(dl.SaveFileError, match="damaged"):
        World.load(renamed)
    local = type("Unseen", (Ping,), {"__module__": "nowhere", "__init__": None, "__new__": None})
    with pytest.raises(dl.ParameterTypeError, match="classes of nodes"):
        World.load(saved, ["Ping"])  # type: ignore[list-item]
    assert World.load(saved, [local]).state("p") == ({"seen": 0}, None)


def test_a_state_that_is_no_data_cannot_be_saved() -> None:
    class Impure(Ping):
        def __init__(self) -> None:
            self.log = {"raw": [1j]}

    made = world({"i": Impure()})
    with pytest.raises(dl.SerializationError, match=r"Impure\.log\['raw'\]\[0\]"):
        made.save()
    assert made.is_up("i")


def test_state_can_be_edited() -> None:
    made = world({"p": Ping()})
    made.edit("p", state={"seen": 40, "more": [1]}, disk="hello")
    assert made.state("p") == ({"seen": 40, "more": [1]}, "hello")
    with pytest.raises(dl.ParameterTypeError, match="state: expected a dict"):
        made.edit("p", state=5)


def test_nodes_of_both_kinds_talk() -> None:
    class Bridge(dl.Node):
        def on_call(self, cx: dl.Context, op: int, call: Any) -> None:
            cx.send("echo", {"echo": {"ping": call}})

        def on_message(self, cx: dl.Context, sender: str, msg: Any) -> None:
            self.got = (sender, msg)

    mixed = world({"py": Bridge(), "echo": {"echo": {}}})
    mixed.call("py", 3)
    mixed.run_until(SECOND)
    assert mixed.state("py")[0] == {"got": ("echo", {"echo": {"ping": 2}})}
    assert mixed.state("echo")[0]["echo"]["heard"] == 1
    mixed.inject("py", "echo", {"echo": {"ping": 1}})
    mixed.run_until(2 * SECOND)
    assert mixed.state("py")[0]["got"] == ("echo", {"echo": {"ping": 0}})


def test_a_message_that_a_built_in_node_cannot_read_is_an_error() -> None:
    class Liar:
        def on_start(self, cx: dl.Context) -> None:
            cx.send("echo", {"echo": {"pong": 1}})

    mixed = World({})
    mixed.spawn({"py": Liar(), "echo": {"echo": {}}})
    with pytest.raises(dl.ParameterError, match=r"message\.echo: expected 'ping'"):
        mixed.run_until(SECOND)
    assert mixed.is_up("py")


@pytest.mark.parametrize(
    ("message", "label"),
    [
        (("ping", 3), "ping"),
        ({"append": {"term": 1}}, "append"),
        ({"kind": "vote", "term": 1}, "vote"),
        (Item("x", 1), "Item"),
        ("hello", "hello"),
        ("two words", "str"),
        (7, "int"),
        (None, "None"),
        ({"a": 1, "b": 2}, "dict"),
        ([], "list"),
    ],
)
def test_messages_are_traced_by_their_kind(message: Any, label: str) -> None:
    made = world({"a": Ping(), "b": Ping()})
    made.inject("a", "b", message)
    (pending,) = made.pending()
    assert (pending["label"], pending["payload"], pending["src"], pending["dst"]) == (
        label,
        message,
        "a",
        "b",
    )


def test_a_history_shows_calls_in_the_terms_of_checkers() -> None:
    class Register(dl.Node):
        def on_call(self, cx: dl.Context, op: int, call: Any) -> None:
            match call:
                case ("write", key, value):
                    cx.write({**(cx.disk or {}), key: value})
                    cx.reply(op)
                case ("read", key):
                    cx.reply(op, (cx.disk or {}).get(key))
                case _:
                    cx.reply(op, "what?", outcome="fail")

    register = world({"r": Register()})
    for call in [("write", "x", 1), ("read", "x"), ("cas", "x", 1, 2), {"odd": 1.5}]:
        register.call("r", call)
    register.run_until(0)
    history = register.history()
    kinds = [history["kinds"][kind] for kind in history["kind"]]
    rows = list(zip(kinds, history["key"], history["argument"], history["result"], history["outcome"], strict=True))
    assert rows == [
        ("write", "x", 1, None, 0),
        ("read", "x", None, 1, 0),
        ("cas", "x", [1, 2], "what?", 1),
        ("odd", None, {"odd": 1.5}, "what?", 1),
    ]

    load = {"clients": ["r"], "arrivals": {"fixed": {"rate": 1000.0}}, "keys": {"uniform": {"n": 3}}}
    register.add_load({**load, "mix": {"read": 0.5, "update": 0.5}, "limit": 100})
    register.run_until(SECOND)
    history = register.history(4)
    assert len(history["node"]) == 100
    assert set(history["outcome"]) == {0}
    assert set(history["load"]) == {0}


def test_a_thousand_runs_leave_nothing_behind() -> None:
    import gc
    import tracemalloc

    def once() -> None:
        pair = world({"a": Ping(), "b": Ping()})
        pair.inject("a", "b", 20)
        pair.run_until(None)
        pair.fork().save()

    def growth() -> int:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(300):
            once()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    for _ in range(50):
        once()
    gc.collect()
    tracemalloc.start()
    # What leaks leaks in every round; what other threads of the test runner happen to keep does not.
    grown = min(growth() for _ in range(3))
    tracemalloc.stop()
    assert grown < 20_000
