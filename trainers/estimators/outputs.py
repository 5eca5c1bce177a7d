"""The outputs of a net: how y is cut and encoded for its losses, and how what it says is put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

    Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class NetOutput:
    """One output of a net.

    Parameters
    ----------
    name : as Keras calls it, "output" where it has no name.
    width : numbers a row.
    loss : the name of its loss, lower case; "" for none.
    from_logits : whether its loss takes logits.
    flat : whether it is (rows,) rather than (rows, width).
    """

    name: str
    width: int
    loss: str = ""
    from_logits: bool = False
    flat: bool = False


class OutputPlan(Protocol):
    """How one output takes its part of y, and what it says."""

    @property
    def output(self) -> NetOutput:
        """Return the output it is for."""

    def encode(self, part: Array, where: str) -> Array:
        """Return one output's part of y as its loss takes it; ``where`` names it in messages."""

    def predict(self, raw: Array) -> Array:
        """Return what ``predict`` says of raw output (rows, width): (rows,) or (rows, columns)."""


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """All outputs of a net: one plan each.

    Parameters
    ----------
    plans : in the net's own order.
    keyed : whether the net speaks in a dict by name, rather than in an array or a list.
    """

    plans: tuple[Any, ...]
    keyed: bool

    @property
    def several(self) -> bool:
        """Return whether the net has more than one output."""
        return len(self.plans) > 1

    def cut(self, y: Any, where: str) -> list[Array]:
        """Return the part of y for each output; see :func:`cut`."""
        return cut(y, [plan.output for plan in self.plans], where)

    def encode(self, y: Any, where: str) -> Any:
        """Return y, clean, as ``model.fit`` takes it: an array, a list of arrays, or a dict by output name.

        Where a net says a column y is one too: beside (rows,) a metric of the user's own would take each row with every other.
        """
        parts = self.cut(y, where)
        encoded = [_column(plan.encode(part, where), plan.output) for plan, part in zip(self.plans, parts, strict=True)]
        if self.keyed:
            return {plan.output.name: part for plan, part in zip(self.plans, encoded, strict=True)}
        return encoded if self.several else encoded[0]

    def arrays(self, raw: Any) -> list[Array]:
        """Return the raw output as one float64 array (rows, width) an output.

        Raises
        ------
        ValueError
            A number in it is not finite.
        """
        if isinstance(raw, Mapping):
            raw = [raw[plan.output.name] for plan in self.plans]
        elif not isinstance(raw, list | tuple):
            raw = [raw]
        arrays = [
            np.asarray(part, dtype="float64").reshape(len(part), plan.output.width)
            for plan, part in zip(self.plans, raw, strict=True)
        ]
        for plan, array in zip(self.plans, arrays, strict=True):
            if not np.isfinite(array).all():
                name = f" {plan.output.name!r}" if self.several else ""
                raise ValueError(
                    f"the net's output{name}: expected finite numbers, got NaN or infinity: its training has diverged; "
                    "lower the learning rate, or scale X (and y, in regression)."
                )
        return arrays


def net_outputs(model: keras.Model, row: Any) -> tuple[list[NetOutput], bool]:
    """Return a compiled model's outputs, and whether it speaks in a dict by name.

    Parameters
    ----------
    model : built.
    row : inputs of one row, on which a model is called that is no graph of layers.

    Raises
    ------
    ValueError
        An output isn't (rows,) or (rows, width).
    """
    said = declared_outputs(model)
    if said is None:
        said = model(row, training=False)
    keyed = isinstance(said, Mapping)
    tensors = list(said.values()) if keyed else list(said) if isinstance(said, list | tuple) else [said]
    names = list(said) if keyed else _names(model, len(tensors))
    losses = _losses(model, names)
    outputs = []
    for name, tensor, loss in zip(names, tensors, losses, strict=True):
        shape = tuple(tensor.shape)
        if len(shape) > 2 or not shape:
            raise ValueError(
                f"the net's output {name!r}: expected (rows,) or (rows, units), got {shape}; end in Flatten or pooling, or in a "
                "recurrent layer without return_sequences, before the last Dense."
            )
        width = 1 if len(shape) == 1 else int(shape[1])
        outputs.append(NetOutput(name, width, _loss_name(loss), _takes_logits(loss), flat=len(shape) == 1))
    return outputs, keyed


def declared_outputs(model: keras.Model) -> Any:
    """Return the symbolic outputs of a graph of layers, in the structure that it answers in; None for any other model."""
    import keras

    if isinstance(model, keras.Sequential):
        return model.outputs[0] if model.built else None
    return getattr(model, "_outputs_struct", None)


def cut(y: Any, outputs: Sequence[NetOutput], where: str) -> list[Array]:
    """Return the part of y for each output, (rows,) or (rows, columns).

    Raises
    ------
    ValueError
        y doesn't have the outputs' names, or their number of columns.
    """
    if isinstance(y, Mapping):
        names = [output.name for output in outputs]
        if set(names) != set(y):
            raise ValueError(f"{where}: expected the net's outputs {', '.join(map(repr, names))}, got {', '.join(map(repr, y))}.")
        return [y[name] for name in names]
    if len(outputs) == 1:
        return [y]
    columns = 1 if y.ndim == 1 else y.shape[1]
    widths = [1] * len(outputs) if columns == len(outputs) else [output.width for output in outputs]
    if y.ndim == 1 or columns != sum(widths):
        raise ValueError(
            f"{where}: expected a column for each of the net's {len(outputs)} outputs, got shape {y.shape}; give y as columns "
            f"(numpy.column_stack), or as a dict by name: {', '.join(output.name for output in outputs)}."
        )
    ends = np.cumsum(widths)
    return [y[:, end - 1] if width == 1 else y[:, end - width : end] for end, width in zip(ends.tolist(), widths, strict=True)]


def _column(encoded: Array, output: NetOutput) -> Array:
    return encoded[:, np.newaxis] if output.width == 1 and not output.flat and encoded.ndim == 1 else encoded


def _names(model: Any, count: int) -> list[str]:
    names = list(getattr(model, "output_names", None) or ())
    return names if len(names) == count else [f"output_{number}" if count > 1 else "output" for number in range(count)]


def _losses(model: Any, names: Sequence[str]) -> list[Any]:
    loss = model.loss
    if isinstance(loss, Mapping):
        return [loss.get(name) for name in names]
    if isinstance(loss, list | tuple):
        return [*loss, *[None] * len(names)][: len(names)]
    return [loss] * len(names)


def _loss_name(loss: Any) -> str:
    """Return what a loss is called: a string, a function's name, or a class' and an instance's."""
    if loss is None or isinstance(loss, str):
        return (loss or "").lower()
    inner = getattr(loss, "func", loss)  # a partial
    return f"{getattr(inner, '__name__', '')} {getattr(inner, 'name', '')} {type(inner).__name__}".lower()


def _takes_logits(loss: Any) -> bool:
    return bool(getattr(loss, "from_logits", False) or getattr(loss, "keywords", {}).get("from_logits", False))
