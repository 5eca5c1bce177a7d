"""Numbers by their position: where a value lies on its domain's own scale, from 0 at the low end to 1 at the high end.

Drawing, blending and mutating happen on positions, so that a logarithmic domain is searched evenly over its orders of magnitude.
"""

from __future__ import annotations

from abc import abstractmethod
from random import Random
from typing import Any

from search_spaces.domains.domain import Domain
from search_spaces.errors import Problem


class Number(Domain):
    """A domain whose values have positions."""

    __slots__ = ()

    @abstractmethod
    def position(self, value: Any) -> float:
        """Return where ``value`` lies, in [0, 1]."""

    @abstractmethod
    def at(self, position: float) -> Any:
        """Return the value at ``position`` in [0, 1]; evenly spread positions give the domain's distribution."""

    def sample(self, rng: Random) -> Any:
        """Draw a value."""
        return self.at(rng.random())

    def cross(self, one: Any, other: Any, rng: Random, stretch: float) -> Any:
        """Return a value from the stretched interval between two parents: BLX-alpha with alpha = ``stretch``.

        Source: Eshelman and Schaffer, "Real-coded genetic algorithms and interval schemata" (1993).
        """
        if one == other:
            return one
        low, high = sorted((self.position(one), self.position(other)))
        margin = stretch * (high - low)
        return self.at(reflect(rng.uniform(low - margin, high + margin)))


def cell(position: float, count: int) -> int:
    """Return which of ``count`` equal cells of [0, 1] holds ``position``."""
    return min(int(position * count), count - 1)


def nudge(position: float, rng: Random, scale: float) -> float:
    """Return a position a Gaussian step of standard deviation ``scale`` away."""
    return reflect(rng.gauss(position, scale))


def reflect(position: float) -> float:
    """Fold a position that left [0, 1] back in, as a mirror at both ends would: clipping would pile values up on the bounds."""
    position = abs(position) % 2.0
    return 2.0 - position if position > 1.0 else position


def neighbour(index: int, count: int, rng: Random) -> int:
    """Return the index above or below, the only one at an end."""
    if index == 0:
        return 1
    if index == count - 1:
        return index - 1
    return index + rng.choice((-1, 1))


def order_problems(low: float, high: float) -> list[Problem]:
    """Return what is wrong with the order of two bounds."""
    if low < high:
        return []
    remedy = "one value is no search: fix it outside the space." if low == high else "swap the two."
    return [("high", f"expected a bound above {low!r}, got {high!r}; {remedy}")]
