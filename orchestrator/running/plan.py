"""What one search is, whichever door it came through. It knows no sweep file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.ledger import Ledger
from orchestrator.running.staging import FreshSplits, Staged
from orchestrator.search import Ending, Objective, Packing, Racing, trials_at_most
from search_spaces import RaceSettings, Strategy
from trainers.settings import Config, SweepSettings


def _nobody() -> None:
    """Nobody follows the commits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalists:
    """How the best trials are looked at once more: ``top`` of them, on ``splits``, under the keys that ``key`` gives."""

    top: int
    splits: FreshSplits
    key: Callable[[Config], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One search, ready to be driven.

    Parameters
    ----------
    strategy : proposes the configs; at its beginning.
    staged : the data and their splits, as the workers map them.
    settings : what the workers are told, the engine resolved.
    objective : what trials are judged by.
    key : gives the trial key of a config.
    packing : which trials go together and what they cost.
    ledger : where it is kept.
    committed : called after every commit, for the tracker.
    most_trials : the budget in trials, or None.
    most_fits, patience : the budgets in fits, and in trials in a row without a new best, or None.
    trial_timeout : seconds that one trial may take, or None.
    deadline : unix seconds after which the search ends gracefully, or None.
    race : how trials race, or None where all folds of every trial are trained.
    epochs : gives the epochs of a config.
    epoch_rungs : numbers of epochs after which the first fold is read, where trials race over epochs.
    finalists : how the best are looked at once more after the search, or None.
    reuse : whether folds that other sweeps computed are taken over; if not, this sweep keeps its own beside theirs.
    """

    strategy: Strategy
    staged: Staged
    settings: SweepSettings
    objective: Objective
    key: Callable[[Config], str]
    packing: Packing
    ledger: Ledger
    committed: Callable[[], None] = _nobody
    most_trials: int | None = None
    most_fits: int | None = None
    patience: int | None = None
    trial_timeout: float | None = None
    deadline: float | None = None
    race: RaceSettings | None = None
    epochs: Callable[[Config], int] = lambda config: 1
    epoch_rungs: tuple[int, ...] = ()
    finalists: Finalists | None = None
    reuse: bool = True

    @property
    def folds(self) -> int:
        """Folds of a trial, repeats counted."""
        return self.staged.folds

    @property
    def racing(self) -> Racing | None:
        """Who is judged by whom, at the beginning of the search; None without a race."""
        if self.race is None:
            return None
        rungs = self.race.fold_rungs(self.folds)
        return Racing(self.race, rungs, self.objective, self.staged.test_to_train, self.epoch_rungs, self.epochs)

    def reads(self, config: Config) -> tuple[int, ...]:
        """Return after how many epochs, short of its own, the first fold of a config is read."""
        return tuple(rung for rung in self.epoch_rungs if rung < self.epochs(config))

    @property
    def ending(self) -> Ending | None:
        """Where the search ends before its last trial, at its beginning; None: nowhere."""
        return None if self.most_fits is None and self.patience is None else Ending(self.patience, self.most_fits)

    @property
    def asked_at_most(self) -> int | None:
        """How many trials the budgets allow at most; None: any number."""
        return trials_at_most(self.most_trials, self.most_fits, self.folds, races=self.race is not None)

    @property
    def total(self) -> int:
        """How many trials there are at most."""
        return self.strategy.size if self.asked_at_most is None else min(self.strategy.size, self.asked_at_most)
