"""Between the ledger's columns and its records. It runs no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping

from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FoldCommit, SweepRow, TrialEnd, TrialRow
from orchestrator.ledger.stored_json import clean, dump, dump_numbers, load, load_numbers
from orchestrator.search import SweepState, Trial, TrialState
from trainers.results import FoldResult, TrialResult

END = "end"
"""Name of a sweep's fact: how many of its trials count, in ask order. Without it all do."""

LEFT_OPEN: Mapping[str, str] = {"cause": "stopped", "message": "The budget was used up."}
"""What is said of a trial, STOPPED, that a budget has left open."""


def owner_of(row: RowMapping) -> Owner | None:
    """Return who holds a sweep or a firing, None when nobody does."""
    if row["owner_host"] is None:
        return None
    return Owner(row["owner_host"], row["owner_pid"], row["owner_machine"])


def owner_values(owner: Owner | None) -> dict[str, Any]:
    """Return the columns that name ``owner``."""
    if owner is None:
        return {"owner_host": None, "owner_pid": None, "owner_machine": None}
    return {"owner_host": owner.host, "owner_pid": owner.pid, "owner_machine": owner.machine}


def sweep_row(row: RowMapping) -> SweepRow:
    """Return a row of the sweeps table as a record."""
    owner = owner_of(row)
    return SweepRow(
        id=row["id"],
        name=row["name"],
        occasion=row["occasion"],
        state=SweepState(row["state"]),
        spec=load(row["spec"]),
        identity=None if row["identity"] is None else load(row["identity"]),
        created=row["created"],
        finished=row["finished"],
        attempt=row["attempt"],
        owner=None if owner is None else str(owner),
        heartbeat=row["heartbeat"],
        reason=row["reason"],
        facts=load(row["facts"]),
        mlflow_experiment=row["mlflow_experiment"],
        mlflow_run=row["mlflow_run"],
        revision=row["revision"],
        projected_revision=row["projected_revision"],
    )


def trial_row(row: RowMapping) -> TrialRow:
    """Return a row of the trials table as a record."""
    values = {name: row[name] for name in TrialRow.__dataclass_fields__}
    values["config"] = load(row["config"])
    values["state"] = TrialState(row["state"])
    values["summary"] = None if row["summary"] is None else load_numbers(row["summary"])
    return TrialRow(**values)


def up_to(end: int | None, trial: TrialRow) -> TrialRow:
    """Return ``trial`` as it is to be read where the first ``end`` trials count: beyond, as if the budget had left it open.

    Its row stays as it is, so that it counts again once the sweep goes on under another budget.
    """
    if end is None or trial.number < end or not trial.state.terminal:
        return trial
    return replace(
        trial,
        state=TrialState.STOPPED,
        score=None,
        summary=None,
        cause=LEFT_OPEN["cause"],
        message=LEFT_OPEN["message"],
        traceback=None,
        cached_from=None,
    )


def trial_values(sweep: int, trial: Trial, created: float) -> dict[str, Any]:
    """Return the columns of a trial that is not started yet."""
    return {
        "sweep": sweep,
        "number": trial.number,
        "key": trial.key,
        "config": dump(trial.config),
        "state": TrialState.PENDING.value,
        "attempt": 0,
        "created": created,
    }


def end_values(end: TrialEnd, finished: float) -> dict[str, Any]:
    """Return the columns that a trial's end sets. An engine that is not named stays as it was."""
    engine = {} if end.engine is None else {"engine": end.engine, "engine_reason": clean(end.engine_reason)}
    return {
        "state": end.state.value,
        "score": None if end.score is None else float(end.score),
        "summary": None if end.summary is None else dump_numbers(_summary(end.summary)),
        "cause": clean(end.cause),
        "message": clean(end.message),
        "traceback": clean(end.traceback),
        "cached_from": end.cached_from,
        "finished": finished,
        **engine,
    }


def fold_values(sweep: int, fold: FoldCommit, created: float) -> dict[str, Any]:
    """Return the columns of a finished fold that all sweeps share."""
    result = fold.result
    return {
        "key": fold.key,
        "fold": result.fold,
        "metrics": dump_numbers(result.metrics),
        "history": dump_numbers(result.history),
        "epoch": result.epoch,
        "epochs_run": result.epochs_run,
        "seconds": result.seconds,
        "stopped": result.stopped,
        "engine": result.engine,
        "engine_reason": clean(result.engine_reason),
        "size": result.size,
        "sweep": sweep,
        "created": created,
        "only_for": 0,
    }


def fold_result(row: RowMapping) -> FoldResult:
    """Return a row of the folds table as the result that was committed, bit by bit."""
    return FoldResult(
        fold=row["fold"],
        metrics=load_numbers(row["metrics"]),
        epoch=row["epoch"],
        epochs_run=row["epochs_run"],
        seconds=row["seconds"],
        history={name: tuple(values) for name, values in load_numbers(row["history"]).items()},
        stopped=row["stopped"],
        engine=row["engine"],
        engine_reason=row["engine_reason"],
        size=row["size"],
    )


def _summary(summary: TrialResult | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(summary, TrialResult):
        return {name: getattr(summary, name) for name in TrialResult.__dataclass_fields__}
    return summary
