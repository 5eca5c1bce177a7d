"""The space of a problem's folder, as its sweep file has it: one place for all methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def space() -> dict[str, Any]:
    """Return names and domains: a list of values, ``integer`` (perhaps ``log``), ``uniform`` or ``reciprocal`` with both ends."""
    return yaml.safe_load(Path("sweep.yaml").read_text(encoding="utf-8"))["space"]
