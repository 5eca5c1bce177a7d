"""The winner, and whether it replaces the registered model in use."""
