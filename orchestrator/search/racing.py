"""Who is judged by whom in a search that races: the bar of each trial, once all trials that decide it are over. Pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.search.objective import Objective
from search_spaces import Bar, FoldRace, RaceSettings, Rung, judged_by, judging_begins, make_rung
from trainers.results import corrected_standard_error
from trainers.settings import Config


@dataclass(slots=True)
class Racing:
    """The bars of one search.

    Parameters
    ----------
    settings, rungs : how trials race.
    objective : what they are judged by.
    test_to_train : rows scored / rows trained on in one fold, for the bar's standard error.
    epoch_rungs : numbers of epochs after which the first fold is read; none: they do not race over epochs.
    epochs_of : gives the epochs of a config.
    """

    settings: RaceSettings
    rungs: tuple[int, ...]
    objective: Objective
    test_to_train: float
    epoch_rungs: tuple[int, ...] = ()
    epochs_of: Callable[[Config], int] = lambda config: 1

    _epochs: dict[int, int] = field(default_factory=dict)
    _bases: dict[int, int] = field(default_factory=dict)
    _awaited: set[int] = field(default_factory=set)
    _bars: dict[int, Bar | None] = field(default_factory=dict)
    _over: list[int] = field(default_factory=list)
    _first_open: int = 0
    _whole: dict[int, tuple[float, ...]] = field(default_factory=dict)
    _read: dict[int, dict[int, float]] = field(default_factory=dict)
    _rungs: dict[int, tuple[Rung, ...]] = field(default_factory=dict)

    def enter(self, number: int, config: Config, settled: int) -> None:
        """Take a trial in; ``settled`` as of ``Strategy.settled``."""
        self._epochs[number] = self.epochs_of(config)
        self._bases[number] = judged_by(number, self.settings.first, settled)
        if not self.is_open(number):
            self._awaited.add(self._bases[number])

    def reads(self, number: int) -> tuple[int, ...]:
        """Return after how many epochs the first fold of a trial is read, before its last."""
        return tuple(rung for rung in self.epoch_rungs if rung < self._epochs[number])

    def share(self, number: int, epochs: int) -> float:
        """Return the share of a fit that so many epochs are."""
        return epochs / self._epochs[number]

    def over(self, number: int, whole: Mapping[int, float] | None, read: Mapping[int, float]) -> bool:
        """Take in that a trial is over, and return whether an awaited bar is known by that.

        Parameters
        ----------
        whole : the values of its folds if it has all.
        read : its values at the rungs of epochs that it got to, finite; none of a trial that has failed or diverged.
        """
        if whole is not None and all(map(math.isfinite, whole.values())):
            self._whole[number] = tuple(whole[fold] for fold in sorted(whole))
        if read:
            self._read[number] = dict(read)
        heapq.heappush(self._over, number)
        while self._over and self._over[0] <= self._first_open:
            self._first_open = max(self._first_open, heapq.heappop(self._over) + 1)
        known = {base for base in self._awaited if base <= self._first_open}
        self._awaited -= known
        return bool(known)

    def is_open(self, number: int) -> bool:
        """Whether the trials that decide a trial's bar are all over."""
        return self._bases[number] <= self._first_open

    def read_at(self, number: int, values: Mapping[int, float], reads: Mapping[int, float], last: int | None) -> dict[int, float]:
        """Return a trial's values at the rungs of epochs up to the ``last`` that it got to; None: to all of them."""
        got_to = self.epoch_rungs if last is None else [rung for rung in self.epoch_rungs if rung <= last]
        return {rung: reads[rung] if rung < self._epochs[number] else values[0] for rung in got_to}

    def race(self, number: int) -> FoldRace:
        """Return how a trial is judged as far as that is known.

        Before its bar is, its first rung must be finite, no more; one that races over epochs waits for its bar.
        """
        known = self.is_open(number)
        first = () if self.epoch_rungs else self.rungs[:1]
        return FoldRace(
            settings=self.settings,
            rungs=self.rungs if known else first,
            metric=self.objective.metric,
            maximize=self.objective.maximize,
            bar=self._bar(self._bases[number]) if known else None,
            spare=self.objective.select == "one_se",
            reading=self._reading(number) if known else (),
            epochs=self._epochs[number],
        )

    def _reading(self, number: int) -> tuple[Rung, ...]:
        """Return where a trial is read, and by whose reads it is judged there."""
        begin = judging_begins(self.settings.epochs, number, len(self.epoch_rungs))
        return (*(Rung(epochs=rung) for rung in self.epoch_rungs[:begin]), *self._judged(self._bases[number])[begin:])

    def _judged(self, base: int) -> tuple[Rung, ...]:
        """Return the rungs of epochs as the first ``base`` trials judge there."""
        if base not in self._rungs:
            bar = self._bar(base)
            self._rungs[base] = tuple(
                Rung(epochs=rung)
                if bar is None
                else make_rung(
                    rung,
                    [at[rung] for number, at in self._read.items() if number < base and rung in at],
                    bar=self._read[bar.number][rung],
                    eta=self.settings.eta,
                    maximize=self.objective.maximize,
                )
                for rung in self.epoch_rungs
            )
        return self._rungs[base]

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
