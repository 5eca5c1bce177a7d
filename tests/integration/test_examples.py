"""Every example is valid, and runs to a winner that has learnt something."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from small_folder import Folder

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_is_valid(example: Path) -> None:
    from orchestrator.spec.loading import load_spec

    assert load_spec(example).name


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs_and_beats_the_baseline(example: Path, make_folder: Callable[[str], Folder]) -> None:
    folder = make_folder(example.stem)
    shutil.copytree(example.parent, folder.path / "examples")
    outcome = folder.json("run", f"examples/{example.name}")
    assert outcome["state"] == "COMPLETED"
    assert set(outcome["trials"]) == {"COMPLETED"}
    (winner,) = [entry for entry in outcome["leaderboard"] if entry["winner"]]
    (baseline,) = [entry for entry in outcome["leaderboard"] if entry["trial"] is None]
    better = 1 if outcome["objective"]["direction"] == "maximize" else -1
    assert better * winner["score"] > better * baseline["score"] + 0.1 * abs(baseline["score"])
    assert outcome["facts"]["refit"]["test_metrics"]
