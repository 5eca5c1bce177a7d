"""Our side: ``kerasweep run sweep.yaml`` in a problem's folder, without Ray, and what its ledger says of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.kerasweep import COMMAND
from benchmarks.problems.problem import SWEEP, write_sweep
from benchmarks.quality.incumbents import Found

if TYPE_CHECKING:
    from orchestrator.ledger import TrialRow

NAME = "benchmark"


def prepare(folder: Path, changes: Mapping[str, Any] | None = None) -> list[str]:
    """Have the sweep file in ``folder`` run without Ray, with ``changes`` to it, and return the command."""
    sweep = yaml.safe_load((folder / SWEEP).read_text(encoding="utf-8"))
    write_sweep(folder, {**sweep, "ray": {"local": True}, **(changes or {})})
    return [str(COMMAND), "run", SWEEP, "--json"]


def found(folder: Path, began: float) -> list[Found]:
    """Return the whole trials, each at the time when it was committed; none where the process was ended before its first."""
    from orchestrator.search import TrialState

    return [
        {"seconds": trial.finished - began, "score": trial.score, "config": dict(trial.config)}
        for trial, _ in trials(folder)
        if trial.state is TrialState.COMPLETED and trial.finished is not None
    ]


def trials(folder: Path) -> list[tuple[TrialRow, int]]:
    """Return all trials in ask order, and how many fits each has had; they are in the ledger, however the process ended."""
    from orchestrator.errors import NotFoundError
    from orchestrator.ledger import Ledger

    try:
        with Ledger(f"sqlite:///{folder.resolve() / 'kerasweep.db'}", create=False) as ledger:
            rows = ledger.trials(ledger.sweep(NAME).id)
            return [(row, len(ledger.folds(row.key))) for row in sorted(rows, key=lambda row: row.number)]
    except NotFoundError:
        return []
