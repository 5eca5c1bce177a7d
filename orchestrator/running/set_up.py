"""A spec turned into the parts of a running sweep: strategy, trial keys, plan, dispatcher. Nothing is started here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.dispatch import Dispatcher, LocalDispatcher, room_here
from orchestrator.ledger import Ledger
from orchestrator.running.plan import Finalists, Plan
from orchestrator.running.staging import Staged
from orchestrator.running.work_identity import work_identity
from orchestrator.search import Objective, Packing, trial_key, work_of
from orchestrator.spec import SweepSpec
from search_spaces import Strategy, make_strategy
from trainers.recipes import structural_key
from trainers.settings import Config, SweepSettings, effective_config


def strategy_of(spec: SweepSpec, occasion: str, first_configs: Sequence[Config] = ()) -> Strategy:
    """Return a sweep's strategy at its beginning. Unless the file gives ``strategy.seed``, every occasion proposes anew."""
    seed = spec.strategy.seed
    if seed is None:
        seed = int.from_bytes(hashlib.sha256(f"{spec.seed} {occasion}".encode()).digest()[:4], "big")
    return make_strategy(spec.strategy_settings(), spec.search_space(), seed, first_configs)


def make_trial_key(
    settings: SweepSettings, staged: Staged, versions: Mapping[str, str], splits: str | None = None
) -> Callable[[Config], str]:
    """Return the function that gives a config's trial key; ``splits`` is the fingerprint of others than the search's."""
    identity = work_identity(
        settings, data=staged.fingerprint, splits=staged.splits_fingerprint if splits is None else splits, versions=versions
    )
    return lambda config: trial_key(identity, effective_config(config, settings.trainer, settings.fit))


def fitting_workers(spec: SweepSpec) -> int | None:
    """Return how many workers the spec asks for, or that fit this machine; None where only a cluster knows."""
    if spec.resources.max_concurrent != "auto":
        return int(spec.resources.max_concurrent)
    if spec.ray.address is not None or spec.resources.gpus_per_trial:
        return None
    return room_here(spec.resources.cpus_per_trial, spec.resources.memory_per_trial)


def make_dispatcher(spec: SweepSpec, log_folder: Path) -> Dispatcher:
    """Return the dispatcher that the spec asks for; its workers log to ``log_folder``."""
    log_folder.mkdir(parents=True, exist_ok=True)
    resources = spec.resources
    workers = fitting_workers(spec)
    if spec.ray.local:
        return LocalDispatcher(
            workers or 1,
            log_folder=log_folder,
            cpus_per_trial=resources.cpus_per_trial,
            memory_bytes=resources.memory_per_trial,
        )
    from orchestrator.dispatch import RayDispatcher

    return RayDispatcher(
        address=spec.ray.address,
        autoscaling=spec.ray.autoscaling,
        data=spec.data_settings().path if not spec.data.ship else None,
        cpus_per_trial=resources.cpus_per_trial,
        gpus_per_trial=resources.gpus_per_trial,
        memory_bytes=resources.memory_per_trial,
        workers=workers,
        log_folder=log_folder,
    )


def make_plan(
    spec: SweepSpec,
    settings: SweepSettings,
    staged: Staged,
    strategy: Strategy,
    *,
    versions: Mapping[str, str],
    objective: Objective,
    ledger: Ledger,
    committed: Callable[[], None],
    deadline: float | None,
) -> Plan:
    """Return the plan of what a sweep file asks for. ``settings`` have the engine resolved, under ``versions`` of its backend."""

    def effective(config: Config) -> dict[str, Any]:
        return effective_config(config, settings.trainer, settings.fit)

    race = spec.race_settings()
    finalists = None
    if spec.finalists is not None and staged.fresh is not None:
        key = make_trial_key(settings, staged, versions, staged.fresh.fingerprint)
        finalists = Finalists(top=spec.finalists.top, splits=staged.fresh, key=key)
    return Plan(
        strategy=strategy,
        staged=staged,
        settings=settings,
        objective=objective,
        key=make_trial_key(settings, staged, versions),
        packing=Packing(
            group=lambda trial: structural_key(settings.trainer, effective(trial.config)),
            work=work_of(staged.train_rows, effective),
            together=settings.engine == "fused",
        ),
        ledger=ledger,
        committed=committed,
        most_trials=spec.budget.trials,
        most_fits=spec.budget.fits,
        patience=spec.budget.patience,
        trial_timeout=spec.resources.trial_timeout,
        deadline=deadline,
        race=race,
        epochs=lambda config: int(effective(config)["epochs"]),
        epoch_rungs=() if race is None else race.epoch_rungs(spec.most_epochs() or 1),
        finalists=finalists,
        reuse=spec.cache,
    )
