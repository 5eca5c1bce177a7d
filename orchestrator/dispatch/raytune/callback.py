"""Tune's callback and stopper: what workers report goes to the relay, which says what each does next and when all shall end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial

from orchestrator.dispatch.raytune.relay import find

EVENTS = "events"
"""Under this name a result carries its cohort events."""


class ReportCallback(Callback):  # type: ignore[misc]
    """Hands each result's events on at once, before Tune keeps the result, and gives the worker its next cohort."""

    def __init__(self, relay: str) -> None:
        self._relay = relay

    def on_trial_result(self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any) -> None:
        """Pass a worker's events on; Tune asks its actor for the next step only after this."""
        cohort = find(self._relay).heard(trial.trial_id, result.pop(EVENTS, ()))
        if cohort is not None:
            trial.temporary_state.ray_actor.take.remote(cohort)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Report a worker whose actor or node was lost."""
        find(self._relay).lost(trial.trial_id, f"Ray lost the worker's actor: {_what_ray_wrote(trial)}")


class SweepStopper(Stopper):  # type: ignore[misc]
    """Ends all Tune trials when the sweep is over, and none before."""

    def __init__(self, relay: str) -> None:
        self._relay = relay

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return False: a worker stays until the sweep is over."""
        return False

    def stop_all(self) -> bool:
        """Return whether all trials shall end; asked in every round of Tune's loop."""
        return find(self._relay).is_over()


def _what_ray_wrote(trial: Trial) -> str:
    """Return the end of the error file that Tune has just written for ``trial`` on this machine."""
    try:
        return Path(trial.error_file).read_text(errors="replace")[-2000:].strip()
    except (OSError, TypeError):
        return "it did not say why"
