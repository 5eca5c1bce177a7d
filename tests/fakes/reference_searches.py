"""scikit-learn's own searches, fitted in a process with a Keras backend of its own: what ours are held against."""

from __future__ import annotations

import multiprocessing
import os
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import sklearn
from sklearn import model_selection

from orchestrator.dispatch.worker_environment import worker_environment
from trainers.estimators import dump, load

_TOLD = ("best_index_", "best_score_", "best_params_", "n_splits_", "multimetric_", "scorer_", "refit_time_", "cv_results_")


class Reference:
    """Fits scikit-learn's class in the child process."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def fit(self, kind: str, *given: Any, rows: tuple[Any, ...], params: Any = None, **options: Any) -> SimpleNamespace:
        """Return what ``kind(*given, **options).fit(*rows, **params)`` has found, and its predictions on the rows."""
        return self._ask("fit", kind, given, options, rows, params or {})

    def call(self, name: str, *given: Any, **options: Any) -> Any:
        """Return what a function of ``sklearn.model_selection`` returns."""
        return self._ask("call", name, given, options)

    def _ask(self, *request: Any) -> Any:
        return load(self._pool.submit(_answer, dump((request, sklearn.get_config()))).result())


@contextmanager
def reference(backend: str) -> Iterator[Reference]:
    """Keep a process with this Keras backend."""
    before = dict(os.environ)
    os.environ.update(worker_environment("fused" if backend == "jax" else "keras", before, cpus=1.0))
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(os.getpid).result()  # born with this environment
            os.environ.clear()
            os.environ.update(before)
            yield Reference(pool)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _answer(content: bytes) -> bytes:
    try:
        return _answered(*load(content))
    except Exception as error:  # as a text: not every exception can be carried
        raise AssertionError(traceback.format_exc()) from error


def _answered(request: Any, config: Any) -> bytes:
    with sklearn.config_context(**config), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if request[0] == "call":
            _, name, given, options = request
            return dump(getattr(model_selection, name)(*given, **options))
        _, kind, given, options, rows, params = request
        search = getattr(model_selection, kind)(*given, **options).fit(*rows, **params)
    found = {name: getattr(search, name) for name in _TOLD if hasattr(search, name)}
    fitted = {name for name in vars(search) if name.endswith("_") and not name.startswith("_")}
    best = getattr(search, "best_estimator_", None)
    probabilities = best.predict_proba(rows[0]) if hasattr(best, "predict_proba") else None
    return dump(SimpleNamespace(**found, fitted=fitted, probabilities=probabilities))
