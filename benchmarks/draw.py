"""The README's picture: ``python -m benchmarks.draw`` draws the kept results of problems 1-4 as horizontal bars, in log scale."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.methods import METHODS, OURS, is_ours
from benchmarks.problems import PROBLEMS
from benchmarks.report import RESULTS, medians

NAMES = {
    OURS: "Kerasweep",
    "kerasweep-keras": "Kerasweep, engine: keras",
    "grid_search_cv": "GridSearchCV + scikeras",
    "keras_tuner": "KerasTuner",
    "ray_tune": "Ray Tune + model.fit",
}
OUR_COLOUR, OTHER_OURS, RIVAL = "#b5392a", "#dba79f", "#3b6ea5"


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
    """Return one panel a problem: seconds from start to exit of each method, side by side at the size that all have run."""
    panels = [panel for record in records if (panel := _panel(record))]
    figure = Figure(figsize=(8, 0.5 + sum(0.32 * len(bars) + 0.55 for _, bars in panels)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=[len(bars) + 1 for _, bars in panels])[:, 0]
    for ax, (title, bars) in zip(axes, panels, strict=True):
        names = [NAMES[method] for method, _ in bars]
        walls = [wall for _, wall in bars]
        colours = [OUR_COLOUR if method == OURS else OTHER_OURS if is_ours(method) else RIVAL for method, _ in bars]
        drawn = ax.barh(names, walls, color=colours, height=0.7)
        ours = dict(bars).get(OURS)
        labels = [f"{_seconds(wall)}" + (f"  ({wall / ours:.0f}x)" if ours and method != OURS else "") for method, wall in bars]
        ax.bar_label(drawn, labels, padding=4, fontsize=9)
        ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
        ax.set_xscale("log")
        ax.invert_yaxis()
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    highest = max((wall for _, bars in panels for _, wall in bars), default=10.0)
    lowest = min((wall for _, bars in panels for _, wall in bars), default=1.0)
    axes[-1].set_xlim(lowest / 2, highest * 4)
    machine = records[0]["machine"]
    axes[-1].set_xlabel(f"seconds from start to exit, log scale; {machine['cores']} cores", fontsize=9)
    return figure


def _panel(record: dict[str, Any]) -> tuple[str, list[tuple[str, float]]] | None:
    found = medians([run for run in record["runs"] if "failed" not in run])
    rivals = {size for method, size, start in found if not is_ours(method)}
    if not rivals:
        return None
    size = "full" if "full" in rivals else next(iter(rivals))
    bars = [(name, found[name, size, "cold"]) for name in METHODS if name in NAMES and (name, size, "cold") in found]
    about = bars[0][1]
    title = f"{PROBLEMS[record['problem']].title}: {about['trials']} trials x {about['folds']} folds"
    return title, [(name, run["wall"]) for name, run in bars]


def _sizes(record: dict[str, Any]) -> set[str]:
    return {run.get("size", "") for run in record["runs"]}


def _seconds(wall: float) -> str:
    return f"{wall:.0f} s" if wall < 600 else f"{wall / 60:.0f} min"


if __name__ == "__main__":
    main()
