"""A worker that does staged work the way scikit-learn would: ``_fit_and_score``, fold by fold, without Keras.

``python stub_estimator_worker.py --fd N``.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sklearn
from sklearn.base import clone
from sklearn.model_selection._validation import _fit_and_score
from sklearn.pipeline import Pipeline

sys.path.insert(0, str(Path(__file__).parent))

from trainers.estimators import Work, dump, open_work, params_of
from trainers.messages import Check, Checked, Done, Evaluate, Failed, FoldFailed, FoldFinished, Prepare, Refit, Refitted
from trainers.results import FoldResult


def configured(work: Work, config: Any) -> Any:
    return clone(work.estimator).set_params(**clone(params_of(config, work.values), safe=False))


def fold_result(work: Work, config: Any, fold: int) -> FoldResult:
    train, test = work.splits[fold]
    line = _fit_and_score(
        configured(work, config),
        work.X,
        work.y,
        scorer=work.scorers,
        train=train,
        test=test,
        verbose=0,
        parameters=None,
        fit_params=work.fit_params,
        score_params=work.score_params,
        return_train_score=work.return_train_score,
        return_times=True,
        error_score="raise",
    )
    metrics = {"score_time": line["score_time"]}
    for part in ("test", "train"):
        scores = line.get(f"{part}_scores", {})
        named = scores if isinstance(scores, dict) else {"score": scores}
        metrics |= {f"{part}_{name}": float(score) for name, score in named.items()}
    return FoldResult(fold=fold, metrics=metrics, epoch=1, epochs_run=1, seconds=line["fit_time"])


def steps_of(estimator: Any, prefix: str = "") -> tuple[list[tuple[str, Any]], Any]:
    if type(estimator) is not Pipeline:
        return [], estimator
    steps = [(f"{prefix}{name}", step) for name, step in estimator.steps[:-1]]
    name, last = estimator.steps[-1]
    deeper, final = steps_of(last, f"{prefix}{name}__")
    return steps + deeper, final


def answer(pipe: Connection, request: Any, work: Work | None) -> Any:
    match request:
        case Prepare(settings):
            work = open_work(settings.stage)
            sklearn.set_config(**work.sklearn_config)
            return Done(), work
        case Check():
            return Checked({}, fusable=False, reason="a stub is no net"), work
        case Evaluate(trials):
            for trial in trials:
                for fold in trial.folds:
                    try:
                        pipe.send(FoldFinished(trial.number, fold_result(work, trial.config, fold)))
                    except Exception as error:
                        what = str(error), traceback.format_exc(), dump(error)
                        pipe.send(FoldFailed(trial.number, fold, "exception", *what))
            return Done(), work
        case Refit(config, _, folder):
            fitted = configured(work, config)
            fitted.fit(work.X, work.y, **work.fit_params)
            steps, final = steps_of(fitted)
            found = {"steps": steps, "final": final._fitted_state(), "seconds": 0.0}
            (Path(folder) / "fitted.pkl").write_bytes(dump(found))
            return Refitted(folder, 1), work


def main() -> None:
    warnings.simplefilter("ignore")
    pipe = Connection(int(sys.argv[sys.argv.index("--fd") + 1]))
    work: Work | None = None
    arrived: list[Any] = []
    there = threading.Condition()

    def read() -> None:
        try:
            while True:
                request = pipe.recv()
                with there:
                    arrived.append(request)
                    there.notify()
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        with there:
            there.wait_for(lambda: arrived)
            request = arrived.pop(0)
        try:
            reply, work = answer(pipe, request, work)
        except Exception as error:
            reply = Failed("exception", str(error), traceback.format_exc(), dump(error))
        pipe.send(reply)


if __name__ == "__main__":
    main()
