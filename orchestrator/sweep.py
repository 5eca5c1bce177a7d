"""One sweep from its spec to its winner: the whole story. What each step does stands in the file that is named after it."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrator.champion import Crowning, make_up_earlier, notify
from orchestrator.dispatch import Dispatcher
from orchestrator.errors import (
    LeaseLostError,
    ResourcesError,
    SpecError,
    SweepBusyError,
    TrackingError,
    UserCheckError,
)
from orchestrator.ledger import LEASE_SECONDS, Lease, Ledger, Owner, SweepRow
from orchestrator.occasion_names import is_by_hand
from orchestrator.redaction import without_password
from orchestrator.results import Silent, Watch, objective_of, open_steps
from orchestrator.running import (
    LOGS,
    Plan,
    Staged,
    StopRequestedError,
    StopSignals,
    check_data,
    check_model,
    claim_output,
    drive,
    find_output,
    fix_first_configs,
    make_dispatcher,
    make_plan,
    possible_engines,
    remove_output,
    strategy_of,
)
from orchestrator.search import SweepState
from orchestrator.spec import SweepSpec
from orchestrator.tracking import Tracker
from search_spaces import Strategy
from trainers.messages import Checked
from trainers.settings import SweepSettings

logger = logging.getLogger(__name__)

OUTPUT = Path("kerasweep-output")
_LEASE_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How this run of a sweep differs from its file.

    ``new`` begins the next occasion, ``output`` receives logs and models, and for ``patience`` seconds a lease is waited for that
    another driver, perhaps gone, still holds.
    """

    occasion: str | None = None
    new: bool = False
    output: Path = OUTPUT
    patience: float = 0.0


def run_sweep(
    spec: SweepSpec,
    options: Options | None = None,
    watch: Watch | None = None,
    clock: Callable[[], float] = time.time,
    *,
    dispatcher: Dispatcher | None = None,
) -> SweepRow:
    """Run a sweep to its end, or continue it where its last driver left it, and return its row.

    One that is COMPLETED already is brought to MLflow as far as that lacks it, its model's upload, version and contest included.

    Parameters
    ----------
    dispatcher : brings the trials to workers, and is closed in the end; None: the one that ``spec`` asks for.

    Raises
    ------
    SpecError, UserCheckError : the sweep file, the data or the user's code is at fault; nothing was begun.
    ResourcesError : a trial asks for more than any node could ever have; nothing was begun.
    SweepBusyError, SweepMismatchError : another driver has the sweep, or the file no longer says what it began with.
    KerasweepError : anything else that ended the sweep; what was finished is in the ledger.
    """
    options, watch = options or Options(), watch or Silent()
    with Ledger(spec.ledger, clock) as ledger, StopSignals() as stop, ExitStack() as last:
        sweep = _claim(spec, options, ledger, stop, watch)
        spec = spec.as_begun(sweep.identity)
        tracker = Tracker(ledger, sweep, spec.tracking.uri, spec.tracking.experiment)

        def drive(claimed: SweepRow, lease: Lease) -> _Drive:
            return _Drive(
                spec, claimed, ledger, tracker, last, lease, stop, watch, claim_output(claimed, options.output), clock, dispatcher
            )

        if sweep.state is SweepState.COMPLETED:
            _catch_up(tracker)
            if open_steps(sweep):
                sweep = _make_up(sweep, ledger, drive)
                _catch_up(tracker)
            return sweep
        last.callback(notify, ledger, sweep, spec.notify.webhook)
        try:
            with Lease(ledger, sweep) as lease:
                return drive(sweep, lease).run()
        except LeaseLostError:
            raise
        except StopRequestedError as request:
            return ledger.finish_sweep(sweep, SweepState.STOPPED, str(request))
        except (SpecError, UserCheckError, ResourcesError) as error:
            if is_by_hand(sweep.occasion):
                if ledger.forget_sweep(sweep):
                    remove_output(sweep, options.output)
            else:  # a night does not come again: it is to be seen what became of it
                ledger.finish_sweep(sweep, SweepState.FAILED, without_password(str(error)))
            raise
        except KeyboardInterrupt:
            return ledger.finish_sweep(sweep, SweepState.STOPPED, "interrupted")
        except BaseException as error:
            ledger.finish_sweep(sweep, SweepState.FAILED, without_password(str(error)) or type(error).__name__)
            raise


def _claim(spec: SweepSpec, options: Options, ledger: Ledger, stop: StopSignals, watch: Watch) -> SweepRow:
    """Take the sweep's lease, waiting for another driver's to lapse as long as ``options`` say."""
    until = time.monotonic() + options.patience
    waiting = False
    while True:
        try:
            return ledger.claim_sweep(
                spec.name,
                spec.record(),
                spec.identity(),
                Owner.current(),
                LEASE_SECONDS,
                left_open=spec.left_open,
                occasion=options.occasion,
                new=options.new,
            )
        except SweepBusyError as error:
            if time.monotonic() > until or stop():
                raise
            if not waiting:
                watch.phase(f"waiting for the lease: {error}")
                waiting = True
            time.sleep(_LEASE_POLL_SECONDS)


def _catch_up(tracker: Tracker) -> None:
    try:
        tracker.catch_up()
    except TrackingError as error:
        logger.warning("%s", error)


def _make_up(sweep: SweepRow, ledger: Ledger, drive: Callable[[SweepRow, Lease], _Drive]) -> SweepRow:
    """Do what a COMPLETED sweep's winner still lacks, as after an outage of MLflow; the sweep stays COMPLETED."""
    sweep = ledger.claim_completed(sweep, Owner.current(), LEASE_SECONDS)
    try:
        with Lease(ledger, sweep) as lease:
            drive(sweep, lease).make_up()
    except StopRequestedError as request:
        logger.warning("sweep %s: %s. `kerasweep resume %s` goes on.", sweep.title, request, sweep.title)
    finally:
        sweep = ledger.release(sweep)
    return sweep


@dataclass(slots=True)
class _Drive:
    spec: SweepSpec
    sweep: SweepRow
    ledger: Ledger
    tracker: Tracker
    last: ExitStack
    lease: Lease
    stop: StopSignals
    watch: Watch
    folder: Path
    clock: Callable[[], float]
    given: Dispatcher | None = None
    began: float = 0.0

    def run(self) -> SweepRow:
        spec = self.spec
        self.began = self.clock()
        with ExitStack() as stack:
            stage = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kerasweep-")))
            dispatcher = stack.enter_context(closing(self.given or make_dispatcher(spec, self.folder / LOGS)))
            dispatcher.start("keras" if spec.engine == "keras" else "fused")  # comes up while the data is read
            self.watch.phase(f"sweep {self.sweep.title}: reading the data")
            with self.stop.at_once():
                staged = check_data(spec, stage)
            self.watch.phase("checking the model in a worker")
            settings, checked = self._check(dispatcher, staged)
            self._write_identity(settings, staged, checked)
            for note in staged.notes:
                self.watch.phase(f"data: {note}")
            self.tracker.check()
            self.tracker.start()
            self.last.callback(self.tracker.close, hurry=self.stop)  # after the sweep has ended in the ledger, however it ends
            plan = self._plan(settings, staged, checked)
            self.watch.phase(_announcement(plan, dispatcher))
            reason = drive(
                plan,
                self.sweep,
                dispatcher,
                stop_requested=self._stop_requested,
                clock=self.clock,
                watch=self.watch,
                about_to_run=self.stop.install,  # Ray may have put handlers of its own
            )
            if reason in ("interrupted", "terminated"):
                return self.ledger.finish_sweep(self.sweep, SweepState.STOPPED, reason)
            self._crown(dispatcher, staged)
            self.watch.phase("writing what is left to MLflow")
            finished = self.ledger.finish_sweep(self.sweep, SweepState.COMPLETED, reason)
            self.tracker.notify()
            return finished

    def _stop_requested(self) -> str | None:
        self.lease.check()
        return self.stop()

    def _tick(self) -> None:
        if reason := self._stop_requested():
            raise StopRequestedError(reason)

    # --- the steps ----------------------------------------------------------------------------------------------------------

    def _check(self, dispatcher: Dispatcher, staged: Staged) -> tuple[SweepSettings, Checked]:
        """Resolve the engine: the fused one where it can train the first config, unless the spec says otherwise."""
        (first,) = self._strategy().ask(1)
        engines = possible_engines(self.spec)
        if (before := self.sweep.facts.get("engine")) in engines:  # resolved once a sweep
            engines = (before,)
        return check_model(
            self.spec.sweep_settings(stage=str(staged.folder), engine=engines[0]),
            first,
            dispatcher,
            where=self.spec.source,
            engines=engines,
            over_epochs=self.spec.races_over_epochs,
            tick=self._tick,
            passed_over=lambda reason: self.ledger.update_facts(self.sweep, {"engine_reason": reason}),
        )

    def _write_identity(self, settings: SweepSettings, staged: Staged, checked: Checked) -> None:
        facts = {**staged.facts(), "engine": settings.engine, "versions": dict(checked.versions)}
        resolved = {"fingerprint": staged.fingerprint, "splits": staged.splits_fingerprint, "resolved_engine": settings.engine}
        self.ledger.set_identity(self.sweep, resolved)
        self.ledger.update_facts(self.sweep, facts)

    def _plan(self, settings: SweepSettings, staged: Staged, checked: Checked) -> Plan:
        return make_plan(
            self.spec,
            settings,
            staged,
            self._strategy(),
            versions=checked.versions,
            objective=objective_of(self.sweep),
            ledger=self.ledger,
            committed=self.tracker.notify,
            deadline=self.began + self.spec.budget.time if self.spec.budget.time is not None else None,
        )

    def _strategy(self) -> Strategy:
        return strategy_of(self.spec, self.sweep.occasion, fix_first_configs(self.ledger, self.spec, self.sweep))

    def _crown(self, dispatcher: Dispatcher, staged: Staged) -> None:
        """Refit the winner, score it once on the test part, and give the model to MLflow."""
        spent = self.given is None and not self.spec.ray.local and self.spec.ray.address is None
        crowning = self._crowning(lambda: staged, lambda: dispatcher, spent=spent)
        crowning.refit()
        if crowning.upload():
            make_up_earlier(crowning, self._folder_of)
            crowning.hand_over()
        self.sweep = crowning.sweep

    def _folder_of(self, earlier: SweepRow) -> Path:
        output = self.folder.parents[1]
        return find_output(earlier, output) or output / earlier.name / earlier.occasion

    def _crowning(self, staged: Callable[[], Staged], dispatcher: Callable[[], Dispatcher], *, spent: bool) -> Crowning:
        return Crowning(
            spec=self.spec,
            sweep=self.sweep,
            ledger=self.ledger,
            tracker=self.tracker,
            staged=staged,
            dispatcher=dispatcher,
            spent=spent,
            folder=self.folder,
            tick=self._tick,
            watch=self.watch,
        )

    def make_up(self) -> None:
        """Do what the winner of a COMPLETED sweep still lacks; data and workers are got ready only where it needs them."""
        self.watch.phase(f"sweep {self.sweep.title}: its model still lacks {', '.join(open_steps(self.sweep))}")
        with ExitStack() as stack:

            @cache
            def staged() -> Staged:
                self.watch.phase(f"sweep {self.sweep.title}: reading the data")
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kerasweep-")))
                with self.stop.at_once():
                    found = check_data(self.spec, folder)
                self.ledger.set_identity(self.sweep, {"fingerprint": found.fingerprint, "splits": found.splits_fingerprint})
                return found

            @cache
            def dispatcher() -> Dispatcher:
                made = stack.enter_context(closing(self.given or make_dispatcher(self.spec, self.folder / LOGS)))
                settings = self.spec.sweep_settings(stage=str(staged().folder), engine=self.sweep.facts["engine"])
                made.start(settings.engine)
                made.prepare(settings)
                self.stop.install()  # Ray may have put handlers of its own
                return made

            self._crowning(staged, dispatcher, spent=False).hand_over()


def _announcement(plan: Plan, dispatcher: Dispatcher) -> str:
    workers = f"{dispatcher.workers} worker{'s' * (dispatcher.workers != 1)}"
    return f"training up to {plan.total} trials x {plan.folds} folds on {workers}, engine {plan.settings.engine}"
