"""Data sets: read, tidied, hashed. Knows no task but the target's, no fold and no model."""

from trainers.data.dataset import Array, Dataset
from trainers.data.digests import example_hashes, row_hashes, text_hashes
from trainers.data.loading import describe, load
from trainers.data.serving_code import UNKNOWN, Preprocessor, as_matrix, column_kind, load_preprocessor, tidy_table, words_of
from trainers.data.sources import find_column

__all__ = [
    "UNKNOWN",
    "Array",
    "Dataset",
    "Preprocessor",
    "as_matrix",
    "column_kind",
    "describe",
    "example_hashes",
    "find_column",
    "load",
    "load_preprocessor",
    "row_hashes",
    "text_hashes",
    "tidy_table",
    "words_of",
]
