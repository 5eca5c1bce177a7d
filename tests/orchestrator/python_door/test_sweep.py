"""A sweep of the ledger, seen from Python."""

from __future__ import annotations

import pickle
from pathlib import Path

import pandas as pd
import pytest
from fake_sweeps import Clock, add, begin, end, run

from orchestrator.errors import NotFoundError
from orchestrator.ledger.ledger import Ledger
from orchestrator.python_door.sweep import Sweep, load_sweep
from orchestrator.search.trials import SweepState, TrialState


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def sweep(url: str) -> Sweep:
    with Ledger(url, Clock()) as ledger:
        row = begin(ledger, cv={"folds": 2, "repeats": 1})
        run(ledger, row, range(15), ends={5: TrialState.FAILED, 6: TrialState.DIVERGED})
        end(ledger, row)
    return load_sweep("demo", url)


def test_it_says_what_it_is(sweep: Sweep) -> None:
    assert (sweep.title, sweep.state, sweep.reason) == ("demo/manual-1", "COMPLETED", None)
    assert sweep.spec["trainer"]["params"] == {"hidden_layers": 2}
    assert repr(sweep) == "<Sweep demo/manual-1: COMPLETED, 15/15 trials, accuracy 0.9025>"


def test_the_leaderboard_is_a_table_the_best_first(sweep: Sweep) -> None:
    board = sweep.leaderboard()
    assert isinstance(board, pd.DataFrame)
    assert list(board.columns[:6]) == ["rank", "trial", "state", "winner", "accuracy", "accuracy_std"]
    assert {"roc_auc", "standard_error", "epoch", "seconds", "config.learning_rate", "config.units"} <= set(board.columns)
    assert board.loc[0, "trial"] == 3
    assert board.loc[0, "winner"]
    assert board["config.units"].dtype == "Int64"
    assert len(board) == 16
    (baseline,) = board.index[board["state"] == "baseline"]
    assert board.loc[baseline, ["rank", "trial"]].isna().all()
    assert board.loc[board["trial"] == 5, "message"].item() == "boom"


def test_the_winner_is_there(sweep: Sweep) -> None:
    assert sweep.best_config["optimizer"] == "sgd"
    assert sweep.best_score == pytest.approx(0.9025)
    assert sweep.test_scores == {"accuracy": 0.93}


def test_figures_are_matplotlib_s_and_shown_as_pictures(sweep: Sweep) -> None:
    figures = sweep.figures
    assert list(figures) == ["best_score", "hyperparameters", "parallel_coordinates", "learning_curves"]
    assert figures["best_score"].axes[0].get_ylabel() == "accuracy"
    assert figures._repr_html_().count('src="data:image/png;base64,iVBOR') == 4
    assert figures["best_score"]._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert figures.image("nothing") == ""


def test_a_notebook_shows_the_first_ten_the_winner_and_a_picture(sweep: Sweep) -> None:
    page = sweep._repr_html_()
    assert "demo/manual-1" in page
    assert page.count("<tr") == 1 + 10 + 1
    assert "... and 5 more" in page
    assert "Winner: trial 3 (" in page
    assert "On the rows that were kept out: accuracy 0.9300." in page
    assert 'alt="best_score"' in page


def test_a_notebook_shows_no_markup_of_the_sweep_s(url: str) -> None:
    with Ledger(url, Clock()) as ledger:
        row = begin(ledger, objective={"metric": "<i>f1</i>", "direction": "maximize", "select": "best"})
        add(ledger, row, [0])
        ledger.finish_trial(row, 0, TrialState.FAILED, cause="exception", message="<script>")
        ledger.finish_sweep(row, SweepState.FAILED, "no <b>score</b>")
    page = load_sweep("demo", url)._repr_html_()
    assert "no &lt;b&gt;score&lt;/b&gt;" in page
    assert not {"<i>", "<b>", "<script>"} & {page[at : page.find(">", at) + 1] for at in range(len(page)) if page[at] == "<"}


def test_without_a_score_there_is_no_winner_and_no_figure(url: str) -> None:
    with Ledger(url, Clock()) as ledger:
        begin(ledger)
    sweep = load_sweep("demo", url)
    assert sweep.figures == {}
    assert sweep.leaderboard()["state"].tolist() == ["baseline"]
    with pytest.raises(NotFoundError, match="Sweep demo/manual-1 has no trial with a score yet"):
        _ = sweep.best_config
    with pytest.raises(NotFoundError, match="is RUNNING and has no model yet"):
        sweep.model()


def test_a_model_on_another_machine_is_told_of(url: str) -> None:
    with Ledger(url, Clock()) as ledger:
        ledger.update_facts(begin(ledger), {"model": "/elsewhere/model", "model_host": "node-7"})
    with pytest.raises(NotFoundError, match="its model is in /elsewhere/model on node-7 alone, and MLflow has none"):
        load_sweep("demo", url).predict([[1.0]])


def test_it_is_found_by_name_and_occasion_or_said_not_to_be_there(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ledger(url, Clock()) as ledger:
        run(ledger, row := begin(ledger), [0])
        end(ledger, row)
        begin(ledger, pid=2)
    assert load_sweep("demo", url).title == "demo/manual-2"
    assert load_sweep("demo/manual-1", url).state == "COMPLETED"
    monkeypatch.setenv("KERASWEEP_LEDGER", url)
    assert load_sweep("demo/manual-1").title == "demo/manual-1"
    with pytest.raises(NotFoundError, match="demos"):
        load_sweep("demos", url)
    with pytest.raises(NotFoundError, match=r"load_sweep: There is no ledger .*nothing.db\. Say ledger=URL"):
        load_sweep("demo", f"sqlite:///{tmp_path / 'nothing.db'}")
    assert not (tmp_path / "nothing.db").exists()


def test_it_survives_pickle_and_a_change_of_folder(
    sweep: Sweep, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = load_sweep("demo", "sqlite:///ledger.db")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert relative.title == pickle.loads(pickle.dumps(sweep)).title == "demo/manual-1"  # noqa: S301 (our own bytes)


def test_a_path_is_a_ledger_too(sweep: Sweep, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for ledger in ("ledger.db", tmp_path / "ledger.db", url):
        assert load_sweep("demo", ledger).title == sweep.title
    with pytest.raises(NotFoundError, match="load_sweep"):
        load_sweep("demo", "none.db")
    assert not (tmp_path / "none.db").exists()
