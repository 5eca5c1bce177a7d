"""Raw results in one JSON file, a row a line, written after each of them: whatever is there already is not done again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.run import machine

Row = dict[str, Any]


class Kept:
    """The lists of rows of one file. ``keys`` says by which of their fields the rows of each list are told apart."""

    def __init__(self, file: Path, keys: dict[str, Sequence[str]]) -> None:
        self._file = file
        self._keys = keys
        there = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        self.lists: dict[str, list[Row]] = {name: there.get(name, []) for name in keys}

    def find(self, name: str, row: Row) -> Row | None:
        """Return the row of a list that is like ``row`` in what tells rows apart."""
        key = self._key(name, row)
        return next((one for one in self.lists[name] if self._key(name, one) == key), None)

    def add(self, name: str, row: Row) -> None:
        """Keep a row, in the place of one that it is like, with the time and how busy the machine was; a kill loses none."""
        row = {**row, "made": datetime.now(UTC).isoformat(timespec="seconds"), "load": os.getloadavg()[0]}
        key = self._key(name, row)
        self.lists[name] = [one for one in self.lists[name] if self._key(name, one) != key] + [row]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lists = {"machine": _line(machine())} | {which: _lines(rows) for which, rows in self.lists.items()}
        text = ",\n".join(f"{json.dumps(which)}: {written}" for which, written in lists.items())
        beside = self._file.with_suffix(".part")
        beside.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
        beside.replace(self._file)

    def _key(self, name: str, row: Row) -> str:
        return json.dumps([row[field] for field in self._keys[name]], sort_keys=True)


def _line(row: Row) -> str:
    return json.dumps(row, allow_nan=False)


def _lines(rows: Sequence[Row]) -> str:
    return "[\n" + ",\n".join(map(_line, rows)) + "\n]"
