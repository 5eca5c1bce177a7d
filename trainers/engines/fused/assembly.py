"""From a sweep's folds to members of the fused engine: data prepared and shared, models built. It trains nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import keras

from trainers.engines.fused.members import FoldRaised, FoldTask, Member, Room, Rows, Stopping, Tasks
from trainers.engines.keras import plan_for
from trainers.engines.targets import TargetPlan, target_plan
from trainers.preprocessing import Prepared, bytes_together, class_weights, model_shape, preprocessing_key, row_weights, size_of
from trainers.recipes import build_model, common_widths, layer_sizes, structural_key, with_defaults
from trainers.seeds import derive_seed

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.settings import Config, SweepSettings
    from trainers.splits import Splits

PreparedFold = Callable[[int, "Config"], Prepared]
"""Returns the prepared data of a fold (its position) for an effective config."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What all cohorts of a sweep share; ``data_bytes`` is what prepared folds together may take, None for no limit."""

    settings: SweepSettings
    dataset: Dataset
    splits: Splits
    prepared: PreparedFold
    data_bytes: int | None


class Scoring(NamedTuple):
    """What is needed to score a member: its data, how its output is read, its model's size."""

    prepared: Prepared
    plan: TargetPlan
    size: int


class Assembly:
    """Makes the members of what is trained together; those with equal data share it.

    Parameters
    ----------
    sweep : whose folds they are.
    apart : whether configs that differ in epochs alone have graphs of their own.

    Attributes
    ----------
    tasks : behind each member.
    scoring : of each member that has been built.
    failures : members that could not be built, task by task; whoever tells them takes them away.
    """

    def __init__(self, sweep: Sweep, *, apart: bool) -> None:
        self.tasks: dict[Hashable, Tasks] = {}
        self.scoring: dict[Hashable, Scoring] = {}
        self.failures: list[FoldRaised] = []
        self._settings = sweep.settings
        self._dataset = sweep.dataset
        self._splits = sweep.splits
        self._prepare = sweep.prepared
        self._data_bytes = sweep.data_bytes
        self._apart = apart
        self._held: dict[tuple[int, str], Prepared] = {}
        self._targets: dict[tuple[int, TargetPlan], Array] = {}
        self._rows: dict[tuple[int, int], Rows] = {}
        self._weights: dict[tuple[int, str], tuple[Array | None, Array | None]] = {}
        self._plans: dict[Hashable, TargetPlan] = {}
        self._configs: dict[int, tuple[Config, Hashable, str]] = {}

    def knows(self, task: FoldTask) -> bool:
        """Return whether a model like this task's has been built: it can be drafted then."""
        return self._like(task.config) in self._plans

    def has_room(self, task: FoldTask) -> bool:
        """Return whether one more fold may be prepared: it is expected to take as much as the last, nothing if none is fitted."""
        data = self._data_key(task)
        if data in self._held or self._data_bytes is None or not self._held:
            return True
        last = next(reversed(self._held.values()))
        shared = not last.fitted and any(key == data[1] for _, key in self._held)
        return shared or bytes_together([*self._held.values()]) + size_of(last.inputs) <= self._data_bytes

    def draft(self, name: Hashable, task: FoldTask, epochs: tuple[int, ...], *, failing: bool) -> Member | None:
        """Return a member that is built when it begins. Where its data is at fault this is told if ``failing``, else later."""
        try:
            prepared = self._data_of(task)
            rows = self._rows_of(prepared, self._plans[self._like(task.config)])
            make = partial(self.built, name, task, epochs)
            return self._assembled(name, task, epochs, rows=rows, model=None, make=make)
        except Exception as error:
            if failing:
                self.failures += [FoldRaised(one, error) for behind in self.tasks[name].values() for one in behind]
            return None

    def built(self, name: Hashable, task: FoldTask, epochs: tuple[int, ...]) -> Member | None:
        """Return a member with its model; None where building it failed, which is told."""
        try:
            return self.member(name, task, epochs)
        except Exception as error:
            self.failures += [FoldRaised(one, error) for behind in self.tasks[name].values() for one in behind]
            return None

    def member(self, name: Hashable, task: FoldTask, epochs: tuple[int, ...]) -> Member:
        """Return a member with its model. Raises whatever preparing or building raises."""
        settings, config = self._settings, task.config
        prepared = self._data_of(task)
        classes = None if self._dataset.classes is None else len(self._dataset.classes)
        shape = model_shape(prepared, settings.task, classes)
        model = build_model(settings, config, shape, self._seed(task))
        plan = self._plan(model, prepared)
        size = sum(math.prod(variable.shape) for variable in model.trainable_variables)
        widen = partial(build_model, settings, _filled_up(config), shape, 0) if self._widths_are_searched(config) else None
        rows = self._rows_of(prepared, plan)
        self.scoring[name] = Scoring(prepared, plan, size)
        self._plans.setdefault(self._like(config), plan)
        return self._assembled(name, task, epochs, rows=rows, model=model, widen=widen)

    def _assembled(self, name: Hashable, task: FoldTask, epochs: tuple[int, ...], **others: Any) -> Member:
        """Return a member with all that follows from its config and fold."""
        settings, fold = self._settings, self._splits.folds[task.fold]
        early = settings.fit.early_stopping if len(fold.monitor) else None
        train_weights, monitor_weights = self._weights_of(task)
        return Member(
            id=name,
            train=fold.train,
            monitor=fold.monitor,
            score=fold.score,
            epochs=epochs,
            batch_size=int(task.config["batch_size"]),
            seed=self._seed(task),
            stopping=None
            if early is None
            else Stopping(early.monitor, early.patience, early.min_delta, early.restore_best_weights),
            train_weights=train_weights,
            monitor_weights=monitor_weights,
            like=self._like(task.config),
            turn=task.rung,
            room=self._room(self._held[self._data_key(task)]),
            **others,
        )

    def _seed(self, task: FoldTask) -> int:
        fold = self._splits.folds[task.fold]
        return derive_seed(self._settings.seed, task.config, fold.fold, fold.repeat)

    def _like(self, config: Config) -> Hashable:
        """Return what is equal for configs whose models probably have one graph."""
        return self._keys(config)[1]

    def _data_key(self, task: FoldTask) -> tuple[int, str]:
        return task.fold, self._keys(task.config)[2]

    def _keys(self, config: Config) -> tuple[Config, Hashable, str]:
        """Return what tells a config's graph and data from others; its folds share it."""
        if id(config) not in self._configs:
            like = structural_key(self._settings.trainer, config), config["epochs"] if self._apart else None
            self._configs[id(config)] = config, like, preprocessing_key(self._settings, config)
        return self._configs[id(config)]

    def _data_of(self, task: FoldTask) -> Prepared:
        data = self._data_key(task)
        if data not in self._held:
            self._held[data] = self._prepare(task.fold, task.config)
        return self._held[data]

    def _room(self, prepared: Prepared) -> Room:
        """Return what all folds of the sweep need, if they may be held together: other cohorts have others of them."""
        folds = self._splits.folds[: self._settings.cv.folds * self._settings.cv.repeats]
        copies = len(folds) if prepared.fitted else 1
        if self._data_bytes is not None and copies * size_of(prepared.inputs) > self._data_bytes:
            return Room()
        rows = len(prepared.target)
        return Room(
            inputs=rows * copies,
            targets=rows * (len(folds) if prepared.scaler is not None else 1),
            train=max(len(fold.train) for fold in folds),
            monitor=max(len(fold.monitor) for fold in folds),
        )

    def _weights_of(self, task: FoldTask) -> tuple[Array | None, Array | None]:
        """Return what the rows trained on and watched weigh."""
        data = self._data_key(task)
        if data not in self._weights:
            prepared, fold = self._held[data], self._splits.folds[task.fold]
            of_classes = class_weights(self._settings.fit, self._dataset, fold.train)
            watched = row_weights(prepared, fold.monitor) if len(fold.monitor) else None
            self._weights[data] = row_weights(prepared, fold.train, of_classes), watched
        return self._weights[data]

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

    def _rows_of(self, prepared: Prepared, plan: TargetPlan) -> Rows:
        """Return what members index into: the same for folds whose inputs and targets are the same arrays."""
        wanted = (id(prepared.target), plan)
        if wanted not in self._targets:
            self._targets[wanted] = plan.encode(prepared.target)
        target = self._targets[wanted]
        return self._rows.setdefault((id(prepared.inputs), id(target)), Rows(prepared.inputs, target))


def _filled_up(config: Config) -> Config:
    """Return the config of the same net in common widths."""
    sizes = layer_sizes(with_defaults("mlp", config))
    others = {name: value for name, value in config.items() if name not in ("layer_size", "hidden_layers")}
    return {**others, "layer_sizes": common_widths(sizes)}
