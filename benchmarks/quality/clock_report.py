"""The race against the clock, from kept results, as a table and a picture: ``python -m benchmarks.quality.clock_report``."""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.quality.contests import CONTESTS
from benchmarks.quality.curves import Curve, config_key, curve, reached_for_good, score_at

OURS = "kerasweep"
NAMES = {OURS: "Kerasweep, race over folds", "optuna": "Optuna, TPE + WilcoxonPruner", "hyperband": "KerasTuner, Hyperband"}
COLOURS = {OURS: "#b5392a", "optuna": "#3b6ea5", "hyperband": "#6b8f3a"}
GOAL = 1 / 20
RESULTS = Path(__file__).with_name("clock.json")
Lists = Mapping[str, Sequence[Mapping[str, Any]]]
Curves = dict[tuple[str, str], dict[int, Curve]]
"""By problem and method, then by seed."""


def main() -> None:
    """Show the table and draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.clock_report", description=__doc__.partition(":")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=RESULTS.parents[2] / "docs" / "clock.svg", help="SVG or PNG")
    arguments = parser.parse_args()
    record = json.loads(arguments.results.read_text(encoding="utf-8"))
    show(record)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    draw(record).savefig(arguments.output, dpi=150, bbox_inches="tight")
    print(arguments.output)


def curves_of(lists: Lists) -> Curves:
    """Return the curves of all runs that the referee has judged; in them a larger score is better."""
    judged: dict[tuple[str, int, str], dict[str, list[float]]] = {}
    for row in lists["referee"]:
        contest = CONTESTS[row["problem"]]
        score = row["scores"][contest.metric]
        worst = -math.inf if contest.maximize else math.inf
        scores = judged.setdefault((row["problem"], row["seed"], row["rows"]), {}).setdefault(config_key(row["config"]), [])
        scores.append(worst if score is None else score)
    out: Curves = {}
    for run in lists["runs"]:
        its = judged.get((run["problem"], run["seed"], run["rows"]), {})
        points = curve(run, its, CONTESTS[run["problem"]].maximize)
        if points:
            out.setdefault((run["problem"], run["method"]), {})[run["seed"]] = points
    return out


def shares(lists: Lists) -> Iterator[dict[str, Any]]:
    """Yield, for each problem and rival, what there is to tell, seed by seed; ``shares`` are of the rival's whole time."""
    found = curves_of(lists)
    minutes = {(run["problem"], run["method"]): run["minutes"] for run in lists["runs"]}
    for problem in CONTESTS:
        for rival in NAMES:
            ours, theirs = found.get((problem, OURS), {}), found.get((problem, rival), {})
            seeds = sorted(ours.keys() & theirs.keys())
            if rival == OURS or not seeds:
                continue
            goals = [theirs[seed][-1][1] for seed in seeds]
            seconds = [reached_for_good(ours[seed], goal) for seed, goal in zip(seeds, goals, strict=True)]
            yield {
                "problem": problem,
                "rival": rival,
                "seeds": seeds,
                "goals": goals,
                "ends": [ours[seed][-1][1] for seed in seeds],
                "seconds": seconds,
                "its_seconds": [reached_for_good(theirs[seed], goal) for seed, goal in zip(seeds, goals, strict=True)],
                "shares": [one / (60 * minutes[problem, rival]) for one in seconds],
            }


def show(lists: Lists) -> None:
    """Print the table."""
    table = Table(title="Who finds what, by when: scores are the referee's, on rows held out", title_justify="left")
    for column in ("problem", "rival", "it ends with", "after s", "ours ends with", "ours has that after s", "share of its time"):
        table.add_column(column, justify="left" if column in ("problem", "rival") else "right")
    for one in shares(lists):
        contest = CONTESTS[one["problem"]]
        sign = 1 if contest.maximize else -1
        share = statistics.median(one["shares"])
        verdict = "" if share > GOAL else f", at most {GOAL:g}"
        table.add_row(
            f"{contest.title}, {contest.metric}",
            NAMES[one["rival"]],
            " ".join(f"{sign * goal:.4f}" for goal in one["goals"]),
            " ".join(f"{seconds:.0f}" for seconds in one["its_seconds"]),
            " ".join(f"{sign * end:.4f}" for end in one["ends"]),
            " ".join(f"{seconds:.0f}" for seconds in one["seconds"]),
            f"{share:.3f}{verdict}",
        )
    console = Console(width=None if sys.stdout.isatty() else 170)
    console.print(table)
    console.print("one number a seed, the share their median; inf: never, for good", style="dim")


def draw(lists: Lists) -> Figure:
    """Return one panel a problem: the score of whoever is the incumbent against seconds, better ones higher up.

    Thin lines are seeds, thick ones their median; a dotted line stands at a twentieth of the rivals' time.
    """
    found = curves_of(lists)
    problems = [problem for problem in CONTESTS if any(key[0] == problem for key in found)]
    end = 60 * max((run["minutes"] for run in lists["runs"]), default=1.0)
    figure = Figure(figsize=(4 * max(len(problems), 1), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, problem in zip(figure.subplots(1, max(len(problems), 1), squeeze=False)[0], problems, strict=False):
        contest = CONTESTS[problem]
        sign = 1 if contest.maximize else -1
        levels: list[float] = []
        for method, name in NAMES.items():
            runs = [[*points, (end, points[-1][1])] for points in found.get((problem, method), {}).values()]
            for points in runs:
                seconds, scores = zip(*points, strict=True)
                ax.step(seconds, np.multiply(sign, scores), where="post", color=COLOURS[method], linewidth=0.7, alpha=0.4)
                levels += [sign * score_at(points, at) for at in (end / 4, end) if math.isfinite(score_at(points, at))]
            if runs:
                times = np.array(sorted({at for points in runs for at, _ in points}))
                middle = np.array([statistics.median(score_at(points, at) for points in runs) for at in times])
                seen = np.isfinite(middle)
                ax.step(times[seen], sign * middle[seen], where="post", color=COLOURS[method], linewidth=2, label=name)
        ax.axvline(GOAL * end, color="#888888", linestyle=":", linewidth=1)
        ax.set_xscale("log")
        ax.set_xlim(right=end)
        _look_at(ax, levels, contest.maximize)
        ax.set_title(f"{contest.title}: {contest.metric.replace('_', ' ')}", loc="left", fontsize=10, fontweight="bold")
        ax.set_xlabel("seconds from process start", fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    if problems:
        figure.axes[-1].legend(fontsize=8, loc="lower right", frameon=False)
    return figure


def _look_at(ax: Any, levels: Sequence[float], maximize: bool) -> None:
    """Show what lies between the scores at a quarter of the time and at its end: the first incumbents would hide the rest."""
    if not levels:
        return
    low, high = min(levels), max(levels)
    room = 0.25 * (high - low) or 0.01
    ax.set_ylim((low - room, high + room) if maximize else (high + room, low - room))


if __name__ == "__main__":
    main()
