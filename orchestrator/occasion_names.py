"""What occasions are called: ``manual-<n>`` by hand, else a due time or another scheduler's name of its tick."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

NOW = "now"
"""Stands for the present time, so that every tick of a timer is an occasion of its own."""

BY_HAND = "manual-"
_BY_HAND = re.compile(rf"{BY_HAND}(\d+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")  # it is part of file names, of a Ray job's id and of its command


def read_occasion(text: str, now: float) -> str:
    """Return the occasion that somebody asks for; ``now`` (unix seconds) gives one its name who only says "now".

    Raises
    ------
    ValueError : it cannot be an occasion's name.
    """
    if text == NOW:
        return occasion_of(int(now))
    if not _NAME.fullmatch(text):
        raise ValueError(
            "expected a name of at most 100 letters, digits, '.', '_', ':' and '-', such as 2026-11-20T02:00Z, "
            f"or {NOW!r} for one of its own, got {text!r}."
        )
    return text


def is_by_hand(occasion: str) -> bool:
    """Whether a run by hand began the occasion: no schedule, timer or CronJob gave it a name."""
    return _BY_HAND.fullmatch(occasion) is not None


def next_by_hand(used: Iterable[str]) -> str:
    """Return the occasion that a run by hand begins after those that are ``used``."""
    numbers = [int(found[1]) for found in map(_BY_HAND.fullmatch, used) if found]
    return f"{BY_HAND}{max(numbers, default=0) + 1}"


def occasion_of(due: int) -> str:
    """Return the occasion of a sweep that is due then, such as ``2026-11-20T02:00Z``; seconds only where there are any."""
    instant = datetime.fromtimestamp(due, UTC)
    return f"{instant:%Y-%m-%dT%H:%MZ}" if due % 60 == 0 else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
