import json
import logging
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from small_sweeps import STOPPING, dataset, settings

from trainers.data.digests import example_hashes
from trainers.data.serving_code import load_preprocessor
from trainers.engines.keras import predict
from trainers.errors import TrainerError
from trainers.evaluation import Evaluator
from trainers.messages import Refit
from trainers.model_files import _architecture
from trainers.refit import plan_refit, refit, refit_epochs
from trainers.seeds import derive_seed
from trainers.settings import FitSettings

CONFIG = {"learning_rate": 0.02, "dropout": 0.1, "epochs": 20}


@pytest.mark.parametrize(
    ("epochs", "most", "expected"),
    [((10, 20, 30), 100, 20), ((10, 21), 100, 16), ((3,), 4, 3), ((1, 2), 9, 2), ((90, 80, 60), 60, 60), ((0, 0), 9, 1)],
)
def test_epochs_are_the_median_of_the_folds_and_never_more_than_the_configs(epochs, most, expected):
    assert refit_epochs(epochs, most, stops_early=True) == expected


@pytest.mark.parametrize("epochs", [(), (200, 200, 200), (3,)])
def test_where_nothing_stops_early_all_of_the_configs_epochs_are_trained(epochs):
    assert refit_epochs(epochs, 200, stops_early=False) == 200


def test_some_fold_must_have_chosen_an_epoch():
    with pytest.raises(TrainerError, match="the chosen epoch of each fold, got none"):
        refit_epochs((), 6, stops_early=True)


@pytest.fixture(scope="module")
def winner(tmp_path_factory):
    """A refitted winner: its evaluator, what the refit returned, and its folder."""
    folder = tmp_path_factory.mktemp("winner")
    data = dataset()
    features = data.features.assign(city=np.where(data.features["c"] > 0, "Oslo", "Rome")).astype({"city": "object"})
    features.loc[3, "a"] = np.nan
    evaluator = Evaluator(settings(folder / "stage", replace(data, features=features)))
    return evaluator, refit(evaluator, Refit(CONFIG, (6, 8), str(folder / "model"))), folder / "model"


def test_all_search_rows_are_trained_on_by_the_stated_rule(winner):
    evaluator, done, _ = winner
    told = done.manifest["refit"]

    assert done.epochs == told["epochs"] == told["epochs_run"] == 7
    assert (told["config_epochs"], told["fold_epochs"]) == (20, [6, 8])
    assert told["rows"] == len(evaluator.splits.search)
    assert told["rule"] == "median_epochs: the median of the folds' chosen epochs [6, 8], rounded, and the config's 20 at most"
    assert told["seed"] == derive_seed(7, evaluator.effective(CONFIG), "refit")


def test_the_manifest_explains_the_model_and_is_what_stands_in_the_folder(winner):
    evaluator, done, folder = winner

    assert json.loads((folder / "manifest.json").read_text()) == done.manifest
    assert done.manifest["classes"] == ["no", "yes"]
    assert done.manifest["config"] == evaluator.effective(CONFIG)
    assert done.manifest["output"] == {
        "width": 1,
        "link": "none",
        "scaler": None,
        "meaning": "after link, the last column is the probability of the second class",
    }
    assert done.manifest["input"]["columns"] == ["a", "b", "c", "d", "e", "f", "city"]
    assert done.manifest["data"]["splits"] == evaluator.splits.fingerprint
    assert done.manifest["versions"]["keras"] == keras.__version__


def test_the_test_part_is_scored_from_the_files_alone(winner):
    evaluator, done, folder = winner
    rows = evaluator.splits.test

    preprocessor = load_preprocessor(folder / "preprocessing")
    model = keras.saving.load_model(folder / "model.keras", safe_mode=True)
    probability = predict(model, preprocessor.transform(evaluator.dataset.features.iloc[rows])).ravel()

    assert done.test_metrics["accuracy"] == np.mean((probability >= 0.5) == evaluator.dataset.target[rows])
    assert done.manifest["test"] == {"rows": len(rows), "metrics": dict(done.test_metrics)}


def test_the_sample_is_raw_rows_that_the_model_takes(winner):
    evaluator, _, folder = winner
    sample = json.loads((folder / "sample.json").read_text())

    table = pd.DataFrame(sample["data"], columns=sample["columns"])

    assert len(table) == 5
    expected = evaluator.dataset.features.iloc[evaluator.splits.search[:5]].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False)


def test_equal_requests_give_equal_models(winner, tmp_path):
    evaluator, done, _ = winner

    again = refit(evaluator, Refit(CONFIG, (6, 8), str(tmp_path)))

    assert again.test_metrics == done.test_metrics


@pytest.mark.parametrize(("stopping", "chosen", "epochs"), [(None, (4, 4), 4), (None, (2, 9), 4), (STOPPING, (9, 9), 4)])
def test_it_is_never_trained_for_longer_than_the_user_allowed(tmp_path, stopping, chosen, epochs):
    fit = FitSettings(epochs=4, batch_size=16, early_stopping=stopping)
    evaluator = Evaluator(settings(tmp_path / "stage", dataset(), fit=fit))

    done = refit(evaluator, Refit({}, chosen, str(tmp_path / "model")))

    told = done.manifest["refit"]
    assert done.epochs == told["epochs_run"] == epochs
    assert told["rule"].startswith("median_epochs: " if stopping else "epochs: the config's 4, since nothing stops early")


class TestMonitorRule:
    def test_a_monitor_split_is_kept_and_watched(self, tmp_path):
        fit = FitSettings(epochs=3, batch_size=16, early_stopping=STOPPING, refit="monitor")
        evaluator = Evaluator(settings(tmp_path / "stage", dataset("regression"), "regression", test_size=0.0, fit=fit))

        done = refit(evaluator, Refit({}, (2, 2), str(tmp_path / "model")))

        told = done.manifest["refit"]
        assert told["rule"].startswith("monitor: ")
        assert told["rows"] + told["monitor_rows"] == len(evaluator.splits.search) == 150
        assert told["monitor_rows"] == 30
        assert told["epochs_run"] <= 3
        assert done.test_metrics == {}
        assert done.manifest["output"]["scaler"]["mean"] == pytest.approx(500, abs=50)

    def test_equal_rows_are_not_trained_on_and_watched(self, tmp_path):
        data = dataset()
        twice = replace(
            data, features=pd.concat([data.features] * 2, ignore_index=True), target=np.concatenate([data.target] * 2)
        )
        fit = FitSettings(epochs=3, batch_size=16, early_stopping=STOPPING, refit="monitor")
        evaluator = Evaluator(settings(tmp_path, twice, fit=fit))

        plan = plan_refit(evaluator, evaluator.effective({}), (2, 2), 1)

        assert not set(plan.train % 150) & set(plan.monitor % 150)

    @pytest.mark.parametrize("stopping", [None, replace(STOPPING, split=0.0)])
    def test_without_a_split_to_keep_the_median_is_taken_and_the_rule_says_so(self, tmp_path, stopping):
        fit = FitSettings(epochs=3, batch_size=16, early_stopping=stopping, refit="monitor")
        evaluator = Evaluator(settings(tmp_path, dataset(), fit=fit))

        plan = plan_refit(evaluator, evaluator.effective({}), (2, 2), 1)

        assert plan.monitor is None
        assert plan.rule.endswith("it has no monitor split")


def test_a_refit_that_diverges_is_an_error_that_says_what_to_do(tmp_path, caplog):
    caplog.set_level(logging.ERROR)
    evaluator = Evaluator(settings(tmp_path / "stage", dataset()))
    config = {"optimizer": "sgd", "learning_rate": 1e5, "activation": "linear", "l2": 100.0}

    with pytest.raises(TrainerError, match="lower the learning rate"):
        refit(evaluator, Refit(config, (2, 2), str(tmp_path / "model")))

    assert not Path(tmp_path / "model" / "manifest.json").exists()


def test_the_same_model_made_twice_has_one_identity_though_its_files_differ(winner, tmp_path):
    evaluator, done, folder = winner
    keras.layers.Dense(1)  # Keras counts the names of layers up within a process
    again = refit(evaluator, Refit(CONFIG, (6, 8), str(tmp_path / "again")))
    other = refit(evaluator, Refit(CONFIG, (2, 2), str(tmp_path / "other")))

    assert again.manifest["identity"] == done.manifest["identity"] != other.manifest["identity"]
    assert (tmp_path / "again" / "model.keras").read_bytes() != (folder / "model.keras").read_bytes()


def test_names_that_keras_counts_up_are_no_part_of_an_identity():
    def net(activation):
        inputs = keras.Input((3,))
        hidden = keras.layers.Activation(activation)(keras.layers.Dense(4)(inputs))
        return keras.Model(inputs, keras.layers.Dense(1)(hidden))

    assert net("relu").layers[1].name != net("relu").layers[1].name
    assert _architecture(net("relu")) == _architecture(net("relu")) != _architecture(net("tanh"))


def test_the_examples_that_could_be_learnt_from_are_told_by_hash(winner):
    evaluator, _, folder = winner
    hashes = np.fromfile(folder / "examples.u64", dtype="<u8")
    known = np.isin(example_hashes(evaluator.dataset), hashes)

    assert np.array_equal(np.flatnonzero(known), np.sort(evaluator.splits.search))
