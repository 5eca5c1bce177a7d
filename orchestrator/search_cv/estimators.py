"""Which estimators our searches can take to their workers, and what is said of others. It starts and trains nothing."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import indexable

from orchestrator.search_cv.candidates import is_simple
from trainers.estimators import Inputs, KerasClassifier, KerasEstimator, KerasRegressor, final_of

_OURS = (KerasClassifier.__name__, KerasRegressor.__name__)
_BETWEEN = ("orchestrator.", "sklearn.", "contextlib")


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn, with the user's own line as the place: the first one outside of Kerasweep and scikit-learn."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and f"{frame.f_globals.get('__name__', '')}.".startswith(_BETWEEN):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


class NotOursError(Exception):
    """The search is scikit-learn's to do; the message says why."""


def check_ours(*estimators: Any) -> None:
    """Raise NotOursError unless the estimators end in ours and nothing in them has scikit-learn's callbacks."""
    for estimator in estimators:
        final = final_of(estimator)
        if not isinstance(final, KerasEstimator):
            kind = type(final)
            what = "None" if final is None else f"{kind.__module__}.{kind.__qualname__}"
            remedy = f"; write: from kerasweep import {kind.__name__}" if kind.__name__ in _OURS else ""
            raise NotOursError(f"it ends in {what}, which is no KerasClassifier or KerasRegressor of kerasweep's{remedy}")
        if isinstance(final, KerasClassifier | KerasRegressor) and type(final).fit is not KerasEstimator.fit:
            raise NotOursError(f"{type(final).__name__!r} has a fit of its own")
        check_callbacks(estimator)


def check_callbacks(estimator: Any) -> None:
    """Raise NotOursError where the estimator, or one inside it, has callbacks of scikit-learn's."""
    parts = [estimator, *estimator.get_params(deep=True).values()] if hasattr(estimator, "get_params") else [estimator]
    if any(getattr(part, "_skl_callbacks", None) for part in parts):
        raise NotOursError("scikit-learn's callbacks are set, which are called from this process")


def check_candidates(estimator: Any, candidates: Iterable[Mapping[str, Any]]) -> None:
    """Set the parameters of each kind of candidate, so that what cannot be set is known before a worker starts.

    Candidates that differ in numbers alone are of one kind.

    Raises
    ------
    ValueError
        A parameter is nobody's.
    NotOursError
        A candidate does not end in our estimator.
    """
    met = set()
    for params in candidates:
        kind = tuple((name, _kind_of(value)) for name, value in params.items())
        if kind not in met:
            met.add(kind)
            check_ours(clone(estimator).set_params(**clone(dict(params), safe=False)))


def cuttable(X: Any, y: Any) -> tuple[Any, Any]:
    """Return X and y as ``sklearn.utils.indexable`` does; dicts of arrays, which it cannot cut into rows, as ``Inputs``.

    Raises
    ------
    ValueError
        They differ in their number of rows.
    """
    rows = [Inputs(part) if isinstance(part, dict) and not isinstance(part, Inputs) else part for part in (X, y)]
    X, y = indexable(*rows)
    return X, y


def splitter(cv: Any, y: Any, estimator: Any) -> Any:
    """Return the splitter that ``cv`` means. Several outputs by name are of no kind that could be stratified."""
    return check_cv(cv, None if isinstance(y, Inputs) else y, classifier=is_classifier(estimator))


def _kind_of(value: Any) -> object:
    if isinstance(value, str):
        return value
    return None if is_simple(value) else id(value)
