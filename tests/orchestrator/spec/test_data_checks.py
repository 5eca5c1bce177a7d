"""What a sweep file says of its columns, held against the file: headers, places from the end, kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from broken_specs import sound

from orchestrator.errors import SpecError
from orchestrator.spec.loading import SweepSpec, spec_from_mapping, spec_from_record

HEADLESS = "M,0.455,0.365,15\nF,0.53,0.42,9\nM,0.44,0.365,10\n"
NAMED = f"sex,length,width,rings\n{HEADLESS}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "headless.csv").write_text(HEADLESS)
    (tmp_path / "named.csv").write_text(NAMED)
    return tmp_path


def spec_of(folder: Path, path: str, **data: Any) -> SweepSpec:
    section = {"source": "csv", "path": path, "target": -1, **data}
    return spec_from_mapping(sound() | {"task": "regression", "data": section}, folder)


def problems(folder: Path, path: str, **data: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        spec_of(folder, path, **data)
    return dict(caught.value.problems)


def test_a_first_line_of_data_is_one_mistake_that_says_what_to_write(folder: Path) -> None:
    found = problems(folder, "headless.csv", target="rings", drop=["sex"])
    assert found.keys() == {"data.header"}
    assert found["data.header"] == (
        "expected names in the first line of headless.csv, got what looks like data: 'M', '0.455', '0.365', '15'; '0.455' is a "
        "number. Say header: false and name columns by index (target: -1 is the last), or header: true if these are the names."
    )


def test_what_the_file_says_of_its_header_is_believed(folder: Path) -> None:
    assert spec_of(folder, "headless.csv", header=False).data_settings().header is False
    assert spec_of(folder, "headless.csv", header=True).data_settings().header is True
    assert spec_of(folder, "named.csv").data_settings().header is None, "the loader looks again"


def test_a_stored_spec_is_not_doubted_again(folder: Path) -> None:
    again = spec_from_record(spec_of(folder, "headless.csv", header=True).record())
    assert again.data_settings().header is True


def test_whether_the_header_was_written_down_is_not_in_the_identity(folder: Path) -> None:
    assert spec_of(folder, "named.csv").identity() == spec_of(folder, "named.csv", header=True).identity()


def test_a_name_that_is_there_twice_says_header_false_too(folder: Path) -> None:
    (folder / "twice.csv").write_text("a,a,b\n1,2,3\n")
    assert "say data.header: false if the first line is data" in problems(folder, "twice.csv")["data.path"]
    (folder / "texts.csv").write_text("x,x,y\na,b,c\nd,e,f\n")
    assert "'x' is there twice. Say header: false" in problems(folder, "texts.csv")["data.header"]


@pytest.mark.parametrize(("path", "header"), [("headless.csv", False), ("named.csv", True)])
def test_a_column_may_be_counted_from_the_end(folder: Path, path: str, header: bool) -> None:
    spec_of(folder, path, header=header, target=-4)
    found = problems(folder, path, header=header, target=-5, drop=[-1, -9])
    assert "expected an index from -4 to 3" in found["data.target"]
    assert "expected an index from -4 to 3" in found["data.drop.1"]


def test_class_weights_are_held_against_a_target_from_the_end(folder: Path) -> None:
    (folder / "labels.csv").write_text("x,label\n1,no\n2,yes\n")
    mapping = sound() | {"data": {"source": "csv", "path": "labels.csv", "target": -1}, "fit": {"class_weight": {"yse": 2}}}
    with pytest.raises(SpecError, match=r"fit\.class_weight: no class 'yse' in the data; expected no, yes; did you mean 'yes'"):
        spec_from_mapping(mapping, folder)


def test_columns_are_told_by_name(folder: Path) -> None:
    spec = spec_of(folder, "named.csv", columns={"length": "categorical"})
    assert spec.data_settings().columns == {"length": "categorical"}
    found = problems(
        folder, "named.csv", target="rings", drop=["sex"], columns={"lenght": "text", "rings": "text", "sex": "text"}
    )
    assert found.keys() == {"data.columns.lenght", "data.columns.rings", "data.columns.sex"}
    assert "did you mean 'length'?" in found["data.columns.lenght"]
    assert found["data.columns.rings"] == "only features are read by it, and data.target names 'rings'; leave it out."
    assert "data.drop names 'sex'" in found["data.columns.sex"]
    assert (
        "expected categorical, text or number, got 'word'"
        in problems(folder, "named.csv", columns={"sex": "word"})["data.columns.sex"]
    )


def test_columns_of_a_headless_file_are_told_by_index(folder: Path) -> None:
    spec = spec_of(folder, "headless.csv", header=False, columns={0: "categorical"})
    assert spec.data_settings().columns == {"0": "categorical"}


def test_an_array_has_no_columns(folder: Path) -> None:
    mapping = sound() | {"data": {"source": "npz", "path": "x.npz", "columns": {"a": "text"}}}
    with pytest.raises(SpecError, match=r"data\.columns: only source: csv, parquet, sklearn or callable takes columns"):
        spec_from_mapping(mapping, folder)


def test_new_keys_enter_the_identity_only_where_they_are_given(folder: Path) -> None:
    plain = spec_of(folder, "named.csv").identity()
    assert {"columns", "drop_missing_target"}.isdisjoint(plain["data"]), "sweeps that began without them can go on"
    assert spec_of(folder, "named.csv", columns={}, drop_missing_target=False).identity() == plain
    assert spec_of(folder, "named.csv", columns={"length": "text"}).identity() != plain
    assert spec_of(folder, "named.csv", drop_missing_target=True).identity() != plain


def test_a_long_list_of_columns_says_how_many_more(folder: Path) -> None:
    (folder / "wide.csv").write_text(",".join(f"c{place}" for place in range(19)) + "\n" + ",".join("1" * 19) + "\n")
    assert problems(folder, "wide.csv", target="zzz")["data.target"].endswith("c11 and 7 more.")
