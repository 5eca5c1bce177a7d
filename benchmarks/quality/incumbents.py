"""What a search has found, and when: rivals write down every whole trial, and the best so far are the incumbents."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Found = dict[str, Any]
"""One whole trial: its config, its score in the objective's own direction, and seconds since the process began."""


def tell(config: dict[str, Any], score: float) -> None:
    """Write down, in the working folder, that a config has been scored on all folds. Several processes may do so."""
    line = json.dumps({"at": time.time(), "score": score, "config": config})
    with Path(f"whole-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def told(folder: Path, began: float) -> list[Found]:
    """Return what was told in ``folder`` by programs begun at ``began`` (unix seconds); a line cut off by their end is none."""
    lines = [line for file in folder.glob("whole-*.jsonl") for line in file.read_text(encoding="utf-8").splitlines(True)]
    rows = [json.loads(line) for line in lines if line.endswith("\n")]
    return [{"seconds": row["at"] - began, "score": row["score"], "config": row["config"]} for row in rows]


def incumbents(found: Iterable[Found], maximize: bool) -> list[Found]:
    """Return those that were the best when they were found, in order of time."""
    sign = 1 if maximize else -1
    best = -math.inf
    out = []
    for one in sorted(found, key=lambda one: one["seconds"]):
        if sign * one["score"] > best:
            best = sign * one["score"]
            out.append(one)
    return out
