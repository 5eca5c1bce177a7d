"""How a running sweep stands, as plain data for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trainers.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A snapshot of a sweep. ``best`` is in the objective's own sense; ``seconds_left`` None while nothing is known of it.

    Of the ``done`` trials ``before`` were over when this driver began, ``cached`` were taken over from other sweeps, and
    ``given_up`` were ended by a race. ``fits`` are folds that were trained or known, ``fits_saved`` those that the race left out.
    """

    total: int | None
    done: int
    running: int
    failed: int
    cached: int
    metric: str
    before: int = 0
    given_up: int = 0
    fits: int = 0
    fits_saved: int = 0
    fits_total: int | None = None
    best: float | None = None
    best_std: float | None = None
    best_number: int | None = None
    best_config: Config | None = None
    seconds: float = 0.0
    seconds_left: float | None = None

    @property
    def trained(self) -> int:
        """Trials that this driver has had trained."""
        return self.done - self.cached - self.before

    @property
    def fits_left(self) -> int | None:
        """Fits that may still be needed; None where there is no end in sight."""
        return None if self.fits_total is None else max(self.fits_total - self.fits - self.fits_saved, 0)

    @property
    def per_minute(self) -> float:
        """Trials trained a minute."""
        return 60 * self.trained / self.seconds if self.seconds > 0 else 0.0


class Watch(Protocol):
    """Who looks on: the command line, or nobody (``Silent``)."""

    def phase(self, text: str) -> None:
        """Say what the sweep is doing now."""

    def progress(self, status: Status) -> None:
        """Say how it stands; called after every finished trial and at least every few seconds."""


class Silent:
    """A watch that shows nothing."""

    def phase(self, text: str) -> None:
        """Show nothing."""

    def progress(self, status: Status) -> None:
        """Show nothing."""
