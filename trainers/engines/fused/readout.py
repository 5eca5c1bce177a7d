"""What is read from a member at a host visit: its history, its chosen epoch, its weights and predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from trainers.engines.fused.feeding import Order, RowPool
from trainers.engines.fused.graph import Widening, take_back
from trainers.engines.fused.members import Member, MemberResult, Visit
from trainers.engines.fused.program import Pool, Program
from trainers.engines.fused.stopping import DIVERGED, RUNNING, STOPPED
from trainers.results import StopReason

_MOST_ROWS = 2048
_FEWEST_ROWS = 64
PAIR = 2


class Run:
    """One member in training, as the host sees it; ``wanted`` tells at which epochs it is still to be read."""

    def __init__(
        self,
        member: Member,
        reads: Sequence[int],
        pool: RowPool,
        widening: Widening | None = None,
        wanted: Callable[[], Sequence[int] | None] = lambda: None,
    ) -> None:
        self.member = member
        self.widening = widening
        self._wanted = wanted
        self.train, self.monitor, self.score = (
            pool.numbers(member.rows, rows) for rows in (member.train, member.monitor, member.score)
        )
        self.order = Order(member, self.train)
        self.reads = list(reads)
        self.logs: list[NDArray[np.float32]] = []
        self.status = RUNNING
        self.best_epoch = 0
        self.seconds = 0.0

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.logs)

    @property
    def due(self) -> bool:
        """Whether the member has to be read now."""
        return bool(self.reads) and (self.status != RUNNING or self.epoch >= self.reads[0])

    @property
    def chunk(self) -> int:
        """How many rows are predicted at once; it follows from the member's own rows alone."""
        fitting = 1 << max(len(self.score) - 1, 0).bit_length()
        return min(max(fitting, _FEWEST_ROWS), _MOST_ROWS)

    def drop_unwanted(self) -> None:
        """Forget the reads that nobody wants any more."""
        wanted = self._wanted()
        if wanted is not None:
            self.reads = [epochs for epochs in self.reads if epochs in wanted]

    def visit(self, log: int | None) -> Visit:
        """Return what the host tells of this member."""
        value = float(self.logs[-1][log or 0])
        return Visit(self.member.id, self.epoch, self.member.epochs[-1], value)

    def results(self, names: tuple[str, ...], restore: bool, prediction: Any, weights: tuple[Any, ...]) -> list[MemberResult]:
        """Return the results of all reads that are due: one, or all that are left when the member has ended early."""
        ended_early = self.status in (STOPPED, DIVERGED)
        due = self.reads if ended_early else self.reads[:1]
        self.reads = self.reads[len(due) :]
        columns = np.array(self.logs, dtype="float64").T
        labels = [*names, *(f"val_{name}" for name in names)]
        history = {label: tuple(column.tolist()) for label, column in zip(labels, columns, strict=False)}
        diverged = self.status == DIVERGED
        epoch = self.best_epoch + 1 if restore and not diverged else self.epoch
        share, self.seconds = self.seconds / len(due), 0.0
        results = []
        for epochs in due:
            stopped: StopReason = "diverged" if diverged else "early_stopping" if self.epoch < epochs else "epochs"
            results.append(
                MemberResult(
                    id=self.member.id, epochs=epochs, epoch=epoch, epochs_run=self.epoch, stopped=stopped, history=history,
                    prediction=prediction, weights=weights, seconds=share,
                )
            )  # fmt: skip
        return results


def predict_pair(program: Program, lanes: Any, pool: Pool, which: tuple[int, int], runs: tuple[Run, Run]) -> list[Any]:
    """Return the outputs of two lanes on their own score rows. Always two together: a single lane has other last bits."""
    chunk = runs[0].chunk
    longest = max(len(run.score) for run in runs)
    parts = []
    for begin in range(0, max(longest, 1), chunk):
        rows = np.zeros((PAIR, chunk), dtype="int32")
        for place, run in enumerate(runs):
            here = run.score[begin : begin + chunk]
            rows[place] = run.train[0]
            rows[place, : len(here)] = here
        parts.append(jax.tree.map(np.asarray, program.predict(lanes, np.array(which, dtype="int32"), pool, rows)))
    whole = jax.tree.map(lambda *arrays: np.concatenate(arrays, axis=1), *parts)
    outputs = []
    for place, run in enumerate(runs):
        own = np.index_exp[place, : len(run.score)]
        outputs.append(jax.tree.map(partial(_part, own=own), whole))
    return outputs


def _part(values: NDArray[Any], own: Any) -> NDArray[Any]:
    part: NDArray[Any] = values[own].copy()
    return part


def model_weights(
    model: keras.Model, trainable: list[Any], non_trainable: list[Any], widening: Widening | None
) -> tuple[NDArray[Any], ...]:
    """Return a member's values in the order of ``model.weights``, in its own widths."""
    values = {id(variable): value for variable, value in zip(model.trainable_variables, trainable, strict=True)}
    values.update({id(variable): value for variable, value in zip(model.non_trainable_variables, non_trainable, strict=True)})
    ordered = tuple(np.array(values[id(variable)]) for variable in model.weights)
    return ordered if widening is None else take_back(ordered, widening.weights)
