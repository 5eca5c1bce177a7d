"""Ranking, the baseline's place, the one-standard-error choice, and how a leaderboard is written out."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from orchestrator.ledger.records import TrialRow
from orchestrator.results.finalists import Finalist, Finals
from orchestrator.results.formats import first_entries, to_csv, to_html, to_records, to_table
from orchestrator.results.leaderboard import Leaderboard
from orchestrator.search import Objective
from orchestrator.search.trials import TrialState


def goal(direction: str = "maximize", select: str = "best") -> Objective:
    return Objective("accuracy", direction, select)


def trial(
    number: int,
    score: float | None,
    error: float = 0.01,
    *,
    state: TrialState = TrialState.COMPLETED,
    size: int | None = None,
    config: dict | None = None,
    **more,
) -> TrialRow:
    values = math.nan if score is None else score
    summary = {
        "mean": {"accuracy": values, "roc_auc": 0.9},
        "std": {"accuracy": 0.02, "roc_auc": math.nan},
        "standard_error": {"accuracy": error, "roc_auc": math.nan},
        "seconds": 12.5,
        "epoch": 7.0,
        "size": size,
    }
    given = {
        "sweep": 1,
        "number": number,
        "key": f"k{number}",
        "config": {"rate": 0.1 * number} if config is None else config,
        "state": state,
        "score": score,
        "summary": summary,
        "cause": None,
        "message": None,
        "traceback": None,
        "cohort": None,
        "engine": "keras",
        "engine_reason": None,
        "cached_from": None,
        "attempt": 1,
        "created": 0.0,
        "started": 0.0,
        "finished": 1.0,
        "mlflow_run": None,
        "revision": 1,
        "projected_revision": 0,
    }
    return TrialRow(**{**given, **more})


def failed(number: int, state: TrialState = TrialState.FAILED, **more) -> TrialRow:
    return trial(number, None, state=state, **{"summary": None, **more})


def order(board: Leaderboard) -> list[int | None]:
    return [entry.number for entry in board.entries]


# --- ranking ------------------------------------------------------------------------------------------------------------------


def test_greater_scores_rank_first_when_maximised() -> None:
    board = Leaderboard.from_rows([trial(0, 0.7), trial(1, 0.9), trial(2, 0.8)], goal())
    assert order(board) == [1, 2, 0]
    assert [entry.rank for entry in board.entries] == [1, 2, 3]
    assert board.best is board.winner is board.entries[0]


def test_smaller_scores_rank_first_when_minimised() -> None:
    board = Leaderboard.from_rows([trial(0, 0.7), trial(1, 0.9), trial(2, -0.8)], goal(direction="minimize"))
    assert order(board) == [2, 0, 1]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_equal_scores_rank_in_ask_order_whatever_order_they_come_in(direction: str) -> None:
    board = Leaderboard.from_rows([trial(5, 0.5), trial(2, 0.5), trial(9, 0.5), trial(0, 0.5)], goal(direction=direction))
    assert order(board) == [0, 2, 5, 9]
    assert board.best is not None
    assert board.best.number == 0


def test_trials_without_a_score_come_last_and_are_never_best() -> None:
    rows = [
        failed(0),
        trial(1, 0.4),
        failed(2, TrialState.DIVERGED),
        failed(3, TrialState.RUNNING),
        trial(4, 0.6),
        failed(5, TrialState.TIMED_OUT),
    ]
    board = Leaderboard.from_rows(rows, goal())
    assert order(board) == [4, 1, 0, 2, 3, 5]
    assert [entry.rank for entry in board.entries] == [1, 2, None, None, None, None]


@pytest.mark.parametrize("rows", [[], [failed(0), failed(1, TrialState.DIVERGED)]])
def test_without_a_score_there_is_no_winner(rows: list[TrialRow]) -> None:
    board = Leaderboard.from_rows(rows, goal(select="one_se"), [{"accuracy": 0.5}])
    assert (board.best, board.one_se, board.winner, board.beats_baseline) == (None, None, None, None)


# --- the baseline -------------------------------------------------------------------------------------------------------------


def test_the_baseline_stands_where_its_score_puts_it() -> None:
    rows = [trial(0, 0.7), trial(1, 0.5), trial(2, 0.4)]
    board = Leaderboard.from_rows(rows, goal(), [{"accuracy": 0.4}, {"accuracy": 0.6}])
    assert order(board) == [0, None, 1, 2], "a trial as good as the baseline stands below it"
    assert [entry.rank for entry in board.entries] == [1, None, 2, 3]
    assert board.baseline is not None
    assert (board.baseline.score, board.baseline.std["accuracy"]) == (pytest.approx(0.5), pytest.approx(0.1))
    assert board.beats_baseline is True


def test_a_search_that_learnt_nothing_is_seen() -> None:
    board = Leaderboard.from_rows([trial(0, 3.2), failed(1)], goal(direction="minimize"), [{"accuracy": 3.0}])
    assert order(board) == [None, 0, 1]
    assert board.beats_baseline is False


def test_a_baseline_without_the_objective_stands_below_the_scored_trials() -> None:
    board = Leaderboard.from_rows(
        [trial(0, 0.7), failed(1)], goal(), [{"accuracy": 0.4, "roc_auc": 0.5}, {"accuracy": None, "roc_auc": 0.5}]
    )
    assert order(board) == [0, None, 1]
    assert board.baseline is not None
    assert (board.baseline.score, dict(board.baseline.mean)) == (None, {"roc_auc": 0.5})
    assert board.beats_baseline is None


# --- the one-standard-error choice --------------------------------------------------------------------------------------------


def test_one_se_takes_the_smallest_model_within_the_bests_error() -> None:
    rows = [
        trial(0, 0.90, 0.02, size=900),
        trial(1, 0.885, 0.5, size=50),
        trial(2, 0.88, 0.5, size=40),
        trial(3, 0.87, 0.5, size=1),
    ]
    board = Leaderboard.from_rows(rows, goal(select="one_se"))
    assert board.best is not None
    assert board.best.number == 0
    assert board.winner is board.one_se
    assert board.winner is not None
    assert board.winner.number == 2, "at the limit counts, below it does not, its own error does not matter"
    assert Leaderboard.from_rows(rows, goal()).winner == board.best


def test_one_se_follows_the_direction() -> None:
    rows = [
        trial(0, 1.0, 0.1, size=9),
        trial(1, 1.1, size=2),
        trial(2, 1.2, size=1),
        trial(3, 0.5, 0.0, state=TrialState.PRUNED, size=0),
    ]
    board = Leaderboard.from_rows(rows, goal(direction="minimize", select="one_se"))
    assert board.winner is not None
    assert board.winner.number == 1


def test_of_equally_small_models_one_se_takes_the_better() -> None:
    board = Leaderboard.from_rows([trial(0, 0.89, size=5), trial(1, 0.9, size=7), trial(2, 0.895, size=5)], goal(select="one_se"))
    assert board.winner is not None
    assert board.winner.number == 2


def test_where_a_size_is_unknown_one_se_takes_the_one_asked_first() -> None:
    rows = [trial(4, 0.9, 0.05), trial(3, 0.88, size=3), trial(1, 0.87), trial(0, 0.8)]
    board = Leaderboard.from_rows(rows, goal(select="one_se"))
    assert board.winner is not None
    assert board.winner.number == 1


def test_without_an_error_bar_one_se_takes_the_best() -> None:
    board = Leaderboard.from_rows([trial(0, 0.89, size=1), trial(1, 0.9, math.nan, size=2)], goal(select="one_se"))
    assert board.winner is board.best


# --- written out --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def board() -> Leaderboard:
    rows = [
        trial(0, 0.7, config={"rate": 1e-4, "optimizer": "adam"}),
        trial(1, 0.812345678, 0.0123, config={"rate": 0.1 + 0.2, "sizes": [12, 8]}, size=41, cached_from="pima/manual-1/3"),
        failed(2, message='<b>boom</b>, "really"', config={"optimizer": "<script>"}),
    ]
    return Leaderboard.from_rows(rows, goal(), [{"accuracy": 0.65, "roc_auc": 0.5}])


def test_the_table_is_short_and_marks_the_winner(board: Leaderboard) -> None:
    header, lines = to_table(board)
    assert header == ["rank", "trial", "accuracy", "±", "epochs", "seconds", "state", "rate", "sizes", "optimizer"]
    assert lines == [
        ["1*", "1", "0.8123", "0.0123", "7", "12.5", "COMPLETED (cached)", "0.3", "[12, 8]", ""],
        ["2", "0", "0.7000", "0.0100", "7", "12.5", "COMPLETED", "0.0001", "", "adam"],
        ["", "baseline", "0.6500", "", "", "", "", "", "", ""],
        ["", "2", "", "", "", "", "FAILED", "", "", "<script>"],
    ]


@pytest.mark.parametrize(("limit", "shown"), [(0, ["None"]), (1, ["1", "None"]), (9, ["1", "0", "None", "2"])])
def test_a_shortened_table_keeps_the_baseline(board: Leaderboard, limit: int, shown: list[str]) -> None:
    assert [str(entry.number) for entry in first_entries(board, limit)] == shown


def test_large_scores_are_written_short() -> None:
    _, lines = to_table(Leaderboard.from_rows([trial(0, 123456.789, 2345.678)], goal(direction="minimize")))
    assert lines[0][2:4] == ["123457", "2345.68"]


def test_the_csv_holds_everything_in_full(board: Leaderboard) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(board))))
    assert list(rows[0]) == [
        *("rank", "trial", "state", "winner", "accuracy", "accuracy_std", "accuracy_standard_error"),
        *("roc_auc", "roc_auc_std", "roc_auc_standard_error", "epochs", "size", "folds", "seconds", "cached_from", "message"),
        *("config.rate", "config.sizes", "config.optimizer"),
    ]
    assert [row["trial"] for row in rows] == ["1", "0", "baseline", "2"]
    assert [row["winner"] for row in rows] == ["True", "False", "False", "False"]
    assert float(rows[0]["accuracy"]) == 0.812345678
    assert float(rows[0]["config.rate"]) == 0.1 + 0.2
    assert (rows[0]["roc_auc_std"], rows[0]["size"], rows[0]["cached_from"]) == ("", "41", "pima/manual-1/3")
    assert (rows[2]["accuracy"], rows[2]["rank"]) == ("0.65", "")
    assert (rows[3]["accuracy"], rows[3]["message"]) == ("", '<b>boom</b>, "really"')


def test_who_a_race_gave_up_stands_below_the_whole_ones_more_folds_first_then_by_mean() -> None:
    def given_up(number: int, mean: float, folds: int) -> TrialRow:
        row = trial(number, None, state=TrialState.PRUNED, message="fold 0: below")
        summary = {**(row.summary or {}), "mean": {"accuracy": mean}, "folds": folds}
        return replace(row, summary=summary)

    whole = trial(5, 0.6)
    whole = replace(whole, summary={**(whole.summary or {}), "folds": 5})
    failed = trial(0, None, state=TrialState.FAILED)
    rows = [failed, given_up(1, 0.9, 1), given_up(2, 0.5, 2), given_up(3, 0.7, 2), given_up(4, 0.8, 1), whole]
    board = Leaderboard.from_rows(rows, goal(), [{"accuracy": 0.3}])
    assert [entry.number for entry in board.entries] == [5, None, 3, 2, 1, 4, 0]
    assert board.winner is not None
    assert board.winner.number == 5
    header, lines = to_table(board)
    assert [line[header.index("rank")] for line in lines] == ["1*", "", "2/5", "2/5", "1/5", "1/5", ""]
    assert [line[header.index("accuracy")] for line in lines][2:] == ["0.7000", "0.5000", "0.9000", "0.8000", ""]
    assert [record["rank"] for record in to_records(board)] == [1, None, None, None, None, None, None]


def test_the_records_are_strict_json(board: Leaderboard) -> None:
    records = json.loads(json.dumps(to_records(board), allow_nan=False))
    assert [record["trial"] for record in records] == [1, 0, None, 2]
    assert [record["winner"] for record in records] == [True, False, False, False]
    assert records[0]["std"] == {"accuracy": 0.02, "roc_auc": None}
    assert records[0]["config"] == {"rate": 0.1 + 0.2, "sizes": [12, 8]}


class Page(HTMLParser):
    """The cells and row classes of a page, and every tag in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.classes: list[str | None] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.classes.append(dict(attrs).get("class"))
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data.strip()


def test_the_html_is_one_page_of_its_own_that_shows_text_as_text(board: Leaderboard) -> None:
    text = to_html(board, title="pima <&> manual-1")
    page = Page(text)
    header, lines = to_table(board)
    assert page.cells == [*header, *(cell for line in lines for cell in line)]
    assert page.classes == [None, "winner", None, "baseline", None]
    assert not {"script", "link", "img", "b"} & set(page.tags)
    assert "pima &lt;&amp;&gt; manual-1" in text
    assert "greater is better" in text


# --- finalists ------------------------------------------------------------------------------------------------------------------

LOOKED = Finals(
    metric="accuracy",
    folds=6,
    repeats=2,
    finalists=(
        Finalist(trial=2, search=0.9, fresh=0.81, std=0.01, standard_error=0.02),
        Finalist(trial=0, search=0.8, fresh=0.83, std=0.01, standard_error=0.03),
        Finalist(trial=3, search=0.7, out="fold 4: nan"),
    ),
    winner=0,
    cross_fitted=0.82,
    seconds=3.0,
)
TRIALS = [trial(0, 0.8), trial(1, 0.5), trial(2, 0.9), trial(3, 0.7)]


def test_the_finalists_winner_wins_and_keeps_its_rank() -> None:
    board = Leaderboard.from_rows(TRIALS, goal(), finals=LOOKED)
    assert order(board) == [2, 0, 3, 1]
    assert board.winner is not None
    assert (board.winner.number, board.winner.rank, board.winner.fresh, board.winner.fresh_error) == (0, 2, 0.83, 0.03)
    assert board.best is not None
    assert board.best.number == 2
    assert [record["fresh"] for record in to_records(board)] == [0.81, 0.83, None, None]
    assert [record["trial"] for record in to_records(board) if record["winner"]] == [0]


def test_where_all_finalists_are_out_the_searchs_winner_stays() -> None:
    out = replace(LOOKED, winner=None, cross_fitted=None, finalists=(Finalist(trial=2, search=0.9, out="fold 3: boom"),))
    board = Leaderboard.from_rows(TRIALS, goal(), finals=out)
    assert board.winner is not None
    assert board.winner.number == 2
    assert out.told() == "1 finalist on 6 fresh folds: none has a score (fold 3: boom), so the search's winner stays."


def test_tables_have_a_column_for_fresh_means_where_there_are_finalists() -> None:
    board, without = Leaderboard.from_rows(TRIALS, goal(), finals=LOOKED), Leaderboard.from_rows(TRIALS, goal())
    header, lines = to_table(board)
    assert header[:6] == ["rank", "trial", "accuracy", "±", "fresh", "±"]
    assert [line[4:6] for line in lines] == [["0.8100", "0.0200"], ["0.8300", "0.0300"], ["", ""], ["", ""]]
    assert "fresh" not in to_table(without)[0]
    rows = list(csv.DictReader(io.StringIO(to_csv(board))))
    assert [row["fresh"] for row in rows] == ["0.81", "0.83", "", ""]
    assert "fresh" not in to_csv(without)
    assert "a winner chosen so is worth 0.82 (cross-fitted); 1 out." in to_html(board, "demo")


def test_what_was_found_survives_the_ledger() -> None:
    assert Finals.of({"finalists": json.loads(json.dumps(LOOKED.record()))}) == LOOKED
    assert Finals.of({}) is None
