"""RayDispatcher: one Tune experiment a sweep, on a Ray of our own or on a cluster."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.dispatch.machine import available_cpus, memory_share, room_here
from orchestrator.dispatch.protocol import Conductor
from orchestrator.dispatch.raytune.cluster import Cluster, is_connected
from orchestrator.dispatch.room import check_machine, check_room
from orchestrator.dispatch.supervisor import Supervisor
from orchestrator.dispatch.worker_process import WORKER_COMMAND
from orchestrator.spec import code_references, travelling_files
from trainers.messages import Check, Refit, Reply
from trainers.settings import EngineName, SweepSettings

if TYPE_CHECKING:
    from orchestrator.dispatch.raytune.plan import Shipment, WorkerPlan

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.2


class RayDispatcher:
    """Dispatches cohorts as Ray Tune trials (``orchestrator.dispatch.protocol.Dispatcher``).

    On a Ray of our own the check and the refit run in a worker beside it, so that the check need not wait for Ray; on a cluster
    they run there.

    Parameters
    ----------
    address : None for a Ray of our own, else ``auto`` or ``host:port`` of a cluster.
    workers : how many cohorts run at once; None for as many as there is room for.
    cpus_per_trial, gpus_per_trial : what each worker is given; a fraction of a GPU shares it.
    log_folder : receives a log file for each worker, on its node.
    autoscaling : whether a cluster brings larger nodes on demand than it has; those are then waited for.
    data : a path or URL that every node of a cluster must be able to read; None: the data comes with the sweep.
    memory_bytes : what one worker may hold; default an even share of its node's memory among the workers that can be there.
    command : the program to run as worker.
    """

    def __init__(
        self,
        *,
        log_folder: Path,
        address: str | None = None,
        autoscaling: bool = False,
        data: str | None = None,
        workers: int | None = None,
        cpus_per_trial: float = 1.0,
        gpus_per_trial: float = 0.0,
        memory_bytes: int | None = None,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"RayDispatcher needs at least one worker, got {workers!r}.")
        if cpus_per_trial <= 0:
            raise ValueError(f"RayDispatcher: cpus_per_trial must be more than 0, got {cpus_per_trial!r}.")
        self._address = address
        self._autoscaling = autoscaling
        self._data = data
        self._nodes_checked = False
        self._cpus = cpus_per_trial
        self._gpus = gpus_per_trial
        self._log_folder = log_folder
        self._memory_bytes = memory_bytes
        self._command = tuple(command)
        if workers is None and address is None and not gpus_per_trial:
            workers = room_here(cpus_per_trial, memory_bytes)
        self._workers = workers
        cpus = max(available_cpus(), math.ceil((workers or 1) * cpus_per_trial))
        self._cluster = Cluster(address, cpus=cpus, gpus=gpus_per_trial > 0)
        self._settings: SweepSettings | None = None
        self._shipped: tuple[tuple[str, str | None], tuple[Shipment, Shipment | None]] | None = None
        self._beside: Supervisor | None = None

    @property
    def workers(self) -> int:
        """How many cohorts run at once; waits for Ray where only Ray knows."""
        if self._workers is None:
            self._await_cluster(None)
            room = self._cluster.room_for(self._cpus, self._gpus)
            if self._address is None:
                room = min(room, room_here(self._cpus, self._memory_bytes))
            self._workers = max(room, 1)
        return self._workers

    def start(self, engine: EngineName) -> None:
        """Begin to import Ray and to start the worker beside it, and return at once."""
        if self._address is None and not is_connected():  # one that is there is asked what it has
            check_machine(self._cpus, self._gpus)
        self._cluster.load()
        if self._address is None and self._beside is None:
            devices = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] if self._gpus else ""
            self._beside = Supervisor(
                engine,
                cpus=self._cpus,
                memory_bytes=self._memory_bytes or memory_share(1),
                devices=devices,
                log_path=self._log_folder / "check-and-refit.log",
                command=self._command,
            )
            self._beside.start()

    def prepare(self, settings: SweepSettings) -> None:
        """Make ``settings`` those of all that follows, begin to start Ray, and return at once.

        Ray starts now that the data is known to be sound: ending one that is still starting takes longer than reading data.
        """
        self._cluster.start()
        self._settings = settings
        if self._beside is not None:
            self._beside.prepare(settings)

    def request(self, request: Check | Refit, timeout: float, tick: Callable[[], None] | None = None) -> Reply:
        """Return a worker's reply (``Dispatcher.request``)."""
        if self._beside is not None:
            reply = self._beside.request(request, timeout, tick)
            if self._workers is None:  # whoever asks for them cannot be told to stop
                self._await_cluster(tick)
            return reply
        self._await_cluster(tick)
        self._check_room()
        from orchestrator.dispatch.raytune.node_check import check_nodes
        from orchestrator.dispatch.raytune.requests import request_on_cluster

        plan = self._plan()
        if not self._nodes_checked:
            self._nodes_checked = check_nodes(plan, self._data, tick) > 0  # none: they come on demand
        return request_on_cluster(plan, request, timeout, tick)

    def run(self, conductor: Conductor) -> None:
        """Serve ``conductor`` until it is finished (``Dispatcher.run``). Our own Ray begins to end afterwards."""
        conductor.tick()
        while not conductor.finished and not self._cluster.ready(_PAUSE_SECONDS):
            conductor.tick()
        if not conductor.finished:
            self._run(conductor)
        if self._address is None:
            self._cluster.begin_close()

    def close(self) -> None:
        """End the worker beside Ray, and Ray if it is our own."""
        if self._beside is not None:
            self._beside.close()
        self._cluster.close()

    def _await_cluster(self, tick: Callable[[], None] | None) -> None:
        while not self._cluster.ready(_PAUSE_SECONDS):
            if tick is not None:
                tick()

    def _check_room(self) -> None:
        """Raise ResourcesError where no node has room for a worker, and none that could will come."""
        if self._autoscaling or self._cluster.room_for(self._cpus, self._gpus):
            return
        advice = ", or say ray.autoscaling: true where the cluster brings larger nodes on demand"
        if not self._cluster.scales():
            check_room((self._cpus, self._gpus), self._cluster.nodes(), f"the cluster at {self._address!r}", advice)

    def _run(self, conductor: Conductor) -> None:
        from orchestrator.dispatch.raytune.experiment import run_experiment

        if not self._cluster.room_for(self._cpus, self._gpus):
            logger.warning("No node has room for a worker of %s CPUs and %s GPUs; waiting for one.", self._cpus, self._gpus)
        run_experiment(conductor, self._plan(), workers=self.workers, storage=self._cluster.scratch)

    def _plan(self) -> WorkerPlan:
        from orchestrator.dispatch.raytune.plan import WorkerPlan, node_id

        if self._settings is None:
            raise RuntimeError("RayDispatcher needs the sweep's settings; call prepare first.")
        ours = self._address is None
        stage, code = (None, None) if ours else self._ship(self._settings)
        return WorkerPlan(
            settings=self._settings,
            command=self._command,
            cpus=self._cpus,
            gpus=self._gpus,
            log_folder=str(self._log_folder.absolute()),
            home=node_id(),
            workers=self.workers,
            memory_bytes=self._memory_bytes,
            stage=stage,
            code=code,
        )

    def _ship(self, settings: SweepSettings) -> tuple[Shipment, Shipment | None]:
        """Put the staged data and the user's source into Ray's object store, once for check, sweep and refit."""
        from orchestrator.dispatch.raytune.plan import ship
        from orchestrator.dispatch.raytune.shipping import all_files

        folders = (settings.stage, settings.code)
        if self._shipped is None or self._shipped[0] != folders:
            code = travelling_files(code_references(settings), settings.code)
            self._shipped = folders, (ship(all_files(Path(settings.stage))), ship(code) if code or settings.code else None)
        return self._shipped[1]
