"""``kerasweep plan``: it tells what a run would do, and leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from broken_specs import BUILDER, sound, table
from click.testing import CliRunner

from orchestrator.cli.root import main
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.search.trials import SweepState


@pytest.fixture
def sweep_file(tmp_path: Path, ledger_url: str) -> Path:
    (tmp_path / "data.csv").write_text(table(60))
    (tmp_path / "models.py").write_text(BUILDER)
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**sound(), "ledger": ledger_url}, sort_keys=False))
    return tmp_path / "sweep.yaml"


def test_where_no_ledger_is_none_is_made(sweep_file: Path, ledger_url: str) -> None:
    before = sorted(path.name for path in sweep_file.parent.iterdir())
    result = CliRunner().invoke(main, ["plan", str(sweep_file), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    plan = json.loads(result.stdout)
    assert (plan["occasion"], plan["known"], plan["known_folds"]) == ("manual-1", 0, 0)
    assert sorted(path.name for path in sweep_file.parent.iterdir()) == before
    if ledger_url.startswith("postgresql"):
        engine = sa.create_engine(ledger_url)
        assert sa.inspect(engine).get_table_names() == []
        engine.dispose()


def test_a_ledger_that_is_there_is_asked(sweep_file: Path, ledger_url: str) -> None:
    with Ledger(ledger_url) as ledger:
        name = sound()["name"]
        ledger.finish_sweep(ledger.claim_sweep(name, {}, None, Owner("here", 1), 60), SweepState.COMPLETED)
    result = CliRunner().invoke(main, ["plan", str(sweep_file), "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["occasion"] == "manual-2"


def test_finalists_cost_fits_more(sweep_file: Path) -> None:
    spec = yaml.safe_load(sweep_file.read_text())
    spec |= {"finalists": {"top": 2, "repeats": 3}, "cv": {"folds": 2}}
    sweep_file.write_text(yaml.safe_dump(spec, sort_keys=False))
    result = CliRunner().invoke(main, ["plan", str(sweep_file)], catch_exceptions=False)
    assert "finalists 2 x 6 fresh folds = 12 fits more" in result.stdout
    plan = json.loads(CliRunner().invoke(main, ["plan", str(sweep_file), "--json"], catch_exceptions=False).stdout)
    assert (plan["finalists"], plan["fresh_folds"], plan["fits_of_finalists"]) == (2, 6, 12)
    assert plan["fits"] == plan["trials"] * 2


def trials_line(sweep_file: Path, ledger_url: str, **parts: object) -> str:
    mapping = {**sound(), "strategy": {"type": "random", "trials": 40}, "cv": {"folds": 5}, **parts, "ledger": ledger_url}
    sweep_file.write_text(yaml.safe_dump(mapping, sort_keys=False))
    result = CliRunner().invoke(main, ["plan", str(sweep_file)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return next(line.partition("  ")[2].strip() for line in result.stdout.splitlines() if line.startswith("trials"))


def test_a_race_over_epochs_is_told_with_the_fits_that_it_takes_at_least(sweep_file: Path, ledger_url: str) -> None:
    line = "40 x 5 folds = 200 fits at most, 44 at least: trials race"  # 8 whole ones, 32 times 12 of 100 epochs
    assert trials_line(sweep_file, ledger_url, race={"folds": "none", "epochs": "halving"}) == line


def test_who_is_proposed_after_scores_is_judged_by_them(sweep_file: Path, ledger_url: str) -> None:
    strategy = {"type": "genetic", "population": 4, "generations": 6, "elites": 1}
    line = trials_line(sweep_file, ledger_url, strategy=strategy, race="auto")
    assert line == "19 x 5 folds = 95 fits at most, 35 at least: trials race"  # 4 whole ones, one fold of 15


def test_an_end_in_sight_is_told_with_the_fits_that_it_takes_at_least(sweep_file: Path, ledger_url: str) -> None:
    whole = {"race": "none"}
    assert trials_line(sweep_file, ledger_url, **whole) == "40 x 5 folds = 200 fits"
    assert trials_line(sweep_file, ledger_url, race="auto") == "40 x 5 folds = 200 fits at most, 72 at least: trials race"
    budget = {"patience": 6}
    line = "40 x 5 folds = 200 fits at most, 35 at least: budget.patience 6"
    assert trials_line(sweep_file, ledger_url, budget=budget, **whole) == line
    assert trials_line(sweep_file, ledger_url, budget={"fits": 83}, **whole) == "17 x 5 folds = 85 fits"
    line = "40 x 5 folds, 87 fits at most, 72 at least: budget.fits 83, trials race"
    assert trials_line(sweep_file, ledger_url, budget={"fits": 83}, race="paired") == line
    line = "40 x 5 folds, 87 fits at most, 35 at least: budget.fits 83, budget.patience 6, trials race"
    assert trials_line(sweep_file, ledger_url, budget={"fits": 83, **budget}, race="paired") == line
