"""The command line: the only package that prints. It decides nothing: arguments in, one function called, its answer shown."""

from orchestrator.cli.root import main

__all__ = ["main"]
