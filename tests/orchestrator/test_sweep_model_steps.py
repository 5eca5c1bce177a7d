"""The steps after a search: refit, upload, version, contest. What an outage or a crash leaves open is done later, and once."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.champion.contest import Contest
from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.errors import KerasweepError, TrackingError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import SweepRow
from orchestrator.search.trials import SweepState
from orchestrator.spec.loading import SweepSpec, spec_from_mapping
from orchestrator.sweep import Options, run_sweep
from orchestrator.tracking.registry import ModelRegistry
from orchestrator.tracking.store import MlflowStore, open_client

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_worker.py"))
ALL = ["upload", "version", "contest"]


def small(folder: Path) -> SweepSpec:
    return spec_from_mapping(
        {
            "name": "small",
            "seed": 7,
            "data": {"source": "sklearn", "name": "breast_cancer"},
            "trainer": {"params": {"hidden_layers": 1, "layer_size": 8}},
            "space": {"learning_rate": [0.05]},
            "cv": {"folds": 2},
            "fit": {"epochs": 2, "batch_size": 64},
            "engine": "keras",
            "ray": {"local": True},
            "resources": {"max_concurrent": 1},
            "model": {"register_as": "tumours", "promote": {"repeats": 2}},
            "ledger": f"sqlite:///{folder / 'ledger.db'}",
            "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        },
        folder,
    )


def away(*_: Any, **__: Any) -> None:
    raise TrackingError("the server is away")


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def sweep(folder: Path, **options: Any) -> SweepRow:
    return run_sweep(small(folder), Options(output=folder / "output", **options))


def champion(folder: Path) -> str | None:
    found = ModelRegistry(f"sqlite:///{folder / 'mlflow.db'}").champion("tumours")
    return None if found is None else found.number


def identity(row: SweepRow) -> str:
    return str(json.loads((Path(row.facts["model"]) / "data" / "manifest.json").read_text())["identity"])


@pytest.mark.full
def test_what_an_outage_at_the_upload_leaves_open_is_made_up_for_by_resuming_even_without_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as outage:
        outage.setattr(MlflowStore, "upload_model", away)
        first = sweep(tmp_path)
        assert "`kerasweep resume small/manual-1` makes up for it" in caplog.text
        again = sweep(tmp_path, occasion="manual-1")
    for row in (first, again):
        assert (row.state, row.facts["open_steps"], row.facts.get("model_version")) == (SweepState.COMPLETED, ALL, None)
    before = identity(first)
    shutil.rmtree(tmp_path / "output")  # a head's disk

    done = sweep(tmp_path, occasion="manual-1")
    assert (done.facts["open_steps"], done.facts["model_version"], champion(tmp_path)) == ([], "1", "1")
    assert done.facts["promotion"]["reason"] == "there was no champion to beat."
    assert identity(done) == before, "made anew from what the ledger knows, it is the same model"
    assert (done.state, done.finished, done.owner) == (SweepState.COMPLETED, first.finished, None)
    (output,) = open_client(f"sqlite:///{tmp_path / 'mlflow.db'}").get_run(str(done.mlflow_run)).outputs.model_outputs
    assert f"models:/{output.model_id}" == done.facts["model_uri"]
    assert sweep(tmp_path, occasion="manual-1").revision == done.revision, "nothing is left to do"


@pytest.mark.full
def test_a_later_occasion_makes_up_for_an_earlier_one_before_its_own_model_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as outage:
        outage.setattr(MlflowStore, "upload_model", away)
        sweep(tmp_path)
    with monkeypatch.context() as outage:
        outage.setattr(ModelRegistry, "champion", away)
        later = sweep(tmp_path)
    with Ledger(small(tmp_path).ledger) as ledger:
        earlier = ledger.sweep("small", "manual-1")
    assert (earlier.state, earlier.owner, earlier.facts["model_version"]) == (SweepState.COMPLETED, None, "1")
    assert later.facts["model_version"] == "1", "it came to the same model"
    last = sweep(tmp_path)
    with Ledger(small(tmp_path).ledger) as ledger:
        rows = ledger.sweeps("small")
    assert [row.facts["open_steps"] for row in rows] == [[], [], []]
    assert champion(tmp_path) == "1"
    assert rows[-1].facts["promotion"]["reason"] == "there was no champion to beat."
    assert last.facts["promotion"]["kept"]


@pytest.mark.full
def test_a_driver_that_ends_in_the_contest_registers_its_model_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Contest, "settle", interrupt)
        first = sweep(tmp_path)
    file = (Path(first.facts["model"]) / "data" / "model.keras").read_bytes()
    done = sweep(tmp_path)
    assert (first.state, first.facts["open_steps"]) == (SweepState.STOPPED, ["contest"])
    assert (done.state, done.title, done.facts["open_steps"]) == (SweepState.COMPLETED, first.title, [])
    assert (Path(done.facts["model"]) / "data" / "model.keras").read_bytes() == file, "it is not made again"
    (version,) = open_client(f"sqlite:///{tmp_path / 'mlflow.db'}").search_model_versions("name = 'tumours'")
    assert champion(tmp_path) == str(version.version) == "1"


def test_a_crash_in_the_refit_leaves_open_trials_open(tmp_path: Path) -> None:
    (tmp_path / "anything.py").write_text("def create(**values): ...\n")
    spec = spec_from_mapping(
        {
            "name": "short",
            "data": {"source": "sklearn", "name": "iris"},
            "trainer": {"type": "builder", "builder": "anything:create"},
            "space": {"sleep": [0.0, 60.0]},
            "engine": "keras",
            "budget": {"time": "4s"},
            "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
            "tracking": {"uri": f"sqlite:///{tmp_path / 'mlflow.db'}"},
        },
        tmp_path,
    )
    dispatcher = LocalDispatcher(1, log_folder=tmp_path, command=FAKE_WORKER)  # what it refits is no whole model
    with pytest.raises(KerasweepError, match="must hold a refitted model"):
        run_sweep(spec, Options(output=tmp_path), dispatcher=dispatcher)
    with Ledger(spec.ledger) as ledger:
        (row,) = ledger.sweeps()
        scored, left = ledger.trials(row.id)
    assert row.state is SweepState.FAILED
    assert (scored.state.terminal, left.state.terminal) == (True, False)
