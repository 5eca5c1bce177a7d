import itertools
import time

import pytest

from search_spaces import Choice, Float, Grid, Integer, SearchSpace, SpaceError, make_strategy, parse_space


def test_a_grid_is_the_product_in_written_order():
    space = SearchSpace({"b": Integer(1, 3), "a": Choice(["x", "y"]), "c": Float(0.0, 1.0, step=0.5)})
    configs = Grid(space).ask(1000)
    assert [tuple(config.values()) for config in configs] == list(itertools.product([1, 2, 3], ["x", "y"], [0.0, 0.5, 1.0]))
    assert all(list(config) == ["b", "a", "c"] for config in configs)


def test_the_tutorial_grid_has_54_trials():
    space = parse_space({
        "optimizer": ["rmsprop", "adam"],
        "kernel_initializer": ["glorot_uniform", "random_normal", "random_uniform"],
        "epochs": [50, 100, 150],
        "batch_size": [5, 10, 20],
    })  # fmt: skip
    assert make_strategy({"type": "grid"}, space, 0).size == 54


def test_a_huge_grid_is_counted_exactly_and_costs_nothing_until_asked():
    space = parse_space({f"x{index}": {"integer": [1, 10_007]} for index in range(6)})
    begun = time.perf_counter()
    grid = Grid(space)
    assert grid.size == 10_007**6
    assert [config["x5"] for config in grid.ask(3)] == [1, 2, 3]
    assert space.grid_config(grid.size - 1) == {f"x{index}": 10_007 for index in range(6)}
    assert not grid.finished
    assert time.perf_counter() - begun < 0.5


def test_a_grid_needs_values_to_take():
    with pytest.raises(SpaceError, match=r"space\.a: expected values for a grid"):
        Grid(SearchSpace({"a": Float(0.0, 1.0)}))
