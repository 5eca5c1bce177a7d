"""What all trials of a sweep share and what decides their results: the common part of every trial key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.spec import source_fingerprint
from trainers.settings import SweepSettings


def work_identity(settings: SweepSettings, *, data: str, splits: str, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON-able identity that goes into ``trial_key`` beside a trial's effective config.

    Parameters
    ----------
    settings : the sweep as its workers see it, its engine resolved.
    data, splits : fingerprints of the data set and of its splits.
    versions : of keras and its backend, as the check in a worker reported them.

    Notes
    -----
    ``fit.epochs`` and ``fit.batch_size`` are in the effective config, and ``fit.refit`` does not touch the folds.
    """
    fit = {name: value for name, value in asdict(settings.fit).items() if name not in ("epochs", "batch_size", "refit")}
    return {
        "data": data,
        "splits": splits,
        "task": settings.task,
        "preprocessing": settings.preprocessing,
        "scale_target": settings.scale_target,
        "recipe": settings.trainer.type,
        "builder": settings.trainer.builder,
        "source": source_fingerprint(Path(settings.code)) if settings.code and _uses_code(settings) else None,
        "fit": fit,
        "metrics": sorted(settings.metrics),
        "seed": settings.seed,
        "engine": settings.engine,
        "versions": dict(versions),
    }


def _uses_code(settings: SweepSettings) -> bool:
    return settings.trainer.builder is not None or any(":" in name for name in (settings.preprocessing, *settings.metrics))
