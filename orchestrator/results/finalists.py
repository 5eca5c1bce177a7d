"""What a fresh look at the finalists of a search has found, as a sweep's facts keep it and as it is told. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

FINALISTS = "finalists"
"""Name of a sweep's fact: what a fresh look at its best trials has found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """One of the best trials. ``search`` is its mean over the search's folds, ``fresh`` over the fresh ones, None if it is out.

    ``std`` (ddof 0) and ``standard_error`` (corrected) are over the fresh folds; ``out`` says why it is out.
    """

    trial: int
    search: float
    fresh: float | None = None
    std: float | None = None
    standard_error: float | None = None
    out: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finals:
    """What came of the finalists, the best of the search first.

    ``winner`` is the trial that the objective selects by the fresh scores, None where all are out: the search's winner stays.
    ``cross_fitted`` is what a winner chosen so is worth: for each repeat the choice of the other repeats, scored on this one,
    averaged. ``folds`` and ``repeats`` count the fresh ones; ``seconds`` is how long the sweep's workers trained them.
    """

    metric: str
    folds: int
    repeats: int
    finalists: Sequence[Finalist]
    winner: int | None
    cross_fitted: float | None
    seconds: float

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Finals | None:
        """Return what a sweep's facts say, None where they say nothing."""
        found = facts.get(FINALISTS)
        return None if found is None else cls(**{**found, "finalists": tuple(Finalist(**one) for one in found["finalists"])})

    def record(self) -> dict[str, Any]:
        """Return it as plain data; ``of`` reads it back."""
        return asdict(self)

    def of_trial(self, number: int | None) -> Finalist | None:
        """Return the finalist that a trial is, None if it is none."""
        return next((one for one in self.finalists if one.trial == number), None)

    def told(self) -> str:
        """Return in a sentence what came of them."""
        count = len(self.finalists)
        looked = f"{count} finalist{'s' * (count != 1)} on {self.folds} fresh folds"
        won = self.of_trial(self.winner)
        if won is None:
            return f"{looked}: none has a score ({self.finalists[0].out}), so the search's winner stays."
        error = "" if won.standard_error is None else f" ± {won.standard_error:.2g} (standard error)"
        text = f"{looked}: trial {won.trial} wins with {self.metric} {won.fresh:.4g}{error}"
        worth = "" if self.cross_fitted is None else f"; a winner chosen so is worth {self.cross_fitted:.4g} (cross-fitted)"
        out = sum(one.fresh is None for one in self.finalists)
        return f"{text}{worth}{f'; {out} out' if out else ''}."
