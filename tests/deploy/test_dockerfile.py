"""The image: what it copies is there, what it installs is pinned, who runs it is nobody; and its commands work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from dockerfile import copied, stages
from manifests import DEPLOY, ROOT

STAGES = stages(DEPLOY / "Dockerfile")
ENTRYPOINT = DEPLOY / "entrypoint.sh"
_PINS = dict(line.split("==") for line in (DEPLOY / "constraints.txt").read_text().split())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _sources() -> set[str]:
    copies = [copied(argument) for stage in STAGES.values() for argument in stage.all("COPY")]
    return {source for origin, sources, _ in copies if origin is None for source in sources}


def test_what_it_copies_exists_and_reaches_the_build() -> None:
    allowed = {line.lstrip("!") for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split() if line.startswith("!")}
    assert _sources() == allowed
    for source in sorted(_sources()):
        assert (ROOT / source).exists(), source
    for stage in STAGES.values():
        for argument in stage.all("COPY"):
            origin, _, _ = copied(argument)
            assert origin is None or origin in STAGES, argument


def test_every_package_of_the_project_is_in_the_wheel() -> None:
    include = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {pattern.rstrip("*") for pattern in include} <= {source.split("/")[0] for source in _sources()}


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_images_run_as_nobody_special_behind_the_entrypoint(target: str) -> None:
    stage = STAGES[target]
    (user,) = stage.all("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)  # a number, so that Kubernetes can see that it is not root's
    assert f"--uid {user.split(':')[0]} " in " ".join(stage.all("RUN"))
    assert [name for name, _ in stage.instructions].index("USER") == len(stage.instructions) - 1
    assert stage.all("ENTRYPOINT") == ['["kerasweep-entrypoint"]']


def test_a_plain_build_gives_the_small_image() -> None:
    assert list(STAGES)[-1] == "cpu"
    assert "[gpu]" not in " ".join(STAGES["cpu"].all("RUN"))
    assert "[gpu]" in " ".join(STAGES["gpu"].all("RUN"))


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_everything_is_installed_by_the_constraints_file_and_compiled(target: str) -> None:
    installs = [line for line in STAGES[target].all("RUN") if line.startswith("pip install")]
    assert installs
    for line in installs:
        assert "--constraint constraints.txt" in line or "--no-deps" in line, line
        assert "--compile" in line, line


@pytest.mark.parametrize("extra", ["gpu", "postgres", "server", "dev"])
def test_the_constraints_pin_what_the_project_names(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {_normal(name) for name in _PINS}
    for requirement in project["dependencies"] + project["optional-dependencies"][extra]:
        name = _normal(re.split(r"[\[<>=!~ ;]", requirement)[0])
        assert name in pinned | {"kerasweep"}, requirement


def test_the_entrypoint_turns_files_into_passwords(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('it\'s "$HOME" & more\n')
    done = subprocess.run(
        [ENTRYPOINT, "sh", "-c", 'printf %s "$PGPASSWORD"; env'],
        env={"PATH": os.environ["PATH"], "PGPASSWORD_FILE": str(tmp_path / "secret")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith('it\'s "$HOME" & more')
    assert "PGPASSWORD_FILE" not in done.stdout
    assert "MLFLOW_TRACKING_PASSWORD" not in done.stdout


def test_the_entrypoint_takes_the_place_of_nothing_it_cannot_read() -> None:
    done = subprocess.run(
        [ENTRYPOINT, "echo", "started"],
        check=False,
        env={"PATH": os.environ["PATH"], "PGPASSWORD_FILE": "/nowhere/secret"},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "started" not in done.stdout
    assert "/nowhere/secret" in done.stderr


def _run_stage(name: str, root: Path, environment: dict[str, str]) -> None:
    """Do what a stage does, below ``root``; what needs a user of its own (``useradd``, ``install``) is left out."""

    def below(path: str) -> Path:
        return root / name / path.lstrip("/")

    folder = below("/")
    for instruction, argument in STAGES[name].instructions:
        if instruction == "WORKDIR":
            folder = below(argument)
            folder.mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY":
            origin, sources, target = copied(argument)
            for source in sources:
                there = root / origin / source.lstrip("/") if origin else ROOT / source
                to = below(target) if target.startswith("/") else folder / target
                if there.is_dir():
                    shutil.copytree(there, to, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
                else:
                    to = to / there.name if target.endswith("/") else to
                    to.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(there, to)
        elif instruction == "RUN" and not argument.startswith(("useradd ", "install ")):
            command = argument.replace(" /wheels", f" {below('/wheels')}")
            subprocess.run(["bash", "-euc", command], cwd=folder, env=environment, check=True)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_its_commands_work_in_a_clean_environment(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    bin_folder = tmp_path / "venv" / "bin"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment["PATH"] = f"{bin_folder}:{environment['PATH']}"
    _run_stage("wheel", tmp_path, environment)
    _run_stage("cpu", tmp_path, environment)

    def output(*command: str) -> str:
        done = subprocess.run([ENTRYPOINT, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    frozen = dict(line.split("==") for line in output("pip", "freeze").split("\n") if "==" in line)
    pins = {_normal(name): pin for name, pin in _PINS.items()}
    assert {name: pin for name, pin in frozen.items() if pins.get(_normal(name), pin) != pin} == {}
    assert {name for name in frozen if _normal(name) not in pins} == set()
    assert "No broken requirements" in output("pip", "check")
    assert "kerasweep" in output("kerasweep", "--version")
    assert _PINS["ray"] in output("ray", "--version")
    assert _PINS["mlflow"] in output("mlflow", "--version")
    assert "no mistakes" in output("kerasweep", "validate", str(DEPLOY / "schedules" / "nightly.yaml"))
    where = output(
        "python", "-c", "import flask_wtf, psycopg, orchestrator, tensorflow.version as t; print(orchestrator.__file__)"
    )
    assert where.startswith(str(tmp_path / "venv"))
    packages = Path(where).parents[1]
    compiled = f"__pycache__/__init__.cpython-{sys.version_info[0]}{sys.version_info[1]}.pyc"
    assert (packages / "keras" / compiled).is_file()
    assert (packages / "orchestrator" / compiled).is_file()
