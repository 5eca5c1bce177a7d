"""Fits a fold's transformers on its training rows only, and applies them to all rows. The transforms themselves stand in serving_code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainers.dataset import Array, Dataset
    from trainers.serving_code import Preprocessor
    from trainers.settings import Config, SweepSettings


@dataclass(frozen=True, slots=True)
class TargetScaler:
    """Mean and standard deviation of the training rows' target: a net learns the standardised one."""

    mean: float
    std: float

    def scale(self, target: Array) -> Array:
        """Return ``target`` (any shape, its own unit) standardised."""
        return (target - self.mean) / self.std

    def unscale(self, values: Array) -> Array:
        """Return ``values`` (any shape, standardised) in the target's own unit."""
        return values * self.std + self.mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A data set as one fold's models take it: every row transformed by what was fitted on the training rows.

    Attributes
    ----------
    inputs : (rows, ...) float32, or int32 token ids (text_cnn; 0 is padding, 1 an unknown word), or a dict of such arrays
        (wide_deep: "wide" and "deep").
    target : (rows,) float32 (binary, regression; scaled if there is a scaler) or int32 class index (multiclass).
    weights : (rows,) float32 or None.
    scaler : how ``target`` was scaled, or None.
    preprocessor : turns raw features into ``inputs``; goes into the model folder.
    vocabulary : token ids are below this (text_cnn); None elsewhere.
    """

    inputs: Array | dict[str, Array]
    target: Array
    weights: Array | None
    scaler: TargetScaler | None
    preprocessor: Preprocessor
    vocabulary: int | None = None


def preprocessing_key(settings: SweepSettings, config: Config) -> str:
    """Return a text that is equal for configs which share a Prepared per fold."""
    raise NotImplementedError


def prepare(dataset: Dataset, fit_rows: Array, settings: SweepSettings, config: Config) -> Prepared:
    """Fit on ``fit_rows``, transform all rows."""
    raise NotImplementedError


def check_exportable(preprocessor: Preprocessor, features: Any = None) -> None:
    """Raise UserCodeError unless the preprocessor survives a dump and a load without pickle."""
    raise NotImplementedError
