"""The ledger projected to MLflow. All that imports mlflow is here, and only when it is needed."""

from orchestrator.tracking.model_folder import predict, verify_model_folder, write_model_folder
from orchestrator.tracking.registry import CHALLENGER, TAG_CROWNED, TAG_PREVIOUS, ModelRegistry, Version
from orchestrator.tracking.store_lock import lock_files, remove_lock_file
from orchestrator.tracking.tracker import Tracker

__all__ = [
    "CHALLENGER",
    "TAG_CROWNED",
    "TAG_PREVIOUS",
    "ModelRegistry",
    "Tracker",
    "Version",
    "lock_files",
    "predict",
    "remove_lock_file",
    "verify_model_folder",
    "write_model_folder",
]
