"""Pictures are drawn from ledger rows, whatever the sweep holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fake_sweeps import Clock, begin, run

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import SweepRow, TrialRow
from orchestrator.search.trials import TrialState
from orchestrator.tracking.pictures import Scale, best_score, draw_pictures, hyperparameters
from trainers.results import FoldResult

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db", Clock()) as ledger:
        yield ledger


def rows_of(ledger: Ledger, sweep: SweepRow) -> tuple[list[TrialRow], dict[int, list[FoldResult]]]:
    trials = ledger.trials(sweep.id)
    return trials, {trial.number: ledger.folds(trial.key) for trial in trials}


def test_a_sweep_has_four_pictures(ledger: Ledger, tmp_path: Path) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(8), ends={5: TrialState.FAILED, 6: TrialState.DIVERGED})
    files = draw_pictures(tmp_path / "pictures", sweep, *rows_of(ledger, sweep))
    assert [file.name for file in files] == [
        "best_score.png",
        "hyperparameters.png",
        "parallel_coordinates.png",
        "learning_curves.png",
    ]
    assert all(file.read_bytes().startswith(PNG) for file in files)


def test_those_given_up_stand_beside_the_others_with_what_they_had(ledger: Ledger) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(4))
    trials = ledger.trials(sweep.id)
    cut = replace(trials[3], state=TrialState.PRUNED, score=None, summary={"mean": {"accuracy": 0.4}, "folds": 1})
    axes = best_score(sweep, trials[:3], [cut, replace(cut, summary={"mean": {"accuracy": None}})]).axes[0]
    assert "given up (1), mean so far" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert [3.0, 0.4] in [list(map(float, point)) for drawn in axes.collections for point in drawn.get_offsets()]


def test_without_a_score_there_is_nothing_to_draw(ledger: Ledger, tmp_path: Path) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(2), ends={0: TrialState.FAILED, 1: TrialState.DIVERGED})
    assert draw_pictures(tmp_path / "pictures", sweep, *rows_of(ledger, sweep)) == ()
    assert not (tmp_path / "pictures").exists()


def test_one_trial_varies_nothing(ledger: Ledger, tmp_path: Path) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(1))
    files = draw_pictures(tmp_path, sweep, *rows_of(ledger, sweep))
    assert [file.name for file in files] == ["best_score.png", "learning_curves.png"]


def test_histories_may_be_missing(ledger: Ledger, tmp_path: Path) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(3))
    files = draw_pictures(tmp_path, sweep, ledger.trials(sweep.id), {})
    assert "learning_curves.png" not in [file.name for file in files]


def test_values_of_mixed_kinds_and_absent_ones_are_choices(ledger: Ledger, tmp_path: Path) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(4))
    trials, histories = rows_of(ledger, sweep)
    configs = [{"layers": [64, 32]}, {"layers": None}, {"layers": 8, "extra": True}, {"extra": False}]
    mixed = [replace(trial, config=config) for trial, config in zip(trials, configs, strict=True)]
    assert len(draw_pictures(tmp_path, sweep, mixed, histories)) == 4


def test_a_minimised_metric_is_drawn_downward(ledger: Ledger, tmp_path: Path) -> None:
    sweep = begin(ledger, objective={"metric": "accuracy", "direction": "minimize", "select": "best"})
    run(ledger, sweep, range(4))
    figure = best_score(sweep, ledger.trials(sweep.id))
    steps = next(line for line in figure.axes[0].lines if line.get_label() == "best so far").get_ydata()
    assert list(steps) == sorted(steps, reverse=True)


def test_a_log_domain_has_a_log_axis(ledger: Ledger) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(4))
    figure = hyperparameters(sweep, ledger.trials(sweep.id), [Scale("learning_rate", (1e-4, 1e-3, 1e-2, 1e-1), None, log=True)])
    assert figure.axes[0].get_xscale() == "log"


def test_positions_on_a_log_axis_are_spread_evenly() -> None:
    assert Scale("rate", (1e-4, 1e-3, 1e-2), None, log=True).unit() == pytest.approx([0, 0.5, 1])
    assert Scale("same", (3.0, 3.0), None, log=False).unit() == [0.5, 0.5]


def test_thousands_of_trials_can_be_drawn(ledger: Ledger, tmp_path: Path) -> None:
    sweep = begin(ledger)
    run(ledger, sweep, range(4))
    trials, histories = rows_of(ledger, sweep)
    many = [replace(trials[number % 4], number=number, score=1 - number / 3000) for number in range(3000)]
    assert len(draw_pictures(tmp_path, sweep, many, histories)) == 4


def test_pyplot_and_its_global_state_are_not_used(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    sweep = begin(ledger)
    run(ledger, sweep, range(3))
    draw_pictures(tmp_path, sweep, *rows_of(ledger, sweep))
    assert "matplotlib.pyplot" not in sys.modules
