"""What release 0.1 wrote is read by this one: a ledger with a finished sweep and a schedule, and its winner's model folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from small_folder import Folder

STORED = Path(__file__).parents[1] / "stored"
ROWS = """sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)
4.9,3.0,1.4,0.2
5.4,3.9,1.7,0.4
"""
PROBABILITIES = ([0.9383618, 0.0551362, 0.0065020], [0.9686594, 0.0209558, 0.0103847])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with the ledger of release 0.1: one sweep of three trials, one that was only submitted, one schedule."""
    with sqlite3.connect(tmp_path / "kerasweep.db") as connection:
        connection.executescript((STORED / "ledger-1.sql").read_text(encoding="utf-8"))
    connection.close()
    return Folder(tmp_path)


def test_sweeps_trials_and_folds_are_told(folder: Folder) -> None:
    assert [(sweep["name"], sweep["occasion"], sweep["state"]) for sweep in folder.json("list")] == [
        ("iris-before", "manual-2", "RUNNING"),
        ("iris-before", "manual-1", "COMPLETED"),
    ]
    best = folder.json("best", "iris-before/manual-1")
    assert (best["trial"], best["score"], best["refit"]["epochs"]) == (2, pytest.approx(0.8069209), 8)
    trial = folder.json("show", "iris-before/manual-1", "2")
    assert [fold["metrics"]["accuracy"] for fold in trial["folds"]] == [pytest.approx(0.7833333), pytest.approx(0.8305085)]
    assert all(len(fold["history"]["loss"]) == 4 for fold in trial["folds"])


def test_schedules_and_their_firings_are_told(folder: Folder) -> None:
    (schedule,) = folder.json("schedule", "list")
    assert (schedule["name"], schedule["cron"], schedule["timezone"]) == ("nightly", "0 2 * * *", "Europe/Berlin")
    (firing,) = folder.json("schedule", "history", "nightly")
    assert (firing["state"], firing["message"]) == ("WAITING", "asked for by hand")


def test_a_model_folder_predicts_what_it_predicted(folder: Folder) -> None:
    (folder.path / "rows.csv").write_text(ROWS)
    predictions = folder.json("predict", str(STORED / "model-1"), "rows.csv")
    assert [row["label"] for row in predictions] == [0, 0]
    for row, expected in zip(predictions, PROBABILITIES, strict=True):
        assert [row[f"probability_{label}"] for label in range(3)] == pytest.approx(expected, abs=1e-5)
