"""Who is judged by whom in a search that races: the bar of each trial, once all trials that decide it are over. Pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.search.objective import Objective
from search_spaces import Bar, FoldRace, RaceSettings, judged_by
from trainers.results import corrected_standard_error


@dataclass(slots=True)
class Racing:
    """The bars of one search.

    Parameters
    ----------
    settings, rungs : how trials race.
    objective : what they are judged by.
    test_to_train : rows scored / rows trained on in one fold, for the bar's standard error.
    """

    settings: RaceSettings
    rungs: tuple[int, ...]
    objective: Objective
    test_to_train: float

    _bases: dict[int, int] = field(default_factory=dict)
    _awaited: set[int] = field(default_factory=set)
    _bars: dict[int, Bar | None] = field(default_factory=dict)
    _over: list[int] = field(default_factory=list)
    _first_open: int = 0
    _whole: dict[int, tuple[float, ...]] = field(default_factory=dict)

    def enter(self, number: int, settled: int) -> None:
        """Take a trial in; ``settled`` as of ``Strategy.settled``."""
        self._bases[number] = judged_by(number, self.settings.first, settled)
        if not self.is_open(number):
            self._awaited.add(self._bases[number])

    def over(self, number: int, whole: Mapping[int, float] | None) -> bool:
        """Take in that a trial is over, with the values of its folds if it has all; return whether an awaited bar is known."""
        if whole is not None and all(map(math.isfinite, whole.values())):
            self._whole[number] = tuple(whole[fold] for fold in sorted(whole))
        heapq.heappush(self._over, number)
        while self._over and self._over[0] <= self._first_open:
            self._first_open = max(self._first_open, heapq.heappop(self._over) + 1)
        known = {base for base in self._awaited if base <= self._first_open}
        self._awaited -= known
        return bool(known)

    def is_open(self, number: int) -> bool:
        """Whether the trials that decide a trial's bar are all over."""
        return self._bases[number] <= self._first_open

    def race(self, number: int) -> FoldRace:
        """Return how a trial is judged as far as that is known: before its bar is, its first rung must be finite, no more."""
        known = self.is_open(number)
        return FoldRace(
            settings=self.settings,
            rungs=self.rungs if known else self.rungs[:1],
            metric=self.objective.metric,
            maximize=self.objective.maximize,
            bar=self._bar(self._bases[number]) if known else None,
            spare=self.objective.select == "one_se",
        )

    def _bar(self, base: int) -> Bar | None:
        """Return the best whole trial among the first ``base``, the earliest of equals; None: there is none."""
        if base not in self._bars:
            sign = 1 if self.objective.maximize else -1
            fit = [(sign * math.fsum(values) / len(values), -number) for number, values in self._whole.items() if number < base]
            self._bars[base] = self._as_bar(-max(fit)[1]) if fit else None
        return self._bars[base]

    def _as_bar(self, number: int) -> Bar:
        values = self._whole[number]
        return Bar(number=number, values=values, standard_error=corrected_standard_error(values, self.test_to_train))
