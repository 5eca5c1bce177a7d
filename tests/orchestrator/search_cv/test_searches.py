"""Searches beside scikit-learn's own over the same stub: every shape of arguments and results. Nets are in test_parity."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.model_selection as theirs
from scipy import stats
from search_parity import assert_equal_searches
from sklearn.base import clone, is_classifier
from sklearn.callback import ProgressBar
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from stub_estimators import StubClassifier, StubRegressor

from orchestrator.search_cv import GridSearchCV, RandomizedSearchCV, workers
from orchestrator.search_cv.estimators import NotOursError, check_ours
from trainers.errors import UserCodeError
from trainers.estimators import KerasClassifier

pytestmark = [pytest.mark.usefixtures("stub_workers"), pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")]
X, Y = load_iris(return_X_y=True)
GRID = {"blur": [0.1, 1.0, 10.0], "shift": [0.0, 0.5]}


def both(grid: Any, estimator: Any = None, *fit: Any, kind: str = "GridSearchCV", params: Any = None, **options: Any) -> Any:
    """Fit ours and scikit-learn's, compare them, and return ours."""
    estimator = StubClassifier() if estimator is None else estimator
    fit = fit or (X, Y)
    ours = {"GridSearchCV": GridSearchCV, "RandomizedSearchCV": RandomizedSearchCV}[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = getattr(theirs, kind)(estimator, grid, **options).fit(*fit, **(params or {}))
        mine = ours(estimator, grid, **options).fit(*fit, **(params or {}))
    assert_equal_searches(mine, other, tolerance=1e-12)
    return mine


# --- grids and draws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grid",
    [
        GRID,
        [{"blur": [1.0]}, {"shift": [0.5, 0.0], "epochs": np.arange(1, 4)}, {}],
        {"blur": [1, 1, 2.0, np.float32(2.0), True], "epochs": [1, np.int64(3)]},
        {"shift": [(0.0, 0.1, 0.2, 0.3), [0.0, 0.1, 0.2, 0.3], np.zeros(4)]},
        {"hook": [None, "x", b"x", ("a", "b"), ["a"], {"a": 1}, len, StubClassifier(2.0)]},
    ],
    ids=["plain", "list of grids", "numbers of all kinds", "sequences", "objects"],
)
def test_grids(grid: Any) -> None:
    both(grid, cv=3)


def test_values_of_the_wrong_shape_fail_in_their_folds_alone() -> None:
    with pytest.warns(FitFailedWarning, match="2 fits failed out of a total of 4"):
        found = GridSearchCV(StubClassifier(), {"blur": [1.0, "large"]}, cv=2).fit(X, Y)
    assert np.isnan(found.cv_results_["mean_test_score"]).tolist() == [False, True]


@pytest.mark.parametrize(
    "space",
    [
        {"blur": stats.reciprocal(1e-2, 10), "epochs": stats.randint(1, 5), "shift": [0, 0.5]},
        {"blur": [1, 2, 3], "shift": [0, 0.5, 1.0]},
        [{"blur": stats.uniform(1, 2)}, {"shift": np.linspace(0, 1, 5)}],
    ],
    ids=["distributions", "lists", "list of spaces"],
)
@pytest.mark.parametrize("as_instance", [False, True])
def test_draws(space: Any, as_instance: bool) -> None:
    ours = RandomizedSearchCV(
        StubClassifier(), space, n_iter=5, cv=2, random_state=np.random.RandomState(3) if as_instance else 3
    )
    other = theirs.RandomizedSearchCV(
        StubClassifier(), space, n_iter=5, cv=2, random_state=np.random.RandomState(3) if as_instance else 3
    )
    assert_equal_searches(ours.fit(X, Y), other.fit(X, Y), tolerance=1e-12)


# --- scores -------------------------------------------------------------------------------------------------------------------


def two_scores(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    return {"right": float((estimator.predict(X) == y).mean()), "wrong": float((estimator.predict(X) != y).mean())}


def fraction_right(estimator: Any, X: Any, y: Any) -> float:
    return float((estimator.predict(X) == y).mean())


def worst_of(results: Any) -> int:
    return int(results["rank_test_score"].argmax())


@pytest.mark.parametrize(
    ("scoring", "refit"),
    [
        (None, True),
        ("neg_log_loss", True),
        (fraction_right, True),
        (make_scorer(log_loss, greater_is_better=False, response_method="predict_proba"), True),
        (["accuracy", "f1_macro"], "f1_macro"),
        (("accuracy", "f1_macro"), False),
        ({"a": "accuracy", "b": make_scorer(accuracy_score)}, "b"),
        (two_scores, "wrong"),
        (two_scores, False),
        (None, worst_of),
        (None, False),
    ],
    ids=["none", "name", "callable", "scorer", "list", "tuple", "dict", "several", "several unfitted", "chosen", "unfitted"],
)
@pytest.mark.parametrize("return_train_score", [False, True])
def test_scoring_and_refit(scoring: Any, refit: Any, return_train_score: bool) -> None:
    both(GRID, cv=3, scoring=scoring, refit=refit, return_train_score=return_train_score)


def test_a_regressor() -> None:
    found = both(
        GRID, StubRegressor(), *load_diabetes(return_X_y=True), cv=3, scoring=["r2", "neg_mean_squared_error"], refit="r2"
    )
    assert not is_classifier(found)


# --- splits -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cv",
    [None, 3, KFold(4, shuffle=True, random_state=0), ShuffleSplit(2, random_state=1), [(np.arange(100), np.arange(100, 150))]],
    ids=["none", "number", "splitter", "overlapping", "iterable"],
)
def test_splits(cv: Any) -> None:
    both({"blur": [0.1, 1.0]}, cv=cv)


def test_groups_and_weights() -> None:
    groups, weights = np.arange(150) % 5, np.linspace(0.1, 1.0, 150)
    both(GRID, cv=GroupKFold(3), params={"groups": groups})
    both(GRID, cv=3, params={"sample_weight": weights}, scoring="accuracy")
    piped = make_pipeline(StandardScaler(), StubClassifier())
    both({"stubclassifier__blur": [0.1, 1.0]}, piped, cv=3, params={"stubclassifier__sample_weight": weights})


def test_metadata_routing() -> None:
    groups, weights = np.arange(150) % 5, np.linspace(0.1, 1.0, 150)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = StubClassifier().set_fit_request(sample_weight=True, scale=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight="scoring_weight")
        both(
            GRID,
            estimator,
            cv=GroupKFold(3),
            scoring=scorer,
            params={"groups": groups, "sample_weight": weights, "scoring_weight": weights[::-1].copy(), "scale": 2.0},
        )


def test_what_rows_may_be() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    found = both(GRID, StubClassifier(), frame, pd.Series(Y).map({0: "x", 1: "y", 2: "z"}), cv=3)
    assert found.classes_.tolist() == ["x", "y", "z"]
    both(GRID, StubClassifier(), X.tolist(), Y.tolist(), cv=3)


# --- pipelines ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pipeline", "grid"),
    [
        (
            make_pipeline(StandardScaler(), PCA(2), StubClassifier()),
            {"pca__n_components": [1, 2], "stubclassifier__blur": [0.1, 1]},
        ),
        (
            Pipeline([("scale", StandardScaler()), ("clf", StubClassifier())]),
            {"scale": [StandardScaler(), MinMaxScaler(), "passthrough"], "clf__blur": [0.1, 1]},
        ),
        (
            Pipeline([("before", make_pipeline(MinMaxScaler(), PCA(2))), ("clf", StubClassifier())]),
            {"before__pca__n_components": [1, 2]},
        ),
        (
            Pipeline([("scale", StandardScaler()), ("rest", Pipeline([("pca", PCA(2)), ("clf", StubClassifier())]))]),
            {"rest__clf__blur": [0.1, 1.0], "rest__pca": ["passthrough", PCA(1)]},
        ),
        (Pipeline([("scale", StandardScaler()), ("clf", StubClassifier())]), {"clf": [StubClassifier(0.1), StubClassifier(5.0)]}),
    ],
    ids=["steps", "steps as values", "pipeline before", "pipeline last", "estimators as values"],
)
def test_pipelines(pipeline: Any, grid: Any) -> None:
    found = both(grid, pipeline, cv=3)
    alone = clone(pipeline).set_params(**clone(found.best_params_, safe=False)).fit(X, Y)
    np.testing.assert_allclose(found.predict_proba(X), alone.predict_proba(X), rtol=0, atol=1e-12)
    assert type(found.best_estimator_) is Pipeline
    assert [type(step) for _, step in found.best_estimator_.steps] == [type(step) for _, step in alone.steps]


def test_the_users_own_estimator_stays_as_it_is() -> None:
    scaler = StandardScaler()
    pipeline = make_pipeline(scaler, StubClassifier())
    GridSearchCV(pipeline, {"stubclassifier__blur": [0.1, 1.0]}, cv=2).fit(X, Y)
    assert not hasattr(scaler, "mean_")
    assert not hasattr(pipeline[-1], "centres_")


# --- failures -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error_score", [np.nan, -1.0])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "f1_macro"], two_scores])
def test_a_fold_that_fails_leaves_the_others(error_score: float, scoring: Any) -> None:
    cv = [(np.arange(0, 90), np.arange(90, 150)), (np.arange(10, 150), np.arange(10))]
    refit = {None: True, two_scores: "right"}.get(scoring if not isinstance(scoring, list) else 0, "accuracy")
    grid = {"deed": [None, ("fail", 90)]}
    with pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 4"):
        found = both_in_view(grid, cv=cv, error_score=error_score, scoring=scoring, refit=refit, return_train_score=True)
    name = "score" if scoring is None else refit
    assert np.isfinite(found.cv_results_[f"split1_test_{name}"]).all()


def both_in_view(grid: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = theirs.GridSearchCV(StubClassifier(), grid, **options).fit(X, Y)
    mine = GridSearchCV(StubClassifier(), grid, **options).fit(X, Y)
    assert_equal_searches(mine, other, tolerance=1e-12)
    return mine


def test_where_all_fits_fail_scikit_learns_error_shows_why() -> None:
    with pytest.raises(ValueError, match=r"(?s)All the 4 fits failed.*ArithmeticError: as it was told"):
        GridSearchCV(StubClassifier(), {"deed": ["fail", "fail"]}, cv=2).fit(X, Y)


@pytest.mark.full
def test_where_tensorflow_may_be_missing_it_says_how_to_have_it() -> None:
    with pytest.raises(ValueError, match="All the 2 fits failed") as caught:
        GridSearchCV(StubClassifier(), {"deed": ["tensorflow"]}, cv=2).fit(X, Y)
    assert "say engine='keras'" in "".join(caught.value.__notes__)
    with pytest.raises(ValueError, match="All the 2 fits failed") as caught:
        GridSearchCV(StubClassifier(), {"deed": ["tensorflow"]}, cv=2, engine="keras").fit(X, Y)
    assert not hasattr(caught.value, "__notes__")


def test_raise_gives_the_original_exception() -> None:
    with pytest.raises(ArithmeticError, match="as it was told") as caught:
        GridSearchCV(StubClassifier(), {"deed": [None, "fail"]}, cv=2, error_score="raise").fit(X, Y)
    assert "in fit" in "".join(caught.value.__notes__), "with its traceback in the worker"


@pytest.mark.full
def test_a_fit_that_takes_its_worker_along_is_a_failure_among_others() -> None:
    with pytest.warns(FitFailedWarning, match=r"(?s)2 fits failed out of a total of 4.*SIGKILL"):
        found = GridSearchCV(StubClassifier(), {"deed": [None, "die"]}, cv=2).fit(X, Y)
    assert found.best_index_ == 0


def test_an_exception_in_the_refit_comes_out() -> None:
    cv = [(np.arange(0, 90), np.arange(90, 150))]
    with pytest.raises(ArithmeticError, match="with 150 rows"):
        GridSearchCV(StubClassifier(), {"deed": [("fail", 150)]}, cv=cv).fit(X, Y)


# --- before a worker starts ---------------------------------------------------------------------------------------------------


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any) -> Any:
        raise AssertionError("no worker is to start")

    monkeypatch.setattr(workers, "_new", refuse)
    workers.end_kept()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda search: search(StubClassifier(), {"blurr": [1]}), "Invalid parameter 'blurr'"),
        (
            lambda search: search(StubClassifier(), {"blur": []}),
            "Parameter grid for parameter 'blur' need to be a non-empty sequence",
        ),
        (
            lambda search: search(StubClassifier(), {"blur": 3}),
            "Parameter (grid|distribution).* is not iterable|needs to be a list",
        ),
        (
            lambda search: RandomizedSearchCV(StubClassifier(), {"blur": 3}),
            "Parameter (grid|distribution).* is not iterable or a distribution",
        ),
        (lambda search: search(StubClassifier(), {"blur": [1]}, cv=500), "Cannot have number of splits n_splits=500"),
        (lambda search: search(StubClassifier(), {"blur": [1]}, scoring="acuracy"), "acuracy"),
        (lambda search: search(StubClassifier(), {"blur": [1]}, scoring=["accuracy", "f1_macro"]), "refit must be set"),
        (lambda search: search(StubClassifier(), {"blur": [1]}, name="../x"), "name: expected letters"),
        (lambda search: search(StubClassifier(), {"blur": [1]}, engine="fast"), "The 'engine' parameter of"),
        (lambda search: search(StubClassifier(), {"blur": [1]}, n_jobs=0), "n_jobs == 0"),
    ],
)
@pytest.mark.usefixtures("no_worker")
def test_refusals(make: Callable[[Any], Any], error: str) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        make(GridSearchCV).fit(X, Y)


@pytest.mark.usefixtures("no_worker")
def test_use_before_fit() -> None:
    with pytest.raises(NotFittedError):
        GridSearchCV(StubClassifier(), GRID).predict(X)


def test_another_number_of_columns_is_refused() -> None:
    found = GridSearchCV(StubClassifier(), GRID, cv=2).fit(X, Y)
    assert found.n_features_in_ == 4
    with pytest.raises(ValueError, match="X has 3 features"):
        found.predict(X[:, :3])


# --- scikit-learn's own way ---------------------------------------------------------------------------------------------------


def test_an_estimator_whose_class_has_a_fit_of_its_own_is_not_taken_to_workers() -> None:
    class Own(KerasClassifier):
        def fit(self, X: Any, y: Any) -> Any:  # type: ignore[override]
            return super().fit(X, y, epochs=2)

    with pytest.raises(NotOursError, match="'Own' has a fit of its own"):
        check_ours(Own(len))
    check_ours(KerasClassifier(len))


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}),
        (
            make_pipeline(StandardScaler(), StubClassifier()),
            {"stubclassifier": [StubClassifier(), DecisionTreeClassifier(random_state=0)]},
        ),
    ],
)
def test_other_estimators_are_searched_by_scikit_learn(estimator: Any, grid: Any) -> None:
    with pytest.warns(UserWarning, match="scikit-learn's own.*DecisionTreeClassifier") as said:
        found = GridSearchCV(estimator, grid, cv=2).fit(X, Y)
    assert len(said) == 1
    assert said[0].filename == __file__, "the user's own line"
    assert_equal_searches(found, theirs.GridSearchCV(estimator, grid, cv=2).fit(X, Y))


@pytest.mark.usefixtures("no_worker")
@pytest.mark.filterwarnings("ignore:The estimator StubClassifier does not support callbacks:UserWarning")
def test_where_scikit_learns_callbacks_are_set_the_search_is_scikit_learns() -> None:
    search = GridSearchCV(StubClassifier(), {"blur": [0.1, 1.0]}, cv=2).set_callbacks(ProgressBar())
    with pytest.warns(UserWarning, match="scikit-learn's callbacks are set, which are called from this process") as said:
        found = search.fit(X, Y)
    assert len([one for one in said if "scikit-learn's own" in str(one.message)]) == 1
    assert len(found.cv_results_["params"]) == 2


@pytest.mark.usefixtures("no_worker")
def test_a_generator_of_splits_is_there_for_scikit_learn_too() -> None:
    pipeline = make_pipeline(StandardScaler(), StubClassifier())
    grid = {"stubclassifier": [StubClassifier(), DecisionTreeClassifier(random_state=0)]}
    splits = [(np.arange(50, 150), np.arange(50)), (np.arange(100), np.arange(100, 150))]
    given = (split for split in splits)
    with pytest.warns(UserWarning, match="scikit-learn's own"):
        found = GridSearchCV(pipeline, grid, cv=given).fit(X, Y)
    assert_equal_searches(found, theirs.GridSearchCV(pipeline, grid, cv=splits).fit(X, Y))
    assert found.cv is given


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize("name", ["KerasClassifier", "KerasRegressor"])
def test_another_packages_class_of_that_name_is_told_from_ours(name: str) -> None:
    other = type(name, (DecisionTreeClassifier,), {"__module__": "scikeras.wrappers"})
    with pytest.warns(
        UserWarning, match=f"ends in scikeras.wrappers.{name}, which is no .*; write: from kerasweep import {name}"
    ):
        GridSearchCV(other(), {"max_depth": [1]}, cv=2).fit(X, Y)


@pytest.mark.usefixtures("no_worker")
def test_its_draws_are_scikit_learns_too() -> None:
    space = {"stub": [StubClassifier(), DecisionTreeClassifier(random_state=0)], "scale": [StandardScaler(), None]}
    pipeline = Pipeline([("scale", StandardScaler()), ("stub", StubClassifier())])
    with pytest.warns(UserWarning, match="scikit-learn's own"):
        mine = RandomizedSearchCV(pipeline, space, n_iter=3, cv=2, random_state=np.random.RandomState(1)).fit(X, Y)
    other = theirs.RandomizedSearchCV(pipeline, space, n_iter=3, cv=2, random_state=np.random.RandomState(1)).fit(X, Y)
    assert_equal_searches(mine, other)


# --- classes of the user's ------------------------------------------------------------------------------------------------------


def test_a_class_that_proposes_candidates_in_its_own_way() -> None:
    class Twice(GridSearchCV):
        def _run_search(self, evaluate_candidates: Any) -> None:  # type: ignore[override]
            first = evaluate_candidates([{"blur": 0.1}, {"blur": 1.0}])
            evaluate_candidates([{"blur": 10.0 * first["mean_test_score"][0]}])

    assert len(Twice(StubClassifier(), {}, cv=2).fit(X, Y).cv_results_["params"]) == 3


def test_what_cannot_be_carried_to_workers_is_told_with_its_part(tmp_path: Any) -> None:
    with (tmp_path / "log").open("w") as file:
        with pytest.raises(UserCodeError, match=r"^the estimator cannot be written down for the workers: PicklingError: "):
            GridSearchCV(StubClassifier(hook=lambda: file), {"blur": [1.0]}, cv=2).fit(X, Y)
        with pytest.raises(UserCodeError, match=r"^scoring cannot be written down"):
            GridSearchCV(StubClassifier(), {"blur": [1.0]}, cv=2, scoring=lambda *given: file.tell()).fit(X, Y)
        with pytest.raises(UserCodeError, match=r"^a candidate's value of hook cannot be written down"):
            GridSearchCV(StubClassifier(), {"hook": [lambda: file]}, cv=2).fit(X, Y)


# --- scikit-learn's object ----------------------------------------------------------------------------------------------------


def test_it_is_scikit_learns_class_with_more_parameters() -> None:
    search = GridSearchCV(StubClassifier(), GRID, ledger="a.db", name="a", engine="keras", cv=3)
    assert isinstance(search, theirs.GridSearchCV)
    assert clone(search).get_params(deep=False).keys() == search.get_params(deep=False).keys()
    assert repr(search).startswith("GridSearchCV(cv=3, engine='keras'")
    assert is_classifier(search)
    assert search.set_params(estimator__blur=3.0).estimator.blur == 3.0


def test_verbose_says_scikit_learns_line(capsys: pytest.CaptureFixture[str]) -> None:
    GridSearchCV(StubClassifier(), GRID, cv=2).fit(X, Y)
    assert capsys.readouterr().out == ""
    GridSearchCV(StubClassifier(), GRID, cv=2, verbose=1).fit(X, Y)
    first, *others = capsys.readouterr().out.splitlines()
    assert first == "Fitting 2 folds for each of 6 candidates, totalling 12 fits"
    assert others[-1].startswith("6/6 trials")
