"""The user's own source: one fingerprint over what decides a sweep's results, and the files that travel."""

from __future__ import annotations

import hashlib
import importlib.machinery
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trainers.settings import SweepSettings
from trainers.usersource import WHOLE_FOLDER, read_user_source

logger = logging.getLogger(__name__)

IGNORED_FOLDERS = frozenset(
    {"__pycache__", "node_modules", "build", "dist", "mlruns", "mlartifacts", "kerasweep-output", "venv", "site-packages"}
)
MOST_PACKAGE_BYTES = 20 * 2**20
"""The largest package from outside the sweep's folder that travels."""

_COMPILED = (*importlib.machinery.EXTENSION_SUFFIXES, *importlib.machinery.BYTECODE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class SourceIdentity:
    """What the user's functions run: ``content`` is a sha256 (hex) over names and contents of their modules' files.

    ``versions`` are those of the installed distributions that these modules import.
    """

    content: str
    versions: Mapping[str, str]


def source_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files below ``folder`` in a stable order, without hidden, built and installed ones.

    A symlink to a file counts as one (a ConfigMap mount has no others); one to a folder is not followed.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in IGNORED_FOLDERS:
            continue
        if path.is_dir():
            if not path.is_symlink() and not (path / "pyvenv.cfg").exists():
                yield from source_files(path)
        elif path.suffix == ".py" and path.is_file():
            yield path


def code_references(settings: SweepSettings) -> tuple[str, ...]:
    """Return the user's functions ("module:function") that decide a trial's results: builder, transformer and metrics."""
    named = (settings.trainer.builder, settings.preprocessing, *settings.metrics)
    return tuple(name for name in named if name is not None and ":" in name)


def source_identity(references: Iterable[str], code: str | Path | None) -> SourceIdentity:
    """Return what the functions ``references`` run, by their import statements; nothing is imported.

    Where one imports a module by a computed name, all that it could mean beside it counts as imported: the Python files of the
    sweep's folder, or those of its package.

    Parameters
    ----------
    code : folder of the user's modules; None for installed modules only.

    Raises
    ------
    trainers.errors.UserCodeError : a reference is malformed.
    """
    source = read_user_source(references, code)
    files = dict(source.files)
    for place in source.computed:
        if place == WHOLE_FOLDER and code is not None:
            files |= _named(Path(code), source_files(Path(code)), "")
        elif (folder := source.places[place]).is_dir():
            files |= _named(folder, source_files(folder), place)
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return SourceIdentity(digest.hexdigest(), source.versions)


def travelling_files(references: Iterable[str], code: str | Path | None) -> dict[str, Path]:
    """Return what must come along to another machine, {name below one folder: file}.

    These are the Python files of the sweep's folder, and, whole, the packages that the functions ``references`` import from
    elsewhere (symlinks, ``PYTHONPATH``, editable distributions). A package with compiled modules, or a large one, stays.

    Parameters
    ----------
    code : folder of the user's modules; None for none.

    Raises
    ------
    trainers.errors.UserCodeError : a reference is malformed.
    """
    files = {} if code is None else _named(Path(code), source_files(Path(code)), "")
    for place, path in read_user_source(references, code).places.items():
        below = {_file_name(place, path): path} if path.is_file() else _named(path, _all_files(path, ()), place)
        reason = _why_it_stays(below)
        if reason is None:
            files |= below
        elif not below.keys() & files.keys():
            logger.warning("%s is imported from %s and does not travel: %s. Install it on every node.", place, path, reason)
    return files


def _named(folder: Path, files: Iterable[Path], place: str) -> dict[str, Path]:
    return {"/".join([*place.split("."), file.relative_to(folder).as_posix()]).lstrip("/"): file for file in files}


def _file_name(module: str, file: Path) -> str:
    return f"{module.replace('.', '/')}{''.join(file.suffixes)}"


def _all_files(folder: Path, around: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files of a package, without hidden and cached ones; symlinks are followed, but not in circles."""
    real = folder.resolve()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_dir():
            if path.resolve() not in (real, *around):
                yield from _all_files(path, (*around, real))
        elif path.is_file():
            yield path


def _why_it_stays(files: Mapping[str, Path]) -> str | None:
    compiled = next((name for name in files if name.endswith(_COMPILED)), None)
    if compiled is not None:
        return f"{compiled} is compiled"
    size = sum(os.path.getsize(file) for file in files.values())
    if size > MOST_PACKAGE_BYTES:
        return f"it has {size / 2**20:,.0f} MiB, and at most {MOST_PACKAGE_BYTES / 2**20:,.0f} MiB travel"
    return None
