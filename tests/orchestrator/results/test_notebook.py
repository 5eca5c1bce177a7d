"""Who looks on: a table in a notebook that renews itself, nobody where nobody looks."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from orchestrator.results.notebook import NotebookWatch, notebook_display
from orchestrator.results.status import Status


class Shown:
    """IPython's display: what stood below the cell, time by time."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def __call__(self, thing: Any, *, display_id: bool) -> Shown:
        assert display_id
        self.update(thing)
        return self

    def update(self, thing: Any) -> None:
        self.pages.append(thing._repr_html_())


def status(**changes: Any) -> Status:
    fields = {"total": 10, "done": 4, "running": 2, "failed": 1, "cached": 0, "metric": "accuracy", "seconds": 60.0}
    fields |= {"best": 0.91, "best_std": 0.02, "best_number": 3, "best_config": {"activation": "<b>relu</b>"}}
    return Status(**(fields | changes))  # type: ignore[arg-type]


def test_a_table_is_drawn_a_few_times_a_second_and_at_the_end() -> None:
    shown = Shown()
    watch = NotebookWatch(shown)
    watch._drawn = 0.0
    for done in range(1000):
        watch.progress(status(done=done, total=1000))
    assert len(shown.pages) < 100
    watch.progress(status(done=1000, total=1000))
    assert "1000/1000" in shown.pages[-1]


def test_what_the_sweep_says_is_no_markup() -> None:
    shown = Shown()
    watch = NotebookWatch(shown)
    watch.phase("reading <script>")
    watch.progress(status(done=10))
    assert "&lt;script&gt;" in shown.pages[-1]
    assert "activation=&lt;b&gt;relu" in shown.pages[-1]
    assert "<b>" not in shown.pages[-1]


@pytest.mark.parametrize(("shell", "found"), [({"kernel": object()}, True), ({}, False)], ids=["notebook", "terminal"])
def test_only_a_notebook_shows_pages(monkeypatch: pytest.MonkeyPatch, shell: dict[str, Any], found: bool) -> None:
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(**shell)  # type: ignore[attr-defined]
    display.display = Shown()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert notebook_display() is (display.display if found else None)  # type: ignore[attr-defined]


def test_ipython_is_not_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert notebook_display() is None
    assert "IPython" not in sys.modules
