"""Searches over stub estimators: as fast as scikit-learn's own, and in workers all the same."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.dispatch import LocalDispatcher
from orchestrator.search_cv import workers

STUB_WORKER = (sys.executable, str(Path(__file__).parents[2] / "fakes" / "stub_estimator_worker.py"))


@pytest.fixture(scope="module", autouse=True)
def no_workers_left() -> Iterator[None]:
    """End what waits for the next search: the tests of a module share it."""
    yield
    workers.end_kept()


@pytest.fixture(scope="module")
def stub_workers(no_workers_left: None) -> Iterator[None]:
    """Have searches start workers that fit stubs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "LocalDispatcher", functools.partial(LocalDispatcher, command=STUB_WORKER))
        patch.setattr(workers, "room_here", lambda cpus: 1)  # a second one takes longer to start than to be of use
        yield
        workers.end_kept()
