"""The winner, and whether it replaces the registered model in use."""

from orchestrator.champion.contest import Contest
from orchestrator.champion.webhook import notify
from orchestrator.champion.winner import choose_winner, chosen_epochs

__all__ = [
    "Contest",
    "choose_winner",
    "chosen_epochs",
    "notify",
]
