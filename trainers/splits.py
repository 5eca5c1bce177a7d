"""Who is trained on, watched and scored: row indices of the test part and of every fold, made once. It fits nothing and reads no values
but target, groups and order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from trainers.dataset import Dataset
    from trainers.settings import CvSettings, Task

    Rows = np.ndarray[Any, np.dtype[np.int64]]

SplitKind = Literal["kfold", "stratified", "group", "stratified_group", "timeseries"]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One train / monitor / score split, as int64 row indices into the data set.

    ``index`` is the position in ``Splits.folds``, ``fold`` the number within ``repeat``. ``monitor`` is what early stopping watches: empty
    without early stopping, the scoring rows themselves where the split is leaky, else disjoint from both others.
    """

    index: int
    fold: int
    repeat: int
    train: Rows
    monitor: Rows
    score: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """All splits of one sweep: the test part, the search part (the other rows), and the folds of the search part."""

    kind: SplitKind
    test: Rows
    search: Rows
    folds: tuple[Fold, ...]
    leaky: bool

    @property
    def fingerprint(self) -> str:
        """The sha256 (hex) of every row index in its place."""
        raise NotImplementedError


def make_splits(
    dataset: Dataset, task: Task, cv: CvSettings, *, test_size: float, monitor_split: float | None, seed: int
) -> Splits:
    """Return the test part and the folds."""
    raise NotImplementedError


def monitor_rows(dataset: Dataset, rows: Rows, *, kind: SplitKind, share: float, shuffle: bool, seed: int) -> tuple[Rows, Rows]:
    """Return ``rows`` as (train, monitor)."""
    raise NotImplementedError
