"""What became of each fit, as scikit-learn's ``_fit_and_score`` would return it. It reads nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures

from orchestrator.ledger import TrialRow
from orchestrator.search_cv.estimators import warn
from trainers.estimators import Work, load
from trainers.messages import Failed, FoldFailed
from trainers.results import FoldResult

Line = dict[str, Any]


def lines_of(
    work: Work,
    folds: Mapping[int, FoldResult],
    failures: Mapping[int, FoldFailed],
    trial: TrialRow | None,
    left: Callable[[str], object],
) -> list[Line]:
    """Return a candidate's splits, in order.

    Parameters
    ----------
    folds : those that are finished, by their number.
    failures : those that raised; what is in neither was lost with its worker.
    trial : the candidate's row in the ledger, which says how.
    left : is told why a fit was left to ``model.fit``.
    """
    lines = []
    for number, (_, test) in enumerate(work.splits):
        fold, failure = folds.get(number), failures.get(number)
        if fold is not None:
            line = _scored(fold, work)
            if (reason := left_to_keras(fold)) is not None:
                left(reason)
        elif failure is not None:
            line = _unscored(failure.traceback or failure.message, work)
        else:
            line = _unscored(f"The fit was lost: {trial.message if trial is not None else 'it was not reported'}", work)
        lines.append({**line, "n_test_samples": len(test)})
    return lines


def left_to_keras(fold: FoldResult) -> str | None:
    """Return why a fold was left to ``model.fit``; None where it was not, or all are."""
    return fold.engine_reason.removeprefix("left to model.fit: ") if fold.engine_reason else None


def warn_or_raise(lines: Sequence[Line], error_score: float | str, engine: str) -> None:
    """Warn of fits that failed, or raise where all have, as scikit-learn does.

    Raises
    ------
    ValueError
        All have failed. It has a note where it may have been Keras' backend in the workers.
    """
    try:
        _warn_or_raise_about_fit_failures(lines, error_score)
    except ValueError as error:
        if engine != "keras" and "tensorflow" in str(error):
            error.add_note("The fits were done by Keras on JAX. Where the model needs TensorFlow itself, say engine='keras'.")
        raise


def original(failure: FoldFailed | Failed) -> Exception:
    """Return the exception that a worker met, with its traceback there as a note."""
    error = None if failure.error is None else load(failure.error)
    if not isinstance(error, Exception):
        error = RuntimeError(failure.message)
    if failure.traceback:
        error.add_note(f"In the worker:\n{failure.traceback}")
    return error


def warn_again(warned: Iterable[tuple[str, str]]) -> None:
    """Warn of what fits in workers have warned of: (category as "module:class", text)."""
    for category, text in warned:
        module, _, name = category.partition(":")
        known = getattr(sys.modules.get(module), name, None)
        kind = known if isinstance(known, type) and issubclass(known, Warning) else UserWarning
        warn(text, kind)


def _scored(fold: FoldResult, work: Work) -> Line:
    line: Line = {"fit_error": None, "fit_time": fold.seconds, "score_time": fold.metrics.get("score_time", 0.0)}
    for part in _parts(work):
        scores = {name.removeprefix(f"{part}_"): value for name, value in fold.metrics.items() if name.startswith(f"{part}_")}
        alone = list(scores) == ["score"] and not _names(work.scorers)
        line[f"{part}_scores"] = scores["score"] if alone else scores
    return line


def _unscored(error: str, work: Work) -> Line:
    line: Line = {"fit_error": error, "fit_time": 0.0, "score_time": 0.0}
    names = _names(work.scorers)
    for part in _parts(work):
        line[f"{part}_scores"] = dict.fromkeys(names, work.error_score) if names else work.error_score
    return line


def _parts(work: Work) -> tuple[str, ...]:
    return ("test", "train") if work.return_train_score else ("test",)


def _names(scorers: Any) -> Sequence[str]:
    """Return the names of several scorers; none for one."""
    return list(getattr(scorers, "_scorers", ()))
