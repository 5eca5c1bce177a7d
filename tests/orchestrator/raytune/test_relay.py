"""The relay between Tune's loop and the conductor, driven as Tune would, without Ray."""

from __future__ import annotations

import pytest
from recording_conductor import RecordingConductor, cohort

from orchestrator.cohorts import CohortFinished, CohortLost
from orchestrator.raytune.relay import Relay, find, relaying


def test_a_trial_gets_a_cohort_and_its_events_reach_the_conductor() -> None:
    conductor = RecordingConductor([cohort("c0", {})])
    relay = Relay(conductor)
    assert relay.suggest("t0") == cohort("c0", {})
    assert not relay.is_over()
    relay.heard("t0", [CohortFinished("c0")])
    assert conductor.events == [CohortFinished("c0")]
    assert relay.is_over()


def test_a_trial_whose_cohort_is_over_stays_open_until_there_is_other_work() -> None:
    conductor = RecordingConductor([cohort("c0", {})], keep_open=True)
    relay = Relay(conductor)
    relay.suggest("t0")
    assert not relay.may_end("t0")
    relay.heard("t0", [CohortFinished("c0")])
    assert not relay.may_end("t0")
    conductor.waiting = [cohort("c1", {}), cohort("c2", {})]
    assert relay.may_end("t0")
    assert relay.suggest("t1") == cohort("c1", {})


def test_one_trial_ends_for_one_cohort() -> None:
    conductor = RecordingConductor([cohort("c0", {}), cohort("c1", {})], keep_open=True)
    relay = Relay(conductor)
    relay.suggest("t0")
    relay.suggest("t1")
    relay.heard("t0", [CohortFinished("c0")])
    relay.heard("t1", [CohortFinished("c1")])
    conductor.waiting = [cohort("c2", {})]
    assert [relay.may_end("t0"), relay.may_end("t1")] == [True, False]


def test_an_idle_worker_comes_before_a_new_one() -> None:
    conductor = RecordingConductor([cohort("c0", {})], keep_open=True)
    relay = Relay(conductor)
    relay.suggest("t0")
    relay.heard("t0", [CohortFinished("c0")])
    conductor.waiting = [cohort("c1", {})]
    assert relay.suggest("t1") is None
    assert conductor.waiting


def test_a_lost_trial_loses_its_cohort_once() -> None:
    conductor = RecordingConductor([cohort("c0", {})], keep_open=True)
    relay = Relay(conductor)
    relay.suggest("t0")
    relay.lost("t0", "the node is gone")
    relay.lost("t0", "the node is gone")
    assert conductor.events == [CohortLost("c0", "crashed", "the node is gone")]


def test_losing_an_idle_worker_loses_no_cohort_and_a_new_one_takes_the_next() -> None:
    conductor = RecordingConductor([cohort("c0", {})], keep_open=True)
    relay = Relay(conductor)
    relay.suggest("t0")
    relay.heard("t0", [CohortFinished("c0")])
    relay.lost("t0", "the node is gone")
    conductor.waiting = [cohort("c1", {})]
    assert relay.suggest("t1") == cohort("c1", {})
    assert conductor.events == [CohortFinished("c0")]


def test_what_runs_at_the_end_is_reported_as_stopped_the_offered_cohort_too() -> None:
    conductor = RecordingConductor([cohort("c0", {}), cohort("c1", {})], keep_open=True)
    relay = Relay(conductor)
    relay.suggest("t0")
    relay.suggest("t1")
    relay.heard("t0", [CohortFinished("c0")])
    conductor.waiting = [cohort("c2", {})]
    assert relay.may_end("t0")
    conductor.stopped = True
    assert relay.is_over()
    relay.give_up()
    assert conductor.ends()[1:] == [CohortLost("c1", "stopped"), CohortLost("c2", "stopped")]


def test_what_the_conductor_raises_ends_everything_and_comes_out_at_the_end() -> None:
    def raise_(conductor: RecordingConductor) -> None:
        raise KeyboardInterrupt

    conductor = RecordingConductor([cohort("c0", {})], on_tick=raise_)
    relay = Relay(conductor)
    assert relay.suggest("t0") is None
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
