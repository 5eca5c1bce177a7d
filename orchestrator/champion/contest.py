"""The winner as a version of a registered model: a challenger at first, and the champion if it beats the one in use.

Both configs are trained anew on splits that the search never saw, and compared by ``promotion``. Whatever goes wrong leaves the
winner a challenger, with the reason written on its version; it never fails the sweep.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.champion.known_rows import KnownRows, known_rows
from orchestrator.champion.promotion import Comparison, Verdict, compare, decide, promotion_seed
from orchestrator.errors import KerasweepError, LeaseLostError, TrackingError
from orchestrator.results import COMPARISON, PROMOTION, is_finite
from orchestrator.running import (
    FreshSplits,
    StopRequestedError,
    make_dispatcher,
    retrain,
    stage_fresh_splits,
    work_identity,
)
from orchestrator.search import canonical
from orchestrator.tracking import TAG_CROWNED, TAG_PREVIOUS, ModelRegistry, Version
from trainers.errors import TrainerError
from trainers.settings import SweepSettings, effective_config

if TYPE_CHECKING:
    from orchestrator.dispatch import Dispatcher
    from orchestrator.ledger import Ledger, SweepRow, TrialRow
    from orchestrator.results import Watch
    from orchestrator.running import Staged
    from orchestrator.spec import SweepSpec

logger = logging.getLogger(__name__)

TAG_CONFIG = "kerasweep.config"
TAG_PARTS = "kerasweep.parts"
_OPEN = "Challenger: the comparison with the champion is not over."

_PARTS = {
    "task": "task",
    "recipe": "trainer.type",
    "builder": "trainer.builder",
    "source": "the source of builder, transformer or metrics",
    "preprocessing": "preprocessing",
    "scale_target": "data.scale_target",
    "fit": "fit",
    "target": "data.target",
    "weights": "data.weights",
    "columns": "the data's columns",
    "classes": "the classes",
}
"""What must be the same, besides the config, for a champion to be trained again: name of the part, and what messages call it."""


@dataclass(slots=True, kw_only=True)
class Contest:
    """One winner's way from challenger to champion.

    Parameters
    ----------
    spec, sweep, ledger : the sweep, and where its figures are kept.
    staged, dispatcher : give its data and what it ran on; asked only when a comparison is to be made.
    winner, version : the trial that was refitted, and its number as a version of the registered model.
    spent : whether that dispatcher can run no more, since its Ray ends with its run; another one is then made.
    logs : receives the workers' logs.
    tick : called at least twice a second; what it raises ends the contest and the sweep.
    watch : who looks on.
    """

    spec: SweepSpec
    sweep: SweepRow
    ledger: Ledger
    staged: Callable[[], Staged]
    winner: TrialRow
    version: str
    dispatcher: Callable[[], Dispatcher]
    spent: bool
    logs: Path
    tick: Callable[[], None]
    watch: Watch

    def settle(self) -> bool:
        """Decide who is the champion, and write it on the version and into the sweep's facts.

        Returns
        -------
        Whether that is done with. False: MLflow, the data or workers were out of reach, and it is to be tried again.
        """
        model = str(self.spec.model.register_as)
        outcome: dict[str, Any] = {"model": model, "version": self.version, "champion": False, "previous": None}
        away = False
        try:
            registry = ModelRegistry(self.spec.tracking.uri)
            version = registry.version(model, self.version)
            before = registry.champion(model)
            if before is not None and before.number == version.number:  # an earlier driver, or an earlier sweep's equal model
                told = _is_told(version)
                if version.tags.get(TAG_CROWNED) == self.sweep.title:
                    verdict = Verdict(True, "it was crowned already when its driver ended.")
                    outcome["previous"] = version.tags.get(TAG_PREVIOUS)
                else:
                    verdict, outcome["kept"] = Verdict(True, "this very model is the champion already."), True
            else:
                told = False
                self._describe(registry, version, _OPEN)
                verdict = self._verdict(registry, version, before)
            if verdict.champion:
                outcome["previous"] = _crown(registry, version, self.sweep.title) or outcome["previous"]
            outcome |= {"champion": verdict.champion, "reason": verdict.reason}
        except (LeaseLostError, StopRequestedError):
            raise
        except KerasweepError as error:
            away = True
            outcome["reason"] = f"the comparison could not be made or written: {error}"
            logger.warning(
                "version %s of %s stays challenger: %s `kerasweep resume %s` makes up for it.",
                self.version,
                model,
                outcome["reason"],
                self.sweep.title,
            )
        except Exception as error:
            # whatever it is, such as an error of Ray's: the winner is refitted and uploaded already
            outcome["reason"] = f"the comparison could not be made or written: {str(error) or type(error).__name__}"
            unforeseen = not isinstance(error, TrainerError | OSError)
            logger.warning("version %s of %s stays challenger: %s", self.version, model, outcome["reason"], exc_info=unforeseen)
        else:
            if not told:
                self._tell(registry, version, verdict)
        self.ledger.update_facts(self.sweep, {PROMOTION: outcome})
        return not away

    # --- who is better ------------------------------------------------------------------------------------------------------

    def _verdict(self, registry: ModelRegistry, version: Version, champion: Version | None) -> Verdict:
        if champion is None:
            return Verdict(True, "there was no champion to beat.")
        if version.tags.get(TAG_CROWNED) == self.sweep.title:
            return Verdict(
                False, f"this sweep made it the champion once, and version {champion.number} was put in its place since."
            )
        config = _read(champion, TAG_CONFIG) or {}
        if obstacle := self._obstacle(champion, config):
            return Verdict(False, obstacle)
        alpha = self.spec.model.promote.alpha
        if canonical(config) != canonical(self._config()):
            return decide(self._comparison(champion.number, config, None), alpha, champion.number)
        rows = known_rows(registry, champion, self.staged().folder)
        if isinstance(rows, str):
            return Verdict(False, f"the champion, version {champion.number}, has the same config{rows}")
        verdict = decide(self._comparison(champion.number, config, rows), alpha, champion.number)
        return Verdict(
            verdict.champion,
            f"a refresh: version {champion.number} has the same config, but {rows.new:,} of the {rows.all:,} rows are new since, "
            f"and it is trained without them; {verdict.reason}",
        )

    def _obstacle(self, champion: Version, config: Mapping[str, Any]) -> str | None:
        """Return why the two cannot be compared, None if they can."""
        title = f"the champion, version {champion.number},"
        parts, ours = _read(champion, TAG_PARTS), self._parts()
        if not config or parts is None:
            return f"{title} does not say how it was made, so it cannot be trained on the same splits."
        changed = [words for name, words in _PARTS.items() if canonical(parts.get(name)) != canonical(ours[name])]
        if changed:
            return f"{title} cannot be trained on the same splits, since this is not as it was then: {', '.join(changed)}."
        if self._one_way_to_cut():
            return "the rows can be cut in one way only (by time, or with cv.shuffle: false), so there are no fresh splits."
        return None

    def _one_way_to_cut(self) -> bool:
        from trainers.staging import open_staged

        return not self.spec.cv.shuffle or open_staged(self.staged().folder)[1].kind == "timeseries"

    def _comparison(self, champion: str, config: Mapping[str, Any], known: KnownRows | None) -> Comparison:
        """Return both configs' scores on fresh folds: those of an earlier driver of this sweep, or newly computed.

        ``known`` are the rows that the champion is trained on; None: on all, as the challenger.
        """
        configs = {"challenger_config": self._config(), "champion_config": dict(config)}
        wanted = {"champion": champion, "repeats": self.spec.model.promote.repeats, **configs}
        wanted |= {} if known is None else {"new_rows": known.new}
        figures: Mapping[str, Any] = self.ledger.sweep_by_id(self.sweep.id).facts.get(COMPARISON) or {}
        if any(canonical(figures.get(name)) != canonical(value) for name, value in wanted.items()):
            figures = {**wanted, **self._train(list(configs.values()), champion, known)}
            self.ledger.update_facts(self.sweep, {COMPARISON: figures})
        objective = self.spec.objective
        return compare(
            figures["challenger_scores"],
            figures["champion_scores"],
            metric=objective.metric,
            maximize=objective.direction == "maximize",
            test_to_train=figures["test_to_train"],
        )

    def _train(self, configs: list[dict[str, Any]], champion: str, known: KnownRows | None) -> dict[str, Any]:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kerasweep-fresh-")))
            settings = self._settings()
            mask = None if known is None else known.mask
            splits = stage_fresh_splits(self.staged().folder, folder, settings, self.spec.data.test_size, mask)
            self.watch.phase(f"comparing the winner with the champion, version {champion}, on {splits.folds} fresh folds")
            dispatcher = self.dispatcher()
            if self.spent:
                dispatcher.close()  # a process has one Ray at a time
                dispatcher = stack.enter_context(closing(make_dispatcher(self.spec, self.logs)))
                dispatcher.start(settings.engine)
            timeout = self.spec.resources.trial_timeout
            only_known = [False, mask is not None]
            challenger, other = retrain(dispatcher, settings, splits, configs, known=only_known, timeout=timeout, tick=self.tick)
        return {
            "challenger_scores": self._scores(challenger, splits),
            "champion_scores": self._scores(other, splits),
            "test_to_train": splits.test_to_train,
            "seconds": sum(fold.seconds for folds in (challenger, other) for fold in folds.values()),
        }

    def _scores(self, folds: Mapping[int, Any], splits: FreshSplits) -> list[float | None]:
        metric = self.spec.objective.metric
        scores = [folds[fold].metrics.get(metric) if fold in folds else None for fold in range(splits.folds)]
        return [score if is_finite(score) else None for score in scores]

    # --- what must be known to train a version again ------------------------------------------------------------------------

    def _settings(self) -> SweepSettings:
        """Return the sweep's settings with a seed and a number of repeats of their own; configs are effective ones."""
        settings = self.spec.sweep_settings(stage="", engine=self.sweep.facts["engine"])
        return replace(
            settings,
            seed=promotion_seed(self.spec.seed, self.sweep.occasion),
            cv=replace(settings.cv, repeats=self.spec.model.promote.repeats),
            trainer=replace(settings.trainer, params={}),
        )

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(
            json.dumps(effective_config(self.winner.config, self.spec.trainer_settings(), self.spec.fit_settings()))
        )
        return config

    def _parts(self) -> dict[str, Any]:
        about = self.sweep.facts["data"]
        columns = about["columns"] and [[column["name"], column["kind"]] for column in about["columns"]]
        classes = about["classes"] and [one["label"] for one in about["classes"]]
        identity = work_identity(self._settings(), data="", splits="", versions={})
        roles = {"target": self.spec.data.target, "weights": self.spec.data.weights}
        parts = {**identity, **roles, "columns": _digest([columns, about["shape"][1:]]), "classes": _digest(classes)}
        chosen: dict[str, Any] = json.loads(json.dumps({name: parts[name] for name in _PARTS}))
        return chosen

    # --- what is written on the version -------------------------------------------------------------------------------------

    def _sentence(self, verdict: Verdict) -> str:
        if verdict.champion:
            return f"Became champion: {verdict.reason}"
        by_hand = f"`kerasweep promote {self.spec.model.register_as} {self.version}` makes it the champion all the same."
        return f"Stays challenger: {verdict.reason} {by_hand}"

    def _tell(self, registry: ModelRegistry, version: Version, verdict: Verdict) -> None:
        """Write the verdict on the version, if that is possible: it is in force already."""
        try:
            self._describe(registry, version, self._sentence(verdict))
        except KerasweepError as error:
            logger.warning("%s: what became of it could not be written on it: %s", version.title, error)

    def _describe(self, registry: ModelRegistry, version: Version, sentence: str) -> None:
        metric = self.spec.objective.metric
        summary: Mapping[str, Any] = self.winner.summary or {}
        error = (summary.get("standard_error") or {}).get(metric)
        shown = f" ± {error:.2g} (standard error)" if is_finite(error) else ""
        tested = ((self.sweep.facts.get("refit") or {}).get("test_metrics") or {}).items()
        scores = ", ".join(f"{name} {value:.4g}" for name, value in tested if is_finite(value))
        parts = [
            sentence,
            f"Trial {self.winner.number} of sweep {self.sweep.title}: {metric} {self.winner.score:.4g}{shown}.",
            *([f"On the test part, which decides nothing: {scores}."] if scores else []),
        ]
        tags = {
            "kerasweep.sweep": self.sweep.title,
            "kerasweep.trial": str(self.winner.number),
            TAG_CONFIG: json.dumps(self._config()),
            TAG_PARTS: json.dumps(self._parts()),
        }
        registry.describe(version, "\n\n".join(parts), tags)


def _crown(registry: ModelRegistry, version: Version, sweep: str) -> str | None:
    """Make a version the champion, and return the number of the one that it replaces, None without one."""
    try:
        replaced = registry.crown(version, sweep)
    except TrackingError:
        now = registry.champion(version.model)
        if now is None or now.number != version.number:
            raise
        return now.tags.get(TAG_PREVIOUS)  # only the reply was lost, or what comes after
    return None if replaced is None else replaced.number


def _is_told(version: Version) -> bool:
    """Whether a version says how it became what it is."""
    return bool(version.description) and not version.description.startswith(_OPEN)


def _read(version: Version, tag: str) -> dict[str, Any] | None:
    """Return what a version's tag holds; None without one that we wrote."""
    try:
        value = json.loads(version.tags.get(tag, ""))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]
