"""The relay between Tune's loop and the conductor, driven as Tune would, without Ray."""

from __future__ import annotations

import pytest
from recording_conductor import RecordingConductor, cohort

from orchestrator.cohorts import CohortFinished, CohortLost
from orchestrator.raytune.relay import Relay, find, relaying

C0, C1, C2 = (cohort(name, {}) for name in ("c0", "c1", "c2"))


def test_a_worker_gets_a_cohort_when_it_is_up_and_its_events_reach_the_conductor() -> None:
    conductor = RecordingConductor([C0])
    relay = Relay(conductor)
    assert relay.wants_worker("t0")
    assert relay.heard("t0", []) == C0
    assert not relay.is_over()
    assert relay.heard("t0", [CohortFinished("c0")]) is None
    assert conductor.events == [CohortFinished("c0")]
    assert relay.is_over()


def test_a_worker_takes_cohort_after_cohort_and_idles_between() -> None:
    conductor = RecordingConductor([C0, C1], keep_open=True)
    relay = Relay(conductor)
    relay.wants_worker("t0")
    assert relay.heard("t0", []) == C0
    assert relay.heard("t0", []) is None  # it has one
    assert relay.heard("t0", [CohortFinished("c0")]) == C1
    assert relay.heard("t0", [CohortFinished("c1")]) is None
    assert relay.heard("t0", []) is None
    conductor.waiting = [C2]
    assert relay.heard("t0", []) == C2


def test_a_worker_is_wanted_only_for_a_cohort_that_no_free_one_takes() -> None:
    conductor = RecordingConductor([C0], keep_open=True)
    relay = Relay(conductor)
    assert [relay.wants_worker("t0"), relay.wants_worker("t1")] == [True, False]
    assert relay.heard("t0", []) == C0
    assert relay.heard("t0", [CohortFinished("c0")]) is None
    conductor.waiting = [C1]
    assert not relay.wants_worker("t1")  # t0 idles
    conductor.waiting = [C2]
    assert relay.wants_worker("t1")
    assert [relay.heard("t0", []), relay.heard("t1", [])] == [C1, C2]


def test_no_cohort_waits_for_an_actor_that_gets_no_room() -> None:
    conductor = RecordingConductor([C0, C1])
    relay = Relay(conductor)
    assert [relay.wants_worker("t0"), relay.wants_worker("t1")] == [True, True]
    assert relay.heard("t0", []) == C0
    assert relay.heard("t0", [CohortFinished("c0")]) == C1
    relay.heard("t0", [CohortFinished("c1")])
    assert relay.is_over()


def test_a_lost_worker_loses_its_cohort_once() -> None:
    conductor = RecordingConductor([C0], keep_open=True)
    relay = Relay(conductor)
    relay.wants_worker("t0")
    relay.heard("t0", [])
    relay.lost("t0", "the node is gone")
    relay.lost("t0", "the node is gone")
    assert conductor.events == [CohortLost("c0", "crashed", "the node is gone")]


def test_an_actor_that_never_gets_up_loses_a_waiting_cohort() -> None:
    conductor = RecordingConductor([C0], keep_open=True)
    relay = Relay(conductor)
    relay.wants_worker("t0")
    relay.lost("t0", "no such folder")
    assert conductor.events == [CohortLost("c0", "crashed", "no such folder")]


def test_losing_an_idle_worker_loses_no_cohort_and_a_new_one_takes_the_next() -> None:
    conductor = RecordingConductor([C0], keep_open=True)
    relay = Relay(conductor)
    relay.wants_worker("t0")
    relay.heard("t0", [])
    relay.heard("t0", [CohortFinished("c0")])
    relay.lost("t0", "the node is gone")
    conductor.waiting = [C1]
    assert relay.wants_worker("t1")
    assert relay.heard("t1", []) == C1
    assert conductor.events == [CohortFinished("c0")]


def test_what_is_left_at_the_end_is_reported_as_stopped() -> None:
    conductor = RecordingConductor([C0, C1], keep_open=True)
    relay = Relay(conductor)
    relay.wants_worker("t0")
    relay.wants_worker("t1")
    relay.heard("t0", [])
    conductor.stopped = True
    assert relay.is_over()
    relay.give_up()
    assert conductor.ends() == [CohortLost("c0", "stopped"), CohortLost("c1", "stopped")]


def test_what_the_conductor_raises_ends_everything_and_comes_out_at_the_end() -> None:
    def raise_(conductor: RecordingConductor) -> None:
        raise KeyboardInterrupt

    conductor = RecordingConductor([C0], on_tick=raise_)
    relay = Relay(conductor)
    assert not relay.wants_worker("t0")
    assert relay.is_over()
    assert len(conductor.ticks) == 1
    with pytest.raises(KeyboardInterrupt):
        relay.give_up()
    assert conductor.events == []


def test_a_relay_is_found_by_its_name_while_it_serves() -> None:
    with relaying(RecordingConductor()) as (name, relay):
        assert find(name) is relay
    with pytest.raises(KeyError):
        find(name)
