"""Problems 5 and 6: what a trial costs when nothing is trained, and how well many workers are kept busy."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MachineryRun:
    """One program to measure. ``sleeps`` are the seconds that a worker sleeps a fold."""

    name: str
    arguments: tuple[str, ...]
    trials: int
    workers: int = 2
    sleeps: float = 0.0

    def command(self) -> list[str]:
        return [sys.executable, "-m", *self.arguments]


def _ours(dispatcher: str, trials: int, *more: str, workers: int = 2, seconds: float = 0.0) -> MachineryRun:
    tracked = " untracked" if "--untracked" in more else ""
    name = f"kerasweep {dispatcher}{tracked}, {trials:,} trials" + (f", {workers} workers" if seconds else "")
    arguments = ("--dispatcher", dispatcher, "--trials", str(trials), "--workers", str(workers), "--seconds", str(seconds))
    return MachineryRun(name, ("benchmarks.machinery", *arguments, *more), trials, workers, seconds)


def _tune(kind: str, trials: int) -> MachineryRun:
    reuse = "with reuse" if kind == "class" else "no reuse"
    arguments = ("benchmarks.ray_tune_noop", "--kind", kind, "--trials", str(trials))
    return MachineryRun(f"Ray Tune {kind}, {reuse}, untracked, {trials:,} trials", arguments, trials)


def nothing_trained(size: str) -> list[MachineryRun]:
    """Return the runs of problem 5; Ray Tune's function takes 2 s a trial, so 100 of them stand for 1,000."""
    counts, functions = ((100,), 4) if size == "smoke" else ((1_000, 10_000), 100)
    runs = [
        _ours(dispatcher, trials, *tracking)
        for trials in counts
        for dispatcher in ("ray", "local")
        for tracking in (("--untracked",), ())
    ]
    return [*runs, *(_tune("class", trials) for trials in counts), _tune("function", functions)]


def sleepers(size: str) -> list[MachineryRun]:
    """Return the runs of problem 6: trials of 3 s, enough of them to go on for a while once all workers are up."""
    counts, seconds = ({1: 4, 2: 8}, 0.1) if size == "smoke" else ({1: 20, 2: 20, 4: 20, 8: 25, 16: 30, 32: 40, 64: 60}, 1.0)
    return [_ours("ray", each * workers, "--untracked", workers=workers, seconds=seconds) for workers, each in counts.items()]
