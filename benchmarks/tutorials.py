"""The tutorials beside the original way: ``python -m benchmarks.tutorials [NUMBER ...]``.

Each script of ``examples/tutorials`` is run from start to exit as it is, then with its searches taken from scikit-learn
(``benchmarks.original``). The first one's grid would take 40 minutes there, the last one has no search: they are run as they are;
``benchmarks.search_cv`` has the first one's figures. Raw results are kept in ``results/tutorials.json``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import measure
from benchmarks.run import LONG_SECONDS, RESULTS, ROOT, environment, keep, machine

SCRIPTS = sorted((ROOT / "examples" / "tutorials").glob("*.py"))
WAYS = {"kerasweep": "from kerasweep import", "scikit-learn": "from benchmarks.original import"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tutorials", description="Measure the tutorials.")
    parser.add_argument("number", nargs="*", help="which scripts; default all")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS), help="default both")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, while one takes under two minutes")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where raw results are kept")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for script in SCRIPTS:
        if arguments.number and script.name[0] not in arguments.number:
            continue
        for repeat in range(arguments.repeats):
            for way in arguments.ways:
                before = [run["wall"] for run in runs if (run["size"], run["method"]) == (script.stem, way)]
                if (before and max(before) > LONG_SECONDS) or (way != "kerasweep" and script.name[0] in "17"):
                    continue
                runs.append({"size": script.stem, "method": way, "repeat": repeat, **_run(script, way)})
                print(f"{script.stem}, {way}: {runs[-1]['wall']:.1f} s", file=sys.stderr, flush=True)
    record = {"problem": "tutorials", "machine": machine(), "made": datetime.now(UTC).isoformat(), "runs": runs}
    show(keep(record, arguments.results / "tutorials.json"))


def _run(script: Path, way: str) -> dict[str, Any]:
    """Run a script one way, in an empty folder and with an empty compilation cache."""
    with tempfile.TemporaryDirectory(prefix="kerasweep-bench-") as scratch:
        folder = Path(scratch)
        (folder / "tmp").mkdir()
        code = script.read_text(encoding="utf-8").replace(WAYS["kerasweep"], WAYS[way])
        (folder / script.name).write_text(code, encoding="utf-8")
        settings = environment(folder / "cache") | {"TMPDIR": str(folder / "tmp")}
        measured = measure([sys.executable, script.name], folder, settings)
        printed = (folder / "output.log").read_text(encoding="utf-8", errors="replace")
    return {**measured.record(), "printed": printed[-3000:]}


def show(record: dict[str, Any]) -> None:
    """Print the medians."""
    table = Table(title="The tutorials, from start to exit", title_justify="left")
    for column in ("script", *(f"{way}, s" for way in WAYS), "x"):
        table.add_column(column, justify="left" if column == "script" else "right")
    for name in sorted({run["size"] for run in record["runs"]}):
        took = {}
        for way in WAYS:
            walls = [run["wall"] for run in record["runs"] if (run["size"], run["method"], run["status"]) == (name, way, 0)]
            took[way] = statistics.median(walls) if walls else None
        ours, theirs = took.values()
        ratio = f"{theirs / ours:.1f}" if ours and theirs else "-"
        table.add_row(name, *(f"{seconds:.1f}" if seconds else "-" for seconds in took.values()), ratio)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    for run in record["runs"]:
        if run["status"] != 0:
            console.print(f"failed: {run['size']} {run['method']}", style="red")
    about = record["machine"]
    load = ", ".join(f"{number:.1f}" for number in about["load"])
    console.print(f"{about['cores']} cores of {about['processor']}, load {load}", style="dim")


if __name__ == "__main__":
    main()
