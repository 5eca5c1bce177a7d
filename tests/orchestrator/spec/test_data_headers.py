"""Column names read without the rows are those that the loader knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator.spec.data_headers import HeaderError, column_names, distinct_values
from trainers.data.loading import load
from trainers.settings import DataSettings

TABLE = pd.DataFrame({"age": [1.0, 2.0, 3.0], "a b": [1, 2, 3], "y": ["no", "yes", "no"]})


def _loaded(settings: DataSettings) -> list[str]:
    features = load(settings, "binary", None).features
    assert isinstance(features, pd.DataFrame)
    return list(features.columns)


def test_csv_with_spaces_after_commas_and_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes("\n".join(['age, "a b", y', "1, 1, no", "2, 2, yes", "3, 3, no"]).encode("utf-8-sig"))
    names = column_names(file, "csv", header=True)
    assert names == ("age", "a b", "y")
    assert _loaded(DataSettings(source="csv", path=str(file), target="y")) == ["age", "a b"]
    assert distinct_values(file, 2, header=True) == {"no", "yes"}


def test_csv_without_a_header_is_numbered(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    TABLE.to_csv(file, index=False, header=False)
    assert column_names(file, "csv", header=False) == ("0", "1", "2")
    assert _loaded(DataSettings(source="csv", path=str(file), header=False, target="2")) == ["0", "1"]


@pytest.mark.parametrize("index", [None, "age"])
def test_parquet_without_its_index(tmp_path: Path, index: str | None) -> None:
    file = tmp_path / "t.parquet"
    (TABLE if index is None else TABLE.set_index(index)).to_parquet(file)
    expected = [name for name in TABLE.columns if name != index]
    assert list(column_names(file, "parquet", header=True)) == expected
    assert _loaded(DataSettings(source="parquet", path=str(file), target="y")) == expected[:-1]


def test_npz_names_are_its_arrays(tmp_path: Path) -> None:
    file = tmp_path / "t.npz"
    np.savez_compressed(file, X=np.zeros((2, 3)), y=np.zeros(2))
    assert column_names(file, "npz", header=True) == ("X", "y")


def test_the_rows_of_a_large_file_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n" + "1,2\n" * 1_100_000)
    assert column_names(file, "csv", header=True) == ("a", "b")
    assert distinct_values(file, 1, header=True) is None


def test_a_file_that_is_broken_further_down_has_columns_but_no_values(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"a,b\n" + b"1,2\n" * 300_000 + b"\xff,1\n")
    assert column_names(file, "csv", header=True) == ("a", "b")
    assert distinct_values(file, 1, header=True) is None


@pytest.mark.parametrize("source", ["parquet", "npz"])
def test_a_file_of_another_format_is_refused(tmp_path: Path, source: str) -> None:
    file = tmp_path / "t.bin"
    file.write_text("plain text")
    with pytest.raises(HeaderError, match=rf"^t\.bin cannot be read as {source}: .*\.$"):
        column_names(file, source, header=True)  # type: ignore[arg-type]  # a parameter of the test
