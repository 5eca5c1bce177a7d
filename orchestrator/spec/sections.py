"""The sections of a sweep file as frozen pydantic models: names, types, defaults and what each key is for.

They check one value at a time. What several keys must agree on, and what files must hold, is checked in ``spec_checks``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.spec.values import (
    Address,
    ClassWeight,
    Column,
    Columns,
    Concurrent,
    Duration,
    Function,
    Names,
    Size,
    TrackingUri,
    WebAddress,
)
from trainers.settings import ColumnKind, Duplicates, FileRecipeName, FoldKind, Source

AtLeastOne = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataSection(Section):
    """Where the rows are and what their columns mean."""

    source: Source = Field(description="Kind of source. 'module:function' here is short for source: callable with that callable.")
    path: str | None = Field(
        default=None, description="File of a csv, parquet or npz source; relative to the sweep file, or a URL.", min_length=1
    )
    name: str | None = Field(default=None, description="Name of a scikit-learn data set, for source: sklearn.")
    callable: Function | None = Field(default=None, description="'module:function' that returns X, y, for source: callable.")
    header: bool = Field(
        default=True,
        description="Whether the first line of a csv file names the columns. Left out, a first line that looks like data is a "
        "mistake; true written down takes any line for names. Without a header, columns are named by index, and `kerasweep "
        "predict` takes files like it: all columns, all but the target, or the features alone, in their order.",
    )
    target: Column | None = Field(default=None, description="Column to predict, by name or index (from 0; -1 is the last).")
    drop_missing_target: bool = Field(
        default=False, description="Whether rows without a target are left out; else they are a mistake."
    )
    drop: Columns = Field(default=(), description="Columns to leave out.")
    columns: dict[str, ColumnKind] = Field(
        default_factory=dict,
        description="How columns are read, whatever they look like, such as {code: categorical, zip: text, age: number}: "
        "categorical and text take values as they are written (01234 stays so), each a category or, for text_cnn, prose.",
    )
    missing: Names = Field(default=(), description="Extra spellings of a missing value, such as '?'.")
    groups: Column | None = Field(default=None, description="Column whose equal values must stay on one side of every split.")
    order: Column | None = Field(default=None, description="Column that orders rows in time, for cv.kind: timeseries.")
    weights: Column | None = Field(default=None, description="Column of sample weights.")
    id: Column | None = Field(
        default=None, description="Column that identifies a row; decides who is in the test part. Default: its content."
    )
    test_size: float = Field(
        default=0.2, ge=0, lt=1, description="Share of the rows kept out of the search; only the winner meets it, once."
    )
    scale_target: bool | None = Field(
        default=None, description="Standardise a regression target in each fold; null: yes, except for builders."
    )
    ship: bool = Field(default=True, description="Whether a local data file travels with the sweep to a cluster.")


class TrainerSection(Section):
    """How a config becomes a compiled Keras model."""

    type: FileRecipeName = Field(default="mlp", description="The recipe; builder is your own function.")
    builder: Function | None = Field(
        default=None, description="'module:function' that returns a compiled model, for type: builder."
    )
    params: dict[str, Any] = Field(default_factory=dict, description="Fixed values; what space names wins.")


class StrategySection(Section):
    """Which configs are tried; each type has settings of its own beside these."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="grid", description="grid, random or genetic.")
    seed: int | None = Field(
        default=None, ge=0, description="Seed of the proposals; null: derived from the sweep's seed and its occasion."
    )
    warm_start: Literal["last"] | None = Field(
        default=None, description="last: the first population holds the last occasion's best."
    )


class FinalistsSection(Section):
    """The best trials once more, on fresh splits of the same rows: ``objective.select`` chooses the winner by these scores."""

    top: int = Field(default=5, ge=2, description="How many: the best by the search's scores, of those with all folds.")
    repeats: int = Field(default=3, ge=2, description="How often the rows are cut anew, beside the search's cv.repeats.")


class CvSection(Section):
    """How rows are cut into folds."""

    folds: int = Field(default=3, ge=2, description="How many folds.")
    kind: FoldKind = Field(
        default="auto", description="auto: group if data.groups is given, timeseries if data.order is, else stratified or kfold."
    )
    shuffle: bool = Field(default=True, description="Whether rows are shuffled before they are cut; timeseries never shuffles.")
    repeats: int = Field(default=1, ge=1, description="How often the rows are cut anew.")
    duplicates: Duplicates = Field(
        default="together",
        description="Where rows with equal features go: together to one side of every split (folds, monitor split, test part), "
        "or apart, like any others. Groups and time series have a rule of their own.",
    )


class EarlyStoppingSection(Section):
    """When a fit stops before its last epoch."""

    monitor: str = Field(
        default="val_loss", description="What is watched: loss, or val_ and the name of a loss or metric of the model."
    )
    patience: int = Field(default=5, ge=0, description="Epochs without improvement that are borne.")
    min_delta: float = Field(default=0.001, ge=0, description="The least change that is an improvement.")
    split: float = Field(
        default=0.15, ge=0, lt=1, description="Share of the training rows that is watched; 0 watches the scoring fold (leaky)."
    )
    restore_best_weights: bool = Field(default=True, description="Whether the weights of the best epoch are kept.")


class FitSection(Section):
    """What goes to model.fit."""

    epochs: int = Field(default=100, ge=1, description="Epochs, unless the config says otherwise.")
    batch_size: int = Field(default=32, ge=1, description="Rows a step, unless the config says otherwise.")
    class_weight: ClassWeight = Field(default=None, description="null, balanced, or a weight for every class.")
    early_stopping: EarlyStoppingSection | None = Field(
        default=EarlyStoppingSection(), description="When to stop early; null: never."
    )
    refit: Literal["median_epochs", "monitor"] = Field(
        default="median_epochs",
        description="How long the winner is trained on all search rows. median_epochs: for the median of its folds' chosen "
        "epochs, never more than the config's, and exactly these without early stopping; monitor: until early stopping on a "
        "monitor split of its own.",
    )


class ObjectiveSection(Section):
    """What makes one trial better than another."""

    metric: str = Field(description="Metric to compare by. Default: accuracy for classes, r2 for regression.")
    direction: Literal["maximize", "minimize"] = Field(description="Which way is better. Default: the metric's own.")
    select: Literal["best", "one_se"] = Field(
        default="best", description="best, or the simplest within one standard error of it."
    )


class ResourcesSection(Section):
    """What a trial may use."""

    cpus_per_trial: float = Field(default=1, gt=0, description="CPU cores of one worker.")
    gpus_per_trial: float = Field(default=0, ge=0, description="GPUs of one worker; a fraction shares one.")
    memory_per_trial: Size | None = Field(
        default=None,
        description="Memory of one worker, such as 4GB; one that holds more is ended. null: an even share of its node's among "
        "the workers that can be there at once. On a cluster Ray places workers by CPUs and GPUs alone.",
    )
    max_concurrent: Concurrent = Field(
        default="auto",
        description="Workers at once; auto: as many as fit. On a cluster that is what fits the nodes up at the start: say a "
        "number where more come on demand. Workers that find no room wait.",
    )
    trial_timeout: Duration | None = Field(default=None, description="Longest time of one trial, such as 30m; null: no limit.")


class BudgetSection(Section):
    """When the whole sweep ends gracefully, with a leaderboard."""

    trials: AtLeastOne | None = Field(default=None, description="Trials at most; null: no limit.")
    fits: AtLeastOne | None = Field(
        default=None,
        description="Ends with the first trial, in ask order, by which so many folds were trained or known (of a trial that the "
        "race gave up those that it was judged by); null: no limit.",
    )
    patience: AtLeastOne | None = Field(
        default=None,
        description="Ends after so many trials in a row, in ask order, without a new best (an equal one is none); null: never. "
        "With patience or fits a trial is over once those before it are, so any number of workers ends at the same one. Later "
        "trials are STOPPED, even where an earlier run had finished them; their folds are kept for other sweeps.",
    )
    time: Duration | None = Field(default=None, description="Time at most, such as 2h; null: no limit.")


class DriverSection(Section):
    """What the driver of a submitted sweep asks of the node that it runs on."""

    cpus: float = Field(default=1, ge=0, description="CPU cores.")
    resources: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="Custom Ray resources, by name."
    )


class RaySection(Section):
    """Which Ray runs the trials."""

    address: Address | None = Field(
        default=None, description="null: a Ray of its own; auto or host:port: a cluster that is there."
    )
    autoscaling: bool = Field(
        default=False,
        description="Whether the cluster brings nodes on demand that have what a trial asks for. Else what no node has is "
        "refused, unless the cluster itself says that it scales.",
    )
    local: bool = Field(default=False, description="Run the trials in child processes of this one, without Ray.")
    driver: DriverSection | None = Field(
        default=None, description="null: a submitted sweep's driver runs on the head; else where this fits."
    )


class TrackingSection(Section):
    """Where MLflow keeps what it shows."""

    uri: TrackingUri = Field(
        default="sqlite:///mlflow.db", validate_default=True, description="MLflow tracking URI; a relative file is made absolute."
    )
    experiment: str = Field(min_length=1, description="MLflow experiment. Default: the sweep's name.")


class PromoteSection(Section):
    """When a new winner replaces the champion."""

    alpha: float = Field(default=0.05, gt=0, lt=1, description="Level of the corrected resampled t-test.")
    repeats: int = Field(default=10, ge=2, description="Fresh splits that both are retrained on.")


class ModelSection(Section):
    """What becomes of the winner."""

    register_as: str | None = Field(
        default=None, min_length=1, description="Registered model that the winner becomes a version of; null: none."
    )
    promote: PromoteSection = Field(default=PromoteSection(), description="When a new version becomes the champion.")


class ScheduleSection(Section):
    """When the sweep runs by itself."""

    cron: str = Field(description="Five fields, as in Debian's cron: minute, hour, day of month, month, day of week.")
    timezone: str = Field(default="UTC", description="IANA time zone, such as Europe/Berlin.")
    overlap: Literal["forbid", "queue", "allow"] = Field(
        default="forbid", description="What happens while the last one still runs."
    )
    catch_up: Duration = Field(
        default="12h",
        validate_default=True,
        description="How late a missed run is still started. Of several missed in an outage, allow starts the latest, forbid the "
        "first, queue each in turn.",
    )


class NotifySection(Section):
    """Who hears of the end of a scheduled sweep."""

    webhook: WebAddress | None = Field(default=None, description="URL that a JSON report is posted to; null: none.")
