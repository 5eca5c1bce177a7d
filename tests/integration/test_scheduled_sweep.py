"""Two scheduled runs of a real sweep by the real service: each a process of its own, the second learns from the first."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import FiringState
from orchestrator.search.trials import SweepState

KERASWEEP = str(Path(sys.executable).with_name("kerasweep"))
SWEEP = {
    "name": "nightly",
    "data": {"source": "sklearn", "name": "breast_cancer"},
    "trainer": {"type": "mlp", "params": {"hidden_layers": 1}},
    "space": {"layer_size": {"integer": [4, 64]}, "learning_rate": {"reciprocal": [1e-3, 1e-1]}},
    "strategy": {"type": "genetic", "population": 4, "generations": 1, "elites": 1, "tournament_size": 2, "warm_start": "last"},
    "cv": {"folds": 2},
    "fit": {"epochs": 3},
    "ray": {"local": True},
    "schedule": {"cron": "0 2 29 2 *", "overlap": "queue"},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    kerasweep(tmp_path, "schedule", "add", "leap-night", "sweep.yaml")
    with (tmp_path / "scheduler.log").open("wb") as log:
        process = subprocess.Popen([KERASWEEP, "scheduler", "--port", "0"], cwd=tmp_path, stderr=log)
        yield process
        process.terminate()
        assert process.wait(10) == 0


def kerasweep(folder: Path, *arguments: str) -> None:
    subprocess.run([KERASWEEP, *arguments], cwd=folder, check=True, timeout=60)


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.full
def test_a_scheduled_sweep_runs_and_the_next_one_learns_from_it(tmp_path: Path, service: subprocess.Popen[bytes]) -> None:
    with Ledger(f"sqlite:///{tmp_path / 'kerasweep.db'}") as ledger:
        for number in (1, 2):
            kerasweep(tmp_path, "schedule", "run-now", "leap-night")
            wait_until(lambda number=number: ledger.firings.counts().get(("leap-night", FiringState.FIRED)) == number, 60)
            wait_until(lambda: set(ledger.occasion_states("nightly").values()) == {SweepState.COMPLETED}, 200)
        second, first = ledger.sweeps("nightly")
        taken = second.facts["warm_start"]
        assert taken["origin"] == first.title
        assert len(taken["configs"]) == 2
        again = ledger.trials(second.id)[:2]
        assert [dict(trial.config) for trial in again] == taken["configs"]
        assert all(str(trial.cached_from).startswith(first.title) for trial in again), "what was known costs nothing"
        for sweep in (first, second):
            assert (tmp_path / "kerasweep-output" / "nightly" / sweep.occasion / "driver.log").stat().st_size > 0
            assert Path(sweep.facts["model"]).is_dir()
    assert service.poll() is None
