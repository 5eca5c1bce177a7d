"""Reads a sweep file, YAML or TOML, into a plain mapping. It knows nothing of what the keys mean."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from orchestrator.errors import SpecError
from orchestrator.spec.strict_yaml import MAX_DEPTH, StrictYamlError, load_yaml

MAX_BYTES = 1024 * 1024


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the top-level mapping of a sweep file; a name that ends in ``.toml`` is TOML, everything else strict YAML.

    Raises
    ------
    SpecError
        With one problem: the file is missing, unreadable, empty, too large, too deep, not UTF-8, badly written, or no mapping.
    """
    try:
        if not path.is_file():
            raise _Unreadable("no such file." if not path.exists() else "this is not a file.")
        text = _decode(_read_bytes(path))
        value = _load_toml(text) if path.suffix.lower() == ".toml" else load_yaml(text)
        if value is None or value == {}:
            raise _Unreadable("the file is empty; it needs at least name, task, data and space.")
        if not isinstance(value, dict):
            raise _Unreadable(f"expected a mapping of keys such as 'name: ...', got {_shown(value)}.")
    except (_Unreadable, StrictYamlError) as error:
        raise SpecError(str(path), [("", str(error))]) from None
    return {str(key): item for key, item in value.items()}


class _Unreadable(ValueError):
    pass


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _Unreadable(f"the file cannot be read: {error.strerror}.") from None
    if len(raw) > MAX_BYTES:
        raise _Unreadable("the file is larger than 1 MiB; a sweep file is a page of text. Is this the right file?")
    return raw


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        bad = raw[error.start]
        raise _Unreadable(f"line {line}, column {column}: byte 0x{bad:02x} is not UTF-8; save the file as UTF-8.") from None


def _load_toml(text: str) -> dict[str, Any]:
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, found, where = str(error).rpartition(" (at ")
        raise _Unreadable(f"{where.rstrip(')')}: {problem}." if found else f"{error}.") from None
    except RecursionError:
        raise _Unreadable(f"lists and mappings are nested more than {MAX_DEPTH} deep.") from None
    _check_plain(value, "", MAX_DEPTH)
    return value


def _check_plain(value: object, path: str, depth: int) -> None:
    """Refuse what TOML has and YAML here has not: dates, and any depth."""
    if isinstance(value, dict | list):
        if depth == 0:
            raise _Unreadable(f"lists and mappings are nested more than {MAX_DEPTH} deep.")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            _check_plain(item, f"{path}.{key}" if path else str(key), depth - 1)
    elif not isinstance(value, str | int | float):
        raise _Unreadable(f"{path}: dates and times are not used here, got {value}; put it in quotes.")


def _shown(value: object) -> str:
    return "a list" if isinstance(value, list) else repr(re.sub(r"\s+", " ", str(value))[:60])
