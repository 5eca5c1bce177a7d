"""Which old sweeps are still needed, and why: what runs, what can be resumed, what a champion was made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.errors import KerasweepError
from orchestrator.ledger import Ledger, SweepRow, is_driven
from orchestrator.results import PROMOTION, open_steps, spec_of, way_on
from orchestrator.search import SweepState
from orchestrator.spec import DOOR


def last_heard(sweep: SweepRow) -> float:
    """Return when the sweep ended, or was driven last (unix seconds)."""
    return sweep.finished or sweep.heartbeat or sweep.created


def why_needed(ledger: Ledger, old: Sequence[SweepRow], sweeps: Sequence[SweepRow], now: float) -> dict[int, str]:
    """Return the reasons to keep what ``old`` sweeps have left, by id; those that nobody needs are left out.

    Parameters
    ----------
    sweeps : all of the ledger's, the newest first.
    now : unix seconds.
    """
    newest = {sweep.name: sweep.id for sweep in reversed(sweeps)}
    reasons: dict[int, str] = {}
    for sweep in old:
        if is_driven(sweep, now):
            reasons[sweep.id] = "it is running"
        elif sweep.state is not SweepState.COMPLETED and sweep.id == newest[sweep.name]:
            reasons[sweep.id] = f"it is unfinished: {way_on(sweep)} continues it"
        elif lacks := open_steps(sweep):
            reasons[sweep.id] = f"its model still lacks {', '.join(lacks)}: `kerasweep resume {sweep.title}` makes up for it"
        elif _is_unprojected(ledger, sweep):
            reasons[sweep.id] = f"MLflow lacks a part of it: `kerasweep resume {sweep.title}` writes it"
    return reasons


def champions(old: Iterable[SweepRow]) -> dict[int, str]:
    """Return why the registered models need their sweeps, by id: those of each champion, and of the one before it.

    Where MLflow cannot be asked, every sweep that registered a version may be one.
    """
    registered: dict[tuple[str, str], list[SweepRow]] = {}
    for sweep in old:
        if sweep.facts.get("model_version") is not None:
            registered.setdefault((spec_of(sweep)["tracking"]["uri"], _model_of(sweep)), []).append(sweep)
    reasons: dict[int, str] = {}
    for (uri, model), sweeps in registered.items():
        try:
            seats = _seats(uri, model)
        except KerasweepError as error:
            reasons |= {
                one.id: f"it may have made the champion of {model}, which could not be asked for: {error}" for one in sweeps
            }
            continue
        for sweep in sweeps:
            for title, number, what in seats:
                if sweep.title == title or str(sweep.facts["model_version"]) == number:
                    reasons[sweep.id] = f"its model is {what} of {model}, version {number}"
                    break
    return reasons


def _seats(uri: str, model: str) -> list[tuple[str | None, str, str]]:
    """Return sweep, number and standing of the champion and of the one that ``rollback`` would restore."""
    from orchestrator.tracking import TAG_PREVIOUS, ModelRegistry

    registry = ModelRegistry(uri)
    champion = registry.champion(model)
    if champion is None:
        return []
    seats = [(champion, "the champion")]
    if (previous := champion.tags.get(TAG_PREVIOUS)) is not None:
        seats.append((registry.version(model, previous), "the champion before"))
    return [(version.tags.get("kerasweep.sweep"), version.number, what) for version, what in seats]


def _model_of(sweep: SweepRow) -> str:
    outcome: Mapping[str, Any] = sweep.facts.get(PROMOTION) or {}
    return str(outcome.get("model") or spec_of(sweep)["model"]["register_as"])


def _is_unprojected(ledger: Ledger, sweep: SweepRow) -> bool:
    if DOOR in sweep.spec:  # nothing but the call itself writes to MLflow
        return False
    begun = sweep.mlflow_run is not None  # one that ended before it had a run has nothing to show
    return (begun and sweep.revision != sweep.projected_revision) or bool(ledger.unprojected_trials(sweep.id, 1))
