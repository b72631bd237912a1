"""The page of the space-time diagram in headless Chromium: what it draws, and what pointer and keys do."""

import sys
from pathlib import Path

import numpy as np
import pytest

import distlab as dl
from distlab.widgets._picture import source

sys.path.insert(0, str(Path(__file__).parent))
from pictures import READY, TWO_FRAMES, Page, launched
from spacetime_traces import many, raft

ARROW_LIMIT = 5_000


@pytest.fixture(scope="module")
def browser():
    """A browser with nothing but what is asked of it; its window is closed at the end."""
    with launched() as found:
        yield found


class Driven(Page):
    """A page with a diagram."""

    names = "p = it.diagram, d = p.diagram"

    @property
    def view(self):
        return self.ask("[d.view.from, d.view.to]")

    def place_of(self, row):
        """Where on the page an event is."""
        x, y = self.ask("[d.px(d.x[v[0]]), d.y(d.laneOf[d.data.node[v[0]]])]", row)
        box = self.page.locator("canvas").bounding_box()
        return box["x"] + x, box["y"] + y

    def ink(self):
        """How many pixels of the canvas are not background."""
        return self.ask(
            """(() => {
              const { width, height } = d.canvas, copy = new OffscreenCanvas(width, height);
              const read = copy.getContext("2d", { willReadFrequently: true });
              read.drawImage(d.canvas, 0, 0);
              const image = read.getImageData(0, 0, width, height).data;
              let found = 0;
              for (let i = 4; i < image.length; i += 4) {
                if (image[i] !== image[0] || image[i + 1] !== image[1] || image[i + 2] !== image[2]) found++;
              }
              return found;
            })()"""
        )


@pytest.fixture
def opened(browser, tmp_path):
    contexts = []

    def opening(picture, **options):
        path = tmp_path / "picture.html"
        picture.to_html(path)
        context = browser.new_context(**({"viewport": {"width": 1200, "height": 600}} | options))
        contexts.append(context)
        driven = Driven(context.new_page())
        driven.page.goto(path.as_uri())
        driven.page.wait_for_selector(READY, state="attached")  # the page's policy lets nobody wait by a script
        driven.settle()
        return driven

    yield opening
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def trace():
    return raft().trace


def test_a_page_from_a_file_draws_and_asks_nobody(opened, trace):
    driven = opened(dl.spacetime(trace, title="Raft", cut={"n0": 5}, chain=True))
    assert driven.ink() > 5_000
    assert driven.errors == []
    assert [it.startswith("file://") for it in driven.requests] == [True]
    assert driven.page.locator(".dlst-title").inner_text() == "Raft"
    assert "messages in view" in driven.page.locator("[role=status]").inner_text()
    assert driven.page.locator("canvas").get_attribute("aria-label").startswith("space-time diagram of 5 nodes")


def test_the_wheel_zooms_about_the_pointer(opened, trace):
    driven = opened(dl.spacetime(trace))
    begin, end = driven.view
    x, y = driven.place_of(200)
    before = driven.ask("d.valueAt(v[0])", x - driven.page.locator("canvas").bounding_box()["x"])
    driven.page.mouse.move(x, y)
    driven.page.mouse.wheel(0, -400)
    driven.settle()
    after = driven.ask("d.valueAt(v[0])", x - driven.page.locator("canvas").bounding_box()["x"])
    assert driven.view[1] - driven.view[0] < 0.7 * (end - begin)
    assert after == pytest.approx(before, abs=1e-3 * (end - begin))
    driven.page.mouse.wheel(0, 50_000)
    for _ in range(20):
        driven.page.mouse.wheel(0, 300)
    driven.settle()
    assert driven.view[1] - driven.view[0] <= 1.2 * (end - begin) + 1e-12


def test_dragging_moves_and_keys_do_too(opened, trace):
    driven = opened(dl.spacetime(trace, (0.1, 0.2)))
    x, y = driven.place_of(3)
    driven.page.mouse.move(600, 330)
    driven.page.mouse.down()
    driven.page.mouse.move(500, 330, steps=4)
    driven.page.mouse.up()
    driven.settle()
    begin, end = driven.view
    assert end - begin == pytest.approx(0.1)
    assert begin == pytest.approx(0.1 + 0.1 * 100 / driven.ask("d.plot"))
    assert driven.ask("d.chosen") == -1
    driven.page.keyboard.press("ArrowLeft")
    assert driven.view[0] == pytest.approx(begin - 0.01)
    driven.page.keyboard.press("+")
    assert np.diff(driven.view)[0] == pytest.approx(0.1 / 1.5)
    driven.page.keyboard.press("Home")
    assert driven.view == pytest.approx(driven.ask("[d.extent.from, d.extent.to]"))


def test_pointing_says_what_happened(opened, trace):
    row = next(i for i, it in enumerate(trace.rows()) if it["kind"] == "note" and it["label"] == "leader")
    at = trace.rows()[row]
    picture = dl.spacetime(trace, (at["time"] - 0.002, at["time"] + 0.002), details={"state": {row: "term <1>"}})
    driven = opened(picture)
    driven.page.mouse.move(*driven.place_of(row))
    tip = driven.page.locator("[role=tooltip]")
    assert tip.locator("b").inner_text() == "note leader"
    said = tip.inner_text()
    assert at["node"] in said
    assert f"{at['time']:.9f}".rstrip("0") in said
    assert "term <1>" in said
    driven.page.mouse.move(600, 20)
    assert not tip.is_visible()


def test_what_a_node_knows_lasts_until_it_knows_something_else(opened):
    cluster = dl.Raft(3, seed=7, trace="full")
    known = dl.widgets.watched(cluster, "0.4s")
    driven = opened(dl.spacetime(cluster, details={"status after": known}))
    rows = cluster.trace.rows()
    for node in cluster.nodes:
        mine = [row for row, it in enumerate(rows) if it["node"] == node and it["kind"] not in ("drop", "duplicate")]
        said = [driven.ask("d.detailsOf(v[0])", row) for row in mine]
        want = None
        for row, words in zip(mine, said, strict=True):
            want = known.get(row, want)
            assert words == ([] if want is None else [["status after", want]])


def test_pointing_at_a_message_says_where_it_went(opened, trace):
    rows, order = trace.rows(), dl.causality(trace)
    delivery = int(np.flatnonzero(order.send >= 0)[40])
    send = int(order.send[delivery])
    middle = (rows[send]["time"] + rows[delivery]["time"]) / 2
    driven = opened(dl.spacetime(trace, (middle - 2e-3, middle + 2e-3), nodes=[rows[send]["node"], rows[send]["peer"]]))
    (x0, y0), (x1, y1) = driven.place_of(send), driven.place_of(delivery)
    driven.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    said = driven.page.locator("[role=tooltip]").inner_text()
    assert said.startswith(rows[send]["label"])
    assert rows[send]["node"] in said
    assert rows[send]["peer"] in said


def test_a_click_shades_the_cone_that_the_core_works_out(opened, trace):
    order = dl.causality(trace)
    row = next(i for i, it in enumerate(trace.rows()) if it["kind"] == "note" and it["label"] == "leader")
    time = trace.columns["time"][row]
    driven = opened(dl.spacetime(trace, (time - 0.003, time + 0.003)))
    plain = driven.ink()
    driven.page.mouse.click(*driven.place_of(row))
    driven.settle()
    assert driven.ask("d.chosen") == row
    role = np.asarray(driven.ask("Array.from(d.role)"))
    assert np.array_equal(np.flatnonzero(role == 1), order.past(row))
    assert np.array_equal(np.flatnonzero(role == 3), order.future(row))
    assert driven.ink() > 1.5 * plain
    told = driven.page.locator("[role=status]").inner_text()
    assert f"{len(order.past(row)):,} before, {len(order.future(row)):,} after" in told
    driven.page.keyboard.press("Escape")
    driven.settle()
    assert driven.ask("d.role") is None
    assert driven.ink() == plain


def test_keys_choose_events_one_after_the_other(opened, trace):
    driven = opened(dl.spacetime(trace))
    driven.page.locator("canvas").focus()
    driven.page.keyboard.press("n")
    first = driven.ask("d.chosen")
    driven.page.keyboard.press("n")
    second = driven.ask("d.chosen")
    driven.page.keyboard.press("p")
    assert first >= 0
    assert second > first
    assert driven.ask("d.chosen") == first


def test_filters_hide_kinds_and_nodes(opened, trace):
    driven = opened(dl.spacetime(trace, (0.1, 0.35)))
    rows = trace.rows()
    before, ink = driven.ask("d.inView"), driven.ink()
    box = driven.page.locator("[data-group=messages] label", has_text="append_entries_reply")
    count = int(box.locator("small").inner_text().replace(",", ""))
    assert count == sum(it["kind"] in ("send", "duplicate") and it["label"] == "append_entries_reply" for it in rows)
    hidden = driven.ask("d.labels.indexOf(undefined), d.data.labels.indexOf('append_entries_reply')")
    of_kind = driven.ask(
        "[...d.found.subarray(0, d.inView)].filter((i) => d.sent.label[d.placed.order[i]] === v[0]).length", hidden
    )
    box.locator("input").click()
    driven.settle()
    assert driven.ask("d.inView") == before - of_kind < before
    assert driven.ink() < ink
    driven.page.locator("[data-group=nodes] label", has_text="n2").locator("input").click()
    driven.settle()
    assert driven.ask("d.lanes.map((it) => d.data.names[it])") == ["n0", "n1", "c0", "c1"]
    driven.page.locator("[data-group=nodes] legend button").click()
    driven.page.locator("[data-group=nodes] legend button").click()
    driven.settle()
    assert driven.ask("d.lanes.length") == 0
    assert driven.ink() < ink
    assert driven.errors == []


def test_lanes_stand_in_the_order_they_are_named_in(opened, trace):
    driven = opened(dl.spacetime(trace, nodes=["c1", "n0"], height=np.int64(400)))
    assert driven.ask("d.lanes.map((it) => d.data.names[it])") == ["c1", "n0"]
    driven.page.locator("[data-group=nodes] label", has_text="n1").locator("input").click()
    assert driven.ask("d.lanes.map((it) => d.data.names[it])") == ["c1", "n0", "n1"]


def test_the_axis_can_be_the_order(opened, trace):
    driven = opened(dl.spacetime(trace))
    driven.page.get_by_text("Lamport order").click()
    driven.settle()
    order = dl.causality(trace)
    rows = np.flatnonzero(order.place)[:50].tolist()
    assert driven.ask("v[0].map((it) => d.x[it])", rows) == order.lamport[rows].tolist()
    assert driven.ink() > 5_000
    assert driven.errors == []


def test_a_hundred_thousand_messages_are_drawn_frame_by_frame(opened, record_property):
    driven = opened(dl.spacetime(many()))
    found = driven.page.evaluate(
        """async () => {
          const p = document.getElementById("picture").diagram, d = p.diagram, frames = [], before = d.stats.frames;
          const whole = d.extent.to - d.extent.from, middle = (d.extent.to + d.extent.from) / 2;
          for (const share of [1, 0.3, 0.07, 0.02, 0.001]) {
            d.setView(middle - whole * share / 2, middle + whole * share / 2);
            const started = performance.now();
            for (let i = 0; i < 20; i++) {
              if (i % 3 === 2) d.zoom(i % 6 === 2 ? 0.98 : 1 / 0.98); else d.pan(i < 10 ? 6 : -6);
              p.invalidate();
              await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
              frames.push({ ...d.stats, share, inView: d.inView });
            }
            frames.at(-1).rate = 20000 / (performance.now() - started);
          }
          return { frames, drawn: d.stats.frames - before };
        }"""
    )
    frames = found["frames"]
    record_property("frames_per_second", {it["share"]: round(it["rate"], 1) for it in frames if "rate" in it})
    assert found["drawn"] == len(frames) == 100
    assert {it["mode"] for it in frames} == {"density", "arrows"}
    assert max(it["inView"] for it in frames) == 100_000
    for it in frames:
        assert it["arrows"] <= ARROW_LIMIT
        assert it["arrows"] == (0 if it["mode"] == "density" else it["inView"])
        assert it["cells"] <= 7 * (it["mode"] == "density") * 600
    assert driven.errors == []


def test_it_fits_its_window_and_the_pixels_of_the_screen(opened, trace):
    driven = opened(dl.spacetime(trace), device_scale_factor=2)
    driven.page.set_viewport_size({"width": 800, "height": 400})
    driven.settle()
    driven.settle()
    assert driven.ask("[d.canvas.width - 2 * p.stage.clientWidth, d.canvas.height - 2 * p.stage.clientHeight]") == [
        0,
        0,
    ]
    assert driven.ask("d.width") < 800


def test_it_is_dark_where_pages_are_dark(opened, trace):
    light = opened(dl.spacetime(trace)).ask("[...d.g.getImageData(2, 2, 1, 1).data]")
    dark = opened(dl.spacetime(trace), color_scheme="dark").ask("[...d.g.getImageData(2, 2, 1, 1).data]")
    assert sum(light[:3]) > 700
    assert sum(dark[:3]) < 120


def test_two_fingers_zoom(opened, trace):
    driven = opened(dl.spacetime(trace), has_touch=True)
    before = np.diff(driven.view)[0]
    touch = driven.page.context.new_cdp_session(driven.page)
    for kind, apart in [
        ("touchStart", 60),
        ("touchMove", 80),
        ("touchMove", 120),
        ("touchMove", 180),
        ("touchEnd", None),
    ]:
        points = [] if apart is None else [{"x": 500 - apart, "y": 300, "id": 0}, {"x": 500 + apart, "y": 300, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    driven.settle()
    assert np.diff(driven.view)[0] == pytest.approx(before / 3, rel=0.1)
    assert driven.ask("d.chosen") == -1


def test_it_draws_in_the_frame_of_a_notebook(browser, trace, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    context = browser.new_context(viewport={"width": 900, "height": 500})
    driven = Driven(context.new_page())
    driven.page.set_content(dl.spacetime(trace, height=380)._repr_mimebundle_()["text/html"])
    (frame,) = driven.page.frames[1:]
    frame.wait_for_selector(READY, state="attached")
    frame.evaluate(TWO_FRAMES)
    assert frame.evaluate("document.getElementById('picture').diagram.diagram.inView") > 100
    assert frame.evaluate("document.getElementById('picture').clientHeight") == 380
    assert driven.errors == []
    assert all(it.startswith("about:") for it in driven.requests)
    context.close()


def test_a_model_can_change_data_and_choice_and_hears_of_clicks(browser, trace):
    context = browser.new_context(viewport={"width": 900, "height": 500})
    driven = Driven(context.new_page())
    driven.page.set_content('<div id="picture"></div>')
    driven.page.add_script_tag(content=source("spacetime.js") + "\nglobalThis.render = render;", type="module")
    driven.page.wait_for_function("typeof globalThis.render === 'function'")
    first, second = dl.spacetime(trace).payload, dl.spacetime(many(10)).payload
    driven.page.evaluate(
        """async ([payload]) => {
          const values = { payload, height: 300, selected: -1 }, heard = {};
          globalThis.model = {
            get: (name) => values[name], set: (name, value) => { values[name] = value; },
            save_changes() { this.saved = values.selected; },
            on: (name, act) => { heard[name] = act; }, off: (name) => { delete heard[name]; },
            change: async (name, value) => { values[name] = value; await heard[`change:${name}`]?.(); }, heard,
          };
          globalThis.close_it = await render({ model, el: document.getElementById("picture") });
        }""",
        [first],
    )
    event = int(np.flatnonzero(dl.causality(trace).place)[30])
    driven.page.evaluate("([row]) => model.change('selected', row)", [event])
    assert driven.ask("d.chosen") == event
    driven.page.locator("canvas").focus()
    driven.page.keyboard.press("Escape")
    assert driven.page.evaluate("model.saved") == -1
    driven.page.evaluate("([payload]) => model.change('payload', payload)", [second])
    assert driven.ask("d.sent.count") == 10
    driven.page.evaluate("model.change('payload', { version: 2 })")
    assert "version 2" in driven.page.locator("[role=alert]").inner_text()
    driven.page.evaluate("close_it()")
    assert driven.page.evaluate("Object.keys(model.heard)") == []
    assert driven.errors == []
    context.close()
