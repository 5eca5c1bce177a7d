"""From the plain mapping of a sweep file to a search space. All mistakes are found at once, each with its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.domains import Choice, Domain, Float, Integer, LogUniform
from search_spaces.errors import Problem, SpaceError
from search_spaces.space import SearchSpace
from search_spaces.values import suggestion


@dataclass(frozen=True, slots=True)
class _Kind:
    """One way to write a domain of numbers: what it makes, and what may stand beside its bounds."""

    make: Callable[..., Domain]
    options: tuple[str, ...]
    example: str


_KINDS: dict[str, _Kind] = {
    "integer": _Kind(Integer, ("log", "step"), "{integer: [1, 99]}"),
    "uniform": _Kind(Float, ("step", "points"), "{uniform: [0.0, 0.5]}"),
    "reciprocal": _Kind(LogUniform, ("points",), "{reciprocal: [1e-4, 1e-2]}"),
    "loguniform": _Kind(LogUniform, ("points",), "{loguniform: [1e-4, 1e-2]}"),
}
DOMAIN_KINDS = ("choice", *_KINDS)
_SYNTAX = "a list of values or a mapping such as " + ", ".join(kind.example for kind in _KINDS.values())


def parse_space(space: object, path: str = "space") -> SearchSpace:
    """Return the search space that a plain mapping describes.

    Parameters
    ----------
    space : mapping of names to domains. A list is a choice; ``{choice: [...]}`` is the same; ``{integer: [low, high]}`` takes
        ``log: true`` or ``step``; ``{uniform: [low, high]}`` takes ``step`` or ``points``; ``{reciprocal: [low, high]}``, also
        spelled ``loguniform``, takes ``points``.
    path : what problems call the mapping.

    Raises
    ------
    SpaceError
        With all that is wrong in ``problems``.
    """
    if not isinstance(space, Mapping) or not space:
        raise SpaceError([(path, f"expected a mapping of at least one name to its domain, got {space!r}; name what to search.")])
    problems: list[Problem] = []
    domains: dict[str, Domain] = {}
    for name, written in space.items():
        where = f"{path}.{name}"
        if not isinstance(name, str) or not name:
            problems.append((where, f"expected a name, got {name!r}; write it as text."))
            continue
        try:
            domains[name] = _parse_domain(written)
        except SpaceError as error:
            problems.extend((f"{where}.{suffix}" if suffix else where, message) for suffix, message in error.problems)
    if problems:
        raise SpaceError(problems)
    return SearchSpace(domains)


def _parse_domain(written: object) -> Domain:
    """Return one domain; problems are named relative to it."""
    if isinstance(written, list | tuple):
        return Choice(written)
    if not isinstance(written, Mapping):
        raise SpaceError([("", f"expected {_SYNTAX}, got {written!r}; a value that stays the same belongs outside the space.")])
    kinds = [key for key in written if key in DOMAIN_KINDS]
    if len(kinds) != 1:
        raise SpaceError(_kind_problems(written, kinds))
    name = kinds[0]
    if name == "choice":
        problems = _unknown(written, name, ())
        return _make(lambda: Choice(written[name]), problems)
    kind = _KINDS[name]
    problems = _unknown(written, name, kind.options)
    bounds = written[name]
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise SpaceError([*problems, (name, f"expected two bounds as in {kind.example}, got {bounds!r}.")])
    options = {option: written[option] for option in kind.options if option in written}
    return _make(lambda: kind.make(*bounds, **options), problems)


def _make(make: Callable[[], Domain], problems: list[Problem]) -> Domain:
    """Make the domain and raise what is wrong with it together with the problems already known."""
    try:
        domain = make()
    except SpaceError as error:
        raise SpaceError([*problems, *error.problems]) from None
    if problems:
        raise SpaceError(problems)
    return domain


def _unknown(written: Mapping[Any, Any], kind: str, options: tuple[str, ...]) -> list[Problem]:
    expected = f"expected nothing but {' or '.join(options)} beside {kind!r}" if options else f"expected nothing beside {kind!r}"
    problems: list[Problem] = []
    for key in written:
        if key == kind or key in options:
            continue
        remedy = "for a log scale write {reciprocal: [low, high]}." if key == "log" else suggestion(key, options)
        problems.append((str(key), f"{expected}, got {key!r}; {remedy}"))
    return problems


def _kind_problems(written: Mapping[Any, Any], kinds: list[str]) -> list[Problem]:
    if kinds:
        return [("", f"expected one kind of domain, got {' and '.join(repr(kind) for kind in kinds)}; keep one of them.")]
    if not written:
        return [("", f"expected {_SYNTAX}, got {dict(written)!r}.")]
    options = {option for kind in _KINDS.values() for option in kind.options}
    strangers = [key for key in written if key not in options] or list(written)
    return [(str(key), f"expected a kind of domain, got {key!r}; {suggestion(key, DOMAIN_KINDS)}") for key in strangers]
