"""Candidates as plain configs, and the objects behind their labels."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import numpy as np
import pytest

from orchestrator.search.trials import Trial
from orchestrator.search_cv.candidates import Coding, Listed, packing_of, values_seen
from trainers.estimators import params_of


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (np.True_, True),
        (3, 3),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        ("relu", "relu"),
        (np.str_("relu"), "relu"),
        ((1, 2), "(1, 2)"),
        ([1, [2.0, "x"]], "[1, [2.0, 'x']]"),
        ({"a": None}, "{'a': None}"),
        (float("inf"), "inf"),
    ],
)
def test_a_value_stands_for_itself_or_has_a_label(value: Any, plain: Any) -> None:
    coding = Coding()
    config = coding.config_of({"x": value})
    assert config == {"x": plain}
    assert type(config["x"]) is type(plain)
    json.dumps(config, allow_nan=False)
    assert params_of(config, coding.values)["x"] == value


def test_objects_are_named_by_what_they_are() -> None:
    coding = Coding()
    first, second, again = (coding.config_of({"x": np.arange(n)})["x"] for n in (3, 4, 3))
    assert first != second
    assert first == again
    assert list(coding.values["x"]) == [first, second]
    assert np.array_equal(params_of({"x": second}, coding.values)["x"], np.arange(4))


def test_a_text_that_reads_like_a_label_is_another_value() -> None:
    coding = Coding()
    configs = [coding.config_of({"x": value}) for value in ("(1, 2)", (1, 2), "[3]", [3], "'[3]'")]
    back = [params_of(config, coding.values)["x"] for config in configs]
    assert back == ["(1, 2)", (1, 2), "[3]", [3], "'[3]'"]


def test_listed_configs_may_repeat() -> None:
    strategy = Listed([{"x": 1}, {"x": 1}, {}])
    assert strategy.size == 3
    assert strategy.ask(2) == [{"x": 1}, {"x": 1}]
    strategy.tell({"x": 1}, 0.5)
    strategy.tell({"x": 1}, 0.7)
    assert not strategy.finished
    assert strategy.ask(9) == [{}]
    assert strategy.finished
    assert strategy.ask(9) == []


def test_values_seen_are_choices_in_order() -> None:
    assert values_seen([{"a": 1, "b": "x"}, {"a": True}, {"a": 1.0, "b": "x"}]) == {"a": [1, True, 1.0], "b": ["x"]}


class Activation(str, Enum):  # noqa: UP042 (str() gives another text than its own)
    RELU = "relu"
    TANH = "tanh"


def test_a_member_of_an_enum_of_texts_stays_what_it_is() -> None:
    coding = Coding()
    config = coding.config_of({"x": Activation.RELU})
    assert config["x"] != "relu"
    assert params_of(config, coding.values)["x"] is Activation.RELU
    assert coding.config_of({"x": "relu"}) == {"x": "relu"}
    assert coding.config_of({"x": Activation.TANH})["x"] != config["x"]


def test_nets_of_one_graph_go_together_wherever_in_a_pipeline_they_stand() -> None:
    packing = packing_of(1, 32, 100, together=True)

    def group(**config: Any) -> Any:
        return packing.group(Trial(0, config, "key"))

    assert group(clf__init="normal") == group(clf__init="uniform")
    assert group(model__init="normal", model__epochs=1) == group(model__init="uniform", model__epochs=2)
    assert group(clf__units=3) != group(clf__units=4)
