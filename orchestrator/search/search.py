"""The loop of a search as a pure machine: events in, instructions out. It asks, packs cohorts, assigns blame and ends.

It does no I/O and reads no clock: the driver commits, dispatches and measures, and says here what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.search.cohorts import Cohort, LossCause, Packing, pack
from orchestrator.search.ending import LANES, Ending
from orchestrator.search.events import (
    CohortEnded,
    CohortFailed,
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
    SearchEvent,
    Stop,
    TakeOver,
    TrialEnded,
)
from orchestrator.search.racing import Racing
from orchestrator.search.trials import TrialState
from search_spaces import Strategy, Verdict
from trainers.messages import TrialRequest
from trainers.settings import Config

_Over = Conclude | GiveUp | EndTrial | TakeOver
"""How a trial ends."""

LOOKAHEAD = 1024
"""Trials asked ahead of the workers: enough to pack well, few enough for a grid of 10**9."""


@dataclass(slots=True)
class _Open:
    """A trial that is not over: the values of the folds that it has and of fold 0 by epochs, and folds that have failed."""

    config: Config
    values: dict[int, float]
    reads: dict[int, float] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Running:
    """A cohort with a worker: what is still to come of its trials, in ask order, and what was trained by number and fold."""

    cohort: Cohort
    left: dict[int, TrialRequest]
    trained: dict[tuple[int, int], TrialRequest] = field(default_factory=dict)

    def fold_is_over(self, number: int, fold: int) -> None:
        """Take in that a fold was trained."""
        if (request := self.left.get(number)) is not None:
            self.trained[number, fold] = replace(request, folds=(fold,), reads=())
            self._keep(replace(request, folds=tuple(one for one in request.folds if one != fold)))

    def is_read(self, number: int, epochs: int) -> None:
        """Take in that fold 0 was trained up to so many epochs and read."""
        if (request := self.left.get(number)) is not None:
            self.trained[number, 0] = replace(request, folds=(), reads=(epochs,))
            self._keep(replace(request, reads=tuple(one for one in request.reads if one != epochs)))

    def _keep(self, request: TrialRequest) -> None:
        if request.folds or request.reads:
            self.left[request.number] = request
        else:
            del self.left[request.number]


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
    racing : who is judged by whom, or None where every trial has all its folds trained.
    ending : where it ends before its last trial, or None. Trials then end in ask order, so that none beyond the end does.
    """

    strategy: Strategy
    packing: Packing
    workers: int
    folds: int
    max_trials: int | None = None
    timeout: float | None = None
    racing: Racing | None = None
    ending: Ending | None = None

    asked: int = 0
    _open: dict[int, _Open] = field(default_factory=dict)
    _unanswered: set[int] = field(default_factory=set)
    _waiting: set[int] = field(default_factory=set)
    _again: list[tuple[TrialRequest, ...]] = field(default_factory=list)
    _crashed_alone: set[int] = field(default_factory=set)
    _running: dict[str, _Running] = field(default_factory=dict)
    _dispatched: int = 0
    _work_done: float = 0.0
    _seconds_done: float = 0.0
    _stopped: str | None = None
    _concluded: set[int] = field(default_factory=set)
    _held: dict[int, tuple[_Over, float | None]] = field(default_factory=dict)
    _bars_moved: bool = False
    _over: bool = False

    def start(self) -> list[Instruction]:
        """Return the first instructions."""
        return list(self._advance())

    def handle(self, event: SearchEvent) -> list[Instruction]:
        """Take one event in and return what to do now; how the event's trial ends comes first."""
        endings: list[Instruction] = []
        match event:
            case Known(scores, folds, reads):
                endings = list(self._known(scores, folds, reads))
            case FoldEnded(number, fold, value):
                endings = list(self._fold_ended(number, fold, value))
            case ReadEnded(number, epochs, value):
                endings = list(self._read_ended(number, epochs, value))
            case TrialEnded(number, score):
                self._end(number, score)
            case CohortEnded(cohort, seconds):
                endings = list(self._cohort_ended(cohort, seconds))
            case CohortFailed(cohort, cause, detail):
                endings = list(self._blame(cohort, cause, detail))
            case Stop(reason):
                self._stopped = self._stopped or reason
                self._waiting.clear()
                self._again.clear()
                endings = self._end_all_held()
        endings += self._next_held()
        while self._bars_moved:
            self._bars_moved = False
            for number in sorted(self._open):
                endings += self._review(number)
            endings += self._next_held()
        return [*endings, *self._advance()]

    # --- trials -------------------------------------------------------------------------------------------------------------

    def _known(
        self,
        scores: Mapping[int, float | None],
        folds: Mapping[int, Mapping[int, float]],
        reads: Mapping[int, Mapping[int, float]],
    ) -> Iterable[Instruction]:
        numbers = sorted(self._unanswered)
        self._unanswered.clear()
        for number in numbers:
            self._open[number].values.update(folds.get(number, {}))
            self._open[number].reads.update(reads.get(number, {}))
            self._waiting.add(number)
        for number in numbers:
            if number in scores:
                yield from self._ends(TakeOver(number), scores[number])
        for number in numbers:
            yield from self._review(number)

    def _fold_ended(self, number: int, fold: int, value: float | None) -> Iterable[Instruction]:
        for running in self._running.values():
            running.fold_is_over(number, fold)
        trial = self._open.get(number)
        if trial is None:
            return
        if value is None:
            trial.failed.add(fold)
        else:
            trial.values[fold] = value
        yield from self._review(number)

    def _read_ended(self, number: int, epochs: int, value: float) -> Iterable[Instruction]:
        for running in self._running.values():
            running.is_read(number, epochs)
        if (trial := self._open.get(number)) is not None:
            trial.reads[epochs] = value
            yield from self._review(number)

    def _missing(self, number: int) -> tuple[int, ...]:
        trial = self._open[number]
        return tuple(fold for fold in range(self.folds) if fold not in trial.values and fold not in trial.failed)

    def _unread(self, number: int) -> tuple[int, ...]:
        reads = () if self.racing is None else self.racing.reads(number)
        return tuple(epochs for epochs in reads if epochs not in self._open[number].reads)

    def _review(self, number: int) -> Iterable[Instruction]:
        """End a trial whose folds are all there, or that the race gives up.

        In a race the first fold that raises ends it, by number: once those before it are there.
        """
        trial = self._open.get(number)
        if trial is None or number in self._concluded or number in self._held:
            return
        over = not (self._missing(number) or self._unread(number))
        if self.racing is not None:
            verdict = self.racing.race(number).verdict(trial.values, trial.reads)
            if verdict is not None:
                yield from self._ends(self._given_up(number, verdict), verdict.told)
                return
            if trial.failed:
                over = all(fold in trial.values for fold in range(min(trial.failed)))
            elif not self.racing.is_open(number):
                return
        if over:
            yield from self._ends(Conclude(number))

    def _given_up(self, number: int, verdict: Verdict) -> GiveUp:
        state = TrialState.DIVERGED if verdict.told is None else TrialState.PRUNED
        fits = float(len(verdict.folds))
        if self.racing is not None and verdict.epochs is not None and not verdict.folds:
            fits = self.racing.share(number, verdict.epochs)
        return GiveUp(number, state, verdict.reason, verdict.folds, verdict.epochs, fits)

    def _ends(self, ending: _Over, told: float | None = None) -> Iterable[Instruction]:
        """End a trial, once it is known that it is not beyond the end of the search."""
        number = ending.number
        self._waiting.discard(number)
        if self.ending is not None and self.ending.waits(number):
            self._held[number] = (ending, told)
            for running in self._running.values():
                running.left.pop(number, None)
            return
        yield ending
        match ending:
            case Conclude():
                self._concluded.add(number)
            case GiveUp():
                self._end(number, told, ending)
            case EndTrial() | TakeOver():
                self._end(number, told)

    def _next_held(self) -> list[Instruction]:
        """End the trials whose turn it is now."""
        endings: list[Instruction] = []
        while self.ending is not None and self.ending.reason is None and self.ending.first_open in self._held:
            endings += self._ends(*self._held.pop(self.ending.first_open))
        return endings

    def _end_all_held(self) -> list[Instruction]:
        """End the trials whose turn has not come, as the search stops: no end is in sight any more, and they are over."""
        self.ending = None
        held, self._held = self._held, {}
        return [one for number in sorted(held) for one in self._ends(*held[number])]

    def _end(self, number: int, score: float | None, given_up: GiveUp | None = None) -> None:
        """Take in that a trial is over, and tell the strategy ``score``. One that was PRUNED judges others by its reads alone."""
        trial = self._open.pop(number, None)
        if trial is None:
            return
        self._waiting.discard(number)
        self._concluded.discard(number)
        for running in self._running.values():
            running.left.pop(number, None)
        whole = given_up is None
        self.strategy.tell(trial.config, score, whole=whole)
        if self.ending is not None:
            self.ending.over(number, score if whole else None, self.folds if given_up is None else given_up.fits)
        if self.racing is not None:
            all_there = whole and score is not None and len(trial.values) == self.folds
            read = given_up is not None and given_up.state is TrialState.PRUNED
            last = None if given_up is None else given_up.epochs
            at = self.racing.read_at(number, trial.values, trial.reads, last) if all_there or read else {}
            self._bars_moved = self.racing.over(number, trial.values if all_there else None, at) or self._bars_moved

    # --- cohorts ------------------------------------------------------------------------------------------------------------

    def _cohort_ended(self, cohort: str, seconds: float) -> Iterable[Instruction]:
        ended = self._running[cohort]
        if ended.left:
            yield from self._blame(cohort, "crashed", "The worker said that it was done, but did not report this trial.")
            return
        del self._running[cohort]
        self._wait_for_more(ended)
        self._seconds_done += seconds
        self._work_done += sum(map(self.packing.work, ended.trained.values()))

    def _wait_for_more(self, ended: _Running) -> None:
        """Let those trials of a cohort wait again that had a part of their folds asked for only."""
        if self._stopped is None:
            done = (one.number for one in ended.cohort.trials if one.number not in ended.left)
            self._waiting.update(number for number in done if self._goes_on(number))

    def _goes_on(self, number: int) -> bool:
        return number in self._open and number not in self._held

    def _blame(self, cohort: str, cause: LossCause, detail: str) -> Iterable[Instruction]:
        lost = self._running.pop(cohort)
        if cause == "stopped" or len(lost.left) != 1:
            self._retry(lost)
            return
        (number,) = lost.left
        if cause == "crashed" and number not in self._crashed_alone:  # a lost node is not the trial's fault: once more
            self._crashed_alone.add(number)
            self._retry(lost)
            return
        state = TrialState.TIMED_OUT if cause == "timeout" else TrialState.FAILED
        yield from self._ends(EndTrial(number, state, cause, detail))

    def _retry(self, lost: _Running) -> None:
        left = tuple(lost.left.values())
        self._wait_for_more(lost)
        if not left or self._stopped is not None:
            return
        middle = (len(left) + 1) // 2
        self._again += [half for half in (left[:middle], left[middle:]) if half]

    # --- onward -------------------------------------------------------------------------------------------------------------

    def _advance(self) -> Iterable[Instruction]:
        if self._over:
            return
        if self.ending is not None and self.ending.reason is not None:
            self._stopped, self._over = self.ending.reason, True
            yield Finish(self._stopped, self.ending.first_open)
            return
        if self._stopped is None:
            yield from self._ask()
            yield from self._dispatch()
        if not (self._waiting or self._again or self._running or self._unanswered or self._concluded):
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
        if self.ending is not None:  # no more than keep the workers busy: few of them may count
            ahead = LANES * self.workers
            wanted = min(wanted, self.ending.first_unsure(self.folds) + ahead - self.asked)
            if wanted < ahead // 2:
                return
        if self.max_trials is not None:
            wanted = min(wanted, self.max_trials - self.asked)
        if wanted <= 0:
            return
        configs = self.strategy.ask(wanted)
        if configs:
            proposed = dict(enumerate(configs, start=self.asked))
            self.asked += len(configs)
            for number, config in proposed.items():
                self._open[number] = _Open(config, {})
                if self.racing is not None:
                    self.racing.enter(number, config, self.strategy.settled(number))
            self._unanswered.update(proposed)
            yield Propose(proposed)

    def _dispatch(self) -> Iterable[Instruction]:
        while len(self._running) < self.workers and (self._again or self._waiting):
            trials = self._next_again() or self._pack()
            if not trials:
                return
            self._waiting.difference_update(trial.number for trial in trials)
            limit = self.timeout * len(trials) if self.timeout is not None else None
            cohort = Cohort(f"c{self._dispatched}", trials, limit)
            self._dispatched += 1
            self._running[cohort.id] = _Running(cohort, {trial.number: trial for trial in trials})
            yield Dispatch(cohort)

    def _next_again(self) -> tuple[TrialRequest, ...]:
        """Return what is left of a cohort that was lost, judged by the same bars."""
        while self._again:
            trials = [one for one in self._again.pop(0) if self._goes_on(one.number)]
            left = [one if one.race is None else self._with_values(one) for one in trials]
            if left:
                return tuple(left)
        return ()

    def _with_values(self, request: TrialRequest) -> TrialRequest:
        trial = self._open[request.number]
        return replace(request, scores=dict(trial.values), read_scores=dict(trial.reads))

    def _pack(self) -> tuple[TrialRequest, ...]:
        """Return the next cohort: of trials whose bar is known, else the first rungs of later ones."""
        if not (requests := self._requests()):
            return ()
        rate = self._seconds_done / self._work_done if self._work_done and self._seconds_done else None
        return pack(
            requests,
            self.packing,
            workers=self.workers,
            seconds_per_work=rate,
            under_way=sum(self.packing.work(one) for running in self._running.values() for one in running.left.values()),
        )

    def _requests(self) -> tuple[TrialRequest, ...]:
        numbers = sorted(self._waiting)
        if self.ending is not None:
            unsure = self.ending.first_unsure(self.folds)
            if sure := self._requests_of([number for number in numbers if number < unsure]):
                return sure
        return self._requests_of(numbers)

    def _requests_of(self, numbers: list[int]) -> tuple[TrialRequest, ...]:
        if self.racing is None:
            return tuple(TrialRequest(number, self._open[number].config, self._missing(number)) for number in numbers)
        known = [number for number in numbers if self.racing.is_open(number)]
        requests = [
            self._with_values(
                TrialRequest(
                    number,
                    self._open[number].config,
                    self._missing(number),
                    self.racing.race(number),
                    reads=self._unread(number),
                )
            )
            for number in known
        ]
        if not (requests or self.racing.epoch_rungs):  # nobody waits for a bar: the first rung of folds needs none
            first = self.racing.rungs[0]
            parts = [(number, tuple(fold for fold in self._missing(number) if fold < first)) for number in numbers]
            requests = [TrialRequest(number, self._open[number].config, folds) for number, folds in parts if folds]
        return tuple(requests)
