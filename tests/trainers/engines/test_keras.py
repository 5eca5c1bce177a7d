import math
from dataclasses import replace

import keras
import numpy as np
import pytest
from small_sweeps import STOPPING, dataset, settings

from trainers.engines.keras import fit_model, plan_for, predict, score_model, train_fold
from trainers.engines.targets import target_plan
from trainers.errors import UserCodeError
from trainers.evaluation import Evaluator
from trainers.preprocessing.parts import Part, class_weights, part
from trainers.preprocessing.prepare import model_shape
from trainers.recipes.building import build_model
from trainers.seeds import derive_seed
from trainers.settings import FitSettings


def silent(done, epochs, value):
    pass


def train(sweep, position=0, **config):
    evaluator = Evaluator(sweep)
    effective = evaluator.effective(config)
    fold = evaluator.splits.folds[position]
    prepared = evaluator.prepared(position, effective)
    return train_fold(sweep, evaluator.dataset, fold, prepared=prepared, config=effective, report=silent)


def net(value=0.0, units=1):
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(units, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(value))(inputs)
    model = keras.Model(inputs, outputs)
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.25))
    return model


def flat_part(target, rows=4, weights=None):
    return Part(np.zeros((rows, 1), dtype="float32"), np.full(rows, target, dtype="float32"), weights)


def run(model, train_part, monitor, stopping, *, epochs=12, report=silent):
    plan = target_plan(model, (4, 1), "regression", None)
    return fit_model(model, plan, train_part, monitor, epochs=epochs, batch_size=4, early_stopping=stopping, report=report)


class TestStopping:
    """A bias walks from 0 to 1 by halves (0.5, 0.75, 0.875, ...); the watched target lies at 0.75, so epoch 2 is the best."""

    def test_the_best_epoch_is_chosen_and_its_weights_are_restored(self):
        model = net()

        fitted = run(model, flat_part(1.0), flat_part(0.75), replace(STOPPING, patience=3))

        assert (fitted.epoch, fitted.epochs_run, fitted.stopped) == (2, 5, "early_stopping")
        assert predict(model, np.zeros((1, 1), dtype="float32")).item() == pytest.approx(0.75)
        assert fitted.history["val_loss"] == pytest.approx((0.0625, 0.0, 0.015625, 0.03515625, 0.0478515625), abs=1e-6)

    def test_without_restoring_the_last_epoch_is_chosen(self):
        model = net()

        fitted = run(model, flat_part(1.0), flat_part(0.75), replace(STOPPING, patience=3, restore_best_weights=False))

        assert (fitted.epoch, fitted.epochs_run, fitted.stopped) == (5, 5, "early_stopping")
        assert predict(model, np.zeros((1, 1), dtype="float32")).item() == pytest.approx(0.96875)

    def test_a_fit_that_gets_better_to_the_end_runs_all_epochs(self):
        fitted = run(net(), flat_part(1.0), flat_part(1.0), STOPPING, epochs=3)

        assert (fitted.epoch, fitted.epochs_run, fitted.stopped) == (3, 3, "epochs")

    def test_a_gain_below_min_delta_is_none(self):
        fitted = run(net(), flat_part(1.0), flat_part(1.0), replace(STOPPING, patience=1, min_delta=0.2))

        assert (fitted.epoch, fitted.epochs_run) == (1, 2)

    def test_without_a_watched_part_all_epochs_run_and_the_last_is_chosen(self):
        fitted = run(net(), flat_part(1.0), None, STOPPING, epochs=3)

        assert (fitted.epoch, fitted.epochs_run, fitted.stopped) == (3, 3, "epochs")
        assert set(fitted.history) == {"loss"}

    def test_a_loss_that_is_not_finite_ends_the_fit_at_once(self):
        fitted = run(net(), flat_part(math.inf), flat_part(0.75), STOPPING)

        assert (fitted.epochs_run, fitted.stopped) == (1, "diverged")

    def test_a_monitored_value_that_is_not_there_is_told_with_those_that_are(self):
        with pytest.raises(UserCodeError, match="expected one of loss, val_loss, got 'val_accuracy'"):
            run(net(), flat_part(1.0), flat_part(1.0), replace(STOPPING, monitor="val_accuracy"))

    def test_every_epoch_is_reported_with_the_watched_value(self):
        heard = []

        fitted = run(net(), flat_part(1.0), flat_part(1.0), STOPPING, epochs=3, report=lambda *event: heard.append(event))

        assert heard == [(epoch + 1, 3, fitted.history["val_loss"][epoch]) for epoch in range(3)]

    def test_long_fits_give_the_same_numbers_as_short_ones(self):
        def fit(epochs):
            rng = np.random.default_rng(0)
            keras.utils.set_random_seed(1)
            data = Part(rng.normal(size=(70, 1)).astype("float32"), rng.normal(size=70).astype("float32"), None)
            model = net()
            return model, run(model, data, data, None, epochs=epochs)

        short, few = fit(2)
        long, many = fit(30)

        assert (short.steps_per_execution, long.steps_per_execution) == (1, 18)
        assert many.history["loss"][:2] == few.history["loss"]
        assert many.history["val_loss"][:2] == few.history["val_loss"]


class TestWeights:
    def test_rows_without_weight_do_not_pull(self):
        model = net()
        rows = Part(
            np.zeros((4, 1), dtype="float32"), np.array([2, 2, 9, 9], dtype="float32"), np.array([1, 1, 0, 0], dtype="float32")
        )

        run(model, rows, None, None, epochs=12)

        assert predict(model, np.zeros((1, 1), dtype="float32")).item() == pytest.approx(2.0, abs=0.1)

    def test_balanced_weights_are_scikit_learns(self):
        from sklearn.utils.class_weight import compute_class_weight

        data = dataset("multiclass")
        rows = np.arange(5, 60)

        weights = class_weights(FitSettings(class_weight="balanced"), data, rows)

        expected = compute_class_weight("balanced", classes=np.arange(3), y=data.target[rows])
        np.testing.assert_allclose(weights, expected)

    def test_a_class_without_rows_weighs_nothing(self):
        data = dataset("multiclass")

        weights = class_weights(FitSettings(class_weight="balanced"), data, np.flatnonzero(data.target != 1))

        assert weights[1] == 0
        assert np.isfinite(weights).all()

    def test_a_mapping_goes_by_label_and_leaves_others_at_one(self):
        assert class_weights(FitSettings(class_weight={"yes": 3}), dataset(), np.arange(5)).tolist() == [1, 3]

    def test_a_number_may_be_spelt_as_in_the_file(self):
        data = replace(dataset(), classes=(1, 2))
        assert class_weights(FitSettings(class_weight={"1.0": 3, "2": 4}), data, np.arange(5)).tolist() == [3, 4]

    def test_a_label_that_is_not_there_is_told(self):
        with pytest.raises(UserCodeError, match=r"among 'no', 'yes', got 'maybe'"):
            class_weights(FitSettings(class_weight={"maybe": 3}), dataset(), np.arange(5))

    def test_class_weights_are_refused_for_regression(self):
        with pytest.raises(UserCodeError, match="regression"):
            class_weights(FitSettings(class_weight="balanced"), dataset("regression"), np.arange(5))

    def test_class_weights_multiply_the_rows_own_weights(self, tmp_path):
        data = replace(dataset(), weights=np.linspace(0.5, 2, 150))
        evaluator = Evaluator(settings(tmp_path, data))
        prepared = evaluator.prepared(0, evaluator.effective({}))
        rows = np.array([3, 8, 100])

        weighted = part(prepared, rows, np.array([1.0, 10.0]))

        expected = data.weights[rows] * np.where(data.target[rows] == 1, 10, 1)
        np.testing.assert_allclose(weighted.weights, expected, rtol=1e-6)
        assert weighted.weights.dtype == "float32"


def test_a_fold_is_what_model_fit_gives(tmp_path):
    """The reference is worth its name: the same recipe, seed and rows by hand."""
    sweep = settings(
        tmp_path, dataset(), fit=FitSettings(epochs=3, batch_size=16, early_stopping=None, class_weight={"yes": 2.0})
    )
    result = train(sweep)
    evaluator = Evaluator(sweep)
    config = evaluator.effective({})
    fold, prepared = evaluator.splits.folds[0], evaluator.prepared(0, config)

    model = build_model(sweep, config, model_shape(prepared, "binary", 2), derive_seed(7, config, 0, 0))
    x, y = prepared.inputs[fold.train], prepared.target[fold.train]
    history = model.fit(x, y, epochs=3, batch_size=16, class_weight={0: 1.0, 1: 2.0}, verbose=0).history
    probability = model.predict(prepared.inputs[fold.score], verbose=0).ravel()

    assert result.history["loss"] == pytest.approx(tuple(history["loss"]), rel=1e-6)
    assert result.metrics["accuracy"] == np.mean((probability >= 0.5) == evaluator.dataset.target[fold.score])
    assert (result.fold, result.epoch, result.epochs_run, result.stopped, result.engine) == (0, 3, 3, "epochs", "keras")
    assert result.seconds > 0


def test_a_fold_counts_the_parameters_that_it_trained(tmp_path):
    """``select: one_se`` takes the smallest of equally good nets."""
    sweep = settings(tmp_path, dataset(), fit=FitSettings(epochs=1, batch_size=16, early_stopping=None))
    evaluator = Evaluator(sweep)
    inputs = evaluator.prepared(0, evaluator.effective({})).inputs.shape[1]

    one, two = train(sweep, layer_sizes=[4], batch_norm="after"), train(sweep, layer_sizes=[4, 3])

    hidden = (inputs + 1) * 4
    assert (one.size, two.size) == (hidden + 2 * 4 + 5, hidden + 5 * 3 + 4)  # batch norm's moving averages are not trained


def test_regression_is_scored_in_the_targets_own_unit(tmp_path):
    sweep = settings(tmp_path, dataset("regression", rows=300), "regression")

    result = train(sweep, epochs=12, learning_rate=0.02)

    assert result.history["loss"][0] < 5  # trained on a standardised target ...
    assert 15 < result.metrics["rmse"] < 100  # ... and scored in units of which the target has a spread of about 110
    assert result.metrics["r2"] > 0.3


def test_split_0_watches_the_scoring_fold_itself(tmp_path):
    sweep = settings(tmp_path, dataset(), fit=FitSettings(epochs=3, batch_size=16, early_stopping=replace(STOPPING, split=0.0)))

    result = train(sweep)

    best = result.history["val_accuracy"][result.epoch - 1]
    assert result.metrics["accuracy"] == pytest.approx(best)


def test_predictions_that_are_not_finite_are_no_score(tmp_path):
    sweep = settings(tmp_path, dataset())
    evaluator = Evaluator(sweep)
    prepared = evaluator.prepared(0, evaluator.effective({}))
    model = build_model(sweep, evaluator.effective({}), model_shape(prepared, "binary", 2), 1)
    plan = plan_for(model, prepared, sweep, evaluator.dataset)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])

    assert score_model(model, plan, prepared, np.arange(5), dataset=evaluator.dataset, settings=sweep) is None


def test_predictions_are_made_in_batches_and_joined():
    table = np.arange(9000, dtype="float32").reshape(-1, 1)
    images = np.arange(9 * 200 * 200, dtype="float32").reshape(9, 200, 200, 1)
    double = keras.layers.Rescaling(2.0)

    for inputs in (table, images, table[:0]):
        model = keras.Sequential([keras.Input(inputs.shape[1:]), double])
        np.testing.assert_array_equal(predict(model, inputs), 2 * inputs)
