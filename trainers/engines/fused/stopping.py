"""Early stopping inside a program: Keras' ``EarlyStopping``, for one member, as a pure function."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import keras

from trainers.engines.fused.members import Stopping
from trainers.errors import NotFusableError

RUNNING, STOPPED, DIVERGED, COMPLETE = 0, 1, 2, 3


class Rule(NamedTuple):
    """What a program must know of early stopping when it is traced.

    ``log`` is the place of the monitored value among the training logs followed by the validation logs; None watches nothing.
    ``sign`` is 1 where larger is better, else -1. ``restore`` keeps a copy of the best weights. ``finite`` are the places of the
    logs that end a member when they are NaN or infinite.
    """

    log: int | None
    sign: int
    restore: bool
    finite: tuple[int, ...]


class Watch(NamedTuple):
    """Best value so far (float32), its epoch (int32, from 0) and the epochs since (int32)."""

    best: Any
    epoch: Any
    wait: Any


def make_rule(stopping: Stopping | None, model: keras.Model, log_names: tuple[str, ...], validated: bool) -> Rule:
    """Return the rule for a model whose metrics are built; ``validated`` says whether there are rows to monitor.

    Raises
    ------
    NotFusableError
        The logs lack the monitored value, and ``stopping`` is not lenient; or Keras cannot tell its direction. ``fit`` then says
        what is wrong.
    """
    names = [*log_names, *(f"val_{name}" for name in log_names if validated)]
    finite = [names.index(name) for name in ("loss", "val_loss") if name in names]
    if stopping is None:
        return Rule(None, -1, False, tuple(finite))
    missing = stopping.monitor not in names
    if missing and not stopping.lenient:
        raise NotFusableError(f"early stopping watches {stopping.monitor!r}, which the model does not yield")
    callback = keras.callbacks.EarlyStopping(monitor=stopping.monitor, mode=stopping.mode)
    callback.set_model(model)
    try:
        callback._set_monitor_op()
    except ValueError as error:
        raise NotFusableError(f"early stopping: {error}") from error
    if missing:
        return Rule(None, -1, False, tuple(finite))
    sign = 1 if callback.monitor_op is keras.ops.greater else -1
    log = names.index(stopping.monitor)
    return Rule(log, sign, stopping.restore_best_weights, tuple(sorted({*finite, log})))


def look(watch: Watch, value: Any, epoch: Any, patience: Any, min_delta: Any, *, sign: int) -> tuple[Watch, Any, Any]:
    """Return the watch after one more epoch, whether the value is an improvement, and whether to stop.

    The first value is one, whatever it is; NaN is never better nor bettered. Training does not stop after its first epoch.
    """
    improved = (epoch == 0) | (sign * value - min_delta > sign * watch.best)
    after = Watch(
        jnp.where(improved, value, watch.best),
        jnp.where(improved, epoch, watch.epoch),
        jnp.where(improved, 0, watch.wait + 1),
    )
    return after, improved, ~improved & (after.wait >= patience) & (epoch > 0)
