"""A race over epochs in a sweep file: what it is counted from, and what cannot race so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from broken_specs import ROWS, sound

from orchestrator.errors import SpecError
from orchestrator.spec import SweepSpec, spec_from_mapping

MODELS = """
def create_model(units=4):
    raise RuntimeError("validation must not run this")

def by_epochs(units=4, epochs=10):
    raise RuntimeError("validation must not run this")
"""


def spec_of(folder: Path, **changes: Any) -> SweepSpec:
    (folder / "data.csv").write_text("\n".join(ROWS) + "\n")
    (folder / "models.py").write_text(MODELS)
    return spec_from_mapping({**sound(), "cv": {"folds": 2}, **changes}, folder, "sweep.yaml")


def rungs(spec: SweepSpec) -> tuple[int, ...]:
    race = spec.race_settings()
    assert race is not None
    return race.epoch_rungs(spec.most_epochs() or 0)


def test_rungs_are_counted_from_the_most_epochs_of_a_config(tmp_path: Path) -> None:
    race = {"folds": "none", "epochs": "halving"}
    assert rungs(spec_of(tmp_path, race=race)) == (12, 36)  # fit.epochs is 100
    assert rungs(spec_of(tmp_path, race=race, fit={"epochs": 81})) == (9, 27)
    assert rungs(spec_of(tmp_path, race=race, trainer={"params": {"epochs": 50}})) == (6, 18)
    for domain in ([10, 30, 20], {"integer": [5, 30]}):
        assert rungs(spec_of(tmp_path, race=race, space={"layer_size": [4, 8], "epochs": domain})) == (4, 12)
    assert rungs(spec_of(tmp_path, race={**race, "eta": 4, "min_epochs": 5})) == (5, 20, 80)


def test_a_race_over_folds_is_the_same_search_as_before_there_was_one_over_epochs(tmp_path: Path) -> None:
    paired = spec_of(tmp_path, race="paired")
    assert paired.identity()["race"] == {"folds": "paired", "rungs": None, "first": 4, "p": 0.1}
    assert not paired.races_over_epochs
    both = spec_of(tmp_path, race={"folds": "paired", "epochs": "hyperband"})
    assert both.identity()["race"] == {**paired.identity()["race"], "epochs": "hyperband", "eta": 3, "min_epochs": None}
    assert both.races_over_epochs


def test_mistakes_are_told_with_the_others(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        spec_of(tmp_path, race={"epochs": "halving", "min_epochs": 60}, fit={"epochs": 50}, metrics=["nonsense"])
    assert [path for path, _ in caught.value.problems] == ["race.min_epochs", "metrics.0"]
    with pytest.raises(SpecError) as caught:  # the epochs are wrong themselves: told once
        spec_of(tmp_path, race={"epochs": "halving", "min_epochs": 60}, space={"layer_size": [4, 8], "epochs": {"integer": 3}})
    assert [path.split(".")[0] for path, _ in caught.value.problems] == ["space"]


def test_a_builder_that_takes_epochs_cannot_be_cut(tmp_path: Path) -> None:
    trainer = {"type": "builder", "builder": "models:create_model"}
    space = {"units": [4, 8]}
    assert spec_of(tmp_path, race="halving", trainer=trainer, space=space).races_over_epochs
    trainer["builder"] = "models:by_epochs"
    with pytest.raises(SpecError, match=r"race.epochs: expected a builder .*, got 'models:by_epochs', which takes epochs itself"):
        spec_of(tmp_path, race="halving", trainer=trainer, space=space)
    assert spec_of(tmp_path, race="paired", trainer=trainer, space=space).race_settings() is not None
