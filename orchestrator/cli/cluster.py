"""The commands for sweeps on a Ray cluster: submit, status, logs, stop. They speak of sweeps; a Ray job is only how one runs."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.options import JSON_OPTION, LEDGER_OPTION, NEW_OPTION, OCCASION_OPTION, STORE_OPTION, refuse_both
from orchestrator.cli.printing import console, print_json, when

if TYPE_CHECKING:
    from orchestrator.cluster import Attempt, Job, Jobs, Parcel
    from orchestrator.ledger import Ledger

_EXIT_CODES = {"SUCCEEDED": 0, "STOPPED": 130, "FAILED": 1}
_LOG_LINES = 20
_STOP_SECONDS = 60.0

ADDRESS_OPTION = click.option(
    "--address", help="The cluster's dashboard, such as http://HEAD:8265. Default: RAY_API_SERVER_ADDRESS or RAY_ADDRESS."
)
_LEDGER_OPTION = click.option("--ledger", envvar="KERASWEEP_LEDGER", help="Where sweeps are kept, to tell more of them.")


@click.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@ADDRESS_OPTION
@NEW_OPTION
@OCCASION_OPTION
@STORE_OPTION
@click.option("--wait/--no-wait", default=False, help="Wait until the sweep is over; the exit code is then its own.")
@click.option("--follow", is_flag=True, help="Show what the sweep prints, until it is over.")
@click.option("--local-store", is_flag=True, help="SQLite files in the sweep file are absolute paths on the disk of the head.")
@JSON_OPTION
def submit(
    *,
    sweep: Path,
    address: str | None,
    new: bool,
    occasion: str | None,
    ledger: str | None,
    wait: bool,
    follow: bool,
    local_store: bool,
    as_json: bool,
) -> None:
    """Run the sweep in the file SWEEP on a Ray cluster, or continue it there. Repeating a submit does no harm."""
    refuse_both(new, occasion)
    from orchestrator.cluster import (
        await_driver,
        await_end,
        check_submission,
        claim_attempt,
        find_address,
        job_record,
        make_parcel,
        send_attempt,
        sweep_state,
    )
    from orchestrator.errors import ClusterError
    from orchestrator.ledger import Ledger
    from orchestrator.spec import load_spec, read_sweep

    spec = load_spec(sweep, ledger)
    written = read_sweep(sweep, ledger)
    check_submission(spec, find_address(address, os.environ), local_store=local_store, written=written)
    parcel = make_parcel(spec)
    jobs = _connect(address)
    with Ledger(spec.ledger) as opened:
        attempt = claim_attempt(spec, jobs, opened, occasion=occasion, new=new)
        if attempt is None and occasion is not None:
            _tell_completed(spec.name, occasion, jobs.address, as_json=as_json)
            return
        if attempt is None:
            raise ClusterError(f"Sweep {spec.name!r} was completed meanwhile; submit again to begin its next occasion.")
        if not attempt.sent:
            send_attempt(spec, parcel, attempt, jobs, opened)
        if not as_json:
            click.echo(_sent_line(attempt, parcel, jobs.address))
        job = None if wait or follow else await_driver(attempt, jobs, opened)
    if wait or follow:
        job = await_end(attempt.row.id, jobs, _print_log if follow and not as_json else None)
    if job is None:
        raise ClusterError(f"The cluster at {jobs.address} has taken {attempt.row.id} and lost it again. Submit once more.")
    if as_json:
        print_json({**job_record(job), "address": jobs.address, "new": not attempt.sent})
    elif job.state.value == "FAILED":
        click.echo(f"{job.title} failed:\n{_end_of(jobs, job)}", err=True)
    elif job.state.over:
        click.echo(f"{job.title}: {sweep_state(job, None)}")
    else:
        state = "waits for room" if job.state.value == "PENDING" else "is running"
        click.echo(f"{job.title} {state}. Follow it:  kerasweep logs {job.title} --follow --address {jobs.address}")
    click.get_current_context().exit(_exit_code(job))


@click.command()
@click.argument("sweep", required=False)
@ADDRESS_OPTION
@_LEDGER_OPTION
@JSON_OPTION
def status(sweep: str | None, address: str | None, ledger: str | None, as_json: bool) -> None:
    """Tell how SWEEP (NAME or NAME/OCCASION) stands on a cluster; without one: all that are waiting or running."""
    from orchestrator.cluster import find_job, newest_jobs

    jobs = _connect(address)
    found = [find_job(jobs, sweep)] if sweep else [job for job in newest_jobs(jobs) if not job.state.over]
    _print_jobs(found, jobs, ledger, as_json=as_json, none="No sweep is waiting or running.")


def list_on_cluster(address: str, ledger: str | None, *, as_json: bool) -> None:
    """Print all sweeps that a cluster has seen."""
    from orchestrator.cluster import newest_jobs

    jobs = _connect(address)
    _print_jobs(list(newest_jobs(jobs)), jobs, ledger, as_json=as_json, none="No sweeps yet.")


@click.command()
@click.argument("sweep", required=False)
@ADDRESS_OPTION
@click.option("--follow", "-f", is_flag=True, help="Go on until the sweep is over.")
def logs(sweep: str | None, address: str | None, follow: bool) -> None:
    """Show what SWEEP (NAME or NAME/OCCASION; default the newest) has printed on a cluster."""
    from orchestrator.cluster import await_end, find_job

    jobs = _connect(address)
    job = find_job(jobs, sweep)
    if follow:
        click.get_current_context().exit(_exit_code(await_end(job.id, jobs, _print_log)))
    _print_log(jobs.logs(job.id))


@click.command()
@click.argument("sweep")
@ADDRESS_OPTION
@LEDGER_OPTION
@JSON_OPTION
def stop(sweep: str, address: str | None, ledger: str, as_json: bool) -> None:
    """Stop SWEEP (NAME or NAME/OCCASION) on a cluster. What is finished is kept; submitting it again continues it."""
    from orchestrator.cluster import find_job, job_record, sweep_state
    from orchestrator.errors import ClusterError

    _refuse_without_cluster(sweep, address, ledger)
    jobs = _connect(address)
    job = find_job(jobs, sweep)
    was_over = job.state.over
    if not was_over:
        jobs.stop(job.id)
    deadline = time.monotonic() + _STOP_SECONDS
    while not job.state.over:
        if time.monotonic() > deadline:
            raise ClusterError(
                f"{job.title} has not ended within {_STOP_SECONDS:.0f} s; `kerasweep status {job.title}` tells more."
            )
        time.sleep(0.2)
        job = jobs.find(job.id) or job
    if as_json:
        print_json(job_record(job))
    elif was_over:
        click.echo(f"{job.title} was over already: {sweep_state(job, None)}")
    elif job.state.value != "STOPPED":
        click.echo(f"{job.title} ended before it could be stopped: {sweep_state(job, None)}")
    else:
        click.echo(
            f"{job.title} is stopped. What is finished is kept; continue with: kerasweep submit FILE --address {jobs.address}"
        )


def _refuse_without_cluster(sweep: str, address: str | None, ledger: str) -> None:
    """Where no cluster is named and a driver without one is known to have the sweep, raise ``AddressError`` that names it."""
    from orchestrator.cluster import names_cluster
    from orchestrator.errors import AddressError, KerasweepError
    from orchestrator.ledger import is_driven
    from orchestrator.results import find_sweep, open_ledger

    if names_cluster(address, os.environ):
        return
    try:
        with open_ledger(ledger) as opened:
            found = find_sweep(opened, sweep)
    except KerasweepError:
        return
    if is_driven(found, time.time()):
        raise AddressError(
            f"{found.title} is driven by {found.owner}, and no cluster is named. End that process by SIGTERM: it stops cleanly, "
            "and `kerasweep resume` continues the sweep. For one on a cluster say --address."
        )


def _connect(address: str | None) -> Jobs:
    from orchestrator.cluster import connect

    return connect(address, os.environ)


def _tell_completed(name: str, occasion: str, address: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"sweep": name, "occasion": occasion, "state": "COMPLETED", "address": address, "new": False})
    else:
        click.echo(f"{name}/{occasion} is COMPLETED already; nothing is sent.")


def _sent_line(attempt: Attempt, parcel: Parcel, address: str) -> str:
    if attempt.sent:
        return f"{attempt.title} is there already, as {attempt.row.id} on {address}"
    parts = ["its file"]
    files = sum(name.endswith(".py") for name in parcel.code)
    parts += [f"{files} Python file{'s' * (files != 1)} ({_size(parcel.code_bytes)})"] * bool(parcel.code)
    parts += [f"its data ({_size(parcel.data_bytes)})"] * bool(parcel.data)
    return f"submitted {attempt.title} as {attempt.row.id} to {address}, with {', '.join(parts)}"


def _size(count: int) -> str:
    return f"{count:,} B" if count < 10_000 else f"{count / 1024:,.0f} KiB" if count < 10 * 2**20 else f"{count / 2**20:,.0f} MiB"


def _print_jobs(found: list[Job], jobs: Jobs, ledger: str | None, *, as_json: bool, none: str) -> None:
    from orchestrator.results import display

    with ExitStack() as stack:
        opened = stack.enter_context(_open(ledger)) if ledger else None
        records = [_record(job, opened) for job in found]
    if as_json:
        print_json(records)
        return
    rows = [
        {
            "sweep": f"{record['sweep']}/{record['occasion']}",
            "state": record["state"],
            "trials": _done(record["trials"]),
            "submitted": when(record["started"]) if record["started"] else "-",
            "took": display.duration((record["ended"] or time.time()) - record["started"]) if record["started"] else "-",
            "as": record["submission"],
        }
        for record in records
    ]
    console().print(display.table(rows) if rows else none)


def _record(job: Job, ledger: Ledger | None) -> dict[str, Any]:
    from orchestrator.cluster import job_record, sweep_state
    from orchestrator.errors import NotFoundError

    trials = None
    if ledger is not None:
        try:
            counts = ledger.state_counts(ledger.sweep(job.sweep, job.occasion).id)
            trials = {state.value: count for state, count in counts.items()}
        except NotFoundError:
            pass
    return {**job_record(job), "state": sweep_state(job, ledger), "trials": trials}


def _done(trials: dict[str, int] | None) -> str:
    if trials is None:
        return "-"
    still = trials.get("PENDING", 0) + trials.get("RUNNING", 0)
    return f"{sum(trials.values()) - still}/{sum(trials.values())}"


def _open(ledger: str) -> Ledger:
    from orchestrator.results import open_ledger

    return open_ledger(ledger)


def _exit_code(job: Job) -> int:
    return _EXIT_CODES.get(job.state.value, 0) if job.exit_code is None or job.state.value != "FAILED" else job.exit_code


def _end_of(jobs: Jobs, job: Job) -> str:
    from orchestrator.cluster import last_lines

    return "\n".join(last_lines(jobs, job, _LOG_LINES))


def _print_log(text: str) -> None:
    click.echo(text, nl=False)
