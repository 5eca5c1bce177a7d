"""Cohorts brought to supervised workers: on this machine, or as Ray Tune trials (``raytune``)."""

from orchestrator.dispatch.local import Dispatcher, LocalDispatcher
from orchestrator.dispatch.machine import available_cpus, room_here, versions_here
from orchestrator.dispatch.raytune import RayDispatcher

__all__ = [
    "Dispatcher",
    "LocalDispatcher",
    "RayDispatcher",
    "available_cpus",
    "room_here",
    "versions_here",
]
