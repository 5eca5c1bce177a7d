"""What a problem is, and how its folder is laid out: the same rows, folds and configurations for every method."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

TASK, ROWS, SWEEP = "task.json", "rows.npz", "sweep.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem.

    ``sweep`` is the sweep file but for its name, data, engine and Ray; ``sizes`` are changes to it by name: ``full``,
    ``part`` (where a rival would take over 15 minutes) and ``smoke``. ``rival_size`` is what rivals run unless told otherwise.
    ``model`` names the function of ``benchmarks.models`` that rivals build with; ``rows`` returns X and y, given the path of the
    Pima file or None. ``seed`` is the sweep's: of folds, initial weights and batches, for rivals too.
    """

    title: str
    task: str
    metric: str
    model: str
    rows: Callable[[Path | None], tuple[np.ndarray, np.ndarray]]
    sweep: Mapping[str, Any]
    sizes: Mapping[str, Mapping[str, Any]]
    rival_size: str = "full"
    note: str = ""
    builder_code: bool = field(default=False)
    seed: int = 7

    def sweep_file(self, size: str, *, engine: str = "auto", local: bool = False) -> dict[str, Any]:
        """Return the sweep file of this problem in one size."""
        sweep = {
            "name": "benchmark",
            "seed": self.seed,
            "task": self.task,
            "data": {"source": "npz", "path": ROWS, "target": "y", "test_size": 0},
            "objective": {"metric": self.metric},
            "race": "none",  # rivals train every fold too
            "engine": engine,
            "ray": {"local": local},
        }
        return {**sweep, **self.sweep, **self.sizes[size]}

    def lay_out(self, size: str, folder: Path, pima: Path | None) -> dict[str, Any]:
        """Write what every method is given into ``folder``: the rows, the folds, the configurations, the sweep file."""
        from orchestrator.spec import load_spec

        folder.mkdir(parents=True, exist_ok=True)
        x, y = self.rows(pima)
        np.savez(folder / ROWS, X=x, y=y)
        if self.builder_code:
            (folder / "models.py").write_text(Path(__file__).parents[1].joinpath("models.py").read_text())
        write_sweep(folder, self.sweep_file(size))
        spec = load_spec(folder / SWEEP)
        configs = _configs(spec)
        folds = _folds(spec)
        task = {
            "seed": self.seed,
            "task": self.task,
            "metric": self.metric,
            "model": self.model,
            "params": dict(spec.trainer.params),
            "grid": spec.space if spec.strategy.type == "grid" else None,
            "configs": configs,
            "folds": folds,
            "fit": {"epochs": spec.fit.epochs, "batch_size": spec.fit.batch_size},
            "early_stopping": dict(spec.fit.early_stopping) if spec.fit.early_stopping else None,
            "standardise": spec.preprocessing == "standard",
        }
        (folder / TASK).write_text(json.dumps(task), encoding="utf-8")
        return {"trials": len(configs), "folds": len(folds), "rows": list(x.shape)}


def write_sweep(folder: Path, sweep: Mapping[str, Any]) -> None:
    """Write the sweep file that ours runs."""
    (folder / SWEEP).write_text(yaml.safe_dump(dict(sweep), sort_keys=False), encoding="utf-8")


def _configs(spec: Any) -> list[dict[str, Any]]:
    """Return the configurations that Kerasweep will propose: all methods train these."""
    from search_spaces import make_strategy

    strategy = make_strategy(spec.strategy_settings(), spec.search_space(), spec.strategy.seed or 0)
    return [dict(config) for config in strategy.ask(1_000_000)]


def _folds(spec: Any) -> list[dict[str, list[int]]]:
    """Return Kerasweep's own folds as row numbers; ``monitor`` is empty without early stopping."""
    from trainers.data import load
    from trainers.splits import make_splits

    settings = spec.sweep_settings(stage="", engine="keras")
    stopping = settings.fit.early_stopping
    splits = make_splits(
        load(spec.data_settings(), spec.task, settings.code),
        spec.task,
        settings.cv,
        test_size=spec.data.test_size,
        monitor_split=stopping.split if stopping else None,
        seed=spec.seed,
    )
    parts = ("train", "monitor", "score")
    return [{part: getattr(fold, part).tolist() for part in parts} for fold in splits.folds]
