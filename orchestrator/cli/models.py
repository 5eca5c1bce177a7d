"""The commands on what became of sweeps: ``promote`` and ``rollback`` move the champion by hand, ``report`` says what changed."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from orchestrator.cli.reading import JSON_OPTION, LEDGER_OPTION, print_json

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
    from orchestrator.tracking.registry import ModelRegistry

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
    from orchestrator.tracking.registry import ModelRegistry

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
    from orchestrator.results.reading import find_sweep, open_ledger
    from orchestrator.results.report import report_of

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
