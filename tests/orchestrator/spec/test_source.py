"""The user's source: its identity moves with what decides results and with nothing else, and what is needed travels."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.spec.source import source_files, source_identity, travelling_files


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/").replace("/init", "/__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def content(folder: Path, module: str = "model") -> str:
    return source_identity([f"{module}:f"], folder).content


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path that is not the sweep's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


# --- identity -----------------------------------------------------------------------------------------------------------------


def test_an_edit_changes_it_and_undoing_the_edit_restores_it(tmp_path: Path) -> None:
    before = content(write(tmp_path, model="a = 1"))
    assert content(write(tmp_path, model="a = 2")) != before
    assert content(write(tmp_path, model="a = 1")) == before


def test_an_edit_of_a_file_that_is_not_imported_changes_nothing(tmp_path: Path) -> None:
    before = content(write(tmp_path, model="import part", part="b = 1", other="c = 1"))
    assert content(write(tmp_path, other="c = 2", new="d")) == before
    assert content(write(tmp_path, part="b = 2")) != before


def test_a_moved_folder_keeps_it(tmp_path: Path) -> None:
    one, two = (write(tmp_path / name, model="import sub.part", sub__part="b = 1") for name in ("one", "two"))
    assert content(one) == content(two)


def test_a_renamed_file_changes_it(tmp_path: Path) -> None:
    one = write(tmp_path / "a", model="try:\n    import x\nexcept ImportError:\n    import y", x="1")
    two = write(tmp_path / "b", model="try:\n    import x\nexcept ImportError:\n    import y", y="1")
    assert content(one) != content(two)


def test_an_edit_behind_a_symlink_changes_it(tmp_path: Path) -> None:
    target = write(tmp_path / "kept", model="a = 1") / "model.py"
    folder = tmp_path / "sweep"
    folder.mkdir()
    (folder / "model.py").symlink_to(target)
    before = content(folder)
    target.write_text("a = 2")
    assert content(folder) != before


def test_an_edit_elsewhere_on_the_import_path_changes_it(tmp_path: Path, elsewhere: Path) -> None:
    write(tmp_path, model="from own_library.part import f")
    before = content(write(elsewhere, own_library__init="", own_library__part="a = 1") and tmp_path)
    write(elsewhere, own_library__part="a = 2")
    assert content(tmp_path) != before
    write(elsewhere, own_library__part="a = 1", own_library__other="b = 1", unrelated="c = 1")
    assert content(tmp_path) == before


def test_an_installed_distribution_counts_by_its_version(tmp_path: Path, elsewhere: Path) -> None:
    write(tmp_path, model="import recorded")
    write(elsewhere, recorded="a = 1")
    record = elsewhere / "recorded-1.0.dist-info" / "RECORD"
    record.parent.mkdir()
    record.write_text("recorded.py,,\n")
    before = source_identity(["model:f"], tmp_path)
    assert before.versions == {"recorded": "1.0"}
    record.parent.rename(elsewhere / "recorded-1.1.dist-info")
    after = source_identity(["model:f"], tmp_path)
    assert (after.content, after.versions) == (before.content, {"recorded": "1.1"})


def test_where_names_are_computed_every_file_of_the_folder_counts(tmp_path: Path) -> None:
    """What ``import_module(f"nets.{name}")`` may mean cannot be known, so no edit may go unseen."""
    write(tmp_path, model="import importlib\ndef f(net):\n    importlib.import_module(f'nets.{net}')", nets__small="a = 1")
    before = content(tmp_path)
    write(tmp_path, nets__small="a = 2")
    assert content(tmp_path) != before


def test_in_a_package_elsewhere_computed_names_draw_in_the_package(tmp_path: Path, elsewhere: Path) -> None:
    write(tmp_path, model="import own_library", other="a = 1")
    write(elsewhere, own_library__init="import importlib\nimportlib.import_module(name())", own_library__plug="a = 1")
    before = content(tmp_path)
    write(tmp_path, other="a = 2")
    assert content(tmp_path) == before
    write(elsewhere, own_library__plug="a = 2")
    assert content(tmp_path) != before


# --- what travels -------------------------------------------------------------------------------------------------------------


def test_environments_caches_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, model="a")
    write(tmp_path / "env", thing="b")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    write(tmp_path / "__pycache__", cached="c")
    write(tmp_path / ".hidden", unseen="d")
    write(tmp_path / "kerasweep-output" / "nightly" / "manual-1" / "model", serving_code="e")
    (tmp_path / "data.csv").write_text("1,2")
    (tmp_path / "dangling.py").symlink_to("nowhere.py")
    assert [path.name for path in source_files(tmp_path)] == ["model.py"]


def test_the_files_of_a_configmap_travel(tmp_path: Path) -> None:
    write(tmp_path / "..2026_01", model="import helper", helper="", unused="")
    (tmp_path / "..data").symlink_to("..2026_01")
    for name in ("model.py", "helper.py", "unused.py"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    assert list(travelling_files(["model:f"], tmp_path)) == ["helper.py", "model.py", "unused.py"]


def test_a_package_elsewhere_travels_whole_and_no_other(tmp_path: Path, elsewhere: Path) -> None:
    write(tmp_path / "sweep", model="from own_library.part import f\nimport own_single", unused="")
    write(elsewhere, own_library__init="", own_library__part="", own_library__unused="", own_single="", unrelated="")
    (elsewhere / "own_library" / "words.json").write_text("{}")
    (elsewhere / "own_library" / "again").symlink_to(elsewhere / "own_library")
    assert sorted(travelling_files(["model:f"], tmp_path / "sweep")) == [
        "model.py", "own_library/__init__.py", "own_library/part.py", "own_library/unused.py", "own_library/words.json",
        "own_single.py", "unused.py",
    ]  # fmt: skip


def test_what_has_travelled_runs_there_and_is_the_same_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "sweep", model="from own_library.part import f")
    write(tmp_path / "library", own_library__init="", own_library__part="def f():\n    print('it runs')")
    monkeypatch.syspath_prepend(str(tmp_path / "library"))
    before = source_identity(["model:f"], tmp_path / "sweep")
    there = tmp_path / "there"
    for name, file in travelling_files(["model:f"], tmp_path / "sweep").items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(file.read_bytes())
    monkeypatch.undo()
    assert source_identity(["model:f"], there) == before
    answer = subprocess.run(
        [sys.executable, "-c", "import model; model.f()"], cwd=there, capture_output=True, text=True, check=True
    )
    assert answer.stdout == "it runs\n"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("fast.so", "own_library/fast.so is compiled"), ("large.bin", "it has 21 MiB, and at most 20 MiB travel")],
)
def test_a_package_that_cannot_travel_is_named(
    name: str, reason: str, tmp_path: Path, elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "sweep", model="import own_library")
    write(elsewhere, own_library__init="")
    with (elsewhere / "own_library" / name).open("wb") as file:
        file.truncate(21 * 2**20)
    with caplog.at_level(logging.WARNING):
        assert list(travelling_files(["model:f"], tmp_path / "sweep")) == ["model.py"]
    assert f"own_library is imported from {elsewhere / 'own_library'} and does not travel: {reason}." in caplog.text
    assert "Install it on every node." in caplog.text


def test_without_functions_of_the_users_the_folders_files_travel_as_ever(tmp_path: Path) -> None:
    write(tmp_path, model="a", sub__part="b")
    assert list(travelling_files([], tmp_path)) == ["model.py", "sub/part.py"]
    assert travelling_files([], None) == {}
