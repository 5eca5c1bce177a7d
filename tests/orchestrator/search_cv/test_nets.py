"""What only nets have, in searches: layers, inputs and outputs by name, a ledger met again, failures on a Ray."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from shared_ray import our_ray
from sklearn.datasets import load_iris

from orchestrator.python_door import load_sweep
from orchestrator.search_cv import GeneticSearchCV, GridSearchCV, cross_val_score
from trainers.estimators import KerasClassifier

X, Y = load_iris(return_X_y=True)
FIT = {"epochs": 3, "batch_size": 16, "random_state": 0}
pytestmark = pytest.mark.full


def net(rate: float = 0.05, fails: bool = False) -> Any:
    import keras

    if fails:
        raise ArithmeticError("as it was told")
    model = keras.Sequential([keras.layers.Dense(6, "tanh"), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def squaring(rate: float = 0.05) -> Any:
    import keras

    model = keras.Sequential([keras.layers.Lambda(lambda x: x * x), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def by_name(rate: float = 0.05, several: bool = False) -> Any:
    import keras

    first, second = keras.Input((2,), name="first"), keras.Input((2,), name="second")
    hidden = keras.layers.Dense(6, "tanh")(keras.layers.Concatenate()([first, second]))
    kinds = keras.layers.Dense(3, "softmax", name="kind")(hidden)
    large = keras.layers.Dense(1, "sigmoid", name="large")(hidden)
    model = keras.Model([first, second], [kinds, large] if several else kinds)
    loss = {"kind": "sparse_categorical_crossentropy", "large": "binary_crossentropy"}
    model.compile(keras.optimizers.Adam(rate), loss if several else loss["kind"])
    return model


def test_a_lambda_layer_is_searched_and_refitted() -> None:
    found = GridSearchCV(KerasClassifier(squaring, **FIT), {"rate": [0.05, 0.01]}, cv=2, error_score="raise").fit(X, Y)
    assert found.best_estimator_.model_.layers[0](np.float32([[3.0]])) == 9.0
    assert found.predict(X).shape == Y.shape


def test_inputs_by_name_are_cut_into_rows() -> None:
    rows = {"first": X[:, :2], "second": X[:, 2:]}
    found = GridSearchCV(KerasClassifier(by_name, **FIT), {"rate": [0.05, 0.01]}, cv=3, error_score="raise").fit(rows, Y)
    assert found.cv_results_["mean_test_score"].shape == (2,)
    assert found.predict({name: part[:5] for name, part in rows.items()}).shape == (5,)


def test_outputs_by_name_are_cut_into_rows() -> None:
    rows, target = {"first": X[:, :2], "second": X[:, 2:]}, {"kind": Y, "large": (X[:, 0] > 6).astype(int)}

    def score(fitted: Any, given: Any, y: Any) -> float:
        said = fitted.predict(given)
        return float(np.mean([said[:, 0] == y["kind"], said[:, 1] == y["large"]]))

    estimator = KerasClassifier(by_name, several=True, **FIT)
    found = GridSearchCV(estimator, {"rate": [0.05]}, cv=2, scoring=score, error_score="raise").fit(rows, target)
    assert 0 < found.best_score_ <= 1


SCRIPT = """
import sys
from sklearn.datasets import load_iris
from kerasweep import GridSearchCV, KerasClassifier

units = 5

def net(rate):
    import keras
    model = keras.Sequential([keras.layers.Dense(units, "tanh"), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model

rates = [0.05, 0.01, 0.2][: int(sys.argv[1])]
estimator = KerasClassifier(net, epochs=3, random_state=0)
GridSearchCV(estimator, {"rate": rates}, cv=2, ledger="sqlite:///ledger.db", name="met").fit(*load_iris(return_X_y=True))
"""


def test_another_process_pays_only_for_candidates_that_the_ledger_has_not(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    boards = []
    for candidates in ("2", "3"):
        subprocess.run([sys.executable, "script.py", candidates], cwd=tmp_path, check=True, timeout=300)
        boards.append(load_sweep("met", ledger=f"sqlite:///{tmp_path / 'ledger.db'}").leaderboard().set_index("trial"))
    first, second = boards
    assert first["cached_from"].isna().all()
    assert list(second["cached_from"].sort_index().notna()) == [True, True, False]
    assert dict(second["test_score"].loc[first.index]) == dict(first["test_score"])


def test_genes_of_nets() -> None:
    space = {"rate": stats.loguniform(1e-3, 1e-1)}
    found = GeneticSearchCV(KerasClassifier(net, **FIT), space, n_iter=8, population_size=4, cv=2, random_state=1).fit(X, Y)
    assert sorted(set(found.cv_results_["generation"])) == [0, 1, 2]
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


def test_failures_and_folds_on_a_ray() -> None:
    estimator, ray = KerasClassifier(net, **FIT), {"ray_address": "auto"}
    with our_ray():
        with pytest.raises(ArithmeticError, match="as it was told"):
            GridSearchCV(estimator, {"fails": [True]}, cv=2, error_score="raise", **ray).fit(X, Y)
        scores = cross_val_score(estimator, X, Y, cv=3, **ray)
    np.testing.assert_array_equal(scores, cross_val_score(estimator, X, Y, cv=3))
