"""Runs one program until its time is over, then ends it with all that it started. Linux only."""

from __future__ import annotations

import ctypes
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: what loses its parent becomes a child of this process


@dataclass(frozen=True, slots=True)
class Ran:
    """When it began (unix seconds), how many seconds it ran, and its exit status; None: it was ended."""

    began: float
    seconds: float
    status: int | None


def run_until(command: Sequence[str], folder: Path, env: Mapping[str, str], seconds: float) -> Ran:
    """Run ``command`` in ``folder`` for so long at most; what it prints goes to ``output.log`` there."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    with (folder / "output.log").open("wb") as log:
        began, start = time.time(), time.monotonic()
        process = subprocess.Popen(
            [*command], cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        status: int | None = None
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:  # whatever ends this process but a kill -9 ends them too
            took = time.monotonic() - start
            _end_all()
        process.wait()
    return Ran(began, took, status)


def _end_all() -> None:
    """End everything below this process; a child that is made meanwhile is met in the next round."""
    while running := [one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]:
        for one in running:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                pass
        psutil.wait_procs(running, timeout=5)
