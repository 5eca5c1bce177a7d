"""Requests to stop: noted while a search is under way, raised at once where nothing is lost by it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from orchestrator.running.stop import StopRequestedError, StopSignals


def signalled(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_is_noted(number: signal.Signals, reason: str) -> None:
    with StopSignals() as stop:
        assert stop() is None
        signalled(number)
        assert stop() == reason


def test_a_second_interrupt_is_raised() -> None:
    with StopSignals():
        signalled(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signalled(signal.SIGINT)


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_what_takes_long_is_left_at_once(number: signal.Signals, reason: str) -> None:
    with StopSignals() as stop:

        def load() -> None:
            try:
                os.kill(os.getpid(), number)
                time.sleep(60)
            except Exception as error:  # a loader that takes every error for the data's
                raise ValueError("the data is at fault") from error

        began = time.monotonic()
        with pytest.raises(StopRequestedError, match=reason), stop.at_once():
            load()
        assert time.monotonic() - began < 5
        assert stop() == reason
        signalled(signal.SIGTERM)  # noted again


def test_what_takes_long_is_not_begun_after_a_request() -> None:
    with StopSignals() as stop:
        signalled(signal.SIGTERM)
        with pytest.raises(StopRequestedError), stop.at_once():
            pytest.fail("it was begun")
