"""Works of scikit-learn's interface as workers meet them, and what scikit-learn itself makes of them: small, without chance."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.model_selection._validation import _fit_and_score

from trainers.estimators import EstimatorEvaluator, KerasClassifier, Work, stage_work
from trainers.messages import Event, FoldFailed, FoldFinished, TrialRequest
from trainers.settings import SweepSettings, TrainerSettings

COLUMNS = 4


def net(units: int = 5, learning_rate: float = 0.1, outputs: int = 1, loss: str = "binary_crossentropy") -> keras.Model:
    """Return a small net whose first weights are the same always, and not all equal."""

    class Fan(keras.initializers.Initializer):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return keras.ops.reshape(keras.ops.linspace(-0.9, 1.0, int(np.prod(shape))), shape)

    end = {"binary_crossentropy": "sigmoid", "sparse_categorical_crossentropy": "softmax"}.get(loss)
    model = keras.Sequential(
        [
            keras.Input((COLUMNS,)),
            keras.layers.Dense(units, activation="tanh", kernel_initializer=Fan()),
            keras.layers.Dense(outputs, activation=end, kernel_initializer=Fan()),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate), loss=loss, weighted_metrics=["mae"] if "sparse" not in str(loss) else []
    )
    return model


class Squaring(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Squares rows where they lie."""

    def fit(self, X: Any, y: Any = None) -> Squaring:
        return self

    def transform(self, X: Any) -> Any:
        X **= 2
        return X


def classifier(**params: Any) -> KerasClassifier:
    """Return an estimator that trains without chance."""
    return KerasClassifier(net, **{"shuffle": False, "epochs": 3, "batch_size": 8, "random_state": 0, **params})


def table(rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return X and the labels of two classes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, COLUMNS))
    return X, np.where(X @ [1.0, -2.0, 0.5, 0.0] + 0.3 * rng.normal(size=rows) > 0, "yes", "no")


def work(estimator: Any, X: Any = None, y: Any = None, *, folds: int = 2, **changes: Any) -> Work:
    """Return the work of a search over ``estimator``."""
    if X is None:
        X, y = table()
    splits = list((KFold if y is None or np.asarray(y).dtype.kind == "f" else StratifiedKFold)(folds).split(np.zeros(len(y)), y))
    from sklearn.metrics import check_scoring

    return Work(
        **{"estimator": estimator, "X": X, "y": y, "splits": splits, "scorers": check_scoring(estimator, None), **changes}
    )


def heard(
    made: Work, folder: Path, configs: Sequence[Mapping[str, Any]], *, engine: str = "keras", seed: int = 3
) -> tuple[EstimatorEvaluator, list[Event]]:
    """Return an evaluator of ``made`` and what it tells of all configs on all folds."""
    evaluator = evaluator_of(made, folder, engine=engine, seed=seed)
    events: list[Event] = []
    folds = tuple(range(len(made.splits)))
    evaluator.evaluate([TrialRequest(number, config, folds) for number, config in enumerate(configs)], events.append)
    return evaluator, events


def evaluator_of(made: Work, folder: Path, *, engine: str = "keras", seed: int = 3) -> EstimatorEvaluator:
    """Return an evaluator of ``made``, staged in ``folder``."""
    stage_work(made, folder)
    settings = SweepSettings(
        task="multiclass", seed=seed, metrics=("test_score",), stage=str(folder), trainer=TrainerSettings(type="estimator"),
        engine=engine,
    )  # fmt: skip
    return EstimatorEvaluator(settings)


def results(events: Sequence[Event]) -> dict[tuple[int, int], Any]:
    """Return the results of folds by trial and fold."""
    return {(event.trial, event.result.fold): event.result for event in events if isinstance(event, FoldFinished)}


def failures(events: Sequence[Event]) -> dict[tuple[int, int], FoldFailed]:
    """Return the failures of folds by trial and fold."""
    return {(event.trial, event.fold): event for event in events if isinstance(event, FoldFailed)}


def reference(made: Work, params: Mapping[str, Any], fold: int) -> dict[str, float]:
    """Return the scores that scikit-learn gets, in this process and on this backend, under the names of ours."""
    train, test = made.splits[fold]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _fit_and_score(
            clone(made.estimator), made.X, made.y, scorer=made.scorers, train=train, test=test, verbose=0,
            parameters=dict(params),
            fit_params=made.fit_params, score_params=made.score_params, return_train_score=made.return_train_score,
            error_score=made.error_score,
        )  # fmt: skip
    scores = {}
    for part in ("test", "train") if made.return_train_score else ("test",):
        of_part = found[f"{part}_scores"]
        scores.update({f"{part}_{name}": v for name, v in (of_part if isinstance(of_part, dict) else {"score": of_part}).items()})
    return scores


def assert_as_scikit_learn(
    made: Work, folder: Path, configs: Sequence[Mapping[str, Any]], *, engine: str, objects: Mapping[str, Any] | None = None
) -> dict[tuple[int, int], Any]:
    """Hold all results against scikit-learn's to 1e-5 and return them."""
    _, events = heard(made, folder, configs, engine=engine)
    assert not failures(events), next(iter(failures(events).values())).traceback
    found = results(events)
    for number, config in enumerate(configs):
        params = {name: (objects or {}).get(value, value) if isinstance(value, str) else value for name, value in config.items()}
        for fold in range(len(made.splits)):
            ours = {name: value for name, value in found[number, fold].metrics.items() if name != "score_time"}
            theirs = reference(replace(made), params, fold)
            assert set(ours) == set(theirs)
            for name, value in theirs.items():
                np.testing.assert_allclose(ours[name], value, rtol=1e-5, atol=1e-5, err_msg=f"{config} fold {fold} {name}")
    return found
