"""Errors of the trainers, and exceptions as data: the cause code and the one line that a failed trial or request carries.

::

    TrainerError              ends the sweep unless a subclass says otherwise
    ├── DataError             the data cannot be read or used as described; the user mends the sweep file or the data
    ├── UserCodeError         the user's builder, metric, transformer or data callable is at fault; the user mends it
    └── NotFusableError       the fused engine cannot train this model; the keras engine takes it
"""

from __future__ import annotations

from typing import Literal

Cause = Literal["exception", "invalid", "out_of_memory", "crashed", "timeout", "stopped"]
"""What ended a trial or a request."""


class TrainerError(Exception):
    """Base of all errors that trainers raise on purpose."""


class DataError(TrainerError):
    """The data cannot be read or used as described. Never retried."""


class UserCodeError(TrainerError):
    """Code that the user gave failed its check. Never retried."""


class NotFusableError(TrainerError):
    """A model cannot be trained by the fused engine; the message is the reason that the engine tag shows."""


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
