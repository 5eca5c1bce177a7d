"""A race for tests of those who train: it gives up by a number, whatever it is asked of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class SmallRace:
    """Gives up at a complete rung below ``last`` if the mean of its folds is below ``bar``, and at what is not finite at once.

    Before that each read must be there, in this order, and not below its number in ``reads``.
    """

    metric: str
    rungs: tuple[int, ...]
    bar: float
    reads: tuple[tuple[int, float], ...] = ()

    def gives_up(self, scores: Mapping[int, float], reads: Mapping[int, float] = MappingProxyType({})) -> str | None:
        for epochs, least in self.reads:
            if epochs not in reads:
                return None
            if not reads[epochs] >= least:
                return f"below {least} after {epochs} epochs"
        for rung in self.rungs:
            reached = [scores[fold] for fold in range(rung) if fold in scores]
            if not all(map(math.isfinite, reached)):
                return "not finite"
            if len(reached) < rung:
                return None
            if rung < self.rungs[-1] and sum(reached) / rung < self.bar:
                return f"below {self.bar}"
        return None


def trained_until(race: SmallRace, scores: Mapping[int, float]) -> int:
    """Return how many folds a trial trains whose folds would have these values."""
    known: dict[int, float] = {}
    for rung in race.rungs:
        known.update({fold: scores[fold] for fold in range(rung)})
        if race.gives_up(known) is not None:
            return rung
    return race.rungs[-1]
