"""Every command that a manifest runs exists in the installed ray, mlflow and kerasweep, with every flag that it is given."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from manifests import programs

PROGRAMS = programs()


@cache
def known_flags(words: tuple[str, ...]) -> frozenset[str]:
    """Return the long flags that ``words --help`` tells of."""
    done = subprocess.run(
        [Path(sys.executable).parent / words[0], *words[1:], "--help"], capture_output=True, text=True, timeout=120, check=True
    )
    return frozenset(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", done.stdout))


def unknown_flags(command: Sequence[str]) -> set[str]:
    """Return the flags of a command that its program does not know."""
    flags = {word.partition("=")[0] for word in command[2:] if word.startswith("-")}
    return flags - known_flags(tuple(command[:2]))


@pytest.mark.parametrize(("where", "command"), PROGRAMS, ids=[f"{where}: {' '.join(command[:2])}" for where, command in PROGRAMS])
def test_flags_exist(where: str, command: list[str]) -> None:
    assert unknown_flags(command) == set(), where


def test_all_three_programs_are_looked_at() -> None:
    assert {command[0] for _, command in PROGRAMS} == {"ray", "mlflow", "kerasweep"}
    assert {("ray", "start"), ("mlflow", "server"), ("kerasweep", "run")} <= {tuple(command[:2]) for _, command in PROGRAMS}


@pytest.mark.parametrize("command", [["ray", "start", "--num-cpu=1"], ["mlflow", "server", "--allow-hosts=x"]])
def test_the_check_sees_a_misspelt_flag(command: list[str]) -> None:
    assert len(unknown_flags(command)) == 1
