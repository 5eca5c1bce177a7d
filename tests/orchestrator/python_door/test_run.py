"""``run_sweep`` from its arguments to its winner, in this process and with its own workers."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from orchestrator.cli.root import main
from orchestrator.errors import SpecError, SweepMismatchError, UserCheckError
from orchestrator.ledger.ledger import Ledger
from orchestrator.python_door import load_sweep, run_sweep

FEATURES = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 3)), columns=["a", "b", "c"])
TARGET = pd.Series(np.where(FEATURES["a"] + FEATURES["b"] > 0, "yes", "no"), name="answer")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A mapping for a sweep of two tiny nets without Ray, and a folder of its own to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERASWEEP_LEDGER", raising=False)
    return {
        "name": "small",
        "space": {"units": np.array([4, 8])},
        "cv": {"folds": 2},
        "fit": {"epochs": 2, "batch_size": 16},
        "engine": "keras",
        "ray": {"local": True},
        "resources": {"max_concurrent": 1},
    }


def builder(loss: str = "binary_crossentropy") -> Any:
    def create(units: int, n_classes: int) -> Any:
        import keras

        model = keras.Sequential([keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])
        model.compile(optimizer="adam", loss=loss)
        return model

    return create


def interrupt_soon(ledger: str) -> threading.Thread:
    """Interrupt this process as soon as a trial is over."""

    def watch() -> None:
        while True:
            with Ledger(ledger) as opened:
                if any(trial.state.terminal for sweep in opened.sweeps() for trial in opened.trials(sweep.id)):
                    break
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_rows_and_a_function_in_memory_become_a_sweep_like_any_other(small: dict[str, Any], tmp_path: Path) -> None:
    sweep = run_sweep(small, data=(FEATURES, TARGET), builder=builder())
    assert (sweep.state, sweep.title) == ("COMPLETED", "small/manual-1")
    assert sweep.spec["task"] == "binary"
    assert set(sweep.best_config) == {"units"}
    assert 0 <= sweep.best_score <= 1
    predictions = sweep.predict(FEATURES.iloc[:5])
    assert list(predictions.columns) == ["label", "probability_no", "probability_yes"]
    assert set(predictions["label"]) <= {"no", "yes"}
    pd.testing.assert_frame_equal(sweep.predict(FEATURES.to_numpy()[:5]), predictions)
    assert sweep.model().compiled
    kept_out = sweep.rows_kept_out()["row"]
    assert 0 < len(kept_out) < len(FEATURES)
    assert load_sweep("small").leaderboard().equals(sweep.leaderboard())

    # an equal function, made anew, and the same ledger by its path
    again = run_sweep(small, data=(FEATURES.copy(), TARGET.copy()), builder=builder(), ledger=tmp_path / "kerasweep.db")
    assert again.title == "small/manual-2"
    assert again.leaderboard()["cached_from"].notna().sum() == 2

    resumed = CliRunner().invoke(main, ["resume", "small", "--ledger", f"sqlite:///{tmp_path / 'kerasweep.db'}"])
    assert resumed.exit_code == 0, resumed.output
    shutil.rmtree(tmp_path / "kerasweep-output" / "given")
    refused = CliRunner().invoke(main, ["resume", "small", "--ledger", f"sqlite:///{tmp_path / 'kerasweep.db'}"])
    assert refused.exit_code == 2
    assert "was given its data or functions from Python" in refused.output


@pytest.mark.full
def test_an_interrupt_ends_it_as_it_stands_and_the_same_call_goes_on(
    small: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small |= {"space": {"units": list(range(2, 14))}}
    before = signal.getsignal(signal.SIGINT)
    thread = interrupt_soon(f"sqlite:///{tmp_path / 'kerasweep.db'}")
    sweep = run_sweep(small, data=(FEATURES, TARGET), builder=builder())
    thread.join()
    assert (sweep.state, sweep.reason) == ("STOPPED", "interrupted")
    assert "sweep small/manual-1: stopped (interrupted). What is finished is kept" in caplog.text
    assert signal.getsignal(signal.SIGINT) is before
    done = sweep.leaderboard()["state"].eq("COMPLETED").sum()
    assert 0 < done < 12
    with pytest.raises(SweepMismatchError, match=r"start the next occasion by new=True"):
        run_sweep(small, data=(FEATURES, TARGET), builder=builder("mse"))
    small["budget"] = {"trials": int(done) + 1}
    assert run_sweep(small, data=(FEATURES, TARGET), builder=builder()).title == "small/manual-1"


def test_a_mistake_begins_nothing_and_leaves_nothing(small: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"run_sweep: space.unit: expected a parameter of builder .* did you mean 'units'\?"):
        run_sweep({**small, "space": {"unit": [1]}}, data=(FEATURES, TARGET), builder=builder())
    with pytest.raises(UserCheckError, match=r"data.target: must have a value for each of the 90 rows"):
        run_sweep(small, data=(FEATURES, TARGET[:3]))
    assert list(tmp_path.iterdir()) == []


def test_a_builder_that_fails_is_told_before_any_trial(small: dict[str, Any], tmp_path: Path) -> None:
    def create(units: int) -> None:
        raise ValueError(f"no net of {units} units")

    with pytest.raises(UserCheckError, match="no net of 4 units"):
        run_sweep(small, data=(FEATURES, TARGET), builder=create)
    assert not (tmp_path / "kerasweep-output").exists()


@pytest.mark.parametrize(
    ("spec", "options", "error"),
    [
        (["name"], {}, r"run_sweep: spec must be the path of a sweep file, or a mapping with its keys. Got list"),
        ({}, {"new": True, "occasion": "x"}, "expected new=True or an occasion, got both"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: Any, options: Mapping[str, Any], error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        run_sweep(spec, **options)


def test_a_file_is_a_sweep_too(small: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("name: small\nspace: {layer_size: [4]}\nfit: {epoch: 3}\n")
    with pytest.raises(SpecError, match=r"^wrong.yaml: fit.epoch: unknown key; did you mean 'epochs'\?$"):
        run_sweep("wrong.yaml", data=(FEATURES, TARGET))
