"""A folder of files that are named after their content: written once, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any


class Files:
    """Files of what sweeps were given from Python, with their dependents' names in the ledger: they stay.

    Parameters
    ----------
    folder : made where a file is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._new: list[Path] = []

    def write(self, name: str, fill: Callable[[IO[bytes]], Any]) -> Path:
        """Return the file ``name``, made by ``fill`` if it is not there."""
        path = self.folder / name
        if path.exists():
            path.touch()  # old ones that no sweep names yet would be pruned
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{name}.{os.getpid()}")
            try:
                with aside.open("wb") as file:
                    fill(file)
                aside.rename(path)
            finally:
                aside.unlink(missing_ok=True)
            self._new.append(path)
        return path

    def take_back(self) -> None:
        """Remove what was written, and what Python has compiled of it: no sweep was begun with it."""
        compiled = self.folder / "__pycache__"
        for path in self._new:
            path.unlink(missing_ok=True)
            for bytecode in compiled.glob(f"{path.stem}.*.pyc"):
                bytecode.unlink(missing_ok=True)
        for folder in (compiled, self.folder, self.folder.parent):
            with suppress(OSError):  # something else is in it, or it was never made
                folder.rmdir()
