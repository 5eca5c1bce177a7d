"""What an occasion may be called, and which ones a run by hand has begun."""

from __future__ import annotations

import pytest

from orchestrator.occasion_names import is_by_hand, next_by_hand, read_occasion

NIGHT = 1_795_140_000.0  # 2026-11-20T02:00Z


def test_now_is_an_occasion_of_its_own() -> None:
    assert read_occasion("now", NIGHT) == "2026-11-20T02:00Z"
    assert read_occasion("now", NIGHT + 3.7) == "2026-11-20T02:00:03Z"


@pytest.mark.parametrize("text", ["2026-11-20T02:00Z", "nightly-29384920", "manual-3", "a" * 100])
def test_a_name_stays_as_it_is(text: str) -> None:
    assert read_occasion(text, NIGHT) == text


@pytest.mark.parametrize("text", ["", "a b", "a/b", "../up", "$(reboot)", "-a", "a\n", "a" * 101])
def test_what_would_not_do_as_part_of_files_and_commands_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a name of at most 100 letters, digits"):
        read_occasion(text, NIGHT)


def test_only_numbered_occasions_are_by_hand() -> None:
    assert is_by_hand("manual-12")
    assert not any(map(is_by_hand, ("2026-11-20T02:00Z", "nightly-29384920", "manual-", "manual-2x")))


def test_the_next_one_by_hand_is_counted_from_the_highest() -> None:
    assert next_by_hand([]) == "manual-1"
    assert next_by_hand(["manual-9", "manual-10", "manual-x"]) == "manual-11"
