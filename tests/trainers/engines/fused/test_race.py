"""Trials that race in lanes: each trains the folds before the rung that gives it up, to the bits that it has without a race."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from racing import SmallRace, evaluate, trained_until
from small_sweeps import OWN_TRAIN_STEP, builder_settings, dataset, settings

from trainers.engines.fused import assembly, engine, groups
from trainers.engines.fused.program import Program
from trainers.evaluation import Evaluator
from trainers.messages import Event, FoldFailed, FoldFinished, TrialRequest
from trainers.results import FoldResult
from trainers.seeds import derive_seed
from trainers.settings import Config, CvSettings

FOLDS = tuple(range(5))
RATES = (0.0003, 0.05, 0.001, 0.02, 0.0001, 0.004)
CONFIGS: tuple[Config, ...] = (
    *({"learning_rate": rate} for rate in RATES),
    *({"learning_rate": 0.003, "epochs": epochs} for epochs in (1, 3, 8)),
)
RUNGS = (1, 2, 5)

Results = Mapping[tuple[int, int], FoldResult]


def finished(heard: Sequence[Event]) -> dict[tuple[int, int], FoldResult]:
    return {
        (event.trial, event.result.fold): replace(event.result, seconds=0) for event in heard if isinstance(event, FoldFinished)
    }


def racing(bar: float, configs: Sequence[Config] = CONFIGS, rungs: tuple[int, ...] = RUNGS) -> list[TrialRequest]:
    race = SmallRace("accuracy", rungs, bar)
    return [TrialRequest(number, config, FOLDS, race) for number, config in enumerate(configs)]


def expected(whole: Results, trials: Sequence[TrialRequest]) -> dict[tuple[int, int], FoldResult]:
    """Return of all results those that a race leaves."""
    kept = {}
    for trial in trials:
        values = {fold: whole[trial.number, fold].metrics["accuracy"] for fold in FOLDS}
        assert isinstance(trial.race, SmallRace)
        kept.update({(trial.number, fold): whole[trial.number, fold] for fold in range(trained_until(trial.race, values))})
    return kept


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> Evaluator:
    made = settings(tmp_path_factory.mktemp("sweep"), dataset(rows=120), cv=CvSettings(folds=5))
    return Evaluator(replace(made, engine="fused"))


@pytest.fixture(scope="module")
def whole(evaluator: Evaluator) -> Results:
    return finished(evaluate(evaluator, *(TrialRequest(number, config, FOLDS) for number, config in enumerate(CONFIGS))))


@pytest.fixture(scope="module")
def bar(whole: Results) -> float:
    """A bar that some trials do not take at the first rung, and others do."""
    values = sorted(whole[number, 0].metrics["accuracy"] for number in range(len(CONFIGS)))
    middle = values[len(values) // 2]
    assert values[0] < middle <= values[-1]
    return middle


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """Learning rate and fold of members, in the order in which they begin."""
    order: list[tuple[float, int]] = []

    class Watched(groups.Run):
        def __init__(self, member: Any, *rest: Any) -> None:
            super().__init__(member, *rest)
            values, fold = member.id
            order.append((dict(eval(values))["learning_rate"], fold))  # noqa: S307 (a repr of numbers and words)

    monkeypatch.setattr(groups, "Run", Watched)
    return order


def test_a_trial_trains_until_a_rung_gives_it_up_to_the_bits_that_it_has_unraced(
    evaluator: Evaluator, whole: Results, bar: float
) -> None:
    trials = racing(bar)
    wanted = expected(whole, trials)
    assert len(trials) < len(wanted) < len(whole)

    assert finished(evaluate(evaluator, *trials)) == wanted


def test_every_race_at_any_bar_and_rungs_leaves_the_same_bits(evaluator: Evaluator, whole: Results) -> None:
    for at, rungs in ((0.6, (5,)), (0.7, (2, 5)), (0.8, (1, 3, 5)), (1.1, (1, 2, 3, 4, 5))):
        trials = racing(at, rungs=rungs)[::2]
        assert finished(evaluate(evaluator, *trials)) == expected(whole, trials)


def test_folds_that_are_known_are_judged_and_not_trained(evaluator: Evaluator, whole: Results, bar: float) -> None:
    trials = [
        replace(trial, folds=(1, 3, 4), scores={fold: whole[trial.number, fold].metrics["accuracy"] for fold in (0, 2)})
        for trial in racing(bar)
    ]
    wanted = {name: one for name, one in expected(whole, trials).items() if name[1] in (1, 3, 4)}
    assert finished(evaluate(evaluator, *trials)) == wanted


def test_survivors_next_folds_go_before_new_configs(
    evaluator: Evaluator, begun: list[tuple[float, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "lanes_for", lambda graph, batch: 2)
    configs = [{"learning_rate": rate} for rate in RATES[:4]]
    evaluate(evaluator, *racing(0.0, configs, rungs=(1, 2, 5)))
    first, second, third = RATES[:3]
    assert begun[:4] == [(first, 0), (second, 0), (first, 1), (second, 1)]
    assert sorted(begun[4:10]) == sorted((rate, fold) for rate in (first, second) for fold in (2, 3, 4))
    assert begun[10] == (third, 0)
    assert sorted(begun) == sorted((rate, fold) for rate in RATES[:4] for fold in FOLDS)


def test_a_model_is_built_when_its_fold_begins_and_one_program_serves_all(
    evaluator: Evaluator, whole: Results, bar: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "lanes_for", lambda graph, batch: 2)
    fresh, built, seen = Evaluator(evaluator.settings), [0], []
    build = assembly.build_model

    def counted(settings: Any, config: Any, shape: Any, seed: int) -> Any:
        built[0] += seed != 0  # a common wide net has seed 0
        return build(settings, config, shape, seed)

    monkeypatch.setattr(assembly, "build_model", counted)
    trials = racing(bar, CONFIGS[:6])
    fresh.evaluate(trials, lambda event: seen.append(built[0]) if isinstance(event, FoldFinished) else None)
    assert seen[0] == 2
    assert built[0] == len(seen) == len(expected(whole, trials))
    [program] = fresh._fused()._engine._programs.values()
    assert len(program._compiled) == 1


def test_configs_that_differ_in_epochs_alone_are_one_run_in_every_fold_for_those_that_go_on(
    evaluator: Evaluator, whole: Results, begun: list[tuple[float, int]]
) -> None:
    values = {number: whole[number, 0].metrics["accuracy"] for number in (6, 7, 8)}
    between = sorted(values.values())[1]
    trials = [trial for trial in racing(between) if trial.number in values]
    assert finished(evaluate(evaluator, *trials)) == expected(whole, trials)
    assert len(begun) == len({fold for _, fold in begun}) == 1 + max(fold for _, fold in expected(whole, trials))


def test_a_fold_that_raises_ends_its_trial_and_no_other(
    evaluator: Evaluator, whole: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    build, fails = assembly.build_model, derive_seed(evaluator.settings.seed, evaluator.effective(CONFIGS[1]), 1, 0)

    def failing(settings: Any, config: Any, shape: Any, seed: int) -> Any:
        if seed == fails:
            raise ArithmeticError("in fold 1")
        return build(settings, config, shape, seed)

    monkeypatch.setattr(assembly, "build_model", failing)
    trials = racing(0.0, CONFIGS[:3])
    heard = evaluate(evaluator, *trials)
    assert [(event.trial, event.fold) for event in heard if isinstance(event, FoldFailed)] == [(1, 1)]
    wanted = {name: one for name, one in whole.items() if name[0] in (0, 2) or name == (1, 0)}
    assert finished(heard) == wanted


def test_what_diverges_ends_at_once(evaluator: Evaluator) -> None:
    configs = [{"optimizer": "sgd", "learning_rate": 1e5, "activation": "linear", "l2": 100.0}]
    results = finished(evaluate(evaluator, *racing(0.0, configs)))
    assert list(results) == [(0, 0)]
    assert math.isnan(results[0, 0].metrics["accuracy"])


@pytest.fixture(params=["few lanes", "one copy in a program", "one fold prepared"])
def shortage(request: pytest.FixtureRequest, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> Evaluator:
    size = evaluator.dataset.rows * 6 * 4
    if request.param == "few lanes":
        compiled = Program.compiled

        def of_two_at_most(self: Program, lanes: Any, *rest: Any) -> Any:
            if lanes.epoch.shape[0] > 2:
                raise MemoryError("too many")
            return compiled(self, lanes, *rest)

        monkeypatch.setattr(Program, "compiled", of_two_at_most)
    elif request.param == "one copy in a program":
        monkeypatch.setattr(engine, "_OF_THE_PROGRAM", size / 1e9)
        monkeypatch.setattr("trainers.engines.fused.memory_share", lambda environ: 1_000_000_000)
    else:
        monkeypatch.setattr("trainers.engines.fused.memory_share", lambda environ: None)
        monkeypatch.setenv("KERASWEEP_MEMORY_BYTES", str(5 * size))
    return Evaluator(evaluator.settings)


def test_short_memory_changes_no_bit_of_a_race(shortage: Evaluator, whole: Results, bar: float) -> None:
    trials = racing(bar)
    wanted, found = expected(whole, trials), finished(evaluate(shortage, *trials))
    assert set(found) == set(wanted)
    assert {name: one.metrics for name, one in found.items()} == {name: one.metrics for name, one in wanted.items()}


@pytest.mark.full
def test_what_cannot_be_fused_races_by_model_fit(tmp_path: Path) -> None:
    made = builder_settings(tmp_path, OWN_TRAIN_STEP, dataset(rows=60), engine="fused", cv=CvSettings(folds=3))
    race = SmallRace("accuracy", (1, 3), 1.1)
    trials = [TrialRequest(0, {"epochs": 1}, (0, 1, 2), race), TrialRequest(1, {"epochs": 1}, (0, 1, 2), replace(race, bar=0.0))]
    results = finished(evaluate(Evaluator(made), *trials))
    assert sorted(results) == [(0, 0), (1, 0), (1, 1), (1, 2)]
    assert {one.engine for one in results.values()} == {"keras"}


def test_members_that_look_alike_and_are_not_find_their_own_program(tmp_path: Path) -> None:
    source = (
        "import keras\n"
        "def create_model(share=0.1):\n"
        "    m = keras.Sequential([keras.Input((6,)), keras.layers.Dense(int(share * 30), activation='relu'),\n"
        "        keras.layers.Dense(1, activation='sigmoid')])\n"
        "    m.compile(loss='binary_crossentropy')\n    return m\n"
    )
    made = builder_settings(tmp_path, source, dataset(rows=60), engine="fused", cv=CvSettings(folds=3))
    configs = [{"share": share, "epochs": 2} for share in (0.1, 0.5, 0.101, 0.9)]
    trials = [
        TrialRequest(number, config, (0, 1, 2), SmallRace("accuracy", (1, 3), 0.0)) for number, config in enumerate(configs)
    ]
    together = finished(evaluate(Evaluator(made), *trials))
    alone = [finished(evaluate(Evaluator(made), trial)) for trial in trials]
    assert len(together) == 12
    assert {one.size for one in together.values()} == {25, 121, 217}
    assert together == {name: one for results in alone for name, one in results.items()}


def test_first_rungs_and_what_comes_after_them_in_other_cohorts_are_one_program(evaluator: Evaluator, whole: Results) -> None:
    fresh = Evaluator(evaluator.settings)
    found = {}
    for folds in ((0,), (1, 2, 3, 4), (3,)):
        trials = [TrialRequest(number, config, folds) for number, config in enumerate(CONFIGS[:3])]
        found.update(finished(evaluate(fresh, *trials)))
    assert found == {name: one for name, one in whole.items() if name[0] < 3}
    [program] = fresh._fused()._engine._programs.values()
    assert len(program._compiled) == 1
