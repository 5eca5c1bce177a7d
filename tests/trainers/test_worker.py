"""The worker as its supervisor sees it: a real process at the other end of a real pipe."""

import os
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from small_sweeps import builder_settings, dataset

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
)
from trainers.messages import TrialRequest as Trial

NET = """
import time
from tensorflow import keras
def create_model(units=4, fail=False, hang=False):
    print("a user's print", flush=True)
    if fail:
        raise RuntimeError("no such layer")
    if hang:
        print("it hangs", flush=True)
        time.sleep(600)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    return model
"""


class Child:
    """A worker process and our end of its pipe."""

    def __init__(self, log: Path) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "KERASWEEP_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        with theirs, log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "trainers.worker", "--fd", str(theirs.fileno())],
                env=environment,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.pipe = Connection(ours.detach())
        self.log = log

    def ask(self, request):
        """Return (events, reply)."""
        self.pipe.send(request)
        heard = []
        while True:
            assert self.pipe.poll(120), self.log.read_text()
            message = self.pipe.recv()
            if not isinstance(message, Progress | FoldFinished | FoldFailed):
                return [event for event in heard if not isinstance(event, Progress)], message
            heard.append(message)


@pytest.fixture
def child(tmp_path):
    made = Child(tmp_path / "worker.log")
    yield made
    made.pipe.close()
    made.process.kill()
    made.process.wait()


def test_a_workers_life(child, tmp_path):
    """One process for all of it: starting one costs seconds."""
    sweep = builder_settings(tmp_path, NET, dataset())

    _, early = child.ask(Check({}))
    assert (early.cause, early.message) == (
        "invalid",
        "worker: expected Prepare before any other request, got none; send it first.",
    )
    assert child.ask(Prepare(sweep)) == ([], Done())

    _, checked = child.ask(Check({"units": 3}))
    assert isinstance(checked, Checked)
    assert checked.versions["backend"] == "tensorflow"

    _, refused = child.ask(Check({"unit": 3}))
    assert isinstance(refused, Failed)
    assert (refused.cause, "did you mean 'units'?" in refused.message) == ("invalid", True)

    child.process.send_signal(signal.SIGINT)
    events, reply = child.ask(Evaluate((Trial(5, {"fail": True}, (0, 1)), Trial(6, {"epochs": 2}, (1,)))))
    assert reply == Done()
    *failed, finished = events
    assert [(one.trial, one.fold, one.cause, one.message) for one in failed] == [
        (5, fold, "exception", "RuntimeError: no such layer") for fold in (0, 1)
    ]
    assert all("create_model" in one.traceback for one in failed)
    assert (finished.trial, finished.result.fold, finished.result.epochs_run) == (6, 1, 2)

    _, refitted = child.ask(Refit({"units": 3}, (1, 1), str(tmp_path / "model")))
    assert isinstance(refitted, Refitted)
    assert (tmp_path / "model" / "manifest.json").exists()
    assert refitted.test_metrics["accuracy"] >= 0

    child.pipe.send(Evaluate((Trial(7, {"hang": True}, (0,)),)))
    deadline = time.monotonic() + 60
    while "it hangs" not in child.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.pipe.close()  # the supervisor is gone while a trial is busy
    assert child.process.wait(timeout=10) == 0
    log = child.log.read_text()
    assert "a user's print" in log
    assert "KeyboardInterrupt" not in log


def test_an_idle_worker_ends_with_its_supervisor_even_while_it_starts(child):
    child.pipe.close()

    assert child.process.wait(timeout=30) == 0
