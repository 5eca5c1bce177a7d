"""What ``run_sweep`` was given, turned into a sweep as a file would describe it: nothing below this door knows of memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.errors import NotFoundError, SpecError, UserCheckError
from orchestrator.python_door.files import Files
from orchestrator.python_door.functions import name_functions
from orchestrator.python_door.tables import write_rows
from orchestrator.running import GIVEN
from orchestrator.spec import SweepSpec, is_function, resolve_path, spec_from_mapping
from trainers.errors import TrainerError
from trainers.usercode import module_file

_TAKEN_OVER = ("source", "path", "name", "callable", "header", "ship")
"""What rows in memory take the place of in ``data``; the rest of it says what their columns mean."""


def make_spec(
    mapping: Mapping[str, Any], folder: Path, source: str, files: Files, *, data: Any = None, builder: Any = None
) -> SweepSpec:
    """Return the checked sweep.

    Parameters
    ----------
    mapping : as a sweep file has it; functions may stand where it names one.
    folder : where relative paths and named functions are looked for.
    source : what messages call the mapping.
    files : receives rows and functions.
    data, builder : as ``run_sweep`` takes them.

    Raises
    ------
    SpecError : with every mistake in the mapping.
    UserCheckError : ``data`` or a function is not as it should be.
    """
    made = _plain(mapping)
    try:
        if builder is not None:
            made["trainer"] = _trainer(made.get("trainer", {}), builder, source)
        if data is not None:
            section = made.get("data") or {}
            written = write_rows(data, section.get("target"), files)
            made["data"] = {**{key: value for key, value in section.items() if key not in _TAKEN_OVER}, **written.section}
            made["task"] = made.get("task") or written.task
        place, made = _with_names(made, folder, files)
    except TrainerError as error:
        raise UserCheckError(f"{source}: {error}") from error
    return spec_from_mapping(made, place, source)


def check_given(spec: SweepSpec, title: str) -> None:
    """Raise NotFoundError where what a sweep was given from Python is no longer there, so that it cannot be resumed."""
    lost = [] if spec.folder.name != GIVEN else [_module_in(spec.folder, name) for name in _names(spec.model_dump()).values()]
    path = spec.data_settings().path
    if path is not None and Path(path).parent.name == GIVEN:
        lost.append(Path(path))
    gone = next((file for file in lost if not file.is_file()), None)
    if gone is not None:
        raise NotFoundError(
            f"Sweep {title} was given its data or functions from Python, and {gone} is gone. Call kerasweep.run_sweep again with "
            "the same ones: what is finished is not repeated."
        )


def _module_in(folder: Path, reference: str) -> Path:
    module = reference.partition(":")[0]
    return module_file(module, folder) or folder / f"{module}.py"


def _trainer(section: Any, builder: Any, source: str) -> dict[str, Any]:
    if not isinstance(section, dict):
        return {"builder": builder}
    if section.get("type", "builder") != "builder":
        message = f"a builder is given, got type {section['type']!r} too; leave one of them out."
        raise SpecError(source, [("trainer.type", message)])
    return {**section, "type": "builder", "builder": builder}


def _with_names(made: dict[str, Any], folder: Path, files: Files) -> tuple[Path, dict[str, Any]]:
    """Return the mapping with a name in the place of every function, and the folder where these are found."""
    found = _places(made)
    functions = {key: value for key, (value, _) in found.items() if callable(value)}
    if not functions:
        return folder, made
    references = _names(made)
    place, named = name_functions(functions, references, folder, files)
    for key, reference in named.items():
        found[key][1](reference)
    data = made.get("data")
    if place != folder and isinstance(data, dict) and isinstance(path := data.get("path"), str):
        data["path"] = resolve_path(path, folder)
    return place, made


def _names(made: Mapping[str, Any]) -> dict[str, str]:
    """Return the functions that the mapping names, by key."""
    return {key: value for key, (value, _) in _places(made).items() if isinstance(value, str) and is_function(value)}


def _places(made: Mapping[str, Any]) -> dict[str, tuple[Any, Callable[[str], None]]]:
    """Return what stands where a function may be named, by key, each with what puts a name there."""
    places: dict[str, tuple[Any, Callable[[str], None]]] = {}

    def look(holder: Any, key: Any, path: str) -> None:
        places[path] = (holder[key], lambda name: holder.__setitem__(key, name))

    sections = ((made, "", "preprocessing"), (made.get("trainer"), "trainer.", "builder"))
    for holder, prefix, key in (
        *sections,
        (made.get("objective"), "objective.", "metric"),
        (made.get("data"), "data.", "callable"),
        (made.get("data"), "data.", "source"),
    ):
        if isinstance(holder, dict) and key in holder:
            look(holder, key, f"{prefix}{key}")
    metrics = made.get("metrics")
    for index in range(len(metrics) if isinstance(metrics, list | tuple) else 0):
        look(metrics, index, f"metrics.{index}")
    return places


def _plain(value: Any) -> Any:
    """Return a deep copy of mappings and lists, NumPy's numbers and arrays as Python's."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") and not callable(value) else value
