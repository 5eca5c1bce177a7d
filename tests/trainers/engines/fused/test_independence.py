"""On CPU a member's numbers are the same bits whatever its companions, their number and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import numpy as np
import pytest
from references import STOPPING, member, table

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.members import Member, MemberResult

layers = keras.layers
ROWS = table(rows=103)


def net(kind: str, number: int) -> keras.Model:
    model = keras.Sequential([layers.Input((5,)), *HIDDEN[kind](number), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.002 * (number + 1)), "binary_crossentropy", metrics=["accuracy"])
    return model


HIDDEN: dict[str, Callable[[int], Sequence[keras.Layer]]] = {
    "dense": lambda number: [layers.Dense(12, "relu"), layers.Dense(8, "relu")],
    "dropout and l2": lambda number: [
        layers.Dense(33, "relu", kernel_regularizer=keras.regularizers.L2(0.01 * (number + 1))),
        layers.Dropout(0.1 + number / 40, seed=1),
    ],
    "batch normalization": lambda number: [layers.Dense(9), layers.BatchNormalization(), layers.Activation("tanh")],
}


def cohort(kind: str, numbers: Sequence[int]) -> list[Member]:
    def one(number: int) -> Member:
        return member(
            lambda: net(kind, number),
            ROWS,
            number,
            monitor=np.arange(number % 3, 100, 5 + number % 2),
            train=np.arange(number % 3, 103, 2)[:48],
            stopping=STOPPING,
            epochs=(3, 6 + number % 4),
        )

    return [one(number) for number in numbers]


def results(members: Sequence[Member]) -> dict[tuple[object, int], MemberResult]:
    return {(one.id, one.epochs): one for one in FusedEngine().train(members) if isinstance(one, MemberResult)}


@pytest.mark.parametrize(
    "kind", ["dropout and l2", *(pytest.param(kind, marks=pytest.mark.full) for kind in ("dense", "batch normalization"))]
)
def test_shuffled_and_cut_cohorts_give_the_same_bits(kind: str) -> None:
    whole = results(cohort(kind, range(19)))
    others = [results(cohort(kind, [5, 2, 17, 6])), results(cohort(kind, [18]))]

    assert len(whole) == 38
    for other in others:
        for name, one in other.items():
            assert one.history == whole[name].history
            assert (one.epoch, one.epochs_run) == (whole[name].epoch, whole[name].epochs_run)
            assert np.array_equal(one.prediction, whole[name].prediction)
            for ours, theirs in zip(one.weights, whole[name].weights, strict=True):
                assert np.array_equal(ours, theirs)


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    both = results(cohort("dense", [1]))
    long, short = both[1, 7], both[1, 3]
    [member_alone] = cohort("dense", [1])
    alone = results([replace(member_alone, epochs=(3,))])[1, 3]

    assert long.history["loss"][:3] == short.history["loss"]
    assert alone.history == short.history
    assert np.array_equal(alone.prediction, short.prediction)
