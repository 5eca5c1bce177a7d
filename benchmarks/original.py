"""What the tutorials import when they are run the original way: scikit-learn's own searches, with ``n_jobs`` = cores.

The estimators are ours, on TensorFlow as the lessons' are: older wrappers cannot take all of it, and train as long.
"""

import os
from functools import partial

from sklearn import model_selection

from kerasweep import Inputs, KerasClassifier, KerasRegressor

__all__ = [
    "GridSearchCV",
    "Inputs",
    "KerasClassifier",
    "KerasRegressor",
    "NotFusedWarning",
    "RandomizedSearchCV",
    "cross_validate",
]

CORES = len(os.sched_getaffinity(0))
NotFusedWarning = UserWarning
RandomizedSearchCV = partial(model_selection.RandomizedSearchCV, n_jobs=CORES)
cross_validate = partial(model_selection.cross_validate, n_jobs=CORES)


def GridSearchCV(*args, tracking_uri=None, name=None, **settings):
    """Return scikit-learn's class, which knows neither MLflow nor names."""
    return model_selection.GridSearchCV(*args, n_jobs=CORES, **settings)
