"""Plain values: what a hyperparameter may be, how two of them are compared, and how a misspelt name is answered."""

from __future__ import annotations

import difflib
import json
import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

Config = Mapping[str, Any]
"""One plain Python value (None, bool, int, float, str, or a list of these) for every name of a space."""


def canonical(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys and no spaces: equal values give equal text, and 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def freeze(value: Any) -> Any:
    """Return ``value`` as plain, immutable Python data; lists become tuples, numpy's numbers Python's.

    Raises
    ------
    ValueError
        If it is neither None, bool, a finite number, str, nor a list of these; the message says what was expected.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise ValueError(f"expected a finite number, got {value!r}; leave it out.")
        return float(value)
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    raise ValueError(f"expected a number, a text, true, false, null or a list of these, got {value!r}; write it as one of them.")


def thaw(value: Any) -> Any:
    """Return a frozen ``value`` as the caller knows it: tuples become fresh lists."""
    return [thaw(item) for item in value] if isinstance(value, tuple) else value


def whole(value: object) -> int | None:
    """Return ``value`` as an int if it is a whole number by type (not a bool, not 3.0), else None."""
    return int(value) if isinstance(value, numbers.Integral) and not isinstance(value, bool) else None


def real(value: object) -> float | None:
    """Return ``value`` as a float if it is a finite number by type (not a bool), else None."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def suggestion(name: object, known: Iterable[str]) -> str:
    """Return what to do about an unknown ``name``: the nearest of ``known``, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.65)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are: {', '.join(names)}." if names else "take it out."
