"""Where a sweep's winner lies at an end of what was searched, read out of ledger rows. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.results.row_values import is_finite, spec_of
from search_spaces import Choice, Domain, Float, Integer, LogUniform, SearchSpace, SpaceError, parse_space

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow

EDGE = 0.02
"""The outermost share of a domain's own scale that counts as its end: a draw from a continuum never meets the bound itself."""

_FEWEST = 3
"""With fewer values there is none that is not at an end."""


@dataclass(frozen=True, slots=True)
class AtBound:
    """A value that lies at an end of its domain: which end, and the bound there."""

    name: str
    value: Any
    end: Literal["lower", "upper"]
    bound: float


def bounds_met(sweep: SweepRow, config: Mapping[str, Any]) -> list[AtBound]:
    """Return the hyperparameters of ``config`` that lie at an end of the sweep's domains."""
    spec = spec_of(sweep)
    try:
        space = parse_space(spec["space"])
    except SpaceError:  # written by a version that knew other domains
        return []
    return at_bounds(space, config, grid=spec["strategy"]["type"] == "grid")


def at_bounds(space: SearchSpace, config: Mapping[str, Any], *, grid: bool = False) -> list[AtBound]:
    """Return the values of ``config`` that lie at an end of their domains, in the space's order.

    Parameters
    ----------
    config : of this space; names that either lacks are passed over.
    grid : whether only the grid's values could be taken, which are fewer.

    Notes
    -----
    Domains of numbers have ends, lists of numbers too. One of fewer than three values has none, nor have texts and lists.
    """
    return [met for name, domain in space.domains.items() if name in config for met in _met(name, domain, config[name], grid)]


def bounds_line(bounds: Sequence[AtBound]) -> str:
    """Return in words what ``bounds_met`` found; empty when it found nothing."""
    if not bounds:
        return ""
    named = ", ".join(f"{one.name} = {_short(one.value)} ({one.end} bound {_short(one.bound)})" for one in bounds)
    remedy = "A better one may lie beyond: widen the domain where that makes sense."
    return f"The winner lies at a bound of the space: {named}. {remedy}"


def _met(name: str, domain: Domain, value: Any, grid: bool) -> Iterator[AtBound]:
    count = domain.grid_size if grid else domain.size
    if not _is_number(value) or (count is not None and count < _FEWEST):
        return
    low, high, place = value, value, 0.5
    match domain:
        case Choice(options=options) if all(map(_is_number, options)):
            low, high = min(options), max(options)
        case Integer() | Float() | LogUniform():
            low = domain.low
            high = domain.high if domain.size is None else domain.grid_value(domain.size - 1)  # the last step may lie below it
            place = domain.position(value) if low <= value <= high else place
    if low == high:
        return
    if value == low or place <= EDGE:
        yield AtBound(name, value, "lower", low)
    elif value == high or place >= 1 - EDGE:
        yield AtBound(name, value, "upper", high)


def _is_number(value: object) -> bool:
    return is_finite(value) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
