"""Fits by ``model.fit`` that are read while they are trained: each read is what a fit of so many epochs is."""

from dataclasses import replace

import pytest
from racing import SmallRace, evaluate, results
from small_sweeps import STOPPING, builder_settings, dataset, settings

from trainers.evaluation import Evaluator
from trainers.messages import FoldFailed, FoldFinished, FoldRead, Progress, TrialRequest
from trainers.settings import CvSettings, FitSettings

READS = (2, 5)
SLOW = {"learning_rate": 0.003, "epochs": 8}
FAST = {"learning_rate": 2.0, "epochs": 9}
UNRULY = """
import keras, numpy as np

def create_model(units=4):
    i = keras.Input((6,))
    x = keras.layers.BatchNormalization()(keras.layers.Dropout(0.4)(keras.layers.Dense(units, activation='relu')(i)))
    m = keras.Model(i, keras.layers.Dense(1, activation='sigmoid')(x))
    m.compile(loss='binary_crossentropy', optimizer='adam')
    return m

def noisy(y_true, y_pred):
    return float(np.random.random())
"""


def racing(config, *least, folds=(0,), **changes):
    race = SmallRace("accuracy", (2,), 0.0, tuple(zip(READS, least or (0.0, 0.0), strict=True)))
    return TrialRequest(0, config, folds, race, **{"reads": READS, **changes})


def fits(evaluator, config):
    found = results(evaluate(evaluator, TrialRequest(0, config, (0,))))
    for epochs in READS:
        found[0, 0, epochs] = results(evaluate(evaluator, TrialRequest(0, {**config, "epochs": epochs}, (0,))))[0, 0, None]
    return found


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory):
    return Evaluator(settings(tmp_path_factory.mktemp("sweep"), dataset(rows=90), cv=CvSettings(folds=2)))


@pytest.fixture(scope="module")
def whole(evaluator):
    return fits(evaluator, SLOW)


def test_a_read_is_a_fit_of_so_many_epochs_and_the_rest_is_as_it_is_unread(evaluator, whole):
    heard = evaluate(evaluator, racing(SLOW))
    assert results(heard) == whole
    assert [type(event) for event in heard if not isinstance(event, Progress)] == [FoldRead, FoldRead, FoldFinished]


@pytest.mark.full
def test_a_fit_that_ends_by_itself_is_read_as_what_it_ended_with(evaluator):
    found = results(evaluate(evaluator, racing(FAST)))
    assert found == fits(evaluator, FAST)
    assert found[0, 0, 5].epochs_run < 5


@pytest.mark.full
def test_so_it_is_where_the_last_weights_are_kept(tmp_path):
    fit = FitSettings(epochs=9, batch_size=16, early_stopping=replace(STOPPING, restore_best_weights=False))
    evaluator = Evaluator(settings(tmp_path, dataset(rows=90), fit=fit))
    assert results(evaluate(evaluator, racing(SLOW))) == fits(evaluator, SLOW)


@pytest.mark.full
def test_scoring_disturbs_no_random_number_of_the_fit(tmp_path):
    made = builder_settings(tmp_path, UNRULY, dataset(rows=90), cv=CvSettings(folds=2))
    module = made.trainer.builder.partition(":")[0]
    evaluator = Evaluator(replace(made, metrics=("accuracy", f"{module}:noisy")))
    found, wanted = results(evaluate(evaluator, racing({"epochs": 7}))), fits(evaluator, {"epochs": 7})
    assert {name: one.history for name, one in found.items()} == {name: one.history for name, one in wanted.items()}
    assert {name: one.metrics["accuracy"] for name, one in found.items()} == {
        name: one.metrics["accuracy"] for name, one in wanted.items()
    }


def test_who_is_given_up_at_a_read_is_trained_no_further(evaluator, whole):
    heard = evaluate(evaluator, racing(SLOW, 0.0, 2.0))
    assert results(heard) == {name: whole[name] for name in ((0, 0, 2), (0, 0, 5))}
    assert set(results(evaluate(evaluator, racing(SLOW, 2.0, 0.0)))) == {(0, 0, 2)}


@pytest.mark.full
def test_reads_alone_are_trained_where_the_fold_is_known(evaluator, whole):
    trial = racing(SLOW, folds=(), scores={0: 0.5})
    assert results(evaluate(evaluator, trial)) == {name: whole[name] for name in ((0, 0, 2), (0, 0, 5))}
    assert set(results(evaluate(evaluator, replace(trial, reads=(2,), read_scores={5: 0.5})))) == {(0, 0, 2)}


def test_what_diverges_is_told_as_its_next_read_and_given_up(evaluator):
    config = {"optimizer": "sgd", "learning_rate": 1e5, "activation": "linear", "l2": 100.0, "epochs": 9}
    found = results(evaluate(evaluator, racing(config)))
    assert list(found) == [(0, 0, 2)]
    assert found[0, 0, 2].stopped == "diverged"


def test_a_read_that_raises_fails_its_fold(evaluator, monkeypatch):
    def failing(*arguments, **named):
        raise ArithmeticError("no")

    monkeypatch.setattr("trainers.engines.keras.score_model", failing)
    (event,) = [event for event in evaluate(evaluator, racing(SLOW)) if not isinstance(event, Progress)]
    assert isinstance(event, FoldFailed)
    assert (event.fold, event.message) == (0, "ArithmeticError: no")


def test_what_the_listener_raises_at_a_read_comes_out(evaluator):
    def listener(event):
        if isinstance(event, FoldRead):
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        evaluator.evaluate([racing(SLOW)], listener)
