"""What every ledger promises, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from orchestrator.errors import LeaseLostError, LedgerError, NotFoundError, SweepBusyError, SweepMismatchError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import Committed, FoldCommit, SweepRow, TrialEnd
from orchestrator.search.trials import SweepState, Trial, TrialState
from trainers.results import FoldResult, summarise

HERE = Owner("here", 11)
THERE = Owner("there", 22)
LEASE = 60.0
IDENTITY = {"seed": 7, "strategy": {"type": "random", "trials": 40}, "space": {"rate": [0.1, 0.2]}}
NIGHT = "2030-01-01T01:00:00Z"


@dataclass
class FakeClock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(ledger_url: str, clock: FakeClock) -> Iterator[Ledger]:
    with Ledger(ledger_url, clock) as opened:
        yield opened


def claim(ledger: Ledger, name: str = "pima", owner: Owner = HERE, identity=IDENTITY, spec=None, **more) -> SweepRow:
    return ledger.claim_sweep(name, spec or {"name": name}, identity, owner, LEASE, **more)


def trials(count: int, start: int = 0) -> list[Trial]:
    return [Trial(number, {"rate": number / 7, "optimizer": "adam"}, f"key-{number}") for number in range(start, start + count)]


def fold(number: int = 0, accuracy: float = 0.75, **more) -> FoldResult:
    return FoldResult(fold=number, metrics={"accuracy": accuracy}, epoch=3, epochs_run=5, seconds=0.25, **more)


def end(number: int = 0, score: float = 0.75, **more) -> TrialEnd:
    return TrialEnd(number=number, state=TrialState.COMPLETED, score=score, **more)


# --- occasions ----------------------------------------------------------------------------------------------------------------


def test_the_first_claim_begins_an_occasion(ledger: Ledger, clock: FakeClock) -> None:
    sweep = claim(ledger)
    assert (sweep.name, sweep.occasion, sweep.title) == ("pima", "manual-1", "pima/manual-1")
    assert (sweep.state, sweep.attempt, sweep.owner) == (SweepState.RUNNING, 1, "here (pid 11)")
    assert (sweep.created, sweep.heartbeat, sweep.finished, sweep.reason) == (clock.now, clock.now, None, None)
    assert (sweep.identity, sweep.facts, sweep.mlflow_run) == (IDENTITY, {}, None)
    assert ledger.sweep("pima") == sweep


@pytest.mark.parametrize("state", [SweepState.STOPPED, SweepState.FAILED])
def test_an_unfinished_occasion_is_continued(ledger: Ledger, state: SweepState) -> None:
    first = claim(ledger)
    ledger.finish_sweep(first, state, "budget")
    second = claim(ledger, owner=THERE, spec={"name": "pima", "budget": {"trials": 9}})
    assert (second.id, second.occasion, second.attempt) == (first.id, "manual-1", 2)
    assert (second.state, second.finished, second.reason) == (SweepState.RUNNING, None, None)
    assert second.owner == "there (pid 22)"
    assert second.spec == {"name": "pima", "budget": {"trials": 9}}


def test_the_facts_of_a_completed_sweep_are_made_up_for_under_a_lease_and_it_stays_completed(ledger: Ledger) -> None:
    driver = claim(ledger)
    done = ledger.finish_sweep(driver, SweepState.COMPLETED, "all trials are over")
    late = ledger.claim_completed(done, THERE, LEASE)
    assert (late.state, late.finished, late.reason, late.owner) == (done.state, done.finished, done.reason, "there (pid 22)")
    ledger.heartbeat(late)
    assert ledger.update_facts(late, {"model_version": "1"}).facts == {"model_version": "1"}
    with pytest.raises(LeaseLostError):
        ledger.update_facts(driver, {"model_version": "2"})
    with pytest.raises(SweepBusyError, match="is driven by pid 22"):
        ledger.claim_completed(done, HERE, LEASE)
    freed = ledger.release(late)
    assert (freed.owner, freed.heartbeat, freed.state) == (None, None, SweepState.COMPLETED)
    with pytest.raises(LeaseLostError):
        ledger.update_facts(late, {"model_version": "3"})
    assert ledger.claim_completed(done, HERE, LEASE).attempt == 3
    assert ledger.release(late).owner == "here (pid 11)", "what is another's by now is not given back"


def test_a_sweep_that_is_not_completed_is_not_made_up_for(ledger: Ledger) -> None:
    stopped = ledger.finish_sweep(claim(ledger), SweepState.STOPPED)
    with pytest.raises(ValueError, match="Got STOPPED"):
        ledger.claim_completed(stopped, HERE, LEASE)


def test_after_a_completed_occasion_the_next_begins(ledger: Ledger) -> None:
    ledger.finish_sweep(claim(ledger), SweepState.COMPLETED)
    assert claim(ledger, identity={"seed": 8}).occasion == "manual-2"


def test_an_occasion_left_unfinished_is_superseded_by_a_newer_one(ledger: Ledger) -> None:
    ledger.finish_sweep(claim(ledger), SweepState.STOPPED)
    ledger.finish_sweep(claim(ledger, new=True, identity={"seed": 8}), SweepState.COMPLETED)
    assert claim(ledger, identity={"seed": 9}).occasion == "manual-3"


def test_a_new_occasion_can_begin_beside_a_running_one(ledger: Ledger) -> None:
    assert claim(ledger).occasion == "manual-1"
    assert claim(ledger, owner=THERE, new=True).occasion == "manual-2"


def test_manual_occasions_count_on_whatever_scheduled_ones_came_between(ledger: Ledger) -> None:
    for occasion in (None, NIGHT, "manual-9", "manual-x"):
        ledger.finish_sweep(claim(ledger, occasion=occasion), SweepState.COMPLETED)
    assert claim(ledger).occasion == "manual-10"


def test_a_named_occasion_is_begun_and_continued(ledger: Ledger) -> None:
    first = claim(ledger, occasion=NIGHT)
    assert first.occasion == NIGHT
    ledger.finish_sweep(claim(ledger, new=True), SweepState.STOPPED)
    ledger.finish_sweep(first, SweepState.STOPPED)
    assert claim(ledger, occasion=NIGHT).id == first.id


def test_a_named_occasion_that_is_completed_is_returned_without_a_lease(ledger: Ledger) -> None:
    done = ledger.finish_sweep(claim(ledger, occasion=NIGHT), SweepState.COMPLETED)
    again = claim(ledger, owner=THERE, occasion=NIGHT, identity={"seed": 99})
    assert again == done
    with pytest.raises(LeaseLostError):
        ledger.heartbeat(again)


def test_sweeps_of_other_names_do_not_meet(ledger: Ledger) -> None:
    assert claim(ledger, "wine", identity={"seed": 1}).occasion == "manual-1"
    assert claim(ledger, "iris", identity={"seed": 2}, owner=THERE).occasion == "manual-1"


def test_the_next_occasion_is_told_beforehand(ledger: Ledger) -> None:
    assert ledger.next_occasion("pima") == "manual-1"
    sweep = claim(ledger)
    ledger.finish_sweep(sweep, SweepState.STOPPED)
    assert ledger.next_occasion("pima") == claim(ledger).occasion == "manual-1"
    ledger.finish_sweep(replace(sweep, attempt=2), SweepState.COMPLETED)
    assert ledger.next_occasion("pima") == claim(ledger).occasion == "manual-2"


def test_an_occasion_that_was_wrong_before_its_first_trial_is_forgotten(ledger: Ledger) -> None:
    assert ledger.forget_sweep(claim(ledger)) is True
    assert ledger.sweeps() == []
    assert claim(ledger, identity={"seed": 8}).occasion == "manual-1"


def test_an_occasion_with_a_trial_or_a_submission_is_not_forgotten(ledger: Ledger) -> None:
    tried = claim(ledger, "tried")
    ledger.add_trials(tried, trials(1))
    ledger.submissions.claim("sent", {}, IDENTITY)
    sent = claim(ledger, "sent")
    for sweep in (tried, sent):
        assert ledger.forget_sweep(sweep) is False
        row = ledger.sweep_by_id(sweep.id)
        assert (row.state, row.reason) == (SweepState.FAILED, "the check before the first trial failed")
    with pytest.raises(LeaseLostError):
        ledger.forget_sweep(tried)


# --- identity -----------------------------------------------------------------------------------------------------------------


def test_another_identity_is_refused_with_the_difference_and_the_way_out(ledger: Ledger) -> None:
    ledger.finish_sweep(claim(ledger), SweepState.STOPPED)
    changed = {"seed": 7, "strategy": {"type": "grid"}, "space": {"rate": [0.1, 0.3], "size": [8]}}
    with pytest.raises(SweepMismatchError, match="put the old ones back") as caught:
        claim(ledger, identity=changed)
    assert str(caught.value).splitlines() == [
        "Sweep 'pima/manual-1' began with other settings than these:",
        "  strategy.type: was 'random', now 'grid'",
        "  strategy.trials: was 40, now (not there)",
        "  space.rate: was [0.1, 0.2], now [0.1, 0.3]",
        "  space.size: was (not there), now [8]",
        "To search with the new ones, start the next occasion with --new or give the sweep another name; "
        "to continue this occasion, put the old ones back.",
    ]
    assert ledger.sweep("pima").state is SweepState.STOPPED, "a refused claim changes nothing"


@pytest.mark.parametrize(("was", "now"), [(1, True), (1, 1.0), (None, "None"), ([1, True], [1, 1])])
def test_values_of_other_types_are_other_values(ledger: Ledger, was: object, now: object) -> None:
    ledger.finish_sweep(claim(ledger, identity={"part": was}), SweepState.STOPPED)
    with pytest.raises(SweepMismatchError):
        claim(ledger, identity={"part": now})


def test_tuples_and_the_order_of_names_make_no_other_identity(ledger: Ledger) -> None:
    ledger.finish_sweep(claim(ledger, identity={"a": {"x": (1, 2), "y": 3}}), SweepState.STOPPED)
    assert claim(ledger, identity={"a": {"y": 3, "x": [1, 2]}}).attempt == 2


def test_identity_learnt_later_is_stored_first_and_compared_afterwards(ledger: Ledger) -> None:
    first = claim(ledger)
    ledger.set_identity(first, {"fingerprint": "aa", "engine": "keras"})
    assert ledger.sweep("pima").identity == {**IDENTITY, "fingerprint": "aa", "engine": "keras"}
    ledger.finish_sweep(first, SweepState.STOPPED)
    second = claim(ledger)
    ledger.set_identity(second, {"fingerprint": "aa", "engine": "keras"})
    with pytest.raises(SweepMismatchError, match=r"fingerprint: was 'aa', now 'bb'"):
        ledger.set_identity(second, {"fingerprint": "bb", "engine": "keras"})


@pytest.mark.parametrize("began", [{"race": "none"}, {}, {"race": {"folds": "forgiving"}}], ids=["none", "before", "another"])
def test_what_is_left_open_goes_on_as_the_occasion_began(ledger: Ledger, began: dict[str, object]) -> None:
    ledger.finish_sweep(claim(ledger, identity={"seed": 0, **began}), SweepState.STOPPED)
    raced = {"seed": 0, "race": {"folds": "paired"}}
    with pytest.raises(SweepMismatchError, match="race"):
        claim(ledger, identity=raced)
    with pytest.raises(SweepMismatchError, match="seed"):
        claim(ledger, identity={**raced, "seed": 1}, left_open=["race"])
    assert claim(ledger, identity=raced, left_open=["race"]).identity == {"seed": 0, "race": "none", **began}
    assert claim(ledger, identity=raced, left_open=["race"], new=True).identity == raced


def test_an_identity_with_a_number_that_json_lacks_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        claim(ledger, identity={"rate": math.nan})
    assert ledger.sweeps() == []


# --- the lease ----------------------------------------------------------------------------------------------------------------


def test_a_second_driver_is_refused_with_host_pid_and_age(ledger: Ledger, clock: FakeClock) -> None:
    claim(ledger)
    clock.now += 12
    with pytest.raises(SweepBusyError) as caught:
        claim(ledger, owner=THERE)
    assert str(caught.value) == (
        "Sweep 'pima/manual-1' is driven by pid 11 on host 'here', last heard of 12 s ago. Stop that process first; "
        "if it is gone, run again in 48 s, when its lease has lapsed."
    )


def test_heartbeats_keep_the_lease(ledger: Ledger, clock: FakeClock) -> None:
    sweep = claim(ledger)
    for _ in range(3):
        clock.now += LEASE - 1
        ledger.heartbeat(sweep)
    clock.now += LEASE - 1
    with pytest.raises(SweepBusyError):
        claim(ledger, owner=THERE)


def test_a_lapsed_lease_is_taken_over(ledger: Ledger, clock: FakeClock) -> None:
    first = claim(ledger)
    clock.now += LEASE
    second = claim(ledger, owner=THERE)
    assert (second.id, second.attempt, second.owner) == (first.id, 2, "there (pid 22)")


def test_a_driver_whose_process_is_gone_is_taken_over_at_once(ledger: Ledger) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    claim(ledger, owner=replace(Owner.current(), pid=process.pid))
    assert claim(ledger, owner=THERE).attempt == 2


def test_a_live_process_a_zombie_and_another_machines_process_are_told_apart() -> None:
    this = Owner.current()
    assert not this.surely_gone
    assert not replace(this, pid=1).surely_gone
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        gone = replace(this, pid=process.pid)
        deadline = time.monotonic() + 20
        while not gone.surely_gone and time.monotonic() < deadline:  # it ends as a zombie: nobody has waited for it yet
            time.sleep(0.01)
        assert process.returncode is None
        assert gone.surely_gone
    assert gone.surely_gone
    assert not replace(gone, machine="another").surely_gone
    assert not replace(gone, machine=None).surely_gone


def test_a_late_driver_can_change_nothing(ledger: Ledger, clock: FakeClock) -> None:
    late = claim(ledger)
    ledger.add_trials(late, trials(2))
    ledger.start_trials(late, [0, 1], "c0")
    clock.now += LEASE
    now = claim(ledger, owner=THERE)
    before = (ledger.sweep("pima"), ledger.trials(now.id))
    for write in (
        lambda: ledger.heartbeat(late),
        lambda: ledger.set_identity(late, {"engine": "fused"}),
        lambda: ledger.update_facts(late, {"late": True}),
        lambda: ledger.finish_sweep(late, SweepState.COMPLETED),
        lambda: ledger.add_trials(late, trials(1, start=2)),
        lambda: ledger.start_trials(late, [0], "c1"),
    ):
        with pytest.raises(LeaseLostError, match=r"'pima/manual-1': this driver \(attempt 1\) holds it no more"):
            write()
    assert ledger.commit_fold(late, 0, "key-0", fold()) is False
    assert ledger.finish_trial(late, 0, TrialState.COMPLETED, score=0.9) is False
    both = ledger.commit(late, folds=[FoldCommit(number=1, key="key-1", result=fold())], ends=[end(1), end(0)])
    assert both == Committed(folds=(False,), trials=(False, False))
    assert (ledger.sweep("pima"), ledger.trials(now.id)) == before
    assert ledger.known_folds(["key-0", "key-1"]) == {}


def test_a_finished_sweep_has_no_driver_and_takes_no_writes(ledger: Ledger, clock: FakeClock) -> None:
    sweep = claim(ledger)
    clock.now += 5
    done = ledger.finish_sweep(sweep, SweepState.FAILED, "disk full\x00")
    assert (done.state, done.reason, done.finished) == (SweepState.FAILED, "disk full\\x00", clock.now)
    assert (done.owner, done.heartbeat) == (None, None)
    with pytest.raises(LeaseLostError):
        ledger.finish_sweep(sweep, SweepState.COMPLETED)


def test_a_sweep_cannot_finish_as_running(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="COMPLETED, STOPPED or FAILED"):
        ledger.finish_sweep(claim(ledger), SweepState.RUNNING)


def test_facts_gather_and_hold_no_number_that_json_lacks(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.update_facts(sweep, {"baseline": [{"auc": math.nan, "accuracy": 0.5}], "engine": "keras"})
    after = ledger.update_facts(sweep, {"engine": "fused", "times": (1, math.inf)})
    assert after.facts == {"baseline": [{"auc": None, "accuracy": 0.5}], "engine": "fused", "times": [1, None]}
    assert ledger.sweep("pima") == after


def test_trials_that_facts_tell_of_are_to_be_shown_anew(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, [Trial(number, {"x": number}, f"k{number}") for number in range(4)])
    before = {row.number: row.revision for row in ledger.trials(sweep.id)}
    ledger.update_facts(sweep, {"finalists": {}}, trials=[1, 3])
    after = {row.number: row.revision for row in ledger.trials(sweep.id)}
    assert {number for number in after if after[number] > before[number]} == {1, 3}


# --- trials -------------------------------------------------------------------------------------------------------------------


def test_trials_are_written_down_once_and_come_back_as_they_were(ledger: Ledger, clock: FakeClock) -> None:
    sweep = claim(ledger)
    config = {"z": 1, "a": 0.1, "flag": True, "nothing": None, "sizes": [12, 8], "name": "selu ü"}
    assert ledger.add_trials(sweep, [Trial(0, config, "k")]) == 1
    clock.now += 1
    assert ledger.add_trials(sweep, [Trial(0, config, "k"), Trial(1, {}, "l")]) == 1
    first, second = ledger.trials(sweep.id)
    assert first.config == config
    assert list(first.config) == list(config)
    assert type(first.config["z"]) is int
    assert (first.number, first.key, first.state, first.score, first.attempt) == (0, "k", TrialState.PENDING, None, 0)
    assert (first.created, second.created) == (clock.now - 1, clock.now)
    assert ledger.trial(sweep.id, 1) == second


def test_a_number_that_stands_for_other_work_is_refused_and_nothing_is_added(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(2))
    with pytest.raises(SweepMismatchError, match=r"trial 1 is written down as other work .*'rate': 3.*--new"):
        ledger.add_trials(sweep, [Trial(2, {"rate": 2}, "key-2"), Trial(1, {"rate": 3}, "key-9")])
    assert len(ledger.trials(sweep.id)) == 2


def test_a_started_trial_runs_in_its_cohort(ledger: Ledger, clock: FakeClock) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(3))
    ledger.start_trials(sweep, [0, 2], "c0")
    began = clock.now
    clock.now += 9
    ledger.start_trials(sweep, [2], "c1")
    rows = ledger.trials(sweep.id)
    assert [row.state.value for row in rows] == ["RUNNING", "PENDING", "RUNNING"]
    assert [(row.cohort, row.started, row.attempt) for row in rows] == [("c0", began, 1), (None, None, 0), ("c1", began, 1)]
    assert ledger.trials(sweep.id, numbers=[2, 0, 7]) == [rows[0], rows[2]]


def test_a_trial_ends_with_all_that_is_said_of_it(ledger: Ledger, clock: FakeClock) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(1))
    ledger.start_trials(sweep, [0], "c0")
    clock.now += 3
    summary = summarise([fold(0, 0.5, size=41), fold(1, 1.0, size=41)], test_to_train=0.5)
    assert ledger.commit(sweep, ends=[end(score=0.75, summary=summary, engine="fused", engine_reason="probe")]).trials == (True,)
    row = ledger.trial(sweep.id, 0)
    assert (row.state, row.score, row.finished, row.cohort) == (TrialState.COMPLETED, 0.75, clock.now, "c0")
    assert (row.engine, row.engine_reason, row.cached_from) == ("fused", "probe", None)
    assert row.summary == {
        "mean": dict(summary.mean),
        "std": dict(summary.std),
        "standard_error": dict(summary.standard_error),
        "seconds": 0.5,
        "epoch": 3.0,
        "size": 41,
        "folds": 2,
    }


def test_a_failure_keeps_its_texts_whatever_characters_they_hold(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(1))
    lost = {"cause": "exception", "message": "bad \x00 byte", "traceback": "File 'ü\udce9.py'\n  raise"}
    assert ledger.finish_trial(sweep, 0, TrialState.FAILED, **lost)
    row = ledger.trial(sweep.id, 0)
    assert (row.state, row.score, row.summary) == (TrialState.FAILED, None, None)
    assert (row.cause, row.message, row.traceback) == ("exception", "bad \\x00 byte", "File 'ü\\udce9.py'\n  raise")


def test_a_summary_may_hold_numbers_that_json_lacks(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(1))
    summary = {"mean": {"loss": math.inf}, "std": {"loss": math.nan}, "standard_error": {"loss": -math.inf}, "seconds": 1.5}
    assert ledger.finish_trial(sweep, 0, TrialState.DIVERGED, summary=summary)
    kept = ledger.trial(sweep.id, 0).summary
    assert kept is not None
    assert math.isnan(kept["std"].pop("loss"))
    assert kept == {"mean": {"loss": math.inf}, "std": {}, "standard_error": {"loss": -math.inf}, "seconds": 1.5}


@pytest.mark.parametrize("state", [state for state in TrialState if state.terminal])
def test_a_trial_that_is_over_stays_as_it_is(ledger: Ledger, state: TrialState) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(1))
    score = 0.5 if state is TrialState.COMPLETED else None
    assert ledger.finish_trial(sweep, 0, state, score=score)
    over = ledger.trial(sweep.id, 0)
    assert not ledger.finish_trial(sweep, 0, TrialState.FAILED, message="late")
    assert not ledger.finish_trial(sweep, 0, TrialState.COMPLETED, score=0.9)
    ledger.start_trials(sweep, [0], "c9")
    ledger.add_trials(sweep, trials(1))
    assert ledger.trial(sweep.id, 0) == over


def test_what_ran_when_its_driver_went_is_pending_again(ledger: Ledger, clock: FakeClock) -> None:
    first = claim(ledger)
    ledger.add_trials(first, trials(3))
    ledger.start_trials(first, [0, 1], "c0")
    ledger.finish_trial(first, 0, TrialState.COMPLETED, score=0.5)
    clock.now += LEASE
    second = claim(ledger, owner=THERE)
    assert ledger.state_counts(second.id) == {TrialState.COMPLETED: 1, TrialState.PENDING: 2}
    ledger.start_trials(second, [1], "c1")
    ledger.finish_sweep(second, SweepState.STOPPED)
    assert ledger.state_counts(second.id) == {TrialState.COMPLETED: 1, TrialState.PENDING: 2}


@pytest.mark.parametrize(
    ("state", "score", "message"),
    [
        (TrialState.RUNNING, None, "terminal state"),
        (TrialState.COMPLETED, None, "finite score"),
        (TrialState.COMPLETED, math.nan, "finite score"),
        (TrialState.COMPLETED, math.inf, "finite score"),
        (TrialState.FAILED, 0.5, "no score"),
    ],
)
def test_an_end_that_makes_no_sense_cannot_be_written(state: TrialState, score: float | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrialEnd(number=0, state=state, score=score)


# --- folds --------------------------------------------------------------------------------------------------------------------


def test_a_fold_comes_back_bit_by_bit(ledger: Ledger) -> None:
    numbers = (0.1, -0.0, 5e-324, 1.7976931348623157e308, math.nan, math.inf, -math.inf, 1 / 3, 2.0, 123456789.123456789)
    result = FoldResult(
        fold=4,
        metrics={"roc_auc": math.nan, "accuracy": 1 / 3},
        epoch=7,
        epochs_run=10,
        seconds=0.1 + 0.2,
        history={"val_loss": numbers, "loss": numbers[::-1], "empty": ()},
        stopped="early_stopping",
        engine="fused",
        engine_reason="because",
        size=12_345_678_901,
    )
    assert ledger.commit_fold(claim(ledger), 0, "k", result)
    (kept,) = ledger.folds("k")
    assert repr(kept) == repr(result)
    for name, values in result.history.items():
        assert struct.pack(f"{len(values)}d", *kept.history[name]) == struct.pack(f"{len(values)}d", *values)
        assert all(type(value) is float for value in kept.history[name])


def test_the_first_result_of_a_fold_stays(ledger: Ledger) -> None:
    sweep = claim(ledger)
    assert ledger.commit_fold(sweep, 0, "k", fold(0, 0.5)) is True
    assert ledger.commit_fold(sweep, 0, "k", fold(0, 0.9)) is False
    assert ledger.commit_fold(sweep, 0, "k", fold(1, 0.7)) is True
    assert [kept.metrics["accuracy"] for kept in ledger.folds("k")] == [0.5, 0.7]


def test_equal_work_is_shared_by_sweeps(ledger: Ledger) -> None:
    mine, other = claim(ledger, "mine"), claim(ledger, "other", owner=THERE)
    ledger.commit_fold(mine, 0, "k", fold(0))
    ledger.commit_fold(other, 5, "k", fold(1))
    ledger.commit_fold(other, 6, "l", fold(0))
    assert ledger.known_folds(["k", "l", "m"]) == {"k": {0: fold(0), 1: fold(1)}, "l": {0: fold(0)}}
    assert ledger.known_folds(["k", "l"], sweep=mine.id) == {"k": {0: fold(0)}}
    assert ledger.known_folds([]) == {}
    assert ledger.folds("m") == []


def test_what_a_sweep_computes_again_stands_for_itself_alone(ledger: Ledger) -> None:
    first, second = claim(ledger, "first"), claim(ledger, "second", owner=THERE)
    ledger.commit_fold(first, 0, "k", fold(0, 0.5))
    both = [FoldCommit(number=0, key="k", result=fold(number, 0.9), again=True) for number in (0, 1)]
    assert ledger.commit(second, folds=both).folds == (True, True)
    assert ledger.commit(second, folds=both).folds == (False, False), "once"
    assert ledger.commit(first, folds=[FoldCommit(number=0, key="k", result=fold(0, 0.7), again=True)]).folds == (False,)
    assert ledger.folds("k", seen_by=second.id) == [fold(0, 0.9), fold(1, 0.9)]
    assert ledger.known_folds(["k"], sweep=second.id) == {"k": {0: fold(0, 0.9), 1: fold(1, 0.9)}}
    assert ledger.folds("k") == ledger.folds("k", seen_by=first.id) == [fold(0, 0.5), fold(1, 0.9)]


def test_scores_are_taken_over_from_one_sweep_alone(ledger: Ledger) -> None:
    first, second = claim(ledger, "first"), claim(ledger, "second", owner=THERE)
    for sweep in (first, second):
        ledger.add_trials(sweep, [Trial(0, {}, "k")])
        ledger.finish_trial(sweep, 0, TrialState.COMPLETED, score=0.5)
    assert {key: work.origin for key, work in ledger.finished_by_key(["k"], sweep=second.id).items()} == {
        "k": "second/manual-1/0"
    }


def test_folds_go_when_only_old_sweeps_know_them(ledger: Ledger) -> None:
    old, older, new = (claim(ledger, name, owner=Owner("host", number)) for number, name in enumerate(("old", "older", "new")))
    work = {"alone": [old], "both": [old, older], "taken over": [old, new], "its own": [new]}
    for number, (key, sweeps) in enumerate(work.items()):
        for sweep in sweeps:
            ledger.add_trials(sweep, [Trial(number, {}, key)])
        ledger.commit_fold(sweeps[0], number, key, fold())
    again = [FoldCommit(number=number, key="taken over", result=fold(0, 0.9), again=True) for number in (2,)]
    ledger.commit(older, folds=again)
    gone = {old.id: old.attempt, older.id: older.attempt}
    found = ledger.prunable_folds(gone)
    assert (found.folds, found.sweeps) == (3, 2)
    assert found.bytes > 0
    assert ledger.prune_folds(gone) == found
    assert sorted(ledger.known_folds(work)) == ["its own", "taken over"]
    assert ledger.folds("taken over", seen_by=older.id) == [fold()], "what it had for itself is gone"
    assert len(ledger.trials(old.id)) == 3, "trials stay"
    assert ledger.prune_folds(gone).folds == 0
    ledger.compact()
    assert ledger.known_folds(work).keys() == {"its own", "taken over"}


def test_folds_of_a_sweep_that_is_driven_again_stay(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, [Trial(0, {}, "k")])
    ledger.commit_fold(sweep, 0, "k", fold())
    ledger.finish_sweep(sweep, SweepState.STOPPED)
    claim(ledger)
    assert ledger.prune_folds({sweep.id: sweep.attempt}).folds == 0
    assert ledger.folds("k") == [fold()]


def test_more_sweeps_than_one_statement_takes_are_pruned(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.commit_fold(sweep, 0, "k", fold())
    assert ledger.prune_folds(dict.fromkeys(range(sweep.id, sweep.id + 70000), 1)).folds == 1
    assert ledger.prune_folds({}).folds == 0


def test_a_commit_is_whole_or_not_at_all(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(1))
    good = FoldCommit(number=0, key="key-0", result=fold(0))
    with pytest.raises(TypeError, match="plain data"):
        ledger.commit(sweep, folds=[good, FoldCommit(number=0, key="key-0", result=fold(1, object()))], ends=[end()])  # type: ignore[arg-type]
    assert ledger.known_folds(["key-0"]) == {}
    assert ledger.trial(sweep.id, 0).state is TrialState.PENDING
    assert ledger.commit(sweep, folds=[good, good], ends=[end(), end()]) == Committed(folds=(True, False), trials=(True, False))


def test_more_keys_than_one_statement_takes_are_looked_up(ledger: Ledger) -> None:
    sweep = claim(ledger)
    keys = [f"key-{number}" for number in range(1200)]
    assert ledger.add_trials(sweep, trials(1200)) == 1200
    ledger.commit(
        sweep,
        folds=[FoldCommit(number=number, key=keys[number], result=fold(0)) for number in range(0, 1200, 3)],
        ends=[end(number) for number in range(0, 1200, 3)],
    )
    assert sorted(ledger.known_folds(keys)) == sorted(keys[::3])
    assert sorted(ledger.finished_by_key(keys)) == sorted(keys[::3])


def test_scores_are_taken_over_from_the_first_trial_that_earned_them(ledger: Ledger, clock: FakeClock) -> None:
    sweep = claim(ledger)
    work = ["done", "done", "diverged", "failed", "taken over", "waiting"]
    ledger.add_trials(sweep, [Trial(number, {}, key) for number, key in enumerate(work)])
    ledger.finish_trial(sweep, 1, TrialState.COMPLETED, score=0.5)
    clock.now += 1
    ledger.finish_trial(sweep, 0, TrialState.COMPLETED, score=0.6)
    ledger.finish_trial(sweep, 2, TrialState.DIVERGED)
    ledger.finish_trial(sweep, 3, TrialState.FAILED, cause="exception", message="once only, perhaps")
    ledger.finish_trial(sweep, 4, TrialState.COMPLETED, score=0.5, cached_from="older/manual-1/3")
    found = ledger.finished_by_key([*work, "unknown"])
    assert {key: (work.trial.number, work.origin) for key, work in found.items()} == {
        "done": (1, "pima/manual-1/1"),
        "diverged": (2, "pima/manual-1/2"),
    }


# --- where a search ends ------------------------------------------------------------------------------------------------------


def test_trials_beyond_the_end_are_read_as_left_open_and_count_again_without_it(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(5))
    ledger.commit(sweep, folds=[FoldCommit(number=2, key="key-2", result=fold())], ends=[end(0), end(1), end(2, 0.99), end(3)])
    before = ledger.trials(sweep.id)
    ledger.set_end(sweep, 2)
    rows = ledger.trials(sweep.id)
    assert ledger.sweep_by_id(sweep.id).facts == {"end": 2}
    assert rows[:2] == before[:2]
    assert rows[4] == before[4], "it is open"
    assert [(row.state, row.score, row.summary, row.message) for row in rows[2:4]] == [
        (TrialState.STOPPED, None, None, "The budget was used up.")
    ] * 2
    assert ledger.trial(sweep.id, 2) == rows[2]
    assert ledger.trials(sweep.id, [2]) == rows[2:3]
    assert ledger.state_counts(sweep.id) == {TrialState.COMPLETED: 2, TrialState.STOPPED: 2, TrialState.PENDING: 1}
    assert len(ledger.folds("key-2")) == 1
    assert ledger.finish_trial(sweep, 2, TrialState.FAILED) is False, "it is over as before"
    ledger.set_end(sweep, None)
    assert ledger.sweep_by_id(sweep.id).facts == {}
    assert [(row.state, row.score) for row in ledger.trials(sweep.id)] == [(row.state, row.score) for row in before]


def test_mlflow_sees_trials_anew_that_an_end_leaves_out_or_takes_in(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(4))
    ledger.commit(sweep, ends=[end(0), end(1), end(2)])

    def changed() -> list[tuple[int, TrialState]]:
        rows = ledger.unprojected_trials(sweep.id)
        ledger.mark_projected(sweep.id, trials={row.number: row.revision for row in rows})
        return [(row.number, row.state) for row in rows]

    changed()
    ledger.set_end(sweep, 1)
    assert changed() == [(1, TrialState.STOPPED), (2, TrialState.STOPPED)]
    ledger.set_end(sweep, 1)
    assert changed() == []
    ledger.set_end(sweep, 2)
    assert changed() == [(1, TrialState.COMPLETED), (2, TrialState.STOPPED)]
    ledger.set_end(sweep, None)
    assert changed() == [(2, TrialState.COMPLETED)]


def test_only_the_driver_says_where_the_search_ends(ledger: Ledger, clock: FakeClock) -> None:
    late = claim(ledger)
    clock.now += LEASE
    claim(ledger, owner=THERE)
    with pytest.raises(LeaseLostError):
        ledger.set_end(late, 3)


# --- projection ---------------------------------------------------------------------------------------------------------------


def test_the_tracker_sees_what_has_changed_since_it_looked(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(3))
    assert [row.number for row in ledger.unprojected_trials(sweep.id, limit=2)] == [0, 1]
    seen = {row.number: row.revision for row in ledger.unprojected_trials(sweep.id)}
    ledger.start_trials(sweep, [1], "c0")
    ledger.mark_projected(sweep.id, trials=seen)
    assert [row.number for row in ledger.unprojected_trials(sweep.id)] == [1], "it changed after it was read"
    ledger.mark_projected(sweep.id, trials={1: ledger.trial(sweep.id, 1).revision})
    assert ledger.unprojected_trials(sweep.id) == []
    ledger.commit_fold(sweep, 2, "key-2", fold())
    ledger.finish_trial(sweep, 0, TrialState.STOPPED)
    assert [row.number for row in ledger.unprojected_trials(sweep.id)] == [0, 2]
    ledger.mark_projected(sweep.id, trials={0: 1})
    assert ledger.trial(sweep.id, 0).projected_revision == 1, "an older revision takes nothing back"


def test_the_sweep_itself_is_projected_when_it_changes(ledger: Ledger) -> None:
    sweep = claim(ledger)
    assert sweep.revision != sweep.projected_revision
    ledger.mark_projected(sweep.id, sweep=sweep.revision)
    ledger.heartbeat(sweep)
    seen = ledger.sweep_by_id(sweep.id)
    assert seen.revision == seen.projected_revision, "a heartbeat is no news"
    changed = ledger.update_facts(sweep, {"engine": "keras"})
    assert changed.revision > changed.projected_revision


def test_the_first_mlflow_run_stands_and_is_no_news(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(1))
    before = ledger.sweep_by_id(sweep.id).revision, ledger.trial(sweep.id, 0).revision
    assert ledger.set_mlflow_run(sweep.id, "run-a", experiment="3") == "run-a"
    assert ledger.set_mlflow_run(sweep.id, "run-b", experiment="4") == "run-a"
    assert ledger.set_mlflow_run(sweep.id, "child-a", number=0) == "child-a"
    assert ledger.set_mlflow_run(sweep.id, "child-b", number=0) == "child-a"
    row, trial = ledger.sweep_by_id(sweep.id), ledger.trial(sweep.id, 0)
    assert (row.mlflow_run, row.mlflow_experiment, trial.mlflow_run) == ("run-a", "3", "child-a")
    assert (row.revision, trial.revision) == before


def test_a_projection_can_be_made_anew(ledger: Ledger) -> None:
    sweep = claim(ledger)
    ledger.add_trials(sweep, trials(2))
    ledger.set_mlflow_run(sweep.id, "run-a", experiment="3")
    ledger.set_mlflow_run(sweep.id, "child-a", number=0)
    ledger.mark_projected(sweep.id, trials={0: 1, 1: 1}, sweep=sweep.revision)
    ledger.forget_projection(sweep.id)
    row = ledger.sweep_by_id(sweep.id)
    assert (row.mlflow_run, row.mlflow_experiment, row.projected_revision) == (None, None, 0)
    assert [(trial.number, trial.mlflow_run) for trial in ledger.unprojected_trials(sweep.id)] == [(0, None), (1, None)]


# --- finding ------------------------------------------------------------------------------------------------------------------


def test_sweeps_are_listed_newest_first(ledger: Ledger) -> None:
    for name in ("wine", "iris", "wine"):
        ledger.finish_sweep(claim(ledger, name), SweepState.COMPLETED)
    assert [row.title for row in ledger.sweeps()] == ["wine/manual-2", "iris/manual-1", "wine/manual-1"]
    assert [row.title for row in ledger.sweeps("wine")] == ["wine/manual-2", "wine/manual-1"]
    assert ledger.sweep("wine").occasion == "manual-2"
    assert ledger.sweep("wine", "manual-1").occasion == "manual-1"


def test_what_is_not_there_is_said_with_what_comes_near(ledger: Ledger) -> None:
    sweep = claim(ledger, "pima-grid")
    with pytest.raises(NotFoundError, match=r"no sweep 'pima-gird'\. Near to it: 'pima-grid'\."):
        ledger.sweep("pima-gird")
    with pytest.raises(NotFoundError, match=r"no sweep 'pima-grid/manual-2'\. Near to it: 'manual-1'\."):
        ledger.sweep("pima-grid", "manual-2")
    with pytest.raises(NotFoundError, match="no sweep with id 99"):
        ledger.sweep_by_id(99)
    with pytest.raises(NotFoundError, match="no trial 5"):
        ledger.trial(sweep.id, 5)


# --- opening ------------------------------------------------------------------------------------------------------------------


def test_what_is_committed_is_there_for_who_opens_it_next(ledger_url: str) -> None:
    with Ledger(ledger_url) as first:
        sweep = claim(first)
        first.commit_fold(sweep, 0, "k", fold())
    with Ledger(ledger_url) as second:
        assert second.sweep("pima") == sweep
        assert second.folds("k") == [fold()]


def test_a_ledger_of_a_newer_version_is_refused(ledger_url: str) -> None:
    with Ledger(ledger_url) as opened, opened._database.write() as connection:
        connection.exec_driver_sql("UPDATE kerasweep_schema SET version = 99")
    with pytest.raises(LedgerError, match=r"its tables have version 99, this kerasweep knows version \d+\. Install the newer"):
        Ledger(ledger_url)


def test_a_ledger_shares_its_database_with_other_tables(ledger_url: str) -> None:
    with Ledger(ledger_url) as opened:
        with opened._database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE experiments (name TEXT)")
        claim(opened)
    with Ledger(ledger_url) as again:
        assert again.sweep("pima").name == "pima"
