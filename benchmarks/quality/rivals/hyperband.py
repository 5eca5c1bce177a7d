"""KerasTuner's Hyperband, its trials scored by k-fold cross-validation: ``python -m benchmarks.quality.rivals.hyperband``.

A trial that goes on to more epochs goes on from the weights that each of its folds had, as the tuner does with the one net of a
trial. It runs one trial after another; its own parallel mode wants a chief and workers on several machines.
"""

from __future__ import annotations

import argparse
from typing import Any

import keras_tuner
import numpy as np

from benchmarks import models
from benchmarks.cross_validation import fit, value_of
from benchmarks.given import Given, given
from benchmarks.quality.incumbents import tell
from benchmarks.quality.rivals.space import space

MANY = 1000
"""More rounds than there is time for, and more diverging nets in a row than there will be: after three it would give up."""


class Model(keras_tuner.HyperModel):
    """Says which hyperparameters there are."""

    def __init__(self, work: Given, domains: dict[str, Any]) -> None:
        super().__init__()
        self.work = work
        self.domains = domains

    def config(self, hp: Any) -> dict[str, Any]:
        return {name: asked(hp, name, domain) for name, domain in self.domains.items()}

    def build(self, hp: Any) -> Any:
        arguments = {**self.work.params, **self.config(hp)}
        arguments.pop("batch_size", None)
        return getattr(models, self.work.model)(**self.work.shapes(), **arguments)


class CrossValidated(keras_tuner.Hyperband):
    """A tuner whose trials are scored by k-fold cross-validation."""

    def __init__(self, *args: Any, most: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.most = most
        self.weights: dict[str, list[list[np.ndarray]]] = {}

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        work = self.hypermodel.work
        config, values = self.hypermodel.config(trial.hyperparameters), trial.hyperparameters.values
        before = self.weights.get(values.get("tuner/trial_id", ""))
        scores, weights = [], []
        for number, (train, monitor, rows) in enumerate(work.folds):
            model, scale = fit(
                work,
                config,
                train,
                monitor,
                seed=work.seed,
                weights=before[number] if before else None,
                first_epoch=values["tuner/initial_epoch"] if before else 0,
                last_epoch=values["tuner/epochs"],
            )
            scores.append(value_of(work.metric, work, work.y[rows], model.predict(scale(work.x[rows]), verbose=0)))
            weights.append(model.get_weights())
        self.weights[trial.trial_id] = weights
        if np.isfinite(scores).all():
            tell(config, float(np.mean(scores)))
        if len(self.weights) == self.most:
            raise SystemExit
        return {"score": float(np.mean(scores))}


def asked(hp: Any, name: str, domain: Any) -> Any:
    """Return the value of one hyperparameter, and say what it may be."""
    if isinstance(domain, list):
        return hp.Choice(name, domain)
    if "integer" in domain:
        return hp.Int(name, *domain["integer"], sampling="log" if domain.get("log") else "linear")
    if "reciprocal" in domain:
        return hp.Float(name, *domain["reciprocal"], sampling="log")
    return hp.Float(name, *domain["uniform"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--trials", type=int, help="end after so many; default: until it is ended")
    arguments = parser.parse_args()
    work = given()
    tuner = CrossValidated(
        Model(work, space()),
        objective=keras_tuner.Objective("score", "max" if work.metric == "r2" else "min"),
        max_epochs=work.epochs,
        hyperband_iterations=MANY,
        max_consecutive_failed_trials=MANY,
        seed=work.seed,
        directory="keras_tuner",
        project_name="benchmark",
        overwrite=True,
        most=arguments.trials,
    )
    tuner.search(verbose=0)


if __name__ == "__main__":
    main()
