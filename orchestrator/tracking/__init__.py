"""The ledger projected to MLflow. All that imports mlflow is here, and only when it is needed."""

from orchestrator.tracking.model_folder import (
    fetch_model,
    open_keras_model,
    open_predictor,
    predict,
    verify_model_folder,
    write_model_folder,
)
from orchestrator.tracking.pictures import LEARNING_CURVES, draw_figures
from orchestrator.tracking.registry import CHALLENGER, TAG_CROWNED, TAG_PREVIOUS, ModelRegistry, Version
from orchestrator.tracking.store_lock import lock_files, remove_lock_file
from orchestrator.tracking.tracker import Tracker

__all__ = [
    "CHALLENGER",
    "LEARNING_CURVES",
    "TAG_CROWNED",
    "TAG_PREVIOUS",
    "ModelRegistry",
    "Tracker",
    "Version",
    "draw_figures",
    "fetch_model",
    "lock_files",
    "open_keras_model",
    "open_predictor",
    "predict",
    "remove_lock_file",
    "verify_model_folder",
    "write_model_folder",
]
