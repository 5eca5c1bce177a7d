"""A driver process for tests that kill or interrupt one: ``python sweeping_driver.py local|ray LOG_FOLDER COHORTS``.

Each cohort has two trials, the second of which takes a minute. It prints ``worker <pid>`` for each worker that has scored a fold,
and ``stopped <seconds>`` when SIGINT has ended the run.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from recording_conductor import FAKE_WORKER, RecordingConductor, cohort, settings

from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.dispatch.protocol import Dispatcher
from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.search.cohorts import CohortEvent


def main(kind: str, log_folder: str, cohorts: int) -> None:
    asked: list[float] = []
    told: set[int] = set()
    signal.signal(signal.SIGINT, lambda *_: asked.append(time.monotonic()))

    def tell(conductor: RecordingConductor, event: CohortEvent) -> None:
        for pid in set(conductor.pids()) - told:
            told.add(pid)
            print("worker", pid, flush=True)  # noqa: T201 (what the test reads)

    def stop(conductor: RecordingConductor) -> None:
        conductor.stopped = bool(asked)

    given = [cohort(f"c{number}", {}, {"sleep": 60}) for number in range(cohorts)]
    conductor = RecordingConductor(given, on_event=tell, on_tick=stop)
    dispatcher: Dispatcher
    if kind == "ray":
        dispatcher = RayDispatcher(workers=2, log_folder=Path(log_folder), command=FAKE_WORKER)
    else:
        dispatcher = LocalDispatcher(2, log_folder=Path(log_folder), command=FAKE_WORKER)
    dispatcher.start("keras")
    dispatcher.prepare(settings(stage=log_folder))
    dispatcher.run(conductor)
    print("stopped", time.monotonic() - asked[0], flush=True)  # noqa: T201
    dispatcher.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
