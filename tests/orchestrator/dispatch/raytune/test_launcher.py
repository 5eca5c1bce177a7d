"""When the dispatcher looks at a cluster's nodes, and what it brings there. Whole sweeps on a real Ray: ``tests/integration``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from recording_conductor import FAKE_WORKER, settings

from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.dispatch.raytune.shipping import unpack
from orchestrator.errors import ResourcesError
from trainers.messages import Check, Failed
from trainers.settings import SweepSettings, TrainerSettings


def test_nodes_that_come_on_demand_are_checked_once_they_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts, looks = [0, 2], []

    def check_nodes(*_: object) -> int:
        looks.append(counts.pop(0))
        return looks[-1]

    monkeypatch.setattr("orchestrator.dispatch.raytune.node_check.check_nodes", check_nodes)
    monkeypatch.setattr(
        "orchestrator.dispatch.raytune.requests.request_on_cluster", lambda *_: Failed("invalid", "no worker here")
    )
    dispatcher = RayDispatcher(address="head:6379", log_folder=tmp_path, autoscaling=True)
    monkeypatch.setattr(dispatcher, "_cluster", SimpleNamespace(ready=lambda seconds: True))
    monkeypatch.setattr(dispatcher, "_plan", lambda: None)
    for _ in range(3):
        dispatcher.request(Check({}), timeout=1)
    assert looks == [0, 2]


def test_the_users_source_reaches_other_nodes_wherever_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in {
        "code/..data/own_model.py": "from own_library.part import f\n",
        "library/own_library/__init__.py": "",
        "library/own_library/part.py": "def f(): ...\n",
        "stage/rows.feather": "rows",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "code" / "own_model.py").symlink_to("..data/own_model.py")
    monkeypatch.syspath_prepend(str(tmp_path / "library"))
    monkeypatch.setattr("ray.put", lambda content: content)
    dispatcher = RayDispatcher(address="head:6379", log_folder=tmp_path / "logs")
    settings = SweepSettings(
        task="binary",
        seed=1,
        metrics=("accuracy",),
        stage=str(tmp_path / "stage"),
        code=str(tmp_path / "code"),
        trainer=TrainerSettings(type="builder", builder="own_model:f"),
    )
    stage, code = dispatcher._ship(settings)
    assert code is not None
    unpack(stage.content, tmp_path / "there")
    unpack(code.content, tmp_path / "there")
    there = {file.relative_to(tmp_path / "there").as_posix() for file in (tmp_path / "there").rglob("*") if file.is_file()}
    assert there == {"rows.feather", "own_model.py", "own_library/__init__.py", "own_library/part.py"}
    assert (tmp_path / "there" / "own_model.py").read_text() == "from own_library.part import f\n"


@pytest.mark.parametrize(
    ("nodes", "autoscaling", "scales", "refused"),
    [
        ([(4.0, 0.0)], False, False, True),
        ([], False, False, True),
        ([(4.0, 0.0)], True, False, False),
        ([(4.0, 0.0)], False, True, False),
        ([(4.0, 1.0)], False, False, False),
    ],
)
def test_what_no_node_has_is_refused_unless_nodes_come_on_demand(
    *,
    nodes: list[tuple[float, float]],
    autoscaling: bool,
    scales: bool,
    refused: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("orchestrator.dispatch.raytune.node_check.check_nodes", lambda *_: 1)
    answered = Failed("invalid", "a worker was there")
    monkeypatch.setattr("orchestrator.dispatch.raytune.requests.request_on_cluster", lambda *_: answered)
    dispatcher = RayDispatcher(address="head:6379", log_folder=tmp_path, autoscaling=autoscaling, gpus_per_trial=1.0)
    cluster = SimpleNamespace(
        ready=lambda seconds: True,
        room_for=lambda cpus, gpus: sum(node[0] >= cpus and node[1] >= gpus for node in nodes),
        nodes=lambda: nodes,
        scales=lambda: scales,
    )
    monkeypatch.setattr(dispatcher, "_cluster", cluster)
    monkeypatch.setattr(dispatcher, "_plan", lambda: None)
    if refused:
        largest = "4 CPU cores and 0 GPUs" if nodes else "0 CPU cores and 0 GPUs"
        message = f"largest node of the cluster at 'head:6379' has {largest}. Ask for less, or say ray.autoscaling: true"
        with pytest.raises(ResourcesError, match=message):
            dispatcher.request(Check({}), timeout=1)
    else:
        assert dispatcher.request(Check({}), timeout=1) is answered


def test_ray_starts_when_the_data_is_known_to_be_sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    dispatcher = RayDispatcher(workers=1, log_folder=tmp_path, command=FAKE_WORKER)
    cluster = SimpleNamespace(**{name: lambda name=name: done.append(name) for name in ("load", "start", "close")})
    monkeypatch.setattr(dispatcher, "_cluster", cluster)
    dispatcher.start("fused")  # then the data is read
    assert done == ["load"]
    dispatcher.prepare(settings("fused"))
    assert done == ["load", "start"]
    dispatcher.close()
    assert done == ["load", "start", "close"]
