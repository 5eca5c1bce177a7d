"""A schedule in the words of another scheduler: units of systemd, a CronJob of Kubernetes. It writes text and starts nothing."""

from __future__ import annotations

import os
import pwd
import re
import sys
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from cronsim import CronSim

from orchestrator.errors import SpecError
from orchestrator.ledger import ScheduleRow
from orchestrator.occasion_names import NOW
from orchestrator.redaction import without_secrets
from orchestrator.schedules.kubernetes_job import LEAST_START_SECONDS, job_spec

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_POLICIES = {"forbid": "Forbid", "allow": "Allow"}


def systemd_units(schedule: ScheduleRow, folder: Path) -> str:
    """Return a timer and the service that it starts in ``folder``, as this user: it submits the sweep file, or runs it here.

    Raises
    ------
    SpecError : systemd has no words for the schedule, it came without a file, or its ledger's URL holds a password.
    """
    arguments = _arguments(schedule, str(_file(schedule)), NOW, on_cluster=schedule.address is not None)
    if schedule.overlap == "allow":
        raise _inexpressible(schedule, "overlap", "systemd runs one at a time, as overlap: forbid does; 'allow' cannot be said")
    unit = f"kerasweep-{schedule.name}"
    calendars = "\n".join(f"OnCalendar={calendar}" for calendar in calendar_events(schedule))
    command = [str(Path(sys.executable).with_name("kerasweep")), *arguments]
    return f"""\
# /etc/systemd/system/{unit}.service
[Unit]
Description=Kerasweep sweep {_escaped(schedule.name)}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={_user()}
EnvironmentFile=-/etc/kerasweep/environment
WorkingDirectory={_escaped(str(folder.absolute()))}
ExecStart={" ".join(map(_quoted, command))}
# 130: stopped on request, with what is finished kept
SuccessExitStatus=130
TimeoutStartSec=infinity
TimeoutStopSec=60
KillMode=mixed

# /etc/systemd/system/{unit}.timer
# systemd leaves a time out on the date that lacks it for the change of clocks; `kerasweep scheduler` does not.
[Unit]
Description=When kerasweep sweep {_escaped(schedule.name)} is due

[Timer]
{calendars}
# a run missed while the machine was off is made up for, once
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def calendar_events(schedule: ScheduleRow) -> Iterator[str]:
    """Yield systemd calendar events that together mean the schedule's cron fields.

    Raises
    ------
    SpecError : a field has no like in systemd.
    """
    parsed = CronSim(schedule.cron, datetime(2024, 1, 1, tzinfo=UTC))
    if not all(isinstance(day, int) for day in parsed.weekdays) or CronSim.LAST_WEEKDAY in parsed.days:
        raise _inexpressible(schedule, "cron", "systemd knows neither the n-th nor the last weekday of a month")
    weekdays = {day % 7 for day in parsed.weekdays}
    names = "" if len(weekdays) == 7 else ",".join(_DAYS[day] for day in sorted(weekdays)) + " "
    month = _field(parsed.months, range(1, 13))
    time = f"{_field(parsed.hours, range(24))}:{_field(parsed.minutes, range(60))}:00 {schedule.timezone}"
    days = parsed.days - {CronSim.LAST}
    dates = [f"*-{month}-{_field(days, range(1, 32))}"] * bool(days) + [f"*-{month}~01"] * (CronSim.LAST in parsed.days)
    if parsed.day_and or not names:
        yield from (f"{names}{date} {time}" for date in dates)
    else:  # day of month or day of week: cron's rule when both are given
        yield from (f"{date} {time}" for date in dates)
        yield f"{names}*-{month}-* {time}"


def cronjob(schedule: ScheduleRow) -> str:
    """Return a CronJob for a place such as ``deploy/kubernetes``: it submits the sweep file, or runs it if no cluster is named.

    Raises
    ------
    SpecError : Kubernetes has no words for the schedule, it came without a file, or its ledger's URL holds a password.
    """
    file = f"/sweeps/{_file(schedule).name}"
    if schedule.overlap not in _POLICIES:
        raise _inexpressible(schedule, "overlap", f"a CronJob has no queue; take {' or '.join(_POLICIES)}")
    on_cluster = schedule.address is not None or schedule.spec["sweep"]["ray"]["address"] is not None
    ledger = str(schedule.spec["sweep"]["ledger"])
    if ledger.startswith("sqlite") and not schedule.local_store:
        problem = f"a pod's disk is gone with the pod. Expected a URL such as postgresql://user@host/database, got {ledger!r}."
        raise SpecError(f"schedule {schedule.name}", [("ledger", problem)])
    arguments = _arguments(schedule, file, "$(OCCASION)", on_cluster=on_cluster)
    name = re.sub(r"[^a-z0-9]+", "-", schedule.name.lower()).strip("-")[:52].rstrip("-")
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": _kubernetes_cron(schedule),
            "timeZone": schedule.timezone,
            "concurrencyPolicy": _POLICIES[schedule.overlap],
            "startingDeadlineSeconds": max(int(schedule.catch_up), LEAST_START_SECONDS),
            "suspend": schedule.paused,
            "jobTemplate": {"spec": job_spec(name, arguments, schedule.spec["sweep"], on_cluster=on_cluster)},
        },
    }
    import yaml

    return str(yaml.safe_dump(job, sort_keys=False))


def _arguments(schedule: ScheduleRow, file: str, occasion: str, *, on_cluster: bool) -> list[str]:
    """Return the command after ``kerasweep`` that begins the schedule's sweep as ``occasion``, where the schedule keeps it."""
    ledger = str(schedule.spec["sweep"]["ledger"])
    if (shown := without_secrets({"ledger": ledger})["ledger"]) != ledger:
        message = "its URL holds a password, which must not be read in what is printed here; add the schedule again without it, "
        problem = f"{message}and keep it where libpq finds it (PGPASSFILE or PGPASSWORD). Got {shown!r}."
        raise SpecError(f"schedule {schedule.name}", [("ledger", problem)])
    arguments = [file, "--occasion", occasion, "--ledger", ledger]
    if not on_cluster:
        return ["run", *arguments]
    address = [] if schedule.address is None else ["--address", schedule.address]
    return ["submit", *arguments, "--wait", *address, *["--local-store"] * schedule.local_store]


def _kubernetes_cron(schedule: ScheduleRow) -> str:
    """Return the fields as Kubernetes reads them: Sunday is 0 only, and no field has an L or a #."""
    *fields, weekday = schedule.cron.upper().split()
    if "L" in fields[2] or "#" in weekday or re.search(r"\dL", weekday):
        raise _inexpressible(schedule, "cron", "a CronJob knows neither L nor #")
    if "7" in weekday:
        days = CronSim(schedule.cron, datetime(2024, 1, 1, tzinfo=UTC)).weekdays
        weekday = ",".join(str(day) for day in sorted({day % 7 for day in days if isinstance(day, int)}))
    return " ".join([*fields, weekday])


def _field(values: Collection[int], everything: range) -> str:
    return "*" if len(values) == len(everything) else ",".join(f"{value:02d}" for value in sorted(values))


def _file(schedule: ScheduleRow) -> Path:
    if schedule.path is None:
        raise _inexpressible(schedule, "file", "it was added without a sweep file; add it again with one")
    return Path(schedule.path)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # systemd takes the number as well
        return str(os.geteuid())


def _quoted(text: str) -> str:
    escaped = _escaped(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[\s\"'\\]", text) else escaped


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _inexpressible(schedule: ScheduleRow, key: str, message: str) -> SpecError:
    value = getattr(schedule, "path" if key == "file" else key)
    return SpecError(f"schedule {schedule.name}", [(key, f"{message}. Got {value!r}.")])
