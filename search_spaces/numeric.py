"""The domains of numbers: integers, floats and log-uniform floats, each with a scale of its own on which it is drawn and bred.

A value's *position* is where it lies on that scale, from 0 at the low end to 1 at the high end. Drawing, blending and mutating
happen on positions, so that a logarithmic domain is searched evenly over its orders of magnitude.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

from search_spaces.domains import Domain
from search_spaces.errors import Problem, SpaceError
from search_spaces.values import real, whole

LARGEST_INTEGER = 2**53
"""Beyond it floats, and so positions, no longer tell neighbouring integers apart."""


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
        return self.at(_reflect(rng.uniform(low - margin, high + margin)))


@dataclass(frozen=True, slots=True)
class Integer(Number):
    """A whole number from ``low`` to ``high``, both included.

    With ``log`` its logarithm is drawn evenly. With ``step`` only low, low + step, ... are values, the last one not above
    ``high``. All bounds lie within plus or minus 2**53.
    """

    low: int
    high: int
    log: bool = False
    step: int | None = None

    def __post_init__(self) -> None:
        problems = _refuse_non_integers(self)
        if not isinstance(self.log, bool):
            problems.append(("log", f"expected true or false, got {self.log!r}"))
        if not problems:
            problems = _refuse_order(self.low, self.high)
            if self.log and self.low < 1:
                problems.append(("low", f"expected at least 1 with log, got {self.low!r}; raise it or leave log out"))
            if self.log and self.step is not None:
                problems.append(("step", f"expected no step beside log, got {self.step!r}; leave out one of them"))
            elif self.step is not None and self.low < self.high and not 0 < self.step <= self.high - self.low:
                problems.append(("step", f"expected a step from 1 to {self.high - self.low}, got {self.step!r}"))
        if problems:
            raise SpaceError(problems)
        for name in ("low", "high") if self.step is None else ("low", "high", "step"):
            object.__setattr__(self, name, int(getattr(self, name)))

    @property
    def size(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // (self.step or 1) + 1

    @property
    def grid_size(self) -> int:
        """All values."""
        return self.size

    def grid_value(self, index: int) -> int:
        """Return value number ``index``, counted upwards from ``low``."""
        return self.low + index * (self.step or 1)

    def position(self, value: int) -> float:
        """Return where ``value`` lies: every value owns a cell of [0, 1], and this is within its cell."""
        if self.log:
            low, high = self._log_edges()
            return (math.log(value) - low) / (high - low)
        return ((value - self.low) // (self.step or 1) + 0.5) / self.size

    def at(self, position: float) -> int:
        """Return the value whose cell holds ``position``."""
        if self.log:
            low, high = self._log_edges()
            return min(max(round(math.exp(low + position * (high - low))), self.low), self.high)
        return self.grid_value(_cell(position, self.size))

    def mutate(self, value: int, rng: Random, scale: float) -> int:
        """Return a neighbour on a stepped domain, else another value a Gaussian step (of the logarithm with ``log``) away."""
        if self.step is None:
            moved = self.at(_nudge(self.position(value), rng, scale))
            if moved != value:
                return moved
        return self.grid_value(_neighbour((value - self.low) // (self.step or 1), self.size, rng))

    def plain(self, value: Any) -> int:
        """Return ``value`` as an int; a float that holds a whole number (16.0) counts as one."""
        number = whole(value)
        if number is None and isinstance(value, float) and value.is_integer():
            number = int(value)
        if number is None or not self.low <= number <= self.high or (number - self.low) % (self.step or 1):
            steps = f" in steps of {self.step}" if self.step is not None else ""
            raise ValueError(f"expected a whole number from {self.low} to {self.high}{steps}, got {value!r}; move it there")
        return number

    def _log_edges(self) -> tuple[float, float]:
        """Return the logarithms of the outer ends of the first and the last value's cells, half a unit beyond the bounds."""
        return math.log(self.low - 0.5), math.log(self.high + 0.5)


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
        if number is None or not 0 < number <= self.high - self.low:
            raise SpaceError([("step", f"expected a step above 0, at most {self.high - self.low!r}, got {step!r}")])
        if self.points is not None:
            raise SpaceError([("points", f"expected no points beside step, got {self.points!r}; leave out one of them")])
        if (self.high - self.low) / number > LARGEST_INTEGER or self.high - number == self.high or self.low + number == self.low:
            raise SpaceError([("step", f"expected a step that floats can tell apart, got {step!r}; leave it out")])
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
            return self.grid_value(_cell(position, self.size))
        return _within(self.low + position * (self.high - self.low), self.low, self.high)

    def mutate(self, value: float, rng: Random, scale: float) -> float:
        """Return a neighbour on a stepped domain, else a value a Gaussian step away."""
        if self.size is not None:
            return self.grid_value(_neighbour(self._index(value), self.size, rng))
        return self.at(_nudge(self.position(value), rng, scale))

    def plain(self, value: Any) -> float:
        """Return ``value`` as a float; on a stepped domain the step that it spells."""
        number = _plain_float(self.low, self.high, value)
        if self.step is None:
            return number
        nearest = self.grid_value(min(self._index(number), (self.size or 1) - 1))
        if not math.isclose(nearest, number, rel_tol=1e-9, abs_tol=1e-9 * self.step):
            raise ValueError(f"expected {self.low!r} plus a multiple of {self.step!r}, got {value!r}; the nearest is {nearest!r}")
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
            raise SpaceError([("low", f"expected a number above 0 on a log scale, got {self.low!r}; raise it or use uniform")])
        if math.log(self.low) == math.log(self.high):
            raise SpaceError([("high", f"expected a bound well above {self.low!r}, got {self.high!r}; raise it")])

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
        return self.at(_nudge(self.position(value), rng, scale))

    def plain(self, value: Any) -> float:
        """Return ``value`` as a float."""
        return _plain_float(self.low, self.high, value)


Reciprocal = LogUniform
"""The name that scipy gives to the same distribution."""


# --- positions and steps ------------------------------------------------------------------------------------------------------


def _cell(position: float, count: int) -> int:
    return min(int(position * count), count - 1)


def _nudge(position: float, rng: Random, scale: float) -> float:
    return _reflect(rng.gauss(position, scale))


def _reflect(position: float) -> float:
    """Fold a position that left [0, 1] back in, as a mirror at both ends would: clipping would pile values up on the bounds."""
    position = abs(position) % 2.0
    return 2.0 - position if position > 1.0 else position


def _neighbour(index: int, count: int, rng: Random) -> int:
    """Return the index above or below, the only one at an end."""
    if index == 0:
        return 1
    if index == count - 1:
        return index - 1
    return index + rng.choice((-1, 1))


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def _point(domain: Float | LogUniform, index: int) -> float:
    last = (domain.points or 2) - 1
    if index in (0, last):
        return domain.low if index == 0 else domain.high
    return _within(float(f"{domain.at(index / last):.12g}"), domain.low, domain.high)


# --- checks -------------------------------------------------------------------------------------------------------------------


def _refuse_order(low: float, high: float) -> list[Problem]:
    if low < high:
        return []
    remedy = "one value is no search: fix it outside the space" if low == high else "swap the two"
    return [("high", f"expected a bound above {low!r}, got {high!r}; {remedy}")]


def _refuse_non_integers(domain: Integer) -> list[Problem]:
    problems: list[Problem] = []
    for name in ("low", "high", "step"):
        value = getattr(domain, name)
        number = whole(value)
        if name == "step" and value is None:
            continue
        if number is None or abs(number) > LARGEST_INTEGER:
            problems.append((name, f"expected a whole number within +-2**53, got {value!r}"))
    return problems


def _check_floats(domain: Float | LogUniform) -> None:
    """Refuse what is wrong with the bounds or the points, and make the bounds floats."""
    problems: list[Problem] = [
        (name, f"expected a finite number, got {getattr(domain, name)!r}")
        for name in ("low", "high")
        if real(getattr(domain, name)) is None
    ]
    if not problems:
        problems = _refuse_order(domain.low, domain.high)
        if not math.isfinite(float(domain.high) - float(domain.low)):
            problems.append(("high", f"expected a distance below 1.8e308, got {domain.low!r} and {domain.high!r}"))
    points = whole(domain.points)
    if domain.points is not None and (points is None or points < 2):
        problems.append(("points", f"expected a whole number of at least 2, got {domain.points!r}"))
    if problems:
        raise SpaceError(problems)
    for name, value in (("low", float(domain.low)), ("high", float(domain.high)), ("points", points)):
        object.__setattr__(domain, name, value)


def _plain_float(low: float, high: float, value: Any) -> float:
    number = real(value)
    if number is None or not low <= number <= high:
        raise ValueError(f"expected a number from {low!r} to {high!r}, got {value!r}; move it there")
    return number
