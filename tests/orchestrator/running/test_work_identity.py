"""What decides results: the user's source only where a function of the user's is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.cluster.parcel import make_parcel
from orchestrator.running.work_identity import work_identity
from orchestrator.search import trial_key
from orchestrator.spec import spec_from_mapping
from trainers.settings import SweepSettings, TrainerSettings


def settings(code: Path, **options: Any) -> SweepSettings:
    return SweepSettings(**{"task": "binary", "seed": 1, "metrics": ("accuracy",), "stage": "", "code": str(code), **options})


def identity(of: SweepSettings) -> dict[str, Any]:
    return work_identity(of, data="d", splits="s", versions={"keras": "3.15"})


def test_a_sweep_without_user_code_keeps_its_trial_keys(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("a = 1")
    found = identity(settings(tmp_path))
    assert found["source"] is None
    assert sorted(found) == [
        "builder", "data", "engine", "fit", "metrics", "preprocessing", "recipe", "scale_target", "seed", "source", "splits",
        "task", "versions",
    ]  # fmt: skip


def test_builder_transformer_and_metrics_each_bring_their_source(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import helper\nimport numpy")
    (tmp_path / "helper.py").write_text("a = 1")
    (tmp_path / "beside.py").write_text("a = 1")
    for options in (
        {"trainer": TrainerSettings(type="builder", builder="own:f")},
        {"preprocessing": "own:f"},
        {"metrics": ("own:f",)},
    ):
        of = settings(tmp_path, **options)
        before = identity(of)
        assert list(before["source_versions"]) == ["numpy"]
        (tmp_path / "beside.py").write_text("a = 2")
        assert trial_key(identity(of), {}) == trial_key(before, {})
        (tmp_path / "helper.py").write_text("a = 2")
        assert trial_key(identity(of), {}) != trial_key(before, {})
        (tmp_path / "helper.py").write_text("a = 1")


def test_what_loads_the_data_travels_and_is_in_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "own_reader.py").write_text("def rows():\n    return [[1]], [1]")
    (tmp_path / "sweep").mkdir()
    mapping = {"name": "reading", "task": "binary", "data": {"source": "own_reader:rows"}, "space": {"layer_size": [4, 8]}}
    spec = spec_from_mapping(mapping, tmp_path / "sweep")
    assert list(make_parcel(spec).code) == ["own_reader.py"]
    assert identity(spec.sweep_settings(stage="", engine="keras"))["source"] is None
