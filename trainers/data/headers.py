"""Whether the first line of a csv file names the columns, or holds data as the other lines do. Pure: it reads no file."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from trainers.data.serving_code import named

LOOKED_AT = 200
"""How many lines below the first are enough to know the columns by."""

_KINDS = {
    "number": re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"),
    "boolean": re.compile(r"true|false", re.IGNORECASE),
    "date": re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([T ].*)?"),
}
_MISSING = frozenset({"", "?", "-", "na", "n/a", "nan", "null", "none", "<na>"})
_SHOWN = 5


def header_doubt(first: Sequence[str], others: Sequence[Sequence[str]], file: str, missing: Collection[str] = ()) -> str | None:
    """Return why the first line of a csv file cannot be taken for the columns' names, as a message; None where it can.

    Parameters
    ----------
    first : the values of the first line.
    others : some of the lines below.
    file : what the message calls the file.
    missing : spellings of a missing value beside the usual ones.

    Notes
    -----
    A number is no name. Text above numbers, booleans or dates is one; a value of the kind of those below is none, nor is a text
    that stands below too. Where nothing tells, as in a table of texts alone, the line holds names.
    """
    reason = _reason(first, others, missing)
    if reason is None:
        return None
    return (
        f"expected names in the first line of {file}, got what looks like data: {named(first, _SHOWN)}; {reason}. Say header: "
        "false and name columns by index (target: -1 is the last), or header: true if these are the names."
    )


def _reason(first: Sequence[str], others: Sequence[Sequence[str]], missing: Collection[str]) -> str | None:
    number = next((value for value in first if _kind(value) == "number"), None)
    if number is not None:
        return f"{named([number])} is a number"
    verdicts = [_is_name(value, _below(others, place, missing)) for place, value in enumerate(first)]
    if True in verdicts:
        return None
    twice = next((value for value in first if value and first.count(value) > 1), None)
    if twice is not None:
        return f"{named([twice])} is there twice"
    alike = next((value for value, verdict in zip(first, verdicts, strict=True) if verdict is False), None)
    return None if alike is None else f"{named([alike])} is of the same kind as the values below it"


def _below(others: Sequence[Sequence[str]], place: int, missing: Collection[str]) -> list[str]:
    values = [row[place].strip() for row in others if place < len(row)]
    return [value for value in values if value.lower() not in _MISSING and value not in missing]


def _is_name(value: str, below: list[str]) -> bool | None:
    """Return whether a value is the name of the values below it; None where they don't tell."""
    if not value.strip() or not below:
        return None
    (kind, *more) = {_kind(one) for one in below}
    if not more and kind != "text":
        return _kind(value) != kind
    return False if value in below else None


def _kind(value: str) -> str:
    return next((kind for kind, pattern in _KINDS.items() if pattern.fullmatch(value.strip())), "text")
