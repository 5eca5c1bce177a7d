"""The workers of scikit-learn searches: on this machine or on a Ray, kept warm for the next ``fit``, and gone in the end."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.dispatch import Dispatcher, LocalDispatcher, RayDispatcher, room_here
from orchestrator.running import StopSignals
from trainers.settings import EngineName

KEPT_SECONDS = 60.0
"""So long workers wait for the next ``fit``."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which workers a search asks for: how many (None: as many as a cluster has room for), and of which Ray, if of one."""

    workers: int | None
    address: str | None = None


@dataclass(slots=True)
class Hired:
    """Workers of one search. ``release`` keeps them for the next one, ``end`` does not; one of the two is to be called."""

    wanted: Wanted
    dispatcher: Dispatcher
    folder: Path
    _ended: bool = field(default=False, repr=False)

    def release(self) -> None:
        """Keep the workers for the next search."""
        _keep(self)

    def end(self) -> None:
        """End the workers within about a second. May be called again."""
        if not self._ended:
            self._ended = True
            try:
                self.dispatcher.close()
            finally:
                shutil.rmtree(self.folder, ignore_errors=True)


def wanted(n_jobs: int | None, address: str | None) -> Wanted:
    """Return which workers ``n_jobs`` means, as scikit-learn counts: None and -1 as many as fit, -2 one less, inside a pool one.

    None is what ``joblib.parallel_config`` says, where that is in force.

    Raises
    ------
    ValueError
        ``n_jobs`` is 0.
    """
    from joblib.parallel import get_active_backend

    backend, context = get_active_backend()
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")  # joblib's words
    if multiprocessing.parent_process() is not None or backend.nesting_level:
        return Wanted(1, address)
    n_jobs = context if n_jobs is None else n_jobs
    if n_jobs is not None and n_jobs > 0:
        return Wanted(n_jobs, address)
    if address is not None:
        return Wanted(None, address)
    room = room_here(1.0)
    return Wanted(max(room + 1 + (-1 if n_jobs is None else n_jobs), 1))


def hire(which: Wanted, engine: EngineName) -> Hired:
    """Return workers, kept ones if there are such, started: they import meanwhile. Others that were kept are ended."""
    hired = _take(which)
    try:
        if hired is None:
            hired = _new(which)
        hired.dispatcher.start(engine)
    except BaseException:
        if hired is not None:
            hired.end()
        raise
    return hired


def end_kept() -> None:
    """End the workers that wait for the next search."""
    with _lock:
        kept, _kept[:] = list(_kept), []
    for hired in kept:
        hired.end()


class _Unheard:
    """Stands for ``StopSignals`` where a KeyboardInterrupt does no harm."""

    def __call__(self) -> str | None:
        """Return None: nobody asks to stop."""
        return None

    def install(self) -> None:
        """Leave the handlers of signals as they are."""


@contextmanager
def noting(which: Wanted) -> Iterator[StopSignals | _Unheard]:
    """Note signals instead of acting on them while Ray's loop runs: an exception in its midst would leave its actors behind."""
    if which.address is None:
        yield _Unheard()
        return
    with StopSignals() as stop:
        yield stop


# --- those that wait ----------------------------------------------------------------------------------------------------------

_lock = threading.Lock()
_kept: list[Hired] = []
_others: list[Hired] = []  # a parent process' workers, after a fork: to be left alone, and not to be collected
_timers: list[threading.Timer] = []


def _new(which: Wanted) -> Hired:
    folder = Path(tempfile.mkdtemp(prefix="kerasweep-workers-"))
    dispatcher: Dispatcher
    if which.address is None:
        dispatcher = LocalDispatcher(which.workers or 1, log_folder=folder)
    else:
        dispatcher = RayDispatcher(address=which.address, workers=which.workers, log_folder=folder)
    return Hired(which, dispatcher, folder)


def _take(which: Wanted) -> Hired | None:
    """Return workers that were kept, if they are as wanted; others make room."""
    with _lock:
        _cancel()
        fitting = next((hired for hired in _kept if hired.wanted == which), None)
        others = [hired for hired in _kept if hired is not fitting]
        _kept.clear()
    for hired in others:
        hired.end()
    return fitting


def _keep(hired: Hired) -> None:
    with _lock:
        room = not _kept  # of searches that ran at the same time one leaves its workers
        if room:
            _kept.append(hired)
            _cancel()
            timer = threading.Timer(KEPT_SECONDS, end_kept)
            timer.daemon = True
            _timers.append(timer)
            timer.start()
    if not room:
        hired.end()


def _cancel() -> None:
    for timer in _timers:
        timer.cancel()
    _timers.clear()


def _forget() -> None:
    """Leave a parent's workers to the parent."""
    global _lock  # noqa: PLW0603 (another thread of the parent's may have held it)
    _lock = threading.Lock()
    _others.extend(_kept)
    _kept.clear()
    _timers.clear()


os.register_at_fork(after_in_child=_forget)
atexit.register(end_kept)
