"""Who looks on at a search: nobody, plain lines, a terminal's table, or a notebook's."""

from __future__ import annotations

import pytest

from orchestrator.results import NotebookWatch, PlainWatch, Silent
from orchestrator.search_cv import progress


def test_without_verbose_nobody_looks_on() -> None:
    assert isinstance(progress.watch_for(0), Silent)


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(progress.watch_for(1), PlainWatch)


def test_a_notebook_gets_a_table_below_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    def show(what: object, display_id: bool) -> object:
        shown.append(what)
        return None

    monkeypatch.setattr(progress, "notebook_display", lambda: show)
    watch = progress.watch_for(1)
    assert isinstance(watch, NotebookWatch)
    assert shown == [watch]
