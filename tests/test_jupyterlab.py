"""Pictures in a real JupyterLab: a kernel, anywidget and Chromium, all on loopback."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from pictures import launched

for needed in ("jupyterlab", "ipykernel", "anywidget"):
    pytest.importorskip(needed)

#: Seconds that anything may take on a slow machine that does other things besides.
PATIENCE = 60

CELLS = [
    "import distlab as dl\n"
    'raft = dl.Raft(3, seed=7, trace="full", network=dl.Network(latency="5ms"))\n'
    'show = dl.player(raft, until="0.5s", title="played")\nshow',
    "show",
    'dl.spacetime(raft.fork().run(until="0.4s"), title="drawn")',
]

PLAYER = "() => [...document.querySelectorAll('*')].filter((it) => it.player)"


def notebook(path):
    cells = [
        {"cell_type": "code", "id": f"c{i}", "execution_count": None, "metadata": {}, "outputs": [], "source": it}
        for i, it in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


@contextlib.contextmanager
def lab(folder):
    """A JupyterLab in a folder, with settings of its own; its address. It and its kernels end with the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
    options += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None"]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    homes = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "spaces",
    }
    homes |= {"JUPYTER_RUNTIME_DIR": "runtime", "JUPYTER_DATA_DIR": "data", "IPYTHONDIR": "ipython"}
    own = {name: str(folder.parent / it) for name, it in homes.items()}
    paths = [str(Path(__file__).parent.parent / "python"), *filter(None, [os.environ.get("PYTHONPATH")])]
    log = (folder.parent / "lab.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options],
        env={**os.environ, **own, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/api?token={token}"), server)
        yield f"http://127.0.0.1:{port}/lab/tree/notebook.ipynb?token={token}"
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        log.close()


def answers(url):
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as reply:
        return reply.status == 200
    return False


def wait_for(holds, server):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert server.poll() is None, "the server has ended"
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.2)


class Lab:
    """A page of JupyterLab with the notebook, all of whose cells have run."""

    def __init__(self, page, url):
        from playwright.sync_api import TimeoutError as TooLate

        self.page, self.errors, self.too_late = page, [], TooLate
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda it: self.errors.append(str(it)))
        page.goto(url)
        self.run()

    def run(self):
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        self.page.wait_for_selector("text=/\\| Idle/")
        for _ in range(6):  # what is asked of a kernel that is about to connect may be lost
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            with contextlib.suppress(self.too_late):
                self.page.wait_for_selector(".dlpl", timeout=20_000)
                break
        self.page.wait_for_function("() => document.querySelectorAll('.dlpl').length === 2")
        self.page.wait_for_function("() => document.querySelectorAll('.dlst:not(.dlpl)').length === 1")
        self.page.locator(".dlpl").first.scroll_into_view_if_needed()

    def ask(self, script, view=0):
        """What an expression gives for one of the views of the player, as ``p``."""
        return self.page.evaluate(f"(view) => {{ const p = ({PLAYER})()[view].player; return {script}; }}", view)

    def until(self, script, view=0):
        self.page.wait_for_function(f"(view) => {{ const p = ({PLAYER})()[view].player; return {script}; }}", arg=view)

    def click_node(self, node):
        x, y = self.ask(f"(({{ x, y }}) => [x, y])(p.ring.nodes[{node}])")
        self.page.locator(".dlpl .dlst-stage canvas").first.click(position={"x": x, "y": y})


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The notebook in JupyterLab, in a window; both close at the end."""
    folder = tmp_path_factory.mktemp("lab") / "root"
    folder.mkdir()
    notebook(folder / "notebook.ipynb")
    with launched() as browser, lab(folder) as url:
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        yield Lab(context.new_page(), url)
        context.close()


def test_it_plays_steps_back_and_a_click_asks_the_kernel(opened):
    opened.ask("(p.head.seek(0.3), p.invalidate(), 0)")
    opened.page.locator(".dlpl .dlst-stage canvas").first.focus()
    opened.page.keyboard.press("Space")
    opened.until("p.head.time > 0.31")
    opened.page.keyboard.press("Space")
    before = opened.ask("p.head.position")
    opened.page.keyboard.press("ArrowLeft")
    assert opened.ask("p.head.position") == before - 1
    opened.click_node(0)
    opened.page.locator(".dlpl-verbs button", has_text="crash").first.click()
    opened.until("p.data.branches.length === 2 && p.head.branch === 1")
    assert opened.ask("p.data.branches[1].name") == "crash n0"
    assert opened.ask("p.ring.recording.stateOf(0, 1).up") is False
    opened.until("p.data.branches.length === 2", view=1)
    assert opened.ask("p.head.branch", view=1) == 0  # two views of one player are in two places
    assert opened.errors == []


def test_it_is_dark_where_jupyterlab_is(opened):
    opened.page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    opened.until("p.ring.dark")
    opened.page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    opened.until("!p.ring.dark")


def test_a_reload_shows_the_same_players_again(opened):
    opened.page.reload()
    opened.run()
    assert opened.ask("p.data.branches.length") >= 1
    assert opened.errors == []
