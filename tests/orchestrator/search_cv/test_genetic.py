"""GeneticSearchCV: generations of candidates out of lists, arrays and distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from stub_estimators import StubClassifier

from orchestrator.search_cv import GeneticSearchCV, evaluating
from orchestrator.search_cv.genetic import Evolution

pytestmark = pytest.mark.usefixtures("stub_workers")
X, Y = load_iris(return_X_y=True)
SPACE = {
    "blur": stats.reciprocal(1e-3, 1e3),
    "shift": stats.uniform(0, 2),
    "epochs": stats.randint(1, 90),
    "hook": [None, "a", np.int64(3)],
}


def search(**options: Any) -> GeneticSearchCV:
    settings = {"n_iter": 14, "population_size": 6, "random_state": 0, "cv": 2, **options}
    return GeneticSearchCV(StubClassifier(), SPACE, **settings)


def test_it_evolves_n_iter_candidates_in_generations() -> None:
    found = search().fit(X, Y)
    assert found.cv_results_["generation"].tolist() == [0] * 6 + [1] * 4 + [2] * 4
    assert len(found.cv_results_["params"]) == 14
    assert len({repr(params) for params in found.cv_results_["params"]}) == 14, "no candidate twice"
    assert found.predict(X).shape == Y.shape
    values = [params["blur"] for params in found.cv_results_["params"]]
    assert all(1e-3 <= value <= 1e3 for value in values)
    assert min(values) < 0.1, "the draws are even on a log scale"


def test_the_same_seed_gives_the_same_search_whatever_the_workers() -> None:
    one, three = search(n_jobs=1).fit(X, Y), search(n_jobs=3).fit(X, Y)
    assert one.cv_results_["params"] == three.cv_results_["params"]
    assert one.cv_results_["mean_test_score"].tolist() == three.cv_results_["mean_test_score"].tolist()
    assert search(random_state=1).fit(X, Y).cv_results_["params"] != one.cv_results_["params"]


def test_values_are_the_very_ones_that_were_given() -> None:
    hooks = {type(params["hook"]) for params in search().fit(X, Y).cv_results_["params"]}
    assert np.int64 in hooks


def test_the_metric_of_refit_decides() -> None:
    metrics = {"scoring": {"a": "accuracy", "b": "neg_log_loss"}, "n_iter": 24}
    by_a, by_b = (search(refit=refit, **metrics).fit(X, Y).cv_results_["params"] for refit in "ab")
    assert by_a[:6] == by_b[:6]
    assert by_a[6:] != by_b[6:]


@pytest.mark.parametrize(("refit", "error"), [(lambda results: 0, "expected a metric"), (False, "expected the name")])
def test_it_must_know_what_to_evolve_by(refit: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        search(refit=refit, scoring=["accuracy", "f1_macro"]).fit(X, Y)


def test_a_small_space_is_searched_whole() -> None:
    found = GeneticSearchCV(StubClassifier(), {"blur": [0.1, 1, 1.0, 1], "shift": np.array([0.0, 0.5])}, cv=2).fit(X, Y)
    assert len(found.cv_results_["params"]) == 6


def test_what_fails_does_not_breed() -> None:
    space = {"deed": ["fail", None], **{name: stats.uniform() for name in "abcdef"}}
    evolution = Evolution(space, n_iter=100, population=20, seed=0)
    shares = []
    while candidates := evolution.ask():
        shares.append(sum(one["deed"] == "fail" for one in candidates) / len(candidates))
        evolution.tell([None if one["deed"] == "fail" else one["a"] for one in candidates])
    assert shares[0] >= 0.3
    assert max(shares[1:]) < 0.3


def test_other_estimators_evolve_by_scikit_learns_way() -> None:
    tree = DecisionTreeClassifier(random_state=0)
    with pytest.warns(UserWarning, match="scikit-learn's own"):
        found = GeneticSearchCV(tree, {"max_depth": stats.randint(1, 9), "ccp_alpha": stats.uniform(0, 0.1)}, n_iter=12).fit(X, Y)
    assert found.cv_results_["generation"].tolist() == [0] * 4 + [1] * 2 + [2] * 2 + [3] * 2 + [4] * 2
    assert found.best_score_ > 0.9


def test_distributions_without_rvs_are_refused_in_scikit_learns_words() -> None:
    with pytest.raises(TypeError, match="is not iterable or a distribution"):
        GeneticSearchCV(StubClassifier(), {"blur": 3}).fit(X, Y)


def test_other_distributions_are_drawn_from() -> None:
    evolution = Evolution({"x": stats.norm(5, 1e-3), "y": stats.poisson(3)}, n_iter=9, population=4, seed=1)
    candidates = evolution.ask()
    assert all(abs(one["x"] - 5) < 0.1 and isinstance(one["y"], int) for one in candidates)
    evolution.tell([float(number) for number in range(4)])
    assert len(evolution.ask()) == 2
    assert evolution.generation == 1


def test_it_can_be_cloned() -> None:
    assert clone(search(refit="a")).get_params(deep=False)["population_size"] == 6


def test_data_are_staged_once_whatever_later_generations_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    staged: list[Any] = []
    stage = evaluating.stage_work
    monkeypatch.setattr(evaluating, "stage_work", lambda work, folder: (staged.append(folder), stage(work, folder)))
    space = {"blur": stats.uniform(0, 1), "hook": [(number, "x") for number in range(30)]}
    found = GeneticSearchCV(StubClassifier(), space, n_iter=12, population_size=4, random_state=0, cv=2).fit(X, Y)
    assert len({params["hook"] for params in found.cv_results_["params"][4:]}) > 1
    assert len(staged) == 1
