"""A program that does not fit is tried with half the lanes, down to model.fit."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from references import assert_equal, fit, member, table

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.members import MemberResult, Unfused
from trainers.engines.fused.program import Program
from trainers.engines.fused.shapes import memory_share

layers = keras.layers


def _model() -> keras.Model:
    model = keras.Sequential([layers.Input((5,)), layers.Dense(7, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return model


def test_members_go_on_with_as_many_lanes_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    compiled = Program.compiled

    def of_four_at_most(self: Program, lanes: Any, *rest: Any) -> Any:
        tried.append(lanes.epoch.shape[0])
        if tried[-1] > 4:
            raise MemoryError(f"a program of {tried[-1]} lanes")
        return compiled(self, lanes, *rest)

    monkeypatch.setattr(Program, "compiled", of_four_at_most)
    members = [member(_model, table(), number) for number in range(6)]
    results = {result.id: result for result in FusedEngine().train(members)}
    assert sorted(set(tried), reverse=True) == [16, 8, 4]
    one = results[5]
    assert isinstance(one, MemberResult)
    assert_equal(one, fit(members[5]))


def test_a_program_may_take_half_of_what_the_worker_may_hold() -> None:
    assert memory_share({"KERASWEEP_MEMORY_BYTES": "1000"}) == 500
    assert memory_share({}) is None


def test_members_of_programs_that_never_fit_are_left_to_model_fit() -> None:
    rows = table()
    members = [member(_model, rows, number, monitor=np.arange(10)) for number in range(3)]
    outcomes = list(FusedEngine(memory_bytes=3000).train(members))  # room for a copy of the data, for no program
    assert sorted(outcome.id for outcome in outcomes) == [0, 1, 2]
    assert all(isinstance(outcome, Unfused) and outcome.reason == "too little memory" for outcome in outcomes)
