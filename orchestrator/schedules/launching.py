"""How a due sweep is begun: the protocol of a launcher, and the one that starts a process of this machine for every sweep.

Launching is idempotent: whoever launches an occasion again, after a lost reply or in the place of a scheduler that was killed,
gets the same sweep.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from orchestrator.errors import LaunchError, NotFoundError
from orchestrator.ledger import Ledger, SweepRow, is_driven
from orchestrator.search import SweepState

logger = logging.getLogger(__name__)

START_SECONDS = 120.0
"""So long a driver may take until it holds its sweep's lease."""

_LOOK_SECONDS = 0.2
_TAIL = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A sweep to be begun: its spec (``SweepSpec.record``), its occasion, and the cluster, None for a Ray of its own."""

    spec: Mapping[str, Any]
    occasion: str
    address: str | None = None

    @property
    def name(self) -> str:
        """The sweep's name."""
        return str(self.spec["sweep"]["name"])


class Launcher(Protocol):
    """Begins sweeps. Its methods are called from several threads at once, and may raise any ``KerasweepError``."""

    def reserve(self, order: Order) -> str:
        """Return the id under which the sweep will be begun; the same one again while that attempt is not over."""

    def launch(self, order: Order, submission: str) -> None:
        """Begin the sweep, or leave that to a cluster that has taken it over: ``is_underway``. A second launch changes nothing.

        Raises
        ------
        KerasweepError : the sweep could not be begun. Exit code 2 says that trying again is of no use.
        """

    def is_underway(self, order: Order, submission: str) -> bool:
        """Return whether a launched sweep whose driver has not begun still may begin, so that it is not to be launched again.

        Raises
        ------
        KerasweepError : it has failed meanwhile, as in ``launch``. That is said once.
        """

    def is_running(self, sweep: SweepRow) -> bool:
        """Return whether a sweep that the ledger calls RUNNING really is."""


class ProcessLauncher:
    """Begins every sweep as a process of its own, which outlives this one: ``kerasweep run - --occasion OCCASION``.

    Parameters
    ----------
    ledger : the ledger, which tells when a driver has taken its sweep's lease.
    url : its URL, for the drivers: a scheduled sweep is kept where its schedule is.
    logs : gives the file that receives what the driver of (name, occasion) prints.
    clock : gives the time in unix seconds.
    command : the command before ``run``; None: the ``kerasweep`` beside this Python.
    """

    def __init__(
        self,
        ledger: Ledger,
        url: str,
        logs: Callable[[str, str], Path],
        clock: Callable[[], float] = time.time,
        command: Sequence[str] | None = None,
    ) -> None:
        self._ledger = ledger
        self._url = url
        self._logs = logs
        self._clock = clock
        self._command = tuple(command) if command is not None else (str(Path(sys.executable).with_name("kerasweep")),)

    def reserve(self, order: Order) -> str:
        """Return ``<name>-<occasion>-a<attempt>``, where the attempt is the next driver's, or that of the one at work."""
        sweep = self._sweep(order)
        attempt = 1 if sweep is None else sweep.attempt + (not self._settled(sweep))
        return f"{order.name}-{order.occasion}-a{attempt}"

    def launch(self, order: Order, submission: str) -> None:
        """Start a driver, and return once it holds the sweep's lease; one that holds it already is left alone."""
        before = self._sweep(order)
        if before is not None and self._settled(before):
            return
        attempt = 0 if before is None else before.attempt
        log = self._logs(order.name, order.occasion)
        process = self._start(order, log)
        deadline = time.monotonic() + START_SECONDS
        while True:
            ended = process.poll() is not None  # asked first: what it wrote before it ended is then seen
            sweep = self._sweep(order)
            if sweep is not None and (sweep.attempt > attempt or self._settled(sweep)):
                break
            if ended:
                raise LaunchError(f"{submission}: {_tail(log)}", 2 if process.returncode == 2 else 1)
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise LaunchError(f"{submission}: the driver had not begun after {START_SECONDS:.0f} s. {_tail(log)}")
            time.sleep(_LOOK_SECONDS)
        logger.info("%s is driven by process %d; it prints to %s", submission, process.pid, log)
        threading.Thread(target=_await, args=(process, submission), daemon=True).start()

    def is_underway(self, order: Order, submission: str) -> bool:
        """Return False: ``launch`` waits for the driver."""
        return False

    def is_running(self, sweep: SweepRow) -> bool:
        """Return whether the sweep's driver has let itself be heard of within its lease."""
        return is_driven(sweep, self._clock())

    def _sweep(self, order: Order) -> SweepRow | None:
        try:
            return self._ledger.sweep(order.name, order.occasion)
        except NotFoundError:
            return None

    def _settled(self, sweep: SweepRow) -> bool:
        return sweep.state is SweepState.COMPLETED or is_driven(sweep, self._clock())

    def _start(self, order: Order, log: Path) -> subprocess.Popen[bytes]:
        record = {**order.spec, "sweep": {**order.spec["sweep"], "ledger": self._url}}
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 (our own command)
                    [*self._command, "run", "-", "--occasion", order.occasion],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "PYTHONUNBUFFERED": "1"},
                    start_new_session=True,  # a Ctrl-C meant for the scheduler is not meant for its sweeps
                )
        except OSError as error:
            raise LaunchError(f"The driver of {order.name}/{order.occasion} cannot be started: {error}.") from error
        assert process.stdin is not None  # noqa: S101 (it was asked for)
        try:
            with process.stdin as stream:
                stream.write(json.dumps(record).encode())
        except BrokenPipeError:
            logger.debug("the driver ended before it had read its spec; its log says why")
        return process


def _tail(log: Path) -> str:
    """Return the end of what the driver printed."""
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    lines = text[-_TAIL:].splitlines() or ["it printed nothing"]
    return f"{' '.join(lines[-5:])} (all of it: {log})"


def _await(process: subprocess.Popen[bytes], submission: str) -> None:
    """Take the ended process from the system's table, and say how it ended."""
    code = process.wait()
    logger.log(logging.INFO if code == 0 else logging.WARNING, "%s: its driver has ended with exit code %d", submission, code)
