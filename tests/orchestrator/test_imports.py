"""Nothing heavy is loaded on the way to an answer: which modules a fresh process holds, and the processor time that it takes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from broken_specs import BROKEN, BUILDER, ROWS, sound

HEAVY = ("keras", "tensorflow", "jax", "ray", "mlflow", "pandas", "scipy", "sklearn", "sqlalchemy", "matplotlib", "psutil")
REPORT = f"import sys; print(*sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
COMMAND = "import sys; sys.argv[0] = 'kerasweep'; from orchestrator.cli.root import main; main(standalone_mode=False)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imports")
    (path / "data.csv").write_text("\n".join(ROWS) + "\n")
    (path / "models.py").write_text(BUILDER)
    whole = sound() | {"schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}, "metrics": ["models:score", "roc_auc"]}
    (path / "good.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
    (path / "bad.yaml").write_text(yaml.safe_dump(BROKEN["everywhere"].mapping(), sort_keys=False))
    return path


def _python(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _loaded(code: str, *arguments: str, folder: Path) -> list[str]:
    finished = _python(f"import atexit\natexit.register(lambda: exec({REPORT!r}))\n{code}", *arguments, folder=folder)
    return finished.stderr.splitlines()[-1].split()


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        ("import orchestrator, trainers, search_spaces", []),
        (COMMAND, ["--help"]),
        (COMMAND, ["validate", "good.yaml"]),
        (COMMAND, ["validate", "bad.yaml"]),
        (COMMAND, ["schema"]),
    ],
    ids=["import", "help", "validate", "validate a broken file", "schema"],
)
def test_no_heavy_library_is_loaded(code: str, arguments: list[str], folder: Path) -> None:
    assert _loaded(code, *arguments, folder=folder) == []


def test_a_heavy_library_would_be_seen(folder: Path) -> None:
    assert "psutil" in _loaded("import psutil", folder=folder)


@pytest.mark.parametrize(
    ("arguments", "code", "limit"),
    [(["--help"], 0, 0.5), (["validate", "good.yaml"], 0, 1.0), (["validate", "bad.yaml"], 2, 1.0)],
)
def test_an_answer_takes_less_than(arguments: list[str], code: int, limit: float, folder: Path) -> None:
    """Processor time, user and system, of the whole process, since others may be using the machine: the median of three."""
    taken: list[float] = []
    script = Path(sys.executable).with_name("kerasweep")
    for _ in range(4):
        before = os.times()
        finished = _python(
            f"import runpy, sys; sys.argv[0] = {str(script)!r}; runpy.run_path(sys.argv[0], run_name='__main__')",
            *arguments,
            folder=folder,
        )
        after = os.times()
        assert finished.returncode == code, finished.stderr
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert statistics.median(taken[1:]) < limit
