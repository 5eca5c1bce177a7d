"""Workers, actors, nodes and drivers that die: no cohort is lost unheard, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from processes import all_gone
from recording_conductor import FAKE_WORKER, RecordingConductor, cohort, settings
from shared_ray import our_ray

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.search.cohorts import CohortEvent, CohortFinished, CohortLost

FAKES = Path(FAKE_WORKER[1]).parent


@contextmanager
def driver(kind: str, log_folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A driver in a session of its own, once both its workers have reported; with everything that then runs below it."""
    process = subprocess.Popen(
        [sys.executable, str(FAKES / "sweeping_driver.py"), kind, str(log_folder), "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        workers = [int(process.stdout.readline().split()[1]) for _ in range(2)]
        yield process, [*workers, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    finally:
        process.kill()
        process.communicate()


def test_a_worker_that_dies_while_idle_costs_no_cohort(tmp_path: Path) -> None:
    def kill_then_go_on(conductor: RecordingConductor, event: CohortEvent) -> None:
        if event == CohortFinished("c0"):
            os.kill(conductor.pids()[0], signal.SIGKILL)
            assert all_gone(conductor.pids(), within=2)
            time.sleep(0.2)  # until its last thread is gone too
            conductor.waiting = [cohort("c1", {})]

    dispatcher = LocalDispatcher(1, log_folder=tmp_path, command=FAKE_WORKER)
    dispatcher.start("keras")
    dispatcher.prepare(settings())
    conductor = RecordingConductor([cohort("c0", {})], on_event=kill_then_go_on)
    dispatcher.run(conductor)
    dispatcher.close()
    assert conductor.ends() == [CohortFinished("c0"), CohortFinished("c1")]


def test_a_worker_that_dies_with_every_cohort_ends_the_run_all_the_same(tmp_path: Path) -> None:
    dispatcher = LocalDispatcher(2, log_folder=tmp_path, command=(sys.executable, "-c", "raise SystemExit('no Keras here')"))
    dispatcher.start("keras")
    dispatcher.prepare(settings())
    conductor = RecordingConductor([cohort(f"c{number}", {}) for number in range(4)])
    dispatcher.run(conductor)
    dispatcher.close()
    assert [type(event) for event in conductor.ends()] == [CohortLost] * 4
    assert all(isinstance(event, CohortLost) and "no Keras here" in event.detail for event in conductor.ends())


def test_workers_of_a_killed_driver_end(tmp_path: Path) -> None:
    with driver("local", tmp_path) as (process, below):
        process.kill()
        assert all_gone(below, within=3)


def test_an_interrupted_driver_stops_within_two_seconds_and_leaves_nothing(tmp_path: Path) -> None:
    with driver("local", tmp_path) as (process, below):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all in the foreground
        out, err = process.communicate(timeout=10)
        assert process.returncode == 0
        assert float(out.split()[-1]) < 2.0
        assert err == ""
        assert all_gone(below, within=1)


def test_an_interrupted_driver_with_a_ray_of_its_own_stops_within_two_seconds_silent_and_leaves_nothing(tmp_path: Path) -> None:
    with driver("ray", tmp_path) as (process, below):
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out.startswith("stopped ")
        assert float(out.split()[-1]) < 2.0
        assert err == ""
        assert all_gone(below, within=5)


@pytest.mark.full
def test_a_killed_actor_loses_its_cohort_and_takes_its_worker_along(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill(conductor: RecordingConductor, event: CohortEvent) -> None:
        if conductor.pids("victim") and not killed:
            worker = conductor.pids("victim")[0]
            killed.extend([worker, psutil.Process(worker).ppid()])
            os.kill(killed[1], signal.SIGKILL)
        if isinstance(event, CohortLost):
            conductor.waiting.append(cohort("again", {}))

    with our_ray():
        dispatcher = RayDispatcher(workers=2, log_folder=tmp_path, command=FAKE_WORKER)
        dispatcher.start("keras")
        dispatcher.prepare(settings())
        conductor = RecordingConductor([cohort("victim", {}, {"sleep": 60}), cohort("other", {"sleep": 1})], on_event=kill)
        dispatcher.run(conductor)
        dispatcher.close()
    ends = {event.cohort: event for event in conductor.ends()}
    assert isinstance(ends["victim"], CohortLost)
    assert ends["victim"].cause == "crashed"
    assert "actor" in ends["victim"].detail
    assert [type(ends[name]) for name in ("other", "again")] == [CohortFinished] * 2
    assert all_gone(killed, within=2)
