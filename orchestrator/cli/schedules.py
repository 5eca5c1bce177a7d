"""The commands of schedules: ``kerasweep schedule ...`` writes and reads them, ``kerasweep scheduler`` is the service."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.options import JSON_OPTION, LEDGER_OPTION
from orchestrator.cli.printing import console, print_json

STATUS_PORT = 9470

NAME_ARGUMENT = click.argument("name")


@click.group()
def schedule() -> None:
    """Have sweeps run again and again, such as every night. `kerasweep scheduler` is the service that does it."""


@schedule.command()
@NAME_ARGUMENT
@click.argument("sweep", type=click.Path(path_type=Path))
@click.option("--cron", help="Minute, hour, day of month, month, day of week: '0 2 * * *'. Default: the sweep file's schedule.")
@click.option("--timezone", help="IANA time zone, such as Europe/Berlin. Default: the sweep file's, else UTC.")
@click.option("--overlap", help="forbid, queue or allow: what happens while the last one still runs.")
@click.option("--catch-up", help="How late a missed run is still started, such as 12h.")
@click.option("--address", help="The cluster's dashboard. Default: the scheduler's RAY_ADDRESS, else a Ray of each sweep's own.")
@click.option("--local-store", is_flag=True, help="SQLite files in the sweep file are absolute paths on the disk of the head.")
@click.option(
    "--ledger", envvar="KERASWEEP_LEDGER", help="Where the schedule and its sweeps are kept. Default: the sweep file's."
)
@JSON_OPTION
def add(
    *,
    name: str,
    sweep: Path,
    address: str | None,
    local_store: bool,
    ledger: str | None,
    as_json: bool,
    **settings: str | None,
) -> None:
    """Run the sweep in the file SWEEP on a schedule called NAME; one of that name is replaced.

    The file is read now: add it again after a change.
    """
    from orchestrator.ledger import Ledger
    from orchestrator.schedules import add_schedule, check_name, scheduled_spec

    check_name(name, sweep)
    changes = {key: value for key, value in settings.items() if value is not None}
    spec, when = scheduled_spec(sweep, changes, ledger, address=address, local_store=local_store)
    with Ledger(spec.ledger) as opened:
        add_schedule(opened, name, spec, when, file=sweep, address=address, local_store=local_store)
        _show(opened, name, as_json=as_json)


@schedule.command("list")
@LEDGER_OPTION
@JSON_OPTION
def list_schedules(ledger: str, as_json: bool) -> None:
    """List all schedules."""
    from orchestrator.results import display, open_ledger
    from orchestrator.schedules import local_time, next_due_times, schedule_record

    now = time.time()
    with open_ledger(ledger) as opened:
        schedules = opened.schedules.all()
        records = [schedule_record(opened, row, now) for row in schedules]
    if as_json:
        print_json(records)
        return
    rows = []
    for row, record in zip(schedules, records, strict=True):
        upcoming = next(iter(next_due_times(row, now, 1)), None)
        rows.append(
            {
                "schedule": row.name,
                "sweep": record["sweep"],
                "cron": row.cron,
                "time zone": row.timezone,
                "next": "paused" if row.paused else "-" if upcoming is None else local_time(upcoming, row.timezone),
                "running": ", ".join(record["running"]) or "-",
                "last": _last(record["last"]),
            }
        )
    console().print(display.table(rows) if rows else "No schedules yet: kerasweep schedule add NAME FILE")


@schedule.command()
@NAME_ARGUMENT
@LEDGER_OPTION
@JSON_OPTION
def show(name: str, ledger: str, as_json: bool) -> None:
    """Show what NAME runs, when, and how it stands."""
    from orchestrator.results import open_ledger

    with open_ledger(ledger) as opened:
        _show(opened, name, as_json=as_json)


@schedule.command()
@NAME_ARGUMENT
@LEDGER_OPTION
def pause(name: str, ledger: str) -> None:
    """Fire nothing of NAME until it is resumed."""
    from orchestrator.results import open_ledger

    with open_ledger(ledger) as opened:
        opened.schedules.pause(name)
    click.echo(f"{name} is paused; continue with: kerasweep schedule resume {name}")


@schedule.command()
@NAME_ARGUMENT
@LEDGER_OPTION
def resume(name: str, ledger: str) -> None:
    """Fire NAME again, from the next due time on; what came due meanwhile is not made up for."""
    from orchestrator.results import open_ledger

    with open_ledger(ledger) as opened:
        opened.schedules.resume(name)
        _show(opened, name, as_json=False)


@schedule.command()
@NAME_ARGUMENT
@LEDGER_OPTION
def remove(name: str, ledger: str) -> None:
    """Forget the schedule NAME. Its sweeps and its history stay."""
    from orchestrator.results import open_ledger

    with open_ledger(ledger) as opened:
        opened.schedules.remove(name)
    click.echo(f"{name} is removed; its sweeps and its history stay.")


@schedule.command("run-now")
@NAME_ARGUMENT
@LEDGER_OPTION
def run_now(name: str, ledger: str) -> None:
    """Have the scheduler begin NAME once more, now, beside its due times; overlap counts as ever."""
    from orchestrator.occasion_names import occasion_of
    from orchestrator.results import open_ledger
    from orchestrator.schedules import ask_by_hand

    with open_ledger(ledger) as opened:
        firing = ask_by_hand(opened, opened.schedules.get(name))
    click.echo(
        f"{name} is asked for, as occasion {occasion_of(firing.due)}. A running `kerasweep scheduler` begins it within seconds; "
        f"see: kerasweep schedule history {name}"
    )


@schedule.command("next")
@NAME_ARGUMENT
@click.option("-n", "--number", "count", default=5, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@LEDGER_OPTION
@JSON_OPTION
def next_times(name: str, count: int, ledger: str, as_json: bool) -> None:
    """Show when NAME is due next."""
    from orchestrator.occasion_names import occasion_of
    from orchestrator.results import open_ledger
    from orchestrator.schedules import local_time, next_due_times

    with open_ledger(ledger) as opened:
        row = opened.schedules.get(name)
    dues = next_due_times(row, time.time(), count)
    if as_json:
        print_json([occasion_of(due) for due in dues])
        return
    for due in dues:
        click.echo(f"{local_time(due, row.timezone)}   {occasion_of(due)}")
    if row.paused:
        click.echo(f"{name} is paused: none of these is fired until: kerasweep schedule resume {name}")


@schedule.command()
@NAME_ARGUMENT
@click.option("-n", "--number", "count", default=20, show_default=True, type=click.IntRange(1), help="How many at most.")
@LEDGER_OPTION
@JSON_OPTION
def history(name: str, count: int, ledger: str, as_json: bool) -> None:
    """Show what became of the due times of NAME, the latest first; also after it was removed."""
    from orchestrator.results import display, open_ledger
    from orchestrator.schedules import firing_records

    with open_ledger(ledger) as opened:
        records = firing_records(opened, name, count, time.time())
        if not records:
            opened.schedules.get(name)  # a name that is misspelt is an error, one without firings is not
    if as_json:
        print_json(records)
        return
    rows = [history_row(record) for record in records]
    console().print(display.table(rows, right=("late",)) if rows else f"{name} has not been due yet.")


@schedule.command()
@NAME_ARGUMENT
@click.option("--systemd", "kind", flag_value="systemd", help="A timer and a service for one machine.")
@click.option("--cronjob", "kind", flag_value="cronjob", help="A CronJob for Kubernetes.")
@LEDGER_OPTION
def emit(name: str, kind: str | None, ledger: str) -> None:
    """Print NAME for another scheduler than ours; pause or remove it then."""
    from orchestrator.results import open_ledger
    from orchestrator.schedules import cronjob, systemd_units

    if kind is None:
        raise click.UsageError("Say --systemd or --cronjob.")
    with open_ledger(ledger) as opened:
        row = opened.schedules.get(name)
    click.echo(systemd_units(row, Path.cwd()) if kind == "systemd" else cronjob(row), nl=False)


@click.command()
@LEDGER_OPTION
@click.option("--port", default=STATUS_PORT, show_default=True, help="Loopback port of /healthz and /metrics; 0: any free one.")
def scheduler(ledger: str, port: int) -> None:
    """Run what is scheduled, until SIGTERM or Ctrl-C. Sweeps that run as processes of this machine go on.

    Several schedulers may share a ledger; each due time is fired once.
    """
    from orchestrator.schedules import serve

    logging.getLogger("orchestrator").setLevel(min(logging.INFO, logging.getLogger().level))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    serve(ledger, port, stop)


def history_row(record: Mapping[str, Any]) -> dict[str, str]:
    """Return a firing as a row of the history's table."""
    from orchestrator.results import display

    return {
        "due": record["due"],
        "firing": record["state"],
        "late": display.duration(record["late"]),
        "sweep": record["sweep"] or "-",
        "note": (record["message"] or "").partition("\n")[0],
    }


def _show(ledger: Any, name: str, *, as_json: bool) -> None:
    from orchestrator.results import duration
    from orchestrator.schedules import local_time, next_due_times, schedule_record

    now = time.time()
    row = ledger.schedules.get(name)
    record = schedule_record(ledger, row, now)
    if as_json:
        print_json(record)
        return
    upcoming = next(iter(next_due_times(row, now, 1)), None)
    for label, text in (
        ("schedule", row.name + (" (paused)" if row.paused else "")),
        ("sweep", f"{record['sweep']}, from {row.path}"),
        ("cron", f"{row.cron} {row.timezone}"),
        ("next", "-" if upcoming is None else local_time(upcoming, row.timezone)),
        ("overlap", row.overlap),
        ("catch up", duration(row.catch_up)),
        ("runs on", row.address or "this machine, or the scheduler's RAY_ADDRESS"),
        ("running", ", ".join(record["running"]) or "-"),
        ("last", _last(record["last"])),
    ):
        click.echo(f"{label:9} {text}")


def _last(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "-"
    sweep = f", sweep {record['sweep']}" if record["sweep"] else ""
    return f"{record['due']} {record['state']}{sweep}"
