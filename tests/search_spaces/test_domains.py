import json
import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search_spaces import Choice, Domain, Float, Integer, LogUniform, Reciprocal, SpaceError
from search_spaces.seeds import stream

DRAWS = 4000


def draws(domain: Domain, count: int = DRAWS, seed: int = 1) -> list:
    rng = stream(seed)
    return [domain.sample(rng) for _ in range(count)]


def finite_bounds(low: float, high: float):
    return st.tuples(
        st.floats(low, high, allow_nan=False, allow_subnormal=False), st.floats(low, high, allow_nan=False, allow_subnormal=False)
    ).filter(lambda pair: pair[1] - pair[0] > 1e-6 * max(1.0, abs(pair[0]), abs(pair[1])))


integers = st.builds(
    lambda low, width, log: Integer(max(low, 1) if log else low, (max(low, 1) if log else low) + width, log=log),
    st.integers(-10_000, 10_000),
    st.integers(1, 10_000),
    st.booleans(),
)
stepped_integers = st.builds(
    lambda low, step, count, rest: Integer(low, low + step * count + min(rest, step - 1), step=step),
    st.integers(-1000, 1000),
    st.integers(1, 50),
    st.integers(1, 50),
    st.integers(0, 49),
)
floats = st.builds(lambda bounds: Float(*bounds), finite_bounds(-1e6, 1e6))
stepped_floats = st.builds(
    lambda low, step, count: Float(low / 100, (low + step * count) / 100, step=step / 100),
    st.integers(-1000, 1000),
    st.integers(1, 500),
    st.integers(1, 50),
)
logarithmic = st.builds(lambda low, ratio: LogUniform(low, low * ratio), st.floats(1e-12, 1e6), st.floats(1.01, 1e9))
options = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
choices = st.builds(Choice, st.lists(options, min_size=1, max_size=6, unique_by=json.dumps))
domains = st.one_of(integers, stepped_integers, floats, stepped_floats, logarithmic, choices)


@given(domains, st.integers(), st.floats(0.01, 1.0))
def test_what_is_drawn_crossed_and_mutated_is_a_plain_value_of_the_domain(domain, seed, scale):
    rng = stream(seed)
    one, other = domain.sample(rng), domain.sample(rng)
    for value in (one, other, domain.cross(one, other, rng, 0.5), domain.mutate(one, rng, scale)):
        assert type(value) in (int, float, str, bool, list, type(None))
        assert domain.plain(value) == domain.plain(json.loads(json.dumps(value)))


@given(domains, st.integers(), st.floats(0.01, 1.0))
def test_mutation_changes_the_value_where_there_is_another(domain, seed, scale):
    rng = stream(seed)
    value = domain.sample(rng)
    if domain.size != 1:
        assert json.dumps(domain.mutate(value, rng, scale)) != json.dumps(value)


@given(domains, st.integers())
def test_a_child_of_two_equal_parents_is_their_equal(domain, seed):
    rng = stream(seed)
    value = domain.sample(rng)
    assert domain.cross(value, value, rng, 0.5) == value


@given(st.one_of(integers, stepped_integers, stepped_floats))
def test_finite_domains_list_their_values_upwards_and_each_once(domain):
    assert domain.grid_size == domain.size
    values = [domain.grid_value(index) for index in range(min(domain.size, 300))]
    assert values == sorted(set(values))
    assert values[0] == domain.low
    last = domain.grid_value(domain.size - 1)
    assert last <= domain.high
    assert domain.step is None or last + domain.step > domain.high


@given(st.one_of(integers, stepped_integers, stepped_floats), st.data())
def test_a_finite_domain_finds_a_value_again_at_its_position(domain, data):
    value = domain.grid_value(data.draw(st.integers(0, domain.size - 1)))
    assert 0 <= domain.position(value) <= 1
    assert domain.at(domain.position(value)) == value


@given(st.one_of(integers, stepped_integers, floats, stepped_floats, logarithmic))
def test_the_ends_of_the_scale_are_the_ends_of_the_domain(domain):
    assert domain.at(0.0) == pytest.approx(domain.low)
    top = domain.high if not getattr(domain, "step", None) else domain.grid_value(domain.size - 1)
    assert domain.at(1.0) == pytest.approx(top)
    assert domain.low <= domain.at(0.0) <= domain.at(1.0) <= domain.high


@pytest.mark.parametrize(("low", "high"), [(1e-4, 1e-2), (1e-6, 1.0), (3.0, 7.0)])
def test_log_uniform_draws_follow_scipys_reciprocal(low, high):
    assert stats.kstest(draws(LogUniform(low, high)), stats.reciprocal(low, high).cdf).pvalue > 0.01


def test_the_test_of_the_distribution_would_see_a_uniform_one():
    assert stats.kstest(draws(Float(1e-4, 1e-2)), stats.reciprocal(1e-4, 1e-2).cdf).pvalue < 1e-6


def test_reciprocal_is_another_name_of_log_uniform():
    assert Reciprocal is LogUniform


def test_float_draws_are_uniform():
    assert stats.kstest(draws(Float(-2.0, 3.0)), stats.uniform(-2.0, 5.0).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    "domain", [Integer(-3, 12), Integer(1, 15, step=2), Float(0.0, 1.0, step=0.1), Choice([1, "a", None, [2, 3]])]
)
def test_finite_draws_are_even(domain):
    positions = [json.dumps(domain.grid_value(index)) for index in range(domain.size)]
    drawn = [json.dumps(value) for value in draws(domain)]
    counts = [drawn.count(position) for position in positions]
    assert sum(counts) == DRAWS
    assert stats.chisquare(counts).pvalue > 0.01


def test_logarithmic_integers_follow_the_logarithm_of_their_cells():
    domain = Integer(1, 8, log=True)
    width = math.log(8.5) - math.log(0.5)
    expected = [DRAWS * (math.log(value + 0.5) - math.log(value - 0.5)) / width for value in range(1, 9)]
    drawn = draws(domain)
    assert stats.chisquare([drawn.count(value) for value in range(1, 9)], expected).pvalue > 0.01


def test_mutation_is_gaussian_on_the_domains_own_scale():
    rng = stream(3)
    domain = LogUniform(1e-8, 1.0)
    steps = [math.log10(domain.mutate(1e-4, rng, 0.05)) + 4 for _ in range(DRAWS)]
    assert stats.kstest(steps, stats.norm(0, 0.05 * 8).cdf).pvalue > 0.01


def test_mutation_does_not_pile_up_on_the_bounds():
    rng = stream(4)
    domain = Float(0.0, 1.0)
    values = [domain.mutate(0.02, rng, 0.3) for _ in range(DRAWS)]
    assert 0.0 not in values
    assert len(set(values)) > 0.99 * DRAWS


def test_integer_mutation_reaches_far_with_a_large_scale_and_near_with_a_small_one():
    rng = stream(5)
    domain = Integer(0, 100)
    far = [abs(domain.mutate(50, rng, 0.3) - 50) for _ in range(500)]
    near = [abs(domain.mutate(50, rng, 1e-9) - 50) for _ in range(500)]
    assert sum(far) / 500 > 15
    assert set(near) == {1}


@pytest.mark.parametrize(("domain", "value", "expected"), [
    (Integer(0, 100, step=10), 50, {40, 60}),
    (Integer(0, 100, step=10), 0, {10}),
    (Integer(0, 95, step=10), 90, {80}),
    (Float(0.0, 1.0, step=0.1), 0.3, {0.2, 0.4}),
    (Float(0.0, 1.0, step=0.1), 1.0, {0.9}),
    (Choice(["a", "b", "c"]), "b", {"a", "c"}),
    (Choice([True, 1]), 1, {True}),
    (Choice(["only"]), "only", {"only"}),
])  # fmt: skip
def test_stepped_values_mutate_to_a_neighbour_and_choices_to_another_option(domain, value, expected):
    rng = stream(6)
    assert {domain.mutate(value, rng, 0.5) for _ in range(200)} == expected


def test_numbers_blend_within_the_stretched_interval_and_choices_take_after_either_parent():
    rng = stream(7)
    blended = [Float(0.0, 10.0).cross(4.0, 6.0, rng, 0.25) for _ in range(DRAWS)]
    assert stats.kstest(blended, stats.uniform(3.5, 3.0).cdf).pvalue > 0.01
    assert {Choice(["a", "b", "c"]).cross("a", "c", rng, 0.25) for _ in range(100)} == {"a", "c"}


def test_steps_are_counted_in_decimals():
    assert [Float(0.0, 0.5, step=0.1).grid_value(index) for index in range(6)] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert Float(0.0, 1.0, step=0.3).size == 4
    assert Float(0.1, 0.3, step=0.2).size == 2
    assert Float(0.0, 1.0, step=0.1).plain(0.1 + 0.2) == 0.3


def test_points_lie_evenly_on_the_domains_own_scale():
    assert [LogUniform(1e-4, 1e-2, points=3).grid_value(index) for index in range(3)] == [1e-4, 1e-3, 1e-2]
    assert [Float(0.0, 0.3, points=4).grid_value(index) for index in range(4)] == [0.0, 0.1, 0.2, 0.3]
    assert Float(0.0, 0.3, points=4).size is None


def test_a_continuum_has_no_grid():
    assert Float(0.0, 1.0).grid_size is None
    assert LogUniform(0.1, 1.0).grid_size is None


def test_values_are_plain_even_when_the_domain_was_made_with_numpys():
    assert type(Integer(numpy.int64(1), numpy.int64(3)).low) is int
    assert type(Float(numpy.float32(1), numpy.float64(3)).low) is float
    assert [type(option) for option in Choice([numpy.int64(1), numpy.float32(2), numpy.str_("a")]).options] == [int, float, str]


def test_a_drawn_list_is_the_callers_own():
    domain = Choice([[12, 8]])
    domain.sample(stream(0)).append(1)
    assert domain.sample(stream(0)) == [12, 8]
    assert hash(domain) == hash(Choice([[12, 8]]))


@pytest.mark.parametrize(("domain", "given", "plain"), [
    (Integer(1, 20), 16.0, 16),
    (Float(0.0, 20.0), 16, 16.0),
    (LogUniform(1.0, 20.0), 16, 16.0),
    (Choice([[1, 2], "a"]), (1, 2), (1, 2)),
])  # fmt: skip
def test_a_value_has_one_spelling(domain, given, plain):
    assert domain.plain(given) == plain
    assert type(domain.plain(given)) is type(plain)


@pytest.mark.parametrize(("domain", "value", "message"), [
    (Integer(1, 9), 10, r"whole number from 1 to 9, got 10"),
    (Integer(1, 9), 2.5, r"whole number from 1 to 9, got 2\.5"),
    (Integer(1, 9), True, r"whole number from 1 to 9, got True"),
    (Integer(1, 9, step=2), 4, r"in steps of 2, got 4"),
    (Float(0.0, 1.0), 1.5, r"number from 0\.0 to 1\.0, got 1\.5"),
    (Float(0.0, 1.0), math.nan, r"got nan"),
    (Float(0.0, 1.0), False, r"got False"),
    (Float(0.0, 1.0, step=0.25), 0.3, r"0\.0 plus a multiple of 0\.25, got 0\.3; the nearest is 0\.25"),
    (LogUniform(0.1, 1.0), "0.5", r"got '0\.5'"),
    (Choice(["relu", "tanh"]), "elu", r"one of \['relu', 'tanh'\], got 'elu'"),
    (Choice([1]), True, r"one of \[1\], got True"),
    (Choice([1]), {}, r"got \{\}"),
])  # fmt: skip
def test_a_foreign_value_is_refused(domain, value, message):
    with pytest.raises(ValueError, match=message):
        domain.plain(value)


@pytest.mark.parametrize(("make", "path", "message"), [
    (lambda: Integer(2, 1), "high", "above 2, got 1; swap"),
    (lambda: Integer(2, 2), "high", "above 2, got 2; one value is no search"),
    (lambda: Integer(0, 8, log=True), "low", "at least 1 with log, got 0"),
    (lambda: Integer(1, 8, log="yes"), "log", "true or false, got 'yes'"),
    (lambda: Integer(1, 8, log=True, step=2), "step", "no step beside log, got 2"),
    (lambda: Integer(1, 8, step=8), "step", "from 1 to 7, got 8"),
    (lambda: Integer(1, 8, step=0), "step", "got 0"),
    (lambda: Integer(1, 8, step=1.5), "step", r"whole number within .*, got 1\.5"),
    (lambda: Integer(1.5, 8), "low", r"whole number within .*, got 1\.5"),
    (lambda: Integer(1, 2**60), "high", "whole number within"),
    (lambda: Integer(False, 8), "low", "got False"),
    (lambda: Float(1.0, 0.5), "high", r"above 1\.0, got 0\.5; swap"),
    (lambda: Float(0, math.inf), "high", "finite number, got inf"),
    (lambda: Float(math.nan, 1), "low", "finite number, got nan"),
    (lambda: Float(0, True), "high", "finite number, got True"),
    (lambda: Float(0, 10**400), "high", "finite number"),
    (lambda: Float(-1.7e308, 1.7e308), "high", "distance below"),
    (lambda: Float(0, 1, step=2), "step", r"at most 1\.0, got 2"),
    (lambda: Float(0, 1, step=-0.1), "step", r"above 0, .* got -0\.1"),
    (lambda: Float(0, 1, step=1e-300), "step", "floats can tell apart"),
    (lambda: Float(1e16, 1e16 + 10, step=0.1), "step", "floats can tell apart"),
    (lambda: Float(0, 1, step=0.1, points=3), "points", "no points beside step, got 3"),
    (lambda: Float(0, 1, points=1), "points", "at least 2, got 1"),
    (lambda: Float(0, 1, points=True), "points", "at least 2, got True"),
    (lambda: LogUniform(0, 1), "low", "above 0 on a log scale, got 0"),
    (lambda: LogUniform(-1, 1), "low", "above 0 on a log scale"),
    (lambda: LogUniform(1e300, math.nextafter(1e300, math.inf)), "high", "well above"),
    (lambda: Choice([]), "", r"at least one value, got \[\]"),
    (lambda: Choice("relu"), "", "got 'relu'"),
    (lambda: Choice([1, 2, 1]), "2", "every value once, got 1 again"),
    (lambda: Choice([[1], [1]]), "1", "every value once"),
    (lambda: Choice(["a", math.nan]), "1", "finite number, got nan"),
    (lambda: Choice(["a", {"b": 1}]), "1", r"a list of these, got \{'b': 1\}"),
])  # fmt: skip
def test_an_impossible_domain_is_refused_with_its_place(make, path, message):
    with pytest.raises(SpaceError, match=message) as caught:
        make()
    assert [place for place, _ in caught.value.problems] == [path]
