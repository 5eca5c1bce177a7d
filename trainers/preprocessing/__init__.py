"""What is fitted on a fold's training rows and applied to all. Knows no Keras."""

from trainers.preprocessing.arrays import aligned_empty, size_of
from trainers.preprocessing.parts import Part, class_weights, part, row_weights, spelling, take
from trainers.preprocessing.prepare import Prepared, bytes_together, check_exportable, model_shape, prepare, preprocessing_key

__all__ = [
    "Part",
    "Prepared",
    "aligned_empty",
    "bytes_together",
    "check_exportable",
    "class_weights",
    "model_shape",
    "part",
    "prepare",
    "preprocessing_key",
    "row_weights",
    "size_of",
    "spelling",
    "take",
]
