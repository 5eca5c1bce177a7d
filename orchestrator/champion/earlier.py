"""What earlier winners still lack since MLflow was away at their end, made up for by a later occasion of the sweep."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import KerasweepError, LeaseLostError, TrackingError
from orchestrator.ledger import LEASE_SECONDS, Lease, Owner
from orchestrator.results import open_steps
from orchestrator.running import StopRequestedError
from orchestrator.search import SweepState
from orchestrator.spec import spec_from_record
from orchestrator.tracking import Tracker

if TYPE_CHECKING:
    from orchestrator.champion.crowning import Crowning
    from orchestrator.ledger import SweepRow

logger = logging.getLogger(__name__)


def make_up_earlier(crowning: Crowning, folder_of: Callable[[SweepRow], Path]) -> None:
    """Bring earlier occasions of a sweep to MLflow, the oldest first, before the present one's winner comes to the registry.

    Uploads need their model's folder on this machine, comparisons the data of the present occasion; what has neither stays open
    for `kerasweep resume`. Trouble is a warning.

    Parameters
    ----------
    crowning : the present occasion's.
    folder_of : gives an occasion's output folder.
    """
    for row in reversed(crowning.ledger.sweeps(crowning.sweep.name)):
        if row.id == crowning.sweep.id or row.state is not SweepState.COMPLETED or not open_steps(row):
            continue
        crowning.tick()
        try:
            _make_up(row, crowning, folder_of(row))
        except StopRequestedError:
            raise
        except (KerasweepError, OSError) as error:
            if isinstance(error, LeaseLostError):
                crowning.tick()  # raises if it is the present sweep's
            logger.warning("the model of sweep %s still lacks %s: %s", row.title, ", ".join(open_steps(row)), error)
            if isinstance(error, TrackingError):
                return  # the others would only wait for it again


def _make_up(row: SweepRow, present: Crowning, folder: Path) -> None:
    ours = present.ledger.sweep_by_id(present.sweep.id).identity or {}
    same = all((row.identity or {}).get(part) == ours.get(part) for part in ("fingerprint", "splits"))
    spec = spec_from_record({**row.spec, "sweep": {**row.spec["sweep"], "ledger": present.spec.ledger}})
    tracker = Tracker(present.ledger, row, spec.tracking.uri, spec.tracking.experiment)
    sweep = present.ledger.claim_completed(row, Owner.current(), LEASE_SECONDS)
    try:
        with Lease(present.ledger, sweep):
            tracker.catch_up()
            earlier = replace(present, spec=spec, sweep=sweep, tracker=tracker, folder=folder)
            earlier.hand_over(refit=False, contest=same)
    finally:
        present.ledger.release(sweep)
    tracker.catch_up()
