"""What a search through the scikit-learn door stages for its workers: once a search, never once a cohort. It knows no Keras.

Rows are written so that processes on one machine share them; estimator, scorers and values that JSON cannot hold are pickled,
each to a file of its own, so that a builder which reads a whole array carries it once.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from trainers.errors import DataError, UserCodeError
from trainers.estimators.instances import dump, is_users, load

Rows = NDArray[np.int64]
Values = Mapping[str, Mapping[str, Any]]

_DATA, _ESTIMATOR, _SCORERS, _VALUES, _REST = "data.joblib", "estimator.pkl", "scorers.pkl", "values.pkl", "rest.pkl"
_MAPPED = ("X", "y", "splits")
_PLAIN_MODULES = frozenset({"builtins", "numpy", "pandas", "scipy", "trainers"})
_ADDED: list[str] = []  # folders of ``sys.path`` that are another process'


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """All that the workers of one search need to know beside its settings.

    Attributes
    ----------
    estimator : unfitted; a KerasClassifier or KerasRegressor, or a Pipeline that ends in one.
    X, y : as ``sklearn.utils.indexable`` gave them; ``y`` may be None.
    splits : (train, test) row numbers of every fold, in order: the position is the fold's number.
    values : by parameter name and label, the objects that stand behind a config's labels (:func:`params_of`).
    scorers : what scikit-learn hands to ``_score``: a callable, or a ``_MultimetricScorer``.
    fit_params, score_params : what ``fit`` and the scorers get besides; values as long as ``X`` are cut into a fold's rows.
    error_score : a number, or "raise".
    return_train_score : whether the rows trained on are scored too.
    output : the folder below which callbacks write to relative paths; None leaves their paths alone.
    module_paths : folders in which the worker's imports look last: those of this process' own.
    sklearn_config : how scikit-learn is set, which is by thread; as it was at ``fit``.
    """

    estimator: Any
    X: Any
    y: Any
    splits: Sequence[tuple[Rows, Rows]]
    scorers: Any
    values: Values = field(default_factory=dict)
    fit_params: Mapping[str, Any] = field(default_factory=dict)
    score_params: Mapping[str, Any] = field(default_factory=dict)
    error_score: float | str = np.nan
    return_train_score: bool = False
    output: str | None = None
    module_paths: Sequence[str] = field(default_factory=lambda: tuple(map(os.path.abspath, sys.path)))
    sklearn_config: Mapping[str, Any] = field(default_factory=sklearn.get_config)


def stage_work(work: Work, folder: str | Path) -> None:
    """Write ``work`` to ``folder``, which is made if it is missing.

    Raises
    ------
    UserCodeError
        A part of it cannot be written down: the message says which.
    """
    import joblib

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mapped: dict[str, Any] = {}
    rest: dict[str, Any] = {"fit_params": {}, "score_params": {}}
    for name in _MAPPED:
        _put(mapped, rest, name, getattr(work, name))
    for kind in ("fit_params", "score_params"):
        for name, value in getattr(work, kind).items():
            _put(mapped, rest[kind], name, value, f"{kind}/{name}")
    for name in ("error_score", "return_train_score", "output", "module_paths", "sklearn_config"):
        rest[name] = getattr(work, name)
    joblib.dump(mapped, folder / _DATA)
    parts = (
        (_ESTIMATOR, "the estimator", work.estimator),
        (_SCORERS, "scoring", work.scorers),
        (_VALUES, f"a candidate's value of {' or '.join(work.values)}", work.values),
        (_REST, "X, y, or what else fit was given,", rest),
    )
    for name, what, value in parts:
        (folder / name).write_bytes(_dumped(value, what))


def open_work(folder: str | Path) -> Work:
    """Return what was staged in ``folder``. Arrays are mapped and read-only.

    Raises
    ------
    DataError
        The folder holds no staged work.
    """
    import joblib

    folder = Path(folder)
    try:
        rest = _read(folder / _REST)
        _import_from(rest["module_paths"])
        mapped = joblib.load(folder / _DATA, mmap_mode="r")
        estimator, scorers, values = (_read(folder / name) for name in (_ESTIMATOR, _SCORERS, _VALUES))
    except OSError as error:
        raise DataError(
            f"staged work: {str(folder)!r} must hold what a search has staged. Got {error}. Call fit again."
        ) from error
    for key, value in mapped.items():
        kind, _, name = key.partition("/")
        (rest[kind] if name else rest)[name or kind] = value
    return Work(estimator=estimator, scorers=scorers, values=values, **rest)


def _read(file: Path) -> Any:
    return load(file.read_bytes(), classes="renewed")  # this process may know them from an earlier search


def _import_from(folders: Sequence[str]) -> None:
    """Let imports look in further folders last; what an earlier search has imported from there is imported anew."""
    _ADDED.extend(folder for folder in folders if folder not in sys.path)
    sys.path.extend(folder for folder in folders if folder not in sys.path)
    for name, module in list(sys.modules.items()):
        if is_users(name, module) and any(str(module.__file__).startswith(f"{folder}/") for folder in _ADDED):
            del sys.modules[name]
    importlib.invalidate_caches()


def params_of(config: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return a config's values as ``set_params`` takes them: a label of that name becomes the object behind it."""
    return {
        name: values[name][value] if isinstance(value, str) and value in values.get(name, {}) else value
        for name, value in config.items()
    }


def _dumped(value: Any, what: str) -> bytes:
    try:
        return dump(value)
    except Exception as error:
        raise UserCodeError(
            f"{what} cannot be written down for the workers: {type(error).__name__}: {error}. Leave what it refers to out of it: "
            "files and locks, for instance, are to be opened and made where they are used."
        ) from error


def _put(mapped: dict[str, Any], rest: dict[str, Any], name: str, value: Any, key: str | None = None) -> None:
    """File ``value`` among the mapped data, or where its classes may be the user's own, among the rest."""
    if _is_plain(value):
        mapped[key or name] = value
    else:
        rest[name] = value


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, value.values()))
    if _holds_objects(value):
        return isinstance(value, np.ndarray) and all(map(_is_plain, value.ravel().tolist()))
    return type(value).__module__.partition(".")[0] in _PLAIN_MODULES and not callable(value)


def _holds_objects(value: Any) -> bool:
    dtypes = value.dtypes if hasattr(value, "columns") else [getattr(value, "dtype", None)]  # of a DataFrame, or an array
    return any(getattr(dtype, "hasobject", False) or str(dtype) == "object" for dtype in dtypes)
