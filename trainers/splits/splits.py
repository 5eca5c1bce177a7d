"""Who is trained on, watched and scored, as records: row indices of the test part and of every fold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Rows = np.ndarray[Any, np.dtype[np.int64]]
SplitKind = Literal["kfold", "stratified", "group", "stratified_group", "timeseries"]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One train / monitor / score split, as int64 row indices into the data set.

    ``index`` is the position in ``Splits.folds``, ``fold`` the number within ``repeat``. ``monitor`` is what early stopping
    watches: empty without early stopping, the scoring rows themselves where the split is leaky, else disjoint from both others.
    """

    index: int
    fold: int
    repeat: int
    train: Rows
    monitor: Rows
    score: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """All splits of one sweep: the test part, the search part (all other rows), and the folds of the search part."""

    kind: SplitKind
    test: Rows
    search: Rows
    folds: tuple[Fold, ...]
    leaky: bool

    @property
    def fingerprint(self) -> str:
        """The sha256 (hex) of every row index in its place."""
        digest = hashlib.sha256(json.dumps([self.kind, self.leaky, len(self.folds)]).encode())
        for rows in (self.test, self.search, *(part for fold in self.folds for part in (fold.train, fold.monitor, fold.score))):
            digest.update(json.dumps(len(rows)).encode())
            digest.update(np.asarray(rows, dtype="<i8").tobytes())
        return digest.hexdigest()
