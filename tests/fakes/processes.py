"""Whether processes are gone, for tests of what must not be left behind."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def all_gone(pids: Iterable[int], within: float) -> bool:
    """Return whether all of ``pids`` are gone, waiting up to ``within`` seconds for it."""
    deadline = time.monotonic() + within
    while not all(map(gone, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
