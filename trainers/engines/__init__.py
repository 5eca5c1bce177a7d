"""How folds are trained: ``keras`` by ``model.fit``, ``fused`` as compiled programs of many."""

from trainers.engines.course import Course, Standing
from trainers.engines.crossentropy import go_back_to_logits
from trainers.engines.keras import EpochReport, Fitted, fit_model, plan_for, predict, score_model, train_fold
from trainers.engines.targets import TargetPlan

__all__ = [
    "Course",
    "EpochReport",
    "Fitted",
    "Standing",
    "TargetPlan",
    "fit_model",
    "go_back_to_logits",
    "plan_for",
    "predict",
    "score_model",
    "train_fold",
]
