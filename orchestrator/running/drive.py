"""From a plan to its last trial: the part that every door shares."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.dispatch import Dispatcher
from orchestrator.ledger import SweepRow
from orchestrator.results import Watch
from orchestrator.running.conductor import SweepConductor
from orchestrator.running.plan import Plan
from orchestrator.search import Search
from trainers.messages import FoldFailed, FoldFinished


def drive(
    plan: Plan,
    sweep: SweepRow,
    dispatcher: Dispatcher,
    *,
    stop_requested: Callable[[], str | None],
    clock: Callable[[], float],
    watch: Watch,
    failed: Callable[[FoldFailed], object] = lambda failure: None,
    finished: Callable[[FoldFinished], object] = lambda fold: None,
    about_to_run: Callable[[], object] = lambda: None,
) -> str | None:
    """Train and score what ``plan`` proposes, and return why that ended: None when there is nothing left to propose.

    What an earlier driver of this sweep finished, and folds that the ledger knows, are taken over.

    Parameters
    ----------
    sweep : the row that it is written under; the caller holds its lease.
    dispatcher : started, and prepared with the plan's settings.
    stop_requested : says why to stop, None while nobody asks; asked at least twice a second. What it raises comes out here.
    clock : gives unix seconds.
    watch : who looks on.
    failed, finished : are told every fold that raises, and every other one that a worker reports.
    about_to_run : called where workers are needed, before the first of them is.
    """
    search = Search(
        plan.strategy,
        plan.packing,
        workers=dispatcher.workers,
        folds=plan.folds,
        max_trials=plan.asked_at_most,
        timeout=plan.trial_timeout,
        racing=plan.racing,
        ending=plan.ending,
    )
    conductor = SweepConductor(plan, sweep, search, stop_requested, clock, watch, failed, finished)
    conductor.start()
    if not conductor.finished:
        about_to_run()
        dispatcher.run(conductor)
    watch.progress(conductor.status())
    return conductor.reason
