"""The command ``prune``: what old sweeps have left behind is shown, and removed when told to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.options import JSON_OPTION, LEDGER_OPTION
from orchestrator.cli.printing import print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.running import Left


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    from orchestrator.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@LEDGER_OPTION
@click.option(
    "--older-than", default="30d", show_default=True, callback=_seconds, help="What was used since stays: 30d, 12h, 1d12h."
)
@click.option(
    "--keep-champions/--no-keep-champions",
    default=True,
    show_default=True,
    help="Whether sweeps stay whole that made a registered model's champion, or the one before it.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="kerasweep-output",
    show_default=True,
    help="Where the folders of sweeps are.",
)
@click.option("--yes", is_flag=True, help="Remove it. Without, it is only shown.")
@JSON_OPTION
def prune(*, ledger: str, older_than: float, keep_champions: bool, output: Path, yes: bool, as_json: bool) -> None:
    """Show what old sweeps have left behind, and remove it with --yes.

    That is: cached folds in the ledger that no later sweep has taken over, folders with logs and models that MLflow has too, rows
    and functions given from Python that no sweep of the ledger names, compiled programs, lock files. Trials and their scores
    stay, as does all that is in MLflow. What runs, what can be resumed and what is nobody's copy but this one is not touched.
    """
    from orchestrator.results import open_ledger
    from orchestrator.running import find_left, remove_left

    now = time.time()
    with open_ledger(ledger) as opened:
        pruning = find_left(opened, output, before=now - older_than, now=now, keep_champions=keep_champions)
        left = remove_left(pruning, opened) if yes else pruning.left
    if as_json:
        print_json(
            {
                "removed": yes,
                "left": [{"kind": one.kind, "what": one.what, "bytes": one.bytes} for one in left],
                "bytes": sum(one.bytes for one in left),
                "kept": [{"what": one.what, "why": one.why} for one in pruning.kept],
            }
        )
        return
    _table("removed" if yes else "would be removed", left)
    if pruning.kept:
        click.echo("kept though it is old:")
        for one in pruning.kept:
            click.echo(f"  {one.what}: {one.why}")
    if left and not yes:
        click.echo("Nothing is removed yet; --yes removes it.")


def _table(heading: str, left: Iterable[Left]) -> None:
    shown = [(_size(one.bytes), one.what) for one in left]
    click.echo(f"{heading}: {'nothing' if not shown else _size(sum(one.bytes for one in left))}")
    for size, what in shown:
        click.echo(f"  {size:>9}  {what}")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
