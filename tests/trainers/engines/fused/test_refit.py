"""The refit by the fused engine's single step: what ``model.fit`` gives, and left to it where it must be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from references import STOPPING, assert_equal, fit, member, table
from small_sweeps import OWN_TRAIN_STEP, builder_settings, dataset, settings

from trainers.engines.fused.engine import FusedEngine
from trainers.evaluation import Evaluator
from trainers.messages import Refit
from trainers.refit import refit

layers = keras.layers
CONFIG = {"learning_rate": 0.02, "epochs": 8}


def _model() -> keras.Model:
    model = keras.Sequential([layers.Input((5,)), layers.Dense(7, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("stopping", [None, STOPPING])
def test_alone_it_is_what_fit_gives(stopping: object) -> None:
    one = member(_model, table(), 1, monitor=np.arange(0, 103, 4), stopping=stopping)
    assert_equal(FusedEngine().train_alone(one), fit(one))


def test_the_winner_is_written_with_the_weights_that_were_trained(tmp_path: Path) -> None:
    evaluator = Evaluator(replace(settings(tmp_path / "stage", dataset("binary"), "binary"), engine="fused"))
    heard: list[tuple[int, int, float | None]] = []
    done = refit(evaluator, Refit(CONFIG, (6, 8), str(tmp_path / "model")), lambda *visit: heard.append(visit))
    assert heard[-1][:2] == (done.epochs, done.epochs)
    assert done.test_metrics["accuracy"] > 0.8
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["refit"]["epochs_run"] == done.epochs
    again = refit(evaluator, Refit(CONFIG, (6, 8), str(tmp_path / "again")))
    one, other = (keras.saving.load_model(tmp_path / name / "model.keras").get_weights() for name in ("model", "again"))
    assert all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))
    assert again.test_metrics == done.test_metrics


def test_what_cannot_be_fused_is_refitted_by_model_fit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    evaluator = Evaluator(replace(builder_settings(tmp_path, OWN_TRAIN_STEP, dataset()), engine="fused"))
    done = refit(evaluator, Refit({}, (2, 2), str(tmp_path / "model")))
    assert done.epochs > 0
    assert "left to model.fit: " in caplog.text
