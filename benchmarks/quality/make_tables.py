"""Write the tables: ``python -m benchmarks.quality.make_tables`` trains 500 random nets a problem on 10 folds, read at 5 epochs.

It takes about a quarter of an hour on one core. The tables stand beside this file, so nobody needs to run it to use them; one
that is there is left as it is, and made anew where its file has been removed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).with_name("tables")
CONFIGS, FOLDS, CHUNK = 500, 10, 25
SMOKE_CONFIGS = 4
EPOCHS = (1, 3, 9, 27, 81)
PROBLEMS: dict[str, dict[str, Any]] = {
    "digits": {"metric": "accuracy"},
    "breast_cancer": {"metric": "accuracy"},
    "diabetes": {"metric": "r2"},
}
SPACE = {
    "hidden_layers": {"integer": [1, 3]},
    "layer_size": {"integer": [4, 96], "log": True},
    "activation": ["relu", "tanh"],
    "dropout": {"uniform": [0.0, 0.5]},
    "l2": {"reciprocal": [1e-6, 1e-1]},
    "learning_rate": {"reciprocal": [1e-4, 1e-1]},
    "batch_size": [16, 64],
    "optimizer": ["adam", "sgd"],
}


def main() -> None:
    """Write the tables of the problems asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--configs", type=int, default=CONFIGS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--smoke", action="store_const", const=SMOKE_CONFIGS, dest="configs", help="few configs: does it work?")
    arguments = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.problems:
        file = arguments.folder / f"{name}.npz"
        if file.exists():
            print(f"{name}: {file} is there.", file=sys.stderr)
            continue
        scores = table(name, arguments.configs)
        np.savez_compressed(file, scores=scores, epochs=EPOCHS)
        print(f"{name}: best mean {np.nanmax(scores[:, -1].mean(axis=-1)):.4f}", file=sys.stderr)


def table(name: str, configs: int) -> np.ndarray:
    """Return the scores of ``configs`` nets, (configs, epochs, folds) float32, larger for better; NaN where one diverged."""
    from orchestrator.running import check_data
    from orchestrator.spec import spec_from_mapping
    from search_spaces import make_strategy
    from trainers.evaluation import Evaluator
    from trainers.messages import Event, FoldFinished, TrialRequest

    metric = PROBLEMS[name]["metric"]
    written = {
        "name": name, "data": {"source": "sklearn", "name": name, "test_size": 0}, "space": SPACE,
        "strategy": {"type": "random", "trials": configs}, "cv": {"folds": FOLDS}, "objective": {"metric": metric},
        "fit": {"early_stopping": None},
    }  # fmt: skip
    spec = spec_from_mapping(written, source=name, folder=Path.cwd())
    drawn = make_strategy(spec.strategy_settings(), spec.search_space(), 1).ask(configs)
    scores = np.full((configs, len(EPOCHS), FOLDS), np.nan, dtype="float32")

    def report(event: Event) -> None:
        if isinstance(event, FoldFinished):
            config, read = divmod(event.trial, len(EPOCHS))
            scores[config, read, event.result.fold] = event.result.metrics[metric]

    with tempfile.TemporaryDirectory() as stage:
        check_data(spec, Path(stage))
        evaluator = Evaluator(spec.sweep_settings(stage=stage, engine="fused"))
        for first in range(0, configs, CHUNK):
            evaluator.evaluate(
                [
                    TrialRequest(number * len(EPOCHS) + read, {**drawn[number], "epochs": epochs}, tuple(range(FOLDS)))
                    for number in range(first, min(first + CHUNK, configs))
                    for read, epochs in enumerate(EPOCHS)
                ],
                report,
            )
            print(f"{name}: {min(first + CHUNK, configs)} of {configs}", file=sys.stderr, flush=True)
    return scores


if __name__ == "__main__":
    main()
