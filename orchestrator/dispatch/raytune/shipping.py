"""Folders brought to nodes that cannot see the driver's disk: packed once by the driver, unpacked once on each node."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_KEPT_SECONDS = 14 * 24 * 3600.0


def all_files(folder: Path) -> dict[str, Path]:
    """Return every file below ``folder``, by its name relative to it."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def pack(files: Mapping[str, Path]) -> bytes:
    """Return an uncompressed tar archive of ``files`` by their names; of symlinks, what they lead to."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for name, file in sorted(files.items()):
            archive.add(file, name, recursive=False)
    return buffer.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Write what ``pack`` returned below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r") as archive:
        archive.extractall(folder, filter="data")  # "data" refuses names that lead out of the folder


def digest(content: bytes) -> str:
    """Return the name under which ``content`` is unpacked."""
    return hashlib.sha256(content).hexdigest()[:32]


def unpack_once(name: str, fetch: Callable[[], bytes], root: Path | None = None) -> Path:
    """Return the folder on this node with the content called ``name``, fetching it if no worker here has done so before.

    Workers may race: each unpacks aside, the first rename wins. What nobody has begun to use for two weeks is removed.

    Raises
    ------
    PermissionError : the folder for shipped folders belongs to another user.
    """
    root = root or Path(tempfile.gettempdir()) / f"kerasweep-{os.getuid()}"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise PermissionError(f"{root} belongs to user {root.stat().st_uid}, expected {os.getuid()}; remove it or set TMPDIR.")
    folder = root / name
    if not folder.exists():
        aside = Path(tempfile.mkdtemp(dir=root))
        unpack(fetch(), aside)
        try:
            aside.rename(folder)
        except OSError:  # another worker was first
            shutil.rmtree(aside, ignore_errors=True)
    os.utime(folder)
    _remove_old(root)
    return folder


def _remove_old(root: Path) -> None:
    for folder in root.iterdir():
        try:
            old = folder.stat().st_mtime < time.time() - _KEPT_SECONDS
        except FileNotFoundError:  # another worker has just put it in its place, or away
            continue
        if old:
            shutil.rmtree(folder, ignore_errors=True)
