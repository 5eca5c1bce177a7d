"""The lease is renewed in the background, and its loss is told to the driver."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import LeaseLostError
from orchestrator.ledger.lease import Lease
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_the_heartbeat_goes_on_while_the_driver_is_busy(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(f"sqlite:///{tmp_path / 'l.db'}", clock) as ledger:
        sweep = ledger.claim_sweep("s", {}, {}, Owner("host", 1), 60.0)
        with Lease(ledger, sweep, seconds=0.01) as lease:
            clock.now = 1050.0
            assert eventually(lambda: ledger.sweep("s").heartbeat == 1050.0)
            lease.check()


def test_a_lost_lease_is_told(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(f"sqlite:///{tmp_path / 'l.db'}", clock) as ledger:
        sweep = ledger.claim_sweep("s", {}, {}, Owner("host", 1), 60.0)
        clock.now += 100
        ledger.claim_sweep("s", {}, {}, Owner("other", 2), 60.0)
        with Lease(ledger, sweep, seconds=0.01) as lease:

            def lost() -> bool:
                try:
                    lease.check()
                except LeaseLostError:
                    return True
                return False

            assert eventually(lost)
            with pytest.raises(LeaseLostError, match="s/manual-1"):
                lease.check()
