"""The data set as the trainers see it: one frozen record. It knows nothing of files, splits or transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    Features: TypeAlias = pd.DataFrame | np.ndarray[Any, Any]

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Rows to learn from, checked and in one form whatever source they came from.

    Attributes
    ----------
    features : a table of (rows, columns) with text names, each column a number, a boolean or text; or an array (rows, ...).
    target : (rows,) int64 class index (classification) or float64 (regression).
    classes : the label of every class index, in sorted order; None for regression.
    groups : (rows,) text, rows of one group never stand on two sides of a split; or None.
    order : (rows,) float64 or int64, the rows' place in time; or None.
    weights : (rows,) float64, not negative; or None.
    ids : (rows,) text that names a row however the data grows; or None.
    fingerprint : sha256 (hex) of all content above; where the data lay does not count.
    missing : spellings of a missing value beside the usual ones, for raw rows that are predicted later.
    layout : of a csv file without a header: its columns in order, the target left out; else empty.
    notes : what a person should know of how the rows were read, a sentence each.
    """

    features: Features
    target: Array
    classes: tuple[Any, ...] | None
    groups: Array | None = None
    order: Array | None = None
    weights: Array | None = None
    ids: Array | None = None
    fingerprint: str = ""
    missing: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.target)
