"""The example notebook runs from its first cell to its last, in a kernel of its own, and what it shows is what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any) -> set[str]:
    """The kinds of what a cell shows; None is no kind."""
    return {kind for output in cell.outputs for kind in output.get("data", {output.output_type: ""})}


def test_it_is_sound_and_was_saved_after_a_whole_run() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert not any(output.output_type in ("error", "stream") for cell in code_cells(notebook) for output in cell.outputs)


@pytest.mark.full
@pytest.mark.timeout(900)
def test_every_cell_runs_and_shows_the_same_kinds_of_things(tmp_path: Path) -> None:
    from nbclient import NotebookClient

    saved = nbformat.read(NOTEBOOK, as_version=4)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert [shown(cell) for cell in code_cells(notebook)] == [shown(cell) for cell in code_cells(saved)]
    assert (tmp_path / "kerasweep.db").is_file()
