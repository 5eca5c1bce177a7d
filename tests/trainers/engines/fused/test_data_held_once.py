"""Data that folds share is held once; where it does not fit, folds wait for one another, and then ``model.fit`` takes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from references import assert_equal, fit, member, table
from small_sweeps import builder_settings, dataset, settings

from trainers.engines.fused import cohorts
from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.feeding import RowPool, pool_bytes
from trainers.engines.fused.members import Member, MemberResult, Rows, Unfused
from trainers.evaluation import Evaluator
from trainers.messages import Event, FoldFinished, TrialRequest
from trainers.results import FoldResult

layers = keras.layers


def _model() -> keras.Model:
    model = keras.Sequential([layers.Input((5,)), layers.Dense(7, activation="relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def of_folds(count: int, *, own_inputs: bool) -> list[Member]:
    """Members of as many folds, each with a target of its own, and inputs of its own or the same ones."""
    base = table()
    members = []
    for number in range(count):
        inputs = base.inputs * (1 + number) if own_inputs else base.inputs
        members.append(member(_model, Rows(inputs, (base.target - number) / (1 + number)), number))
    return members


def test_a_pool_holds_inputs_once_though_targets_differ() -> None:
    rows = [one.rows for one in of_folds(3, own_inputs=False)]
    pool = RowPool(rows)
    assert pool.arrays.inputs.shape == (103, 5)
    assert pool.arrays.target.shape == (309,)
    assert pool_bytes(rows) == 103 * 5 * 4 + 309 * 4
    for number, one in enumerate(rows):
        at = pool.numbers(one, np.array([0, 7]))
        np.testing.assert_array_equal(pool.arrays.inputs[at], one.inputs[[0, 7]])
        np.testing.assert_array_equal(pool.arrays.target[at + pool.shift(one)], one.target[[0, 7]])
        assert pool.shift(one) == 103 * number


def test_members_of_one_copy_and_targets_of_their_own_equal_fit() -> None:
    members = of_folds(3, own_inputs=False)
    results = {result.id: result for result in FusedEngine().train(members)}
    one = results[2]
    assert isinstance(one, MemberResult)
    assert_equal(one, fit(members[2]))


def test_copies_that_do_not_fit_together_are_trained_one_after_another_to_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {one.id: one for one in FusedEngine().train(of_folds(3, own_inputs=True))}
    sizes: list[int] = []

    class Watched(RowPool):
        def __init__(self, copies: Any, *rest: Any) -> None:
            super().__init__(copies, *rest)
            sizes.append(len(self.arrays.inputs))

    monkeypatch.setattr("trainers.engines.fused.engine.RowPool", Watched)
    one_copy = pool_bytes([member(_model, table()).rows])
    monkeypatch.setattr("trainers.engines.fused.engine._OF_THE_PROGRAM", 1e-6 * one_copy)
    parts = {one.id: one for one in FusedEngine(memory_bytes=1_000_000).train(of_folds(3, own_inputs=True))}
    assert sizes == [103, 103, 103]
    for name, one in whole.items():
        other = parts[name]
        assert isinstance(one, MemberResult)
        assert isinstance(other, MemberResult)
        assert one.history == other.history
        assert np.array_equal(one.prediction, other.prediction)


def test_a_copy_that_never_fits_is_left_to_model_fit_with_its_size() -> None:
    outcomes = list(FusedEngine(memory_bytes=2000).train(of_folds(2, own_inputs=True)))
    told = "too little memory: the data takes 0.00236 MB, a program may take 0.00191 MB"
    assert [(outcome.id, outcome.reason) for outcome in outcomes if isinstance(outcome, Unfused)] == [(0, told), (1, told)]


# --- whole folds --------------------------------------------------------------------------------------------------------------

BUILDER = """
import keras

def create_model(units=4):
    m = keras.Sequential([keras.Input((6,)), keras.layers.Dense(units, activation='relu'), keras.layers.Dense(1)])
    m.compile(loss='mse', optimizer=keras.optimizers.SGD(0.01))
    return m
"""
TRIALS = (TrialRequest(0, {"units": 3}, (0, 1)), TrialRequest(1, {"units": 5}, (0, 1)))


def results(evaluator: Evaluator) -> dict[tuple[int, int], FoldResult]:
    heard: list[Event] = []
    evaluator.evaluate(TRIALS, heard.append)
    return {(event.trial, event.result.fold): event.result for event in heard if isinstance(event, FoldFinished)}


@pytest.fixture
def pools(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of rows in every pool of inputs that is laid."""
    laid: list[int] = []

    class Watched(RowPool):
        def __init__(self, copies: Any, *rest: Any) -> None:
            super().__init__(copies, *rest)
            laid.append(len(self.arrays.inputs))

    monkeypatch.setattr("trainers.engines.fused.engine.RowPool", Watched)
    return laid


def test_folds_for_which_nothing_is_fitted_share_one_copy_scaled_targets_or_not(tmp_path: Path, pools: list[int]) -> None:
    data = dataset("regression")
    made = builder_settings(tmp_path, BUILDER, data, "regression", preprocessing="none", engine="fused", scale_target=True)
    evaluator = Evaluator(made)
    assert len(results(evaluator)) == 4
    assert set(pools) == {data.rows}
    assert evaluator.prepared(0, evaluator.effective({})).target is not evaluator.prepared(1, evaluator.effective({})).target


def test_folds_that_do_not_fit_together_are_prepared_one_after_another(
    tmp_path: Path, pools: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = dataset("regression")
    made = replace(settings(tmp_path, data, "regression"), engine="fused")
    whole = results(Evaluator(made))
    together, pools[:] = set(pools), []
    held: list[int] = []
    train = cohorts.FusedEngine.train

    def watched(self: Any, members: Any, *rest: Any) -> Any:
        members = list(members)
        held.append(len({id(one.rows) for one in members}))
        return train(self, members, *rest)

    monkeypatch.setattr(cohorts.FusedEngine, "train", watched)
    monkeypatch.setenv("KERASWEEP_MEMORY_BYTES", str(5 * data.rows * 6 * 4))  # room for a fold and a quarter
    monkeypatch.setattr("trainers.engines.fused.memory_share", lambda environ: None)
    parts = results(Evaluator(made))
    assert together == {2 * data.rows}
    assert held == [1, 1]
    assert set(pools) == {data.rows}
    assert {name: one.metrics for name, one in parts.items()} == {name: one.metrics for name, one in whole.items()}


def test_folds_too_large_for_a_program_are_fitted_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERASWEEP_MEMORY_BYTES", "4000")
    made = builder_settings(tmp_path, BUILDER, dataset("regression"), "regression", preprocessing="none", engine="fused")
    found = results(Evaluator(made))
    assert {result.engine for result in found.values()} == {"keras"}
    assert {result.engine_reason for result in found.values()} == {
        "too little memory: the data takes 0.00401 MB, a program may take 0.00191 MB"
    }
