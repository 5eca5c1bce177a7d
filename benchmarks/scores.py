"""Are scores as good as a rival's? ``python -m benchmarks.scores --problem 4-text --seeds 1 2 3``: several seeds, no clock.

For every seed all methods have the same folds and configurations and draw their initial weights from it. What is compared is the
best score of the search, and the mean score of all its trials, in which chance has less part.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from benchmarks.measure import measure
from benchmarks.methods import METHODS, OURS
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.run import RESULTS, environment

Run = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scores", description="Compare scores over several seeds.")
    parser.add_argument("--problem", choices=list(PROBLEMS), required=True)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=[OURS, "grid_search_cv"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--size", help="default: what a rival can do in 15 minutes")
    parser.add_argument("--pima", type=Path, help="the Pima file for problem 1; default: breast cancer")
    arguments = parser.parse_args()
    size = arguments.size or PROBLEMS[arguments.problem].rival_size
    file = RESULTS / f"scores-{arguments.problem}.json"
    runs: list[Run] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    with tempfile.TemporaryDirectory(prefix="kerasweep-bench-") as scratch:
        for seed in arguments.seeds:
            for name in arguments.methods:
                folder = Path(tempfile.mkdtemp(dir=scratch))
                problem = replace(PROBLEMS[arguments.problem], seed=seed)
                problem.lay_out(size, folder, arguments.pima.resolve() if arguments.pima else None)
                found = _scores(name, problem, size, folder, environment(Path(scratch) / "cache"))
                run = {"method": name, "size": size, "seed": seed, "best": found["best"], "mean": found["mean"]}
                print(run, file=sys.stderr, flush=True)
                runs = [old for old in runs if (old["method"], old["seed"], old["size"]) != (name, seed, size)] + [run]
                file.write_text(json.dumps(runs, indent=1), encoding="utf-8")
    shown = table(arguments.problem, [run for run in runs if run["size"] == size])
    Console(width=None if sys.stdout.isatty() else 140).print(shown)


def _scores(name: str, problem: Problem, size: str, folder: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Run one method in a problem's folder, and return what it found."""
    method = METHODS[name]
    measured = measure(method.prepare(problem, size, folder), folder, env)
    found = method.outcome(folder)
    if measured.status or "mean" not in found:
        raise SystemExit(
            f"{name}, seed {problem.seed}: exit status {measured.status}\n{(folder / 'output.log').read_text()[-3000:]}"
        )
    return found


def table(problem: str, runs: list[Run]) -> Table:
    """Return means over seeds with standard deviations, and by seed ours minus the other's with a 95 % interval."""
    out = Table(title=f"Problem {problem}: {PROBLEMS[problem].metric} over seeds", title_justify="left")
    for column in ("method", "seeds", "best of a search", "ours better by", "mean of its trials", "ours better by"):
        out.add_column(column, justify="left" if column == "method" else "right")
    ours = {run["seed"]: run for run in runs if run["method"] == OURS}
    for name in dict.fromkeys(run["method"] for run in runs):
        its = {run["seed"]: run for run in runs if run["method"] == name}
        cells = [name, str(len(its))]
        for figure in ("best", "mean"):
            values = [run[figure] for run in its.values()]
            cells.append(f"{statistics.mean(values):.4f} ± {statistics.stdev(values) if len(values) > 1 else 0:.4f}")
            gains = [ours[seed][figure] - run[figure] for seed, run in its.items() if seed in ours and name != OURS]
            cells.append(_interval(gains) if len(gains) > 1 else "")
        out.add_row(*cells)
    return out


def _interval(gains: list[float]) -> str:
    half = student.ppf(0.975, len(gains) - 1) * statistics.stdev(gains) / len(gains) ** 0.5
    return f"{statistics.mean(gains):+.4f} ± {half:.4f}"


if __name__ == "__main__":
    main()
