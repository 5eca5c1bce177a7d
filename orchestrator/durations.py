"""Lengths of time as people write them (``2h``, ``90m``, ``1h30m``) and as programs want them: seconds."""

from __future__ import annotations

import re

from orchestrator.wording import shown

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_CENTURY = 100 * 366 * _SECONDS["d"]
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


def parse_duration(value: object) -> float:
    """Return seconds, above 0 and at most a century, from a number of them or from text such as ``2h``, ``90m``, ``1d12h``.

    Raises
    ------
    ValueError
        When ``value`` is neither.
    """
    seconds: float = 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and re.fullmatch(rf"(?:{_PART.pattern})+", value.strip()):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
    if not 0 < seconds <= _CENTURY:
        raise ValueError(f"expected a length of time such as 2h, 90m, 45s or a number of seconds above 0, got {shown(value)}.")
    return float(seconds)
