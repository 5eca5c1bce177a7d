"""The data of a sweep, loaded and split once, and laid out where its workers map it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.spec import SweepSpec
    from trainers.data import Dataset
    from trainers.settings import SweepSettings
    from trainers.splits import Fold, Splits


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshSplits:
    """The search rows cut anew. ``repeats`` lists the positions of each repeat's folds; the rest is as in ``Staged``.

    ``known_repeats`` are the same folds once more, where only known rows are trained on and watched; empty: not asked for.
    """

    folder: Path
    fingerprint: str
    repeats: tuple[tuple[int, ...], ...]
    train_rows: int
    test_to_train: float
    known_repeats: tuple[tuple[int, ...], ...] = ()

    @property
    def folds(self) -> int:
        """Folds in all."""
        return sum(map(len, self.repeats))


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What the driver needs to know of the staged data; the rows themselves stay in ``folder``.

    ``description`` is ``trainers.data``'s; ``baseline`` holds a mapping of metrics for every fold; ``test_to_train`` is
    rows scored / rows trained on in a fold; ``notes`` are sentences on how the rows were read. ``fresh`` are the folds of
    finalists, staged behind those of the search, of which they change nothing; None: there are no finalists.
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
    fresh: FreshSplits | None = None

    def facts(self) -> dict[str, Any]:
        """Return what the ledger keeps of it."""
        return {"data": dict(self.description), "baseline": [dict(fold) for fold in self.baseline], "leaky": self.leaky}


def cut(dataset: Dataset, settings: SweepSettings, test_size: float, *, more_repeats: int = 0) -> Splits:
    """Return the splits of ``dataset`` by the seed and ``cv`` of ``settings``, the folds of so many repeats more behind them.

    Raises
    ------
    trainers.errors.DataError : the rows cannot be cut so.
    """
    from trainers.splits import make_splits

    early = settings.fit.early_stopping
    return make_splits(
        dataset,
        settings.task,
        replace(settings.cv, repeats=settings.cv.repeats + more_repeats),
        test_size=test_size,
        monitor_split=early.split if early else None,
        seed=settings.seed,
    )


def sizes(folds: Sequence[Fold]) -> tuple[int, float]:
    """Return rows trained on in a fold, and rows scored / rows trained on."""
    trained = sum(len(fold.train) for fold in folds)
    return trained // len(folds), sum(len(fold.score) for fold in folds) / trained


def by_repeat(folds: Sequence[Fold]) -> tuple[tuple[int, ...], ...]:
    """Return the positions of each repeat's folds."""
    repeats: dict[int, list[int]] = {}
    for fold in folds:
        repeats.setdefault(fold.repeat, []).append(fold.index)
    return tuple(map(tuple, repeats.values()))


def load_and_split(spec: SweepSpec) -> tuple[Dataset, Splits, tuple[Fold, ...]]:
    """Load the data that ``spec`` names, and split it; the finalists' folds, further repeats of the same cut, come last.

    Raises
    ------
    trainers.errors.DataError, trainers.errors.UserCodeError : the data or the code that loads it is at fault.
    """
    from trainers.data import load

    settings = spec.sweep_settings(stage="", engine="keras")
    dataset = load(spec.data_settings(), spec.task, settings.code)
    splits = cut(dataset, settings, spec.data.test_size, more_repeats=spec.finalists.repeats if spec.finalists else 0)
    searched = [fold for fold in splits.folds if fold.repeat < spec.cv.repeats]
    return dataset, replace(splits, folds=tuple(searched)), splits.folds[len(searched) :]


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
    dataset, splits, fresh = load_and_split(spec)
    stage(dataset, replace(splits, folds=(*splits.folds, *fresh)), folder)
    train_rows, test_to_train = sizes(splits.folds)
    return Staged(
        folder=folder,
        fingerprint=dataset.fingerprint,
        splits_fingerprint=splits.fingerprint,
        description=describe(dataset),
        baseline=tuple(baseline_scores(dataset, splits, settings.metrics, spec.task, settings.code)),
        folds=len(splits.folds),
        train_rows=train_rows,
        test_to_train=test_to_train,
        leaky=splits.leaky,
        notes=dataset.notes,
        fresh=_for_finalists(splits, fresh, folder) if fresh else None,
    )


def _for_finalists(splits: Splits, fresh: Sequence[Fold], folder: Path) -> FreshSplits:
    from trainers.errors import DataError

    def parts(repeat: int) -> set[bytes]:
        return {fold.score.tobytes() for fold in (*splits.folds, *fresh) if fold.repeat == repeat}

    if all(parts(repeat) == parts(0) for repeat in {fold.repeat for fold in fresh}):
        raise DataError(
            f"finalists: their folds must be cut otherwise than the search's. Got the same {len(parts(0))} parts again, as where "
            "each fold is one group: these rows can be cut in one way only. Take fewer folds (cv.folds), or leave finalists out."
        )
    train_rows, test_to_train = sizes(fresh)
    return FreshSplits(
        folder=folder,
        fingerprint=replace(splits, folds=tuple(fresh)).fingerprint,
        repeats=by_repeat(fresh),
        train_rows=train_rows,
        test_to_train=test_to_train,
    )
