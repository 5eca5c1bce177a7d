"""What every dispatcher keeps to, with and without Ray: real processes, a fake worker in them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from processes import all_gone
from recording_conductor import FAKE_WORKER, RecordingConductor, cohort, settings
from shared_ray import our_ray

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.dispatch.protocol import Dispatcher
from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.errors import WorkerLostError
from orchestrator.search.cohorts import CohortEvent, CohortFinished, CohortHeard, CohortLost
from trainers.messages import Check, Checked, Failed, FoldFailed, Refit, Refitted


@pytest.fixture(scope="module")
def ray_of_the_module() -> Iterator[None]:
    """One Ray for all tests here, which dispatchers find running and leave alone."""
    with our_ray():
        yield


BOTH = pytest.mark.parametrize("dispatcher", ["local", "ray"], indirect=True)
BOTH_IN_FULL = pytest.mark.parametrize("dispatcher", ["local", pytest.param("ray", marks=pytest.mark.full)], indirect=True)
"""A run on Ray takes seconds to start its actors: what other tests cover on Ray is left to the full suite."""


@pytest.fixture
def dispatcher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Dispatcher]:
    made: Dispatcher
    if request.param == "local":
        made = LocalDispatcher(2, log_folder=tmp_path, command=FAKE_WORKER)
    else:
        request.getfixturevalue("ray_of_the_module")
        made = RayDispatcher(workers=2, log_folder=tmp_path, command=FAKE_WORKER)
    made.start("keras")
    made.prepare(settings(stage=str(tmp_path)))
    yield made
    made.close()


@BOTH_IN_FULL
def test_every_fold_arrives_once_and_every_cohort_ends_once(dispatcher: Dispatcher) -> None:
    conductor = RecordingConductor([cohort(f"c{number}", {}, {}, folds=2) for number in range(10)])
    dispatcher.run(conductor)
    assert sorted(conductor.folds()) == [(f"c{n}", trial, fold) for n in range(10) for trial in (0, 1) for fold in (0, 1)]
    assert sorted(conductor.ends(), key=str) == [CohortFinished(f"c{number}") for number in range(10)]


@BOTH_IN_FULL
def test_all_workers_are_busy_and_never_more(dispatcher: Dispatcher) -> None:
    conductor = RecordingConductor([cohort(f"c{number}", {"sleep": 0.4}) for number in range(6)])
    dispatcher.run(conductor)
    assert dispatcher.workers == 2
    assert conductor.most_open == 2
    assert len(set(conductor.pids())) == 2


@BOTH
def test_workers_stay_warm_while_the_search_thinks(dispatcher: Dispatcher) -> None:
    """Generations of a search: nothing is left to hand out until the last score of the last one is in."""
    begun: list[float] = []  # one a generation, of two cohorts; counted once both workers are up, however long that takes

    def breed(conductor: RecordingConductor, event: CohortEvent) -> None:
        if not (conductor.open or conductor.waiting) and len(begun) < 5:
            begun.extend([conductor.times[-1]] * (len(set(conductor.pids())) == 2))
            names = [f"{len(conductor.ends())}.{number}" for number in range(2)]
            conductor.waiting = [cohort(name, {"sleep": 0.2 if begun else 0.5}) for name in names]

    conductor = RecordingConductor([cohort("c0.0", {"sleep": 0.5}), cohort("c0.1", {"sleep": 0.5})], on_event=breed)
    dispatcher.run(conductor)
    assert len(begun) == 5
    assert len(set(conductor.pids())) == 2
    assert conductor.times[-1] - begun[0] < 5 * 0.9


@BOTH_IN_FULL
def test_a_conductor_may_have_nothing_to_hand_out_for_a_while(dispatcher: Dispatcher) -> None:
    def wake(conductor: RecordingConductor) -> None:
        if len(conductor.ticks) == 4:
            conductor.waiting = [cohort("late", {})]
            conductor.keep_open = False

    conductor = RecordingConductor(keep_open=True, on_tick=wake)
    dispatcher.run(conductor)
    assert conductor.ends() == [CohortFinished("late")]


@pytest.mark.parametrize("where", ["local", pytest.param("cluster", marks=pytest.mark.full)])
def test_a_second_conductor_is_served_under_settings_of_its_own(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dispatcher: Dispatcher
    if where == "local":
        dispatcher = LocalDispatcher(2, log_folder=tmp_path, command=FAKE_WORKER)
    else:
        request.getfixturevalue("ray_of_the_module")
        dispatcher = RayDispatcher(address="auto", workers=2, log_folder=tmp_path, command=FAKE_WORKER)
    dispatcher.start("keras")
    try:
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            dispatcher.prepare(settings(stage=str(tmp_path / name)))
            conductor = RecordingConductor([cohort(f"{name}-{number}", {}, {}, folds=2) for number in range(3)])
            dispatcher.run(conductor)
            assert len(conductor.folds()) == 12
            assert sorted(conductor.ends(), key=str) == [CohortFinished(f"{name}-{number}") for number in range(3)]
    finally:
        dispatcher.close()


@BOTH
def test_a_finished_conductor_costs_nothing(dispatcher: Dispatcher) -> None:
    began = time.monotonic()
    dispatcher.run(RecordingConductor())
    assert time.monotonic() - began < 1.0


@BOTH_IN_FULL
def test_a_failed_trial_is_reported_and_its_companions_go_on(dispatcher: Dispatcher) -> None:
    conductor = RecordingConductor([cohort("c0", {"raise": "negative width"}, {})])
    dispatcher.run(conductor)
    heard = [event.event for event in conductor.events if isinstance(event, CohortHeard)]
    assert FoldFailed(0, 0, "exception", "negative width", "a traceback") in heard
    assert conductor.folds() == [("c0", 1, 0)]


@BOTH
def test_lost_cohorts_are_reported_with_their_cause_and_the_others_run(dispatcher: Dispatcher) -> None:
    conductor = RecordingConductor(
        [
            cohort("crash", {"kill": signal.SIGKILL}),
            cohort("late", {"hang": True}, seconds=0.5),
            cohort("memory", {"out_of_memory": True}),
            cohort("fine", {}),
        ]
    )
    dispatcher.run(conductor)
    causes = {event.cohort: event.cause for event in conductor.ends() if isinstance(event, CohortLost)}
    assert causes == {"crash": "crashed", "late": "timeout", "memory": "out_of_memory"}
    assert conductor.folds() == [("fine", 0, 0)]
    detail = next(event.detail for event in conductor.ends() if isinstance(event, CohortLost) and event.cohort == "crash")
    assert "SIGKILL" in detail
    assert "about to die" in detail


@BOTH
def test_a_cohort_that_is_wanted_no_longer_makes_way_for_the_next(dispatcher: Dispatcher) -> None:
    def end_of_search(conductor: RecordingConductor, event: CohortEvent) -> None:
        if len(conductor.folds()) == 2 and not conductor.late:
            conductor.late = {"old-0", "old-1"}
            conductor.waiting = [cohort(f"new-{number}", {"sleep": 1.0}) for number in range(4)]

    old = [cohort(f"old-{number}", {}, {"sleep": 60}) for number in range(2)]
    conductor = RecordingConductor(old, on_event=end_of_search)
    began = time.monotonic()
    dispatcher.run(conductor)
    assert time.monotonic() - began < 40.0
    ends = {end.cohort: end.cause if isinstance(end, CohortLost) else "finished" for end in conductor.ends()}
    assert ends == {"old-0": "stopped", "old-1": "stopped", **{f"new-{number}": "finished" for number in range(4)}}
    assert len(conductor.ends()) == 6


@BOTH
def test_a_finished_conductor_stops_what_runs_within_two_seconds(dispatcher: Dispatcher) -> None:
    stopped_at = 0.0

    def stop(conductor: RecordingConductor, event: CohortEvent) -> None:
        nonlocal stopped_at
        if len(conductor.folds()) == 2 and not conductor.stopped:
            conductor.stopped, stopped_at = True, time.monotonic()

    conductor = RecordingConductor([cohort(f"c{number}", {}, {"sleep": 60}) for number in range(4)], on_event=stop)
    dispatcher.run(conductor)
    assert time.monotonic() - stopped_at < 2.0
    assert {type(event) for event in conductor.ends()} == {CohortLost}
    assert {event.cause for event in conductor.ends() if isinstance(event, CohortLost)} == {"stopped"}
    assert not conductor.open
    assert all_gone(conductor.pids(), within=2.0)


@pytest.mark.parametrize(
    ("dispatcher", "place"),
    [
        *(("local", place) for place in ("tick", "handle", "next_cohort")),
        *(pytest.param("ray", place, marks=pytest.mark.full) for place in ("tick", "handle", "next_cohort")),
    ],
    indirect=["dispatcher"],
)
def test_what_the_conductor_raises_ends_the_run_and_comes_out_unchanged(dispatcher: Dispatcher, place: str) -> None:
    class Moody(RecordingConductor):
        raised_at = 0.0

        def _maybe(self, here: str) -> None:
            assert not self.raised_at, f"{here} was called after the conductor had raised"
            if here == place and self.folds():
                self.raised_at = time.monotonic()
                raise LookupError("another driver has taken over")

        def tick(self) -> None:
            super().tick()
            self._maybe("tick")

        def handle(self, event: CohortEvent) -> None:
            self._maybe("handle")
            super().handle(event)

        def next_cohort(self):  # type: ignore[no-untyped-def]
            self._maybe("next_cohort")
            return super().next_cohort()

    conductor = Moody([cohort("short", {}), cohort("long", {}, {"sleep": 60}), cohort("next", {})])
    with pytest.raises(LookupError, match=r"^another driver has taken over$"):
        dispatcher.run(conductor)
    assert time.monotonic() - conductor.raised_at < 2.5
    assert all_gone(conductor.pids("long"), within=2.0)


@BOTH_IN_FULL
def test_the_conductor_looks_at_the_clock_twice_a_second(dispatcher: Dispatcher) -> None:
    conductor = RecordingConductor([cohort("c0", {}, {"sleep": 2.0})])
    dispatcher.run(conductor)
    heard = conductor.times[0]
    during = [moment for moment in conductor.ticks if heard <= moment <= heard + 2.0]
    assert max(later - earlier for earlier, later in pairwise(during)) < 0.5


@BOTH
def test_requests_are_answered_before_and_after_a_run(dispatcher: Dispatcher, tmp_path: Path) -> None:
    checked = dispatcher.request(Check({}), timeout=10)
    assert isinstance(checked, Checked)
    assert checked.versions["stage"] == str(tmp_path)
    dispatcher.run(RecordingConductor([cohort("c0", {})]))
    folder = tmp_path / "model"
    assert dispatcher.request(Refit({"x": 1}, (3,), str(folder)), timeout=10) == Refitted(str(folder), 3, {"score": 0.5})
    assert (folder / "model.txt").read_text() == "{'x': 1}"


@BOTH
def test_a_request_may_fail_be_lost_or_be_given_up(dispatcher: Dispatcher) -> None:
    def give_up() -> None:
        raise KeyboardInterrupt

    assert dispatcher.request(Check({"raise": "not compiled"}), timeout=10) == Failed("invalid", "not compiled")
    with pytest.raises(WorkerLostError, match="SIGKILL"):
        dispatcher.request(Check({"kill": signal.SIGKILL}), timeout=10)
    with pytest.raises(KeyboardInterrupt):
        dispatcher.request(Check({"sleep": 60}), timeout=90, tick=give_up)
    assert isinstance(dispatcher.request(Check({}), timeout=10), Checked)


@BOTH
def test_another_engine_takes_workers_of_its_own(dispatcher: Dispatcher, tmp_path: Path) -> None:
    dispatcher.prepare(settings("fused", stage=str(tmp_path)))
    checked = dispatcher.request(Check({}), timeout=10)
    assert isinstance(checked, Checked)
    assert checked.versions["KERAS_BACKEND"] == "jax"


@BOTH_IN_FULL
def test_close_ends_all_workers_and_may_be_called_again(dispatcher: Dispatcher) -> None:
    conductor = RecordingConductor([cohort("c0", {}), cohort("c1", {})])
    dispatcher.run(conductor)
    dispatcher.close()
    dispatcher.close()
    assert all_gone(conductor.pids(), within=2.0)
