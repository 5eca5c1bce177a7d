"""The compiled programs of one graph: many epochs of many members as one loop, and predictions.

Lanes stand for members; a lane's numbers depend on nothing but its own state and rows. Which member is in which lane, and when
the host is met, is not known here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from trainers.engines.fused.graph import Batch, Graph, State
from trainers.engines.fused.members import Visit
from trainers.engines.fused.stopping import COMPLETE, DIVERGED, RUNNING, STOPPED, Rule, Watch, look
from trainers.errors import NotFusableError, one_line

_log = logging.getLogger(__name__)

_COMPILER_OPTIONS: dict[str, bool | int | str] = {
    "xla_backend_optimization_level": 1,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""How XLA compiles a loop for the CPU: in less than half the time of its defaults, with steps as fast (``docs/design.md``)."""

OnVisit = Callable[[Visit], None]


class Lane(NamedTuple):
    """All that changes of one member, or of many with a leading lanes axis. ``best`` is a copy of the weights or empty."""

    state: State
    best: tuple[list[Any], list[Any]]
    watch: Watch
    epoch: Any
    status: Any


class Fixed(NamedTuple):
    """What is a member's own and does not change: dials and their complements (dials,) float32, ``shift``, and its limits.

    ``shift`` is added to the number of a row's inputs for that of its target.
    """

    dials: Any
    complements: Any
    shift: Any
    epochs: Any
    patience: Any
    min_delta: Any


class Pool(NamedTuple):
    """All rows that members index into: inputs and targets, pytrees of arrays, rows first, each numbered by itself."""

    inputs: Any
    target: Any


class Feed(NamedTuple):
    """Which rows a member meets, as row numbers of the pool's inputs; a row that only fills up is written as ``-1 - row``.

    ``train`` is (epochs, lanes, steps * batch [+ last batch]) and ``monitor`` (lanes, chunks * chunk [+ last chunk]); the weights
    are float32 of the same shape, or None. ``steps`` and ``chunks`` say how many full ones anybody needs. ``epochs`` are to be
    trained, or fewer once less than ``wanted`` lanes run.
    """

    train: Any
    train_weights: Any
    steps: Any
    monitor: Any
    monitor_weights: Any
    chunks: Any
    epochs: Any
    wanted: Any


def start(state: State, rule: Rule) -> Lane:
    """Return a member that has not begun."""
    best = (list(state.trainable), list(state.non_trainable)) if rule.restore else ([], [])
    watch = Watch(np.float32(np.nan), np.int32(0), np.int32(0))
    return Lane(state, best, watch, np.int32(0), np.int32(RUNNING))


class Program:
    """One graph under one stopping rule, for batches of one size. Compiled on first use and kept."""

    def __init__(self, graph: Graph, rule: Rule, batch: int, chunk: int) -> None:
        self.graph = graph
        self.rule = rule
        self.batch = batch
        self.chunk = chunk
        self._compiled: dict[Any, tuple[Callable[..., tuple[Lane, Any]], int]] = {}
        self._place_on_device = jax.jit(_place, donate_argnums=0)
        self.predict = jax.jit(self._predict, compiler_options=_compiler_options())
        self.predict_one = jax.jit(self._predict_one)
        self.step = jax.jit(partial(self._step, padded=graph.padded), donate_argnums=0)
        self.test = jax.jit(self._test)
        self.logs = jax.jit(graph.logs)
        self.end_epoch = jax.jit(self._end_epoch)

    def place(self, lanes: Any, members: Mapping[int, Any]) -> Any:
        """Return ``lanes`` (lanes, or their fixed parts) with ``members`` put at their places."""
        if not members:
            return lanes
        if jax.default_backend() == "cpu":  # copied on the host: nothing to compile for each graph
            return jax.tree.map(partial(_place_on_host, list(members)), lanes, *members.values())
        for index, one in members.items():
            lanes = self._place_on_device(lanes, np.int32(index), one)
        return lanes

    def compiled(
        self, lanes: Lane, fixed: Fixed, pool: Pool, feed: Feed, memory_bytes: int | None = None
    ) -> Callable[..., tuple[Lane, Any]]:
        """Return the compiled loop for arguments of these shapes; see :meth:`_train` for what it does.

        Raises
        ------
        NotFusableError
            The model cannot be traced.
        MemoryError
            It would take more than ``memory_bytes``.
        """
        arguments = (lanes, fixed, pool, feed)
        leaves, structure = jax.tree.flatten(arguments)
        key = (structure, tuple((np.shape(leaf), str(leaf.dtype)) for leaf in leaves))
        if key not in self._compiled:
            begun = time.perf_counter()
            made = self._lower(arguments).compile(_compiler_options())
            self._compiled[key] = made, _memory_of(made)
            _log.info("A program of %d lanes compiled in %.2f s.", lanes.epoch.shape[0], time.perf_counter() - begun)
        compiled, needed = self._compiled[key]
        if memory_bytes is not None and needed > memory_bytes:
            raise MemoryError(f"a program of {lanes.epoch.shape[0]} lanes: expected at most {memory_bytes} bytes, got {needed}.")
        return compiled

    def _lower(self, arguments: tuple[Any, ...]) -> Any:
        try:
            return jax.jit(self._train, donate_argnums=0).lower(*arguments)
        except Exception as error:
            raise NotFusableError(f"it cannot be traced by JAX: {one_line(error)}") from error

    def _train(self, lanes: Lane, fixed: Fixed, pool: Pool, feed: Feed) -> tuple[Lane, Any]:
        """Train all lanes as ``feed`` says.

        Returns the lanes and their logs, (epochs, lanes, logs) float32: training logs, then validation logs, NaN where not run.
        """
        validated = feed.monitor.shape[1] > 0
        count = len(self.graph.log_names) * (2 if validated else 1)
        most = feed.train.shape[0]
        logs = jnp.full((most, feed.train.shape[1], count), jnp.nan, dtype="float32")

        def going(carry: tuple[Any, Lane, Any]) -> Any:
            epoch, lanes, _ = carry
            return (epoch < feed.epochs) & (jnp.sum(lanes.status == RUNNING) >= feed.wanted)

        def body(carry: tuple[Any, Lane, Any]) -> tuple[Any, Lane, Any]:
            epoch, lanes, logs = carry
            rows = lax.dynamic_index_in_dim(feed.train, epoch, keepdims=False)
            weights = None if feed.train_weights is None else lax.dynamic_index_in_dim(feed.train_weights, epoch, keepdims=False)
            lanes, now = self._epoch(lanes, fixed, pool, feed._replace(train=rows, train_weights=weights))
            return epoch + 1, lanes, lax.dynamic_update_index_in_dim(logs, now, epoch, 0)

        _, lanes, logs = lax.while_loop(going, body, (jnp.int32(0), lanes, logs))
        return lanes, logs

    def _epoch(self, lanes: Lane, fixed: Fixed, pool: Pool, feed: Feed) -> tuple[Lane, Any]:
        count = feed.train.shape[0]
        zero = [jnp.broadcast_to(value, (count, *value.shape)) for value in map(jnp.asarray, self.graph.metrics_start)]
        state, metrics = self._steps(lanes.state, zero, fixed, pool, feed)
        logs = jax.vmap(self.graph.logs)(metrics)
        if feed.monitor.shape[1] > 0:
            seen = self._monitor((state, zero), fixed, pool, feed)
            logs = jnp.concatenate([logs, jax.vmap(self.graph.logs)(seen)], axis=1)
        ended = jax.vmap(self._end_epoch)(lanes._replace(state=state), fixed, logs)
        running = lanes.status == RUNNING
        kept = jax.tree.map(lambda new, old: jnp.where(_along(running, new), new, old), ended, lanes)
        return kept, jnp.where(running[:, None], logs, jnp.nan)

    def _steps(self, state: State, metrics: list[Any], fixed: Fixed, pool: Pool, feed: Feed) -> tuple[State, list[Any]]:
        padded = self.graph.padded
        step = jax.vmap(partial(self._step, padded=padded), in_axes=(0, 0, None, 0, 0))

        def slice_at(array: Any, at: Any, size: int) -> Any:
            return None if array is None else lax.dynamic_slice_in_dim(array, at, size, axis=1)

        def body(index: Any, carry: tuple[State, list[Any]]) -> tuple[State, list[Any]]:
            rows = slice_at(feed.train, index * self.batch, self.batch)
            weights = slice_at(feed.train_weights, index * self.batch, self.batch)
            done: tuple[State, list[Any]] = step(carry, fixed, pool, rows, weights)
            return done

        if feed.train.shape[1] >= self.batch:
            state, metrics = lax.fori_loop(0, feed.steps, body, (state, metrics))
        last = feed.train.shape[1] % self.batch
        if last:
            at = feed.train.shape[1] - last
            rows, weights = slice_at(feed.train, at, last), slice_at(feed.train_weights, at, last)
            state, metrics = step((state, metrics), fixed, pool, rows, weights)
        return state, metrics

    def _step(self, before: tuple[State, list[Any]], fixed: Fixed, pool: Pool, rows: Any, weights: Any, *, padded: bool) -> Any:
        batch = gather(pool, fixed.shift, rows, weights, padded)
        new = self.graph.train_step(*before, (fixed.dials, fixed.complements), batch)
        if padded:
            return new
        return jax.tree.map(lambda a, b: jnp.where(rows[0] >= 0, a, b), new, before)

    def _test(self, before: tuple[State, list[Any]], fixed: Fixed, pool: Pool, rows: Any, weights: Any) -> list[Any]:
        state, metrics = before
        chunked = self.graph.chunked
        batch = gather(pool, fixed.shift, rows, weights, chunked)
        new = self.graph.test_step(state, metrics, (fixed.dials, fixed.complements), batch)
        if chunked:
            return new
        kept: list[Any] = jax.tree.map(lambda a, b: jnp.where(rows[0] >= 0, a, b), new, metrics)
        return kept

    def _monitor(self, before: tuple[State, list[Any]], fixed: Fixed, pool: Pool, feed: Feed) -> list[Any]:
        step = jax.vmap(self._test, in_axes=(0, 0, None, 0, 0))
        state, metrics = before

        def body(index: Any, metrics: list[Any]) -> list[Any]:
            rows = lax.dynamic_slice_in_dim(feed.monitor, index * self.chunk, self.chunk, axis=1)
            weights = feed.monitor_weights
            if weights is not None:
                weights = lax.dynamic_slice_in_dim(weights, index * self.chunk, self.chunk, axis=1)
            done: list[Any] = step((state, metrics), fixed, pool, rows, weights)
            return done

        seen: list[Any] = lax.fori_loop(0, feed.chunks, body, metrics) if feed.monitor.shape[1] >= self.chunk else metrics
        last = feed.monitor.shape[1] % self.chunk
        if last:
            weights = None if feed.monitor_weights is None else feed.monitor_weights[:, -last:]
            seen = step((state, seen), fixed, pool, feed.monitor[:, -last:], weights)
        return seen

    def _end_epoch(self, lane: Lane, fixed: Fixed, logs: Any) -> Lane:
        """Close one member's epoch as Keras' callbacks do: diverged, stopped early, or complete."""
        watch, best, stop = lane.watch, lane.best, jnp.bool_(False)
        if self.rule.log is not None:
            value = logs[self.rule.log]
            watch, improved, stop = look(watch, value, lane.epoch, fixed.patience, fixed.min_delta, sign=self.rule.sign)
            if self.rule.restore:
                now = (lane.state.trainable, lane.state.non_trainable)
                best = jax.tree.map(lambda new, old: jnp.where(improved, new, old), now, best)
        epoch = lane.epoch + 1
        status = jnp.where(epoch >= fixed.epochs, COMPLETE, RUNNING)
        status = jnp.where(stop, STOPPED, status)
        status = jnp.where(jnp.isfinite(logs[jnp.array(self.rule.finite)]).all(), status, DIVERGED)
        return Lane(lane.state, best, watch, epoch, status.astype("int32"))

    def _predict(self, lanes: Lane, which: Any, pool: Pool, rows: Any) -> Any:
        """Return the outputs of the lanes ``which``, (pair,) int32, on ``rows``, (pair, rows) int32: the best weights, else the
        last.
        """
        weights = lanes.best if self.rule.restore else (lanes.state.trainable, lanes.state.non_trainable)
        trainable, non_trainable = jax.tree.map(lambda value: value[which], weights)

        return jax.vmap(self._predict_one, in_axes=(0, 0, None, 0))(trainable, non_trainable, pool, rows)

    def _predict_one(self, trainable: Any, non_trainable: Any, pool: Pool, rows: Any) -> Any:
        inputs = jax.tree.map(lambda values: values[rows], pool.inputs)
        return self.graph.predict(State(trainable, non_trainable, []), inputs)


def gather(pool: Pool, shift: Any, rows: Any, weights: Any, masked: bool) -> Batch:
    """Return one member's batch of the rows numbered ``rows``, (rows,) int32, where ``-1 - row`` only fills up."""
    mask = (rows >= 0).astype("float32") if masked else None
    index = jnp.where(rows >= 0, rows, -1 - rows)

    def taken(values: Any, at: Any) -> Any:
        return jax.tree.map(lambda array: array.at[at].get(mode="promise_in_bounds"), values)

    return Batch(taken(pool.inputs, index), taken(pool.target, index + shift), weights, mask)


def _memory_of(compiled: Any) -> int:
    """Return the bytes that a compiled program needs: arguments, results that do not take their place, and what it works in."""
    stats = compiled.memory_analysis()
    if stats is None:
        return 0
    kept = stats.argument_size_in_bytes + stats.output_size_in_bytes - stats.alias_size_in_bytes
    return int(kept + stats.temp_size_in_bytes)


def _along(flags: Any, values: Any) -> Any:
    return flags.reshape(flags.shape + (1,) * (values.ndim - flags.ndim))


def _compiler_options() -> dict[str, bool | int | str] | None:
    return _COMPILER_OPTIONS if jax.default_backend() == "cpu" else None


def _place_on_host(places: list[int], values: Any, *new: Any) -> Any:
    copy = np.array(values)
    for index, one in zip(places, new, strict=True):
        copy[index] = one
    return jax.device_put(copy)


def _place(lanes: Any, index: Any, one: Any) -> Any:
    return jax.tree.map(
        lambda all_, new: lax.dynamic_update_index_in_dim(all_, jnp.asarray(new, all_.dtype), index, 0), lanes, one
    )
