"""Cohorts as Ray Tune trials, on a Ray of our own or on a cluster. All that imports ray is here; RayDispatcher is the door.

Importing this loads no ray: that happens when a dispatcher starts.
"""

from orchestrator.dispatch.raytune.launcher import RayDispatcher

__all__ = ["RayDispatcher"]
