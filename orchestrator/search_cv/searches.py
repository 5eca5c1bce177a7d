"""GridSearchCV, RandomizedSearchCV and GeneticSearchCV: scikit-learn's searches, whose fits are done in workers."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn import model_selection
from sklearn.model_selection import ParameterSampler
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from orchestrator.search_cv.asking import OURS
from orchestrator.search_cv.genetic import Evolution
from orchestrator.search_cv.searching import KerasSearchCV


class GridSearchCV(KerasSearchCV, model_selection.GridSearchCV):  # type: ignore[misc]
    """scikit-learn's ``GridSearchCV``, whose fits are done in workers where the estimator ends in one of ours.

    Parameters
    ----------
    ray_address : ``"auto"`` or ``host:port`` of a Ray whose workers do the fits; None: workers on this machine.
    tracking_uri : where MLflow shows the search; None: nowhere.
    ledger : URL or path of a ledger. The search is then a sweep that ``kerasweep list`` and ``show`` know, and an equal ``fit``
        later trains only what is missing: so folds of an estimator without ``random_state`` have the same seeds each time,
        whatever ``numpy.random`` would draw. None: nothing is kept.
    name : the sweep's name, and a folder in which callbacks' relative paths then lie; None: the class', and no folder.
    engine : ``"auto"`` trains many fits at once as one program where it can; ``"fused"`` refuses what it cannot; ``"keras"``
        has each done by ``model.fit`` on TensorFlow.
    others : as in scikit-learn. ``n_jobs`` None and -1 take as many workers as fit.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**model_selection.GridSearchCV._parameter_constraints, **OURS}

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        ray_address: str | None = None,
        tracking_uri: str | None = None,
        ledger: str | Path | None = None,
        name: str | None = None,
        engine: str = "auto",
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.ray_address = ray_address
        self.tracking_uri = tracking_uri
        self.ledger = ledger
        self.name = name
        self.engine = engine

    def _strategy(self) -> dict[str, Any]:
        return {"type": "grid"}


class RandomizedSearchCV(KerasSearchCV, model_selection.RandomizedSearchCV):  # type: ignore[misc]
    """scikit-learn's ``RandomizedSearchCV``, whose fits are done in workers where the estimator ends in one of ours.

    Parameters
    ----------
    ray_address, tracking_uri, ledger, name, engine : as in ``GridSearchCV``.
    others : as in scikit-learn.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**model_selection.RandomizedSearchCV._parameter_constraints, **OURS}

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        ray_address: str | None = None,
        tracking_uri: str | None = None,
        ledger: str | Path | None = None,
        name: str | None = None,
        engine: str = "auto",
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.ray_address = ray_address
        self.tracking_uri = tracking_uri
        self.ledger = ledger
        self.name = name
        self.engine = engine

    def _strategy(self) -> dict[str, Any]:
        return {"type": "random", "trials": self.n_iter}


class GeneticSearchCV(KerasSearchCV, BaseSearchCV):  # type: ignore[misc]
    """A search that breeds new candidates from the better ones, generation by generation.

    It is used as ``RandomizedSearchCV``. Lists and arrays are choices; uniform, loguniform (reciprocal) and randint of
    ``scipy.stats`` are ranges, on their own scale; from other distributions new values are drawn. No candidate comes twice.
    ``cv_results_`` has the column ``generation``, counted from 0. Estimators that are not ours are evolved too, fitted by
    scikit-learn's own way.

    Parameters
    ----------
    n_iter : how many candidates there are in all.
    population_size : candidates in a generation; None: a quarter of ``n_iter``, from 4 to 16.
    refit : its metric decides who breeds; a callable cannot.
    ray_address, tracking_uri, ledger, name, engine : as in ``GridSearchCV``.
    others : as in scikit-learn's ``RandomizedSearchCV``.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "param_distributions": [dict],
        "n_iter": [Interval(numbers.Integral, 1, None, closed="left")],
        "population_size": [Interval(numbers.Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
        **OURS,
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 40,
        population_size: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        ray_address: str | None = None,
        tracking_uri: str | None = None,
        ledger: str | Path | None = None,
        name: str | None = None,
        engine: str = "auto",
    ) -> None:
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.population_size = population_size
        self.random_state = random_state
        self.ray_address = ray_address
        self.tracking_uri = tracking_uri
        self.ledger = ledger
        self.name = name
        self.engine = engine

    def _run_search(self, evaluate_candidates: Callable[..., Mapping[str, Any]], *, callback_ctx: Any = None) -> None:
        """Evaluate generation after generation."""
        metric = self._deciding_metric()
        ParameterSampler(self.param_distributions, self.n_iter)  # for its refusals
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        evolution = Evolution(self.param_distributions, n_iter=self.n_iter, population=self._population, seed=seed)
        while candidates := evolution.ask():
            more = {"generation": [evolution.generation] * len(candidates)}
            results = evaluate_candidates(candidates, more_results=more)
            scores = results[f"mean_test_{metric}"][-len(candidates) :]
            evolution.tell([float(score) if math.isfinite(score) else None for score in scores])

    def _listed(self) -> dict[str, Any]:
        return {name: values for name, values in self.param_distributions.items() if not hasattr(values, "rvs")}

    @property
    def _population(self) -> int:
        return min(max(self.n_iter // 4, 4), 16) if self.population_size is None else self.population_size

    def _deciding_metric(self) -> str:
        """Return the metric by which it evolves.

        Raises
        ------
        ValueError
            ``refit`` names none.
        """
        if callable(self.refit):
            raise ValueError(f"refit: expected a metric by which candidates breed, got the callable {self.refit!r}.")
        if isinstance(self.refit, str):
            return self.refit
        if self.scoring is None or isinstance(self.scoring, str) or callable(self.scoring):
            return "score"
        raise ValueError(f"refit: expected the name of the metric by which candidates breed, got {self.refit!r}.")

    def _strategy(self) -> dict[str, Any]:
        return {"type": "genetic", "population": self._population, "trials": self.n_iter}
