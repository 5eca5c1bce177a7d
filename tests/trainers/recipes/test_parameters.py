import subprocess
import sys
from pathlib import Path

import pytest

from trainers.recipes.parameters import (
    ACTIVATIONS,
    INITIALIZERS,
    OPTIMIZERS,
    RECIPES,
    accepted_names,
    parameter_problems,
    structural_key,
    with_defaults,
)
from trainers.recipes.signatures import read_signature
from trainers.settings import TrainerSettings

MLP = TrainerSettings(type="mlp")


def problems(trainer=MLP, space=None, code=None):
    return dict(parameter_problems(trainer, space or {}, code))


@pytest.fixture
def builder(tmp_path: Path):
    """Write a module ``model`` and return the trainer that names a function of it."""

    def write(source: str, function: str = "create_model", **params: object) -> tuple[TrainerSettings, str]:
        (tmp_path / "model.py").write_text(source)
        return TrainerSettings(type="builder", builder=f"model:{function}", params=params), str(tmp_path)

    return write


class TestRecipes:
    def test_the_tutorial_grid_is_accepted(self):
        trainer = TrainerSettings(type="mlp", params={"layer_sizes": [12, 8]})
        space = {
            "optimizer": ["rmsprop", "adam"],
            "kernel_initializer": ["glorot_uniform", "normal", "uniform"],
            "epochs": [50, 100, 150],
            "batch_size": [5, 10, 20],
        }

        assert problems(trainer, space) == {}

    def test_a_misspelt_name_is_told_with_the_nearest_right_one(self):
        assert "did you mean 'learning_rate'?" in problems(space={"learning_rat": [0.1]})["space.learning_rat"]
        assert "did you mean 'layer_size" in problems(TrainerSettings(params={"layer_sise": 3}))["trainer.params.layer_sise"]

    def test_a_misspelt_value_is_told_with_the_nearest_right_one(self):
        found = problems(space={"optimizer": ["sgd", "Adm"], "activation": ["rellu"], "kernel_initializer": ["he_norml"]})
        assert found["space.optimizer"].endswith("got 'Adm'; did you mean 'adam'?")
        assert found["space.activation"].endswith("got 'rellu'; did you mean 'relu'?")
        assert found["space.kernel_initializer"].endswith("got 'he_norml'; did you mean 'he_normal'?")
        assert problems(space={"optimizer": [7]})["space.optimizer"].endswith("got 7.")

    def test_a_name_like_no_other_is_told_with_all_names(self):
        assert "activation, batch_norm, batch_size, dropout" in problems(space={"zzz": [1]})["space.zzz"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("hidden_layers", -1),
            ("hidden_layers", 2.0),
            ("layer_size", 0),
            ("layer_size", True),
            ("layer_sizes", [8, 0]),
            ("layer_sizes", 8),
            ("activation", "rellu"),
            ("batch_norm", None),
            ("dropout", 1.0),
            ("dropout", "0.5"),
            ("l2", -0.1),
            ("l2", float("nan")),
            ("optimizer", "adm"),
            ("learning_rate", 0),
            ("learning_rate", float("inf")),
            ("momentum", 1),
            ("kernel_initializer", "glorot"),
            ("epochs", 0),
            ("batch_size", 2.5),
        ],
    )
    def test_a_wrong_value_is_told_with_what_is_accepted(self, name, value):
        found = problems(space={name: [value]})

        assert list(found) == [f"space.{name}"]
        assert found[f"space.{name}"].startswith("expected ")
        assert f", got {value!r}" in found[f"space.{name}"]

    def test_one_wrong_value_among_right_ones_is_found(self):
        assert "got 'adm'" in problems(space={"optimizer": ["adam", "adm", "sgd"]})["space.optimizer"]

    def test_two_ways_to_say_the_layers_are_at_odds(self):
        found = problems(TrainerSettings(params={"layer_sizes": [8]}), {"layer_size": [1, 99]})

        assert list(found) == ["space.layer_size"]

    def test_all_mistakes_are_told_at_once(self):
        found = problems(TrainerSettings(params={"dropout": 2}), {"optimiser": ["adam"], "epochs": [0]})

        assert list(found) == ["trainer.params.dropout", "space.optimiser", "space.epochs"]

    @pytest.mark.parametrize("recipe", RECIPES)
    def test_the_defaults_are_themselves_accepted(self, recipe):
        assert [p.name for p in RECIPES[recipe] if not p.check(p.default)] == []

    def test_with_defaults_keeps_to_the_recipes_names(self):
        params = with_defaults("mlp", {"layer_size": 5, "epochs": 3})

        assert params["layer_size"] == 5
        assert params["hidden_layers"] == 2
        assert "epochs" not in params

    def test_every_name_in_the_tables_is_known_to_keras(self):
        import keras

        assert [name for name in ACTIVATIONS if not callable(keras.activations.get(name))] == []
        assert [name for name in INITIALIZERS if keras.initializers.get(name) is None] == []
        ours = {"momentum", "nesterov"}
        assert [name for name in OPTIMIZERS if name not in ours and keras.optimizers.get(name) is None] == []


class TestStructuralKey:
    def key(self, **config):
        return structural_key(MLP, {"epochs": 100, "batch_size": 32, **config})

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"learning_rate": 0.1}, {"learning_rate": 0.2}),
            ({"kernel_initializer": "normal"}, {}),
            ({"dropout": 0.1}, {"dropout": 0.5}),
            ({"l2": 0.1}, {"l2": 0.5}),
            ({"epochs": 5}, {"epochs": 50}),
            ({"layer_sizes": [8, 8]}, {"hidden_layers": 2, "layer_size": 8}),
            ({"layer_sizes": [17, 4]}, {"layer_sizes": [32, 16]}),
        ],
    )
    def test_configs_with_one_graph_have_one_key(self, one, other):
        assert self.key(**one) == self.key(**other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"dropout": 0.1}, {"dropout": 0.0}),
            ({"l2": 0.1}, {"l2": 0.0}),
            ({"layer_sizes": [32, 16]}, {"layer_sizes": [16, 32]}),
            ({"layer_sizes": [16]}, {"layer_sizes": [17]}),
            ({"activation": "tanh"}, {"activation": "relu"}),
            ({"optimizer": "sgd"}, {"optimizer": "adam"}),
            ({"batch_norm": "before"}, {"batch_norm": "after"}),
            ({"batch_size": 8}, {"batch_size": 16}),
        ],
    )
    def test_configs_with_two_graphs_have_two_keys(self, one, other):
        assert self.key(**one) != self.key(**other)

    def test_a_builders_fractions_and_initializers_are_taken_for_numbers(self):
        trainer = TrainerSettings(type="builder", builder="model:create_model")

        def key(**config):
            return structural_key(trainer, {"epochs": 1, "batch_size": 8, **config})

        assert key(rate=0.1, init="normal") == key(rate=0.2, init="uniform")
        assert key(rate=0.1) != key(rate=0.0)
        assert key(units=3) != key(units=4)

    def test_of_an_estimators_parameters_what_the_net_is_given_counts_whatever_pipeline_it_ends(self):
        trainer = TrainerSettings(type="estimator")

        assert structural_key(trainer, {"clf__epochs": 1}) == structural_key(trainer, {"clf__epochs": 2})
        assert structural_key(trainer, {"a__clf__init": "normal"}) == structural_key(trainer, {"a__clf__init": "uniform"})
        assert structural_key(trainer, {"clf__units": 3}) != structural_key(trainer, {"clf__units": 4})


class TestBuilders:
    def test_a_tutorials_builder_accepts_its_parameters_and_those_of_fit(self, builder):
        trainer, code = builder("def create_model(optimizer='rmsprop', init='glorot_uniform'): ...")

        assert accepted_names(trainer, code) == {"optimizer", "init", "epochs", "batch_size"}
        assert "did you mean 'optimizer'?" in problems(trainer, {"optimiser": ["adam"]}, code)["space.optimiser"]

    def test_the_source_is_not_run(self, builder):
        trainer, code = builder("raise SystemExit\ndef create_model(units=1): ...")

        assert "units" in accepted_names(trainer, code)

    @pytest.mark.parametrize(
        "source",
        [
            "def create_model(units=1, **kwargs): ...",
            "import functools\n@functools.cache\ndef create_model(units=1): ...",
            "from elsewhere import create_model",
            "from elsewhere import *",
            "from elsewhere import build as create_model",
            "create_model = make()",
            "class create_model: pass",
        ],
    )
    def test_what_cannot_be_read_may_take_anything(self, builder, source):
        trainer, code = builder(source)

        assert accepted_names(trainer, code) is None
        assert problems(trainer, {"anything": [1]}, code) == {}

    @pytest.mark.parametrize(
        "source",
        [
            "def create_model(a, *, b): ...",
            "class create_model:\n    def __init__(self, a, *, b): ...",
            "create_model = lambda a, *, b: None",
            "if True:\n    def create_model(a, b): ...\nelse:\n    def create_model(a, b, c=1): ...",
            "try:\n    import tensorflow\nfinally:\n    def create_model(a, b): ...",
        ],
    )
    def test_parameters_and_those_without_default_are_read_wherever_they_stand(self, builder, source):
        _, code = builder(source)

        signature = read_signature("model:create_model", code)

        assert signature.names is not None
        assert signature.names - {"c"} == {"a", "b"}
        assert signature.required == {"a", "b"}

    def test_a_positional_only_parameter_cannot_be_given(self, builder):
        trainer, code = builder("def create_model(a, /, b=1): ...")

        assert "needs a value for 'a'" in problems(trainer, {"b": [1]}, code)["trainer.builder"]

    def test_a_parameter_without_default_needs_a_value_unless_it_follows_from_the_data(self, builder):
        trainer, code = builder("def create_model(units, input_shape, output_units, n_classes): ...")

        assert "needs a value for 'units'" in problems(trainer, {}, code)["trainer.builder"]
        assert problems(trainer, {"units": [1]}, code) == {}

    @pytest.mark.parametrize(
        ("name", "source", "told"),
        [
            ("model:create_modl", "def create_model(): ...", "did you mean 'create_model'?"),
            ("model:other", "def build(): ...", "its functions are build"),
            ("nowhere:create_model", "", "no module 'nowhere'"),
            ("model.inner:f", "", "no module 'model.inner'"),
            ("model", "", "'module:function'"),
            ("model:create_model", "def create_model(:", "not valid Python"),
            ("model:create_model", "async def create_model(): ...", "async"),
        ],
    )
    def test_a_builder_that_cannot_be_found_or_read_is_told(self, builder, name, source, told):
        _, code = builder(source)

        assert told in problems(TrainerSettings(type="builder", builder=name), {}, code)["trainer.builder"]

    def test_a_builder_in_a_package_of_the_folder_is_found(self, tmp_path):
        package = tmp_path / "nets" / "small"
        package.mkdir(parents=True)
        (tmp_path / "nets" / "__init__.py").write_text("")
        (package / "__init__.py").write_text("def create_model(units=3): ...")

        assert read_signature("nets.small:create_model", str(tmp_path)).names == {"units"}

    def test_an_installed_builder_is_found_without_a_folder(self):
        assert read_signature("trainers.recipes.mlp:build", None).names == {"config", "shape", "seed"}

    def test_type_builder_needs_a_builder(self):
        assert "'module:function'" in problems(TrainerSettings(type="builder"))["trainer.builder"]


def test_the_driver_can_read_parameters_without_loading_anything_heavy():
    code = """
import sys
import trainers.recipes.parameters, trainers.worker, trainers.recipes.shapes, trainers.errors
print([name for name in ("keras", "tensorflow", "jax", "pandas", "sklearn", "scipy") if name in sys.modules])
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
