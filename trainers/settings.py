"""What a worker must know of a sweep: plain frozen records, already checked. They know nothing of files, YAML or pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Task = Literal["binary", "multiclass", "regression"]
Column = str | int
ColumnKind = Literal["categorical", "text", "number"]
Source = Literal["csv", "parquet", "npz", "sklearn", "callable"]
Duplicates = Literal["together", "apart"]
FoldKind = Literal["auto", "kfold", "stratified", "group", "timeseries"]
FileRecipeName = Literal["mlp", "wide_deep", "text_cnn", "builder"]
"""What a sweep file may name."""
RecipeName = FileRecipeName | Literal["estimator"]
"""``estimator``: what scikit-learn's interface has staged (``trainers.estimators.Work``); its configs are parameters of that."""
EngineName = Literal["keras", "fused"]
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """Where the rows are and what their columns mean. ``path`` is absolute or a URL by the time it arrives here.

    ``header`` None: the first line names the columns, if it does not look like data.
    """

    source: Source
    path: str | None = None
    name: str | None = None
    callable: str | None = None
    header: bool | None = True
    target: Column | None = None
    drop: tuple[Column, ...] = ()
    columns: Mapping[str, ColumnKind] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    drop_missing_target: bool = False
    groups: Column | None = None
    order: Column | None = None
    weights: Column | None = None
    id: Column | None = None
    test_size: float = 0.2
    scale_target: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CvSettings:
    """How rows are cut into folds: ``folds`` parts, ``repeats`` times over.

    ``duplicates`` says where rows with equal features go: together to one side of every split, or apart like any others.
    """

    folds: int = 3
    kind: FoldKind = "auto"
    shuffle: bool = True
    repeats: int = 1
    duplicates: Duplicates = "together"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStoppingSettings:
    """When a fit stops early. ``split`` is the share of the training part that is watched; 0 watches the scoring fold."""

    monitor: str = "val_loss"
    patience: int = 5
    min_delta: float = 0.001
    split: float = 0.15
    restore_best_weights: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """What goes to ``model.fit``; ``epochs`` and ``batch_size`` are defaults that a config may override."""

    epochs: int = 100
    batch_size: int = 32
    class_weight: Literal["balanced"] | Mapping[str, float] | None = None
    early_stopping: EarlyStoppingSettings | None = field(default_factory=EarlyStoppingSettings)
    refit: Literal["median_epochs", "monitor"] = "median_epochs"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerSettings:
    """Which recipe turns a config into a compiled model. ``params`` are fixed; what the config names wins."""

    type: RecipeName = "mlp"
    builder: str | None = None
    params: Config = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """Everything about a sweep that its trials share, as a worker receives it once.

    ``stage`` is the folder with the staged data set and splits (``trainers.staging.open_staged``), ``code`` the folder that
    holds the user's modules, ``metrics`` the objective first, then the others.
    """

    task: Task
    seed: int
    metrics: tuple[str, ...]
    stage: str
    code: str | None = None
    preprocessing: str = "auto"
    scale_target: bool | None = None
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    cv: CvSettings = field(default_factory=CvSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    engine: EngineName = "keras"


def effective_config(config: Config, trainer: TrainerSettings, fit: FitSettings) -> dict[str, Any]:
    """Return every value that decides a trial's model and fit: fit's defaults, the fixed params, and ``config`` on top."""
    return {"epochs": fit.epochs, "batch_size": fit.batch_size, **trainer.params, **config}
