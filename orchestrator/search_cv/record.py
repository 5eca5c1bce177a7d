"""A scikit-learn search as the ledger keeps it: what `list`, `show` and MLflow read of a sweep, and its door."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.search import Objective
from orchestrator.search_cv.candidates import is_simple
from orchestrator.spec import DOOR
from trainers.settings import SweepSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for, as far as it is told to people.

    Parameters
    ----------
    door : the class or function that was called.
    name : the sweep's name.
    estimator : in words.
    epochs, batch_size : the estimator's own, which a config may override.
    space : domains as a sweep file writes them; names without one get the values that were tried.
    strategy : its type and settings.
    cv : the splitter, in words.
    ledger, tracking_uri : where it is kept and shown; None: nowhere.
    """

    door: str
    name: str
    estimator: str
    epochs: int
    batch_size: int
    strategy: Mapping[str, Any]
    cv: str
    space: Mapping[str, Any] = field(default_factory=dict)
    ledger: str | None = None
    tracking_uri: str | None = None


def record_of(
    asked: Asked, settings: SweepSettings, objective: Objective, folds: int, tried: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """Return what the ledger keeps as the sweep's spec.

    Parameters
    ----------
    folds : how many splits there are.
    tried : the values of each parameter among the candidates.
    """
    sweep = {
        "name": asked.name,
        "seed": settings.seed,
        "task": settings.task,
        "data": {"source": "memory", "path": None, "name": None, "callable": None},
        "preprocessing": "none",
        "trainer": {"type": "estimator", "builder": asked.estimator, "params": {}},
        "space": {name: asked.space.get(name, list(values)) for name, values in tried.items()},
        "strategy": {"seed": None, **asked.strategy},
        "cv": {"folds": folds, "repeats": 1, "kind": asked.cv},
        "fit": {"epochs": asked.epochs, "batch_size": asked.batch_size},
        "objective": {"metric": objective.metric, "direction": objective.direction, "select": objective.select},
        "metrics": list(settings.metrics),
        "engine": settings.engine,
        "tracking": {"uri": asked.tracking_uri or "", "experiment": asked.name},
        "ledger": asked.ledger or "",
        "model": {"register_as": None},
        "ray": {"address": None},
    }
    return {"sweep": sweep, "folder": os.getcwd(), "source": f"{asked.door}.fit", DOOR: asked.door}


def domain_of(values: Any) -> Any:
    """Return a grid's list or a scipy distribution as a sweep file writes it; None where it has no way to.

    Known are uniform, loguniform (also called reciprocal) and randint; a list is known by what was tried of it.
    """
    kind = getattr(getattr(values, "dist", None), "name", None)
    if kind not in ("uniform", "loguniform", "reciprocal", "randint"):
        return None
    low, high = (end.item() if hasattr(end, "item") else end for end in values.support())
    if not (is_simple(low) and is_simple(high) and low < high):
        return None
    if kind == "randint":
        return {"integer": [int(low), int(high)]}
    if kind == "uniform":
        return {"uniform": [float(low), float(high)]}
    return (
        {"reciprocal": [float(low), float(high)]} if float(values.kwds.get("loc", 0.0)) == 0.0 and len(values.args) < 3 else None
    )
