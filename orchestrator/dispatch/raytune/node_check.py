"""Before the first trial, a look from every node of a cluster: are its versions the same, and can the sweep's data be read?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.dispatch.machine import versions_here
from orchestrator.dispatch.raytune.plan import WorkerPlan
from orchestrator.errors import ClusterError

NODE_SECONDS = 120.0
"""How long all nodes together may take: each may have to start a process and to fetch the data."""

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one node sees: its versions, the size of the data file in bytes if there is one to look at, and what went wrong."""

    versions: Mapping[str, str]
    size: int | None = None
    problem: str | None = None


def check_nodes(plan: WorkerPlan, data: str | None, tick: Callable[[], None] | None = None) -> int:
    """Look around on every node that has room for a worker, and return how many there are.

    Parameters
    ----------
    data : an absolute path or a URL that every node must be able to read; None: the data comes with the plan.
    tick : called at least twice a second; what it raises comes out here.

    Raises
    ------
    ClusterError : naming every node where something is missing, and what.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0.0) >= plan.cpus]
    looks = [_look_from(node["NodeID"], plan, data) for node in nodes]
    deadline = time.monotonic() + NODE_SECONDS
    waiting = looks
    while waiting and time.monotonic() < deadline:
        waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_PAUSE_SECONDS)[1]
        if tick is not None:
            tick()
    reports = {_name(node): _report(look) for node, look in zip(nodes, looks, strict=True)}
    if lines := disagreements(reports, versions_here(), data):
        shown = "\n".join(f"  {line}" for line in lines)
        raise ClusterError(f"ray.address: {len(lines)} of the cluster's {len(nodes)} nodes cannot take part:\n{shown}")
    return len(nodes)


def disagreements(reports: Mapping[str, Report], versions: Mapping[str, str], data: str | None) -> list[str]:
    """Return a line for every node whose report keeps it from taking part.

    Parameters
    ----------
    reports : by the node's name; the first one's size is the measure for the others.
    versions : the driver's.
    """
    lines: list[str] = []
    size = next((report.size for report in reports.values() if report.size is not None), None)
    for name, report in reports.items():
        other = [f"{package} {found}" for package, found in report.versions.items() if found != versions.get(package)]
        if report.problem is not None:
            lines.append(f"{name}: {report.problem}")
        elif other:
            wanted = ", ".join(f"{package} {versions[package]}" for package in versions)
            lines.append(f"{name}: has {', '.join(other)}, the driver has {wanted}; use one image for all nodes.")
        elif report.size != size:
            lines.append(
                f"{name}: {data!r} has {report.size} bytes there, and {size} on other nodes; it must be one shared file."
            )
    return lines


def look_around(plan: WorkerPlan, data: str | None) -> Report:
    """Run on a node: open the staged data as a worker would, and the data file if it is to be read in its place."""
    from trainers.staging import check_staged

    try:
        check_staged(plan.settings_here())
    except Exception as error:
        return Report(versions=versions_here(), problem=f"the staged data cannot be opened: {_said(error)}")
    try:
        return Report(versions=versions_here(), size=None if data is None else readable_bytes(data))
    except Exception as error:
        return Report(
            versions=versions_here(),
            problem=f"data.path {data!r} cannot be read: {_said(error)}; put it on a file system or URL that all nodes reach.",
        )


def readable_bytes(data: str) -> int:
    """Return the size of a file that can be opened and read, by path or URL. Raises what the file system raises."""
    import fsspec

    files, path = fsspec.core.url_to_fs(data)
    with files.open(path, "rb") as file:
        file.read(1)
    return int(files.size(path) or 0)


def _look_from(node: str, plan: WorkerPlan, data: str | None) -> Any:
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(look_around).options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote(plan, data)


def _report(look: Any) -> Report:
    try:
        report: Report = ray.get(look, timeout=_PAUSE_SECONDS)
        return report
    except GetTimeoutError:
        return Report(versions={}, problem=f"has not answered within {NODE_SECONDS:.0f} s.")
    except RayError as error:  # no kerasweep there, or the node was lost meanwhile
        return Report(versions={}, problem=f"kerasweep could not run there: {_said(error)}")


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, node {node['NodeID'][:8]})"


def _said(error: BaseException) -> str:
    """Return the last line of an error, where the cause stands in what Ray passes on."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__
