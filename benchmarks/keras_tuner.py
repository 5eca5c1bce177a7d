"""The rival KerasTuner, with the k-fold loop in ``run_trial`` as its users write it: ``python -m benchmarks.keras_tuner``.

It runs one trial after another in one process; its own parallel mode wants a chief and workers on several machines.
"""

from __future__ import annotations

from typing import Any

import keras_tuner

from benchmarks import models
from benchmarks.cross_validation import cross_validated
from benchmarks.given import Given, given
from benchmarks.outcome import write_outcome


class Model(keras_tuner.HyperModel):
    """Says which hyperparameters there are."""

    def __init__(self, work: Given) -> None:
        super().__init__()
        self.work = work

    def config(self, hp: Any) -> dict[str, Any]:
        """Return the configuration: a point of the grid, or one of those that were drawn for all methods."""
        if self.work.grid is not None:
            return {name: hp.Choice(name, values) for name, values in self.work.grid.items()}
        return self.work.configs[hp.Int("draw", 0, len(self.work.configs) - 1)]

    def build(self, hp: Any) -> Any:
        arguments = {**self.work.params, **self.config(hp)}
        arguments.pop("epochs", None), arguments.pop("batch_size", None)
        return getattr(models, self.work.model)(**self.work.shapes(), **arguments)


class CrossValidated(keras_tuner.GridSearch):
    """A tuner whose trials are scored by k-fold cross-validation."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        work = self.hypermodel.work
        return {"score": cross_validated(work, self.hypermodel.config(trial.hyperparameters))}


def main() -> None:
    work = given()
    tuner = CrossValidated(
        hypermodel=Model(work),
        objective=keras_tuner.Objective("score", "max"),
        directory="keras_tuner",
        project_name="benchmark",
        overwrite=True,
    )
    tuner.search(verbose=0)
    trials = tuner.oracle.get_best_trials(len(work.configs))
    write_outcome(trials=len(trials), best=float(trials[0].score))


if __name__ == "__main__":
    main()
