"""What is staged for finalists: fresh cuts of the search rows behind the search's folds, of which they change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.errors import UserCheckError
from orchestrator.running import check_data, make_trial_key
from orchestrator.running.staging import Staged
from orchestrator.spec import SweepSpec
from orchestrator.spec.loading import spec_from_mapping
from trainers.seeds import derive_seed
from trainers.settings import effective_config
from trainers.staging import open_staged

CANCER: Mapping[str, Any] = {
    "name": "s",
    "data": {"source": "sklearn", "name": "breast_cancer"},
    "space": {"learning_rate": [0.1, 0.2]},
    "cv": {"folds": 3, "repeats": 2},
}
FINALISTS = {"top": 2, "repeats": 4}


def staged_of(folder: Path, **changes: Any) -> tuple[SweepSpec, Staged]:
    spec = spec_from_mapping({**CANCER, **changes}, folder)
    return spec, check_data(spec, folder / f"stage-{len(changes)}-{'finalists' in changes}")


def test_the_searchs_folds_prints_keys_and_baseline_are_those_of_a_sweep_without_finalists(tmp_path: Path) -> None:
    (spec, before), (looked, after) = staged_of(tmp_path), staged_of(tmp_path, finalists=FINALISTS)
    assert before.fresh is None
    for name in ("fingerprint", "splits_fingerprint", "baseline", "folds", "train_rows", "test_to_train", "leaky"):
        assert getattr(after, name) == getattr(before, name), name
    config = {"learning_rate": 0.1}
    keys = [
        make_trial_key(one.sweep_settings(stage="", engine="keras"), staged, {"keras": "3"})(config)
        for one, staged in ((spec, before), (looked, after))
    ]
    assert keys[0] == keys[1]
    plain, with_fresh = (open_staged(one.folder)[1] for one in (before, after))
    assert len(plain.folds) == 6
    for one, other in zip(plain.folds, with_fresh.folds[:6], strict=True):
        assert (one.index, one.fold, one.repeat) == (other.index, other.fold, other.repeat)  # the seeds follow from these
        for part in ("train", "monitor", "score"):
            assert np.array_equal(getattr(one, part), getattr(other, part))


def test_fresh_folds_follow_the_searchs_and_are_new_cuts_of_the_search_rows(tmp_path: Path) -> None:
    spec, staged = staged_of(tmp_path, finalists=FINALISTS)
    assert staged.fresh is not None
    assert staged.fresh.repeats == ((6, 7, 8), (9, 10, 11), (12, 13, 14), (15, 16, 17))
    assert staged.fresh.fingerprint != staged.splits_fingerprint
    splits = open_staged(staged.folder)[1]
    assert len({fold.score.tobytes() for fold in splits.folds}) == 18
    effective = effective_config({"learning_rate": 0.1}, spec.trainer_settings(), spec.fit_settings())
    assert len({derive_seed(spec.seed, effective, fold.fold, fold.repeat) for fold in splits.folds}) == 18
    for repeat in staged.fresh.repeats:
        scored = np.concatenate([splits.folds[position].score for position in repeat])
        assert np.array_equal(np.sort(scored), np.sort(splits.search))


@pytest.mark.parametrize("kind", ["auto", "kfold", "group"])
def test_no_row_of_the_test_part_is_in_a_fresh_fold_and_none_is_scored_that_was_trained_on(tmp_path: Path, kind: str) -> None:
    rows = [f"{row % 41},{row * 0.37 % 3:.3f},{row * 7 % 2}" for row in range(400)]
    (tmp_path / "data.csv").write_text("\n".join(["who,a,y", *rows]) + "\n")
    data = {"source": "csv", "path": "data.csv", "target": "y", "test_size": 0.3}
    data |= {"groups": "who"} if kind == "group" else {"drop": ["who"]}
    _, staged = staged_of(tmp_path, data=data, task="binary", cv={"folds": 4, "kind": kind}, finalists=FINALISTS)
    dataset, splits = open_staged(staged.folder)
    assert len(splits.test) > 50
    assert len(splits.folds) == 4 + 16
    for fold in splits.folds:
        touched = np.concatenate([fold.train, fold.monitor, fold.score])
        assert not np.isin(touched, splits.test).any()
        assert len(np.unique(touched)) == len(touched) == len(splits.search)
        if dataset.groups is not None:
            learnt = np.concatenate([fold.train, fold.monitor])
            assert not np.isin(dataset.groups[learnt], dataset.groups[fold.score]).any()


def test_groups_of_which_each_is_a_fold_have_one_way_to_be_cut_and_are_refused(tmp_path: Path) -> None:
    rows = [f"{row % 3},{row * 0.37 % 3:.3f},{row * 0.5:.1f}" for row in range(90)]
    (tmp_path / "data.csv").write_text("\n".join(["who,a,y", *rows]) + "\n")
    data = {"source": "csv", "path": "data.csv", "target": "y", "groups": "who", "test_size": 0}
    changes = {"data": data, "task": "regression", "cv": {"folds": 3}, "fit": {"early_stopping": None}}
    with pytest.raises(UserCheckError, match=r"finalists: .* cut in one way only. Take fewer folds \(cv.folds\)"):
        staged_of(tmp_path, **changes, finalists=FINALISTS)
    changes["cv"] = {"folds": 2}
    assert staged_of(tmp_path, **changes, finalists=FINALISTS)[1].fresh is not None
