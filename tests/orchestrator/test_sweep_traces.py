"""What is left of a sweep whose data cannot be read: nothing of one that has just begun, all of one that has trials."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.errors import ResourcesError, UserCheckError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.running.output import claim_output, find_output
from orchestrator.search.trials import SweepState, Trial
from orchestrator.spec.loading import SweepSpec, spec_from_mapping
from orchestrator.sweep import Options, run_sweep

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_worker.py"))


def sound(tmp_path: Path, **more: Any) -> SweepSpec:
    data = tmp_path / "data.csv"
    data.write_text("a,y\n" + "1.0,0\n2.0,1\n" * 20)
    return spec_from_mapping(
        {
            "name": "night",
            "task": "binary",
            "data": {"source": "csv", "path": str(data), "target": "y"},
            "space": {"learning_rate": [0.1]},
            "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
            "tracking": {"uri": f"sqlite:///{tmp_path / 'mlflow.db'}"},
            **more,
        },
        tmp_path,
    )


def fails(spec: SweepSpec, tmp_path: Path) -> None:
    """Run a sweep whose data is not there."""
    (tmp_path / "data.csv").unlink(missing_ok=True)
    dispatcher = LocalDispatcher(1, log_folder=tmp_path, command=FAKE_WORKER)
    with pytest.raises(UserCheckError):
        run_sweep(spec, Options(output=tmp_path / "output"), dispatcher=dispatcher)


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "begun before there were notes"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_only_a_sweep_that_is_forgotten_loses_its_logs(tmp_path: Path, interrupted: bool, noted: bool) -> None:
    spec = sound(tmp_path)
    log = tmp_path / "output" / "night" / "manual-1" / "logs" / "worker-0.log"
    with Ledger(spec.ledger) as ledger:
        sweep = ledger.claim_sweep("night", spec.record(), spec.identity(), Owner.current(), 60.0)
        if noted:
            assert claim_output(sweep, tmp_path / "output") == log.parents[1]
        log.parent.mkdir(parents=True)
        log.write_text("what happened the first time\n")
        if interrupted:
            ledger.add_trials(sweep, [Trial(0, {"learning_rate": 0.1}, "key")])
        ledger.finish_sweep(sweep, SweepState.STOPPED, "interrupted")
        fails(spec, tmp_path)
        assert [row.state for row in ledger.sweeps()] == ([SweepState.FAILED] if interrupted else [])
    assert log.exists() == (interrupted or not noted), "what is not known to be its own is not removed"
    assert (tmp_path / "output").exists() == log.exists()


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "begun before there were notes"])
def test_a_mistake_leaves_the_model_of_another_ledger_alone(tmp_path: Path, noted: bool) -> None:
    spec = sound(tmp_path)
    folder = tmp_path / "output" / "night" / "manual-1"
    if noted:
        with Ledger(f"sqlite:///{tmp_path / 'other.db'}") as other:
            sweep = other.claim_sweep("night", spec.record(), spec.identity(), Owner.current(), 60.0)
            assert claim_output(sweep, tmp_path / "output") == folder
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "MLmodel").write_text("the first one's winner\n")
    fails(spec, tmp_path)
    assert (folder / "model" / "MLmodel").read_text() == "the first one's winner\n"
    assert [path.name for path in folder.parent.iterdir()] == ["manual-1"], "and nothing of its own is left"


def test_two_ledgers_in_one_directory_have_folders_of_their_own(tmp_path: Path) -> None:
    spec, output = sound(tmp_path), tmp_path / "output"
    folders = []
    for name in ("a", "b", "c", "a"):
        with Ledger(f"sqlite:///{tmp_path / name}.db") as ledger:
            sweep = ledger.claim_sweep("night", spec.record(), spec.identity(), Owner.current(), 60.0)
            folders.append(claim_output(sweep, output))
            assert find_output(sweep, output) == folders[-1]
            ledger.finish_sweep(sweep, SweepState.STOPPED)
    assert [folder.name for folder in folders] == ["manual-1", "manual-1.2", "manual-1.3", "manual-1"]


def test_a_schedulers_log_is_in_the_folder_of_the_sweep_that_it_began(tmp_path: Path) -> None:
    spec, log = sound(tmp_path), tmp_path / "output" / "night" / "2026-11-21T02:00Z" / "driver.log"
    log.parent.mkdir(parents=True)
    log.write_text("begun\n")
    with Ledger(spec.ledger) as ledger:
        sweep = ledger.claim_sweep("night", {}, None, Owner.current(), 60.0, occasion="2026-11-21T02:00Z")
    assert claim_output(sweep, tmp_path / "output") == log.parent


def test_a_night_that_failed_stays_though_a_run_by_hand_continues_it(tmp_path: Path) -> None:
    spec = sound(tmp_path)
    (tmp_path / "data.csv").unlink()
    for occasion in ("2026-11-21T02:00Z", None):
        dispatcher = LocalDispatcher(1, log_folder=tmp_path, command=FAKE_WORKER)
        with pytest.raises(UserCheckError):
            run_sweep(spec, Options(occasion=occasion, output=tmp_path / "output"), dispatcher=dispatcher)
        with Ledger(spec.ledger) as ledger:
            assert [(row.occasion, row.state) for row in ledger.sweeps()] == [("2026-11-21T02:00Z", SweepState.FAILED)]


def test_a_sweep_that_asks_for_what_is_not_there_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    spec = sound(tmp_path, resources={"gpus_per_trial": 1})
    with pytest.raises(ResourcesError, match="a trial asks for 1 CPU core and 1 GPU, this machine has"):
        run_sweep(spec, Options(output=tmp_path / "output"))
    with Ledger(spec.ledger) as ledger:
        assert ledger.sweeps() == []
    assert not (tmp_path / "output").exists()
