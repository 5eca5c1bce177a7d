"""The user's own code: found, or refused with a reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trainers.errors import UserCodeError
from trainers.usercode import import_object


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_function_in_the_folder_is_found(tmp_path: Path) -> None:
    write(tmp_path / "own_module.py", "def answer():\n    return 42\n")
    assert import_object("own_module:answer", tmp_path)() == 42


def test_a_function_in_a_package_and_an_installed_one_are_found(tmp_path: Path) -> None:
    write(tmp_path / "own_package" / "__init__.py", "")
    write(tmp_path / "own_package" / "inner.py", "from . import other_part\ndef answer():\n    return other_part.VALUE\n")
    write(tmp_path / "own_package" / "other_part.py", "VALUE = 7\n")
    assert import_object("own_package.inner:answer", str(tmp_path))() == 7
    assert import_object("json:dumps", None)([1]) == "[1]"


def test_a_namesake_in_another_folder_is_not_mistaken_for_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name / "same_name.py", f"def answer():\n    return {name!r}\n")
    answers = [import_object("same_name:answer", tmp_path / name)() for name in ("one", "two", "one")]
    assert answers == ["one", "two", "one"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("broken.py", r"must be named as 'module:function'. Got 'broken.py'"),
        ("module:", r"must be named as 'module:function'"),
        ("a b:c", r"must be named as 'module:function'"),
        ("nowhere:f", r"'nowhere:f': no module 'nowhere' in .* or among the installed packages. Put nowhere.py there"),
        ("needs_more:f", r"importing 'needs_more' failed: No module named 'not_installed_anywhere'. Install what it needs"),
        ("bad_syntax:f", r"importing 'bad_syntax' failed: SyntaxError"),
        ("fails:f", r"importing 'fails' failed: RuntimeError: at import"),
        ("fine:creat_model", r"fine.py must define 'creat_model'. It does not. Did you mean 'create_model'\?"),
        ("fine:NUMBER", r"'fine:NUMBER': must be a function or class. Got 3"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, reference: str, message: str) -> None:
    write(tmp_path / "needs_more.py", "import not_installed_anywhere\n")
    write(tmp_path / "bad_syntax.py", "def f(:\n")
    write(tmp_path / "fails.py", "raise RuntimeError('at import')\n")
    write(tmp_path / "fine.py", "NUMBER = 3\ndef create_model():\n    return None\n")
    with pytest.raises(UserCodeError, match=message):
        import_object(reference, tmp_path)


def test_without_a_folder_only_installed_modules_are_looked_for() -> None:
    with pytest.raises(UserCodeError, match=r"no module 'nowhere' among the installed packages"):
        import_object("nowhere:f", None)


def test_a_module_behind_a_symlink_is_imported_once(tmp_path: Path) -> None:
    write(tmp_path / "..data" / "behind_link.py", "def answer():\n    return 1\n")
    (tmp_path / "behind_link.py").symlink_to("..data/behind_link.py")
    assert import_object("behind_link:answer", tmp_path) is import_object("behind_link:answer", tmp_path)


def test_light_modules_load_no_heavy_library() -> None:
    modules = "trainers.metrics, trainers.usercode, trainers.usersource, trainers.splits, trainers.preprocessing, trainers.data"
    heavy = "{'pandas', 'sklearn', 'scipy', 'skops', 'pyarrow', 'keras', 'tensorflow', 'jax'}"
    code = f"import sys; import {modules}; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
