"""Whose a module is, and what stands for its content: nothing but a name and a version, or the source."""

from __future__ import annotations

import hashlib
import json
import site
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from trainers.usersource import find_module, read_user_source

_OURS = frozenset({"trainers", "orchestrator", "search_spaces", "kerasweep"})


def is_users(name: str, module: Any) -> bool:
    """Say whether a module is the user's: neither Kerasweep's, nor the standard library's, nor installed."""
    file = getattr(module, "__file__", None) if isinstance(module, ModuleType) and module.__name__ == name else None
    return isinstance(file, str) and name.partition(".")[0] not in _OURS and _is_users_file(file)


def users_file(name: str) -> Path | None:
    """Return the file of a module that is the user's, imported or not; None for others, and where it has none."""
    module = sys.modules.get(name)
    if module is not None:
        return Path(str(module.__file__)) if is_users(name, module) else None
    file = find_module(name, None)
    ours = file is None or name.partition(".")[0] in _OURS or not _is_users_file(str(file))
    return None if ours else file


@cache
def version_of(name: str) -> str:
    """Return the version of the distribution that an installed module is of, imported or not; "" where there is none."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names:
        return ""
    try:
        return metadata.version(root)
    except metadata.PackageNotFoundError:
        owners = _distributions().get(root, [])
    return ", ".join(f"{owner} {metadata.version(owner)}" for owner in sorted(set(owners)))


def source_digest(name: str, file: Path) -> str:
    """Return a sha256 (hex) of a user's module and all that its source imports.

    Where something imports by a computed name, the whole package around it counts as imported.
    """
    return _source_digest(name, str(file), file.stat().st_mtime_ns)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@cache
def _source_digest(name: str, file: str, _changed: int) -> str:
    source = read_user_source([f"{name}:module"], None)
    files = {"": Path(file), **source.files}
    for place in source.computed:
        folder = source.places[place]
        files |= {f"{place}/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*.py")}  # none below a file
    contents = {known: hashlib.sha256(path.read_bytes()).hexdigest() for known, path in files.items()}
    return hashlib.sha256(json.dumps([contents, dict(source.versions)], sort_keys=True).encode()).hexdigest()


@cache
def _is_users_file(file: str) -> bool:
    path = Path(file)
    elsewhere = {"site-packages", "dist-packages"}.isdisjoint(path.parts)
    return elsewhere and not any(path.is_relative_to(home) for home in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    """Return the folders of the standard library and of what is installed."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple({Path(folder) for folder in [*folders, *site.getsitepackages(), site.getusersitepackages()]})
