"""A leaderboard as plain records, as the lines of a table, as CSV, and as a page of HTML. Pure; it prints and writes nothing."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from typing import Any

from orchestrator.results.leaderboard import BASELINE, Entry, Leaderboard
from orchestrator.search import TrialState


def to_records(board: Leaderboard) -> list[dict[str, Any]]:
    """Return the lines as plain data for JSON; a number that is unknown or not finite is None."""
    return [
        {
            "rank": entry.rank,
            "trial": entry.number,
            "state": entry.state,
            "winner": entry is board.winner,
            "score": entry.score,
            "standard_error": entry.error,
            "metrics": dict(entry.mean),
            "std": dict(entry.std),
            "config": dict(entry.config),
            "epoch": entry.epoch,
            "size": entry.size,
            "folds": entry.folds,
            "seconds": entry.seconds,
            "cached_from": entry.cached_from,
            "message": entry.message,
            "fresh": entry.fresh,
            "fresh_standard_error": entry.fresh_error,
        }
        for entry in board.entries
    ]


def to_table(board: Leaderboard) -> tuple[list[str], list[list[str]]]:
    """Return a header and lines of text: all trials and the baseline.

    * marks the winner; a trial that a race gave up has its share of the folds in place of a rank, and the mean over them. Where
    finalists were looked at again, "fresh" is their mean over fresh folds, with its standard error.
    """
    names = _config_names(board)
    looked = [] if board.finals is None else ["fresh", "±"]
    header = ["rank", "trial", board.metric, "±", *looked, "epochs", "seconds", "state", *names]
    lines = []
    for entry in board.entries:
        trial = BASELINE if entry.number is None else str(entry.number)
        state = "" if entry.number is None else entry.state + (" (cached)" if entry.cached_from else "")
        score, error = standing_of(entry, board)
        fresh = [_short(entry.fresh), _short(entry.fresh_error)] if looked else []
        numbers = [_short(score), _short(error), *fresh, _short(entry.epoch, 0), _short(entry.seconds, 1)]
        lines.append(
            [place_of(entry, board), trial, *numbers, state, *(_short_value(entry.config.get(name, "")) for name in names)]
        )
    return header, lines


def place_of(entry: Entry, board: Leaderboard) -> str:
    """Return the rank, * for the winner; the share of the folds that a trial got to before a race gave it up, such as 1/5."""
    if entry.rank is not None:
        return f"{entry.rank}{'*' if entry is board.winner else ''}"
    given_up = entry.state == TrialState.PRUNED and entry.folds is not None and board.folds
    return f"{entry.folds}/{board.folds}" if given_up else ""


def standing_of(entry: Entry, board: Leaderboard) -> tuple[float | None, float | None]:
    """Return score and standard error, or the mean over the folds that a trial got to before a race gave it up."""
    return (entry.mean.get(board.metric), None) if entry.state == TrialState.PRUNED else (entry.score, entry.error)


def to_csv(board: Leaderboard) -> str:
    """Return everything as CSV, numbers in full.

    A metric has the columns ``<metric>``, ``<metric>_std`` and ``<metric>_standard_error``, a hyperparameter ``config.<name>``.
    Where finalists were looked at again, their ``fresh`` and ``fresh_standard_error`` stand before the hyperparameters.
    """
    metrics = list(dict.fromkeys(name for entry in board.entries for name in entry.mean))
    names = _config_names(board)
    spreads = [f"{metric}{ending}" for metric in metrics for ending in ("", "_std", "_standard_error")]
    last = ["epochs", "size", "folds", "seconds", "cached_from", "message"]
    last += [] if board.finals is None else ["fresh", "fresh_standard_error"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["rank", "trial", "state", "winner", *spreads, *last, *(f"config.{name}" for name in names)])
    for entry in board.entries:
        trial = BASELINE if entry.number is None else entry.number
        values = [part.get(metric) for metric in metrics for part in (entry.mean, entry.std, entry.standard_error)]
        rest = [entry.epoch, entry.size, entry.folds, entry.seconds, entry.cached_from, entry.message]
        rest += [] if board.finals is None else [entry.fresh, entry.fresh_error]
        config = [entry.config.get(name) for name in names]
        writer.writerow([entry.rank, trial, entry.state, entry is board.winner, *values, *rest, *config])
    return out.getvalue()


def to_html(board: Leaderboard, title: str) -> str:
    """Return the table as one page of HTML that needs nothing else."""
    goal = "greater is better" if board.direction == "maximize" else "smaller is better"
    finals = "" if board.finals is None else f"\n<p>{html.escape(board.finals.told())}</p>"
    texts = {"title": html.escape(title), "metric": html.escape(board.metric), "goal": goal, "finals": finals}
    return _PAGE.format(**texts, table=to_html_table(board))


def to_html_table(board: Leaderboard, limit: int | None = None) -> str:
    """Return the lines of the first ``limit`` trials (None: of all) and of the baseline as a table of HTML."""
    header, lines = to_table(board)
    shown = {id(entry) for entry in first_entries(board, limit)}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "\n".join(
        f"<tr{_row_class(entry, board)}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in line)}</tr>"
        for entry, line in zip(board.entries, lines, strict=True)
        if id(entry) in shown
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def first_entries(board: Leaderboard, limit: int | None) -> Sequence[Entry]:
    """Return the lines of the first ``limit`` trials (None: of all) and of the baseline."""
    entries = board.entries
    if limit is None:
        return entries
    trials = [index for index, entry in enumerate(entries) if entry.number is not None]
    shown = set(trials[:limit])
    return [entry for index, entry in enumerate(entries) if entry.number is None or index in shown]


def _config_names(board: Leaderboard) -> list[str]:
    return list(dict.fromkeys(name for entry in board.entries for name in entry.config))


def _short(number: float | None, digits: int = 4) -> str:
    if number is None:
        return ""
    return f"{number:.{digits}f}" if abs(number) < 1000 else f"{number:.6g}"


def _short_value(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _row_class(entry: Entry, board: Leaderboard) -> str:
    if entry is board.winner:
        return ' class="winner"'
    return ' class="baseline"' if entry.number is None else ""


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #1a1a1a; background: #fff; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .25em .7em; border-bottom: 1px solid #ddd; text-align: left; font-variant-numeric: tabular-nums; }}
.winner td {{ background: #e6f4ea; font-weight: 600; }}
.baseline td {{ color: #666; font-style: italic; }}
</style></head><body>
<h1>{title}</h1>
<p>Ranked by {metric}; {goal}. * marks the chosen trial, &plusmn; is the corrected standard error over the folds.</p>{finals}
{table}
</body></html>
"""
