"""How long should the winner be trained? ``python -m benchmarks.refit --data FOLDER``: three rules, six tables, ten seeds.

Every seed draws a test part, folds and initial weights of its own, searches a few learning rates with early stopping, and refits
the winner on all search rows: for the median of its folds' epochs, for that median scaled by steps of all rows / steps of a fold,
and with a monitor split of its own. What is compared is the score on the test part, seed by seed. No clock.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table as Shown

    from trainers.data import Dataset
    from trainers.evaluation import Evaluator
    from trainers.settings import Task

RESULTS = Path(__file__).with_name("results") / "refit.json"
RULES = ("median", "scaled", "monitor")
METRICS: dict[Task, tuple[str, str]] = {
    "binary": ("accuracy", "log_loss"), "multiclass": ("accuracy", "log_loss"), "regression": ("r2", "rmse")
}  # fmt: skip
LEARNING_RATES = (3e-4, 1e-3, 3e-3, 1e-2)
EPOCHS, PATIENCE, FOLDS, TEST_SIZE, MONITOR = 200, 5, 3, 0.3, 0.15

Run = dict[str, Any]


def main() -> None:
    arguments = _arguments()
    os.environ |= {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}  # before Keras is loaded: the fused engine
    from rich.console import Console

    from benchmarks.refit_tables import TABLES, read

    runs: list[Run] = json.loads(arguments.results.read_text(encoding="utf-8")) if arguments.results.is_file() else []
    for table in [table for table in TABLES if arguments.tables is None or table.name in arguments.tables]:
        found = read(table, arguments.data, arguments.rows)
        if found is None:
            print(f"{table.name}: {table.file} is not in {arguments.data}, and scikit-learn has none like it: left out.")
            continue
        name, dataset = found
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory(prefix="kerasweep-bench-") as folder:
                run = {"table": name, "rows": dataset.rows, "task": table.task, "seed": seed}
                run |= one_seed(dataset, table.task, seed, Path(folder))
            print(run, file=sys.stderr, flush=True)
            runs = [old for old in runs if (old["table"], old["seed"]) != (name, seed)] + [run]
            arguments.results.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    Console(width=None if sys.stdout.isatty() else 140).print(shown(runs))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refit", description="Compare rules for the refit's epochs.")
    parser.add_argument("--data", type=Path, help="folder with the tables; what is absent there is taken from scikit-learn")
    parser.add_argument("--tables", nargs="+", help="names of tables; default all. Kept results of the others stay")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 11)))
    parser.add_argument("--rows", type=int, default=2000, help="rows of a table at most")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that keeps raw results")
    return parser.parse_args()


def one_seed(dataset: Dataset, task: Task, seed: int, folder: Path) -> Run:
    """Return the winner of one search, the epochs of its folds, and epochs and test scores of its refit by every rule."""
    import numpy as np

    from trainers.evaluation import Evaluator
    from trainers.settings import CvSettings, EarlyStoppingSettings, FitSettings, SweepSettings, TrainerSettings
    from trainers.splits import make_splits
    from trainers.staging import stage

    ids = np.array([f"{seed} {row}" for row in range(dataset.rows)], dtype=object)  # a test part of this seed's own
    dataset = replace(dataset, ids=ids)
    settings = SweepSettings(
        task=task,
        seed=seed,
        metrics=METRICS[task],
        stage=str(folder / "stage"),
        trainer=TrainerSettings(params={"hidden_layers": 2, "layer_size": 32}),
        cv=CvSettings(folds=FOLDS),
        fit=FitSettings(epochs=EPOCHS, early_stopping=EarlyStoppingSettings(patience=PATIENCE, split=MONITOR)),
        engine="fused",
    )
    splits = make_splits(dataset, task, settings.cv, test_size=TEST_SIZE, monitor_split=MONITOR, seed=seed)
    stage(dataset, splits, settings.stage)
    evaluator = Evaluator(settings)
    rate, folds = _search(evaluator, METRICS[task][0])
    batch = settings.fit.batch_size
    full = math.ceil(len(splits.search) / batch)
    scaled = statistics.median(
        epochs * full / math.ceil(len(fold.train) / batch) for epochs, fold in zip(folds, splits.folds, strict=True)
    )
    epochs = {"median": round_half_up(statistics.median(folds)), "scaled": min(round_half_up(scaled), EPOCHS), "monitor": None}
    return {
        "learning_rate": rate,
        "fold_epochs": folds,
        "refits": {rule: _refit(evaluator, rate, folds, epochs[rule], folder / rule) for rule in RULES},
    }


def round_half_up(epochs: float) -> int:
    return max(1, math.floor(epochs + 0.5))


def _search(evaluator: Evaluator, metric: str) -> tuple[float, list[int]]:
    """Return the learning rate that is best over the folds, and the epochs that its folds chose."""
    from trainers.messages import FoldFinished, TrialRequest

    results: dict[int, dict[int, Any]] = {}

    def heard(event: object) -> None:
        if isinstance(event, FoldFinished):
            results.setdefault(event.trial, {})[event.result.fold] = event.result

    numbers = tuple(range(len(evaluator.splits.folds)))
    requests = [TrialRequest(number, {"learning_rate": rate}, numbers) for number, rate in enumerate(LEARNING_RATES)]
    evaluator.evaluate(requests, heard)
    means = {trial: statistics.mean(fold.metrics[metric] for fold in folds.values()) for trial, folds in results.items()}
    best = max(means, key=lambda trial: -math.inf if math.isnan(means[trial]) else means[trial])
    return LEARNING_RATES[best], [results[best][number].epoch for number in numbers]


def _refit(evaluator: Evaluator, rate: float, folds: list[int], epochs: int | None, folder: Path) -> Run:
    """Return epochs and test scores of a refit for just so many epochs; None: by a monitor split."""
    from trainers.messages import Refit
    from trainers.refit import refit

    settings = evaluator.settings
    config: dict[str, Any] = {"learning_rate": rate}
    if epochs is None:
        fit = replace(settings.fit, refit="monitor")
    else:
        fit, config["epochs"], folds = replace(settings.fit, early_stopping=None), epochs, [epochs] * len(folds)
    evaluator.settings = replace(settings, fit=fit)
    try:
        done = refit(evaluator, Refit(config, tuple(folds), str(folder)))
    finally:
        evaluator.settings = settings
    return {"epochs": done.epochs, **done.test_metrics}


def shown(runs: list[Run]) -> Shown:
    """Return a row a table, and one for all: the mean score at the median, and what the other rules add, with standard errors."""
    from rich.table import Table as Shown

    out = Shown(title="The refit's epochs: score on the test part", title_justify="left")
    for column in ("table", "rows", "seeds", "metric", "epochs by rule", "at the median", "scaled adds", "monitor adds"):
        out.add_column(column, justify="left" if column in ("table", "metric") else "right")
    by_table: dict[str, list[Run]] = {}
    for run in runs:
        by_table.setdefault(run["table"], []).append(run)
    for name, its in by_table.items():
        metric = METRICS[its[0]["task"]][0]
        epochs = " / ".join(f"{statistics.mean(run['refits'][rule]['epochs'] for run in its):.0f}" for rule in RULES)
        level = statistics.mean(run["refits"]["median"][metric] for run in its)
        added = [_told(*gain(its, rule)) for rule in RULES[1:]]
        out.add_row(name, str(its[0]["rows"]), str(len(its)), metric, epochs, f"{level:.4f}", *added)
    out.add_section()
    out.add_row("all, equal weights", "", "", "", "", "", *(_told(*overall(runs, rule)) for rule in RULES[1:]))
    return out


def gain(runs: list[Run], rule: str) -> tuple[float, float]:
    """Return by how much ``rule`` scores better than the median on one table, seed by seed, and the standard error."""
    metric = METRICS[runs[0]["task"]][0]
    gains = [run["refits"][rule][metric] - run["refits"]["median"][metric] for run in runs]
    return statistics.mean(gains), statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else math.nan


def overall(runs: list[Run], rule: str) -> tuple[float, float]:
    """Return the mean of the tables' gains, and its standard error over the seeds."""
    tables = dict.fromkeys(run["table"] for run in runs)
    gains = [gain([run for run in runs if run["table"] == table], rule) for table in tables]
    return statistics.mean(mean for mean, _ in gains), math.hypot(*(error for _, error in gains)) / len(gains)


def _told(mean: float, error: float) -> str:
    return f"{mean:+.4f} ± {error:.4f}"


if __name__ == "__main__":
    main()
