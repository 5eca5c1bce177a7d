"""Nets of different widths in one program learn what they learn alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
from references import STOPPING, assert_equal, fit, member, table

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.graph.widths import can_be_widened
from trainers.engines.fused.members import Member, MemberResult, Rows
from trainers.recipes.parameters import common_widths

layers = keras.layers


def wide_and_deep(units: int, norm: bool, optimizer: str) -> keras.Model:
    wide, deep = keras.Input((2,), name="wide"), keras.Input((3,), name="deep")
    x = deep
    for index in range(2):
        x = layers.Dense(units + index, kernel_regularizer="l2", use_bias=not norm)(x)
        x = layers.BatchNormalization()(x) if norm else x
        x = layers.Activation("selu")(x)
    model = keras.Model({"wide": wide, "deep": deep}, layers.Dense(1, "sigmoid")(layers.Concatenate()([x, wide])))
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def members(norm: bool, optimizer: str) -> list[Member]:
    base = table()
    rows = Rows({"wide": base.inputs[:, :2], "deep": base.inputs[:, 2:]}, base.target)
    return [
        member(
            lambda u=units: wide_and_deep(u, norm, optimizer), rows, 1, id=units, monitor=np.arange(0, 100, 3), stopping=STOPPING,
            widen=lambda: wide_and_deep_in_common_widths(norm, optimizer), epochs=(5,),
        )
        for units in (3, 7, 14)
    ]  # fmt: skip


def wide_and_deep_in_common_widths(norm: bool, optimizer: str) -> keras.Model:
    assert common_widths([3, 8]) == common_widths([14, 15]) == [16, 16]
    wide, deep = keras.Input((2,), name="wide"), keras.Input((3,), name="deep")
    x = deep
    for _ in range(2):
        x = layers.Dense(16, kernel_regularizer="l2", use_bias=not norm)(x)
        x = layers.BatchNormalization()(x) if norm else x
        x = layers.Activation("selu")(x)
    model = keras.Model({"wide": wide, "deep": deep}, layers.Dense(1, "sigmoid")(layers.Concatenate()([x, wide])))
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.full  # one width in a test of the engine
@pytest.mark.parametrize(("norm", "optimizer"), [(True, "adam"), (False, "rmsprop")])
def test_members_of_different_widths_share_a_program_and_equal_fit(norm: bool, optimizer: str) -> None:
    engine = FusedEngine()
    made = members(norm, optimizer)

    results = {result.id: result for result in engine.train(made)}

    assert len(engine._programs) == 1
    for one in made:
        result = results[one.id]
        assert isinstance(result, MemberResult)
        assert_equal(result, fit(one), 1e-4)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: [layers.Dense(4, "relu"), layers.Dropout(0.1)], True),
        (lambda: [layers.Dense(4, "sigmoid")], False),
        (lambda: [layers.Dense(4, "selu"), layers.AlphaDropout(0.1)], False),
        (lambda: [layers.Dense(4), layers.LayerNormalization()], False),
        (lambda: [layers.Dense(4, kernel_constraint="unit_norm")], False),
        (lambda: [layers.Dense(4, "relu"), layers.Dropout(0.1, noise_shape=(None, 1))], False),
    ],
)
def test_only_nets_whose_zero_units_stay_zero_are_widened(make: Callable[[], list[keras.Layer]], expected: bool) -> None:
    model = keras.Sequential([layers.Input((5,)), *make(), layers.Dense(1, "sigmoid")])
    model.compile("adam", "mse")

    assert can_be_widened(model) is expected


def test_dropout_behind_tensors_laid_side_by_side_is_not_widened() -> None:
    inputs = keras.Input((5,))
    beside = layers.Concatenate()([layers.Dense(3, "relu")(inputs), layers.Dense(4, "relu")(inputs)])
    for dropped, expected in ((layers.Dropout(0.1)(layers.Activation("relu")(beside)), False), (beside, True)):
        model = keras.Model(inputs, layers.Dense(1)(dropped))
        model.compile("adam", "mse")
        assert can_be_widened(model) is expected


def dropping(first: int, second: int) -> keras.Model:
    model = keras.Sequential(
        [
            layers.Input((5,)),
            layers.Dense(first, "relu"),
            layers.Dropout(0.3, seed=first),
            layers.Dense(second),
            layers.Activation("tanh"),
            layers.Dropout(0.5, seed=7),
            layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.full
def test_a_widened_net_drops_what_the_net_as_it_is_drops() -> None:
    rows = table()
    made = [
        member(lambda a=a, b=b: dropping(a, b), rows, 1, id=(a, b), widen=lambda: dropping(16, 16), epochs=(4,))
        for a, b in ((3, 7), (11, 16), (14, 2))
    ]
    engine = FusedEngine()
    widened = {result.id: result for result in engine.train(made)}
    assert len(engine._programs) == 1
    alone = {result.id: result for result in FusedEngine().train([replace(one, widen=None) for one in made])}
    for one in made:
        ours, theirs = widened[one.id], alone[one.id]
        assert isinstance(ours, MemberResult)
        assert isinstance(theirs, MemberResult)
        np.testing.assert_allclose(ours.history["loss"], theirs.history["loss"], rtol=1e-5)
        np.testing.assert_allclose(ours.prediction, theirs.prediction, rtol=1e-4, atol=1e-5)
        assert_equal(ours, fit(one), 1e-4)
