"""Who is trained on, watched and scored, by row index. It fits nothing."""

from trainers.splits.duplicates import find_twins
from trainers.splits.folds import make_splits
from trainers.splits.monitoring import monitor_rows
from trainers.splits.splits import Fold, Rows, Splits

__all__ = [
    "Fold",
    "Rows",
    "Splits",
    "find_twins",
    "make_splits",
    "monitor_rows",
]
