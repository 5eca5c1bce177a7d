"""The Kubernetes objects: valid for Kubernetes and KubeRay, with unknown keys refused; held down, limited, without passwords."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from manifests import BASE, COMPOSE, DEPLOY, GPU, Object, Pod, compose, documents, pods, render, shipped_objects
from referencing import Registry, Resource

_VERSIONS = ("1.34", "1.37")
_SCHEMA = yaml.safe_load((Path(__file__).parent / "kuberay.schema.yaml").read_text())


def _validate(one: Object, kubernetes: str) -> None:
    if one["apiVersion"].startswith("ray.io/"):
        folder = files("kubernetes_validate").joinpath(f"kubernetes-json-schema/v{kubernetes}.0-local-strict")
        definitions = Resource.from_contents(json.loads(folder.joinpath("_definitions.json").read_text()))
        registry: Registry[Any] = definitions @ Registry()
        jsonschema.Draft202012Validator(_SCHEMA, registry=registry).validate(one)
    else:
        kubernetes_validate.validate(one, kubernetes, strict=True)


def name_of(one: Object) -> str:
    return f"{one['kind']}/{one['metadata'].get('name', one['metadata'].get('generateName'))}"


OBJECTS = shipped_objects()
PODS = pods()


@pytest.mark.parametrize("kubernetes", _VERSIONS)
@pytest.mark.parametrize("one", OBJECTS, ids=name_of)
def test_objects_are_valid_and_hold_no_unknown_key(one: Object, kubernetes: str) -> None:
    _validate(one, kubernetes)


def _misspell(one: Object, way: tuple[str | int, ...]) -> Object:
    broken = copy.deepcopy(one)
    target: Any = broken
    for step in way:
        target = target[step]
    target["mispelt"] = True
    return broken


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        ("RayCluster", ("spec",)),
        ("RayCluster", ("spec", "authOptions")),
        ("RayCluster", ("spec", "autoscalerOptions")),
        ("RayCluster", ("spec", "headGroupSpec")),
        ("RayCluster", ("spec", "workerGroupSpecs", 1)),
        ("RayCluster", ("spec", "workerGroupSpecs", 1, "template", "spec", "containers", 0)),
        ("RayJob", ("spec",)),
        ("CronJob", ("spec", "jobTemplate", "spec", "template", "spec")),
        ("Deployment", ("spec",)),
    ],
)
def test_the_check_refuses_an_unknown_key(kind: str, way: tuple[str | int, ...]) -> None:
    one = next(one for one in OBJECTS if one["kind"] == kind)
    with pytest.raises(jsonschema.ValidationError):
        _validate(_misspell(one, way), _VERSIONS[-1])


def test_the_check_refuses_a_wrong_value() -> None:
    cluster = copy.deepcopy(next(one for one in OBJECTS if one["kind"] == "RayCluster"))
    cluster["spec"]["authOptions"]["mode"] = "password"
    with pytest.raises(jsonschema.ValidationError):
        _validate(cluster, _VERSIONS[-1])


@pytest.mark.parametrize("folder", [BASE, GPU], ids=lambda folder: folder.name)
def test_kustomize_renders_the_same(folder: Path, tmp_path: Path) -> None:
    rendered = render(folder)
    if shutil.which("kubectl"):
        done = subprocess.run(
            ["kubectl", "kustomize", folder],
            capture_output=True,
            text=True,
            env={**os.environ, "HOME": str(tmp_path)},
            check=True,
        )
        theirs = [one for one in yaml.safe_load_all(done.stdout) if one]
        assert sorted(theirs, key=name_of) == sorted(rendered, key=name_of)
    shipped = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(documents(BASE / "kustomization.yaml")[0]["resources"]) == shipped
    assert len({name_of(one) for one in rendered}) == len(rendered)


def test_the_overlay_adds_one_group_of_gpus() -> None:
    def groups(folder: Path) -> list[Object]:
        (cluster,) = [one for one in render(folder) if one["kind"] == "RayCluster"]
        return list(cluster["spec"]["workerGroupSpecs"])

    (cpu,) = groups(BASE)
    also_cpu, gpu = groups(GPU)
    assert also_cpu == cpu
    (container,) = gpu["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container["image"] == "kerasweep:gpu"
    (beside,) = cpu["template"]["spec"]["containers"]
    assert {**container, "image": beside["image"], "resources": beside["resources"]} == beside


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.owner)
def test_pods_keep_to_the_restricted_standard(pod: Pod) -> None:
    security = pod.spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)
    assert not [volume for volume in pod.spec.get("volumes", ()) if "hostPath" in volume]
    for container in pod.containers:
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("pod", PODS, ids=lambda pod: pod.owner)
def test_pods_say_what_they_need_and_whether_they_live(pod: Pod) -> None:
    for container in pod.containers:
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"])
        assert {"cpu", "memory"} <= set(resources["limits"])
        if not pod.owner.startswith("CronJob"):  # it ends by itself
            assert "livenessProbe" in container
    if pod.owner.startswith("RayCluster"):
        assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
        assert pod.spec.get("restartPolicy", "Never") == "Never"  # what Ray's autoscaler asks for


def test_only_the_ray_head_may_speak_to_kubernetes() -> None:
    with_token = [pod.spec["containers"][0]["name"] for pod in PODS if pod.spec.get("automountServiceAccountToken", True)]
    assert with_token == ["ray-head"]


def test_passwords_are_references() -> None:
    secrets = {"kerasweep", "mlflow", "ray"}
    assert "Secret" not in {one["kind"] for one in OBJECTS}
    for pod in PODS:
        for container in pod.containers:
            for variable in container.get("env", ()):
                if any(word in variable["name"] for word in ("PASSWORD", "SECRET")):
                    assert variable["valueFrom"]["secretKeyRef"]["name"] in secrets
            for source in container.get("envFrom", ()):
                assert source.get("secretRef", source.get("configMapRef"))["name"] == "kerasweep"
        for volume in pod.spec.get("volumes", ()):
            assert volume.get("secret", {"secretName": "ray"})["secretName"] in secrets
    readme = (DEPLOY / "README.md").read_text()
    for name in secrets:
        assert f"create secret generic {name} " in readme


def test_volumes_and_config_maps_are_there_or_in_the_readme() -> None:
    made = {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "ConfigMap"}
    claims = {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "PersistentVolumeClaim"}
    by_hand = {name for name in ("sweeps",) if f"create configmap {name} " in (DEPLOY / "README.md").read_text()}
    for pod in PODS:
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
        for container in pod.containers:
            mounted = {mount["name"] for mount in container.get("volumeMounts", ())}
            assert mounted <= set(volumes) | ({"data"} if pod.owner == "StatefulSet/postgres" else set())
        for volume in volumes.values():
            assert volume.get("configMap", {"name": "sweeps"})["name"] in made | by_hand
            assert volume.get("persistentVolumeClaim", {"claimName": "mlflow-artifacts"})["claimName"] in claims


def test_nothing_reaches_in_from_outside() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in OBJECTS if one["kind"] == "NetworkPolicy"}
    assert policies["namespace-only"] == {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {}}]}],
    }
    (operator,) = policies["operator-to-ray-head"]["ingress"]
    assert [port["port"] for port in operator["ports"]] == [8265]
    assert "egress" not in policies["postgres-answers-only"]
    assert not [one for one in OBJECTS if one["kind"] == "Ingress"]
    assert not [one for one in OBJECTS if one["kind"] == "Service" and one["spec"].get("type", "ClusterIP") != "ClusterIP"]


def test_services_lead_to_pods_and_addresses_to_services() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in OBJECTS if one["kind"] in ("Deployment", "StatefulSet")]
    services = {one["metadata"]["name"]: one["spec"] for one in OBJECTS if one["kind"] == "Service"}
    for name, service in services.items():
        assert [one for one in labels if service["selector"].items() <= one.items()], name
    (stores,) = [one["data"] for one in OBJECTS if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "kerasweep"]
    (cluster,) = [one for one in OBJECTS if one["kind"] == "RayCluster"]
    assert stores["RAY_API_SERVER_ADDRESS"] == f"http://{cluster['metadata']['name']}-head-svc:8265"
    assert stores["MLFLOW_TRACKING_URI"] == f"http://mlflow:{services['mlflow']['ports'][0]['port']}"
    assert "@postgres/" in stores["KERASWEEP_LEDGER"]
    assert "postgres" in services


def test_a_sweep_runs_unchanged_on_compose_and_kubernetes() -> None:
    (stores,) = [one["data"] for one in OBJECTS if one["kind"] == "ConfigMap" and one["metadata"]["name"] == "kerasweep"]
    beside = compose({})["services"]["ray-head"]["environment"]
    for name in ("KERASWEEP_LEDGER", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME"):
        assert beside[name] == stores[name], COMPOSE
    (sweep,) = documents(DEPLOY / "schedules" / "nightly.yaml")
    assert sweep["ledger"] == stores["KERASWEEP_LEDGER"]
    assert sweep["tracking"]["uri"] == stores["MLFLOW_TRACKING_URI"]


def test_a_nightly_sweep_asks_for_more_workers_than_the_first_node_holds() -> None:
    (cluster,) = [one for one in OBJECTS if one["kind"] == "RayCluster"]
    (group,) = [group for group in cluster["spec"]["workerGroupSpecs"] if group["groupName"] == "cpu"]
    (container,) = group["template"]["spec"]["containers"]
    (sweep,) = documents(DEPLOY / "schedules" / "nightly.yaml")
    assert group["minReplicas"] == 0, "auto would count no node"
    cpus = int(container["resources"]["limits"]["cpu"])
    assert cpus < sweep["resources"]["max_concurrent"] <= cpus * group["maxReplicas"]


def test_a_nightly_job_never_runs_beside_itself() -> None:
    (nightly,) = [one["spec"] for one in OBJECTS if one["kind"] == "CronJob"]
    (sweep,) = documents(DEPLOY / "schedules" / "nightly.yaml")
    assert nightly["concurrencyPolicy"] == "Forbid"
    assert (nightly["schedule"], nightly["timeZone"]) == (sweep["schedule"]["cron"], sweep["schedule"]["timezone"])
    assert f"{nightly['startingDeadlineSeconds'] // 3600}h" == sweep["schedule"]["catch_up"]


def test_every_nightly_job_is_an_occasion_of_its_own_and_its_retries_are_the_same() -> None:
    (nightly,) = [one["spec"] for one in OBJECTS if one["kind"] == "CronJob"]
    (container,) = nightly["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][-2:] == ["--occasion", "$(OCCASION)"]
    (source,) = [one["valueFrom"] for one in container["env"] if one["name"] == "OCCASION"]
    assert source == {"fieldRef": {"fieldPath": "metadata.labels['batch.kubernetes.io/job-name']"}}


def test_a_nightly_job_is_tried_again_after_a_lost_pod_but_not_after_a_stop_or_bad_input() -> None:
    (nightly,) = [one["spec"]["jobTemplate"]["spec"] for one in OBJECTS if one["kind"] == "CronJob"]
    (container,) = nightly["template"]["spec"]["containers"]
    lost, ended = nightly["podFailurePolicy"]["rules"]  # in this order: a driver that is preempted ends with 130 too
    assert lost == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert ended["action"] == "FailJob"
    assert ended["onExitCodes"] == {"containerName": container["name"], "operator": "In", "values": [2, 130]}
    assert nightly["template"]["spec"]["restartPolicy"] == "Never"
    (sweep,) = documents(DEPLOY / "schedules" / "nightly.yaml")
    assert f"{nightly['activeDeadlineSeconds'] // 3600 - 24}h" == sweep["budget"]["time"], "and a day for all that is no search"


def test_the_cluster_runs_the_version_of_ray_that_is_installed() -> None:
    (cluster,) = [one for one in OBJECTS if one["kind"] == "RayCluster"]
    assert cluster["spec"]["rayVersion"] == version("ray")
    assert f"ray=={version('ray')}" in (DEPLOY / "constraints.txt").read_text().split()
