"""Every tutorial runs as a file and as what a shell hands to Python, and ends in a result that has learnt something."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "examples" / "tutorials").glob("*.py"))
RESULTS = {
    "1": [(r"10 folds: accuracy ([\d.]+)", 0.8), (r"Best: ([\d.]+) using", 0.8)],
    "2": [(r"on the test set (-?[\d.]+)", 0.85)],
    "3": [(r"never saw: ([\d.]+)", 0.85)],
    "4": [(r"kind before +([\d.]+)", 0.8), (r"selu +([\d.]+)", 0.8)],
    "5": [(r"crosses True  width 32  ([\d.]+)", 0.8), (r"accuracy of both: ([\d.]+)", 0.7)],
    "6": [(r"class_weight balanced +([\d.]+)", 0.7), (r"by amount: ([\d.]+) of", 0.5), (r"(\d+) checkpoints", 4)],
    "7": [(r"trained alone: accuracy ([\d.]+)", 0.8)],
}
"""What the printed result says, by the script's number, and what it must reach."""


def test_there_are_seven_and_each_says_what_it_replaces() -> None:
    assert [script.name[:2] for script in SCRIPTS] == [f"{number}_" for number in RESULTS]
    for script in SCRIPTS:
        code = script.read_text(encoding="utf-8")
        assert "Replaces the lesson" in str(ast.get_docstring(ast.parse(code)))
        assert "__main__" not in code


def test_the_random_search_from_a_shell(tmp_path: Path) -> None:
    with (ROOT / "examples" / "tutorials" / "2_random_search.py").open("rb") as code:
        printed = _run([sys.executable, "-"], tmp_path, code.fileno())
    _check("2", printed)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_runs_and_has_learnt(script: Path, tmp_path: Path) -> None:
    _check(script.name[0], _run([sys.executable, str(script)], tmp_path))
    assert not list((tmp_path / "work").iterdir())


def _run(command: list[str], folder: Path, stdin: int = subprocess.DEVNULL) -> str:
    """Run a script in an empty folder and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "TMPDIR": str(folder)}
    environment.pop("KERAS_BACKEND", None)
    (folder / "work").mkdir()
    ended = subprocess.run(
        command, cwd=folder / "work", env=environment, stdin=stdin, capture_output=True, text=True, timeout=800, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def _check(number: str, printed: str) -> None:
    for pattern, least in RESULTS[number]:
        found = re.search(pattern, printed)
        assert found is not None, f"{pattern!r} is not in:\n{printed}"
        assert float(found[1]) >= least, printed
