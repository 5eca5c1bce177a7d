"""How the workers of a sweep are set up wherever Ray puts them: settings, shares, and the folders that must come along."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from orchestrator.dispatch.machine import memory_share, room_on
from orchestrator.dispatch.raytune.shipping import digest, pack, unpack_once
from orchestrator.dispatch.supervisor import Supervisor
from trainers.settings import SweepSettings


@dataclass(frozen=True, slots=True)
class Shipment:
    """A folder of the settings, in Ray's object store for the nodes that cannot see it."""

    digest: str
    content: Any  # ray.ObjectRef of bytes

    def folder_here(self) -> str:
        """Return where the content lies on this node, bringing it here first if need be."""
        return str(unpack_once(self.digest, lambda: bytes(ray.get(self.content))))


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """How an actor sets its worker up: the same for all actors of a sweep.

    ``workers`` is how many there are at most, wherever Ray puts them. ``memory_bytes`` is what one may hold; None: an even share
    of the node that it is on. ``home`` is the driver's node, where the settings' folders are found by path.
    """

    settings: SweepSettings
    command: tuple[str, ...]
    cpus: float
    gpus: float
    workers: int
    log_folder: str
    home: str
    memory_bytes: int | None = None
    stage: Shipment | None = None
    code: Shipment | None = None

    def settings_here(self) -> SweepSettings:
        """Return the settings with paths that hold on this node, bringing their folders here first if need be."""
        if node_id() == self.home:
            return self.settings
        stage = self.stage.folder_here() if self.stage else self.settings.stage
        code = self.code.folder_here() if self.code else self.settings.code
        return replace(self.settings, stage=stage, code=code)

    def memory_here(self) -> int:
        """Return the bytes that a worker may hold here: as given, or an even share among all that can be on this node at once."""
        if self.memory_bytes is not None:
            return self.memory_bytes
        room = room_on(_resources_here(), self.cpus, self.gpus) or self.workers
        return memory_share(min(room, self.workers))

    def supervisor_here(self) -> Supervisor:
        """Return a supervisor, prepared, with the share of this node that Ray has given to this actor."""
        devices = os.environ.get("CUDA_VISIBLE_DEVICES", "") if self.gpus else ""
        supervisor = Supervisor(
            self.settings.engine,
            cpus=self.cpus,
            memory_bytes=self.memory_here(),
            devices=devices,
            gpu_memory_mb=_gpu_share(devices, self.gpus),
            gpu_fraction=self.gpus if 0 < self.gpus < 1 else None,
            log_path=Path(self.log_folder) / f"worker-{socket.gethostname()}-{os.getpid()}.log",
            command=self.command,
        )
        supervisor.start()
        supervisor.prepare(self.settings_here())
        return supervisor


def node_id() -> str:
    """Return which of Ray's nodes this process is on."""
    return str(ray.get_runtime_context().get_node_id())


def _resources_here() -> dict[str, float]:
    """Return what Ray hands out on this node."""
    here = node_id()
    return next((dict(node["Resources"]) for node in ray.nodes() if node["NodeID"] == here), {})


def ship(files: Mapping[str, Path]) -> Shipment:
    """Put files into the object store, by what they are called below one folder."""
    content = pack(files)
    return Shipment(digest(content), ray.put(content))


def _gpu_share(devices: str, gpus: float) -> int | None:
    """Return the megabytes that a fraction of a GPU is; None for whole ones, and when the driver does not say."""
    if not 0 < gpus < 1:
        return None
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", f"--id={devices}"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 (no shell)
        return int(float(answer.stdout.split()[0]) * gpus)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
