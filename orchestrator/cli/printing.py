"""How commands print: plain data as JSON, tables to a terminal or a pipe, times of this machine's zone."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from orchestrator.errors import KerasweepError

_CHATTER = re.compile(rb"[IWE]\d{4} \d\d:|WARNING: All log messages before absl|To enable the following instructions")
"""How lines begin that TensorFlow's own logger prints while it starts, whatever level it is told."""


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


@contextmanager
def without_startup_lines() -> Iterator[None]:
    """Keep what TensorFlow prints while it starts off standard error; all of it is shown if something fails unforeseen.

    TensorFlow writes past Python, to the file descriptor, so that is what is turned aside; all else follows in the end.
    """
    sys.stderr.flush()
    everything = False
    with tempfile.TemporaryFile() as held:
        ours = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except KerasweepError:
            raise
        except BaseException:
            everything = True
            raise
        finally:
            sys.stderr.flush()
            os.dup2(ours, 2)
            os.close(ours)
            held.seek(0)
            for line in held:
                if everything or not _CHATTER.match(line):
                    os.write(2, line)
