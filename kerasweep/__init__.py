"""Kerasweep from Python: estimators, searches and sweeps. Each name is imported when it is asked for; nothing is made here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.python_door import Sweep, load_sweep, run_sweep
    from orchestrator.search_cv import (
        GeneticSearchCV,
        GridSearchCV,
        NotFusedWarning,
        RandomizedSearchCV,
        cross_val_score,
        cross_validate,
    )
    from trainers.estimators import Inputs, KerasClassifier, KerasRegressor

__all__ = [
    "GeneticSearchCV",
    "GridSearchCV",
    "Inputs",
    "KerasClassifier",
    "KerasRegressor",
    "NotFusedWarning",
    "RandomizedSearchCV",
    "Sweep",
    "cross_val_score",
    "cross_validate",
    "load_sweep",
    "run_sweep",
]

_DOORS = {
    "trainers.estimators": ("Inputs", "KerasClassifier", "KerasRegressor"),
    "orchestrator.search_cv": (
        "GeneticSearchCV",
        "GridSearchCV",
        "NotFusedWarning",
        "RandomizedSearchCV",
        "cross_val_score",
        "cross_validate",
    ),
    "orchestrator.python_door": ("Sweep", "load_sweep", "run_sweep"),
}
_DOOR_OF = {name: door for door, names in _DOORS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _DOOR_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has {', '.join(__all__)}.")
    found = getattr(import_module(_DOOR_OF[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
