"""Signals as a question: has somebody asked this process to stop? The sweep looks when it is safe to, or is told at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequestedError(BaseException):
    """Somebody asked to stop while there was no search to end: during a check, the refit, or a comparison.

    No ``Exception``, as KeyboardInterrupt is none: it may come amid code that takes every error for a fault of the data.
    """


class StopSignals:
    """While entered, SIGINT and SIGTERM are noted instead of acted on; a second SIGINT raises KeyboardInterrupt.

    Enter it again (``install``) after a library has put handlers of its own. Outside the main thread it only holds the reason.
    """

    def __init__(self) -> None:
        self._reason: str | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._at_once = False

    def __call__(self) -> str | None:
        """Return why to stop, None while nobody has asked."""
        return self._reason

    def __enter__(self) -> StopSignals:
        self.install()
        return self

    def __exit__(self, *exc: object) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def install(self) -> None:
        """Put the handlers in place, over whatever stands there now."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.signal(number, self._note)
                self._before.setdefault(number, before)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Raise ``StopRequestedError`` as soon as a signal comes, in the midst of what takes long and may be left undone."""
        if self._reason is not None:
            raise StopRequestedError(self._reason)
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._reason is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._reason = "interrupted" if number == signal.SIGINT else "terminated"
        if self._at_once:
            self._at_once = False
            raise StopRequestedError(self._reason)
