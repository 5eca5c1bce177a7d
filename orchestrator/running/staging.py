"""The data of a sweep, loaded and split once, and laid out where its workers map it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.spec import SweepSpec
    from trainers.data import Dataset
    from trainers.splits import Splits


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What the driver needs to know of the staged data; the rows themselves stay in ``folder``.

    ``description`` is ``trainers.data``'s; ``baseline`` holds a mapping of metrics for every fold; ``test_to_train`` is
    rows scored / rows trained on in a fold; ``notes`` are sentences on how the rows were read.
    """

    folder: Path
    fingerprint: str
    splits_fingerprint: str
    description: Mapping[str, Any]
    baseline: tuple[Mapping[str, float], ...]
    folds: int
    train_rows: int
    test_to_train: float
    leaky: bool
    notes: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what the ledger keeps of it."""
        return {"data": dict(self.description), "baseline": [dict(fold) for fold in self.baseline], "leaky": self.leaky}


def load_and_split(spec: SweepSpec) -> tuple[Dataset, Splits]:
    """Load the data that ``spec`` names, and split it.

    Raises
    ------
    trainers.errors.DataError, trainers.errors.UserCodeError : the data or the code that loads it is at fault.
    """
    from trainers.data import load
    from trainers.splits import make_splits

    settings = spec.sweep_settings(stage="", engine="keras")
    early = settings.fit.early_stopping
    dataset = load(spec.data_settings(), spec.task, settings.code)
    splits = make_splits(
        dataset,
        spec.task,
        settings.cv,
        test_size=spec.data.test_size,
        monitor_split=early.split if early else None,
        seed=spec.seed,
    )
    return dataset, splits


def stage_data(spec: SweepSpec, folder: Path) -> Staged:
    """Load the data that ``spec`` names, split it and stage both in ``folder``.

    Raises
    ------
    trainers.errors.DataError, trainers.errors.UserCodeError : the data or the code that loads it is at fault.
    """
    from trainers.baseline import baseline_scores
    from trainers.data import describe
    from trainers.staging import stage

    settings = spec.sweep_settings(stage=str(folder), engine="keras")
    dataset, splits = load_and_split(spec)
    stage(dataset, splits, folder)
    trained = sum(len(fold.train) for fold in splits.folds)
    return Staged(
        folder=folder,
        fingerprint=dataset.fingerprint,
        splits_fingerprint=splits.fingerprint,
        description=describe(dataset),
        baseline=tuple(baseline_scores(dataset, splits, settings.metrics, spec.task, settings.code)),
        folds=len(splits.folds),
        train_rows=trained // len(splits.folds),
        test_to_train=sum(len(fold.score) for fold in splits.folds) / trained,
        leaky=splits.leaky,
        notes=dataset.notes,
    )
