"""The commands that begin and continue sweeps: which occasion, and in which ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from broken_specs import BUILDER, sound, table
from click.testing import CliRunner, Result
from fake_jobs import FakeJobs

from orchestrator.cli import cluster as cli_cluster
from orchestrator.cli.root import main
from orchestrator.cluster.jobs import JobState
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.search.trials import SweepState
from orchestrator.spec.loading import load_spec

TICK = "nightly-29384920"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger; a sweep file that names another one is in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERASWEEP_LEDGER", raising=False)
    (tmp_path / "data.csv").write_text(table(30))
    (tmp_path / "models.py").write_text(BUILDER)
    own = {"ledger": f"sqlite:///{tmp_path / 'of_the_file.db'}", "tracking": {"uri": "http://mlflow:5000"}}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sound() | own, sort_keys=False))
    return f"sqlite:///{tmp_path / 'nights.db'}"


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    jobs = FakeJobs()
    monkeypatch.setattr(cli_cluster, "_connect", lambda address: jobs)
    monkeypatch.setenv("RAY_ADDRESS", jobs.address)
    return jobs


@pytest.fixture
def night(url: str, jobs: FakeJobs) -> Callable[..., Result]:
    """A submit of a tick whose driver takes the sweep up at once, so that nothing is waited for."""

    def submit(occasion: str, state: SweepState | None, end: JobState, *arguments: str) -> Result:
        send = jobs.send

        def drive(job: object) -> None:
            send(job)  # type: ignore[arg-type]
            with Ledger(url) as ledger:
                row = ledger.sweep("sound", occasion)
                driven = ledger.claim_sweep("sound", row.spec, None, Owner("head", 1), 60.0, occasion=occasion)
                if state is not None:
                    ledger.finish_sweep(driven, state)
            jobs.end(jobs.sent[-1].id, end)

        jobs.send = drive  # type: ignore[method-assign]
        try:
            words = ["submit", "sweep.yaml", "--local-store", "--ledger", url, "--occasion", occasion, "--wait", *arguments]
            return CliRunner().invoke(main, words)
        finally:
            jobs.send = send  # type: ignore[method-assign]

    return submit


def test_a_retry_of_a_tick_continues_it_and_ends_at_once_when_it_is_complete(
    night: Callable[..., Result], jobs: FakeJobs, url: str
) -> None:
    assert night(TICK, SweepState.FAILED, JobState.FAILED).exit_code == 1
    assert night(TICK, SweepState.COMPLETED, JobState.SUCCEEDED).exit_code == 0
    again = night(TICK, None, JobState.FAILED)
    assert (again.exit_code, again.stdout) == (0, f"sound/{TICK} is COMPLETED already; nothing is sent.\n")
    assert json.loads(night(TICK, None, JobState.FAILED, "--json").stdout)["state"] == "COMPLETED"
    assert [job.id for job in jobs.sent] == [f"sound-{TICK}-a1", f"sound-{TICK}-a2"]


def test_the_next_tick_is_another_occasion_whatever_became_of_the_last(
    night: Callable[..., Result], jobs: FakeJobs, url: str
) -> None:
    night(TICK, SweepState.FAILED, JobState.FAILED)
    with Ledger(url) as ledger:  # its data was another
        ledger.set_identity(
            ledger.claim_sweep("sound", {}, None, Owner("head", 1), 60.0, occasion=TICK), {"fingerprint": "of yesterday"}
        )
    assert night("nightly-29386360", SweepState.COMPLETED, JobState.SUCCEEDED).exit_code == 0
    assert jobs.sent[-1].occasion == "nightly-29386360"


def test_the_ledger_of_the_command_line_or_the_environment_wins_over_the_file(
    night: Callable[..., Result], jobs: FakeJobs, url: str, tmp_path: Path
) -> None:
    night(TICK, SweepState.COMPLETED, JobState.SUCCEEDED)
    assert yaml.safe_load(jobs.parcels[f"sound-{TICK}-a1"]["sweep.yaml"])["ledger"] == url
    planned = CliRunner().invoke(main, ["plan", "sweep.yaml", "--json"], env={"KERASWEEP_LEDGER": url})
    assert planned.exit_code == 0, planned.output
    assert not (tmp_path / "of_the_file.db").exists()
    with Ledger(url) as ledger:
        busy = ledger.claim_sweep("sound", {}, None, Owner("another host", 1), 60.0, occasion="2026-11-20T02:00Z")
    refused = CliRunner().invoke(main, ["run", "sweep.yaml", "--occasion", busy.occasion], env={"KERASWEEP_LEDGER": url})
    assert refused.exit_code == 1
    assert "is driven by pid 1 on host 'another host'" in refused.stderr


def test_without_a_cluster_stop_names_the_driver(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    with Ledger(url) as ledger:
        ledger.claim_sweep("sound", {}, None, Owner("vm", 4711), 60.0)
    driven = CliRunner().invoke(main, ["stop", "sound", "--ledger", url])
    assert driven.exit_code == 2
    assert "sound/manual-1 is driven by vm (pid 4711), and no cluster is named. End that process by SIGTERM" in driven.stderr
    unknown = CliRunner().invoke(main, ["stop", "another", "--ledger", url])
    assert (unknown.exit_code, "No cluster is named" in unknown.stderr) == (2, True)


def test_a_sweep_is_resumed_in_the_ledger_where_it_is_found(url: str, tmp_path: Path) -> None:
    spec = load_spec("sweep.yaml")
    with Ledger(url) as ledger:
        ledger.claim_sweep("sound", spec.record(), spec.identity(), Owner("another host", 1), 60.0)
    refused = CliRunner().invoke(main, ["resume", "sound", "--ledger", url])
    assert refused.exit_code == 1
    assert "is driven by pid 1 on host 'another host'" in refused.stderr
    assert not (tmp_path / "of_the_file.db").exists()


def test_a_submitted_driver_keeps_to_the_ledger_of_its_sender(url: str, tmp_path: Path) -> None:
    note = {"id": "sound-manual-1-a1", "occasion": "manual-1", "source": "sweep.yaml", "versions": {}}
    (tmp_path / "submission.json").write_text(json.dumps(note))
    words = ["run", "sweep.yaml", "--occasion", "manual-1", "--submission", "submission.json"]
    result = CliRunner().invoke(main, words, env={"KERASWEEP_LEDGER": url})
    assert "of_the_file.db that the driver finds here is not the one" in result.stderr
    assert not (tmp_path / "nights.db").exists()


@pytest.mark.parametrize("command", ["run", "submit"])
def test_an_occasion_without_a_name_is_refused(command: str) -> None:
    result = CliRunner().invoke(main, [command, "sweep.yaml", "--occasion", ""])
    assert result.exit_code == 2
    assert "or 'now' for one of its own, got ''." in " ".join(result.stderr.split())
    both = CliRunner().invoke(main, [command, "sweep.yaml", "--occasion", "now", "--new"])
    assert both.exit_code == 2
    assert "Say --new or --occasion, not both" in both.stderr
