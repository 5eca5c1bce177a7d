"""Callbacks' files in a search: each fold's apart, kept, and brought to MLflow where that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pytest
from sklearn.datasets import load_iris

from orchestrator.search_cv import GridSearchCV, NotFusedWarning
from trainers.estimators import KerasClassifier

X, Y = load_iris(return_X_y=True)


def net(units: int = 4) -> Any:
    import keras

    model = keras.Sequential([keras.layers.Dense(units, "relu"), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.full
def test_backups_are_kept_per_trial_and_fold_and_restored_by_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.chdir(tmp_path)
    search = GridSearchCV(KerasClassifier(net, epochs=2, random_state=0), {"units": [4, 5]}, cv=2, engine="keras")
    expected = search.fit(X, Y).cv_results_["mean_test_score"]
    backup = keras.callbacks.BackupAndRestore("backup", delete_checkpoint=False)
    search.fit(X, Y, callbacks=[backup])
    assert search.cv_results_["mean_test_score"] == pytest.approx(expected)
    assert len(search.best_estimator_.history_["loss"]) == 2
    files = {str(file.parent.relative_to(tmp_path)) for file in tmp_path.rglob("latest.weights.h5")}
    assert files == {"backup", *(f"trial-{trial}/fold-{fold}/backup" for trial in range(2) for fold in range(2))}
    shared = keras.callbacks.BackupAndRestore(str(tmp_path / "shared"))
    with pytest.raises(ValueError, match="expected a relative backup_dir"):
        search.fit(X, Y, callbacks=[shared])


@pytest.mark.full
@pytest.mark.parametrize("tracked", [False, True])
def test_files_are_kept_per_trial_and_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracked: bool) -> None:
    import keras

    monkeypatch.chdir(tmp_path)
    (tmp_path / "trial-1").mkdir()
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}" if tracked else None
    search = GridSearchCV(KerasClassifier(net, epochs=2), {"units": [4, 5]}, cv=2, tracking_uri=uri)
    with pytest.warns(NotFusedWarning, match="CSVLogger"):
        search.fit(X, Y, callbacks=[keras.callbacks.CSVLogger("log.csv")])
    files = sorted(str(file.relative_to(tmp_path)) for place in (".", "trial-*/*") for file in tmp_path.glob(f"{place}/*.csv"))
    assert files == ["log.csv", *(f"trial-{trial}/fold-{fold}/log.csv" for trial in range(2) for fold in range(2))]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 3, "the refit's"
    if tracked:
        client = mlflow.MlflowClient(tracking_uri=uri)
        runs = client.search_runs([client.get_experiment_by_name("GridSearchCV").experiment_id])
        (first,) = [one for one in runs if one.info.run_name == "trial-0"]
        assert [one.path for one in client.list_artifacts(first.info.run_id)] == ["fold-0", "fold-1"]
