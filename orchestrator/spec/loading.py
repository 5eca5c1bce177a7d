"""From a sweep file to a checked ``SweepSpec``: reads it, fills in what depends on other keys, finds all its mistakes at once."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from orchestrator.errors import SpecError
from orchestrator.spec.checks import findings
from orchestrator.spec.data_checks import SKLEARN_TASKS
from orchestrator.spec.files import read_mapping
from orchestrator.spec.model import SweepSpec
from orchestrator.spec.problems import Problem, joined, model_problems, overlaps
from orchestrator.spec.values import is_function
from trainers import metrics
from trainers.settings import Task

__all__ = ["DOOR", "SweepSpec", "load_spec", "read_sweep", "spec_from_mapping", "spec_from_record"]

DOOR = "door"
"""Name in a record that says which function of Python's began a sweep that no file describes; others have none."""

_STAND_INS: dict[str, Any] = {
    "name": "sweep",
    "task": "binary",
    "data": {"source": "callable"},
    "data.source": "callable",
    "space": {},
    "objective.direction": "maximize",
    "schedule.cron": "0 0 * * *",
}
"""What takes the place of a required key that is missing or wrong, so that the rest of the file can be checked all the same."""
_APART = {"duplicates": "apart"}


def load_spec(path: str | Path, ledger: str | None = None) -> SweepSpec:
    """Return the sweep that a YAML or TOML file describes, kept in ``ledger`` instead of the file's if one is given.

    Raises
    ------
    SpecError
        With every mistake in the file. Nothing has been started or written.
    """
    file = Path(path)
    return spec_from_mapping(read_sweep(file, ledger), file.absolute().parent, str(path))


def read_sweep(file: Path, ledger: str | None = None) -> dict[str, Any]:
    """Return what a sweep file says, unchecked, with ``ledger`` in the place of its own if one is given."""
    mapping = read_mapping(file)
    return mapping if ledger is None else {**mapping, "ledger": ledger}


def spec_from_mapping(mapping: Mapping[str, Any], folder: str | Path, source: str = "sweep") -> SweepSpec:
    """Return the sweep that a plain mapping describes.

    Parameters
    ----------
    mapping : as a sweep file has it.
    folder : where relative data paths and the user's modules are looked for.
    source : what messages call the mapping, such as the file's name.

    Raises
    ------
    SpecError
        With every mistake in it.
    """
    given = _filled_in(_with_text_keys(mapping))
    context = {"folder": str(folder), "source": source}
    problems: list[Problem] = []
    wrong: list[str] = []
    try:
        spec: SweepSpec | None = SweepSpec.model_validate(given, context=context)
    except ValidationError as error:
        problems = model_problems(error, SweepSpec)
        wrong = [path for path, _ in problems]
        spec = _what_is_left(given, error, context)
    if spec is not None:
        problems += [
            (finding.path, finding.message)
            for finding in findings(spec)
            if not any(overlaps(path, wrong) for path in (finding.path, *finding.needs))
        ]
    if spec is None or problems:
        raise SpecError(source, _in_order(problems))
    return spec


def spec_from_record(record: Mapping[str, Any]) -> SweepSpec:
    """Return the spec that ``SweepSpec.record`` gave; files are not looked at again.

    A record without ``cv.duplicates`` is of a version that cut equal rows apart, and goes on so.

    Raises
    ------
    SpecError
        The record was written by a version that knew other keys, or its sweep was begun in Python and has no file.
    """
    if (door := record.get(DOOR)) is not None:
        what = f"this sweep was begun in Python, by {door}, and the ledger holds neither its data nor its estimator"
        raise SpecError(str(record["sweep"]["name"]), [("", f"{what}. Call fit again: what is finished is not trained again.")])
    context = {"folder": record["folder"], "source": record["source"]}
    try:
        return SweepSpec.model_validate({**record["sweep"], "cv": _APART | record["sweep"].get("cv", {})}, context=context)
    except ValidationError as error:
        raise SpecError(record["source"], model_problems(error, SweepSpec)) from None


def _with_text_keys(value: Any) -> Any:
    """Return a deep copy whose keys are text: a class label 0 in ``class_weight`` is a key too."""
    if isinstance(value, Mapping):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list | tuple) else copy.copy(value)


def _filled_in(given: dict[str, Any]) -> dict[str, Any]:
    """Return ``given`` with short forms written out and the defaults that depend on other keys. Wrong values stay as they are."""
    data = given.get("data")
    if isinstance(data, dict) and isinstance(source := data.get("source"), str) and is_function(source):
        given["data"] = data = {**data, "source": "callable", "callable": data.get("callable", source)}
    if given.get("task") is None and isinstance(data, dict) and data.get("source") == "sklearn":
        task = SKLEARN_TASKS.get(str(data.get("name")))
        given |= {"task": task} if task else {}
    fit = given.get("fit")
    if isinstance(fit, dict) and fit.get("early_stopping") is False:  # TOML has no null
        given["fit"] = {**fit, "early_stopping": None}
    objective = given.get("objective", {})
    if isinstance(objective, dict):
        given["objective"] = _objective(objective, given.get("task"))
    tracking = given.get("tracking", {})
    if isinstance(tracking, dict) and tracking.get("experiment") is None:
        name = given.get("name")
        given["tracking"] = {**tracking, "experiment": name if isinstance(name, str) and name else "sweep"}
    return given


def _objective(written: dict[str, Any], task: object) -> dict[str, Any]:
    objective = {key: value for key, value in written.items() if value is not None}
    known_task: Task = task if task in get_args(Task) else "binary"  # type: ignore[assignment]
    metric = objective.setdefault("metric", metrics.default_metric(known_task))
    if isinstance(metric, str) and not is_function(metric):
        objective.setdefault("direction", metrics.direction(metric) if metric in metrics.METRICS else "maximize")
    return objective


def _what_is_left(given: dict[str, Any], wrong: ValidationError, context: Mapping[str, str]) -> SweepSpec | None:
    """Return the spec without its wrong values, or None when too little is left of it."""
    rest = copy.deepcopy(given)
    for detail in wrong.errors():
        _take_out(rest, [str(key) for key in detail["loc"]])
    try:
        return SweepSpec.model_validate(_filled_in(rest), context=context)
    except ValidationError:
        return None


def _take_out(section: dict[str, Any], location: list[str]) -> None:
    """Take a value out, or put its stand-in there; an element of a list takes the whole list with it."""
    *outer, last = location
    for key in outer:
        if not isinstance(section.get(key), dict):
            section.pop(key, None)
            return
        section = section[key]
    section.pop(last, None)
    if (path := joined(location)) in _STAND_INS:
        section[last] = copy.deepcopy(_STAND_INS[path])


def _in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems without repetition, in the order of the sections, each as a sentence."""
    sections = list(SweepSpec.model_fields)
    sentences = dict.fromkeys((path, message if message[-1] in ".?!" else f"{message}.") for path, message in problems)
    place = {name: index for index, name in enumerate(sections)}
    return sorted(sentences, key=lambda problem: place.get(problem[0].partition(".")[0], len(sections)))
