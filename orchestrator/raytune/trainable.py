"""Tune's trainable: a thin actor around one supervised worker, reused for cohort after cohort. It neither trains nor decides."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from ray.tune import Trainable

from orchestrator.cohorts import CohortEvent, CohortLost
from orchestrator.raytune.callback import EVENTS
from orchestrator.raytune.plan import WorkerPlan
from orchestrator.raytune.searcher import from_config

_STEP_SECONDS = 0.3
_IDLE_SECONDS = 0.2


class CohortTrainable(Trainable):  # type: ignore[misc]
    """Steps through a cohort's events; between cohorts it idles, its worker warm."""

    def setup(self, config: Mapping[str, Any], plan: WorkerPlan) -> None:
        """Start the worker and give it the first cohort."""
        self._supervisor = plan.supervisor_here()
        self._unsaid: list[CohortEvent] = []
        self._just_over = False
        self._begin(config)

    def reset_config(self, new_config: Mapping[str, Any]) -> bool:
        """Take the next cohort on; always True, since a False would end the trial unheard."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, list[CohortEvent]]:
        """Return the events since the last step, waiting a moment for the first; none when the cohort is over."""
        events, self._unsaid = self._unsaid, []
        if self._supervisor.busy:
            events = self._supervisor.poll(_STEP_SECONDS)
        elif not events and not self._just_over:
            time.sleep(_IDLE_SECONDS)
        self._just_over = bool(events) and not self._supervisor.busy
        return {EVENTS: events}

    def cleanup(self) -> None:
        """End the worker."""
        self._supervisor.close()

    def _begin(self, config: Mapping[str, Any]) -> None:
        cohort = from_config(config)
        self.config: dict[str, Any] = {}  # Tune would send it back with every result
        self._unsaid, self._just_over = [], False
        try:
            self._supervisor.begin(cohort)
        except OSError as error:
            self._unsaid = [CohortLost(cohort.id, "crashed", f"No worker could be started on {socket.gethostname()}: {error}")]
