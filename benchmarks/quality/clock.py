"""Who finds what, by when: ``python -m benchmarks.quality.clock --data FOLDER``: three problems, three seeds, two rivals.

Every method searches the same space on the same folds with the same early stopping, from the start of a process with an empty
compilation cache. One referee then trains whoever was the incumbent at any time, and scores it on rows that nobody has seen. Told
is after what share of a rival's time ours has reached, for good, the score that the rival ends with. What is there already, a run
or a score of the referee, is not done again; a run of other minutes or rows replaces it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.quality import clock_report, ours, referee
from benchmarks.quality.contests import CONTESTS
from benchmarks.quality.curves import config_key
from benchmarks.quality.deadline import run_until
from benchmarks.quality.incumbents import incumbents, told
from benchmarks.quality.kept import Kept, Row
from benchmarks.run import environment

RESULTS = Path(__file__).with_name("clock.json")
KEYS = {"runs": ("problem", "seed", "method"), "referee": ("problem", "seed", "rows", "config", "by")}
OURS = clock_report.OURS
RIVALS = {"optuna": "optuna_tpe", "hyperband": "hyperband"}
SMOKE = {"minutes": 2.0, "our_minutes": 2.0, "seeds": [1], "problems": ["tutorial"], "by": [1], "trials": 1}


def main() -> None:
    """Run what is missing, have it judged, and show what it comes to."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it has started ends with it
    kept = Kept(arguments.results, KEYS)
    with tempfile.TemporaryDirectory(prefix="kerasweep-bench-") as scratch:
        for problem in arguments.problems:
            for seed in arguments.seeds:
                for method in arguments.methods:
                    _run({"problem": problem, "seed": seed, "method": method}, arguments, kept, Path(scratch))
        for problem in arguments.problems if arguments.by else ():
            for seed in arguments.seeds:
                _judge(problem, seed, arguments, kept, Path(scratch))
    clock_report.show(kept.lists)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.clock", description="Race rivals against the clock.")
    parser.add_argument("--data", type=Path, help="folder with the tables; what is absent there has a stand-in")
    parser.add_argument("--minutes", type=float, default=6.0, help="of a rival's run")
    parser.add_argument("--our-minutes", type=float, default=2.0, help="of ours, never more than a rival's")
    parser.add_argument("--problems", nargs="+", choices=list(CONTESTS), default=list(CONTESTS))
    parser.add_argument("--methods", nargs="+", choices=[OURS, *RIVALS], default=[OURS, *RIVALS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument(
        "--by", nargs="*", type=int, default=list(referee.SEEDS), help="seeds of the referee; none: nobody judges"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the file that keeps raw results")
    parser.add_argument("--smoke", action="store_true", help="few rows, a trial or two each: does it work?")
    parser.set_defaults(trials=None)
    arguments = parser.parse_args()
    if arguments.smoke:
        vars(arguments).update(SMOKE)
        if arguments.results == RESULTS:
            arguments.results = RESULTS.with_stem("clock-smoke")
    arguments.our_minutes = min(arguments.our_minutes, arguments.minutes)
    return arguments


def _run(about: Row, arguments: argparse.Namespace, kept: Kept, scratch: Path) -> None:
    """Run one method for its time, if that has not been done, and keep its incumbents."""
    problem, seed, method = (about[name] for name in KEYS["runs"])
    contest = CONTESTS[problem]
    minutes = arguments.our_minutes if method == OURS else arguments.minutes
    there = kept.find("runs", about)
    if there and (there["minutes"], there["rows"]) == (minutes, contest.rows(arguments.data)[0]):
        return
    folder = Path(tempfile.mkdtemp(dir=scratch))
    about = about | {"minutes": minutes, "rows": contest.lay_out(folder, seed, arguments.data, smoke=arguments.smoke)}
    if method == OURS:
        command = ours.prepare(folder)
    else:
        few = ["--trials", str(arguments.trials)] if arguments.trials else []
        command = [sys.executable, "-m", f"benchmarks.quality.rivals.{RIVALS[method]}", *few]
    _say(f"{problem}, seed {seed}: {method}, {minutes:g} minutes at most")
    ran = run_until(command, folder, environment(folder / "cache"), 60 * minutes)
    found = ours.found(folder, ran.began) if method == OURS else told(folder, ran.began)
    found = [one for one in found if one["seconds"] <= 60 * minutes]
    if ran.status not in (None, 0) or not found:
        log = (folder / "output.log").read_text(encoding="utf-8", errors="replace")
        _say(f"    not kept: exit status {ran.status}, {len(found)} whole trials\n{log[-3000:]}")
        return
    best = incumbents(found, contest.maximize)
    kept.add("runs", {**about, "seconds": ran.seconds, "whole": len(found), "incumbents": best})
    last = best[-1]
    _say(f"    {len(found)} whole trials, {len(best)} incumbents, the last after {last['seconds']:.0f} s: {last['score']:.4f}")


def _judge(problem: str, seed: int, arguments: argparse.Namespace, kept: Kept, scratch: Path) -> None:
    """Have the incumbents of all methods judged that have not been, several at once."""
    runs = [run for run in kept.lists["runs"] if (run["problem"], run["seed"]) == (problem, seed)]
    configs = {config_key(one["config"]): one["config"] for run in runs for one in run["incumbents"]}
    folder = Path(tempfile.mkdtemp(dir=scratch))
    rows = CONTESTS[problem].lay_out(folder, seed, arguments.data, smoke=arguments.smoke)
    jobs = [
        {"problem": problem, "seed": seed, "rows": rows, "config": config, "by": by}
        for by in arguments.by
        for config in configs.values()
    ]
    jobs = [job for job in jobs if kept.find("referee", job) is None]
    if not jobs:
        return
    _say(f"{problem}, seed {seed}: {len(jobs)} fits of the referee")
    with _pool(folder, min(len(jobs), len(os.sched_getaffinity(0)))) as pool:
        waiting = {pool.submit(referee.judge, job["config"], job["by"]): job for job in jobs}
        for done in as_completed(waiting):
            kept.add("referee", {**waiting[done], "scores": done.result()})


def _pool(folder: Path, workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=referee.open_folder, initargs=(folder,))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
