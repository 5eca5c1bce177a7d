"""Which rows were kept out of a search: told as long as the data is what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from orchestrator.cli import main
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.running.staging import stage_data
from orchestrator.spec.loading import load_spec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep over 40 rows with ids that has begun."""
    (tmp_path / "rows.csv").write_text("key,age,label\n" + "".join(f"k{n},{n * 1.5},{'yn'[n % 2]}\n" for n in range(40)))
    sweep = {
        "name": "kept",
        "task": "binary",
        "data": {"source": "csv", "path": "rows.csv", "target": "label", "id": "key"},
        "space": {"layer_size": [4, 8]},
        "cv": {"folds": 2},
        "ledger": f"sqlite:///{tmp_path}/kerasweep.db",
    }
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    spec = load_spec(tmp_path / "sweep.yaml")
    staged = stage_data(spec, tmp_path / "stage")
    with Ledger(spec.ledger) as ledger:
        row = ledger.claim_sweep("kept", spec.record(), spec.identity(), Owner.current(), 60)
        ledger.set_identity(row, {"fingerprint": staged.fingerprint, "splits": staged.splits_fingerprint})
    return tmp_path


def show(folder: Path, *flags: str) -> Result:
    return CliRunner().invoke(main, ["show", "kept", "--rows", "test", "--ledger", f"sqlite:///{folder}/kerasweep.db", *flags])


def test_the_rows_kept_out_are_told_with_their_ids(folder: Path) -> None:
    shown = show(folder)
    assert shown.exit_code == 0, shown.output
    header, *lines = shown.output.splitlines()
    assert header == "row,id"
    assert 0 < len(lines) < 20
    assert all(line == f"{line.split(',')[0]},k{line.split(',')[0]}" for line in lines)
    assert json.loads(show(folder, "--json").output) == [
        {"row": int(line.split(",")[0]), "id": line.split(",")[1]} for line in lines
    ]


def test_rows_of_data_that_has_changed_are_not_told(folder: Path) -> None:
    (folder / "rows.csv").write_text("key,age,label\n" + "".join(f"k{n},{n},{'yn'[n % 2]}\n" for n in range(50)))
    shown = show(folder)
    assert shown.exit_code == 2
    assert "kept/manual-1: its rows can be told from the data that it began with" in shown.output
