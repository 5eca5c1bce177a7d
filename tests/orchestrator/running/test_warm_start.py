"""What a genetic search takes over from the occasion before it, and that a resumed occasion takes over the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow, TrialEnd
from orchestrator.running.warm_start import FACT, first_configs, fix_first_configs
from orchestrator.search.trials import SweepState, Trial, TrialState
from orchestrator.spec.loading import spec_from_mapping
from orchestrator.spec.model import SweepSpec
from orchestrator.sweep import strategy_of

OWNER = Owner("here", 1)
SCORES = {1: 0.5, 2: 0.9, 3: None, 4: 0.8, 5: 0.7, 6: 0.6, 7: 0.4, 8: 0.3}
"""By the units of the configs of the night before."""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


def spec(strategy: Mapping[str, Any] | None = None, space: Mapping[str, Any] | None = None, **more: Any) -> SweepSpec:
    mapping = {
        "name": "pima",
        "data": {"source": "sklearn", "name": "breast_cancer"},
        "space": space or {"layer_size": {"integer": [1, 500]}, "activation": ["relu", "tanh"]},
        "strategy": {"type": "genetic", "population": 8, "generations": 2, "warm_start": "last"} | dict(strategy or {}),
    }
    return spec_from_mapping(mapping | more, Path.cwd())


def claim(ledger: Ledger, what: SweepSpec, occasion: str) -> SweepRow:
    return ledger.claim_sweep(what.name, what.record(), None, OWNER, 60, occasion=occasion)


def run(ledger: Ledger, what: SweepSpec, occasion: str, scores: Mapping[int, float | None] = SCORES) -> None:
    sweep = claim(ledger, what, occasion)
    trials = [Trial(number, {"layer_size": size, "activation": "relu"}, f"key-{size}") for number, size in enumerate(scores)]
    ledger.add_trials(sweep, trials)
    states = [TrialState.FAILED if score is None else TrialState.COMPLETED for score in scores.values()]
    ends = [
        TrialEnd(number=n, state=state, score=score) for n, (state, score) in enumerate(zip(states, scores.values(), strict=True))
    ]
    ledger.commit(sweep, folds=[], ends=ends)
    ledger.finish_sweep(sweep, SweepState.COMPLETED)


def sizes(configs: Any) -> list[int]:
    return [config["layer_size"] for config in configs]


def test_the_first_occasion_begins_with_nothing(ledger: Ledger) -> None:
    sweep = claim(ledger, spec(), "night-1")
    assert fix_first_configs(ledger, spec(), sweep) == ()
    assert ledger.sweep("pima").facts[FACT] == {"origin": None, "configs": []}


def test_the_best_of_the_last_occasion_are_half_of_the_first_population(ledger: Ledger) -> None:
    run(ledger, spec(), "night-1")
    sweep = claim(ledger, spec(), "night-2")
    taken = fix_first_configs(ledger, spec(), sweep)
    assert sizes(taken) == [2, 4, 5, 6]
    assert ledger.sweep("pima").facts[FACT]["origin"] == "pima/night-1"
    asked = strategy_of(spec(), "night-2", taken).ask(8)
    assert asked[:4] == list(taken)
    assert len({str(config) for config in asked}) == 8


def test_a_minimised_objective_takes_the_smallest(ledger: Ledger) -> None:
    what = spec(objective={"metric": "log_loss"})
    run(ledger, what, "night-1")
    assert sizes(first_configs(ledger, what, "night-2")) == [8, 7, 1, 6]


def test_a_resumed_occasion_begins_with_what_it_began_with(ledger: Ledger) -> None:
    run(ledger, spec(), "night-1")
    sweep = claim(ledger, spec(), "night-2")
    first = fix_first_configs(ledger, spec(), sweep)
    ledger.finish_sweep(sweep, SweepState.STOPPED)
    run(ledger, spec(), "by-hand", {100: 0.99})
    resumed = claim(ledger, spec(), "night-2")
    assert fix_first_configs(ledger, spec(), resumed) == first == first_configs(ledger, spec(), "night-2")
    assert strategy_of(spec(), "night-2", first).ask(8) == strategy_of(
        spec(), "night-2", first_configs(ledger, spec(), "night-2")
    ).ask(8)


def test_an_occasion_takes_nothing_from_later_ones(ledger: Ledger) -> None:
    run(ledger, spec(), "night-1")
    sweep = claim(ledger, spec(), "night-2")
    run(ledger, spec(), "by-hand", {100: 0.99})
    assert sizes(fix_first_configs(ledger, spec(), sweep)) == [2, 4, 5, 6]


def test_an_occasion_without_scores_is_passed_over(ledger: Ledger) -> None:
    run(ledger, spec(), "night-1")
    run(ledger, spec(), "night-2", {50: None})
    assert sizes(first_configs(ledger, spec(), "night-3")) == [2, 4, 5, 6]


def test_configs_that_the_space_has_no_longer_are_left_out(ledger: Ledger) -> None:
    run(ledger, spec(), "night-1")
    narrow = spec(space={"layer_size": {"integer": [5, 500]}, "activation": ["relu", "tanh"]})
    assert sizes(first_configs(ledger, narrow, "night-2")) == [5, 6, 7, 8]
    other = spec(space={"layer_size": {"integer": [1, 500]}, "dropout": {"uniform": [0.0, 0.5]}})
    assert first_configs(ledger, other, "night-2") == ()


def test_configs_that_the_file_names_are_not_taken_twice(ledger: Ledger) -> None:
    run(ledger, spec(), "night-1")
    given = [{"layer_size": 2, "activation": "relu"}, {"layer_size": 300, "activation": "tanh"}]
    what = spec({"first_configs": given})
    taken = first_configs(ledger, what, "night-2")
    assert sizes(taken) == [4, 5, 6, 1]
    assert sizes(strategy_of(what, "night-2", taken).ask(8))[:6] == [2, 300, 4, 5, 6, 1]


def test_without_warm_start_nothing_is_taken_or_written(ledger: Ledger) -> None:
    run(ledger, spec(), "night-1")
    cold = spec({"warm_start": None})
    sweep = claim(ledger, cold, "night-2")
    assert fix_first_configs(ledger, cold, sweep) == ()
    assert FACT not in ledger.sweep("pima").facts
