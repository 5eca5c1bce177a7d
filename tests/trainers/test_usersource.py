"""What the user's functions need, from import to import: in their folder, behind symlinks, elsewhere on the path, installed."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from trainers.usersource import WHOLE_FOLDER, find_module, read_user_source


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the import path that is not the sweep's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


def names(code: Path, module: str = "entry") -> list[str]:
    return list(read_user_source([f"{module}:f"], code).files)


def test_the_files_that_a_function_needs_are_its_module_and_what_it_imports(code: Path) -> None:
    write(code / "entry.py", "import json\nimport direct\nfrom package.part import thing\ndef f():\n    import late\n")
    write(code / "direct.py", "from indirect import *\n")
    write(code / "indirect.py", "import entry\n")
    write(code / "late.py")
    write(code / "package" / "__init__.py", "from . import sibling\n")
    write(code / "package" / "part.py", "from .sibling import other\nthing = 1\n")
    write(code / "package" / "sibling.py", "def f(:\n")
    write(code / "package" / "unused.py")
    write(code / "unused.py")
    assert names(code) == [
        "direct.py", "entry.py", "indirect.py", "late.py", "package/__init__.py", "package/part.py", "package/sibling.py",
    ]  # fmt: skip


def test_relative_imports_climb_and_all_names_submodules(code: Path) -> None:
    write(code / "entry.py", "from package.deep.part import f\nfrom listed import *\n")
    write(code / "package" / "__init__.py")
    write(code / "package" / "other.py")
    write(code / "package" / "deep" / "__init__.py")
    write(code / "package" / "deep" / "part.py", "from .. import other\ndef f(): ...\n")
    write(code / "listed" / "__init__.py", "__all__ = ['one']\n")
    write(code / "listed" / "one.py")
    write(code / "listed" / "two.py")
    found = names(code)
    assert "package/other.py" in found
    assert "listed/one.py" in found
    assert "listed/two.py" not in found


def test_symlinks_are_followed(code: Path, tmp_path: Path) -> None:
    """Every file of a ConfigMap's mount is a symlink through ``..data``."""
    write(code / "..2026_01" / "entry.py", "import helper\nimport shared.part\n")
    write(code / "..2026_01" / "helper.py", "")
    (code / "..data").symlink_to("..2026_01")
    for name in ("entry.py", "helper.py"):
        (code / name).symlink_to(f"..data/{name}")
    write(tmp_path / "library" / "__init__.py")
    write(tmp_path / "library" / "part.py")
    (code / "shared").symlink_to(tmp_path / "library")
    assert names(code) == ["entry.py", "helper.py", "shared/__init__.py", "shared/part.py"]


def test_a_module_elsewhere_on_the_path_is_known_by_its_content(code: Path, elsewhere: Path) -> None:
    write(code / "entry.py", "from own_library import part\n")
    write(elsewhere / "own_library" / "__init__.py")
    write(elsewhere / "own_library" / "part.py", "import own_single\n")
    write(elsewhere / "own_single.py")
    source = read_user_source(["entry:f"], code)
    assert list(source.files) == ["entry.py", "own_library/__init__.py", "own_library/part.py", "own_single.py"]
    assert source.places == {
        "entry": code / "entry.py",
        "own_library": elsewhere / "own_library",
        "own_single": elsewhere / "own_single.py",
    }
    assert source.versions == {}


def test_the_builder_itself_may_lie_elsewhere(elsewhere: Path) -> None:
    write(elsewhere / "own_builder.py")
    for code in (None, elsewhere.parent):
        assert list(read_user_source(["own_builder:create_model"], code).files) == ["own_builder.py"]


def test_the_folder_of_the_sweep_comes_first(code: Path, elsewhere: Path) -> None:
    write(code / "entry.py", "import twice\n")
    write(code / "twice.py")
    write(elsewhere / "twice.py")
    assert read_user_source(["entry:f"], code).files["twice.py"] == code / "twice.py"


def test_namespace_packages_are_joined_from_all_places(code: Path, elsewhere: Path) -> None:
    write(code / "entry.py", "import space.here\nfrom space.inner import there\n")
    write(code / "space" / "here.py", "import importlib\nimportlib.import_module(f())\n")
    write(elsewhere / "space" / "inner" / "there.py")
    source = read_user_source(["entry:f"], code)
    assert list(source.files) == ["entry.py", "space/here.py", "space/inner/there.py"]
    assert source.computed == {WHOLE_FOLDER}
    assert source.places["space.inner.there"] == elsewhere / "space" / "inner" / "there.py"


def test_an_installed_distribution_is_known_by_its_version(code: Path, elsewhere: Path) -> None:
    write(code / "entry.py", "import recorded.part\nfrom unrecorded import thing\n")
    write(elsewhere / "recorded" / "__init__.py")
    write(elsewhere / "recorded" / "part.py", "import hidden_need\n")
    write(elsewhere / "hidden_need.py")
    write(elsewhere / "Some_Name-2.0.dist-info" / "RECORD", "recorded/__init__.py,,\nrecorded/part.py,,\n")
    write(elsewhere / "unrecorded" / "__init__.py")
    write(elsewhere / "unrecorded-1.0.dist-info" / "METADATA")
    source = read_user_source(["entry:f"], code)
    assert source.versions == {"some-name": "2.0"}
    assert list(source.files) == ["entry.py", "unrecorded/__init__.py"]


def test_an_editable_distribution_is_known_by_its_content(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setuptools puts a finder beside Python's own, which maps a name to a folder that may be called otherwise."""
    write(code / "entry.py", "from edited.part import f\n")
    package = write(tmp_path / "checkout" / "src" / "__init__.py").parent
    write(package / "part.py")

    class Editable:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            return importlib.util.spec_from_file_location(name, package / "__init__.py") if name == "edited" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Editable])
    assert names(code) == ["edited/__init__.py", "edited/part.py", "entry.py"]
    assert find_module("edited.part", code) == package / "part.py"


def test_the_standard_library_and_kerasweep_are_left_out(code: Path) -> None:
    write(code / "entry.py", "import json, sys, os.path, xml.etree\nfrom trainers.seeds import derive_seed\nimport absent\n")
    source = read_user_source(["entry:f"], code)
    assert list(source.files) == ["entry.py"]
    assert source.versions == {}


def test_what_keras_and_numpy_are_is_said_by_their_versions(code: Path) -> None:
    write(code / "entry.py", "import numpy as np\nfrom keras import layers\nfrom sklearn.metrics import fbeta_score\n")
    before = set(sys.modules)
    source = read_user_source(["entry:f"], code)
    assert list(source.files) == ["entry.py"]
    assert set(source.versions) == {"numpy", "keras", "scikit-learn"}
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    "line",
    [
        "import_module('helper')",
        "importlib.import_module('helper')",
        "import_module('.helper', __package__)",
        "__import__('helper')",
    ],
)
def test_an_import_by_a_written_name_is_followed(line: str, code: Path) -> None:
    write(code / "package" / "__init__.py", f"import importlib\nfrom importlib import import_module\n{line}\n")
    write(code / "package" / "helper.py")
    write(code / "helper.py")
    source = read_user_source(["package:f"], code)
    assert len(source.files) == 2
    assert source.computed == set()


@pytest.mark.parametrize(
    "line",
    [
        "importlib.import_module(f'models.{name}')",
        "__import__(name)",
        "exec(text)",
        "importlib.util.spec_from_file_location(a, b)",
    ],
)
def test_an_import_by_a_computed_name_is_told(line: str, code: Path, elsewhere: Path) -> None:
    write(code / "entry.py", f"import importlib\ndef f(name):\n    {line}\n")
    assert read_user_source(["entry:f"], code).computed == {WHOLE_FOLDER}
    write(elsewhere / "outer" / "__init__.py", f"import importlib\ndef f(name):\n    {line}\n")
    assert read_user_source(["outer:f"], code).computed == {"outer"}


def test_a_models_eval_is_no_import(code: Path) -> None:
    write(code / "entry.py", "model.exec()\nmodel.eval()\n")
    assert read_user_source(["entry:f"], code).computed == set()
