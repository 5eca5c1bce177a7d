"""The parameters of an estimator: its constructor's, and one private dict of all others, so that these may have any name."""

from __future__ import annotations

import copy
from typing import Any, Self

from sklearn.base import BaseEstimator, clone

from trainers.estimators.instances import random_states_kept, renewed
from trainers.estimators.routing import Routed, builder_of, canonical, changed, listed, required_builder, route


class Parameters(BaseEstimator):  # type: ignore[misc]
    """Constructor, ``get_params`` and ``set_params`` of an estimator around a builder. Abstract."""

    _given: dict[str, Any]

    def __init__(
        self,
        model: Any = None,
        *,
        build_fn: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        epochs: int = 1,
        batch_size: int | None = 32,
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        class_weight: Any = None,
        shuffle: bool = True,
        verbose: Any = 0,
        **parameters: Any,
    ) -> None:
        self.model = model
        self.build_fn = build_fn
        self.random_state = random_state
        self.warm_start = warm_start
        self.epochs = epochs
        self.batch_size = batch_size
        self.callbacks = callbacks
        self.validation_split = validation_split
        self.validation_data = validation_data
        self.class_weight = class_weight
        self.shuffle = shuffle
        self.verbose = verbose
        self._given = canonical(parameters, self._get_param_names(), builder_of(model, build_fn))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters, and the builder's with their defaults; ``deep`` changes nothing."""
        return {**self._own(), **listed(self._given, self._get_param_names(), self._builder())}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the estimator, of its builder, of ``model.fit`` (``fit__x``) and of the optimizer (``optimizer__x``).

        Raises
        ------
        ValueError
            A name is nobody's: the message says the nearest one; or one parameter has two values.
        """
        new = builder_of(params.get("model", self._own()["model"]), params.get("build_fn", self.build_fn))
        mine, given = changed(self._given, params, self._get_param_names(), self._builder(), new)
        for name, value in mine.items():
            setattr(self, name, value)
        self._given = given
        return self

    @property
    def model(self) -> Any:
        """The function that makes the net; where it was given as ``build_fn``, the fitted net, as in older wrappers."""
        own, net = self.__dict__.get("model"), self.__dict__.get("_net")
        return own if net is None or own is not None else net.model

    @model.setter
    def model(self, value: Any) -> None:
        self.__dict__["model"] = value

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted estimator with these parameters, copied: what Keras makes anew, which Python's copy would lose."""
        with random_states_kept():
            copied = renewed(self.get_params(deep=False), lambda value: clone(value, safe=False))
        made = type(self)(**copied)
        if "_metadata_request" in vars(self):  # what else scikit-learn's clones keep
            made._metadata_request = clone(self._metadata_request)
        if "_sklearn_output_config" in vars(self):
            made._sklearn_output_config = copy.deepcopy(self._sklearn_output_config)
        if "_skl_callbacks" in vars(self):
            made._skl_callbacks = self._skl_callbacks
        return made

    def _own(self) -> dict[str, Any]:
        return {name: self.__dict__.get(name) for name in self._get_param_names()}

    def _builder(self) -> Any:
        return builder_of(self._own()["model"], self.build_fn)

    def _routed(self) -> Routed:
        builder = required_builder(self._own()["model"], self.build_fn)
        return route({**self._own(), **self._given}, self._get_param_names(), builder)
