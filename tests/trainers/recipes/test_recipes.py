"""The contract of every recipe: build, one step, save and load in safe mode, equal seeds give equal weights."""

from pathlib import Path

import keras
import numpy as np
import pytest

from trainers.engines.keras import predict
from trainers.engines.targets import target_plan
from trainers.errors import UserCodeError
from trainers.recipes.building import build_model
from trainers.recipes.shapes import InputShape, ModelShape
from trainers.settings import SweepSettings, TrainerSettings

# Tutorials name the input's width in the first layer, which Keras still takes, with a warning.
pytestmark = pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning")

ROWS = 8
TUTORIAL = """
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

def create_model(optimizer='rmsprop', init='glorot_uniform'):
    model = Sequential()
    model.add(Dense(12, input_dim=8, kernel_initializer=init, activation='relu'))
    model.add(Dense(8, kernel_initializer=init, activation='relu'))
    model.add(Dense(1, kernel_initializer=init, activation='sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer=optimizer, metrics=['accuracy'])
    return model
"""
TABLE = ModelShape(InputShape((8,)), "binary", 2)
IMAGES = ModelShape(InputShape((6, 6, 1)), "multiclass", 4)
VALUES = ModelShape(InputShape((8,)), "regression", None)
BOTH = ModelShape({"wide": InputShape((9,)), "deep": InputShape((5,))}, "binary", 2)
TOKENS = ModelShape(InputShape((12,), "int32"), "multiclass", 3, vocabulary=50)
SELU = {"activation": "selu", "dropout": 0.2, "batch_norm": "none", "l2": 1e-3, "optimizer": "nesterov", "learning_rate": 0.05}
CASES = {
    "mlp": ("mlp", TABLE, {}),
    "mlp without hidden layers": ("mlp", VALUES, {"hidden_layers": 0}),
    "mlp on images": ("mlp", IMAGES, {"layer_sizes": [6, 5], "batch_norm": "before", "optimizer": "AdamW", "dropout": 0.3}),
    "mlp with selu": ("mlp", VALUES, SELU),
    "mlp with norm after": ("mlp", TABLE, {"batch_norm": "after", "kernel_initializer": "normal", "optimizer": "sgd"}),
    "wide_deep": ("wide_deep", BOTH, {"layer_size": 4, "dropout": 0.1}),
    "text_cnn": ("text_cnn", TOKENS, {"filters": 4, "embedding_size": 5, "dropout": 0.4, "dense": 6, "kernel_sizes": [2, 20]}),
    "text_cnn with one width": ("text_cnn", TOKENS, {"filters": 4, "kernel_sizes": [3], "dense": 0, "l2": 1e-3}),
    "builder": ("builder", TABLE, {"optimizer": "adam", "init": "uniform"}),
}


@pytest.fixture(scope="module")
def code(tmp_path_factory) -> str:
    folder: Path = tmp_path_factory.mktemp("code")
    (folder / "tutorial.py").write_text(TUTORIAL)
    return str(folder)


@pytest.fixture
def build(code):
    def make(case: str, seed: int = 3) -> keras.Model:
        recipe, shape, config = CASES[case]
        trainer = TrainerSettings(type=recipe, builder="tutorial:create_model" if recipe == "builder" else None)
        settings = SweepSettings(task=shape.task, seed=1, metrics=("accuracy",), stage="", code=code, trainer=trainer)
        return build_model(settings, {"epochs": 2, "batch_size": 4, **config}, shape, seed)

    return make


def rows(shape: ModelShape, seed: int = 0):
    random = np.random.default_rng(seed)

    def array(one: InputShape):
        if one.dtype == "int32":
            return random.integers(0, shape.vocabulary, (ROWS, *one.shape), dtype="int32")
        return random.normal(size=(ROWS, *one.shape)).astype("float32")

    return {name: array(one) for name, one in shape.inputs.items()} if isinstance(shape.inputs, dict) else array(shape.inputs)


def targets(shape: ModelShape):
    if shape.task == "regression":
        return np.linspace(-1, 1, ROWS, dtype="float32")
    return (np.arange(ROWS) % shape.classes).astype("int32")


def weights(model: keras.Model):
    return model.get_weights()


@pytest.mark.parametrize("case", CASES)
class TestEveryRecipe:
    def test_predicts_what_the_task_asks_for(self, build, case):
        shape = CASES[case][1]

        model = build(case)
        outputs = predict(model, rows(shape))
        plan = target_plan(model, outputs.shape, shape.task, shape.classes)

        assert outputs.shape == (ROWS, shape.output_units)
        assert np.isfinite(plan.predict(outputs)).all()
        assert {weight.dtype for weight in model.trainable_weights} == {"float32"}

    def test_learns_by_a_step_and_comes_back_from_a_file_in_safe_mode(self, build, case, tmp_path):
        shape = CASES[case][1]
        model = build(case)
        model.run_eagerly = True  # the same step without a second of tracing
        before = weights(model)

        loss = model.train_on_batch(rows(shape), targets(shape))
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)

        assert np.isfinite(loss).all()
        assert any((old != new).any() for old, new in zip(before, weights(model), strict=True))
        np.testing.assert_allclose(predict(loaded, rows(shape)), predict(model, rows(shape)), rtol=1e-6)

    def test_equal_seeds_give_equal_weights_and_others_give_others(self, build, case):
        once = weights(build(case, seed=3))
        keras.random.normal((7,))
        again = weights(build(case, seed=3))
        other = weights(build(case, seed=4))

        assert all((a == b).all() for a, b in zip(once, again, strict=True))
        assert any((a != b).any() for a, b in zip(once, other, strict=True))


@pytest.mark.parametrize("case", ["mlp on images", "text_cnn", "builder"])
def test_equal_seeds_train_alike_whatever_was_trained_before(build, case):
    shape = CASES[case][1]

    def trained():
        model = build(case)
        model.run_eagerly = True
        model.fit(rows(shape), targets(shape), epochs=2, batch_size=3, verbose=0)
        return weights(model)

    once = trained()
    build(case, seed=9).fit(rows(shape), targets(shape), epochs=1, batch_size=2, verbose=0)

    assert all((a == b).all() for a, b in zip(once, trained(), strict=True))


def test_selu_brings_its_initializer_and_its_dropout(build):
    model = build("mlp with selu")

    assert isinstance(model.get_layer("dropout_1"), keras.layers.AlphaDropout)
    assert isinstance(model.get_layer("hidden_1").kernel_initializer, keras.initializers.LecunNormal)
    assert model.optimizer.nesterov
    assert model.optimizer.momentum == 0.9
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert model.get_layer("hidden_1").kernel_regularizer.l2 == pytest.approx(1e-3)


@pytest.mark.parametrize(("case", "kinds"), [
    ("mlp on images", ["Flatten", "Dense", "BatchNormalization", "Activation", "Dropout"]),
    ("mlp with norm after", ["Dense", "Activation", "BatchNormalization", "Dense"]),
])  # fmt: skip
def test_batch_norm_stands_where_it_is_asked_for(build, case, kinds):
    layers = [type(layer).__name__ for layer in build(case).layers[1:]]

    assert layers[: len(kinds)] == kinds


def test_a_layer_keeps_its_weights_when_dropout_is_put_before_it():
    settings = SweepSettings(task="binary", seed=1, metrics=("accuracy",), stage="")

    plain = build_model(settings, {}, TABLE, 3)
    dropping = build_model(settings, {"dropout": 0.5}, TABLE, 3)

    assert all((a == b).all() for a, b in zip(weights(plain), weights(dropping), strict=True))


@pytest.mark.parametrize(("recipe", "shape", "told"), [
    ("mlp", BOTH, "one input array"),
    ("wide_deep", TABLE, "'deep' and 'wide'"),
    ("text_cnn", TABLE, "token ids"),
])  # fmt: skip
def test_data_that_a_recipe_cannot_take_is_told(recipe, shape, told):
    settings = SweepSettings(task="binary", seed=1, metrics=("accuracy",), stage="", trainer=TrainerSettings(type=recipe))

    with pytest.raises(UserCodeError, match=told):
        build_model(settings, {}, shape, 3)


class TestBuilder:
    SHAPES = """
import keras
def create_model(input_shape, output_units, n_classes, epochs, units=3):
    create_model.seen = dict(input_shape=input_shape, output_units=output_units, n_classes=n_classes, epochs=epochs)
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Flatten(), keras.layers.Dense(output_units)])
    model.compile(loss='mse')
    return model
def anything(**values):
    anything.seen = values
    return create_model((8,), 1, 2, 1)
def uncompiled(units=1):
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(units)])
def nothing():
    uncompiled()
"""

    def call(self, tmp_path, function, config, shape=TABLE):
        (tmp_path / "shapes.py").write_text(self.SHAPES)
        trainer = TrainerSettings(type="builder", builder=f"shapes:{function}")
        settings = SweepSettings(task=shape.task, seed=1, metrics=("accuracy",), stage="", code=str(tmp_path), trainer=trainer)
        build_model(settings, {"epochs": 2, "batch_size": 4, **config}, shape, 3)
        import shapes

        return getattr(shapes, function).seen

    def test_it_is_given_what_follows_from_the_data_where_it_names_it(self, tmp_path):
        seen = self.call(tmp_path, "create_model", {}, IMAGES)

        assert seen == {"input_shape": (6, 6, 1), "output_units": 4, "n_classes": 4, "epochs": 2}

    def test_a_given_value_wins_over_one_that_follows_from_the_data(self, tmp_path):
        assert self.call(tmp_path, "create_model", {"output_units": 2})["output_units"] == 2

    def test_one_that_takes_anything_gets_the_config_without_fits_part(self, tmp_path):
        assert self.call(tmp_path, "anything", {"a": 1}) == {"a": 1}

    @pytest.mark.parametrize(("function", "config", "told"), [
        ("create_model", {"unit": 1}, "did you mean 'units'"),
        ("uncompiled", {}, "call model.compile"),
        ("nothing", {}, "got NoneType"),
        ("missing", {}, "missing"),
    ])  # fmt: skip
    def test_its_mistakes_are_told_with_its_name(self, tmp_path, function, config, told):
        with pytest.raises(UserCodeError, match=f"shapes:{function}.*{told}"):
            self.call(tmp_path, function, config)
