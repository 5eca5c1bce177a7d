"""The JSON Schema of a sweep file, for editors: made from the models, recipes and strategies, so that it cannot fall behind them.

It describes what one key may hold; what keys must agree on is left to ``kerasweep validate``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from orchestrator.spec.data_checks import SKLEARN_TASKS
from orchestrator.spec.model import SweepSpec
from orchestrator.spec.values import FUNCTION
from search_spaces import EPOCH_RULES, RULES, STRATEGY_SETTINGS, RaceSettings
from trainers import metrics
from trainers.recipes import FIT, RECIPES

_BOUNDS = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_POINTS = {"type": "integer", "minimum": 2, "description": "How many values a grid takes."}
_STEP = {"type": "number", "exclusiveMinimum": 0, "description": "Only low, low + step, ... are values."}
_FILLED_IN = {
    "SweepSpec": ("task", "objective", "tracking"),
    "ObjectiveSection": ("metric", "direction"),
    "TrackingSection": ("experiment",),
}
"""Required in the models, but filled in from other keys when a file leaves them out."""


def sweep_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) as a JSON-able mapping; every key has a description."""
    schema = SweepSpec.model_json_schema(schema_generator=_WithoutTitles)
    definitions: dict[str, Any] = schema["$defs"]
    for name, keys in _FILLED_IN.items():
        section = schema if name == "SweepSpec" else definitions[name]
        section["required"] = [key for key in section["required"] if key not in keys]
        if not section["required"]:
            del section["required"]
    definitions["Domain"] = _domain()
    definitions["Race"] = _race()
    _become(schema["properties"]["race"], {"anyOf": [{"enum": ["auto", "none", *RULES, *EPOCH_RULES]}, {"$ref": "#/$defs/Race"}]})
    definitions["StrategySection"] |= {"additionalProperties": False}
    definitions["StrategySection"]["properties"] |= _strategy_settings()
    definitions["StrategySection"]["properties"]["type"]["enum"] = list(STRATEGY_SETTINGS)
    _widen(definitions["DataSection"]["properties"]["source"], {"type": "string", "pattern": f"^{FUNCTION}$"})
    definitions["DataSection"]["properties"]["name"]["anyOf"][0] = {"enum": list(SKLEARN_TASKS)}
    definitions["FitSection"]["properties"]["early_stopping"]["anyOf"].append({"const": False})
    definitions["TrainerSection"]["properties"]["params"]["properties"] = {
        name: {"description": text} for name, text in _parameters().items()
    }
    schema["properties"]["space"] |= {
        "minProperties": 1,
        "properties": {name: {"$ref": "#/$defs/Domain", "description": text} for name, text in _parameters().items()},
        "additionalProperties": {"$ref": "#/$defs/Domain"},
    }
    metric = {"anyOf": [{"enum": list(metrics.METRICS)}, {"type": "string", "pattern": f"^{FUNCTION}$"}]}
    schema["properties"]["metrics"]["items"] = metric
    _become(definitions["ObjectiveSection"]["properties"]["metric"], metric)
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": "Kerasweep sweep file"}


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _widen(prop: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Let ``prop`` also take what ``other`` describes."""
    own = {key: prop[key] for key in ("type", "enum") if key in prop}
    _become(prop, {"anyOf": [own, other]})


def _become(prop: dict[str, Any], kind: Mapping[str, Any]) -> None:
    for key in ("type", "enum", "anyOf"):
        prop.pop(key, None)
    prop |= kind


def _parameters() -> dict[str, str]:
    """Return what each recipe's parameter accepts; of several recipes' words the first."""
    texts: dict[str, str] = {}
    for recipe, parameters in [("fit", FIT), *RECIPES.items()]:
        for parameter in parameters:
            texts.setdefault(parameter.name, f"{recipe}: {parameter.accepts}; default {parameter.default!r}.")
    return texts


def _strategy_settings() -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for kind, record in STRATEGY_SETTINGS.items():
        for field in dataclasses.fields(record):
            settings[field.name] = {"description": f"{kind}: {field.metadata.get('expected', 'configs to begin with')}."}
            if field.default != ():
                settings[field.name]["default"] = field.default
    return settings


_RACE = {
    "folds": "Who is given up by the folds that it has: paired, whose mean over them lies further below the bar's than the bar's "
    "mean of all folds lies above its worst one; forgiving, whose mean is below the bar's worst fold; wilcoxon, who is worse by "
    "the exact one-sided signed-rank test of the differences fold by fold; none, nobody.",
    "rungs": "Numbers of folds after which is judged, all folds last; null: 1, 2, 4 and so on up to half of all, then all.",
    "first": "Trial i, counted from 0, is judged by the best whole trial of the first 4, 8, 16 and so on, doublings of this, the "
    "most that are at most i / 2: the first eight by nobody.",
    "p": "For wilcoxon, the largest probability at which a trial is given up.",
    "epochs": "Who is given up while the first fold is trained: halving, who is not among the best 1 / eta at a rung; hyperband, "
    "the same, but judging begins at another rung with every trial; none, nobody.",
    "eta": "By so much a rung of epochs is longer than the one before it.",
    "min_epochs": "The first rung of epochs; null: the most epochs of the space / eta^2.",
}


def _race() -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for field in dataclasses.fields(RaceSettings):
        words = field.metadata.get("words")
        properties[field.name] = {"description": _RACE[field.name], "default": field.default} | (
            {"enum": list(words)} if words else {}
        )
    description = (
        "Who is given up before it is trained whole; in short a rule's name. The bar is the one whole trial that judges."
    )
    return {"type": "object", "description": description, "properties": properties, "additionalProperties": False}


def _domain() -> dict[str, Any]:
    def kind(name: str, described: str, **options: Any) -> dict[str, Any]:
        properties = {name: _BOUNDS | {"description": described}, **options}
        return {"type": "object", "properties": properties, "required": [name], "additionalProperties": False}

    values = {"type": "array", "minItems": 1, "description": "A choice: one of these values."}
    log = {"type": "boolean", "description": "Whether its logarithm is drawn evenly."}
    return {
        "description": "The values that one hyperparameter may take.",
        "anyOf": [
            values,
            {"type": "object", "properties": {"choice": values}, "required": ["choice"], "additionalProperties": False},
            kind("integer", "Whole numbers from low to high, both included.", log=log, step=_STEP),
            kind("uniform", "Numbers from low to high, evenly.", step=_STEP, points=_POINTS),
            kind("reciprocal", "Numbers from low to high, their logarithm evenly.", points=_POINTS),
            kind("loguniform", "The same as reciprocal.", points=_POINTS),
        ],
    }
