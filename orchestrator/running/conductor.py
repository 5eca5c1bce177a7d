"""The conductor stands between dispatcher, search and ledger: it commits reports, tells the search, hands out cohorts.

It decides nothing itself (``search.py`` does) and knows neither Ray nor MLflow.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.ledger import END, FoldCommit, SweepRow, TrialEnd, TrialRow
from orchestrator.results import Status, Watch
from orchestrator.running.finalists import FreshLook, look_again
from orchestrator.running.plan import Plan
from orchestrator.search import (
    Cohort,
    CohortEnded,
    CohortEvent,
    CohortFailed,
    CohortFinished,
    CohortHeard,
    CohortLost,
    Conclude,
    Dispatch,
    EndTrial,
    Finish,
    FoldEnded,
    GiveUp,
    Instruction,
    Known,
    Propose,
    ReadEnded,
    Search,
    Stop,
    TakeOver,
    Trial,
    TrialEnded,
    TrialState,
)
from trainers.messages import FoldFailed, FoldFinished, FoldRead, Progress
from trainers.results import FoldResult, summarise
from trainers.settings import Config

logger = logging.getLogger(__name__)

SHOW_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Best:
    fitness: float
    score: float
    std: float
    number: int
    config: Config


@dataclass(slots=True)
class SweepConductor:
    """One sweep's conductor (``dispatch.Conductor``), called from one thread.

    Parameters
    ----------
    plan : what the search is.
    sweep : the row of the ledger that it is written under.
    search : the pure loop, not yet started.
    stop_requested : says why the search shall stop, None while it shall not; raises when the lease is lost.
    clock : gives unix seconds.
    watch : who looks on.
    failed, fold_finished : are told every fold that raises, and every other one that a worker reports.
    """

    plan: Plan
    sweep: SweepRow
    search: Search
    stop_requested: Callable[[], str | None]
    clock: Callable[[], float]
    watch: Watch
    failed: Callable[[FoldFailed], object] = lambda failure: None
    fold_finished: Callable[[FoldFinished], object] = lambda fold: None

    reason: str | None = None
    _finished: bool = False
    _look: FreshLook | None = None
    _outbox: deque[Cohort] = field(default_factory=deque)
    _dispatched: dict[str, float] = field(default_factory=dict)
    _running: dict[str, set[int]] = field(default_factory=dict)
    _before: dict[int, TrialRow] = field(default_factory=dict)
    _trials: dict[int, Trial] = field(default_factory=dict)
    _results: dict[int, dict[int, FoldResult]] = field(default_factory=dict)
    _reads: dict[int, dict[int, FoldResult]] = field(default_factory=dict)
    _failures: dict[int, dict[int, FoldFailed]] = field(default_factory=dict)
    _origins: dict[int, str] = field(default_factory=dict)
    _with_its_end: Sequence[FoldCommit] = ()
    _done: int = 0
    _failed: int = 0
    _given_up: int = 0
    _fits: float = 0.0
    _fits_saved: float = 0.0
    _cached: int = 0
    _over: int = 0
    _best: _Best | None = None
    _started: float = 0.0
    _shown: float = 0.0

    # --- what a dispatcher sees ---------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Whether no cohort will come any more; what runs is to be stopped."""
        return self._finished

    def start(self) -> None:
        """Ask the strategy for the first trials; what an earlier driver of this occasion finished is taken in."""
        if END in self.sweep.facts:  # an earlier driver's, perhaps under another budget
            self.plan.ledger.set_end(self.sweep, None)
        self._before = {row.number: row for row in self.plan.ledger.trials(self.sweep.id)}
        self._started = self.clock()
        self._follow(self.search.start())
        self._show()

    def next_cohort(self) -> Cohort | None:
        """Return the next cohort for a free worker; None: there is none now."""
        if self._finished:
            return None
        if self._look is not None:
            return self._look.next_cohort()
        if not self._outbox:
            return None
        cohort = self._outbox.popleft()
        self._dispatched[cohort.id] = self.clock()
        self._running[cohort.id] = {trial.number for trial in cohort.trials}
        self.plan.ledger.start_trials(self.sweep, sorted(self._running[cohort.id]), cohort.id)
        return cohort

    def makes_way(self, cohort: str) -> bool:
        """Whether the search is over and a cohort is one of its own: finalists take its place."""
        return self._look is not None and not self._look.has(cohort)

    def handle(self, event: CohortEvent) -> None:
        """Commit what a worker reported, tell the search, and do what it says."""
        if self._look is not None:
            self._look_on(self._look, event)
            return
        match event:
            case CohortHeard(_, FoldFinished(number, result) as fold):
                self.fold_finished(fold)
                self._fold_finished(number, result)
            case CohortHeard(_, FoldRead(number, epochs, result)):
                self._fold_read(number, epochs, result)
            case CohortHeard(_, FoldFailed() as failure):
                self._fold_failed(failure)
            case CohortHeard(_, Progress()):
                pass
            case CohortFinished(cohort):
                self._running.pop(cohort, None)
                self._follow(self.search.handle(CohortEnded(cohort, self.clock() - self._dispatched.pop(cohort))))
            case CohortLost(cohort, cause, detail):
                self._running.pop(cohort, None)
                if cause != "stopped":
                    logger.warning("cohort %s was lost (%s): %s", cohort, cause, detail)
                self._follow(self.search.handle(CohortFailed(cohort, cause, detail)))
        self._show()

    def tick(self) -> None:
        """Look at the clock and at who wants to stop."""
        now = self.clock()
        if now - self._shown >= SHOW_SECONDS:
            self._show()
        reason = self.stop_requested()
        if self._finished:
            return
        if reason is not None:
            self.reason, self._finished = reason, True
            if self._look is None:
                self._follow(self.search.handle(Stop(reason)))
            self._outbox.clear()
        elif self._look is None and self.plan.deadline is not None and now >= self.plan.deadline:
            self._follow(self.search.handle(Stop("budget: time")))
            self._end_search("budget: time")

    # --- what the search wants ----------------------------------------------------------------------------------------------

    def _follow(self, instructions: Iterable[Instruction]) -> None:
        todo = deque(instructions)
        while todo:
            match todo.popleft():
                case Propose(configs):
                    todo.extend(self.search.handle(self._write_down(configs)))
                case Dispatch(cohort):
                    self._outbox.append(cohort)
                case Conclude(number):
                    todo.extend(self.search.handle(TrialEnded(number, self._conclude(number))))
                case GiveUp() as given_up:
                    self._give_up(given_up)
                case EndTrial(number, state, cause, detail):
                    self._end(TrialEnd(number=number, state=state, cause=cause, message=detail))
                case TakeOver(number):
                    self._take_over(number)
                case Finish(reason, end):
                    if end is not None:
                        self.plan.ledger.set_end(self.sweep, end)
                        self.plan.committed()
                    self._end_search(reason)

    # --- after the search ---------------------------------------------------------------------------------------------------

    def _end_search(self, reason: str | None) -> None:
        """End the search; what is left then is a fresh look at its finalists, where the plan wants one."""
        if self._finished or self._look is not None:
            return
        self.reason = reason
        self._outbox.clear()
        self._look = look_again(self.plan, self.sweep, self.search.workers, self.watch)
        self._finished = self._look is None or self._look.decided

    def _look_on(self, look: FreshLook, event: CohortEvent) -> None:
        """Take in an event after the search; what its last cohorts still report of folds is kept, and ends no trial."""
        if look.has(event.cohort):
            look.handle(event)
            self._finished = self._finished or look.decided
            return
        match event:
            case CohortHeard(_, FoldFinished(number, result)):
                commit = FoldCommit(number=number, key=self._trials[number].key, result=result, again=not self.plan.reuse)
                self.plan.ledger.commit(self.sweep, folds=[commit])
            case CohortFinished(cohort) | CohortLost(cohort):
                self._running.pop(cohort, None)

    def _write_down(self, configs: Mapping[int, Config]) -> Known:
        """Commit the proposed trials, and tell which are over and which folds and reads of the others are known."""
        if self._trials:  # there may be no report for long, where much is known
            self._show()
        trials = {number: Trial(number, config, self.plan.key(config)) for number, config in configs.items()}
        self._trials.update(trials)
        self.plan.ledger.add_trials(self.sweep, list(trials.values()))
        only = None if self.plan.reuse else self.sweep.id
        reads = {number: self._read_keys(trial) for number, trial in trials.items()}
        keys = [trial.key for trial in trials.values()]
        wanted = [*keys, *(key for by_epochs in reads.values() for key in by_epochs.values())]
        known = self.plan.ledger.known_folds(wanted, sweep=only, seen_by=self.sweep.id)
        complete = [key for key in keys if len(known.get(key, {})) >= self.plan.folds]
        origins = {key: work.origin for key, work in self.plan.ledger.finished_by_key(complete, sweep=only).items()}
        scores: dict[int, float | None] = {}
        for number, trial in trials.items():
            row, folds = self._before.get(number), dict(known.get(trial.key, {}))
            self._results[number] = folds
            self._reads[number] = _known_reads(reads[number], known, folds.get(0))
            if row is not None and row.state.terminal and not self._judged_again(row.state, len(reads[number]), number):
                scores[number] = self.plan.objective.fitness(row.score)
                continue
            self._fits += len(folds)
            if len(folds) >= self.plan.folds:
                self._origins[number] = origins.get(trial.key, "the ledger")
        values = {number: {fold: self._value(one) for fold, one in self._results[number].items()} for number in trials}
        read = {number: {epochs: self._value(one) for epochs, one in self._reads[number].items()} for number in trials}
        for number in scores:
            del self._results[number], self._reads[number]
        self.plan.committed()
        return Known(scores, values, read)

    def _take_over(self, number: int) -> None:
        """Count a trial that an earlier driver of this occasion ended."""
        row = self._before[number]
        self._over += 1
        self._fits += self.plan.folds
        self._count(number, row.state, row.score, (row.summary or {}).get("std", {}).get(self.plan.objective.metric))

    def _read_keys(self, trial: Trial) -> dict[int, str]:
        """Return the keys of the configs that a trial's reads are fold 0 of, by epochs."""
        return {epochs: self.plan.key({**trial.config, "epochs": epochs}) for epochs in self.plan.reads(trial.config)}

    def _judged_again(self, state: TrialState, reads: int, number: int) -> bool:
        """Whether how a trial ended follows from its folds and a race, so that it is judged by them once more.

        So is one whose reads are gone that others are judged by.
        """
        if self.plan.race is not None and state is TrialState.COMPLETED and len(self._reads[number]) < reads:
            return True
        return state is TrialState.PRUNED or (self.plan.race is not None and state is TrialState.DIVERGED)

    def _value(self, result: FoldResult) -> float:
        return result.metrics.get(self.plan.objective.metric, math.nan)

    # --- commits ------------------------------------------------------------------------------------------------------------

    def _fold_finished(self, number: int, result: FoldResult) -> None:
        if number in self._results:  # else it ended before its last fold did
            self._results[number][result.fold] = result
        self._fits += 1
        commit = FoldCommit(number=number, key=self._trials[number].key, result=result, again=not self.plan.reuse)
        self._commit(number, FoldEnded(number, result.fold, self._value(result)), [commit])

    def _fold_read(self, number: int, epochs: int, result: FoldResult) -> None:
        """Commit what fold 0 is after so many epochs: it is known to all configs that have so many."""
        if number in self._reads:
            self._reads[number][epochs] = result
        key = self.plan.key({**self._trials[number].config, "epochs": epochs})
        commit = FoldCommit(number=number, key=key, result=result, again=not self.plan.reuse)
        self._commit(number, ReadEnded(number, epochs, self._value(result)), [commit])

    def _fold_failed(self, failure: FoldFailed) -> None:
        if failure.trial in self._results:  # else it ended before its last fold did
            self._failures.setdefault(failure.trial, {})[failure.fold] = failure
        self.failed(failure)
        self._commit(failure.trial, FoldEnded(failure.trial, failure.fold, None), [])

    def _commit(self, number: int, event: FoldEnded | ReadEnded, commits: Sequence[FoldCommit]) -> None:
        """Commit what was trained, in one transaction with its trial's end if it is the last of it."""
        instructions = self.search.handle(event)
        match instructions:
            case [Conclude(ended) | GiveUp(ended), *_] if ended == number:
                self._with_its_end = commits
            case _ if commits:
                self.plan.ledger.commit(self.sweep, folds=commits)
        self._follow(instructions)

    def _conclude(self, number: int) -> float | None:
        """Commit a trial that no more folds will come of, and return its fitness; it has failed if one of its folds has."""
        failures = self._failures.get(number)
        if not failures:
            return self._complete(number)
        first = failures[min(failures)]
        state, trace = TrialState.FAILED, first.traceback or None
        self._end(TrialEnd(number=number, state=state, cause=first.cause, message=first.message, traceback=trace))
        return None

    def _give_up(self, given_up: GiveUp) -> None:
        """Commit a trial that the race has ended, with what it has so far: a fold that was cut stands for none."""
        results, epochs = self._results[given_up.number], given_up.epochs
        cut = 0.0 if epochs is None or 0 in results else given_up.fits
        self._fits += cut
        self._fits_saved += self.plan.folds - len(results) - cut
        seen = [results[fold] for fold in given_up.folds]
        if epochs is not None and not seen:
            seen = [self._reads[given_up.number][epochs]]
        summary = replace(summarise(seen, test_to_train=self.plan.staged.test_to_train), folds=len(given_up.folds))
        self._end(TrialEnd(number=given_up.number, state=given_up.state, summary=summary, message=given_up.reason))

    def _complete(self, number: int) -> float | None:
        """Commit a trial whose folds are all there, with the last of them, and return its fitness."""
        results, origin = self._results.pop(number), self._origins.pop(number, None)
        self._reads.pop(number, None)
        folds = [results[fold] for fold in sorted(results)]
        summary = summarise(folds, test_to_train=self.plan.staged.test_to_train)
        score: float | None = summary.mean.get(self.plan.objective.metric, math.nan)
        if score is None or not math.isfinite(score):
            score = None
        state = TrialState.DIVERGED if score is None else TrialState.COMPLETED
        reasons = [fold.engine_reason for fold in folds if fold.engine_reason]
        end = TrialEnd(
            number=number,
            state=state,
            score=score,
            summary=summary,
            engine="keras" if any(fold.engine == "keras" for fold in folds) else folds[0].engine,  # one that fell back counts
            engine_reason=reasons[0] if reasons else None,
            cached_from=origin,
        )
        self.plan.ledger.commit(self.sweep, folds=self._last_commits(), ends=[end])
        self._cached += origin is not None
        self._count(number, state, score, summary.std.get(self.plan.objective.metric))
        self.plan.committed()
        return self.plan.objective.fitness(score)

    def _end(self, end: TrialEnd) -> None:
        """Commit that a trial ends without a score, with the last of its folds."""
        self.plan.ledger.commit(self.sweep, folds=self._last_commits(), ends=[end])
        self._results.pop(end.number, None)
        self._reads.pop(end.number, None)
        self._origins.pop(end.number, None)
        self._failures.pop(end.number, None)
        self._count(end.number, end.state, None, None)
        self.plan.committed()

    def _last_commits(self) -> Sequence[FoldCommit]:
        """Return, once, what is to be committed with the end of its trial."""
        commits, self._with_its_end = self._with_its_end, ()
        return commits

    # --- how it stands ------------------------------------------------------------------------------------------------------

    def _count(self, number: int, state: TrialState, score: float | None, std: float | None) -> None:
        self._done += 1
        self._failed += state not in (TrialState.COMPLETED, TrialState.PRUNED)
        self._given_up += state is TrialState.PRUNED
        fitness = self.plan.objective.fitness(score)
        if fitness is not None and score is not None:
            rank = (fitness, -number)  # ties rank by ask order
            if self._best is None or rank > (self._best.fitness, -self._best.number):
                self._best = _Best(fitness, score, math.nan if std is None else std, number, self._trials[number].config)
        for running in self._running.values():
            running.discard(number)

    def _show(self) -> None:
        self._shown = self.clock()
        self.watch.progress(self.status())

    def status(self) -> Status:
        """Return how the sweep stands now."""
        seconds = self.clock() - self._started
        trained = self._done - self._cached - self._over
        left = None if self.plan.total is None else max(self.plan.total - self._done, 0)
        best = self._best
        return Status(
            total=self.plan.total,
            done=self._done,
            running=sum(map(len, self._running.values())) + (0 if self._look is None else self._look.running),
            failed=self._failed,
            cached=self._cached,
            before=self._over,
            given_up=self._given_up,
            fits=round(self._fits),
            fits_saved=round(self._fits_saved),
            fits_total=None if self.plan.total is None else self.plan.total * self.plan.folds,
            metric=self.plan.objective.metric,
            best=best.score if best else None,
            best_std=best.std if best else None,
            best_number=best.number if best else None,
            best_config=best.config if best else None,
            seconds=seconds,
            seconds_left=seconds / trained * left if left is not None and trained else None,
        )


def _known_reads(
    keys: Mapping[int, str], known: Mapping[str, Mapping[int, FoldResult]], whole: FoldResult | None
) -> dict[int, FoldResult]:
    """Return the reads that are known, by epochs; ``whole`` is fold 0, which is one too where it ended by itself before."""
    reads = {}
    for epochs, key in keys.items():
        read = known.get(key, {}).get(0)
        if read is None and whole is not None and whole.epochs_run <= epochs:
            read = whole
        if read is not None:
            reads[epochs] = read
    return reads
