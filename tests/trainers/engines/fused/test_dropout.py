"""Dropout rates are numbers of a member, and dropout drops as Keras' own does."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from references import built, member, table

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.graph.dials import find_places, settings, turned
from trainers.engines.fused.members import MemberResult

layers = keras.layers


@pytest.mark.parametrize(
    ("layer", "keeps_mean"), [(layers.Dropout, 1.0), (layers.AlphaDropout, None), (layers.GaussianNoise, 1.0)]
)
def test_a_traced_rate_gives_what_keras_gives_for_the_number(layer: type[keras.Layer], keeps_mean: float | None) -> None:
    def make(rate: float) -> keras.Model:
        model = keras.Sequential([layers.Input((400,)), layer(rate, seed=3), layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    model, other = built(lambda: make(0.25), 0), built(lambda: make(0.6), 0)
    places = find_places(model)

    def run(values: object, complements: object) -> object:
        with turned(places, values, complements):
            out, _ = model.layers[0].stateless_call(
                [], [v.value for v in model.layers[0].non_trainable_variables], x, training=True
            )
        return out

    x = jnp.ones((50, 400))
    ours = jax.jit(run)(*settings(find_places(other)))
    theirs, _ = other.layers[0].stateless_call([], [v.value for v in other.layers[0].non_trainable_variables], x, training=True)

    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    if keeps_mean is not None:
        assert float(np.mean(ours)) == pytest.approx(keeps_mean, abs=0.05)


def test_members_of_different_rates_share_a_program_and_differ() -> None:
    def net(rate: float) -> keras.Model:
        model = keras.Sequential(
            [layers.Input((5,)), layers.Dense(32, "relu"), layers.Dropout(rate, seed=1), layers.Dense(1, "sigmoid")]
        )
        model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
        return model

    engine = FusedEngine()
    members = [member(lambda r=rate: net(r), table(), 0, id=rate, epochs=(4,)) for rate in (0.01, 0.5, 0.9)]

    results = {result.id: result for result in engine.train(members) if isinstance(result, MemberResult)}

    assert len(engine._programs) == 1
    losses = [results[rate].history["loss"][-1] for rate in (0.01, 0.5, 0.9)]
    assert losses[0] < losses[1] < losses[2]
