"""The commands that only read: list, show, best, browse. They print tables for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.options import JSON_OPTION, LEDGER_OPTION
from orchestrator.cli.printing import console, print_json, when

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow, TrialRow
    from orchestrator.results import Entry, Leaderboard, SweepView

_SHOWN = 10


@click.command("list")
@LEDGER_OPTION
@click.option("--address", help="List the sweeps that the cluster there has seen.")
@JSON_OPTION
def list_sweeps(ledger: str, address: str | None, as_json: bool) -> None:
    """List all sweeps, the newest first."""
    if address is not None:
        from orchestrator.cli.cluster import list_on_cluster

        named = click.get_current_context().get_parameter_source("ledger") is not click.core.ParameterSource.DEFAULT
        list_on_cluster(address, ledger if named else None, as_json=as_json)
        return
    from orchestrator.results import display, open_ledger, view

    with open_ledger(ledger) as opened:
        views = [view(opened, row) for row in opened.sweeps()]
    if as_json:
        print_json([{**one.record(), "leaderboard": None} for one in views])
        return
    rows = []
    for one in views:
        best = one.board.winner
        rows.append(
            {
                "sweep": one.sweep.title,
                "state": one.sweep.state.value,
                "trials": f"{sum(trial.state.terminal for trial in one.trials)}/{len(one.trials)}",
                "best": f"{one.board.metric} {display.spread(best.score, best.std.get(one.board.metric))}" if best else "-",
                "begun": when(one.sweep.created),
                "took": display.duration(one.sweep.finished - one.sweep.created) if one.sweep.finished else "-",
            }
        )
    console().print(display.table(rows) if rows else "No sweeps yet.")


@click.command()
@click.argument("sweep")
@click.argument("trial", type=int, required=False)
@LEDGER_OPTION
@click.option("--all", "everything", is_flag=True, help="Show all trials, not only the first ones.")
@click.option(
    "--rows", type=click.Choice(["test"]), help="Show which rows were kept out of the search, as CSV; the data is read."
)
@JSON_OPTION
def show(*, sweep: str, trial: int | None, ledger: str, everything: bool, rows: str | None, as_json: bool) -> None:
    """Show the leaderboard of SWEEP (NAME or NAME/OCCASION), or one TRIAL of it: folds, curves, traceback."""
    if rows is not None:
        _show_test_rows(sweep, ledger, as_json=as_json)
        return
    from orchestrator.results import find_sweep, open_ledger, trial_record, view

    with open_ledger(ledger) as opened:
        row = find_sweep(opened, sweep)
        if trial is not None:
            found = opened.trial(row.id, trial)
            record = trial_record(opened, found)
            if as_json:
                print_json(record)
            else:
                _print_trial(row, found, record)
            return
        seen = view(opened, row)
    if as_json:
        print_json(seen.record())
    else:
        _print_sweep(seen, None if everything else _SHOWN)


def _show_test_rows(sweep: str, ledger: str, *, as_json: bool) -> None:
    from orchestrator.results import find_sweep, open_ledger
    from orchestrator.running import rows_kept_out
    from orchestrator.spec import spec_from_record

    with open_ledger(ledger) as opened:
        row = find_sweep(opened, sweep)
    found = rows_kept_out(spec_from_record(row.spec), row)
    if as_json:
        print_json(found)
    else:
        names = list(found[0]) if found else ["row"]
        click.echo("\n".join([",".join(names), *(",".join(str(one[name]) for name in names) for one in found)]))


@click.command()
@click.argument("sweep")
@LEDGER_OPTION
@JSON_OPTION
def best(sweep: str, ledger: str, as_json: bool) -> None:
    """Show the winner of SWEEP: its config, score with spread, test score, and where the model is."""
    from orchestrator.errors import NotFoundError
    from orchestrator.results import bounds_line, find_sweep, open_ledger, to_records, view

    with open_ledger(ledger) as opened:
        seen = view(opened, find_sweep(opened, sweep))
    if seen.board.winner is None:
        raise NotFoundError(f"Sweep {seen.sweep.title} has no trial with a score yet.")
    if as_json:
        (record,) = [entry for entry in to_records(seen.board) if entry["winner"]]
        facts = seen.sweep.facts
        print_json({**record, "refit": facts.get("refit"), "model": facts.get("model"), "model_uri": facts.get("model_uri")})
    else:
        _print_winner(seen)
        if line := bounds_line(seen.bounds):
            click.echo(line)


@click.command("browse", hidden=True)
@click.argument("sweep")
@LEDGER_OPTION
def browse(sweep: str, ledger: str) -> None:
    """Print the line that opens SWEEP in MLflow."""
    from orchestrator.results import find_sweep, open_ledger, view

    with open_ledger(ledger) as opened:
        click.echo(_browse_line(view(opened, find_sweep(opened, sweep))))


def show_outcome(ledger: str, row: SweepRow, *, as_json: bool) -> None:
    """Print how a run ended: the leaderboard, the winner, and how to browse them or to bring them to MLflow."""
    from orchestrator.ledger import Ledger
    from orchestrator.results import open_steps, view

    with Ledger(ledger) as opened:
        now = opened.sweep_by_id(row.id)  # since then its run in MLflow may have become known
        seen = view(opened, now)
        behind = now.revision != now.projected_revision or bool(opened.unprojected_trials(row.id, 1))
        lacks = behind or bool(open_steps(now))
    if as_json:
        print_json(seen.record())
        return
    _print_sweep(seen, _SHOWN)
    if seen.board.winner is not None:
        click.echo()
        _print_winner(seen)
    if lacks:
        click.echo(f"\nNot all of it is in MLflow. Bring it there, once that can be reached:  kerasweep resume {row.title}")
    elif seen.board.winner is not None:
        click.echo(f"\nBrowse it:  {_browse_line(seen)}")


def _print_sweep(seen: SweepView, limit: int | None) -> None:
    from orchestrator.results import bounds_line, display, first_entries
    from orchestrator.search import TrialState

    sweep, board = seen.sweep, seen.board
    state = sweep.state.value + (f" ({sweep.reason})" if sweep.reason else "")
    over = [trial for trial in seen.trials if trial.state.terminal]
    given_up = sum(trial.state is TrialState.PRUNED for trial in over)
    failed = sum(trial.score is None for trial in over) - given_up
    cached = sum(trial.cached_from is not None for trial in over)
    counts = [f"{len(over)}/{len(seen.trials)} trials over"] + [f"{given_up} given up"] * bool(given_up)
    counts += [f"{failed} without a score"] * bool(failed)
    counts += [f"{cached} taken over from the ledger"] * bool(cached) + [f"engine {sweep.facts.get('engine', '-')}"]
    click.echo(f"{sweep.title}: {state}, {', '.join(counts)}")
    if sweep.facts.get("leaky"):
        click.echo("leaky: early stopping watched the scoring folds (split: 0), so these scores are too good.")
    shown = first_entries(board, limit)
    rows = [_entry_row(entry, board) for entry in shown]
    console().print(display.table(rows, right=("rank", "trial", board.metric, "std", "fresh", "epochs", "seconds")))
    hidden = len(board.entries) - len(shown)
    if hidden > 0:
        click.echo(f"... and {hidden} more: kerasweep show {sweep.title} --all")
    if board.finals is not None:
        click.echo(board.finals.told())
    if board.beats_baseline is False:
        click.echo("No trial is better than the baseline, which learns nothing: look at the data, the space and the epochs.")
    if line := bounds_line(seen.bounds):
        click.echo(line)


def _entry_row(entry: Entry, board: Leaderboard) -> dict[str, str]:
    from orchestrator.results import BASELINE, display, place_of, standing_of

    notes = [] if entry.state in (BASELINE, "COMPLETED") else [entry.state]
    notes += [entry.message.splitlines()[0]] if entry.message else []
    notes += ["cached"] if entry.cached_from else []
    return {
        "rank": place_of(entry, board),
        "trial": BASELINE if entry.number is None else str(entry.number),
        board.metric: display.number(standing_of(entry, board)[0]),
        "std": display.number(entry.std.get(board.metric)),
        **({} if board.finals is None else {"fresh": "" if entry.fresh is None else display.number(entry.fresh)}),
        "epochs": "" if entry.epoch is None else f"{entry.epoch:g}",
        "seconds": "" if entry.seconds is None else f"{entry.seconds:.1f}",
        "config": "; ".join([*notes, display.config(entry.config)]) if entry.config else "; ".join(notes),
    }


def _print_winner(seen: SweepView) -> None:
    from orchestrator.results import PROMOTION, display, open_steps, standing

    sweep, board, winner = seen.sweep, seen.board, seen.board.winner
    if winner is None:
        return
    facts: Mapping[str, Any] = sweep.facts
    click.echo(f"Winner: trial {winner.number} ({display.config(winner.config)})")
    error = f", standard error {display.number(winner.error)}" if winner.error is not None else ""
    score = display.spread(winner.score, winner.std.get(board.metric))
    refit = facts.get("refit") or {}
    tests: Mapping[str, float] = refit.get("test_metrics") or {}
    width = max(12, *(len(f"test {name}") for name in (board.metric, *tests)))
    click.echo(f"  {board.metric:{width}} {score} over {seen.folds} folds{error}")
    if board.finals is not None and winner.fresh is not None:
        fresh = f"{display.spread(winner.fresh, None)} over {board.finals.folds} fresh folds"
        fresh += "" if winner.fresh_error is None else f", standard error {display.number(winner.fresh_error)}"
        click.echo(f"  {'fresh splits':{width}} {fresh}")
        click.echo(f"  {'cross-fitted':{width}} {display.number(board.finals.cross_fitted)}: what a winner chosen so is worth")
    for name, value in tests.items():
        click.echo(f"  {f'test {name}':{width}} {display.number(value)}")
    if facts.get("model"):
        click.echo(f"  {'model':{width}} {_short_path(facts['model'])} (refitted for {refit.get('epochs')} epochs)")
    if facts.get("model_uri"):
        click.echo(f"  {'in MLflow':{width}} {facts['model_uri']}")
    if facts.get(PROMOTION):
        click.echo(f"  {'registered':{width}} {standing(facts[PROMOTION])}")
    if missing := open_steps(sweep):
        click.echo(f"  {'still open':{width}} {', '.join(missing)}: `kerasweep resume {sweep.title}` makes up for it.")
        if "upload" in missing:
            click.echo(f"  {'':{width}} Until then the model is on {facts.get('model_host')} alone; a lost one is made anew.")


def _print_trial(sweep: SweepRow, trial: TrialRow, record: Mapping[str, Any]) -> None:
    from orchestrator.results import display

    click.echo(f"{sweep.title} trial {trial.number}: {trial.state.value}, engine {trial.engine or '-'}")
    for name, value in trial.config.items():
        click.echo(f"  {name} = {display.value(value)}")
    rows = []
    for fold in record["folds"]:
        name, curve = next(iter(fold["history"].items()), ("", ()))
        rows.append(
            {
                "fold": fold["fold"],
                **{metric: display.number(value) for metric, value in fold["metrics"].items()},
                "epoch": f"{fold['epoch']}/{fold['epochs_run']}",
                "stopped by": fold["stopped"],
                "seconds": f"{fold['seconds']:.1f}",
                f"curve of {name}": display.sparkline(curve),
            }
        )
    if rows:
        console().print(display.table(rows))
    if trial.cached_from:
        click.echo(f"taken over from {trial.cached_from}")
    if trial.engine_reason:
        click.echo(f"engine: {trial.engine_reason}")
    for text in (trial.cause and f"cause: {trial.cause}", trial.message, trial.traceback):
        if text:
            click.echo(text)


def _browse_line(seen: SweepView) -> str:
    """Return what opens the sweep's own run: a page of a server, or the command that serves a store, and then the page."""
    from orchestrator.redaction import without_password
    from orchestrator.results import run_page, spec_of

    uri = without_password(str(spec_of(seen.sweep)["tracking"]["uri"]))
    page = run_page(seen.sweep, uri)
    if uri.startswith(("http://", "https://")):
        return page
    return f"kerasweep ui --uri {uri}" + (f"   then open  {page}" if page else "")


def _short_path(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
