"""What the ledger says of sweeps, gathered for reading commands as plain data. It writes nothing and starts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import NotFoundError
from orchestrator.ledger import Ledger, SweepRow, TrialRow, dump_lossy, load
from orchestrator.results.bounds import AtBound, bounds_met
from orchestrator.results.finalists import Finals
from orchestrator.results.formats import to_records
from orchestrator.results.leaderboard import Leaderboard
from orchestrator.results.row_values import objective_of, spec_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepView:
    """One sweep with its trials, ranked."""

    sweep: SweepRow
    trials: Sequence[TrialRow]
    board: Leaderboard

    @property
    def folds(self) -> int:
        """Folds of a trial, repeats counted."""
        cv = spec_of(self.sweep)["cv"]
        return int(cv["folds"]) * int(cv["repeats"])

    @property
    def bounds(self) -> list[AtBound]:
        """The hyperparameters of the winner that lie at an end of what was searched."""
        return [] if self.board.winner is None else bounds_met(self.sweep, self.board.winner.config)

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON-able data."""
        at_bounds = [asdict(one) for one in self.bounds]
        return {**summary(self.sweep, self.trials), "winner_at_bounds": at_bounds, "leaderboard": to_records(self.board)}


def open_ledger(url: str) -> Ledger:
    """Open a ledger that is there. Raises ``NotFoundError`` instead of making a new SQLite file."""
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        raise NotFoundError(
            f"There is no ledger {url!r}. Go to the folder where the sweep was run, or say --ledger URL (or KERASWEEP_LEDGER)."
        )
    return Ledger(url)


def find_sweep(ledger: Ledger, name: str) -> SweepRow:
    """Return the sweep called ``name`` (its newest occasion) or ``name/occasion``. Raises ``NotFoundError``."""
    title, _, occasion = name.partition("/")
    return ledger.sweep(title, occasion or None)


def view(ledger: Ledger, sweep: SweepRow) -> SweepView:
    """Return ``sweep`` with its trials and leaderboard."""
    trials = ledger.trials(sweep.id)
    return SweepView(sweep=sweep, trials=trials, board=board_of(sweep, trials))


def board_of(sweep: SweepRow, trials: Sequence[TrialRow]) -> Leaderboard:
    """Return the leaderboard of a sweep with its baseline and what its finalists were found to be."""
    baseline: Sequence[Mapping[str, float | None]] = sweep.facts.get("baseline") or ()
    return Leaderboard.from_rows(trials, objective_of(sweep), baseline, Finals.of(sweep.facts))


def summary(sweep: SweepRow, trials: Sequence[TrialRow]) -> dict[str, Any]:
    """Return what there is to say of a sweep besides its leaderboard, JSON-able."""
    states: dict[str, int] = {}
    for trial in trials:
        states[trial.state.value] = states.get(trial.state.value, 0) + 1
    return {
        "name": sweep.name,
        "occasion": sweep.occasion,
        "state": sweep.state.value,
        "reason": sweep.reason,
        "created": sweep.created,
        "finished": sweep.finished,
        "owner": sweep.owner,
        "objective": spec_of(sweep)["objective"],
        "trials": states,
        "cached": sum(trial.cached_from is not None for trial in trials),
        "facts": dict(sweep.facts),
        "mlflow_run": sweep.mlflow_run,
    }


def trial_record(ledger: Ledger, trial: TrialRow) -> dict[str, Any]:
    """Return a trial with its folds and curves, JSON-able."""
    fields = {name: value for name, value in asdict(trial).items() if name not in ("sweep", "revision", "projected_revision")}
    folds = [asdict(fold) for fold in ledger.folds(trial.key, seen_by=trial.sweep)]
    record: dict[str, Any] = load(dump_lossy({**fields, "state": trial.state.value, "folds": folds}))
    return record
