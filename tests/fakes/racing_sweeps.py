"""Searches over one ledger whose trials may race, for ``racing_worker``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from racing_worker import KilledError, Score, play

from orchestrator.ledger import Ledger, Owner, SweepRow
from orchestrator.results import Silent
from orchestrator.running.conductor import SweepConductor
from orchestrator.running.plan import Plan
from orchestrator.running.staging import Staged
from orchestrator.search import Objective, Packing, Search, TrialState, trial_key
from search_spaces import RaceSettings, make_strategy, parse_space
from trainers.settings import SweepSettings

FOLDS = 5
TRIALS = 40
SPACE = parse_space({"x": {"uniform": [0.0, 1.0]}})
RANDOM = {"type": "random", "trials": TRIALS}
GENETIC = {"type": "genetic", "population": 10, "generations": 4, "elites": 2}
Outcome = dict[int, tuple[dict[str, Any], TrialState, float | None, Any, int]]


def value(x: float, fold: int) -> float:
    """A fold's score: what the config is worth, folds of unequal difficulty, and chance."""
    return round(1 - (x - 0.3) ** 2 - 0.02 * fold + Random(f"{x} {fold}").uniform(-0.08, 0.08), 4)  # noqa: S311


class Sweeps:
    """Searches of one ledger."""

    space = SPACE
    most_epochs = 1

    def __init__(self, folder: Path, strategy: Mapping[str, Any] = RANDOM, *, race: RaceSettings | None = None, **objective: Any):
        self.ledger = Ledger(f"sqlite:///{folder}/ledger.db")
        self.strategy, self.race = strategy, race
        self.objective = Objective("accuracy", **{"direction": "maximize", **objective})
        self.configs: dict[int, float] = {}
        self.change: Callable[[int, int, float], float | None] = lambda number, fold, score: score

    def claim(self, name: str = "race") -> SweepRow:
        return self.ledger.claim_sweep(name, {}, {}, Owner("host", 1), 0.0)

    def conductor(self, sweep: SweepRow, workers: int) -> SweepConductor:
        strategy = make_strategy(self.strategy, self.space, 7)
        packing = Packing(group=lambda trial: 0, work=lambda trial: float(len(trial.folds)), together=workers < 16)
        staged = Staged(
            folder=Path("stage"), fingerprint="d", splits_fingerprint="s", description={}, baseline=(), folds=FOLDS,
            train_rows=10, test_to_train=0.25, leaky=False,
        )  # fmt: skip

        def key(config: Mapping[str, Any]) -> str:
            return trial_key({"data": "d"}, config)

        settings = SweepSettings(task="binary", seed=0, metrics=("accuracy",), stage="stage")
        plan = Plan(
            strategy=strategy, staged=staged, settings=settings, objective=self.objective, key=key, packing=packing,
            ledger=self.ledger, race=self.race, epochs=lambda config: config.get("epochs", 1),
            epoch_rungs=() if self.race is None else self.race.epoch_rungs(self.most_epochs),
        )  # fmt: skip
        search = Search(strategy, packing, workers=workers, folds=FOLDS, racing=plan.racing)
        return SweepConductor(plan, sweep, search, lambda: None, lambda: 0.0, Silent())

    def config(self, sweep: SweepRow) -> Callable[[int], Mapping[str, Any]]:
        """Return what gives a trial's config; it is read once, for it never changes."""

        @cache
        def config(number: int) -> Mapping[str, Any]:
            (row,) = self.ledger.trials(sweep.id, [number])
            return row.config

        return config

    def score(self, sweep: SweepRow) -> Score:
        config = self.config(sweep)
        return lambda number, fold, epochs=None: self.change(number, fold, self.worth(config(number), fold, epochs))

    def worth(self, config: Mapping[str, Any], fold: int, epochs: int | None) -> float:
        """Return a config's score on a fold, after so many epochs; None: after its own."""
        return value(config["x"], fold)

    def length(self, config: Mapping[str, Any]) -> int:
        """Return how many epochs a config's fits run."""
        return 1

    def run(self, sweep: SweepRow, *, workers: int = 2, seed: int = 0, kill_after: int | None = None) -> int:
        rng = Random(seed)  # noqa: S311
        conductor, config = self.conductor(sweep, workers), self.config(sweep)
        return play(
            conductor, self.score(sweep), workers=workers, rng=rng, kill_after=kill_after,
            length=lambda number: self.length(config(number)),
        )  # fmt: skip

    def run_killed_and_resumed(self, *, seed: int, kill_after: int) -> SweepRow:
        """Return the sweep after a driver that was killed so many events on and another that went on."""
        killed = self.claim()
        with pytest.raises(KilledError):
            self.run(killed, workers=3, seed=seed, kill_after=kill_after)
        resumed = self.claim()
        assert resumed.id == killed.id
        self.run(resumed, workers=2, seed=seed + 100)
        return resumed

    def outcome(self, sweep: SweepRow) -> Outcome:
        rows = self.ledger.trials(sweep.id)
        return {
            row.number: (dict(row.config), row.state, row.score, row.message, len(self.ledger.folds(row.key))) for row in rows
        }


class EpochSweeps(Sweeps):
    """Searches whose configs have epochs; some of their fits end by themselves."""

    space = parse_space({"x": {"uniform": [0.0, 1.0]}, "epochs": [6, 30, 81]})
    most_epochs = 81

    def worth(self, config: Mapping[str, Any], fold: int, epochs: int | None) -> float:
        x, run = config["x"], min(epochs or config["epochs"], self.length(config))
        return round(value(x, fold) - 0.6 * 0.5 ** (run / (3 + 20 * x)), 4)

    def length(self, config: Mapping[str, Any]) -> int:
        return min(config["epochs"], 14 if config["x"] > 0.75 else 60)


def paired(**more: Any) -> RaceSettings:
    return RaceSettings(folds="paired", **more)
