"""Words for messages."""

from __future__ import annotations

from orchestrator.wording import first_of


def test_many_names_end_in_how_many_more() -> None:
    assert first_of("abc") == "a, b, c"
    assert first_of("abcdefghij", 3) == "a, b, c and 7 more"
    assert first_of([]) == ""
