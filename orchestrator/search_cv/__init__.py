"""Searches and cross-validation with scikit-learn's interface, whose fits are done in workers."""

from orchestrator.search_cv.evaluating import NotFusedWarning
from orchestrator.search_cv.searches import GeneticSearchCV, GridSearchCV, RandomizedSearchCV
from orchestrator.search_cv.validating import cross_val_score, cross_validate

__all__ = [
    "GeneticSearchCV",
    "GridSearchCV",
    "NotFusedWarning",
    "RandomizedSearchCV",
    "cross_val_score",
    "cross_validate",
]
