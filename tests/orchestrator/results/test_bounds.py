"""Which values lie at an end of their domains."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.bounds import at_bounds
from search_spaces import parse_space


@pytest.mark.parametrize(
    ("domain", "value", "found"),
    [
        ({"integer": [1, 99]}, 1, ("lower", 1)),
        ({"integer": [1, 99]}, 99, ("upper", 99)),
        ({"integer": [1, 99]}, 50, None),
        ({"integer": [1, 3]}, 2, None),
        ({"integer": [1, 2]}, 2, None),  # two values: one of them is always at an end
        ({"integer": [8, 512], "log": True}, 510, ("upper", 512)),
        ({"integer": [16, 50], "step": 16}, 48, ("upper", 48)),  # 50 is no value
        ({"uniform": [0.0, 0.5]}, 0.499, ("upper", 0.5)),
        ({"uniform": [0.0, 0.5]}, 0.45, None),
        ({"uniform": [0.0, 0.5], "step": 0.1}, 0.5, ("upper", 0.5)),
        ({"reciprocal": [1e-4, 1e-1]}, 0.0999, ("upper", 0.1)),
        ({"reciprocal": [1e-4, 1e-1]}, 0.05, None),  # near on a plain scale, far on its own
        ({"reciprocal": [1e-4, 1e-1]}, 1.05e-4, ("lower", 1e-4)),
        ([32, 8, 16], 8, ("lower", 8)),
        ([32, 8, 16], 16, None),
        ([32, 8, 16], 32, ("upper", 32)),
        ([8, 16], 16, None),
        ([8, 16, None], 16, None),
        (["relu", "selu", "tanh"], "relu", None),
        ([True, False], True, None),
    ],
)
def test_values_at_an_end(domain: Any, value: Any, found: tuple[str, float] | None) -> None:
    met = at_bounds(parse_space({"x": domain}), {"x": value})
    assert [(one.name, one.value, one.end, one.bound) for one in met] == ([] if found is None else [("x", value, *found)])


@pytest.mark.parametrize(("points", "expected"), [(2, 0), (3, 1)])
def test_a_grid_has_only_its_points(points: int, expected: int) -> None:
    space = parse_space({"rate": {"reciprocal": [1e-3, 1e-1], "points": points}})
    assert len(at_bounds(space, {"rate": 0.1}, grid=True)) == expected
    assert len(at_bounds(space, {"rate": 0.1})) == 1


def test_names_of_another_space_are_passed_over() -> None:
    assert at_bounds(parse_space({"x": {"integer": [1, 9]}}), {"y": 1}) == []
