"""What two searches found, compared: scikit-learn's own beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.ma import MaskedArray

TIMES = ("fit_time", "score_time")


def assert_equal_results(ours: Mapping[str, Any], theirs: Mapping[str, Any], tolerance: float = 0.0) -> None:
    """Compare two ``cv_results_``, or two results of ``cross_validate``: keys, order, types, masks; values but the times."""
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        got = ours[name]
        assert type(got) is type(expected), name
        if name in ("params", "indices"):
            assert repr(got) == repr(expected), name
            continue
        assert got.dtype == expected.dtype, name
        assert got.shape == expected.shape, name
        if name.endswith(TIMES):
            continue
        if isinstance(expected, MaskedArray):
            assert np.array_equal(got.mask, expected.mask), name
            assert repr(list(got)) == repr(list(expected)), name
        elif expected.dtype.kind == "f":
            np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance, err_msg=name)
        else:
            assert np.array_equal(got, expected), name


def assert_equal_searches(ours: Any, theirs: Any, tolerance: float = 0.0) -> None:
    """Compare two fitted searches: their results, and what they have chosen."""
    assert_equal_results(ours.cv_results_, theirs.cv_results_, tolerance)
    fitted = getattr(theirs, "fitted", {name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")})
    assert {name for name in vars(ours) if name.endswith("_") and not name.startswith("_")} == fitted
    assert (ours.n_splits_, ours.multimetric_) == (theirs.n_splits_, theirs.multimetric_)
    for name in ("best_index_", "best_params_"):
        assert repr(getattr(ours, name, None)) == repr(getattr(theirs, name, None))
    if hasattr(theirs, "best_score_"):
        assert abs(ours.best_score_ - theirs.best_score_) <= tolerance
    assert type(ours.scorer_) is type(theirs.scorer_)
    if hasattr(theirs, "feature_names_in_"):
        assert list(ours.feature_names_in_) == list(theirs.feature_names_in_)
