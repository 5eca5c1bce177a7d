"""Several drivers that start at once on one new MLflow store, as a scheduler starts them at midnight: every sweep arrives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = """
import sys
sys.path.insert(0, sys.argv[3])
from fake_sweeps import Clock, begin, end, run
from orchestrator.ledger import Ledger
from orchestrator.tracking import Tracker

name, folder = sys.argv[1:3]
with Ledger(f"sqlite:///{folder}/{name}.db", Clock()) as ledger:
    sweep = begin(ledger, name)
    run(ledger, sweep, range(3))
    end(ledger, sweep)
    tracker = Tracker(ledger, sweep, f"sqlite:///{folder}/mlflow.db", "demo", pause=0.5)
    tracker.start()
    sys.exit(0 if tracker.close(wait=120) else 1)
"""


@pytest.mark.full
def test_drivers_that_start_at_once_on_a_new_store_all_arrive(tmp_path: Path) -> None:
    fakes = Path(__file__).parents[1] / "fakes"
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", DRIVER, f"sweep-{number}", str(tmp_path), str(fakes)],
            cwd=tmp_path,
            env=dict(os.environ),
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    errors = [driver.communicate(timeout=200)[1] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0, 0], errors

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("demo")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 3 * 4
    assert {run.info.status for run in runs} == {"FINISHED"}
