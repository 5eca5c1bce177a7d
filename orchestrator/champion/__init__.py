"""The winner, and whether it replaces the registered model in use."""

from orchestrator.champion.crowning import Crowning
from orchestrator.champion.earlier import make_up_earlier
from orchestrator.champion.webhook import notify

__all__ = [
    "Crowning",
    "make_up_earlier",
    "notify",
]
