"""The vectorised loop as the host drives it: members wait for lanes, train a while, are read, and make room for the next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from trainers.engines.fused.feeding import RowPool, lay
from trainers.engines.fused.groups import Group
from trainers.engines.fused.members import MemberResult
from trainers.engines.fused.program import Feed, Fixed, Lane, OnVisit, Program, start
from trainers.engines.fused.readout import PAIR, Run, model_weights, predict_pair
from trainers.engines.fused.starts import Start
from trainers.engines.fused.stopping import COMPLETE, RUNNING

_VISIT_SECONDS = 0.5
_FEED_BYTES = 8 << 20
_MOST_EPOCHS = 64


class Lanes:
    """Trains members of one program, ``count`` at a time: an idle lane is the next one's that may begin.

    Parameters
    ----------
    program : of the members' graph.
    pool : all rows that they index into.
    group : the members.
    count : lanes, a power of two and at least 2.
    memory_bytes : what the program may take; None for no limit.
    """

    def __init__(
        self,
        program: Program,
        pool: RowPool,
        group: Group,
        count: int,
        *,
        memory_bytes: int | None = None,
    ) -> None:
        self._memory_bytes = memory_bytes
        self._program = program
        self._rows = pool
        self._pool = pool.arrays
        self._group = group
        self._widths = group.widths
        self._in_lane: list[Run | None] = [None] * count
        self._monitor = np.empty((count, self._widths.monitor), dtype="int32")
        self._monitor_weights = np.empty(self._monitor.shape, dtype="float32") if self._widths.monitor_weighted else None
        fitting = _FEED_BYTES // (4 * count * self._widths.train)
        self._most_epochs = 1 << max(min(fitting, _MOST_EPOCHS, self._widths.epochs).bit_length() - 1, 0)
        self._epoch_seconds: float | None = None

    def train(self, on_visit: OnVisit) -> Iterator[MemberResult]:
        """Train members until none may begin; yield every result as soon as it is read.

        Whether others may begin, and who is to go on, is asked after that: whoever takes the results may have let them.
        """
        seated = self._seat()
        if not seated:
            return
        lanes, fixed = self._laid(seated)
        while any(self._in_lane):
            epochs = self._epochs_to_next_visit()
            feed = self._feed(epochs)
            step = self._program.compiled(lanes, fixed, self._pool, feed, self._memory_bytes)
            begun = time.perf_counter()
            lanes, logs = step(lanes, fixed, self._pool, feed)
            seen = jax.device_get((lanes.epoch, lanes.status, lanes.watch.epoch, logs))
            self._note(*seen, seconds=time.perf_counter() - begun)
            for run in self._in_lane:
                if run is not None:
                    on_visit(run.visit(self._program.rule.log))
            yield from self._read(lanes)
            lanes, fixed = self._refill(lanes, fixed)

    def _seat(self) -> dict[int, Start]:
        """Let members begin in all lanes that are idle, as far as there are any; return where, and what they start from."""
        idle = [index for index, run in enumerate(self._in_lane) if run is None]
        taken = self._group.take(len(idle), self._rows)
        for index, (run, _) in zip(idle, taken, strict=False):
            self._sit(index, run)
        return {index: begin for index, (_, begin) in zip(idle, taken, strict=False)}

    def _laid(self, seated: dict[int, Start]) -> tuple[Lane, Fixed]:
        """Return all lanes; those without a member hold a copy of the first and do not run."""
        members: list[tuple[Lane, Fixed]] = []
        for index in range(len(self._in_lane)):
            begin = seated.get(index, seated[0])
            lane = start(begin.state, self._program.rule)
            if index not in seated:
                lane = lane._replace(status=np.int32(COMPLETE))
                self._monitor[index] = self._monitor[0]
                if self._monitor_weights is not None:
                    self._monitor_weights[index] = self._monitor_weights[0]
            members.append((lane, begin.fixed))
        stacked: tuple[Lane, Fixed] = jax.tree.map(lambda *values: jax.device_put(np.stack(values)), *members)
        return stacked

    def _sit(self, index: int, run: Run) -> None:
        self._in_lane[index] = run
        if self._widths.monitor:
            weights = None if self._monitor_weights is None else self._monitor_weights[index]
            filled = self._program.graph.chunked
            lay(self._monitor[index], weights, run.monitor, run.member.monitor_weights, batch=self._program.chunk, filled=filled)

    def _refill(self, lanes: Lane, fixed: Fixed) -> tuple[Lane, Fixed]:
        cut = []
        for index, run in enumerate(self._in_lane):
            if run is None:
                continue
            run.drop_unwanted()
            if not run.reads:
                self._in_lane[index] = None
                cut += [index] * (run.status == RUNNING)
        seated = self._seat()
        ended = {index: np.int32(COMPLETE) for index in cut if index not in seated}
        lanes = lanes._replace(status=self._program.place(lanes.status, ended))
        begun = {index: start(begin.state, self._program.rule) for index, begin in seated.items()}
        return self._program.place(lanes, begun), self._program.place(fixed, {at: begin.fixed for at, begin in seated.items()})

    def _wanted(self) -> int:
        """Return how many lanes must run for the loop to go on: with members waiting, a quarter idle is time for a visit.

        Where so many are idle already, since those that wait may not begin yet, the next that ends is.
        """
        if not self._group.waits_for(self._rows):
            return 1
        running = sum(run is not None for run in self._in_lane)
        return min(max(len(self._in_lane) * 3 // 4, 1), running)

    def _epochs_to_next_visit(self) -> int:
        to_read = min(run.reads[0] - run.epoch for run in self._in_lane if run is not None)
        if self._epoch_seconds is None:
            return min(to_read, self._most_epochs, 2)
        return min(to_read, self._most_epochs, max(1, round(_VISIT_SECONDS / self._epoch_seconds)))

    def _feed(self, epochs: int) -> Feed:
        program, filled = self._program, self._program.graph.padded
        rows = np.full((self._most_epochs, len(self._in_lane), self._widths.train), -1, dtype="int32")
        weights = np.ones(rows.shape, dtype="float32") if self._widths.weighted else None
        for index, run in enumerate(self._in_lane):
            for epoch, (order, given) in enumerate(run.order.epochs_ahead(epochs) if run is not None else ()):
                beside = None if weights is None else weights[epoch, index]
                lay(rows[epoch, index], beside, order, given, batch=program.batch, filled=filled)
        return Feed(
            train=rows,
            train_weights=weights,
            steps=np.int32(self._widths.train // program.batch),
            monitor=self._monitor.copy(),
            monitor_weights=self._monitor_weights,
            chunks=np.int32(self._widths.monitor // program.chunk),
            epochs=np.int32(epochs),
            wanted=np.int32(self._wanted()),
        )

    def _note(self, epoch: Any, status: Any, best_epoch: Any, logs: Any, *, seconds: float) -> None:
        running = [(index, run) for index, run in enumerate(self._in_lane) if run is not None]
        most = 1
        for index, run in running:
            done = int(epoch[index]) - run.epoch
            run.order.done(done)
            run.logs.extend(logs[:done, index])
            run.status, run.best_epoch = int(status[index]), int(best_epoch[index])
            run.seconds += seconds / len(running)
            most = max(most, done)
        self._epoch_seconds = seconds / most

    def _read(self, lanes: Lane) -> Iterator[MemberResult]:
        due = [(index, run) for index, run in enumerate(self._in_lane) if run is not None and run.due]
        due.sort(key=lambda pair: pair[1].chunk)
        if not due:
            return
        rule, graph = self._program.rule, self._program.graph
        chosen = lanes.best if rule.restore else (lanes.state.trainable, lanes.state.non_trainable)
        trainable, non_trainable = jax.device_get(chosen)  # once for all: slicing on the device is compiled for every shape
        while due:
            first = due.pop(0)
            second = due.pop(0) if due and due[0][1].chunk == first[1].chunk else first
            pair = [first, second][: PAIR if second is not first else 1]
            predictions = predict_pair(self._program, lanes, self._pool, (first[0], second[0]), (first[1], second[1]))
            for (index, run), prediction in zip(pair, predictions, strict=False):
                weights = model_weights(
                    graph.model,
                    [value[index] for value in trainable],
                    [value[index] for value in non_trainable],
                    run.widening,
                )
                yield from run.results(graph.log_names, rule.restore, prediction, weights)
