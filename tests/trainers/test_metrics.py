"""Metrics: scikit-learn's numbers from raw model outputs, and NaN where there is none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from trainers.errors import UserCodeError
from trainers.metrics import METRICS, default_metric, direction, known_metrics, score

RNG = np.random.default_rng(0)
BINARY = RNG.integers(0, 2, 60)
PROBABILITY = np.clip(BINARY * 0.3 + RNG.random(60) * 0.7, 0.01, 0.99)
MANY = RNG.integers(0, 3, 60)
PROBABILITIES = RNG.dirichlet(np.ones(3), 60)
VALUES = RNG.normal(10, 2, 60)
PREDICTED = VALUES + RNG.normal(size=60)


@pytest.mark.parametrize("name", known_metrics("binary"))
def test_binary_metrics_are_scikit_learns(name: str) -> None:
    function = getattr(reference, METRICS[name].function)
    options = dict(METRICS[name].options)
    given = PROBABILITY if METRICS[name].needs == "probabilities" else (PROBABILITY > 0.5).astype(int)
    for prediction in (PROBABILITY, PROBABILITY[:, None]):
        assert score([name], BINARY, prediction, "binary")[name] == pytest.approx(function(BINARY, given, **options))


@pytest.mark.parametrize("name", known_metrics("multiclass"))
def test_multiclass_metrics_are_scikit_learns(name: str) -> None:
    function = getattr(reference, METRICS[name].function)
    options = dict(METRICS[name].options)
    given: Any = PROBABILITIES if METRICS[name].needs == "probabilities" else PROBABILITIES.argmax(axis=1)
    if METRICS[name].averaged:
        options["average"] = "macro"
    if name == "roc_auc":
        options["multi_class"] = "ovr"
    assert score([name], MANY, PROBABILITIES, "multiclass")[name] == pytest.approx(function(MANY, given, **options))


@pytest.mark.parametrize("name", known_metrics("regression"))
def test_regression_metrics_are_scikit_learns(name: str) -> None:
    function = getattr(reference, METRICS[name].function)
    for prediction in (PREDICTED, PREDICTED[:, None]):
        assert score([name], VALUES, prediction, "regression")[name] == pytest.approx(function(VALUES, PREDICTED))


def test_weights_count() -> None:
    weights = np.linspace(0, 1, 60)
    plain = score(["accuracy", "log_loss"], BINARY, PROBABILITY, "binary")
    weighted = score(["accuracy", "log_loss"], BINARY, PROBABILITY, "binary", weights=weights)
    assert weighted["accuracy"] == pytest.approx(reference.accuracy_score(BINARY, PROBABILITY > 0.5, sample_weight=weights))
    assert weighted != plain
    assert math.isfinite(score(["max_error"], VALUES, PREDICTED, "regression", weights=weights)["max_error"])


def test_a_probability_of_one_half_is_class_0() -> None:
    assert score(["accuracy"], np.array([0, 0]), np.array([0.5, 0.5]), "binary") == {"accuracy": 1.0}


def test_float32_probabilities_that_add_up_to_nearly_1_are_fine() -> None:
    rounded = PROBABILITIES.astype(np.float16).astype(np.float32)
    scores = score(known_metrics("multiclass"), MANY, rounded, "multiclass")
    assert all(map(math.isfinite, scores.values())), scores


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predictions_that_are_no_numbers_score_nan(value: float) -> None:
    prediction = PREDICTED.copy()
    prediction[3] = value
    assert all(map(math.isnan, score(known_metrics("regression"), VALUES, prediction, "regression").values()))


def test_an_undefined_metric_is_nan_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    ones = np.ones(5, dtype=np.int64)
    scores = score(known_metrics("binary"), ones, np.full(5, 0.9), "binary")
    assert {name for name, value in scores.items() if math.isnan(value)} >= {"roc_auc", "average_precision"}
    assert scores["accuracy"] == 1.0
    assert "metric roc_auc is undefined on 5 rows: only one class occurs." in caplog.text
    assert math.isnan(score(["r2"], VALUES[:1], PREDICTED[:1], "regression")["r2"])
    assert "metric r2 is undefined on 1 rows" in caplog.text


def test_a_class_without_rows_leaves_the_metrics_of_the_others() -> None:
    target = np.array([0, 1, 0, 1, 1])
    scores = score(["accuracy", "log_loss", "f1_macro", "brier"], target, PROBABILITIES[:5], "multiclass")
    assert all(map(math.isfinite, scores.values()))


def test_no_positive_prediction_scores_0_precision_quietly() -> None:
    assert score(["precision", "f1"], np.array([0, 1]), np.array([0.1, 0.1]), "binary") == {"precision": 0.0, "f1": 0.0}


@pytest.mark.parametrize("classes", [("low", "middle", "high"), (3, 5, 9)])
def test_a_users_metric_gets_the_users_own_labels(tmp_path: Path, classes: tuple[Any, ...]) -> None:
    last = repr(classes[2])
    (tmp_path / "own_labels.py").write_text(
        f"def share(y_true, y_pred):\n    return (y_true == {last}).mean() + 10 * (y_pred == {last}).mean()\n"
    )
    got = score(["own_labels:share"], MANY, PROBABILITIES, "multiclass", code=str(tmp_path), classes=classes)
    expected = (MANY == 2).mean() + 10 * (PROBABILITIES.argmax(axis=1) == 2).mean()
    assert got["own_labels:share"] == pytest.approx(expected)


def test_a_users_metric_gives_a_number_or_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "own_metrics.py").write_text(
        "import numpy as np\n"
        "def hits(y_true, y_pred):\n    assert set(y_pred) <= {0, 1, 2}\n    return np.sum(y_true == y_pred)\n"
        "def gap(y_true, y_pred):\n    return abs(y_true.mean() - y_pred.mean())\n"
        "def broken(y_true, y_pred):\n    raise KeyError('x')\n"
        "def wordy(y_true, y_pred):\n    return 'good'\n"
    )
    hits = score(["own_metrics:hits"], MANY, PROBABILITIES, "multiclass", code=str(tmp_path))
    assert hits == {"own_metrics:hits": float((PROBABILITIES.argmax(axis=1) == MANY).sum())}
    gap = score(["own_metrics:gap"], VALUES, PREDICTED, "regression", code=str(tmp_path))["own_metrics:gap"]
    assert gap == pytest.approx(abs(VALUES.mean() - PREDICTED.mean()))
    for name, message in (("broken", "failed: KeyError"), ("wordy", "must return one number. Got 'good'")):
        with pytest.raises(UserCodeError, match=message):
            score([f"own_metrics:{name}"], VALUES, PREDICTED, "regression", code=str(tmp_path))


def test_every_metric_knows_its_better_side() -> None:
    assert direction("accuracy") == direction("r2") == "maximize"
    assert direction("rmse") == direction("log_loss") == direction("brier") == "minimize"
    with pytest.raises(ValueError, match=r"the direction of metric 'my:metric' must be given"):
        direction("my:metric")
    assert [default_metric(task) for task in ("binary", "multiclass", "regression")] == ["accuracy", "accuracy", "r2"]


@pytest.mark.parametrize(
    ("name", "prediction", "message"),
    [
        ("acuracy", PROBABILITY, r"metric 'acuracy' must be one of .* for task 'binary'. Did you mean 'accuracy'\?"),
        ("rmse", PROBABILITY, r"metric 'rmse' must be one of"),
        ("accuracy", PROBABILITIES, r"prediction must have the shape \(rows,\) or \(rows, 1\) for task 'binary'. Got \(60, 3\)"),
        ("accuracy", PROBABILITY[:5], r"prediction must have a row for each of the 60 targets. Got 5"),
    ],
)
def test_names_and_shapes_that_do_not_fit_are_refused(name: str, prediction: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score([name], BINARY, prediction, "binary")
