"""What a sweep's ledger rows look like in MLflow, as plain data. It does no I/O and knows no MLflow class.

Everything here is a pure function of the ledger: projecting twice gives the same names, values, steps and timestamps, so a replay
writes no second row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.row_values import baseline_means, is_finite, mean_curves, objective_of, spec_of, trial_values, winner_of
from orchestrator.trials import SweepState, TrialState

if TYPE_CHECKING:
    from orchestrator.records import SweepRow, TrialRow
    from trainers.results import FoldResult

RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

CURVE_POINTS = 50
"""An epoch curve longer than this is thinned: every point is a row in MLflow's database, and the ledger keeps them all."""

PARAM_LENGTH = 6000
"""MLflow cuts longer values without a word; here the cut is marked."""

_DIGEST_LENGTH = 36

TAG_ID = "kerasweep.id"
TAG_KIND = "kerasweep.kind"
TAG_TRIAL = "kerasweep.trial"
TAG_PARENT = "mlflow.parentRunId"
TAG_NOTE = "mlflow.note.content"

_TRIAL_STATUS: Mapping[TrialState, RunStatus] = {
    TrialState.PENDING: "KILLED",  # has a run only if a driver died on it
    TrialState.RUNNING: "RUNNING",
    TrialState.COMPLETED: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.STOPPED: "KILLED",
    TrialState.DIVERGED: "FAILED",
    TrialState.FAILED: "FAILED",
    TrialState.TIMED_OUT: "FAILED",
}
_SWEEP_STATUS: Mapping[SweepState, RunStatus] = {
    SweepState.RUNNING: "RUNNING",
    SweepState.COMPLETED: "FINISHED",
    SweepState.STOPPED: "KILLED",
    SweepState.FAILED: "FAILED",
}


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One metric row; ``timestamp`` is in milliseconds since 1970."""

    name: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContent:
    """All that one MLflow run should hold by now; times are in milliseconds since 1970."""

    name: str
    status: RunStatus
    start: int
    end: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[MetricPoint, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetContent:
    """The data set of a sweep as MLflow describes one; ``schema`` and ``profile`` are JSON."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str


def milliseconds(seconds: float) -> int:
    """Return unix seconds as MLflow's integer milliseconds."""
    return round(seconds * 1000)


def sweep_id(sweep: SweepRow) -> str:
    """Return the text by which a sweep's runs are found again in MLflow, whichever ledger row number it has."""
    text = json.dumps([sweep.name, sweep.occasion, milliseconds(sweep.created)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def trial_run(sweep: SweepRow, trial: TrialRow, folds: Sequence[FoldResult] = ()) -> RunContent:
    """Return what the child run of ``trial`` should hold.

    Parameters
    ----------
    folds : the trial's finished folds; only a terminal trial's are shown, so that every value is written once.
    """
    start = milliseconds(trial.started if trial.started is not None else trial.created)
    end = None if trial.finished is None else max(start, milliseconds(trial.finished))
    return RunContent(
        name=f"trial-{trial.number}",
        status=trial_status(sweep, trial),
        start=start,
        end=end,
        params=trial_params(sweep, trial),
        metrics=trial_metrics(trial, folds, end) if trial.state.terminal and end is not None else (),
        tags=trial_tags(sweep, trial),
    )


def trial_status(sweep: SweepRow, trial: TrialRow) -> RunStatus:
    """Return the status of a trial's run; nothing runs in a sweep that has ended."""
    if not trial.state.terminal and sweep.state is not SweepState.RUNNING:
        return "KILLED"
    return _TRIAL_STATUS[trial.state]


def trial_params(sweep: SweepRow, trial: TrialRow) -> dict[str, str]:
    """Return every hyperparameter of a trial as text."""
    return {name: param_text(value) for name, value in trial_values(sweep, trial).items()}


def param_text(value: Any) -> str:
    """Return a value as the text of an MLflow param: strings as they are, all else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    mark = " ... (cut)"
    return text if len(text) <= PARAM_LENGTH else text[: PARAM_LENGTH - len(mark)] + mark


def trial_metrics(trial: TrialRow, folds: Sequence[FoldResult], timestamp: int) -> tuple[MetricPoint, ...]:
    """Return a trial's metric rows: mean, spread, every fold, and the epoch curves of the fold mean.

    Values that are not finite are left out: MLflow would store infinity as the largest number and rank it best.
    """
    values = summary_values(trial)
    for fold in sorted(folds, key=lambda fold: fold.fold):
        values |= {f"fold_{fold.fold}/{name}": value for name, value in fold.metrics.items()}
        values |= {f"fold_{fold.fold}/epoch": fold.epoch, f"fold_{fold.fold}/seconds": fold.seconds}
    rows = [MetricPoint(name, float(value), timestamp) for name, value in values.items() if is_finite(value)]
    for name, curve in mean_curves(folds).items():
        rows += [
            MetricPoint(f"curve/{name}", curve[epoch - 1], timestamp, epoch)
            for epoch in thinned(len(curve), CURVE_POINTS)
            if is_finite(curve[epoch - 1])
        ]
    return tuple(rows)


def summary_values(trial: TrialRow) -> dict[str, Any]:
    """Return a trial's ``<metric>``, ``<metric>_std`` and ``<metric>_standard_error``, and the seconds it took."""
    summary = trial.summary or {}
    values = {
        f"{name}{suffix}": value
        for part, suffix in (("mean", ""), ("std", "_std"), ("standard_error", "_standard_error"))
        for name, value in summary.get(part, {}).items()
    }
    return values | ({"seconds": summary["seconds"]} if "seconds" in summary else {})


def thinned(length: int, points: int) -> list[int]:
    """Return at most ``points`` epochs of 1..length, evenly spaced, the first and the last among them."""
    if length <= points:
        return list(range(1, length + 1))
    return [1 + round(index * (length - 1) / (points - 1)) for index in range(points)]


def trial_tags(sweep: SweepRow, trial: TrialRow) -> dict[str, str]:
    """Return the tags of a trial's run; what is not known is not there."""
    tags = {
        **_shared_tags(sweep),
        TAG_KIND: "trial",
        TAG_TRIAL: trial.number,
        "kerasweep.trial_key": trial.key,
        "kerasweep.state": str(trial.state),
        "kerasweep.engine": trial.engine,
        "kerasweep.engine_reason": trial.engine_reason,
        "kerasweep.cohort": trial.cohort,
        "kerasweep.cached_from": trial.cached_from,
        "kerasweep.cause": trial.cause,
        TAG_NOTE: failure_note(trial),
    }
    return _texts(tags)


def failure_note(trial: TrialRow) -> str | None:
    """Return what went wrong with a trial as Markdown: the message and the end of the traceback."""
    if not trial.message and not trial.traceback:
        return None
    note = f"**{trial.state}** ({trial.cause}): {trial.message or ''}"[:2000]
    return f"{note}\n\n```\n{trial.traceback[-4000:]}\n```" if trial.traceback else note


def sweep_run(sweep: SweepRow, trials: Sequence[TrialRow] = ()) -> RunContent:
    """Return what the parent run of ``sweep`` should hold, its note and best-score curve aside.

    Parameters
    ----------
    trials : all trials of the sweep, for the winner's scores; they are shown once the sweep has ended.
    """
    start = milliseconds(sweep.created)
    end = None if sweep.finished is None else max(start, milliseconds(sweep.finished))
    tags = {
        **_shared_tags(sweep),
        TAG_KIND: "sweep",
        "kerasweep.state": str(sweep.state),
        "kerasweep.engine": sweep.facts.get("engine"),
        "kerasweep.engine_reason": sweep.facts.get("engine_reason"),
        "kerasweep.reason": sweep.reason,
        "kerasweep.leaky": "true" if sweep.facts.get("leaky") else None,
    }
    metrics = [MetricPoint(f"baseline/{name}", value, start) for name, value in baseline_means(sweep).items()]
    if end is not None:
        metrics += winner_metrics(sweep, trials, end)
    return RunContent(
        name=sweep.title, status=_SWEEP_STATUS[sweep.state], start=start, end=end, metrics=tuple(metrics), tags=_texts(tags)
    )


def winner_metrics(sweep: SweepRow, trials: Sequence[TrialRow], timestamp: int) -> list[MetricPoint]:
    """Return the winner's mean and spread, named as in a trial's run, and the refitted winner's scores on the test part."""
    winner = winner_of(sweep, trials)
    refit: Mapping[str, Any] = sweep.facts.get("refit") or {}
    values = {
        **(summary_values(winner) if winner else {}),
        **{f"test/{name}": value for name, value in (refit.get("test_metrics") or {}).items()},
    }
    return [MetricPoint(name, float(value), timestamp) for name, value in values.items() if is_finite(value)]


class BestCurve:
    """The best score over trials as a step curve: at step n the best of trials 0..n, in ask order.

    It reaches as far as every trial before is finished, so that it is the same curve whatever order workers finish in, and points
    once written never change. A point's time is that at which the last of its trials finished.
    """

    def __init__(self, sweep: SweepRow) -> None:
        metric, maximize = objective_of(sweep)
        self._name = f"best_{metric}"
        self._better = max if maximize else min
        self._latest = milliseconds(sweep.created)
        self._best: float | None = None
        self._next = 0
        self._waiting: dict[int, tuple[int, float | None]] = {}

    def add(self, trial: TrialRow) -> None:
        """Take in a trial; one that is not finished, or was taken in before, changes nothing."""
        if trial.state.terminal and trial.finished is not None and trial.number >= self._next:
            counts = trial.state is TrialState.COMPLETED and is_finite(trial.score)
            self._waiting[trial.number] = (milliseconds(trial.finished), trial.score if counts else None)

    def take(self) -> tuple[MetricPoint, ...]:
        """Return the points that have become certain since the last call."""
        points: list[MetricPoint] = []
        while self._next in self._waiting:
            finished, score = self._waiting.pop(self._next)
            self._latest = max(self._latest, finished)
            if score is not None:
                self._best = score if self._best is None else self._better(self._best, score)
            if self._best is not None:
                points.append(MetricPoint(self._name, self._best, self._latest, self._next))
            self._next += 1
        return tuple(points)


def dataset_content(sweep: SweepRow) -> DatasetContent | None:
    """Return the sweep's data set, once it is known. The digest is the fingerprint's beginning, the profile holds all of it."""
    description: Mapping[str, Any] | None = sweep.facts.get("data")
    if not description:
        return None
    data = spec_of(sweep)["data"]
    where = data.get("path") or data.get("name") or data.get("callable") or ""
    if description.get("columns"):
        types = {"number": "double", "boolean": "boolean", "text": "string"}
        columns = [{"type": types[column["kind"]], "name": column["name"], "required": True} for column in description["columns"]]
        schema: dict[str, Any] = {"mlflow_colspec": columns}
    else:
        shape = [-1, *description["shape"][1:]]
        spec = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": shape}}
        schema = {"mlflow_tensorspec": {"features": json.dumps([spec]), "targets": None}}
    return DatasetContent(
        name=str(where).rsplit("/", 1)[-1][:500] or "data",
        digest=str(description["fingerprint"])[:_DIGEST_LENGTH],
        source_type=str(data["source"]),
        source=json.dumps({key: data[key] for key in ("source", "path", "name", "callable") if data.get(key)}),
        schema=json.dumps(schema),
        profile=json.dumps({name: value for name, value in description.items() if name != "columns" and value is not None}),
    )


def _shared_tags(sweep: SweepRow) -> dict[str, Any]:
    return {
        TAG_ID: sweep_id(sweep),
        "kerasweep.sweep": sweep.name,
        "kerasweep.occasion": sweep.occasion,
        "kerasweep.strategy": spec_of(sweep)["strategy"]["type"],
        "kerasweep.recipe": spec_of(sweep)["trainer"]["type"],
    }


def _texts(tags: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in tags.items() if value is not None}
