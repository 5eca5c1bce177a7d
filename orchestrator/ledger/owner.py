"""Who drives a sweep: a process, named so that another one can tell, where that is certain, that it is gone."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that holds a lease. ``machine`` names the pid's name space; None: unknown, and only time ends the lease."""

    host: str
    pid: int
    machine: str | None = None

    def __str__(self) -> str:
        return f"{self.host} (pid {self.pid})"

    @classmethod
    def current(cls) -> Owner:
        """Return this process."""
        return cls(socket.gethostname(), os.getpid(), _machine())

    @property
    def surely_gone(self) -> bool:
        """Whether the process can be seen from here to have ended, so that nobody need wait for its lease to lapse.

        Only a pid that is missing (or a zombie) on the same boot of the same machine, in the same pid name space, is proof. A pid
        that exists may have been given to another process since: then, as from another machine, only time tells.
        """
        if self.machine is None or self.machine != _machine():
            return False
        try:
            os.kill(self.pid, 0)  # signal 0 only asks
        except ProcessLookupError:
            return True
        except OSError:  # somebody else's process: it is there
            return False
        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


@cache
def _machine() -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # two containers of one host name have different pids
    except OSError:  # not Linux
        return None
