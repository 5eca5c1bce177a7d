"""Several schedulers on one ledger, killed with -9 and started again all the time: every due time is fired exactly once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from scheduler_processes import fast_clock

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import FiringState
from orchestrator.occasion_names import occasion_of
from orchestrator.schedules.due_times import due_between

SCRIPT = Path(__file__).with_name("scheduler_processes.py")
DUE_TIMES, OVERDUE = 300, 200
BEGIN = 1_900_000_020  # a whole minute
SPEED = 720.0
"""Five seconds an hour: so the other due times come up while schedulers are killed."""


class Schedulers:
    """So many scheduler processes, of which one is killed and replaced at a time."""

    def __init__(self, count: int, *arguments: str) -> None:
        self._arguments = arguments
        self._processes = [self._start() for _ in range(count)]
        self.kills = 0

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, str(SCRIPT), *self._arguments])

    def replace(self, number: int) -> None:
        assert self._processes[number].poll() is None, "a scheduler has ended by itself"
        self._processes[number].kill()
        self._processes[number].wait()
        self._processes[number] = self._start()
        self.kills += 1

    def __enter__(self) -> Schedulers:
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.mark.full  # one killed at a time, and started again, is in test_ledger_faults.py
@pytest.mark.parametrize("count", [2, 4])
def test_schedulers_killed_at_will_fire_every_due_time_exactly_once(ledger_url: str, tmp_path: Path, count: int) -> None:
    random, launches = Random(count), tmp_path / "launches"  # noqa: S311 (when to kill)
    since = BEGIN - OVERDUE * 60
    dues = list(due_between("* * * * *", "UTC", since, BEGIN + (DUE_TIMES - OVERDUE) * 60))
    assert len(dues) == DUE_TIMES
    with Ledger(ledger_url, lambda: since) as ledger:
        for due in dues:  # a schedule each: of one that may overlap only the latest overdue time is begun
            ledger.schedules.add(
                f"at-{due}",
                spec={"sweep": {"name": "pima"}},
                cron=datetime.fromtimestamp(due, UTC).strftime("%M %H * * *"),
                timezone="UTC",
                overlap="allow",
                catch_up=86400,
            )
    real = time.time()
    clock = fast_clock(BEGIN, real, SPEED)
    arguments = (ledger_url, str(launches), str(BEGIN), str(real), str(SPEED))
    with Ledger(ledger_url, clock) as ledger, Schedulers(count, *arguments) as schedulers:

        def fired() -> int:
            return sum(number for (_, state), number in ledger.firings.counts().items() if state is FiringState.FIRED)

        while fired() < DUE_TIMES:
            assert time.time() < real + 150, f"{fired()} of {DUE_TIMES} fired"
            time.sleep(random.uniform(0.8, 2.0))
            schedulers.replace(random.randrange(count))
    with Ledger(ledger_url, clock) as ledger:
        history = [firing for due in dues for firing in ledger.firings.history(f"at-{due}", 10)]
        sweeps = {sweep.occasion: sweep for sweep in ledger.sweeps("pima")}
    assert schedulers.kills >= 4
    assert Counter(firing.state for firing in history) == {FiringState.FIRED: DUE_TIMES}
    assert sorted(firing.due for firing in history) == dues
    assert {sweeps[occasion_of(due)].attempt for due in dues} == {1}, "one driver each"
    launched = Counter(launches.read_text().split())
    more = [firing for firing in history if launched[occasion_of(firing.due)] > firing.attempt]
    assert more == [], "only who had taken over from a dead scheduler launched again"
