"""The user's own source: which files belong to a sweep's code folder, and one fingerprint over them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

IGNORED_FOLDERS = frozenset(
    {"__pycache__", "node_modules", "build", "dist", "mlruns", "mlartifacts", "kerasweep-output", "venv", "site-packages"}
)


def source_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files below ``folder`` in a stable order, without hidden, built and installed ones."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in IGNORED_FOLDERS or path.is_symlink():
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists():
            yield from source_files(path)
        elif path.suffix == ".py":
            yield path


def source_fingerprint(folder: Path) -> str:
    """Return the sha256 (hex) over the names and contents of the source files below ``folder``."""
    digest = hashlib.sha256()
    for path in source_files(folder):
        name = path.relative_to(folder).as_posix()
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()
