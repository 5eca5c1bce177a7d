"""Our side of the machinery problems: a whole sweep whose worker trains nothing, measured by trial and by the driver's memory.

``python -m benchmarks.machinery --trials 1000``, in an empty folder. All of ``run_sweep`` is real (ledger, search, dispatch,
MLflow, refit); only the worker's program is another. ``--untracked`` puts a tracker in place that writes nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import orchestrator.sweep
from benchmarks.outcome import write_outcome
from orchestrator.dispatch import Dispatcher, LocalDispatcher, RayDispatcher
from orchestrator.errors import TrackingError
from orchestrator.ledger import Ledger, TrialRow
from orchestrator.results import Status
from orchestrator.spec import spec_from_mapping

WORKER = Path(__file__).with_name("noop_worker.py")


@dataclass
class Meter:
    """Looks on, and notes when how many trials were done, and the driver's memory then."""

    phases: list[tuple[float, str]] = field(default_factory=list)
    points: list[tuple[float, int, int, float]] = field(default_factory=list)

    def phase(self, text: str) -> None:
        self.phases.append((time.time(), text))

    def progress(self, status: Status) -> None:
        if not self.points or status.done - self.points[-1][1] >= status.total // 200 or status.done == status.total:
            self.points.append((time.time(), status.done, psutil.Process().memory_info().rss, time.process_time()))


class NoTracker:
    """Stands where the tracker stands, and writes nothing."""

    def __init__(self, *_: Any) -> None: ...

    def check(self) -> None: ...

    def start(self) -> None: ...

    def notify(self) -> None: ...

    def close(self, **_: Any) -> bool:
        return True

    def upload_model(self, folder: Path, **_: Any) -> Any:
        raise TrackingError("Not tracked.")


def sweep_of(trials: int, race: str) -> dict[str, Any]:
    return {
        "name": "machinery",
        "seed": 7,
        "task": "multiclass",
        "data": {"source": "sklearn", "name": "iris"},
        "trainer": {"type": "mlp"},
        "space": {
            "hidden_layers": {"integer": [1, 4]},
            "layer_size": {"integer": [1, 99]},
            "learning_rate": {"reciprocal": [1e-4, 1e-1]},
        },
        "strategy": {"type": "random", "trials": trials},
        "race": race,
        "cv": {"folds": 3},
        "engine": "keras",
    }


def dispatcher_of(kind: str, workers: int, seconds: float) -> Dispatcher:
    command = (sys.executable, str(WORKER), "--seconds", str(seconds))
    if kind == "ray":
        return RayDispatcher(workers=workers, log_folder=Path("logs"), command=command)
    return LocalDispatcher(workers, log_folder=Path("logs"), command=command)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dispatcher", choices=("local", "ray"), default="ray")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.0, help="how long a worker sleeps in place of training one fold")
    parser.add_argument("--race", default="none", help="the rule of the race; all trials are equal, so that none is given up")
    parser.add_argument("--untracked", action="store_true", help="write nothing to MLflow")
    arguments = parser.parse_args()
    if arguments.untracked:
        orchestrator.sweep.Tracker = NoTracker  # type: ignore[misc,assignment]
    meter = Meter()
    began = time.time()
    spec = spec_from_mapping(sweep_of(arguments.trials, arguments.race), Path.cwd())
    dispatcher = dispatcher_of(arguments.dispatcher, arguments.workers, arguments.seconds)
    row = orchestrator.sweep.run_sweep(spec, watch=meter, dispatcher=dispatcher)
    ended = time.time()
    with Ledger(spec.ledger) as ledger:
        rows = sorted(ledger.trials(row.id), key=lambda trial: trial.finished)
    ends = [trial.finished for trial in rows]
    more = efficiency(rows, 3 * arguments.seconds, began) if arguments.seconds else {}
    write_outcome(
        trials=len(ends),
        best=None,
        first_seconds=ends[0] - began,
        search_seconds=ends[-1] - ends[0],
        after_seconds=ended - ends[-1],
        seconds_a_trial=(ends[-1] - ends[0]) / max(len(ends) - 1, 1),
        phases=[(at - began, text) for at, text in meter.phases],
        points=[(at - began, *rest) for at, *rest in meter.points],
        **more,
    )


def efficiency(rows: list[TrialRow], length: float, began: float) -> dict[str, float]:
    """Return when the last worker began its first trial, and which share of all workers' time was slept from then on.

    ``steady_efficiency`` counts until the first worker finds no more work, ``efficiency`` to the very end.
    """
    first: dict[float, float] = {}
    last: dict[float, float] = {}
    for row in rows:
        worker = row.summary["mean"]["worker"]
        first.setdefault(worker, row.finished - length)
        last[worker] = row.finished
    up = max(first.values())

    def share(end: float) -> float:
        slept = sum(max(min(row.finished, end) - max(row.finished - length, up), 0.0) for row in rows)
        return slept / (len(first) * (end - up)) if end > up else 0.0

    return {
        "workers_seen": len(first),
        "all_up_seconds": up - began,
        "efficiency": share(max(last.values())),
        "steady_efficiency": share(min(last.values())),
    }


if __name__ == "__main__":
    main()
