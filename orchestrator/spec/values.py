"""The kinds of value that a sweep file holds beside plain numbers and text: columns, lengths of time, functions, URLs.

Each is checked by one function whose message says what was expected and what was got. Nothing here reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PlainValidator, Strict, WithJsonSchema

from orchestrator.durations import parse_duration
from orchestrator.sizes import SMALLEST, parse_size
from orchestrator.wording import first_of, shown

FUNCTION = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
"""How a user's function is named: ``module:function``."""

_LEDGER_SCHEMES = ("sqlite", "postgresql")
_TRACKING_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https")
_LARGEST_WEIGHT = 1e12


def is_function(name: str) -> bool:
    """Return whether ``name`` is spelt ``module:function``."""
    return re.fullmatch(FUNCTION, name) is not None


def _column(value: object) -> str | int:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"expected the name of a column or its index (from 0; -1 is the last), got {shown(value)}.")


def _function(value: object) -> str:
    if isinstance(value, str) and is_function(value):
        return value
    raise ValueError(f"expected 'module:function', got {shown(value)}.")


def _preprocessing(value: object) -> str:
    if isinstance(value, str) and (value in ("auto", "none", "standard", "minmax") or is_function(value)):
        return value
    raise ValueError(f"expected auto, none, standard, minmax or 'module:factory', got {shown(value)}.")


def _class_weight(value: object) -> str | dict[str, float] | None:
    if value is None or value == "balanced":
        return value
    if isinstance(value, Mapping) and value:
        bad = [f"{label}: {shown(weight)}" for label, weight in value.items() if not _positive(weight)]
        if bad:
            raise ValueError(f"expected a number above 0 for every class, got {first_of(bad)}.")
        return {str(label): float(weight) for label, weight in value.items()}
    raise ValueError(f"expected null, balanced or a weight for every class such as {{0: 1.0, 1: 2.5}}, got {shown(value)}.")


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LARGEST_WEIGHT


def _concurrent(value: object) -> int | str:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(f"expected auto or a whole number of at least 1, got {shown(value)}.")


def _address(value: object) -> str:
    if value == "auto":
        return "auto"
    if isinstance(value, str) and (match := re.fullmatch(r"[A-Za-z0-9._-]+:(\d{1,5})", value)) and 0 < int(match[1]) < 65536:
        return value
    raise ValueError(f"expected null (a Ray of its own), auto, or host:port of a Ray cluster, got {shown(value)}.")


def _web_address(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"https?://[^\s/]+\S*", value):
        return value
    raise ValueError(f"expected a URL that begins with http:// or https://, got {shown(value)}.")


def _ledger(value: object) -> str:
    return _database(value, "ledger", _LEDGER_SCHEMES, "sqlite:///kerasweep.db or postgresql://user@host/database")


def _tracking(value: object) -> str:
    return _database(value, "tracking", _TRACKING_SCHEMES, "sqlite:///mlflow.db or the http(s):// address of an MLflow server")


def _database(value: object, what: str, schemes: tuple[str, ...], examples: str) -> str:
    scheme = value.partition(":")[0].partition("+")[0] if isinstance(value, str) and ":" in value else None
    if not isinstance(value, str) or scheme not in schemes:
        raise ValueError(f"expected a {what} URL such as {examples}, got {shown(value)}.")
    if scheme != "sqlite":
        return value
    prefix, found, rest = value.partition(":///")
    file, query, options = rest.partition("?")
    if not found or file in ("", ":memory:"):
        raise ValueError(f"expected a file after sqlite:///, got {shown(value)}; a {what} in memory would be lost.")
    return f"{prefix}:///{Path(file).absolute()}{query}{options}"


Column = Annotated[str | int, PlainValidator(_column), WithJsonSchema({"type": ["string", "integer"]})]
Columns = Annotated[tuple[Column, ...], Strict(False)]
Duration = Annotated[
    float,
    PlainValidator(parse_duration),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": "^([0-9.]+[dhms])+$"}]}),
]
Size = Annotated[
    int,
    PlainValidator(parse_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": SMALLEST},
                {"type": "string", "pattern": "^[0-9]+([.][0-9]+)? ?[kKmMgGtT]i?[bB]?$"},
            ]
        }
    ),
]
Function = Annotated[str, PlainValidator(_function), WithJsonSchema({"type": "string", "pattern": f"^{FUNCTION}$"})]
Preprocessing = Annotated[
    str,
    PlainValidator(_preprocessing),
    WithJsonSchema({"anyOf": [{"enum": ["auto", "none", "standard", "minmax"]}, {"type": "string", "pattern": f"^{FUNCTION}$"}]}),
]
ClassWeight = Annotated[
    Literal["balanced"] | dict[str, float] | None,
    PlainValidator(_class_weight),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["balanced", None]},
                {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}},
            ]
        }
    ),
]
Concurrent = Annotated[
    int | Literal["auto"],
    PlainValidator(_concurrent),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]}),
]
Address = Annotated[str, PlainValidator(_address), WithJsonSchema({"type": "string"})]
WebAddress = Annotated[str, PlainValidator(_web_address), WithJsonSchema({"type": "string", "pattern": "^https?://"})]
LedgerUrl = Annotated[str, PlainValidator(_ledger), WithJsonSchema({"type": "string"})]
TrackingUri = Annotated[str, PlainValidator(_tracking), WithJsonSchema({"type": "string"})]
Names = Annotated[tuple[str, ...], Strict(False)]
