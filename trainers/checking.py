"""What is checked of one config before any trial: build, compiled, one step, scores, a save and load round trip in safe mode."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from trainers.backends import without_tensorflow
from trainers.engines import fit_model, plan_for, predict, score_model
from trainers.errors import TrainerError, UserCodeError
from trainers.preprocessing import check_exportable, class_weights, model_shape, part, take
from trainers.recipes import InputShape, build_model, cheap_initializers
from trainers.seeds import derive_seed

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.preprocessing import Prepared
    from trainers.recipes import ModelShape
    from trainers.settings import Config, SweepSettings
    from trainers.splits import Fold

_BACKENDS = ("jax", "jaxlib", "tensorflow", "keras.src.backend")
_SCORED_ROWS = 2000
_EXPORTED_ROWS = 20


def versions() -> dict[str, str]:
    """Return the versions that decide results: keras, its backend (by name), numpy, scikit-learn."""
    backend = keras.backend.backend()
    names = {"keras": "keras", backend: backend, "numpy": "numpy", "scikit-learn": "scikit-learn"}
    return {"backend": backend, **{name: version(package) for name, package in names.items()}}


def check_config(settings: SweepSettings, dataset: Dataset, fold: Fold, prepared: Prepared, config: Config) -> None:
    """Take one config through everything that a trial and the refit will do, on a few rows.

    Parameters
    ----------
    settings, dataset : the sweep's.
    fold, prepared : one fold and its data.
    config : the effective config.

    Raises
    ------
    UserCodeError
        Something failed; the message says where, what was expected, what was got and what to do.
    """
    trainer = settings.trainer
    where = f"trainer.builder {trainer.builder!r}" if trainer.type == "builder" else f"recipe {trainer.type!r}"
    check_exportable(prepared.preprocessor, dataset.features[:_EXPORTED_ROWS])
    classes = None if dataset.classes is None else len(dataset.classes)
    shape = model_shape(prepared, settings.task, classes)
    seed = derive_seed(settings.seed, config, fold.fold, fold.repeat)
    with _blame(where, "building a model failed", f"try it by hand with {dict(config)!r}"):
        first = build_model(settings, config, shape, seed)
        model = build_model(settings, config, shape, seed)
    if model is first:
        raise UserCodeError(
            f"{where}: expected a new model from each call, got the same object twice; make the model inside the function, "
            "or one fold would go on with the weights of another."
        )
    _check_inputs(where, model, shape)
    with _blame(where, "calling the model on one row failed", f"its inputs have the shape {shape.inputs!r} without the rows"):
        plan = plan_for(model, prepared, settings, dataset)
    rows = fold.train[: config["batch_size"]]
    with _blame(where, "one training step failed", "do loss, output layer and target fit together?"):
        fit_model(
            model,
            plan,
            part(prepared, rows, class_weights(settings.fit, dataset, rows)),
            part(prepared, fold.monitor[: config["batch_size"]]) if len(fold.monitor) else None,
            epochs=1,
            batch_size=config["batch_size"],
            early_stopping=settings.fit.early_stopping and replace(settings.fit.early_stopping, restore_best_weights=False),
            report=lambda done, epochs, value: None,
        )
    with _blame("metrics", f"scoring with {', '.join(settings.metrics)} failed", "mend the metric's function"):
        score_model(
            model, plan, prepared, fold.score[:: max(1, len(fold.score) // _SCORED_ROWS)], dataset=dataset, settings=settings
        )
    _round_trip(model, take(prepared.inputs, rows), where)


def _check_inputs(where: str, model: keras.Model, shape: ModelShape) -> None:
    """Raise UserCodeError for a model of several inputs where the data is one array: Keras' own message helps nobody here."""
    wanted = getattr(model, "inputs", None) or ()  # a subclassed model that is not yet built tells none
    if len(wanted) < 2 or not isinstance(shape.inputs, InputShape):
        return
    names = ", ".join(repr(tensor.name) for tensor in wanted)
    raise UserCodeError(
        f"{where}: expected a model of one input, got one of {len(wanted)} ({names}); as yet a sweep file gives a builder all "
        f"columns as one array, here of shape {shape.inputs.shape} without the rows. Take one keras.Input of that shape and cut "
        "it into parts inside the model, such as x[:, :3] and x[:, 3:]."
    )


def _round_trip(model: keras.Model, inputs: Array | dict[str, Array], where: str) -> None:
    remedy = (
        "safe mode refuses Lambda layers and classes that Keras does not know; use Keras' own layers, or register yours with "
        "@keras.saving.register_keras_serializable()"
    )
    with tempfile.TemporaryDirectory(prefix="kerasweep-check-") as folder, _blame(where, "saving and loading failed", remedy):
        path = Path(folder) / "model.keras"
        with without_tensorflow(), cheap_initializers():
            model.save(path)
            loaded = keras.saving.load_model(path, safe_mode=True)
        before, after = predict(model, inputs), predict(loaded, inputs)
    if before.shape != after.shape or not np.allclose(before, after, rtol=1e-3, atol=1e-5, equal_nan=True):
        raise UserCodeError(
            f"{where}: expected the same predictions from the model saved and loaded back, got different ones; "
            "a layer keeps state that is not in its weights or its config."
        )


def backend_is_to_blame(error: BaseException | None) -> bool:
    """Whether an error, or one that it was made of, arose within a backend: under another one the same code may work."""
    while error is not None:
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        module = "" if last is None else str(last.tb_frame.f_globals.get("__name__", ""))
        if any(f"{module}.".startswith(f"{backend}.") for backend in _BACKENDS):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def _blame(where: str, what: str, remedy: str) -> Iterator[None]:
    """Turn any exception into one message about the user's code."""
    try:
        yield
    except (TrainerError, MemoryError):
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserCodeError(f"{where}: {what}: {type(error).__name__}: {' '.join(lines)[:600]}; {remedy}.") from error
