"""What the command line shows: progress as a live table or plain lines, and rows as tables. It reads nothing itself."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.results.status import Status

PLAIN_SECONDS = 10.0
"""A log gets at most one progress line in so many seconds."""


def number(value: float | None, digits: int = 4) -> str:
    """Return ``value`` for people: about five significant digits, a dash for none."""
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return f"{value:.{digits}f}"
    return f"{value:,.1f}" if 1e3 <= abs(value) < 1e9 else f"{value:.{digits - 1}e}"


def duration(seconds: float | None) -> str:
    """Return a length of time for people: ``7 s``, ``2 min 05 s``, ``3 h 12 min``."""
    if seconds is None or math.isnan(seconds):
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def value(item: Any) -> str:
    """Return a hyperparameter's value for people: floats shortened to four significant digits."""
    return f"{item:.4g}" if isinstance(item, float) else str(item)


def config(items: Mapping[str, Any]) -> str:
    """Return a config on one line."""
    return ", ".join(f"{name}={value(item)}" for name, item in items.items())


def spread(mean: float | None, std: float | None) -> str:
    """Return a score with its standard deviation over the folds."""
    return number(mean) if std is None or math.isnan(std) else f"{number(mean)} ± {number(std)}"


def sparkline(values: Sequence[float | None], width: int = 24) -> str:
    """Return a curve as one line of block characters, thinned to ``width``; what is not finite shows as a space."""
    step = max(len(values) / width, 1)
    thinned = [values[min(int(index * step), len(values) - 1)] for index in range(min(len(values), width))]
    finite = [one for one in thinned if one is not None and math.isfinite(one)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = 7 / (high - low) if high > low else 0.0
    return "".join(" " if one is None or not math.isfinite(one) else "▁▂▃▄▅▆▇█"[round((one - low) * scale)] for one in thinned)


def table(rows: Sequence[Mapping[str, Any]], *, title: str | None = None, right: Sequence[str] = ()) -> Table:
    """Return ``rows`` (all with the first one's keys) as a table; columns in ``right`` are numbers."""
    out = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    names = list(rows[0]) if rows else []
    for name in names:  # only the last column gives way on a narrow screen
        last = name == names[-1]
        out.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=not last)
    for row in rows:
        out.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row.values()))
    return out


class PlainWatch:
    """Progress as plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = 0.0
        self._done = -1

    def phase(self, text: str) -> None:
        """Say what the sweep is doing now."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def progress(self, status: Status) -> None:
        """Say how it stands, if something has changed and the last line is some seconds old."""
        now = time.monotonic()
        last = status.total is not None and status.done == status.total
        if status.done == self._done or (now - self._said < PLAIN_SECONDS and not last):
            return
        self._said, self._done = now, status.done
        self._console.print(_line(status), highlight=False, soft_wrap=True)


class LiveWatch:
    """Progress as a table that redraws itself, for a terminal. Use it as a context manager."""

    def __init__(self, console: Console) -> None:
        self._phase = ""
        self._status: Status | None = None
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._render)

    def __enter__(self) -> LiveWatch:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._live.__exit__(*exc)

    def phase(self, text: str) -> None:
        """Say what the sweep is doing now; the last words stay above the table."""
        if self._phase:
            self._live.console.print(Text(self._phase, style="dim"))
        self._phase = text

    def progress(self, status: Status) -> None:
        """Say how it stands."""
        self._status = status

    def _render(self) -> RenderableType:
        status = self._status
        if status is None:
            return Text(self._phase)
        cells = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("done", "running", "failed", "cached", "trials/min", "time", "left"):
            cells.add_column(name, justify="right")
        done = f"{status.done}/{status.total}" if status.total is not None else str(status.done)
        times = duration(status.seconds), duration(status.seconds_left)
        cells.add_row(done, str(status.running), str(status.failed), str(status.cached), f"{status.per_minute:.1f}", *times)
        parts: list[RenderableType] = [Text(self._phase), cells]
        if status.total:
            parts.append(ProgressBar(total=status.total, completed=status.done, width=60))
        if status.given_up:
            parts.append(Text(_race(status), style="dim"))
        if status.best_config is not None:
            parts.append(Text(best_line(status), style="green"))
        return Group(*parts)


def best_line(status: Status) -> str:
    """Return the best score so far and its config."""
    score = spread(status.best, status.best_std)
    return f"best {status.metric} {score} (trial {status.best_number}: {config(status.best_config or {})})"


def _race(status: Status) -> str:
    """Return what a race has done to the fits."""
    left = "" if status.fits_left is None else f", {status.fits_left} left"
    return f"{status.given_up} given up: {status.fits} fits done, {status.fits_saved} saved{left}"


def _line(status: Status) -> str:
    done = f"{status.done}/{status.total}" if status.total is not None else str(status.done)
    parts = [f"{done} trials", f"{status.running} running"]
    parts += [f"{status.before} done before"] * bool(status.before)
    parts += [f"{status.failed} failed"] * bool(status.failed) + [f"{status.cached} cached"] * bool(status.cached)
    parts += [_race(status)] * bool(status.given_up)
    parts += [f"{status.per_minute:.1f} a minute", f"{duration(status.seconds)} so far"]
    parts += [f"about {duration(status.seconds_left)} left"] * bool(status.seconds_left)
    parts += [best_line(status)] * (status.best_config is not None)
    return "; ".join(parts)
