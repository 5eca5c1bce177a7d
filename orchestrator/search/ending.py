"""Where a search with an end in sight ends: the first n, in ask order, for which its budget is used up. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

LANES = 16
"""So many trials are worth training together even where fewer are sure to count."""


def trials_at_most(trials: int | None, fits: int | None, folds: int, *, races: bool) -> int | None:
    """Return how many trials a search needs at most for its budgets (None: no limit). Without a race each has all its folds."""
    if fits is None or races:
        return trials
    last = math.ceil(fits / folds)
    return last if trials is None else min(trials, last)


@dataclass(slots=True)
class Ending:
    """The first n for which it holds over the first n trials, all over. Later ones say nothing, whenever they are over.

    Parameters
    ----------
    patience : trials in a row without a new best, or None.
    fits : folds that the trials were judged by, whoever trained them, cut ones by their share of epochs, or None.
    """

    patience: int | None = None
    fits: int | None = None

    first_open: int = 0
    reason: str | None = None
    _later: dict[int, tuple[float | None, float]] = field(default_factory=dict)
    _best: float | None = None
    _in_vain: int = 0
    _fits: float = 0

    def waits(self, number: int) -> bool:
        """Whether it is not known yet that trial ``number`` counts: an earlier one is open, or the end was before it."""
        return self.reason is not None or number > self.first_open

    def first_unsure(self, folds: int) -> int:
        """Return the first trial that is to be trained only where nothing else is: it may be beyond the end.

        Parameters
        ----------
        folds : how many a whole trial has.
        """
        for_patience = [] if self.patience is None else [self.patience - self._in_vain]
        for_fits = [] if self.fits is None else [math.ceil((self.fits - self._fits) / folds)]
        return self.first_open + max(min(for_patience + for_fits, default=0), LANES)

    def over(self, number: int, fitness: float | None, fits: float) -> None:
        """Take in that a trial is over; ``fitness`` None: it is not whole. ``fits`` may hold parts of a fold."""
        self._later[number] = (fitness, fits)
        while self.reason is None and self.first_open in self._later:
            self._count(*self._later.pop(self.first_open))

    def _count(self, fitness: float | None, fits: float) -> None:
        self.first_open += 1
        self._fits += fits
        self._in_vain += 1
        if fitness is not None and (self._best is None or fitness > self._best):
            self._best, self._in_vain = fitness, 0
        for name, most, used in (("patience", self.patience, self._in_vain), ("fits", self.fits, self._fits)):
            if most is not None and used >= most and self.reason is None:
                self.reason = f"budget: {name}, after {self.first_open} trials"
