"""What all trials of a sweep share and what decides their results: the common part of every trial key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from orchestrator.spec import code_references, source_identity
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
    ``source`` is None, and ``source_versions`` absent, where no function of the user's decides results; one that loads the data
    is known by what it loads.
    """
    fit = {name: value for name, value in asdict(settings.fit).items() if name not in ("epochs", "batch_size", "refit")}
    identity = {
        "data": data,
        "splits": splits,
        "task": settings.task,
        "preprocessing": settings.preprocessing,
        "scale_target": settings.scale_target,
        "recipe": settings.trainer.type,
        "builder": settings.trainer.builder,
        "source": None,
        "fit": fit,
        "metrics": sorted(settings.metrics),
        "seed": settings.seed,
        "engine": settings.engine,
        "versions": dict(versions),
    }
    if references := code_references(settings):
        source = source_identity(references, settings.code)
        identity |= {"source": source.content, "source_versions": dict(source.versions)}
    return identity
