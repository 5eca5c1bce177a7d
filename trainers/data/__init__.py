"""Data sets: read, tidied, hashed. Knows no task but the target's, no fold and no model."""
