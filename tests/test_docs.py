"""The documents say what the program does."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_reference_of_sweep_files_is_up_to_date() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        from build_reference import reference
    finally:
        sys.path.remove(str(DOCS))
    assert (DOCS / "sweep-file.md").read_text(encoding="utf-8") == reference(), "run: python docs/build_reference.py"
