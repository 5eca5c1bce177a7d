"""Sizes of memory as people write them (``4GB``, ``512MB``) and as programs want them: bytes."""

from __future__ import annotations

import re

from orchestrator.wording import shown

_UNITS = {unit: 1024**power for power, unit in enumerate("kmgt", start=1)}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt])i?b?", re.IGNORECASE)

SMALLEST = 256 * 2**20
"""No worker is smaller: Keras alone takes more."""

_LARGEST = 1024**5


def parse_size(value: object) -> int:
    """Return bytes, from 256 MB up, from text such as ``4GB``, ``1.5 GiB``, ``512MB``, or from a number of them.

    A unit is 1024 times the one before it, however it is spelt.

    Raises
    ------
    ValueError
        When ``value`` is neither.
    """
    size: float = 0
    if isinstance(value, int | float) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        size = float(match[1]) * _UNITS[match[2].lower()]
    if not SMALLEST <= size <= _LARGEST:
        raise ValueError(f"expected a size of memory such as 4GB or 512MB, at least 256MB, got {shown(value)}.")
    return int(size)
