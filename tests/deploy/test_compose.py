"""The compose file: valid for compose, closed to the outside, without passwords in it."""

from __future__ import annotations

import ipaddress
import json
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from manifests import COMPOSE, DEPLOY, compose

_SCHEMA = json.loads(files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text())


def _validate(composed: dict[str, Any]) -> None:
    validator = jsonschema.validators.validator_for(_SCHEMA)
    validator(_SCHEMA).validate({name: value for name, value in composed.items() if not name.startswith("x-")})


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return compose({})


def services(composed: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(composed["services"].items())


@pytest.mark.parametrize("environment", [{}, {"RAY_WORKERS": "7", "RAY_WORKER_CPUS": "16", "RAY_WORKER_MEMORY": "64g"}])
def test_it_is_a_compose_file_with_and_without_its_variables(environment: dict[str, str]) -> None:
    _validate(compose(environment))


def test_its_variables_are_heard() -> None:
    assert compose({})["services"]["ray-worker"]["deploy"]["replicas"] == 2
    assert compose({"RAY_WORKERS": "7"})["services"]["ray-worker"]["deploy"]["replicas"] == 7


@pytest.mark.parametrize(
    "path", [("services", "mlflow", "comand"), ("services", "mlflow", "deploy", "limits"), ("secrets", "ray_token", "fil")]
)
def test_the_check_refuses_a_misspelt_key(composed: dict[str, Any], path: tuple[str, ...]) -> None:
    broken = json.loads(json.dumps(composed))
    *way, last = path
    target = broken
    for step in way:
        target = target[step]
    target[last] = []
    with pytest.raises(jsonschema.ValidationError):
        _validate(broken)


def test_only_loopback_is_published(composed: dict[str, Any]) -> None:
    published = [port for _, service in services(composed) for port in service.get("ports", ())]
    assert published
    for port in published:
        assert ipaddress.ip_address(port.split(":")[0]).is_loopback, port
    assert not [name for name, service in services(composed) if "network_mode" in service]


def test_every_service_is_held_down_and_limited(composed: dict[str, Any]) -> None:
    for name, service in services(composed):
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert service["healthcheck"]["test"], name
        assert not service.get("privileged"), name


def test_what_is_referred_to_exists(composed: dict[str, Any]) -> None:
    for name, service in services(composed):
        assert set(service.get("secrets", ())) <= set(composed["secrets"]), name
        assert set(service["networks"]) <= set(composed["networks"]), name
        assert set(service.get("depends_on", ())) <= set(composed["services"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (COMPOSE.parent / source).is_dir() if source.startswith(".") else source in composed["volumes"], volume
        for variable, value in service.get("environment", {}).items():
            if str(value).startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in service["secrets"], f"{name}: {variable}"


def test_passwords_are_files_that_git_does_not_keep(composed: dict[str, Any]) -> None:
    for secret in composed["secrets"].values():
        assert secret["file"].startswith("./secrets/")
    assert "secrets/" in (COMPOSE.parent / ".gitignore").read_text().split()
    for name, service in services(composed):
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in ("PASSWORD", "TOKEN", "SECRET")):
                assert str(value).startswith("/run/secrets/"), f"{name}: {variable}"


def test_ray_asks_for_a_token_and_mlflow_for_a_password(composed: dict[str, Any]) -> None:
    for name in ("ray-head", "ray-worker", "scheduler"):
        assert composed["services"][name]["environment"]["RAY_AUTH_MODE"] == "token"
    mlflow = composed["services"]["mlflow"]
    assert "--app-name=basic-auth" in mlflow["command"]
    (hosts,) = [one.partition("=")[2].split(",") for one in mlflow["command"] if one.startswith("--allowed-hosts")]
    assert "*" not in hosts
    assert composed["services"]["ray-head"]["environment"]["MLFLOW_TRACKING_URI"].removeprefix("http://") in hosts
    assert mlflow["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert composed["networks"]["stores"] == {"internal": True}
    assert composed["services"]["postgres"]["networks"] == ["stores"]


def test_health_is_asked_at_the_port_that_is_listened_on(composed: dict[str, Any]) -> None:
    (port,) = [one.partition("=")[2] for one in composed["services"]["scheduler"]["command"] if one.startswith("--port")]
    assert f"127.0.0.1:{port}/healthz" in composed["services"]["scheduler"]["healthcheck"]["test"][-1]


def test_the_readme_makes_every_secret(composed: dict[str, Any]) -> None:
    (line,) = [line for line in (DEPLOY / "README.md").read_text().splitlines() if line.startswith("for name in ")]
    assert set(line.partition(";")[0].split()[3:]) == set(composed["secrets"])


def test_the_image_is_built_from_a_target_that_is_there(composed: dict[str, Any]) -> None:
    stages = [line.split()[-1] for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("FROM")]
    for name, service in services(composed):
        if "build" in service:
            build = service["build"]
            assert build["target"] in stages, name
            assert ((COMPOSE.parent / build["context"]) / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
