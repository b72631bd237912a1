"""What tests of moving pictures need: their modules in Node.js, and a browser."""

import contextlib
import json
import shutil
import subprocess

import pytest

from distlab.widgets._picture import source

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node.js here")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
READY = "html[data-ready=yes]"
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def in_node(tmp_path, name, script, **values):
    """What an expression gives in Node.js, with a picture's module as ``m``, and the values given as ``v``."""
    module = tmp_path / "module.mjs"
    module.write_text(source(name), encoding="utf-8")
    (tmp_path / "values.json").write_text(json.dumps(values), encoding="utf-8")
    code = f"""
import {{ readFileSync }} from "node:fs";
const m = await import({json.dumps(module.as_uri())});
const v = JSON.parse(readFileSync({json.dumps(str(tmp_path / "values.json"))}, "utf8"));
const run = async () => {{ {script} }};
process.stdout.write(JSON.stringify(await run(), (_, it) => ArrayBuffer.isView(it) ? Array.from(it) : it));
"""
    done = subprocess.run([NODE, "--input-type=module"], input=code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextlib.contextmanager
def launched():
    """A headless browser, if there is one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield found
        found.close()


class Page:
    """A page with a moving picture, and what it did besides."""

    #: What an expression may call parts of the picture, as JavaScript.
    names = ""

    def __init__(self, page):
        self.page = page
        self.errors = []
        self.requests = []
        page.on("console", lambda it: self.errors.append(it.text))
        page.on("pageerror", lambda it: self.errors.append(str(it)))
        page.on("request", lambda it: self.requests.append(it.url))

    def ask(self, script, *values):
        """What an expression gives, with the names above, and values as ``v``."""
        found = "document.getElementById('picture')"
        return self.page.evaluate(f"(v) => {{ const it = {found}, {self.names}; return {script}; }}", list(values))

    def settle(self):
        """Wait until all that was asked for is drawn."""
        self.page.evaluate(TWO_FRAMES)
