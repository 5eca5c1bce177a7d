"""One process of a machine at a time opens a SQLite store: two that create its tables at once damage it. No MLflow here."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Hold the lock of the store at ``uri``; only SQLite needs one."""
    if not uri.startswith("sqlite:"):
        yield
        return
    digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir(), f"{_prefix()}{digest}.lock")
    while True:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back when the file is closed
            if _is(file, path):  # else it was removed while it was waited for, and the next one may hold another file
                yield
                return


def lock_files() -> list[Path]:
    """Return this user's lock files on this machine. One is written to whenever it is taken."""
    return sorted(Path(tempfile.gettempdir()).glob(f"{_prefix()}*.lock"))


def remove_lock_file(path: Path) -> bool:
    """Remove a lock file unless somebody holds it, and return whether it is removed."""
    with suppress(OSError), path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is(file, path):
            path.unlink()
            return True
    return False


def _prefix() -> str:
    return f"kerasweep-{os.getuid()}-"


def _is(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
