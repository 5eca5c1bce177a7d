"""A Ray cluster that somebody else keeps: found by its address, its nodes without the driver's disk, one of them lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from recording_conductor import FAKE_WORKER, RecordingConductor, cohort, settings

from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.errors import ResourcesError
from orchestrator.search.cohorts import CohortEvent, CohortFinished, CohortLost
from trainers.data.loading import load
from trainers.messages import Check, Checked, Refit, Refitted
from trainers.settings import CvSettings, DataSettings
from trainers.splits.folds import make_splits
from trainers.staging import stage

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = pytest.mark.full


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head that the driver connects to, with room for no worker, and a node with room for two."""
    import ray
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_health_check_period_ms", "300")
    monkeypatch.setenv("RAY_health_check_timeout_ms", "1000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "2")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    made.add_node(num_cpus=2)
    yield made
    ray.shutdown()
    made.shutdown()


def stage_iris(folder: Path) -> None:
    dataset = load(DataSettings(source="sklearn", name="iris"), "multiclass", None)
    splits = make_splits(dataset, "multiclass", CvSettings(), test_size=0.2, monitor_split=None, seed=1)
    stage(dataset, splits, folder)


@pytest.fixture
def dispatcher(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Iterator[RayDispatcher]:
    """A dispatcher on ``cluster``, of as many workers as the test's parameter says, else of as many as there is room for."""
    stage_iris(staged := tmp_path / "stage")
    (code := tmp_path / "code").mkdir()
    (code / "mine.py").write_text("def create_model(): ...\n")
    (code / "huge.csv").write_text("left at home")
    workers = getattr(request, "param", None)
    made = RayDispatcher(address=cluster.address, workers=workers, log_folder=tmp_path / "logs", command=FAKE_WORKER)
    made.start("keras")
    made.prepare(replace(settings(stage=str(staged)), code=str(code)))
    yield made
    made.close()


def test_a_sweep_on_a_cluster_outlives_the_loss_of_a_node(cluster: Cluster, dispatcher: RayDispatcher, tmp_path: Path) -> None:
    assert dispatcher.workers == 2
    checked = dispatcher.request(Check({}), timeout=10)
    assert isinstance(checked, Checked)
    brought = Path(checked.versions["stage"])
    assert brought != tmp_path / "stage"
    assert {path.name for path in brought.iterdir()} == {path.name for path in (tmp_path / "stage").iterdir()}

    def lose_the_node(conductor: RecordingConductor, event: CohortEvent) -> None:
        if conductor.pids("victim") and "lost" not in done:
            done.append("lost")
            node = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(num_cpus=2)
        if isinstance(event, CohortLost):
            conductor.waiting.append(cohort("again", {}))

    done: list[str] = []
    conductor = RecordingConductor([cohort("victim", {}, {"sleep": 120})], on_event=lose_the_node)
    dispatcher.run(conductor)
    lost, again = conductor.ends()
    assert isinstance(lost, CohortLost)
    assert (lost.cohort, lost.cause) == ("victim", "crashed")
    assert again == CohortFinished("again")

    folder = tmp_path / "refit"
    assert dispatcher.request(Refit({"x": 1}, (4,), str(folder)), timeout=10) == Refitted(str(folder), 4, {"score": 0.5})
    assert (folder / "model.txt").read_text() == "{'x': 1}"


@pytest.mark.parametrize("dispatcher", [5], indirect=True)
def test_no_cohort_waits_for_a_worker_that_gets_no_room(dispatcher: RayDispatcher) -> None:
    conductor = RecordingConductor([cohort(f"c{number}", {"sleep": 0.5}) for number in range(8)])
    dispatcher.run(conductor)
    assert sorted(conductor.ends(), key=lambda end: end.cohort) == [CohortFinished(f"c{number}") for number in range(8)]
    assert len(set(conductor.pids())) == 2


def test_what_no_node_of_the_cluster_has_is_refused_at_once(cluster: Cluster, tmp_path: Path) -> None:
    made = RayDispatcher(address=cluster.address, gpus_per_trial=1.0, log_folder=tmp_path, command=FAKE_WORKER)
    made.start("keras")
    try:
        with pytest.raises(ResourcesError, match=r"1 GPU, the largest node .* has 2 CPU cores and 0 GPUs\. Ask for"):
            made.request(Check({}), timeout=10)
    finally:
        made.close()


@pytest.mark.parametrize("named", [False, True])
def test_a_cluster_whose_nodes_have_types_says_that_it_scales(
    cluster: Cluster, tmp_path: Path, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named:
        monkeypatch.setenv("RAY_NODE_TYPE_NAME", "gpu")  # as KubeRay and `ray up` set it
        cluster.add_node(num_cpus=1)
    made = RayDispatcher(address=cluster.address, log_folder=tmp_path, command=FAKE_WORKER)
    made.start("keras")
    try:
        while not made._cluster.ready(1.0):
            pass
        assert made._cluster.scales() == named
    finally:
        made.close()
