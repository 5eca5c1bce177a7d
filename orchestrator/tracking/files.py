"""The files that a sweep's MLflow run carries: sweep file, environment, leaderboard, fold histories, pictures. No MLflow here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from orchestrator.redaction import without_secrets
from orchestrator.results import board_of, is_reported, ranked, report_of, spec_of, to_csv, to_html
from orchestrator.tracking.pictures import LEARNING_CURVES, draw_pictures

if TYPE_CHECKING:
    from orchestrator.ledger import Ledger, SweepRow, TrialRow
    from trainers.results import FoldResult

MOST_HISTORIES = 500
"""The best trials whose fold histories are uploaded; the ledger keeps them all."""


def write_first_files(folder: Path, sweep: SweepRow) -> None:
    """Write what is known when a sweep begins: sweep.yaml and environment.txt."""
    spec = yaml.safe_dump(without_secrets(spec_of(sweep)), sort_keys=False, allow_unicode=True)
    (folder / "sweep.yaml").write_text(spec, encoding="utf-8")
    (folder / "environment.txt").write_text(environment(), encoding="utf-8")


def write_final_files(folder: Path, sweep: SweepRow, trials: Sequence[TrialRow], ledger: Ledger) -> None:
    """Write what is known when a sweep ends: leaderboard.csv and .html, fold_histories.json, pictures/*.png, report.md."""
    write_first_files(folder, sweep)  # a resumed sweep may have another budget by now
    board = board_of(sweep, trials)
    (folder / "leaderboard.csv").write_text(to_csv(board), encoding="utf-8")
    (folder / "leaderboard.html").write_text(to_html(board, sweep.title), encoding="utf-8")
    best = ranked(sweep, trials)[:MOST_HISTORIES]
    by_key = ledger.known_folds((trial.key for trial in best), seen_by=sweep.id)
    histories = {trial.number: list(by_key.get(trial.key, {}).values()) for trial in best}
    (folder / "fold_histories.json").write_text(fold_histories(best, histories), encoding="utf-8")
    if is_reported(sweep):
        (folder / "report.md").write_text(report_of(ledger, sweep).markdown() + "\n", encoding="utf-8")
    draw_pictures(folder / "pictures", sweep, trials, {trial.number: histories[trial.number] for trial in best[:LEARNING_CURVES]})


def fold_histories(trials: Sequence[TrialRow], histories: Mapping[int, Sequence[FoldResult]]) -> str:
    """Return the folds of these trials as JSON, in the order given; a number that is not finite is null.

    Per trial: number, key, and its folds with metrics, chosen epoch, epochs run, why it stopped, and every epoch's values.
    """
    content = [
        {
            "trial": trial.number,
            "key": trial.key,
            "folds": [
                {
                    "fold": fold.fold,
                    "metrics": {name: _number(value) for name, value in fold.metrics.items()},
                    "epoch": fold.epoch,
                    "epochs_run": fold.epochs_run,
                    "stopped": fold.stopped,
                    "history": {name: [_number(value) for value in values] for name, values in fold.history.items()},
                }
                for fold in histories.get(trial.number, ())
            ],
        }
        for trial in trials
    ]
    return json.dumps({"trials": content}, separators=(",", ":"), allow_nan=False)


def environment() -> str:
    """Return what is installed, one ``name==version`` a line, as ``pip freeze`` would."""
    found = {f"{item.metadata['Name']}=={item.version}" for item in distributions() if item.metadata["Name"]}
    return "".join(f"{line}\n" for line in sorted(found, key=str.lower))


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
