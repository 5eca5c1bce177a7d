"""Cohorts brought to supervised workers: on this machine, or as Ray Tune trials (``raytune``)."""

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.dispatch.machine import available_cpus, versions_here
from orchestrator.dispatch.protocol import Dispatcher
from orchestrator.dispatch.raytune import RayDispatcher

__all__ = [
    "Dispatcher",
    "LocalDispatcher",
    "RayDispatcher",
    "available_cpus",
    "versions_here",
]
