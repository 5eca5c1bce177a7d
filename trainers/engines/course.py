"""How far one trial has come: which of its folds may be trained now, and whether it is over. Pure; it knows no engine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from trainers.messages import Event, FoldFinished, FoldRead, Progress, TrialRequest

Standing = Literal["now", "later", "never"]


class Course:
    """One trial while it is trained; it moves on by what is reported of it.

    Without a race all folds may be trained at once. With one they come rung by rung until it gives the trial up; the first fold,
    by number, that raises or is not finite ends it, so that of those after it nothing is wanted. While the first fold is still to
    be read it is the only one.

    Attributes
    ----------
    trial : as requested.
    left : folds that are still to be trained, unless the race gives the trial up before: empty once it is over.
    open : those of them that may be trained now.
    reads : numbers of epochs after which the first fold is still to be read, whether the rest of it is wanted or not.
    """

    def __init__(self, trial: TrialRequest) -> None:
        self.trial = trial
        self.left: tuple[int, ...] = trial.folds
        self.open: tuple[int, ...] = ()
        self.reads: tuple[int, ...] = trial.reads
        self._scores = dict(trial.scores)
        self._read_scores = dict(trial.read_scores)
        self._go_on()

    @property
    def next(self) -> int | None:
        """The fold that is to be trained next, by whoever trains one at a time; None: the trial is over."""
        return 0 if self.reads else next(iter(self.open), None)

    @property
    def outstanding(self) -> int:
        """How many results are still to come."""
        return len(self.left) + len(self.reads)

    def rung_of(self, fold: int) -> int:
        """Return how many rungs come before that of ``fold``."""
        return 0 if self.trial.race is None else sum(rung <= fold for rung in self.trial.race.rungs)

    def request(self, fold: int) -> TrialRequest:
        """Return what is still wanted of a fold, for somebody else to do."""
        return replace(
            self.trial,
            folds=(fold,) if fold in self.left else (),
            reads=self.reads if fold == 0 else (),
            scores=dict(self._scores),
            read_scores=dict(self._read_scores),
        )

    def standing(self, fold: int, read: int | None = None) -> Standing:
        """Return whether a fold, or a ``read`` of it, may be trained now, perhaps later, or is wanted no longer."""
        if read is not None:
            return "now" if read in self.reads else "never"
        return "now" if fold in self.open else "later" if fold in self.left else "never"

    def hear(self, event: Event) -> bool:
        """Take in what is to be reported; return whether it still matters: of a trial that is over nothing does."""
        if isinstance(event, Progress):
            return event.fold in self.left
        if isinstance(event, FoldRead):
            return self._hear_read(event)
        fold = event.result.fold if isinstance(event, FoldFinished) else event.fold
        if fold not in self.left and not (fold == 0 and self.reads):
            return False
        self.left = tuple(other for other in self.left if other != fold)
        if (race := self.trial.race) is not None:
            if isinstance(event, FoldFinished):
                self._scores[fold] = event.result.metrics[race.metric]
            else:
                self._scores[fold], self.reads = math.nan, ()
        self._go_on()
        return True

    def _hear_read(self, event: FoldRead) -> bool:
        if event.epochs not in self.reads:
            return False
        self.reads = tuple(epochs for epochs in self.reads if epochs != event.epochs)
        if self.trial.race is not None:
            self._read_scores[event.epochs] = event.result.metrics[self.trial.race.metric]
        self._go_on()
        return True

    def _go_on(self) -> None:
        if (race := self.trial.race) is not None:
            broken = min((fold for fold, value in self._scores.items() if not math.isfinite(value)), default=None)
            if race.gives_up(self._scores, self._read_scores) is not None:
                self.left = self.reads = ()
            elif broken is not None:
                self.left = tuple(fold for fold in self.left if fold < broken)
        rung = self.rung_of(min(self.left)) if self.left else 0
        self.open = tuple(fold for fold in self.left if self.rung_of(fold) == rung and (fold == 0 or not self.reads))
