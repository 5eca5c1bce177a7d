"""What pictures and MLflow both read out of ledger rows. Pure functions; no I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import urlsplit, urlunsplit

from orchestrator.results.finalists import Finals
from orchestrator.search import Objective, TrialState
from trainers.settings import FitSettings, TrainerSettings, effective_config

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow, TrialRow
    from trainers.results import FoldResult

COMPARISON, PROMOTION = "comparison", "promotion"
"""Names of a sweep's facts: the figures of a comparison, which a resumed sweep does not repeat, and what came of it."""
UI_PAGE = "http://127.0.0.1:5000"
"""Where `kerasweep ui` serves a store unless told otherwise."""
OPEN_STEPS = "open_steps"
"""Name of a sweep's fact: what of ``upload``, ``version`` and ``contest`` is still to be done for its winner."""


def is_finite(value: object) -> TypeGuard[float]:
    """Whether ``value`` is a number that can be shown."""
    return isinstance(value, int | float) and math.isfinite(value)


def spec_of(sweep: SweepRow) -> Mapping[str, Any]:
    """Return the sweep file as the ledger keeps it (``SweepSpec.record``), every default filled in."""
    spec: Mapping[str, Any] = sweep.spec["sweep"]
    return spec


def objective_of(sweep: SweepRow) -> Objective:
    """Return what the sweep's trials are judged by."""
    return Objective(**spec_of(sweep)["objective"])


def open_steps(sweep: SweepRow) -> tuple[str, ...]:
    """Return what is still to be done for a sweep's winner; nothing where an older ledger does not say."""
    return tuple(sweep.facts.get(OPEN_STEPS) or ())


def way_on(sweep: SweepRow) -> str:
    """Return what continues a sweep: a command, or where it was begun by a call that keeps no spec, that call again."""
    from orchestrator.spec import DOOR

    door = sweep.spec.get(DOOR)
    return f"`kerasweep resume {sweep.title}`" if door is None else f"the same call of {door}"


def run_page(sweep: SweepRow, uri: str) -> str:
    """Return the address of a sweep's run on MLflow's page: on the server at ``uri``, else on one that ``kerasweep ui`` starts.

    Without a run that is known, the server's own page; empty where there is no server.
    """
    served = uri.startswith(("http://", "https://"))
    if sweep.mlflow_run is None or sweep.mlflow_experiment is None:
        return _without_user(uri) if served else ""
    path = f"#/experiments/{sweep.mlflow_experiment}/runs/{sweep.mlflow_run}?workflowType=machine_learning"  # else: as GenAI
    return f"{_without_user(uri).rstrip('/') if served else UI_PAGE}/{path}"


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def trial_values(sweep: SweepRow, trial: TrialRow) -> dict[str, Any]:
    """Return every hyperparameter of a trial: its config over the fixed params, ``epochs`` and ``batch_size`` included."""
    spec = spec_of(sweep)
    trainer = TrainerSettings(params=spec["trainer"]["params"])
    return effective_config(
        trial.config, trainer, FitSettings(epochs=spec["fit"]["epochs"], batch_size=spec["fit"]["batch_size"])
    )


def ranked(sweep: SweepRow, trials: Sequence[TrialRow]) -> list[TrialRow]:
    """Return the trials that have a score, the best first; equal ones in ask order."""
    sign = -1 if objective_of(sweep).maximize else 1
    scored = [(trial.score, trial) for trial in trials if trial.state is TrialState.COMPLETED]
    pairs = [(sign * score, trial.number, trial) for score, trial in scored if is_finite(score)]
    return [trial for _, _, trial in sorted(pairs, key=lambda pair: pair[:2])]


def winner_of(sweep: SweepRow, trials: Sequence[TrialRow]) -> TrialRow | None:
    """Return the trial that was refitted; before that, the finalists' winner or the best so far; None without a score."""
    finals = Finals.of(sweep.facts)
    number = sweep.facts.get("winner", None if finals is None else finals.winner)
    chosen = [trial for trial in trials if trial.number == number]
    return next(iter(chosen or ranked(sweep, trials)), None)


def baseline_means(sweep: SweepRow) -> dict[str, float]:
    """Return the baseline's mean over folds of every metric that is a number in all of them."""
    folds: Sequence[Mapping[str, Any]] = sweep.facts.get("baseline") or ()
    names = [name for name in (folds[0] if folds else ()) if all(is_finite(fold.get(name)) for fold in folds)]
    return {name: sum(fold[name] for fold in folds) / len(folds) for name in names}


def mean_curves(folds: Sequence[FoldResult]) -> dict[str, list[float]]:
    """Return each per-epoch value as its mean over all folds; position 0 is epoch 1.

    A fold that has stopped keeps its last value: else the mean would jump where the folds that learn worst drop out.
    """
    curves: dict[str, list[float]] = {}
    for name in sorted({name for fold in folds for name in fold.history}):
        histories = [history for fold in folds if (history := fold.history.get(name))]
        length = max(map(len, histories), default=0)
        columns = ([history[min(epoch, len(history) - 1)] for history in histories] for epoch in range(length))
        curves[name] = [sum(column) / len(column) for column in columns]
    return curves


def standing(outcome: Mapping[str, Any]) -> str:
    """Return in words what a sweep's facts say under ``PROMOTION``: model, version, what it is now, and why."""
    replaced = f", in the place of version {outcome['previous']}" if outcome["previous"] else ""
    became = "stays champion" if outcome.get("kept") else f"became champion{replaced}"
    now = became if outcome["champion"] else "stays challenger"
    return f"{outcome['model']}/{outcome['version']} {now}: {outcome['reason']}"
