"""Optuna: TPE, WilcoxonPruner over the folds, plain Keras in two processes: ``python -m benchmarks.quality.rivals.optuna_tpe``.

As its guides have it: the folds of a trial in random order, a trial that is pruned returns the mean of the folds it has, and the
processes share a journal file. Each is held to one core, where TensorFlow alone would start threads for all of them.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
from typing import Any

import numpy as np

PROCESSES = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--trials", type=int, help="so many in each process; default: until it is ended")
    parser.add_argument("--worker", type=int, default=0)
    arguments = parser.parse_args()
    others = []
    if arguments.worker == 0:
        for number in range(1, PROCESSES):
            others.append(subprocess.Popen([sys.executable, "-m", __spec__.name, *sys.argv[1:], "--worker", str(number)]))
    search(arguments.worker, arguments.trials)
    for other in others:
        other.wait()


def search(worker: int, trials: int | None) -> None:
    import optuna
    import tensorflow as tf

    from benchmarks.cross_validation import fit, value_of
    from benchmarks.given import given
    from benchmarks.quality.incumbents import tell
    from benchmarks.quality.rivals.space import space

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    work, domains = given(), space()
    rng = np.random.default_rng([work.seed, worker])

    def objective(trial: Any) -> float:
        config = {name: suggested(trial, name, domain) for name, domain in domains.items()}
        scores: list[float] = []
        for number in rng.permutation(len(work.folds)).tolist():
            train, monitor, rows = work.folds[number]
            model, scale = fit(work, config, train, monitor, seed=work.seed)
            score = value_of(work.metric, work, work.y[rows], model.predict(scale(work.x[rows]), verbose=0))
            if not math.isfinite(score):
                return math.nan
            scores.append(score)
            trial.report(score, number)
            if len(scores) < len(work.folds) and trial.should_prune():
                return float(np.mean(scores))
        tell(config, float(np.mean(scores)))
        return float(np.mean(scores))

    study = optuna.create_study(
        study_name="benchmark",
        storage=optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend("optuna.journal")),
        sampler=optuna.samplers.TPESampler(seed=1000 * work.seed + worker),
        pruner=optuna.pruners.WilcoxonPruner(p_threshold=0.1),
        direction="maximize" if work.metric == "r2" else "minimize",
        load_if_exists=True,
    )
    study.optimize(objective, n_trials=trials)


def suggested(trial: Any, name: str, domain: Any) -> Any:
    """Return the value that Optuna proposes."""
    if isinstance(domain, list):
        return trial.suggest_categorical(name, domain)
    if "integer" in domain:
        return trial.suggest_int(name, *domain["integer"], log=domain.get("log", False))
    if "reciprocal" in domain:
        return trial.suggest_float(name, *domain["reciprocal"], log=True)
    return trial.suggest_float(name, *domain["uniform"])


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "tensorflow"
    main()
