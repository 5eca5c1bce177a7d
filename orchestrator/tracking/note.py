"""The Markdown description that MLflow's page shows above a sweep's run. Pure text out of ledger rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.results import (
    Finals,
    baseline_means,
    bounds_line,
    bounds_met,
    is_finite,
    objective_of,
    trial_values,
    way_on,
    winner_of,
)
from orchestrator.search import SweepState

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow, TrialRow

MOST_CHARACTERS = 7900
"""MLflow cuts a tag at 8000 characters."""


def sweep_note(sweep: SweepRow, trials: Sequence[TrialRow], report: str = "") -> str:
    """Return the description of a sweep as it stands: winner, spread, baseline, test scores, states, and how to go on.

    ``report`` (Markdown) is put at its end, and cut when it takes more than half of the room.
    """
    trial, finals = winner_of(sweep, trials), Finals.of(sweep.facts)
    parts = [
        f"## {sweep.title}: {_state(sweep)}",
        *_winner(sweep, trials),
        bounds_line([] if trial is None else bounds_met(sweep, trial.config)),
        "" if finals is None else finals.told(),
        *_refit(sweep),
        *_warnings(sweep),
        "States: "
        + ", ".join(f"{count} {state}" for state, count in sorted(Counter(str(trial.state) for trial in trials).items())),
        f"Go on: {way_on(sweep)}. Look closer: `kerasweep show {sweep.name}`.",
    ]
    end = f"\n\n{report[: MOST_CHARACTERS // 2]}" if report else ""
    return "\n\n".join(part for part in parts if part)[: MOST_CHARACTERS - len(end)] + end


def _state(sweep: SweepRow) -> str:
    words = {
        SweepState.RUNNING: "running",
        SweepState.COMPLETED: "completed",
        SweepState.STOPPED: "stopped",
        SweepState.FAILED: "failed",
    }
    return words[sweep.state] + (f" ({sweep.reason})" if sweep.reason else "")


def _winner(sweep: SweepRow, trials: Sequence[TrialRow]) -> list[str]:
    metric = objective_of(sweep).metric
    baseline = baseline_means(sweep).get(metric)
    compared = "" if baseline is None else f" The baseline has {baseline:.4g}."
    trial = winner_of(sweep, trials)
    if trial is None:
        return [f"No trial has a score yet.{compared}"]
    values = {name: json.dumps(value, ensure_ascii=False, default=str) for name, value in trial_values(sweep, trial).items()}
    table = ["| hyperparameter | value |", "|---|---|", *(f"| {name} | `{value[:200]}` |" for name, value in values.items())]
    return [f"**Winner: trial {trial.number}, {metric} {trial.score:.4g}{_spread(trial, metric)}.**{compared}", "\n".join(table)]


def _spread(trial: TrialRow, metric: str) -> str:
    summary: Mapping[str, Any] = trial.summary or {}
    error, std = summary.get("standard_error", {}).get(metric), summary.get("std", {}).get(metric)
    shown = f" ± {error:.2g} (standard error)" if is_finite(error) else ""
    return shown + (f", standard deviation over folds {std:.2g}" if is_finite(std) else "")


def _refit(sweep: SweepRow) -> list[str]:
    refit: Mapping[str, Any] = sweep.facts.get("refit") or {}
    scores = ", ".join(f"{name} {value:.4g}" for name, value in (refit.get("test_metrics") or {}).items() if is_finite(value))
    return [f"Refitted on all search data; on the test part, met once: {scores}."] if scores else []


def _warnings(sweep: SweepRow) -> list[str]:
    if not sweep.facts.get("leaky"):
        return []
    return ["**Leaky:** early stopping watches the scoring folds (`split: 0`), so the scores are better than they should be."]
