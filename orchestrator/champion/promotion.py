"""Whether a challenger is better than the champion by more than chance: the test, the decision, and the reason in words.

Pure: it trains nothing and knows no registry. The test part has no say here.
"""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TTest:
    """A corrected resampled t-test of paired differences.

    ``folds`` is J, ``mean`` the mean difference, ``t`` the statistic (infinite where all differences are the same and not 0),
    ``p`` the one-sided probability of a difference at least as large where there is none. Both are NaN with fewer than two folds.
    """

    folds: int
    mean: float
    t: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both configs' scores on the same fresh folds, in the objective's own sense, and the test of what lies between them.

    ``challenger`` and ``champion`` are means over the folds that both have; ``test.mean`` is positive where the challenger is
    better. ``missing_challenger`` and ``missing_champion`` count the folds that failed or gave no finite score.
    """

    metric: str
    challenger: float
    champion: float
    test: TTest
    missing_challenger: int = 0
    missing_champion: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger becomes the champion, and why in words, as the end of a sentence about it."""

    champion: bool
    reason: str


def promotion_seed(seed: int, occasion: str) -> int:
    """Return the seed of the fresh splits and of the training on them: another one every occasion, and not the search's."""
    return int.from_bytes(hashlib.sha256(f"{seed} {occasion} promotion".encode()).digest()[:4], "big")


def corrected_t_test(differences: Sequence[float], test_to_train: float) -> TTest:
    """Return the corrected resampled t-test of whether the mean of ``differences`` is above 0.

    Parameters
    ----------
    differences : one finite difference for each of the J folds, repeats counted; positive means better.
    test_to_train : rows scored / rows trained on in one fold; 0 gives the usual paired t-test.

    Notes
    -----
    t = mean / sqrt((1/J + test_to_train) * variance with ddof 1), with J - 1 degrees of freedom: Nadeau and Bengio, "Inference
    for the Generalization Error", Machine Learning 52 (2003). Training parts overlap, so folds are no independent draws, and the
    usual test would find differences where there are none. Where all differences are the same there is no spread to test by:
    the limit is taken, so that p is 0 for a positive difference and 1 for none or a negative one.

    Raises
    ------
    ValueError : a difference is not finite, or ``test_to_train`` is negative.
    """
    if not all(math.isfinite(value) for value in differences):
        raise ValueError(f"corrected_t_test takes finite differences. Got {list(differences)!r}; leave the missing pairs out.")
    if not test_to_train >= 0:
        raise ValueError(f"corrected_t_test: test_to_train must be at least 0. Got {test_to_train!r}.")
    count = len(differences)
    mean = statistics.fmean(differences) if differences else math.nan
    if count < 2:
        return TTest(folds=count, mean=mean, t=math.nan, p=math.nan)
    spread = math.sqrt((1 / count + test_to_train) * statistics.variance(differences, mean))
    if spread == 0:
        limit = math.copysign(math.inf, mean) if mean else 0.0
        return TTest(folds=count, mean=mean, t=limit, p=0.0 if mean > 0 else 1.0)
    from scipy.special import stdtr  # not scipy.stats, which takes seconds to import

    t = mean / spread
    return TTest(folds=count, mean=mean, t=t, p=float(stdtr(count - 1, -t)))


def compare(
    challenger: Sequence[float | None],
    champion: Sequence[float | None],
    *,
    metric: str,
    maximize: bool,
    test_to_train: float,
) -> Comparison:
    """Return how two configs compare on the same folds.

    Parameters
    ----------
    challenger, champion : one score of ``metric`` for each fold, in the same order; None or not finite: the fold is missing.
    maximize : whether a larger score is better.
    test_to_train : rows scored / rows trained on in one fold.

    Raises
    ------
    ValueError : the two are not as many.
    """
    if len(challenger) != len(champion):
        raise ValueError(f"compare takes the same folds of both. Got {len(challenger)} and {len(champion)} scores.")
    ours, theirs = [_finite(score) for score in challenger], [_finite(score) for score in champion]
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=True) if one is not None and other is not None]
    sign = 1 if maximize else -1
    return Comparison(
        metric=metric,
        challenger=statistics.fmean(one for one, _ in pairs) if pairs else math.nan,
        champion=statistics.fmean(other for _, other in pairs) if pairs else math.nan,
        test=corrected_t_test([sign * (one - other) for one, other in pairs], test_to_train),
        missing_challenger=ours.count(None),
        missing_champion=theirs.count(None),
    )


def decide(comparison: Comparison, alpha: float, champion: str) -> Verdict:
    """Return whether the challenger replaces version ``champion``: only with every fold of both, and p below ``alpha``."""
    if comparison.missing_challenger or comparison.missing_champion:
        lacks = [
            f"{count} of the {who}'s folds"
            for who, count in (("challenger", comparison.missing_challenger), ("champion", comparison.missing_champion))
            if count
        ]
        return Verdict(
            False, f"on fresh splits {' and '.join(lacks)} failed or diverged, so version {champion} is not challenged."
        )
    test = comparison.test
    scores = (
        f"on {test.folds} fresh folds it has {comparison.metric} {comparison.challenger:.4g}, "
        f"version {champion} has {comparison.champion:.4g}"
    )
    if test.mean == 0:
        return Verdict(False, f"{scores}: there is no difference.")
    same = " (the same difference in every fold, so there is no spread to test by)" if math.isinf(test.t) else ""
    if test.mean < 0:
        return Verdict(False, f"{scores}: it is not better{same}.")
    better = test.p < alpha
    relation = "below" if better else "not below"
    return Verdict(better, f"{scores}: better with p = {test.p:.2g}, {relation} alpha = {alpha:g}{same}.")


def _finite(score: float | None) -> float | None:
    return score if score is not None and math.isfinite(score) else None
