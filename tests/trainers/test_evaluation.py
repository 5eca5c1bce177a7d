import math
from dataclasses import replace

import keras
import numpy as np
import pytest
from racing import SmallRace
from small_sweeps import STOPPING, builder_settings, dataset, settings

from trainers.errors import UserCodeError, cause_of, one_line
from trainers.evaluation import Evaluator
from trainers.messages import FoldFailed, FoldFinished, Progress, TrialRequest
from trainers.settings import CvSettings, FitSettings, TrainerSettings

NET = """
import keras
def create_model(fail=None, epochs=1):
    if fail == "exception":
        raise RuntimeError("no such layer today")
    if fail == "memory":
        raise MemoryError
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation="sigmoid")])
    if fail != "uncompiled":
        model.compile(loss="binary_crossentropy", optimizer="sgd")
    return model
"""


def evaluate(evaluator, *trials):
    events = []
    evaluator.evaluate(trials, events.append)
    return [event for event in events if not isinstance(event, Progress)]


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    return Evaluator(settings(tmp_path_factory.mktemp("binary"), dataset()))


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    return Evaluator(builder_settings(tmp_path_factory.mktemp("user"), NET, dataset()))


def test_a_cohort_yields_every_fold_of_every_trial_in_order_each_from_its_own_seed(binary):
    events = evaluate(binary, TrialRequest(4, {"learning_rate": 0.05}, (0, 1)), TrialRequest(9, {"learning_rate": 0.01}, (1,)))

    assert [(event.trial, event.result.fold) for event in events] == [(4, 0), (4, 1), (9, 1)]
    assert all(set(event.result.metrics) == {"accuracy", "roc_auc"} for event in events)
    assert all(event.result.metrics["accuracy"] > 0.6 for event in events[:2])
    assert events[0].result.history != events[1].result.history


def test_a_trials_numbers_do_not_depend_on_its_companions_or_on_what_ran_before(binary):
    trial = TrialRequest(1, {"learning_rate": 0.05, "dropout": 0.2}, (1,))

    [alone] = evaluate(binary, trial)
    among = evaluate(binary, TrialRequest(0, {"optimizer": "sgd"}, (0,)), trial)[-1]

    assert replace(alone.result, seconds=0) == replace(among.result, seconds=0)


def test_a_trial_that_fails_is_told_and_its_companions_go_on(user):
    fails = {1: "exception", 2: "memory", 3: "uncompiled"}
    trials = [TrialRequest(number, {"fail": fail}, (0, 1)) for number, fail in fails.items()]

    *failed, finished = evaluate(user, *trials, TrialRequest(4, {"epochs": 1}, (0,)))

    assert [(type(event), event.trial, event.fold, event.cause) for event in failed] == [
        (FoldFailed, number, fold, cause)
        for number, cause in ((1, "exception"), (2, "out_of_memory"), (3, "invalid"))
        for fold in (0, 1)
    ]
    assert failed[0].message == "RuntimeError: no such layer today"
    assert "call model.compile" in failed[4].message
    assert all("create_model" in event.traceback or "builder.py" in event.traceback for event in failed)
    assert (type(finished), finished.trial) == (FoldFinished, 4)


def test_a_trial_that_races_trains_until_a_rung_gives_it_up_or_a_fold_raises(tmp_path):
    evaluator = Evaluator(builder_settings(tmp_path, NET, dataset(rows=60), cv=CvSettings(folds=3)))
    folds, goes_on, gone = (0, 1, 2), SmallRace("accuracy", (1, 3), 0.0), SmallRace("accuracy", (1, 3), 1.1)

    def evaluated(number, config, race, **changes):
        return TrialRequest(number, config, **{"folds": folds, "race": race, **changes})

    events = evaluate(
        evaluator,
        evaluated(0, {"epochs": 1}, gone),
        evaluated(1, {"epochs": 1}, goes_on),
        evaluated(2, {"fail": "exception"}, goes_on),
        evaluated(3, {"epochs": 1}, gone, folds=(1, 2), scores={0: 0.5}),
        evaluated(4, {"epochs": 1}, goes_on, folds=(2,), scores={0: 0.5, 1: 0.5}),
    )

    trained = [(e.trial, e.result.fold) for e in events if isinstance(e, FoldFinished)]
    assert trained == [(0, 0), (1, 0), (1, 1), (1, 2), (4, 2)]
    assert [(e.trial, e.fold) for e in events if isinstance(e, FoldFailed)] == [(2, 0)]


def test_what_the_listener_raises_ends_the_cohort_and_is_no_trials_failure(binary):
    heard = []

    def report(event):
        heard.append(event)
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Evaluator(binary.settings, report_seconds=0).evaluate([TrialRequest(1, {}, (0,))], report)

    assert [type(event) for event in heard] == [Progress]


def test_progress_tells_epochs_and_the_watched_value(binary):
    events = []
    Evaluator(binary.settings, report_seconds=0).evaluate([TrialRequest(3, {"epochs": 2}, (1,))], events.append)

    assert [(e.trial, e.fold, e.epoch, e.epochs) for e in events[:-1]] == [(3, 1, 1, 2), (3, 1, 2, 2)]
    assert [e.value for e in events[:-1]] == list(events[-1].result.history["val_loss"])


def test_configs_that_prepare_alike_share_a_folds_data(binary):
    one = binary.prepared(0, binary.effective({"learning_rate": 0.1}))

    assert binary.prepared(0, binary.effective({"layer_size": 3})) is one
    assert binary.prepared(1, binary.effective({})) is not one


def test_prepared_folds_are_let_go_when_they_take_too_much(binary):
    evaluator = Evaluator(binary.settings, kept_bytes=1)
    config = evaluator.effective({})

    one = evaluator.prepared(0, config)
    evaluator.prepared(1, config)
    again = evaluator.prepared(0, config)

    assert again is not one
    np.testing.assert_array_equal(again.inputs, one.inputs)


class TestCheck:
    def test_tells_the_versions_and_that_nobody_asked_for_the_fused_engine(self, binary):
        checked = binary.check({"learning_rate": 0.1})

        assert checked.versions["keras"] == keras.__version__
        assert checked.versions["backend"] == keras.backend.backend()
        assert set(checked.versions) == {"keras", "backend", keras.backend.backend(), "numpy", "scikit-learn"}
        assert not checked.fusable
        assert checked.reason

    @pytest.mark.parametrize("task", ["multiclass", "regression"])
    def test_passes_our_recipe_on_other_tasks(self, tmp_path, task):
        Evaluator(settings(tmp_path, dataset(task), task)).check({"dropout": 0.1})

    MODEL = "keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation='sigmoid')])"

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("return 3", "expected it to return a compiled keras.Model, got int"),
            (f"return {MODEL}", "call model.compile"),
            ("raise RuntimeError('no such layer')", "building a model failed: RuntimeError: no such layer"),
            (
                f"m = {MODEL.replace('(6,)', '(5,)')}\n    m.compile(loss='binary_crossentropy')\n    return m",
                "calling the model on one row failed",
            ),
            (
                f"m = {MODEL.replace('Dense(1', 'Dense(3')}\n    m.compile(loss='binary_crossentropy')\n    return m",
                r"expected shape \(rows, 1\) or \(rows, 2\) for a binary task with 2 classes, got \(1, 3\)",
            ),
            (
                f"m = {MODEL}\n    m.compile(loss='sparse_categorical_crossentropy', jit_compile=True)\n"
                "    m.train_step = lambda data: 1 / 0\n    return m",
                "one training step failed",
            ),
            (
                f"m = {MODEL.replace('Dense(1', 'Dense(2')}\n    m.compile(loss='binary_crossentropy')\n    return m",
                "expected one unit for a loss of binary cross-entropy, got 2",
            ),
            (
                "far = keras.initializers.Constant(5)\n"
                "    m = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, bias_initializer=far)])\n"
                "    m.compile(loss='binary_crossentropy')\n    return m",
                r"expected probabilities in \[0, 1\]",
            ),
            (
                "m = keras.Sequential([keras.Input((6,)), keras.layers.Lambda(lambda x: x * 2), "
                "keras.layers.Dense(1, activation='sigmoid')])\n    m.compile(loss='binary_crossentropy')\n    return m",
                "saving and loading failed: .*safe mode refuses Lambda layers",
            ),
            (
                "i = keras.Input((6,))\n    m = keras.Model(i, [keras.layers.Dense(1)(i), keras.layers.Dense(1)(i)])\n"
                "    m.compile(loss='mse')\n    return m",
                "expected one array, got list",
            ),
            (f"return kept\nkept = {MODEL}\nkept.compile(loss='binary_crossentropy')", "got the same object twice"),
        ],
    )
    def test_tells_in_one_message_what_is_wrong_with_a_builder(self, tmp_path, body, told):
        made = builder_settings(tmp_path, f"import keras\ndef create_model(units=1):\n    {body}\n", dataset())

        with pytest.raises(UserCodeError, match=rf"(?s)(trainer\.builder 'net_\w+:create_model'|model output): .*{told}"):
            Evaluator(made).check({"units": 1})

    def test_tells_of_a_monitored_value_that_the_model_does_not_yield(self, tmp_path):
        fit = FitSettings(epochs=2, early_stopping=replace(STOPPING, monitor="val_auc"))
        made = settings(tmp_path, dataset(), fit=fit)

        with pytest.raises(UserCodeError, match=r"early_stopping.monitor: expected one of .*val_loss, got 'val_auc'"):
            Evaluator(made).check({})

    def test_tells_of_a_metric_of_the_users_that_fails(self, tmp_path):
        (tmp_path / "own_metrics.py").write_text("def broken(y_true, y_pred):\n    return y_true.nothing\n")
        made = settings(tmp_path / "stage", dataset(), code=str(tmp_path), metrics=("own_metrics:broken",))

        with pytest.raises(UserCodeError, match="own_metrics:broken"):
            Evaluator(made).check({})

    @pytest.mark.parametrize("ending", ["Dense(2, activation='softmax')", pytest.param("Dense(2)", marks=pytest.mark.full)])
    def test_passes_a_builder_that_ends_in_two_units(self, tmp_path, ending):
        loss = "categorical_crossentropy" if "softmax" in ending else "SparseCategoricalCrossentropy(from_logits=True)"
        loss = f"'{loss}'" if "softmax" in ending else f"keras.losses.{loss}"
        source = (
            "import keras\ndef create_model(learning_rate=0.01):\n"
            f"    m = keras.Sequential([keras.Input((6,)), keras.layers.{ending}])\n"
            f"    m.compile(loss={loss}, optimizer=keras.optimizers.Adam(learning_rate), metrics=['accuracy'])\n    return m\n"
        )
        evaluator = Evaluator(builder_settings(tmp_path, source, dataset()))

        evaluator.check({})
        [event] = evaluate(evaluator, TrialRequest(0, {"epochs": 6, "batch_size": 8, "learning_rate": 0.1}, (0,)))

        assert event.result.metrics["roc_auc"] > 0.8


class OutOfMemoryOnDeviceError(Exception):
    pass


def test_failures_have_a_cause_and_one_line():
    assert cause_of(MemoryError()) == "out_of_memory"
    assert cause_of(OutOfMemoryOnDeviceError("RESOURCE_EXHAUSTED: out of memory")) == "out_of_memory"
    assert cause_of(UserCodeError("x")) == "invalid"
    assert cause_of(KeyError("x")) == "exception"
    assert one_line(ValueError("a\n  b")) == "ValueError: a b"
    assert one_line(UserCodeError("mend it")) == "mend it"


def test_a_fold_that_diverges_has_no_score_and_says_so(binary):
    [event] = evaluate(
        binary, TrialRequest(1, {"optimizer": "sgd", "learning_rate": 1e5, "activation": "linear", "l2": 100.0}, (0,))
    )

    assert event.result.stopped == "diverged"
    assert all(math.isnan(value) for value in event.result.metrics.values())


def test_the_recipe_may_be_chosen_per_sweep(tmp_path):
    trainer = TrainerSettings(type="wide_deep", params={"wide": ["a", "b"], "deep": ["a", "c"], "layer_size": 4})
    [event] = evaluate(Evaluator(settings(tmp_path, dataset(), trainer=trainer)), TrialRequest(0, {"epochs": 1}, (0,)))

    assert event.result.stopped == "epochs"


def test_a_metric_of_the_users_is_told_the_labels_as_they_stand_in_the_data(tmp_path):
    (tmp_path / "own_labels.py").write_text(
        "def right(y_true, y_pred):\n"
        "    assert set(y_true) | set(y_pred) == {'no', 'yes'}, (y_true, y_pred)\n"
        "    return (y_true == y_pred).mean()\n"
    )
    made = settings(tmp_path / "stage", dataset(), code=str(tmp_path), metrics=("own_labels:right", "accuracy"))
    [event] = evaluate(Evaluator(made), TrialRequest(0, {"learning_rate": 0.05}, (0,)))

    assert event.result.metrics["own_labels:right"] == event.result.metrics["accuracy"]
