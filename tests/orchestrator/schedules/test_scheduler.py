"""The commands of schedules, and schedules in the words of systemd and Kubernetes."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from broken_specs import BUILDER, ROWS, sound
from click.testing import CliRunner, Result

from orchestrator.cli.root import main
from orchestrator.errors import SpecError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FiringState, ScheduleRow
from orchestrator.occasion_names import occasion_of
from orchestrator.schedules.due_times import due_between, due_times
from orchestrator.schedules.emission import calendar_events, cronjob, systemd_units
from orchestrator.search.trials import SweepState


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data.csv").write_text("\n".join(ROWS) + "\n")
    (tmp_path / "models.py").write_text(BUILDER)
    (tmp_path / "plain.yaml").write_text(yaml.safe_dump(sound()))
    night = sound() | {"schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}}
    (tmp_path / "nightly.yaml").write_text(yaml.safe_dump(night))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERASWEEP_LEDGER", raising=False)
    return tmp_path


@pytest.fixture
def ledger(folder: Path) -> Iterator[Ledger]:
    with Ledger("sqlite:///kerasweep.db") as opened:
        yield opened


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["schedule", *arguments])


def answer(*arguments: str) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# --- commands -----------------------------------------------------------------------------------------------------------------


def test_a_schedule_is_added_as_the_sweep_file_says(folder: Path) -> None:
    record = answer("add", "nightly", "nightly.yaml")
    assert {key: record[key] for key in ("name", "sweep", "cron", "timezone", "overlap", "catch_up", "paused")} == {
        "name": "nightly",
        "sweep": "sound",
        "cron": "0 2 * * *",
        "timezone": "Europe/Berlin",
        "overlap": "forbid",
        "catch_up": 12 * 3600,
        "paused": False,
    }
    assert record["file"] == str(folder / "nightly.yaml")
    assert answer("show", "nightly") == record
    assert answer("list") == [record]


def test_the_command_line_wins_over_the_file(folder: Path) -> None:
    arguments = ("--cron", "*/5 * * * *", "--overlap", "queue", "--catch-up", "90m", "--timezone", "UTC")
    record = answer("add", "often", "nightly.yaml", *arguments)
    assert (record["cron"], record["overlap"], record["catch_up"]) == ("*/5 * * * *", "queue", 5400)
    assert (record["timezone"], record["address"], record["local_store"]) == ("UTC", None, False)


def test_a_schedule_of_a_cluster_is_checked_when_it_is_added(folder: Path) -> None:
    refused = call("add", "nightly", "nightly.yaml", "--address", "http://head:8265")
    assert refused.exit_code == 2
    assert "nightly.yaml: ledger: a job would lose what it writes to 'sqlite:///" in refused.stderr
    assert "(the default)" in refused.stderr
    assert not (folder / "kerasweep.db").exists()
    sweep = yaml.safe_load((folder / "nightly.yaml").read_text()) | {"tracking": {"uri": "http://mlflow:5000"}}
    (folder / "nightly.yaml").write_text(yaml.safe_dump(sweep))
    ledger = f"sqlite:///{folder / 'head.db'}"
    record = answer("add", "nightly", "nightly.yaml", "--address", "http://head:8265", "--ledger", ledger, "--local-store")
    assert (record["address"], record["local_store"]) == ("http://head:8265", True)
    assert yaml.safe_load(call("emit", "nightly", "--cronjob", "--ledger", ledger).stdout)["kind"] == "CronJob"


def test_a_schedule_keeps_its_sweeps_in_the_ledger_that_is_named(folder: Path) -> None:
    answer("add", "nightly", "plain.yaml", "--cron", "0 2 * * *", "--ledger", "sqlite:///other.db")
    assert answer("list", "--ledger", "sqlite:///other.db")[0]["name"] == "nightly"
    with Ledger("sqlite:///other.db") as other:
        assert other.schedules.get("nightly").spec["sweep"]["ledger"] == f"sqlite:///{folder / 'other.db'}"
    assert not (folder / "kerasweep.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nightly", "plain.yaml"), "plain.yaml: schedule: nothing says when it is due; write schedule:"),
        (("nightly", "plain.yaml", "--cron", "0 25 * * *"), "schedule.cron: expected five fields"),
        (("nightly", "nightly.yaml", "--overlap", "maybe"), "schedule.overlap: "),
        (("nightly", "nightly.yaml", "--catch-up", "soon"), "schedule.catch_up: expected a length of time"),
        (("nightly", "nightly.yaml", "--timezone", "Europe/Berlni"), "did you mean 'Europe/Berlin'?"),
        (("a/b", "nightly.yaml"), "expected a name of letters, digits"),
        (("nightly", "missing.yaml"), "no such file"),
    ],
)
def test_a_schedule_with_mistakes_is_not_added(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    result = call("add", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (folder / "kerasweep.db").exists()


@pytest.mark.parametrize("command", ["show", "pause", "resume", "remove", "run-now", "next", "history"])
def test_a_schedule_that_is_not_there_is_named(ledger: Ledger, command: str) -> None:
    answer("add", "nightly", "nightly.yaml")
    result = call(command, "nigthly")
    assert result.exit_code == 2
    assert "has no schedule 'nigthly'. Near to it: 'nightly'." in result.stderr


def test_pause_resume_and_remove(ledger: Ledger) -> None:
    answer("add", "nightly", "nightly.yaml")
    assert "kerasweep schedule resume nightly" in call("pause", "nightly").stdout
    assert answer("show", "nightly")["paused"]
    assert "paused" in call("list").stdout
    assert call("resume", "nightly").exit_code == 0
    assert not answer("show", "nightly")["paused"]
    assert call("remove", "nightly").exit_code == 0
    assert answer("list") == []
    assert "No schedules yet" in call("list").stdout


def test_next_due_times_are_shown_in_both_zones(ledger: Ledger) -> None:
    answer("add", "nightly", "nightly.yaml")
    times = answer("next", "nightly", "-n", "3")
    now = datetime.now(UTC).timestamp()
    expected = [occasion_of(due) for due, _ in zip(due_times("0 2 * * *", "Europe/Berlin", now), range(3), strict=False)]
    assert times == expected
    lines = call("next", "nightly").stdout.splitlines()
    assert len(lines) == 5
    assert " 02:00 CE" in lines[0]
    assert lines[0].endswith(times[0])


def test_the_history_says_what_became_of_due_times_and_sweeps(ledger: Ledger) -> None:
    answer("add", "nightly", "nightly.yaml")
    assert "has not been due yet" in call("history", "nightly").stdout
    owner, occasion = Owner("here", 1), "2026-11-20T01:00Z"
    due = int(datetime(2026, 11, 20, 1, tzinfo=UTC).timestamp())
    claim = ledger.firings.claim("nightly", due, owner, 60)
    assert claim is not None
    ledger.firings.name_submission(claim, occasion, f"sound-{occasion}-a1", 60)
    ledger.firings.finish(claim, FiringState.FIRED)
    ledger.finish_sweep(ledger.claim_sweep("sound", {}, None, owner, 60, occasion=occasion), SweepState.FAILED, "no data")
    ledger.firings.miss("nightly", [due - 86400], "too late")
    fired, missed = answer("history", "nightly")
    assert (fired["due"], fired["state"], fired["sweep"]) == (occasion, "FIRED", "FAILED")
    assert fired["submission"] == f"sound-{occasion}-a1"
    assert (missed["due"], missed["state"], missed["sweep"], missed["message"]) == (
        "2026-11-19T01:00Z",
        "MISSED",
        None,
        "too late",
    )
    assert len(answer("history", "nightly", "-n", "1")) == 1
    call("remove", "nightly")
    assert "too late" in call("history", "nightly").stdout, "history outlives its schedule"


def test_run_now_asks_the_scheduler(ledger: Ledger) -> None:
    answer("add", "nightly", "nightly.yaml")
    result = call("run-now", "nightly")
    (firing,) = ledger.firings.open()
    assert firing.state is FiringState.WAITING
    assert occasion_of(firing.due) in result.stdout


def test_run_now_of_a_paused_schedule_is_refused(ledger: Ledger) -> None:
    answer("add", "nightly", "nightly.yaml")
    call("pause", "nightly")
    refused = call("run-now", "nightly")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "nightly is paused, and nothing of it is begun; resume it first: kerasweep schedule resume nightly" in refused.stderr
    assert ledger.firings.open() == []


# --- systemd and Kubernetes -----------------------------------------------------------------------------------------------------


LEDGER = "postgresql://kerasweep@db/nights"
TICK = ["--occasion", "$(OCCASION)", "--ledger", LEDGER]
HEAD = "http://head:8265"


def spec_of(address: str | None, ledger: str = LEDGER) -> dict[str, Any]:
    resources = {"cpus_per_trial": 1.0, "gpus_per_trial": 0.0, "max_concurrent": "auto"}
    sweep = {"name": "pima", "ray": {"address": address}, "ledger": ledger, "resources": resources, "budget": {"time": None}}
    return {"sweep": sweep}


def row(**changes: Any) -> ScheduleRow:
    values: dict[str, Any] = {
        "name": "nightly",
        "cron": "0 2 * * *",
        "timezone": "Europe/Berlin",
        "overlap": "forbid",
        "catch_up": 43200.0,
        "spec": spec_of(None),
        "path": "/srv/sweeps/nightly.yaml",
        "address": None,
        "local_store": False,
        "paused": False,
        "since": 0,
        "created": 0.0,
    }
    return ScheduleRow(**{**values, **changes})


@pytest.mark.parametrize(
    ("cron", "calendars"),
    [
        ("0 2 * * *", ["*-*-* 02:00:00 UTC"]),
        ("*/20 * * * *", ["*-*-* *:00,20,40:00 UTC"]),
        ("0 2 * * 1-5", ["Mon,Tue,Wed,Thu,Fri *-*-* 02:00:00 UTC"]),
        ("0 2 * * 7", ["Sun *-*-* 02:00:00 UTC"]),
        ("0 2 1 * *", ["*-*-01 02:00:00 UTC"]),
        ("0 2 L * *", ["*-*~01 02:00:00 UTC"]),
        ("0 2 1,15 */6 MON", ["*-01,07-01,15 02:00:00 UTC", "Mon *-01,07-* 02:00:00 UTC"]),
        ("30 4,16 * FEB *", ["*-02-* 04,16:30:00 UTC"]),
    ],
)
def test_cron_fields_as_calendar_events(cron: str, calendars: list[str]) -> None:
    schedule = row(cron=cron, timezone="UTC")
    assert list(calendar_events(schedule)) == calendars
    if shutil.which("systemd-analyze"):
        begin = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
        expected = list(due_between(cron, "UTC", begin, begin + 400 * 86400))[:12]
        assert systemd_elapses(calendars)[: len(expected)] == expected


def systemd_elapses(calendars: list[str]) -> list[int]:
    """Return when systemd itself says that any of ``calendars`` elapses, from 2026 on."""
    found: set[int] = set()
    for calendar in calendars:
        command = ["systemd-analyze", "calendar", "--base-time=2026-01-01 00:00:00 UTC", "--iterations=12", calendar]
        said = subprocess.run(
            command, capture_output=True, text=True, check=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"}
        ).stdout
        for line in said.splitlines():
            label, _, value = line.partition(": ")
            if label.strip() == "Next elapse" or label.strip().startswith("Iter."):
                found.add(int(datetime.strptime(value.strip(), "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC).timestamp()))
    return sorted(found)


def test_units_are_sound(tmp_path: Path) -> None:
    sweep = tmp_path / "a 100% night.yaml"
    text = systemd_units(row(path=str(sweep)), tmp_path)
    service, timer = text.split("# /etc/systemd/system/kerasweep-nightly.timer\n")
    assert f'kerasweep run "{tmp_path}/a 100%% night.yaml" --occasion now --ledger {LEDGER}\n' in service
    assert f"User={pwd.getpwuid(os.geteuid()).pw_name}\n" in service
    assert "OnCalendar=*-*-* 02:00:00 Europe/Berlin\n" in timer
    assert "Persistent=true" in timer
    if shutil.which("systemd-analyze"):
        for name, unit in (("service", service), ("timer", timer)):
            (tmp_path / f"kerasweep-nightly.{name}").write_text(unit)
        units = sorted(str(path) for path in tmp_path.glob("kerasweep-nightly.*"))
        checked = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
        assert "kerasweep-nightly" not in checked.stderr


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({}, ["run", "/sweeps/nightly.yaml", *TICK]),
        ({"address": HEAD}, ["submit", "/sweeps/nightly.yaml", *TICK, "--wait", "--address", HEAD]),
        (
            {"address": HEAD, "local_store": True},
            ["submit", "/sweeps/nightly.yaml", *TICK, "--wait", "--address", HEAD, "--local-store"],
        ),
        ({"spec": spec_of("auto")}, ["submit", "/sweeps/nightly.yaml", *TICK, "--wait"]),
    ],
)
def test_a_cronjob_is_sound(changes: dict[str, Any], arguments: list[str]) -> None:
    job = yaml.safe_load(cronjob(row(name="Nightly.Pima_2", **changes)))
    for version in ("1.31", "1.34", "1.37"):
        kubernetes_validate.validate(job, version, strict=True)
    assert job["metadata"]["name"] == "nightly-pima-2"
    spec = job["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 2 * * *", "Europe/Berlin", "Forbid")
    assert (spec["startingDeadlineSeconds"], spec["suspend"]) == (43200, False)
    (container,) = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["kerasweep", *arguments]
    (name, source) = container["env"][0].values()
    assert (name, source["fieldRef"]["fieldPath"]) == ("OCCASION", "metadata.labels['batch.kubernetes.io/job-name']")


@pytest.mark.parametrize("address", [None, HEAD])
def test_a_retry_of_a_cronjob_undoes_no_stop_and_repeats_no_bad_input(address: str | None) -> None:
    job = yaml.safe_load(cronjob(row(address=address)))["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert job["template"]["spec"]["restartPolicy"] == "Never", "else Kubernetes takes no podFailurePolicy"
    lost, ended = job["podFailurePolicy"]["rules"]  # the first that fits counts: what is preempted ends with 130 as well
    assert lost == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert ended == {
        "action": "FailJob",
        "onExitCodes": {"containerName": container["name"], "operator": "In", "values": [2, 130]},
    }


@pytest.mark.parametrize(
    ("asked", "cpu", "memory", "gpus"),
    [
        ({}, "4", "8Gi", None),
        ({"cpus_per_trial": 2.0}, "4", "5Gi", None),
        ({"cpus_per_trial": 16.0}, "16", "4Gi", None),
        ({"max_concurrent": 3, "cpus_per_trial": 0.5}, "2", "7Gi", None),
        ({"gpus_per_trial": 1.0}, "1", "4Gi", 1),
        ({"gpus_per_trial": 0.25, "max_concurrent": 6}, "6", "11Gi", 2),
        ({"memory_per_trial": int(3.6 * 2**30)}, "4", "18Gi", None),
    ],
)
def test_a_cronjob_that_runs_a_sweep_asks_for_what_its_workers_need(
    asked: dict[str, Any], cpu: str, memory: str, gpus: int | None
) -> None:
    spec = spec_of(None)
    spec["sweep"]["resources"] |= asked
    job = yaml.safe_load(cronjob(row(spec=spec)))
    kubernetes_validate.validate(job, "1.37", strict=True)
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    assert container["resources"]["requests"] == limits
    assert (limits["cpu"], limits["memory"], limits.get("nvidia.com/gpu")) == (cpu, memory, gpus)
    assert container["image"] == ("kerasweep:cpu" if gpus is None else "kerasweep:gpu")


def test_a_cronjob_that_submits_asks_for_little() -> None:
    job = yaml.safe_load(cronjob(row(address=HEAD)))
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(("budget", "seconds"), [(None, 7 * 86400), (7200.0, 7200 + 86400)])
def test_a_cronjob_has_deadlines(budget: float | None, seconds: int) -> None:
    spec = spec_of(None)
    spec["sweep"]["budget"]["time"] = budget
    job = yaml.safe_load(cronjob(row(spec=spec, catch_up=0.0)))["spec"]
    assert job["jobTemplate"]["spec"]["activeDeadlineSeconds"] == seconds
    assert job["startingDeadlineSeconds"] == 10, "Kubernetes starts none that has less"


def test_a_cronjob_of_a_real_sweep_file_is_sound(ledger: Ledger) -> None:
    answer("add", "nightly", "nightly.yaml")
    record = ledger.schedules.get("nightly")
    spec = {"sweep": {**record.spec["sweep"], "ledger": LEDGER}}
    kubernetes_validate.validate(yaml.safe_load(cronjob(replace(record, spec=spec))), "1.37", strict=True)


def test_units_of_a_cluster_submit_to_it(tmp_path: Path) -> None:
    text = systemd_units(row(address=HEAD, local_store=True), tmp_path)
    words = f"submit /srv/sweeps/nightly.yaml --occasion now --ledger {LEDGER} --wait --address {HEAD} --local-store"
    assert f"/kerasweep {words}\n" in text


@pytest.mark.parametrize("emit", [cronjob, lambda schedule: systemd_units(schedule, Path())])
def test_no_password_is_printed(emit: Any) -> None:
    with pytest.raises(SpecError, match="schedule nightly: ledger: its URL holds a password") as caught:
        emit(row(spec=spec_of(None, "postgresql://u:secret@db/nights")))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("cron", "written"), [("0 2 * * 5-7", "0 2 * * 0,5,6"), ("0 2 * jan mon", "0 2 * JAN MON")])
def test_fields_that_kubernetes_spells_otherwise(cron: str, written: str) -> None:
    assert yaml.safe_load(cronjob(row(cron=cron)))["spec"]["schedule"] == written


@pytest.mark.parametrize(
    ("emit", "changes", "message"),
    [
        (lambda schedule: systemd_units(schedule, Path()), {"cron": "0 2 * * 1#2"}, "cron: systemd knows neither"),
        (lambda schedule: systemd_units(schedule, Path()), {"cron": "0 2 LW * *"}, "cron: systemd knows neither"),
        (lambda schedule: systemd_units(schedule, Path()), {"overlap": "allow"}, "overlap: systemd runs one at a time"),
        (lambda schedule: systemd_units(schedule, Path()), {"path": None}, "file: it was added without a sweep file"),
        (cronjob, {"cron": "0 2 L * *"}, "cron: a CronJob knows neither L nor #"),
        (cronjob, {"cron": "0 2 * * 5L"}, "cron: a CronJob knows neither L nor #"),
        (cronjob, {"spec": spec_of(None, "sqlite:////srv/kerasweep.db")}, "ledger: a pod's disk is gone with the pod"),
        (cronjob, {"overlap": "queue"}, "overlap: a CronJob has no queue; take forbid or allow"),
    ],
)
def test_what_others_cannot_say_is_refused(emit: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"schedule nightly: {message}"):
        emit(row(**changes))


def test_emit_prints_them(ledger: Ledger) -> None:
    answer("add", "nightly", "nightly.yaml")
    assert "Persistent=true" in call("emit", "nightly", "--systemd").stdout
    refused = call("emit", "nightly", "--cronjob")
    assert (refused.exit_code, "ledger: a pod's disk is gone with the pod" in refused.stderr) == (2, True)
    assert call("emit", "nightly").exit_code == 2
