"""What was fitted in a worker put into the estimator that the user gets. It trains nothing."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from orchestrator.search_cv.evaluating import Fitted
from trainers.estimators import final_of


def assemble(estimator: Any, fitted: Fitted) -> Any:
    """Return ``estimator``, its parameters set, with the fitted steps of a worker's refit and the state of the last one.

    Notes
    -----
    Steps of a pipeline inside the pipeline are named with its name before theirs, as parameters are.
    """
    _place(estimator, dict(fitted.steps), "")
    final_of(estimator)._adopt(fitted.state)
    return estimator


def _place(estimator: Any, fitted: dict[str, Any], prefix: str) -> None:
    if type(estimator) is not Pipeline:
        return
    steps = estimator.steps
    for position, (name, step) in enumerate(steps):
        full = f"{prefix}{name}"
        if position == len(steps) - 1:
            _place(step, fitted, f"{full}__")
        elif full in fitted:
            steps[position] = (name, fitted[full])
