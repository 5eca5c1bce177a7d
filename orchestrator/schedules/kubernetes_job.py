"""The Job of one night on Kubernetes: when it is tried again, how long it may take, and the pod that it makes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import INTERRUPTED, SpecError

LEAST_START_SECONDS = 10
"""A CronJob with a shorter ``startingDeadlineSeconds`` may never start: its controller looks every ten seconds."""

_CONTAINER = "kerasweep"
_JOB_NAME = "metadata.labels['batch.kubernetes.io/job-name']"  # another one every tick, the same for its retries
_RAY_TOKEN = "/run/secrets/ray"  # noqa: S105 (a folder)
_TRIES_AGAIN = 3
_DAY = 24 * 3600
_LONGEST_SECONDS = 7 * _DAY
_SUBMIT = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
_AUTO_CPUS = 4
_DRIVER_GIB = 2.0  # with its Ray
_WORKER_GIB = 1.5
_WORKERS_SHARE = 0.9  # of a machine's memory: the supervisor is to judge a worker before the kernel does


def job_spec(name: str, arguments: list[str], sweep: Mapping[str, Any], *, on_cluster: bool) -> dict[str, Any]:
    """Return the ``spec`` of the Job that runs ``kerasweep`` with ``arguments``.

    Parameters
    ----------
    name : label of its pods.
    sweep : the sweep file's content, as the ledger keeps it: its resources and its budget are asked for.
    on_cluster : whether the pod only submits the sweep and waits; else the sweep runs in it.
    """
    return {
        "backoffLimit": _TRIES_AGAIN,
        "activeDeadlineSeconds": _deadline(sweep),
        "podFailurePolicy": {"rules": _failure_rules()},
        "template": _pod(name, arguments, sweep, on_cluster=on_cluster),
    }


def _failure_rules() -> list[dict[str, Any]]:
    """A pod that its node has lost is made up for, though it ended as if stopped; what was stopped, or is wrong, stays so."""
    ends = [SpecError.exit_code, INTERRUPTED]
    return [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"containerName": _CONTAINER, "operator": "In", "values": ends}},
    ]


def _deadline(sweep: Mapping[str, Any]) -> int:
    """Return the seconds after which a Job that hangs is ended: the search's budget and a day for all else, or a week."""
    budget = sweep["budget"]["time"]
    return _LONGEST_SECONDS if budget is None else math.ceil(budget) + _DAY


def _resources(sweep: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a pod needs that runs the sweep: its workers, its driver and a Ray."""
    asked = sweep["resources"]
    cpus, gpus = asked["cpus_per_trial"], asked["gpus_per_trial"]
    workers = asked["max_concurrent"]
    if workers == "auto":
        workers = 1 if gpus else max(int(_AUTO_CPUS / cpus), 1)
    limit = asked.get("memory_per_trial")  # schedules of earlier releases lack it
    a_worker = _WORKER_GIB if limit is None else limit / 2**30 / _WORKERS_SHARE
    memory = f"{math.ceil(_DRIVER_GIB + a_worker * workers)}Gi"
    all_of_it: dict[str, Any] = {"cpu": str(math.ceil(workers * cpus)), "memory": memory}
    if gpus:
        all_of_it["nvidia.com/gpu"] = math.ceil(workers * gpus)
    return {"requests": dict(all_of_it), "limits": dict(all_of_it)}


def _pod(name: str, arguments: list[str], sweep: Mapping[str, Any], *, on_cluster: bool) -> dict[str, Any]:
    gpus = not on_cluster and sweep["resources"]["gpus_per_trial"]
    container: dict[str, Any] = {
        "name": _CONTAINER,
        "image": "kerasweep:gpu" if gpus else "kerasweep:cpu",
        "args": ["kerasweep", *arguments],
        "env": [{"name": "OCCASION", "valueFrom": {"fieldRef": {"fieldPath": _JOB_NAME}}}],
        "envFrom": [{"configMapRef": {"name": "kerasweep"}}, {"secretRef": {"name": "kerasweep"}}],
        "resources": _SUBMIT if on_cluster else _resources(sweep),
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "sweeps", "mountPath": "/sweeps", "readOnly": True}],
    }
    volumes: list[dict[str, Any]] = [{"name": "sweeps", "configMap": {"name": "sweeps"}}]
    if on_cluster:
        container["env"] += [
            {"name": "RAY_AUTH_MODE", "value": "token"},
            {"name": "RAY_AUTH_TOKEN_PATH", "value": f"{_RAY_TOKEN}/auth_token"},
        ]
        container["volumeMounts"].append({"name": "ray-token", "mountPath": _RAY_TOKEN, "readOnly": True})
        volumes.append({"name": "ray-token", "secret": {"secretName": "ray", "defaultMode": 0o440}})
    user = {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001}
    return {
        "metadata": {"labels": {"app.kubernetes.io/name": name}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {"runAsNonRoot": True, **user, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": volumes,
        },
    }
