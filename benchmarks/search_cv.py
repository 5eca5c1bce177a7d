"""Kerasweep's searches from Python beside scikit-learn's own: ``python -m benchmarks.search_cv --pima pima.csv``.

Seconds are counted from the start of the process to the result, its refit included. Raw results are kept as JSON in
``results/search_cv.json``; a later run of the same problem, method and size replaces an earlier one.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import measure
from benchmarks.outcome import read_outcome
from benchmarks.report import scaled_seconds
from benchmarks.run import RESULTS, environment, keep, machine

OURS = "kerasweep"
METHODS = (OURS, "scikit-learn", "scikeras")


@dataclass(frozen=True, slots=True)
class Problem:
    """``size`` is what every method runs; ours runs the ``full`` one beside it. ``wanted`` is the aim."""

    title: str
    wanted: str
    size: str = "full"
    rivals: bool = True


PROBLEMS: Mapping[str, Problem] = {
    "grid": Problem("tutorial grid, 54 x 3 (part: 9 of the 54)", "60 times faster", size="part"),
    "randomized": Problem("random search of tutorial 2, 10 x 3", "10 times faster"),
    "iris": Problem("iris, 8 x 3, fitted twice", "fits in 10 s, then 4 s"),
    "cross_val": Problem("cross_val_score, 10 folds, 150 epochs", "15 s"),
    "many": Problem("50 searches in one process", "no file, no process, 100 MB", rivals=False),
}


def main() -> None:
    arguments = _arguments()
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="kerasweep-bench-") as scratch:
        for name in arguments.problem:
            for repeat in range(arguments.repeats):
                for method in arguments.methods:
                    runs += _runs((name, method, repeat), Path(scratch), arguments)
                    about = {"problem": "search_cv", "machine": machine(), "made": datetime.now(UTC).isoformat()}
                    file = arguments.results / f"search_cv{'-smoke' * arguments.smoke}.json"
                    record = keep({**about, "runs": runs}, file, ("search", "method", "size"))
    show(record)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_cv", description="Measure searches from Python.")
    parser.add_argument(
        "--problem", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS), help="which problems; default all"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="which methods; default all")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does it all work?")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method")
    parser.add_argument("--pima", type=Path, help="the Pima file; default: eight columns of breast cancer")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where raw results are kept")
    return parser.parse_args()


def _runs(what: tuple[str, str, int], scratch: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Run one method once in each of its sizes; ours with an empty compilation cache and with the one that this left."""
    name, method, repeat = what
    problem = PROBLEMS[name]
    if method != OURS and not problem.rivals:
        return []
    sizes = ("smoke",) if arguments.smoke else (problem.size, "full") if method == OURS else (problem.size,)
    runs = []
    for size in dict.fromkeys(sizes):
        cache = scratch / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        for start in ("cold", "warm") if method == OURS and name != "many" else ("cold",):
            folder = Path(tempfile.mkdtemp(dir=scratch))
            (folder / "tmp").mkdir()
            command = [sys.executable, "-m", "benchmarks.searches", name, method, size, str(7 + repeat)]
            command += [str(arguments.pima.resolve())] if arguments.pima else []
            _say(f"{problem.title}, {size}: {method}, {start}, run {repeat + 1}")
            measured = measure(command, folder, environment(cache) | {"TMPDIR": str(folder / "tmp")})
            left = sorted(str(path.relative_to(folder)) for path in (folder / "tmp").rglob("*"))
            about = {"search": name, "method": method, "size": size, "start": start, "repeat": repeat, "left_at_exit": left}
            run = {**about, **measured.record(), **read_outcome(folder)}
            if measured.status != 0 or "trials" not in run:
                log = (folder / "output.log").read_text(encoding="utf-8", errors="replace")
                run["failed"] = f"exit status {measured.status}: {log[-3000:]}"
            _say(run.get("failed") or f"    result after {run['seconds']:.1f} s, best {run['best']:.4f}")
            runs.append(run)
            shutil.rmtree(folder)
    return runs


def show(record: Mapping[str, Any]) -> None:
    """Print the table: medians, and how many times longer than ours."""
    good = [run for run in record["runs"] if "failed" not in run]
    table = Table(title="From the start of the process to the result", title_justify="left")
    for column in ("problem", "size", "method", "start", "runs", "seconds", "CPU s", "best", "x ours", "more"):
        table.add_column(column, justify="left" if column in ("problem", "size", "method", "start", "more") else "right")
    seen: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for run in good:
        seen.setdefault((run["search"], run["size"], run["method"], run["start"]), []).append(run)
    for (name, size, method, start), runs in sorted(seen.items(), key=lambda item: list(PROBLEMS).index(item[0][0])):
        middle = statistics.median(run["seconds"] for run in runs)
        best = [run["best"] for run in runs]
        spread = f" to {max(best):.4f}" if max(best) > min(best) else ""
        whole = seen.get((name, "smoke" if size == "smoke" else "full", OURS, "cold"))
        times = "-"
        if whole and method != OURS:
            ours = statistics.median(run["seconds"] for run in whole)
            alike = [{**run, "wall": run["seconds"]} for run in runs]
            scaled = statistics.median(scaled_seconds(run, whole[0]["trials"]) for run in alike)
            times = f"{'~' * (runs[0]['trials'] != whole[0]['trials'])}{scaled / ours:.1f}"
        cpu = statistics.median(run["cpu"] for run in runs)
        row = (PROBLEMS[name].title, size, method, start, str(len(runs)), f"{middle:.1f}", f"{cpu:.1f}")
        table.add_row(*row, f"{min(best):.4f}{spread}", times, _more(runs))
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(table)
    for run in record["runs"]:
        if "failed" in run:
            console.print(f"failed: {run['search']} {run['size']} {run['method']}", style="red")
    for problem in PROBLEMS.values():
        console.print(f"aim: {problem.title}: {problem.wanted}", style="dim")
    about = record["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    load = ", ".join(f"{number:.1f}" for number in about["load"])
    console.print(f"{about['cores']} cores of {about['processor']}, load {load}; {versions}", style="dim")


def _more(runs: list[dict[str, Any]]) -> str:
    """Return what else a problem tells."""
    if "first_fit" in runs[0]:
        first, second = (statistics.median(run[name] for run in runs) for name in ("first_fit", "second_fit"))
        return f"fit took {first:.1f} s, then {second:.1f} s"
    if "grown" in runs[0]:
        grown = max(run["grown"] for run in runs) / 2**20
        files = max(len(run["left_at_exit"]) for run in runs)
        left = max(run["processes_left"] for run in runs)
        return f"grew by {grown:.0f} MB; left {files} files, {left} processes"
    return ""


def _say(text: str) -> None:
    print(f"[{datetime.now(UTC):%H:%M:%S}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
