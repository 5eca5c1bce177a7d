"""Plain Ray Tune with trials that do nothing: a class with reused actors, or a function without reuse.

``python -m benchmarks.ray_tune_noop --kind class --trials 1000``, in an empty folder. No tracking.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import psutil
from ray import tune

from benchmarks.outcome import write_outcome


class Nothing(tune.Trainable):
    """One step, one number."""

    def step(self) -> dict[str, Any]:
        return {"score": self.config["learning_rate"], "done": True}

    def setup(self, config: dict[str, Any]) -> None:
        self.config = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.config = new_config
        return True


def nothing(config: dict[str, Any]) -> None:
    tune.report({"score": config["learning_rate"]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=("class", "function"), default="class")
    parser.add_argument("--trials", type=int, default=1000)
    arguments = parser.parse_args()
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    ends: list[tuple[float, int]] = []

    class Watch(tune.Callback):
        """Notes when trials end, and the driver's memory then."""

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            ends.append((time.time(), psutil.Process().memory_info().rss))

    began = time.time()
    tuner = tune.Tuner(
        tune.with_resources(Nothing if arguments.kind == "class" else nothing, {"cpu": 1}),
        param_space={"learning_rate": tune.loguniform(1e-4, 1e-1), "layer_size": tune.randint(1, 100)},
        tune_config=tune.TuneConfig(
            metric="score", mode="max", num_samples=arguments.trials, reuse_actors=arguments.kind == "class"
        ),
        run_config=tune.RunConfig(
            storage_path=str(Path.cwd() / "ray_results"),
            verbose=0,
            callbacks=[Watch()],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    tuner.fit()
    ended = time.time()
    step = max(len(ends) // 200, 1)
    write_outcome(
        trials=len(ends),
        best=None,
        first_seconds=ends[0][0] - began,
        search_seconds=ends[-1][0] - ends[0][0],
        after_seconds=ended - ends[-1][0],
        points=[(at - began, done, rss) for done, (at, rss) in list(enumerate(ends, start=1))[::step]],
    )


if __name__ == "__main__":
    main()
