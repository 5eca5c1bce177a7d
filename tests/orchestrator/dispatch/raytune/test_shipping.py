"""Folders on their way to other nodes."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from pathlib import Path

import pytest

from orchestrator.dispatch.raytune.shipping import all_files, digest, pack, unpack, unpack_once


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "stage"
    (made / "deep").mkdir(parents=True)
    (made / "rows.feather").write_bytes(b"\0\1\2")
    (made / "deep" / "splits.json").write_text("{}")
    return made


def test_files_arrive_as_they_were_sent(folder: Path, tmp_path: Path) -> None:
    unpack(pack(all_files(folder)), tmp_path / "there")
    assert (tmp_path / "there" / "rows.feather").read_bytes() == b"\0\1\2"
    assert (tmp_path / "there" / "deep" / "splits.json").read_text() == "{}"


def test_only_the_named_files_are_sent(folder: Path, tmp_path: Path) -> None:
    unpack(pack({"rows.feather": folder / "rows.feather"}), tmp_path / "there")
    assert all_files(tmp_path / "there") == {"rows.feather": tmp_path / "there" / "rows.feather"}


def test_a_node_fetches_a_content_once_however_many_workers_ask(folder: Path, tmp_path: Path) -> None:
    content, fetched, found = pack(all_files(folder)), [], []
    root = tmp_path / "node"

    def ask() -> None:
        found.append(unpack_once(digest(content), lambda: fetched.append(1) or content, root))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    before = len(fetched)
    ask()
    assert len(fetched) == before
    assert set(found) == {root / digest(content)}
    assert [path.name for path in root.iterdir()] == [digest(content)]


def test_other_content_has_another_place(folder: Path, tmp_path: Path) -> None:
    first = pack(all_files(folder))
    (folder / "rows.feather").write_bytes(b"tonight's")
    second = pack(all_files(folder))
    places = [unpack_once(digest(content), lambda content=content: content, tmp_path / "node") for content in (first, second)]
    assert (places[0] / "rows.feather").read_bytes() == b"\0\1\2"
    assert (places[1] / "rows.feather").read_bytes() == b"tonight's"


def test_what_nobody_has_used_for_weeks_is_removed(folder: Path, tmp_path: Path) -> None:
    content = pack(all_files(folder))
    old = unpack_once("0" * 32, lambda: content, tmp_path / "node")
    os.utime(old, (time.time() - 15 * 86400,) * 2)
    unpack_once(digest(content), lambda: content, tmp_path / "node")
    assert not old.exists()


def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    with pytest.raises(tarfile.OutsideDestinationError):
        unpack(buffer.getvalue(), tmp_path / "there")
