"""The transformer's source that a model carries: loaded under a name of its own, whatever else this process has imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainers.data.serving_code import Preprocessor, load_preprocessor
from trainers.usercode import import_object
from trainers.usersource import read_user_source

STEPS = """
from sklearn.base import BaseEstimator, TransformerMixin
import own_kit.numbers
import own_kit.numbers as numbers
from own_kit import numbers as again, words
from own_factor import FACTOR
from importlib import import_module

class Step(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        import own_factor
        late = import_module("own_late").LATE
        assert numbers is again is own_kit.numbers and words.FACTOR == own_factor.FACTOR == late
        return X * FACTOR
"""


def write(folder: Path, factor: int) -> Path:
    files = {
        "own_steps.py": STEPS,
        "own_factor.py": f"FACTOR = {factor}\n",
        "own_late.py": f"LATE = {factor}\n",
        "own_kit/__init__.py": "",
        "own_kit/numbers.py": "from . import words\n",
        "own_kit/words.py": "\ufefffrom own_factor import FACTOR\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def exported(code: Path, folder: Path) -> Path:
    step: Any = import_object("own_steps:Step", code)().fit(np.ones((1, 1)))
    files = read_user_source(["own_steps:Step"], code).files
    sources = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    Preprocessor({"kind": "custom", "shape": [1]}, {"custom": step}, sources).export(folder)
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """Two models whose transformers have modules of the same names."""
    made = []
    for factor in (2, 3):
        code = write(tmp_path / f"code-{factor}", factor)
        made.append(exported(code, tmp_path / f"model-{factor}"))
        for name in [name for name in sys.modules if name.startswith("own_")]:
            del sys.modules[name]
        sys.path.remove(str(code))
    return made


def test_two_models_with_modules_of_the_same_name_live_in_one_process(folders: list[Path]) -> None:
    path, rows = list(sys.path), np.ones((2, 1))
    loaded = [load_preprocessor(folder) for folder in folders]
    assert [one.transform(rows)[0, 0] for one in loaded] == [2, 3]
    assert sys.path == path
    assert not [name for name in sys.modules if name.startswith("own_")]


def test_a_module_of_that_name_that_is_imported_already_is_not_taken(folders: list[Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "own_steps.py").write_text("class Step:\n    pass\n")
    (other / "own_factor.py").write_text("FACTOR = 99\n")
    script = (
        "import sys, numpy as np, own_steps, own_factor\n"
        "from trainers.data.serving_code import load_preprocessor\n"
        "for folder in sys.argv[1:]: print(load_preprocessor(folder).transform(np.ones((1, 1)))[0, 0])\n"
        "assert own_factor.FACTOR == 99\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", script, *map(str, folders)]
    environment = {"PYTHONPATH": f"{other}:{root}"}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert answer.stdout == "2.0\n3.0\n", answer.stderr


def test_a_loaded_one_is_stored_as_it_was(folders: list[Path], tmp_path: Path) -> None:
    """Under the user's own names, as the folders of earlier versions have it."""
    load_preprocessor(folders[0]).export(tmp_path / "again")
    for folder in (folders[0], tmp_path / "again"):
        with zipfile.ZipFile(folder / "custom.skops") as file:
            assert json.loads(file.read("schema.json"))["__module__"] == "own_steps"
    files = {file.relative_to(folders[0]) for file in folders[0].rglob("*") if file.is_file()}
    assert files == {file.relative_to(tmp_path / "again") for file in (tmp_path / "again").rglob("*") if file.is_file()}
    assert load_preprocessor(tmp_path / "again").transform(np.ones((1, 1)))[0, 0] == 2


def test_a_folder_that_is_gone_after_loading_is_not_missed(folders: list[Path], tmp_path: Path) -> None:
    loaded = load_preprocessor(folders[0].rename(tmp_path / "moved"))
    shutil.rmtree(tmp_path / "moved")
    assert loaded.transform(np.ones((1, 1)))[0, 0] == 2


def test_a_traceback_names_the_file_and_the_line(folders: list[Path]) -> None:
    (folders[0] / "code" / "own_steps.py").write_text(STEPS.replace("return X * FACTOR", "raise RuntimeError('here')"))
    loaded = load_preprocessor(folders[0])
    with pytest.raises(RuntimeError, match="here") as caught:
        loaded.transform(np.ones((1, 1)))
    entry = caught.traceback[-1]
    assert Path(entry.path) == folders[0] / "code" / "own_steps.py"
    assert str(entry.statement).strip() == "raise RuntimeError('here')"


def test_the_same_source_is_loaded_once(folders: list[Path]) -> None:
    one, two = (load_preprocessor(folders[0]).estimators["custom"] for _ in range(2))
    assert type(one) is type(two)
    assert sum(getattr(finder, "package", None) == type(one).__module__.split(".")[0] for finder in sys.meta_path) == 1
