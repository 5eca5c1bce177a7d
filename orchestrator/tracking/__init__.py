"""The ledger projected to MLflow. All that imports mlflow is here, and only when it is needed."""
