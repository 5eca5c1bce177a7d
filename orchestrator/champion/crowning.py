"""What follows a search, step by step: the winner is refitted, uploaded, registered, and compared with the champion.

What is still to be done stands in the sweep's facts under ``OPEN_STEPS``, so that whoever takes the sweep up later, even once it
is COMPLETED, does just that. The ledger knows the winner's config and the epochs of its folds, so a model folder that is lost
before its upload is made anew.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.champion.contest import Contest
from orchestrator.champion.winner import choose_winner, chosen_epochs, end_open_trials
from orchestrator.errors import KerasweepError, NotFoundError, TrackingError
from orchestrator.results import OPEN_STEPS, open_steps
from orchestrator.running import LOGS, MODEL
from orchestrator.tracking import CHALLENGER
from trainers.messages import Refit, Refitted

if TYPE_CHECKING:
    from orchestrator.dispatch import Dispatcher
    from orchestrator.ledger import Ledger, SweepRow, TrialRow
    from orchestrator.results import Watch
    from orchestrator.running import Staged
    from orchestrator.spec import SweepSpec
    from orchestrator.tracking import Tracker

logger = logging.getLogger(__name__)

REFIT_SECONDS = 24 * 3600.0
UPLOAD, VERSION, CONTEST = "upload", "version", "contest"


@dataclass(slots=True, kw_only=True)
class Crowning:
    """One winner's way into the registry.

    Parameters
    ----------
    spec, sweep, ledger, tracker : the sweep under its lease, where its facts are kept, and its way to MLflow.
    staged, dispatcher : give its data, and workers that are prepared for it; asked only when something is to be trained.
    spent : whether that dispatcher can answer requests only, since its Ray has ended with its run.
    folder : receives the model and the workers' logs.
    tick : called at least twice a second; what it raises ends it all.
    watch : who looks on.
    """

    spec: SweepSpec
    sweep: SweepRow
    ledger: Ledger
    tracker: Tracker
    staged: Callable[[], Staged]
    dispatcher: Callable[[], Dispatcher]
    spent: bool
    folder: Path
    tick: Callable[[], None]
    watch: Watch

    def refit(self) -> None:
        """Choose the winner and refit it; what a budget has left open is over only now, so that a crash here loses nothing.

        Raises
        ------
        KerasweepError : no trial has a score, or the refit failed. Trials that are open stay so.
        """
        winner = choose_winner(self.ledger, self.sweep)
        if self.sweep.facts.get("winner") == winner.number and OPEN_STEPS in self.sweep.facts:
            end_open_trials(self.ledger, self.sweep)
            return  # an earlier driver ended after its refit: the model is there, or is made anew where it is needed
        self._refit(winner)
        end_open_trials(self.ledger, self.sweep)
        steps = [UPLOAD, *([VERSION, CONTEST] if self.spec.model.register_as else [])]
        self._write({"winner": winner.number, OPEN_STEPS: steps})

    def upload(self, *, refit: bool = True) -> bool:
        """Upload the model if that is still open, and return whether it is done; if MLflow cannot take it now a warning says so.

        Parameters
        ----------
        refit : whether a model folder that is lost may be made anew, by the workers' present settings.

        Raises
        ------
        KerasweepError : the model folder is lost and cannot, or is not to, be made anew.
        """
        try:
            if UPLOAD in self._open:
                uploaded = self.tracker.upload_model(self._model(refit))
                self._done(UPLOAD, {"model_uri": uploaded.uri})
        except TrackingError as error:
            self._warn(error)
        return UPLOAD not in self._open

    def hand_over(self, *, refit: bool = True, contest: bool = True) -> None:
        """Do what is still open of upload, version and contest; what MLflow cannot take now stays open, and a warning says so.

        Parameters
        ----------
        refit : whether a model folder that is lost may be made anew, by the workers' present settings.
        contest : whether that step is done; False leaves it open.

        Raises
        ------
        KerasweepError : the model folder is lost and cannot, or is not to, be made anew.
        """
        if not self.upload(refit=refit):
            return
        register_as = self.spec.model.register_as
        try:
            if VERSION in self._open:
                uploaded = self.tracker.upload_model(self._model(refit), register_as=register_as, alias=CHALLENGER)
                self._done(VERSION, {"model_uri": uploaded.uri, "model_version": uploaded.version})
        except TrackingError as error:
            self._warn(error)
            return
        if contest and CONTEST in self._open and self._contest().settle():
            self._done(CONTEST, {})

    # --- the steps ----------------------------------------------------------------------------------------------------------

    @property
    def _open(self) -> tuple[str, ...]:
        return open_steps(self.sweep)

    def _warn(self, error: TrackingError) -> None:
        logger.warning("%s. `kerasweep resume %s` makes up for it.", error, self.sweep.title)

    def _write(self, facts: dict[str, Any]) -> None:
        self.sweep = self.ledger.update_facts(self.sweep, facts)

    def _done(self, step: str, facts: dict[str, Any]) -> None:
        self._write({**facts, OPEN_STEPS: [other for other in self._open if other != step]})

    def _refit(self, winner: TrialRow) -> Path:
        from orchestrator.tracking import write_model_folder

        self.watch.phase(f"refitting the winner, trial {winner.number}, on all search rows")
        epochs = chosen_epochs(self.ledger, self.sweep, winner, self.staged().folds)
        refit = Refit(winner.config, epochs, str(self.staged().folder / "refit"))
        reply = self.dispatcher().request(refit, REFIT_SECONDS, self.tick)
        if not isinstance(reply, Refitted):
            raise KerasweepError(
                f"Sweep {self.sweep.title}: the refit of the winner, trial {winner.number}, failed: "
                f"{getattr(reply, 'message', reply)} The trials are kept; see `kerasweep show {self.sweep.title}`."
            )
        model = write_model_folder(Path(reply.folder), self.folder / MODEL)
        outcome = {"epochs": reply.epochs, "test_metrics": dict(reply.test_metrics)}
        self._write({"refit": outcome, "model": str(model), "model_host": socket.gethostname()})
        return model

    def _model(self, refit: bool) -> Path:
        """Return the model's folder, made anew from the ledger where it is gone, as with a head's disk."""
        from orchestrator.tracking import verify_model_folder

        folder = Path(self.sweep.facts["model"])
        try:
            verify_model_folder(folder)
        except NotFoundError as error:
            if not refit:
                raise
            self.watch.phase(f"the model was not uploaded and is to be made anew: {error}")
            return self._refit(self._winner())
        return folder

    def _winner(self) -> TrialRow:
        return self.ledger.trial(self.sweep.id, self.sweep.facts["winner"])

    def _contest(self) -> Contest:
        return Contest(
            spec=self.spec,
            sweep=self.sweep,
            ledger=self.ledger,
            staged=self.staged,
            winner=self._winner(),
            version=str(self.sweep.facts["model_version"]),
            dispatcher=self.dispatcher,
            spent=self.spent,
            logs=self.folder / LOGS,
            tick=self.tick,
            watch=self.watch,
        )
