"""Drivers that are interrupted or killed: what was finished is kept, nothing finished is repeated, the next run takes over."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

COMMAND = Path(sys.executable).parent / "kerasweep"
SWEEP = {
    "name": "killed",
    "seed": 7,
    "task": "binary",
    "data": {"source": "sklearn", "name": "breast_cancer"},
    "space": {"layer_size": {"integer": [4, 64]}},
    "strategy": {"type": "random", "trials": 6},
    "cv": {"folds": 2},
    "fit": {"epochs": 2, "batch_size": 64},
    "engine": "keras",
    "ray": {"local": True},
}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def finished(folder: Path) -> dict[int, tuple[str, float]]:
    """Trials that are over, with the time of their end, by number."""
    with sqlite3.connect(f"file:{folder / 'kerasweep.db'}?mode=ro", uri=True) as ledger:
        rows = ledger.execute("select number, state, finished from kerasweep_trials where finished is not null")
        return {number: (state, at) for number, state, at in rows}


def wait_for(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except sqlite3.OperationalError:  # the ledger is not there yet
            pass
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def workers_of(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.full), signal.SIGKILL])
def test_a_driver_that_ends_in_the_middle_loses_and_repeats_nothing(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    driver = start(tmp_path, "run", "sweep.yaml")
    wait_for(lambda: len(finished(tmp_path)) >= 2)
    workers = workers_of(driver.pid)
    os.kill(driver.pid, number)
    out, err = driver.communicate(timeout=60)
    before = finished(tmp_path)
    if number == signal.SIGINT:
        assert driver.returncode == 130, err
        assert "kerasweep resume killed/manual-1" in err
        assert "Traceback" not in out + err
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 20)
    assert 2 <= len(before) < 6
    again = start(tmp_path, "resume", "killed", "--json")
    out, err = again.communicate(timeout=240)
    assert again.returncode == 0, err
    outcome: dict[str, Any] = json.loads(out)
    assert outcome["occasion"] == "manual-1"
    assert outcome["trials"] == {"COMPLETED": 6}
    after = finished(tmp_path)
    assert {trial: after[trial] for trial in before} == before, "a finished trial was done again"
    assert runs_left_open(tmp_path) == []


def runs_left_open(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "mlflow.db") as store:
        return [name for (name,) in store.execute("select name from runs where status = 'RUNNING'")]
