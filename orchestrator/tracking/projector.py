"""Brings one sweep from the ledger to MLflow, step by step, in the calling thread. It decides what is to be written, and when.

What a run holds is said by ``projection``, how it is written by ``store``. After a death at any point the next
projector goes on: rows are marked in the ledger once they are written, and writing a row twice leaves what writing it once does.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec

from orchestrator.ledger import Ledger, SweepRow, TrialRow
from orchestrator.redaction import without_password
from orchestrator.results import is_reported, objective_of, report_of
from orchestrator.search import SweepState
from orchestrator.tracking.curve import BestCurve
from orchestrator.tracking.dataset import dataset_content
from orchestrator.tracking.files import write_final_files, write_first_files
from orchestrator.tracking.note import sweep_note
from orchestrator.tracking.projection import sweep_id, sweep_run, trial_run
from orchestrator.tracking.records import TAG_NOTE, MetricPoint, RunContent, milliseconds
from orchestrator.tracking.store import MlflowStore, UploadedModel, is_refusal

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")

BATCH = 50
"""Trials written before the ledger is told: a death costs at most so many rows written twice."""

SILENT_SECONDS = 60.0
"""A driver silent for longer is taken for dead. Only the status of its runs depends on it, and its own tracker mends that."""


class Projector:
    """One sweep's way to MLflow. Not safe to share between threads without a lock.

    Parameters
    ----------
    ledger, sweep : where the sweep stands, and its row.
    open_store : makes the store; called at the first step, and again after ``disconnect``.
    clock : gives unix seconds, to tell a driver that has gone silent.

    Attributes
    ----------
    written : how many rows were written so far, to be seen from another thread.
    """

    def __init__(
        self, ledger: Ledger, sweep: SweepRow, open_store: Callable[[], MlflowStore], clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._id = sweep.id
        self._open_store = open_store
        self._clock = clock
        self._connected: tuple[MlflowStore, str] | None = None
        self._runs: dict[int, str] = {}
        self._status: dict[int, str] = {}
        self._curve = BestCurve(sweep)
        self._points: list[MetricPoint] = []
        self._has_dataset = False
        self.written = 0

    def step(self) -> bool:
        """Write one batch of what is missing; return whether nothing is left.

        Raises
        ------
        Exception : MLflow or the ledger cannot be reached; the same step may be tried again after ``disconnect``.
        """
        store, parent = self._connect()
        sweep = self._ledger.sweep_by_id(self._id)
        trials = self._ledger.unprojected_trials(self._id, BATCH)
        if trials:
            sweep = self._ledger.sweep_by_id(self._id)  # facts as new as the trials that they tell of
        folds = self._ledger.known_folds((trial.key for trial in trials if trial.state.terminal), seen_by=self._id)
        for trial in trials:
            content = trial_run(sweep, trial, list(folds.get(trial.key, {}).values()))
            _unless_refused(f"trial {trial.number}", self._write_trial, store, parent, trial, content)
            self.written += 1
            self._curve.add(trial)
        self._points += self._curve.take()
        if self._points:
            store.log(parent, metrics=self._points)
            self._points.clear()
        if trials:
            self._ledger.mark_projected(self._id, trials={trial.number: trial.revision for trial in trials})
        elif sweep.revision != sweep.projected_revision:
            _unless_refused("the parent run", self._write_sweep, store, parent, sweep)
            self._ledger.mark_projected(self._id, sweep=sweep.revision)
            self.written += 1
        return not trials

    def finish(self) -> None:
        """Write all that is missing."""
        while not self.step():
            pass

    def repair(self) -> None:
        """Write everything again from the ledger, also into an empty store."""
        self._ledger.forget_projection(self._id)
        self.disconnect()
        self.finish()

    def left(self) -> str:
        """Return in words what MLflow still lacks; empty: nothing."""
        trials = len(self._ledger.unprojected_trials(self._id, 1000))
        if trials:
            return f"{trials if trials < 1000 else '1000 or more'} trials"
        sweep = self._ledger.sweep_by_id(self._id)
        return "" if sweep.revision == sweep.projected_revision else "the summary"

    def upload_model(self, folder: Path, *, register_as: str | None, alias: str | None) -> UploadedModel:
        """Upload a model folder to the sweep's run, and register it if asked."""
        store, parent = self._connect()
        sweep = self._ledger.sweep_by_id(self._id)
        return store.upload_model(parent, folder, name=sweep.name, register_as=register_as, alias=alias)

    def upload_files(self, folders: Mapping[int, Path]) -> None:
        """Write all that is missing, then upload to each trial's run, by its number, what lies in a folder."""
        self.finish()
        store, _ = self._connect()
        for number, folder in folders.items():
            if (run := self._runs.get(number)) is not None:
                store.log_files(run, folder)

    def disconnect(self) -> None:
        """Forget the store and all that is known of it: after an error nothing is certain."""
        self._connected = None

    # --- the sweep's run and its children -----------------------------------------------------------------------------------

    def _connect(self) -> tuple[MlflowStore, str]:
        """Open the store and find or make the sweep's run."""
        if self._connected is not None:
            return self._connected
        store = self._open_store()
        sweep = self._ledger.sweep_by_id(self._id)
        found = store.find_sweep(sweep_id(sweep))
        if sweep.mlflow_run is not None and sweep.mlflow_run != found:  # another store, or an emptied one
            self._ledger.forget_projection(self._id)
        parent = found or self._begin(store, sweep)
        standing = self._ledger.set_mlflow_run(self._id, parent, experiment=store.experiment_id)
        if standing != parent:  # two projectors began at once
            store.delete(parent)
            parent = standing
        self._runs = store.find_trials(parent) if found else {}
        self._status = {}
        self._has_dataset = False
        self._curve = BestCurve(sweep)
        for trial in self._ledger.trials(self._id):
            self._curve.add(trial)
            if trial.mlflow_run is not None:  # counts for more than what is found: a repeated request may have made a second
                self._runs[trial.number] = trial.mlflow_run
        self._points = []
        self._connected = (store, parent)
        self._close_abandoned(store)
        return self._connected

    def _begin(self, store: MlflowStore, sweep: SweepRow) -> str:
        objective = objective_of(sweep)
        store.describe_experiment(objective.metric, objective.maximize)
        parent = store.create(sweep_run(sweep))
        with tempfile.TemporaryDirectory() as folder:
            write_first_files(Path(folder), sweep)
            store.log_files(parent, Path(folder))
        return parent

    def _write_trial(self, store: MlflowStore, parent: str, trial: TrialRow, content: RunContent) -> None:
        run = self._runs.get(trial.number)
        if run is None:
            if trial.started is None and not trial.state.terminal:
                return  # a trial that waits has no run yet
            run = store.create(content, parent)
            self._runs[trial.number] = run
            store.write(run, content, fresh=True)
        elif content.status != self._status.get(trial.number) or trial.state.terminal:
            store.write(run, content)
        if trial.mlflow_run is None:
            self._ledger.set_mlflow_run(self._id, run, number=trial.number)
        self._status[trial.number] = content.status

    def _write_sweep(self, store: MlflowStore, parent: str, sweep: SweepRow) -> None:
        trials = self._ledger.trials(self._id)
        content = sweep_run(sweep, trials)
        dataset = dataset_content(sweep)
        if dataset is not None and not self._has_dataset:
            store.log_dataset(parent, dataset)
            self._has_dataset = True
        if sweep.state is not SweepState.RUNNING:
            for run, number in store.open_trials(parent).items():
                if self._runs.get(number) == run:
                    store.end(run, "KILLED", content.end or content.start)
                else:
                    store.delete(run)  # made twice by a repeated request; nothing was ever written to it
            self._close_abandoned(store)
            with tempfile.TemporaryDirectory() as folder:
                write_final_files(Path(folder), sweep, trials, self._ledger)
                store.log_files(parent, Path(folder))
        report = report_of(self._ledger, sweep).markdown() if is_reported(sweep) else ""
        store.write(parent, replace(content, tags={**content.tags, TAG_NOTE: sweep_note(sweep, trials, report)}))

    def _close_abandoned(self, store: MlflowStore) -> None:
        """Close what dead drivers of other sweeps of this experiment left open. One that comes back opens its run again."""
        for sweep in self._ledger.sweeps():
            silent = self._clock() - (sweep.heartbeat or sweep.created)
            if sweep.id == self._id or sweep.state is not SweepState.RUNNING or silent < SILENT_SECONDS:
                continue
            if sweep.mlflow_run is not None and sweep.mlflow_experiment == store.experiment_id:
                last = milliseconds(sweep.heartbeat or sweep.created)
                _unless_refused(f"sweep {sweep.title}", store.close_all, sweep.mlflow_run, last)


def _unless_refused(what: str, write: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> None:
    """Write; what MLflow refuses as such is reported and passed over, so that it does not hold up the rest."""
    try:
        write(*args, **kwargs)
    except Exception as error:
        if not is_refusal(error):
            raise
        logger.warning("MLflow refused %s: %s. The ledger keeps it.", what, without_password(str(error)))
