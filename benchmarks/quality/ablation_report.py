"""What the race alone saves and costs, from the kept runs of the ablation: pairs that differ in nothing else, compared."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

Run = Mapping[str, Any]
FIGURES = ("fits", "seconds", "cpu", "other", "loss", "at_equal_fits")


def compared(plain: Run, raced: Run) -> dict[str, float]:
    """Return what a race has done to one search.

    Returns
    -------
    dict
        ``fits``, ``seconds``, ``cpu``: shares saved. ``other``: 1 where another config wins, else 0. ``loss``: how far its score
        lies behind, and ``at_equal_fits``: how far it lies before the winner of the trials that the search without a race has
        begun and ended within as many fits; both in the spread of the scores without a race, whose worst twentieth counts as no
        worse than the best of it.
    """
    known = np.array([score for score in plain["scores"] if score is not None])
    spread = float(np.std(np.maximum(known, np.quantile(known, 0.05)))) or 1.0
    fits, fits_raced = sum(plain["fits"]), sum(raced["fits"])
    affordable = int(np.searchsorted(np.cumsum(plain["fits"]), fits_raced, side="right"))
    best, equal = (max(one for one in of if one is not None) for of in (plain["scores"], plain["scores"][:affordable]))
    score = max(one for one in raced["scores"] if one is not None)
    return {
        "fits": 1 - fits_raced / fits,
        "seconds": 1 - raced["wall"] / plain["wall"],
        "cpu": 1 - raced["cpu"] / plain["cpu"],
        "other": float(plain["winner"] != raced["winner"]),
        "loss": (best - score) / spread,
        "at_equal_fits": (score - equal) / spread,
    }


def pairs(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return what is told of each search that was run both ways."""
    found: dict[tuple[Any, ...], dict[str, Run]] = {}
    for run in runs:
        found.setdefault(tuple(run[name] for name in ("strategy", "folds", "problem", "seed")), {})[run["race"]] = run
    return [
        {"strategy": key[0], "folds": key[1], "problem": key[2], "seed": key[3], **compared(arms["none"], arms["paired"])}
        for key, arms in sorted(found.items())
        if len(arms) == 2
    ]


def show(runs: Sequence[Run]) -> None:
    """Print the means over problems and seeds."""
    told = pairs(runs)
    table = Table(title="The race alone: the same search with and without it", title_justify="left")
    heads = ("fits saved", "seconds saved", "CPU saved", "another winner", "its loss", "ahead at equal fits")
    for column in ("strategy", "folds", "searches", *heads):
        table.add_column(column, justify="left" if column == "strategy" else "right")
    for strategy, folds in sorted({(one["strategy"], one["folds"]) for one in told}):
        same = [one for one in told if (one["strategy"], one["folds"]) == (strategy, folds)]
        mean = {name: statistics.fmean(one[name] for one in same) for name in FIGURES}
        shares = [f"{mean[name]:.0%}" for name in ("fits", "seconds", "cpu", "other")]
        shares[1] += " (fits only)" if mean["fits"] > 0 >= mean["seconds"] else ""
        table.add_row(strategy, str(folds), str(len(same)), *shares, f"{mean['loss']:.3f}", f"{mean['at_equal_fits']:+.3f}")
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print("loss and gain in spreads of a search's scores; a search's own folds, so the same for both", style="dim")
    for note in sorted({run["note"] for run in runs if run.get("note")}):
        console.print(note, style="dim")


def winner_of(scores: Sequence[float | None]) -> int:
    """Return the trial with the best score, the earliest of equals; larger is better for all metrics here."""
    return int(np.argmax([-np.inf if score is None else score for score in scores]))
