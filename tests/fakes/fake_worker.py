"""A worker that trains nothing: it speaks the worker's protocol and does to each trial what the trial's config says.

``python fake_worker.py --fd N``. A config names at most one deed, done before each of its folds: ``sleep`` (seconds), ``kill``
(itself, with this signal), ``hang``, ``grow`` (megabytes, kept), ``map`` (this file, all of it read, kept), ``raise`` (a failed
fold), ``out_of_memory`` (the whole cohort), ``gone`` (ends the process as soon as this file exists), ``garbage``. Every fold
scores ``value``, default 0.5.
"""

from __future__ import annotations

import mmap
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from trainers.messages import (
    Check,
    Checked,
    Done,
    Evaluate,
    Failed,
    FoldFailed,
    FoldFinished,
    Prepare,
    Progress,
    Refit,
    Refitted,
    Request,
)
from trainers.results import FoldResult
from trainers.settings import SweepSettings

_kept: list[bytearray | mmap.mmap] = []


class _CohortError(Exception):
    pass


class _TrialError(Exception):
    pass


def do(config: Mapping[str, Any]) -> None:
    if "sleep" in config:
        time.sleep(config["sleep"])
    if "kill" in config:
        print("about to die", flush=True)  # noqa: T201 (what a dying worker leaves in its log)
        os.kill(os.getpid(), config["kill"])
    if "hang" in config:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    if "grow" in config:
        _kept.append(bytearray(os.urandom(2**20)) * config["grow"])
    if "map" in config:
        with open(config["map"], "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        sum(mapped[:: mmap.PAGESIZE])
        _kept.append(mapped)
    if "raise" in config:
        raise _TrialError(config["raise"])
    if "out_of_memory" in config:
        raise _CohortError("no room for these weights")
    if "gone" in config:
        while not os.path.exists(config["gone"]):
            time.sleep(0.02)
        os._exit(3)


def evaluate(pipe: Connection, request: Evaluate) -> None:
    for trial in request.trials:
        scores = dict(trial.scores)
        for fold in trial.folds:
            if trial.race is not None and trial.race.gives_up(scores):
                break
            pipe.send(Progress(trial.number, fold, 1, 2, 0.7))
            try:
                do(trial.config)
            except _TrialError as error:
                pipe.send(FoldFailed(trial.number, fold, "exception", str(error), "a traceback"))
            else:
                scores[fold] = value = trial.config.get("value", 0.5)
                metrics = {"score": value, "accuracy": value, "pid": float(os.getpid())}
                pipe.send(FoldFinished(trial.number, FoldResult(fold=fold, metrics=metrics, epoch=1, epochs_run=2, seconds=0.0)))
    pipe.send("nonsense" if "garbage" in request.trials[-1].config else Done())


def serve(pipe: Connection, requests: queue.Queue[Request]) -> None:
    settings: SweepSettings | None = None
    while True:
        request = requests.get()
        try:
            match request:
                case Prepare(settings):
                    if settings.stage.endswith("missing"):
                        pipe.send(Failed("invalid", f"there is no {settings.stage!r}"))
                    else:
                        pipe.send(Done())
                case Evaluate():
                    evaluate(pipe, request)
                case Check(config):
                    do(config)
                    versions = {name: os.environ[name] for name in ("KERAS_BACKEND", "KERASWEEP_THREADS", "CUDA_VISIBLE_DEVICES")}
                    pipe.send(Checked({**versions, "stage": settings.stage if settings else "", "pid": str(os.getpid())}))
                case Refit(config, epochs, folder):
                    do(config)
                    os.makedirs(folder, exist_ok=True)
                    with open(os.path.join(folder, "model.txt"), "w") as model:
                        model.write(repr(dict(config)))
                    pipe.send(Refitted(folder, epochs[0], {"score": 0.5}))
        except (_CohortError, _TrialError) as error:
            pipe.send(Failed("out_of_memory" if isinstance(error, _CohortError) else "invalid", str(error)))


def main() -> None:
    pipe = Connection(int(sys.argv[sys.argv.index("--fd") + 1]))
    requests: queue.Queue[Request] = queue.Queue()

    def read() -> None:
        try:
            while True:
                requests.put(pipe.recv())
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    serve(pipe, requests)


if __name__ == "__main__":
    main()
