"""Cohorts brought to supervised workers: on this machine, or as Ray Tune trials (``raytune``)."""

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.dispatch.machine import available_cpus, room_here, versions_here
from orchestrator.dispatch.protocol import Dispatcher
from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.dispatch.worker_environment import compiled_programs

__all__ = [
    "Dispatcher",
    "LocalDispatcher",
    "RayDispatcher",
    "available_cpus",
    "compiled_programs",
    "room_here",
    "versions_here",
]
