"""Lengths of time as people write them."""

from __future__ import annotations

import pytest

from orchestrator.durations import parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2h", 7200),
        ("90m", 5400),
        ("45s", 45),
        ("1d12h", 129600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (" 2h ", 7200),
        (30, 30),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    ["", "2", "h", "2 hours", "-2h", "2h-", "0s", 0, -1, True, None, float("nan"), float("inf"), "9" * 400 + "h", 10**400, []],
)
def test_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a length of time such as 2h, 90m, 45s or a number of seconds above 0, got"):
        parse_duration(written)
