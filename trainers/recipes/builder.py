"""Recipe builder: the user's own function, called with those parameters that its signature takes."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import keras

from trainers.backends import hold_to_share
from trainers.errors import UserCodeError
from trainers.recipes.shapes import ModelShape
from trainers.seeds import seed_everything
from trainers.settings import Config
from trainers.usercode import import_object

_FIT = ("epochs", "batch_size")


def build(builder: str, code: str | None, config: Config, shape: ModelShape, seed: int) -> keras.Model:
    """Return the compiled model that the user's function makes for ``config``.

    ``epochs`` and ``batch_size`` are meant for fit and reach the function only where it names them. So do ``input_shape`` (a
    tuple without the rows, or a dict of them), ``output_units`` and ``n_classes``, which follow from the data; a value in
    ``config`` wins.

    Parameters
    ----------
    builder : "module:function".
    code : the folder with the user's modules.
    config : the effective config, plain Python values.
    shape : of the data.
    seed : Python, NumPy, Keras and the backend are seeded with it before the call.

    Raises
    ------
    UserCodeError
        The function cannot be imported, does not take a name of ``config``, lacks a value, or does not return a compiled model.
    """
    function = _imported(builder, code)
    arguments = _arguments(function, builder, config, shape)
    seed_everything(seed)
    model = function(**arguments)
    if not isinstance(model, keras.Model):
        raise UserCodeError(
            f"trainer.builder {builder!r}: expected it to return a compiled keras.Model, got {type(model).__name__}; "
            "does the function end in `return model`?"
        )
    if not model.compiled:
        raise UserCodeError(
            f"trainer.builder {builder!r}: expected a compiled model, got one that is not; "
            "call model.compile(optimizer=..., loss=...) before returning it."
        )
    return model


def _imported(builder: str, code: str | None) -> Callable[..., Any]:
    """Return the user's function; TensorFlow, if its module is the first to load it, is held to its share before it is used."""
    loaded = "tensorflow" in sys.modules
    function: Callable[..., Any] = import_object(builder, code)
    if not loaded:
        hold_to_share(os.environ)
    return function


def _arguments(function: Callable[..., Any], builder: str, config: Config, shape: ModelShape) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    named = {parameter.name for parameter in parameters if parameter.kind in keyword}
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    inputs = shape.inputs
    ours = {
        "input_shape": {n: s.shape for n, s in inputs.items()} if isinstance(inputs, Mapping) else inputs.shape,
        "output_units": shape.output_units,
        "n_classes": shape.classes,
    }
    given = {**{name: value for name, value in ours.items() if name in named}, **config}
    arguments = {name: value for name, value in given.items() if name in named or (takes_any and name not in _FIT)}
    unknown = sorted(set(given) - set(arguments) - set(_FIT))
    if unknown:
        near = get_close_matches(unknown[0], named, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(named)) or 'no parameters'}."
        raise UserCodeError(f"trainer.builder {builder!r}: expected parameters that it takes, got {unknown[0]!r}; {hint}")
    required = {p.name for p in parameters if p.default is inspect.Parameter.empty and p.kind in (*keyword, p.POSITIONAL_ONLY)}
    missing = sorted(required - set(arguments))
    if missing:
        raise UserCodeError(
            f"trainer.builder {builder!r}: expected a value for each parameter without a default, got none for {missing[0]!r}; "
            "give it one in trainer.params or in space."
        )
    return arguments
