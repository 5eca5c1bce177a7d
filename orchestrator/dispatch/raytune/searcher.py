"""Tune's searcher: opens a Tune trial for each worker that there is work for. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from orchestrator.dispatch.raytune.relay import find


class WorkerSearcher(Searcher):  # type: ignore[misc]
    """Asks the relay of that name whether another worker is wanted."""

    def __init__(self, relay: str) -> None:
        super().__init__()
        self._relay = relay

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the config of a new Tune trial, which is empty; None to be asked again; FINISHED."""
        relay = find(self._relay)
        if relay.wants_worker(trial_id):
            return {}
        return str(Searcher.FINISHED) if relay.is_over() else None

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: results arrive through the callback."""

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: to resume is to run again over what the ledger misses."""
