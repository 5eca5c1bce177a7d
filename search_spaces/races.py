"""The race: when a trial is given up before all its folds are trained, and which trial it is judged by.

Pure, and the same for whoever asks: a worker and the search come to the same end by the same numbers.

Trial i, by ask number, is judged by the best whole trial among the first b(i), and by it alone, whatever else is known by then.
b(i) depends on i and the strategy's batches, so neither the number of workers nor what the ledger holds changes who is given up.
Source of ``forgiving``: Bergman, Purucker and Hutter, "Don't Waste Your Time: Early Stopping Cross-Validation", AutoML (2024).
Source of ``wilcoxon``: Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1 (1945).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import fmean
from types import MappingProxyType
from typing import Any

from search_spaces.errors import Problem, StrategyError
from search_spaces.reads import EPOCH_RULES, Rung, epoch_rungs
from search_spaces.settings import count, field_problems, inner, one_of, read_settings
from search_spaces.values import whole

RULES = ("paired", "forgiving", "wilcoxon")
NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceSettings:
    """How trials race.

    Parameters
    ----------
    folds : the rule. ``paired`` gives up a trial whose mean over the folds so far is below the bar's over the same folds by more
        than the bar's mean of all folds lies above its worst fold; ``forgiving`` one whose mean is below the bar's worst fold;
        ``wilcoxon`` one that is worse by the exact one-sided signed-rank test of the differences fold by fold; ``none`` nobody.
    rungs : numbers of folds after which is judged, the last one all folds; None: 1, 2, 4 and so on up to half of all, then all.
    first : trials at the beginning that nobody judges; later ones are judged by the first 4, 8, 16 and so on of this number's
        doublings.
    p : for ``wilcoxon``, the largest probability at which a trial is given up.
    epochs : the rule of the race over the epochs of the first fold, before that over folds: ``halving`` gives up at each rung who
        is not among the best 1 / ``eta`` there; ``hyperband`` begins at another rung with every trial; ``none``: nobody.
    eta : by so much a rung is longer than the one before it.
    min_epochs : the first rung; None: the most epochs of the space / eta^2.
    """

    folds: str = one_of(*RULES, NONE)
    rungs: Sequence[int] | None = None
    first: int = count(4, low=1)
    p: float = inner(0.1)
    epochs: str = one_of(NONE, *EPOCH_RULES)
    eta: int = count(3, low=2)
    min_epochs: int | None = None

    def __post_init__(self) -> None:
        problems = field_problems(self)
        if self.rungs is not None and not _are_rising(self.rungs):
            problems.append(("rungs", f"expected rising numbers of folds, such as [1, 2, 5], got {self.rungs!r}; sort them."))
        least = self.min_epochs
        if least is not None and (whole(least) is None or least < 1):
            problems.append(("min_epochs", f"expected a whole number of at least 1, got {least!r}; change it."))
        if problems:
            raise StrategyError(problems)

    def fold_rungs(self, folds: int) -> tuple[int, ...]:
        """Return the numbers of folds after which is judged, of ``folds``, the last."""
        if self.folds == NONE:
            return (folds,)
        return default_rungs(folds) if self.rungs is None else tuple(self.rungs)

    def epoch_rungs(self, most: int) -> tuple[int, ...]:
        """Return the numbers of epochs after which the first fold is read, below ``most``, the most that a config has."""
        return () if self.epochs == NONE else epoch_rungs(self.min_epochs, self.eta, most)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings that say something, JSON-able: a race over folds alone has none of that over epochs."""
        over_epochs = ("epochs", "eta", "min_epochs")
        return {name: value for name, value in asdict(self).items() if self.epochs != NONE or name not in over_epochs}


def read_race(written: object, folds: int, most_epochs: int | None = None, *, path: str = "race") -> RaceSettings | None:
    """Return what is written of the race: a rule's name, ``none``, or a mapping of settings.

    Parameters
    ----------
    written : as in a sweep file; None and "none" are no race.
    folds : folds of a trial, repeats counted.
    most_epochs : the most epochs that a config of the space has, None where that is not known.
    path : what problems call the settings.

    Raises
    ------
    StrategyError
        With all that is wrong.
    """
    if written is None or written == NONE:
        return None
    if isinstance(written, str):
        written = {"epochs": written, "folds": NONE} if written in EPOCH_RULES else {"folds": written}
    if not isinstance(written, Mapping):
        raise StrategyError([(path, f"expected a rule, none, or a mapping such as {{folds: paired}}, got {written!r}.")])
    if written.get("folds") == NONE and written.get("epochs", NONE) == NONE:
        return None
    try:
        settings = read_settings(RaceSettings, written)
    except StrategyError as error:
        raise StrategyError([(f"{path}.{name}", message) for name, message in error.problems]) from None
    if problems := [(f"{path}.{name}", message) for name, message in _at_odds(settings, folds, most_epochs)]:
        raise StrategyError(problems)
    return settings


def default_rungs(folds: int) -> tuple[int, ...]:
    """Return 1, 2, 4 and so on up to half of ``folds``, then ``folds``."""
    doublings = [2**power for power in range(folds.bit_length()) if 2 ** (power + 1) <= folds]
    return (*doublings, folds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """The whole trial that judges: its number, the objective's value fold by fold, the corrected standard error of their mean."""

    number: int
    values: tuple[float, ...]
    standard_error: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial is given up.

    Parameters
    ----------
    reason : for people.
    folds : those that it was judged by.
    told : the fitness that the strategy is told, larger for better; None where a score is not finite. It is the bar's and the
        difference of their reads, or the mean one on the folds that both have, never above the bar's: who had easy folds is not
        better than its judge.
    epochs : the rung of the race over epochs that gave it up, None where folds did.
    """

    reason: str
    folds: tuple[int, ...]
    told: float | None
    epochs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRace:
    """How one trial is judged while it is trained.

    ``bar`` None: nobody judges it, and only a value that is not finite ends it. With ``spare`` nothing goes that is within the
    bar's standard error of it: where the simplest of those that are as good is to win, these must be whole. ``reading`` are the
    rungs of the race over epochs, before all others, and ``epochs`` the trial's own: a rung beyond them is judged by what fold 0
    ended with.
    """

    settings: RaceSettings
    rungs: tuple[int, ...]
    metric: str
    maximize: bool
    bar: Bar | None = None
    spare: bool = False
    reading: tuple[Rung, ...] = ()
    epochs: int = 0

    def gives_up(self, scores: Mapping[int, float], reads: Mapping[int, float] = MappingProxyType({})) -> str | None:
        """Return why the trial is given up, None while it is not.

        Parameters
        ----------
        scores : the objective's value by fold. Rung r is judged once folds 0 to r - 1 are there, whatever else is.
        reads : its value on fold 0 by epochs. They are judged first, one after another.
        """
        verdict = self.verdict(scores, reads)
        return None if verdict is None else verdict.reason

    def verdict(self, scores: Mapping[int, float], reads: Mapping[int, float] = MappingProxyType({})) -> Verdict | None:
        """Return how the trial is given up, None while it is not; parameters as of ``gives_up``."""
        for reading in self.reading:
            value = reads.get(reading.epochs) if reading.epochs < self.epochs else scores.get(0)
            if value is None:
                return None
            if (verdict := self._read(reading, value)) is not None:
                return verdict
        for rung in self.rungs:
            reached: dict[int, float] = {}
            for fold in range(rung):  # in this order, for they come in any
                if fold not in scores:
                    return None
                reached[fold] = scores[fold]
                if not math.isfinite(scores[fold]):
                    return Verdict(f"fold {fold}: {scores[fold]}", tuple(reached), None)
            if self.bar is not None and rung < self.rungs[-1] and self._is_out(self.bar, list(reached.values())):
                return self._given_up(self.bar, reached)
        return None

    def _read(self, rung: Rung, value: float) -> Verdict | None:
        """Return how a trial is given up that is read at a rung, None if it goes on."""
        sign = 1 if self.maximize else -1
        at, folds = min(rung.epochs, self.epochs), () if rung.epochs < self.epochs else (0,)
        if not math.isfinite(value):
            return Verdict(f"epoch {at}: {value}", folds, None, rung.epochs)
        if rung.bound is None or rung.bar is None or self.bar is None or sign * value >= sign * rung.bound:
            return None
        behind = sign * (rung.bar - value)
        if self.spare and behind <= self.bar.standard_error:
            return None
        side = "below" if self.maximize else "above"
        of = f"the best {rung.kept} of {rung.judges} go on"
        told = sign * fmean(self.bar.values) - max(behind, 0.0)
        return Verdict(f"epoch {at}: {value:.4g}, {side} {rung.bound:.4g}: {of}", folds, told, rung.epochs)

    def _given_up(self, bar: Bar, reached: Mapping[int, float]) -> Verdict:
        own, theirs = fmean(reached.values()), fmean(bar.values[: len(reached)])
        sign = 1 if self.maximize else -1
        reason = f"fold {max(reached)}: {own:.4g}, {'below' if self.maximize else 'above'} {theirs:.4g} of trial {bar.number}"
        return Verdict(reason, tuple(reached), sign * fmean(bar.values) + min(sign * (own - theirs), 0.0))

    def _is_out(self, judge: Bar, values: Sequence[float]) -> bool:
        sign = 1 if self.maximize else -1
        own = [sign * value for value in values]
        bar = [sign * value for value in judge.values]
        behind = fmean(bar[: len(own)]) - fmean(own)
        if behind <= 0 or (self.spare and behind <= judge.standard_error):
            return False
        if self.settings.folds == "paired":
            return behind > fmean(bar) - min(bar)
        if self.settings.folds == "forgiving":
            return fmean(own) < min(bar)
        return signed_rank_p([mine - theirs for mine, theirs in zip(own, bar, strict=False)]) <= self.settings.p


def judged_by(number: int, first: int, settled: int) -> int:
    """Return b(i): the best of so many first trials judges trial ``number``; 0: nobody does.

    Parameters
    ----------
    first : trials at the beginning that nobody judges.
    settled : trials that the strategy waited for before it proposed this one, or was given to begin with.
    """
    doubling = first
    while 2 * doubling <= number / 2:
        doubling *= 2
    return max(doubling if doubling <= number / 2 else 0, settled)


def signed_rank_p(differences: Sequence[float]) -> float:
    """Return the exact probability, if signs were chance, of a signed-rank sum as small as that of ``differences``.

    Equal sizes share the mean of their ranks; differences of zero are ranked with the others and count half to either side.
    """
    sizes = sorted(map(abs, differences))
    twice = {size: sizes.index(size) + 1 + len(sizes) - sizes[::-1].index(size) for size in set(sizes)}  # ranks doubled are whole
    found = sum(twice[abs(one)] for one in differences if one > 0)
    ways = {0: 1}
    for one in differences:
        if one != 0:
            step = twice[abs(one)]
            grown = dict(ways)
            for total, many in ways.items():
                grown[total + step] = grown.get(total + step, 0) + many
            ways = grown
    return sum(many for total, many in ways.items() if total <= found) / sum(ways.values())


def _are_rising(rungs: object) -> bool:
    return (
        isinstance(rungs, list | tuple)
        and bool(rungs)
        and all(isinstance(rung, int) and not isinstance(rung, bool) and rung >= 1 for rung in rungs)
        and all(low < high for low, high in pairwise(rungs))
    )


def _at_odds(settings: RaceSettings, folds: int, most_epochs: int | None) -> list[Problem]:
    over_epochs = [] if most_epochs is None or settings.epochs == NONE else _epochs_at_odds(settings, most_epochs)
    return [*_folds_at_odds(settings, folds), *over_epochs]


def _epochs_at_odds(settings: RaceSettings, most: int) -> list[Problem]:
    rungs, eta, least = settings.epoch_rungs(most), settings.eta, settings.min_epochs
    if least is not None and least >= most:
        return [("min_epochs", f"expected fewer than {most}, the most epochs of a config, got {least}; leave it out.")]
    if len(rungs) < 2:
        got = f"{list(rungs)} with eta {eta} below {most} epochs, the most of a config"
        remedy = f"take min_epochs of {-(-most // eta) - 1} at most" if most > eta else "take more epochs, or epochs: none"
        return [("epochs", f"expected two rungs at least (min_epochs, min_epochs x eta, ...), got {got}; {remedy}.")]
    return []


def _folds_at_odds(settings: RaceSettings, folds: int) -> list[Problem]:
    rungs = default_rungs(folds) if settings.rungs is None else tuple(settings.rungs)
    if rungs[-1] != folds:
        return [("rungs", f"expected {folds}, all folds of all repeats, as the last rung, got {rungs[-1]}; end with {folds}.")]
    if settings.folds == "wilcoxon" and all(0.5**rung > settings.p for rung in rungs[:-1]):
        least = math.ceil(-math.log2(settings.p))
        remedy = f"take rungs: [{least}, {folds}]" if least < folds else "take paired, or more folds"
        expected = f"a rung at which wilcoxon can act, from {least} folds on at p {settings.p:g}"
        return [("rungs", f"expected {expected}, got {list(rungs)}; {remedy}.")]
    return []
