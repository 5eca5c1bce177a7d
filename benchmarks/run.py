"""The runner: ``python -m benchmarks.run --problem 1 --methods kerasweep grid_search_cv --repeats 3``.

Every cold run starts in an empty folder (no ledger, no MLflow store) with an empty compilation cache; the warm run beside it
starts in another empty folder with the cache that the cold one left. Raw results are kept as JSON under ``results/``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from benchmarks import report
from benchmarks.machinery_problems import MachineryRun, nothing_trained, sleepers
from benchmarks.measure import measure
from benchmarks.methods import METHODS, is_ours
from benchmarks.outcome import read_outcome
from benchmarks.problems import PROBLEMS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name("results")
LONG_SECONDS = 120.0
"""A run that takes longer is not repeated."""

MACHINERY = {"5": nothing_trained, "6": sleepers}
LIBRARIES = ("kerasweep", "keras", "tensorflow", "jax", "ray", "mlflow", "scikit-learn", "scikeras", "keras-tuner", "optuna")


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="kerasweep-bench-") as scratch:
        for problem in arguments.problem:
            if problem in MACHINERY:
                runs = _machinery(MACHINERY[problem](arguments.size), Path(scratch), arguments)
            else:
                runs = _problem(problem, Path(scratch), arguments)
            record = {"problem": problem, "machine": machine(), "made": datetime.now(UTC).isoformat(), "runs": runs}
            keep(record, arguments.results / f"problem-{problem}{'-smoke' * (arguments.size == 'smoke')}.json")
            report.show(record)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description="Measure Kerasweep beside its rivals.")
    names = [*PROBLEMS, *MACHINERY]
    parser.add_argument("--problem", nargs="+", choices=names, default=names, help="which problems; default all")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), help="which methods; default all")
    parser.add_argument("--size", choices=("auto", "full", "part", "smoke"), default="auto")
    parser.add_argument("--smoke", action="store_const", const="smoke", dest="size", help="tiny sizes: does it all work?")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method, while one takes under two minutes")
    parser.add_argument("--pima", type=Path, help="the Pima file for problem 1; default: breast cancer")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where raw results are kept")
    return parser.parse_args()


def _problem(name: str, scratch: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the methods on one problem, by turns, and return a record of every run."""
    problem = PROBLEMS[name]
    runs: list[dict[str, Any]] = []
    for repeat in range(arguments.repeats):
        for method_name in arguments.methods:
            for size in _sizes(name, method_name, arguments.size):
                earlier = [run["wall"] for run in runs if (run["method"], run["size"]) == (method_name, size)]
                if earlier and max(earlier) > LONG_SECONDS:
                    continue
                cache = scratch / "cache"
                shutil.rmtree(cache, ignore_errors=True)
                method = METHODS[method_name]
                for start in ("cold", "warm") if method.warms else ("cold",):
                    folder = Path(tempfile.mkdtemp(dir=scratch))
                    about = problem.lay_out(size, folder, arguments.pima.resolve() if arguments.pima else None)
                    command = method.prepare(problem, size, folder)
                    _say(f"problem {name} ({problem.title}), {size}: {method_name}, {start}, run {repeat + 1}")
                    measured = measure(command, folder, environment(cache))
                    run = {
                        "method": method_name,
                        "size": size,
                        "start": start,
                        "repeat": repeat,
                        **about,
                        **measured.record(),
                        **method.outcome(folder),
                    }
                    _say_how_it_went(run, folder)
                    runs.append(run)
                    shutil.rmtree(folder)
    return runs


def _sizes(problem: str, method: str, wanted: str) -> tuple[str, ...]:
    """Return which sizes a method runs: a rival the one that fits into 15 minutes, ours that and the whole."""
    sizes = PROBLEMS[problem].sizes
    if wanted == "auto":
        rival = PROBLEMS[problem].rival_size
        return tuple(dict.fromkeys((rival, "full"))) if is_ours(method) else (rival,)
    return (wanted if wanted in sizes else "full",)


def _machinery(programs: list[MachineryRun], scratch: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    runs = []
    for program in programs:
        folder = Path(tempfile.mkdtemp(dir=scratch))
        _say(program.name)
        measured = measure(program.command(), folder, environment(scratch / "cache"))
        run = {
            "method": program.name,
            "workers": program.workers,
            "sleeps": program.sleeps,
            **measured.record(),
            **read_outcome(folder),
        }
        _say_how_it_went(run, folder)
        runs.append(run)
        shutil.rmtree(folder)
    return runs


def environment(cache: Path) -> dict[str, str]:
    """Return the environment of a measured program: nothing of earlier runs is found through it."""
    kept = {name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "PYTHONDONTWRITEBYTECODE")}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cache),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "RAY_USAGE_STATS_ENABLED": "0",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "COLUMNS": "200",
    }


def machine() -> dict[str, Any]:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": next(
            (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
            platform.processor(),
        ),
        "memory": psutil.virtual_memory().total,
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "versions": {name: number for name in LIBRARIES if (number := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def keep(record: dict[str, Any], file: Path, what: Sequence[str] = ("method", "size")) -> dict[str, Any]:
    """Keep a record beside earlier ones of the problem and return both; later runs alike in ``what`` replace earlier ones.

    Each run keeps when it was made and the machine's load at the time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    _date(record)
    if file.is_file():
        before = json.loads(file.read_text(encoding="utf-8"))
        _date(before)
        new = {tuple(map(run.get, what)) for run in record["runs"]}
        record["runs"] = [run for run in before["runs"] if tuple(map(run.get, what)) not in new] + record["runs"]
    file.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return record


def _date(record: Mapping[str, Any]) -> None:
    for run in record["runs"]:
        run.setdefault("made", record["made"])
        run.setdefault("load", record["machine"]["load"])


def _say(text: str) -> None:
    print(f"[{datetime.now(UTC):%H:%M:%S}] {text}", file=sys.stderr, flush=True)


def _say_how_it_went(run: dict[str, Any], folder: Path) -> None:
    _say(f"    {run['wall']:.1f} s, CPU {run['cpu']:.1f} s, peak {run['peak'] / 2**20:.0f} MB, best {run.get('best')}")
    if run["status"] != 0 or "trials" not in run:
        log = (folder / "output.log").read_text(encoding="utf-8", errors="replace")
        _say(f"    failed with exit status {run['status']}:\n{log[-3000:]}")
        run["failed"] = log[-3000:]


if __name__ == "__main__":
    main()
