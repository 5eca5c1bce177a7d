"""A real sweep with finalists, from its file to its winner: trained in a real worker, kept, told, and the same when resumed."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli.root import main
from orchestrator.ledger.ledger import Ledger
from orchestrator.results import Finals
from orchestrator.search.trials import SweepState
from orchestrator.spec import SweepSpec
from orchestrator.spec.loading import spec_from_mapping
from orchestrator.sweep import Options, run_sweep


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finalists")


def spec_of(folder: Path, **changes: Any) -> SweepSpec:
    return spec_from_mapping(
        {
            "name": "cancer",
            "data": {"source": "sklearn", "name": "breast_cancer"},
            "space": {"learning_rate": [0.0003, 0.003, 0.03], "layer_size": [4, 16]},
            "cv": {"folds": 2},
            "fit": {"epochs": 4, "early_stopping": {"patience": 2}},
            "finalists": {"top": 3, "repeats": 2},
            "ray": {"local": True},
            "resources": {"max_concurrent": 1},
            "ledger": f"sqlite:///{folder / 'ledger.db'}",
            "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
            **changes,
        },
        folder,
    )


@pytest.fixture(scope="module")
def finals(folder: Path) -> Finals:
    row = run_sweep(spec_of(folder), Options(output=folder))
    assert row.state is SweepState.COMPLETED
    finals = Finals.of(row.facts)
    assert finals is not None
    assert row.facts["winner"] == finals.winner
    return finals


def test_the_best_of_the_search_were_trained_on_fresh_folds_and_the_best_of_these_won(folder: Path, finals: Finals) -> None:
    with Ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        rows = ledger.trials(ledger.sweep("cancer").id)
    ranked = sorted(rows, key=lambda row: (-(row.score or 0.0), row.number))
    assert len(rows) == 6
    assert [one.trial for one in finals.finalists] == [row.number for row in ranked[:3]]
    assert (finals.folds, finals.repeats) == (4, 2)
    best = max(finals.finalists, key=lambda one: (one.fresh or 0.0, -one.trial))
    assert best.trial == finals.winner
    assert finals.cross_fitted is not None
    assert 0.5 < finals.cross_fitted <= fmean([best.fresh or 0.0, 1.0])


@pytest.mark.full
def test_a_later_sweep_takes_searched_and_fresh_folds_over_and_has_the_same_winner(folder: Path, finals: Finals) -> None:
    row = run_sweep(spec_of(folder), Options(output=folder, new=True))
    again = Finals.of(row.facts)
    assert again is not None
    assert again.seconds == 0.0
    assert (again.winner, again.cross_fitted, again.finalists) == (finals.winner, finals.cross_fitted, finals.finalists)


def test_every_door_says_the_same_winner(folder: Path, finals: Finals) -> None:
    from mlflow import MlflowClient

    url = f"sqlite:///{folder / 'ledger.db'}"
    shown = CliRunner().invoke(main, ["show", "--ledger", url, "cancer/manual-1"], catch_exceptions=False).output
    assert finals.told() in shown
    record = json.loads(CliRunner().invoke(main, ["show", "--ledger", url, "cancer/manual-1", "--json"]).output)
    assert [one["trial"] for one in record["leaderboard"] if one["winner"]] == [finals.winner]
    assert {one["trial"] for one in record["leaderboard"] if one["fresh"] is not None} == {one.trial for one in finals.finalists}
    best = CliRunner().invoke(main, ["best", "--ledger", url, "cancer/manual-1"], catch_exceptions=False).output
    assert best.startswith(f"Winner: trial {finals.winner} ")
    assert "over 4 fresh folds" in best
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("cancer").experiment_id])
    parent = next(run for run in runs if run.info.run_name == "cancer/manual-1")
    assert parent.data.metrics["cross_fitted/accuracy"] == pytest.approx(finals.cross_fitted)
    assert parent.data.tags["kerasweep.finalists"] == finals.told()
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    tags = {int(run.info.run_name.removeprefix("trial-")): run.data.tags.get("kerasweep.finalist") for run in children}
    assert {number for number, tag in tags.items() if tag is not None} == {one.trial for one in finals.finalists}
    assert [number for number, tag in tags.items() if tag == "winner"] == [finals.winner]


def test_an_occasion_goes_on_with_the_finalists_that_it_began_with(folder: Path, finals: Finals) -> None:
    from orchestrator.errors import SweepMismatchError
    from orchestrator.ledger.owner import Owner

    with Ledger(f"sqlite:///{folder / 'other.db'}") as ledger:
        spec = spec_of(folder)
        begun = ledger.claim_sweep("cancer", spec.record(), spec.identity(), Owner("host", 1), 0.0)
        other = spec_of(folder, finalists=None)
        with pytest.raises(SweepMismatchError, match=r"finalists: was \{'top': 3, 'repeats': 2\}, now None"):
            ledger.claim_sweep("cancer", other.record(), other.identity(), Owner("host", 2), 0.0)
        older = {name: part for name, part in other.identity().items() if name != "finalists"}
        old = ledger.claim_sweep("cancer", other.record(), older, Owner("host", 1), 0.0, new=True)
        with pytest.raises(SweepMismatchError, match=r"finalists: was None, now \{'top': 3, 'repeats': 2\}"):
            ledger.claim_sweep("cancer", spec.record(), spec.identity(), Owner("host", 2), 0.0)
        assert ledger.claim_sweep("cancer", other.record(), other.identity(), Owner("host", 2), 0.0).id == old.id != begun.id
