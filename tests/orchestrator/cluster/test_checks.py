"""What is said before a sweep is sent: stores that a job would lose, data that the cluster cannot read, where the cluster is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from broken_specs import BUILDER, ROWS, sound

from orchestrator.cluster import checks as submission_checks
from orchestrator.cluster.access import find_address, find_token
from orchestrator.cluster.checks import check_submission
from orchestrator.cluster.parcel import make_parcel, versions_here
from orchestrator.cluster.submitted import Submission, keep_folder_to_itself
from orchestrator.errors import AddressError, ClusterError, SubmissionError
from orchestrator.spec.files import read_mapping
from orchestrator.spec.loading import load_spec, spec_from_record

SHARED = {"ledger": "postgresql://u:secret@db/sweeps", "tracking": {"uri": "http://mlflow:5000"}}
HEAD = "http://head:8265"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("\n".join(ROWS) + "\n")
    (tmp_path / "models.py").write_text(BUILDER)
    return tmp_path


def problems(folder: Path, parts: dict[str, Any], address: str = HEAD, *, local_store: bool = False) -> dict[str, str]:
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump({**sound(), **SHARED, **parts}, sort_keys=False))
    try:
        check_submission(load_spec(file), address, local_store=local_store, written=read_mapping(file))
    except SubmissionError as error:
        return dict(error.problems)
    return {}


def test_stores_that_the_cluster_reaches_are_fine(folder: Path) -> None:
    assert problems(folder, {}) == {}


@pytest.mark.parametrize("local_store", [False, True])
def test_stores_left_out_are_files_that_a_job_would_lose(folder: Path, local_store: bool) -> None:
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump(sound(), sort_keys=False))
    with pytest.raises(SubmissionError) as caught:
        check_submission(load_spec(file), HEAD, local_store=local_store, written=read_mapping(file))
    assert [path for path, _ in caught.value.problems] == ["ledger", "tracking.uri"]
    assert str(caught.value).startswith(f"{file}: ledger: ")
    assert all("(the default)" in text for _, text in caught.value.problems)


@pytest.mark.parametrize(
    ("url", "local_store", "said"),
    [
        ("sqlite:///sweeps.db", False, "a job would lose what it writes to sqlite:///sweeps.db"),
        ("sqlite:////srv/sweeps.db", False, "and --local-store"),
        ("sqlite:///sweeps.db", True, "--local-store needs an absolute path on the head's disk"),
        ("sqlite:////srv/sweeps.db", True, None),
    ],
)
def test_sqlite_needs_local_store_and_an_absolute_path(folder: Path, url: str, local_store: bool, said: str | None) -> None:
    found = problems(folder, {"ledger": url}, local_store=local_store)
    assert list(found) == (["ledger"] if said else [])
    assert said is None or said in found["ledger"]


def test_a_local_store_ties_the_driver_to_the_head(folder: Path) -> None:
    parts = {"ledger": "sqlite:////srv/sweeps.db", "ray": {"driver": {"cpus": 1}}}
    assert "leave ray.driver out" in problems(folder, parts, local_store=True)["ledger"]


def test_mlflow_needs_a_server_for_its_files(folder: Path) -> None:
    found = problems(folder, {"tracking": {"uri": "postgresql://u:secret@db/mlflow"}})
    assert found == {
        "tracking.uri": "with a database alone, a job would lose models and pictures. "
        "Expected the http(s):// address of an MLflow server, got postgresql://u:***@db/mlflow."
    }


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_localhost_is_another_machine_on_a_cluster_elsewhere(folder: Path, host: str) -> None:
    parts = {"ledger": f"postgresql://u:secret@{host}/sweeps", "tracking": {"uri": f"http://{host}:5000"}}
    found = problems(folder, parts)
    assert list(found) == ["ledger", "tracking.uri"]
    assert "secret" not in "".join(found.values())
    assert problems(folder, parts, "http://127.0.0.1:8265") == {}


def test_a_large_data_file_is_not_shipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission_checks, "MOST_DATA_BYTES", 10)
    assert "say ship: false" in problems(folder, {})["data.path"]
    assert problems(folder, {"data": {**sound()["data"], "path": "s3://bucket/data.csv"}}) == {}


def test_files_that_are_not_on_this_machine_are_named(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / "sweep.yaml").write_text(yaml.safe_dump({**sound(), **SHARED}, sort_keys=False))
    spec = load_spec(folder / "sweep.yaml")
    (folder / "data.csv").unlink()
    with pytest.raises(SubmissionError, match=r"data\.path: expected a file that travels with the sweep, got '/") as caught:
        check_submission(spec, HEAD)
    assert "data.csv', which cannot be read on this machine (No such file or directory)." in str(caught.value)
    folder.rename(tmp_path_factory.mktemp("elsewhere") / "moved")
    with pytest.raises(SubmissionError, match=r"add the schedule again where the scheduler runs") as caught:
        check_submission(spec, HEAD)
    ((path, message),) = caught.value.problems
    assert path == "folder"
    assert f"whose Python files travel with the sweep, got {str(folder)!r}, which cannot be read on this machine" in message


def test_data_that_stays_must_be_named_so_that_every_node_finds_it(folder: Path) -> None:
    data = {**sound()["data"], "ship": False}
    assert "expected an absolute path that all nodes see" in problems(folder, {"data": data})["data.path"]
    assert problems(folder, {"data": {**data, "path": "/nowhere/to/be/seen/from/here.csv"}}) == {}
    assert problems(folder, {"data": {**data, "path": "s3://bucket/data.csv"}}) == {}


def test_the_parcel_holds_spec_code_and_data_and_reads_as_the_same_search(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (folder / ".venv").mkdir()
    (folder / ".venv" / "hidden.py").write_text("")
    (folder / "notes.txt").write_text("not shipped")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "far.csv"
    elsewhere.write_text("\n".join(ROWS) + "\n")
    ours = {**sound(), **SHARED, "data": {**sound()["data"], "path": str(elsewhere)}, "ray": {"driver": {"cpus": 1}}}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(ours, sort_keys=False))
    spec = load_spec(folder / "sweep.yaml")
    parcel = make_parcel(spec)
    assert parcel.code_bytes == len(BUILDER)
    assert parcel.data_bytes == elsewhere.stat().st_size
    there = tmp_path_factory.mktemp("there")
    parcel.write(there, "sound-manual-1-a1", "manual-1", "sweep.yaml")
    names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    assert names == {"sweep.yaml", "submission.json", "models.py", "data/far.csv"}
    arrived = load_spec(there / "sweep.yaml")
    assert arrived.identity() == spec.identity()
    assert (arrived.ray.address, arrived.ray.driver) == ("auto", None)
    assert arrived.ledger == spec.ledger
    note = Submission.read(there / "submission.json")
    assert (note.id, note.occasion, note.source, note.versions) == (
        "sound-manual-1-a1",
        "manual-1",
        "sweep.yaml",
        versions_here(),
    )


def test_a_spec_from_the_ledger_is_packed_as_well(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(yaml.safe_dump({**sound(), **SHARED}, sort_keys=False))
    spec = load_spec(folder / "sweep.yaml")
    again = spec_from_record(spec.record())
    assert make_parcel(again) == make_parcel(spec)
    check_submission(again, HEAD)


def test_a_driver_refuses_other_versions_than_its_sender_had(tmp_path: Path) -> None:
    note = Submission(id="s-manual-1-a1", occasion="manual-1", source="s.yaml", versions={"kerasweep": "0.0.1"})
    with pytest.raises(ClusterError, match=r"The cluster has kerasweep \S+ \(expected 0\.0\.1\): install the same versions"):
        note.check(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_a_driver_refuses_a_ledger_that_its_sender_has_not_written_to(tmp_path: Path) -> None:
    note = Submission(id="s-manual-1-a1", occasion="manual-1", source="s.yaml", versions=versions_here())
    with pytest.raises(ClusterError, match=r"is not the one that the sweep was submitted with: it does not know s-manual-1-a1"):
        note.check(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_workers_are_not_given_the_jobs_folder() -> None:
    environ = {
        "RAY_JOB_CONFIG_JSON_ENV_VAR": '{"runtime_env": {"working_dir": "gcs://a.zip", "env_vars": {"A": "b"}}, "metadata": {}}'
    }
    keep_folder_to_itself(environ)
    assert environ == {"RAY_JOB_CONFIG_JSON_ENV_VAR": '{"runtime_env": {"env_vars": {"A": "b"}}, "metadata": {}}'}
    nothing: dict[str, str] = {}
    keep_folder_to_itself(nothing)
    assert nothing == {}


@pytest.mark.parametrize(
    ("given", "environ", "url"),
    [
        ("http://head:8265", {}, "http://head:8265"),
        ("http://head:8265/", {"RAY_ADDRESS": "http://other:1"}, "http://head:8265"),
        ("https://ray.example.org/head", {}, "https://ray.example.org/head"),
        ("head:9000", {}, "http://head:9000"),
        ("head", {}, "http://head:8265"),
        ("auto", {}, "http://127.0.0.1:8265"),
        (None, {"RAY_ADDRESS": "http://a:1"}, "http://a:1"),
        (None, {"RAY_ADDRESS": "http://a:1", "RAY_API_SERVER_ADDRESS": "http://b:2"}, "http://b:2"),
    ],
)
def test_the_cluster_is_found(given: str | None, environ: dict[str, str], url: str) -> None:
    assert find_address(given, environ) == url


@pytest.mark.parametrize("given", ["ray://head:10001", "http://", "http://head:99999", "http://head:0", "head:x"])
def test_an_address_that_is_no_dashboard_is_refused(given: str) -> None:
    with pytest.raises(AddressError, match=r"expected the address of the cluster's dashboard, such as http://HEAD:8265, got "):
        find_address(None, {"RAY_ADDRESS": given})


def test_without_any_address_it_is_said_how_to_name_one() -> None:
    with pytest.raises(AddressError, match=r"say --address http://HEAD:8265, or set RAY_ADDRESS"):
        find_address(None, {})


def test_the_token_comes_from_the_variable_the_named_file_or_rays_own_file(tmp_path: Path) -> None:
    (tmp_path / "named").write_text("from the named file\n")
    (tmp_path / ".ray").mkdir()
    home = {"HOME": str(tmp_path)}
    assert find_token(home) is None
    (tmp_path / ".ray" / "auth_token").write_text("from ray's file\n")
    assert find_token(home) == "from ray's file"
    named = {**home, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "named")}
    assert find_token(named) == "from the named file"
    assert find_token({**named, "RAY_AUTH_TOKEN": "at once"}) == "at once"
    assert find_token({**named, "RAY_AUTH_MODE": "disabled"}) is None


@pytest.mark.parametrize("content", [None, " \n"])
def test_a_named_token_file_must_hold_one(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "token").write_text(content)
    with pytest.raises(ClusterError, match="token"):
        find_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")})
