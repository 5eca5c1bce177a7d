"""What a sweep file says, without what nobody else should read: passwords in URLs, and the webhook's address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]+@")


def without_secrets(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sweep file's content as plain data, without passwords in URLs and without the webhook's address."""

    def clean(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, Mapping):
            return {str(key): clean(inner, (*path, str(key))) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [clean(inner, path) for inner in value]
        if isinstance(value, str):
            return "***" if path == ("notify", "webhook") else _PASSWORD.sub(r"\1:***@", value)
        return value

    return {str(key): clean(value, (str(key),)) for key, value in spec.items()}
