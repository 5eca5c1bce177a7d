"""The race over epochs: where the first fold is read while it is trained, and who goes on there. Pure.

Rungs are absolute numbers of epochs, the same for every config, so that reads of configs with other ``epochs`` compare. A trial
goes on at a rung if its read is as good as the best 1/eta of the reads there of those who judge it; nobody is paused.
Source of ``halving``: Jamieson and Talwalkar, "Non-stochastic Best Arm Identification", AISTATS (2016), in the stopping form of
Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys (2020). Source of ``hyperband``: Li et al., "Hyperband",
JMLR 18 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

EPOCH_RULES = ("halving", "hyperband")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A number of epochs after which fold 0 is read, and whom one trial is judged by there.

    Parameters
    ----------
    epochs : the number.
    bound : the objective's value of the last that goes on, of those who judge; None: nobody is judged here.
    kept, judges : how many of how many go on.
    bar : the value of the best whole trial of them.
    """

    epochs: int
    bound: float | None = None
    kept: int = 0
    judges: int = 0
    bar: float | None = None


def make_rung(epochs: int, reads: Sequence[float], *, bar: float, eta: int, maximize: bool) -> Rung:
    """Return a rung whose best ceil(n / eta) of the n ``reads`` go on, all of them where they are fewer than ``eta``."""
    if len(reads) < eta:
        return Rung(epochs=epochs)
    kept = -(-len(reads) // eta)
    bound = sorted(reads, reverse=maximize)[kept - 1]
    return Rung(epochs=epochs, bound=bound, kept=kept, judges=len(reads), bar=bar)


def judging_begins(rule: str, number: int, rungs: int) -> int:
    """Return at which of so many rungs trial ``number`` is judged first; ``rungs`` itself: at none."""
    return number % (rungs + 1) if rule == "hyperband" else 0


def epoch_rungs(least: int | None, eta: int, most: int) -> tuple[int, ...]:
    """Return least, least x eta and so on below ``most``, the most epochs that a config has; ``least`` None: ``most`` / eta^2."""
    rung = -(-most // eta**2) if least is None else least
    rungs = []
    while rung < most:
        rungs.append(rung)
        rung *= eta
    return tuple(rungs)
