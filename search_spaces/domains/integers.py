"""Domains of whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Any

from search_spaces.domains.numeric import Number, cell, neighbour, nudge, order_problems
from search_spaces.errors import Problem, SpaceError
from search_spaces.values import whole

LARGEST_INTEGER = 2**53
"""Beyond it floats, and so positions, no longer tell neighbouring integers apart."""


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
        problems = _integer_problems(self)
        if not isinstance(self.log, bool):
            problems.append(("log", f"expected true or false, got {self.log!r}."))
        if not problems:
            problems = order_problems(self.low, self.high)
            if self.log and self.low < 1:
                problems.append(("low", f"expected at least 1 with log, got {self.low!r}; raise it or leave log out."))
            if self.log and self.step is not None:
                problems.append(("step", f"expected no step beside log, got {self.step!r}; leave out one of them."))
            elif self.step is not None and self.low < self.high and not 0 < self.step <= self.high - self.low:
                problems.append(("step", f"expected a step from 1 to {self.high - self.low}, got {self.step!r}."))
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
        return self.grid_value(cell(position, self.size))

    def mutate(self, value: int, rng: Random, scale: float) -> int:
        """Return a neighbour on a stepped domain, else another value a Gaussian step (of the logarithm with ``log``) away."""
        if self.step is None:
            moved = self.at(nudge(self.position(value), rng, scale))
            if moved != value:
                return moved
        return self.grid_value(neighbour((value - self.low) // (self.step or 1), self.size, rng))

    def plain(self, value: Any) -> int:
        """Return ``value`` as an int; a float that holds a whole number (16.0) counts as one."""
        number = whole(value)
        if number is None and isinstance(value, float) and value.is_integer():
            number = int(value)
        if number is None or not self.low <= number <= self.high or (number - self.low) % (self.step or 1):
            steps = f" in steps of {self.step}" if self.step is not None else ""
            raise ValueError(f"expected a whole number from {self.low} to {self.high}{steps}, got {value!r}; move it there.")
        return number

    def _log_edges(self) -> tuple[float, float]:
        """Return the logarithms of the outer ends of the first and the last value's cells, half a unit beyond the bounds."""
        return math.log(self.low - 0.5), math.log(self.high + 0.5)


def _integer_problems(domain: Integer) -> list[Problem]:
    problems: list[Problem] = []
    for name in ("low", "high", "step"):
        value = getattr(domain, name)
        number = whole(value)
        if name == "step" and value is None:
            continue
        if number is None or abs(number) > LARGEST_INTEGER:
            problems.append((name, f"expected a whole number within +-2**53, got {value!r}."))
    return problems
