"""Scikit-learn's own checks of both estimators, on the backend of this process: ten always, the others by `make test-all`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest
from estimator_nets import L
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from trainers.estimators import KerasClassifier, KerasRegressor

ALWAYS = (
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_estimators_nan_inf",
    "check_methods_subset_invariance",
    "check_set_params",
)
"""Checks of each estimator."""

EXPECTED_FAILURES = dict.fromkeys(
    ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"),
    "mini-batches in float32 are not invariant to repeated rows",
)

IN_A_PROCESS_OF_ITS_OWN = "check_array_api_input"
"""Scikit-learn skips it unless scipy was told, before it was imported, to take arrays of any library."""


def classify(input_shape: Any, output_units: int, meta: dict[str, Any]) -> Any:
    sigmoid = output_units == 1 or meta["target_type_"] == "multilabel-indicator"
    one_hot = meta["target_type_"] == "multiclass-onehot"
    loss = "binary_crossentropy" if sigmoid else "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy"
    model = keras.Sequential(
        [L.Input(input_shape), L.Dense(16, "relu"), L.Dense(output_units, "sigmoid" if sigmoid else "softmax")]
    )
    model.compile(keras.optimizers.Adam(0.05), loss)
    return model


def regress(input_shape: Any, output_units: int) -> Any:
    model = keras.Sequential([L.Input(input_shape), L.Dense(16, "relu"), L.Dense(output_units)])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


ESTIMATORS = [KerasClassifier(classify, epochs=10, random_state=0), KerasRegressor(regress, epochs=10, random_state=0)]

EVERY = parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES, xfail_strict=True).mark


def name_of(check: Any) -> str:
    return str(check.func.__name__ if hasattr(check.func, "__name__") else check.func.func.__name__)


def checks() -> Iterator[Any]:
    for case in EVERY.args[1]:
        (estimator, check), marks = getattr(case, "values", case), getattr(case, "marks", ())
        if name_of(check) != IN_A_PROCESS_OF_ITS_OWN:
            named = f"{type(estimator).__name__}-{EVERY.kwargs['ids'](check)}"  # a builder's repr would hold an address
            yield pytest.param(
                estimator, check, id=named, marks=[*marks, *([] if name_of(check) in ALWAYS else [pytest.mark.full])]
            )


@pytest.mark.parametrize(EVERY.args[0], list(checks()))
def test_estimators_pass_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.full
def test_estimators_take_numpy_where_scikit_learn_is_told_to_dispatch() -> None:
    program = (
        "import runpy\n"
        "from sklearn.utils.estimator_checks import check_array_api_input as check\n"
        f"for estimator in runpy.run_path({__file__!r})['ESTIMATORS']:\n"
        "    check(type(estimator).__name__, estimator, array_namespace='numpy', expect_only_array_outputs=False)\n"
    )
    tests = Path(__file__).parents[2]
    path = os.pathsep.join([str(tests.parent), str(tests / "fakes"), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": path, "KERAS_BACKEND": keras.backend.backend()}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True, timeout=300)


def test_no_check_is_dodged_by_a_tag() -> None:
    for estimator in ESTIMATORS:
        tags = get_tags(estimator)
        kind = tags.classifier_tags or tags.regressor_tags
        assert not any((tags.no_validation, tags.non_deterministic, tags._skip_test, tags.array_api_support, kind.poor_score))
        assert tags.input_tags.sparse
        assert tags.input_tags.three_d_array
        assert not tags.input_tags.allow_nan


def test_no_more_than_ten_checks_run_always() -> None:
    names = [name_of(getattr(case, "values", case)[1]) for case in EVERY.args[1]]
    assert sum(name in ALWAYS for name in names) == 10
    assert len(names) > 120
