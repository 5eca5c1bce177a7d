"""The check before the first trial: data, target, and one config in a worker, which tells what is wrong and what engine fits."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.dispatch import Dispatcher, LocalDispatcher
from orchestrator.errors import SpecError, UserCheckError, WorkerLostError
from orchestrator.redaction import without_password
from orchestrator.running.set_up import strategy_of
from orchestrator.running.staging import Staged, stage_data
from orchestrator.spec import SweepSpec, cannot_be_cut
from search_spaces import Config
from trainers.errors import TrainerError
from trainers.messages import Check, Checked, Failed
from trainers.settings import EngineName, SweepSettings

logger = logging.getLogger(__name__)

CHECK_SECONDS = 120.0
"""A check takes seconds; on a machine that is busy with other things it may take long."""


def check_data(spec: SweepSpec, folder: Path) -> Staged:
    """Load, split and stage the data in ``folder``. Raises UserCheckError where they are not as the sweep file says."""
    try:
        return stage_data(spec, folder)
    except TrainerError as error:
        raise UserCheckError(without_password(f"{spec.source}: {error}")) from error


def possible_engines(spec: SweepSpec) -> tuple[EngineName, ...]:
    """Return the engines that may train the sweep, the first choice first."""
    return ("fused", "keras") if spec.engine == "auto" else (spec.engine,)


def check_model(
    settings: SweepSettings,
    config: Config,
    dispatcher: Dispatcher,
    *,
    where: str,
    engines: Sequence[EngineName],
    over_epochs: bool = False,
    tick: Callable[[], None] | None = None,
    passed_over: Callable[[str], object] = lambda reason: None,
) -> tuple[SweepSettings, Checked]:
    """Have a worker try ``config``, and return ``settings`` under the first of ``engines`` that can train it.

    Parameters
    ----------
    dispatcher : started.
    where : what the search was asked for by, such as a sweep file's name: messages begin with it.
    over_epochs : whether trials race over epochs, so that fits may be cut.
    tick : called at least twice a second; what it raises comes out here.
    passed_over : is told why an engine cannot train it, where another one is left.

    Raises
    ------
    UserCheckError : the user's code is at fault, whatever the engine.
    SpecError : nothing but the fused engine is asked for, which cannot train this model; or its fits cannot be cut.
    """
    reason: str | None = None
    for engine in engines:
        settings = replace(settings, engine=engine)
        dispatcher.prepare(settings)
        try:
            reply = dispatcher.request(Check(config), CHECK_SECONDS, tick)
        except WorkerLostError as error:
            raise UserCheckError(f"{where}: trainer: the first config could not be checked: {error}") from error
        if isinstance(reply, Failed) and (reply.cause == "invalid" or engine == engines[-1]):
            raise UserCheckError(f"{where}: {reply.message}")
        if isinstance(reply, Checked) and reply.takes_epochs and over_epochs:
            raise SpecError(where, [("race.epochs", cannot_be_cut(str(settings.trainer.builder)))])
        if isinstance(reply, Checked) and (engine == "keras" or reply.fusable):
            return settings, reply
        reason = reply.message if isinstance(reply, Failed) else getattr(reply, "reason", None)
        logger.info("the fused engine cannot train this sweep: %s", reason)
        passed_over(str(reason))
    raise SpecError(where, [("engine", f"'fused' cannot train this model: {reason}. Take auto or keras.")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What a deep check found of a sweep without mistakes."""

    rows: int
    folds: int
    engine: EngineName


def check_deeply(spec: SweepSpec) -> Sound:
    """Do what a run does before its first trial, in one worker process without Ray; nothing is left behind.

    Raises
    ------
    UserCheckError, SpecError : as a run would.
    """
    engines = possible_engines(spec)
    with tempfile.TemporaryDirectory(prefix="kerasweep-") as name:
        folder = Path(name)
        with closing(LocalDispatcher(1, log_folder=folder / "logs", cpus_per_trial=spec.resources.cpus_per_trial)) as dispatcher:
            dispatcher.start(engines[0])  # comes up while the data is read
            staged = check_data(spec, folder / "stage")
            (first,) = strategy_of(spec, "manual-1").ask(1)
            settings = spec.sweep_settings(stage=str(staged.folder), engine=engines[0])
            settings, _ = check_model(
                settings, first, dispatcher, where=spec.source, engines=engines, over_epochs=spec.races_over_epochs
            )
    return Sound(rows=int(staged.description["rows"]), folds=staged.folds, engine=settings.engine)
