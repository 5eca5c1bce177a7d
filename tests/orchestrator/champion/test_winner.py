"""Who wins, and what is said when nobody can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_sweeps import Clock, add, begin, run

from orchestrator.champion.winner import choose_winner, chosen_epochs, end_open_trials
from orchestrator.errors import KerasweepError
from orchestrator.ledger.ledger import Ledger
from orchestrator.search.trials import SweepState, TrialState


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", Clock()) as opened:
        yield opened


def test_the_best_wins_and_what_a_budget_left_open_stays_open_until_the_refit_is_done(ledger: Ledger) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(5))
    add(ledger, sweep, [5, 6])
    assert choose_winner(ledger, sweep).number == 3
    assert [row.state for row in ledger.trials(sweep.id)][5:] == [TrialState.PENDING] * 2
    end_open_trials(ledger, sweep)
    assert [row.state for row in ledger.trials(sweep.id)][5:] == [TrialState.STOPPED] * 2
    assert ledger.trial(sweep.id, 3).state is TrialState.COMPLETED


def test_a_refit_without_the_winners_folds_takes_their_median(ledger: Ledger) -> None:
    """They were pruned since, and the sweep is resumed."""
    sweep = begin(ledger)
    run(ledger, sweep, [0])
    winner = choose_winner(ledger, sweep)
    assert chosen_epochs(ledger, sweep, winner, 2) == (5, 5)
    ended = ledger.finish_sweep(sweep, SweepState.STOPPED)
    assert ledger.prune_folds({sweep.id: ended.attempt}).folds == 2
    assert chosen_epochs(ledger, sweep, winner, 2) == (5, 5)


def test_without_a_score_the_first_failure_is_pointed_to(ledger: Ledger) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(2), ends=dict.fromkeys(range(2), TrialState.FAILED))
    with pytest.raises(KerasweepError, match=r"none of its 2 trials has a score.*kerasweep show demo/manual-1 0"):
        choose_winner(ledger, sweep)


def test_a_budget_without_a_score_leaves_its_trials_to_be_resumed(ledger: Ledger) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, [0], ends={0: TrialState.FAILED})
    add(ledger, sweep, [1])
    with pytest.raises(KerasweepError, match="budget was used up before any of its 2 trials"):
        choose_winner(ledger, sweep)
    assert ledger.trial(sweep.id, 1).state is TrialState.PENDING
