"""Regression: the values of one output, in the target's own unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from trainers.estimators.outputs import NetOutput

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """How one output of a regressor takes its part of y: ``flat`` where that is (rows,), else it has ``output.width`` columns."""

    output: NetOutput
    flat: bool

    def encode(self, part: Array, where: str) -> Array:
        """Return (rows,) or (rows, columns) float32."""
        _columns(part, self.output, where)
        return part.astype("float32")

    def predict(self, raw: Array) -> Array:
        """Return float64, (rows,) or (rows, columns)."""
        return raw[:, 0] if self.flat else raw


def plan_values(output: NetOutput, part: Array) -> Values:
    """Return how an output of a regressor takes its part of y.

    Raises
    ------
    ValueError
        The output hasn't a unit for each column.
    """
    _columns(part, output, "y")
    return Values(output, flat=part.ndim == 1)


def read_values(y: Any, where: str) -> Array:
    """Return y as numbers, (rows,) or (rows, columns).

    Raises
    ------
    ValueError
        It is None, holds texts, NaN or infinity, or has more than two dimensions.
    """
    from sklearn.utils import check_array

    if y is None:
        raise ValueError(f"{where}: this estimator requires y to be passed, but the target y is None.")
    array: Array = check_array(y, ensure_2d=False, dtype="numeric", input_name=where)
    return array


def facts_of_values(y: Any) -> dict[str, Any]:
    """Return what a builder may want to know of y: ``output_units``; the others are for scikeras' ``meta``."""
    if isinstance(y, dict):
        return {"output_units": {name: _width(part) for name, part in y.items()}, "n_classes": None, "n_outputs_": len(y)}
    kind = "continuous" if y.ndim == 1 else "continuous-multioutput"
    return {"output_units": _width(y), "n_classes": None, "n_outputs_": _width(y), "n_outputs_expected_": 1, "target_type_": kind}


def _width(part: Array) -> int:
    return 1 if part.ndim == 1 else int(part.shape[1])


def _columns(part: Array, output: NetOutput, where: str) -> None:
    columns = _width(part)
    if columns != output.width:
        raise ValueError(
            f"the net's output {output.name!r}: expected {columns} units for the {columns} columns of {where}, got "
            f"{output.width}; change the units of the last layer (a builder's parameter output_units is given their number)."
        )
