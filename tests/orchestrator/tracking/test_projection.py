"""What rows look like in MLflow: names, values, steps and times follow from the ledger alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from fake_sweeps import LOOKED, START, Clock, add, begin, end, fake_fold, finish, run

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import SweepRow, TrialRow
from orchestrator.results.row_values import run_page
from orchestrator.search.trials import SweepState, TrialState
from orchestrator.tracking.curve import BestCurve
from orchestrator.tracking.dataset import dataset_content
from orchestrator.tracking.files import environment, write_final_files, write_first_files
from orchestrator.tracking.note import sweep_note
from orchestrator.tracking.projection import CURVE_POINTS, param_text, summary_values, sweep_run, thinned, trial_params, trial_run


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db", Clock()) as ledger:
        yield ledger


@pytest.fixture
def sweep(ledger: Ledger) -> SweepRow:
    return begin(ledger)


def only_trial(ledger: Ledger, sweep: SweepRow) -> TrialRow:
    (trial,) = ledger.trials(sweep.id)
    return trial


def test_a_trial_shows_every_hyperparameter(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, [0])
    assert trial_run(sweep, only_trial(ledger, sweep)).params == {
        "epochs": "20",
        "batch_size": "32",
        "hidden_layers": "2",
        "learning_rate": "0.0001",
        "optimizer": "adam",
        "units": "1",
    }


def test_a_config_wins_over_fixed_params_and_fit(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, [0])
    trial = replace(only_trial(ledger, sweep), config={"epochs": 3, "hidden_layers": 9})
    assert trial_run(sweep, trial).params == {"epochs": "3", "batch_size": "32", "hidden_layers": "9"}


def test_a_trial_shows_mean_spread_and_every_fold(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, [3])
    trial = only_trial(ledger, sweep)
    values = {point.name: point.value for point in trial_run(sweep, trial, ledger.folds(trial.key)).metrics if point.step == 0}
    assert values["accuracy"] == pytest.approx(0.9025)
    assert values["accuracy_std"] == pytest.approx(0.0025)
    assert values["accuracy_standard_error"] == pytest.approx(math.sqrt((1 / 2 + 0.5) * 0.005**2 / 2))
    assert (values["fold_0/accuracy"], values["fold_1/accuracy"]) == pytest.approx((0.9, 0.905))
    assert {name for name in values if name.startswith("fold_0/")} == {
        "fold_0/accuracy", "fold_0/roc_auc", "fold_0/epoch", "fold_0/training_seconds",
    }  # fmt: skip


def test_epoch_curves_are_the_mean_of_all_folds_and_one_that_stopped_keeps_its_last_value(
    ledger: Ledger, sweep: SweepRow
) -> None:
    run(ledger, sweep, [0])
    trial = only_trial(ledger, sweep)
    points = [point for point in trial_run(sweep, trial, ledger.folds(trial.key)).metrics if point.name == "curve/val_loss"]
    assert [point.step for point in points] == [1, 2, 3, 4, 5, 6]
    assert points[0].value == pytest.approx((1.2 + 1.3) / 2)
    assert points[-1].value == pytest.approx((1.2 / 5 + 1.2 / 6 + 0.1) / 2)  # only the second fold ran a sixth epoch


def test_every_value_has_the_time_at_which_the_trial_ended(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, [0])
    trial = only_trial(ledger, sweep)
    content = trial_run(sweep, trial, ledger.folds(trial.key))
    assert {point.timestamp for point in content.metrics} == {round((trial.finished or 0) * 1000)}
    assert content == trial_run(sweep, trial, ledger.folds(trial.key))


def test_long_curves_are_thinned_and_keep_both_ends() -> None:
    steps = thinned(1000, CURVE_POINTS)
    assert (len(steps), steps[0], steps[-1]) == (CURVE_POINTS, 1, 1000)
    assert steps == sorted(set(steps))
    assert thinned(3, CURVE_POINTS) == [1, 2, 3]


def test_numbers_that_are_not_finite_are_not_shown(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, [0], ends={0: TrialState.DIVERGED})
    trial = only_trial(ledger, sweep)
    points = trial_run(sweep, trial, ledger.folds(trial.key)).metrics
    assert {point.name for point in points} == {"training_seconds", "fold_0/epoch", "fold_0/training_seconds"}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TrialState.COMPLETED, "FINISHED"),
        (TrialState.DIVERGED, "FAILED"),
        (TrialState.FAILED, "FAILED"),
        (TrialState.TIMED_OUT, "FAILED"),
        (TrialState.PRUNED, "KILLED"),
        (TrialState.STOPPED, "KILLED"),
    ],
)
def test_a_state_has_its_status(ledger: Ledger, sweep: SweepRow, state: TrialState, status: str) -> None:
    run(ledger, sweep, [0], ends={0: state})
    content = trial_run(sweep, only_trial(ledger, sweep))
    assert (content.status, content.tags["kerasweep.state"]) == (status, state)


def test_nothing_runs_in_a_sweep_that_has_ended(ledger: Ledger, sweep: SweepRow) -> None:
    add(ledger, sweep, [0])
    ledger.start_trials(sweep, [0], "cohort-1")
    running = only_trial(ledger, sweep)
    assert trial_run(sweep, running).status == "RUNNING"
    assert trial_run(replace(sweep, state=SweepState.STOPPED), running).status == "KILLED"


def test_a_failure_is_told_with_its_traceback(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, [0], ends={0: TrialState.FAILED})
    tags = trial_run(sweep, only_trial(ledger, sweep)).tags
    assert tags["kerasweep.cause"] == "exception"
    assert tags["mlflow.note.content"] == "**FAILED** (exception): boom\n\n```\nTraceback: boom\n```"


def test_who_is_given_up_says_why_and_has_no_score(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(2), ends={1: TrialState.PRUNED})
    whole, given_up = (trial_run(sweep, trial) for trial in ledger.trials(sweep.id))
    assert (given_up.status, given_up.tags["kerasweep.given_up"]) == ("KILLED", "fold 0: 0.8, below 0.9 of trial 0")
    assert "kerasweep.given_up" not in whole.tags


def test_tags_say_whose_trial_it_is_and_leave_out_what_is_unknown(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, [0])
    trial = only_trial(ledger, sweep)
    tags = trial_run(sweep, trial).tags
    expected = {
        "sweep": "demo",
        "occasion": "manual-1",
        "strategy": "random",
        "recipe": "mlp",
        "trial": "0",
        "cohort": "cohort-1",
    }
    assert expected.items() <= {name.removeprefix("kerasweep."): value for name, value in tags.items()}.items()
    assert tags["kerasweep.trial_key"] == trial.key
    assert "kerasweep.cached_from" not in tags
    assert "mlflow.note.content" not in tags


@pytest.mark.parametrize(
    ("value", "text"), [("adam", "adam"), (0.001, "0.001"), (None, "null"), ([64, 32], "[64, 32]"), (True, "true")]
)
def test_params_are_text(value: object, text: str) -> None:
    assert param_text(value) == text


def test_a_param_too_long_for_mlflow_says_that_it_is_cut() -> None:
    text = param_text("x" * 9000)
    assert len(text) == 6000
    assert text.endswith(" ... (cut)")


def test_the_best_curve_is_the_same_whatever_order_trials_end_in(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(6), ends={1: TrialState.FAILED})
    trials = ledger.trials(sweep.id)
    points = []
    for order in (trials, trials[::-1], trials[3:] + trials[:3]):
        curve = BestCurve(sweep)
        taken = []
        for trial in order:
            curve.add(trial)
            taken += curve.take()
        points.append(taken)
    assert points[0] == points[1] == points[2]
    assert [point.step for point in points[0]] == [0, 1, 2, 3, 4, 5]
    assert [point.value for point in points[0]] == pytest.approx([0.8725, 0.8725, 0.8925, 0.9025, 0.9025, 0.9025])
    assert points[0][0].name == "best_accuracy"


def test_the_best_curve_waits_for_a_trial_that_runs(ledger: Ledger, sweep: SweepRow) -> None:
    add(ledger, sweep, range(3))
    ledger.start_trials(sweep, [0, 1, 2], "cohort-1")
    finish(ledger, sweep, 0)
    finish(ledger, sweep, 2)
    curve = BestCurve(sweep)
    for trial in ledger.trials(sweep.id):
        curve.add(trial)
    assert [point.step for point in curve.take()] == [0]
    finish(ledger, sweep, 1)
    curve.add(ledger.trial(sweep.id, 1))
    later = curve.take()
    assert [point.step for point in later] == [1, 2]
    assert later[0].timestamp == later[1].timestamp  # trial 2 ended before 1


def test_the_parent_shows_baseline_winner_and_test_scores(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(5))
    done = end(ledger, sweep)
    content = sweep_run(done, ledger.trials(sweep.id))
    values = {point.name: point.value for point in content.metrics}
    assert content.status == "FINISHED"
    assert (content.start, content.end) == (round((START + 0.5) * 1000), round((done.finished or 0) * 1000))
    assert (values["baseline/accuracy"], values["test/accuracy"]) == pytest.approx((0.63, 0.93))
    assert values["accuracy"] == pytest.approx(0.9025)


def test_the_parent_shows_the_winners_config_once_it_can_be_no_other(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(5))
    assert sweep_run(ledger.sweep_by_id(sweep.id), ledger.trials(sweep.id)).params == {}
    stopped = ledger.finish_sweep(sweep, SweepState.STOPPED)
    assert sweep_run(stopped, ledger.trials(sweep.id)).params == {}
    ledger.update_facts(again := begin(ledger), {"winner": 1})
    params = sweep_run(end(ledger, again), ledger.trials(sweep.id)).params
    assert params == {f"best.{name}": text for name, text in trial_params(sweep, ledger.trial(sweep.id, 1)).items()}
    assert params["best.hidden_layers"] == "2"


def test_seconds_of_the_parent_are_its_duration_and_the_folds_time_has_a_name_of_its_own(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(5))
    content = sweep_run(end(ledger, sweep), ledger.trials(sweep.id))
    values = {point.name: point.value for point in content.metrics}
    assert values["seconds"] == ((content.end or 0) - content.start) / 1000 > 0
    assert "training_seconds" not in values
    assert {"training_seconds": 1.0}.items() <= summary_values(ledger.trial(sweep.id, 0)).items()


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("sqlite:///mlflow.db", "http://127.0.0.1:5000/#/experiments/5/runs/abc?workflowType=machine_learning"),
        ("http://me:hush@tower:80/ml/", "http://tower:80/ml/#/experiments/5/runs/abc?workflowType=machine_learning"),
    ],
)
def test_the_page_is_that_of_the_sweeps_own_run_as_model_training(ledger: Ledger, sweep: SweepRow, uri: str, page: str) -> None:
    ledger.set_mlflow_run(sweep.id, "abc", experiment="5")
    assert run_page(ledger.sweep_by_id(sweep.id), uri) == page


def test_without_a_run_there_is_no_page_of_it(sweep: SweepRow) -> None:
    assert run_page(sweep, "sqlite:///mlflow.db") == ""
    assert run_page(sweep, "http://me:hush@tower/") == "http://tower/"


def test_the_winner_may_be_another_than_the_best(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(5))
    ledger.update_facts(sweep, {"winner": 1})
    done = end(ledger, sweep)
    values = {point.name: point.value for point in sweep_run(done, ledger.trials(sweep.id)).metrics}
    assert values["accuracy"] == pytest.approx(0.8825)
    assert "Winner: trial 1, accuracy 0.8825" in sweep_note(done, ledger.trials(sweep.id))


def test_the_note_says_winner_spread_baseline_states_and_how_to_go_on(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(5), ends={4: TrialState.FAILED})
    note = sweep_note(end(ledger, sweep), ledger.trials(sweep.id))
    assert note.startswith("## demo/manual-1: completed\n\n**Winner: trial 3, accuracy 0.9025 ± 0.0035 (standard error)")
    assert "The baseline has 0.63." in note
    assert '| optimizer | `"sgd"` |' in note
    assert "on the test part, met once: accuracy 0.93" in note
    assert "4 COMPLETED, 1 FAILED" in note
    assert "kerasweep resume demo" in note


def test_the_note_warns_of_leaky_scores(ledger: Ledger, sweep: SweepRow) -> None:
    leaky = ledger.update_facts(sweep, {"leaky": True})
    assert "**Leaky:**" in sweep_note(leaky, [])
    assert "No trial has a score yet" in sweep_note(leaky, [])
    assert sweep_run(leaky).tags["kerasweep.leaky"] == "true"


def test_a_table_is_described_by_its_columns(sweep: SweepRow) -> None:
    content = dataset_content(sweep)
    assert content is not None
    assert (content.name, content.source_type, len(content.digest)) == ("breast_cancer", "sklearn", 36)
    assert json.loads(content.schema) == {
        "mlflow_colspec": [
            {"type": "double", "name": "radius", "required": True},
            {"type": "string", "name": "site", "required": True},
        ]
    }
    assert json.loads(content.profile)["fingerprint"] == "f00d" * 16


def test_an_array_is_described_by_its_shape(ledger: Ledger, sweep: SweepRow) -> None:
    data = {"rows": 70000, "shape": [70000, 28, 28], "columns": None, "fingerprint": "ab" * 32}
    content = dataset_content(ledger.update_facts(sweep, {"data": data}))
    assert content is not None
    (spec,) = json.loads(json.loads(content.schema)["mlflow_tensorspec"]["features"])
    assert spec["tensor-spec"]["shape"] == [-1, 28, 28]


def test_a_data_set_that_is_not_read_yet_is_not_described(ledger: Ledger, sweep: SweepRow) -> None:
    assert dataset_content(replace(sweep, facts={})) is None


def test_secrets_stay_out_of_the_spec_artifact(sweep: SweepRow, tmp_path: Path) -> None:
    write_first_files(tmp_path, sweep)
    text = (tmp_path / "sweep.yaml").read_text()
    assert "hush" not in text
    assert yaml.safe_load(text)["tracking"]["uri"] == "postgresql://someone:***@db/mlflow"
    assert yaml.safe_load(text)["seed"] == 7


def test_the_environment_is_listed_with_versions() -> None:
    lines = environment().splitlines()
    assert any(line.startswith("pytest==") for line in lines)
    assert lines == sorted(set(lines), key=str.lower)


def test_the_last_files_hold_leaderboard_histories_and_pictures(ledger: Ledger, sweep: SweepRow, tmp_path: Path) -> None:
    run(ledger, sweep, range(4), ends={2: TrialState.DIVERGED})
    write_final_files(tmp_path, end(ledger, sweep), ledger.trials(sweep.id), ledger)
    assert (tmp_path / "leaderboard.csv").read_text().count("\n") == 6  # header, four trials, the baseline
    assert "baseline" in (tmp_path / "leaderboard.html").read_text()
    best, *_ = json.loads((tmp_path / "fold_histories.json").read_text())["trials"]
    assert best["trial"] == 3
    assert best["folds"][0]["history"]["loss"] == pytest.approx(fake_fold(3, 0).history["loss"])
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 4


def test_finalists_show_fresh_means_and_what_became_of_them(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(6))
    sweep = ledger.update_facts(sweep, {"finalists": LOOKED.record()})
    runs = {trial.number: trial_run(sweep, trial) for trial in ledger.trials(sweep.id)}
    tags = {number: content.tags.get("kerasweep.finalist") for number, content in runs.items()}
    assert tags == {0: None, 1: None, 2: "out: fold 4: boom", 3: "also ran", 4: "winner", 5: None}
    values = {point.name: point.value for point in runs[3].metrics}
    assert (values["fresh/accuracy"], values["fresh/accuracy_standard_error"]) == (0.88, 0.02)
    assert not [point.name for number in (2, 5) for point in runs[number].metrics if point.name.startswith("fresh")]


def test_the_parent_says_which_finalist_won_and_what_such_a_winner_is_worth(ledger: Ledger, sweep: SweepRow) -> None:
    run(ledger, sweep, range(6))
    ledger.update_facts(sweep, {"finalists": LOOKED.record()})
    ended = end(ledger, sweep)
    trials = ledger.trials(sweep.id)
    content = sweep_run(ended, trials)
    values = {point.name: point.value for point in content.metrics}
    assert (values["cross_fitted/accuracy"], values["fresh/accuracy"]) == (0.885, 0.89)
    assert values["accuracy"] == pytest.approx(0.8925)  # trial 4's in the search
    assert content.tags["kerasweep.finalists"] == LOOKED.told()
    assert content.params["best.units"] == "5"
    note = sweep_note(ended, trials)
    assert "**Winner: trial 4, accuracy 0.8925" in note
    assert LOOKED.told() in note
