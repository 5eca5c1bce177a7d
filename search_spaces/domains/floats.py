"""Domains of floats: even, in steps, and log-uniform."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from search_spaces.domains.numeric import Number, cell, neighbour, nudge, order_problems
from search_spaces.errors import Problem, SpaceError
from search_spaces.values import real, whole

MOST_STEPS = 2**53
"""Beyond it positions no longer tell neighbouring steps apart."""


@dataclass(frozen=True, slots=True)
class Float(Number):
    """A number from ``low`` to ``high``, evenly distributed.

    With ``step`` only low, low + step, ... are values, the last one not above ``high``. ``points`` evenly spaced values, both
    ends included, are what a grid takes; they change nothing for the other strategies.
    """

    low: float
    high: float
    step: float | None = None
    points: int | None = None

    def __post_init__(self) -> None:
        _check_floats(self)
        step = self.step
        if step is None:
            return
        number = real(step)
        width = _decimal(self.high) - _decimal(self.low)
        if number is None or number <= 0 or _decimal(number) > width:
            raise SpaceError([("step", f"expected a step above 0, at most {float(width)!r}, got {step!r}.")])
        if self.points is not None:
            raise SpaceError([("points", f"expected no points beside step, got {self.points!r}; leave out one of them.")])
        if (self.high - self.low) / number > MOST_STEPS or self.high - number == self.high or self.low + number == self.low:
            raise SpaceError([("step", f"expected a step that floats can tell apart, got {step!r}; leave it out.")])
        object.__setattr__(self, "step", number)

    @property
    def size(self) -> int | None:
        """How many values a stepped domain has."""
        if self.step is None:
            return None
        return int((_decimal(self.high) - _decimal(self.low)) / _decimal(self.step)) + 1

    @property
    def grid_size(self) -> int | None:
        """The steps, or else the points."""
        return self.size or self.points

    def grid_value(self, index: int) -> float:
        """Return step or point number ``index``; in decimal arithmetic, so that three steps of 0.1 are 0.3."""
        if self.step is not None:
            return float(_decimal(self.low) + index * _decimal(self.step))
        return _point(self, index)

    def position(self, value: float) -> float:
        """Return where ``value`` lies between the bounds, or within its step's cell."""
        if self.size is not None:
            return (self._index(value) + 0.5) / self.size
        return (value - self.low) / (self.high - self.low)

    def at(self, position: float) -> float:
        """Return the value at ``position``."""
        if self.size is not None:
            return self.grid_value(cell(position, self.size))
        return _within(self.low + position * (self.high - self.low), self.low, self.high)

    def mutate(self, value: float, rng: Random, scale: float) -> float:
        """Return a neighbour on a stepped domain, else a value a Gaussian step away."""
        if self.size is not None:
            return self.grid_value(neighbour(self._index(value), self.size, rng))
        return self.at(nudge(self.position(value), rng, scale))

    def plain(self, value: Any) -> float:
        """Return ``value`` as a float; on a stepped domain the step that it spells."""
        number = _plain_float(self.low, self.high, value)
        if self.step is None:
            return number
        nearest = self.grid_value(min(self._index(number), (self.size or 1) - 1))
        if not math.isclose(nearest, number, rel_tol=1e-9, abs_tol=1e-9 * self.step):
            raise ValueError(
                f"expected {self.low!r} plus a multiple of {self.step!r}, got {value!r}; the nearest is {nearest!r}."
            )
        return nearest

    def _index(self, value: float) -> int:
        """Return the number of the step nearest to ``value``."""
        return round((value - self.low) / (self.step or 1))


@dataclass(frozen=True, slots=True)
class LogUniform(Number):
    """A number from ``low`` > 0 to ``high`` with density 1 / (x ln(high / low)), as ``scipy.stats.reciprocal`` draws it.

    ``points`` values in equal ratios, both ends included, are what a grid takes; they change nothing for the other strategies.
    """

    low: float
    high: float
    points: int | None = None

    def __post_init__(self) -> None:
        _check_floats(self)
        if self.low <= 0:
            raise SpaceError([("low", f"expected a number above 0 on a log scale, got {self.low!r}; raise it or use uniform.")])
        if math.log(self.low) == math.log(self.high):
            raise SpaceError([("high", f"expected a bound well above {self.low!r}, got {self.high!r}; raise it.")])

    @property
    def size(self) -> None:
        """A continuum."""
        return None

    @property
    def grid_size(self) -> int | None:
        """The points."""
        return self.points

    def grid_value(self, index: int) -> float:
        """Return point number ``index``, to 12 digits, so that a tenth of 0.01 is 0.001."""
        return _point(self, index)

    def position(self, value: float) -> float:
        """Return where the logarithm of ``value`` lies between those of the bounds."""
        return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))

    def at(self, position: float) -> float:
        """Return the value at ``position``."""
        low, high = math.log(self.low), math.log(self.high)
        return _within(math.exp(low + position * (high - low)), self.low, self.high)

    def mutate(self, value: float, rng: Random, scale: float) -> float:
        """Return a value a Gaussian step of the logarithm away."""
        return self.at(nudge(self.position(value), rng, scale))

    def plain(self, value: Any) -> float:
        """Return ``value`` as a float."""
        return _plain_float(self.low, self.high, value)


Reciprocal = LogUniform
"""The name that scipy gives to the same distribution."""


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _point(domain: Float | LogUniform, index: int) -> float:
    last = (domain.points or 2) - 1
    if index in (0, last):
        return domain.low if index == 0 else domain.high
    return _within(float(f"{domain.at(index / last):.12g}"), domain.low, domain.high)


def _check_floats(domain: Float | LogUniform) -> None:
    """Refuse what is wrong with the bounds or the points, and make the bounds floats."""
    problems: list[Problem] = [
        (name, f"expected a finite number, got {getattr(domain, name)!r}.")
        for name in ("low", "high")
        if real(getattr(domain, name)) is None
    ]
    if not problems:
        problems = order_problems(domain.low, domain.high)
        if not math.isfinite(float(domain.high) - float(domain.low)):
            problems.append(("high", f"expected a distance below 1.8e308, got {domain.low!r} and {domain.high!r}."))
    points = whole(domain.points)
    if domain.points is not None and (points is None or points < 2):
        problems.append(("points", f"expected a whole number of at least 2, got {domain.points!r}."))
    if problems:
        raise SpaceError(problems)
    for name, value in (("low", float(domain.low)), ("high", float(domain.high)), ("points", points)):
        object.__setattr__(domain, name, value)


def _plain_float(low: float, high: float, value: Any) -> float:
    number = real(value)
    if number is None or not low <= number <= high:
        raise ValueError(f"expected a number from {low!r} to {high!r}, got {value!r}; move it there.")
    return number
