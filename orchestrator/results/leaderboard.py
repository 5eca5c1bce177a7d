"""The leaderboard: a sweep's trials ranked by the objective, the baseline among them, and the one that is chosen. No I/O."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.ledger import TrialRow
from orchestrator.results.finalists import Finals
from orchestrator.search import Objective, TrialState

BASELINE = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: a trial, or the baseline (whose ``number`` is None).

    ``rank`` counts from 1, and is None for the baseline and without a score. ``mean``, ``std`` (ddof 0) and ``standard_error``
    (corrected) are per metric over the folds, None where they are no finite number; ``score`` and ``error`` are the objective's.
    ``folds`` is how many these are, None where an older ledger does not say. ``epoch`` is the median over folds, ``size`` the
    number of trainable parameters, ``seconds`` the time of all folds. ``fresh`` and ``fresh_error`` (corrected) are a finalist's
    mean and standard error over fresh folds.
    """

    number: int | None
    state: str
    score: float | None
    mean: Mapping[str, float | None]
    std: Mapping[str, float | None]
    rank: int | None = None
    error: float | None = None
    standard_error: Mapping[str, float | None] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    epoch: float | None = None
    size: int | None = None
    folds: int | None = None
    seconds: float | None = None
    cached_from: str | None = None
    message: str | None = None
    fresh: float | None = None
    fresh_error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """Trials ranked by the objective; equal scores rank in ask order.

    ``entries`` holds the scored trials, best first, with the baseline in its place; then those that a race gave up, more folds
    first and then the better mean; then the others without a score, by number. ``folds`` is how many a whole trial has.
    ``best`` ranks first. ``one_se`` is the simplest trial whose score is within one standard error of the best's (the rule of
    Breiman et al., "Classification and Regression Trees", 1984): it has the fewest trainable parameters or, where these are not
    known of every candidate, was asked first. ``winner`` is the one that the objective selects: by the scores on fresh folds
    where ``finals`` have them. All three are None when no trial has a score.
    """

    metric: str
    direction: str
    entries: tuple[Entry, ...]
    folds: int | None
    best: Entry | None
    one_se: Entry | None
    winner: Entry | None
    finals: Finals | None = None

    @classmethod
    def from_rows(
        cls,
        trials: Iterable[TrialRow],
        objective: Objective,
        baseline: Sequence[Mapping[str, float | None]] = (),
        finals: Finals | None = None,
    ) -> Leaderboard:
        """Rank ``trials``.

        Parameters
        ----------
        trials : the sweep's trials, in any order and state.
        objective : what to rank by.
        baseline : the baseline's metrics, one mapping a fold; empty: no baseline.
        finals : what a fresh look at the finalists has found, if there was one.
        """
        entries = [_entry(trial, objective.metric, finals) for trial in sorted(trials, key=lambda trial: trial.number)]
        maximize = objective.maximize
        ranked = _ranked(entries, maximize)
        given_up = [entry for entry in entries if entry.state == TrialState.PRUNED]
        given_up.sort(
            key=lambda entry: (-(entry.folds or 0), _cost(replace(entry, score=entry.mean.get(objective.metric)), maximize))
        )
        chosen = None if finals is None else next((entry for entry in ranked if entry.number == finals.winner), None)
        return cls(
            metric=objective.metric,
            direction=objective.direction,
            entries=(
                *_with_baseline(ranked, baseline, objective.metric, maximize),
                *given_up,
                *(entry for entry in entries if entry.score is None and entry.state != TrialState.PRUNED),
            ),
            folds=max((entry.folds for entry in ranked if entry.folds is not None), default=len(baseline) or None),
            best=ranked[0] if ranked else None,
            one_se=_simplest_near_best(ranked, maximize),
            winner=chosen or _selected(ranked, objective),
            finals=finals,
        )

    @property
    def baseline(self) -> Entry | None:
        """The baseline's line."""
        return next((entry for entry in self.entries if entry.number is None), None)

    @property
    def beats_baseline(self) -> bool | None:
        """Whether the winner is better than the baseline; None when either is missing."""
        if self.winner is None or self.baseline is None or self.baseline.score is None:
            return None
        maximize = self.direction == "maximize"
        return _cost(self.winner, maximize) < _cost(self.baseline, maximize)


def select(entries: Iterable[Entry], objective: Objective) -> Entry | None:
    """Return the one that the objective selects among entries in ask order; None: none has a score."""
    return _selected(_ranked(entries, objective.maximize), objective)


def _selected(ranked: Sequence[Entry], objective: Objective) -> Entry | None:
    if objective.select == "one_se":
        return _simplest_near_best(ranked, objective.maximize)
    return ranked[0] if ranked else None


def _ranked(entries: Iterable[Entry], maximize: bool) -> list[Entry]:
    scored = [entry for entry in entries if entry.score is not None]
    scored.sort(key=lambda entry: _cost(entry, maximize))  # stable: equal scores stay in ask order
    return [replace(entry, rank=rank) for rank, entry in enumerate(scored, start=1)]


def _entry(trial: TrialRow, metric: str, finals: Finals | None) -> Entry:
    summary = trial.summary or {}
    finalist = None if finals is None else finals.of_trial(trial.number)
    errors = _finite_values(summary.get("standard_error"))
    return Entry(
        number=trial.number,
        state=trial.state.value,
        score=_finite(trial.score) if trial.state is TrialState.COMPLETED else None,
        error=errors.get(metric),
        mean=_finite_values(summary.get("mean")),
        std=_finite_values(summary.get("std")),
        standard_error=errors,
        config=trial.config,
        epoch=_finite(summary.get("epoch")),
        size=summary.get("size"),
        folds=summary.get("folds"),
        seconds=_finite(summary.get("seconds")),
        cached_from=trial.cached_from,
        message=trial.message,
        fresh=None if finalist is None else finalist.fresh,
        fresh_error=None if finalist is None else finalist.standard_error,
    )


def _with_baseline(
    ranked: Sequence[Entry], folds: Sequence[Mapping[str, float | None]], metric: str, maximize: bool
) -> Iterable[Entry]:
    """Return ``ranked`` with the baseline's line before the first trial that is no better than it."""
    if not folds:
        return ranked
    values = {name: [_finite(fold.get(name)) for fold in folds] for name in folds[0]}
    known = {name: [value for value in column if value is not None] for name, column in values.items() if None not in column}
    mean: dict[str, float | None] = {name: statistics.fmean(column) for name, column in known.items()}
    std: dict[str, float | None] = {name: statistics.pstdev(column) for name, column in known.items()}
    baseline = Entry(number=None, state=BASELINE, score=mean.get(metric), mean=mean, std=std)
    if baseline.score is None:
        return [*ranked, baseline]
    better = [entry for entry in ranked if _cost(entry, maximize) < _cost(baseline, maximize)]
    return [*better, baseline, *ranked[len(better) :]]


def _simplest_near_best(ranked: Sequence[Entry], maximize: bool) -> Entry | None:
    if not ranked:
        return None
    limit = _cost(ranked[0], maximize) + (ranked[0].error or 0.0)
    near = [entry for entry in ranked if _cost(entry, maximize) <= limit]
    sizes = [entry.size for entry in near if entry.size is not None]
    if len(sizes) == len(near):
        return near[sizes.index(min(sizes))]  # of equal size: the better one
    return min(near, key=lambda entry: entry.number or 0)


def _cost(entry: Entry, maximize: bool) -> float:
    """Return the entry's score so that less is better."""
    if entry.score is None:
        return math.inf
    return -entry.score if maximize else entry.score


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _finite_values(values: Mapping[str, Any] | None) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in (values or {}).items()}
