"""One sweep on a real Ray and a real MLflow store, read back by every door: MlflowClient, the command line, the model folder."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from small_folder import Folder, small_sweep


@pytest.fixture(scope="module")
def swept(make_folder: Callable[[str], Folder]) -> tuple[Folder, dict[str, Any]]:
    """A finished sweep of which one trial fails: its folder, and what the command said."""
    folder = make_folder("swept")
    space = {"learning_rate": [0.001, 0.01], "activation": ["relu", "tanh"]}
    folder.write(small_sweep(space=space, model={"register_as": "tumours"}))
    return folder, folder.json("run", "sweep.yaml")


@pytest.fixture(scope="module")
def client(swept: tuple[Folder, dict[str, Any]]) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{swept[0].path / 'mlflow.db'}")


@pytest.fixture(scope="module")
def runs(client: Any) -> tuple[Any, list[Any]]:
    """The parent run, and the trials' runs in ask order."""
    experiment = client.get_experiment_by_name("small")
    found = client.search_runs([experiment.experiment_id], max_results=100)
    (parent,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(found) == 1 + len(children)
    return parent, sorted(children, key=lambda run: run.info.start_time)


def test_the_outcome_says_what_won(swept: tuple[Folder, dict[str, Any]]) -> None:
    outcome = swept[1]
    assert (outcome["name"], outcome["occasion"], outcome["state"]) == ("small", "manual-1", "COMPLETED")
    assert outcome["trials"] == {"COMPLETED": 4}
    board = outcome["leaderboard"]
    scores = [entry["score"] for entry in board if entry["rank"] is not None]
    assert scores == sorted(scores, reverse=True)
    assert board[0]["winner"]
    (baseline,) = [entry for entry in board if entry["trial"] is None]
    assert 0.6 < baseline["score"] < 0.65 < board[0]["score"]
    assert set(outcome["facts"]["refit"]["test_metrics"]) == {"accuracy", "roc_auc"}


def test_every_trial_is_a_finished_child_run_with_params_metrics_curves_and_tags(runs: tuple[Any, list[Any]]) -> None:
    _, children = runs
    assert len(children) == 4
    for run in children:
        assert run.info.status == "FINISHED"
        assert {"learning_rate", "activation", "hidden_layers", "layer_size", "epochs", "batch_size"} <= set(run.data.params)
        metrics = run.data.metrics
        folds = [metrics["fold_0/accuracy"], metrics["fold_1/accuracy"]]
        assert metrics["accuracy"] == pytest.approx(np.mean(folds))
        assert metrics["accuracy_std"] == pytest.approx(np.std(folds))
        assert {"roc_auc", "roc_auc_std", "fold_0/roc_auc"} <= set(metrics)
    tags = children[0].data.tags
    assert {"COMPLETED", "keras"} <= set(tags.values())
    assert any(len(value) == 64 for value in tags.values()), "the trial key is a tag"


def test_epoch_curves_are_the_fold_mean(client: Any, runs: tuple[Any, list[Any]]) -> None:
    run = runs[1][0]
    (name,) = [name for name in run.data.metrics if name.endswith("/val_loss") and not name.startswith("fold_")]
    history = client.get_metric_history(run.info.run_id, name)
    assert sorted(point.step for point in history) == [1, 2]


def test_the_parent_run_holds_the_whole_story(client: Any, runs: tuple[Any, list[Any]]) -> None:
    parent, children = runs
    assert parent.info.status == "FINISHED"
    names = {item.path for item in client.list_artifacts(parent.info.run_id)}
    everything = names | {
        inner.path for name in names for inner in client.list_artifacts(parent.info.run_id, name) if not inner.is_dir
    }
    for wanted in ("leaderboard.csv", "leaderboard.html", "sweep.yaml", "environment", ".png", "fold"):
        assert any(wanted in path for path in everything), f"no {wanted!r} among {sorted(everything)}"
    assert "mlflow.note.content" in parent.data.tags
    assert parent.inputs.dataset_inputs[0].dataset.digest
    best = [name for name in parent.data.metrics if name.startswith("best")]
    curve = client.get_metric_history(parent.info.run_id, best[0])
    values = [point.value for point in sorted(curve, key=lambda point: point.step)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(max(run.data.metrics["accuracy"] for run in children))


def test_no_run_is_left_running_and_no_metric_is_double(client: Any, runs: tuple[Any, list[Any]]) -> None:
    parent, children = runs
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
    for run in children:
        assert len(client.get_metric_history(run.info.run_id, "accuracy")) == 1


def test_the_winner_is_a_registered_version_whose_model_predicts(
    swept: tuple[Folder, dict[str, Any]], client: Any, tmp_path: Path
) -> None:
    folder, outcome = swept
    (version,) = client.search_model_versions("name = 'tumours'")
    assert version.version == 1
    data = load_breast_cancer(as_frame=True).frame.drop(columns="target")
    data.head(20).to_csv(tmp_path / "rows.csv", index=False)
    out = folder.run("predict", outcome["facts"]["model"], str(tmp_path / "rows.csv"))
    predictions = list(csv.DictReader(out.splitlines()))
    assert len(predictions) == 20
    probabilities = [float(value) for row in predictions for name, value in row.items() if name != "prediction"]
    assert all(0 <= value <= 1 for value in probabilities)


def test_the_reading_commands_agree_with_the_outcome(swept: tuple[Folder, dict[str, Any]]) -> None:
    folder, outcome = swept
    assert folder.json("show", "small")["leaderboard"] == outcome["leaderboard"]
    assert [one["name"] for one in folder.json("list")] == ["small"]
    winner = outcome["leaderboard"][0]
    assert folder.json("best", "small")["config"] == winner["config"]
    trial = folder.json("show", "small", str(winner["trial"]))
    assert [fold["fold"] for fold in trial["folds"]] == [0, 1]
    assert len(trial["folds"][0]["history"]["loss"]) == 2
    text = folder.run("show", "small") + folder.run("show", "small", "0") + folder.run("best", "small") + folder.run("list")
    for word in ("baseline", "COMPLETED", "Winner", "epochs"):
        assert word in text


@pytest.mark.full
def test_equal_work_costs_nothing_the_next_time(swept: tuple[Folder, dict[str, Any]]) -> None:
    folder, outcome = swept
    plan = folder.json("plan", "sweep.yaml")
    assert (plan["occasion"], plan["trials"], plan["fits"], plan["known"]) == ("manual-2", 4, 8, 4)
    folder.write(small_sweep(ray={"local": True}), "again.yaml")
    again = folder.json("run", "again.yaml")
    assert again["cached"] == 4
    scores = [{entry["trial"]: entry["score"] for entry in one["leaderboard"]} for one in (outcome, again)]
    assert scores[0] == scores[1]


@pytest.mark.full
def test_a_trial_that_raises_is_a_failed_run_with_its_traceback(make_folder: Callable[[str], Folder]) -> None:
    from mlflow import MlflowClient

    folder = make_folder("failing")
    (folder.path / "model.py").write_text(
        "import keras\n"
        "def build(units=4, rate=0.01):\n"
        "    if units == 13:\n"
        "        raise ValueError('thirteen')\n"
        "    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(units), keras.layers.Dense(1, 'sigmoid')])\n"
        "    model.compile(keras.optimizers.SGD(rate), 'binary_crossentropy')\n"
        "    return model\n"
    )
    trainer = {"type": "builder", "builder": "model:build"}
    space = {"units": [4, 13], "rate": [0.01, 1e38]}
    folder.write(small_sweep(trainer=trainer, space=space, ray={"local": True}))
    outcome = folder.json("run", "sweep.yaml")
    states = {entry["trial"]: entry["state"] for entry in outcome["leaderboard"]}
    assert [states[trial] for trial in range(4)] == ["COMPLETED", "DIVERGED", "FAILED", "FAILED"]
    failed = folder.json("show", "small", "2")
    assert "thirteen" in failed["message"]
    assert "model.py" in failed["traceback"]
    client = MlflowClient(f"sqlite:///{folder.path / 'mlflow.db'}")
    found = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert sorted(run.info.status for run in found) == ["FAILED"] * 3 + ["FINISHED"] * 2
    for run in found:
        assert all(math.isfinite(value) and abs(value) < 1e300 for value in run.data.metrics.values())


@pytest.mark.full
def test_the_check_before_the_first_trial_refuses_and_leaves_nothing(make_folder: Callable[[str], Folder]) -> None:
    folder = make_folder("refused")
    (folder.path / "model.py").write_text("def build(units=4):\n    return 'not a model'\n")
    folder.write(small_sweep(trainer={"type": "builder", "builder": "model:build"}, space={"units": [4, 8]}, ray={"local": True}))
    said = folder.run("run", "sweep.yaml", code=2)
    assert "model:build" in said
    assert "Traceback" not in said
    assert folder.json("list") == []
    assert not (folder.path / "kerasweep-output").exists()


@pytest.mark.full
@pytest.mark.parametrize("engine", ["fused", "keras"])
def test_one_and_two_workers_give_the_same_sweep(make_folder: Callable[[str], Folder], engine: str) -> None:
    space = {"learning_rate": {"reciprocal": [1e-3, 1e-1]}, "layer_size": {"integer": [4, 16]}}
    space |= {"l2": {"reciprocal": [1e-4, 1e-1]}, "dropout": {"uniform": [0.1, 0.5]}}
    strategy = {"type": "genetic", "population": 6 if engine == "fused" else 4, "generations": 2}
    fit = {"epochs": 12 if engine == "fused" else 2, "batch_size": 64}
    outcomes = []
    for workers in (1, 2):
        folder = make_folder(f"{engine}-{workers}")
        more = {"engine": engine, "fit": fit, "resources": {"max_concurrent": workers}, "ray": {"local": True}}
        folder.write(small_sweep(space=space, strategy=strategy, **more))
        outcomes.append(folder.json("run", "sweep.yaml"))
    one, two = (
        [{key: entry[key] for key in ("rank", "trial", "winner", "score", "config", "std")} for entry in outcome["leaderboard"]]
        for outcome in outcomes
    )
    assert len(one) > 5
    assert json.dumps(one) == json.dumps(two)
