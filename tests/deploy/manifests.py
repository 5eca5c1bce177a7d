"""The files of deploy/ as the programs that take them would see them: parsed, rendered, interpolated."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
GPU = DEPLOY / "kubernetes" / "overlays" / "gpu"
JOBS = DEPLOY / "kubernetes" / "jobs"
COMPOSE = DEPLOY / "compose" / "compose.yaml"

Object = dict[str, Any]


def documents(path: Path) -> list[Object]:
    """Return every YAML document of a file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


def render(folder: Path) -> list[Object]:
    """Return what kustomize makes of ``folder``. It knows the keys that deploy/ uses and refuses all others."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    unknown = set(kustomization) - {"apiVersion", "kind", "namespace", "resources", "patches"}
    assert not unknown, f"{folder}: this renderer does not know {unknown}"
    objects: list[Object] = []
    for resource in kustomization["resources"]:
        path = folder / resource
        objects += render(path) if path.is_dir() else documents(path)
    for patch in kustomization.get("patches", ()):
        target = patch["target"]
        chosen = [one for one in objects if one["kind"] == target["kind"] and one["metadata"]["name"] == target["name"]]
        assert chosen, f"{folder}: nothing to patch for {target}"
        (operations,) = documents(folder / patch["path"])
        for one in chosen:
            for operation in operations:
                _add(one, operation)
    if "namespace" in kustomization:
        for one in objects:
            if one["kind"] != "Namespace":
                one["metadata"]["namespace"] = kustomization["namespace"]
    return objects


def _add(target: Object, operation: Object) -> None:
    assert operation["op"] == "add", f"this renderer does not know {operation['op']!r}"
    *way, last = operation["path"].strip("/").split("/")
    for step in way:
        target = target[step]
    assert last == "-", f"this renderer does not know {operation['path']!r}"
    assert isinstance(target, list)
    target.append(copy.deepcopy(operation["value"]))


def shipped_objects() -> list[Object]:
    """Return every Kubernetes object of deploy/, rendered."""
    return render(GPU) + [document for file in sorted(JOBS.glob("*.yaml")) for document in documents(file)]


@dataclass(frozen=True)
class Pod:
    """A pod that some object makes: who makes it, and its spec."""

    owner: str
    spec: Object

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods() -> list[Pod]:
    """Return the pods of all objects."""
    return [
        Pod(f"{one['kind']}/{one['metadata'].get('name', one['metadata'].get('generateName'))}", spec)
        for one in shipped_objects()
        for spec in _pod_specs(one["spec"] if "spec" in one else {})
    ]


def _pod_specs(value: Any) -> Iterator[Object]:
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        else:
            for inner in value.values():
                yield from _pod_specs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pod_specs(inner)


_VARIABLE = re.compile(r"\$\{(\w+)(?:(:?[-?])([^}]*))?\}|\$\$")


def compose(environment: Mapping[str, str]) -> Object:
    """Return the compose file with its variables filled in. One that has neither a value nor a default is an error."""

    def fill(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        if name is None:
            return "$"
        value = environment.get(name)
        if value is not None and (value or not (kind or "").startswith(":")):
            return value
        assert kind in ("-", ":-"), f"{COMPOSE}: {match[0]} has no default"
        return str(default)

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        if isinstance(value, str):
            filled = _VARIABLE.sub(fill, value)
            return int(filled) if filled != value and filled.isdigit() else filled
        return value

    (parsed,) = documents(COMPOSE)
    return dict(walk(parsed))


def programs() -> list[tuple[str, list[str]]]:
    """Return every command line of ray, mlflow and kerasweep in deploy/, and where it stands."""
    found = [(f"compose {name}", service["command"]) for name, service in compose({})["services"].items() if "command" in service]
    for pod in pods():
        found += [(pod.owner, container["args"]) for container in pod.containers if "args" in container]
    for one in shipped_objects():
        if one["kind"] == "RayJob":
            found.append(("RayJob", one["spec"]["entrypoint"].split()))
        if one["kind"] == "RayCluster":
            groups = [one["spec"]["headGroupSpec"], *one["spec"]["workerGroupSpecs"]]
            found += [("RayCluster", ["ray", "start", *(f"--{name}" for name in group["rayStartParams"])]) for group in groups]
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        for line in unit.read_text().splitlines():
            if line.startswith("ExecStart="):
                program, *rest = line.removeprefix("ExecStart=").split()
                found.append((unit.name, [Path(program).name, *rest]))
    return found
