"""A first line of data is told from one of names, with no false alarm."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from trainers.data.headers import header_doubt
from trainers.data.loading import load
from trainers.errors import DataError
from trainers.settings import DataSettings


def doubt(text: str, *missing: str) -> str | None:
    first, *others = csv.reader(text.splitlines(), skipinitialspace=True)
    return header_doubt(first, others, "rows.csv", missing)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("M,0.455,0.365\nF,0.53,0.42\nM,0.44,0.365\n", "'0.455' is a number"),
        ("a,b,2020\nx,y,3\nz,w,4\n", "'2020' is a number"),
        ("-1.5e-3,2\n1,2\n", "'-1.5e-3' is a number"),
        ("p,x,s,x\ne,y,n,n\ne,y,s,x\n", "'x' is there twice"),
        ("neg,a long one\npos,another\nneg,a third\n", "'neg' is of the same kind as the values below it"),
        ("2024-01-01,Oslo\n2024-01-02,Rome\n2024-01-03,Bern\n", "'2024-01-01' is of the same kind"),
        ("True,Oslo\nFalse,Rome\nTrue,Bern\n", "'True' is of the same kind"),
    ],
)
def test_data_in_the_first_line_are_told(text: str, reason: str) -> None:
    told = doubt(text)
    assert told is not None
    assert told.startswith("expected names in the first line of rows.csv, got what looks like data: ")
    assert reason in told
    assert "Say header: false and name columns by index (target: -1 is the last), or header: true" in told


@pytest.mark.parametrize(
    "text",
    [
        "age,city\n31,Oslo\n28,Rome\n",
        "label,text\nneg,a long one\npos,another\nneg,a third\n",
        "a,a\n1,2\n3,4\n",  # names all the same: they are asked to differ
        "when,where\n2024-01-01,Oslo\n2024-01-02,Rome\n",
        "flag,note\nTrue,x\nFalse,y\n",
        "x1,x2,2nd\n1,2,a\n3,4,b\n",
        "other,n\nother,1\nsame,2\n",
        ",n\n0,1\n1,2\n",
        "a,b\n",
        "a,b\n?,\n",
    ],
)
def test_names_are_believed(text: str) -> None:
    assert doubt(text) is None


def test_a_missing_value_among_numbers_hides_nothing() -> None:
    assert doubt("age,city\n31,Oslo\n?,Oslo\n,Rome\nunknown,Bern\n", "unknown") is None


def test_a_wide_first_line_is_cut_short_in_the_message() -> None:
    assert "'0', '1', '2', '3', '4' and 7 more;" in str(doubt(",".join(map(str, range(12)))))


def test_a_long_value_is_cut_in_the_message() -> None:
    told = str(doubt(f"neg,{'so long ' * 99}\npos,another\nneg,a third\n"))
    assert "'neg', 'so long so long so long so long so l...; 'neg' is of the same kind" in told


def test_the_loader_looks_too_where_the_file_says_nothing_of_a_header(tmp_path: Path) -> None:
    """A compressed file, as one behind a URL, is not looked into when the sweep file is checked."""
    import gzip

    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"1,0.5,yes\n2,0.7,no\n3,0.1,yes\n4,0.3,no\n"))
    with pytest.raises(DataError, match=r"data\.header: expected names in .* of '.*rows\.csv\.gz', .*'1' is a number"):
        load(DataSettings(source="csv", path=str(path), header=None, target=-1), "binary", None)
    named = load(DataSettings(source="csv", path=str(path), header=True, target=-1), "multiclass", None)
    assert list(named.features.columns) == ["1", "0.5"]
    whole = load(DataSettings(source="csv", path=str(path), header=False, target=-1), "binary", None)
    assert (whole.rows, whole.layout) == (4, ("0", "1"))
