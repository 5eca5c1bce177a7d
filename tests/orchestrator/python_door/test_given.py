"""What run_sweep is given becomes a sweep as a file would describe it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.errors import NotFoundError, SpecError, UserCheckError
from orchestrator.python_door.files import Files
from orchestrator.python_door.given import GIVEN, check_given, make_spec
from orchestrator.spec import SweepSpec, spec_from_record

FEATURES, TARGET = np.arange(60.0).reshape(20, 3), np.arange(20) % 2


def make(tmp_path: Path, mapping: dict[str, Any] | None = None, **given: Any) -> SweepSpec:
    whole = {"name": "small", "space": {"layer_size": [4, 8]}, **(mapping or {})}
    return make_spec(whole, tmp_path, "run_sweep", Files(tmp_path / "output" / GIVEN), **given)


def test_a_mapping_is_a_sweep_file(tmp_path: Path) -> None:
    spec = make(tmp_path, {"data": {"source": "sklearn", "name": "iris"}})
    assert (spec.task, spec.folder, spec.source) == ("multiclass", tmp_path, "run_sweep")
    assert not (tmp_path / "output").exists()


def test_rows_are_data_and_tell_the_task(tmp_path: Path) -> None:
    spec = make(tmp_path, data=(FEATURES, TARGET))
    assert (spec.task, spec.data.source, spec.data.target) == ("binary", "npz", "y")
    assert make(tmp_path, {"task": "regression"}, data=(FEATURES, TARGET)).task == "regression"


def test_rows_take_the_place_of_a_file_and_keep_what_is_said_of_columns(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": range(20), "who": ["x", "y"] * 10, "y": TARGET})
    data = {"source": "csv", "path": "not-there.csv", "header": False, "target": "y", "groups": "who", "test_size": 0.3}
    spec = make(tmp_path, {"data": data}, data=table)
    assert (spec.data.source, spec.data.target, spec.data.groups, spec.data.test_size) == ("parquet", "y", "who", 0.3)


def test_numbers_of_numpy_s_are_numbers(tmp_path: Path) -> None:
    mapping = {"space": {"layer_size": np.arange(4, 17, 4), "dropout": [np.float64(0.5)]}, "seed": np.int64(3)}
    spec = make(tmp_path, mapping, data=(FEATURES, TARGET))
    assert spec.space == {"layer_size": [4, 8, 12, 16], "dropout": [0.5]}
    assert spec.record()["sweep"]["seed"] == 3


def test_every_mistake_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        make(tmp_path, {"spase": {}, "data": {"groups": "who"}, "cv": {"folds": 1}}, data=(FEATURES, TARGET))
    assert [path for path, _ in caught.value.problems] == ["data.groups", "cv.folds", "spase"]
    assert "run_sweep: spase: unknown key; did you mean 'space'?" in str(caught.value)


def test_rows_that_cannot_be_data_are_the_user_s_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserCheckError, match=r"run_sweep: data.target: must have a value for each of the 20 rows"):
        make(tmp_path, data=(FEATURES, [0, 1]))


def test_a_builder_and_another_recipe_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"run_sweep: trainer.type: a builder is given, got type 'mlp' too"):
        make(tmp_path, {"trainer": {"type": "mlp"}}, data=(FEATURES, TARGET), builder="models:create")


def test_a_builder_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("def create(layer_size): ...\n")
    spec = make(tmp_path, {"trainer": {"params": {"epochs": 3}}}, data=(FEATURES, TARGET), builder="models:create")
    assert spec.trainer.model_dump() == {"type": "builder", "builder": "models:create", "params": {"epochs": 3}}
    assert spec.folder == tmp_path


def test_a_sweep_can_be_resumed_while_its_rows_are_there(tmp_path: Path) -> None:
    spec = spec_from_record(make(tmp_path, data=(FEATURES, TARGET)).record())
    check_given(spec, "small/manual-1")
    Path(str(spec.data.path)).unlink()
    with pytest.raises(
        NotFoundError, match=r"small/manual-1 was given its data or functions from Python, and .*npz is gone. Call"
    ):
        check_given(spec, "small/manual-1")
