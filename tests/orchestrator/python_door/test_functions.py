"""Functions of a Python session get names that workers find, and the same names in every session."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.python_door.files import Files
from orchestrator.python_door.functions import name_functions
from orchestrator.spec import source_identity, travelling_files
from trainers.errors import UserCodeError
from trainers.recipes import read_signature
from trainers.usercode import import_object

SOURCE = "def create(layer_size, *, rate=0.1): return layer_size, rate\nclass Own: ...\n"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "output" / "given")


def module(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the user's, imported as a script beside it would."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, made)
    spec.loader.exec_module(made)
    return made


def one(function: Any, folder: Path, files: Files) -> tuple[Path, str]:
    place, names = name_functions({"trainer.builder": function}, {}, folder, files)
    return place, names["trainer.builder"]


def test_a_function_of_the_sweep_s_folder_keeps_its_name(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    made = module(tmp_path, "face_models", monkeypatch)
    assert one(made.create, tmp_path, files) == (tmp_path, "face_models:create")
    assert not files.folder.exists()


def test_a_module_elsewhere_brings_its_folder(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    made = module(tmp_path / "src", "face_models", monkeypatch)
    assert one(made.Own, tmp_path / "work", files) == (tmp_path / "src", "face_models:Own")


def test_an_installed_function_needs_no_folder(tmp_path: Path, files: Files) -> None:
    from sklearn.preprocessing import StandardScaler

    place, reference = one(StandardScaler, tmp_path, files)
    assert (place, reference) == (tmp_path, "sklearn.preprocessing._data:StandardScaler")


def test_so_is_one_of_the_standard_library(tmp_path: Path, files: Files) -> None:
    import textwrap

    assert one(textwrap.dedent, tmp_path, files) == (tmp_path, "textwrap:dedent")


def test_modules_of_two_folders_are_written_down(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = {
        "trainer.builder": module(tmp_path / "one", "face_one", monkeypatch).create,
        "preprocessing": module(tmp_path / "two", "face_two", monkeypatch).Own,
    }
    place, names = name_functions(functions, {}, tmp_path, files)
    assert place == files.folder
    assert import_object(names["trainer.builder"], place)(3) == (3, 0.1)
    assert import_object(names["preprocessing"], place).__name__ == "Own"


def test_what_is_named_beside_a_function_without_a_file_is_written_down_too(tmp_path: Path, files: Files) -> None:
    (tmp_path / "face_named.py").write_text(SOURCE)
    place, names = name_functions({"preprocessing": lambda: "here"}, {"trainer.builder": "face_named:create"}, tmp_path, files)
    assert place == files.folder
    assert import_object(names["preprocessing"], place)() == "here"
    assert import_object(names["trainer.builder"], place)(3) == (3, 0.1)


def nested(scale: int) -> Any:
    def create(layer_size: int, /, rate: float = 0.1, *others: int, depth: int, **more: Any) -> Any:
        return scale, layer_size, rate, others, depth, more

    return create


def test_its_parameters_can_be_read_without_loading_it(tmp_path: Path, files: Files) -> None:
    place, reference = one(nested(2), tmp_path, files)
    signature = read_signature(reference, str(place))
    assert signature.names is None
    assert signature.required == {"layer_size", "depth"}
    assert import_object(reference, place)(1, depth=3, x=4) == (2, 1, 0.1, (), 3, {"x": 4})
    place, reference = one(partial(nested(2), 1, depth=3), tmp_path, files)
    assert import_object(reference, place)() == (2, 1, 0.1, (), 3, {})


def test_equal_functions_have_one_name_and_one_identity(tmp_path: Path) -> None:
    names, sources = set(), set()
    for folder in ("a", "b"):
        place, reference = one(nested(2), tmp_path, Files(tmp_path / folder))
        names.add(reference)
        sources.add(source_identity([reference], place).content)
    assert len(names) == len(sources) == 1
    assert one(nested(3), tmp_path, Files(tmp_path / "c"))[1] not in names


def test_its_name_is_the_same_in_another_session(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from orchestrator.python_door.files import Files\n"
        "from orchestrator.python_door.functions import name_functions\n"
        "LAYERS = {'a', 'b', 'c'}\n"
        "def create(units): return units, LAYERS\n"
        "folder = Path(sys.argv[1])\n"
        "print(name_functions({'builder': create}, {}, folder, Files(folder / 'given'))[1]['builder'])\n"
    )
    names = {
        subprocess.run(
            [sys.executable, "-c", code, tmp_path / folder], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        for folder in ("a", "b")
    }
    assert len(names) == 1
    assert names.pop().startswith("session_")


def test_it_travels_with_what_it_is_made_of(tmp_path: Path, files: Files) -> None:
    place, reference = one(nested(2), tmp_path, files)
    travelling = travelling_files([reference], place)
    other = tmp_path / "node"
    for name, file in travelling.items():
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_bytes(file.read_bytes())
    assert import_object(reference, other)(1, depth=3) == (2, 1, 0.1, (), 3, {})


def test_what_cannot_be_written_down_is_told(tmp_path: Path, files: Files) -> None:
    lines = (line for line in "ab")
    with pytest.raises(UserCodeError, match=r"trainer.builder: .*<lambda> cannot be written down for the workers: TypeError: "):
        one(lambda: lines, tmp_path, files)
