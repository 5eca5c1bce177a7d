"""``kerasweep validate`` and ``schema``: what is printed where, and the exit code. Errors of every command take the same way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from broken_specs import BROKEN, BUILDER, ROWS, sound
from click.testing import CliRunner, Result

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
    lines = result.stdout.splitlines()
    assert lines[0].endswith("good.yaml: no mistakes. Sweep 'sound': binary, random search over learning_rate, layer_size.")
    assert lines[1:] == [
        f"Not looked at: the data's values and the model. To try both: kerasweep validate --deep {folder}/good.yaml"
    ]
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
    assert json.loads(result.stdout) == {"valid": True, "deep": False, "name": "sound", "problems": []}


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


def _deep(folder: Path, monkeypatch: pytest.MonkeyPatch, *flags: str, target: str = "0.5", loss: str = "mse") -> Result:
    """Look deeply at a regression by a builder whose last target and loss are these; nothing must be left behind."""
    rows = [f"{index},{index / 7}" for index in range(39)]
    (folder / "table.csv").write_text("\n".join(["x,y", *rows, f"39,{target}"]) + "\n")
    (folder / "net.py").write_text(
        "import keras\ndef build(units=2):\n"
        "    m = keras.Sequential([keras.Input((1,)), keras.layers.Dense(units), keras.layers.Dense(1)])\n"
        f"    m.compile('sgd', '{loss}')\n    return m\n"
    )
    sweep = {"name": "deep", "task": "regression", "data": {"source": "csv", "path": "table.csv", "target": "y"}}
    sweep |= {"trainer": {"type": "builder", "builder": "net:build"}, "space": {"units": [2, 3]}, "fit": {"epochs": 2}}
    (folder / "deep.yaml").write_text(yaml.safe_dump(sweep))
    monkeypatch.chdir(folder)
    before = sorted(path for path in folder.rglob("*") if "__pycache__" not in str(path))
    result = CliRunner().invoke(main, ["validate", "--deep", "deep.yaml", *flags])
    assert sorted(path for path in folder.rglob("*") if "__pycache__" not in str(path)) == before
    return result


def test_a_deep_look_tries_data_and_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = _deep(folder, monkeypatch)
    assert result.exit_code == 0, result.output
    assert "Looked at: 40 rows with their target, cut into 3 folds; the model of one config, built, trained" in result.stdout
    assert result.stdout.endswith("engine fused.\n")


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ({"target": "much"}, "deep.yaml: data.target: task 'regression' needs numbers. Got"),
        ({"target": ""}, "deep.yaml: data.target: every row needs a target. Got 1 missing, first in row 39"),
        ({"loss": "mze"}, "deep.yaml: trainer.builder 'net:build': one training step failed: ValueError: Could not"),
    ],
)
def test_a_deep_look_finds_what_a_run_would_be_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mistake: dict[str, str], told: str
) -> None:
    result = _deep(folder, monkeypatch, **mistake)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_what_a_deep_look_finds_is_on_stdout_as_json(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = _deep(folder, monkeypatch, "--json", target="")
    assert result.exit_code == 2
    answer = json.loads(result.stdout)
    assert (answer["valid"], answer["deep"]) == (False, True)
    assert answer["problems"][0]["message"].startswith("data.target: every row needs a target.")


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
