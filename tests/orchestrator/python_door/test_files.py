"""Files named after their content: whole or not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import pytest

from orchestrator.python_door.files import Files


def test_a_file_is_written_once(tmp_path: Path) -> None:
    files = Files(tmp_path / "given")
    path = files.write("one", lambda file: file.write(b"first"))
    assert files.write("one", lambda file: file.write(b"second")) == path
    assert path.read_bytes() == b"first"


def test_half_a_file_is_none(tmp_path: Path) -> None:
    files = Files(tmp_path / "given")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write("one", fail)
    assert list(files.folder.iterdir()) == []


def test_only_what_was_new_is_taken_back(tmp_path: Path) -> None:
    Files(tmp_path / "given").write("old", lambda file: file.write(b"."))
    files = Files(tmp_path / "given")
    for name in ("old", "new"):
        files.write(name, lambda file: file.write(b"."))
    files.take_back()
    assert [path.name for path in files.folder.iterdir()] == ["old"]


def test_a_folder_that_is_empty_then_goes_too(tmp_path: Path) -> None:
    files = Files(tmp_path / "output" / "given")
    files.write("new", lambda file: file.write(b"."))
    files.take_back()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_given_again_is_young_again(tmp_path: Path) -> None:
    files = Files(tmp_path / "given")
    path = files.write("one", lambda file: file.write(b"."))
    os.utime(path, (0, 0))
    files.write("one", lambda file: file.write(b"."))
    assert path.stat().st_mtime > 0
