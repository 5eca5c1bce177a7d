"""The JSON Schema agrees with what the loader takes and refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from broken_specs import BROKEN, sound
from jsonschema import Draft202012Validator

from orchestrator.spec.files import read_mapping
from orchestrator.spec.model import SweepSpec
from orchestrator.spec.schema import sweep_schema

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").rglob("*.yaml"))
SHAPE = [
    "misspelt section",
    "misspelt key",
    "deep unknown key",
    "no name",
    "no data",
    "no source",
    "empty space",
    "unknown task",
    "seed is text",
    "epochs is a fraction",
    "section is null",
    "metrics is text",
    "test size of 1",
    "bad duration",
    "sklearn name",
    "preprocessing",
    "recipe",
    "kind of domain",
    "no domain",
    "strategy",
    "strategy's setting",
    "class weight",
    "metric",
    "webhook",
    "overlap",
    "promote",
]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = sweep_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "race", ["auto", "none", "paired", "hyperband", {"folds": "paired", "rungs": [1, 5]}, {"epochs": "halving", "eta": 2}]
)
def test_races_that_it_takes(validator: Draft202012Validator, race: Any) -> None:
    assert validator.is_valid({**sound(), "race": race})


@pytest.mark.parametrize("race", ["pared", {"folds": "pared"}, {"rung": [1, 5]}, None, 3])
def test_races_that_it_refuses(validator: Draft202012Validator, race: Any) -> None:
    assert not validator.is_valid({**sound(), "race": race})


def _properties(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for name, described in schema.get("properties", {}).items():
            yield f"{path}.{name}", described
        for key, inner in schema.items():
            yield from _properties(inner, f"{path}/{key}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from _properties(inner, path)


def test_every_key_is_described() -> None:
    schema = sweep_schema()
    found = dict(_properties(schema))
    for path, described in found.items():
        section = schema["$defs"][described["$ref"].rpartition("/")[2]] if "$ref" in described else {}
        assert described.get("description") or section.get("description"), path
    assert {path for path in found if path.count("/") == 0} == {f".{name}" for name in SweepSpec.model_fields}


def test_a_sound_file_is_valid_and_needs_little(validator: Draft202012Validator) -> None:
    assert list(validator.iter_errors(sound())) == []
    little = {"name": "x", "data": {"source": "sklearn", "name": "iris"}, "space": {"layer_size": [8]}}
    assert list(validator.iter_errors(little)) == []


@pytest.mark.parametrize("case", SHAPE)
def test_a_mistake_that_one_key_makes_is_seen_by_an_editor(validator: Draft202012Validator, case: str) -> None:
    assert not validator.is_valid(json.loads(json.dumps(BROKEN[case].mapping())))


def test_short_forms_are_valid(validator: Draft202012Validator) -> None:
    short = sound() | {"data": {"source": "models:load"}, "fit": {"early_stopping": False, "class_weight": {"0": 1, "1": 2}}}
    short |= {"budget": {"time": "2h"}, "resources": {"trial_timeout": 30}, "metrics": ["models:score", "f1"]}
    assert list(validator.iter_errors(short)) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_valid(validator: Draft202012Validator, example: Path) -> None:
    assert list(validator.iter_errors(read_mapping(example))) == []
