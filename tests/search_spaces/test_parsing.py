import pytest

from search_spaces import Choice, Float, Integer, LogUniform, SpaceError, parse_space


@pytest.mark.parametrize(("written", "domain"), [
    (["rmsprop", "adam"], Choice(["rmsprop", "adam"])),
    ([[12, 8], [64]], Choice([[12, 8], [64]])),
    ([0.1, 0.5], Choice([0.1, 0.5])),
    ({"choice": [True, None, 1, 1.5, "a", [1, [2]]]}, Choice([True, None, 1, 1.5, "a", [1, [2]]])),
    ({"integer": [1, 99]}, Integer(1, 99)),
    ({"integer": [8, 512], "log": True}, Integer(8, 512, log=True)),
    ({"integer": [10, 100], "step": 10}, Integer(10, 100, step=10)),
    ({"uniform": [0.0, 0.5]}, Float(0.0, 0.5)),
    ({"uniform": [0, 1], "step": 0.1}, Float(0.0, 1.0, step=0.1)),
    ({"uniform": [0, 1], "points": 5}, Float(0.0, 1.0, points=5)),
    ({"reciprocal": [1e-4, 1e-2]}, LogUniform(1e-4, 1e-2)),
    ({"loguniform": [1e-4, 1e-2], "points": 3}, LogUniform(1e-4, 1e-2, points=3)),
])  # fmt: skip
def test_every_way_to_write_a_domain(written, domain):
    space = parse_space({"name": written})
    assert dict(space.domains) == {"name": domain}
    assert type(space.domains["name"]) is type(domain)


def test_names_keep_their_order():
    assert parse_space({"b": [1], "a": [1], "c": [1]}).names == ("b", "a", "c")


@pytest.mark.parametrize(("written", "path", "message"), [
    ({"unifrom": [0, 1]}, "space.x.unifrom", "got 'unifrom'; did you mean 'uniform'?"),
    ({"Integer": [0, 1]}, "space.x.Integer", "did you mean 'integer'?"),
    ({"log_uniform": [0.1, 1]}, "space.x.log_uniform", "did you mean 'loguniform'?"),
    ({"normal": [0, 1]}, "space.x.normal", "known are: choice, integer, uniform, reciprocal, loguniform"),
    ({"log": True}, "space.x.log", "expected a kind of domain, got 'log'"),
    ({"integer": [1, 9], "lgo": True}, "space.x.lgo", "log or step beside 'integer', got 'lgo'; did you mean 'log'?"),
    ({"reciprocal": [0.1, 1], "pionts": 3}, "space.x.pionts", "did you mean 'points'?"),
    ({"reciprocal": [0.1, 1], "step": 3}, "space.x.step", "nothing but points beside 'reciprocal', got 'step'"),
    ({"uniform": [0.1, 1], "log": True}, "space.x.log", "write {reciprocal: [low, high]}"),
    ({"choice": [1, 2], "log": True}, "space.x.log", "nothing beside 'choice', got 'log'"),
    ({"choice": [1, 2], 3: 4}, "space.x.3", "nothing beside 'choice', got 3; take it out"),
    ({"integer": [1, 9], "uniform": [0, 1]}, "space.x", "one kind of domain, got 'integer' and 'uniform'"),
    ({}, "space.x", "a list of values or a mapping such as {integer: [1, 99]}"),
    (0.5, "space.x", "got 0.5; a value that stays the same belongs outside the space"),
    ("adam", "space.x", "got 'adam'"),
    (None, "space.x", "got None"),
    ([], "space.x", "at least one value, got []"),
    ({"choice": "relu"}, "space.x", "a list of at least one value, got 'relu'"),
    (["a", {"integer": [1, 2]}], "space.x.1", "got {'integer': [1, 2]}"),
    ({"integer": 5}, "space.x.integer", "two bounds as in {integer: [1, 99]}, got 5"),
    ({"integer": [1, 2, 3]}, "space.x.integer", "two bounds as in {integer: [1, 99]}, got [1, 2, 3]"),
    ({"uniform": [1, 0]}, "space.x.high", "above 1, got 0; swap"),
    ({"uniform": ["1e-4", 1]}, "space.x.low", "finite number, got '1e-4'"),
    ({"reciprocal": [0, 1]}, "space.x.low", "above 0 on a log scale, got 0"),
])  # fmt: skip
def test_a_mistake_is_answered_with_its_path_and_a_remedy(written, path, message):
    with pytest.raises(SpaceError) as caught:
        parse_space({"x": written})
    ((place, text),) = caught.value.problems
    assert place == path
    assert message in text
    assert str(caught.value) == f"{place}: {text}"


@pytest.mark.parametrize("written", [{}, [], None, "a: b"])
def test_a_space_is_a_mapping_of_at_least_one_name(written):
    with pytest.raises(SpaceError, match=r"^sweep\.space: expected a mapping of at least one name"):
        parse_space(written, "sweep.space")


@pytest.mark.parametrize("name", [3, "", None])
def test_a_name_is_text(name):
    with pytest.raises(SpaceError, match="expected a name, got"):
        parse_space({name: [1, 2]})


def test_all_mistakes_are_found_at_once():
    with pytest.raises(SpaceError) as caught:
        parse_space({
            "rate": {"reciprocal": [0, True], "pionts": 3},
            "units": {"integer": [1.5, "9"], "step": 0.5, "logg": True},
            "fine": [1, 2],
            "fit": [1, 1, float("nan")],
            "share": {"uniform": [0, 1], "step": 3},
        })  # fmt: skip
    assert [path for path, _ in caught.value.problems] == [
        "space.rate.pionts",
        "space.rate.high",
        "space.units.logg",
        "space.units.low",
        "space.units.high",
        "space.units.step",
        "space.fit.1",
        "space.fit.2",
        "space.share.step",
    ]
