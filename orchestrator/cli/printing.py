"""How commands print: plain data as JSON, tables to a terminal or a pipe, times of this machine's zone."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click


def print_json(value: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def when(seconds: float) -> str:
    """Return a time of this machine's zone for people."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def console() -> Any:
    """Return the console for tables on standard output."""
    from rich.console import Console

    here = Console(highlight=False)
    return here if here.is_terminal else Console(highlight=False, width=10_000)  # a pipe has no edge
