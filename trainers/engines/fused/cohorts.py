"""The fused engine: a cohort's folds trained together, model by graph. The door to ``trainers.engines.fused``.

It turns trials into members (one model on one fold), merges trials that differ in their number of epochs alone, and scores what
comes back exactly as the keras engine does. What cannot be fused is named, for the keras engine to take. Needs Keras on JAX.
"""

from __future__ import annotations

import inspect
import math
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import keras

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.members import Member, MemberResult, Rows, Stopping, Unfused, Visit
from trainers.engines.keras import plan_for, score_prediction
from trainers.engines.targets import TargetPlan, target_plan
from trainers.preprocessing import Prepared, bytes_together, class_weights, model_shape, preprocessing_key, row_weights, size_of
from trainers.recipes import build_model, common_widths, layer_sizes, with_defaults
from trainers.results import FoldResult
from trainers.seeds import derive_seed
from trainers.usercode import import_object

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.settings import Config, SweepSettings
    from trainers.splits import Splits

PreparedFold = Callable[[int, "Config"], Prepared]
"""Returns the prepared data of a fold (its position) for an effective config."""


@dataclass(frozen=True, slots=True)
class FoldTask:
    """One fold of one trial to be computed: the trial's number, its effective config, the fold's position."""

    trial: int
    config: Config
    fold: int


@dataclass(frozen=True, slots=True)
class FoldDone:
    """A fold that the fused engine has trained and scored."""

    task: FoldTask
    result: FoldResult


@dataclass(frozen=True, slots=True)
class FoldRefused:
    """A fold that is left to the keras engine, and why."""

    task: FoldTask
    reason: str


@dataclass(frozen=True, slots=True)
class FoldRaised:
    """A fold in which the trial's own code raised."""

    task: FoldTask
    error: Exception


class _Scoring(NamedTuple):
    """What is needed to score a member: its data, how its output is read, its model's size."""

    prepared: Prepared
    plan: TargetPlan
    size: int


_Tasks = dict[Hashable, dict[int, list[FoldTask]]]
"""Tasks by member and epochs."""


@dataclass(slots=True)
class _Cohort:
    """The tasks behind each member: (member, epochs) to tasks, and what scoring needs. Members with equal data share it."""

    tasks: _Tasks = field(default_factory=dict)
    scoring: dict[Hashable, _Scoring] = field(default_factory=dict)
    prepared: dict[tuple[int, str], Prepared] = field(default_factory=dict)
    targets: dict[tuple[int, TargetPlan], Array] = field(default_factory=dict)
    rows: dict[tuple[int, int], Rows] = field(default_factory=dict)

    def rows_of(self, prepared: Prepared, plan: TargetPlan) -> Rows:
        """Return what members index into: the same for folds whose inputs and targets are the same arrays."""
        wanted = (id(prepared.target), plan)
        if wanted not in self.targets:
            self.targets[wanted] = plan.encode(prepared.target)
        target = self.targets[wanted]
        return self.rows.setdefault((id(prepared.inputs), id(target)), Rows(prepared.inputs, target))

    def has_room(self, data: tuple[int, str], data_bytes: int | None) -> bool:
        """Return whether one more fold may be prepared: it is expected to take as much as the last, nothing if none is fitted."""
        if data in self.prepared or data_bytes is None or not self.prepared:
            return True
        last = next(reversed(self.prepared.values()))
        shared = not last.fitted and any(key == data[1] for _, key in self.prepared)
        return shared or bytes_together([*self.prepared.values()]) + size_of(last.inputs) <= data_bytes


class FusedCohorts:
    """Trains and scores folds of one sweep.

    Parameters
    ----------
    settings, dataset, splits : the sweep's.
    prepared : see :data:`PreparedFold`.
    memory_bytes, data_bytes : what a program, and what prepared folds together, may take; None for no limit.
    """

    def __init__(
        self,
        settings: SweepSettings,
        dataset: Dataset,
        splits: Splits,
        prepared: PreparedFold,
        *,
        memory_bytes: int | None = None,
        data_bytes: int | None = None,
    ) -> None:
        self._settings = settings
        self._dataset = dataset
        self._splits = splits
        self._prepared = prepared
        self._data_bytes = data_bytes
        self._engine = FusedEngine(memory_bytes)

    def probe(self, config: Config) -> None:
        """Build and trace the first fold's model of this effective config.

        Raises
        ------
        NotFusableError
            Such models cannot be fused; its cause is what tracing raised, if it did.
        Exception
            Whatever building it raises.
        """
        member, _ = self._member(_Cohort(), "probe", config, 0, (int(config["epochs"]),))
        self._engine.probe(member)

    def train(
        self, tasks: Sequence[FoldTask], on_visit: Callable[[FoldTask, Visit], None]
    ) -> Iterator[FoldDone | FoldRefused | FoldRaised]:
        """Train and score ``tasks`` together; yield one outcome for each, in no particular order.

        Folds whose data does not fit beside that of others wait until these are done.

        Parameters
        ----------
        on_visit : told at every host visit, for every task in training. What it raises ends the call.
        """
        waiting = _merged(tasks, apart=self._builder_takes_epochs())
        while waiting:
            yield from self._train_together(waiting, on_visit)

    def _train_together(
        self, waiting: _Tasks, on_visit: Callable[[FoldTask, Visit], None]
    ) -> Iterator[FoldDone | FoldRefused | FoldRaised]:
        """Train and score as many of the members ``waiting`` as there is room for the data of; they wait no longer."""
        cohort = _Cohort()
        failures: list[FoldRaised] = []

        def visited(visit: Visit) -> None:
            for epochs, behind in cohort.tasks[visit.id].items():
                for task in behind:
                    if visit.epoch <= epochs:
                        on_visit(task, Visit(visit.id, visit.epoch, epochs, visit.value))

        for outcome in self._engine.train(self._members(cohort, waiting, failures), visited):
            yield from failures
            failures.clear()
            if isinstance(outcome, Unfused):
                for behind in cohort.tasks[outcome.id].values():
                    yield from (FoldRefused(task, outcome.reason) for task in behind)
            else:
                yield from self._scored(cohort, outcome)
        yield from failures

    def _members(self, cohort: _Cohort, waiting: _Tasks, failures: list[FoldRaised]) -> Iterator[Member]:
        for name, by_epochs in list(waiting.items()):
            first = next(iter(by_epochs.values()))[0]
            if not cohort.has_room((first.fold, preprocessing_key(self._settings, first.config)), self._data_bytes):
                continue
            cohort.tasks[name] = waiting.pop(name)
            try:
                member, cohort.scoring[name] = self._member(cohort, name, first.config, first.fold, tuple(sorted(by_epochs)))
            except Exception as error:
                failures += [FoldRaised(task, error) for behind in by_epochs.values() for task in behind]
            else:
                yield member

    def _member(
        self, cohort: _Cohort, name: Hashable, config: Config, position: int, epochs: tuple[int, ...]
    ) -> tuple[Member, _Scoring]:
        settings, fold = self._settings, self._splits.folds[position]
        data = (position, preprocessing_key(settings, config))
        if data not in cohort.prepared:
            cohort.prepared[data] = self._prepared(position, config)
        prepared = cohort.prepared[data]
        classes = None if self._dataset.classes is None else len(self._dataset.classes)
        seed = derive_seed(settings.seed, config, fold.fold, fold.repeat)
        shape = model_shape(prepared, settings.task, classes)
        model = build_model(settings, config, shape, seed)
        plan = self._plan(model, prepared)
        early = settings.fit.early_stopping if len(fold.monitor) else None
        member = Member(
            id=name,
            model=model,
            rows=cohort.rows_of(prepared, plan),
            train=fold.train,
            monitor=fold.monitor,
            score=fold.score,
            epochs=epochs,
            batch_size=int(config["batch_size"]),
            seed=seed,
            stopping=None
            if early is None
            else Stopping(early.monitor, early.patience, early.min_delta, early.restore_best_weights),
            train_weights=row_weights(prepared, fold.train, class_weights(settings.fit, self._dataset, fold.train)),
            monitor_weights=row_weights(prepared, fold.monitor) if len(fold.monitor) else None,
            widen=partial(build_model, settings, _filled_up(config), shape, 0) if self._widths_are_searched(config) else None,
        )
        size = sum(math.prod(variable.shape) for variable in model.trainable_variables)
        return member, _Scoring(prepared, plan, size)

    def _widths_are_searched(self, config: Config) -> bool:
        trainer = self._settings.trainer
        return trainer.type in ("mlp", "wide_deep") and any(
            name in config and name not in trainer.params for name in ("layer_size", "layer_sizes")
        )

    def _plan(self, model: keras.Model, prepared: Prepared) -> TargetPlan:
        """Return how ``model`` takes its target, without running it where its output's shape is known."""
        outputs = getattr(model, "outputs", None) if model.built else None
        if not outputs or len(outputs) != 1:
            return plan_for(model, prepared, self._settings, self._dataset)
        classes = None if self._dataset.classes is None else len(self._dataset.classes)
        return target_plan(model, tuple(outputs[0].shape), self._settings.task, classes)

    def _scored(self, cohort: _Cohort, outcome: MemberResult) -> Iterator[FoldDone | FoldRaised]:
        begun = time.perf_counter()
        behind = cohort.tasks[outcome.id][outcome.epochs]
        prepared, plan, size = cohort.scoring[outcome.id]
        fold = self._splits.folds[behind[0].fold]
        scores = None
        try:
            if outcome.stopped != "diverged":
                scores = score_prediction(
                    outcome.prediction, plan, prepared, fold.score, dataset=self._dataset, settings=self._settings
                )
        except Exception as error:
            yield from (FoldRaised(task, error) for task in behind)
            return
        result = FoldResult(
            fold=fold.index,
            metrics=dict.fromkeys(self._settings.metrics, math.nan) if scores is None else scores,
            epoch=outcome.epoch,
            epochs_run=outcome.epochs_run,
            seconds=outcome.seconds + time.perf_counter() - begun,
            history=outcome.history,
            stopped="diverged" if scores is None else outcome.stopped,
            engine="fused",
            size=size,
        )
        yield from (FoldDone(task, result) for task in behind)

    def _builder_takes_epochs(self) -> bool:
        trainer = self._settings.trainer
        if trainer.type != "builder" or not trainer.builder:
            return False
        return "epochs" in inspect.signature(import_object(trainer.builder, self._settings.code)).parameters


def _filled_up(config: Config) -> Config:
    """Return the config of the same net in common widths."""
    sizes = layer_sizes(with_defaults("mlp", config))
    others = {name: value for name, value in config.items() if name not in ("layer_size", "hidden_layers")}
    return {**others, "layer_sizes": common_widths(sizes)}


def _merged(tasks: Sequence[FoldTask], *, apart: bool) -> _Tasks:
    """Return tasks by member and epochs: configs that differ in epochs alone are one member, unless kept ``apart``."""
    merged: _Tasks = defaultdict(lambda: defaultdict(list))
    for task in tasks:
        values = {name: value for name, value in task.config.items() if apart or name != "epochs"}
        name = (repr(sorted(values.items())), task.fold)
        merged[name][int(task.config["epochs"])].append(task)
    return merged
