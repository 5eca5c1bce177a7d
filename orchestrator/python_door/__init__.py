"""Sweeps from Python: run one on data and functions that are in memory, look at it, predict with its model."""

from orchestrator.python_door.given import check_given
from orchestrator.python_door.run import run_sweep
from orchestrator.python_door.sweep import Sweep, load_sweep

__all__ = ["Sweep", "check_given", "load_sweep", "run_sweep"]
