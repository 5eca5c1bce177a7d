"""A worker that trains nothing: every fold takes ``--seconds`` and scores a number that its config decides.

``python noop_worker.py --seconds 0 --fd N``. It speaks the worker's protocol; the winner's refit alone is the real one.
"""

from __future__ import annotations

import argparse
import os
import time
from multiprocessing.connection import Connection

from trainers.messages import Check, Checked, Done, Evaluate, Event, FoldFinished, Prepare, Refit, Reply, Request
from trainers.results import FoldResult
from trainers.settings import SweepSettings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--fd", type=int, required=True)
    arguments = parser.parse_args()
    pipe = Connection(arguments.fd)
    settings: SweepSettings | None = None
    while True:
        try:
            request: Request = pipe.recv()
            if isinstance(request, Prepare):
                settings = request.settings
            pipe.send(answer(request, settings, pipe, arguments.seconds))
        except (EOFError, OSError):
            return


def answer(request: Request, settings: SweepSettings | None, pipe: Connection, seconds: float) -> Reply:
    match request:
        case Prepare():
            return Done()
        case Check():
            return Checked({"worker": "no-op"})
        case Evaluate(trials):
            for trial in trials:
                for fold in trial.folds:
                    time.sleep(seconds)
                    pipe.send(result(trial.number, fold, seconds))
            return Done()
        case Refit():
            from trainers.evaluation import Evaluator
            from trainers.refit import refit

            return refit(Evaluator(settings), request)


def result(trial: int, fold: int, seconds: float) -> Event:
    metrics = {"accuracy": 1 / (1 + trial % 97)}
    if seconds:  # who slept, for the efficiency of many workers
        metrics["worker"] = float(os.getpid())
    return FoldFinished(trial, FoldResult(fold=fold, metrics=metrics, epoch=1, epochs_run=1, seconds=seconds))


if __name__ == "__main__":
    main()
