"""The folder that receives a sweep's logs and its model: ``<output>/<sweep>/<occasion>``, and whose it is.

Another ledger may have a sweep and an occasion of the same names in the same directory. So a folder holds a note of the sweep
that it belongs to, and nobody else writes to it or removes it; who comes second gets ``<occasion>.2``.
"""

from __future__ import annotations

import glob
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from orchestrator.ledger import SweepRow

NOTE = "sweep.json"
LOGS, MODEL = "logs", "model"
GIVEN = "given"
"""The folder of an output that holds what sweeps were given from Python."""


def claim_output(sweep: SweepRow, output: Path) -> Path:
    """Return the sweep's folder, absolute: the one that it has, or a new one with its note."""
    return find_output(sweep, output) or next(folder for folder in _names(sweep, output) if _claims(folder, sweep))


def find_output(sweep: SweepRow, output: Path) -> Path | None:
    """Return the folder whose note says that it is this sweep's, absolute; None without one."""
    first = next(_names(sweep, output))
    beside = first.parent.glob(f"{glob.escape(first.name)}.*")  # with gaps: others may have been removed
    return next((folder for folder in (first, *sorted(beside)) if _belongs(folder, sweep)), None)


def remove_output(sweep: SweepRow, output: Path) -> None:
    """Remove the sweep's own folder, and those above it that are then empty, up to ``output``."""
    folder = find_output(sweep, output)
    if folder is None:
        return
    shutil.rmtree(folder, ignore_errors=True)
    for above in (folder.parent, output.absolute()):
        with suppress(OSError):  # something else is in it
            above.rmdir()


def _claims(folder: Path, sweep: SweepRow) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    if not any((folder / part).exists() for part in (NOTE, LOGS, MODEL)):  # a scheduler's log may be there
        with suppress(FileExistsError), (folder / NOTE).open("x", encoding="utf-8") as file:
            json.dump(_note(sweep), file)
    begun_without_notes = sweep.attempt > 1 and not (folder / NOTE).exists()
    return begun_without_notes or _belongs(folder, sweep)


def _names(sweep: SweepRow, output: Path) -> Iterator[Path]:
    first = (output / sweep.name / sweep.occasion).absolute()
    yield first
    for number in count(2):
        yield first.with_name(f"{first.name}.{number}")


def _note(sweep: SweepRow) -> dict[str, Any]:
    return {"sweep": sweep.title, "begun": sweep.created}  # to the microsecond: no two ledgers have both


def _belongs(folder: Path, sweep: SweepRow) -> bool:
    try:
        return bool(json.loads((folder / NOTE).read_text(encoding="utf-8")) == _note(sweep))
    except (OSError, ValueError):
        return False
