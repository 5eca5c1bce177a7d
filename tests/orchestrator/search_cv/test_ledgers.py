"""A search with a ledger is a sweep: listed, shown, and equal work is done once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from stub_estimators import StubClassifier

from orchestrator.cli import main
from orchestrator.ledger import Ledger
from orchestrator.search import SweepState, TrialState
from orchestrator.search_cv import GridSearchCV, RandomizedSearchCV, cross_val_score
from orchestrator.search_cv.asking import Options, make_request
from trainers.estimators import KerasClassifier, Work

pytestmark = [pytest.mark.usefixtures("stub_workers"), pytest.mark.filterwarnings("ignore:One or more of the:UserWarning")]
X, Y = load_iris(return_X_y=True)
GRID = {"blur": [0.1, 1.0], "shift": [0.0, 0.5]}


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


def fit(ledger: str, *, estimator: Any = None, grid: Any = None, rows: Any = (X, Y), **options: Any) -> GridSearchCV:
    search = GridSearchCV(estimator or StubClassifier(), grid or GRID, ledger=ledger, **{"cv": 2, "name": "stubs", **options})
    return search.fit(*rows)


def trained(ledger: str) -> int:
    """Return how many folds the newest sweep has had trained."""
    with Ledger(ledger) as opened:
        sweep = opened.sweeps()[0]
        return sum(trial.started is not None for trial in opened.trials(sweep.id))


def test_an_equal_fit_trains_nothing_and_finds_the_same(ledger: str) -> None:
    first = fit(ledger)
    again = fit(ledger)
    assert trained(ledger) == 0
    for name, values in first.cv_results_.items():
        assert repr(list(again.cv_results_[name])) == repr(list(values)), name
    with Ledger(ledger) as opened:
        assert [sweep.title for sweep in opened.sweeps()] == ["stubs/manual-2", "stubs/manual-1"]
        assert {sweep.state for sweep in opened.sweeps()} == {SweepState.COMPLETED}


def test_a_larger_grid_pays_for_what_is_new(ledger: str) -> None:
    fit(ledger)
    fit(ledger, grid={**GRID, "blur": [0.1, 1.0, 3.0]})
    assert trained(ledger) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": (X + 1e-9, Y)},
        {"rows": (X, Y[::-1].copy())},
        {"cv": 3},
        {"estimator": StubClassifier(epochs=2)},
        {"scoring": "f1_macro"},
        {"return_train_score": True},
        {"error_score": 0.0},
        {"engine": "keras"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_decides_results_is_in_the_key(ledger: str, changed: dict[str, Any]) -> None:
    fit(ledger)
    fit(ledger, **changed)
    assert trained(ledger) == 4


def test_the_order_of_candidates_and_the_number_of_workers_are_not(ledger: str) -> None:
    fit(ledger, n_jobs=1)
    fit(ledger, grid={"blur": [1.0, 0.1], "shift": [0.5, 0.0]}, n_jobs=2)
    assert trained(ledger) == 0


def test_objects_are_known_by_what_they_are(ledger: str) -> None:
    def pipeline() -> Any:
        return make_pipeline(StandardScaler(), StubClassifier())

    def search(low: float) -> None:
        grid = {"standardscaler": [StandardScaler(), MinMaxScaler((low, 1.0))], "stubclassifier__shift": [(0.0, 0.0, 0.1, 0.2)]}
        fit(ledger, estimator=pipeline(), grid=grid)

    search(0.0)
    search(0.0)
    assert trained(ledger) == 0
    search(0.1)
    assert trained(ledger) == 1


def test_what_nobody_can_tell_again_is_done_anew(ledger: str) -> None:
    for _ in range(2):
        fit(ledger, grid={"hook": [None, object()]})
    assert trained(ledger) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_failures_are_tried_again(ledger: str) -> None:
    grid = {"deed": [None, ("fail", 75)]}
    fit(ledger, grid=grid)
    with Ledger(ledger) as opened:
        states = [trial.state for trial in opened.trials(opened.sweeps()[0].id)]
    assert states == [TrialState.COMPLETED, TrialState.FAILED]
    fit(ledger, grid=grid)
    assert trained(ledger) == 1


def test_a_search_that_fails_is_a_sweep_that_failed(ledger: str) -> None:
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        fit(ledger, grid={"deed": ["fail"]})
    with Ledger(ledger) as opened:
        (sweep,) = opened.sweeps()
    assert sweep.state is SweepState.FAILED
    assert sweep.owner is None


def test_the_seed_stays_so_that_results_are_found_again(ledger: str) -> None:
    np.random.seed(1)
    before = np.random.get_state()[1].tolist()
    fit(ledger)
    assert np.random.get_state()[1].tolist() == before


# --- how it is shown ----------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    return result.exit_code, result.output


def test_it_is_listed_and_shown_like_any_sweep(ledger: str) -> None:
    fit(ledger, scoring=["accuracy", "f1_macro"], refit="f1_macro")
    assert "stubs/manual-1" in run("list", "--ledger", ledger)[1]
    code, shown = run("show", "stubs", "--ledger", ledger)
    assert code == 0
    assert "4/4 trials over" in shown
    assert "test_f1_macro" in shown
    code, shown = run("show", "stubs", "1", "--ledger", ledger)
    assert (code, "blur = 0.1" in shown, "test_accuracy" in shown) == (0, True, True)
    code, shown = run("best", "stubs", "--ledger", ledger)
    assert (code, "over 2 folds" in shown) == (0, True)


def two_scores(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    right = float((estimator.predict(X) == y).mean())
    return {"right": right, "wrong": 1 - right}


def test_the_metric_of_a_callable_that_names_its_scores_is_the_one_of_refit(ledger: str) -> None:
    fit(ledger, scoring=two_scores, refit="right")
    with Ledger(ledger) as opened:
        (sweep,) = opened.sweeps()
        assert sweep.spec["sweep"]["objective"]["metric"] == "test_right"
        assert {trial.state for trial in opened.trials(sweep.id)} == {TrialState.COMPLETED}


def test_fit_s_own_epochs_are_the_ones_that_are_told(tmp_path: Path) -> None:
    def told(estimator: Any, **given: Any) -> Any:
        work = Work(estimator=estimator, X=X, y=Y, splits=(), scorers=None, fit_params=given)
        options = Options(n_jobs=1, verbose=0, ray_address=None, tracking_uri=None, ledger=None, name=None, engine="auto")
        asked = make_request(work, [(X, Y)], options, door="GridSearchCV", metric="score", strategy={}, space={}).asked
        return asked.epochs, asked.batch_size

    assert told(KerasClassifier(len, epochs=3)) == (3, 32)
    assert told(KerasClassifier(len, epochs=3, fit__epochs=4, batch_size=8)) == (4, 8)
    assert told(KerasClassifier(len, epochs=3, fit__epochs=4), epochs=100, batch_size=None) == (100, 32)
    assert told(make_pipeline(StandardScaler(), KerasClassifier(len)), kerasclassifier__epochs=100) == (100, 32)


def test_ranges_are_shown_as_ranges(ledger: str) -> None:
    space = {"blur": stats.reciprocal(1e-2, 1e2), "epochs": stats.randint(1, 9), "hook": [None, ("a", "b")]}
    RandomizedSearchCV(StubClassifier(), space, n_iter=4, cv=2, ledger=ledger, name="drawn", random_state=0).fit(X, Y)
    with Ledger(ledger) as opened:
        recorded = opened.sweep("drawn").spec["sweep"]["space"]
    assert recorded["blur"] == {"reciprocal": [0.01, 100.0]}
    assert recorded["epochs"] == {"integer": [1, 8]}
    assert set(recorded["hook"]) <= {None, "('a', 'b')"}
    assert run("show", "drawn", "--ledger", ledger)[0] == 0


def test_to_resume_it_is_to_call_fit_again(ledger: str) -> None:
    fit(ledger)
    code, said = run("resume", "stubs", "--ledger", ledger)
    assert code == 2
    assert "stubs: this sweep was begun in Python, by GridSearchCV, and the ledger holds neither its data nor its" in said
    assert "Call fit again" in said


def test_no_pickle_enters_the_ledger(ledger: str) -> None:
    fit(ledger, estimator=make_pipeline(StandardScaler(), StubClassifier()), grid={"standardscaler": [StandardScaler(), None]})
    content = Path(ledger.removeprefix("sqlite:///")).read_bytes()
    assert b"sklearn.preprocessing" not in content
    assert b"cloudpickle" not in content


def test_a_path_is_a_ledger_too(tmp_path: Path) -> None:
    scores = cross_val_score(StubClassifier(), X, Y, cv=3, ledger=tmp_path / "my.db")
    assert scores.shape == (3,)
    with Ledger(f"sqlite:///{tmp_path / 'my.db'}") as opened:
        assert [sweep.name for sweep in opened.sweeps()] == ["cross_val_score"]


@pytest.mark.full
def test_mlflow_shows_it(ledger: str, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    fit(ledger, tracking_uri=uri)
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("stubs")
    runs = client.search_runs([experiment.experiment_id])
    children = [one for one in runs if one.data.tags.get("mlflow.parentRunId")]
    assert len(children) == 4
    assert {one.info.status for one in runs} == {"FINISHED"}
    assert children[0].data.params.keys() >= {"blur", "shift"}
    assert "test_score" in children[0].data.metrics
