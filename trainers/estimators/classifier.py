"""``KerasClassifier``: labels of any kind, probabilities, accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags

from trainers.estimators.base import KerasEstimator
from trainers.estimators.labels import Labels, facts_of_labels, plan_labels, read_labels
from trainers.estimators.outputs import NetOutput
from trainers.estimators.reading import is_by_name
from trainers.estimators.weights import class_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class KerasClassifier(ClassifierMixin, KerasEstimator):  # type: ignore[misc]
    """A Keras model, made by a function of yours, as a classifier of scikit-learn's.

    Parameters
    ----------
    model, build_fn : a function, lambda, partial, bound method or class that returns a new compiled model; ``build_fn`` is the
        older name, with which ``estimator.model`` is the fitted net.
    random_state : int, ``numpy.random.RandomState``, or None: the seed is drawn from NumPy's global generator.
    warm_start : ``fit`` goes on with the net that is there.
    epochs, batch_size, callbacks, validation_split, validation_data, shuffle, verbose : as of ``keras.Model.fit``.
    class_weight : a dict of weights by label, or "balanced"; see ``weights.class_weights`` for several outputs.
    **parameters : the function's own by their names or as ``model__name``; further ones of ``Model.fit`` as ``fit__name``;
        settings of the optimizer that its parameter ``optimizer`` names as ``optimizer__name``.

    Attributes
    ----------
    model_ : the fitted net.
    history_ : a list of numbers by metric, one an epoch; also ``history``.
    classes_ : the labels, sorted; of one-hot y the numbers of its columns; a list of these for several outputs.
    n_features_in_, feature_names_in_ : of X, where it is no dict.
    """

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch, on with the net that is there.

        Parameters
        ----------
        classes : all labels that will ever come; needed at the first call where its y lacks some.
        """
        known = None if classes is None else np.unique(classes)
        return self._train(X, y, sample_weight, goes_on=True, classes=known, epochs=1)

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each class, (rows, classes) float64; a list of these where the net has several outputs.

        Raises
        ------
        ValueError
            The loss doesn't make the outputs probabilities; else as :meth:`predict`.
        """
        said = [plan.probabilities(raw) for plan, raw in self._said(X)]
        return said if self._outputs.several else said[0]

    def decision_function(self, X: Any) -> Any:
        """Return log-odds: (rows,) of the second class, (rows, classes) from three classes on; a list for several outputs."""
        said = [plan.decision(raw) for plan, raw in self._said(X)]
        return said if self._outputs.several else said[0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy, the mean over outputs where there are several."""
        from sklearn.metrics import accuracy_score

        said = [plan.predict(raw) for plan, raw in self._said(X)]
        truth = self._outputs.cut(self._read(y, "y"), "y")
        scores = [
            accuracy_score(plan.truth(part), labels, sample_weight=sample_weight)
            for plan, part, labels in zip(self._outputs.plans, truth, said, strict=True)
        ]
        return float(np.mean(scores))

    @property
    def classes_(self) -> Any:
        """The labels, sorted; a list of these where the net has several outputs."""
        if "_outputs" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no attribute 'classes_' before fit.")
        said = [plan.classes for plan in self._outputs.plans]
        return said if self._outputs.several else said[0]

    @property
    def n_classes_(self) -> Any:
        """How many labels there are; a list of these where the net has several outputs."""
        return [len(classes) for classes in self.classes_] if self._outputs.several else len(self.classes_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _read(self, y: Any, where: str) -> Any:
        if is_by_name(y):
            return {name: read_labels(part, f"{where}[{name!r}]") for name, part in y.items()}
        return read_labels(y, where)

    def _plan(self, output: NetOutput, part: Array, classes: Array | None) -> Labels:
        return plan_labels(output, part, classes)

    def _facts(self, y: Any, classes: Array | None) -> Mapping[str, Any]:
        return facts_of_labels(y, classes)

    def _class_weights(self, class_weight: Any, parts: Sequence[Array], weights: Array | None) -> Array:
        return class_weights(class_weight, self._outputs.plans, parts, weights)
