"""What makes one trial better than another."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric, ``maximize`` or ``minimize``, and who wins: the ``best``, or with ``one_se`` the simplest that is as good."""

    metric: str
    direction: str
    select: str = "best"

    @property
    def maximize(self) -> bool:
        """Whether greater is better."""
        return self.direction == "maximize"

    def fitness(self, score: float | None) -> float | None:
        """Return ``score`` with larger meaning better, as strategies want it; None without a finite score."""
        if score is None or not math.isfinite(score):
            return None
        return score if self.maximize else -score
