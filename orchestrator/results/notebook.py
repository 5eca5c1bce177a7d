"""Progress in a notebook: a table below the cell that renews itself. IPython is used where it runs already."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

from orchestrator.results.display import best_line, duration
from orchestrator.results.status import Status

_REDRAW_SECONDS = 0.25


def notebook_display() -> Any:
    """Return what shows objects below a notebook's cell; None outside of one, and in a terminal's IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from importlib import import_module

    return import_module("IPython.display").display


class NotebookWatch:
    """Progress as a table below a notebook's cell that renews itself.

    Parameters
    ----------
    show : IPython's ``display``.
    """

    def __init__(self, show: Any) -> None:
        self._phase = ""
        self._status: Status | None = None
        self._drawn = 0.0
        self._handle = show(self, display_id=True)

    def phase(self, text: str) -> None:
        """Say what the sweep is doing now."""
        self._phase = text
        self.draw()

    def progress(self, status: Status) -> None:
        """Say how it stands."""
        self._status = status
        if time.monotonic() - self._drawn >= _REDRAW_SECONDS or status.done == status.total:
            self.draw()

    def draw(self) -> None:
        """Show how it stands now."""
        self._drawn = time.monotonic()
        self._handle.update(self)

    def __repr__(self) -> str:
        return self._phase

    def _repr_html_(self) -> str:
        status = self._status
        parts = [f"<div>{html.escape(self._phase)}</div>"]
        if status is not None:
            cells = {
                "done": str(status.done) if status.total is None else f"{status.done}/{status.total}",
                "running": str(status.running),
                "failed": str(status.failed),
                "cached": str(status.cached),
                "trials/min": f"{status.per_minute:.1f}",
                "time": duration(status.seconds),
                "left": duration(status.seconds_left),
            }
            head, body = ("".join(f"<t{tag}>{html.escape(text)}</t{tag}>" for text in texts) for tag, texts in _rows(cells))
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody><tr>{body}</tr></tbody></table>")
            if status.total:
                parts.append(f'<progress value="{status.done}" max="{status.total}" style="width: 30em"></progress>')
            if status.best_config is not None:
                parts.append(f"<div>{html.escape(best_line(status))}</div>")
        return "\n".join(parts)


def _rows(cells: dict[str, str]) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return ("h", cells.keys()), ("d", cells.values())
