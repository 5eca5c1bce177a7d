"""Folds of candidates through the fused engine: tasks in, what was trained out. Needs Keras on JAX.

Candidates that differ in their number of epochs alone are one member, read at each of them.
"""

from __future__ import annotations

import functools
import math
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trainers.engines.fused import FusedEngine, Member, MemberResult, Unfused, Visit, memory_share
from trainers.errors import NotFusableError
from trainers.estimators.reading import read_inputs, rows_of
from trainers.estimators.work.candidates import Begun, Candidates, Task, Trained
from trainers.estimators.work.members import Pools, Whole, member_of, parts_of
from trainers.estimators.work.pipelines import prefix_of
from trainers.estimators.work.scoring import heard
from trainers.estimators.work.staged import Work

_NOT_FINITE = "its loss was not finite at times"


Outcome = Trained | NotFusableError | Exception
"""A task trained, left to ``model.fit``, or failed."""

_Merged = dict[tuple[str | None, str, int], list[Task]]


@dataclass(slots=True, eq=False)
class _Group:
    """Tasks behind one member, by epochs, and what is needed to make fitted estimators of its results.

    ``named`` is the parameter by which their configs name epochs, None for none.
    """

    tasks: dict[int, list[Task]]
    named: str | None
    begun: Begun
    size: int
    asked: list[tuple[Any, int]]
    warnings: list[tuple[str, str]]


@dataclass(slots=True, eq=False)
class _Cohort:
    """What trains together: groups by member."""

    pools: Pools = field(default_factory=Pools)
    groups: dict[Hashable, _Group] = field(default_factory=dict)
    over: list[tuple[Task, Outcome]] = field(default_factory=list)


@functools.cache
def engine() -> FusedEngine:
    """Return the engine of this process, whose programs serve one search after another."""
    return FusedEngine(memory_share(os.environ))


class FusedFolds:
    """Trains folds of one work together.

    Parameters
    ----------
    work, candidates : of the search.
    data_bytes : what rows in training may take together; None for no limit.
    """

    def __init__(self, work: Work, candidates: Candidates, data_bytes: int | None = None) -> None:
        self._work = work
        self._candidates = candidates
        self._data_bytes = data_bytes
        self._whole: Any = None
        self._whole_is_known = bool(prefix_of(work.estimator))

    def probe(self, task: Task) -> None:
        """Raise NotFusableError unless such a fit can be trained here, or whatever beginning it raises."""
        begun = self._candidates.begin(task)
        member, _ = self._member(_Cohort(), "probe", task, begun, (1,))
        engine().probe(member)

    def train(self, tasks: Sequence[Task], on_visit: Callable[[Task, Visit], None]) -> Iterator[tuple[Task, Outcome]]:
        """Train ``tasks`` together; yield one outcome for each, in no particular order.

        Those whose rows do not fit beside others' wait until these are done.

        Parameters
        ----------
        on_visit : told at every host visit, for every task in training. What it raises ends the call.
        """
        waiting = self._merged(tasks)
        while waiting:
            yield from self._train_together(waiting, on_visit)

    def train_alone(self, begun: Begun) -> Trained:
        """Train the refit.

        Raises
        ------
        NotFusableError
            It is left to ``model.fit``.
        """
        epochs = begun.fit.epochs
        member = member_of("refit", begun.fit, Pools(), key="refit", scored=list, whole=None, epochs=(epochs,))
        size = _size(begun.fit.model)
        result = engine().train_alone(member)
        (outcome,) = self._outcomes(_Group({epochs: [Task(0, {}, 0)]}, None, begun, size, [], []), result)
        if isinstance(outcome[1], Exception):
            raise outcome[1]
        return outcome[1]

    def _merged(self, tasks: Sequence[Task]) -> _Merged:
        """Return tasks by member: by the parameter that names their epochs, all else in their configs, the fold."""
        merged: _Merged = defaultdict(list)
        alone = {}
        for task in tasks:
            if task.trial not in alone:
                config, named = self._candidates.alone(task.config)
                alone[task.trial] = named, repr(sorted(config.items()))
            merged[*alone[task.trial], task.fold].append(task)
        return merged

    def _train_together(self, waiting: _Merged, on_visit: Callable[[Task, Visit], None]) -> Iterator[tuple[Task, Outcome]]:
        cohort = _Cohort()

        def visited(visit: Visit) -> None:
            for epochs, tasks in cohort.groups[visit.id].tasks.items():
                for task in tasks:
                    if visit.epoch <= epochs:
                        on_visit(task, Visit(visit.id, visit.epoch, epochs, visit.value))

        for result in engine().train(self._members(cohort, waiting), visited):
            yield from cohort.over
            cohort.over.clear()
            group = cohort.groups[result.id]
            if isinstance(result, Unfused):
                for tasks in group.tasks.values():
                    yield from ((task, NotFusableError(result.reason)) for task in tasks)
            else:
                yield from self._outcomes(group, result)
        yield from cohort.over

    def _members(self, cohort: _Cohort, waiting: _Merged) -> Iterator[Member]:
        for name, tasks in list(waiting.items()):
            first, named = tasks[0], name[0]
            if not self._has_room(cohort.pools, self._candidates.pool(first)):
                continue
            del waiting[name]
            warned: list[tuple[str, str]] = []
            try:
                with heard(warned):
                    begun = self._candidates.begin(first)
                    by_epochs = _by_epochs(tasks, named if self._candidates.decides(named, begun) else None, begun.fit.epochs)
                    member, asked = self._member(cohort, name, first, begun, tuple(sorted(by_epochs)))
            except Exception as error:
                cohort.over += [(task, error) for task in tasks]
                continue
            cohort.groups[name] = _Group(by_epochs, named, begun, _size(begun.fit.model), asked, warned)
            begun.fit = replace(begun.fit, model=None, inputs=None, target=None, weights=None, validation=None)
            yield member

    def _has_room(self, pools: Pools, key: Hashable) -> bool:
        """Return whether one more copy of the rows may be laid down: it is expected to take as much as the largest so far."""
        if self._data_bytes is None or self._whole is not None or not pools.largest or pools.holds(key):
            return True
        return pools.size + pools.largest <= self._data_bytes

    def _member(
        self, cohort: _Cohort, name: Hashable, task: Task, begun: Begun, epochs: tuple[int, ...]
    ) -> tuple[Member, list[tuple[Any, int]]]:
        """Return the member of a fit, and which rows it predicts, as the net meets them, and how many."""
        rows, prepared, net = begun.rows, begun.prepared, begun.net
        if rows is None:
            raise ValueError("a member of a cohort is a fold's, got the refit's.")
        parts = [rows.X_test, *([rows.X_train] if self._work.return_train_score else [])]
        seen = [prepared.seen(part) for part in parts]
        blocks: list[Any] = []

        def scored() -> list[Any]:
            try:
                blocks.extend([] if any(part is None for part in seen) else [read_inputs(net, X, reset=False) for X in seen])
            except Exception:  # whoever scores meets it again
                blocks.clear()
            return blocks

        whole, lengths = self._whole_of(task, net)
        member = member_of(
            name, begun.fit, cohort.pools, key=self._candidates.pool(task), scored=scored, whole=whole, epochs=epochs
        )
        if blocks:
            lengths = [rows_of(block) for block in blocks]
        known = len(member.score) > 0 and len(member.score) == sum(lengths)
        return member, list(zip(seen, lengths, strict=True)) if known else []

    def _whole_of(self, task: Task, net: Any) -> tuple[Whole | None, list[int]]:
        """Return all rows as the net takes them, where no step of a pipeline comes between, and how many of them are scored."""
        if not self._whole_is_known:
            self._whole_is_known = True
            try:
                self._whole = read_inputs(net, self._work.X, reset=False)
            except Exception:  # a row that is in no fold may be at fault
                self._whole = None
        if self._whole is None:
            return None, []
        everything = np.arange(rows_of(self._whole))
        train, test = (everything[np.asarray(part)] for part in self._work.splits[task.fold])
        scored = [test, *([train] if self._work.return_train_score else [])]
        return Whole(self._whole, train, np.concatenate(scored)), [len(part) for part in scored]

    def _outcomes(self, group: _Group, result: MemberResult) -> Iterator[tuple[Task, Outcome]]:
        """Make a fitted estimator for each task that is read with this result."""
        begun, stopped = group.begun, result.stopped
        if stopped == "diverged" and all(np.isfinite(weight).all() for weight in result.weights):
            if not math.isnan(result.history["loss"][-1]):
                yield from ((task, NotFusableError(_NOT_FINITE)) for task in group.tasks[result.epochs])
                return
            stopped = "early_stopping"  # the best weights come back; after NaN there are no better ones
        lengths = [length for _, length in group.asked]
        answers = [(X, raw) for (X, _), raw in zip(group.asked, parts_of(result.prediction, lengths), strict=True)]
        for task in group.tasks[result.epochs]:
            net = _copy(begun.net)
            if group.named is not None:
                net.set_params(**{self._candidates.short(group.named): task.config[group.named]})
            net._end_fit(begun.fit, {name: list(values) for name, values in result.history.items()}, weights=list(result.weights))
            net._answers = answers
            yield (
                task,
                Trained(
                    net=net,
                    begun=begun,
                    epoch=result.epoch,
                    epochs_run=result.epochs_run,
                    stopped=stopped,
                    history=dict(result.history),
                    seconds=begun.seconds / sum(map(len, group.tasks.values()))
                    + result.seconds / len(group.tasks[result.epochs]),
                    size=group.size,
                    warnings=list(group.warnings),
                    fused=True,
                ),
            )


def _by_epochs(tasks: Sequence[Task], named: str | None, of_fit: int) -> dict[int, list[Task]]:
    """Return tasks by the epochs at which they are read: what their configs say under ``named``, without it those of the fit."""
    by_epochs: dict[int, list[Task]] = defaultdict(list)
    for task in tasks:
        by_epochs[of_fit if named is None else task.config[named]].append(task)
    return dict(by_epochs)


def _copy(estimator: Any) -> Any:
    """Return an estimator with the same attributes; copying by ``copy`` would write its net."""
    made = object.__new__(type(estimator))
    made.__dict__.update(estimator.__dict__)
    return made


def _size(model: Any) -> int:
    return sum(math.prod(variable.shape) for variable in model.trainable_variables)
