"""How a running sweep stands, as plain data for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trainers.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A snapshot of a sweep. ``best`` is in the objective's own sense; ``seconds_left`` None while nothing is known of it.

    Of the ``done`` trials ``before`` were over when this driver began, and ``cached`` were taken over from other sweeps.
    """

    total: int | None
    done: int
    running: int
    failed: int
    cached: int
    metric: str
    before: int = 0
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
