"""A real MLflow store, filled from a real ledger: by the tracker's thread, after every kind of trouble, and never twice."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fake_sweeps import Clock, add, begin, end, finish, run

from orchestrator.errors import NotFoundError, TrackingError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FoldCommit, SweepRow, TrialEnd
from orchestrator.results.reading import trial_record
from orchestrator.search.trials import SweepState, TrialState
from orchestrator.tracking.model_folder import fetch_model, verify_model_folder
from orchestrator.tracking.projection import sweep_run, trial_run
from orchestrator.tracking.projector import SILENT_SECONDS, Projector
from orchestrator.tracking.records import RunContent
from orchestrator.tracking.store import MlflowStore, absolute_uri
from orchestrator.tracking.tracker import Tracker
from trainers.results import summarise


@dataclass
class Mlflow:
    """What is in the store, read back through MLflow's own client."""

    uri: str

    def __post_init__(self) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient(tracking_uri=self.uri)

    def runs(self) -> dict[str, Any]:
        experiment = self.client.get_experiment_by_name("demo")
        found = self.client.search_runs([experiment.experiment_id]) if experiment else []
        runs = {run.info.run_name: run for run in found}
        assert len(runs) == len(found), "a run is there twice"
        return runs

    def statuses(self) -> dict[str, str]:
        return {name: run.info.status for name, run in self.runs().items()}

    def parent(self) -> Any:
        return self.runs()["demo/manual-1"]

    def content(self) -> dict[str, Any]:
        """Every metric row, param and tag of every run, by name."""
        content = {}
        for name, found in self.runs().items():
            rows = [
                (row.key, row.step, row.timestamp, row.value)
                for key in found.data.metrics
                for row in self.client.get_metric_history(found.info.run_id, key)
            ]
            tags = {key: value for key, value in found.data.tags.items() if key.startswith(("kerasweep.", "mlflow.note"))}
            content[name] = (sorted(rows), found.data.params, tags, found.info.status, found.info.end_time)
        return content

    def artifacts(self, folder: str | None = None) -> set[str]:
        found = self.client.list_artifacts(self.parent().info.run_id, folder)
        return {path for item in found for path in ({item.path} if not item.is_dir else self.artifacts(item.path))}


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store made once: a new one takes MLflow seconds."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    Mlflow(f"sqlite:///{file}").client.search_experiments()
    return file


@pytest.fixture
def mlflow(empty_store: Path, tmp_path: Path) -> Mlflow:
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return Mlflow(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path}/ledger.db", clock) as ledger:
        yield ledger


@pytest.fixture
def sweep(ledger: Ledger) -> SweepRow:
    return begin(ledger)


def tracker_of(ledger: Ledger, sweep: SweepRow, uri: str, **options: Any) -> Tracker:
    return Tracker(ledger, sweep, uri, "demo", pause=0.01, **options)


def project(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    projector = Projector(ledger, sweep, lambda: MlflowStore(mlflow.uri, "demo"))
    while not projector.step():
        pass


def eventually(happened: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.02)
    return False


# --- what arrives -------------------------------------------------------------------------------------------------------------


def test_a_sweep_arrives_whole_and_nothing_is_left_running(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    states = {4: TrialState.FAILED, 5: TrialState.DIVERGED, 6: TrialState.STOPPED}
    run(ledger, sweep, range(7), ends=states)
    end(ledger, sweep)
    tracker = tracker_of(ledger, sweep, mlflow.uri)
    tracker.start()
    assert tracker.close() is True
    assert Counter(mlflow.statuses().values()) == {"FINISHED": 5, "FAILED": 2, "KILLED": 1}
    parent = mlflow.parent()
    children = [run for name, run in mlflow.runs().items() if name.startswith("trial-")]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}
    assert mlflow.artifacts() == {
        "sweep.yaml",
        "environment.txt",
        "leaderboard.csv",
        "leaderboard.html",
        "fold_histories.json",
        *(f"pictures/{name}.png" for name in ("best_score", "hyperparameters", "parallel_coordinates", "learning_curves")),
    }
    assert {"mlflow.user", "mlflow.source.name", "mlflow.note.content"} <= parent.data.tags.keys()


def test_a_sweep_shows_the_folds_that_it_computed_again(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    run(ledger, sweep, [0])
    second = begin(ledger, "other", pid=2)
    add(ledger, second, [0])
    folds = [replace(fold, metrics={"accuracy": 0.25}) for fold in ledger.folds(ledger.trial(sweep.id, 0).key)]
    commits = [FoldCommit(number=0, key=ledger.trial(second.id, 0).key, result=fold, again=True) for fold in folds]
    summary = summarise(folds, test_to_train=0.5)
    ledger.commit(second, folds=commits, ends=[TrialEnd(number=0, state=TrialState.COMPLETED, score=0.25, summary=summary)])
    project(ledger, second, mlflow)
    rows, *_ = mlflow.content()["trial-0"]
    assert {value for name, _, _, value in rows if name in ("fold_0/accuracy", "fold_1/accuracy")} == {0.25}
    record = trial_record(ledger, ledger.trial(second.id, 0))
    assert [fold["metrics"] for fold in record["folds"]] == [{"accuracy": 0.25}] * 2


def test_a_trial_reads_back_as_it_was_meant(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    run(ledger, sweep, [0])
    project(ledger, sweep, mlflow)
    trial = ledger.trial(sweep.id, 0)
    meant = trial_run(sweep, trial, ledger.folds(trial.key))
    rows, params, tags, status, end_time = mlflow.content()["trial-0"]
    assert rows == sorted((point.name, point.step, point.timestamp, point.value) for point in meant.metrics)
    assert (params, tags, status, end_time) == (meant.params, meant.tags, meant.status, meant.end)
    assert trial.mlflow_run == mlflow.runs()["trial-0"].info.run_id


def test_the_data_set_and_the_primary_metric_are_told(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    project(ledger, sweep, mlflow)
    (entry,) = mlflow.parent().inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.source_type) == ("breast_cancer", "sklearn")
    assert json.loads(entry.dataset.profile)["rows"] == 569
    tags = mlflow.client.get_experiment_by_name("demo").tags
    assert tags["mlflow.experiment.primaryMetric.name"] == "accuracy"
    assert tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == "True"


def test_artifacts_lie_beside_the_store(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, tmp_path: Path) -> None:
    project(ledger, sweep, mlflow)
    assert (tmp_path / "mlruns" / "demo" / mlflow.parent().info.run_id / "artifacts" / "sweep.yaml").is_file()


def test_the_files_of_trials_lie_with_their_runs(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, tmp_path: Path) -> None:
    run(ledger, sweep, range(2))
    end(ledger, sweep)
    file = tmp_path / "trial-1" / "fold-0" / "best.keras"
    file.parent.mkdir(parents=True)
    file.write_text("a net")
    tracker_of(ledger, sweep, mlflow.uri).upload_files({1: tmp_path / "trial-1"})
    runs = mlflow.runs()
    found = {
        name: [item.path for item in mlflow.client.list_artifacts(runs[name].info.run_id, "fold-0")]
        for name in runs
        if name.startswith("trial-")
    }
    assert sorted(found.values()) == [[], ["fold-0/best.keras"]]


def test_trials_appear_while_the_sweep_runs(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    tracker = tracker_of(ledger, sweep, mlflow.uri)
    tracker.start()
    add(ledger, sweep, range(2))
    ledger.start_trials(sweep, [0], "cohort-1")
    tracker.notify()
    assert eventually(lambda: mlflow.statuses() == {"demo/manual-1": "RUNNING", "trial-0": "RUNNING"})
    finish(ledger, sweep, 0)
    tracker.notify()
    assert eventually(lambda: mlflow.statuses()["trial-0"] == "FINISHED")
    assert mlflow.parent().data.metrics["best_accuracy"] == pytest.approx(0.8725)
    ledger.finish_sweep(sweep, SweepState.COMPLETED)
    assert tracker.close()
    assert set(mlflow.statuses().values()) == {"FINISHED"}


def test_trials_beyond_the_end_of_the_search_are_killed_and_do_not_win(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, tmp_path: Path
) -> None:
    run(ledger, sweep, range(5))
    project(ledger, sweep, mlflow)
    assert set(mlflow.statuses().values()) == {"RUNNING", "FINISHED"}
    ledger.set_end(sweep, 2)
    end(ledger, sweep)
    project(ledger, sweep, mlflow)
    found = mlflow.statuses()
    assert [found[f"trial-{number}"] for number in range(5)] == ["FINISHED"] * 2 + ["KILLED"] * 3
    parent = mlflow.parent()
    assert parent.data.metrics["accuracy"] == pytest.approx(ledger.trial(sweep.id, 1).score)
    board = tmp_path / "mlruns" / "demo" / parent.info.run_id / "artifacts" / "leaderboard.csv"
    assert [line.split(",")[1] for line in board.read_text().splitlines()[1:3]] == ["1", "0"]


# --- never twice --------------------------------------------------------------------------------------------------------------


def test_a_replay_writes_no_second_row_and_no_second_run(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    run(ledger, sweep, range(4), ends={2: TrialState.FAILED})
    end(ledger, sweep)
    tracker = tracker_of(ledger, sweep, mlflow.uri)
    tracker.repair()
    before = mlflow.content()
    tracker.repair()
    assert mlflow.content() == before
    assert ledger.trial(sweep.id, 0).mlflow_run == mlflow.runs()["trial-0"].info.run_id


def test_a_new_store_is_filled_from_the_ledger(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, empty_store: Path, tmp_path: Path
) -> None:
    run(ledger, sweep, range(3))
    end(ledger, sweep)
    project(ledger, sweep, mlflow)
    before, old = mlflow.content(), mlflow.parent().info.run_id
    shutil.copyfile(empty_store, tmp_path / "other.db")
    other = Mlflow(f"sqlite:///{tmp_path}/other.db")
    project(ledger, sweep, other)
    assert other.content() == before
    assert other.parent().info.run_id != old
    assert ledger.sweep("demo").mlflow_run == other.parent().info.run_id


def test_runs_made_just_before_a_death_are_found_again(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    run(ledger, sweep, [0])
    store = MlflowStore(mlflow.uri, "demo")
    parent = store.create(sweep_run(sweep))
    child = store.create(trial_run(sweep, ledger.trial(sweep.id, 0)), parent)  # neither of them is in the ledger
    project(ledger, sweep, mlflow)
    assert {name: run.info.run_id for name, run in mlflow.runs().items()} == {"demo/manual-1": parent, "trial-0": child}
    assert ledger.trial(sweep.id, 0).mlflow_run == child


def test_a_run_made_twice_by_a_repeated_request_is_deleted(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    run(ledger, sweep, [0])
    project(ledger, sweep, mlflow)
    store = MlflowStore(mlflow.uri, "demo")
    store.create(trial_run(sweep, ledger.trial(sweep.id, 0)), mlflow.parent().info.run_id)
    end(ledger, sweep)
    project(ledger, sweep, mlflow)
    assert mlflow.statuses() == {"demo/manual-1": "FINISHED", "trial-0": "FINISHED"}


# --- stopped, resumed, abandoned ----------------------------------------------------------------------------------------------


def test_a_stopped_sweep_leaves_no_run_open_and_goes_on_in_the_same_runs(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    run(ledger, sweep, [0])
    add(ledger, sweep, [1])
    ledger.start_trials(sweep, [1], "cohort-2")
    project(ledger, sweep, mlflow)
    end(ledger, sweep, SweepState.STOPPED)
    project(ledger, sweep, mlflow)
    assert mlflow.statuses() == {"demo/manual-1": "KILLED", "trial-0": "FINISHED", "trial-1": "KILLED"}

    again = begin(ledger)
    ledger.start_trials(again, [1], "cohort-3")
    project(ledger, again, mlflow)
    assert mlflow.statuses() == {"demo/manual-1": "RUNNING", "trial-0": "FINISHED", "trial-1": "RUNNING"}
    finish(ledger, again, 1)
    end(ledger, again)
    project(ledger, again, mlflow)
    assert set(mlflow.statuses().values()) == {"FINISHED"}


def test_the_next_driver_closes_what_a_dead_one_left_open(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, clock: Clock) -> None:
    add(ledger, sweep, [0])
    ledger.start_trials(sweep, [0], "cohort-1")
    project(ledger, sweep, mlflow)
    clock.now += SILENT_SECONDS + 10
    other = begin(ledger, "later", pid=2)
    projector = Projector(ledger, other, lambda: MlflowStore(mlflow.uri, "demo"), clock)
    projector.step()
    assert mlflow.statuses() == {"demo/manual-1": "KILLED", "trial-0": "KILLED", "later/manual-1": "RUNNING"}


def test_a_driver_that_lives_is_left_alone(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, clock: Clock) -> None:
    project(ledger, sweep, mlflow)
    other = begin(ledger, "later", pid=2)
    Projector(ledger, other, lambda: MlflowStore(mlflow.uri, "demo"), clock).step()
    assert mlflow.statuses() == {"demo/manual-1": "RUNNING", "later/manual-1": "RUNNING"}


# --- outages ------------------------------------------------------------------------------------------------------------------


class Flaky:
    """Opens the store after so many failures."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    def __call__(self, uri: str, experiment: str) -> MlflowStore:
        if self.left:
            self.left -= 1
            raise ConnectionError("the server is away")
        return MlflowStore(uri, experiment)


def test_an_outage_is_reported_once_and_waited_for(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, caplog: pytest.LogCaptureFixture
) -> None:
    run(ledger, sweep, range(2))
    flaky = Flaky(3)
    tracker = tracker_of(ledger, sweep, mlflow.uri, open_store=flaky)
    with caplog.at_level(logging.WARNING, "orchestrator.tracking.tracker"):
        tracker.start()
        assert eventually(lambda: flaky.left == 0)
        end(ledger, sweep)
        assert tracker.close() is True
    first, last = (record.getMessage() for record in caplog.records)
    assert "cannot be written (ConnectionError: the server is away). The sweep goes on" in first
    assert last.endswith("can be written again.")
    assert mlflow.statuses() == {"demo/manual-1": "FINISHED", "trial-0": "FINISHED", "trial-1": "FINISHED"}


def test_an_outage_that_lasts_ends_with_the_sweep(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, caplog: pytest.LogCaptureFixture
) -> None:
    run(ledger, sweep, range(2))
    end(ledger, sweep)
    tracker = tracker_of(ledger, sweep, mlflow.uri, open_store=Flaky(10**9))
    tracker.start()
    assert tracker.close(wait=10) is False
    assert "lacks 2 trials of sweep demo/manual-1. The ledger holds it: `kerasweep resume demo/manual-1`" in caplog.messages[-1]
    assert ledger.sweep("demo").state is SweepState.COMPLETED

    tracker_of(ledger, sweep, mlflow.uri).catch_up()
    assert set(mlflow.statuses().values()) == {"FINISHED"}


def test_an_outage_from_the_start_is_said_in_one_line_before_anything_is_written(
    ledger: Ledger, sweep: SweepRow, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://ann:secret@127.0.0.1:{free.getsockname()[1]}"
    tracker = tracker_of(ledger, sweep, uri, open_store=Flaky(10**9))
    with caplog.at_level(logging.WARNING, "orchestrator.tracking.tracker"):
        assert tracker.check() is False
        (line,) = caplog.messages
        assert line.startswith(f"MLflow at {uri.replace('secret', '***')} cannot be reached (ConnectionRefusedError: ")
        assert line.endswith("The sweep goes on; what is missing there follows as soon as it can.")
        tracker.start()
        end(ledger, sweep)
        assert tracker.close(wait=10) is False
    assert len(caplog.messages) == 2, "once for an outage, and at the end what is missing"


def test_a_store_that_is_there_is_not_spoken_of(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, caplog: pytest.LogCaptureFixture
) -> None:
    assert tracker_of(ledger, sweep, mlflow.uri).check() is True
    assert caplog.messages == []


def test_a_request_to_stop_does_not_wait_for_a_server_that_hangs(ledger: Ledger, sweep: SweepRow) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        tracker = tracker_of(ledger, sweep, f"http://127.0.0.1:{server.getsockname()[1]}")
        tracker.start()
        run(ledger, sweep, range(2))
        began = time.monotonic()
        assert tracker.close(hurry=lambda: True) is False
        assert time.monotonic() - began < 5


def test_a_password_in_the_uri_is_shown_nowhere(ledger: Ledger, sweep: SweepRow, caplog: pytest.LogCaptureFixture) -> None:
    uri = "https://ann:secret@mlflow"
    asked: list[str] = []

    def away(uri: str, experiment: str) -> MlflowStore:
        asked.append(uri)
        raise ConnectionError(f"API request to {uri} failed")

    end(ledger, sweep)
    tracker = tracker_of(ledger, sweep, uri, open_store=away)
    with caplog.at_level(logging.WARNING, "orchestrator.tracking.tracker"):
        tracker.start()
        assert tracker.close(wait=10) is False
    with pytest.raises(TrackingError, match=r"https://ann:\*\*\*@mlflow") as caught:
        tracker.catch_up()
    assert set(asked) == {uri}
    assert len(caplog.messages) == 2
    assert "secret" not in " ".join([str(caught.value), *caplog.messages])


class Slow(MlflowStore):
    """Takes half a second for every run."""

    def create(self, content: RunContent, parent: str | None = None) -> str:
        time.sleep(0.5)
        return super().create(content, parent)


@pytest.mark.parametrize("hurry", [False, True])
def test_closing_waits_as_long_as_rows_are_written_unless_there_is_hurry(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, hurry: bool
) -> None:
    run(ledger, sweep, range(12))
    end(ledger, sweep)
    tracker = tracker_of(ledger, sweep, mlflow.uri, open_store=Slow)
    tracker.start()
    assert tracker.close(wait=4, hurry=lambda: hurry) is not hurry


@pytest.mark.parametrize("answers", [False, True])
def test_a_server_that_is_away_or_hangs_does_not_hold_the_sweep_up(
    ledger: Ledger, sweep: SweepRow, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if answers:
            server.listen()  # connections are taken, and never a word is said
        tracker = tracker_of(ledger, sweep, f"http://127.0.0.1:{server.getsockname()[1]}")
        began = time.monotonic()
        tracker.start()
        run(ledger, sweep, range(2))
        assert time.monotonic() - began < 1
        assert tracker.close(wait=15) is False


def test_requests_to_a_server_are_bounded(mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    MlflowStore(mlflow.uri, "demo")
    assert (MLFLOW_HTTP_REQUEST_MAX_RETRIES.get(), MLFLOW_HTTP_REQUEST_TIMEOUT.get()) == (2, 20)


def test_what_mlflow_refuses_does_not_hold_up_the_rest(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, caplog: pytest.LogCaptureFixture
) -> None:
    add(ledger, sweep, range(2))
    ledger.start_trials(sweep, range(2), "cohort-1")
    project(ledger, sweep, mlflow)
    mlflow.client.delete_run(mlflow.runs()["trial-0"].info.run_id)  # by hand, on MLflow's page
    finish(ledger, sweep, 0)
    finish(ledger, sweep, 1)
    project(ledger, sweep, mlflow)
    assert mlflow.statuses() == {"demo/manual-1": "RUNNING", "trial-1": "FINISHED"}
    assert "MLflow refused trial 0" in caplog.text


def test_repair_says_that_mlflow_is_out_of_reach(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    tracker = tracker_of(ledger, sweep, mlflow.uri, open_store=Flaky(1))
    with pytest.raises(TrackingError, match=r"sweep demo/manual-1 could not be written: the server is away"):
        tracker.repair()


def test_a_deleted_experiment_is_named(mlflow: Mlflow) -> None:
    mlflow.client.delete_experiment(mlflow.client.create_experiment("demo"))
    with pytest.raises(TrackingError, match=r"tracking\.experiment: the MLflow experiment 'demo' at .* is deleted"):
        MlflowStore(mlflow.uri, "demo")


# --- models -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "model.keras").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    (folder / "checksums.json").write_text(json.dumps({"files": {"data/model.keras": digest}}))
    return folder


def test_a_model_is_uploaded_once_and_registered_once(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, model: Path) -> None:
    tracker = tracker_of(ledger, sweep, mlflow.uri)
    first = tracker.upload_model(model, register_as="cancer", alias="challenger")
    assert tracker.upload_model(model, register_as="cancer", alias="challenger") == first
    assert (first.registered, first.version) == ("cancer", "1")
    assert str(mlflow.client.get_model_version_by_alias("cancer", "challenger").version) == "1"
    (logged,) = mlflow.client.search_logged_models([mlflow.parent().info.experiment_id])
    assert (f"models:/{logged.model_id}", logged.source_run_id) == (first.uri, mlflow.parent().info.run_id)
    assert str(logged.status) == "READY"


def test_a_registered_model_is_fetched_and_whole(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, model: Path) -> None:
    uploaded = tracker_of(ledger, sweep, mlflow.uri).upload_model(model, register_as="cancer", alias="challenger")
    for uri in (uploaded.uri, "models:/cancer/1", "models:/cancer@challenger"):
        folder = fetch_model(uri, mlflow.uri)
        verify_model_folder(folder)
        assert (folder / "data" / "model.keras").read_bytes() == b"weights"
    with pytest.raises(NotFoundError, match=r"MLflow has no model 'models:/cancer/7'"):
        fetch_model("models:/cancer/7", mlflow.uri)


def test_a_model_that_nobody_wants_registered_is_not(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, model: Path) -> None:
    uploaded = tracker_of(ledger, sweep, mlflow.uri).upload_model(model)
    assert (uploaded.registered, uploaded.version) == (None, None)
    assert mlflow.client.search_registered_models() == []


def test_a_new_model_becomes_the_next_version(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, model: Path) -> None:
    tracker = tracker_of(ledger, sweep, mlflow.uri)
    tracker.upload_model(model, register_as="cancer")
    (model / "checksums.json").write_text(json.dumps({"files": {"data/model.keras": "33"}}))
    assert tracker.upload_model(model, register_as="cancer").version == "2"


def test_the_model_is_among_what_the_sweeps_run_has_put_out_and_once(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, model: Path
) -> None:
    tracker = tracker_of(ledger, sweep, mlflow.uri)
    for _ in range(2):
        uploaded = tracker.upload_model(model)
    (output,) = mlflow.parent().outputs.model_outputs
    assert f"models:/{output.model_id}" == uploaded.uri


def test_the_same_model_written_at_another_time_is_not_registered_twice(
    ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, model: Path
) -> None:
    tracker = tracker_of(ledger, sweep, mlflow.uri)
    (model / "data" / "manifest.json").write_text(json.dumps({"identity": "one"}))
    first = tracker.upload_model(model, register_as="cancer")
    (model / "checksums.json").write_text(json.dumps({"files": {"data/model.keras": "another date"}}))
    assert tracker.upload_model(model, register_as="cancer") == first
    ledger.finish_sweep(sweep, SweepState.COMPLETED)
    later = tracker_of(ledger, begin(ledger), mlflow.uri).upload_model(model, register_as="cancer")
    assert later.version == first.version, "a later sweep that comes to the same model takes its version"
    assert later.uri != first.uri, "its own run has a model to show"
    (model / "data" / "manifest.json").write_text(json.dumps({"identity": "two"}))
    assert tracker.upload_model(model, register_as="cancer").version == "2"


def test_an_upload_that_fails_says_where_the_model_stays(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, model: Path) -> None:
    tracker = tracker_of(ledger, sweep, mlflow.uri, open_store=Flaky(1))
    with pytest.raises(TrackingError, match=r"could not be uploaded; it stays in .*model: the server is away"):
        tracker.upload_model(model)


# --- the thread and its surroundings ------------------------------------------------------------------------------------------


def test_mlflow_is_imported_in_the_thread_only(tmp_path: Path) -> None:
    code = """
import sys, time
from orchestrator.tracking import Tracker
assert "mlflow" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_a_tracker_that_never_started_can_be_closed(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow) -> None:
    assert tracker_of(ledger, sweep, mlflow.uri).close() is False


def test_another_driver_may_have_taken_over(ledger: Ledger, sweep: SweepRow, mlflow: Mlflow, clock: Clock) -> None:
    run(ledger, sweep, [0])
    clock.now += 100
    ledger.claim_sweep("demo", sweep.spec, {"seed": 7}, Owner("host", 2), 30.0)
    project(ledger, sweep, mlflow)  # the late tracker writes what the ledger says, whoever it belongs to
    assert mlflow.statuses() == {"demo/manual-1": "RUNNING", "trial-0": "FINISHED"}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sqlite:///mlflow.db", "sqlite:////data/mlflow.db"),
        ("sqlite:///../mlflow.db", "sqlite:////mlflow.db"),
        ("sqlite:////var/mlflow.db", "sqlite:////var/mlflow.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
        ("postgresql://user@db/mlflow", "postgresql://user@db/mlflow"),
    ],
)
def test_a_tracking_uri_means_the_same_everywhere(uri: str, expected: str) -> None:
    assert absolute_uri(uri, "/data") == expected
