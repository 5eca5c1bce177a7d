"""``run_sweep``: a sweep from a Python session, by the same way as one from a shell."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator import sweep as one_sweep
from orchestrator.errors import SpecError, SweepMismatchError, UserCheckError
from orchestrator.ledger import ledger_url
from orchestrator.python_door.files import Files
from orchestrator.python_door.given import make_spec
from orchestrator.python_door.sweep import Sweep
from orchestrator.results import LiveWatch, NotebookWatch, Silent, Watch, notebook_display
from orchestrator.running import GIVEN
from orchestrator.search import SweepState
from orchestrator.spec import read_sweep

logger = logging.getLogger(__name__)

SOURCE = "run_sweep"


def run_sweep(
    spec: str | os.PathLike[str] | Mapping[str, Any],
    *,
    data: Any = None,
    builder: Callable[..., Any] | str | None = None,
    ledger: str | os.PathLike[str] | None = None,
    occasion: str | None = None,
    new: bool = False,
    output: str | os.PathLike[str] = one_sweep.OUTPUT,
    progress: bool = True,
) -> Sweep:
    """Run a sweep to its end, or continue it where it was left, and return it.

    Ctrl-C, or a notebook's stop, ends it gracefully: it is returned as it stands then, STOPPED, and the same call goes on.

    Parameters
    ----------
    spec : a sweep file, or a mapping with the same keys. In a mapping NumPy's numbers and arrays may stand for numbers and lists,
        and functions where a file names one as 'module:function'.
    data : rows in memory in the place of those that ``spec`` names: a pair (X, y) of a table (pandas, Polars, Arrow) or an array
        and one value a row; or a DataFrame, with the column to predict in ``data.target``. The rest of ``data`` holds on. They
        are written below ``output`` once, so that workers, and ``kerasweep resume``, can read them. ``task``, where ``spec``
        does not say it, follows from the target: two different values are binary, texts and whole numbers of few different
        values multiclass, others regression.
    builder : the function that returns a compiled model, for ``trainer.type: builder``; of a notebook or a script too.
    ledger : URL or path of the ledger that keeps the sweep, in the place of the sweep's own; default KERASWEEP_LEDGER, if that
        is set.
    occasion : the occasion to begin or to continue; default the newest if it is unfinished, else the next.
    new : begin the next occasion, even if the last one is unfinished.
    output : folder that receives logs, the model, and what was in memory.
    progress : show how it goes: a table that renews itself, in a notebook or a terminal.

    Raises
    ------
    SpecError : ``spec`` is mistaken; every mistake is told, nothing was begun.
    UserCheckError : the data or a function is at fault; nothing was begun.
    SweepMismatchError : the unfinished occasion began with other settings.
    KerasweepError : anything else that ended the sweep; what was finished is in the ledger.

    Examples
    --------
    >>> sweep = run_sweep({"name": "iris", "space": {"layer_size": [8, 16]}}, data=(X, y))  # doctest: +SKIP
    >>> sweep.leaderboard()  # doctest: +SKIP
    """
    if new and occasion is not None:
        raise ValueError("run_sweep: expected new=True or an occasion, got both; a named occasion is begun if it is not there.")
    mapping, folder, source = _read(spec)
    if (kept := ledger_url(ledger) if ledger else os.environ.get("KERASWEEP_LEDGER")) is not None:
        mapping = {**mapping, "ledger": kept}
    files = Files(Path(output) / GIVEN)
    try:
        made = make_spec(mapping, folder, source, files, data=data, builder=builder)
        options = one_sweep.Options(occasion=occasion, new=new, output=Path(output))
        with watching(progress) as watch:
            row = one_sweep.run_sweep(made, options, watch)
            watch.phase(f"sweep {row.title}: {row.state.value}{f' ({row.reason})' if row.reason else ''}")
    except (SpecError, UserCheckError):
        files.take_back()
        raise
    except SweepMismatchError as error:
        raise SweepMismatchError(str(error).replace("with --new", "by new=True")) from None
    if row.state is SweepState.STOPPED:
        again = "What is finished is kept; the same call of run_sweep goes on."
        logger.warning("sweep %s: stopped (%s). %s", row.title, row.reason, again)
    return Sweep(made.ledger, row.id)


def _read(spec: Any) -> tuple[dict[str, Any], Path, str]:
    """Return what a sweep file or a mapping says, its folder, and what messages call it."""
    if isinstance(spec, Mapping):
        return dict(spec), Path.cwd(), SOURCE
    if isinstance(spec, str | os.PathLike):
        file = Path(spec)
        return read_sweep(file), file.absolute().parent, str(spec)
    raise TypeError(f"run_sweep: spec must be the path of a sweep file, or a mapping with its keys. Got {type(spec).__name__}.")


@contextmanager
def watching(progress: bool) -> Iterator[Watch]:
    """Give a watch that suits where this process shows what it says: a table in a notebook or a terminal, or none."""
    from rich.console import Console

    console = Console(stderr=True)
    if progress and (show := notebook_display()) is not None:
        watch = NotebookWatch(show)
        try:
            yield watch
        finally:
            watch.draw()
    elif progress and console.is_terminal:
        with LiveWatch(console) as live:
            yield live
    else:
        yield Silent()
