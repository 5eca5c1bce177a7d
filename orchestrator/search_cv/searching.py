"""``fit`` of our search classes: scikit-learn's, with its helpers; only the evaluation of candidates on splits is ours."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any, Self

from sklearn.base import _fit_context, clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _insert_error_scores
from sklearn.utils.validation import _check_method_params

from orchestrator.search_cv.asking import Options, domains_of, first_metric, make_request
from orchestrator.search_cv.assembling import assemble
from orchestrator.search_cv.estimators import (
    NotOursError,
    check_callbacks,
    check_candidates,
    check_ours,
    cuttable,
    splitter,
    warn,
)
from orchestrator.search_cv.evaluating import Evaluation
from orchestrator.search_cv.gathering import Line, warn_or_raise
from orchestrator.search_cv.progress import announce
from trainers.estimators import Work


class KerasSearchCV(BaseSearchCV):  # type: ignore[misc]
    """What our search classes have in common. It stands before one of scikit-learn's among the bases."""

    ray_address: str | None
    tracking_uri: str | None
    ledger: str | Path | None
    name: str | None
    engine: str

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Run fit with all sets of parameters, in workers.

        Parameters
        ----------
        X, y : as the estimator's ``fit`` takes them; rows are what is split.
        **params : parameters of the estimator's ``fit``, of the scorers and of the splitter, routed as scikit-learn does.

        Returns
        -------
        Itself, fitted.
        """
        random_state: Any = getattr(self, "random_state", None)
        drawn = random_state.get_state() if hasattr(random_state, "get_state") else None
        with _splits_kept(self):
            try:
                check_callbacks(self)
                check_ours(self.estimator)
                return self._fit_in_workers(X, y, params)
            except NotOursError as reason:
                message = f"{type(self).__name__}: this search is scikit-learn's own, in this process and its children: {reason}."
                warn(message)
            except BaseException:
                self._forget_fit()
                raise
            if drawn is not None:
                random_state.set_state(drawn)
            self._forget_fit()
            fitted: Self = super().fit(X, y, **params)
            return fitted

    def _fit_in_workers(self, X: Any, y: Any, params: Mapping[str, Any]) -> Self:
        scorers, refit_metric = self._get_scorers()
        X, y = cuttable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        split_params = routed.splitter.split
        self._checked_cv_orig = splitter(self.cv, y, self.estimator)
        self._check_input_parameters(X=X, y=y, split_params=split_params)
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **split_params)
        work = Work(
            estimator=clone(self.estimator),
            X=X,
            y=y,
            splits=(),
            scorers=scorers,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
        )
        with ExitStack() as stack:
            rounds = _Rounds(self, work, split_params, refit_metric, stack)
            context = self._init_callback_context(max_subtasks=None)
            takes = "callback_ctx" in signature(self._run_search).parameters  # a class of the user's may not
            self._run_search(rounds, **({"callback_ctx": context} if takes else {}))
            self._choose(rounds)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        self.cv_results_ = rounds.results
        return self

    def _choose(self, rounds: _Rounds) -> None:
        """Choose the best candidate, and refit it, as ``refit`` says."""
        refit_metric, first = rounds.refit_metric, rounds.lines[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, rounds.results)
            if not callable(self.refit):
                self.best_score_ = rounds.results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = rounds.results["params"][self.best_index_]
        if self.refit:
            started = time.time()
            best = clone(rounds.work.estimator).set_params(**clone(self.best_params_, safe=False))
            self.best_estimator_ = assemble(best, rounds.evaluation.refit(int(self.best_index_)))
            self.refit_time_ = time.time() - started
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _strategy(self) -> dict[str, Any]:
        """Return what the ledger says of how candidates are found."""
        return {"type": "given"}

    def _listed(self) -> Mapping[str, Iterable[Any]]:
        """Return values that candidates of later rounds may bring, by parameter, so that workers are given them at once."""
        return {}

    def _forget_fit(self) -> None:
        """Be as before the first ``fit``."""
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)


@contextmanager
def _splits_kept(search: KerasSearchCV) -> Iterator[None]:
    """Have a generator of splits read once: where we find that a search is scikit-learn's to do, it needs them too."""
    given = search.cv
    if isinstance(given, Iterator):
        search.cv = list(given)
    try:
        yield
    finally:
        search.cv = given


@dataclass(slots=True)
class _Rounds:
    """``evaluate_candidates``, as a search's ``_run_search`` calls it, once or more; workers start with the first call."""

    search: KerasSearchCV
    work: Work
    split_params: Mapping[str, Any]
    refit_metric: Any
    stack: ExitStack
    results: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    _params: list[dict[str, Any]] = field(default_factory=list)
    _more: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    _evaluation: Evaluation | None = None

    def __call__(
        self,
        candidate_params: Iterable[Mapping[str, Any]],
        cv: Any = None,
        more_results: Mapping[str, Iterable[Any]] | None = None,
        callback_ctx: Any = None,
    ) -> dict[str, Any]:
        search = self.search
        if cv is not None and cv is not search._checked_cv_orig:
            raise NotOursError("its class evaluates candidates on other splits than its own")
        candidates = [dict(one) for one in candidate_params]
        check_candidates(self.work.estimator, candidates)
        if self._evaluation is None:
            self._evaluation = self._begin(candidates)
        if search.verbose > 0:
            announce(search.n_splits_, len(candidates))
        lines = self._evaluation.evaluate(candidates)
        warn_or_raise(lines, search.error_score, search.engine)
        if callable(search.scoring):
            _insert_error_scores(lines, search.error_score)
        self._params += candidates
        self.lines += lines
        for name, values in (more_results or {}).items():
            self._more[name].extend(values)
        self.results = search._format_results(self._params, search.n_splits_, self.lines, self._more)
        return self.results

    @property
    def evaluation(self) -> Evaluation:
        """What evaluates the candidates; there once one was."""
        if self._evaluation is None:
            raise RuntimeError("No candidate was evaluated.")
        return self._evaluation

    def _begin(self, candidates: list[dict[str, Any]]) -> Evaluation:
        search, work = self.search, self.work
        splits = list(search._checked_cv_orig.split(work.X, work.y, **self.split_params))
        if len(splits) != search.n_splits_:
            raise ValueError(
                f"cv.split and cv.get_n_splits return inconsistent results. Expected {search.n_splits_} splits, got {len(splits)}"
            )
        if not splits or not candidates:
            raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
        request = make_request(
            work,
            splits,
            Options.of(search),
            door=type(search).__name__,
            metric=self._deciding,
            strategy=search._strategy(),
            space=domains_of(getattr(search, "param_distributions", None)),
        )
        evaluation = self.stack.enter_context(Evaluation(request))
        evaluation.expect(search._listed())
        return evaluation

    @property
    def _deciding(self) -> str:
        """The name of the metric that the ledger compares by; a callable that scores by several names has said none of them."""
        if callable(self.search.scoring) and isinstance(self.search.refit, str):
            return self.search.refit
        return self.refit_metric if isinstance(self.refit_metric, str) else first_metric(self.work.scorers)
