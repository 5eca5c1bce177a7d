"""Where one search is written down: a ledger, the user's or one of the search's own, and MLflow if that is asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import TrackingError
from orchestrator.ledger import LEASE_SECONDS, Lease, Ledger, Owner, SweepRow
from orchestrator.redaction import without_password
from orchestrator.search import SweepState
from orchestrator.tracking import Tracker

logger = logging.getLogger(__name__)

_PATIENCE_SECONDS = 60.0
_HURRY_SECONDS = 1.0
"""So long MLflow is written to after a Ctrl-C."""


@dataclass(slots=True)
class Book:
    """A search's sweep in a ledger: open until ``close``, which says how the search ended."""

    ledger: Ledger
    sweep: SweepRow
    _lease: Lease | None
    _tracker: Tracker | None
    _after: ExitStack = field(repr=False)

    @classmethod
    def begin(
        cls, url: str, record: Mapping[str, Any], facts: Mapping[str, Any], *, leased: bool, tracking_uri: str | None
    ) -> Book:
        """Begin the next occasion of the sweep that ``record`` describes.

        Parameters
        ----------
        leased : whether others may see the ledger, so that the lease has to be kept alive.
        """
        name = record["sweep"]["name"]
        with ExitStack() as stack:
            ledger = stack.enter_context(Ledger(url))
            sweep = ledger.claim_sweep(name, record, None, Owner.current(), LEASE_SECONDS, new=True)
            lease = stack.enter_context(Lease(ledger, sweep)) if leased else None
            sweep = ledger.update_facts(sweep, facts)
            tracker = None
            if tracking_uri is not None:
                tracker = Tracker(ledger, sweep, tracking_uri, name)
                tracker.check()
                tracker.start()
            return cls(ledger, sweep, lease, tracker, stack.pop_all())

    def check_lease(self) -> None:
        """Raise LeaseLostError when another driver has taken the sweep over."""
        if self._lease is not None:
            self._lease.check()

    def committed(self) -> None:
        """Tell the tracker that something was written down."""
        if self._tracker is not None:
            self._tracker.notify()

    def note(self, facts: Mapping[str, Any]) -> None:
        """Add to what is known of the sweep."""
        self.ledger.update_facts(self.sweep, facts)

    def close(self, error: BaseException | None, output: Path | None) -> None:
        """Write how the search ended, and what MLflow still lacks; close all.

        Parameters
        ----------
        error : what ended it before its end.
        output : below it callbacks have left each trial's files, in ``trial-<number>``.
        """
        try:
            if error is None:
                self.ledger.finish_sweep(self.sweep, SweepState.COMPLETED)
            elif isinstance(error, KeyboardInterrupt):
                self.ledger.finish_sweep(self.sweep, SweepState.STOPPED, "interrupted")
            else:
                reason = without_password(str(error)) or type(error).__name__
                self.ledger.finish_sweep(self.sweep, SweepState.FAILED, reason)
            if self._tracker is not None:
                interrupted = isinstance(error, KeyboardInterrupt)
                if error is None and output is not None:
                    self._upload(output)
                self._tracker.close(_HURRY_SECONDS if interrupted else _PATIENCE_SECONDS, hurry=lambda: interrupted)
        finally:
            self._after.close()

    def _upload(self, output: Path) -> None:
        """Bring the files of this search's trials to MLflow; older ones in their place are not its own."""
        numbers = range(len(self.ledger.trials(self.sweep.id)))
        folders = {number: output / f"trial-{number}" for number in numbers}
        fresh = {number: folder for number, folder in folders.items() if _newest(folder) >= self.sweep.created}
        if fresh and self._tracker is not None:
            try:
                self._tracker.upload_files(fresh)
            except TrackingError as error:
                logger.warning("%s", error)


def _newest(folder: Path) -> float:
    """Return when a file below ``folder`` was written last, in unix seconds; 0 without one."""
    return max((file.stat().st_mtime for file in folder.rglob("*") if file.is_file()), default=0.0)
