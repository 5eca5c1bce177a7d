"""Words for messages: values as they are shown, names as prose, and the nearest right spelling of a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from orchestrator.redaction import without_password

_LONGEST = 80


def shown(value: object) -> str:
    """Return ``value`` as a message shows it: its repr without passwords in URLs, cut when long."""
    if isinstance(value, int) and value.bit_length() > 4 * _LONGEST:
        return "a very large number"
    text = without_password(repr(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def listed(names: Iterable[object]) -> str:
    """Return names as prose: ``a, b or c``."""
    *first, last = map(str, names)
    return f"{', '.join(first)} or {last}" if first else last


def first_of(names: Iterable[object], most: int = 12) -> str:
    """Return what may be many names as prose: ``a, b, c and 7 more``."""
    words = list(map(str, names))
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return f"{', '.join(words[:most])}{more}"


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Return the one of ``known`` that ``name`` is probably meant to be, or None."""
    by_lower = {word.lower(): word for word in known}
    matches = difflib.get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None


def hint(name: object, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for a misspelt name, or a full stop."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else "."
