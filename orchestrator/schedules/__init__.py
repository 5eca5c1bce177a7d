"""Sweeps that run by themselves: due times, who fires them, and how a due sweep is begun."""
