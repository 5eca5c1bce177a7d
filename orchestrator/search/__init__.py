"""The loop of a search as a pure machine. It does no I/O."""
