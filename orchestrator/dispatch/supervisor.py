"""One worker under supervision: cohorts in, events out; its child is replaced when it crashes, overruns, grows or changes engine.

It knows neither Ray nor the search: what a lost cohort means is for others to say.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.dispatch.worker_environment import worker_environment
from orchestrator.dispatch.worker_process import WORKER_COMMAND, WorkerDiedError, WorkerProcess
from orchestrator.errors import WorkerLostError
from orchestrator.search import Cohort, CohortEvent, CohortFinished, CohortHeard, CohortLost, LossCause
from trainers.messages import (
    Check,
    Done,
    Evaluate,
    Event,
    Failed,
    FoldFailed,
    FoldFinished,
    FoldRead,
    Prepare,
    Progress,
    Refit,
    Reply,
)
from trainers.settings import EngineName, SweepSettings

logger = logging.getLogger(__name__)

GROWTH_BYTES = 512 * 2**20
"""A child that has grown by this much since its first cohort is replaced; with 5 MB a fold (TensorFlow) once in 100 folds."""

START_SECONDS = 300.0
"""A child that has not imported its libraries and read the data by then is given up. Without compiled bytecode it takes 20 s."""

_GLANCE_SECONDS = 0.2
_Message = Event | Reply


class _LostError(Exception):
    """The child is of no use any more."""

    def __init__(self, cause: LossCause, detail: str) -> None:
        super().__init__(detail)
        self.cause: LossCause = cause
        self.detail = detail


class Supervisor:
    """Keeps one worker process at work.

    Every method is for one thread, except ``stop``, which any thread may call. ``begin`` and ``poll`` are for whoever watches
    several supervisors at once; ``evaluate`` and ``request`` wait.

    Parameters
    ----------
    engine : what the child is started for, until ``prepare`` says otherwise.
    cpus : the child's share of the processor.
    memory_bytes : the child is ended when it holds more; None for no limit.
    devices, gpu_memory_mb, gpu_fraction : the GPUs that it may see, and how much of one it may use (``worker_environment``).
    env : the environment to start from; default this process's own.
    log_path : gathers what the children print.
    command : the program to run as child.
    growth_bytes : how much a child may grow between cohorts before it is replaced.
    """

    def __init__(
        self,
        engine: EngineName,
        *,
        cpus: float,
        log_path: Path,
        memory_bytes: int | None = None,
        devices: str = "",
        gpu_memory_mb: int | None = None,
        gpu_fraction: float | None = None,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = WORKER_COMMAND,
        growth_bytes: int = GROWTH_BYTES,
    ) -> None:
        self._engine = engine
        self._cpus = cpus
        self._log_path = log_path
        self._memory_bytes = memory_bytes
        self._devices = devices
        self._gpu_memory_mb = gpu_memory_mb
        self._gpu_fraction = gpu_fraction
        self._base = dict(os.environ if env is None else env)
        self._command = tuple(command)
        self._growth_bytes = growth_bytes
        self._settings: SweepSettings | None = None
        self._stopped = threading.Event()
        self._worker: WorkerProcess | None = None
        self._unanswered = 0  # Prepare requests whose reply is still to come
        self._ready_by = 0.0
        self._first_memory: int | None = None
        self._memory_seen_at = 0.0
        self._cohort: Cohort | None = None
        self._sent = False
        self._limit: float | None = None  # seconds that what was sent may take
        self._deadline: float | None = None

    # --- the child's life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the child, if none runs, and return at once; it imports meanwhile. Takes back a ``stop``."""
        self._stopped.clear()
        self._start_child()

    def prepare(self, settings: SweepSettings) -> None:
        """Make ``settings`` those of all that follows, and return at once; another engine takes another child."""
        self._must_be_free("prepare")
        self._settings = settings
        if self._worker is None:
            self._engine = settings.engine
        elif settings.engine != self._engine:
            self._discard()
            self._engine = settings.engine
            self._start_child()
        else:
            self._prepare_child()

    def stop(self) -> None:
        """Give up what is running: it ends as stopped at once, whichever thread waits for it. ``start`` takes this back."""
        self._stopped.set()

    def close(self) -> None:
        """End the child within about a second."""
        self._stopped.set()
        self._cohort = None
        self._discard()

    # --- cohorts ------------------------------------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a cohort has begun and is neither finished nor lost."""
        return self._cohort is not None

    @property
    def cohort(self) -> str | None:
        """The cohort that has begun and is neither finished nor lost; None: there is none."""
        return None if self._cohort is None else self._cohort.id

    def drop(self) -> list[CohortEvent]:
        """Give up the cohort that runs, if one does, for another; return how it ended. Another child starts meanwhile."""
        if self._cohort is None:
            return []
        self.stop()
        events = self.poll(0.0)
        self.start()
        return events

    def fileno(self) -> int:
        """Return the child's pipe, for ``multiprocessing.connection.wait``: readable when there is something to ``poll``."""
        if self._worker is None:
            raise RuntimeError("There is no child to wait for; begin a cohort first.")
        return self._worker.fileno()

    def begin(self, cohort: Cohort) -> None:
        """Take a cohort in and return at once; ``poll`` tells how it goes, to the CohortFinished or CohortLost that ends it."""
        self._must_be_free("begin")
        if not self._stopped.is_set():
            self._start_child()
        self._cohort, self._sent, self._deadline = cohort, False, None

    def poll(self, timeout: float) -> list[CohortEvent]:
        """Return what has happened to the cohort, waiting up to ``timeout`` seconds for the first event; empty without one."""
        cohort = self._cohort
        if cohort is None:
            return []
        events: list[CohortEvent] = []
        until = time.monotonic() + timeout
        try:
            while message := self._next(0.0 if events else until - time.monotonic()):
                events += self._heard(cohort, message)
                if self._cohort is None:
                    break
        except _LostError as lost:
            self._cohort = None
            self._discard()
            events.append(CohortLost(cohort.id, lost.cause, lost.detail))
            if not self._stopped.is_set():
                self._start_child()  # its imports go on while the search decides
        return events

    def evaluate(self, cohort: Cohort) -> Iterator[CohortEvent]:
        """Yield what happens to ``cohort`` as it happens; the last event is CohortFinished or CohortLost."""
        self.begin(cohort)
        try:
            while self._cohort is not None:
                yield from self.poll(_GLANCE_SECONDS)
        finally:
            if self._cohort is not None:  # the caller went away
                self._cohort = None
                self._discard()

    # --- other requests -----------------------------------------------------------------------------------------------------

    def request(self, request: Check | Refit, timeout: float, tick: Callable[[], None] | None = None) -> Reply:
        """Return the child's reply, which may be Failed.

        ``tick`` is called several times a second meanwhile; what it raises gives the request up and comes out here.

        Raises
        ------
        WorkerLostError : the child died, outgrew its memory or was stopped, or gave no reply within ``timeout`` seconds of being
            ready for the request.
        """
        what = type(request).__name__.lower()
        self._must_be_free(what)
        if not self._stopped.is_set():
            self._start_child()
        try:
            while self._unanswered:
                self._next(_GLANCE_SECONDS)
                if tick is not None:
                    tick()
            self._send(request)
            self._limit_to(timeout)
            while True:
                message = self._next(_GLANCE_SECONDS)
                if tick is not None:
                    tick()
                if message is not None and not isinstance(message, Progress | FoldFinished | FoldRead | FoldFailed):
                    return message
        except _LostError as lost:
            self._discard()
            raise WorkerLostError(f"The worker was lost during the {what} ({lost.cause}). {lost.detail}") from lost
        except BaseException:
            self._discard()  # it is still at it
            raise
        finally:
            self._deadline = None

    # --- within -------------------------------------------------------------------------------------------------------------

    def _must_be_free(self, what: str) -> None:
        if self._cohort is not None:
            raise RuntimeError(f"{what} must wait until cohort {self._cohort.id!r} is finished or lost.")
        if self._settings is None and what != "prepare":
            raise RuntimeError(f"{what} needs the sweep's settings; call prepare first.")

    def _start_child(self) -> None:
        if self._worker is not None and self._worker.alive:
            return
        self._discard()
        env = worker_environment(
            self._engine,
            self._base,
            cpus=self._cpus,
            devices=self._devices,
            gpu_memory_mb=self._gpu_memory_mb,
            gpu_fraction=self._gpu_fraction,
            memory_bytes=self._memory_bytes,
        )
        self._worker = WorkerProcess(self._command, env, self._log_path)
        self._first_memory = None
        self._prepare_child()

    def _prepare_child(self) -> None:
        if self._settings is not None:
            try:
                self._child().send(Prepare(self._settings))
            except WorkerDiedError:
                pass  # who waits for the reply will see it
            self._unanswered += 1
            self._ready_by = time.monotonic() + START_SECONDS

    def _send(self, request: Evaluate | Check | Refit) -> None:
        try:
            self._child().send(request)
        except WorkerDiedError as error:
            raise _LostError("crashed", str(error)) from error

    def _child(self) -> WorkerProcess:
        if self._worker is None:
            raise _LostError("stopped", "The worker was stopped.")
        return self._worker

    def _next(self, timeout: float) -> _Message | None:
        """Return the child's next message to the caller, waiting in glances; None when the time is over. Raises _LostError."""
        until = time.monotonic() + timeout
        while True:
            self._look()
            if self._cohort is not None and not self._sent and not self._unanswered:
                self._send(Evaluate(self._cohort.trials))
                self._sent = True
                self._limit_to(self._cohort.seconds)
            left = until - time.monotonic()
            message = self._receive(0.0)
            if message is None:  # only then is it late: what it has said may have waited long for somebody to listen
                self._look_at_the_clock()
                message = self._receive(max(min(left, _GLANCE_SECONDS), 0.0))
            if message is not None and not self._unanswered:
                return message
            if message is not None:
                self._unanswered -= 1
                if isinstance(message, Failed) and not self._unanswered:  # of several settings the last ones count
                    raise _failure(message, "The worker could not prepare")
                if not self._unanswered and self._cohort is None:
                    return None
            elif left <= _GLANCE_SECONDS:
                return None

    def _receive(self, timeout: float) -> _Message | None:
        try:
            return self._child().receive(timeout)
        except WorkerDiedError as error:
            raise _LostError("crashed", str(error)) from error

    def _limit_to(self, seconds: float | None) -> None:
        self._limit = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def _look(self) -> None:
        """Raise _LostError when the child must not go on: stopped, or too large."""
        if self._stopped.is_set():
            raise _LostError("stopped", "The worker was stopped.")
        now = time.monotonic()
        if self._memory_bytes is not None and now - self._memory_seen_at > _GLANCE_SECONDS:
            self._memory_seen_at = now
            held = self._child().memory()
            if held > self._memory_bytes:
                raise _LostError("out_of_memory", f"The worker held {_mb(held)}, its limit is {_mb(self._memory_bytes)}.")

    def _look_at_the_clock(self) -> None:
        """Raise _LostError when the child is too late."""
        now = time.monotonic()
        if self._unanswered and now > self._ready_by:
            raise _LostError("crashed", f"The worker was not ready after {START_SECONDS:.0f} s. {self._child().last_words()}")
        if self._deadline is not None and now > self._deadline:
            raise _LostError("timeout", f"The worker was ended, since it was not done after {self._limit:g} s.")

    def _heard(self, cohort: Cohort, message: _Message) -> list[CohortEvent]:
        match message:
            case Progress() | FoldFinished() | FoldRead() | FoldFailed():
                return [CohortHeard(cohort.id, message)]
            case Done():
                self._cohort = self._deadline = None
                self._replace_if_grown()
                return [CohortFinished(cohort.id)]
            case Failed():
                raise _failure(message, "The worker could not train the cohort")
        raise _LostError("crashed", f"The worker answered a cohort with {message!r}, expected its results.")

    def _replace_if_grown(self) -> None:
        held = self._child().memory()
        if self._first_memory is None:
            self._first_memory = held
        elif held - self._first_memory > self._growth_bytes:
            logger.info("a worker has grown from %s to %s and is replaced", _mb(self._first_memory), _mb(held))
            self._discard()
            self._start_child()

    def _discard(self) -> None:
        if self._worker is not None:
            self._worker.close()
        self._worker, self._unanswered, self._deadline = None, 0, None


def _failure(failed: Failed, what: str) -> _LostError:
    cause: LossCause = "out_of_memory" if failed.cause == "out_of_memory" else "crashed"
    return _LostError(cause, "\n".join(filter(None, (f"{what}: {failed.message}", failed.traceback))))


def _mb(size: int) -> str:
    return f"{size / 2**20:.0f} MB"
