"""``kerasweep validate`` and ``schema``: what is printed where, and the exit code. Errors of every command take the same way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from broken_specs import BROKEN, BUILDER, ROWS, sound
from click.testing import CliRunner

from orchestrator.cli.root import main
from orchestrator.errors import KerasweepError, NotFoundError, SweepBusyError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("\n".join(ROWS) + "\n")
    (tmp_path / "models.py").write_text(BUILDER)
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(sound(), sort_keys=False))
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(BROKEN["everywhere"].mapping(), sort_keys=False))
    return tmp_path


@pytest.fixture
def failing() -> Iterator[list[BaseException]]:
    """Give the group a command that raises what is put into the list."""
    errors: list[BaseException] = []

    @main.command(name="fail")
    def fail() -> None:
        raise errors.pop()

    yield errors
    del main.commands["fail"]


def test_a_sound_file_is_said_to_be_sound(folder: Path) -> None:
    result = CliRunner().invoke(main, ["validate", str(folder / "good.yaml")])
    assert result.exit_code == 0
    assert result.stdout.endswith(
        "good.yaml: no mistakes. Sweep 'sound': binary, random search over learning_rate, layer_size.\n"
    )
    assert result.stderr == ""


def test_every_mistake_is_a_line_on_stderr_and_the_exit_code_is_2(folder: Path) -> None:
    result = CliRunner().invoke(main, ["validate", str(folder / "bad.yaml")])
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 6
    assert all(line.startswith(f"{folder}/bad.yaml: ") for line in lines)
    assert lines[0].endswith("task: expected binary, multiclass or regression, got 'binry'; did you mean 'binary'?")


def test_problems_as_json_are_on_stdout(folder: Path) -> None:
    result = CliRunner().invoke(main, ["validate", "--json", str(folder / "bad.yaml")])
    assert result.exit_code == 2
    answer = json.loads(result.stdout)
    assert answer["valid"] is False
    assert [problem["path"] for problem in answer["problems"]][:2] == ["task", "data.target"]
    assert "did you mean 'label'?" in answer["problems"][1]["message"]


def test_a_sound_file_as_json(folder: Path) -> None:
    result = CliRunner().invoke(main, ["validate", "--json", str(folder / "good.yaml")])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"valid": True, "name": "sound", "problems": []}


def test_a_missing_file_is_one_line(folder: Path) -> None:
    result = CliRunner().invoke(main, ["validate", str(folder / "gone.yaml")])
    assert (result.exit_code, result.stderr) == (2, f"{folder}/gone.yaml: no such file.\n")


def test_a_wrong_option_is_bad_input(folder: Path) -> None:
    assert CliRunner().invoke(main, ["validate", "--jsn", "x"]).exit_code == 2


def test_validate_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.rglob("*"))
    CliRunner().invoke(main, ["validate", "good.yaml"])
    assert sorted(folder.rglob("*")) == before


def test_schema_prints_a_schema() -> None:
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert set(json.loads(result.stdout)["required"]) == {"name", "data", "space"}


@pytest.mark.parametrize(
    ("error", "code"), [(KerasweepError("broken"), 1), (SweepBusyError("busy"), 1), (NotFoundError("no such sweep"), 2)]
)
def test_an_error_is_one_line_and_its_exit_code(failing: list[BaseException], error: KerasweepError, code: int) -> None:
    failing.append(error)
    result = CliRunner().invoke(main, ["fail"])
    assert (result.exit_code, result.stderr) == (code, f"Error: {error}\n")


def test_an_interrupt_is_130(failing: list[BaseException]) -> None:
    failing.append(KeyboardInterrupt())
    result = CliRunner().invoke(main, ["fail"])
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_a_bug_is_not_hidden(failing: list[BaseException]) -> None:
    failing.append(RuntimeError("a bug"))
    result = CliRunner().invoke(main, ["fail"])
    assert isinstance(result.exception, RuntimeError)


@pytest.mark.parametrize(("flags", "level"), [([], logging.WARNING), (["-v"], logging.INFO), (["-vv"], logging.DEBUG)])
def test_verbose_sets_the_log_level(folder: Path, flags: list[str], level: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(logging, "basicConfig", lambda *, level, handlers: seen.append(level))
    CliRunner().invoke(main, [*flags, "validate", str(folder / "good.yaml")])
    assert seen == [level]


def test_help_names_the_commands() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    assert "Find every mistake in the file SWEEP" in text
    assert "Print the JSON Schema of sweep files" in text
