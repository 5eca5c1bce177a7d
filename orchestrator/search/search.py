"""The loop of a search as a pure machine: events in, instructions out. It asks, packs cohorts, assigns blame and ends.

It does no I/O and reads no clock: the driver commits, dispatches and measures, and says here what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.search.cohorts import Cohort, LossCause, Packing, pack
from orchestrator.search.trials import TrialState
from search_spaces import Strategy
from trainers.messages import TrialRequest
from trainers.settings import Config

LOOKAHEAD = 1024
"""Trials asked ahead of the workers: enough to pack well, few enough for a grid of 10**9."""


# --- events in ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """The ledger's answer to Propose: scores of trials that are over, and the folds that the others still miss."""

    scores: Mapping[int, float | None]
    missing: Mapping[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class FoldEnded:
    """One fold of a trial is committed."""

    number: int
    fold: int


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial is committed in a terminal state; ``score`` is larger for better, None without one."""

    number: int
    score: float | None


@dataclass(frozen=True, slots=True)
class CohortEnded:
    """A cohort's worker is free again, ``seconds`` after the dispatch."""

    cohort: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CohortFailed:
    """A cohort's worker was lost with what it had not reported."""

    cohort: str
    cause: LossCause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """No new trials: the time budget is over, or somebody asked. What runs is given up."""

    reason: str


SearchEvent = Known | FoldEnded | TrialEnded | CohortEnded | CohortFailed | Stop

# --- instructions out ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Propose:
    """Write these trials down and answer with Known."""

    configs: Mapping[int, Config]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Give this cohort to a worker."""

    cohort: Cohort


@dataclass(frozen=True, slots=True)
class EndTrial:
    """Commit this trial as failed: it failed alone. The strategy has been told."""

    number: int
    state: TrialState
    cause: LossCause
    detail: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The search is over; ``reason`` is None when it ran to its end."""

    reason: str | None


Instruction = Propose | Dispatch | EndTrial | Finish


@dataclass(slots=True)
class _Running:
    cohort: Cohort
    unfinished: set[int]
    work: float


@dataclass(slots=True)
class Search:
    """One search. Call ``start`` once, then ``handle`` with every event; each returns what to do now.

    Parameters
    ----------
    strategy : proposes configs and learns from scores.
    packing : which trials go together and what they cost.
    workers : how many cohorts run at a time.
    folds : how many folds a trial has, repeats counted.
    max_trials : the budget in trials, or None.
    timeout : seconds that one trial may take, or None.
    """

    strategy: Strategy
    packing: Packing
    workers: int
    folds: int
    max_trials: int | None = None
    timeout: float | None = None

    asked: int = 0
    _configs: dict[int, Config] = field(default_factory=dict)
    _unanswered: set[int] = field(default_factory=set)
    _waiting: dict[int, TrialRequest] = field(default_factory=dict)
    _again: list[tuple[TrialRequest, ...]] = field(default_factory=list)
    _crashed_alone: set[int] = field(default_factory=set)
    _running: dict[str, _Running] = field(default_factory=dict)
    _dispatched: int = 0
    _work_done: float = 0.0
    _seconds_done: float = 0.0
    _stopped: str | None = None
    _over: bool = False

    def start(self) -> list[Instruction]:
        """Return the first instructions."""
        return list(self._advance())

    def handle(self, event: SearchEvent) -> list[Instruction]:
        """Take one event in and return what to do now."""
        blamed: list[Instruction] = []
        match event:
            case Known(scores, missing):
                self._known(scores, missing)
            case FoldEnded(number, fold):
                self._fold_ended(number, fold)
            case TrialEnded(number, score):
                self._trial_ended(number, score)
            case CohortEnded(cohort, seconds):
                blamed = list(self._cohort_ended(cohort, seconds))
            case CohortFailed(cohort, cause, detail):
                blamed = list(self._blame(cohort, cause, detail))
            case Stop(reason):
                self._stopped = self._stopped or reason
                self._waiting.clear()
                self._again.clear()
        return [*blamed, *self._advance()]

    def _known(self, scores: Mapping[int, float | None], missing: Mapping[int, tuple[int, ...]]) -> None:
        for number in sorted({*scores, *missing}):
            self._unanswered.discard(number)
            if number in scores:
                self._trial_ended(number, scores[number])
            else:
                self._waiting[number] = TrialRequest(number, self._configs[number], missing[number])

    def _fold_ended(self, number: int, fold: int) -> None:
        for running in self._running.values():
            if number in running.unfinished:
                trials = tuple(_without(trial, fold) if trial.number == number else trial for trial in running.cohort.trials)
                running.cohort = Cohort(running.cohort.id, trials, running.cohort.seconds)

    def _trial_ended(self, number: int, score: float | None) -> None:
        for running in self._running.values():
            running.unfinished.discard(number)
        self._waiting.pop(number, None)
        if number in self._configs:
            self.strategy.tell(self._configs.pop(number), score)

    def _cohort_ended(self, cohort: str, seconds: float) -> Iterable[Instruction]:
        ended = self._running[cohort]
        if ended.unfinished:
            yield from self._blame(cohort, "crashed", "The worker said that it was done, but did not report this trial.")
            return
        del self._running[cohort]
        self._seconds_done += seconds
        self._work_done += ended.work

    def _blame(self, cohort: str, cause: LossCause, detail: str) -> Iterable[Instruction]:
        lost = self._running.pop(cohort)
        if cause == "stopped" or len(lost.unfinished) != 1:
            self._retry(lost)
            return
        (number,) = lost.unfinished
        if cause == "crashed" and number not in self._crashed_alone:  # a lost node is not the trial's fault: once more
            self._crashed_alone.add(number)
            self._retry(lost)
            return
        self._trial_ended(number, None)
        state = TrialState.TIMED_OUT if cause == "timeout" else TrialState.FAILED
        yield EndTrial(number, state, cause, detail)

    def _retry(self, lost: _Running) -> None:
        left = tuple(trial for trial in lost.cohort.trials if trial.number in lost.unfinished)
        if not left or self._stopped is not None:
            return
        middle = (len(left) + 1) // 2
        self._again += [half for half in (left[:middle], left[middle:]) if half]

    def _advance(self) -> Iterable[Instruction]:
        if self._over:
            return
        if self._stopped is None:
            yield from self._ask()
            yield from self._dispatch()
        if not (self._waiting or self._again or self._running or self._unanswered):
            if self._stopped is not None:
                self._over = True
                yield Finish(self._stopped)
            elif self.strategy.finished:
                self._over = True
                yield Finish(None)
            elif self.max_trials is not None and self.asked >= self.max_trials:
                self._over = True
                yield Finish("budget: trials")
            else:
                raise RuntimeError(f"{type(self.strategy).__name__} proposes nothing, awaits no score and is not finished.")

    def _ask(self) -> Iterable[Instruction]:
        if self._unanswered or len(self._waiting) > LOOKAHEAD // 2 or self.strategy.finished:
            return
        wanted = LOOKAHEAD - len(self._waiting)
        if self.max_trials is not None:
            wanted = min(wanted, self.max_trials - self.asked)
        if wanted <= 0:
            return
        configs = self.strategy.ask(wanted)
        if configs:
            proposed = dict(enumerate(configs, start=self.asked))
            self.asked += len(configs)
            self._configs.update(proposed)
            self._unanswered.update(proposed)
            yield Propose(proposed)

    def _dispatch(self) -> Iterable[Instruction]:
        while len(self._running) < self.workers and (self._again or self._waiting):
            if self._again:
                trials = self._again.pop(0)
            else:
                rate = self._seconds_done / self._work_done if self._work_done and self._seconds_done else None
                trials = pack(
                    tuple(self._waiting.values()),
                    self.packing,
                    workers=self.workers,
                    seconds_per_work=rate,
                    under_way=sum(running.work for running in self._running.values()),
                )
            for trial in trials:
                self._waiting.pop(trial.number, None)
            limit = self.timeout * len(trials) if self.timeout is not None else None
            cohort = Cohort(f"c{self._dispatched}", trials, limit)
            self._dispatched += 1
            work = sum(map(self.packing.work, trials))
            self._running[cohort.id] = _Running(cohort, {trial.number for trial in trials}, work)
            yield Dispatch(cohort)


def _without(trial: TrialRequest, fold: int) -> TrialRequest:
    return TrialRequest(trial.number, trial.config, tuple(left for left in trial.folds if left != fold))
