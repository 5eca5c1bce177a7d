"""What old sweeps have left behind, and what of it nobody needs any more: looked for first, then removed.

Folds in the ledger, folders of logs and models, what was given from Python and no sweep names, compiled programs, lock files.
Trials, their scores and what MLflow has stay.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from orchestrator.dispatch import compiled_programs
from orchestrator.ledger import Ledger, Removed, SweepRow, is_driven
from orchestrator.running.keeping import champions, last_heard, why_needed
from orchestrator.running.output import GIVEN, LOGS, MODEL, find_output
from orchestrator.tracking import lock_files, remove_lock_file

KindOfFiles = Literal["given", "programs", "locks"]
Kind = Literal["folds", "folder", "logs"] | KindOfFiles

_WORDS: Mapping[KindOfFiles, tuple[str, str]] = {
    "given": ("file", " given from Python, which no sweep names"),
    "programs": ("compiled program", ""),
    "locks": ("lock file", ""),
}
_NAMES_OF_GIVEN = re.compile(r"\.?((data-|session_)[0-9a-f]{12,16})[._]")
"""Rows and functions of ``GIVEN`` by their digests, and what Python compiles of functions; group 1 is in the spec of a sweep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something that was left behind: what it is in words, and its size. ``paths`` are removed with it."""

    kind: Kind
    what: str
    bytes: int
    paths: tuple[Path, ...] = ()
    sweep: SweepRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Something old that stays, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What can go, what stays though it is old, and the sweeps (attempts by id) that need their folds no more.

    ``quiet``: no sweep is running, which would have to wait while the ledger's file is made smaller.
    """

    left: tuple[Left, ...]
    kept: tuple[Kept, ...]
    sweeps: Mapping[int, int]
    quiet: bool


def find_left(ledger: Ledger, output: Path, *, before: float, now: float, keep_champions: bool = True) -> Pruning:
    """Find what was left by sweeps that ended, and what was used last, ``before`` (unix seconds). Nothing is changed.

    Parameters
    ----------
    output : where sweeps' folders are.
    keep_champions : whether sweeps stay whole whose model is a champion, or the one that ``rollback`` would restore.
    """
    sweeps = ledger.sweeps()
    old = [sweep for sweep in sweeps if last_heard(sweep) < before]
    needed = {**(champions(old) if keep_champions else {}), **why_needed(ledger, old, sweeps, now)}
    gone = [sweep for sweep in old if sweep.id not in needed]
    attempts = {sweep.id: sweep.attempt for sweep in gone}
    kept = [Kept(what=sweep.title, why=needed[sweep.id]) for sweep in old if sweep.id in needed]
    folders, others = _folders(gone, output)
    left = [*_folds(ledger.prunable_folds(attempts)), *folders]
    left += _files("given", _unused(_unnamed((output / GIVEN).rglob("*"), sweeps), before))
    left += _files("programs", _unused(compiled_programs(os.environ), before))
    left += _files("locks", _unused(lock_files(), before))
    quiet = not any(is_driven(sweep, now) for sweep in sweeps)
    return Pruning(left=tuple(left), kept=(*kept, *others), sweeps=attempts, quiet=quiet)


def remove_left(pruning: Pruning, ledger: Ledger) -> tuple[Left, ...]:
    """Remove what ``find_left`` found, but for what somebody has used since; return what was removed, as it was then."""
    return tuple(removed for one in pruning.left for removed in _remove(one, pruning, ledger))


def _remove(one: Left, pruning: Pruning, ledger: Ledger) -> Iterable[Left]:
    match one.kind:
        case "folds":
            removed = ledger.prune_folds(pruning.sweeps)
            if pruning.quiet:
                ledger.compact()
            yield from _folds(removed)
        case "programs" | "locks" | "given" as kind:
            paths = one.paths if kind != "given" else _unnamed(one.paths, ledger.sweeps())
            sizes = {path: status.st_size for path in paths if (status := _status(path)) is not None}
            yield from _files(kind, {path: size for path, size in sizes.items() if _unlink(kind, path)})
        case "folder" | "logs":
            if one.sweep is not None and ledger.sweep_by_id(one.sweep.id).attempt == one.sweep.attempt:
                shutil.rmtree(one.paths[0], ignore_errors=True)
                with suppress(OSError):  # other occasions' folders are beside it
                    one.paths[0].parent.rmdir()
                yield one


def _unlink(kind: Kind, path: Path) -> bool:
    if kind == "locks":
        return remove_lock_file(path)
    path.unlink(missing_ok=True)
    if kind == "given":
        for folder in path.parents[:2]:
            with suppress(OSError):  # others are in it
                folder.rmdir()
    return True


# --- what was left ------------------------------------------------------------------------------------------------------------


def _folds(found: Removed) -> Iterable[Left]:
    if found.folds:
        what = f"{_counted(found.folds, 'fold')} of {_counted(found.sweeps, 'sweep')} in the ledger"
        yield Left(kind="folds", what=what, bytes=found.bytes)


def _folders(sweeps: Sequence[SweepRow], output: Path) -> tuple[list[Left], list[Kept]]:
    left, kept = [], []
    for sweep in sweeps:
        folder = _folder_of(sweep, output)
        if folder is None:
            if (model := sweep.facts.get("model")) and Path(model).exists():
                unnamed = "it does not say which sweep it belongs to, as they did not use to; remove it by hand"
                kept.append(Kept(what=str(Path(model).parent), why=unnamed))
            continue
        if (folder / MODEL).exists() and sweep.facts.get("model_uri") is None:
            kept.append(Kept(what=str(folder / MODEL), why="it is the only copy of the model: MLflow has none"))
            if (folder / LOGS).exists():
                logs = folder / LOGS
                left.append(Left(kind="logs", what=str(logs), bytes=_size(logs), paths=(logs,), sweep=sweep))
        else:
            left.append(Left(kind="folder", what=str(folder), bytes=_size(folder), paths=(folder,), sweep=sweep))
    return left, kept


def _folder_of(sweep: SweepRow, output: Path) -> Path | None:
    """Return the sweep's own folder: in ``output``, or where its model was written to."""
    places = [output, *([Path(model).parents[2]] if (model := sweep.facts.get("model")) else [])]
    return next((folder for place in places if (folder := find_output(sweep, place)) is not None), None)


def _unnamed(paths: Iterable[Path], sweeps: Iterable[SweepRow]) -> list[Path]:
    """Return those of the files that sweeps were given from Python which none of ``sweeps`` names; files of others stay."""
    named = json.dumps([sweep.spec for sweep in sweeps])
    found = ((path, _NAMES_OF_GIVEN.match(path.name)) for path in paths)
    return [path for path, name in found if name is not None and name[1] not in named and path.is_file()]


def _files(kind: KindOfFiles, sizes: Mapping[Path, int]) -> Iterable[Left]:
    if sizes:
        noun, rest = _WORDS[kind]
        what = f"{_counted(len(sizes), noun)}{rest}"
        yield Left(kind=kind, what=what, bytes=sum(sizes.values()), paths=tuple(sizes))


def _unused(paths: Iterable[Path], before: float) -> dict[Path, int]:
    """Return the sizes of the files that were neither read nor written since ``before``, as far as the disk says."""
    found = ((path, _status(path)) for path in paths)
    return {
        path: status.st_size for path, status in found if status is not None and max(status.st_atime, status.st_mtime) < before
    }


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:  # somebody else removes too
        return None


def _size(folder: Path) -> int:
    found = (_status(path) for path in folder.rglob("*"))
    return sum(status.st_size for status in found if status is not None and stat.S_ISREG(status.st_mode))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
