"""What a value is made of, as the descriptions of all kinds of values tell it to the one that digests them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class NoDigestError(Exception):
    """A value has nothing stable by which it could be known."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A value as a kind, some bytes and other values, which may be descriptions themselves.

    Parameters
    ----------
    kind : tells values with equal content apart.
    raw : content.
    values : what it holds.
    ordered : whether their order counts.
    """

    kind: str
    raw: bytes = b""
    values: Sequence[Any] = ()
    ordered: bool = True


def mapping(kind: str, values: Any) -> Parts:
    """Return the description of names and values, or of any mapping; their order does not count."""
    return Parts(kind, values=[Parts("item", values=item) for item in dict(values).items()], ordered=False)
