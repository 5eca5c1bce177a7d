"""What our searches use of scikit-learn that it does not promise: a new one that is otherwise fails here, not at users."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest
import sklearn
from sklearn import model_selection
from sklearn.callback import ProgressBar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.preprocessing import StandardScaler

_MORE_OF_WEIGHTS = ("force_float_dtype", "ensure_non_negative", "ensure_same_device", "copy", "allow_all_zero_weights")
HELPERS = {
    "sklearn.base": {"_fit_context": ("prefer_skip_nested_validation",)},
    "sklearn.utils": {"_safe_indexing": ("X", "indices", "axis")},
    "sklearn.utils.metaestimators": {"_safe_split": ("estimator", "X", "y", "indices", "train_indices")},
    "sklearn.metrics._scorer": {"_MultimetricScorer": ("scorers", "raise_exc")},
    "sklearn.model_selection._search": {"BaseSearchCV": None},
    "sklearn.model_selection._validation": {
        "_aggregate_score_dicts": ("scores",),
        "_check_groups_routing_disabled": ("groups",),
        "_insert_error_scores": ("results", "error_score"),
        "_normalize_score_results": ("scores", "scaler_score_key"),
        "_score": ("estimator", "X_test", "y_test", "scorer", "score_params", "error_score"),
        "_warn_or_raise_about_fit_failures": ("results", "error_score"),
    },
    "sklearn.utils._param_validation": {
        "Interval": ("type", "left", "right", "closed"),
        "StrOptions": ("options", "deprecated"),
        "validate_params": ("parameter_constraints", "prefer_skip_nested_validation"),
    },
    "sklearn.utils.metadata_routing": {
        "_manual_routing": ("routing",),
        "_routing_enabled": (),
        "process_routing": ("_obj", "_method", "kwargs"),
    },
    "sklearn.utils.validation": {
        "_check_method_params": ("X", "params", "indices"),
        "_check_sample_weight": ("sample_weight", "X", "dtype", *_MORE_OF_WEIGHTS),
        "_num_samples": ("x",),
        "validate_data": ("_estimator", "X", "y", "reset", "validate_separately", "skip_check_array", "check_params"),
    },
}
METHODS = {
    "_check_input_parameters": ("self", "X", "y", "split_params"),
    "_check_refit_for_multimetric": ("self", "scores"),
    "_format_results": ("self", "candidate_params", "n_splits", "out", "more_results"),
    "_get_routed_params_for_fit": ("self", "params"),
    "_get_scorers": ("self",),
    "_init_callback_context": ("self", "task_name", "task_id", "max_subtasks", "sequential_subtasks"),
    "_run_search": ("self", "evaluate_candidates", "callback_ctx"),
    "_select_best_index": ("refit", "refit_metric", "results"),
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in HELPERS.items() for name in names])
def test_a_helper_is_there_and_takes_what_it_is_given(module: str, name: str) -> None:
    expected = HELPERS[module][name]
    found = getattr(import_module(module), name)
    assert expected is None or tuple(inspect.signature(found).parameters) == expected


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_there_and_takes_what_it_is_given(name: str) -> None:
    assert tuple(inspect.signature(getattr(BaseSearchCV, name)).parameters) == METHODS[name]


def test_the_body_of_fit_is_the_one_that_ours_follows() -> None:
    """Ours does what ``BaseSearchCV.fit`` does but for the evaluation: these are the steps of it that ours has too."""
    source = inspect.getsource(BaseSearchCV.fit)
    steps = (
        *("self._get_scorers()", "indexable(X, y)", "_check_method_params(X, params=params)", "self._get_routed_params_for_fit("),
        *("check_cv(", "self._check_input_parameters(", "get_n_splits(", "clone(self.estimator)"),
        *("_warn_or_raise_about_fit_failures(", "_insert_error_scores(", "self._format_results(", "self._run_search("),
        *("self._check_refit_for_multimetric(", "self._select_best_index(", "self.best_params_", "self.refit_time_"),
        *("self.feature_names_in_", "self.scorer_", "self.cv_results_"),
    )
    places = [source.find(step) for step in steps]
    assert -1 not in places


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("GridSearchCV", "estimator param_grid scoring n_jobs refit cv verbose pre_dispatch error_score return_train_score"),
        (
            "RandomizedSearchCV",
            "estimator param_distributions n_iter scoring n_jobs refit cv verbose pre_dispatch random_state error_score "
            "return_train_score",
        ),
    ],
)
def test_constructors_are_scikit_learns_and_ours(kind: str, names: str) -> None:
    ours = tuple("ray_address tracking_uri ledger name engine".split())
    theirs = inspect.signature(getattr(import_module("sklearn.model_selection"), kind).__init__).parameters
    mine = inspect.signature(getattr(import_module("orchestrator.search_cv"), kind).__init__).parameters
    assert tuple(theirs) == ("self", *names.split())
    assert tuple(mine) == (*theirs, *ours)
    assert {name: mine[name].default for name in theirs} == {name: theirs[name].default for name in theirs}
    assert all(mine[name].kind is inspect.Parameter.KEYWORD_ONLY for name in ours)


def test_they_are_all_named_here() -> None:
    root = Path(__file__).parents[3]
    files = [file for folder in ("orchestrator/search_cv", "trainers/estimators") for file in (root / folder).rglob("*.py")]
    assert files
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.ImportFrom) and (module := node.module or "").startswith("sklearn"):
            private = any(part.startswith("_") for part in module.split("."))
            for name in (alias.name for alias in node.names if private or alias.name.startswith("_")):
                assert name in HELPERS.get(module, {}), f"{module}.{name}"


def test_what_is_read_of_objects_is_there() -> None:
    scorer = _MultimetricScorer(scorers={"a": get_scorer("accuracy")})
    assert list(scorer._scorers) == ["a"]
    with sklearn.config_context(enable_metadata_routing=True):
        assert "_metadata_request" in vars(LogisticRegression().set_fit_request(sample_weight=True))
    assert "_sklearn_output_config" in vars(StandardScaler().set_output(transform="pandas"))
    assert model_selection.cross_validate._skl_parameter_constraints
    assert "_skl_callbacks" in vars(model_selection.GridSearchCV(LogisticRegression(), {}).set_callbacks(ProgressBar()))
