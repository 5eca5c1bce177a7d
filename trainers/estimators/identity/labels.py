"""A short name for a value of any kind, by which people and ledgers know it."""

from __future__ import annotations

import functools
import re
from typing import Any

from trainers.estimators.identity.digests import digest_of

_LONGEST = 40
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


def label_of(value: Any) -> str:
    """Return a readable word for ``value`` and "#" with the first 8 hex digits of its digest, as in ``make_model#1f00ab23``.

    What has no digest gets "#?" and its address: unique among objects that live, and in this process alone.
    """
    digest = digest_of(value)
    return f"{_word(value)}#{digest[:8]}" if digest is not None else f"{_word(value)}#?{id(value):x}"


def _word(value: Any) -> str:
    if isinstance(value, functools.partial):
        settings = [repr(item) for item in value.args] + [f"{name}={item!r}" for name, item in value.keywords.items()]
        return _short(f"partial({', '.join([_word(value.func), *settings])})", f"partial({_word(value.func)})")
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return name
    kind = type(value).__name__
    try:
        return _short(repr(value), kind)
    except Exception:  # a user's __repr__
        return kind


def _short(text: str, kind: str) -> str:
    return text if len(text) <= _LONGEST and "\n" not in text and not text.startswith("<") and not _ADDRESS.search(text) else kind
