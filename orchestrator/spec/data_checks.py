"""What a sweep file says of its data, held against the data file: it is there, and the named columns are in its first line.

Only names are read, by ``data_headers``. URLs and compressed files are left to the loader.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from orchestrator.spec.data_headers import HeaderError, column_names, distinct_values, headless
from orchestrator.spec.model import SweepSpec, resolve_path
from orchestrator.spec.problems import Finding
from orchestrator.spec.sections import DataSection
from orchestrator.wording import first_of, hint, listed, nearest
from trainers.preprocessing import spelling
from trainers.settings import Column, Task

SKLEARN_TASKS: dict[str, Task] = {
    "breast_cancer": "binary",
    "digits": "multiclass",
    "wine": "multiclass",
    "iris": "multiclass",
    "diabetes": "regression",
    "california_housing": "regression",
}
"""scikit-learn's data sets that a sweep file may name, and the task of each."""

_CLASSES = {"breast_cancer": 2, "digits": 10, "wine": 3, "iris": 3}
_BELONGS = {
    "path": ("csv", "parquet", "npz"),
    "name": ("sklearn",),
    "callable": ("callable",),
    "header": ("csv",),
    "target": ("csv", "parquet", "npz"),
    "columns": ("csv", "parquet", "sklearn", "callable"),
}
_NEEDED = {
    "path": "the file to read",
    "name": f"a data set: {listed(SKLEARN_TASKS)}",
    "callable": "'module:function' that returns X, y",
    "target": "the column to predict",
}
_ROLES = ("target", "groups", "order", "weights", "id")
_SUFFIXES = {".csv": "csv", ".parquet": "parquet", ".npz": "npz"}
_COMPRESSED = {".gz", ".bz2", ".xz", ".zip", ".zst", ".tar"}


def data_findings(spec: SweepSpec) -> Iterator[Finding]:
    """Yield what is wrong with the data section, and with the file that it names."""
    yield from _keys(spec)
    yield from _task(spec)
    yield from _roles(spec)
    if spec.data.source in _BELONGS["path"] and spec.data.path is not None:
        yield from _file(spec, spec.data.path)


def _keys(spec: SweepSpec) -> Iterator[Finding]:
    data, source = spec.data, spec.data.source
    for key, sources in _BELONGS.items():
        value = getattr(data, key)
        given = value not in (None, True, {})
        if given and source not in sources:
            message = f"only source: {listed(sources)} takes {key}, got it with source: {source}; leave it out or change source."
            yield Finding(f"data.{key}", message, ("data.source",))
        elif value is None and source in sources and (key, source) != ("target", "npz"):
            yield Finding(f"data.{key}", f"this key is missing; source: {source} needs {_NEEDED[key]}.", ("data.source",))


def _task(spec: SweepSpec) -> Iterator[Finding]:
    data = spec.data
    if data.source == "sklearn" and data.name is not None:
        task = SKLEARN_TASKS.get(data.name)
        if task is None:
            message = f"expected {listed(SKLEARN_TASKS)}, got {data.name!r}{hint(data.name, SKLEARN_TASKS)}"
            yield Finding("data.name", message, ("data.source",))
        elif spec.task not in (task, "regression"):
            yield Finding("task", f"{data.name} is a {task} task, got {spec.task}; leave task out.", ("data.name", "data.source"))
    if data.source == "sklearn" and data.name in _CLASSES and spec.task != "regression":
        yield from _labels(spec, [str(label) for label in range(_CLASSES[data.name])], ("data.name", "data.source"))
    if data.scale_target is not None and spec.task != "regression":
        message = f"only a regression target is scaled, got task: {spec.task}; leave scale_target out."
        yield Finding("data.scale_target", message, ("task",))


def _roles(spec: SweepSpec) -> Iterator[Finding]:
    data = spec.data
    if data.target is None:
        return
    for role in _ROLES[1:]:
        if getattr(data, role) == data.target:
            yield Finding(f"data.{role}", f"{data.target!r} is the target already; name another column.", ("data.target",))
    if data.target in data.drop:
        yield Finding("data.drop", f"{data.target!r} is the target; take it out of the list.", ("data.target",))
    for name in data.columns:
        other = next((role for role in (*_ROLES, "drop") if name in _texts(getattr(data, role))), None)
        if other is not None:
            yield Finding(f"data.columns.{name}", f"only features are read by it, and data.{other} names {name!r}; leave it out.")


def _texts(columns: Column | tuple[Column, ...] | None) -> list[str]:
    return [str(column) for column in (columns if isinstance(columns, tuple) else (columns,)) if column is not None]


def _file(spec: SweepSpec, path: str) -> Iterator[Finding]:
    data, needs = spec.data, ("data.path", "data.header", "data.source")
    file = Path(resolve_path(path, spec.folder))
    if "://" in path or file.suffix.lower() in _COMPRESSED:
        return
    if not file.is_file():
        if not data.ship and Path(path).is_absolute() and not file.exists():
            return  # it may lie where only the cluster sees it
        yield Finding("data.path", _missing_file(file, path), ("data.source",))
        return
    format_ = _SUFFIXES.get(file.suffix.lower(), data.source)
    if format_ != data.source:
        message = f"{path!r} looks like a {format_} file, got source: {data.source}; change one of them."
        yield Finding("data.source", message, ("data.path",))
        return
    written = "header" in data.model_fields_set
    if data.source == "csv" and not written and (doubt := headless(file, data.missing)):
        yield Finding("data.header", doubt, ("data.path", "data.source"))
        return
    try:
        names = column_names(file, data.source, header=data.header)
    except HeaderError as error:
        yield Finding("data.path", str(error), needs)
        return
    wanted: dict[str, Column | None] = {f"data.{role}": getattr(data, role) for role in _ROLES}
    if data.source == "npz" and data.target is None:
        wanted["data.target"] = "y"
    wanted |= {f"data.drop.{index}": column for index, column in enumerate(data.drop)}
    wanted |= {f"data.columns.{name}": name for name in data.columns}
    wanted |= _named_by_recipe(spec)
    for where, column in wanted.items():
        if column is not None and not _has(names, column):
            yield Finding(where, _no_column(names, column, data), needs)
    if data.source == "csv" and data.target is not None and _has(names, data.target):
        position = data.target % len(names) if isinstance(data.target, int) else names.index(data.target)
        yield from _labels(spec, distinct_values(file, position, header=data.header), (*needs, "data.target"))


def _named_by_recipe(spec: SweepSpec) -> dict[str, Column | None]:
    """Return the columns that the recipe's params name, by path."""
    params = spec.trainer.params
    named: dict[str, Any] = {}
    if spec.trainer.type == "text_cnn":
        named["trainer.params.text"] = params.get("text")
    if spec.trainer.type == "wide_deep":
        for part in ("wide", "deep"):
            named |= {f"trainer.params.{part}.{index}": name for index, name in enumerate(_list(params.get(part)))}
        for index, cross in enumerate(_list(params.get("crosses"))):
            named |= {f"trainer.params.crosses.{index}.{place}": name for place, name in enumerate(_list(cross))}
    return {path: name for path, name in named.items() if isinstance(name, str)}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _labels(spec: SweepSpec, labels: Collection[str] | None, needs: tuple[str, ...]) -> Iterator[Finding]:
    """Hold the labels of class weights against those of the data; ``1`` and ``1.0`` are one label."""
    weights = spec.fit.class_weight
    if not isinstance(weights, dict) or labels is None:
        return
    known = {spelling(label): label for label in sorted(labels) if label not in ("", *spec.data.missing)}
    for label in weights:
        if spelling(label) not in known:
            message = f"no class {label!r} in the data; expected {first_of(known.values())}{hint(label, known.values())}"
            yield Finding("fit.class_weight", message, needs)


def _missing_file(file: Path, path: str) -> str:
    what = "this is a folder" if file.is_dir() else "no such file"
    neighbours = [other.name for other in file.parent.iterdir()] if file.parent.is_dir() else []
    near = None if file.is_dir() else nearest(file.name, neighbours)
    where = "" if Path(path).is_absolute() else f" in {file.parent}, the sweep file's folder or below"
    return f"{what}: {path!r}{where}{f'; did you mean {near!r}?' if near else '.'}"


def _has(names: tuple[str, ...], column: Column) -> bool:
    return -len(names) <= column < len(names) if isinstance(column, int) else column in names


def _no_column(names: tuple[str, ...], column: Column, data: DataSection) -> str:
    what = "array" if data.source == "npz" else "column"
    if data.source == "csv" and not data.header and isinstance(column, str):
        return f"expected an index from 0 to {len(names) - 1}, since header: false, got {column!r}."
    if isinstance(column, int):
        least = 0 if column >= 0 else -len(names)
        quoted = f"; for the {what} of that name put it in quotes." if str(column) in names else "."
        return f"expected an index from {least} to {len(names) - 1} or the name of a {what}, got {column!r}{quoted}"
    if near := nearest(column, names):
        return f"no {what} {column!r} in the file; did you mean {near!r}?"
    return f"no {what} {column!r} in the file; expected one of {first_of(names)}."
