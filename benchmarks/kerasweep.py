"""Our side: ``kerasweep run sweep.yaml``, MLflow and ledger included, with either engine, on Ray or with the local dispatcher."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.problems import Problem
from benchmarks.problems.problem import write_sweep

COMMAND = Path(sys.executable).parent / "kerasweep"


def prepare(problem: Problem, size: str, folder: Path, *, engine: str, local: bool) -> list[str]:
    """Write the sweep file for this engine and dispatcher into the problem's folder, and return the command."""
    write_sweep(folder, problem.sweep_file(size, engine=engine, local=local))
    return [str(COMMAND), "run", "sweep.yaml", "--json"]


def outcome(folder: Path) -> dict[str, Any]:
    """Return what the command printed, in the words of ``benchmarks.outcome``."""
    printed = (folder / "output.log").read_text(encoding="utf-8", errors="replace")
    try:
        said = json.loads(printed[printed.index("\n{\n") :])
    except ValueError:
        return {}
    scores = [entry["score"] for entry in said["leaderboard"] if entry["rank"] is not None]
    spread = [entry["std"][next(iter(entry["std"]))] for entry in said["leaderboard"] if entry["rank"] == 1]
    return {
        "trials": sum(said["trials"].values()),
        "best": max(scores, default=None),
        "mean": sum(scores) / len(scores) if scores else None,
        "spread": spread[0] if spread else None,
        "engine": said["facts"].get("engine"),
        "engine_reason": said["facts"].get("engine_reason"),
        "states": said["trials"],
    }
