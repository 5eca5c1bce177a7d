"""Exceptions as data: the cause code and the one line that a failed trial or request carries. Light."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainers.errors import TrainerError

if TYPE_CHECKING:
    from trainers.messages import Cause


def cause_of(error: BaseException) -> Cause:
    """Return the cause code of an exception.

    ``out_of_memory`` for what Python, TensorFlow and JAX raise then, ``invalid`` where the message says what to do, else
    ``exception``.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError" or "RESOURCE_EXHAUSTED" in str(error):
        return "out_of_memory"
    return "invalid" if isinstance(error, TrainerError) else "exception"


def one_line(error: BaseException) -> str:
    """Return an exception as one line: its message, after its type where the message is not made for users."""
    text = " ".join(str(error).split())
    return text if isinstance(error, TrainerError) else f"{type(error).__name__}: {text}"
