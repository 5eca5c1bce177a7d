"""What a sweep's ledger rows look like in MLflow, as plain data. It does no I/O and knows no MLflow class.

Everything here is a pure function of the ledger: projecting twice gives the same names, values, steps and timestamps, so a replay
writes no second row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.results import Finals, baseline_means, is_finite, mean_curves, spec_of, trial_values, winner_of
from orchestrator.search import SweepState, TrialState
from orchestrator.tracking.records import TAG_ID, TAG_KIND, TAG_NOTE, TAG_TRIAL, MetricPoint, RunContent, RunStatus, milliseconds

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow, TrialRow
    from trainers.results import FoldResult

CURVE_POINTS = 50
"""An epoch curve longer than this is thinned: every point is a row in MLflow's database, and the ledger keeps them all."""

PARAM_LENGTH = 6000
"""MLflow cuts longer values without a word; here the cut is marked."""

TRAINING_SECONDS = "training_seconds"
"""How long workers trained the folds, perhaps in an earlier sweep; how long a run took is its duration."""

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
        metrics=(*trial_metrics(trial, folds, end), *finalist_metrics(sweep, trial, end))
        if trial.state.terminal and end is not None
        else (),
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
        values |= {f"fold_{fold.fold}/epoch": fold.epoch, f"fold_{fold.fold}/{TRAINING_SECONDS}": fold.seconds}
    rows = [MetricPoint(name, float(value), timestamp) for name, value in values.items() if is_finite(value)]
    for name, curve in mean_curves(folds).items():
        rows += [
            MetricPoint(f"curve/{name}", curve[epoch - 1], timestamp, epoch)
            for epoch in thinned(len(curve), CURVE_POINTS)
            if is_finite(curve[epoch - 1])
        ]
    return tuple(rows)


def summary_values(trial: TrialRow) -> dict[str, Any]:
    """Return a trial's ``<metric>``, ``<metric>_std`` and ``<metric>_standard_error``, and the seconds that its folds trained."""
    summary = trial.summary or {}
    values = {
        f"{name}{suffix}": value
        for part, suffix in (("mean", ""), ("std", "_std"), ("standard_error", "_standard_error"))
        for name, value in summary.get(part, {}).items()
    }
    return values | ({TRAINING_SECONDS: summary["seconds"]} if "seconds" in summary else {})


def finalist_metrics(sweep: SweepRow, trial: TrialRow, timestamp: int) -> list[MetricPoint]:
    """Return a finalist's ``fresh/<metric>`` and ``fresh/<metric>_standard_error``, over fresh folds; nothing of other trials."""
    finals = Finals.of(sweep.facts)
    finalist = None if finals is None else finals.of_trial(trial.number)
    if finals is None or finalist is None:
        return []
    name = f"fresh/{finals.metric}"
    values = {name: finalist.fresh, f"{name}_standard_error": finalist.standard_error}
    return [MetricPoint(name, value, timestamp) for name, value in values.items() if value is not None]


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
        "kerasweep.given_up": trial.message if trial.state is TrialState.PRUNED else None,
        "kerasweep.finalist": finalist_tag(sweep, trial),
        TAG_NOTE: failure_note(trial),
    }
    return _texts(tags)


def finalist_tag(sweep: SweepRow, trial: TrialRow) -> str | None:
    """Return what became of a finalist: winner, also ran, or why it is out; None for other trials."""
    finals = Finals.of(sweep.facts)
    finalist = None if finals is None else finals.of_trial(trial.number)
    if finals is None or finalist is None:
        return None
    return "winner" if trial.number == finals.winner else f"out: {finalist.out}" if finalist.out else "also ran"


def failure_note(trial: TrialRow) -> str | None:
    """Return what went wrong with a trial as Markdown: the message and the end of the traceback."""
    if not trial.message and not trial.traceback:
        return None
    cause = "" if trial.cause is None else f" ({trial.cause})"
    note = f"**{trial.state}**{cause}: {trial.message or ''}"[:2000]
    return f"{note}\n\n```\n{trial.traceback[-4000:]}\n```" if trial.traceback else note


def sweep_run(sweep: SweepRow, trials: Sequence[TrialRow] = ()) -> RunContent:
    """Return what the parent run of ``sweep`` should hold, its note and best-score curve aside.

    Parameters
    ----------
    trials : all trials of the sweep, for the winner's scores; they are shown once the sweep has ended.

    Notes
    -----
    Of ``sweep.facts`` these are read: ``data``, ``baseline`` (a mapping a fold), ``engine``, ``engine_reason``, ``leaky``,
    ``winner`` (a trial's number), ``finalists`` and ``refit`` (``test_metrics``).
    """
    start = milliseconds(sweep.created)
    end = None if sweep.finished is None else max(start, milliseconds(sweep.finished))
    finals = Finals.of(sweep.facts)
    tags = {
        **_shared_tags(sweep),
        TAG_KIND: "sweep",
        "kerasweep.state": str(sweep.state),
        "kerasweep.engine": sweep.facts.get("engine"),
        "kerasweep.engine_reason": sweep.facts.get("engine_reason"),
        "kerasweep.reason": sweep.reason,
        "kerasweep.leaky": "true" if sweep.facts.get("leaky") else None,
        "kerasweep.finalists": None if finals is None else finals.told(),
    }
    metrics = [MetricPoint(f"baseline/{name}", value, start) for name, value in baseline_means(sweep).items()]
    if end is not None:
        metrics += winner_metrics(sweep, trials, end)
        metrics.append(MetricPoint("seconds", (end - start) / 1000, end))
    return RunContent(
        name=sweep.title,
        status=_SWEEP_STATUS[sweep.state],
        start=start,
        end=end,
        params=best_params(sweep, trials),
        metrics=tuple(metrics),
        tags=_texts(tags),
    )


def best_params(sweep: SweepRow, trials: Sequence[TrialRow]) -> dict[str, str]:
    """Return the winner's hyperparameters as ``best.<name>``, once it can be no other: MLflow's params are written once."""
    winner = winner_of(sweep, trials)
    if sweep.state is not SweepState.COMPLETED or winner is None:
        return {}
    return {f"best.{name}": text for name, text in trial_params(sweep, winner).items()}


def winner_metrics(sweep: SweepRow, trials: Sequence[TrialRow], timestamp: int) -> list[MetricPoint]:
    """Return the winner's mean and spread, named as in a trial's run, and the refitted winner's scores on the test part.

    Where finalists were looked at again, ``cross_fitted/<metric>`` is what a winner chosen so is worth.

    Times are not among them: ``seconds`` of this run is how long the sweep took.
    """
    winner = winner_of(sweep, trials)
    refit: Mapping[str, Any] = sweep.facts.get("refit") or {}
    values = {
        **({name: value for name, value in summary_values(winner).items() if name != TRAINING_SECONDS} if winner else {}),
        **{f"test/{name}": value for name, value in (refit.get("test_metrics") or {}).items()},
    }
    finals = Finals.of(sweep.facts)
    if finals is not None:
        values[f"cross_fitted/{finals.metric}"] = finals.cross_fitted
    fresh = finalist_metrics(sweep, winner, timestamp) if winner else []
    return [*(MetricPoint(name, float(value), timestamp) for name, value in values.items() if is_finite(value)), *fresh]


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
