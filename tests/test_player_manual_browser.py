"""The page of a player of a cluster that moves by hand, in headless Chromium: steps, waiting messages, and clicks on them."""

import sys
from pathlib import Path

import pytest

import distlab as dl

sys.path.insert(0, str(Path(__file__).parent))
from pictures import launched
from players import Live, opening


@pytest.fixture(scope="module")
def browser():
    with launched() as found:
        yield found


@pytest.fixture
def opened(browser, tmp_path):
    with opening(browser, tmp_path) as found:
        yield found


@pytest.fixture
def live(browser):
    pytest.importorskip("anywidget")
    context = browser.new_context(viewport={"width": 1180, "height": 700})
    yield lambda show: Live(context.new_page(), show)
    context.close()


def election():
    script = [("n0 runs", lambda c: c.campaign("n0")), ("it wins", lambda c: c.settle())]
    return dl.player(dl.Raft(3, manual=True), script=script, title="By hand")


def token_at(driven, source, target):
    """Where on the page the first message on a way is."""
    x, y = driven.ask(
        """(({ x, y }) => [x, y])(r.tokens.find(({ message, gone }) => {
          const it = r.recording.columns, name = (node) => r.recording.names[node];
          return !gone && name(it.message_from[message]) === v[0] && name(it.message_to[message]) === v[1];
        }))""",
        source,
        target,
    )
    box = driven.page.locator(".dlst-stage canvas").bounding_box()
    return box["x"] + x, box["y"] + y


def caption(driven):
    return driven.page.locator(".dlpl-caption").inner_text()


def rest(driven):
    """Wait until what moves has come to rest."""
    for _ in range(200):  # the page's policy lets nobody wait by a script
        driven.page.wait_for_timeout(50)
        if not driven.ask("p.playing"):
            return driven.settle()
    raise AssertionError("it moves and moves")


def test_a_scripted_page_goes_step_by_step(opened):
    driven = opened(election())
    assert driven.place == [0, 0, 0]
    assert driven.page.locator(".dlpl-caption").is_hidden()
    driven.press("ArrowRight")
    rest(driven)
    assert driven.place == [0, 1, 1]
    assert caption(driven) == "n0 runs"
    assert driven.told == "n0: election timer goes off; n0: candidate 1"
    before = token_at(driven, "n0", "n1")
    driven.press("ArrowRight")
    rest(driven)
    assert driven.place == [0, 2, 2]
    assert caption(driven) == "it wins"
    assert driven.told.startswith("n1 receives request_vote from n0")
    assert token_at(driven, "n1", "n0") != before
    driven.press("ArrowLeft")
    assert driven.place == [0, 1, 1]
    assert token_at(driven, "n0", "n1") == before
    driven.press("End")
    assert driven.place[1] == driven.ask("h.course.last")
    driven.press("p", "p")
    assert caption(driven) == "it wins"
    driven.press("Home")
    driven.press("ArrowRight", "ArrowRight", "ArrowRight")
    rest(driven)
    assert driven.place == [0, 3, 3]
    assert driven.page.locator(".dlpl-time").inner_text().startswith("step 3 of ")
    assert driven.errors == []


def test_playing_stops_at_the_last_step_and_begins_anew(opened):
    driven = opened(election())
    driven.ask("(p.speed = 100, p.toggle(), 0)")
    rest(driven)
    assert driven.place[1] == driven.ask("h.course.last")
    driven.ask("(p.speed = 1, p.toggle(), 0)")
    driven.settle()
    assert driven.place[1] < 3
    assert driven.errors == []


def test_a_click_delivers_drops_and_doubles_messages(live):
    driven = live(dl.player(dl.Raft(3, manual=True)))
    driven.page.mouse.click(*driven.node_at("n0"))
    driven.settle()
    verbs = driven.page.locator(".dlpl-verbs button")
    assert verbs.all_inner_texts() == ["⏵ election", "crash", "pause", "cut off", "campaign", "propose", "tick"]
    verbs.get_by_text("election").click()
    assert driven.relay()["waiting"] == "election"
    rest(driven)
    assert driven.place == [0, 1, 1]
    driven.page.mouse.click(*token_at(driven, "n0", "n1"))
    driven.settle()
    assert driven.page.locator("[data-group=chosen] legend").inner_text() == "request_vote"
    assert verbs.all_inner_texts() == ["deliver", "drop", "duplicate"]
    verbs.get_by_text("deliver").click()
    driven.relay()
    rest(driven)
    assert driven.place == [0, 2, 2]
    assert driven.show.branches == ["as it was"]
    assert verbs.count() == 0  # it has arrived
    driven.page.mouse.click(*token_at(driven, "n0", "n2"))
    driven.settle()
    verbs.get_by_text("drop").click()
    driven.relay()
    rest(driven)
    assert "is lost" in driven.told
    driven.page.mouse.click(*token_at(driven, "n1", "n0"))
    driven.settle()
    verbs.get_by_text("duplicate").click()
    driven.relay()
    rest(driven)
    assert len(driven.show.cluster(4).messages) == 2
    driven.page.locator(".dlpl-all").click()
    driven.relay()
    rest(driven)
    end = driven.place[1]
    assert driven.show.cluster(end).leader == "n0"
    driven.press("Home")
    driven.page.mouse.click(*driven.node_at("n2"))
    driven.settle()
    verbs.get_by_text("crash").click()
    driven.relay()
    rest(driven)
    assert driven.show.branches == ["as it was", "crash n2"]
    assert driven.place == [1, 1, 1]
    assert not driven.show.cluster(1, "crash n2").up("n2")
    assert driven.errors == []


def test_a_message_of_a_run_is_lost_by_a_click(live):
    driven = live(dl.player(dl.Raft(3, seed=7, network=dl.Network(latency="5ms")), until="0.4s"))
    message = driven.show._branches[0].recording._messages[0]
    driven.seek(message.sent_ns / 1e9 + 0.002)
    names = driven.show.cluster("0.4s").nodes
    driven.page.mouse.click(*token_at(driven, names[message.source], names[message.target]))
    driven.settle()
    driven.page.locator(".dlpl-verbs button").get_by_text("drop").click()
    driven.relay()
    assert driven.show.branches[1].startswith("drop request_vote")
    assert driven.place[0] == 1
    assert "is lost" in driven.told
    driven.press("Escape")
    assert driven.page.locator("[data-group=chosen] legend").inner_text() == "Node"
    assert driven.errors == []


@pytest.mark.parametrize("width", [480, 1180])
def test_messages_that_wait_on_one_way_can_all_be_pointed_at(opened, width):
    def send(cluster):
        for number in range(6):
            cluster._world.post("a", "b", {"echo": {"ping": number}})

    cluster = dl.Cluster.of({name: {"echo": {}} for name in "abc"}, manual=True)
    driven = opened(dl.player(cluster, script=send), viewport={"width": width, "height": 700})
    driven.press("End")
    places = driven.ask("r.tokens.map(({ x, y }) => [x, y])")
    assert len(places) == 6
    assert driven.ask("v[0].map(([x, y]) => r.hit(x, y)?.token)", places) == [0, 1, 2, 3, 4, 5]
