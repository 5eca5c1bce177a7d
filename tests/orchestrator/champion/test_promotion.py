"""The corrected resampled t-test against published and hand-computed figures, and what is decided by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from scipy import stats

from orchestrator.champion.promotion import Comparison, compare, corrected_t_test, decide, promotion_seed

NAN = math.nan


@cache
def moons() -> tuple[float, ...]:
    """Differences in ROC AUC of two support vector machines, as in scikit-learn's "Statistical comparison of models using grid
    search": 10 repeats of 10 folds, so 10 rows scored and 90 trained on.
    """
    from sklearn.datasets import make_moons
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    features, target = make_moons(noise=0.352, random_state=1, n_samples=100)
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    first, second = (
        cross_val_score(SVC(kernel=kernel, random_state=0), features, target, scoring="roc_auc", cv=cv)
        for kernel in ("rbf", "linear")
    )
    return tuple((first - second).tolist())


def test_the_published_example_of_scikit_learn_is_met() -> None:
    corrected = corrected_t_test(moons(), 10 / 90)
    assert corrected.folds == 100
    assert round(corrected.t, 3) == 0.750
    assert round(corrected.p, 3) == 0.227


def test_without_the_correction_the_same_example_is_the_usual_paired_t_test() -> None:
    usual = corrected_t_test(moons(), 0.0)
    assert round(usual.t, 3) == 2.611
    assert round(usual.p, 3) == 0.005
    reference = stats.ttest_1samp(moons(), 0.0, alternative="greater")
    assert (usual.t, usual.p) == pytest.approx((reference.statistic, reference.pvalue))


def test_an_example_computed_by_hand() -> None:
    # mean 2, variance ((1-2)^2 + 0 + (3-2)^2) / 2 = 1, so t = 2 / sqrt((1/3 + 1/2) * 1) = 2.190890...
    result = corrected_t_test([1.0, 2.0, 3.0], 0.5)
    assert result.mean == 2.0
    assert result.t == pytest.approx(2 / math.sqrt(5 / 6))
    # with 2 degrees of freedom the distribution has a closed form: P(T > t) = 1/2 - t / (2 sqrt(t^2 + 2))
    assert result.p == pytest.approx(0.5 - result.t / (2 * math.sqrt(result.t**2 + 2)))


def test_the_test_is_one_sided() -> None:
    better, worse = corrected_t_test([1.0, 2.0, 3.0], 0.5), corrected_t_test([-1.0, -2.0, -3.0], 0.5)
    assert worse.t == -better.t
    assert worse.p == pytest.approx(1 - better.p)
    assert better.p < 0.5 < worse.p


def test_it_keeps_its_level_where_folds_overlap_and_the_usual_test_does_not() -> None:
    rng = np.random.default_rng(1)
    corrected = usual = 0
    for _ in range(400):
        shared = rng.normal()  # what overlapping training parts have in common: correlation 1/3 between folds
        differences = (shared * math.sqrt(1 / 3) + rng.normal(size=30) * math.sqrt(2 / 3)).tolist()
        corrected += corrected_t_test(differences, 0.5).p < 0.05
        usual += corrected_t_test(differences, 0.0).p < 0.05
    assert corrected / 400 < 0.08
    assert usual / 400 > 0.25


@pytest.mark.parametrize(
    ("differences", "t", "p"),
    [([0.0] * 30, 0.0, 1.0), ([0.25] * 30, math.inf, 0.0), ([-0.25] * 30, -math.inf, 1.0)],
)
def test_without_spread_the_limit_is_taken(differences: Sequence[float], t: float, p: float) -> None:
    result = corrected_t_test(differences, 0.5)
    assert (result.t, result.p) == (t, p)


@pytest.mark.parametrize("differences", [[], [0.3]])
def test_fewer_than_two_folds_say_nothing(differences: Sequence[float]) -> None:
    result = corrected_t_test(differences, 0.5)
    assert math.isnan(result.t)
    assert math.isnan(result.p)


def test_what_is_not_a_difference_is_refused() -> None:
    with pytest.raises(ValueError, match="finite differences"):
        corrected_t_test([0.1, NAN], 0.5)
    with pytest.raises(ValueError, match="at least 0"):
        corrected_t_test([0.1, 0.2], -0.5)
    with pytest.raises(ValueError, match="2 and 1 scores"):
        compare([0.1, 0.2], [0.1], metric="accuracy", maximize=True, test_to_train=0.5)


CHALLENGER = [0.91, 0.93, 0.92, 0.94, 0.92, 0.93]
CHAMPION = [0.81, 0.82, 0.83, 0.82, 0.82, 0.84]


def of(challenger: Sequence[float | None], champion: Sequence[float | None], *, maximize: bool = True) -> Comparison:
    return compare(challenger, champion, metric="accuracy", maximize=maximize, test_to_train=0.5)


def test_a_clear_difference_makes_a_champion() -> None:
    verdict = decide(of(CHALLENGER, CHAMPION), 0.05, "4")
    assert verdict.champion
    assert "on 6 fresh folds it has accuracy 0.925, version 4 has 0.8233: better with p = " in verdict.reason
    assert "below alpha = 0.05" in verdict.reason
    assert "not below" not in verdict.reason


def test_a_difference_within_chance_does_not() -> None:
    verdict = decide(of([0.9, 0.8, 0.9, 0.7], [0.8, 0.9, 0.7, 0.8]), 0.05, "4")
    assert not verdict.champion
    assert "not below alpha = 0.05" in verdict.reason


def test_a_stricter_alpha_asks_for_more() -> None:
    comparison = of(CHALLENGER, CHAMPION)
    assert not decide(comparison, comparison.test.p, "4").champion
    assert decide(comparison, comparison.test.p * 1.01, "4").champion


def test_smaller_errors_are_better_where_the_objective_is_minimised() -> None:
    assert not decide(of(CHALLENGER, CHAMPION, maximize=False), 0.05, "4").champion
    comparison = of(CHAMPION, CHALLENGER, maximize=False)
    assert comparison.test.mean == pytest.approx(0.925 - 0.82333, abs=1e-4)
    assert decide(comparison, 0.05, "4").champion


def test_a_worse_one_stays_challenger_however_clear_it_is() -> None:
    verdict = decide(of(CHAMPION, CHALLENGER), 0.05, "4")
    assert not verdict.champion
    assert "it is not better" in verdict.reason


def test_ties_stay_challenger_and_it_is_said() -> None:
    verdict = decide(of(CHAMPION, CHAMPION), 0.05, "4")
    assert not verdict.champion
    assert "there is no difference" in verdict.reason


def test_the_same_difference_everywhere_is_decided_by_its_sign_and_it_is_said() -> None:
    better = decide(of([0.75] * 4, [0.5] * 4), 0.05, "4")
    assert better.champion
    assert "no spread to test by" in better.reason
    assert not decide(of([0.5] * 4, [0.75] * 4), 0.05, "4").champion


@pytest.mark.parametrize("missing", [None, NAN, math.inf])
def test_a_missing_fold_is_left_out_of_the_figures_and_forbids_promotion(missing: float | None) -> None:
    comparison = of([missing, *CHALLENGER[1:]], CHAMPION)
    assert comparison.test.folds == 5
    assert comparison.champion == pytest.approx(np.mean(CHAMPION[1:]))
    assert comparison.missing_challenger == 1
    verdict = decide(comparison, 0.05, "4")
    assert not verdict.champion
    assert "1 of the challenger's folds failed or diverged" in verdict.reason


def test_nothing_at_all_is_no_promotion_either() -> None:
    verdict = decide(of([None] * 4, [None] * 4), 0.05, "4")
    assert not verdict.champion
    assert "4 of the challenger's folds and 4 of the champion's folds" in verdict.reason


def test_fresh_splits_have_a_seed_of_their_own_every_night() -> None:
    seeds = {promotion_seed(seed, occasion) for seed in (0, 1) for occasion in ("2026-11-20T02:00Z", "2026-11-21T02:00Z")}
    assert len(seeds) == 4
    assert promotion_seed(7, "manual-1") == promotion_seed(7, "manual-1")
    assert not {0, 1} & seeds
