"""Values made plain, made anew, and carried to a process with another backend."""

from __future__ import annotations

import enum
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import keras
import numpy as np
import pytest

from trainers.estimators.instances import dump, load, plain, renewed, with_settings
from trainers.estimators.routing import parameters_of

ROOT = Path(__file__).parents[4]


class Focal(keras.losses.Loss):
    """A loss of the user's without a config of its own."""

    def __init__(self, gamma: float = 2.0, **others: Any) -> None:
        super().__init__(**others)
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return keras.ops.abs(y_true - y_pred) ** self.gamma


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, step: Any) -> Any:
        return self.start * 0.5 ** keras.ops.cast(step, "float32")

    def get_config(self) -> dict[str, Any]:
        return {"start": self.start}


class Keeps(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(epoch)


def model() -> keras.Model:
    net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    net.compile("sgd", "mse")
    return net


def test_numpy_s_numbers_become_python_s_at_any_depth() -> None:
    assert plain({"a": (np.str_("b"), np.bool_(True), [np.int64(3)])}) == {"a": ("b", True, [3])}
    assert type(plain([np.float32(0.5)])[0]) is float
    array = np.arange(3)
    assert plain([array])[0] is array


@pytest.mark.parametrize(
    "value",
    [
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 5), beta_1=0.8),
        keras.optimizers.SGD(Halving(0.1)),
        keras.losses.Huber(0.5),
        keras.metrics.TopKCategoricalAccuracy(3),
        keras.initializers.RandomNormal(stddev=0.3, seed=1),
        keras.regularizers.L2(0.1),
        keras.constraints.MaxNorm(2),
    ],
)
def test_what_trains_is_made_anew_from_its_config(value: Any) -> None:
    for new in (renewed(value), renewed({"a": [value]})["a"][0], load(dump(value)), load(dump((value,)))[0]):
        assert new is not value
        assert type(new) is type(value)
        assert new.get_config() == value.get_config()


def test_an_optimizer_anew_has_no_state() -> None:
    net = model()
    net.fit(np.ones((2, 2)), np.ones(2), verbose=0)
    assert renewed(net.optimizer).built is False


def test_what_a_config_does_not_say_is_not_lost() -> None:
    assert renewed(Focal(3.0)).gamma == 3.0
    assert load(dump(Focal(3.0))).gamma == 3.0


def test_callbacks_are_copied_without_their_model() -> None:
    callback, net = Keeps(), model()
    net.fit(np.ones((2, 2)), np.ones(2), verbose=0, callbacks=[callback])
    for new in (*renewed([callback]), load(dump(callback))):
        assert (new.seen, new.model) == ([0], None)
        new.seen.append(5)
    assert callback.seen == [0]
    assert callback.model is net


def test_a_callback_with_a_file_is_copied_as_far_as_it_can_be(tmp_path: Path) -> None:
    callback = Keeps()
    with (tmp_path / "log").open("w") as callback.file:  # type: ignore[attr-defined]
        new = renewed(callback)
        assert new is not callback
        assert new.file is callback.file  # type: ignore[attr-defined]


def test_all_else_is_the_very_object() -> None:
    layer, function = keras.layers.Dense(1), lambda: None
    for value in (layer, function, keras.losses.mean_squared_error, keras.optimizers.Adam, "adam", 3, np.arange(2)):
        assert renewed(value) is value


@pytest.mark.parametrize("optimizer", ["sgd", keras.optimizers.SGD, keras.optimizers.SGD(nesterov=True, momentum=0.1)])
def test_settings_go_into_an_optimizer_by_name_class_or_instance(optimizer: Any) -> None:
    found = with_settings(optimizer, {"learning_rate": 0.5, "momentum": 0.3})
    assert (float(found.learning_rate), found.momentum) == (0.5, 0.3)
    assert found.nesterov is isinstance(optimizer, keras.optimizers.SGD)
    assert found is not optimizer


def test_a_setting_that_an_optimizer_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="'optimizer__momentum': expected a setting of Adam, got 'momentum'; there are ams"):
        with_settings("adam", {"momentum": 0.5})


def test_models_and_layers_are_carried_with_their_weights() -> None:
    net = model()
    layer = keras.layers.Normalization()
    layer.adapt(np.array([[1.0], [3.0]]))
    carried, other = load(dump((net, layer)))
    np.testing.assert_array_equal(carried.get_weights()[0], net.get_weights()[0])
    assert np.asarray(other(np.array([[3.0]]))).tolist() == [[1.0]]


def test_modules_of_the_user_s_travel_by_value_and_ours_by_reference() -> None:
    def build(units: int = 3) -> int:
        return helper() + units

    content = dump((build, parameters_of))
    assert b"trainers.estimators.routing" in content
    assert cloudpickle.list_registry_pickle_by_value() == set()
    code = "import sys; from trainers.estimators.instances import load; print(load(sys.stdin.buffer.read())[0]())"
    found = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == b"10"


def helper() -> int:
    return 7


class Counting:
    count = 0

    def method(self) -> Any:
        return Counting


class Colour(enum.Enum):
    RED = 1

    def twice(self) -> int:
        return self.value * 2


def test_classes_that_come_back_stay_as_they_are_unless_they_are_to_be_renewed() -> None:
    content, method = dump((Counting(), Colour.RED)), Counting.method
    Counting.count = 5
    back, colour = load(content)
    assert type(back) is Counting
    assert colour is Colour.RED
    assert (Counting.count, Counting.method) == (5, method)
    other, copied = load(content, classes="copied")
    assert type(other) is not Counting
    assert (type(other).count, copied.twice()) == (0, 2)
    assert (Counting.count, Counting.method) == (5, method)
    assert type(load(content, classes="renewed")[0]) is Counting
    assert Counting.count == 0
    assert method.__globals__ is globals()
    Counting.method = method  # type: ignore[method-assign]


def test_classes_that_are_new_here_are_complete() -> None:
    code = "import sys; from trainers.estimators.instances import load; a, b = load(sys.stdin.buffer.read())\n"
    code += "print(a.count, b.twice())"
    content = dump((Counting(), Colour.RED))
    found = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True, cwd=ROOT)
    assert found.stdout.split() == [b"0", b"2"]


def test_what_a_tensorflow_process_dumped_loads_under_jax() -> None:
    net = model()
    value = {
        "optimizer": keras.optimizers.Adam(0.5),
        "loss": Focal(3.0),
        "metric": keras.metrics.AUC(num_thresholds=7),
        "callback": keras.callbacks.EarlyStopping(patience=3),
        "model": net,
        "layer": net.layers[0],
    }
    code = (
        "import sys, keras, numpy as np\n"
        "from trainers.estimators.instances import load\n"
        "v = load(sys.stdin.buffer.read())\n"
        "assert keras.backend.backend() == 'jax' and 'tensorflow' not in sys.modules\n"
        "assert v['loss'].gamma == 3.0 and v['metric'].num_thresholds == 7 and v['callback'].patience == 3\n"
        "print(float(v['optimizer'].learning_rate), *np.asarray(v['model'](np.ones((1, 2)))).ravel(), len(v['layer'].weights))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        input=dump(value),
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert found.returncode == 0, found.stderr.decode()
    rate, output, weights = found.stdout.split()
    assert (float(rate), int(weights)) == (0.5, 2)
    assert float(output) == pytest.approx(float(np.asarray(net(np.ones((1, 2))))[0, 0]), rel=1e-5)
