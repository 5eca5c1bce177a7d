"""What TensorFlow prints while it starts is nobody's answer, unless something goes wrong."""

from __future__ import annotations

import os

import pytest

from orchestrator.cli.printing import without_startup_lines
from orchestrator.errors import NotFoundError

CHATTER = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795204748.071800   17519 port.cc:153] oneDNN custom operations are on.\n"
    b"E0000 00:00:1795547118.547655   31912 cuda_platform.cc:52] failed call to cuInit\n"
)


def _fail(error: Exception) -> None:
    with without_startup_lines():
        os.write(2, CHATTER)
        raise error


def test_startup_lines_are_left_out_and_all_else_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    with without_startup_lines():
        os.write(2, CHATTER + b"UserWarning: a column is new\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "UserWarning: a column is new\nafterwards\n"


def test_a_mistake_of_the_users_needs_no_startup_lines(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFoundError):
        _fail(NotFoundError("no such model"))
    assert capfd.readouterr().err == ""


def test_a_failure_shows_them(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError):
        _fail(RuntimeError("no kernel"))
    assert capfd.readouterr().err == CHATTER.decode()
