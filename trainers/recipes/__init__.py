"""Recipes: how a config becomes a compiled Keras model. Nothing heavy is imported here."""
