"""A sweep's folder is its own, whatever other ledgers have in the same directory."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow
from orchestrator.running.output import MODEL, claim_output, find_output


def begun(folder: Path, name: str) -> SweepRow:
    """A sweep of one ledger; all are called alike."""
    with Ledger(f"sqlite:///{folder / name}.db") as ledger:
        return ledger.claim_sweep("pima", {}, None, Owner.current(), 60)


def test_a_folder_is_found_though_the_one_before_it_is_gone(tmp_path: Path) -> None:
    first, second = begun(tmp_path, "first"), begun(tmp_path, "second")
    before, behind = claim_output(first, tmp_path / "out"), claim_output(second, tmp_path / "out")
    assert (before.name, behind.name) == ("manual-1", "manual-1.2")
    shutil.rmtree(before)
    assert find_output(second, tmp_path / "out") == behind
    assert claim_output(second, tmp_path / "out") == behind


def test_a_folder_without_a_note_is_not_taken_by_a_sweep_that_has_one(tmp_path: Path) -> None:
    (tmp_path / "out" / "pima" / "manual-1" / MODEL).mkdir(parents=True)  # of an earlier release
    sweep = begun(tmp_path, "second")
    own = claim_output(sweep, tmp_path / "out")
    assert own.name == "manual-1.2"
    assert claim_output(replace(sweep, attempt=2), tmp_path / "out") == own
