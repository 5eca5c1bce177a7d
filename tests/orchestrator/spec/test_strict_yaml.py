"""Strict YAML: what is read as what, and what is refused where."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec.strict_yaml import MAX_DEPTH, StrictYamlError, load_yaml


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-.5", -0.5),
        ("1.", 1.0),
        (".inf", math.inf),
        ("010", 10),
        ("+3", 3),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("off", "off"),
        ("None", "None"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12:30:00", "12:30:00"),
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T10:00:00Z", "2024-01-31T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
        ("'1e-4'", "1e-4"),
        ('"no"', "no"),
        ("[1, two, {three: 3.0}]", [1, "two", {"three": 3.0}]),
        ("|\n  one\n  two", "one\ntwo"),
    ],
)
def test_a_value_is_what_its_writer_meant(written: str, meant: Any) -> None:
    value = load_yaml(f"key: {written}")["key"]
    assert value == meant
    assert type(value) is type(meant)


def test_nan_is_a_number() -> None:
    assert math.isnan(load_yaml("[.nan]")[0])


@pytest.mark.parametrize("text", ["", "---\n", "# a comment\n", "\n\n"])
def test_an_empty_document_is_none(text: str) -> None:
    assert load_yaml(text) is None


def test_whole_numbers_may_be_keys() -> None:
    assert load_yaml("{0: 1.0, 1: 2.5}") == {0: 1.0, 1: 2.5}


def test_a_quoted_merge_key_is_plain_text() -> None:
    assert load_yaml("'<<': 1") == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"line 3, column 1: duplicate key 'a'; it already stands in line 1\."),
        ("x: {k: 1, k: 1}", r"line 1, column 11: duplicate key 'k'"),
        ("{1: a, '1': b}", r"line 1, column 8: duplicate key '1'"),
        ("a: &x 1\nb: *x", r"line 1, column 4: anchor '&x' is not allowed; write the value out"),
        ("a: 1\nb: *x", r"line 2, column 4: alias '\*x' is not allowed; write the value out"),
        ("a: [&x [1]]", r"line 1, column 5: anchor '&x' is not allowed"),
        ("a: !!int 3", r"line 1, column 4: tag '!!int' is not allowed"),
        ("a: ! 3", r"line 1, column 4: tag '!' is not allowed"),
        ("a: !!python/object/apply:os.system [ls]", r"line 1, column 4: tag '!!python/object/apply:os.system' is not allowed"),
        ("a: {<<: {b: 1}}", r"line 1, column 5: merge key '<<' is not allowed; write the keys out"),
        ("a: 1\n---\nb: 2", r"line 2, column 1: a second document begins here; keep one document in a file"),
        ("\ta: 1", r"line 1, column 1: a tab is used for indentation; use spaces"),
        ("a:\n\tb: 1", r"line 2, column 1: a tab is used for indentation; use spaces"),
        ("a:\n  b: 1\n \t c: 2", r"line 3, column \d+: a tab is used for indentation"),
        ("a: b: c", r"line 1, column 5: a ':' is not expected here; indent the line under its key, or quote the text"),
        ("a: 1\n b: 2", r"line 2, column 3: a ':' is not expected here"),
        ("a: 1\nb\nc: 2", r"line 3, column 1: expected 'key: value'; a ':' is missing"),
        ("a: [1, 2", r"line 1, column 9: expected ',' or '\]', .*while parsing a flow sequence that began in line 1"),
        ("a: 'x", r"line 1, column 6: found unexpected end of stream while scanning a quoted scalar"),
        ("a: @x", r"line 1, column 4: found character '@' that cannot start any token; put the text in quotes"),
        ("? [1, 2]\n: 3", r"line 1, column 3: a key must be text or a whole number, got a list or mapping; put it in quotes"),
        ("true: 1", r"line 1, column 1: a key must be text or a whole number, got True; put it in quotes"),
        ("1.5: 1", r"line 1, column 1: a key must be .* got 1.5"),
        ("~: 1", r"line 1, column 1: a key must be .* got None"),
        ("a: x\x07", r"line 1, column 5: character '\\x07' is not allowed in YAML; remove it"),
        ("a: 1\nb: \x00", r"line 2, column 4: character '\\x00' is not allowed"),
        ("a: " + "9" * 5000, r"line 1, column 4: the number 9{20}\.\.\. has too many digits"),
        ("a: 1e999", r"line 1, column 4: the number 1e999 is too large"),
        ("[" * (MAX_DEPTH + 1), rf"line 1, column {MAX_DEPTH + 1}: lists and mappings are nested more than {MAX_DEPTH} deep"),
        ("{a: " * 5000, "nested more than 20 deep"),
        ("? " * 5000, "nested more than 20 deep"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(StrictYamlError, match=f"^(?s:.*){message}"):
        load_yaml(text)


def test_the_deepest_document_allowed_is_read() -> None:
    value = load_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        (value,) = value
    assert value == []


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab1:e-.# ", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_json_is_read_as_json(value: Any) -> None:
    import json

    assert load_yaml(json.dumps(value)) == value


@given(st.text("ab:-[]{},&*!|>'\"%@`#? \n\t01e.<~", max_size=30))
def test_any_text_is_a_value_or_an_error_with_line_and_column(text: str) -> None:
    try:
        load_yaml(text)
    except StrictYamlError as error:
        message = str(error)
    else:
        return
    assert re.match(r"line \d+, column \d+: .", message)
