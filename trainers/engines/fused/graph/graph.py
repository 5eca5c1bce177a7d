"""One compiled Keras model as pure functions of one member's state: what all programs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np

from trainers.engines.fused.graph.dials import Place, turned
from trainers.engines.fused.graph.rowwise import rows_are_independent
from trainers.errors import NotFusableError, one_line

_OVERRIDABLE = ("train_step", "test_step", "fit", "evaluate", "make_train_function", "make_test_function")


class State(NamedTuple):
    """What training changes, in the order of the model's variables."""

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]


class Batch(NamedTuple):
    """Rows of one step: inputs and target (pytrees, rows first), sample weights and mask (rows,) float32, None where all are
    1.
    """

    inputs: Any
    target: Any
    weights: Any
    mask: Any


def refusal(model: keras.Model) -> str | None:
    """Return why the fused engine cannot train ``model``, as far as can be seen without tracing it, or None."""
    for name in _OVERRIDABLE:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            return f"the model has its own {name}"
    if model.run_eagerly:
        return "the model is compiled with run_eagerly"
    if type(model.optimizer).__name__ == "LossScaleOptimizer":
        return "the optimizer scales the loss (mixed_float16)"
    if model.optimizer.use_ema:
        return "the optimizer keeps a moving average of the weights (use_ema)"
    return None


class Graph:
    """A model whose graph a program runs; its own weights are not used.

    Attributes
    ----------
    padded : whether a last batch may be filled up with rows of weight 0 in training.
    chunked : whether rows may be evaluated in chunks of any size, filled up likewise.
    slow_in_lanes : whether it has convolutions or attention, which XLA runs slowly on CPU in loops and with a member axis.
    log_names : names of the epoch's logs in Keras' order, without ``val_``.
    """

    def __init__(self, model: keras.Model, places: tuple[Place, ...], sample: Batch) -> None:
        self.model = model
        self.places = places
        try:
            model._symbolic_build(data_batch=(sample.inputs, sample.target, sample.weights))
        except Exception as error:
            raise NotFusableError(f"it cannot be traced by JAX: {one_line(error)}") from error
        model.reset_metrics()
        self.metrics_start = [np.asarray(variable.value) for variable in model.metrics_variables]
        self.optimizer_start = [np.asarray(variable.value) for variable in model.optimizer.variables]
        self.padded = rows_are_independent(model, training=True)
        self.chunked = rows_are_independent(model, training=False)
        kinds = [type(layer).__name__ for layer in model._flatten_layers(include_self=False)]
        self.slow_in_lanes = any("Conv" in kind or "Attention" in kind for kind in kinds)
        trackers = {id(v) for metric in model._compile_loss.metrics for v in metric.variables} if model._compile_loss else set()
        self._loss_tracked = [id(variable) in trackers for variable in model.metrics_variables]
        self.log_names = self._log_names()

    def learning_rate_index(self) -> int | None:
        """Return where the learning rate stands among the optimizer's variables, or None under a schedule."""
        for index, variable in enumerate(self.model.optimizer.variables):
            if variable is self.model.optimizer._learning_rate:
                return index
        return None

    def train_step(self, state: State, metrics: list[Any], dials: Any, batch: Batch) -> tuple[State, list[Any]]:
        """Return state and metrics after one optimizer step; with a mask that is all zero, unchanged."""
        with turned(self.places, *dials):
            if batch.mask is None:
                full = (state.trainable, state.non_trainable, state.optimizer, metrics)
                _, new = self.model.train_step(full, (batch.inputs, batch.target, batch.weights))
                return State(list(new[0]), list(new[1]), list(new[2])), list(new[3])
            real = jnp.sum(batch.mask)
            (_, (loss, prediction, non_trainable, tracked)), gradients = jax.value_and_grad(
                self.model.compute_loss_and_updates, has_aux=True
            )(
                state.trainable, state.non_trainable, metrics, batch.inputs, batch.target, _spread(batch, real),
                training=True, optimizer_variables=state.optimizer,
            )  # fmt: skip
            trainable, optimizer = self.model.optimizer.stateless_apply(state.optimizer, gradients, state.trainable)
            tracked = self._true_counts(metrics, tracked, batch.mask, real)
            tracked = self._update_metrics(tracked, loss, prediction, batch, real)
        new_state = State(list(trainable), list(non_trainable), list(optimizer))
        kept: tuple[State, list[Any]] = _where(real > 0, (new_state, tracked), (state, metrics))
        return kept

    def test_step(self, state: State, metrics: list[Any], dials: Any, batch: Batch) -> list[Any]:
        """Return the metrics after one batch of evaluation; with a mask that is all zero, unchanged.

        The dials matter here too: Keras counts the penalties on weights in the validation loss.
        """
        with turned(self.places, *dials):
            if batch.mask is None:
                full = (state.trainable, state.non_trainable, metrics)
                _, new = self.model.test_step(full, (batch.inputs, batch.target, batch.weights))
                return list(new[2])
            real = jnp.sum(batch.mask)
            _, (loss, prediction, _, tracked) = self.model.compute_loss_and_updates(
                state.trainable, state.non_trainable, metrics, batch.inputs, batch.target, _spread(batch, real), training=False
            )
        tracked = self._true_counts(metrics, tracked, batch.mask, real)
        tracked = self._update_metrics(tracked, loss, prediction, batch, real)
        updated: list[Any] = _where(real > 0, tracked, metrics)
        return updated

    def predict(self, state: State, inputs: Any) -> Any:
        """Return the model's raw output for ``inputs``."""
        kwargs = {"training": False} if self.model._call_has_training_arg else {}
        outputs, _ = self.model.stateless_call(state.trainable, state.non_trainable, inputs, **kwargs)
        return outputs

    def logs(self, metrics: Sequence[Any]) -> Any:
        """Return the epoch's logs in the order of ``log_names``, (logs,) float32."""
        with keras.StatelessScope(state_mapping=list(zip(self.model.metrics_variables, metrics, strict=True))):
            results = self.model.get_metrics_result()
        return jnp.stack([jnp.asarray(results[name], dtype="float32") for name in self.log_names])

    def _log_names(self) -> tuple[str, ...]:
        shapes: dict[str, tuple[int, ...]] = {}

        def look() -> None:
            with keras.StatelessScope():
                shapes.update({name: jnp.shape(result) for name, result in self.model.get_metrics_result().items()})

        jax.eval_shape(look)
        vectors = [name for name, shape in shapes.items() if shape != ()]
        if vectors:
            raise NotFusableError(f"metric {vectors[0]!r} yields several numbers")
        return tuple(shapes)

    def _true_counts(self, before: list[Any], after: Sequence[Any], mask: Any, real: Any) -> list[Any]:
        """Undo that the trackers of single losses count a padded batch by its padded size."""
        share = real / mask.shape[0]
        return [
            jnp.where(share < 1, old + (new - old) * share, new) if tracked else new
            for tracked, old, new in zip(self._loss_tracked, before, after, strict=True)
        ]

    def _update_metrics(self, metrics: list[Any], loss: Any, prediction: Any, batch: Batch, real: Any) -> list[Any]:
        model, weighted = self.model, batch.mask if batch.weights is None else batch.mask * batch.weights
        mapping = list(zip(model.metrics_variables, metrics, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            model._loss_tracker.update_state(loss, sample_weight=real)
            compiled = model._compile_metrics
            if compiled is not None:
                targets, predictions = compiled._flatten_y(batch.target), compiled._flatten_y(prediction)
                for several, weights in ((compiled._flat_metrics, batch.mask), (compiled._flat_weighted_metrics, weighted)):
                    for metric, target, predicted in zip(several, targets, predictions, strict=True):
                        if metric:
                            metric.update_state(target, predicted, sample_weight=weights)
        return [scope.get_current_value(variable) for variable in model.metrics_variables]


def _spread(batch: Batch, real: Any) -> Any:
    """Return sample weights under which the mean over a padded batch is the mean over its real rows."""
    weights = batch.mask if batch.weights is None else batch.mask * batch.weights
    return weights * (batch.mask.shape[0] / jnp.maximum(real, 1))


def _where(condition: Any, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
