import os
import subprocess
import sys

import pytest

from trainers.seeds import derive_seed, layer_seed


def test_equal_arguments_give_equal_seeds_whatever_the_order_of_names():
    assert derive_seed(7, {"a": 1, "b": 2.5}, 0, 1) == derive_seed(7, {"b": 2.5, "a": 1}, 0, 1)


def test_epochs_do_not_change_the_seed_so_a_longer_fit_begins_as_a_shorter_one():
    assert derive_seed(7, {"epochs": 50, "a": 1}, 0, 0) == derive_seed(7, {"epochs": 100, "a": 1}, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        (8, {"a": 1}, 0, 0),
        (7, {"a": 2}, 0, 0),
        (7, {"b": 1}, 0, 0),
        (7, {"a": 1}, 1, 0),
        (7, {"a": 1}, 0, 1),
        (7, {"a": 1}, "refit"),
    ],
)
def test_whatever_else_changes_changes_the_seed(other):
    assert derive_seed(7, {"a": 1}, 0, 0) != derive_seed(*other)


def test_a_seed_is_the_same_in_every_version_of_this_package():
    assert derive_seed(7, {"optimizer": "adam", "layer_sizes": [12, 8], "learning_rate": 0.001}, 0, 0) == 3335500
    assert layer_seed(7, "dense_1") == 2064968902


def test_seeds_suit_both_backends():
    seeds = [derive_seed(1, {"a": value}, 0, 0) for value in range(200)] + [layer_seed(1, str(value)) for value in range(200)]

    assert all(0 <= seed < 2**31 for seed in seeds)
    assert len(set(seeds)) == 400


def test_under_jax_seeding_does_not_import_tensorflow():
    code = """
import sys, keras
from trainers.seeds import seed_everything
def draw():
    seed_everything(5)
    return float(keras.random.normal(())), float(keras.layers.Dense(1).kernel_initializer((1, 1))[0, 0])
first, second = draw(), draw()
keras.random.normal((3,))
print(first == second == draw(), "tensorflow" in sys.modules)
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "False"]
