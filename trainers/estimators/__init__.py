"""Keras models as scikit-learn's estimators. Keras is imported only where a net is made."""

from trainers.estimators.base import KerasEstimator
from trainers.estimators.classifier import KerasClassifier
from trainers.estimators.identity import digest_of, label_of
from trainers.estimators.inputs import Inputs
from trainers.estimators.instances import dump, is_users, load
from trainers.estimators.regressor import KerasRegressor
from trainers.estimators.work import FITTED, EstimatorEvaluator, Work, final_of, open_work, params_of, pickled, stage_work

__all__ = [
    "FITTED",
    "EstimatorEvaluator",
    "Inputs",
    "KerasClassifier",
    "KerasEstimator",
    "KerasRegressor",
    "Work",
    "digest_of",
    "dump",
    "final_of",
    "is_users",
    "label_of",
    "load",
    "open_work",
    "params_of",
    "pickled",
    "stage_work",
]
