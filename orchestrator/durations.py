"""Lengths of time as people write them (``2h``, ``90m``, ``1h30m``) and as programs want them: seconds."""

from __future__ import annotations

import math
import re

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


def parse_duration(value: object) -> float:
    """Return seconds, above 0 and finite, from a number of seconds or from text such as ``2h``, ``90m``, ``45s``, ``1d12h``.

    Raises
    ------
    ValueError
        When ``value`` is neither.
    """
    seconds = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and re.fullmatch(rf"(?:{_PART.pattern})+", value.strip()):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"expected a length of time such as 2h, 90m, 45s or a number of seconds above 0, got {value!r}.")
    return seconds
