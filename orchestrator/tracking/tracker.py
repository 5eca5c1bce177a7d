"""The tracker: a thread that brings the ledger to MLflow while the sweep runs. It decides nothing, and its trouble stops nothing.

What is still to be written stands in the ledger (``projector.py`` does it), so a tracker may die at any point and another go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from orchestrator.errors import TrackingError
from orchestrator.ledger import Ledger, SweepRow
from orchestrator.redaction import without_password
from orchestrator.results import way_on
from orchestrator.tracking.projector import Projector
from orchestrator.tracking.reach import why_away
from orchestrator.tracking.store import MlflowStore, UploadedModel, absolute_uri

logger = logging.getLogger(__name__)

POLL_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
LAST_TRIES = 4
HURRY_SECONDS = 3.0
"""So long what is left may take once somebody asks to stop; the ledger keeps it."""
_GLANCE_SECONDS = 0.2

_T = TypeVar("_T")


class Tracker:
    """Brings one sweep to MLflow, in a thread of its own.

    Parameters
    ----------
    ledger : where the sweep stands; read and marked from the tracker's thread.
    sweep : the sweep's row as claimed.
    uri : tracking URI; a relative SQLite path starts from the working directory.
    experiment : the experiment's name; it is made when missing.
    open_store : makes the store from an absolute URI and the experiment's name.
    pause : the first wait in seconds after a failure; it doubles up to a minute.

    Notes
    -----
    MLflow is imported inside the thread, beside the first trials: that takes seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        sweep: SweepRow,
        uri: str,
        experiment: str,
        *,
        open_store: Callable[[str, str], MlflowStore] = MlflowStore,
        pause: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._uri = absolute_uri(uri)
        self.uri = without_password(self._uri)
        """The URI for messages: a password in it is hidden."""
        self._title, self._way_on = sweep.title, way_on(sweep)
        self._projector = Projector(ledger, sweep, lambda: open_store(self._uri, experiment))
        self._first_pause = pause
        self._failures = 0
        self._lock = threading.Lock()  # one writer at a time: the thread, or a caller who repairs or uploads
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kerasweep-tracker", daemon=True)

    def check(self) -> bool:
        """Return whether MLflow is there, before it is needed; if not, say so in one line, once for this outage."""
        reason = why_away(self._uri)
        if reason is not None:
            self._failures = 1
            logger.warning(
                "MLflow at %s cannot be reached (%s). The sweep goes on; what is missing there follows as soon as it can.",
                self.uri,
                without_password(reason),
            )
        return reason is None

    def start(self) -> None:
        """Begin to write; returns at once."""
        self._thread.start()

    def notify(self) -> None:
        """Say that something was committed; without it the tracker looks by itself every few seconds."""
        self._wake.set()

    def close(self, wait: float = 60.0, hurry: Callable[[], object] = lambda: False) -> bool:
        """Write what is left, however long that takes while it goes on, and end the thread.

        Parameters
        ----------
        wait : seconds to wait while nothing is written.
        hurry : says something true when somebody asks to stop; then no more than HURRY_SECONDS are left.

        Returns
        -------
        Whether all of the sweep is in MLflow. If not, a warning says so; the ledger knows what is missing.
        """
        self._closing.set()
        self._wake.set()
        until, seen = time.monotonic() + wait, self._projector.written
        while self._thread.is_alive() and time.monotonic() < until:
            self._thread.join(_GLANCE_SECONDS)
            if hurry():
                self._thread.join(min(HURRY_SECONDS, until - time.monotonic()))
                break
            if self._projector.written != seen:
                until, seen = time.monotonic() + wait, self._projector.written
        try:
            left = self._projector.left()
        except Exception as error:  # the ledger itself is out of reach
            left = f"an unknown part ({error})"
        if left:
            logger.warning(
                "MLflow at %s lacks %s of sweep %s. The ledger holds it: %s brings it there.",
                self.uri,
                left,
                self._title,
                self._way_on,
            )
        return not left

    def catch_up(self) -> None:
        """Write what MLflow still lacks, in the calling thread: for a sweep that ended during an outage.

        Raises
        ------
        TrackingError : MLflow or the ledger cannot be reached.
        """
        self._in_this_thread(self._projector.finish, f"sweep {self._title} could not be written")

    def repair(self) -> None:
        """Write the whole sweep again from the ledger, also into an empty store; what is there already does not become double.

        Raises
        ------
        TrackingError : MLflow or the ledger cannot be reached.
        """
        self._in_this_thread(self._projector.repair, f"sweep {self._title} could not be written")

    def upload_model(self, folder: Path, *, register_as: str | None = None, alias: str | None = None) -> UploadedModel:
        """Upload a model folder to the sweep's run, once however often it is called, and register it if asked.

        Parameters
        ----------
        folder : as written by ``model_folder.write_model_folder``.
        register_as : the registered model's name; None: not registered.
        alias : given to the new version, ``challenger`` say; None: none.

        Raises
        ------
        TrackingError : MLflow cannot be reached.
        """
        return self._in_this_thread(
            lambda: self._projector.upload_model(folder, register_as=register_as, alias=alias),
            f"the model of sweep {self._title} could not be uploaded; it stays in {folder}",
        )

    def upload_files(self, folders: Mapping[int, Path]) -> None:
        """Upload to trials' runs, by the trial's number, what their callbacks have left in a folder.

        Raises
        ------
        TrackingError : MLflow or the ledger cannot be reached.
        """
        self._in_this_thread(
            lambda: self._projector.upload_files(folders), f"the files of sweep {self._title} could not be uploaded"
        )

    def _in_this_thread(self, action: Callable[[], _T], trouble: str) -> _T:
        try:
            with self._lock:
                return action()
        except Exception as error:
            self._projector.disconnect()
            raise TrackingError(without_password(f"MLflow at {self.uri}: {trouble}: {error}")) from error

    # --- the thread ---------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            closing = self._closing.is_set()  # read before the work: what was committed before closing is then written
            try:
                with self._lock:
                    finished = self._projector.step()
            except Exception as error:  # of MLflow or of the ledger: both may come back
                if self._failed(error, closing):
                    return
                continue
            if self._failures:
                logger.warning("MLflow at %s can be written again.", self.uri)
                self._failures = 0
            if finished and closing:
                return
            if finished:
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()

    def _failed(self, error: Exception, closing: bool) -> bool:
        """Report an outage once, wait, and return whether to give up."""
        self._projector.disconnect()
        self._failures += 1
        if self._failures == 1:
            logger.warning(
                "MLflow at %s cannot be written (%s: %s). The sweep goes on; what is missing follows as soon as it can.",
                self.uri,
                type(error).__name__,
                without_password(str(error).partition("\n")[0]),
            )
        logger.debug("failure %d in a row", self._failures, exc_info=error)
        if closing and self._failures >= LAST_TRIES:
            return True
        pause = min(self._first_pause * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE_SECONDS)
        if closing:
            time.sleep(min(pause, self._first_pause * 4))
        else:
            self._closing.wait(pause)
        return False
