"""The documents say what the program does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from orchestrator.cli.root import main

DOCS = Path(__file__).parents[1] / "docs"


def test_the_reference_of_sweep_files_is_up_to_date() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        from build_reference import reference
    finally:
        sys.path.remove(str(DOCS))
    assert (DOCS / "sweep-file.md").read_text(encoding="utf-8") == reference(), "run: python docs/build_reference.py"


def test_the_readme_names_every_command() -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    table = text.partition("\n## Commands\n")[2].partition("\n## ")[0]
    named = {quoted.removeprefix("kerasweep ").split()[0] for quoted in re.findall(r"`([a-z][^`]*)`", table)}
    assert {name for name, command in main.commands.items() if not command.hidden} <= named


def test_the_readme_says_where_trials_are_counted_before_it_shows_them() -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    transcript = text.partition("\n## On a cluster\n")[2].partition("\n## ")[0]
    assert 0 < transcript.find("$ export KERASWEEP_LEDGER=") < transcript.find("$ kerasweep status")
