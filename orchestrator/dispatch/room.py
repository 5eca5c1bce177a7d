"""Is there, or could there be, a place that has what one trial asks for? Else the sweep would wait without end."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.dispatch.machine import available_cpus, available_gpus
from orchestrator.errors import ResourcesError

Share = tuple[float, float]
"""CPU cores and GPUs."""


def check_machine(cpus: float, gpus: float) -> None:
    """Raise ``ResourcesError`` when this machine lacks what a trial asks for."""
    check_room((cpus, gpus), [(available_cpus(), available_gpus() if gpus else 0)], "this machine")


def check_room(asked: Share, nodes: Sequence[Share], where: str, advice: str = "") -> None:
    """Raise ``ResourcesError`` when no node has what a trial asks for, even if it were idle.

    Parameters
    ----------
    nodes : what each node has in all.
    where : names the place, for the message.
    advice : what to do instead of asking for less, if there is anything.
    """
    if any(node[0] + 1e-9 >= asked[0] and node[1] + 1e-9 >= asked[1] for node in nodes):
        return
    largest = max(nodes, key=lambda node: (min(node[1], asked[1]), node[0]), default=(0.0, 0.0))
    keys = "resources.gpus_per_trial" if asked[1] > largest[1] else "resources.cpus_per_trial"
    what = "" if where == "this machine" else "the largest node of "
    raise ResourcesError(
        f"{keys}: a trial asks for {_said(asked)}, {what}{where} has {_said(largest, asked[1] > 0)}. Ask for less{advice}."
    )


def _said(share: Share, gpus: bool = False) -> str:
    cpus = f"{share[0]:g} CPU core{'s' * (share[0] != 1)}"
    return f"{cpus} and {share[1]:g} GPU{'s' * (share[1] != 1)}" if share[1] or gpus else cpus
