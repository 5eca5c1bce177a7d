"""What each recipe may be told: names, accepted values, defaults, and which of them change the model's graph.

Read by the driver to check a sweep file and to pack cohorts, so it loads no Keras and no user code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from trainers.errors import UserCodeError
from trainers.recipes.signatures import GIVEN_BY_US, Signature, read_signature
from trainers.settings import Config, FileRecipeName, RecipeName, TrainerSettings

Structural = Literal["no", "presence", "value"]

ACTIVATIONS = (
    "relu", "selu", "elu", "gelu", "tanh", "sigmoid", "silu", "swish", "leaky_relu", "relu6", "celu", "mish", "softplus",
    "softsign", "hard_sigmoid", "hard_silu", "exponential", "linear",
)  # fmt: skip
INITIALIZERS = (
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "random_uniform",
    "random_normal", "truncated_normal", "uniform", "normal", "variance_scaling", "orthogonal", "zeros", "ones", "zero", "one",
)  # fmt: skip
OPTIMIZERS = (
    "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "ftrl", "lion",
    "adafactor",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name that a recipe knows.

    ``accepts`` says in words what ``check`` allows; ``words`` are the texts among that. ``structural`` says how the value changes
    the graph: not at all (it is a number or an initial weight), by being there or not (dropout, l2), or by its value.
    """

    name: str
    accepts: str
    default: Any
    structural: Structural
    check: Callable[[Any], bool]
    words: Sequence[str] = ()


def _whole(low: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low


def _number(allowed: Callable[[float], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and allowed(float(value))


def _word(words: Sequence[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value.lower() in words


def _listed(check: Callable[[Any], bool], shortest: int = 0) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and len(value) >= shortest and all(map(check, value))


def _or_none(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or check(value)


def _column(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


WIDTH_STEP = 16

FIT = (
    Parameter("epochs", "a whole number >= 1", 100, "no", _whole(1)),
    Parameter("batch_size", "a whole number >= 1", 32, "value", _whole(1)),
)
_OPTIMIZER = (
    Parameter("optimizer", f"one of {', '.join(OPTIMIZERS)}", "adam", "value", _word(OPTIMIZERS), OPTIMIZERS),
    Parameter(
        "learning_rate", "a number > 0, or null for the optimizer's own", None, "no", _or_none(_number(lambda v: 0 < v < 1e6))
    ),
    Parameter(
        "momentum",
        "a number in [0, 1), or null (0.9 for optimizers momentum and nesterov, else 0); only these and sgd use it",
        None,
        "presence",
        _or_none(_number(lambda v: 0 <= v < 1)),
    ),
)
_DROPOUT = Parameter("dropout", "a number in [0, 1)", 0.0, "presence", _number(lambda v: 0 <= v < 1))
_L2 = Parameter("l2", "a number >= 0", 0.0, "presence", _number(lambda v: 0 <= v < 1e6))
_INITIALIZER = Parameter(
    "kernel_initializer",
    f"one of {', '.join(INITIALIZERS)}, or null (lecun_normal for selu, else glorot_uniform)",
    None,
    "no",
    _or_none(_word(INITIALIZERS)),
    INITIALIZERS,
)
_ACTIVATION = Parameter("activation", f"one of {', '.join(ACTIVATIONS)}", "relu", "value", _word(ACTIVATIONS), ACTIVATIONS)
_MLP = (
    Parameter("hidden_layers", "a whole number >= 0", 2, "value", _whole(0)),
    Parameter("layer_size", "a whole number >= 1", 32, "value", _whole(1)),
    Parameter(
        "layer_sizes",
        "a list of whole numbers >= 1 in place of hidden_layers and layer_size, or null",
        None,
        "value",
        _or_none(_listed(_whole(1))),
    ),
    _ACTIVATION,
    Parameter(
        "batch_norm", "before, after or none (seen from the activation)", "none", "value", _word(("before", "after", "none"))
    ),
    _DROPOUT,
    _L2,
    _INITIALIZER,
    *_OPTIMIZER,
)
_COLUMNS = "a list of column names, or null for all columns"
RECIPES: Mapping[FileRecipeName, tuple[Parameter, ...]] = {
    "mlp": _MLP,
    "wide_deep": (
        Parameter("wide", _COLUMNS, None, "value", _or_none(_listed(_column, 1))),
        Parameter("deep", _COLUMNS, None, "value", _or_none(_listed(_column, 1))),
        Parameter("crosses", "a list of lists of two or more column names", (), "value", _listed(_listed(_column, 2))),
        *_MLP,
    ),
    "text_cnn": (
        Parameter("text", "a column name, or null when the data are integer sequences", None, "value", _or_none(_column)),
        Parameter("max_words", "a whole number >= 3", 10_000, "value", _whole(3)),
        Parameter("length", "a whole number >= 1", 200, "value", _whole(1)),
        Parameter("embedding_size", "a whole number >= 1", 32, "value", _whole(1)),
        Parameter("filters", "a whole number >= 1", 64, "value", _whole(1)),
        Parameter("kernel_sizes", "a list of whole numbers >= 1", (3, 4, 5), "value", _listed(_whole(1), 1)),
        Parameter("dense", "a whole number >= 0; 0 leaves the layer out", 64, "value", _whole(0)),
        _ACTIVATION,
        _DROPOUT,
        _L2,
        _INITIALIZER,
        *_OPTIMIZER,
    ),
    "builder": (),
}
_NUMERIC_IN_BUILDERS = frozenset({"learning_rate", "lr", "init", "init_mode", "initializer", "kernel_initializer", "seed"})


def with_defaults(recipe: RecipeName, config: Config) -> dict[str, Any]:
    """Return the recipe's parameters for ``config``: its values where it has them, the defaults elsewhere, and nothing else."""
    return {parameter.name: config.get(parameter.name, parameter.default) for parameter in parameters_of(recipe)}


def parameters_of(recipe: RecipeName) -> tuple[Parameter, ...]:
    """Return what a recipe may be told by name; of ``estimator`` nothing is known here."""
    return () if recipe == "estimator" else RECIPES[recipe]


def accepted_names(trainer: TrainerSettings, code: str | None) -> frozenset[str] | None:
    """Return the names that the recipe, the builder or fit accepts, or None when the builder may take anything.

    Raises
    ------
    UserCodeError
        The builder cannot be found or read.
    """
    names = frozenset(parameter.name for parameter in (*FIT, *parameters_of(trainer.type)))
    if trainer.type != "builder":
        return names
    signature = _builder_signature(trainer, code)
    return None if signature.names is None else names | signature.names


def parameter_problems(trainer: TrainerSettings, space: Mapping[str, Sequence[Any]], code: str | None) -> list[tuple[str, str]]:
    """Return every mistake in the trainer's fixed params and in the space's names and values, as (path, message).

    Parameters
    ----------
    trainer : the recipe, its builder and its fixed params.
    space : for each name of the search space the values to look at: all of a choice, the two ends of a numeric domain.
    code : the folder with the user's modules.
    """
    try:
        names = accepted_names(trainer, code)
        signature = _builder_signature(trainer, code) if trainer.type == "builder" else Signature(names)
    except UserCodeError as error:
        return [("trainer.builder", str(error))]
    known = {parameter.name: parameter for parameter in (*FIT, *parameters_of(trainer.type))}
    problems: list[tuple[str, str]] = []
    given = [("trainer.params", name, (value,)) for name, value in trainer.params.items()]
    given += [("space", name, tuple(values)) for name, values in space.items()]
    for where, name, values in given:
        path = f"{where}.{name}"
        if names is not None and name not in names:
            problems.append((path, _unknown(name, names, trainer)))
        elif name in known:
            wrong = [value for value in values if not known[name].check(value)]
            problems += [(path, _unsuitable(value, known[name])) for value in wrong[:1]]
    chosen = {**dict.fromkeys(trainer.params), **dict.fromkeys(space)}
    problems += _missing(signature, chosen, trainer)
    problems += _at_odds(trainer, space)
    return problems


def layer_sizes(params: Mapping[str, Any]) -> list[int]:
    """Return the widths of the hidden layers, whichever way the params give them."""
    if params["layer_sizes"] is not None:
        return list(params["layer_sizes"])
    return [params["layer_size"]] * params["hidden_layers"]


def common_widths(sizes: Sequence[int]) -> list[int]:
    """Return the widths to which the fused engine fills up hidden layers of ``sizes`` units: the next multiples of 16."""
    return [-(-size // WIDTH_STEP) * WIDTH_STEP for size in sizes]


def structural_key(trainer: TrainerSettings, effective: Config) -> tuple[tuple[str, str], ...]:
    """Return what decides a trial's graph and step shape: trials with equal keys can probably be trained as one program.

    Nets whose layers fill up to the same common widths are trained as one (``engines.fused.widths``), so these stand in the key.
    A builder's parameters are guessed at: fractions and initializers are taken for numbers that leave the graph alone. So are an
    estimator's, whatever pipeline it ends.
    """
    parts: list[tuple[str, str]] = []
    if trainer.type in ("builder", "estimator"):
        for name, value in effective.items():
            short = name.rpartition("__")[2] if trainer.type == "estimator" else name
            if short == "epochs" or short in _NUMERIC_IN_BUILDERS:
                continue
            parts.append((name, _text(value != 0) if isinstance(value, float) else _text(value)))
        return tuple(sorted(parts))
    values = {"batch_size": effective["batch_size"], **with_defaults(trainer.type, effective)}
    if values.get("layer_sizes") is None and "hidden_layers" in values:
        values["layer_sizes"] = [values["layer_size"]] * values["hidden_layers"]
    if values.get("layer_sizes") is not None:
        values["layer_sizes"] = common_widths(values["layer_sizes"])
    values.pop("hidden_layers", None)
    values.pop("layer_size", None)
    for parameter in (*FIT, *parameters_of(trainer.type)):
        if parameter.structural == "no" or parameter.name not in values:
            continue
        value = values[parameter.name]
        parts.append((parameter.name, _text(bool(value)) if parameter.structural == "presence" else _text(value)))
    return tuple(sorted(parts))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _builder_signature(trainer: TrainerSettings, code: str | None) -> Signature:
    if not trainer.builder:
        raise UserCodeError(f"expected 'module:function' for trainer type builder, got {trainer.builder!r}.")
    return read_signature(trainer.builder, code)


def _unknown(name: str, names: frozenset[str], trainer: TrainerSettings) -> str:
    taker = f"builder {trainer.builder!r}" if trainer.type == "builder" else f"recipe {trainer.type!r}"
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"they take {', '.join(sorted(names))}."
    return f"expected a parameter of {taker} or of fit, got {name!r}; {hint}"


def _unsuitable(value: Any, parameter: Parameter) -> str:
    near = get_close_matches(value.lower(), parameter.words, n=1) if isinstance(value, str) else []
    return f"expected {parameter.accepts}, got {value!r}{f'; did you mean {near[0]!r}?' if near else '.'}"


def _missing(signature: Signature, chosen: Mapping[str, Any], trainer: TrainerSettings) -> list[tuple[str, str]]:
    given = {*chosen, *GIVEN_BY_US, *(parameter.name for parameter in FIT)}
    return [
        ("trainer.builder", f"{trainer.builder!r} needs a value for {name!r}; give it one in trainer.params or in space.")
        for name in sorted(signature.required - given)
    ]


def _at_odds(trainer: TrainerSettings, space: Mapping[str, Sequence[Any]]) -> list[tuple[str, str]]:
    if trainer.type not in ("mlp", "wide_deep"):
        return []
    places = {**dict.fromkeys(trainer.params, "trainer.params"), **dict.fromkeys(space, "space")}
    if "layer_sizes" not in places:
        return []
    return [
        (f"{places[name]}.{name}", "expected either layer_sizes or hidden_layers and layer_size, got both; leave one out.")
        for name in ("hidden_layers", "layer_size")
        if name in places
    ]
