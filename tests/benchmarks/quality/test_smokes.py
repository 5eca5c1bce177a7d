"""Each benchmark of quality runs from its command line to its table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def run(module: str, *arguments: str, smoke: bool = True) -> str:
    command = [sys.executable, "-m", f"benchmarks.quality.{module}", *arguments, *["--smoke"] * smoke]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.full
def test_tables_are_made_once_and_raced_on(tmp_path: Path) -> None:
    made = ("make_tables", "--problems", "breast_cancer", "--folder", str(tmp_path))
    run(*made)
    assert "is there" in run(*made)
    run("race", "--tables", str(tmp_path), "--out", str(tmp_path / "race.json"))
    records = json.loads((tmp_path / "race.json").read_text())
    assert {record["rule"] for record in records} == {"paired", "forgiving", "wilcoxon", "none"}
    assert {record["epochs"].partition(" ")[0] for record in records} == {"none", "halving", "hyperband"}
    assert all(0 <= record["saved"] < 1 for record in records)


@pytest.mark.full
def test_the_ablation_runs_a_search_both_ways_and_no_run_twice(tmp_path: Path) -> None:
    file = tmp_path / "ablation.json"
    assert "random" in run("ablation", "--results", str(file))
    runs = json.loads(file.read_text())["runs"]
    assert [row["race"] for row in runs] == ["none", "paired"]
    assert sum(runs[0]["fits"]) == 36 > sum(runs[1]["fits"])
    run("ablation", "--results", str(file))
    assert json.loads(file.read_text())["runs"] == runs


@pytest.mark.full
def test_the_clock_runs_ours_and_its_rivals_and_has_all_judged(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    assert "share of its time" in run("clock", "--results", str(file))
    record: dict[str, Any] = json.loads(file.read_text())
    assert [row["method"] for row in record["runs"]] == ["kerasweep", "optuna", "hyperband"]
    judged = {json.dumps(row["config"], sort_keys=True) for row in record["referee"]}
    found = {json.dumps(one["config"], sort_keys=True) for row in record["runs"] for one in row["incumbents"]}
    assert found == judged
    picture = tmp_path / "clock.svg"
    run("clock_report", "--results", str(file), "--output", str(picture), smoke=False)
    assert "<svg" in picture.read_text()
