"""What a search says while it runs: nothing, or scikit-learn's line and how it stands; a live table in a notebook."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.results import LiveWatch, NotebookWatch, PlainWatch, Silent, Watch, notebook_display

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.results import Status


def announce(n_splits: int, n_candidates: int) -> None:
    """Say how many fits there will be, in scikit-learn's words."""
    fits = n_splits * n_candidates
    sys.stdout.write(f"Fitting {n_splits} folds for each of {n_candidates} candidates, totalling {fits} fits\n")
    sys.stdout.flush()


def watch_for(verbose: int) -> Watch:
    """Return who looks on: nobody for 0; a table that renews itself in notebooks and terminals; else plain lines."""
    if not verbose:
        return Silent()
    if (show := notebook_display()) is not None:
        return NotebookWatch(show)
    from rich.console import Console

    console = Console(file=sys.stdout)
    return LiveTable(console) if console.is_terminal else PlainWatch(console)


def take_away(watch: Watch) -> None:
    """End what ``watch`` shows, where that is still there."""
    if isinstance(watch, LiveTable):
        watch.close()


@dataclass(slots=True)
class LiveTable:
    """A table that is there while trials run, and goes when the last is over."""

    console: Console
    _live: LiveWatch | None = field(default=None, repr=False)

    def phase(self, text: str) -> None:
        """Say nothing: there is one phase."""

    def progress(self, status: Status) -> None:
        """Show how it stands."""
        over = status.total is not None and status.done >= status.total
        if self._live is None and not over:
            self._live = LiveWatch(self.console).__enter__()
        if self._live is not None:
            self._live.progress(status)
        if over:
            self.close()

    def close(self) -> None:
        """Take the table away."""
        live, self._live = self._live, None
        if live is not None:
            live.__exit__(None, None, None)
