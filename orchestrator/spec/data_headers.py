"""The names of a data file's columns (csv, parquet) or arrays (npz), read without its rows and without a data library."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from trainers.data import LOOKED_AT, header_doubt
from trainers.settings import Source

_SMALL = 4 * 1024 * 1024
"""Bytes of a csv file that are read within a tenth of a second."""

_FIRST_LINE = 1024 * 1024
"""Characters of a csv file in which its first line must end."""


class HeaderError(ValueError):
    """The file is not what its source says; the message says what it is."""


def column_names(file: Path, source: Source, *, header: bool) -> tuple[str, ...]:
    """Return the names that the loader will know the file's columns or arrays by.

    Parameters
    ----------
    file : not compressed, but for what its format does itself.
    source : csv, parquet or npz.
    header : of a csv file: whether its first line names the columns; else they are called "0", "1", ...

    Raises
    ------
    HeaderError
        The file is empty, broken, of another format, or has a name twice.
    """
    try:
        if source == "csv":
            names = _csv(file, header)
        else:
            names = _parquet(file) if source == "parquet" else _npz(file)
    except (OSError, UnicodeDecodeError, csv.Error, zipfile.BadZipFile, ValueError) as error:
        if isinstance(error, HeaderError):
            raise
        raise HeaderError(f"{file.name} cannot be read as {source}: {' '.join(str(error).split())}.") from None
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        remedy = "rename one, or say data.header: false if the first line is data." if source == "csv" else "rename one."
        raise HeaderError(f"expected different names in {file.name}, got {twice!r} twice; {remedy}")
    return names


def headless(file: Path, missing: Collection[str] = ()) -> str | None:
    """Return why the first line of a csv file cannot be its header, as a message; None where it can, or nothing can be read."""
    try:
        first, *others = _first_rows(file, 1 + LOOKED_AT)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError):
        return None
    return header_doubt(first, others, file.name, missing)


def distinct_values(file: Path, column: int, *, header: bool) -> frozenset[str] | None:
    """Return the different values of one column of a csv file, as text; None when it is too large for a look, or broken."""
    if file.stat().st_size > _SMALL:
        return None
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines, skipinitialspace=True) if row]
    except (UnicodeDecodeError, csv.Error):
        return None
    return frozenset(row[column].strip() for row in rows[header:] if column < len(row))


def _csv(file: Path, header: bool) -> tuple[str, ...]:
    first = next(iter(_first_rows(file, 1)), None)
    if first is None:
        raise HeaderError(f"{file.name} is empty.")
    if len(first) == 1 and any(mark in first[0] for mark in ";\t|"):
        raise HeaderError(f"expected commas between the columns of {file.name}, got {first[0][:60]!r}.")
    return tuple(first) if header else tuple(map(str, range(len(first))))


def _first_rows(file: Path, most: int) -> list[list[str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        start = io.StringIO(lines.read(_FIRST_LINE), newline="")
    return list(islice((row for row in csv.reader(start, skipinitialspace=True) if row), most))


def _parquet(file: Path) -> tuple[str, ...]:
    from pyarrow import parquet

    schema = parquet.read_schema(file)
    described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    index = {name for name in described.get("index_columns", []) if isinstance(name, str)}
    return tuple(name for name in schema.names if name not in index)


def _npz(file: Path) -> tuple[str, ...]:
    with zipfile.ZipFile(file) as archive:
        return tuple(name.removesuffix(".npy") for name in archive.namelist())
