"""Model folders are written without Keras, described for MLflow, and known again bit by bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import NotFoundError
from orchestrator.tracking.model_folder import predict, requirements, verify_model_folder, write_model_folder
from orchestrator.tracking.model_schema import input_example, input_schema, output_schema

PLAN = {"kind": "table", "missing": [], "columns": [{"name": "age", "kind": "number"}, {"name": "city", "kind": "text"}]}
SAMPLE = {"columns": ["age", "city", "note"], "data": [[41, "Oslo", "a"], [None, "Rome", None]]}


def manifest(**parts: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "task": "binary",
        "classes": ["no", "yes"],
        "input": {"columns": ["age", "city", "note"], "shape": None},
        "output": {"width": 1, "link": "none", "scaler": None},
        "versions": {"backend": "tensorflow", "keras": "3.15.1"},
        **parts,
    }


@pytest.fixture
def refitted(tmp_path: Path) -> Path:
    """What a refit leaves, with bytes in the place of a model: nothing here looks into it."""
    folder = tmp_path / "refit"
    (folder / "preprocessing").mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"weights")
    (folder / "preprocessing" / "preprocessor.json").write_text(json.dumps(PLAN))
    (folder / "sample.json").write_text(json.dumps(SAMPLE))
    (folder / "manifest.json").write_text(json.dumps(manifest()))
    return folder


def test_a_folder_has_two_flavours_and_a_signature_on_raw_columns(refitted: Path, tmp_path: Path) -> None:
    from mlflow.models import Model

    folder = write_model_folder(refitted, tmp_path / "model")
    model = Model.load(str(folder))
    assert set(model.flavors) == {"keras", "python_function"}
    assert (folder / model.flavors["keras"]["data"] / "model.keras").read_bytes() == b"weights"
    assert model.flavors["python_function"]["model_code_path"] == "kerasweep_model.py"
    assert model.signature.inputs.input_names() == ["age", "city", "note"]
    assert model.signature.outputs.input_names() == ["label", "probability_no", "probability_yes"]
    assert list(model.load_input_example(str(folder)).columns) == ["age", "city", "note"]


def test_writing_a_folder_loads_no_keras(refitted: Path, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from orchestrator.tracking import write_model_folder
write_model_folder(Path(sys.argv[1]), Path(sys.argv[2]))
print([name for name in ("keras", "tensorflow", "jax", "sklearn") if name in sys.modules])
"""
    command = [sys.executable, "-c", code, str(refitted), str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_the_folder_says_nothing_of_this_machine(refitted: Path, tmp_path: Path) -> None:
    folder = write_model_folder(refitted, tmp_path / "model")
    texts = [
        file.read_text() for file in folder.rglob("*") if file.suffix in {"", ".json", ".txt", ".yaml", ".py"} and file.is_file()
    ]
    assert not [text for text in texts if str(tmp_path) in text]


def test_a_folder_is_replaced_as_a_whole(refitted: Path, tmp_path: Path) -> None:
    folder = write_model_folder(refitted, tmp_path / "model")
    (folder / "stray.txt").write_text("left over")
    assert write_model_folder(refitted, tmp_path / "model") == folder
    assert not (folder / "stray.txt").exists()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model", "refit"]


def test_a_refit_without_manifest_is_not_whole(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"must hold a refitted model\. It has no manifest\.json"):
        write_model_folder(tmp_path, tmp_path / "model")


def test_a_whole_folder_is_verified_whatever_lies_beside(refitted: Path, tmp_path: Path) -> None:
    folder = write_model_folder(refitted, tmp_path / "model")
    (folder / "registered_model_meta").write_text("MLflow adds this when it fetches a registered version")
    verify_model_folder(folder)


@pytest.mark.parametrize("name", ["data/model.keras", "kerasweep_model.py", "data/serving_code.py", "MLmodel"])
def test_a_changed_file_is_found(refitted: Path, tmp_path: Path, name: str) -> None:
    folder = write_model_folder(refitted, tmp_path / "model")
    with (folder / name).open("ab") as stream:
        stream.write(b"\n")
    with pytest.raises(NotFoundError, match=rf"is damaged: {name} must have the sha256"):
        verify_model_folder(folder)


def test_a_missing_file_is_found_before_anything_is_loaded(refitted: Path, tmp_path: Path) -> None:
    folder = write_model_folder(refitted, tmp_path / "model")
    (folder / "data" / "manifest.json").unlink()
    with pytest.raises(NotFoundError, match=r"is damaged: data/manifest\.json"):
        predict(str(folder), tmp_path / "rows.csv")


def test_what_is_no_model_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"There is no model folder 'nowhere'"):
        predict("nowhere", tmp_path / "rows.csv")
    with pytest.raises(NotFoundError, match=r"must be a model folder of Kerasweep\. It has no checksums\.json"):
        predict(str(tmp_path), tmp_path / "rows.csv")


def test_a_missing_csv_file_is_named(refitted: Path, tmp_path: Path) -> None:
    folder = write_model_folder(refitted, tmp_path / "model")
    with pytest.raises(NotFoundError, match=r"rows\.csv must be a CSV file with the rows to predict"):
        predict(str(folder), tmp_path / "rows.csv")


def test_requirements_are_pinned_and_do_not_name_kerasweep() -> None:
    lines = requirements("jax")
    assert all("==" in line for line in lines)
    assert {line.split("==")[0] for line in lines} == {"mlflow", "keras", "scikit-learn", "skops", "numpy", "pandas", "jax"}


def test_columns_are_what_they_were_in_training() -> None:
    sample = {"columns": ["whole", "part", "flag", "word"], "data": [[1, 1.5, True, "a"], [2, None, False, None]]}
    kinds = {"whole": "number", "part": "number", "flag": "boolean", "word": "text"}
    plan = {"columns": [{"name": name, "kind": kind} for name, kind in kinds.items()]}
    columns = input_schema(manifest(input={"columns": list(kinds), "shape": None}), plan, sample).inputs
    assert [str(column.type) for column in columns] == ["DataType.long", "DataType.double", "DataType.boolean", "DataType.string"]
    assert all(column.required for column in columns)


def test_columns_that_no_transformer_takes_are_optional() -> None:
    columns = input_schema(manifest(), PLAN, SAMPLE).inputs
    assert [column.required for column in columns] == [True, True, False]


def test_an_array_is_described_as_a_tensor() -> None:
    about = manifest(input={"columns": None, "shape": [28, 28]})
    (tensor,) = input_schema(about, {"shape": [28, 28]}, {"columns": None, "dtype": "uint8", "data": []}).inputs
    assert (tensor.shape, str(tensor.type)) == ((-1, 28, 28), "uint8")
    assert input_example({"columns": None, "dtype": "uint8", "data": [[1]]}) == ([[1]], {"inputs": [[1]]}, {"type": "ndarray"})


def test_a_regression_gives_one_value() -> None:
    (value,) = output_schema(manifest(task="regression", classes=None)).inputs
    assert (value.name, str(value.type)) == ("value", "DataType.double")


def test_labels_keep_their_type() -> None:
    label, *probabilities = output_schema(manifest(classes=[0, 1])).inputs
    assert str(label.type) == "DataType.long"
    assert [column.name for column in probabilities] == ["probability_0", "probability_1"]
