import json
import pickle

import pytest

from search_spaces import Choice, Float, Integer, LogUniform, SearchSpace, SpaceError, parse_space
from search_spaces.seeds import stream

SPACE = SearchSpace({"rate": LogUniform(1e-4, 1e-2, points=3), "units": Integer(1, 2), "layers": Choice([[12, 8], [4]])})


def test_a_space_counts_its_configs_and_its_grid():
    assert SPACE.size is None
    assert SPACE.grid_size == 12
    assert SearchSpace({"a": Integer(0, 9), "b": Float(0.0, 1.0, step=0.5)}).size == 30


def test_the_last_name_of_a_grid_varies_fastest():
    assert [tuple(config.values()) for config in SPACE.grid()][:5] == [
        (1e-4, 1, [12, 8]),
        (1e-4, 1, [4]),
        (1e-4, 2, [12, 8]),
        (1e-4, 2, [4]),
        (1e-3, 1, [12, 8]),
    ]
    assert list(SPACE.grid_config(11).items()) == [("rate", 1e-2), ("units", 2), ("layers", [4])]


def test_a_grid_names_every_domain_that_it_cannot_take():
    space = SearchSpace({"a": Float(0.0, 1.0), "b": Integer(1, 2), "c": LogUniform(0.1, 1.0)})
    with pytest.raises(SpaceError, match=r"space\.a: .*add step or points") as caught:
        _ = space.grid_size
    assert [path for path, _ in caught.value.problems] == ["space.a", "space.c"]


def test_equal_configs_have_equal_keys_however_they_are_spelled():
    space = SearchSpace({"a": Float(0.0, 20.0), "b": Integer(1, 9), "c": Choice([[1, 2], 3])})
    key = space.key({"a": 16.0, "b": 2, "c": [1, 2]})
    assert key == space.key({"c": (1, 2), "b": 2.0, "a": 16})
    assert key == space.key(json.loads(json.dumps({"a": 16.0, "b": 2, "c": [1, 2]})))
    assert key != space.key({"a": 16.0, "b": 3, "c": [1, 2]})


def test_one_and_true_are_different_options():
    space = SearchSpace({"a": Choice([1, True, 1.0, "1"])})
    assert len({space.key({"a": value}) for value in (1, True, 1.0, "1")}) == 4


def test_check_names_unknown_missing_and_impossible_values():
    assert SPACE.check({"rate": 1e-3, "units": 1, "layers": [4]}) == []
    problems = dict(SPACE.check({"rate": 1.0, "unitz": 1, "layers": [4]}, "first_configs.0"))
    assert list(problems) == ["first_configs.0.unitz", "first_configs.0.rate", "first_configs.0.units"]
    assert "did you mean 'units'?" in problems["first_configs.0.unitz"]
    assert "got 1.0" in problems["first_configs.0.rate"]
    assert "got none" in problems["first_configs.0.units"]
    with pytest.raises(SpaceError, match=r"config\.rate: .* got 1\.0"):
        SPACE.key({"rate": 1.0, "units": 1, "layers": [4]})


def test_new_draws_use_up_a_finite_space_even_where_a_config_is_rare():
    space = parse_space({"a": {"integer": [1, 2000], "log": True}})
    rng = stream(0)
    met: set[str] = set()
    for _ in range(2000):
        config = space.sample_new(rng, met)
        assert config is not None
        assert space.key(config) not in met
        met.add(space.key(config))
    assert space.sample_new(rng, met) is None


def test_a_space_is_immutable_plain_data():
    with pytest.raises(TypeError):
        SPACE.domains["rate"] = Integer(1, 2)
    assert pickle.loads(pickle.dumps(SPACE)) == SPACE  # noqa: S301 - our own bytes
