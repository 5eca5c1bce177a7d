"""A race over epochs from the strategy to the ledger: whoever trains, in whatever order, whatever is known, it ends the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from racing_sweeps import FOLDS, GENETIC, RANDOM, TRIALS, EpochSweeps, Sweeps
from racing_worker import KilledError, play

from orchestrator.ledger import SweepRow
from orchestrator.search import Ending, TrialState, trial_key
from search_spaces import RaceSettings, judged_by, make_strategy

RUNGS = (9, 27)
RACES = {
    "halving alone": RaceSettings(folds="none", epochs="halving"),
    "hyperband alone": RaceSettings(folds="none", epochs="hyperband"),
    "halving then paired": RaceSettings(folds="paired", epochs="halving"),
    "hyperband then forgiving": RaceSettings(folds="forgiving", epochs="hyperband", rungs=[2, 5]),
}
_QUICK = ("halving alone, random", "hyperband then forgiving, genetic")
PAIRS = pytest.mark.parametrize(
    ("race", "strategy"),
    [
        pytest.param(race, strategy, id=name, marks=() if name in _QUICK else pytest.mark.full)
        for known, strategy in (("random", RANDOM), ("genetic", GENETIC))
        for called, race in RACES.items()
        for name in [f"{called}, {known}"]
    ],
)
HALVING = RACES["halving alone"]


def told(sweeps: Sweeps, sweep: SweepRow) -> list[tuple[Any, ...]]:
    """Return all that must not depend on chance: configs, states, scores, reasons, and the summary of who was given up."""
    rows = sweeps.ledger.trials(sweep.id)
    return [(row.number, dict(row.config), row.state, row.score, row.message, _mean(row.summary)) for row in rows]


def _mean(summary: Mapping[str, Any] | None) -> Any:
    return None if summary is None else (summary["mean"], summary["folds"])


def made(folder: Path, name: str, strategy: Mapping[str, Any] = RANDOM, race: RaceSettings | None = HALVING) -> EpochSweeps:
    (folder / name).mkdir()
    return EpochSweeps(folder / name, strategy, race=race)


def reads(sweeps: Sweeps, config: Mapping[str, Any]) -> dict[int, float]:
    """Return what the ledger holds of fold 0 of a config with the epochs of each rung below its own."""
    found = {}
    for epochs in RUNGS:
        folds = sweeps.ledger.folds(trial_key({"data": "d"}, {**config, "epochs": epochs}))
        if epochs < config["epochs"] and folds and folds[0].fold == 0:
            found[epochs] = folds[0].metrics["accuracy"]
    return found


@PAIRS
def test_one_two_and_sixteen_workers_give_the_same_trials_states_scores_and_reasons(
    tmp_path: Path, race: RaceSettings, strategy: Mapping[str, Any]
) -> None:
    outcomes = []
    for workers in (1, 2, 16):
        sweeps = made(tmp_path, str(workers), strategy, race)
        sweep = sweeps.claim()
        sweeps.run(sweep, workers=workers, seed=workers)
        outcomes.append(told(sweeps, sweep))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert {one[2] for one in outcomes[0]} == {TrialState.PRUNED, TrialState.COMPLETED}
    assert any(str(one[4]).startswith("epoch ") for one in outcomes[0])


def raced(sweeps: Sweeps, rule: str) -> tuple[dict[int, int | None], dict[int, float]]:
    """Race random configs over epochs alone, by the definition: the rung that gives up each trial, and what is told of these."""
    out: dict[int, int | None] = {}
    given: dict[int, float] = {}
    configs = make_strategy(RANDOM, sweeps.space, 7).ask(TRIALS)

    def at(number: int, epochs: int) -> float:
        return sweeps.worth(configs[number], 0, min(epochs, configs[number]["epochs"]))

    def score(number: int) -> float:
        return sum(sweeps.worth(configs[number], fold, None) for fold in range(FOLDS)) / FOLDS

    for number in range(TRIALS):
        base = judged_by(number, 4, 0)
        bar = max((one for one in range(base) if out[one] is None), key=score, default=None)
        out[number] = None
        for place, rung in enumerate(RUNGS):
            if bar is None or (rule == "hyperband" and place < number % 3):
                continue
            there = sorted((at(one, rung) for one in range(base) if out[one] is None or out[one] >= rung), reverse=True)
            if len(there) >= 3 and at(number, rung) < there[math.ceil(len(there) / 3) - 1]:
                out[number], given[number] = rung, score(bar) + min(at(number, rung) - at(bar, rung), 0)
                break
    return out, given


@pytest.mark.parametrize("rule", ["halving", "hyperband"])
def test_who_goes_on_and_what_is_told_is_what_the_definition_says(tmp_path: Path, rule: str) -> None:
    sweeps = made(tmp_path, rule, race=RaceSettings(folds="none", epochs=rule))
    sweep = sweeps.claim()
    conductor = sweeps.conductor(sweep, 3)
    heard: dict[int, float | None] = {}
    tell, numbers = conductor.plan.strategy.tell, {}

    def listening(config: Any, score: float | None, *, whole: bool = True) -> None:
        if not whole:
            heard[numbers[config["x"]]] = score
        tell(config, score, whole=whole)

    numbers.update({config["x"]: number for number, config in enumerate(make_strategy(RANDOM, sweeps.space, 7).ask(TRIALS))})
    conductor.plan.strategy.tell = listening  # type: ignore[method-assign]
    play(conductor, sweeps.score(sweep), workers=3, rng=Random(1), length=_length(sweeps, sweep))  # noqa: S311
    expected, given = raced(sweeps, rule)
    rows = {row.number: row for row in sweeps.ledger.trials(sweep.id)}
    assert {number for number, rung in expected.items() if rung is not None} == {
        number for number, row in rows.items() if row.state is TrialState.PRUNED
    }
    for number, rung in expected.items():
        if rung is not None:
            assert str(rows[number].message).startswith(f"epoch {min(rung, rows[number].config['epochs'])}: ")
    assert heard == {number: pytest.approx(score) for number, score in given.items()}


def _length(sweeps: Sweeps, sweep: SweepRow) -> Any:
    config = sweeps.config(sweep)
    return lambda number: sweeps.length(config(number))


def test_a_read_is_kept_as_fold_0_of_the_same_config_with_so_many_epochs(tmp_path: Path) -> None:
    sweeps = made(tmp_path, "raced")
    sweep = sweeps.claim()
    sweeps.run(sweep)
    whole = cut = 0
    for row in sweeps.ledger.trials(sweep.id):
        found, config = reads(sweeps, row.config), dict(row.config)
        assert found == {epochs: sweeps.worth(config, 0, epochs) for epochs in found}
        if row.state is TrialState.COMPLETED:
            assert set(found) == {epochs for epochs in RUNGS if epochs < config["epochs"]}
            whole += 1
        elif len(found) and row.summary is not None and not row.summary["folds"]:
            assert row.summary["mean"]["accuracy"] == found[max(found)]
            assert sweeps.ledger.folds(row.key) == []
            cut += 1
    assert whole >= 8
    assert cut >= 5


@PAIRS
def test_what_the_ledger_holds_changes_the_cost_and_not_the_outcome(
    tmp_path: Path, race: RaceSettings, strategy: Mapping[str, Any]
) -> None:
    sweeps = made(tmp_path, "one", strategy, race)
    first = sweeps.claim("empty")
    cost = sweeps.run(first)
    expected = told(sweeps, first)
    again = sweeps.claim("again")
    assert sweeps.run(again, workers=3, seed=5) == 0
    assert told(sweeps, again) == expected

    whole = made(tmp_path, "whole", strategy, None)
    whole.strategy = RANDOM
    whole.run(whole.claim("unraced"))  # all folds of the first configs, none of their reads
    whole.strategy, whole.race = strategy, race
    raced_after = whole.claim("raced")
    after = whole.run(raced_after, workers=16, seed=6)
    assert told(whole, raced_after) == expected
    assert after <= cost


@PAIRS
def test_killed_and_resumed_it_ends_the_same(tmp_path: Path, race: RaceSettings, strategy: Mapping[str, Any]) -> None:
    reference = made(tmp_path, "reference", strategy, race)
    sweep = reference.claim()
    reference.run(sweep)
    expected = told(reference, sweep)
    for seed, kill_after in enumerate((1, 8, 29, 47, 80)):
        sweeps = made(tmp_path, f"killed-{kill_after}", strategy, race)
        resumed = sweeps.run_killed_and_resumed(seed=seed, kill_after=kill_after)
        assert told(sweeps, resumed) == expected


def test_killed_at_every_event_and_resumed_a_small_one_ends_the_same(tmp_path: Path) -> None:
    strategy = {"type": "genetic", "population": 6, "generations": 3, "elites": 1}
    race = RaceSettings(epochs="halving", first=1)
    reference = made(tmp_path, "reference", strategy, race)
    sweep = reference.claim()
    events = reference.run(sweep, workers=1)
    expected = told(reference, sweep)
    assert TrialState.PRUNED in {one[2] for one in expected}
    sweeps = made(tmp_path, "killed", strategy, race)
    killed, left = sweeps.claim(), True
    for seed in range(3 * events):  # each driver does one event more than the last
        try:
            sweeps.run(sweeps.claim(), workers=1 + seed % 3, seed=seed, kill_after=1)
        except KilledError:
            continue
        left = False
        break
    assert not left
    assert told(sweeps, killed) == expected


def test_reads_that_are_gone_are_trained_again_and_judge_as_before(tmp_path: Path) -> None:
    sweeps = made(tmp_path, "one", GENETIC)
    first = sweeps.claim("first")
    sweeps.run(first)
    expected = told(sweeps, first)
    assert sweeps.run(sweeps.claim("second")) == 0
    removed = sweeps.ledger.prune_folds({first.id: sweeps.ledger.sweep("first").attempt})
    assert removed.folds > 0
    resumed = sweeps.claim("second")
    assert sweeps.run(resumed, seed=9) > 0
    assert told(sweeps, resumed) == expected


def test_a_read_that_is_not_finite_ends_its_trial_and_one_that_raises_fails_it(tmp_path: Path) -> None:
    for name, answer, state in (("nan", math.nan, TrialState.DIVERGED), ("raises", None, TrialState.FAILED)):
        sweeps = made(tmp_path, name)
        numbers = [
            number
            for number, config in enumerate(make_strategy(RANDOM, sweeps.space, 7).ask(8))
            if config["epochs"] > RUNGS[0] and sweeps.length(config) > RUNGS[0]
        ]
        broken = numbers[0]
        sweeps.change = lambda number, fold, score, broken=broken, answer=answer: (  # type: ignore[misc]
            answer if (number, fold) == (broken, 0) else score
        )
        sweep = sweeps.claim()
        sweeps.run(sweep, workers=2)
        (row,) = sweeps.ledger.trials(sweep.id, [broken])
        assert row.state is state
        if state is TrialState.DIVERGED:
            assert row.message == "epoch 9: nan"
        again = sweeps.claim("again")
        sweeps.run(again, workers=3)
        assert told(sweeps, again) == told(sweeps, sweep)


def test_trials_wait_for_those_who_judge_them(tmp_path: Path) -> None:
    sweeps = made(tmp_path, "waiting")
    conductor = sweeps.conductor(sweeps.claim(), workers=16)
    conductor.start()
    cohorts = [cohort for _ in range(16) if (cohort := conductor.next_cohort()) is not None]
    asked = {request.number: request for cohort in cohorts for request in cohort.trials}
    assert sorted(asked) == list(range(8))
    assert all(request.folds == (0, 1, 2, 3, 4) for request in asked.values())
    assert all(request.reads == tuple(r for r in RUNGS if r < request.config["epochs"]) for request in asked.values())


def test_a_fit_that_was_cut_costs_its_share(tmp_path: Path) -> None:
    outcomes = []
    for workers in (1, 16):
        sweeps = made(tmp_path, str(workers))
        sweep = sweeps.claim()
        conductor = sweeps.conductor(sweep, workers)
        conductor.search.ending = Ending(fits=60)
        play(conductor, sweeps.score(sweep), workers=workers, rng=Random(workers), length=_length(sweeps, sweep))  # noqa: S311
        rows = [row for row in sweeps.ledger.trials(sweep.id) if row.state.terminal]
        costs = [FOLDS if row.state is TrialState.COMPLETED else _epoch(row.message) / row.config["epochs"] for row in rows]
        assert sum(costs[:-1]) < 60 <= sum(costs)
        outcomes.append([(row.number, row.state, row.score) for row in rows])
    assert outcomes[0] == outcomes[1]


def _epoch(message: str | None) -> int:
    return int(str(message).removeprefix("epoch ").partition(":")[0])


def test_a_race_over_epochs_trains_less_and_its_winner_is_whole(tmp_path: Path) -> None:
    sweeps = made(tmp_path, "raced")
    sweep = sweeps.claim()
    sweeps.run(sweep)
    rows = sweeps.ledger.trials(sweep.id)
    whole = [row for row in rows if row.state is TrialState.COMPLETED]
    assert len(whole) < 0.7 * TRIALS
    assert all(len(sweeps.ledger.folds(row.key)) == FOLDS for row in whole)
    best = max(sum(sweeps.worth(row.config, fold, None) for fold in range(FOLDS)) / FOLDS for row in rows)
    assert max(row.score for row in whole if row.score is not None) >= best - 0.03
