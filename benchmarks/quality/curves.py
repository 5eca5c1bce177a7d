"""What the referee's scores of the incumbents come to: curves against seconds, and when a goal is reached for good. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Curve = list[tuple[float, float]]
"""Seconds since the process began, and the score from then on; a larger one is better."""


def config_key(config: Mapping[str, Any]) -> str:
    """Return what tells a config from others."""
    return ", ".join(f"{name}={config[name]!r}" for name in sorted(config))


def curve(run: Mapping[str, Any], judged: Mapping[str, Sequence[float]], maximize: bool) -> Curve:
    """Return one run's curve.

    Parameters
    ----------
    run : with its incumbents.
    judged : the referee's scores by config; an incumbent without any is left out.
    maximize : whether a larger score is better; else all are turned round.
    """
    sign = 1 if maximize else -1
    means = {key: statistics.fmean(scores) for key, scores in judged.items() if scores}
    keys = [(one["seconds"], config_key(one["config"])) for one in run["incumbents"]]
    return [(seconds, sign * means[key]) for seconds, key in keys if key in means]


def score_at(points: Curve, seconds: float) -> float:
    """Return the score of whoever is the incumbent then; minus infinity before the first."""
    return next((score for at, score in reversed(points) if at <= seconds), -math.inf)


def reached_for_good(points: Curve, goal: float) -> float:
    """Return the seconds from which on the score is never again below ``goal``; infinity: it ends below it."""
    reached = math.inf
    for seconds, score in reversed(points):
        if score < goal:
            break
        reached = seconds
    return reached
