"""What the race alone does, on real nets: ``python -m benchmarks.quality.ablation``: the same sweep with a race and without.

Small problems, 3, 5 and 10 folds, random and genetic searches of about 50 trials, each run as ``kerasweep run`` with the fused
engine. What is there already is not run again; kept are the scores and fits of all trials, in ask order, and what the run took.
Both arms have a compilation cache of their own, kept from run to run, and take turns, so that they meet it in the same state.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.measure import measure
from benchmarks.problems.problem import write_sweep
from benchmarks.quality import ablation_report, ours
from benchmarks.quality.kept import Kept, Row
from benchmarks.run import environment

RESULTS = Path(__file__).with_name("ablation.json")
ARMS = ("none", "paired")
METRICS = {"breast_cancer": "accuracy", "diabetes": "r2", "digits": "accuracy"}
STRATEGIES: dict[str, dict[str, Any]] = {
    "random": {"type": "random", "trials": 52},
    "genetic": {"type": "genetic", "population": 12, "generations": 5, "elites": 2},  # 12 + 4 x 10 = 52 trials
}
SPACE = {
    "hidden_layers": {"integer": [1, 3]},
    "layer_size": {"integer": [4, 64], "log": True},
    "dropout": {"uniform": [0.0, 0.5]},
    "l2": {"reciprocal": [1e-6, 1e-1]},
    "learning_rate": {"reciprocal": [1e-4, 1e-1]},
}
KEYS = {"runs": ("problem", "folds", "strategy", "seed", "race")}
SMOKE = {"problems": ["breast_cancer"], "folds": [3], "strategies": ["random"], "seeds": [1], "trials": 12, "epochs": 2}


def main() -> None:
    """Run what is missing and show what it comes to."""
    arguments = _arguments()
    kept = Kept(arguments.results, KEYS)
    with tempfile.TemporaryDirectory(prefix="kerasweep-bench-") as scratch:
        for about in cases(arguments):
            if kept.find("runs", about) is None:
                print(", ".join(f"{name} {value}" for name, value in about.items()), file=sys.stderr, flush=True)
                kept.add("runs", about | one(about, arguments, Path(scratch)))
    ablation_report.show(kept.lists["runs"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.ablation", description="The race alone, on and off.")
    parser.add_argument("--problems", nargs="+", choices=list(METRICS), default=list(METRICS))
    parser.add_argument("--folds", nargs="+", type=int, default=[3, 5, 10])
    parser.add_argument("--strategies", nargs="+", choices=list(STRATEGIES), default=list(STRATEGIES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that keeps raw results")
    parser.add_argument("--note", help="kept with each run, such as what else the machine did: its seconds are then of no worth")
    parser.add_argument("--smoke", action="store_true", help="one small search, with a race and without: does it work?")
    parser.set_defaults(trials=None, epochs=40)
    arguments = parser.parse_args()
    if arguments.smoke:
        vars(arguments).update(SMOKE)
        if arguments.results == RESULTS:
            arguments.results = RESULTS.with_stem("ablation-smoke")
    return arguments


def cases(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield what is to be run; who comes first takes turns, seed by seed."""
    for seed in arguments.seeds:
        arms = ARMS if seed % 2 else ARMS[::-1]
        for problem, folds, strategy in product(arguments.problems, arguments.folds, arguments.strategies):
            yield from ({"problem": problem, "folds": folds, "strategy": strategy, "seed": seed, "race": race} for race in arms)


def one(about: Row, arguments: argparse.Namespace, scratch: Path) -> Row:
    """Run one sweep, and return its trials' scores and fits and what it took."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    strategy = STRATEGIES[about["strategy"]] | {"seed": about["seed"]}
    write_sweep(
        folder,
        {
            "name": ours.NAME,
            "seed": about["seed"],
            "data": {"source": "sklearn", "name": about["problem"], "test_size": 0},
            "trainer": {"type": "mlp"},
            "space": SPACE,
            "strategy": strategy | ({"trials": arguments.trials} if arguments.trials else {}),
            "race": about["race"],
            "cv": {"folds": about["folds"]},
            "fit": {"epochs": arguments.epochs},
            "objective": {"metric": METRICS[about["problem"]]},
            "engine": "fused",
        },
    )
    cache = scratch / f"cache-{about['race']}"
    earlier = cache.exists()
    measured = measure(ours.prepare(folder), folder, environment(cache))
    found = ours.trials(folder)
    if measured.status or not found:
        log = (folder / "output.log").read_text(encoding="utf-8", errors="replace")
        raise SystemExit(f"{about}: exit status {measured.status}\n{log[-3000:]}")
    return {
        **measured.record(),
        "start": "warm" if earlier else "cold",
        "cores": len(os.sched_getaffinity(0)),
        "note": arguments.note,
        "scores": [row.score for row, _ in found],
        "states": [row.state.value for row, _ in found],
        "winner": dict(found[ablation_report.winner_of([row.score for row, _ in found])][0].config),
        "fits": [fits for _, fits in found],
    }


if __name__ == "__main__":
    main()
