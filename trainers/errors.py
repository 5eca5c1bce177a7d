"""Errors of the trainers.

::

    TrainerError              ends the sweep unless a subclass says otherwise
    ├── DataError             the data cannot be read or used as described; the user mends the sweep file or the data
    ├── UserCodeError         the user's builder, metric, transformer or data callable is at fault; the user mends it
    └── NotFusableError       the fused engine cannot train this model; the keras engine takes it
"""

from __future__ import annotations


class TrainerError(Exception):
    """Base of all errors that trainers raise on purpose."""


class DataError(TrainerError):
    """The data cannot be read or used as described. Never retried."""


class UserCodeError(TrainerError):
    """Code that the user gave failed its check. Never retried."""


class NotFusableError(TrainerError):
    """A model cannot be trained by the fused engine; the message is the reason that the engine tag shows."""
