"""Tables of kept results: ``python -m benchmarks.report [FILE ...]``. Medians over runs, ratios to Kerasweep's cold run."""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.methods import METHODS, OURS, is_ours
from benchmarks.problems import PROBLEMS

RESULTS = Path(__file__).with_name("results")
Run = dict[str, Any]


def main(files: Sequence[str]) -> None:
    for file in map(Path, files) if files else sorted(RESULTS.glob("problem-*.json")):
        show(json.loads(file.read_text(encoding="utf-8")))


def show(record: dict[str, Any]) -> None:
    """Print the table of one problem."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    machine = record["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    good = [run for run in record["runs"] if "failed" not in run]
    if record["problem"] in PROBLEMS:
        console.print(_training(record["problem"], good))
    elif any(run["sleeps"] for run in good):
        console.print(_scaling(good))
    else:
        console.print(_machinery(good))
    for run in record["runs"]:
        if "failed" in run:
            console.print(f"failed: {run['method']} {run.get('size', '')}", style="red")
    console.print(f"{machine['cores']} cores of {machine['processor']}; {versions}", style="dim")
    console.print()


def medians(runs: Sequence[Run]) -> dict[tuple[str, str, str], Run]:
    """Return one run for all of the same method, size and start: the medians of what was measured, the best score."""
    grouped: dict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in runs:
        grouped[run["method"], run["size"], run["start"]].append(run)
    out = {}
    for key, same in grouped.items():
        measured = {name: statistics.median(run[name] for run in same) for name in ("wall", "cpu", "peak")}
        out[key] = {**same[0], **measured, "best": max(run["best"] for run in same), "runs": len(same)}
    return out


def scaled_seconds(run: Run, trials: int) -> float:
    """Return how long ``run`` would have taken with more trials; its start and refit, where it tells them, are not multiplied."""
    fixed: float = run.get("fixed_seconds", 0.0)
    return fixed + (run["wall"] - fixed) * trials / run["trials"]


def _training(name: str, runs: Sequence[Run]) -> Table:
    problem = PROBLEMS[name]
    table = Table(title=f"Problem {name}: {problem.title}", title_justify="left", caption=problem.note, caption_justify="left")
    for column in (
        "size",
        "method",
        "start",
        "runs",
        "wall s",
        "CPU s",
        "peak MB",
        f"best {problem.metric}",
        "x ours",
        "x ours, scaled",
    ):
        table.add_column(column, justify="left" if column in ("size", "method", "start") else "right")
    found = medians(runs)
    sizes = list(dict.fromkeys(size for _, size, _ in found))
    for size in sizes:
        ours = found.get((OURS, size, "cold"))
        whole = found.get((OURS, "full", "cold"))
        for (method, its_size, start), run in sorted(found.items(), key=lambda item: list(METHODS).index(item[0][0])):
            if its_size != size:
                continue
            scaled = "-"
            if whole and size != "full" and not is_ours(method):
                scaled = f"~{scaled_seconds(run, whole['trials']) / whole['wall']:.1f}"
            table.add_row(
                f"{size} ({run['trials']} x {run['folds']})",
                method,
                start,
                str(run["runs"]),
                f"{run['wall']:.1f}",
                f"{run['cpu']:.1f}",
                f"{run['peak'] / 2**20:.0f}",
                f"{run['best']:.4f}" + (f" ± {run['spread']:.4f}" if run.get("spread") else ""),
                f"{run['wall'] / ours['wall']:.1f}" if ours else "-",
                scaled,
            )
        table.add_section()
    return table


def _machinery(runs: Sequence[Run]) -> Table:
    table = Table(title="Problem 5: nothing is trained", title_justify="left")
    for column in (
        "method",
        "ms a trial, all",
        "ms a trial, search",
        "start s",
        "end s",
        "CPU s",
        "driver from MB",
        "to MB",
        "peak MB",
    ):
        table.add_column(column, justify="left" if column == "method" else "right")
    for run in runs:
        early = next(point for point in run["points"] if point[1] >= run["trials"] / 20)
        table.add_row(
            run["method"],
            f"{1000 * run['wall'] / run['trials']:.1f}",
            f"{1000 * run['search_seconds'] / max(run['trials'] - 1, 1):.1f}",
            f"{run['first_seconds']:.1f}",
            f"{run['after_seconds']:.1f}",
            f"{run['cpu']:.1f}",
            f"{early[2] / 2**20:.0f}",
            f"{max(point[2] for point in run['points']) / 2**20:.0f}",
            f"{run['peak'] / 2**20:.0f}",
        )
    return table


def _scaling(runs: Sequence[Run]) -> Table:
    table = Table(title="Problem 6: workers that sleep", title_justify="left")
    for column in (
        "workers",
        "seen",
        "trials",
        "all up after s",
        "efficiency then",
        "efficiency until the last round",
        "wall s",
        "CPU s",
    ):
        table.add_column(column, justify="right")
    for run in runs:
        table.add_row(
            str(run["workers"]),
            str(run["workers_seen"]),
            str(run["trials"]),
            f"{run['all_up_seconds']:.1f}",
            f"{run['efficiency']:.3f}",
            f"{run['steady_efficiency']:.3f}",
            f"{run['wall']:.1f}",
            f"{run['cpu']:.1f}",
        )
    return table


if __name__ == "__main__":
    main(sys.argv[1:])
