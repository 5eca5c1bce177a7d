"""A worker: ``python -m trainers.worker --fd N`` answers a supervisor's requests over the inherited pipe ``N`` until it closes.

It starts light and loads Keras at once, while the supervisor is still busy. Standard output and error are its log.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import os
import select
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, cast

from trainers.errors import TrainerError
from trainers.messages import Check, Done, Evaluate, Failed, Prepare, Refit, Reply, Request

if TYPE_CHECKING:
    from trainers.estimators import EstimatorEvaluator
    from trainers.evaluation import Evaluator
    from trainers.messages import Event
    from trainers.settings import SweepSettings

_log = logging.getLogger("trainers.worker")


class Worker:
    """Answers requests one at a time.

    Parameters
    ----------
    send : hands an event or a reply to the supervisor; raises OSError when it is gone.
    """

    def __init__(self, send: Callable[[Event | Reply], None]) -> None:
        self._send = send
        self._evaluator: Evaluator | EstimatorEvaluator | None = None
        self._is_estimators = False

    def answer(self, request: Request) -> Reply:
        """Do what ``request`` asks; events go out meanwhile, the reply is returned. A failure is a reply too."""
        try:
            return self._answer(request)
        except Exception as error:
            from trainers.errors import cause_of, one_line

            _log.warning("%s failed.", type(request).__name__, exc_info=True)
            return Failed(cause_of(error), one_line(error), traceback.format_exc(), self._pickled(error))

    def _answer(self, request: Request) -> Reply:
        match request:
            case Prepare(settings):
                self._is_estimators = settings.trainer.type == "estimator"
                self._evaluator = _evaluator_of(settings)
                return Done()
            case Check(config):
                return self._ready().check(config)
            case Evaluate(trials):
                self._ready().evaluate(trials, self._send)
                return Done()
            case Refit():
                if self._is_estimators:
                    return cast("EstimatorEvaluator", self._ready()).refit(request)
                from trainers.refit import refit

                return refit(cast("Evaluator", self._ready()), request)

    def _ready(self) -> Evaluator | EstimatorEvaluator:
        if self._evaluator is None:
            raise TrainerError("worker: expected Prepare before any other request, got none; send it first.")
        return self._evaluator

    def _pickled(self, error: Exception) -> bytes | None:
        """Return an exception of the user's code for whoever called scikit-learn's interface; sweeps tell it in words."""
        if not self._is_estimators:
            return None
        from trainers.estimators import pickled

        return pickled(error)


def _evaluator_of(settings: SweepSettings) -> Evaluator | EstimatorEvaluator:
    if settings.trainer.type == "estimator":
        from trainers.estimators import EstimatorEvaluator

        return EstimatorEvaluator(settings)
    from trainers.evaluation import Evaluator

    return Evaluator(settings)


def serve(connection: Connection) -> None:
    """Answer requests until the other end closes."""
    worker = Worker(connection.send)
    while True:
        try:
            connection.send(worker.answer(connection.recv()))
        except (EOFError, OSError):
            return


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C at the terminal is the supervisor's to answer
    parser = argparse.ArgumentParser(prog="python -m trainers.worker", description="Trains cohorts for a supervisor.")
    parser.add_argument("--fd", type=int, required=True, help="the inherited socket to the supervisor")
    descriptor = parser.parse_args(arguments).fd
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with, args=(descriptor,), name="end-with-supervisor", daemon=True).start()
    _load_backend()
    serve(Connection(descriptor))


def _load_backend() -> None:
    """Import Keras and hold it to its share. A failure is told to the supervisor by the first request that meets it again."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import trainers.evaluation  # noqa: F401  (imported for its weight: it loads Keras)
        from trainers.backends import hold_to_share

        hold_to_share(os.environ)
        gc.collect()
        gc.freeze()  # what is loaded by now stays: a collection after each fold passes it over, 10 ms in place of 200
    except Exception:
        _log.warning("Loading Keras failed.", exc_info=True)


def _end_with(descriptor: int) -> None:
    """End this process once the supervisor's end of the pipe is closed, whatever it is doing then."""
    poll = select.poll()
    poll.register(descriptor, getattr(select, "POLLRDHUP", select.POLLHUP))
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
