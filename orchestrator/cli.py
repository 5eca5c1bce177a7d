"""The command line, and the only module that prints. It reads arguments, calls one function of the package, and shows the answer.

Everything but click is imported inside the commands, so that ``kerasweep --help`` loads no library that takes time.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click

from orchestrator.errors import KerasweepError, SpecError

_VERBOSITY = {0: logging.WARNING, 1: logging.INFO}


class _Commands(click.Group):
    """The one place where errors become messages on stderr and exit codes: 1 failed, 2 bad input, 130 interrupted."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KerasweepError as error:
            click.echo(f"Error: {error}" if not isinstance(error, SpecError) else str(error), err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-v", "--verbose", count=True, help="Log what is done; twice for every detail.")
@click.version_option(package_name="kerasweep")
def main(verbose: int) -> None:
    """Search hyperparameters of Keras models: a sweep file says what to search, MLflow shows what was found."""
    logging.basicConfig(level=_VERBOSITY.get(verbose, logging.DEBUG), format="%(asctime)s %(levelname)s %(name)s: %(message)s")


@main.command()
@click.argument("sweep", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def validate(sweep: Path, as_json: bool) -> None:
    """Find every mistake in the file SWEEP. Nothing is started or written; exit code 2 says that there are some."""
    from orchestrator.spec import load_spec

    try:
        spec = load_spec(sweep)
    except SpecError as error:
        if as_json:
            _print_json({"valid": False, "problems": [{"path": path, "message": message} for path, message in error.problems]})
            click.get_current_context().exit(error.exit_code)
        raise
    if as_json:
        _print_json({"valid": True, "name": spec.name, "problems": []})
    else:
        click.echo(
            f"{sweep}: no mistakes. Sweep {spec.name!r}: {spec.task}, {spec.strategy.type} search over {', '.join(spec.space)}."
        )


@main.command()
def schema() -> None:
    """Print the JSON Schema of sweep files, for editors."""
    from orchestrator.spec_schema import sweep_schema

    _print_json(sweep_schema())


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, allow_nan=False))
