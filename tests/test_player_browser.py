"""The page of the player in headless Chromium: what it draws, what pointer and keys do, and what it asks a kernel."""

import sys
from pathlib import Path

import numpy as np
import pytest

import distlab as dl
from distlab.widgets._recording import DELIVERED, LOST, Message

sys.path.insert(0, str(Path(__file__).parent))
from pictures import READY, TWO_FRAMES, launched
from players import Driven, Live, opening


@pytest.fixture(scope="module")
def browser():
    """A browser with nothing but what is asked of it; its window is closed at the end."""
    with launched() as found:
        yield found


@pytest.fixture
def opened(browser, tmp_path):
    with opening(browser, tmp_path) as found:
        yield found


def raft(seed=7):
    network = dl.Network(latency=dl.Uniform("1ms", "8ms"), loss=0.03, duplicate=0.03)
    cluster = dl.Raft(5, seed=seed, network=network, disk=dl.Disk(sync="1ms"))
    cluster.workload(clients=2, rate=12, until="4s")
    return cluster


@pytest.fixture(scope="module")
def show():
    branches = {
        "no leader": ("0.6s", lambda it: it.crash(it.leader)),
        "split": ("0.9s", lambda it: it.partition(it.nodes[:2], it.nodes[2:])),
        "a pause": ("0.4s", lambda it: it.pause("n1")),
    }
    return dl.player(raft(), until="1.5s", title="Raft", branches=branches)


BLUE, ORANGE = (0, 114, 178), (230, 159, 0)


def test_a_page_from_a_file_draws_and_asks_nobody(opened, show):
    driven = opened(show)
    driven.seek(0.21)
    assert driven.ink() > 5_000
    assert driven.errors == []
    assert [it.startswith("file://") for it in driven.requests] == [True]
    assert driven.page.locator(".dlst-title").inner_text() == "Raft"
    label = driven.page.locator(".dlst-stage canvas").get_attribute("aria-label")
    assert label.startswith("7 nodes at 0.210000 s")
    assert driven.page.locator(".dlpl-verbs button").count() == 0
    assert "running kernel" in driven.page.locator(".dlpl-hint").inner_text()


def test_roles_have_colours_and_the_down_are_crossed_out(opened, show):
    driven = opened(show)
    driven.seek(0.5)
    leader = show.cluster("0.5s").leader
    assert driven.pixel(leader, dx=0.75) == BLUE
    assert driven.pixel("n0" if leader != "n0" else "n1", dx=0.75) not in (BLUE, ORANGE)
    driven.ask("(p.chooseBranch(1), 0)")
    driven.seek(0.61)
    assert driven.pixel(leader, dx=0.75) == (255, 255, 255)
    assert driven.page.locator("option").all_inner_texts() == show.branches


def test_arrows_step_event_by_event_and_back(opened, show):
    driven = opened(show)  # whose keys need no click first
    times = [it / 1e9 for it in show._branches[0].recording.times_ns]
    driven.press("ArrowRight", "ArrowRight", "ArrowRight")
    assert driven.place == [0, 3, times[2]]
    assert driven.told
    driven.press("ArrowLeft")
    assert driven.place == [0, 2, times[1]]
    driven.press("Shift+ArrowRight")
    assert driven.place == [0, 12, times[11]]
    driven.press("End")
    assert driven.place == [0, len(times), 1.5]
    driven.press("Home")
    assert driven.place == [0, 0, 0]
    assert driven.told == "the recording begins"


def test_n_and_p_go_to_what_is_worth_seeing(opened, show):
    driven = opened(show)
    driven.page.locator(".dlst-stage canvas").focus()
    while "leader" not in driven.told:
        driven.press("n")
    rows = raft().set_trace("full").run(until="1.5s").trace.rows(kind="note", label="leader")
    assert driven.place[2] == rows[0]["time"]
    before = driven.place
    driven.press("n", "p")
    assert driven.place == before


def test_space_plays_and_stops(opened, show):
    driven = opened(show)
    driven.seek(0.2)
    driven.page.locator(".dlst-stage canvas").focus()
    driven.press("Space")
    driven.page.wait_for_timeout(400)
    driven.press("Space")
    first = driven.place[2]
    assert 0.2 < first < 0.4
    driven.settle()
    assert driven.place[2] == first
    speed = driven.ask("p.speed")
    driven.press("+", "+")
    assert driven.ask("p.speed") > 2 * speed
    driven.press("-", "-")
    assert driven.ask("p.speed") == pytest.approx(speed)


def test_playing_ends_at_the_end_where_there_is_no_kernel(opened, show):
    driven = opened(show)
    driven.seek(1.499)
    driven.ask("(p.speed = 1, p.toggle(), 0)")
    driven.page.wait_for_timeout(300)
    assert driven.place[2] == 1.5
    assert driven.ask("p.playing") is False
    assert driven.errors == []


def test_the_strip_scrubs_and_changes_branches(opened, show):
    driven = opened(show)
    box = driven.page.locator(".dlpl-strip canvas").bounding_box()
    x, y = driven.ask("[p.strip.x(1), p.strip.y(2)]")
    driven.page.mouse.move(box["x"] + x, box["y"] + y)
    driven.page.mouse.down()
    assert driven.place[0] == 2
    assert driven.place[2] == pytest.approx(1, abs=0.002)
    driven.page.mouse.move(box["x"] + driven.ask("p.strip.x(0.3)"), box["y"] + y, steps=5)
    driven.page.mouse.up()
    driven.settle()
    assert driven.place[0] == 2
    assert driven.place[2] == pytest.approx(0.3, abs=0.002)
    driven.page.locator("select").select_option(index=3)
    driven.settle()
    assert driven.place[0] == 3
    driven.page.locator(".dlst-stage canvas").focus()
    driven.press("ArrowUp")
    assert driven.place[0] == 2


def test_pointing_says_what_a_node_knows_and_a_message_carries(opened, show):
    driven = opened(show)
    cluster = show.cluster("0.5s")
    driven.seek(0.5)
    driven.page.mouse.move(*driven.node_at(cluster.leader))
    said = driven.page.locator("[role=tooltip]").inner_text().split()
    for word in (cluster.leader, "leader", "term", "committed", "heartbeat"):
        assert word in said
    message = next(
        it for it in show._branches[0].recording._messages if it.text and it.fate - it.begin > 1 and it.sent_ns > 3e8
    )
    arrives = show._branches[0].recording.time_ns(message.fate)
    driven.seek((message.sent_ns + arrives) / 2e9)
    x, y = driven.ask(
        "(({ x, y }) => [x, y])(r.tokens.find((it) => Math.round(r.recording.sent[it.message] * 1e9) === v[0]))",
        message.sent_ns,
    )
    box = driven.page.locator(".dlst-stage canvas").bounding_box()
    driven.page.mouse.move(box["x"] + x, box["y"] + y)
    said = driven.page.locator("[role=tooltip]").inner_text()
    names = cluster._world.names
    assert f"{names[message.source]} → {names[message.target]}" in said
    assert list(show._tables.texts)[message.text].split(":")[0] in said
    entry = driven.ask("r.boxes.at(-1)")
    driven.page.mouse.move(box["x"] + entry["x"] + 8, box["y"] + entry["y"] + 8)
    assert driven.page.locator("[role=tooltip]").inner_text().startswith(f"entry {entry['index']} of n4")


def test_a_click_keeps_a_node_in_the_panel(opened, show):
    driven = opened(show)
    driven.seek(0.5)
    driven.page.mouse.click(*driven.node_at("n3"))
    driven.settle()
    panel = driven.page.locator("[data-group=chosen]")
    assert panel.locator("legend").inner_text() == "n3"
    before = panel.inner_text()
    driven.seek(0.1)
    assert panel.inner_text() != before
    assert driven.page.locator(".dlpl-verbs button").count() == 0
    driven.page.keyboard.press("Escape")
    driven.settle()
    assert panel.locator("legend").inner_text() == "Node"


def test_it_is_dark_where_pages_are_dark(opened, show):
    light = opened(show).ask("[...r.g.getImageData(2, 2, 1, 1).data]")
    dark = opened(show, color_scheme="dark").ask("[...r.g.getImageData(2, 2, 1, 1).data]")
    assert sum(light[:3]) > 700
    assert sum(dark[:3]) < 120


@pytest.mark.parametrize("width", [320, 420, 620, 1600])
def test_everything_fits_at_any_width(opened, show, width):
    driven = opened(show, viewport={"width": width, "height": 760}, device_scale_factor=2)
    driven.seek(0.5)
    w, h = driven.ask("[r.width, r.height]")
    assert driven.ask("[r.canvas.width, r.canvas.height]") == [2 * w, 2 * h]
    for x, y, size in driven.ask("r.nodes.map(({ x, y, r: size }) => [x, y, size])"):
        assert size < x < w - size
        assert size < y < h - size
    assert driven.page.evaluate("document.documentElement.scrollWidth") <= width
    assert driven.ink() > 2_000
    assert driven.errors == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: dl.Bank(9, seed=3),
        lambda: dl.TwoPhaseCommit(participants=3, seed=2),
        lambda: dl.Raft(1, seed=1),
        lambda: dl.Cluster.of({"only": {"echo": {}}}),
        lambda: dl.Ntp((1, 3), seed=2),
    ],
)
def test_any_cluster_can_be_played(opened, make):
    show = dl.player(make(), until="0.5s", events=400, branches={"crash": lambda it: it.crash(it.nodes[-1])})
    driven = opened(show)
    for branch in (0, 1):
        driven.ask("(p.chooseBranch(v[0]), 0)", branch)
        driven.seek(driven.ask("h.course.end / 2"))
        assert driven.ink() > 800
    assert driven.errors == []


def many(messages=100_000, nodes=7, seed=7):
    """A player of many messages over ten seconds, without running a cluster that long."""
    show = dl.player(dl.Raft(nodes, seed=seed), until="0.3s")
    recording = show._branches[0].recording
    rng, start, last = np.random.default_rng(seed), 300_000_000, recording.position
    sent = np.sort(rng.integers(start, start + 10_000_000_000, messages))
    arrived = sent + rng.integers(500_000, 8_000_000, messages)
    times = np.sort(np.concatenate([sent, arrived]))
    begin, fate = np.searchsorted(times, sent) + last + 1, np.searchsorted(times, arrived) + last + 1
    source = rng.integers(0, nodes, messages)
    target = (source + rng.integers(1, nodes, messages)) % nodes
    labels = [recording.tables.labels.number(it) for it in ("ask", "answer", "ping")]
    for i, (a, b, c, x, y) in enumerate(zip(*map(np.ndarray.tolist, (sent, begin, fate, source, target)), strict=True)):
        state = LOST if i % 50 == 0 else DELIVERED
        recording._messages.append(Message(10**6 + i, a, b, x, y, labels[i % 3], fate=c, state=state))
    recording.times_ns += times.tolist()
    recording.position += 2 * messages
    return show


def test_a_hundred_thousand_messages_are_scrubbed_frame_by_frame(opened, record_property):
    show = many()
    assert len(show.to_html()) < 20 * 100_000
    driven = opened(show)
    found = driven.page.evaluate(
        """async () => {
          const p = document.getElementById("picture").player, frames = [], before = p.ring.stats.frames;
          p.head.course.end = 10;
          const started = performance.now();
          for (let i = 0; i < 100; i++) {
            p.head.seek(((i * 7919) % 1000) / 100);
            p.invalidate();
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
            frames.push({ ...p.ring.stats, time: p.head.time });
          }
          return { frames, drawn: p.ring.stats.frames - before, rate: 100000 / (performance.now() - started) };
        }"""
    )
    record_property("frames_per_second", round(found["rate"], 1))
    assert found["drawn"] == 100
    recording = show._branches[0].recording
    for it in found["frames"][::9]:
        time = it["time"] * 1e9
        under_way = sum(m.sent_ns <= time < recording.time_ns(m.fate) for m in recording._messages if m.fate >= 0)
        assert it["messages"] >= under_way > 10 or it["time"] < 0.4
        assert it["messages"] <= under_way + 20
    assert driven.errors == []


# -- with a kernel --------------------------------------------------------------------------------------------------


@pytest.fixture
def live(browser):
    pytest.importorskip("anywidget")
    context = browser.new_context(viewport={"width": 1180, "height": 700})
    yield lambda show: Live(context.new_page(), show)
    context.close()


def test_a_click_crashes_a_node_and_shows_the_branch(live):
    driven = live(dl.player(raft(), until="1s"))
    driven.seek(0.5)
    leader = driven.show.cluster("0.5s").leader
    driven.page.mouse.click(*driven.node_at(leader))
    driven.settle()
    verbs = driven.page.locator(".dlpl-verbs button")
    assert verbs.all_inner_texts() == ["crash", "pause", "cut off", "campaign", "propose"]
    verbs.get_by_text("crash").click()
    driven.settle()
    assert "asking the kernel" in driven.page.locator("[data-group=chosen]").inner_text()
    asked = driven.relay()
    assert (asked["verb"], asked["node"], asked["time"]) == ("crash", leader, 0.5)
    assert driven.show.branches == ["as it was", f"crash {leader}"]
    assert driven.place[0] == 1
    assert driven.place[2] == 0.5
    assert verbs.all_inner_texts() == ["restart"]
    assert driven.told.startswith(f"{leader} crashes")
    plain = raft().run(until="0.5s").crash(leader).run(until="0.9s")
    driven.seek(0.9)
    assert driven.ask("r.states.map((it) => it.role)")[:5] == [plain.portrait(it).role for it in plain.nodes]
    assert driven.page.locator("option").count() == 2
    driven.ask("(p.chooseBranch(0), 0)")
    driven.settle()
    assert "crash" in driven.page.locator(".dlpl-verbs button").all_inner_texts()
    assert driven.errors == []


def test_shift_and_a_click_cut_a_link(live):
    driven = live(dl.player(raft(), until="0.6s"))
    driven.seek(0.5)
    driven.page.mouse.click(*driven.node_at("n0"))
    driven.page.keyboard.down("Shift")
    driven.page.mouse.click(*driven.node_at("n3"))
    driven.page.keyboard.up("Shift")
    assert driven.relay()["other"] == "n3"
    assert driven.place[0] == 1
    assert sorted(driven.ask("r.cuts")) == [[0, 3], [3, 0]]
    assert driven.ask("r.chosen") == 0
    driven.press("4")
    assert driven.page.locator("[data-group=chosen] legend").inner_text() == "n3"


def test_playing_past_the_end_goes_on_in_the_kernel(live):
    driven = live(dl.player(raft(), until="0.4s"))
    driven.seek(0.4)
    driven.ask("(p.speed = 1, p.toggle(), 0)")
    driven.page.wait_for_function("model.asks?.do === 'extend'")
    driven.relay()
    driven.page.wait_for_function("document.getElementById('picture').player.head.time > 0.45")
    driven.ask("(p.pause(), 0)")
    assert driven.show._branches[0].recording.end_ns >= 600_000_000
    assert driven.errors == []


def test_what_cannot_be_is_told(live):
    driven = live(dl.player(raft(), until="0.4s"))
    driven.seek(0.3)
    driven.page.mouse.click(*driven.node_at("n0"))
    driven.ask("(p.ask({ verb: 'explode', node: 'n0' }), 0)")
    driven.relay()
    assert "verb: expected one of" in driven.page.locator("[role=alert]").inner_text()
    driven.page.evaluate("model.change('payload', { version: 2 })")
    assert "version 2" in driven.page.locator("[role=alert]").inner_text()
    driven.page.evaluate("close_it()")
    assert driven.page.evaluate("Object.keys(model.heard)") == []


def test_it_draws_in_the_frame_of_a_notebook(browser, show, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    context = browser.new_context(viewport={"width": 900, "height": 700})
    driven = Driven(context.new_page())
    small = dl.player(raft(), until="0.3s", height=500)
    driven.page.set_content(small._repr_mimebundle_()["text/html"])
    (frame,) = driven.page.frames[1:]
    frame.wait_for_selector(READY, state="attached")
    frame.evaluate(TWO_FRAMES)
    assert frame.evaluate("document.getElementById('picture').player.ring.stats.frames") > 0
    assert frame.evaluate("document.getElementById('picture').clientHeight") == 500
    assert driven.errors == []
    assert all(it.startswith("about:") for it in driven.requests)
    context.close()
