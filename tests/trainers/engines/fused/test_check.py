"""The check under JAX: what no backend would take is told there, what only JAX does not take is left to TensorFlow."""

import pytest
from small_sweeps import OWN_TRAIN_STEP, builder_settings, dataset

from trainers.errors import UserCodeError
from trainers.evaluation import Evaluator

NET = "keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation='sigmoid')])"


def evaluator(folder, body, top=""):
    source = f"import keras\n{top}\ndef create_model(units=1):\n    {body}\n    return m\n"
    return Evaluator(builder_settings(folder, source, dataset(), engine="fused"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (f"m = {NET}", "call model.compile"),
        ("raise RuntimeError('no such layer')", "building a model failed: RuntimeError: no such layer"),
        (f"m = {NET}; m.compile('adam', 'binray')", "one training step failed: .*loss identifier: binray"),
        (f"m = {NET}; m.compile('adam', 'mse', metrics=['acuracy'])", "one training step failed: .*metric identifier: acuracy"),
        (f"m = {NET}; m.compile('adamm', 'mse')", "building a model failed: .*optimizer identifier: adamm"),
        (f"m = {NET.replace('(6,)', '(5,)')}; m.compile('adam', 'mse')", "calling the model on one row failed"),
        (f"m = {NET.replace('(1', '(3')}; m.compile('adam', 'mse')", "change the units of the last layer"),
    ],
)
def test_what_no_backend_would_take_is_told_without_a_second_worker(tmp_path, body, told):
    with pytest.raises(UserCodeError, match=rf"(?s){told}"):
        evaluator(tmp_path, body).check({"units": 1})


def test_a_module_that_cannot_be_imported_is_told(tmp_path):
    with pytest.raises(UserCodeError, match=r"importing 'net_.*' failed: No module named 'keraz'"):
        evaluator(tmp_path, f"m = {NET}", top="import keraz").check({"units": 1})


BRANCHES = """
class Branches(keras.layers.Layer):
    def call(self, x):
        return x if keras.ops.sum(x) > 0 else -x
"""
OWN_OPS = """
import tensorflow as tf
class Ops(keras.layers.Layer):
    def call(self, x):
        return tf.reduce_sum(x, 1, keepdims=True)
"""


@pytest.mark.parametrize(("top", "layer"), [(BRANCHES, "Branches()"), (OWN_OPS, "Ops()")])
def test_what_arises_within_a_backend_is_left_to_another_one(tmp_path, top, layer):
    body = f"i = keras.Input((6,)); m = keras.Model(i, keras.layers.Dense(1)({layer}(i))); m.compile('adam', 'mse')"

    checked = evaluator(tmp_path, body, top).check({"units": 1})

    assert not checked.fusable
    assert "JAX" in checked.reason


def test_a_sound_model_that_the_engine_does_not_know_is_left_to_fit(tmp_path):
    checked = Evaluator(builder_settings(tmp_path, OWN_TRAIN_STEP, dataset(), engine="fused")).check({"units": 4})

    assert not checked.fusable
    assert checked.reason


def test_a_sound_model_is_fusable(tmp_path):
    assert evaluator(tmp_path, f"m = {NET}; m.compile('adam', 'binary_crossentropy')").check({"units": 1}).fusable


@pytest.mark.parametrize("names", [("", ""), ("name='left'", "name='right'")])
def test_a_builder_of_two_inputs_is_told_what_a_sweep_file_can_give(tmp_path, names):
    inputs = ", ".join(f"keras.Input((3,), {name})" for name in names)
    body = (
        f"a, b = {inputs}; m = keras.Model([a, b], keras.layers.Dense(1)(keras.layers.concatenate([a, b]))); "
        "m.compile('adam', 'mse')"
    )
    with pytest.raises(UserCodeError, match=r"expected a model of one input, got one of 2 \('.*', '.*'\); as yet a sweep file"):
        evaluator(tmp_path, body).check({"units": 1})
