"""The command line. Errors become messages on stderr and exit codes here.

Everything but click is imported inside the commands, so that ``kerasweep --help`` loads no library that takes time.
"""

from __future__ import annotations

import logging
from typing import Any

import click

from orchestrator.cli.cluster import logs, status, stop, submit
from orchestrator.cli.models import predict, promote, report, rollback, ui
from orchestrator.cli.pruning import prune
from orchestrator.cli.reading import best, browse, list_sweeps, show
from orchestrator.cli.schedules import schedule, scheduler
from orchestrator.cli.sweeps import plan, resume, run, schema, validate
from orchestrator.errors import INTERRUPTED, KerasweepError, SpecError, SubmissionError
from orchestrator.redaction import without_password

_VERBOSITY = {0: logging.WARNING, 1: logging.INFO}


class _Redacting(logging.Formatter):
    """Writes no password of a URL, whoever logs it: MLflow, a database's driver, a data source."""

    def format(self, record: logging.LogRecord) -> str:
        return without_password(super().format(record))


class _Commands(click.Group):
    """The one place where errors become messages on stderr and exit codes: 1 failed, 2 bad input, 130 interrupted."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KerasweepError as error:
            text = f"Error: {error}" if not isinstance(error, SpecError | SubmissionError) else str(error)
            click.echo(without_password(text), err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Log what is done; twice for every detail.")
@click.version_option(package_name="kerasweep")
def main(verbose: int) -> None:
    """Search hyperparameters of Keras models: a sweep file says what to search, MLflow shows what was found."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=_VERBOSITY.get(verbose, logging.DEBUG), handlers=[handler])
    if verbose < 2:
        for noisy in ("alembic", "mlflow", "ray", "matplotlib"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # it tells of every retry; how it ends is told by whoever asked


for command in (
    *(run, resume, validate, plan, schema),
    *(list_sweeps, show, best, browse, report),
    *(promote, rollback, predict, ui),
    *(submit, status, logs, stop),
    *(schedule, scheduler),
    prune,
):
    main.add_command(command)
