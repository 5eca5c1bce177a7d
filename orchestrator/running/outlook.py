"""What a sweep would do, found out without training anything: trials, fits, workers, and what the ledger already holds."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ledger import Ledger
from orchestrator.occasion_names import next_by_hand
from orchestrator.running.checking import check_data, possible_engines
from orchestrator.running.set_up import fitting_workers, make_trial_key, strategy_of
from orchestrator.running.staging import Staged
from orchestrator.running.warm_start import first_configs
from orchestrator.search import trials_at_most
from orchestrator.spec import SweepSpec
from search_spaces import Config, judged_by
from trainers.backends import BACKENDS, versions
from trainers.settings import EngineName

LOOKED_AT = 10_000
"""Trials compared with the ledger: those that the strategy proposes before it knows a score, at most so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Counts of one sweep. ``known`` of the ``looked_at`` first trials cost nothing.

    After the search ``finalists`` of its trials are trained on ``fresh_folds`` each; 0: there are none.
    """

    name: str
    occasion: str
    strategy: str
    trials: int
    folds: int
    rows: int
    train_rows: int
    workers: int | None
    cpus_per_trial: float
    gpus_per_trial: float
    fits_at_least: int
    most_fits: int | None = None
    patience: int | None = None
    races: bool = False
    looked_at: int
    known: int
    known_folds: int
    finalists: int = 0
    fresh_folds: int = 0

    @property
    def fits_of_finalists(self) -> int:
        """Models to be trained after the search, at most."""
        return self.finalists * self.fresh_folds

    @property
    def fits(self) -> int:
        """Models to be trained if nothing were known: at most, where trials race or the search may end sooner."""
        most = self.trials * self.folds
        return most if self.most_fits is None else min(most, self.most_fits + self.folds - 1)


def outlook_of(spec: SweepSpec, ledger: Ledger | None) -> Outlook:
    """Return what a run of ``spec`` would do now. The data is read, since its content decides what is known.

    Parameters
    ----------
    ledger : the sweep's, opened; None: it is not there yet, so nothing is known.

    Raises
    ------
    UserCheckError : the data cannot be used as the sweep file describes it.
    """
    occasion = next_by_hand(()) if ledger is None else ledger.next_occasion(spec.name)
    strategy = strategy_of(spec, occasion, () if ledger is None else first_configs(ledger, spec, occasion))
    with tempfile.TemporaryDirectory(prefix="kerasweep-") as folder:
        staged = check_data(spec, Path(folder))
        races = spec.race_settings() is not None
        most = trials_at_most(spec.budget.trials, spec.budget.fits, staged.folds, races=races)
        trials = strategy.size if most is None else min(strategy.size, most)
        configs = strategy.ask(min(LOOKED_AT, trials))
        known, known_folds = max(_known(spec, ledger, staged, engine, configs) for engine in possible_engines(spec))
    return Outlook(
        name=spec.name,
        occasion=occasion,
        strategy=spec.strategy.type,
        trials=trials,
        folds=staged.folds,
        rows=int(staged.description["rows"]),
        train_rows=staged.train_rows,
        workers=fitting_workers(spec),
        cpus_per_trial=spec.resources.cpus_per_trial,
        gpus_per_trial=spec.resources.gpus_per_trial,
        fits_at_least=_least_fits(spec, trials, staged.folds, [strategy.settled(number) for number in range(len(configs))]),
        most_fits=spec.budget.fits,
        patience=spec.budget.patience,
        races=races,
        looked_at=len(configs),
        known=known,
        known_folds=known_folds,
        finalists=min(spec.finalists.top, trials) if spec.finalists is not None else 0,
        fresh_folds=staged.fresh.folds if staged.fresh is not None else 0,
    )


def _least_fits(spec: SweepSpec, trials: int, folds: int, settled: Sequence[int]) -> int:
    """Return the fits at the least: of the nearest end, with all folds of trials that nobody judges, else the first rung.

    ``settled`` is the strategy's of the trials that it asks before any score; later ones are judged by these.
    """
    if spec.budget.patience is not None:
        trials = min(trials, spec.budget.patience + 1)  # the first trial is a new best
    race = spec.race_settings()
    if race is None:
        return trials * folds
    whole = sum(judged_by(number, race.first, over) == 0 for number, over in enumerate(settled[:trials]))
    most = spec.most_epochs() or 1
    reads = race.epoch_rungs(most)
    first = reads[0] / most if reads else race.fold_rungs(folds)[0]
    least = whole * folds + math.ceil((trials - whole) * first)
    return least if spec.budget.fits is None else min(spec.budget.fits, least)


def _known(
    spec: SweepSpec, ledger: Ledger | None, staged: Staged, engine: EngineName, configs: Sequence[Config]
) -> tuple[int, int]:
    """Return how many of ``configs`` the ledger holds in full under ``engine``, and how many of their folds."""
    if ledger is None or not spec.cache:
        return 0, 0
    settings = spec.sweep_settings(stage=str(staged.folder), engine=engine)
    key = make_trial_key(settings, staged, versions(BACKENDS[engine]))
    known = ledger.known_folds([key(config) for config in configs])
    return sum(len(folds) >= staged.folds for folds in known.values()), sum(map(len, known.values()))
