"""The step per member: one jitted step called from Python, one member after another.

XLA runs convolutions inside loops, and convolutions whose filters have a member axis, many times slower on CPU than one step
alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from trainers.engines.fused.feeding import Numbers, RowPool, columns, lay
from trainers.engines.fused.members import MemberResult
from trainers.engines.fused.program import Fixed, Lane, OnVisit, Program, start
from trainers.engines.fused.readout import Run, model_weights
from trainers.engines.fused.starts import Start
from trainers.engines.fused.stopping import RUNNING

_VISIT_SECONDS = 0.5


class Singles:
    """Trains members of one program, each alone.

    Parameters
    ----------
    program : of the members' graph.
    pool : all their rows.
    members : and the values they start from; each is asked for when the one before it is done.
    """

    def __init__(self, program: Program, pool: RowPool, members: Iterator[tuple[Run, Start]]) -> None:
        self._program = program
        self._pool = pool.arrays
        self._members = members

    def train(self, on_visit: OnVisit) -> Iterator[MemberResult]:
        """Train all members as long as somebody wants to read them; yield every result as soon as it is read."""
        for run, begin in self._members:
            lane: Lane = jax.device_put(start(begin.state, self._program.rule))
            fixed: Fixed = jax.device_put(begin.fixed)
            monitor = self._monitor_batches(run)
            begun = visited = time.perf_counter()
            while run.status == RUNNING and run.reads:
                lane, logs = self._epoch(lane, fixed, run, monitor)
                status, best_epoch, logs = jax.device_get((lane.status, lane.watch.epoch, logs))
                run.status, run.best_epoch = int(status), int(best_epoch)
                run.logs.append(logs)
                now = time.perf_counter()
                if now - visited >= _VISIT_SECONDS or run.status != RUNNING:
                    visited = now
                    on_visit(run.visit(self._program.rule.log))
                if run.due:
                    run.seconds, begun = now - begun, now
                    yield from self._read(lane, run)
                    run.drop_unwanted()

    def _epoch(self, lane: Lane, fixed: Fixed, run: Run, monitor: list[tuple[Any, Any]]) -> tuple[Lane, Any]:
        program, graph = self._program, self._program.graph
        ((rows, weights),) = run.order.epochs_ahead(1)
        run.order.done(1)
        state, metrics = lane.state, [jax.device_put(value) for value in graph.metrics_start]
        for batch, given in _batches(rows, weights, program.batch, graph.padded):
            state, metrics = program.step((state, metrics), fixed, self._pool, batch, given)
        logs = program.logs(metrics)
        if monitor:
            seen = [jax.device_put(value) for value in graph.metrics_start]
            for batch, given in monitor:
                seen = program.test((state, seen), fixed, self._pool, batch, given)
            logs = np.concatenate([logs, program.logs(seen)])
        return program.end_epoch(lane._replace(state=state), fixed, logs), logs

    def _monitor_batches(self, run: Run) -> list[tuple[Any, Any]]:
        if not len(run.monitor):
            return []
        return _batches(run.monitor, run.member.monitor_weights, self._program.chunk, self._program.graph.chunked)

    def _read(self, lane: Lane, run: Run) -> Iterator[MemberResult]:
        rule, graph = self._program.rule, self._program.graph
        trainable, non_trainable = lane.best if rule.restore else (lane.state.trainable, lane.state.non_trainable)
        parts = []
        for begin in range(0, max(len(run.score), 1), run.chunk):
            rows = np.full(run.chunk, run.train[0], dtype="int32")
            here = run.score[begin : begin + run.chunk]
            rows[: len(here)] = here
            parts.append(jax.tree.map(np.asarray, self._program.predict_one(trainable, non_trainable, self._pool, rows)))
        prediction = jax.tree.map(lambda *arrays: np.concatenate(arrays)[: len(run.score)], *parts)
        weights = model_weights(graph.model, trainable, non_trainable, run.widening)
        yield from run.results(graph.log_names, rule.restore, prediction, weights)


def _batches(rows: Numbers, weights: Any, size: int, filled: bool) -> list[tuple[Any, Any]]:
    """Return rows and weights cut into batches; the last is filled up or shorter."""
    laid = np.empty(columns(len(rows), size, filled), dtype="int32")
    given = None if weights is None else np.empty(laid.shape, dtype="float32")
    lay(laid, given, rows, weights, batch=size, filled=filled)
    return [(laid[at : at + size], None if given is None else given[at : at + size]) for at in range(0, len(laid), size)]
