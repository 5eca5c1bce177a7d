"""The README's picture: ``python -m benchmarks.draw`` draws the kept results of problems 1-4 as horizontal bars, in log scale."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.methods import OURS, is_ours
from benchmarks.problems import PROBLEMS
from benchmarks.report import RESULTS, medians, scaled_seconds

NAMES = {
    OURS: "Kerasweep",
    "kerasweep-keras": "Kerasweep, engine: keras",
    "grid_search_cv": "GridSearchCV + scikeras",
    "keras_tuner": "KerasTuner",
    "ray_tune": "Ray Tune + model.fit",
}
OUR_COLOUR, OTHER_OURS, RIVAL = "#b5392a", "#dba79f", "#3b6ea5"


class Bar(NamedTuple):
    """One method's time for a whole problem, in seconds; ``scaled`` from a part."""

    method: str
    seconds: float
    scaled: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=RESULTS.parents[1] / "docs" / "benchmarks.svg", help="SVG or PNG")
    arguments = parser.parse_args()
    records = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(arguments.results.glob("problem-*.json"))]
    records = [record for record in records if record["problem"] in PROBLEMS and "smoke" not in _sizes(record)]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    draw(records).savefig(arguments.output, dpi=150, bbox_inches="tight")
    print(arguments.output)


def draw(records: list[dict[str, Any]]) -> Figure:
    """Return one panel a problem: seconds from start to exit of each method, for the whole problem.

    Where a rival ran a part of it, its time is scaled by the number of trials, and its bar is hatched.
    """
    panels = [panel for record in records if (panel := _panel(record))]
    figure = Figure(figsize=(8, 0.5 + sum(0.32 * len(bars) + 0.55 for _, bars in panels)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=[len(bars) + 1 for _, bars in panels])[:, 0]
    for ax, (title, bars) in zip(axes, panels, strict=True):
        names = [NAMES[bar.method] for bar in bars]
        walls = [bar.seconds for bar in bars]
        colours = [OUR_COLOUR if bar.method == OURS else OTHER_OURS if is_ours(bar.method) else RIVAL for bar in bars]
        hatches = ["///" if bar.scaled else "" for bar in bars]
        drawn = ax.barh(names, walls, color=colours, height=0.7, hatch=hatches, edgecolor="white", linewidth=0)
        ours = next((bar.seconds for bar in bars if bar.method == OURS), None)
        labels = [_label(bar, ours) for bar in bars]
        ax.bar_label(drawn, labels, padding=4, fontsize=9)
        ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
        ax.set_xscale("log")
        ax.invert_yaxis()
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    highest = max((bar.seconds for _, bars in panels for bar in bars), default=10.0)
    lowest = min((bar.seconds for _, bars in panels for bar in bars), default=1.0)
    axes[-1].set_xlim(lowest / 2, highest * 4)
    machine = records[0]["machine"]
    axes[-1].set_xlabel(
        f"seconds from start to exit, log scale; {machine['cores']} cores; hatched: scaled up from a part", fontsize=9
    )
    return figure


def _panel(record: dict[str, Any]) -> tuple[str, list[Bar]] | None:
    found = medians([run for run in record["runs"] if "failed" not in run])
    whole = found.get((OURS, "full", "cold"))
    if whole is None or all(is_ours(method) for method, _, _ in found):
        return None
    bars = []
    for method in NAMES:
        run = found.get((method, "full", "cold")) or found.get((method, "part", "cold"))
        if run is not None:
            scaled = run["trials"] != whole["trials"]
            bars.append(Bar(method, scaled_seconds(run, whole["trials"]), scaled))
    title = f"{PROBLEMS[record['problem']].title}: {whole['trials']} trials x {whole['folds']} folds"
    return title, bars


def _label(bar: Bar, ours: float | None) -> str:
    ratio = f"  ({'~' * bar.scaled}{bar.seconds / ours:.{bar.seconds < 10 * ours:d}f}x)" if ours and bar.method != OURS else ""
    return _seconds(bar.seconds) + ratio


def _sizes(record: dict[str, Any]) -> set[str]:
    return {run.get("size", "") for run in record["runs"]}


def _seconds(wall: float) -> str:
    return f"{wall:.0f} s" if wall < 600 else f"{wall / 60:.0f} min"


if __name__ == "__main__":
    main()
