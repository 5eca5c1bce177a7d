"""Errors of the search spaces.

::

    SearchSpaceError          all that this package raises on purpose; never retried
    ├── SpaceError            the space is not as described; the user mends it
    ├── StrategyError         the strategy's settings do not fit; the user mends them
    └── TellError             a score was told that was not asked for; the caller is at fault, the sweep ends
"""

from __future__ import annotations

from collections.abc import Iterable

Problem = tuple[str, str]
"""Where something is wrong ("space.learning_rate.low") and a message: what was expected, what was got, what to do."""


class SearchSpaceError(Exception):
    """Base of all errors of this package."""


class _ProblemsError(SearchSpaceError):
    """Carries every problem found at once, as ``problems``."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(f"{path}: {message}" if path else message for path, message in self.problems))

    def __reduce__(self) -> tuple[type[_ProblemsError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class SpaceError(_ProblemsError):
    """A domain or a space is not as described."""


class StrategyError(_ProblemsError):
    """A strategy's settings are wrong, or do not fit the space."""


class TellError(SearchSpaceError):
    """A config was told that was never asked, or told a second time with another score."""
