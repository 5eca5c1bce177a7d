"""The best trials of a search once more, on fresh folds: who they are, what is trained, who wins, what a winner is worth.

The best of many is lucky, and so is the best of a few: what is told is cross-fitted, so that no fold both chooses and scores.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, pstdev

from orchestrator.ledger import FoldCommit, SweepRow
from orchestrator.results import FINALISTS, Entry, Finalist, Finals, Leaderboard, Watch, select
from orchestrator.running.plan import Finalists, Plan
from orchestrator.running.retraining import Retraining
from orchestrator.search import Cohort, CohortEvent, CohortHeard, CohortLost, Objective
from trainers.messages import FoldFailed, FoldFinished, TrialRequest
from trainers.results import FoldResult, corrected_standard_error

logger = logging.getLogger(__name__)

Values = Sequence[Sequence[float]]
"""A trial's values of the objective on fresh folds, repeat by repeat."""


# --- who wins: pure -----------------------------------------------------------------------------------------------------------


def choose(finalists: Sequence[Entry], values: Mapping[int, Values], objective: Objective, test_to_train: float) -> int | None:
    """Return the trial that the objective selects by these values, all of them finite; None: nobody has any.

    Parameters
    ----------
    finalists : in any order; those without values cannot win.
    values : by trial.
    test_to_train : rows scored / rows trained on in one fold, for the standard error that ``one_se`` goes by.
    """
    entries = []
    for entry in sorted(finalists, key=lambda one: one.number or 0):
        if entry.number is not None and entry.number in values:
            flat = [value for repeat in values[entry.number] for value in repeat]
            entries.append(replace(entry, score=fmean(flat), error=_finite(corrected_standard_error(flat, test_to_train))))
    chosen = select(entries, objective)
    return None if chosen is None else chosen.number


def cross_fitted(finalists: Sequence[Entry], values: Mapping[int, Values], objective: Objective, test_to_train: float) -> float:
    """Return what a winner chosen by ``choose`` is worth: no fold that has a say in a choice scores it.

    For each repeat that is the score of whom the other repeats choose; averaged over the repeats, two at least.
    """
    scores = []
    for left_out in range(len(next(iter(values.values())))):
        others = {number: [part for index, part in enumerate(repeats) if index != left_out] for number, repeats in values.items()}
        chosen = choose(finalists, others, objective, test_to_train)
        if chosen is not None:
            scores.append(fmean(values[chosen][left_out]))
    return fmean(scores)


# --- what is trained ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class FreshLook:
    """The finalists of one search on their way over the fresh folds, through the dispatcher's run that the search had.

    Each fold is committed as it comes, under a key of the finalist's own; the ledger's rows of trials stay as they are.

    Parameters
    ----------
    plan, sweep : of the search, which is over.
    asked : how the plan wants it.
    finalists : the best first.
    workers : how many cohorts run at a time.
    watch : who looks on.

    Attributes
    ----------
    decided : whether it is over, and the sweep's facts say who wins.
    trials : whom each request is for, by its number: there is one for every finalist and repeat that lacks folds.
    """

    plan: Plan
    sweep: SweepRow
    asked: Finalists
    finalists: Sequence[Entry]
    workers: int
    watch: Watch

    decided: bool = False
    trials: list[int] = field(default_factory=list)
    _keys: dict[int, str] = field(default_factory=dict)
    _results: dict[int, dict[int, FoldResult]] = field(default_factory=dict)
    _failures: dict[int, dict[int, str]] = field(default_factory=dict)
    _retraining: Retraining = field(init=False)

    def __post_init__(self) -> None:
        configs = {entry.number: entry.config for entry in self.finalists if entry.number is not None}
        self._keys = {number: self.asked.key(config) for number, config in configs.items()}
        known = self.plan.ledger.known_folds(self._keys.values(), sweep=self._only, seen_by=self.sweep.id)
        self._results = {number: dict(known.get(key, {})) for number, key in self._keys.items()}
        requests: list[TrialRequest] = []
        for number, config in configs.items():
            for repeat in self.asked.splits.repeats:
                if missing := tuple(position for position in repeat if position not in self._results[number]):
                    requests.append(TrialRequest(len(requests), config, missing))
                    self.trials.append(number)
        self._retraining = Retraining(
            requests, self.plan.packing, workers=self.workers, timeout=self.plan.trial_timeout, look=lambda: None
        )
        self.watch.phase(f"finalists: {len(self.finalists)} configs x {self.asked.splits.folds} folds on fresh splits")
        self._decide_if_finished()

    @property
    def running(self) -> int:
        """How many requests workers have now."""
        return self._retraining.running

    def has(self, cohort: str) -> bool:
        """Whether a cohort is one of its own, and at work."""
        return self._retraining.has(cohort)

    def next_cohort(self) -> Cohort | None:
        """Return the next cohort for a free worker."""
        return self._retraining.next_cohort()

    def handle(self, event: CohortEvent) -> None:
        """Commit a fold, try again what a lost worker has left, decide once all is there that can be had."""
        match event:
            case CohortLost(_, "stopped"):
                return
            case CohortHeard(_, FoldFinished(request, result)):
                number = self.trials[request]
                self._results[number][result.fold] = result
                commit = FoldCommit(number=number, key=self._keys[number], result=result, again=not self.plan.reuse)
                self.plan.ledger.commit(self.sweep, folds=[commit])
                self.plan.committed()
            case CohortHeard(_, FoldFailed(request, fold, _, message)):
                self._failures.setdefault(self.trials[request], {})[fold] = message
        self._retraining.handle(event)
        self._decide_if_finished()

    def _decide_if_finished(self) -> None:
        if not self._retraining.finished or self.decided:
            return
        finals = self._finals()
        self.plan.ledger.update_facts(self.sweep, {FINALISTS: finals.record()}, trials=self._keys)
        self.plan.committed()
        self.decided = True
        self.watch.phase(finals.told())

    def _finals(self) -> Finals:
        splits, objective = self.asked.splits, self.plan.objective
        values = {number: [[self._value(number, fold) for fold in repeat] for repeat in splits.repeats] for number in self._keys}
        whole = {
            number: repeats for number, repeats in values.items() if all(math.isfinite(one) for part in repeats for one in part)
        }
        own = self.plan.ledger.known_folds(self._keys.values(), sweep=self.sweep.id)
        return Finals(
            metric=objective.metric,
            folds=splits.folds,
            repeats=len(splits.repeats),
            finalists=[self._told(entry, whole) for entry in self.finalists],
            winner=choose(self.finalists, whole, objective, splits.test_to_train),
            cross_fitted=cross_fitted(self.finalists, whole, objective, splits.test_to_train) if whole else None,
            seconds=sum(fold.seconds for folds in own.values() for fold in folds.values()),
        )

    @property
    def _only(self) -> int | None:
        return None if self.plan.reuse else self.sweep.id

    def _value(self, number: int, fold: int) -> float:
        result = self._results[number].get(fold)
        return math.nan if result is None else result.metrics.get(self.plan.objective.metric, math.nan)

    def _told(self, entry: Entry, whole: Mapping[int, Values]) -> Finalist:
        number, search = entry.number or 0, entry.score or 0.0
        if number not in whole:
            return Finalist(trial=number, search=search, out=self._why_out(number))
        flat = [value for repeat in whole[number] for value in repeat]
        error = corrected_standard_error(flat, self.asked.splits.test_to_train)
        return Finalist(trial=number, search=search, fresh=fmean(flat), std=pstdev(flat), standard_error=_finite(error))

    def _why_out(self, number: int) -> str:
        if failures := self._failures.get(number):
            return f"fold {min(failures)}: {failures[min(failures)]}"
        positions = [fold for repeat in self.asked.splits.repeats for fold in repeat]
        missing = [fold for fold in positions if fold not in self._results[number]]
        if missing:
            return f"fold {missing[0]}: its worker was lost"
        broken = next(fold for fold in positions if not math.isfinite(self._value(number, fold)))
        return f"fold {broken}: {self._value(number, broken)}"


def look_again(plan: Plan, sweep: SweepRow, workers: int, watch: Watch) -> FreshLook | None:
    """Return a fresh look at the best whole trials of a search that is over; None: nobody wants it, or it was had before."""
    if plan.finalists is None:
        return None
    board = Leaderboard.from_rows(plan.ledger.trials(sweep.id), plan.objective)
    best = [entry for entry in board.entries if entry.rank is not None][: plan.finalists.top]
    before = Finals.of(plan.ledger.sweep_by_id(sweep.id).facts)
    if not best or (before is not None and [one.trial for one in before.finalists] == [entry.number for entry in best]):
        return None
    return FreshLook(plan, sweep, plan.finalists, best, workers, watch)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
