"""cross_validate and cross_val_score: scikit-learn's, the folds of a Keras estimator trained together in workers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import model_selection
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import check_scoring
from sklearn.model_selection._validation import (
    _aggregate_score_dicts,
    _check_groups_routing_disabled,
    _insert_error_scores,
    _normalize_score_results,
)
from sklearn.utils._param_validation import validate_params
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, _manual_routing, _routing_enabled, process_routing

from orchestrator.search_cv.asking import OURS, Options, first_metric, make_request
from orchestrator.search_cv.estimators import NotOursError, check_ours, cuttable, splitter, warn
from orchestrator.search_cv.evaluating import Evaluation
from orchestrator.search_cv.gathering import warn_or_raise
from trainers.estimators import Work


@validate_params({**model_selection.cross_validate._skl_parameter_constraints, **OURS}, prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: Mapping[str, Any] | None = None,
    pre_dispatch: Any = "2*n_jobs",
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: Any = np.nan,
    ray_address: str | None = None,
    tracking_uri: str | None = None,
    ledger: str | Path | None = None,
    name: str | None = None,
    engine: str = "auto",
) -> dict[str, Any]:
    """Evaluate metrics by cross-validation, all folds at once in workers.

    Parameters
    ----------
    ray_address, tracking_uri, ledger, name, engine : as in ``GridSearchCV``.
    others : as in scikit-learn. With ``return_estimator`` the folds are scikit-learn's to fit, in this process.

    Returns
    -------
    The dict of scikit-learn's ``cross_validate``.
    """
    try:
        if return_estimator:
            raise NotOursError("return_estimator asks for the fitted estimators themselves")
        check_ours(estimator)
    except NotOursError as reason:
        warn(f"cross_validate: done by scikit-learn, in this process and its children: {reason}.")
        theirs: dict[str, Any] = model_selection.cross_validate(
            estimator,
            X,
            y,
            groups=groups,
            scoring=scoring,
            cv=cv,
            n_jobs=n_jobs,
            verbose=verbose,
            params=params,
            pre_dispatch=pre_dispatch,
            return_train_score=return_train_score,
            return_estimator=return_estimator,
            return_indices=return_indices,
            error_score=error_score,
        )
        return theirs
    _check_groups_routing_disabled(groups)
    X, y = cuttable(X, y)
    cv = splitter(cv, y, estimator)
    scorers = check_scoring(estimator, scoring=scoring, raise_exc=(error_score == "raise"))
    routed = _routed(estimator, cv, scorers, params or {}, groups)
    splits = list(cv.split(X, y, **routed.splitter.split))
    work = Work(
        estimator=clone(estimator),
        X=X,
        y=y,
        splits=(),
        scorers=scorers,
        fit_params=routed.estimator.fit,
        score_params=routed.scorer.score,
        error_score=error_score,
        return_train_score=return_train_score,
    )
    request = make_request(
        work,
        splits,
        Options(
            n_jobs=n_jobs,
            verbose=verbose,
            ray_address=ray_address,
            tracking_uri=tracking_uri,
            ledger=ledger,
            name=name,
            engine=engine,
        ),
        door="cross_validate",
        metric=first_metric(scorers),
        strategy={"type": "given"},
        space={},
    )
    with Evaluation(request) as evaluation:
        results = evaluation.evaluate([{}])
        warn_or_raise(results, error_score, engine)
    if callable(scoring):
        _insert_error_scores(results, error_score)
    return _gathered(results, splits, return_train_score=return_train_score, return_indices=return_indices)


@validate_params({**model_selection.cross_val_score._skl_parameter_constraints, **OURS}, prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
def cross_val_score(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: Mapping[str, Any] | None = None,
    pre_dispatch: Any = "2*n_jobs",
    error_score: Any = np.nan,
    ray_address: str | None = None,
    tracking_uri: str | None = None,
    ledger: str | Path | None = None,
    name: str | None = None,
    engine: str = "auto",
) -> Any:
    """Evaluate a score by cross-validation, all folds at once in workers.

    Parameters
    ----------
    ray_address, tracking_uri, ledger, name, engine : as in ``GridSearchCV``.
    others : as in scikit-learn.

    Returns
    -------
    ndarray of shape (splits,), the score of each.
    """
    results = cross_validate(
        estimator,
        X,
        y,
        groups=groups,
        scoring={"score": check_scoring(estimator, scoring=scoring)},
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
        pre_dispatch=pre_dispatch,
        error_score=error_score,
        ray_address=ray_address,
        tracking_uri=tracking_uri,
        ledger=ledger,
        name=name or "cross_val_score",
        engine=engine,
    )
    return results["test_score"]


def _routed(estimator: Any, cv: Any, scorers: Any, params: Mapping[str, Any], groups: Any) -> Any:
    """Return which parameter goes where, as scikit-learn's ``cross_validate`` does."""
    if not _routing_enabled():
        return _manual_routing({"splitter": {"split": {"groups": groups}}, "estimator": {"fit": dict(params)}, "scorer": {}})
    router = (
        MetadataRouter(owner="cross_validate")
        .add(splitter=cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
        .add(estimator=estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
        .add(scorer=scorers, method_mapping=MethodMapping().add(caller="fit", callee="score"))
    )
    try:
        return process_routing(router, "fit", **params)
    except UnsetMetadataPassedError as error:
        raise UnsetMetadataPassedError(
            message=str(error).replace("cross_validate.fit", "cross_validate"),
            unrequested_params=error.unrequested_params,
            routed_params=error.routed_params,
        ) from None


def _gathered(
    results: list[dict[str, Any]], splits: list[Any], *, return_train_score: bool, return_indices: bool
) -> dict[str, Any]:
    columns = _aggregate_score_dicts(results)
    gathered: dict[str, Any] = {"fit_time": columns["fit_time"], "score_time": columns["score_time"]}
    if return_indices:
        train, test = zip(*splits, strict=True)
        gathered["indices"] = {"train": train, "test": test}
    tested = _normalize_score_results(columns["test_scores"])
    trained = _normalize_score_results(columns["train_scores"]) if return_train_score else {}
    for name, scores in tested.items():
        gathered[f"test_{name}"] = scores
        if return_train_score:
            gathered[f"train_{name}"] = trained[name]
    return gathered
