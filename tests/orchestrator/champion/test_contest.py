"""From challenger to champion in a real MLflow registry and a real ledger; the training alone is made up."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from ray.exceptions import RayError
from ray.tune import TuneError

from orchestrator.champion.contest import Contest
from orchestrator.cli.root import main
from orchestrator.dispatch.protocol import Conductor
from orchestrator.errors import LeaseLostError, NotFoundError, TrackingError, UserCheckError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow, TrialEnd
from orchestrator.results.row_values import standing
from orchestrator.results.status import Silent
from orchestrator.running.staging import Staged, stage_data
from orchestrator.running.stop import StopRequestedError
from orchestrator.search.cohorts import CohortFinished, CohortHeard
from orchestrator.search.trials import Trial, TrialState
from orchestrator.spec.loading import SweepSpec, spec_from_mapping
from orchestrator.tracking.registry import ModelRegistry, Version
from orchestrator.tracking.store import open_client
from trainers.data.digests import example_hashes
from trainers.messages import Check, FoldFailed, FoldFinished, Refit, Reply
from trainers.results import FoldResult, TrialResult
from trainers.settings import Config, EngineName, SweepSettings
from trainers.staging import open_staged

Score = Callable[[Config, int], float | None]


@dataclass
class MadeUpTraining:
    """A dispatcher whose one worker gives every fold of a config the score that it is told to; None fails the config."""

    score: Score
    prepared: list[SweepSettings] = field(default_factory=list)
    trained: list[tuple[Config, tuple[int, ...]]] = field(default_factory=list)
    workers: int = 1

    def start(self, engine: EngineName) -> None:
        raise AssertionError("it is running")

    def prepare(self, settings: SweepSettings) -> None:
        self.prepared.append(settings)

    def request(self, request: Check | Refit, timeout: float, tick: Callable[[], None] | None = None) -> Reply:
        raise AssertionError("nothing is to be asked")

    def run(self, conductor: Conductor) -> None:
        while not conductor.finished:
            conductor.tick()
            cohort = conductor.next_cohort()
            assert cohort is not None
            for trial in cohort.trials:
                self.trained.append((trial.config, trial.folds))
                for fold in trial.folds:
                    score = self.score(trial.config, fold)
                    if score is None:
                        conductor.handle(CohortHeard(cohort.id, FoldFailed(trial.number, fold, "exception", "boom")))
                        continue
                    result = FoldResult(fold=fold, metrics={"accuracy": score}, epoch=1, epochs_run=1, seconds=0.5)
                    conductor.handle(CohortHeard(cohort.id, FoldFinished(trial.number, result)))
            conductor.handle(CohortFinished(cohort.id))

    def close(self) -> None:
        raise AssertionError("it is the caller's")


def by_rate(config: Config, fold: int) -> float:
    """The larger the learning rate the better, with a spread over folds."""
    return 0.8 + float(config["learning_rate"]) + 0.003 * (fold % 4)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store made once: a new one takes MLflow seconds."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    open_client(f"sqlite:///{file}").search_experiments()
    return file


@dataclass
class Place:
    """A folder with a ledger and an MLflow store, where nights pass."""

    folder: Path
    ledger: Ledger
    nights: int = 0

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(self.uri)

    def spec(self, **changes: Any) -> SweepSpec:
        mapping = {
            "name": "nightly",
            "data": {"source": "sklearn", "name": "breast_cancer"},
            "trainer": {"params": {"layer_size": 8}},
            "space": {"learning_rate": [0.01, 0.1]},
            "fit": {"epochs": 2},
            "model": {"register_as": "tumours", "promote": {"repeats": 2}},
            "tracking": {"uri": self.uri},
            "ledger": f"sqlite:///{self.folder / 'ledger.db'}",
        }
        return spec_from_mapping(mapping | changes, self.folder)

    def contest(self, rate: float, dispatcher: MadeUpTraining, **changes: Any) -> Contest:
        """A night whose winner has this learning rate, refitted and registered."""
        self.nights += 1
        spec = self.spec(**changes)
        sweep = self.ledger.claim_sweep(spec.name, spec.record(), None, Owner("host", 1), 30.0, occasion=f"night-{self.nights}")
        self.ledger.add_trials(sweep, [Trial(0, {"learning_rate": rate}, f"key-{self.nights}")])
        summary = TrialResult(
            mean={"accuracy": 0.9}, std={"accuracy": 0.01}, standard_error={"accuracy": 0.02}, seconds=1.0, epoch=2
        )
        end = TrialEnd(number=0, state=TrialState.COMPLETED, score=0.9, summary=summary)
        self.ledger.commit(sweep, ends=[end])
        facts = {"engine": "keras", "refit": {"test_metrics": {"accuracy": 0.5}}, **self.staged(spec).facts()}
        return self.again(self.ledger.update_facts(sweep, facts), spec, dispatcher, self.register())

    def again(self, sweep: SweepRow, spec: SweepSpec, dispatcher: MadeUpTraining, version: str) -> Contest:
        return Contest(
            spec=spec,
            sweep=sweep,
            ledger=self.ledger,
            staged=lambda: self.staged(spec),
            winner=self.ledger.trial(sweep.id, 0),
            version=version,
            dispatcher=lambda: dispatcher,
            spent=False,
            logs=self.folder,
            tick=lambda: None,
            watch=Silent(),
        )

    def staged(self, spec: SweepSpec) -> Staged:
        folder = self.folder / f"stage-{self.nights}"
        return stage_data(spec, folder)

    def examples(self) -> Any:
        """The hashes of what a refit of the last night could learn from."""
        dataset, splits = open_staged(self.folder / f"stage-{self.nights}")
        return np.unique(example_hashes(dataset)[splits.search])

    def remember(self, examples: Any) -> None:
        """Have the versions so far say that they were made from these."""
        (self.folder / "data").mkdir()
        if examples is not None:
            np.asarray(examples, dtype="<u8").tofile(self.folder / "data" / "examples.u64")

    def register(self, run: str | None = None) -> str:
        client = open_client(self.uri)
        if not client.search_registered_models("name = 'tumours'"):
            client.create_registered_model("tumours")
        made = client.create_model_version("tumours", str(self.folder), run_id=run)
        client.set_registered_model_alias("tumours", "challenger", made.version)
        return str(made.version)

    def aliases(self) -> dict[str, str]:
        found = open_client(self.uri).get_registered_model("tumours").aliases
        return {name: str(version) for name, version in found.items()}

    def version(self, number: str) -> Version:
        return self.registry.version("tumours", number)

    def outcome(self) -> dict[str, Any]:
        return dict(self.ledger.sweep("nightly").facts["promotion"])

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--uri", self.uri], catch_exceptions=False)


@pytest.fixture
def place(empty_store: Path, tmp_path: Path) -> Iterator[Place]:
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield Place(tmp_path, ledger)


def test_the_first_version_is_the_champion_at_once_and_says_why(place: Place) -> None:
    training = MadeUpTraining(by_rate)
    place.contest(0.01, training).settle()
    assert place.aliases() == {"champion": "1"}
    assert training.trained == []
    description = place.version("1").description
    assert description.startswith("Became champion: there was no champion to beat.")
    assert "Trial 0 of sweep nightly/night-1: accuracy 0.9 ± 0.02 (standard error)." in description
    assert "On the test part, which decides nothing: accuracy 0.5." in description
    assert json.loads(place.version("1").tags["kerasweep.config"]) == {
        "epochs": 2,
        "batch_size": 32,
        "layer_size": 8,
        "learning_rate": 0.01,
    }


def test_a_better_one_becomes_champion_and_remembers_whom_it_replaced(place: Place) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    training = MadeUpTraining(by_rate)
    place.contest(0.1, training).settle()
    assert place.aliases() == {"champion": "2"}
    assert place.version("2").tags["kerasweep.previous_champion"] == "1"
    outcome = place.outcome()
    assert (outcome["champion"], outcome["version"], outcome["previous"]) == (True, "2", "1")
    assert "on 6 fresh folds it has accuracy 0.9" in outcome["reason"]
    assert outcome["reason"] in place.version("2").description


def test_both_are_retrained_on_every_fresh_fold_under_another_seed(place: Place) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    training = MadeUpTraining(by_rate)
    contest = place.contest(0.1, training)
    contest.settle()
    rates = {0.01: set[int](), 0.1: set[int]()}
    for config, folds in training.trained:
        rates[config["learning_rate"]].update(folds)
    assert rates == {0.01: set(range(6)), 0.1: set(range(6))}
    (settings,) = training.prepared
    assert settings.seed != contest.spec.seed
    assert settings.stage != str(contest.staged().folder)
    assert settings.trainer.params == {}  # the configs hold them: the champion keeps its own
    figures = place.ledger.sweep("nightly").facts["comparison"]
    assert len(figures["challenger_scores"]) == len(figures["champion_scores"]) == 6
    assert figures["seconds"] == 6.0


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (lambda config, fold: 0.9 - float(config["learning_rate"]) + 0.001 * fold, "it is not better"),
        (lambda config, fold: 0.9 + (0.02, 0.01, -0.01)[fold % 3] * (config["learning_rate"] > 0.05), "not below alpha = 0.05"),
        (lambda config, fold: 0.9, "there is no difference"),
        (lambda config, fold: None if config["learning_rate"] > 0.05 else 0.9, "6 of the challenger's folds failed"),
        (lambda config, fold: None if fold == 4 and config["learning_rate"] < 0.05 else 0.9, "1 of the champion's folds failed"),
    ],
    ids=["worse", "within chance", "tie", "fails", "the champion fails"],
)
def test_what_is_not_better_by_more_than_chance_stays_challenger(place: Place, score: Score, said: str) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    place.contest(0.1, MadeUpTraining(score)).settle()
    assert place.aliases() == {"champion": "1", "challenger": "2"}
    outcome = place.outcome()
    assert not outcome["champion"]
    assert said in outcome["reason"]
    description = place.version("2").description
    assert description.startswith(f"Stays challenger: {outcome['reason']}")
    assert "`kerasweep promote tumours 2`" in description


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (lambda hashes: hashes, "version 1, has the same config and knows all rows, so neither is better."),
        (lambda hashes: hashes + np.uint64(1), "none of the rows that it was made from is there any more"),
        (lambda hashes: None, "its folder does not say which rows it was made from"),
    ],
    ids=["no new rows", "all rows are new", "an older champion"],
)
def test_an_equal_config_without_rows_to_tell_the_two_apart_is_not_trained_again(
    place: Place, known: Callable[[Any], Any], said: str
) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    place.remember(known(place.examples()))
    training = MadeUpTraining(by_rate)
    place.contest(0.01, training).settle()
    assert training.trained == []
    assert said in place.outcome()["reason"]


@pytest.mark.parametrize("better", [True, False])
def test_an_equal_config_on_new_rows_is_a_refresh_and_decided_by_the_same_test(place: Place, better: bool) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    examples = place.examples()
    place.remember(examples[: len(examples) // 2])
    on_all = 0.9 if better else 0.8
    training = MadeUpTraining(lambda config, fold: (on_all if fold < 6 else 0.85) + 0.003 * (fold % 4))
    place.contest(0.01, training).settle()
    assert {folds for _, folds in training.trained} == {(0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11)}
    outcome = place.outcome()
    assert outcome["reason"].startswith("a refresh: version 1 has the same config, but 2")
    assert ("better with p =" in outcome["reason"]) == better == outcome["champion"]
    assert place.aliases()["champion"] == ("2" if better else "1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preprocessing": "minmax"}, "as it was then: preprocessing."),
        ({"fit": {"epochs": 2, "early_stopping": None}}, "as it was then: fit."),
        (
            {"data": {"source": "sklearn", "name": "wine"}, "task": "multiclass"},
            "as it was then: task, the data's columns, the classes.",
        ),
        ({"task": "regression"}, "as it was then: task, the classes."),
        ({"cv": {"shuffle": False}}, "can be cut in one way only"),
    ],
)
def test_a_champion_that_cannot_be_trained_again_is_not_challenged_and_it_is_said(
    place: Place, changes: dict[str, Any], said: str
) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    training = MadeUpTraining(by_rate)
    place.contest(0.1, training, **changes).settle()
    assert training.trained == []
    assert place.aliases()["champion"] == "1"
    assert said in place.outcome()["reason"]


def test_other_epochs_and_batch_sizes_belong_to_the_config_and_are_compared(place: Place) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    training = MadeUpTraining(by_rate)
    place.contest(0.1, training, fit={"epochs": 5, "batch_size": 8}).settle()
    assert {(config["epochs"], config["batch_size"]) for config, _ in training.trained} == {(2, 32), (5, 8)}
    assert place.outcome()["champion"]


@pytest.mark.parametrize("tags", [{}, {"kerasweep.config": "not JSON", "kerasweep.parts": "{}"}])
def test_a_champion_made_elsewhere_is_not_challenged(place: Place, tags: dict[str, str]) -> None:
    client = open_client(place.uri)
    number = place.register()
    client.set_registered_model_alias("tumours", "champion", number)
    for name, value in tags.items():
        client.set_model_version_tag("tumours", number, name, value)
    place.contest(0.1, MadeUpTraining(by_rate)).settle()
    assert "does not say how it was made" in place.outcome()["reason"]
    assert place.aliases() == {"champion": "1", "challenger": "2"}


def killed_before_the_crowning(contest: Contest, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ModelRegistry, "crown", die)
        with pytest.raises(KeyboardInterrupt):
            contest.settle()


def test_a_finished_comparison_is_not_repeated_by_a_resumed_sweep(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    first = place.contest(0.1, MadeUpTraining(by_rate))
    killed_before_the_crowning(first, monkeypatch)
    training = MadeUpTraining(by_rate)
    again = place.again(first.sweep, first.spec, training, first.version)
    killed_before_the_crowning(again, monkeypatch)
    assert training.trained == []
    stricter = place.spec(model={"register_as": "tumours", "promote": {"repeats": 3}})
    place.again(first.sweep, stricter, training, first.version).settle()
    assert len({fold for _, folds in training.trained for fold in folds}) == 9
    assert place.aliases()["champion"] == "2"


def test_what_a_sweep_has_crowned_once_it_does_not_crown_again(place: Place) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    first = place.contest(0.1, MadeUpTraining(by_rate))
    first.settle()
    place.registry.rollback("tumours")
    place.again(first.sweep, first.spec, MadeUpTraining(by_rate), first.version).settle()
    assert place.aliases()["champion"] == "1"
    assert place.outcome()["reason"] == "this sweep made it the champion once, and version 1 was put in its place since."


def test_a_later_sweep_with_the_very_same_model_leaves_the_champion_and_its_story_alone(place: Place) -> None:
    first = place.contest(0.01, MadeUpTraining(by_rate))
    first.settle()
    described = place.version("1").description
    training = MadeUpTraining(by_rate)
    second = place.contest(0.01, training)
    second.version = first.version  # what an upload of an equal model gives
    assert second.settle()
    assert training.trained == []
    assert place.aliases()["champion"] == "1"
    assert place.version("1").description == described
    assert standing(place.outcome()) == "tumours/1 stays champion: this very model is the champion already."


def test_a_resumed_sweep_whose_version_is_the_champion_already_stays_so(place: Place) -> None:
    first = place.contest(0.01, MadeUpTraining(by_rate))
    first.settle()
    place.again(first.sweep, first.spec, MadeUpTraining(by_rate), first.version).settle()
    assert place.aliases() == {"champion": "1"}
    assert "kerasweep.previous_champion" not in place.version("1").tags


def test_a_registry_out_of_reach_leaves_a_challenger_and_a_reason(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    contest = place.contest(0.01, MadeUpTraining(by_rate))
    (place.folder / "mlflow.db").unlink()
    assert not contest.settle(), "it is to be tried again"
    outcome = place.outcome()
    assert not outcome["champion"]
    assert "could not be made or written: There is no MLflow store" in outcome["reason"]
    assert "stays challenger" in caplog.text


@pytest.mark.parametrize("method", ["describe", "_seat"])
def test_a_champion_is_recorded_as_such_when_mlflow_is_away_right_after(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    contest = place.contest(0.1, MadeUpTraining(by_rate))
    really = getattr(ModelRegistry, method)

    def hiccup(self: ModelRegistry, *arguments: Any) -> None:
        really(self, *arguments)
        if "champion" in place.aliases() and place.aliases()["champion"] == "2":
            raise TrackingError("no reply")

    monkeypatch.setattr(ModelRegistry, method, hiccup)
    contest.settle()
    assert place.aliases() == {"champion": "2"}
    outcome = place.outcome()
    assert (outcome["champion"], outcome["previous"]) == (True, "1")
    assert "could not be made" not in outcome["reason"]
    assert ("tumours/2: what became of it could not be written on it: no reply" in caplog.text) == (method == "describe")


@pytest.mark.parametrize("error", [ValueError("boom"), RayError("boom"), TuneError("boom")])
def test_whatever_fails_in_the_comparison_leaves_a_challenger_and_a_reason(place: Place, error: Exception) -> None:
    def fail() -> None:
        raise error

    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    contest = place.contest(0.1, MadeUpTraining(by_rate))
    contest.tick = fail
    contest.settle()
    assert place.aliases() == {"champion": "1", "challenger": "2"}
    assert place.outcome()["reason"] == "the comparison could not be made or written: boom"


@pytest.mark.parametrize("asked", [KeyboardInterrupt, StopRequestedError, LeaseLostError])
def test_a_stop_request_comes_out(place: Place, asked: type[BaseException]) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()
    contest = place.contest(0.1, MadeUpTraining(by_rate))

    def stop() -> None:
        raise asked

    contest.tick = stop
    with pytest.raises(asked):
        contest.settle()
    assert place.aliases() == {"champion": "1", "challenger": "2"}
    assert "comparison with the champion is not over" in place.version("2").description


# --- by hand ------------------------------------------------------------------------------------------------------------------


def versions(place: Place, count: int) -> Sequence[str]:
    return [place.register() for _ in range(count)]


def test_promote_and_rollback_move_the_champion_and_say_so(place: Place) -> None:
    versions(place, 3)
    assert json.loads(place.call("promote", "tumours", "1", "--json").stdout) == {
        "model": "tumours",
        "champion": "1",
        "replaced": None,
    }
    out = place.call("promote", "tumours", "3").stdout
    assert "version 3 is the champion in the place of version 1. Load it as models:/tumours@champion" in out
    assert place.aliases() == {"champion": "3"}
    assert place.version("3").description.startswith("Became champion by hand, ")
    assert json.loads(place.call("rollback", "tumours", "--json").stdout)["champion"] == "1"
    assert place.aliases() == {"champion": "1"}
    assert place.version("3").description.startswith("Rolled back by hand to version 1, ")
    assert "Became champion by hand" in place.version("3").description


def test_promoting_the_champion_changes_nothing(place: Place) -> None:
    versions(place, 2)
    for number in ("1", "2", "2"):
        place.call("promote", "tumours", number)
    assert place.version("2").tags["kerasweep.previous_champion"] == "1"
    assert place.call("rollback", "tumours").exit_code == 0
    assert place.aliases()["champion"] == "1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("promote", "tumours", "9"), "version=9) not found"),
        (("promote", "other", "1"), "not found"),
        (("rollback", "other"), "'other' cannot be read"),
        (("rollback", "tumours"), "has no champion. Make one with: kerasweep promote tumours VERSION"),
    ],
)
def test_what_is_not_there_is_one_message_and_exit_code_2(place: Place, arguments: tuple[str, ...], said: str) -> None:
    versions(place, 1)
    result = place.call(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_first_champion_cannot_be_rolled_back(place: Place) -> None:
    versions(place, 1)
    place.call("promote", "tumours", "1")
    result = place.call("rollback", "tumours")
    assert result.exit_code == 2
    assert "tumours/1 replaced no other" in result.stderr


def test_a_rollback_passes_over_the_same_model_registered_twice(place: Place) -> None:
    client = open_client(place.uri)
    for number, identity in zip(versions(place, 3), "abb", strict=True):
        client.set_model_version_tag("tumours", number, "kerasweep.identity", identity)
        place.call("promote", "tumours", number)
    assert json.loads(place.call("rollback", "tumours", "--json").stdout)["champion"] == "1"
    place.call("promote", "tumours", "2")
    client.set_model_version_tag("tumours", "1", "kerasweep.identity", "b")
    assert "replaced no other" in place.call("rollback", "tumours").stderr


def test_no_store_is_made_by_looking_for_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no MLflow store"):
        ModelRegistry(f"sqlite:///{tmp_path}/mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_a_comparison_whose_data_is_out_of_reach_stays_open(place: Place) -> None:
    place.contest(0.01, MadeUpTraining(by_rate)).settle()

    def away() -> Staged:
        raise UserCheckError("sweep.yaml: data.path: no such file")

    contest = replace(place.contest(0.1, MadeUpTraining(by_rate)), staged=away)
    assert contest.settle() is False
    assert place.ledger.sweep_by_id(contest.sweep.id).facts["promotion"]["reason"].endswith("data.path: no such file")
