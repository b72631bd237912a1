"""What tests of the player in a browser need: a page with one, and one whose kernel is this process."""

import contextlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pictures import READY, Page

from distlab.widgets._picture import source


class Driven(Page):
    """A page with a player."""

    names = "p = it.player, r = p.ring, h = p.head"

    def seek(self, time):
        self.ask("(p.pause(), h.seek(v[0]), p.invalidate(), 0)", time)
        self.settle()

    @property
    def place(self):
        """The branch, the position, the time."""
        return self.ask("[h.branch, h.position, h.time]")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def node_at(self, name):
        """Where on the page a node is."""
        x, y = self.ask("(({ x, y }) => [x, y])(r.nodes[r.recording.names.indexOf(v[0])])", name)
        box = self.page.locator(".dlst-stage canvas").bounding_box()
        return box["x"] + x, box["y"] + y

    def pixel(self, name, dx=0, dy=0):
        """The colour at a node, off its middle by so much of its radius."""
        return tuple(
            self.ask(
                """(() => {
                  const { x, y, r: size } = r.nodes[r.recording.names.indexOf(v[0])];
                  const at = [x + v[1] * size, y + v[2] * size].map((it) => Math.round(it * r.ratio));
                  return [...r.g.getImageData(at[0], at[1], 1, 1).data];
                })()""",
                name,
                dx,
                dy,
            )[:3]
        )

    def ink(self):
        """How many pixels of the ring's canvas are not background."""
        return self.ask(
            """(() => {
              const { width, height } = r.canvas, copy = new OffscreenCanvas(width, height);
              const read = copy.getContext("2d", { willReadFrequently: true });
              read.drawImage(r.canvas, 0, 0);
              const image = read.getImageData(0, 0, width, height).data;
              let found = 0;
              for (let i = 4; i < image.length; i += 4)
                if (image[i] !== image[0] || image[i + 1] !== image[1] || image[i + 2] !== image[2]) found++;
              return found;
            })()"""
        )

    @property
    def told(self):
        return self.page.locator(".dlpl-told").inner_text()


@contextlib.contextmanager
def opening(browser, folder):
    """Opens players as pages, from files in a folder; the pages are closed at the end."""
    contexts = []

    def opened(show, **options):
        path = folder / "player.html"
        show.to_html(path)
        context = browser.new_context(**({"viewport": {"width": 1180, "height": 700}} | options))
        contexts.append(context)
        driven = Driven(context.new_page())
        driven.page.goto(path.as_uri())
        driven.page.wait_for_selector(READY, state="attached")  # the page's policy lets nobody wait by a script
        driven.settle()
        return driven

    yield opened
    for context in contexts:
        context.close()


MODEL = """async ([payload]) => {
  const values = { payload, height: 640, live: true, asked: {}, answer: {} }, heard = {};
  globalThis.model = {
    get: (name) => values[name], set: (name, value) => { values[name] = value; }, save_changes() { this.asks = values.asked; },
    on: (name, act) => { heard[name] = act; }, off: (name) => { delete heard[name]; },
    change: async (name, value) => { values[name] = value; await heard[`change:${name}`]?.(); }, heard,
  };
  globalThis.close_it = await render({ model, el: document.getElementById("picture") });
}"""


class Live(Driven):
    """A page whose model is that of a widget of this process."""

    def __init__(self, page, show):
        super().__init__(page)
        self.show = show
        page.set_content('<div id="picture"></div>')
        page.add_script_tag(content=source("player.js") + "\nglobalThis.render = render;", type="module")
        page.wait_for_function("typeof globalThis.render === 'function'")
        page.evaluate(MODEL, [show.widget().payload])
        self.settle()

    def relay(self):
        """What the page has asked goes to the kernel, and what that answers goes back."""
        asked, widget = self.page.evaluate("model.asks"), self.show.widget()
        widget.asked = asked
        self.page.evaluate("([it]) => model.change('payload', it)", [widget.payload])
        self.page.evaluate("([it]) => model.change('answer', it)", [widget.answer])
        self.settle()
        return asked
