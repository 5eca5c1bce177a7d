"""The routing of parameters, held against the words of the docstring: prefixes, shared names, builders of any names."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

from trainers.estimators.routing import (
    builder_of,
    canonical,
    changed,
    listed,
    name_of,
    parameters_of,
    required_builder,
    route,
)

OWN = ("model", "build_fn", "random_state", "epochs", "batch_size", "callbacks", "validation_split", "shuffle", "verbose")


def make(units: int = 32, optimizer: str = "adam") -> None: ...


def make_any(units: int = 32, **others: Any) -> None: ...


def make_with_epochs(epochs: int = 7, units: int = 1) -> None: ...


def make_needing(depth: int, input_shape: tuple[int, ...], meta: dict[str, Any], n_classes: int = 2) -> None: ...


class Factory:
    def __init__(self, units: int = 3) -> None: ...

    def make(self, rate: float = 0.5) -> None: ...

    def __call__(self, width: int = 4) -> None: ...


class Net:
    """A model of Keras' kind: a ``__new__`` that takes anything."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Net:
        return super().__new__(cls)


class OwnNet(Net):
    def __init__(self, units: int = 3) -> None: ...


class Inherits(OwnNet): ...


class Estimator(BaseEstimator):
    """The least that the functions are for."""

    def __init__(self, model: Any = None, *, build_fn: Any = None, epochs: int = 1, **given: Any) -> None:
        self.model = model
        self.build_fn = build_fn
        self.epochs = epochs
        self._given = canonical(given, self._get_param_names(), builder_of(model, build_fn))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        own = self._get_param_names()
        return {**{n: getattr(self, n) for n in own}, **listed(self._given, own, builder_of(self.model, self.build_fn))}

    def set_params(self, **values: Any) -> Estimator:
        old = builder_of(self.model, self.build_fn)
        new = builder_of(values.get("model", self.model), values.get("build_fn", self.build_fn))
        mine, self._given = changed(self._given, values, self._get_param_names(), old, new)
        for name, value in mine.items():
            setattr(self, name, value)
        return self


@pytest.mark.parametrize(
    ("builder", "names"),
    [
        (make, {"units", "optimizer"}),
        (lambda width=3, *, rate=0.1: None, {"width", "rate"}),
        (partial(make, units=5), {"units", "optimizer"}),
        (partial(make, 5), {"optimizer"}),
        (Factory().make, {"rate"}),
        (Factory, {"units"}),
        (Factory(), {"width"}),
        (OwnNet, {"units"}),
        (Inherits, {"units"}),
        (object, set()),
    ],
)
def test_every_kind_of_builder_says_what_it_takes(builder: Any, names: set[str]) -> None:
    assert set(parameters_of(builder).names) == names
    assert not parameters_of(builder).anything


def test_a_partial_s_value_is_the_default() -> None:
    assert parameters_of(partial(make, units=5)).defaults == {"units": 5, "optimizer": "adam"}
    assert name_of(partial(make, units=5)) == "'make'"


def test_a_class_that_only_takes_anything_takes_anything() -> None:
    assert parameters_of(Net).anything


def test_what_has_no_signature_takes_anything() -> None:
    assert parameters_of(dict).anything


def test_prefixes_go_to_one_place_each() -> None:
    routed = route({"model__units": 3, "fit__initial_epoch": 2, "optimizer__learning_rate": 0.1, "epochs": 4}, OWN, make)
    assert routed.builder == {"units": 3, "optimizer": "adam"}
    assert routed.fit == {"epochs": 4, "initial_epoch": 2}
    assert routed.optimizer == {"learning_rate": 0.1}


def test_a_name_of_the_constructor_reaches_a_builder_that_names_it_too() -> None:
    assert route({"epochs": 4}, OWN, make_with_epochs).builder == {"epochs": 4}
    assert route({"epochs": 4}, OWN, make).builder == {}
    assert route({"epochs": 4, "model__epochs": 9}, OWN, make_with_epochs).builder == {"epochs": 9}
    assert route({"epochs": 4, "model__epochs": 9}, OWN, make_with_epochs).fit == {"epochs": 4}
    assert route({"epochs": 4, "fit__epochs": 9}, OWN, make_with_epochs).fit == {"epochs": 9}


def test_a_builder_of_any_names_never_gets_what_belongs_to_fit() -> None:
    routed = route({"epochs": 4, "verbose": 0, "depth": 2}, OWN, make_any)
    assert routed.builder == {"depth": 2}
    with pytest.raises(ValueError, match="write fit__initial_epoch"):
        route({"initial_epoch": 4}, OWN, make_any)
    assert route({"model__initial_epoch": 4}, OWN, make_any).builder == {"initial_epoch": 4}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nb_epoch", "'nb_epoch': expected a parameter of the estimator or of the builder 'make'; did you mean 'epochs'"),
        ("unit", "did you mean 'units'"),
        ("model__unit", "'model__unit': expected a parameter of the builder 'make'; did you mean 'model__units'"),
        ("fit__epoch", "expected a parameter of model.fit; did you mean 'fit__epochs'"),
        ("fit__sample_weight", "expected a parameter of model.fit"),
        ("validation_freq", "for model.fit write fit__validation_freq"),
        ("loss", "expected a parameter of the builder, got the builder 'make', which has none; add it, and compile"),
        ("zzz", r"there are batch_size, .* units, "),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        route({name: 1}, OWN, make)
    with pytest.raises(ValueError, match=message):
        changed({}, {name: 1}, OWN, make, make)


def test_settings_of_an_optimizer_need_one_in_the_builder() -> None:
    with pytest.raises(ValueError, match="expected a builder with a parameter 'optimizer', got the builder 'make_wi"):
        route({"optimizer__learning_rate": 0.1}, OWN, make_with_epochs)
    with pytest.raises(ValueError, match="give it as optimizer="):
        route({"optimizer__learning_rate": 0.1}, OWN, make_any)
    assert route({"optimizer__learning_rate": 0.1, "optimizer": "sgd"}, OWN, make_any).builder == {"optimizer": "sgd"}


def test_what_data_give_is_passed_where_it_is_named_and_never_missing() -> None:
    routed = route({"depth": 2}, OWN, make_needing)
    assert routed.builder == {"depth": 2}
    assert routed.from_data == ("input_shape", "n_classes", "meta")
    assert route({"depth": 2, "n_classes": 9}, OWN, make_needing).from_data == ("input_shape", "meta")
    assert route({}, OWN, make_any).from_data == ()
    assert listed({}, OWN, make_needing) == {}
    assert listed({"n_classes": 9}, OWN, make_needing) == {"n_classes": 9}


def test_a_required_parameter_without_value_is_refused() -> None:
    with pytest.raises(ValueError, match="'make_needing' expects a value for 'depth', got none; give it to"):
        route({}, OWN, make_needing)


def test_short_and_long_name_are_one_parameter() -> None:
    assert canonical({"model__units": 3}, OWN, make) == {"units": 3}
    assert canonical({"units": [3], "model__units": [3]}, OWN, make) == {"units": [3]}
    assert canonical({"model__epochs": 3}, OWN, make_with_epochs) == {"model__epochs": 3}
    with pytest.raises(ValueError, match=r"'units' and 'model__units' are one parameter.* got 3 and 4; give it once"):
        canonical({"units": 3, "model__units": 4}, OWN, make)
    with pytest.raises(ValueError, match="are one parameter"):
        Estimator(make).set_params(units=3, model__units=4)
    assert Estimator(make, units=3).set_params(model__units=4).get_params()["units"] == 4


def test_parameters_may_have_the_names_of_methods() -> None:
    estimator = Estimator(lambda fit=1, score=2: None).set_params(fit=5)
    assert estimator.get_params()["fit"] == 5
    assert estimator.get_params()["score"] == 2
    assert route(estimator.get_params(), OWN, estimator.model).builder == {"fit": 5, "score": 2}


@pytest.mark.parametrize("builder", [make, make_any, partial(make, units=[3, 4]), Factory(), Factory, make_with_epochs])
def test_a_clone_holds_the_very_objects(builder: Any) -> None:
    estimator = Estimator(builder, **{name: ["a list"] for name in parameters_of(builder).names if name != "epochs"})
    cloned = clone(clone(estimator))
    assert cloned.get_params().keys() == estimator.get_params().keys()


def test_a_clone_keeps_names_that_are_nobody_s_for_fit_to_refuse() -> None:
    assert clone(Estimator(make, model__unit=3)).get_params()["model__unit"] == 3
    assert clone(Estimator(None, model__unit=3)).get_params()["model__unit"] == 3


def test_another_builder_forgets_what_only_the_old_one_had_by_default() -> None:
    def other(units: int = 64, rate: float = 0.5) -> None: ...

    kept = clone(Estimator(make)).set_params(model=other).get_params()
    assert (kept["units"], kept["rate"], "optimizer" in kept) == (64, 0.5, False)
    assert clone(Estimator(make, units=5)).set_params(model=other).get_params()["units"] == 5
    assert clone(Estimator(make)).set_params(model=other, units=32).get_params()["units"] == 32
    with pytest.raises(ValueError, match="'optimizer'"):
        Estimator(make, optimizer="sgd").set_params(model=other)


def test_a_default_that_a_clone_has_copied_is_forgotten_too() -> None:
    import keras

    def one(optimizer: Any = keras.optimizers.Adam(0.1)) -> None: ...  # noqa: B008

    def other(optimizer: str = "sgd") -> None: ...

    assert clone(Estimator(one)).set_params(model=other).get_params()["optimizer"] == "sgd"
    chosen = clone(Estimator(one, optimizer=keras.optimizers.Adam(0.2))).set_params(model=other)
    assert float(chosen.get_params()["optimizer"].learning_rate) == pytest.approx(0.2)


def test_a_refused_set_params_changes_nothing() -> None:
    estimator = Estimator(make)
    before = copy.copy(estimator.get_params())
    with pytest.raises(ValueError, match="unit"):
        estimator.set_params(epochs=9, unit=3)
    assert estimator.get_params() == before


def test_names_given_before_there_is_a_builder_are_understood_when_it_comes() -> None:
    estimator = Estimator(None, model__units=3).set_params(model=make)
    assert estimator.get_params()["units"] == 3
    assert "model__units" not in estimator.get_params()


def test_set_params_takes_all_that_get_params_gives() -> None:
    estimator = Estimator(make)
    params = {**estimator.get_params(), "model": None}
    assert estimator.set_params(**params).get_params() == params


@pytest.mark.parametrize(
    ("model", "build_fn", "message"),
    [
        (None, None, "model: expected a function that returns a compiled model, got None"),
        (make, make, "model, build_fn: expected one of them, got both"),
        (3, None, "model: expected a function that returns a compiled model, got 3"),
        (None, 3, "build_fn: expected a function that returns a compiled model, got 3"),
    ],
)
def test_what_is_no_builder_is_refused_when_it_is_needed(model: Any, build_fn: Any, message: str) -> None:
    assert builder_of(model, build_fn) is None
    with pytest.raises(ValueError, match=message):
        required_builder(model, build_fn)


def test_a_model_is_no_builder() -> None:
    import keras

    net = keras.Sequential()
    assert builder_of(net, None) is None
    with pytest.raises(ValueError, match=r"model: expected a function .* got a model; each fit needs a new one"):
        required_builder(net, None)
    assert required_builder(None, keras.Sequential) is keras.Sequential


def test_builders_get_plain_python_numbers() -> None:
    routed = route({"units": np.int64(3), "model__depth": [np.float32(0.5)], "epochs": np.int64(2)}, OWN, make_any)
    assert type(routed.builder["units"]) is int
    assert type(routed.builder["depth"][0]) is float
    assert type(routed.fit["epochs"]) is int
