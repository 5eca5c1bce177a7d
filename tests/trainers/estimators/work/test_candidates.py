"""Fits as they begin: rows that steps may spoil, how long they train, and where callbacks write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from small_works import Squaring, classifier, table, work

from trainers.estimators import open_work, stage_work
from trainers.estimators.work.candidates import Candidates, Task


def candidates(estimator: Any, folder: Path, **changes: Any) -> Candidates:
    stage_work(work(estimator, **changes), folder)
    return Candidates(open_work(folder), seed=3, kept_bytes=1 << 30)


def test_steps_that_work_in_place_spoil_no_other_s_rows(tmp_path: Path) -> None:
    steps = {"square": Squaring(), "minmax": MinMaxScaler(copy=False)}
    made = candidates(Pipeline([("scale", "passthrough"), ("clf", classifier())]), tmp_path, values={"scale": steps})
    X, _ = table()
    train, test = work(classifier()).splits[1]
    for number, (label, step) in enumerate(steps.items()):
        begun = made.begin(Task(number, {"scale": label}, 1))
        np.testing.assert_allclose(begun.prepared.X, step.fit(X[train].copy()).transform(X[train].copy()))
        for _ in range(2):  # whoever has the same steps meets the same rows
            seen = made.begin(Task(number, {"scale": label}, 1))
            np.testing.assert_allclose(seen.prepared.seen(seen.rows.X_test), step.transform(X[test].copy()))


def test_steps_may_work_in_place_at_the_refit_too(tmp_path: Path) -> None:
    made = candidates(Pipeline([("square", Squaring()), ("clf", classifier())]), tmp_path)
    np.testing.assert_array_equal(made.begin_refit({}).prepared.X, table()[0] ** 2)


@pytest.mark.parametrize(
    ("named", "params", "given", "decides"),
    [
        ("epochs", {}, {}, True),
        ("epochs", {}, {"epochs": 3}, False),
        ("epochs", {"fit__epochs": 3}, {}, False),
        ("fit__epochs", {"fit__epochs": 3}, {}, True),
        ("fit__epochs", {"fit__epochs": 3}, {"epochs": 3}, False),
        (None, {}, {}, False),
    ],
)
def test_a_config_s_epochs_count_where_fit_is_given_none(
    tmp_path: Path, named: str | None, params: dict[str, Any], given: dict[str, Any], decides: bool
) -> None:
    made = candidates(classifier(**params), tmp_path, fit_params=given)
    begun = made.begin(Task(0, {} if named is None else {named: 3}, 0))
    assert begun.fit.epochs == 3
    assert made.decides(named, begun) is decides


def test_all_that_a_callback_makes_of_its_path_lies_below_trial_and_fold(tmp_path: Path) -> None:
    backup = keras.callbacks.BackupAndRestore("kept/backup")
    made = candidates(classifier(callbacks=[backup]), tmp_path / "work", output=str(tmp_path))
    (callback,) = made.begin(Task(2, {}, 1)).fit.callbacks
    expected = tmp_path / "trial-2" / "fold-1" / "kept" / "backup"
    assert callback.backup_dir == str(expected)
    assert callback._weights_path == str(expected / "latest.weights.h5")
    assert callback._prev_training_metadata_path == str(expected / "training_metadata.json.bkp")
    assert backup._weights_path == "kept/backup/latest.weights.h5"
    (callback,) = made.begin_refit({}).fit.callbacks
    assert callback._weights_path == str(tmp_path / "kept" / "backup" / "latest.weights.h5")


def test_a_backup_that_fits_would_share_is_refused(tmp_path: Path) -> None:
    backup = keras.callbacks.BackupAndRestore(str(tmp_path / "backup"))
    made = candidates(classifier(callbacks=[backup]), tmp_path / "work", output=str(tmp_path))
    with pytest.raises(ValueError, match=r"BackupAndRestore: expected a relative backup_dir, got '/.*each fit has a folder"):
        made.begin(Task(0, {}, 0))
    assert made.begin_refit({}).fit.callbacks[0].backup_dir == str(tmp_path / "backup")
