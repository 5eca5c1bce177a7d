"""The ledger: the SQL store of finished work, schedules and firings. It knows neither Ray nor MLflow nor Keras."""
