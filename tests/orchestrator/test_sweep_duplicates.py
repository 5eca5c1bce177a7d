"""An occasion begun by a version that cut equal rows apart: it goes on so, or is refused in words that say how."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.errors import KerasweepError, SweepMismatchError
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.loading import SweepSpec, spec_from_mapping, spec_from_record
from orchestrator.sweep import Options, run_sweep

FAKE_WORKER = (sys.executable, str(Path(__file__).parents[1] / "fakes" / "fake_worker.py"))
UNFINISHED = pytest.raises(KerasweepError, match="before any of its 1 trials had a score")
"""How far these sweeps get: past the comparison with what the occasion began with, to a trial that sleeps too long."""


def spec_of(folder: Path, rows: int, different: int, **cv: Any) -> SweepSpec:
    lines = [f"{row % different}.0,{row % 2}" for row in range(rows)]
    (folder / "data.csv").write_text("\n".join(["a,y", *lines]) + "\n")
    (folder / "anything.py").write_text("def create(**values): ...\n")
    return spec_from_mapping(
        {
            "name": "old",
            "task": "binary",
            "data": {"source": "csv", "path": "data.csv", "target": "y"},
            "trainer": {"type": "builder", "builder": "anything:create"},
            "space": {"sleep": [1.0]},
            "cv": cv,
            "engine": "keras",
            "budget": {"time": "1s"},
            "ledger": f"sqlite:///{folder / 'ledger.db'}",
            "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        },
        folder,
    )


def drive(spec: SweepSpec, folder: Path) -> None:
    run_sweep(spec, Options(output=folder), dispatcher=LocalDispatcher(1, log_folder=folder, command=FAKE_WORKER))


def begin_as_before(folder: Path, rows: int, different: int) -> dict[str, Any]:
    """Leave an occasion unfinished as a version without ``cv.duplicates`` leaves one, and return its record."""
    with UNFINISHED:
        drive(spec_of(folder, rows, different, duplicates="apart"), folder)
    database = sqlite3.connect(folder / "ledger.db")
    ((text,),) = database.execute("SELECT spec FROM kerasweep_sweeps").fetchall()
    record: dict[str, Any] = json.loads(text)
    del record["sweep"]["cv"]["duplicates"]
    database.execute("UPDATE kerasweep_sweeps SET spec = ?", (json.dumps(record),))
    database.commit()
    database.close()
    return record


def occasions(folder: Path) -> list[str]:
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        return [sweep.occasion for sweep in ledger.sweeps()]


def test_without_equal_rows_it_goes_on(tmp_path: Path) -> None:
    begin_as_before(tmp_path, 60, 60)
    with UNFINISHED:
        drive(spec_of(tmp_path, 60, 60), tmp_path)
    assert occasions(tmp_path) == ["manual-1"]


def test_with_equal_rows_it_is_refused_and_told_how_to_go_on(tmp_path: Path) -> None:
    begin_as_before(tmp_path, 90, 60)
    with pytest.raises(SweepMismatchError, match=r"splits: was .* where equal rows were cut apart, cv.duplicates: apart does so"):
        drive(spec_of(tmp_path, 90, 60), tmp_path)
    with UNFINISHED:
        drive(spec_of(tmp_path, 90, 60, duplicates="apart"), tmp_path)
    assert occasions(tmp_path) == ["manual-1"]


def test_resumed_from_its_record_it_goes_on_as_it_began(tmp_path: Path) -> None:
    record = begin_as_before(tmp_path, 90, 60)
    spec = spec_from_record(record)
    assert spec.cv.duplicates == "apart"
    with UNFINISHED:
        drive(spec, tmp_path)
    assert occasions(tmp_path) == ["manual-1"]
