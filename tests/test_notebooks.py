"""Every notebook runs from top to bottom, within a minute, and shows its pictures where nothing can run.

``UPDATE=1`` keeps what the notebooks show now.
"""

import os
import time
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS = 60


def pictures(notebook):
    """How many pictures each cell of code shows."""
    outputs = [cell.get("outputs", []) for cell in notebook.cells if cell.cell_type == "code"]
    return [sum("image/png" in it.get("data", {}) for it in each) for each in outputs]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path):
    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    began = time.monotonic()
    options = {"timeout": SECONDS, "kernel_name": "python3", "record_timing": False, "coalesce_streams": True}
    nbclient.NotebookClient(fresh, resources={"metadata": {"path": str(FOLDER)}}, **options).execute()
    assert time.monotonic() - began < SECONDS
    warned = [it.text for cell in fresh.cells for it in cell.get("outputs", []) if it.get("name") == "stderr"]
    assert warned == []
    assert sum(pictures(fresh)) > 0
    if "UPDATE" in os.environ:
        nbformat.write(fresh, path)
    else:
        assert pictures(stored) == pictures(fresh), "run `make notebooks`: readers of the file miss its pictures"
