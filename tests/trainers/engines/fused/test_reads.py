"""Fits that are read while they are trained: each read is a fit of so many epochs, and who is given up leaves its lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from racing import SmallRace, evaluate, results
from small_sweeps import OWN_TRAIN_STEP, builder_settings, dataset, settings

from trainers.engines.fused import groups
from trainers.engines.fused.program import Program
from trainers.evaluation import Evaluator
from trainers.messages import FoldFailed, FoldFinished, FoldRead, TrialRequest
from trainers.results import FoldResult
from trainers.settings import Config, CvSettings

FOLDS = (0, 1, 2)
READS = (2, 5)
CONFIGS: tuple[Config, ...] = (
    *({"learning_rate": rate, "epochs": 9} for rate in (0.0003, 0.05, 0.001, 0.3, 0.004)),
    {"learning_rate": 0.004, "epochs": 6},
    {"learning_rate": 0.02, "epochs": 7, "dropout": 0.2},
)
NONE_GOES = 2.0

CONVOLVED = """
import keras

def create_model(learning_rate=0.01):
    m = keras.Sequential([keras.Input((6,)), keras.layers.Reshape((6, 1)), keras.layers.Conv1D(3, 2, activation='relu'),
        keras.layers.Flatten(), keras.layers.Dense(1, activation='sigmoid')])
    m.compile(loss='binary_crossentropy', optimizer=keras.optimizers.Adam(learning_rate))
    return m
"""


def racing(configs: Sequence[Config] = CONFIGS, *least: float, **changes: Any) -> list[TrialRequest]:
    """Return requests that go on from read to read while they are not below ``least``."""
    bounds = tuple(zip(READS, least or (0.0, 0.0), strict=True))
    race = SmallRace("accuracy", (len(FOLDS),), 0.0, bounds)
    return [TrialRequest(number, config, FOLDS, race, **{"reads": READS, **changes}) for number, config in enumerate(configs)]


def fits(evaluator: Evaluator, configs: Sequence[Config]) -> dict[tuple[int, int, int | None], FoldResult]:
    """Return what fits of their own give: all folds, and fold 0 of the configs with fewer epochs."""
    found = {}
    for number, config in enumerate(configs):
        found.update(results(evaluate(evaluator, TrialRequest(number, config, FOLDS))))
        for epochs in READS:
            alone = results(evaluate(evaluator, TrialRequest(number, {**config, "epochs": epochs}, (0,))))
            found[number, 0, epochs] = alone[number, 0, None]
    return found


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> Evaluator:
    made = settings(tmp_path_factory.mktemp("sweep"), dataset(rows=120), cv=CvSettings(folds=3))
    return Evaluator(replace(made, engine="fused"))


@pytest.fixture(scope="module")
def alone(evaluator: Evaluator) -> dict[tuple[int, int, int | None], FoldResult]:
    return fits(evaluator, CONFIGS)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All runs, in the order in which they begin."""
    made: list[Any] = []

    class Watched(groups.Run):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(groups, "Run", Watched)
    return made


def test_a_read_is_a_fit_of_so_many_epochs_and_the_rest_is_as_it_is_unread_to_the_bit(
    evaluator: Evaluator, alone: dict[tuple[int, int, int | None], FoldResult]
) -> None:
    heard = evaluate(evaluator, *racing())
    assert results(heard) == alone
    assert {one.stopped for one in alone.values()} == {"epochs", "early_stopping"}
    assert len({one.epochs_run for one in alone.values()}) > 3
    for number in range(len(CONFIGS)):
        own = [event for event in heard if isinstance(event, FoldRead | FoldFinished) and event.trial == number]
        assert [event.epochs for event in own if isinstance(event, FoldRead)] == list(READS)
        assert all(isinstance(event, FoldRead) for event in own[:2])  # before any fold is over


def test_who_is_given_up_at_a_read_is_trained_no_further(
    evaluator: Evaluator, alone: dict[tuple[int, int, int | None], FoldResult], runs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "lanes_for", lambda graph, batch: 2)
    values = sorted(alone[number, 0, 2].metrics["accuracy"] for number in range(len(CONFIGS)))
    bound = values[len(values) // 2]
    trials = racing(CONFIGS, bound, 0.0)
    gone = {number for number in range(len(CONFIGS)) if alone[number, 0, 2].metrics["accuracy"] < bound}
    assert 0 < len(gone) < len(CONFIGS)
    wanted = {name: one for name, one in alone.items() if name[0] not in gone or name[2] == 2}
    found = results(evaluate(evaluator, *trials))
    assert {name: one.metrics for name, one in found.items()} == {name: one.metrics for name, one in wanted.items()}
    goes_on = [dict(CONFIGS[number])["learning_rate"] for number in range(len(CONFIGS)) if number not in gone]
    for run in runs:
        values, fold = run.member.id
        if dict(eval(values))["learning_rate"] not in goes_on:  # noqa: S307 (a repr of numbers and words)
            assert (fold, run.epoch) == (0, 2)


def test_configs_that_differ_in_epochs_alone_are_one_run_that_ends_when_the_last_wants_no_more(
    evaluator: Evaluator, alone: dict[tuple[int, int, int | None], FoldResult], runs: list[Any]
) -> None:
    long, short = racing()[4:6]
    heard = results(evaluate(evaluator, replace(long, race=SmallRace("accuracy", (3,), 0.0, ((2, 0.0), (5, NONE_GOES)))), short))
    assert heard == {name: one for name, one in alone.items() if name[0] == 5 or name in ((4, 0, 2), (4, 0, 5))}
    assert [run.epoch for run in runs if run.member.id[1] == 0] == [min(6, alone[4, 0, None].epochs_run)]
    runs.clear()
    none = SmallRace("accuracy", (3,), 0.0, ((2, NONE_GOES), (5, 0.0)))
    assert set(results(evaluate(evaluator, replace(long, race=none), replace(short, race=none)))) == {(4, 0, 2), (5, 0, 2)}
    assert [run.epoch for run in runs] == [2]


def test_reads_alone_are_trained_where_the_fold_is_known(
    evaluator: Evaluator, alone: dict[tuple[int, int, int | None], FoldResult], runs: list[Any]
) -> None:
    known = {0: alone[0, 0, None].metrics["accuracy"]}
    trial = replace(racing()[0], folds=(1,), scores={**known, 2: 0.5})
    assert results(evaluate(evaluator, trial)) == {name: alone[name] for name in ((0, 0, 2), (0, 0, 5), (0, 1, None))}
    assert [run.epoch for run in runs if run.member.id[1] == 0] == [5]
    one = replace(trial, reads=(5,), read_scores={2: 0.5}, folds=())
    assert results(evaluate(evaluator, one)) == {(0, 0, 5): alone[0, 0, 5]}
    assert evaluate(evaluator, replace(one, read_scores={2: -1.0})) == []


def test_seconds_of_a_read_are_those_since_the_fit_began(evaluator: Evaluator) -> None:
    heard = evaluate(evaluator, racing()[0])
    seconds = [event.result.seconds for event in heard if isinstance(event, FoldRead | FoldFinished) and event.result.fold == 0]
    assert len(seconds) == 3
    assert 0 < seconds[0] <= seconds[1] <= seconds[2]


def test_what_diverges_is_told_as_all_its_reads_until_it_is_given_up(evaluator: Evaluator) -> None:
    config = {"optimizer": "sgd", "learning_rate": 1e5, "activation": "linear", "l2": 100.0, "epochs": 9}
    found = results(evaluate(evaluator, *racing([config])))
    assert list(found) == [(0, 0, 2)]
    assert found[0, 0, 2].stopped == "diverged"


def test_fewer_lanes_for_lack_of_memory_change_no_bit(
    evaluator: Evaluator, alone: dict[tuple[int, int, int | None], FoldResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = Program.compiled

    def of_two_at_most(self: Program, lanes: Any, *rest: Any) -> Any:
        if lanes.epoch.shape[0] > 2:
            raise MemoryError("too many")
        return compiled(self, lanes, *rest)

    monkeypatch.setattr(Program, "compiled", of_two_at_most)
    found = results(evaluate(Evaluator(evaluator.settings), *racing(CONFIGS, 0.6, 0.7)))
    assert {(0, 0, 2), (1, 0, 2)} < set(found)
    assert {name: one.metrics for name, one in found.items()} == {name: alone[name].metrics for name in found}


@pytest.mark.parametrize(
    ("source", "engine"),
    [
        pytest.param(CONVOLVED, "fused", id="singles"),
        pytest.param(OWN_TRAIN_STEP, "keras", id="model.fit", marks=pytest.mark.full),
    ],
)
def test_the_same_holds_for_what_is_trained_alone(tmp_path: Path, source: str, engine: str) -> None:
    made = builder_settings(tmp_path, source, dataset(rows=90), engine="fused", cv=CvSettings(folds=3))
    evaluator = Evaluator(made)
    configs = [{"epochs": 7}]
    whole = fits(evaluator, configs)
    found = results(evaluate(evaluator, *racing(configs)))
    assert found == whole
    assert {one.engine for one in found.values()} == {engine}
    assert all((one.engine_reason is None) == (engine == "fused") for one in found.values())
    assert set(results(evaluate(evaluator, *racing(configs, 0.0, NONE_GOES)))) == {(0, 0, 2), (0, 0, 5)}


def test_a_read_that_raises_ends_its_trial_and_no_other(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainers.engines.fused import cohorts

    score, calls = cohorts.score_prediction, [0]

    def failing(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == 1:
            raise ArithmeticError("no")
        return score(*arguments, **named)

    monkeypatch.setattr(cohorts, "score_prediction", failing)
    heard = evaluate(evaluator, *racing(CONFIGS[:3]))
    failed = [event for event in heard if isinstance(event, FoldFailed)]
    assert len(failed) == 1
    assert {name[0] for name in results(heard)} == {0, 1, 2} - {failed[0].trial}
