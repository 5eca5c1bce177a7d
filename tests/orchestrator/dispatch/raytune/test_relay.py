"""The relay between Tune's loop and the conductor, driven as Tune would, without Ray."""

from __future__ import annotations

import pytest
from recording_conductor import RecordingConductor, cohort

from orchestrator.dispatch.raytune import relay as relay_module
from orchestrator.dispatch.raytune.relay import Relay, find, relaying
from orchestrator.search.cohorts import Cohort, CohortEvent, CohortFinished, CohortHeard, CohortLost
from trainers.messages import Progress, TrialRequest

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


# --- cohorts that are wanted no longer ------------------------------------------------------------------------------------------


def test_a_cohort_that_is_wanted_no_longer_ends_where_there_is_a_next_one() -> None:
    conductor = RecordingConductor([C0], keep_open=True)
    relay = Relay(conductor)
    relay.wants_worker("t0")
    relay.heard("t0", [])
    conductor.late = {"c0"}
    assert relay.heard("t0", []) is None  # it may go on for now
    conductor.waiting = [C1]
    assert relay.heard("t0", []) == C1
    assert conductor.events == [CohortLost("c0", "stopped")]
    assert relay.heard("t0", [CohortFinished("c1")]) is None


def test_a_waiting_cohort_that_is_wanted_no_longer_is_given_to_nobody() -> None:
    conductor = RecordingConductor([C0], keep_open=True)
    relay = Relay(conductor)
    relay.wants_worker("t0")
    conductor.late, conductor.waiting = {"c0"}, [C1]
    assert relay.heard("t0", []) == C1
    assert conductor.events == [CohortLost("c0", "stopped")]


# --- workers that lose what they are given --------------------------------------------------------------------------------------


def of(name: str, *trials: int) -> Cohort:
    return Cohort(name, tuple(TrialRequest(number, {}, (0,)) for number in trials))


def crash(name: str) -> list[CohortEvent]:
    return [CohortLost(name, "crashed", "disk full")]


def two_workers(*cohorts: Cohort, proved: bool = True) -> tuple[Relay, RecordingConductor]:
    """A relay whose worker ``well`` trains the cohort ``long``, told of or not, and whose worker ``bad`` has the next."""
    conductor = RecordingConductor([of("long", 90), *cohorts], keep_open=True)
    relay = Relay(conductor)
    for worker in ("well", "bad"):
        relay.wants_worker(worker)
    assert relay.heard("well", []) == of("long", 90)
    if proved:
        relay.heard("well", [CohortHeard("long", Progress(90, 0, 1, 2, None))])
    assert relay.heard("bad", []) == cohorts[0]
    return relay, conductor


def test_a_worker_that_loses_two_cohorts_in_a_row_gets_no_third_while_another_works() -> None:
    relay, conductor = two_workers(of("c0", 0), of("c1", 1), of("c2", 2))
    assert relay.heard("bad", crash("c0")) == of("c1", 1)
    assert relay.heard("bad", crash("c1")) is None
    assert relay.heard("bad", []) is None
    assert conductor.waiting == [of("c2", 2)]
    assert relay.heard("well", [CohortFinished("long")]) == of("c2", 2)


def test_a_worker_that_was_heard_of_between_two_losses_goes_on() -> None:
    relay, _ = two_workers(of("c0", 0), of("c1", 1), of("c2", 2))
    relay.heard("bad", crash("c0"))
    assert relay.heard("bad", [CohortHeard("c1", Progress(1, 0, 1, 2, None)), *crash("c1")]) == of("c2", 2)


def test_what_a_worker_lost_goes_to_another() -> None:
    relay, conductor = two_workers(of("c0", 0, 1))
    conductor.waiting = [of("half", 0), of("other-half", 1), of("c1", 2)]
    assert relay.heard("bad", crash("c0")) == of("c1", 2)
    assert relay.heard("well", [CohortFinished("long")]) == of("half", 0)
    assert relay.heard("bad", [CohortFinished("c1")]) == of("other-half", 1)  # it works after all


def test_a_sweep_whose_only_worker_is_bad_comes_to_its_end() -> None:
    cohorts = [of(f"c{number}", number // 2) for number in range(6)]
    conductor = RecordingConductor(cohorts)
    relay = Relay(conductor)
    relay.wants_worker("bad")
    given = relay.heard("bad", [])
    while given is not None:
        given = relay.heard("bad", crash(given.id))
    assert conductor.ends() == [CohortLost(cohort.id, "crashed", "disk full") for cohort in cohorts]
    assert relay.is_over()


def test_a_bad_worker_goes_on_where_no_other_has_proved_itself() -> None:
    relay, _ = two_workers(of("c0", 0), of("c1", 0), of("c2", 1), proved=False)
    assert relay.heard("bad", crash("c0")) == of("c1", 0)
    assert relay.heard("bad", crash("c1")) == of("c2", 1)


def test_a_bad_worker_goes_on_when_the_good_one_is_gone() -> None:
    relay, conductor = two_workers(of("c0", 0), of("c1", 0))
    assert relay.heard("bad", crash("c0")) is None
    relay.lost("well", "the node is gone")
    assert relay.heard("bad", []) == of("c1", 0)
    conductor.waiting = [of("c2", 2)]
    assert relay.heard("bad", crash("c1")) == of("c2", 2)


def test_a_worker_rests_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "REST_SECONDS", 0.0)
    relay, _ = two_workers(of("c0", 0), of("c1", 0), of("c2", 1))
    assert relay.heard("bad", crash("c0")) == of("c1", 0)
    assert relay.heard("bad", crash("c1")) == of("c2", 1)


def test_another_worker_is_wanted_for_what_a_resting_one_is_not_given() -> None:
    relay, conductor = two_workers(of("c0", 0), of("c1", 1))
    relay.heard("bad", crash("c0"))
    relay.heard("bad", crash("c1"))
    conductor.waiting = [of("c2", 2)]
    assert relay.wants_worker("t2")
    assert relay.heard("t2", []) == of("c2", 2)


@pytest.mark.parametrize("cause", ["timeout", "out_of_memory"])
def test_trials_that_take_too_much_are_not_the_workers_fault(cause: str) -> None:
    relay, _ = two_workers(of("c0", 0), of("c1", 1), of("c2", 2))
    for name, following in (("c0", "c1"), ("c1", "c2")):
        given = relay.heard("bad", [CohortLost(name, cause)])  # type: ignore[arg-type]
        assert given is not None
        assert given.id == following


def test_a_bad_node_takes_no_life_of_more_than_two_trials() -> None:
    """Every trial has two lives, as in the search: a crash costs one, and the cohort is given out again at once."""
    lives = dict.fromkeys(range(20), 2)

    def blame(conductor: RecordingConductor, event: CohortEvent) -> None:
        if isinstance(event, CohortLost):
            number = int(event.cohort.split("-")[0])
            lives[number] -= 1
            if lives[number]:
                conductor.waiting.insert(0, of(f"{number}-again", number))

    conductor = RecordingConductor([of(f"{number}-first", number) for number in lives], on_event=blame)
    relay = Relay(conductor)
    given: dict[str, Cohort | None] = {}
    for worker in ("well", "bad"):
        relay.wants_worker(worker)
        given[worker] = relay.heard(worker, [])
    while not relay.is_over():
        busy = given["well"]
        if busy is not None:
            relay.heard("well", [CohortHeard(busy.id, Progress(0, 0, 1, 2, None))])
        for _ in range(10):  # it crashes ten times faster than the other one trains
            lost = given["bad"]
            given["bad"] = relay.heard("bad", [] if lost is None else crash(lost.id))
        given["well"] = relay.heard("well", [] if busy is None else [CohortFinished(busy.id)])
    assert sum(2 - left for left in lives.values()) == 2
    assert min(lives.values()) == 1


# --- the end --------------------------------------------------------------------------------------------------------------------


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
