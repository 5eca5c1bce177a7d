"""The winner once more, on all search rows: trained by a stated rule, scored once on the test part, written with its manifest."""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainers.checking import versions
from trainers.engines import EpochReport, Fitted, fit_model, plan_for, score_model
from trainers.errors import NotFusableError, TrainerError
from trainers.messages import Refit, Refitted
from trainers.model_files import describe_data, describe_output, write_model
from trainers.preprocessing import class_weights, model_shape, part, prepare
from trainers.recipes import build_model
from trainers.seeds import derive_seed
from trainers.splits import find_twins, monitor_rows

if TYPE_CHECKING:
    import keras

    from trainers.data import Array, Dataset
    from trainers.engines import TargetPlan
    from trainers.evaluation import Evaluator
    from trainers.preprocessing import Prepared
    from trainers.settings import SweepSettings

_log = logging.getLogger(__name__)
_SAMPLE_ROWS = 5


@dataclass(frozen=True, slots=True)
class RefitPlan:
    """Which rows the refit learns from and watches, for how many epochs at most, and the rule in words."""

    train: Array
    monitor: Array | None
    epochs: int
    rule: str


def refit(evaluator: Evaluator, request: Refit, report: EpochReport = lambda done, epochs, value: None) -> Refitted:
    """Train ``request.config`` on all search rows and write it to ``request.folder``.

    What stands in the folder then is said in ``trainers.model_files``.

    Parameters
    ----------
    evaluator : of the sweep.
    request : the winner's config and the epochs chosen in its folds.
    report : called after every epoch.

    Raises
    ------
    TrainerError
        The fit diverged.
    UserCodeError
        As in a fold.
    """
    settings, dataset, splits = evaluator.settings, evaluator.dataset, evaluator.splits
    config = evaluator.effective(request.config)
    seed = derive_seed(settings.seed, config, "refit")
    plan = plan_refit(evaluator, config, request.fold_epochs, seed)
    prepared = prepare(dataset, plan.train, settings, config)
    classes = None if dataset.classes is None else len(dataset.classes)
    model = build_model(settings, config, model_shape(prepared, settings.task, classes), seed)
    target = plan_for(model, prepared, settings, dataset)
    fitted = _fit(
        model,
        target,
        prepared,
        plan,
        settings=settings,
        dataset=dataset,
        batch_size=config["batch_size"],
        seed=seed,
        report=report,
    )
    scored = splits.test if len(splits.test) else splits.search[:1]
    scores = (
        None if fitted.stopped == "diverged" else score_model(model, target, prepared, scored, dataset=dataset, settings=settings)
    )
    if scores is None:
        raise TrainerError(
            f"refit: expected finite losses and predictions, got others after {fitted.epochs_run} epochs of {dict(config)!r}; "
            "lower the learning rate in the space."
        )
    test_metrics = scores if len(splits.test) else {}
    manifest = {
        "format": 1,
        "task": settings.task,
        **describe_data(dataset),
        "output": describe_output(target, prepared),
        "trainer": {"type": settings.trainer.type, "builder": settings.trainer.builder},
        "config": dict(config),
        "preprocessing": settings.preprocessing,
        "refit": {
            "rule": plan.rule,
            "epochs": fitted.epoch,
            "epochs_run": fitted.epochs_run,
            "config_epochs": config["epochs"],
            "fold_epochs": list(request.fold_epochs),
            "rows": len(plan.train),
            "monitor_rows": 0 if plan.monitor is None else len(plan.monitor),
            "seed": seed,
        },
        "test": {"rows": len(splits.test), "metrics": dict(test_metrics)},
        "data": {"rows": dataset.rows, "fingerprint": dataset.fingerprint, "splits": splits.fingerprint},
        "sweep": {"seed": settings.seed, "engine": settings.engine},
        "versions": versions(),
    }
    sample = splits.search[:_SAMPLE_ROWS]
    written = write_model(
        Path(request.folder), model, prepared, dataset=dataset, learnt=splits.search, sample=sample, manifest=manifest
    )
    return Refitted(request.folder, fitted.epoch, test_metrics, written)


def _fit(
    model: keras.Model,
    target: TargetPlan,
    prepared: Prepared,
    plan: RefitPlan,
    *,
    settings: SweepSettings,
    dataset: Dataset,
    batch_size: int,
    seed: int,
    report: EpochReport,
) -> Fitted:
    """Train ``model`` by the sweep's engine; what the fused one cannot take goes to ``model.fit``."""
    of_classes = class_weights(settings.fit, dataset, plan.train)
    early = settings.fit.early_stopping if plan.monitor is not None else None
    if settings.engine == "fused":
        from trainers.engines.fused import fit_alone

        try:
            return fit_alone(
                model,
                target,
                prepared,
                train=plan.train,
                monitor=plan.monitor,
                weights_of_classes=of_classes,
                epochs=plan.epochs,
                batch_size=batch_size,
                seed=seed,
                early_stopping=early,
                report=report,
            )
        except NotFusableError as error:
            _log.info("The refit is left to model.fit: %s", error)
    return fit_model(
        model,
        target,
        part(prepared, plan.train, of_classes),
        None if plan.monitor is None else part(prepared, plan.monitor),
        epochs=plan.epochs,
        batch_size=batch_size,
        early_stopping=early,
        report=report,
    )


def plan_refit(evaluator: Evaluator, config: Mapping[str, Any], fold_epochs: Sequence[int], seed: int) -> RefitPlan:
    """Return rows and epochs of the refit by the sweep's rule.

    ``monitor`` keeps a monitor split and early stopping; it needs a share to keep, so without early stopping, or where folds
    watch their scoring rows, ``median_epochs`` is followed and the rule says so.
    """
    fit, splits = evaluator.settings.fit, evaluator.splits
    stopping = fit.early_stopping
    if fit.refit == "monitor" and stopping is not None and stopping.split > 0:
        cv = evaluator.settings.cv
        train, monitor = monitor_rows(
            evaluator.dataset,
            splits.search,
            kind=splits.kind,
            share=stopping.split,
            shuffle=cv.shuffle,
            seed=seed,
            twins=find_twins(evaluator.dataset, splits.kind, cv),
        )
        rule = f"monitor: trained on {len(train)} of the search rows, early stopping watched the other {len(monitor)}"
        return RefitPlan(train, monitor, config["epochs"], rule)
    epochs = refit_epochs(fold_epochs, config["epochs"], stops_early=stopping is not None)
    if stopping is None:
        rule = f"epochs: the config's {epochs}, since nothing stops early"
    else:
        rule = (
            f"median_epochs: the median of the folds' chosen epochs {list(fold_epochs)}, rounded, and the config's "
            f"{config['epochs']} at most"
        )
    if fit.refit == "monitor":
        rule += "; the sweep asks for monitor, but it has no monitor split"
    return RefitPlan(splits.search, None, epochs, rule)


def refit_epochs(fold_epochs: Sequence[int], most: int, *, stops_early: bool) -> int:
    """Return for how many epochs all search rows are trained on: at least 1, and never more than the user allowed.

    Parameters
    ----------
    fold_epochs : the chosen epoch of each fold, at least one.
    most : the config's epochs; exactly these where nothing stops early.
    stops_early : whether the folds had early stopping. The median of their epochs is taken as it is: an epoch of all search rows
        has more steps than a fold's already (``python -m benchmarks.refit``).

    Raises
    ------
    TrainerError
        No fold has chosen an epoch.
    """
    if not stops_early:
        return most
    if not fold_epochs:
        raise TrainerError("refit: expected the chosen epoch of each fold, got none.")
    return min(max(1, math.floor(statistics.median(fold_epochs) + 0.5)), most)
