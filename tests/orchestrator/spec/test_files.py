"""Sweep files as files: what cannot be read is one clear message."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.errors import SpecError
from orchestrator.spec.files import MAX_BYTES, read_mapping


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"", "the file is empty; it needs at least name, task, data and space."),
        ("a.yaml", b"# nothing\n", "the file is empty"),
        ("a.toml", b"", "the file is empty"),
        ("a.yaml", b"- a\n- b\n", "expected a mapping of keys such as 'name: ...', got a list."),
        ("a.yaml", b"just text", "expected a mapping of keys such as 'name: ...', got 'just text'."),
        ("a.yaml", b"a: 1\na: 2\n", "line 2, column 1: duplicate key 'a'"),
        ("a.yaml", b"name: x\ntask: \xe4\n", "line 2, column 7: byte 0xe4 is not UTF-8; save the file as UTF-8."),
        ("a.yaml", "name: x".encode("utf-16"), "line 1, column 1: byte 0xff is not UTF-8"),
        ("a.yaml", b"#" * (MAX_BYTES + 1), "the file is larger than 1 MiB; a sweep file is a page of text."),
        ("a.toml", b"a = 1\na = 2\n", "line 2, column 6: Cannot overwrite a value."),
        ("a.toml", b"a = \n", "line 1, column 5: Invalid value."),
        (
            "a.toml",
            b"[data]\nx = {d = 2024-01-31}\n",
            "data.x.d: dates and times are not used here, got 2024-01-31; put it in quotes.",
        ),
        ("a.toml", b"x = " + b"[" * 21 + b"]" * 21, "lists and mappings are nested more than 20 deep."),
        ("a.toml", b"x = " + b"[" * 20000, "lists and mappings are nested more than 20 deep."),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(SpecError, match=f"^{re.escape(str(file))}: {re.escape(message)}") as caught:
        read_mapping(file)
    assert len(caught.value.problems) == 1


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"gone.yaml: no such file\.$"):
        read_mapping(tmp_path / "gone.yaml")
    with pytest.raises(SpecError, match=r": this is not a file\.$"):
        read_mapping(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("name: x".encode("utf-8-sig"))
    assert read_mapping(tmp_path / "a.yaml") == {"name": "x"}


def test_a_file_just_within_the_limit_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"name: x\n#" + b"." * (MAX_BYTES - 9))
    assert read_mapping(tmp_path / "a.yaml") == {"name": "x"}
