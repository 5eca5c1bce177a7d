"""An occasion begun by a version that cut equal rows apart: it goes on so, or is refused in words that say how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import SweepMismatchError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.running.staging import stage_data
from orchestrator.search.trials import SweepState
from orchestrator.spec.loading import SweepSpec, spec_from_mapping, spec_from_record


def spec_of(folder: Path, different: int, **cv: Any) -> SweepSpec:
    """Return a sweep over 90 rows, so many of them different."""
    (folder / "data.csv").write_text("\n".join(["a,y", *(f"{row % different}.5,{row % 2}" for row in range(90))]) + "\n")
    return spec_from_mapping(
        {
            "name": "old",
            "task": "binary",
            "data": {"source": "csv", "path": "data.csv", "target": "y"},
            "space": {"learning_rate": [0.1]},
            "cv": cv,
        },
        folder,
    )


def drive(spec: SweepSpec, record: dict[str, Any], folder: Path) -> str:
    """Claim an occasion and compare its identity as a driver does; return the occasion, left unfinished."""
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        sweep = ledger.claim_sweep(spec.name, record, spec.identity(), Owner.current(), 60.0)
        staged = stage_data(spec, folder / "stage")
        try:
            ledger.set_identity(sweep, {"fingerprint": staged.fingerprint, "splits": staged.splits_fingerprint})
        finally:
            ledger.finish_sweep(sweep, SweepState.STOPPED)
        return sweep.occasion


def begin_as_before(folder: Path, different: int) -> dict[str, Any]:
    """Leave an occasion unfinished as a version without ``cv.duplicates`` leaves one, and return its record."""
    spec = spec_of(folder, different, duplicates="apart")
    record: dict[str, Any] = json.loads(json.dumps(spec.record()))
    del record["sweep"]["cv"]["duplicates"]
    assert "duplicates" not in spec.identity()["cv"]
    drive(spec, record, folder)
    return record


def test_without_equal_rows_it_goes_on(tmp_path: Path) -> None:
    begin_as_before(tmp_path, 90)
    spec = spec_of(tmp_path, 90)
    assert spec.cv.duplicates == "together"
    assert drive(spec, spec.record(), tmp_path) == "manual-1"


def test_with_equal_rows_it_is_refused_and_told_how_to_go_on(tmp_path: Path) -> None:
    begin_as_before(tmp_path, 60)
    spec = spec_of(tmp_path, 60)
    with pytest.raises(SweepMismatchError, match=r"splits: was .* where equal rows were cut apart, cv.duplicates: apart does so"):
        drive(spec, spec.record(), tmp_path)
    spec = spec_of(tmp_path, 60, duplicates="apart")
    assert drive(spec, spec.record(), tmp_path) == "manual-1"


def test_resumed_from_its_record_it_goes_on_as_it_began(tmp_path: Path) -> None:
    record = begin_as_before(tmp_path, 60)
    spec = spec_from_record(record)
    assert spec.cv.duplicates == "apart"
    assert drive(spec, spec.record(), tmp_path) == "manual-1"
