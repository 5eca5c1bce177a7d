"""Where the time of problem 1 goes: ``python -m benchmarks.profile [--pima PATH] [--size full] [--engine fused] [--local]``.

It runs the sweep in this process as ``kerasweep run`` does and looks on; what workers compile is read from their logs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

_COMPILED = re.compile(
    r"Finished (XLA compilation|tracing \+ transforming|jaxpr to MLIR module conversion) .* in ([0-9.eE+-]+) sec"
)


@dataclass
class Phases:
    """Looks on, and notes how many seconds after ``start`` each phase began."""

    start: float
    began: list[tuple[float, str]] = field(default_factory=list)

    def phase(self, text: str) -> None:
        self.began.append((time.time() - self.start, text))

    def progress(self, status: object) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problem", default="1")
    parser.add_argument("--size", default="full")
    parser.add_argument("--engine", choices=("fused", "keras"), default="fused")
    parser.add_argument("--local", action="store_true", help="the local dispatcher in place of Ray")
    parser.add_argument("--pima", type=Path)
    arguments = parser.parse_args()
    pima = arguments.pima.resolve() if arguments.pima else None
    with tempfile.TemporaryDirectory(prefix="kerasweep-profile-") as folder:
        os.environ |= {"JAX_LOG_COMPILES": "1", "XDG_CACHE_HOME": f"{folder}/cache", "TF_CPP_MIN_LOG_LEVEL": "3"}
        os.chdir(folder)
        _lay_out(arguments.problem, arguments.size, arguments.engine, arguments.local, pima)
        _run()


def _lay_out(name: str, size: str, engine: str, local: bool, pima: Path | None) -> None:
    """Write the problem's folder in a process of its own, so that its imports do not warm this one."""
    import subprocess

    code = (
        "import sys; from pathlib import Path; from benchmarks import kerasweep; from benchmarks.problems import PROBLEMS;"
        "name, size, engine, local, pima = sys.argv[1:]; problem = PROBLEMS[name];"
        "problem.lay_out(size, Path(), Path(pima) if pima else None);"
        "kerasweep.prepare(problem, size, Path(), engine=engine, local=local == 'True')"
    )
    root = str(Path(__file__).resolve().parents[1])
    subprocess.run(
        [sys.executable, "-c", code, name, size, engine, str(local), str(pima or "")],
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )


def _run() -> None:
    start = time.time()
    from orchestrator.spec import load_spec
    from orchestrator.sweep import run_sweep

    phases = Phases(start)
    spec = load_spec("sweep.yaml")
    row = run_sweep(spec, watch=phases)
    ended = time.time() - start
    from orchestrator.ledger import Ledger

    with Ledger(spec.ledger) as ledger:
        trials = ledger.trials(row.id)
        seconds = sum(fold.seconds for trial in trials for fold in ledger.folds(trial.key, seen_by=row.id))
    finished = row.finished - start
    first_dispatch = min(trial.started for trial in trials) - start
    first_end = min(trial.finished for trial in trials) - start
    last_end = max(trial.finished for trial in trials) - start
    refit = next((at for at, text in phases.began if text.startswith("refitting")), last_end)
    spans = [
        ("start-up: imports, data, worker, check", 0.0, next(at for at, text in phases.began if text.startswith("training"))),
        ("waiting for Ray and its workers", next(at for at, text in phases.began if text.startswith("training")), first_dispatch),
        ("train: to the first finished trial", first_dispatch, first_end),
        ("train: the rest", first_end, last_end),
        ("between", last_end, refit),
        ("refit, score, model folder and its upload", refit, finished),
        ("track: MLflow's rows that were left, and closing", finished, ended),
    ]
    table = Table(title=f"{len(trials)} trials in {ended:.1f} s", title_justify="left")
    for column in ("phase", "from s", "to s", "s"):
        table.add_column(column, justify="left" if column == "phase" else "right")
    for name, start, end in spans:
        table.add_row(name, f"{start:.1f}", f"{end:.1f}", f"{end - start:.1f}")
    console = Console()
    console.print(table)
    console.print(f"seconds that folds say they took, summed over all members: {seconds:.1f}")
    for log in sorted(Path("kerasweep-output").rglob("*.log")):
        spent: dict[str, list[float]] = {}
        for what, took in _COMPILED.findall(log.read_text(encoding="utf-8", errors="replace")):
            spent.setdefault(what, []).append(float(took))
        said = ", ".join(f"{what} {sum(times):.1f} s in {len(times)}" for what, times in spent.items())
        console.print(f"{log.name}: {said or 'nothing compiled'}")
    for at, text in phases.began:
        console.print(f"{at:6.1f} s  {text}", style="dim", highlight=False)


if __name__ == "__main__":
    main()
