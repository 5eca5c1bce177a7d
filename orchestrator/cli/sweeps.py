"""The commands on sweep files: ``run``, ``validate``, ``plan``, ``schema``, and ``resume``, which needs none."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.options import LEDGER_OPTION, NEW_OPTION, OCCASION_OPTION, STORE_OPTION, refuse_both
from orchestrator.cli.printing import print_json
from orchestrator.cli.reading import show_outcome
from orchestrator.errors import INTERRUPTED, NotFoundError, SpecError, UserCheckError

if TYPE_CHECKING:
    from orchestrator.running import Outlook
    from orchestrator.spec import SweepSpec
    from orchestrator.sweep import Options


@click.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@NEW_OPTION
@OCCASION_OPTION
@STORE_OPTION
@click.option("--no-cache", is_flag=True, help="Train everything, also what an earlier sweep has computed.")
@click.option("--submission", type=click.Path(path_type=Path), hidden=True, help="Note that came with a submitted sweep.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON; progress goes to stderr.")
def run(
    *,
    sweep: Path,
    new: bool,
    occasion: str | None,
    ledger: str | None,
    no_cache: bool,
    submission: Path | None,
    as_json: bool,
) -> None:
    """Run the sweep in the file SWEEP, or continue it where it was left."""
    refuse_both(new, occasion)
    from orchestrator.spec import load_spec, spec_from_record
    from orchestrator.sweep import Options

    if submission is not None:
        _run_submitted(load_spec(sweep), submission)  # its sender has said which ledger, whatever this machine's environment says
    else:
        # The scheduler hands a sweep over as the ledger keeps it, so that neither a changed file nor a process list matters.
        spec = spec_from_record(json.load(sys.stdin)) if sweep == Path("-") else load_spec(sweep, ledger)
        if no_cache:
            spec = spec.model_copy(update={"cache": False})  # as if the file said so: a `resume` keeps to it
        _run(spec, Options(occasion=occasion, new=new), as_json=as_json)


@click.command()
@click.argument("sweep")
@LEDGER_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON; progress goes to stderr.")
def resume(sweep: str, ledger: str, as_json: bool) -> None:
    """Continue SWEEP (NAME or NAME/OCCASION) from what the ledger knows of it; nothing that is finished is repeated."""
    from orchestrator.python_door import check_given
    from orchestrator.results import find_sweep, open_ledger
    from orchestrator.spec import spec_from_record
    from orchestrator.sweep import Options

    with open_ledger(ledger) as opened:
        row = find_sweep(opened, sweep)
    spec = spec_from_record({**row.spec, "sweep": {**row.spec["sweep"], "ledger": ledger}})  # where it was found
    check_given(spec, row.title)
    _run(spec, Options(occasion=row.occasion), as_json=as_json)


def _run_submitted(spec: SweepSpec, note: Path) -> None:
    from orchestrator.cluster import PATIENCE_SECONDS, Submission, keep_folder_to_itself
    from orchestrator.sweep import Options

    submission = Submission.read(note)
    submission.check(spec.ledger)
    keep_folder_to_itself(os.environ)
    options = Options(occasion=submission.occasion, output=submission.output, patience=PATIENCE_SECONDS)
    _run(spec, options, again=f"kerasweep submit {submission.source}")


def _run(spec: SweepSpec, options: Options, *, as_json: bool = False, again: str | None = None) -> None:
    from contextlib import ExitStack

    from rich.console import Console

    from orchestrator.results import LiveWatch, PlainWatch
    from orchestrator.search import SweepState
    from orchestrator.sweep import run_sweep

    console = Console(stderr=as_json)
    with ExitStack() as stack:
        watch = stack.enter_context(LiveWatch(console)) if console.is_terminal else PlainWatch(console)
        row = run_sweep(spec, options, watch)
    show_outcome(spec.ledger, row, as_json=as_json)
    if row.state is SweepState.STOPPED:
        again = again or f"kerasweep resume {row.title}"
        click.echo(f"Stopped ({row.reason}). What is finished is kept; continue with: {again}", err=True)
        click.get_current_context().exit(INTERRUPTED)


@click.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@click.option("--deep", is_flag=True, help="Read the data too, and try one model in a worker process, as a run does at first.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def validate(sweep: Path, deep: bool, as_json: bool) -> None:
    """Find every mistake in the file SWEEP. No sweep is begun, nothing written; exit code 2 says that there are mistakes.

    The data's values, the target's among them, and the user's functions are looked at with --deep only.
    """
    from orchestrator.spec import load_spec

    try:
        spec = load_spec(sweep)
        looked_at = _look_deeply(spec) if deep else None
    except (SpecError, UserCheckError) as error:
        if as_json:
            found = error.problems if isinstance(error, SpecError) else [("", str(error).removeprefix(f"{sweep}: "))]
            problems = [{"path": path, "message": message} for path, message in found]
            print_json({"valid": False, "deep": deep, "problems": problems})
            click.get_current_context().exit(error.exit_code)
        raise
    if as_json:
        print_json({"valid": True, "deep": deep, "name": spec.name, "problems": []})
        return
    click.echo(
        f"{sweep}: no mistakes. Sweep {spec.name!r}: {spec.task}, {spec.strategy.type} search over {', '.join(spec.space)}."
    )
    click.echo(looked_at or f"Not looked at: the data's values and the model. To try both: kerasweep validate --deep {sweep}")


def _look_deeply(spec: SweepSpec) -> str:
    from orchestrator.running import check_deeply

    sound = check_deeply(spec)
    return (
        f"Looked at: {sound.rows:,} rows with their target, cut into {sound.folds} folds; the model of one config, built, "
        f"trained for a step, scored, saved and loaded; engine {sound.engine}."
    )


def _sooner(found: Outlook) -> str:
    """Return why a sweep may need fewer fits than it has."""
    reasons = {
        f"budget.fits {found.most_fits}": found.most_fits is not None and found.races,
        f"budget.patience {found.patience}": found.patience is not None,
        "trials race": found.races,
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)


@click.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@STORE_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def plan(sweep: Path, ledger: str | None, as_json: bool) -> None:
    """Tell what a run of the file SWEEP would do: trials, fits, workers, and what the ledger already holds."""
    from contextlib import ExitStack, suppress
    from dataclasses import asdict

    from orchestrator.ledger import Ledger
    from orchestrator.running import outlook_of
    from orchestrator.spec import load_spec

    spec = load_spec(sweep, ledger)
    with ExitStack() as stack:
        opened = None
        with suppress(NotFoundError):  # a plan makes none
            opened = stack.enter_context(Ledger(spec.ledger, create=False))
        found = outlook_of(spec, opened)
    if as_json:
        print_json({**asdict(found), "fits": found.fits, "fits_of_finalists": found.fits_of_finalists})
        return
    workers = "as many as the cluster has room for" if found.workers is None else str(found.workers)
    gpus = f" and {found.gpus_per_trial:g} GPUs" if found.gpus_per_trial else ""
    saved = "" if found.fits_at_least == found.fits else f" at most, {found.fits_at_least:,} at least: {_sooner(found)}"
    equals = " =" if found.fits == found.trials * found.folds else ","
    asked = "" if found.looked_at == found.trials else f" of the first {found.looked_at:,}"
    fresh = f"{found.finalists:,} x {found.fresh_folds} fresh folds = {found.fits_of_finalists:,} fits more"
    for name, text in (
        ("sweep", f"{found.name}/{found.occasion}"),
        ("strategy", found.strategy),
        ("trials", f"{found.trials:,} x {found.folds} folds{equals} {found.fits:,} fits{saved}"),
        *([("finalists", fresh)] if found.finalists else []),
        ("data", f"{found.rows:,} rows, {found.train_rows:,} trained on in a fold"),
        ("workers", f"{workers}, each {found.cpus_per_trial:g} CPUs{gpus}"),
        ("known", f"{found.known:,} trials{asked} cost nothing: the ledger holds {found.known_folds:,} of their folds"),
    ):
        click.echo(f"{name:9} {text}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of sweep files, for editors."""
    from orchestrator.spec import sweep_schema

    print_json(sweep_schema())
