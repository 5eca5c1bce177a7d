"""``KerasRegressor``: values in the target's own unit, r2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import RegressorMixin

from trainers.estimators.base import KerasEstimator
from trainers.estimators.outputs import NetOutput
from trainers.estimators.reading import is_by_name
from trainers.estimators.values import Values, facts_of_values, plan_values, read_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class KerasRegressor(RegressorMixin, KerasEstimator):  # type: ignore[misc]
    """A Keras model, made by a function of yours, as a regressor of scikit-learn's.

    Parameters are those of :class:`~trainers.estimators.KerasClassifier`, but ``class_weight``, which must be None. Values are
    trained on and predicted in the unit of y: nothing is scaled. ``score`` is r2, whatever the model's loss is.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch, on with the net that is there."""
        return self._train(X, y, sample_weight, goes_on=True, epochs=1)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return r2, the mean over columns and outputs."""
        from sklearn.metrics import r2_score

        said = [plan.predict(raw) for plan, raw in self._said(X)]
        truth = self._outputs.cut(self._read(y, "y"), "y")
        scores = [r2_score(part, values, sample_weight=sample_weight) for part, values in zip(truth, said, strict=True)]
        return float(np.mean(scores))

    def _read(self, y: Any, where: str) -> Any:
        if is_by_name(y):
            return {name: read_values(part, f"{where}[{name!r}]") for name, part in y.items()}
        return read_values(y, where)

    def _plan(self, output: NetOutput, part: Array, classes: Array | None) -> Values:
        return plan_values(output, part)

    def _facts(self, y: Any, classes: Array | None) -> Mapping[str, Any]:
        return facts_of_values(y)

    def _class_weights(self, class_weight: Any, parts: Sequence[Array], weights: Array | None) -> Array:
        raise ValueError(f"class_weight: expected None for a regressor, got {class_weight!r}; give sample_weight.")
