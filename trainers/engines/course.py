"""How far one trial has come: which of its folds may be trained now, and whether it is over. Pure; it knows no engine."""

from __future__ import annotations

from typing import Literal

from trainers.messages import Event, FoldFinished, Progress, TrialRequest

Standing = Literal["now", "later", "never"]


class Course:
    """One trial while it is trained; it moves on by what is reported of it.

    Without a race all folds may be trained at once. With one they come rung by rung until it gives the trial up, and a fold that
    raises ends it.

    Attributes
    ----------
    trial : as requested.
    left : folds that are still to be trained, unless the race gives the trial up before: empty once it is over.
    open : those of them that may be trained now.
    """

    def __init__(self, trial: TrialRequest) -> None:
        self.trial = trial
        self.left: tuple[int, ...] = trial.folds
        self.open: tuple[int, ...] = ()
        self._scores = dict(trial.scores)
        self._go_on(over=trial.race is not None and trial.race.gives_up(self._scores) is not None)

    def rung_of(self, fold: int) -> int:
        """Return how many rungs come before that of ``fold``."""
        return 0 if self.trial.race is None else sum(rung <= fold for rung in self.trial.race.rungs)

    def standing(self, fold: int) -> Standing:
        """Return whether a fold may be trained now, perhaps later, or is wanted no longer."""
        return "now" if fold in self.open else "later" if fold in self.left else "never"

    def hear(self, event: Event) -> bool:
        """Take in what is to be reported; return whether it still matters: of a trial that is over nothing does."""
        if isinstance(event, Progress):
            return event.fold in self.left
        fold = event.result.fold if isinstance(event, FoldFinished) else event.fold
        if fold not in self.left:
            return False
        self.left = tuple(other for other in self.left if other != fold)
        race = self.trial.race
        if race is not None and isinstance(event, FoldFinished):
            self._scores[fold] = event.result.metrics[race.metric]
            self._go_on(over=race.gives_up(self._scores) is not None)
        else:
            self._go_on(over=race is not None)
        return True

    def _go_on(self, over: bool) -> None:
        self.left = () if over else self.left
        rung = self.rung_of(min(self.left)) if self.left else 0
        self.open = tuple(fold for fold in self.left if self.rung_of(fold) == rung)
