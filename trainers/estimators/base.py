"""What both estimators are: parameters in, one fit made and trained, a net that answers. It knows no labels and no search."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from trainers.estimators.answers import ask, known_answer
from trainers.estimators.building import Recipe, as_it_was
from trainers.estimators.fitting import Fit, fit_here, rows_trained
from trainers.estimators.instances import StoredModel, renewed
from trainers.estimators.outputs import NetOutput, Outputs, cut, net_outputs
from trainers.estimators.parameters import Parameters
from trainers.estimators.randomness import draw_seed
from trainers.estimators.reading import facts_of, read_inputs, rows_of, settings_of, take
from trainers.estimators.weights import row_weights

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    Array = NDArray[Any]

_OF_A_FIT = ("_net", "_answers", "history_")
_DATA = ("self", "X", "y", "sample_weight")


class KerasEstimator(Parameters):
    """A Keras model, made by a function of the user's, as an estimator of scikit-learn's. Abstract."""

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        callbacks: Any = None,
        validation_split: float | None = None,
        validation_data: Any = None,
        class_weight: Any = None,
        shuffle: bool | None = None,
        verbose: Any = None,
        initial_epoch: int | None = None,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = None,
    ) -> Self:
        """Build the net and train it. What is given here beside the data holds for this call, before the constructor's.

        Parameters
        ----------
        X : (rows, ...) array-like of 2 to 4 dimensions, DataFrame, sparse matrix, or dict of arrays by input name.
        y : (rows,), or (rows, columns); a dict by output name where the net has several outputs.
        sample_weight : (rows,); rows of weight 0 are left out.
        X_val, y_val : ``validation_data`` by scikit-learn's names. A pipeline transforms X_val as it does X where its
            ``transform_input`` names it; ``validation_data`` reaches the net as it is.
        validation_data : (X, y) or (X, y, sample_weight), watched while it trains.

        Raises
        ------
        ValueError, TypeError
            Parameters, data or the builder's net are not as expected.
        """
        given = {name: value for name, value in locals().items() if name not in _DATA}
        return self._train(X, y, sample_weight, goes_on=self.warm_start, **given)

    def predict(self, X: Any) -> Array:
        """Return what the net says of each row: (rows,), or (rows, columns).

        Raises
        ------
        NotFittedError
            ``fit`` has not been called.
        ValueError
            X differs from what the net was trained on, or what the net says is not finite.
        """
        said: list[Array] = [plan.predict(raw) for plan, raw in self._said(X)]
        if not self._outputs.several:
            return said[0]
        kinds = {part.dtype.kind for part in said}
        return np.column_stack(said if len(kinds) == 1 else [part.astype(object) for part in said])

    @property
    def model_(self) -> keras.Model:
        """The fitted net; one that was trained in another process is made anew here when it is first asked for."""
        if "_net" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute 'model_' before fit.")
        return self._net.model

    @property
    def history(self) -> dict[str, list[float]]:
        """The older name of ``history_``: numbers by name, one an epoch."""
        if "history_" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute 'history' before fit.")
        found: dict[str, list[float]] = self.history_
        return found

    def __sklearn_is_fitted__(self) -> bool:
        return "history_" in self.__dict__

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_answers"}

    @abstractmethod
    def _read(self, y: Any, where: str) -> Any:
        """Return y, checked and clean: an array, or a dict of arrays."""

    @abstractmethod
    def _plan(self, output: NetOutput, part: Array, classes: Array | None) -> Any:
        """Return how one output takes its part of y."""

    @abstractmethod
    def _facts(self, y: Any, classes: Array | None) -> Mapping[str, Any]:
        """Return what a builder may want to know of y: ``output_units``, ``n_classes`` and what goes into ``meta``."""

    @abstractmethod
    def _class_weights(self, class_weight: Any, parts: Sequence[Array], weights: Array | None) -> Array:
        """Return each row's class weight."""

    def _train(self, X: Any, y: Any, sample_weight: Any, **given: Any) -> Self:
        begun = self._begin_fit(X, y, sample_weight, **given)
        self._end_fit(begun, fit_here(begun))
        return self

    def _begin_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        seed: int | None = None,
        goes_on: bool = False,
        classes: Array | None = None,
        X_val: Any = None,
        y_val: Any = None,
        **given: Any,
    ) -> Fit:
        """Do all of a fit but the training: check parameters and data, encode y, build the net.

        Parameters
        ----------
        seed : instead of ``random_state``.
        goes_on : train on with the net that is there, if one is.
        classes : the labels that y may have, where they are more than it has.
        given : what ``fit`` was given beside the data; None says nothing.
        """
        if X_val is not None or y_val is not None:
            if X_val is None or y_val is None or given.get("validation_data") is not None:
                raise ValueError("fit: expected both X_val and y_val, and no validation_data beside them.")
            given["validation_data"] = (X_val, y_val)
        routed = self._routed()
        settings = settings_of(routed.fit, given)
        goes_on = goes_on and "_net" in self.__dict__
        inputs = read_inputs(self, X, reset=not goes_on)
        target = self._read(y, "y")
        if rows_of(target) != rows_of(inputs):
            raise ValueError(
                f"X and y: expected as many rows in both, got inconsistent numbers of samples: {rows_of(inputs)} and "
                f"{rows_of(target)}."
            )
        weights = row_weights(sample_weight, rows_of(inputs))
        inputs, target, weights = _without_zeros(inputs, target, weights)
        seed = self._seed_for_fit() if seed is None else seed
        if not goes_on:
            for name in _OF_A_FIT:  # a fit that fails leaves no other's net behind
                self.__dict__.pop(name, None)
            facts = facts_of(self, inputs, self._facts(target, classes))
            self._made = {"facts": facts, "seed": seed, "row": take(inputs, np.arange(1))}
        recipe = Recipe(self._builder(), routed, **self._made)
        model = self.model_ if goes_on else recipe.build()
        if not goes_on:
            outputs, keyed = net_outputs(model, self._made["row"])
            parts = cut(target, outputs, "y")
            plans = [self._plan(output, part, classes) for output, part in zip(outputs, parts, strict=True)]
            self._outputs = Outputs(tuple(plans), keyed)
        if (class_weight := settings.pop("class_weight")) is not None:
            of_class = self._class_weights(class_weight, self._outputs.cut(target, "y"), weights)
            watched = bool(settings["validation_split"]) and settings["validation_data"] is None
            if watched:  # Keras weights no class in what it watches
                of_class[rows_trained(len(of_class), settings["validation_split"]) :] = 1
            weights = of_class if weights is None else weights * of_class
            if not watched:  # else fewer rows would move the cut
                inputs, target, weights = _without_zeros(inputs, target, weights)
        return Fit(
            model=model,
            recipe=recipe,
            inputs=inputs,
            target=self._outputs.encode(target, "y"),
            weights=None if weights is None else weights.astype("float32"),
            validation=self._watched(settings.pop("validation_data")),
            callbacks=renewed(settings.pop("callbacks")),
            seed=seed,
            goes_on=goes_on,
            **settings,
        )

    def _end_fit(self, fit: Fit, history: dict[str, list[float]], *, weights: list[Array] | None = None) -> None:
        """Keep what has been trained: ``fit.model``, or, where it was trained elsewhere, the weights in its order."""
        before = self.history if fit.goes_on else {}
        self.history_ = {name: [*before.get(name, []), *values] for name, values in history.items()}
        self._answers = None
        if weights is None:
            self._net = StoredModel(fit.model)
        else:
            self._net = StoredModel(build=fit.recipe.build, weights=weights, example=self._made["row"])

    def _fitted_state(self) -> dict[str, Any]:
        """Return all that a fit has set, to be taken over by an estimator with the same parameters, in any process."""
        kept = {name: value for name, value in vars(self).items() if name.endswith("_") or name in ("_outputs", "_made")}
        return {**kept, "weights": self._net.weights}

    def _adopt(self, state: Mapping[str, Any]) -> None:
        """Be as fitted as the estimator whose ``_fitted_state`` it is."""
        self.__dict__.update({name: value for name, value in state.items() if name != "weights"})
        recipe = Recipe(self._builder(), self._routed(), **self._made)
        self._net = StoredModel(build=as_it_was(recipe), weights=state["weights"], example=self._made["row"])
        self._answers = None

    def _seed_for_fit(self) -> int:
        return draw_seed(self.random_state)

    def _watched(self, given: Any) -> tuple[Any, Any, Array | None] | None:
        """Return ``validation_data`` as the net takes it."""
        if given is None:
            return None
        if not isinstance(given, list | tuple) or len(given) not in (2, 3):
            raise ValueError(
                f"validation_data: expected (X, y) or (X, y, sample_weight), got {type(given).__name__}"
                f"{f' of {len(given)}' if isinstance(given, list | tuple) else ''}."
            )
        inputs = read_inputs(self, given[0], reset=False, where="validation_data")
        target = self._outputs.encode(self._read(given[1], "validation_data"), "validation_data")
        weights = row_weights(given[2], rows_of(inputs)) if len(given) == 3 else None
        return inputs, target, None if weights is None else weights.astype("float32")

    def _said(self, X: Any) -> list[tuple[Any, Array]]:
        raw = self._raw_predict(X)
        return list(zip(self._outputs.plans, self._outputs.arrays(raw), strict=True))

    def _raw_predict(self, X: Any) -> Any:
        """Return the net's raw output on X, an array, or a list or dict of arrays: the one place where predictions are made."""
        check_is_fitted(self)
        known = known_answer(self.__dict__.get("_answers"), X)
        return ask(self.model_, read_inputs(self, X, reset=False)) if known is None else known


def _without_zeros(inputs: Any, target: Any, weights: Array | None) -> tuple[Any, Any, Array | None]:
    if weights is None or weights.all():
        return inputs, target, weights
    rows = weights.nonzero()[0]
    return take(inputs, rows), take(target, rows), weights[rows]
