"""Trainers: data, splits, preprocessing, recipes and engines. They know no Ray, MLflow or SQL."""
