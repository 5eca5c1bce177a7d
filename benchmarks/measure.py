"""Runs one program from start to exit and measures it with all that it starts: wall time, CPU time, peak memory. Linux only.

Memory is sampled, as the sum of what all processes hold; pages that several of them share count more than once, for every method
alike. CPU time is what the kernel accounts to those that were waited for, of which this process adopts the orphans, or the sum of
what was seen of every process, whichever is more: Ray's raylet throws the account of its workers away.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
_SAMPLE_SECONDS = 0.25
_LINGER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds from start to exit, user + system seconds of the tree, bytes at the peak, exit status."""

    wall: float
    cpu: float
    peak: int
    status: int

    def record(self) -> dict[str, float]:
        return asdict(self)


def measure(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> Measured:
    """Run ``command`` in ``folder``; what it prints goes to ``output.log`` there."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (folder / "output.log").open("wb") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [*command], cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        sampler = _Sampler()
        sampler.start()
        status = process.wait()
        wall = time.monotonic() - began
    sampler.ended.set()
    sampler.join()
    _reap()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(round(wall, 3), round(max(cpu, sampler.cpu), 3), sampler.peak, status)


class _Sampler(threading.Thread):
    """Watches the memory and the CPU time of everything below this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.ended = threading.Event()
        self._seconds: dict[psutil.Process, float] = {}

    @property
    def cpu(self) -> float:
        """Seconds of all processes, each as it was last seen."""
        return sum(self._seconds.values())

    def run(self) -> None:
        here = psutil.Process()
        while not self.ended.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(self._look, here.children(recursive=True))))

    def _look(self, process: psutil.Process) -> int:
        try:
            with process.oneshot():
                times = process.cpu_times()
                self._seconds[process] = times.user + times.system
                return int(process.memory_info().rss)
        except psutil.Error:
            return 0


def _reap() -> None:
    """Wait for everything below this process, and end what lingers."""
    deadline = time.monotonic() + _LINGER_SECONDS
    while True:
        try:
            found, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if found:
            continue
        if time.monotonic() > deadline:
            for child in psutil.Process().children(recursive=True):
                child.kill()
        time.sleep(0.05)
