"""Options that several commands have; the first three belong to those that begin sweeps: ``run``, ``submit`` and ``plan``."""

from __future__ import annotations

import time

import click


def _occasion(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    from orchestrator.occasion_names import read_occasion

    try:
        return None if text is None else read_occasion(text, time.time())
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


NEW_OPTION = click.option("--new", is_flag=True, help="Begin the next occasion, even if the last one is unfinished.")
OCCASION_OPTION = click.option(
    "--occasion",
    metavar="NAME",
    callback=_occasion,
    help="The occasion to begin or to continue; one that is COMPLETED is left as it is. 'now': one named after this moment. "
    "Default: the newest if it is unfinished, else the next.",
)
STORE_OPTION = click.option(
    "--ledger", envvar="KERASWEEP_LEDGER", help="Where the sweep is kept, instead of the sweep file's ledger."
)
LEDGER_OPTION = click.option(
    "--ledger", envvar="KERASWEEP_LEDGER", default="sqlite:///kerasweep.db", show_default=True, help="Where sweeps are kept."
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


def refuse_both(new: bool, occasion: str | None) -> None:
    """Raise ``click.UsageError`` where a next occasion is asked for and named at once."""
    if new and occasion is not None:
        raise click.UsageError("Say --new or --occasion, not both: a named occasion is begun if it is not there.")
