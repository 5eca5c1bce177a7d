"""Tune's callback and stopper: what trials report goes to the relay, and the relay says when a trial or all of them shall end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial

from orchestrator.raytune.relay import find

EVENTS = "events"
"""Under this name a result carries its cohort events."""


class ReportCallback(Callback):  # type: ignore[misc]
    """Hands each result's events on at once, and takes them out before Tune keeps the result."""

    def __init__(self, relay: str) -> None:
        self._relay = relay

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any) -> None:
        """Pass a trial's events on."""
        find(self._relay).heard(trial.trial_id, result.pop(EVENTS, ()))

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Report the cohort of a trial whose actor or node was lost."""
        find(self._relay).lost(trial.trial_id, f"Ray lost the worker's actor: {_what_ray_wrote(trial)}")


class CohortStopper(Stopper):  # type: ignore[misc]
    """Ends a trial when there is other work for its worker, and all of them when the sweep is over."""

    def __init__(self, relay: str) -> None:
        self._relay = relay

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return whether the trial shall end."""
        return find(self._relay).may_end(trial_id)

    def stop_all(self) -> bool:
        """Return whether all trials shall end; asked in every round of Tune's loop."""
        return find(self._relay).is_over()


def _what_ray_wrote(trial: Trial) -> str:
    """Return the end of the error file that Tune has just written for ``trial`` on this machine."""
    try:
        return Path(trial.error_file).read_text(errors="replace")[-2000:].strip()
    except (OSError, TypeError):
        return "it did not say why"
