"""One worker process seen from outside: started, spoken to over a pipe, looked at, ended. It knows no cohorts."""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import psutil

from trainers.messages import Event, Reply, Request

WORKER_COMMAND = (sys.executable, "-P", "-m", "trainers.worker")
"""What starts a worker; ``--fd <n>`` is appended. ``-P`` keeps a user's own folder called ``trainers`` out of the way."""

_TAIL_BYTES = 4096
_TAIL_LINES = 15
_CHATTER = re.compile(r"I\d{4} |WARNING: All log messages before absl|To enable the following instructions")
"""How lines begin that TensorFlow prints whenever it starts, whatever it is told: they explain nothing."""
_TERMINATE_SECONDS = 1.0


class WorkerDiedError(Exception):
    """The process is gone or its pipe is broken; the message says how, with the last lines of its log."""


class WorkerProcess:
    """A child process at the other end of a pipe, in a session of its own: a Ctrl-C at the terminal does not reach it.

    Starting returns at once; the child imports its libraries meanwhile. It ends by itself when the pipe closes, so it does not
    outlive a killed parent.

    Parameters
    ----------
    command : the program and its arguments; ``--fd <n>`` is appended, n being the child's end of the pipe.
    env : the child's whole environment.
    log_path : what the child prints is appended to this file.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log_path: Path) -> None:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        self._log_path = log_path
        with theirs, ours, log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 (the command is ours, no shell)
                [*command, "--fd", str(theirs.fileno())],
                env=dict(env),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._pipe = Connection(ours.detach())
        self._inspector = psutil.Process(self._process.pid)

    def fileno(self) -> int:
        """Return the pipe's file descriptor, for ``multiprocessing.connection.wait``."""
        return self._pipe.fileno()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.returncode is None and self._exit_code(0.0) is None

    def send(self, request: Request) -> None:
        """Hand ``request`` over. Raises WorkerDiedError when nobody is there to take it."""
        try:
            self._pipe.send(request)
        except OSError as error:
            raise WorkerDiedError(self._obituary()) from error

    def receive(self, timeout: float) -> Event | Reply | None:
        """Return the next message, or None when none comes in ``timeout`` seconds. Raises WorkerDiedError at the pipe's end."""
        try:
            return cast(Event | Reply, self._pipe.recv()) if self._pipe.poll(timeout) else None
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise WorkerDiedError(self._obituary()) from error

    def memory(self) -> int:
        """Return the bytes of memory that are the process's own; 0 when it is gone.

        Pages of mapped files are not counted: others map them too, and the system takes them back when it needs room. On Linux
        this is "Anonymous" of ``smaps_rollup``, without the walk over all pages that reading that takes.
        """
        try:
            info = self._inspector.memory_info()
        except psutil.Error:
            return 0
        return int(info.rss - getattr(info, "shared", 0))

    def last_words(self) -> str:
        """Return a sentence with the last lines that this process, not an earlier one with the same log, has printed."""
        try:
            with self._log_path.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, end - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        tail = "\n".join([line for line in lines if not _CHATTER.match(line)][-_TAIL_LINES:])
        return f"The end of {self._log_path}:\n{tail}" if tail else f"It printed nothing of note to {self._log_path}."

    def close(self) -> None:
        """End the process and all that it started, within about a second whatever it is doing. May be called again."""
        self._pipe.close()
        if self._process.returncode is not None:
            return
        self._signal(signal.SIGTERM)
        self._exit_code(_TERMINATE_SECONDS)
        self._signal(signal.SIGKILL)  # before it is reaped: until then its number cannot be another's
        self._process.wait()

    def _signal(self, number: int) -> None:
        """Send a signal to the whole session: a worker's own children go with it."""
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # nothing of it is left

    def _exit_code(self, timeout: float) -> int | None:
        """Return the exit status, signals negative, without reaping the process; None when it runs ``timeout`` seconds on."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return self._process.wait()
            if ended is not None:
                return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            if time.monotonic() >= deadline:
                return None
            time.sleep(0.005)

    def _obituary(self) -> str:
        code = self._exit_code(_TERMINATE_SECONDS)
        if code is None:
            how = "The worker closed its pipe, though it still runs."
        else:
            how = f"The worker ended with exit status {code}." if code >= 0 else _killed(-code)
        return f"{how} {self.last_words()}"


def _killed(number: int) -> str:
    name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
    hint = " (when nobody sent it, the system ran out of memory)" if number == signal.SIGKILL else ""
    return f"The worker was killed by {name}{hint}."
