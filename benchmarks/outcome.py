"""What a measured program leaves behind for the runner: ``outcome.json`` in its working folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = "outcome.json"


def write_outcome(*, trials: int, best: float | None, **more: Any) -> None:
    """Write how many trials were run, the best score, and what else there is to say."""
    Path(FILE).write_text(json.dumps({"trials": trials, "best": best, **more}), encoding="utf-8")


def read_outcome(folder: Path) -> dict[str, Any]:
    """Return what the program in ``folder`` wrote; empty when it wrote nothing."""
    file = folder / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
