"""One evaluation of candidates on splits: staged once, planned, driven like any search, and gathered as scikit-learn wants it."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orchestrator.errors import WorkerLostError
from orchestrator.results import Watch
from orchestrator.running import Plan, Staged, drive
from orchestrator.search import Objective
from orchestrator.search_cv.book import Book
from orchestrator.search_cv.candidates import Coding, Listed, packing_of, values_seen
from orchestrator.search_cv.estimators import warn
from orchestrator.search_cv.gathering import Line, left_to_keras, lines_of, original, warn_again
from orchestrator.search_cv.identity import Fingerprints, fingerprints_of, key_maker
from orchestrator.search_cv.progress import take_away
from orchestrator.search_cv.record import Asked, record_of
from orchestrator.search_cv.workers import Hired, Wanted, hire, noting
from trainers.estimators import FITTED, Work, load, stage_work
from trainers.messages import Check, Checked, Failed, FoldFailed, FoldFinished, Refit, Refitted
from trainers.settings import Config, EngineName, SweepSettings, Task, TrainerSettings

_LONG = 1e9
"""Nobody says how long a check or a refit may take; whoever waits can interrupt it."""


class NotFusedWarning(UserWarning):
    """Fits were left to ``model.fit``, one after another; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one call of ``fit`` evaluates, and how.

    Parameters
    ----------
    work : estimator, data, splits and scorers; ``values`` is left empty.
    task : regression, or multiclass for any classifier.
    seed : the folds' seeds are derived from it, where the estimator has no ``random_state``.
    engine : auto, fused or keras.
    metric : the name of the score, in ``FoldResult.metrics``, that decides.
    asked : what was asked for, in words.
    workers : which workers.
    watch : who looks on.
    """

    work: Work
    task: Task
    seed: int
    engine: str
    metric: str
    asked: Asked
    workers: Wanted
    watch: Watch


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a refit in a worker brought: the state of the last step, and the steps before it."""

    state: Mapping[str, Any]
    steps: Sequence[tuple[str, Any]]


@dataclass(slots=True)
class Evaluation:
    """From the first candidate to the refit, as a context: when it ends, nothing but the workers stays, and they for a minute.

    Workers are started when it is entered, and ended when an interruption leaves it.
    """

    request: Request
    _folder: Path = Path()
    _hired: Hired | None = None
    _book: Book | None = None
    _settings: SweepSettings | None = None
    _fingerprints: Fingerprints | None = None
    _coding: Coding = field(default_factory=Coding)
    _configs: list[Config] = field(default_factory=list)
    _staged: int = -1
    _reasons: dict[str, None] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="kerasweep-"))
        try:
            self._hired = hire(self.request.workers, self._engine)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        take_away(self.request.watch)
        interrupted = error is not None and not isinstance(error, Exception)
        try:
            if interrupted and self._hired is not None:  # a Ctrl-C leaves nothing behind
                self._hired.end()
            if self._book is not None:
                output = self.request.work.output
                self._book.close(error, None if output is None else Path(output))
            if self._hired is not None and not interrupted:
                self._hired.release()
                self._hired = None
        finally:
            if self._hired is not None:
                self._hired.end()
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._reasons and error is None:
            reasons = "; ".join(reason.rstrip(".") for reason in self._reasons)
            warn(f"Fits were left to model.fit, one after another: {reasons}.", NotFusedWarning)

    # --- candidates ---------------------------------------------------------------------------------------------------------

    def expect(self, values: Mapping[str, Iterable[Any]]) -> None:
        """Give workers what later candidates may bring, by parameter, with the first ones: data are staged once then."""
        for name, some in values.items():
            for value in some:
                self._coding.plain(name, value)

    def evaluate(self, candidates: Sequence[Mapping[str, Any]]) -> list[Line]:
        """Return what scikit-learn's ``_fit_and_score`` would return of each candidate on each split, split by split.

        Raises
        ------
        Exception
            What scoring raised, and with ``error_score="raise"`` what the first fit that failed raised.
        """
        before = len(self._configs)
        self._configs += [self._coding.config_of(params) for params in candidates]
        settings = self._stage()
        book = self._begin(settings)
        plan = self._plan(settings, book)
        failures: dict[int, dict[int, FoldFailed]] = defaultdict(dict)
        warned: dict[tuple[str, str], None] = {}

        def stop_requested() -> str | None:
            book.check_lease()
            return stop()

        def failed(failure: FoldFailed) -> None:
            if failure.scoring or self.request.work.error_score == "raise":
                raise original(failure)
            failures[failure.trial][failure.fold] = failure

        def finished(fold: FoldFinished) -> None:
            warned.update(dict.fromkeys(fold.warnings))
            if (reason := left_to_keras(fold.result)) is not None:
                self._leave(reason)

        with noting(self.request.workers) as stop:
            reason = drive(
                plan,
                book.sweep,
                self._workers.dispatcher,
                stop_requested=stop_requested,
                clock=time.time,
                watch=self.request.watch,
                failed=failed,
                finished=finished,
                about_to_run=stop.install,
            )
        if reason is not None:
            if reason == "terminated":
                signal.raise_signal(signal.SIGTERM)
            raise KeyboardInterrupt
        warn_again(warned)
        numbers = range(before, len(self._configs))
        keys = {number: plan.key(self._configs[number]) for number in numbers}
        known = book.ledger.known_folds(keys.values(), seen_by=book.sweep.id)
        rows = {row.number: row for row in book.ledger.trials(book.sweep.id, numbers)}
        return [
            line
            for number in numbers
            for line in lines_of(
                self.request.work,
                known.get(keys[number], {}),
                failures.get(number, {}),
                rows.get(number),
                self._leave,
            )
        ]

    def refit(self, number: int) -> Fitted:
        """Return candidate ``number`` fitted on all rows, in a worker that is warm.

        Raises
        ------
        Exception
            What the fit raised.
        """
        if self._book is None:
            raise RuntimeError("refit comes after evaluate.")
        folder = self._folder / "refit"
        folder.mkdir(exist_ok=True)
        self._book.note({"winner": number})
        reply = self._workers.dispatcher.request(Refit(self._configs[number], (), str(folder)), _LONG)
        if isinstance(reply, Failed):
            raise original(reply)
        if not isinstance(reply, Refitted):
            raise WorkerLostError(f"The worker answered a refit with {reply!r}.")
        found = load((folder / FITTED).read_bytes())
        self._book.note({"refit": {"epochs": reply.epochs, "seconds": found["seconds"]}})
        return Fitted(found["final"], found["steps"])

    # --- what comes before --------------------------------------------------------------------------------------------------

    @property
    def _engine(self) -> EngineName:
        return "keras" if self.request.engine == "keras" else "fused"

    @property
    def _workers(self) -> Hired:
        if self._hired is None:
            raise RuntimeError("An Evaluation is a context: enter it first.")
        return self._hired

    def _stage(self) -> SweepSettings:
        """Lay out what the workers need, and once more where candidates have brought objects that they do not know."""
        objects = sum(map(len, self._coding.values.values()))
        if self._settings is not None and objects == self._staged:
            return self._settings
        request, first = self.request, self._settings is None
        stage = self._folder / f"stage-{objects}"
        stage_work(replace(request.work, values=self._coding.values), stage)
        self._staged = objects
        self._settings = SweepSettings(
            task=request.task,
            seed=request.seed,
            metrics=(request.metric,),
            stage=str(stage),
            trainer=TrainerSettings(type="estimator"),
            engine=self._engine,
        )
        self._workers.dispatcher.prepare(self._settings)
        if first and (request.engine == "fused" or request.workers.address is not None):
            self._check()
        return self._settings

    def _check(self) -> None:
        """Have a worker look at the first candidate. On a cluster all nodes are looked at before."""
        reply = self._workers.dispatcher.request(Check(self._configs[0]), _LONG)
        if isinstance(reply, Failed):
            raise original(reply)
        if isinstance(reply, Checked) and not reply.fusable:
            self._refuse(reply.reason)

    def _leave(self, reason: str) -> None:
        """Take note of why a fit was left to ``model.fit``, which ``engine="fused"`` refuses."""
        self._refuse(reason)
        self._reasons[reason] = None

    def _refuse(self, reason: str | None) -> None:
        if self.request.engine == "fused":
            raise ValueError(f"engine='fused' cannot train this model: {reason}. Take engine='auto' or 'keras'.")

    def _begin(self, settings: SweepSettings) -> Book:
        if self._book is None:
            work, asked = self.request.work, self.request.asked
            record = record_of(asked, settings, self._objective, len(work.splits), values_seen(self._configs))
            self._book = Book.begin(
                asked.ledger or f"sqlite:///{self._folder / 'ledger.db'}",
                record,
                {"engine": settings.engine, "data": self._described(self._prints(settings))},
                leased=asked.ledger is not None,
                tracking_uri=asked.tracking_uri,
            )
        return self._book

    def _prints(self, settings: SweepSettings) -> Fingerprints:
        if self._fingerprints is None:
            kept = self.request.asked.ledger is not None
            self._fingerprints = fingerprints_of(self.request.work, seed=settings.seed, engine=settings.engine, kept=kept)
        return self._fingerprints

    @property
    def _objective(self) -> Objective:
        return Objective(self.request.metric, "maximize")

    def _described(self, fingerprints: Fingerprints) -> dict[str, Any]:
        X = self.request.work.X
        shape = [int(length) for length in getattr(X, "shape", None) or (len(X),)]
        return {"rows": shape[0], "shape": shape, "fingerprint": fingerprints.data}

    def _plan(self, settings: SweepSettings, book: Book) -> Plan:
        splits, asked, fingerprints = self.request.work.splits, self.request.asked, self._prints(settings)
        trained, tested = (sum(len(split[part]) for split in splits) for part in (0, 1))
        rows = trained // len(splits)
        return Plan(
            strategy=Listed(self._configs),
            staged=Staged(
                folder=Path(settings.stage),
                fingerprint=fingerprints.data,
                splits_fingerprint=fingerprints.splits,
                description=self._described(fingerprints),
                baseline=(),
                folds=len(splits),
                train_rows=rows,
                test_to_train=tested / max(trained, 1),
                leaky=False,
            ),
            settings=settings,
            objective=self._objective,
            key=key_maker(fingerprints, self._coding.values, kept=asked.ledger is not None),
            packing=packing_of(asked.epochs, asked.batch_size, rows, together=settings.engine == "fused"),
            ledger=book.ledger,
            committed=book.committed,
        )
