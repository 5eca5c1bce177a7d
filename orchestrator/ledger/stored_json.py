"""JSON as the ledger stores it: strict (RFC 8259), in the order given, with numbers that come back bit by bit."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def dump(value: Any) -> str:
    """Return plain data as JSON text. Raises ``ValueError`` on NaN and infinities, ``TypeError`` on what JSON cannot hold."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, default=_plain)


def load(text: str) -> Any:
    """Return what ``dump`` or ``dump_lossy`` wrote, as plain data."""
    return json.loads(text)


def dump_lossy(value: Any) -> str:
    """As ``dump``, with null in the place of NaN and infinities: for what is shown, not computed with."""
    return dump(_map_floats(value, lambda number: number if math.isfinite(number) else None))


def dump_numbers(value: Any) -> str:
    """As ``dump``, for nested mappings and sequences whose leaves are numbers or None. NaN and infinities become strings."""
    return dump(_map_floats(value, _name_not_finite))


def load_numbers(text: str) -> Any:
    """Return what ``dump_numbers`` wrote: the strings are numbers again."""
    return _map_strings(json.loads(text))


def clean(text: str | None) -> str | None:
    """Return ``text`` as both databases can hold it: no NUL characters, no lone surrogates (a traceback may have them)."""
    if text is None:
        return None
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):  # a numpy scalar
        return value.item()
    raise TypeError(f"The ledger holds plain data only. Got {value!r} of type {type(value).__name__} instead.")


def _map_floats(value: Any, change: Callable[[float], float | str | None]) -> Any:
    if isinstance(value, Mapping):
        return {key: _map_floats(inner, change) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_map_floats(inner, change) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    return change(value) if isinstance(value, float) else value


def _name_not_finite(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _map_strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _map_strings(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_map_strings(inner) for inner in value]
    return _NOT_FINITE[value] if isinstance(value, str) else value
