"""The fingerprint of the user's source moves with what decides results, and with nothing else."""

from __future__ import annotations

from pathlib import Path

from orchestrator.spec.source import source_files, source_fingerprint


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_an_edit_changes_it_and_undoing_the_edit_restores_it(tmp_path: Path) -> None:
    before = source_fingerprint(write(tmp_path, model="a = 1"))
    assert source_fingerprint(write(tmp_path, model="a = 2")) != before
    assert source_fingerprint(write(tmp_path, model="a = 1")) == before


def test_a_moved_folder_keeps_it(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", model="a = 1", sub__part="b"), write(tmp_path / "two", model="a = 1", sub__part="b")
    assert source_fingerprint(one) == source_fingerprint(two)


def test_a_renamed_file_changes_it(tmp_path: Path) -> None:
    assert source_fingerprint(write(tmp_path / "a", x="1")) != source_fingerprint(write(tmp_path / "b", y="1"))


def test_environments_caches_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, model="a")
    write(tmp_path / "env", thing="b")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    write(tmp_path / "__pycache__", cached="c")
    write(tmp_path / ".hidden", unseen="d")
    write(tmp_path / "kerasweep-output" / "nightly" / "manual-1" / "model", serving_code="e")
    (tmp_path / "data.csv").write_text("1,2")
    assert [path.name for path in source_files(tmp_path)] == ["model.py"]
