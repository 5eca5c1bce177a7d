"""The commands on what became of sweeps: ``promote`` and ``rollback`` move the champion by hand, ``report`` says what changed."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from orchestrator.cli.options import JSON_OPTION, LEDGER_OPTION
from orchestrator.cli.printing import print_json, without_startup_lines
from orchestrator.errors import NotFoundError

_URI_OPTION = click.option(
    "--uri", envvar="MLFLOW_TRACKING_URI", default="sqlite:///mlflow.db", show_default=True, help="Where the models are."
)


@click.command()
@click.argument("model")
@click.argument("version")
@_URI_OPTION
@JSON_OPTION
def promote(model: str, version: str, uri: str, as_json: bool) -> None:
    """Make VERSION of the registered MODEL its champion, whatever a comparison said."""
    from orchestrator.tracking import ModelRegistry

    registry = ModelRegistry(uri)
    chosen = registry.version(model, version)
    replaced = registry.crown(chosen)
    registry.describe(chosen, _noted(chosen.description, "Became champion by hand"))
    _tell(model, chosen.number, None if replaced is None else replaced.number, as_json=as_json)


@click.command()
@click.argument("model")
@_URI_OPTION
@JSON_OPTION
def rollback(model: str, uri: str, as_json: bool) -> None:
    """Make the champion before the present one of the registered MODEL its champion again."""
    from orchestrator.tracking import ModelRegistry

    registry = ModelRegistry(uri)
    now, before = registry.rollback(model)
    registry.describe(before, _noted(before.description, f"Rolled back by hand to version {now.number}"))
    registry.describe(now, _noted(now.description, f"Became champion again by hand, in the place of version {before.number}"))
    _tell(model, now.number, before.number, as_json=as_json)


@click.command()
@click.argument("sweep")
@LEDGER_OPTION
@JSON_OPTION
def report(sweep: str, ledger: str, as_json: bool) -> None:
    """Tell what changed in SWEEP (NAME or NAME/OCCASION) since its last occasion, as Markdown."""
    from orchestrator.results import find_sweep, open_ledger, report_of

    with open_ledger(ledger) as opened:
        found = report_of(opened, find_sweep(opened, sweep))
    if as_json:
        print_json(found.record())
    else:
        click.echo(found.markdown())


def _noted(description: str, event: str) -> str:
    """Return the description under a line that says what has just happened to the version."""
    return "\n\n".join(part for part in (f"{event}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.", description) if part)


def _tell(model: str, champion: str, replaced: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"model": model, "champion": champion, "replaced": replaced})
        return
    place = f" in the place of version {replaced}" if replaced else ""
    click.echo(f"{model}: version {champion} is the champion{place}. Load it as models:/{model}@champion")


@click.command()
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="CSV file to write; default: standard output.")
@click.option("--uri", envvar="MLFLOW_TRACKING_URI", default="sqlite:///mlflow.db", show_default=True, help="Where models:/ are.")
@click.option("--json", "as_json", is_flag=True, help="Print the predictions as JSON.")
def predict(model: str, data: Path, output: Path | None, uri: str, as_json: bool) -> None:
    """Predict the rows of the CSV file DATA with MODEL: a model folder (`kerasweep best` names it) or an MLflow model URI.

    Columns are found by name, others do not count, and texts are taken as they are written. Where the model was trained on a
    file without a header, DATA has none either, and its columns are those of that file, all but the target, or the features
    alone, in the same order.
    """
    from orchestrator.tracking import predict as predict_rows

    with without_startup_lines():
        rows = predict_rows(model, data, tracking_uri=uri)
    if as_json:
        print_json(json.loads(rows.to_json(orient="records")))
    elif output is None:
        click.echo(rows.to_csv(index=False), nl=False)
    else:
        rows.to_csv(output, index=False)
        click.echo(f"{len(rows):,} predictions in {output}")


@click.command()
@click.option("--uri", envvar="MLFLOW_TRACKING_URI", default="sqlite:///mlflow.db", show_default=True, help="Tracking URI.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, help="Port to listen on.")
def ui(uri: str, host: str, port: int) -> None:
    """Open the MLflow page of what was searched; Ctrl-C ends it."""
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise NotFoundError(f"There is no MLflow store {uri!r}. Go to the folder where the sweep was run, or say --uri.")
    program = Path(sys.executable).parent / "mlflow"
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    os.environ["MLFLOW_BACKEND_STORE_URI"] = uri  # not as an argument: everybody on the machine sees those
    # the server takes this process's place; one page wants no more than one of its workers, which take seconds to start
    os.execv(program, ["mlflow", "ui", "--host", host, "--port", str(port), "--workers", "1"])  # noqa: S606
