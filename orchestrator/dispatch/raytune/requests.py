"""Checks and refits on a cluster: one actor for each, on any node with room; what a refit writes comes back to the driver."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from orchestrator.dispatch.raytune.plan import WorkerPlan
from orchestrator.dispatch.raytune.shipping import all_files, pack, unpack
from orchestrator.errors import WorkerLostError
from trainers.messages import Check, Refit, Refitted, Reply

_PAUSE_SECONDS = 0.2


class _Requests:
    """Runs in the actor."""

    def answer(self, plan: WorkerPlan, request: Check | Refit, timeout: float) -> tuple[Reply, bytes]:
        """Return the worker's reply, and what it wrote as an archive."""
        supervisor = plan.supervisor_here()
        try:
            if isinstance(request, Check):
                return supervisor.request(request, timeout), b""
            with tempfile.TemporaryDirectory(prefix="kerasweep-refit-") as folder:
                reply = supervisor.request(replace(request, folder=folder), timeout)
                return reply, pack(all_files(Path(folder)))
        finally:
            supervisor.close()


def request_on_cluster(plan: WorkerPlan, request: Check | Refit, timeout: float, tick: Callable[[], None] | None) -> Reply:
    """Return the reply of a worker on the cluster; a refit's files lie in the request's folder then.

    Raises
    ------
    WorkerLostError : the worker, its actor or its node was lost, or gave no reply within ``timeout`` seconds of being ready.
    """
    reply: Reply
    actor = ray.remote(_Requests).options(num_cpus=plan.cpus, num_gpus=plan.gpus).remote()
    try:
        answer = actor.answer.remote(plan, request, timeout)
        while True:
            try:
                reply, files = ray.get(answer, timeout=_PAUSE_SECONDS)
                break
            except GetTimeoutError:
                if tick is not None:
                    tick()
            except RayTaskError as error:
                raise (error.cause if isinstance(error.cause, WorkerLostError) else WorkerLostError(str(error))) from None
            except RayActorError as error:
                what = type(request).__name__.lower()
                raise WorkerLostError(f"Ray lost the worker's actor during the {what}: {error}") from error
    finally:
        ray.kill(actor)
    if isinstance(request, Refit) and isinstance(reply, Refitted):
        unpack(files, Path(request.folder))
        return replace(reply, folder=request.folder)
    return reply
