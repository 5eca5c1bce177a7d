"""The worker's side of a search through scikit-learn's interface: work staged, folds fitted and scored, the winner refitted."""

from trainers.estimators.work.evaluation import FITTED, EstimatorEvaluator, pickled
from trainers.estimators.work.pipelines import final_of
from trainers.estimators.work.staged import Work, open_work, params_of, stage_work

__all__ = [
    "FITTED",
    "EstimatorEvaluator",
    "Work",
    "final_of",
    "open_work",
    "params_of",
    "pickled",
    "stage_work",
]
