"""The command line. It and the ``cli_`` modules alone print: arguments in, one function called, its answer shown.

Everything but click is imported inside the commands, so that ``kerasweep --help`` loads no library that takes time.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.cluster import logs, status, stop, submit
from orchestrator.cli.models import promote, report, rollback
from orchestrator.cli.options import NEW_OPTION, OCCASION_OPTION, STORE_OPTION, refuse_both
from orchestrator.cli.reading import LEDGER_OPTION, best, browse, list_sweeps, print_json, show, show_outcome
from orchestrator.cli.schedules import schedule, scheduler
from orchestrator.errors import KerasweepError, NotFoundError, SpecError, SubmissionError

if TYPE_CHECKING:
    from orchestrator.spec.model import SweepSpec
    from orchestrator.sweep import Options

_VERBOSITY = {0: logging.WARNING, 1: logging.INFO}
INTERRUPTED = 130


class _Commands(click.Group):
    """The one place where errors become messages on stderr and exit codes: 1 failed, 2 bad input, 130 interrupted."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KerasweepError as error:
            click.echo(f"Error: {error}" if not isinstance(error, SpecError | SubmissionError) else str(error), err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Log what is done; twice for every detail.")
@click.version_option(package_name="kerasweep")
def main(verbose: int) -> None:
    """Search hyperparameters of Keras models: a sweep file says what to search, MLflow shows what was found."""
    logging.basicConfig(level=_VERBOSITY.get(verbose, logging.DEBUG), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if verbose < 2:
        for noisy in ("alembic", "mlflow", "ray", "urllib3", "matplotlib"):
            logging.getLogger(noisy).setLevel(logging.WARNING)


main.add_command(submit)
main.add_command(status)
main.add_command(logs)
main.add_command(stop)
main.add_command(schedule)
main.add_command(scheduler)
main.add_command(list_sweeps)
main.add_command(show)
main.add_command(best)
main.add_command(browse)
main.add_command(report)
main.add_command(promote)
main.add_command(rollback)


@main.command()
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
    from orchestrator.spec.loading import load_spec, spec_from_record
    from orchestrator.sweep import Options

    if submission is not None:
        _run_submitted(load_spec(sweep), submission)  # its sender has said which ledger, whatever this machine's environment says
    else:
        # The scheduler hands a sweep over as the ledger keeps it, so that neither a changed file nor a process list matters.
        spec = spec_from_record(json.load(sys.stdin)) if sweep == Path("-") else load_spec(sweep, ledger)
        _run(spec, Options(occasion=occasion, new=new, reuse=not no_cache), as_json=as_json)


@main.command()
@click.argument("sweep")
@LEDGER_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON; progress goes to stderr.")
def resume(sweep: str, ledger: str, as_json: bool) -> None:
    """Continue SWEEP (NAME or NAME/OCCASION) from what the ledger knows of it; nothing that is finished is repeated."""
    from orchestrator.results.reading import find_sweep, open_ledger
    from orchestrator.spec.loading import spec_from_record
    from orchestrator.sweep import Options

    with open_ledger(ledger) as opened:
        row = find_sweep(opened, sweep)
    spec = spec_from_record({**row.spec, "sweep": {**row.spec["sweep"], "ledger": ledger}})  # where it was found
    _run(spec, Options(occasion=row.occasion), as_json=as_json)


def _run_submitted(spec: SweepSpec, note: Path) -> None:
    from orchestrator.cluster.submitted import PATIENCE_SECONDS, Submission, keep_folder_to_itself
    from orchestrator.sweep import Options

    submission = Submission.read(note)
    submission.check(spec.ledger)
    keep_folder_to_itself(os.environ)
    options = Options(occasion=submission.occasion, output=submission.output, patience=PATIENCE_SECONDS)
    _run(spec, options, again=f"kerasweep submit {submission.source}")


def _run(spec: SweepSpec, options: Options, *, as_json: bool = False, again: str | None = None) -> None:
    from contextlib import ExitStack

    from rich.console import Console

    from orchestrator.results.display import LiveWatch, PlainWatch
    from orchestrator.search.trials import SweepState
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


@main.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def validate(sweep: Path, as_json: bool) -> None:
    """Find every mistake in the file SWEEP. Nothing is started or written; exit code 2 says that there are some."""
    from orchestrator.spec.loading import load_spec

    try:
        spec = load_spec(sweep)
    except SpecError as error:
        if as_json:
            print_json({"valid": False, "problems": [{"path": path, "message": message} for path, message in error.problems]})
            click.get_current_context().exit(error.exit_code)
        raise
    if as_json:
        print_json({"valid": True, "name": spec.name, "problems": []})
    else:
        click.echo(
            f"{sweep}: no mistakes. Sweep {spec.name!r}: {spec.task}, {spec.strategy.type} search over {', '.join(spec.space)}."
        )


@main.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@STORE_OPTION
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def plan(sweep: Path, ledger: str | None, as_json: bool) -> None:
    """Tell what a run of the file SWEEP would do: trials, fits, workers, and what the ledger already holds."""
    from dataclasses import asdict

    from orchestrator.ledger.ledger import Ledger
    from orchestrator.running.plan import plan_sweep
    from orchestrator.spec.loading import load_spec

    spec = load_spec(sweep, ledger)
    with Ledger(spec.ledger) as opened:
        found = plan_sweep(spec, opened)
    if as_json:
        print_json({**asdict(found), "fits": found.fits})
        return
    workers = "as many as the cluster has room for" if found.workers is None else str(found.workers)
    gpus = f" and {found.gpus_per_trial:g} GPUs" if found.gpus_per_trial else ""
    asked = "" if found.looked_at == found.trials else f" of the first {found.looked_at:,}"
    for name, text in (
        ("sweep", f"{found.name}/{found.occasion}"),
        ("strategy", found.strategy),
        ("trials", f"{found.trials:,} x {found.folds} folds = {found.fits:,} fits"),
        ("data", f"{found.rows:,} rows, {found.train_rows:,} trained on in a fold"),
        ("workers", f"{workers}, each {found.cpus_per_trial:g} CPUs{gpus}"),
        ("known", f"{found.known:,} trials{asked} cost nothing: the ledger holds {found.known_folds:,} of their folds"),
    ):
        click.echo(f"{name:9} {text}")


@main.command()
def schema() -> None:
    """Print the JSON Schema of sweep files, for editors."""
    from orchestrator.spec.schema import sweep_schema

    print_json(sweep_schema())


@main.command()
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="CSV file to write; default: standard output.")
@click.option("--uri", envvar="MLFLOW_TRACKING_URI", default="sqlite:///mlflow.db", show_default=True, help="Where models:/ are.")
@click.option("--json", "as_json", is_flag=True, help="Print the predictions as JSON.")
def predict(model: str, data: Path, output: Path | None, uri: str, as_json: bool) -> None:
    """Predict the rows of the CSV file DATA with MODEL: a model folder (`kerasweep best` names it) or an MLflow model URI."""
    from orchestrator.tracking.model_folder import predict as predict_rows

    rows = predict_rows(model, data, tracking_uri=uri)
    if as_json:
        print_json(json.loads(rows.to_json(orient="records")))
    elif output is None:
        click.echo(rows.to_csv(index=False), nl=False)
    else:
        rows.to_csv(output, index=False)
        click.echo(f"{len(rows):,} predictions in {output}")


@main.command()
@click.option("--uri", envvar="MLFLOW_TRACKING_URI", default="sqlite:///mlflow.db", show_default=True, help="Tracking URI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, help="Port to listen on.")
def ui(uri: str, host: str, port: int) -> None:
    """Open the MLflow page of what was searched; Ctrl-C ends it."""
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise NotFoundError(f"There is no MLflow store {uri!r}. Go to the folder where the sweep was run, or say --uri.")
    program = Path(os.sys.executable).parent / "mlflow"  # type: ignore[attr-defined]
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.execv(program, ["mlflow", "ui", "--backend-store-uri", uri, "--host", host, "--port", str(port)])  # noqa: S606 (the server takes this process's place)
