"""The problems, by the number under which the runner knows them. Those of the machinery (5 and 6) train nothing."""

from benchmarks.problems.digits_search import DIGITS_SEARCH
from benchmarks.problems.image_cnn import IMAGE_CNN
from benchmarks.problems.problem import Problem
from benchmarks.problems.regression_search import REGRESSION_SEARCH
from benchmarks.problems.text_cnn import TEXT_CNN
from benchmarks.problems.tutorial_grid import TUTORIAL_GRID

PROBLEMS: dict[str, Problem] = {
    "1": TUTORIAL_GRID,
    "2": REGRESSION_SEARCH,
    "3": DIGITS_SEARCH,
    "4-text": TEXT_CNN,
    "4-image": IMAGE_CNN,
}

__all__ = ["PROBLEMS", "Problem"]
