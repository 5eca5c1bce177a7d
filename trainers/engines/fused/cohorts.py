"""The fused engine: a cohort's folds trained together, model by graph. The door to ``trainers.engines.fused``.

It turns trials into members (one model on one fold), merges trials that differ in their number of epochs alone, and scores what
comes back exactly as the keras engine does. What cannot be fused is named, for the keras engine to take. Needs Keras on JAX.
"""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from trainers.engines.fused.assembly import Assembly, PreparedFold, Sweep
from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.members import (
    FoldDone,
    FoldRaised,
    FoldRefused,
    FoldTask,
    Member,
    MemberResult,
    OnTask,
    Standings,
    Tasks,
    Unfused,
    Visit,
    first_of,
    merged,
    wanted_epochs,
)
from trainers.engines.keras import score_prediction
from trainers.results import FoldResult
from trainers.usercode import takes_epochs

if TYPE_CHECKING:
    from trainers.data import Dataset
    from trainers.settings import Config, SweepSettings
    from trainers.splits import Splits


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
        self._sweep = Sweep(settings, dataset, splits, prepared, data_bytes)
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
        made, task = self._assembly(), FoldTask(0, config, 0)
        self._engine.probe(made.member("probe", task, (task.epochs,)))

    def train(
        self, tasks: Sequence[FoldTask], on_visit: OnTask, standing: Standings = lambda task: "now"
    ) -> Iterator[FoldDone | FoldRefused | FoldRaised]:
        """Train and score ``tasks`` together; yield one outcome for each that may be trained, in no particular order.

        Folds whose data does not fit beside that of others wait until these are done.

        Parameters
        ----------
        tasks : no two of one trial, fold and number of epochs.
        on_visit : told at every host visit, for every task in training. What it raises ends the call.
        standing : tells whether a task may be trained; asked again after every outcome. What waits for a refused task is left; a
            model that no task wants any more is cut.
        """
        left = {(task.trial, task.fold, task.epochs): task for task in tasks}
        before = len(left) + 1
        while 0 < len(left) < before:
            before = len(left)
            for outcome in self._train_together(merged(left.values(), apart=self._apart), on_visit, standing):
                left.pop((outcome.task.trial, outcome.task.fold, outcome.task.epochs), None)
                yield outcome

    def _train_together(
        self, members: Mapping[Hashable, Tasks], on_visit: OnTask, standing: Standings
    ) -> Iterator[FoldDone | FoldRefused | FoldRaised]:
        """Train and score as many of the members as there is room for the data of."""
        cohort = self._assembly()

        def visited(visit: Visit) -> None:
            for epochs, behind in cohort.tasks[visit.id].items():
                for task in behind:
                    if visit.epoch <= epochs and not task.read:
                        on_visit(task, Visit(visit.id, visit.epoch, epochs, visit.value))

        def wanted(member: Member) -> tuple[int, ...] | None:
            return wanted_epochs(cohort.tasks[member.id], standing)

        for outcome in self._engine.train(self._members(cohort, members, standing), visited, wanted):
            yield from cohort.failures
            cohort.failures.clear()
            if isinstance(outcome, Unfused):
                for behind in cohort.tasks[outcome.id].values():
                    yield from (FoldRefused(task, outcome.reason) for task in behind)
            else:
                yield from self._scored(cohort, outcome)
        yield from cohort.failures

    def _members(self, cohort: Assembly, members: Mapping[Hashable, Tasks], standing: Standings) -> Iterator[Member]:
        """Yield members that may begin, then those that may later, rung by rung: they shall not take the room of others' data.

        Of those that are like one another the first is built at once; from the others it is known well enough what they need.
        """
        epochs = {name: wanted_epochs(behind, standing) for name, behind in members.items()}
        now = [name for name, numbers in epochs.items() if numbers]
        later = sorted(
            (name for name, numbers in epochs.items() if numbers is None), key=lambda name: first_of(members[name]).rung
        )
        for name in (*now, *later):
            task = first_of(members[name])
            may_begin, known = epochs[name] is not None, cohort.knows(task)
            if not (may_begin or known) or not cohort.has_room(task):
                continue
            cohort.tasks[name] = members[name]
            read = tuple(sorted(members[name]))
            member = cohort.draft(name, task, read, failing=may_begin) if known else cohort.built(name, task, read)
            if member is not None:
                yield member

    def _scored(self, cohort: Assembly, outcome: MemberResult) -> Iterator[FoldDone | FoldRaised]:
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

    def _assembly(self) -> Assembly:
        return Assembly(self._sweep, apart=self._apart)

    @cached_property
    def _apart(self) -> bool:
        """Whether configs that differ in epochs alone are trained apart: the builder takes them."""
        return takes_epochs(self._settings)
