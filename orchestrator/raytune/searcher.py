"""Tune's searcher: suggests the conductor's next cohort, wrapped into a Tune config. Decides nothing."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Mapping
from typing import Any

from ray.tune.search import Searcher

from orchestrator.cohorts import Cohort
from orchestrator.raytune.relay import find

_COHORT = "cohort"


class CohortSearcher(Searcher):  # type: ignore[misc]
    """Asks the relay of that name for cohorts."""

    def __init__(self, relay: str) -> None:
        super().__init__()
        self._relay = relay

    def suggest(self, trial_id: str) -> dict[str, str] | str | None:
        """Return the config of a new Tune trial, None to be asked again, or FINISHED."""
        relay = find(self._relay)
        cohort = relay.suggest(trial_id)
        if cohort is not None:
            return to_config(cohort)
        return str(Searcher.FINISHED) if relay.is_over() else None

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: results arrive through the callback."""

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: to resume is to run again over what the ledger misses."""

    def restore(self, checkpoint_path: str) -> None:
        """Refuse: Tune's own resume is not used."""
        raise NotImplementedError("Sweeps resume from the ledger, not from Tune's snapshots.")


def to_config(cohort: Cohort) -> dict[str, str]:
    """Return ``cohort`` as a Tune config: one string, since Tune copies, flattens and prints what it understands."""
    return {_COHORT: base64.b64encode(pickle.dumps(cohort)).decode("ascii")}


def from_config(config: Mapping[str, Any]) -> Cohort:
    """Return the cohort of a Tune config made by ``to_config``."""
    cohort = pickle.loads(base64.b64decode(config[_COHORT]))  # noqa: S301 (made by our own driver)
    if not isinstance(cohort, Cohort):
        raise TypeError(f"Tune config: expected a Cohort, got {cohort!r}.")
    return cohort
