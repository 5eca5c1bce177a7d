"""Sweeps as jobs of a Ray cluster: what travels there, as what, and what became of it."""
