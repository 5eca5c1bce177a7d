"""What the keys of a sweep file must agree on: trainer and space, metrics and task, folds and data, strategy, schedule.

Each check yields findings. Files are looked at in ``spec_data_checks``; the user's modules are read, never run.
"""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from orchestrator.spec.data_checks import data_findings
from orchestrator.spec.model import SweepSpec
from orchestrator.spec.problems import Finding
from orchestrator.spec.values import is_function
from orchestrator.wording import hint, listed, shown
from search_spaces import (
    STRATEGIES,
    Choice,
    Domain,
    Float,
    Integer,
    LogUniform,
    SearchSpace,
    SpaceError,
    StrategyError,
    parse_space,
    strategy_problems,
)
from trainers import metrics
from trainers.errors import UserCodeError
from trainers.recipes import parameter_problems, read_signature

_CURVES = {"binary": "accuracy", "multiclass": "accuracy", "regression": "mae"}
"""The metric that our recipes are compiled with, for each task."""


def findings(spec: SweepSpec) -> Iterator[Finding]:
    """Yield every mistake that several keys make together, or that only a file can show."""
    yield from data_findings(spec)
    yield from _trainer(spec)
    yield from _space(spec)
    yield from _folds(spec)
    yield from _finalists(spec)
    yield from _fit(spec)
    yield from _metrics(spec)
    yield from _functions(spec)
    yield from _placement(spec)
    yield from _schedule(spec)


def _trainer(spec: SweepSpec) -> Iterator[Finding]:
    trainer = spec.trainer
    if trainer.type == "builder" and trainer.builder is None:
        yield Finding("trainer.builder", "expected 'module:function' for type builder, got null.", ("trainer.type",))
    elif trainer.type != "builder" and trainer.builder is not None:
        message = f"only type: builder takes one, got {trainer.builder!r} with type: {trainer.type}; change type or leave it out."
        yield Finding("trainer.builder", message, ("trainer.type",))
    for name, value in trainer.params.items():
        if not _plain(value):
            yield Finding(
                f"trainer.params.{name}", f"expected a finite number, text, true, false, null or a list, got {shown(value)}."
            )


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, Mapping):
        return all(map(_plain, value.values()))
    return not isinstance(value, float) or math.isfinite(value)


def _space(spec: SweepSpec) -> Iterator[Finding]:
    domains: dict[str, Domain] = {}
    for name, written in spec.space.items():
        try:
            domains.update(parse_space({name: written}).domains)
        except SpaceError as error:
            yield from (Finding(path, message) for path, message in error.problems)
    if not spec.space:
        yield Finding(
            "space", "expected at least one name and its domain, such as learning_rate: {reciprocal: [1e-4, 1e-2]}, got {}."
        )
    complete = bool(spec.space) and len(domains) == len(spec.space)
    for path, message in strategy_problems(spec.strategy_settings(), SearchSpace(domains) if complete else None):
        yield Finding(path, message, ("strategy.type",))
    yield from _race(spec)
    if spec.strategy.warm_start is not None and spec.strategy.type in STRATEGIES and spec.strategy.type != "genetic":
        message = f"only a genetic strategy starts from the last occasion, got type {spec.strategy.type!r}; leave warm_start out."
        yield Finding("strategy.warm_start", message, ("strategy.type",))
    if spec.trainer.type != "builder" or spec.trainer.builder is not None:
        values = {name: _values(domains.get(name)) for name in spec.space}
        for path, message in parameter_problems(spec.trainer_settings(), values, str(spec.folder)):
            yield Finding(path, message, ("trainer.type", "trainer.builder"))


def _race(spec: SweepSpec) -> Iterator[Finding]:
    try:
        race = spec.race_settings()
    except StrategyError as error:
        others = ("cv.folds", "cv.repeats", "fit.epochs", "space.epochs")
        yield from (Finding(path, message, others) for path, message in error.problems)
        return
    builder = spec.trainer.builder if spec.trainer.type == "builder" else None
    if race is None or builder is None or not spec.races_over_epochs:
        return
    with suppress(UserCodeError):  # it is found with the trainer
        if "epochs" in (read_signature(builder, str(spec.folder)).names or ()):
            yield Finding("race.epochs", cannot_be_cut(builder), ("trainer.builder",))


def cannot_be_cut(builder: str) -> str:
    """Return what is wrong with a race over the epochs of a builder's models that takes epochs itself."""
    return (
        f"expected a builder whose fits of fewer epochs begin as longer ones do, got {builder!r}, which takes epochs itself; "
        "take epochs: none, or let the builder do without."
    )


def _values(domain: Domain | None) -> Sequence[Any]:
    """Return the values of a domain to look at: all of a choice, the ends of a range, none of a domain that is wrong itself."""
    match domain:
        case Choice(options=options):
            return options
        case Integer() | Float() | LogUniform():
            return (domain.low, domain.high)
        case _:
            return ()


def _folds(spec: SweepSpec) -> Iterator[Finding]:
    kind, data = spec.cv.kind, spec.data
    if kind == "group" and data.groups is None:
        yield Finding("data.groups", "cv.kind: group needs the column that holds the groups, got null.", ("cv.kind",))
    if kind == "timeseries" and data.order is None:
        yield Finding("data.order", "cv.kind: timeseries needs the column that orders the rows, got null.", ("cv.kind",))
    if kind == "stratified" and spec.task == "regression":
        yield Finding("cv.kind", "stratified needs classes, got task: regression; use kfold, or leave kind out.", ("task",))
    if _in_time(spec) and spec.cv.repeats > 1:
        message = f"time has one order, so timeseries folds take 1 repeat, got {spec.cv.repeats}; leave repeats out."
        yield Finding("cv.repeats", message, ("cv.kind", "data.order", "data.groups"))
    elif spec.cv.repeats > 1 and not spec.cv.shuffle:
        message = f"{spec.cv.repeats} repeats without shuffle would all be the same; leave shuffle or repeats out."
        yield Finding("cv.repeats", message, ("cv.shuffle", "cv.kind"))


def _in_time(spec: SweepSpec) -> bool:
    return spec.cv.kind == "timeseries" or (spec.cv.kind == "auto" and spec.data.order is not None and spec.data.groups is None)


def _finalists(spec: SweepSpec) -> Iterator[Finding]:
    if spec.finalists is None:
        return
    if _in_time(spec):
        message = "they need fresh splits, and time has one order, so its rows can be cut in one way only; leave finalists out."
        yield Finding("finalists", message, ("cv.kind", "data.order", "data.groups"))
    elif not spec.cv.shuffle:
        message = "they need fresh splits, and without shuffle rows are cut in one way only; leave cv.shuffle or finalists out."
        yield Finding("finalists", message, ("cv.shuffle", "cv.kind"))


def _fit(spec: SweepSpec) -> Iterator[Finding]:
    stopping = spec.fit.early_stopping
    if stopping is None and spec.fit.refit == "monitor":
        message = "refit: monitor needs early stopping, got early_stopping: null; use median_epochs."
        yield Finding("fit.refit", message, ("fit.early_stopping",))
    if stopping is not None and spec.trainer.type != "builder":
        known = [f"{prefix}{name}" for name in ("loss", _CURVES[spec.task]) for prefix in ("val_", "")]
        if stopping.monitor not in known:
            message = f"expected {listed(known)}, got {stopping.monitor!r}{hint(stopping.monitor, known)}"
            yield Finding("fit.early_stopping.monitor", message, ("task", "trainer.type"))
    if spec.fit.class_weight is not None and spec.task == "regression":
        yield Finding("fit.class_weight", "a regression has no classes; leave class_weight out.", ("task",))


def _metrics(spec: SweepSpec) -> Iterator[Finding]:
    objective = spec.objective
    for path, name in [("objective.metric", objective.metric), *((f"metrics.{i}", name) for i, name in enumerate(spec.metrics))]:
        if is_function(name):
            continue
        known = metrics.known_metrics(spec.task)
        if name not in metrics.METRICS:
            words = listed(metrics.METRICS)
            yield Finding(path, f"expected {words}, or 'module:function', got {name!r}{hint(name, metrics.METRICS)}")
        elif name not in known:
            message = f"{name} does not suit task: {spec.task}; expected {listed(known)}, or 'module:function'."
            yield Finding(path, message, ("task",))
    if objective.metric in metrics.METRICS and objective.direction != metrics.direction(objective.metric):
        message = f"{objective.metric} is better the {_better(objective.metric)}, got {objective.direction}; leave direction out."
        yield Finding("objective.direction", message, ("objective.metric", "task"))


def _better(metric: str) -> str:
    return "larger" if metrics.direction(metric) == "maximize" else "smaller"


def _functions(spec: SweepSpec) -> Iterator[Finding]:
    """Find the user's functions, other than the builder, without running their modules."""
    named = [("preprocessing", spec.preprocessing), ("objective.metric", spec.objective.metric)]
    named += [(f"metrics.{index}", name) for index, name in enumerate(spec.metrics)]
    if spec.data.source == "callable" and spec.data.callable is not None:
        named.append(("data.callable", spec.data.callable))
    for path, name in named:
        if not is_function(name):
            continue
        try:
            read_signature(name, str(spec.folder))
        except UserCodeError as error:
            yield Finding(path, str(error))


def _placement(spec: SweepSpec) -> Iterator[Finding]:
    if spec.ray.local and spec.ray.address is not None:
        message = f"local: true runs without Ray, got address {spec.ray.address!r} too; leave one of them out."
        yield Finding("ray.local", message, ("ray.address",))
    elif spec.ray.local and spec.resources.gpus_per_trial:
        message = f"ray.local: true runs on CPUs only, got {spec.resources.gpus_per_trial:g}; leave one of them out."
        yield Finding("resources.gpus_per_trial", message, ("ray.local",))
    if spec.ray.autoscaling and spec.ray.address is None:
        message = "only a cluster brings nodes on demand, got address: null; name one, or leave autoscaling out."
        yield Finding("ray.autoscaling", message, ("ray.address", "ray.local"))


def _schedule(spec: SweepSpec) -> Iterator[Finding]:
    if spec.schedule is None:
        return
    from cronsim import CronSim, CronSimError

    cron = spec.schedule.cron
    example = "expected five fields such as '0 2 * * *' (minute, hour, day of month, month, day of week)"
    try:
        if len(cron.split()) != 5:
            raise CronSimError(f"{len(cron.split())} fields")
        next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        yield Finding("schedule.cron", f"{example}, got {cron!r}: {error}.")
    except StopIteration:
        yield Finding("schedule.cron", f"{cron!r} is never due; {example}.")
    zone = spec.schedule.timezone
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = hint(zone, zoneinfo.available_timezones())
        yield Finding("schedule.timezone", f"expected an IANA time zone such as Europe/Berlin, got {zone!r}{near}")
