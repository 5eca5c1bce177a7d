"""Fits a fold's preprocessing on its training rows only, and applies it to all rows. How each recipe's is fitted stands in
``fitting``, the transforms themselves in ``serving_code``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data import Preprocessor, load_preprocessor
from trainers.errors import DataError, UserCodeError
from trainers.preprocessing.arrays import aligned, equal_inputs, size_of
from trainers.preprocessing.fitting import array_plan, sequences_plan, table_plan, text_plan, wide_deep_plan
from trainers.preprocessing.transformers import custom_inputs
from trainers.recipes import InputShape, ModelShape, with_defaults

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.settings import Config, SweepSettings, Task

_DECIDING = {"wide_deep": ("wide", "deep", "crosses"), "text_cnn": ("text", "max_words", "length")}


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

    @property
    def fitted(self) -> bool:
        """Whether the inputs hang on the rows that they were fitted on; if not, all folds have the same ones."""
        return bool(self.preprocessor.estimators) or self.preprocessor.plan["kind"] == "text"


def preprocessing_key(settings: SweepSettings, config: Config) -> str:
    """Return a text that is equal for configs (effective ones) which share a Prepared per fold; most recipes have one key."""
    names = _DECIDING.get(settings.trainer.type, ())
    values = with_defaults(settings.trainer.type, config)
    return json.dumps([settings.preprocessing, *(values[name] for name in names)])


def prepare(dataset: Dataset, fit_rows: Array, settings: SweepSettings, config: Config, like: Prepared | None = None) -> Prepared:
    """Return the whole data set, transformed by what is fitted on ``fit_rows`` alone.

    Parameters
    ----------
    fit_rows : (n,) int64, the rows trained on; neither watched nor scored ones.
    config : the effective one.
    like : the same data fitted on other rows, of an equal ``preprocessing_key``: what is equal is taken over, not held twice.

    Raises
    ------
    DataError : the data does not suit the preprocessing or the recipe.
    UserCodeError : the user's transformer is at fault.
    """
    inputs, preprocessor, vocabulary = _inputs(dataset, fit_rows, settings, config, like)
    target, scaler = _target(dataset, fit_rows, settings)
    if like is not None and np.array_equal(target, like.target):
        target = like.target
    return Prepared(
        inputs=inputs,
        target=target,
        weights=None if dataset.weights is None else dataset.weights.astype(np.float32),
        scaler=scaler,
        preprocessor=preprocessor,
        vocabulary=vocabulary,
    )


def bytes_together(several: Iterable[Prepared]) -> int:
    """Return the bytes that the inputs of several prepared folds take: what they share counts once."""
    unique = {id(one.inputs): one.inputs for one in several}
    return sum(map(size_of, unique.values()))


def model_shape(prepared: Prepared, task: Task, classes: int | None) -> ModelShape:
    """Return the shape of the models that take ``prepared``'s inputs."""
    inputs = prepared.inputs
    if isinstance(inputs, Mapping):
        shapes = {name: InputShape(tuple(array.shape[1:]), str(array.dtype)) for name, array in inputs.items()}
        return ModelShape(shapes, task, classes, prepared.vocabulary)
    return ModelShape(InputShape(tuple(inputs.shape[1:]), str(inputs.dtype)), task, classes, prepared.vocabulary)


def check_exportable(preprocessor: Preprocessor, features: Any = None) -> None:
    """Raise UserCodeError unless the preprocessor survives a dump and a load without pickle.

    Parameters
    ----------
    features : some raw rows, which must then come out the same from the loaded one; None to check the files only.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            preprocessor.export(folder)
            loaded = load_preprocessor(folder)
        except Exception as error:
            raise UserCodeError(f"preprocessing: must be storable without pickle. Got: {error}") from error
        if features is None:
            return
        before, after = preprocessor.transform(features), loaded.transform(features)
    pairs = [(before[name], after[name]) for name in before] if isinstance(before, dict) else [(before, after)]
    if not all(np.array_equal(one, other) for one, other in pairs):
        raise UserCodeError(
            "preprocessing: must transform alike after it is stored and loaded. It does not: keep all state in attributes."
        )


def _inputs(
    dataset: Dataset, fit_rows: Array, settings: SweepSettings, config: Config, like: Prepared | None
) -> tuple[Any, Preprocessor, int | None]:
    recipe, name = settings.trainer.type, settings.preprocessing
    params = with_defaults(recipe, config)
    is_array = isinstance(dataset.features, np.ndarray)
    if ":" in name:
        if recipe in _DECIDING:
            raise UserCodeError(f"preprocessing: recipe {recipe!r} has its own. Got {name!r}. Set preprocessing: auto.")
        inputs, preprocessor = custom_inputs(dataset, fit_rows, name, settings.code, settings.seed)
        return _held_once(inputs, like), preprocessor, None
    vocabulary = None
    if recipe == "text_cnn":
        if name in ("standard", "minmax"):
            raise DataError(
                f"preprocessing: recipe 'text_cnn' takes token ids, which have no scale. Got {name!r}. Set it to auto."
            )
        preprocessor = sequences_plan(dataset, params) if is_array else text_plan(dataset, fit_rows, params)
        vocabulary = int(params["max_words"])
    elif recipe == "wide_deep":
        preprocessor = wide_deep_plan(dataset, fit_rows, name, params)
    elif is_array:
        preprocessor = array_plan(dataset, fit_rows, name, numbers=recipe == "mlp")
    else:
        preprocessor = table_plan(dataset, fit_rows, name)
    if like is not None and not preprocessor.estimators and preprocessor.plan == like.preprocessor.plan:
        return like.inputs, preprocessor, vocabulary  # nothing is fitted, or the same: no need to look
    return _held_once(preprocessor.transform(dataset.features), like), preprocessor, vocabulary


def _held_once(inputs: Any, like: Prepared | None) -> Any:
    """Return ``inputs``, or those of ``like`` where they are equal."""
    return like.inputs if like is not None and equal_inputs(inputs, like.inputs) else aligned(inputs)


def _target(dataset: Dataset, fit_rows: Array, settings: SweepSettings) -> tuple[Array, TargetScaler | None]:
    """Return (target as a net takes it, its scaler)."""
    if settings.task == "multiclass":
        return dataset.target.astype(np.int32), None
    wanted = settings.trainer.type != "builder" if settings.scale_target is None else settings.scale_target
    if settings.task == "binary" or not wanted:
        return dataset.target.astype(np.float32), None
    trained = dataset.target[fit_rows]
    scaler = TargetScaler(float(trained.mean()), float(trained.std()) or 1.0)
    return scaler.scale(dataset.target).astype(np.float32), scaler
