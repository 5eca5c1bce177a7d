"""The local dispatcher: supervised workers below the driver's own process, no Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path

from orchestrator.dispatch.machine import memory_share
from orchestrator.dispatch.protocol import Conductor
from orchestrator.dispatch.room import check_machine
from orchestrator.dispatch.supervisor import Supervisor
from orchestrator.dispatch.worker_process import WORKER_COMMAND
from trainers.messages import Check, Refit, Reply
from trainers.settings import EngineName, SweepSettings

_PAUSE_SECONDS = 0.1


class LocalDispatcher:
    """Supervised workers on this machine, without Ray: for small machines, tests and the scikit-learn door. CPUs only.

    Parameters
    ----------
    workers : how many cohorts run at once.
    cpus_per_trial : each worker's share of the processor.
    log_folder : receives a log file for each worker.
    memory_bytes : what one worker may hold; default an even share of the machine's memory.
    command : the program to run as worker.
    """

    def __init__(
        self,
        workers: int,
        *,
        log_folder: Path,
        cpus_per_trial: float = 1.0,
        memory_bytes: int | None = None,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        if workers < 1:
            raise ValueError(f"LocalDispatcher needs at least one worker, got {workers!r}.")
        self._workers = workers
        self._log_folder = log_folder
        self._cpus = cpus_per_trial
        self._memory_bytes = memory_share(workers) if memory_bytes is None else memory_bytes
        self._command = command
        self._supervisors: list[Supervisor] = []

    @property
    def workers(self) -> int:
        """How many cohorts run at once."""
        return self._workers

    def start(self, engine: EngineName) -> None:
        """Start all workers and return at once; they import meanwhile."""
        check_machine(self._cpus, 0.0)
        for number in range(len(self._supervisors), self._workers):
            log_path = self._log_folder / f"worker-{number}.log"
            self._supervisors.append(
                Supervisor(engine, cpus=self._cpus, memory_bytes=self._memory_bytes, log_path=log_path, command=self._command)
            )
        for supervisor in self._supervisors:
            supervisor.start()

    def prepare(self, settings: SweepSettings) -> None:
        """Make ``settings`` those of all that follows, and return at once; another engine takes other workers."""
        for supervisor in self._supervisors:
            supervisor.prepare(settings)

    def request(self, request: Check | Refit, timeout: float, tick: Callable[[], None] | None = None) -> Reply:
        """Return the first worker's reply (``Dispatcher.request``)."""
        first = self._supervisors[0]
        first.start()
        return first.request(request, timeout, tick)

    def run(self, conductor: Conductor) -> None:
        """Serve ``conductor`` until it is finished (``Dispatcher.run``)."""
        try:
            conductor.tick()
            if not conductor.finished:
                for supervisor in self._supervisors:
                    supervisor.start()
            while not conductor.finished:
                self._hand_out(conductor)
                self._listen(conductor)
                conductor.tick()
            for supervisor in self._busy():
                supervisor.stop()
                for event in supervisor.poll(0.0):
                    conductor.handle(event)
        finally:
            for supervisor in self._busy():
                supervisor.close()

    def close(self) -> None:
        """End all workers."""
        for supervisor in self._supervisors:
            supervisor.close()
        self._supervisors.clear()

    def _hand_out(self, conductor: Conductor) -> None:
        free = [supervisor for supervisor in self._supervisors if supervisor.cohort is None]
        late = [one for one in self._supervisors if one.cohort is not None and conductor.makes_way(one.cohort)]
        for supervisor in (*free, *late):
            cohort = conductor.next_cohort()
            if cohort is None:
                return
            for event in supervisor.drop():
                conductor.handle(event)
            supervisor.begin(cohort)

    def _listen(self, conductor: Conductor) -> None:
        busy = self._busy()
        if busy:
            wait([supervisor.fileno() for supervisor in busy], _PAUSE_SECONDS)
        else:
            time.sleep(_PAUSE_SECONDS)
        for supervisor in busy:
            for event in supervisor.poll(0.0):
                conductor.handle(event)

    def _busy(self) -> list[Supervisor]:
        return [supervisor for supervisor in self._supervisors if supervisor.busy]
