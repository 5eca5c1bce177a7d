"""A sweep's folds through the fused engine: the evaluator's events, merging, fallback and the probe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_sweeps import OWN_TRAIN_STEP, builder_settings, dataset, settings

from trainers.evaluation import Evaluator
from trainers.messages import Event, FoldFailed, FoldFinished, Progress, TrialRequest
from trainers.settings import SweepSettings, TrainerSettings


def events(made: SweepSettings, *trials: TrialRequest) -> list[Event]:
    heard: list[Event] = []
    Evaluator(replace(made, engine="fused")).evaluate(trials, heard.append)
    return heard


def finished(heard: list[Event]) -> dict[tuple[int, int], Any]:
    return {(event.trial, event.result.fold): event.result for event in heard if isinstance(event, FoldFinished)}


@pytest.mark.parametrize("task", [pytest.param("binary", marks=pytest.mark.full), "multiclass", "regression"])
def test_our_recipe_is_trained_and_scored_for_every_task(tmp_path: Path, task: str) -> None:
    made = settings(tmp_path, dataset(task), task)
    configs = [{"epochs": 3}, {"epochs": 6}, {"epochs": 6, "learning_rate": 0.02}]

    heard = events(made, *(TrialRequest(number, config, (0, 1)) for number, config in enumerate(configs)))

    results = finished(heard)
    assert set(results) == {(number, fold) for number in range(3) for fold in range(2)}
    assert {result.engine for result in results.values()} == {"fused"}
    assert all(set(result.metrics) == set(made.metrics) for result in results.values())
    assert any(isinstance(event, Progress) for event in heard)
    shorter, longer = results[0, 0], results[1, 0]
    assert longer.history["loss"][:3] == shorter.history["loss"]
    assert results[0, 0].epochs_run == 3


def test_what_cannot_be_fused_is_fitted_with_the_reason(tmp_path: Path) -> None:
    made = builder_settings(tmp_path, OWN_TRAIN_STEP, dataset())

    [event] = [event for event in events(made, TrialRequest(0, {}, (0,))) if isinstance(event, FoldFinished)]

    assert event.result.engine == "keras"
    assert event.result.engine_reason == "the model has its own train_step"


def test_a_reason_is_logged_once_however_many_cohorts_it_meets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = builder_settings(tmp_path, OWN_TRAIN_STEP, dataset())
    evaluator = Evaluator(replace(made, engine="fused"))
    heard: list[Event] = []
    for number in range(2):
        evaluator.evaluate([TrialRequest(number, {}, (0,))], heard.append)

    assert [result.engine_reason for result in finished(heard).values()] == ["the model has its own train_step"] * 2
    assert [text for text in caplog.messages if "model.fit" in text] == ["Left to model.fit: the model has its own train_step."]


def test_a_builder_that_raises_fails_its_own_trial_only(tmp_path: Path) -> None:
    source = (
        "import keras\n"
        "def create_model(units=4):\n"
        "    if units == 5:\n        raise ArithmeticError('five')\n"
        "    m = keras.Sequential([keras.Input((6,)), keras.layers.Dense(units), keras.layers.Dense(1, activation='sigmoid')])\n"
        "    m.compile(loss='binary_crossentropy')\n    return m\n"
    )
    made = builder_settings(tmp_path, source, dataset())

    heard = events(made, TrialRequest(0, {"units": 5}, (0, 1)), TrialRequest(1, {"units": 4}, (0, 1)))

    failures = [event for event in heard if isinstance(event, FoldFailed)]
    assert [(failure.trial, failure.fold) for failure in failures] == [(0, 0), (0, 1)]
    assert all("five" in failure.message for failure in failures)
    assert {trial for trial, _ in finished(heard)} == {1}


def test_the_probe_says_whether_and_why_not(tmp_path: Path) -> None:
    good = Evaluator(replace(settings(tmp_path / "a", dataset()), engine="fused")).check({})
    source = (
        "import keras, numpy as np\n"
        "class Host(keras.layers.Layer):\n"
        "    def call(self, x):\n        return x * float(np.asarray(x).mean())\n"
        "    def compute_output_shape(self, shape):\n        return shape\n"
        "def create_model():\n"
        "    m = keras.Sequential([keras.Input((6,)), Host(), keras.layers.Dense(1, activation='sigmoid')])\n"
        "    m.compile(loss='binary_crossentropy')\n    return m\n"
    )
    bad = Evaluator(replace(builder_settings(tmp_path / "b", source, dataset()), engine="fused")).check({})

    assert good.fusable
    assert good.reason is None
    assert not bad.fusable
    assert "cannot be traced by JAX" in (bad.reason or "")


def test_configs_that_differ_in_epochs_stay_apart_where_the_builder_takes_epochs(tmp_path: Path) -> None:
    source = (
        "import keras\n"
        "def create_model(epochs):\n"
        "    rate = keras.optimizers.schedules.CosineDecay(0.1, epochs)\n"
        "    m = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation='sigmoid')])\n"
        "    m.compile(loss='binary_crossentropy', optimizer=keras.optimizers.SGD(rate))\n    return m\n"
    )
    made = builder_settings(tmp_path, source, dataset())

    results = finished(events(made, TrialRequest(0, {"epochs": 2}, (0,)), TrialRequest(1, {"epochs": 20}, (0,))))

    assert results[0, 0].history["loss"] != results[1, 0].history["loss"][:2]


def test_a_width_that_is_searched_gives_what_it_gives_where_it_is_fixed(tmp_path: Path) -> None:
    """Both have one trial key; only searched widths are filled up to common ones."""
    data, params = dataset(), {"hidden_layers": 2, "dropout": 0.4}
    fixed = settings(tmp_path / "fixed", data, trainer=TrainerSettings(params={**params, "layer_size": 11}))
    searched = settings(tmp_path / "searched", data, trainer=TrainerSettings(params=params))

    one = finished(events(fixed, TrialRequest(0, {}, (0, 1))))
    other = finished(events(searched, TrialRequest(0, {"layer_size": 11}, (0, 1))))

    for name, result in one.items():
        assert other[name].history["loss"] == pytest.approx(result.history["loss"], rel=1e-4)
        assert other[name].metrics == pytest.approx(result.metrics, abs=1e-3)
