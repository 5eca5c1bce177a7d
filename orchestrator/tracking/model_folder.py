"""One MLflow model folder out of a refitted winner, with two flavours, and predictions from it.

``keras`` is the ``.keras`` file alone: tensors in, tensors out. ``python_function`` takes raw columns and runs from code that is
in the folder (``orchestrator.tracking.serving``), without Kerasweep and without pickle. Writing a folder imports no Keras.

::

    MLmodel                     the two flavours, the signature on raw columns
    kerasweep_model.py          the python_function flavour
    data/                       what the refit left (``trainers.model_files``),
                                and to use it: predictor.py, serving_code.py, own_code.py
    input_example.json  serving_input_example.json
    requirements.txt  python_env.yaml
    checksums.json              sha256 of every other file, written last
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import NotFoundError
from orchestrator.redaction import without_password
from orchestrator.wording import first_of

if TYPE_CHECKING:
    import pandas as pd

    from orchestrator.tracking.serving.predictor import Predictor

CHECKSUMS = "checksums.json"
DATA = "data"
CODE = "kerasweep_model.py"
EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
_PYTHON_ENV = """\
python: {python}
build_dependencies:
- pip
- setuptools
- wheel
dependencies:
- -r requirements.txt
"""
_NEEDED = ("mlflow", "keras", "scikit-learn", "skops", "numpy", "pandas")


def write_model_folder(refitted: Path, folder: Path) -> Path:
    """Make an MLflow model folder out of what a refit left, and return it, absolute.

    Parameters
    ----------
    refitted : folder written by ``trainers.refit`` (see ``trainers.model_files``).
    folder : replaced if it is there; it is whole or not there at any time but for an instant.

    Raises
    ------
    NotFoundError : ``refitted`` is not whole.
    """
    if not (refitted / "manifest.json").is_file():
        raise NotFoundError(
            f"{refitted} must hold a refitted model. It has no manifest.json; resume the sweep to refit its winner."
        )
    folder = folder.absolute()
    new = folder.with_name(f"{folder.name}.new-{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(refitted, new / DATA)
    shutil.copyfile(_source("trainers.data.serving_code"), new / DATA / "serving_code.py")
    shutil.copyfile(_source("trainers.data.own_code"), new / DATA / "own_code.py")
    shutil.copyfile(_source("orchestrator.tracking.serving.predictor"), new / DATA / "predictor.py")
    shutil.copyfile(_source("orchestrator.tracking.serving.kerasweep_model"), new / CODE)
    _write_mlmodel(new)
    _write_checksums(new)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
    return folder


def verify_model_folder(folder: Path) -> None:
    """Raise NotFoundError unless every file is there, bit by bit as it was written. Files that came later are not looked at."""
    file = folder / CHECKSUMS
    if not file.is_file():
        raise NotFoundError(
            f"{folder} must be a model folder of Kerasweep. It has no {CHECKSUMS}; give the folder that the sweep named."
        )
    expected: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))["files"]
    wrong = [name for name, digest in expected.items() if not (folder / name).is_file() or _sha256(folder / name) != digest]
    if wrong:
        raise NotFoundError(
            f"The model in {folder} is damaged: {first_of(wrong, 5)} must have the sha256 that {CHECKSUMS} names, but is "
            "changed or missing. Copy the folder anew, or resume the sweep to write it again."
        )


def identity_of(folder: Path) -> str:
    """Return what the model in a folder is, as a sha256: ``manifest.json`` says it, else the bytes of the files below data/ do.

    A ``.keras`` file holds the time of its writing, so the bytes of one model differ from one refit to the next.
    """
    file = folder / DATA / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if "identity" in manifest:
        return str(manifest["identity"])
    files = json.loads((folder / CHECKSUMS).read_text(encoding="utf-8"))["files"]
    data = sorted((name, digest) for name, digest in files.items() if name.startswith(f"{DATA}/"))
    return hashlib.sha256(json.dumps(data).encode()).hexdigest()


def predict(model: str, rows: Path, *, tracking_uri: str | None = None) -> pd.DataFrame:
    """Return the predictions of a model for the rows of a CSV file, one line a row.

    Parameters
    ----------
    model : a model folder, or a URI that MLflow knows: ``models:/name/1``, ``models:/name@alias``, ``runs:/...``.
    rows : the CSV file; its columns are named as in training, others do not count.
    tracking_uri : where MLflow looks a URI up.

    Returns
    -------
    DataFrame
        As ``serving.predictor.Predictor.predict`` says: ``label`` and ``probability_<class>``, or ``value``.

    Raises
    ------
    NotFoundError : no such model or file, a damaged model, or rows that do not fit it.
    """
    folder = fetch_model(model, tracking_uri)
    verify_model_folder(folder)
    if not rows.is_file():
        raise NotFoundError(f"{rows} must be a CSV file with the rows to predict. There is none.")
    predictor = _load_predictor(folder)
    try:
        predictions: pd.DataFrame = predictor.predict(predictor.read_csv(rows))
    except ValueError as error:
        raise NotFoundError(f"{rows}: {error}") from error
    return predictions


def open_predictor(folder: Path) -> Predictor:
    """Return what predicts from a model folder, its preprocessing included. Keras is loaded. Raises NotFoundError if damaged."""
    verify_model_folder(folder)
    return _load_predictor(folder)


def _load_predictor(folder: Path) -> Predictor:
    from orchestrator.tracking.serving.predictor import load_module

    _start_quietly()
    predictor: Predictor = load_module(folder / DATA / "predictor.py").Predictor(folder / DATA)
    return predictor


def open_keras_model(folder: Path) -> Any:
    """Return the Keras model of a model folder, compiled where it can be. Keras is loaded. Raises NotFoundError if damaged."""
    from orchestrator.tracking.serving.predictor import load_keras_model

    verify_model_folder(folder)
    _start_quietly()
    return load_keras_model(folder / DATA, compiled=True)


def _start_quietly() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # one sees the answer, not how TensorFlow starts


def fetch_model(model: str, tracking_uri: str | None = None) -> Path:
    """Return the folder of a model; one that only MLflow has is fetched into a temporary folder. Raises NotFoundError."""
    path = Path(model)
    if path.is_dir():
        return path
    if ":/" not in model:
        raise NotFoundError(f"There is no model folder {model!r}. Give a folder, or a URI such as 'models:/name/1'.")
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        return Path(download_artifacts(artifact_uri=_location(model, tracking_uri), tracking_uri=tracking_uri))
    except (MlflowException, OSError) as error:
        raise NotFoundError(without_password(f"MLflow has no model {model!r}: {error}")) from error


def _location(model: str, tracking_uri: str | None) -> str:
    """Return where a model's files are. MLflow itself would look ``models:/...`` up in the process' default store."""
    from mlflow import MlflowClient

    name = model.removeprefix("models:/").strip("/")
    if name == model:
        return model
    client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    if "@" in name:
        name, alias = name.split("@", maxsplit=1)
        version = str(client.get_model_version_by_alias(name, alias).version)
    elif "/" in name:
        name, version = name.rsplit("/", maxsplit=1)
    else:
        return str(client.get_logged_model(name).artifact_location)
    return str(client.get_model_version_download_uri(name, version))


def _source(module: str) -> Path:
    """Return the file of a module without running it."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise NotFoundError(f"The installation lacks {module}. Install kerasweep again.")
    return Path(spec.origin)


def _write_mlmodel(folder: Path) -> None:
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature

    from orchestrator.tracking.model_schema import input_example, input_schema, output_schema

    manifest = json.loads((folder / DATA / "manifest.json").read_text(encoding="utf-8"))
    plan = json.loads((folder / DATA / "preprocessing" / "preprocessor.json").read_text(encoding="utf-8"))
    sample = json.loads((folder / DATA / "sample.json").read_text(encoding="utf-8"))
    example, serving, about = input_example(sample)
    model = Model(
        signature=ModelSignature(inputs=input_schema(manifest, plan, sample), outputs=output_schema(manifest)),
        saved_input_example_info={
            **about,
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
        },
        metadata={"kerasweep_task": manifest["task"]},
    )
    backend = manifest["versions"]["backend"]
    model.add_flavor(
        "keras", data=DATA, keras_version=manifest["versions"]["keras"], keras_backend=backend, save_exported_model=False
    )
    pyfunc.add_to_model(
        model,
        loader_module="mlflow.pyfunc.loaders.code_model",
        python_env="python_env.yaml",
        model_code_path=CODE,
        artifacts={"model": {"path": DATA, "uri": DATA}},
        streamable=False,
    )
    (folder / EXAMPLE).write_text(json.dumps(example), encoding="utf-8")
    (folder / SERVING_EXAMPLE).write_text(json.dumps(serving, indent=2), encoding="utf-8")
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements(backend)), encoding="utf-8")
    (folder / "python_env.yaml").write_text(_PYTHON_ENV.format(python=platform.python_version()), encoding="utf-8")
    model.model_size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    model.save(str(folder / "MLmodel"))


def requirements(backend: str) -> list[str]:
    """Return what the folder needs, pinned to what is installed here; ``backend`` is the one that the model was trained on."""
    return [f"{name}=={version(name)}" for name in (*_NEEDED, backend)]


def _write_checksums(folder: Path) -> None:
    files = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    content = {"algorithm": "sha256", "files": {name: _sha256(folder / name) for name in files}}
    (folder / CHECKSUMS).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
