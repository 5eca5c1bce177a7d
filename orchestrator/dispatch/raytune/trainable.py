"""Tune's trainable: a thin actor around one supervised worker, given cohort after cohort. It neither trains nor decides."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from ray.tune import Trainable

from orchestrator.dispatch.raytune.callback import EVENTS
from orchestrator.dispatch.raytune.plan import WorkerPlan
from orchestrator.search import Cohort, CohortEvent, CohortLost

_STEP_SECONDS = 0.3
_IDLE_SECONDS = 0.2


class WorkerTrainable(Trainable):  # type: ignore[misc]
    """Steps through its cohorts' events; between cohorts it idles, its worker warm."""

    def setup(self, config: Mapping[str, Any], plan: WorkerPlan) -> None:
        """Start the worker; the first step comes back at once, to ask for a cohort."""
        self._supervisor = plan.supervisor_here()
        self._given: Cohort | None = None
        self._pause = 0.0

    def take(self, cohort: Cohort) -> None:
        """Have the next step begin ``cohort``. Ray keeps the order of a caller's calls."""
        self._given = cohort

    def step(self) -> dict[str, list[CohortEvent]]:
        """Return the events since the last step, waiting a moment for the first; none without a cohort."""
        cohort, self._given = self._given, None
        events: list[CohortEvent] = []
        if cohort is not None:
            try:
                self._supervisor.drop()  # what it still has made way
                self._supervisor.begin(cohort)
            except OSError as error:
                detail = f"No worker could be started on {socket.gethostname()}: {error}"
                return {EVENTS: [CohortLost(cohort.id, "crashed", detail)]}
        if self._supervisor.busy:
            events = self._supervisor.poll(_STEP_SECONDS)
        else:
            time.sleep(self._pause)
            self._pause = _IDLE_SECONDS
        return {EVENTS: events}

    def cleanup(self) -> None:
        """End the worker."""
        self._supervisor.close()
