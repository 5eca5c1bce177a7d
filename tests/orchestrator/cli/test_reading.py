"""The reading commands over a ledger of finished work: tables for people, JSON for programs, messages for mistakes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_sweeps import LOOKED, Clock, begin, end, run

from orchestrator.cli.reading import show_outcome
from orchestrator.cli.root import main
from orchestrator.ledger.ledger import Ledger
from orchestrator.search.trials import SweepState, TrialState

FACTS = {
    "refit": {"epochs": 7, "test_metrics": {"accuracy": 0.93}},
    "model": "/models/demo",
    "model_uri": "models:/m-1",
    "winner": 3,
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A ledger with two occasions of one sweep: one done, with failures; one stopped before anything was scored."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger(url, Clock()) as ledger:
        sweep = begin(ledger, cv={"folds": 2, "repeats": 1})
        run(ledger, sweep, range(14), ends={1: TrialState.FAILED, 2: TrialState.DIVERGED})
        ledger.update_facts(sweep, FACTS)
        ledger.finish_sweep(sweep, SweepState.COMPLETED)
        end(ledger, begin(ledger, cv={"folds": 2, "repeats": 1}), SweepState.STOPPED)
    return url


def call(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [arguments[0], "--ledger", url, *arguments[1:]], catch_exceptions=False)


def answer(url: str, *arguments: str) -> Any:
    result = call(url, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_list_shows_every_occasion_with_its_best(url: str) -> None:
    lines = call(url, "list").stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["demo/manual-2", "STOPPED", "0/0"],
        ["demo/manual-1", "COMPLETED", "14/14"],
    ]
    assert "accuracy 0.9025 ± 0.0025" in lines[2]
    assert [one["occasion"] for one in answer(url, "list")] == ["manual-2", "manual-1"]


def test_show_prints_the_first_ten_with_the_baseline_and_says_how_to_see_the_rest(url: str) -> None:
    out = call(url, "show", "demo/manual-1").stdout
    lines = out.splitlines()
    assert lines[0] == "demo/manual-1: COMPLETED, 14/14 trials over, 2 without a score, engine keras"
    assert lines[2].split()[:4] == ["1*", "3", "0.9025", "0.0025"]
    assert any(line.split()[0] == "baseline" for line in lines)
    assert "... and 4 more: kerasweep show demo/manual-1 --all" in out
    assert "boom" in call(url, "show", "demo/manual-1", "--all").stdout


def test_show_counts_those_that_were_given_up_apart(url: str) -> None:
    with Ledger(url) as ledger:
        sweep = begin(ledger, "raced")
        run(ledger, sweep, range(4), ends={2: TrialState.PRUNED, 3: TrialState.FAILED})
        end(ledger, sweep)
    lines = call(url, "show", "raced").stdout.splitlines()
    assert lines[0] == "raced/manual-1: COMPLETED, 4/4 trials over, 1 given up, 1 without a score, engine keras"


def test_show_as_json_holds_the_whole_leaderboard(url: str) -> None:
    record = answer(url, "show", "demo/manual-1")
    assert record["trials"] == {"COMPLETED": 12, "FAILED": 1, "DIVERGED": 1}
    assert len(record["leaderboard"]) == 15
    assert record["facts"]["winner"] == 3


def test_a_winner_at_a_bound_is_said_with_the_bound(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    space = {"learning_rate": {"reciprocal": [1e-4, 1e-1]}, "optimizer": ["adam", "sgd"], "units": {"integer": [4, 64]}}
    with Ledger(url, Clock()) as ledger:
        sweep = begin(ledger, cv={"folds": 2, "repeats": 1}, space=space)
        run(ledger, sweep, range(6))
        ledger.finish_sweep(sweep, SweepState.COMPLETED)
    said = "The winner lies at a bound of the space: units = 4 (lower bound 4). A better one may lie beyond"
    assert said in call(url, "show", "demo").stdout
    assert said in call(url, "best", "demo").stdout
    (found,) = answer(url, "show", "demo")["winner_at_bounds"]
    assert found == {"name": "units", "value": 4, "end": "lower", "bound": 4}


def test_a_winner_within_the_space_needs_no_word(url: str) -> None:
    assert "bound" not in call(url, "show", "demo/manual-1").stdout
    assert answer(url, "show", "demo/manual-1")["winner_at_bounds"] == []


def test_show_takes_the_newest_occasion_unless_told(url: str) -> None:
    assert answer(url, "show", "demo")["occasion"] == "manual-2"


def test_a_trial_shows_folds_curves_and_traceback(url: str) -> None:
    out = call(url, "show", "demo/manual-1", "3").stdout
    assert "learning_rate" in out
    assert "5/5" in out
    assert "▁" in out
    failed = call(url, "show", "demo/manual-1", "1").stdout
    assert "cause: exception" in failed
    assert "Traceback: boom" in failed
    record = answer(url, "show", "demo/manual-1", "2")
    assert record["state"] == "DIVERGED"
    assert record["folds"][0]["metrics"]["accuracy"] is None


def test_best_tells_config_score_spread_test_score_and_model(url: str) -> None:
    out = call(url, "best", "demo/manual-1").stdout
    for part in (
        "trial 3",
        "0.9025 ± 0.0025 over 2 folds",
        "test accuracy 0.9300",
        "/models/demo (refitted for 7 epochs)",
        "models:/m-1",
    ):
        assert part in out
    record = answer(url, "best", "demo/manual-1")
    assert (record["trial"], record["model"], record["refit"]["epochs"]) == (3, "/models/demo", 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "dmeo"), "Near to it: 'demo'"),
        (("show", "demo/manual-9"), "no sweep 'demo/manual-9'"),
        (("show", "demo/manual-1", "99"), "no trial 99"),
        (("best", "demo"), "demo/manual-2 has no trial with a score yet"),
    ],
)
def test_what_is_not_there_is_one_message_and_exit_code_2(url: str, arguments: tuple[str, ...], said: str) -> None:
    result = call(url, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_what_is_no_ledgers_url_has_exit_code_2() -> None:
    result = call("foo", "list")
    assert result.exit_code == 2
    assert "expected a URL such as 'sqlite:///kerasweep.db'. Got 'foo' instead." in result.stderr


def test_reading_a_folder_without_a_ledger_makes_none(tmp_path: Path) -> None:
    result = call(f"sqlite:///{tmp_path / 'none.db'}", "list")
    assert result.exit_code == 2
    assert "There is no ledger" in result.stderr
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("projected", [False, True])
def test_the_last_line_offers_the_page_only_where_it_holds_the_sweep(
    url: str, projected: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with Ledger(url, Clock()) as ledger:
        row = ledger.sweep("demo", "manual-1")
        if projected:
            trials = {trial.number: trial.revision for trial in ledger.trials(row.id)}
            ledger.mark_projected(row.id, trials=trials, sweep=row.revision)
    show_outcome(url, row, as_json=False)
    last = capsys.readouterr().out.splitlines()[-1]
    if projected:
        assert last == "Browse it:  kerasweep ui --uri postgresql://someone:***@db/mlflow"
    else:
        assert last.endswith("kerasweep resume demo/manual-1")
        assert "ui --uri" not in last


def test_browse_shows_no_password(url: str) -> None:
    assert call(url, "browse", "demo/manual-1").stdout == "kerasweep ui --uri postgresql://someone:***@db/mlflow\n"


def test_retries_of_requests_are_not_on_the_screen_unless_asked_for(url: str) -> None:
    for flags, level in (([], logging.ERROR), (["-v"], logging.ERROR)):
        assert CliRunner().invoke(main, [*flags, "list", "--ledger", url]).exit_code == 0
        assert logging.getLogger("urllib3").getEffectiveLevel() == level


def test_ui_without_a_store_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["ui", "--uri", f"sqlite:///{tmp_path / 'none.db'}"])
    assert result.exit_code == 2
    assert "There is no MLflow store" in result.stderr


def test_finalists_are_shown_with_their_fresh_means_and_the_winner_is_theirs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger(url, Clock()) as ledger:
        sweep = begin(ledger, cv={"folds": 2, "repeats": 1})
        run(ledger, sweep, range(6))
        ledger.update_facts(sweep, {"finalists": LOOKED.record()})
        ledger.finish_sweep(sweep, SweepState.COMPLETED)
    lines = call(url, "show", "demo").stdout.splitlines()
    assert lines[1].split()[:5] == ["rank", "trial", "accuracy", "std", "fresh"]
    assert lines[2].split()[:5] == ["1", "3", "0.9025", "0.0025", "0.8800"]
    assert [line.split()[1] for line in lines[1:] if line.split()[0].endswith("*")] == ["4"]
    worth = "trial 4 wins with accuracy 0.89 ± 0.03 (standard error); a winner chosen so is worth 0.885 (cross-fitted); 1 out."
    assert f"3 finalists on 6 fresh folds: {worth}" in lines
    out = call(url, "best", "demo").stdout
    assert out.startswith("Winner: trial 4 ")
    assert "  fresh splits  0.8900 over 6 fresh folds, standard error 0.0300" in out
    assert "  cross-fitted  0.8850: what a winner chosen so is worth" in out
    assert answer(url, "best", "demo")["fresh"] == 0.89
    assert answer(url, "show", "demo")["facts"]["finalists"]["cross_fitted"] == 0.885
