"""Texts and sweep files without what nobody else should read: passwords in URLs, and the webhook's address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_USER = re.compile(r"(://[^/:\s]*):(?!\d+/)[^\s\"<>]+@")  # to the last @: passwords hold / and @ now and then; a port is none
_QUERY = re.compile(r"([?&;][^\s=&;]*(?:passw|pwd|secret|token|signature|odbc_connect)[^\s=&;]*=)[^\s\"'&]+", re.IGNORECASE)


def without_password(text: str) -> str:
    """Return a URL, or a text with URLs in it, with ``***`` for every password: after the user's name, and in a query."""
    return _QUERY.sub(r"\1***", _USER.sub(r"\1:***@", text))


def without_secrets(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sweep file's content as plain data, without passwords in URLs and without the webhook's address."""

    def clean(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return {str(key): clean(inner, (*path, str(key))) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [clean(inner, path) for inner in value]
        if isinstance(value, str):
            return "***" if path == ("notify", "webhook") else without_password(value)
        return value

    return {str(key): clean(value, (str(key),)) for key, value in spec.items()}
