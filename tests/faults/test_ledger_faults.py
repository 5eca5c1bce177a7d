"""The ledger when processes are killed with -9 in the middle of writes, write at the same time, or wake up too late."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger_processes import FOLDS, result
from tables_version_1 import write_old_ledger

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FiringState
from orchestrator.search.trials import SweepState, TrialState

SCRIPT = Path(__file__).with_name("ledger_processes.py")


class Process:
    """A process of ``ledger_processes.py``, ready to begin."""

    def __init__(self, what: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), what, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ready(self) -> None:
        assert self.line() == "ready"

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> list[str]:
        """Kill it with -9 and return what it had said."""
        self._process.kill()
        return self._to_the_end().split("\n")[:-1]  # a last line cut in two is no answer

    def rest(self) -> list[str]:
        """Let it end and return what it said."""
        said = self._to_the_end()
        assert self._process.returncode == 0
        return said.splitlines()

    def _to_the_end(self) -> str:
        """Return what was not read yet. ``communicate`` would leave out what ``line`` has read ahead."""
        assert self._process.stdout is not None
        hanging = threading.Timer(120, self._process.kill)
        hanging.start()
        with self._process:
            said = self._process.stdout.read()
        hanging.cancel()
        return said

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()


@contextmanager
def together(*processes: Process) -> Iterator[None]:
    """Have processes begin at the same moment; none outlives the block."""
    try:
        for process in processes:
            process.ready()
        for process in processes:
            process.go_on()
        yield
    finally:
        for process in processes:
            if process._process.poll() is None:
                process.kill()


def test_a_driver_killed_anywhere_loses_nothing_it_was_told_is_written(ledger_url: str) -> None:
    said: list[str] = []
    for seconds in (0.15, 0.4, 0.02):
        driver = Process("drive", ledger_url, "killed")
        with together(driver):
            said.append(driver.line())
            time.sleep(seconds)
            said += driver.kill()
        with Ledger(ledger_url) as ledger:
            sweep = ledger.sweep("killed")
            rows = ledger.trials(sweep.id)
            folds = ledger.known_folds(row.key for row in rows)
        over = {row.number for row in rows if row.state is TrialState.COMPLETED}
        assert {int(number) for number in said} <= over, "what was said to be written is written"
        for row in rows:
            complete = {fold: result(fold) for fold in range(FOLDS)}
            assert folds.get(row.key, {}) == (complete if row.number in over else {}), "a transaction is whole or not at all"
    assert sweep.attempt == 3, "each driver took over from the dead one at once"
    assert len(over) >= 6


def test_a_killed_driver_leaves_a_sound_file(tmp_path: Path) -> None:
    driver = Process("drive", f"sqlite:///{tmp_path / 'ledger.db'}", "killed")
    with together(driver):
        driver.line()
        time.sleep(0.2)
        driver.kill()
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_process_killed_while_it_makes_the_tables_leaves_none_or_all(tmp_path: Path) -> None:
    maker = Process("open_new", f"sqlite:///{tmp_path}")
    with together(maker):
        maker.line()
        time.sleep(0.25)
        maker.kill()
    paths = sorted(tmp_path.glob("ledger-*.db"))
    assert len(paths) >= 2
    for path in paths:
        with Ledger(f"sqlite:///{path}") as ledger:
            assert ledger.claim_sweep("pima", {}, None, Owner.current(), 60).occasion == "manual-1"


def test_several_processes_open_a_new_database_at_the_same_moment(ledger_url: str) -> None:
    processes = [Process("open_same", ledger_url) for _ in range(3)]
    with together(*processes):
        assert [process.rest() for process in processes] == [["0"]] * 3
    with Ledger(ledger_url) as ledger, ledger._database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM kerasweep_schema").scalar_one() == 1


def test_several_processes_open_an_old_ledger_at_the_same_moment(ledger_url: str) -> None:
    write_old_ledger(ledger_url)
    processes = [Process("open_same", ledger_url) for _ in range(4)]
    with together(*processes):
        assert [process.rest() for process in processes] == [["1"]] * 4
    with Ledger(ledger_url) as ledger:
        assert sorted(ledger.known_folds(["k", "l"])) == ["k", "l"]


def test_of_several_drivers_one_gets_the_sweep(ledger_url: str) -> None:
    processes = [Process("claim", ledger_url, f"host-{number}") for number in range(3)]
    with together(*processes):
        answers = [line for process in processes for line in process.rest()]
    assert sorted(answers) == ["busy", "busy", "driver manual-1"]
    with Ledger(ledger_url) as ledger:
        assert [(sweep.occasion, sweep.attempt) for sweep in ledger.sweeps()] == [("manual-1", 1)]


def test_equal_work_of_several_writers_is_written_once(ledger_url: str) -> None:
    processes = [Process("share", ledger_url, f"sweep-{number}") for number in range(3)]
    with together(*processes):
        written = [int(line) for process in processes for line in process.rest()]
    assert sum(written) == 200
    with Ledger(ledger_url) as ledger:
        assert len(ledger.known_folds(f"shared-{number}" for number in range(200))) == 200


def test_a_driver_that_wakes_up_after_its_lease_overwrites_nothing(ledger_url: str) -> None:
    sleeper = Process("fall_asleep", ledger_url)
    with together(sleeper):
        assert sleeper.line() == "asleep"
        with Ledger(ledger_url) as ledger:
            time.sleep(0.6)
            sweep = ledger.claim_sweep("sleepy", {}, None, Owner("awake", 2), 3600)
            ledger.start_trials(sweep, [0], "c1")
            ledger.commit_fold(sweep, 0, "slept", result(0, accuracy=0.9))
            ledger.finish_trial(sweep, 0, TrialState.COMPLETED, score=0.9)
            before = (ledger.sweep("sleepy"), ledger.trials(sweep.id), ledger.folds("slept"))
            sleeper.go_on()
            assert sleeper.rest() == ["fold False", "trial False", "lost"]
            assert (ledger.sweep("sleepy"), ledger.trials(sweep.id), ledger.folds("slept")) == before
            assert ledger.finish_sweep(sweep, SweepState.COMPLETED).attempt == 2


def test_schedulers_killed_and_started_again_fire_every_due_time_once(ledger_url: str) -> None:
    first, second, third = (Process("fire", ledger_url, "300") for _ in range(3))
    with together(first):
        said = [first.line()]  # it has fired once: of two that begin together one may fire all before the other gets to write
        with together(second):
            said += first.kill()
            with together(third):
                said += second.rest() + third.rest()
    with Ledger(ledger_url) as ledger:
        firings = ledger.firings.history("nightly", limit=1000)
    assert sorted(firing.due for firing in firings) == list(range(300))
    assert {firing.state for firing in firings} == {FiringState.FIRED}
    assert {firing.submission for firing in firings} == set(said) == {f"pima-{due}-a1" for due in range(300)}
    assert len(said) <= 301, "only what the killed one had in hand is sent again, under the same id"


def test_submitting_at_the_same_moment_claims_one_id(ledger_url: str) -> None:
    processes = [Process("submit", ledger_url) for _ in range(3)]
    with together(*processes):
        assert {line for process in processes for line in process.rest()} == {"pima-manual-1-a1"}
    with Ledger(ledger_url) as ledger:
        assert len(ledger.submissions.of_sweep(ledger.sweep("pima").id)) == 1
