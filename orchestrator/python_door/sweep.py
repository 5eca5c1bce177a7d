"""A sweep in the ledger, seen from Python: its leaderboard, its winner, its model, its pictures. It changes nothing there."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import NotFoundError
from orchestrator.ledger import Ledger, SweepRow, ledger_url
from orchestrator.python_door.figures import Figures
from orchestrator.python_door.tables import like_training
from orchestrator.results import (
    Entry,
    SweepView,
    display,
    find_sweep,
    objective_of,
    ranked,
    spec_of,
    to_html_table,
    to_records,
    view,
)
from orchestrator.spec import DOOR

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_LEDGER = "sqlite:///kerasweep.db"
_SHOWN = 10
_WHOLE = ("rank", "trial", "size")


def load_sweep(title: str, ledger: str | os.PathLike[str] | None = None) -> Sweep:
    """Return a sweep that ran elsewhere, or earlier.

    Parameters
    ----------
    title : its name, for the newest occasion, or ``name/occasion``.
    ledger : URL or path of the ledger that it is kept in; default KERASWEEP_LEDGER, else kerasweep.db in the working directory.

    Raises
    ------
    NotFoundError : there is no such ledger, or no such sweep in it.
    """
    url = ledger_url(ledger) if ledger else os.environ.get("KERASWEEP_LEDGER") or DEFAULT_LEDGER
    try:
        opened = Ledger(url, create=False)
    except NotFoundError as error:
        raise NotFoundError(f"load_sweep: {error} Say ledger=URL or path, or go to the folder where the sweep was run.") from None
    with opened:
        return Sweep(url, find_sweep(opened, title).id)


class Sweep:
    """A sweep as the ledger has it at the moment of each question.

    Parameters
    ----------
    ledger : URL of the ledger.
    number : the sweep's id in it.
    """

    def __init__(self, ledger: str, number: int) -> None:
        self._ledger = _absolute(ledger)
        self._number = number

    def __reduce__(self) -> tuple[type[Sweep], tuple[str, int]]:
        return Sweep, (self._ledger, self._number)

    # --- what it is ---------------------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """``name/occasion``."""
        return self._row().title

    @property
    def state(self) -> str:
        """RUNNING, COMPLETED, STOPPED or FAILED."""
        return self._row().state.value

    @property
    def reason(self) -> str | None:
        """Why it ended, where that is to be said."""
        return self._row().reason

    @property
    def spec(self) -> dict[str, Any]:
        """The sweep file's content, with every default filled in."""
        return dict(spec_of(self._row()))

    # --- what was found -----------------------------------------------------------------------------------------------------

    def leaderboard(self) -> pd.DataFrame:
        """Return all trials and the baseline, the best first: one line each.

        Columns: ``rank``, ``trial`` (both missing for the baseline, whose state is "baseline"), ``state``, ``winner``; a column
        for each metric with its mean over the folds, the objective first, and ``<metric>_std`` (ddof 0); ``standard_error``
        (corrected) of the objective; ``epoch``, ``size`` (trainable parameters), ``seconds``, ``cached_from``, ``message``; and
        ``config.<name>`` for each hyperparameter. Where finalists were looked at again, ``fresh`` and ``fresh_standard_error``
        are theirs over fresh folds, None for other trials.
        """
        import pandas as pd

        seen = self._view()
        lines = []
        for record in to_records(seen.board):
            names = dict.fromkeys((seen.board.metric, *record["metrics"]))
            spread = {column: value for name in names for column, value in _spread(record, name)}
            first = {name: record[name] for name in ("rank", "trial", "state", "winner")}
            more = () if seen.board.finals is None else ("fresh", "fresh_standard_error")
            names_of_rest = ("standard_error", *more, "epoch", "size", "seconds", "cached_from", "message")
            rest = {name: record[name] for name in names_of_rest}
            config = {f"config.{name}": value for name, value in record["config"].items()}
            lines.append({**first, **spread, **rest, **config})
        table = pd.DataFrame(lines)
        whole = [name for name in map(str, table) if name in _WHOLE or _is_whole(line.get(name) for line in lines)]
        return table.astype(dict.fromkeys(whole, "Int64"))

    @property
    def best_config(self) -> dict[str, Any]:
        """The winner's hyperparameters. Raises NotFoundError while no trial has a score."""
        return dict(self._winner(self._view()).config)

    @property
    def best_score(self) -> float:
        """The winner's mean over the folds of what the sweep compares by. Raises NotFoundError while no trial has a score."""
        score = self._winner(self._view()).score
        return float("nan") if score is None else score

    @property
    def test_scores(self) -> dict[str, float]:
        """The refitted winner's scores on the rows that were kept out; empty where there are none."""
        refit: Mapping[str, Any] = self._row().facts.get("refit") or {}
        return dict(refit.get("test_metrics") or {})

    def rows_kept_out(self) -> pd.DataFrame:
        """Return which rows only the winner met, in the data's order; the data is read once more.

        ``row`` is a row's place in the data from 0 (rows left out for want of a target do not count); ``id`` is there where the
        data has ids. Raises UserCheckError where the data is no longer what it was.
        """
        import pandas as pd

        from orchestrator.running import rows_kept_out
        from orchestrator.spec import spec_from_record

        row = self._row()
        found = rows_kept_out(spec_from_record(row.spec), row)
        return pd.DataFrame(found, columns=None if found else ["row"])

    @property
    def figures(self) -> Figures:
        """Matplotlib figures by name: ``best_score``, ``hyperparameters``, ``parallel_coordinates``, ``learning_curves``.

        They are empty while no trial is complete.
        """
        from orchestrator.tracking import LEARNING_CURVES, draw_figures

        with self._open() as ledger:
            row = ledger.sweep_by_id(self._number)
            trials = ledger.trials(row.id)
            best = ranked(row, trials)[:LEARNING_CURVES]
            folds = ledger.known_folds((trial.key for trial in best), seen_by=row.id)
        return Figures(draw_figures(row, trials, {trial.number: list(folds.get(trial.key, {}).values()) for trial in best}))

    # --- the model ----------------------------------------------------------------------------------------------------------

    def model(self) -> Any:
        """Return the winner as a Keras model, refitted on all rows of the search: what its preprocessing makes goes in.

        ``predict`` takes rows as they are. Raises NotFoundError where there is no model (any more).
        """
        from orchestrator.tracking import open_keras_model

        return open_keras_model(self.model_folder)

    def predict(self, rows: Any) -> pd.DataFrame:
        """Return the refitted winner's predictions for rows as the training data had them; the saved preprocessing is applied.

        Parameters
        ----------
        rows : a table with the columns of the training data (their order and others do not count), or an array with those
            columns in their order; a Series, list or array of texts where that is what was given; an array (rows, ...) where the
            training data was one.

        Returns
        -------
        DataFrame
            Classification: ``label``, and ``probability_<class>`` for each class. Regression: ``value``, in the target's unit.

        Raises
        ------
        NotFoundError : there is no model (any more).
        ValueError : the rows are not like the training data.
        """
        columns = self._predictor.manifest["input"]["columns"]
        predictions: pd.DataFrame = self._predictor.predict(like_training(rows, columns))
        return predictions

    @property
    def model_folder(self) -> Path:
        """The winner's model folder; one that is not on this machine is fetched from MLflow. Raises NotFoundError without one."""
        from orchestrator.tracking import fetch_model

        row = self._row()
        here, uri = row.facts.get("model"), row.facts.get("model_uri")
        if here is not None and Path(here).is_dir():
            return Path(here)
        if uri is not None:
            return fetch_model(uri, str(spec_of(row)["tracking"]["uri"]))
        if (door := row.spec.get(DOOR)) is not None:
            raise NotFoundError(f"Sweep {row.title} is of {door}, which keeps no model here: its best_estimator_ is the one.")
        if here is not None:
            lost = f"its model is in {here} on {row.facts.get('model_host')} alone, and MLflow has none"
            raise NotFoundError(f"Sweep {row.title}: {lost}; look there, or `kerasweep resume {row.title}`.")
        raise NotFoundError(f"Sweep {row.title} is {row.state.value} and has no model yet; its winner is refitted in the end.")

    @cached_property
    def _predictor(self) -> Any:
        from orchestrator.tracking import open_predictor

        return open_predictor(self.model_folder)

    # --- how it is shown ----------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        seen = self._view()
        board, over = seen.board, sum(trial.state.terminal for trial in seen.trials)
        best = f", {board.metric} {display.number(board.winner.score)}" if board.winner is not None else ""
        return f"<Sweep {seen.sweep.title}: {seen.sweep.state.value}, {over}/{len(seen.trials)} trials{best}>"

    def _repr_html_(self) -> str:
        seen = self._view()
        sweep, board = seen.sweep, seen.board
        over = sum(trial.state.terminal for trial in seen.trials)
        state = sweep.state.value + (f" ({sweep.reason})" if sweep.reason else "")
        parts = [
            f"<h4>{html.escape(sweep.title)}</h4>",
            f"<p>{html.escape(state)}, {over}/{len(seen.trials)} trials over</p>",
            to_html_table(board, _SHOWN) if board.entries else "",
        ]
        hidden = sum(entry.number is not None for entry in board.entries) - _SHOWN
        if hidden > 0:
            parts.append(f"<p>... and {hidden} more: <code>leaderboard()</code></p>")
        if board.winner is not None:
            parts.append(f"<p>{html.escape(_told(seen, board.winner))}</p>")
            parts.append(self.figures.image("best_score"))
        return "\n".join(parts)

    # --- the ledger ---------------------------------------------------------------------------------------------------------

    def _open(self) -> Ledger:
        return Ledger(self._ledger, create=False)

    def _row(self) -> SweepRow:
        with self._open() as ledger:
            return ledger.sweep_by_id(self._number)

    def _view(self) -> SweepView:
        with self._open() as ledger:
            return view(ledger, ledger.sweep_by_id(self._number))

    def _winner(self, seen: SweepView) -> Entry:
        if seen.board.winner is None:
            raise NotFoundError(f"Sweep {seen.sweep.title} has no trial with a score yet.")
        return seen.board.winner


def _is_whole(values: Iterable[Any]) -> bool:
    known = {type(value) for value in values if value is not None}
    return known == {int}


def _spread(record: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    return [(name, record["metrics"].get(name)), (f"{name}_std", record["std"].get(name))]


def _told(seen: SweepView, winner: Entry) -> str:
    """Return the winner in a sentence or two."""
    metric = objective_of(seen.sweep).metric
    score = display.spread(winner.score, winner.std.get(metric))
    refit: Mapping[str, Any] = seen.sweep.facts.get("refit") or {}
    tests: Mapping[str, float] = refit.get("test_metrics") or {}
    told = f"Winner: trial {winner.number} ({display.config(winner.config)}), {metric} {score} over {seen.folds} folds"
    kept_out = ", ".join(f"{name} {display.number(value)}" for name, value in tests.items())
    sentences = [f"{told}.", "" if seen.board.finals is None else seen.board.finals.told()]
    sentences.append(f"On the rows that were kept out: {kept_out}." if kept_out else "")
    return " ".join(filter(None, sentences))


def _absolute(url: str) -> str:
    """Return a ledger's URL so that it means the same after a change of the working directory."""
    prefix, found, rest = url.partition("sqlite:///")
    return f"sqlite:///{Path(rest).absolute()}" if found and not prefix and rest else url
