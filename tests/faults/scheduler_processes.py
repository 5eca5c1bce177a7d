"""A scheduler as a process of its own in ``test_schedulers.py``: ``python scheduler_processes.py URL LAUNCHES BEGIN REAL SPEED``.

Its clock showed BEGIN at the real time REAL and runs SPEED times as fast. Every launch is a line in the file LAUNCHES.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from orchestrator.errors import SweepBusyError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow
from orchestrator.schedules.launching import Order
from orchestrator.schedules.scheduler import Scheduler


class RecordingLauncher:
    """Begins sweeps that never end, and writes down each time that it is asked to."""

    def __init__(self, ledger: Ledger, launches: str) -> None:
        self._ledger = ledger
        self._launches = launches

    def reserve(self, order: Order) -> str:
        return f"{order.name}-{order.occasion}-a1"

    def launch(self, order: Order, submission: str) -> None:
        file = os.open(self._launches, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{order.occasion}\n".encode())
        os.close(file)
        try:
            self._ledger.claim_sweep(order.name, order.spec, None, Owner("cluster", 1), 1e9, occasion=order.occasion)
        except SweepBusyError:
            pass  # begun by the scheduler whose place this one has taken

    def is_underway(self, order: Order, submission: str) -> bool:
        return False

    def is_running(self, sweep: SweepRow) -> bool:
        return True


def fast_clock(begin: float, real: float, speed: float) -> Callable[[], float]:
    return lambda: begin + (time.time() - real) * speed


def main(url: str, launches: str, begin: str, real: str, speed: str) -> None:
    clock = fast_clock(float(begin), float(real), float(speed))
    with Ledger(url, clock) as ledger:
        launcher = RecordingLauncher(ledger, launches)
        scheduler = Scheduler(ledger, lambda schedule: launcher, clock)
        while True:
            time.sleep(scheduler.look() / float(speed))


if __name__ == "__main__":
    main(*sys.argv[1:])
