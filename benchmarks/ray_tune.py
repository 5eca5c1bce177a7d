"""The rival Ray Tune alone: a function trainable around ``model.fit``, no reuse of actors, as its guides show it.

``python -m benchmarks.ray_tune`` in a problem's folder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ray import tune

from benchmarks.cross_validation import cross_validated
from benchmarks.given import Given, given
from benchmarks.outcome import write_outcome


def train(config: dict[str, Any], work: Given) -> None:
    tune.report({"score": cross_validated(work, config.get("drawn", config))})


def main() -> None:
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    work = given()
    if work.grid is not None:
        space = {name: tune.grid_search(values) for name, values in work.grid.items()}
    else:
        space = {"drawn": tune.grid_search(work.configs)}
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(train, work=work), {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(metric="score", mode="max"),
        run_config=tune.RunConfig(storage_path=str(Path.cwd() / "ray_results"), verbose=0),
    )
    results = tuner.fit()
    write_outcome(trials=len(results), best=float(results.get_best_result().metrics["score"]))


if __name__ == "__main__":
    main()
