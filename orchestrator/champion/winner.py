"""The winner of a finished search: the trial that the objective selects, and what is said when there is none."""

from __future__ import annotations

from orchestrator.errors import KerasweepError
from orchestrator.ledger import LEFT_OPEN, Ledger, SweepRow, TrialRow
from orchestrator.results import Finals, Leaderboard, objective_of
from orchestrator.search import TrialState


def chosen_epochs(ledger: Ledger, sweep: SweepRow, winner: TrialRow, folds: int) -> tuple[int, ...]:
    """Return the epochs that the winner's folds chose: for each of them their median, where ``prune`` has removed the folds."""
    known = ledger.folds(winner.key, seen_by=sweep.id)
    if len(known) < folds and winner.summary is not None:
        return (max(round(winner.summary["epoch"]), 1),) * folds
    return tuple(fold.epoch for fold in known)


def choose_winner(ledger: Ledger, sweep: SweepRow) -> TrialRow:
    """Return the trial that the sweep's objective selects, among finalists by their fresh scores where these were looked at.

    Trials that a budget has left open stay so.

    Raises
    ------
    KerasweepError : no trial has a score. Where a budget is to blame, the open trials stay to be resumed.
    """
    rows = ledger.trials(sweep.id)
    left_open = any(not row.state.terminal for row in rows)
    finals = Finals.of(ledger.sweep_by_id(sweep.id).facts)  # written since the sweep was claimed
    chosen = Leaderboard.from_rows(rows, objective_of(sweep), finals=finals).winner
    if chosen is None and left_open:
        raise KerasweepError(
            f"Sweep {sweep.title}: its budget was used up before any of its {len(rows)} trials had a score. "
            "The folds that are finished are kept; raise the budget and run it again."
        )
    if chosen is None:
        raise KerasweepError(
            f"Sweep {sweep.title}: none of its {len(rows)} trials has a score. "
            f"`kerasweep show {sweep.title} 0` shows why the first one has none."
        )
    return next(row for row in rows if row.number == chosen.number)


def end_open_trials(ledger: Ledger, sweep: SweepRow) -> None:
    """End the trials that a budget has left open as STOPPED: nothing can go wrong any more that would let the search go on."""
    for row in ledger.trials(sweep.id):
        if not row.state.terminal:
            ledger.finish_trial(sweep, row.number, TrialState.STOPPED, **LEFT_OPEN)
