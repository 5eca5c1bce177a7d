"""A data set and its splits laid out in a folder, written once by the driver and memory-mapped by every worker. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data import Dataset
from trainers.errors import DataError
from trainers.settings import SweepSettings
from trainers.splits import Fold, Splits

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from trainers.data import Array

_DATASET, _SPLITS, _TABLE, _ARRAY, _ROWS, _INDICES = (
    "dataset.json",
    "splits.json",
    "features.arrow",
    "features.npy",
    "rows.arrow",
    "indices.npy",
)
_ROLES = ("target", "groups", "order", "weights", "ids")


def stage(dataset: Dataset, splits: Splits, folder: str | Path) -> None:
    """Write a data set and its splits to ``folder``: uncompressed Arrow for tables, .npy for arrays, JSON for the rest."""
    import pandas as pd

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(dataset.features, np.ndarray):
        np.save(folder / _ARRAY, dataset.features, allow_pickle=False)
    else:
        _write(dataset.features, folder / _TABLE)
    carried = {name: values for name in _ROLES if (values := getattr(dataset, name)) is not None}
    _write(pd.DataFrame(carried), folder / _ROWS)
    facts = {
        "classes": dataset.classes,
        "fingerprint": dataset.fingerprint,
        "missing": dataset.missing,
        "layout": dataset.layout,
    }
    (folder / _DATASET).write_text(json.dumps(facts), encoding="utf-8")
    _stage_splits(splits, folder)


def check_staged(settings: SweepSettings) -> None:
    """Open what is staged as a worker would. An estimator's work is only there: opening it would run the user's code.

    Raises
    ------
    DataError : the folder holds no staged data set.
    """
    if settings.trainer.type != "estimator":
        open_staged(settings.stage)


def open_staged(folder: str | Path) -> tuple[Dataset, Splits]:
    """Return the data set and splits in ``folder``, memory-mapped: processes on one machine share the pages. Arrays are
    read-only.

    Raises
    ------
    DataError : the folder holds no staged data set.
    """
    folder = Path(folder)
    try:
        facts = json.loads((folder / _DATASET).read_text(encoding="utf-8"))
        table = (folder / _TABLE).exists()
        features = _open_table(folder / _TABLE) if table else np.load(folder / _ARRAY, mmap_mode="r")
        carried = _read(folder / _ROWS)
        splits = _open_splits(folder)
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise DataError(f"staged data: {str(folder)!r} must hold a staged data set. Got {error}. Stage it again.") from error
    roles: dict[str, Any] = {name: _array(carried.column(name)) for name in carried.column_names}
    classes = None if facts["classes"] is None else tuple(facts["classes"])
    dataset = Dataset(
        features=features,
        classes=classes,
        fingerprint=facts["fingerprint"],
        missing=tuple(facts["missing"]),
        layout=tuple(facts["layout"]),
        **roles,
    )
    return dataset, splits


def _write(table: Any, path: Path) -> None:
    """Write a DataFrame as one record batch; NaN stays NaN, so that a column can be mapped as it lies."""
    import pyarrow as pa
    from pyarrow import feather

    columns = [
        pa.array(table[name].to_numpy(), from_pandas=False)
        if isinstance(table[name].dtype, np.dtype) and table[name].dtype != object
        else pa.Array.from_pandas(table[name])
        for name in table.columns
    ]
    arrow = pa.Table.from_arrays(columns, names=list(table.columns))
    feather.write_feather(arrow, str(path), compression="uncompressed", chunksize=max(len(table), 1))


def _read(path: Path) -> pa.Table:
    from pyarrow import feather

    return feather.read_table(str(path), memory_map=True)


def _open_table(path: Path) -> pd.DataFrame:
    """Return the table; arrow gives booleans with missing values as objects, so those are told what they are."""
    table: pd.DataFrame = _read(path).to_pandas(split_blocks=True)
    return table.astype(dict.fromkeys(table.columns[table.dtypes == "object"], "boolean"))


def _array(column: pa.ChunkedArray) -> Array:
    import pyarrow as pa

    chunk = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    values: Array = chunk.to_numpy(zero_copy_only=not pa.types.is_string(chunk.type) and not pa.types.is_large_string(chunk.type))
    return values


def _stage_splits(splits: Splits, folder: Path) -> None:
    parts = [splits.test, splits.search]
    for fold in splits.folds:
        parts += [fold.train, fold.monitor, fold.score]
    np.save(folder / _INDICES, np.concatenate(parts).astype(np.int64), allow_pickle=False)
    facts = {
        "kind": splits.kind,
        "leaky": splits.leaky,
        "folds": [[fold.fold, fold.repeat] for fold in splits.folds],
        "lengths": [len(part) for part in parts],
    }
    (folder / _SPLITS).write_text(json.dumps(facts), encoding="utf-8")


def _open_splits(folder: Path) -> Splits:
    facts = json.loads((folder / _SPLITS).read_text(encoding="utf-8"))
    indices = np.load(folder / _INDICES, mmap_mode="r")
    parts = np.split(indices, np.cumsum(facts["lengths"])[:-1])
    folds = tuple(
        Fold(index, fold, repeat, *parts[2 + 3 * index : 5 + 3 * index]) for index, (fold, repeat) in enumerate(facts["folds"])
    )
    return Splits(facts["kind"], parts[0], parts[1], folds, facts["leaky"])
