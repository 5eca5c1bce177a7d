"""Data sets: read, tidied, hashed. Knows no task but the target's, no fold and no model."""

from trainers.data.columns import target_values
from trainers.data.dataset import Array, Dataset
from trainers.data.digests import example_hashes, row_hashes, text_hashes
from trainers.data.headers import LOOKED_AT, header_doubt
from trainers.data.loading import describe, load
from trainers.data.serving_code import (
    UNKNOWN,
    Preprocessor,
    as_matrix,
    column_kind,
    load_preprocessor,
    named,
    tidy_table,
    words_of,
)
from trainers.data.sources import find_column

__all__ = [
    "LOOKED_AT",
    "UNKNOWN",
    "Array",
    "Dataset",
    "Preprocessor",
    "as_matrix",
    "column_kind",
    "describe",
    "example_hashes",
    "find_column",
    "header_doubt",
    "load",
    "load_preprocessor",
    "named",
    "row_hashes",
    "target_values",
    "text_hashes",
    "tidy_table",
    "words_of",
]
