"""The user's own transformer ("module:factory"): made, fitted on the training rows, applied to the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data import Preprocessor, tidy_table
from trainers.errors import UserCodeError
from trainers.preprocessing.fitting import table_columns
from trainers.usercode import import_object
from trainers.usersource import read_user_source

if TYPE_CHECKING:
    from trainers.data import Array, Dataset


def custom_inputs(dataset: Dataset, fit_rows: Array, reference: str, code: str | None, seed: int) -> tuple[Array, Preprocessor]:
    """Return (inputs, preprocessor): the training rows by ``fit_transform(X, y)``, as in a scikit-learn pipeline, the others by
    ``transform``.

    Parameters
    ----------
    reference : "module:factory"; called without arguments, it returns a scikit-learn transformer.
    seed : for the random states that the transformer leaves open.

    Notes
    -----
    X is the raw table (numbers and booleans as float64, texts as str, missing as NaN) or array; y the class index or the number
    to predict.

    Raises
    ------
    UserCodeError : the factory or the transformer fails, or yields something other than a number for every place of every row.
    """
    transformer = _made(reference, code)
    features = dataset.features
    if isinstance(features, np.ndarray):
        plan: dict[str, Any] = {"kind": "custom", "shape": list(features.shape[1:])}
        fitted, others = features[fit_rows], np.delete(features, fit_rows, axis=0)
    else:
        columns = table_columns(dataset, categories=False)
        plan = {"kind": "custom", "columns": columns, "missing": list(dataset.missing)}
        table = tidy_table(features, columns, dataset.missing)
        fitted, others = table.iloc[fit_rows], table.drop(index=table.index[fit_rows])
    preprocessor = Preprocessor(plan, {"custom": transformer}, _sources(reference, code))
    target = dataset.target[fit_rows]
    try:
        with _seeded(seed):
            if hasattr(transformer, "fit_transform"):
                trained = transformer.fit_transform(fitted, target)
            else:
                trained = transformer.fit(fitted, target).transform(fitted)
            trained = _checked(trained, len(fitted), reference)
            rest = _checked(transformer.transform(others), len(others), reference) if len(others) else trained[:0]
    except UserCodeError:
        raise
    except Exception as error:
        raise UserCodeError(f"preprocessing: the transformer of {reference!r} failed: {type(error).__name__}: {error}") from error
    if rest.shape[1:] != trained.shape[1:]:
        raise UserCodeError(
            f"preprocessing: {reference!r} must give all rows one shape. "
            f"Got {trained.shape[1:]} from fit_transform and {rest.shape[1:]} from transform."
        )
    inputs = np.empty((dataset.rows, *trained.shape[1:]), dtype=np.float32)
    inputs[fit_rows] = trained
    inputs[np.setdiff1d(np.arange(dataset.rows), fit_rows)] = rest
    return inputs, preprocessor


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, which scikit-learn draws from where no random state is given, and put it back afterwards."""
    state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(state)


def _made(reference: str, code: str | None) -> Any:
    factory = import_object(reference, code)
    try:
        transformer = factory()
    except Exception as error:
        raise UserCodeError(
            f"preprocessing: {reference!r} failed: {type(error).__name__}: {error}. It is called without arguments."
        ) from error
    if not hasattr(transformer, "fit") or not hasattr(transformer, "transform") or isinstance(transformer, type):
        raise UserCodeError(f"preprocessing: {reference!r} must return a scikit-learn transformer. Got {transformer!r}.")
    return transformer


def _checked(values: Any, rows: int, reference: str) -> Array:
    values = values.toarray() if hasattr(values, "toarray") else values
    try:
        array = np.asarray(values, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise UserCodeError(f"preprocessing: {reference!r} must give numbers. Got {error}. Encode texts.") from error
    if array.ndim < 2 or len(array) != rows:
        raise UserCodeError(
            f"preprocessing: {reference!r} must give an array of {rows} rows and some columns. Got shape {array.shape}."
        )
    if not np.isfinite(array).all():
        raise UserCodeError(
            f"preprocessing: {reference!r} must give finite numbers. Got NaN or infinity. Impute what is missing."
        )
    return array


def _sources(reference: str, code: str | None) -> dict[str, str]:
    """Return the source that a model folder must carry: what is not installed from a distribution, by name."""
    files = read_user_source([reference], code).files
    return {name: file.read_text(encoding="utf-8") for name, file in files.items() if file.suffix == ".py"}
