"""A launcher whose sweeps are rows in the ledger that take as long as the test says, by the test's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.errors import SweepBusyError
from orchestrator.ledger.lease import LEASE_SECONDS, is_driven
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow
from orchestrator.schedules.launching import Order
from orchestrator.search.trials import SweepState


@dataclass
class FakeClock:
    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeLauncher:
    """Begins sweeps; ``advance`` lets them go on: call it whenever the clock has moved.

    ``failures`` are raised by the next launches; ``killed_before`` and ``killed_after`` are occasions whose first launch the
    scheduler does not survive, before or after the sweep has begun; ``begun`` holds the occasions in the order they began.
    """

    ledger: Ledger
    clock: Callable[[], float]
    seconds: Callable[[str], float] = lambda occasion: 600.0
    failures: list[Exception] = field(default_factory=list)
    killed_before: set[str] = field(default_factory=set)
    killed_after: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)
    running: list[SweepRow] = field(default_factory=list)

    def reserve(self, order: Order) -> str:
        return f"{order.name}-{order.occasion}-a1"

    def launch(self, order: Order, submission: str) -> None:
        if order.occasion in self.killed_before:
            self.killed_before.remove(order.occasion)
            raise SystemExit  # ends the thread as kill -9 would: nothing after it is done
        if self.failures:
            raise self.failures.pop(0)
        owner = Owner(f"driver of {submission}", 1)
        try:
            sweep = self.ledger.claim_sweep(order.name, order.spec, None, owner, LEASE_SECONDS, occasion=order.occasion)
        except SweepBusyError:
            return
        if sweep.state is SweepState.RUNNING:
            self.begun.append(order.occasion)
            self.running.append(sweep)
        if order.occasion in self.killed_after:
            self.killed_after.remove(order.occasion)
            raise SystemExit

    def is_underway(self, order: Order, submission: str) -> bool:
        return False

    def is_running(self, sweep: SweepRow) -> bool:
        return is_driven(sweep, self.clock())

    def advance(self) -> None:
        for sweep in list(self.running):
            if self.clock() - sweep.created >= self.seconds(sweep.occasion):
                self.ledger.finish_sweep(sweep, SweepState.COMPLETED)
                self.running.remove(sweep)
            else:
                self.ledger.heartbeat(sweep)
