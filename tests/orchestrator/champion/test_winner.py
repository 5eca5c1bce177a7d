"""Who wins, and what is said when nobody can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_sweeps import Clock, add, begin, run

from orchestrator.champion.winner import choose_winner, chosen_epochs, end_open_trials
from orchestrator.errors import KerasweepError
from orchestrator.ledger.ledger import Ledger
from orchestrator.results import ranked, report_of, view
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


def test_who_was_asked_after_the_end_of_the_search_neither_wins_nor_is_shown_as_best(ledger: Ledger) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(5))
    ledger.set_end(sweep, 3)
    assert choose_winner(ledger, sweep).number == 2
    seen = view(ledger, ledger.sweep_by_id(sweep.id))
    assert seen.board.best is not None
    assert seen.board.best.number == 2
    assert [trial.number for trial in ranked(seen.sweep, seen.trials)] == [2, 1, 0]
    assert [(entry.number, entry.state, entry.rank) for entry in seen.board.entries][-2:] == [
        (3, "STOPPED", None),
        (4, "STOPPED", None),
    ]
    assert report_of(ledger, seen.sweep).record()["now"]["best"]["trial"] == 2
    end_open_trials(ledger, sweep)
    assert choose_winner(ledger, sweep).number == 2


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
