"""The local dispatcher beyond what all dispatchers keep to (tests/contracts/test_dispatchers.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recording_conductor import FAKE_WORKER, RecordingConductor, cohort, settings

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.search.cohorts import CohortFinished, CohortLost

MEGABYTE = 2**20


@pytest.fixture
def dispatcher(tmp_path: Path) -> Iterator[LocalDispatcher]:
    made = LocalDispatcher(2, log_folder=tmp_path / "logs", command=FAKE_WORKER, memory_bytes=300 * MEGABYTE)
    made.start("keras")
    made.prepare(settings())
    yield made
    made.close()


def test_it_needs_a_worker(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one worker, got 0"):
        LocalDispatcher(0, log_folder=tmp_path)


def test_each_worker_has_a_log_of_its_own(dispatcher: LocalDispatcher, tmp_path: Path) -> None:
    dispatcher.run(RecordingConductor([cohort("c0", {})]))
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["worker-0.log", "worker-1.log"]


def test_each_worker_is_held_to_its_memory(dispatcher: LocalDispatcher) -> None:
    conductor = RecordingConductor([cohort("large", {"grow": 500}, {"sleep": 20}), cohort("small", {"grow": 50})])
    dispatcher.run(conductor)
    causes = {event.cohort: event.cause for event in conductor.ends() if isinstance(event, CohortLost)}
    assert causes == {"large": "out_of_memory"}


def test_a_stopped_run_can_be_followed_by_another(dispatcher: LocalDispatcher) -> None:
    def stop(conductor: RecordingConductor) -> None:
        conductor.stopped = bool(conductor.folds())

    stopped = RecordingConductor([cohort("c0", {}, {"sleep": 20}), cohort("c1", {}, {"sleep": 20})], on_tick=stop)
    dispatcher.run(stopped)
    assert {type(event) for event in stopped.ends()} == {CohortLost}
    resumed = RecordingConductor([cohort("c0", {}), cohort("c1", {})])
    dispatcher.run(resumed)
    assert sorted(resumed.ends(), key=str) == [CohortFinished("c0"), CohortFinished("c1")]


def test_both_workers_have_begun_before_a_cohort_is_waited_for(dispatcher: LocalDispatcher) -> None:
    conductor = RecordingConductor([cohort("c0", {"sleep": 0.5}), cohort("c1", {"sleep": 0.5})])
    dispatcher.run(conductor)
    assert conductor.times[-1] - conductor.times[0] < 0.9
    assert len(set(conductor.pids())) == 2
