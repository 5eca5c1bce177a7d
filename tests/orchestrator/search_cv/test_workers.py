"""How many workers a search takes, how long they stay, and that nothing of it is left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from processes import all_gone
from sklearn.datasets import load_iris
from stub_estimators import StubClassifier

from orchestrator.search_cv import GridSearchCV, workers
from orchestrator.search_cv.workers import Wanted, wanted

pytestmark = pytest.mark.usefixtures("stub_workers")
X, Y = load_iris(return_X_y=True)
GRID = {"blur": [0.1, 1.0, 10.0]}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own for temporary files; no workers at its beginning."""
    workers.end_kept()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    workers.end_kept()
    assert list(tmp_path.iterdir()) == []


def running() -> list[int]:
    return [
        child.pid for child in psutil.Process().children(recursive=True) if "stub_estimator_worker" in " ".join(child.cmdline())
    ]


@pytest.mark.parametrize(("n_jobs", "number"), [(1, 1), (3, 3), (None, 4), (-1, 4), (-2, 3), (-99, 1)])
def test_n_jobs_means_what_it_means_to_scikit_learn(n_jobs: int | None, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "room_here", lambda cpus: 4)
    assert wanted(n_jobs, None) == Wanted(number)


def test_on_a_ray_the_cluster_says_how_many_fit() -> None:
    assert wanted(None, "auto") == Wanted(None, "auto")
    assert wanted(2, "auto") == Wanted(2, "auto")


def test_joblibs_context_counts() -> None:
    with joblib.parallel_config(n_jobs=3):
        assert wanted(None, None) == Wanted(3)


def test_inside_another_pool_there_is_one() -> None:
    assert joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(wanted)(3, None) for _ in range(2)) == [Wanted(1)] * 2
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(wanted, (3, None)) == Wanted(1)


def test_workers_stay_for_the_next_fit(scratch: Path) -> None:
    GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=2).fit(X, Y)
    before = running()
    assert len(before) == 2
    GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=2).fit(X, Y)
    assert running() == before
    GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=1).fit(X, Y)
    assert len(running()) == 1, "another number takes other workers"


def test_they_go_when_nobody_comes(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "KEPT_SECONDS", 0.2)
    GridSearchCV(StubClassifier(), GRID, cv=2).fit(X, Y)
    assert all_gone(running(), within=5.0)
    deadline = time.monotonic() + 5.0
    while list(scratch.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(scratch.iterdir()) == []


def test_an_exception_keeps_the_workers(scratch: Path) -> None:
    GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=1).fit(X, Y)
    before = running()
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        GridSearchCV(StubClassifier(), {"deed": ["fail"]}, cv=2, n_jobs=1).fit(X, Y)
    assert running() == before
    assert len(list(scratch.iterdir())) == 1, "their logs"


def test_searches_in_threads_have_workers_of_their_own(scratch: Path) -> None:
    def best(blur: float) -> float:
        return float(GridSearchCV(StubClassifier(), {"blur": [blur]}, cv=2, n_jobs=1).fit(X, Y).best_params_["blur"])

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(best, [0.1, 1.0, 2.0])) == [0.1, 1.0, 2.0]
    assert len(running()) == 1, "one of them keeps its own"


def test_a_forked_child_leaves_its_parents_workers_alone(scratch: Path) -> None:
    GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=1).fit(X, Y)
    before = running()
    child = multiprocessing.get_context("fork").Process(target=workers.end_kept)
    child.start()
    child.join()
    assert running() == before
    assert GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=1).fit(X, Y).best_index_ == 0


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C raises, as in a terminal: a shell starts what it puts in the background with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_ends_it_within_two_seconds_and_leaves_nothing(scratch: Path, n_jobs: int) -> None:
    search = GridSearchCV(StubClassifier(), {"deed": [("sleep", 60.0)], "blur": [1.0, 2.0]}, cv=2, n_jobs=n_jobs)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    seen: dict[str, Any] = {}

    def interrupt() -> None:
        while len(running()) < n_jobs:
            time.sleep(0.05)
        time.sleep(1.5)
        seen["pids"], seen["at"] = running(), time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    took = time.monotonic() - seen["at"]
    thread.join()
    assert took < 2.0
    assert all_gone(seen["pids"], within=0.5)
    assert list(scratch.iterdir()) == []
    assert not hasattr(search, "n_splits_")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.full
def test_many_searches_leave_no_file_no_process_and_no_memory(scratch: Path) -> None:
    process = psutil.Process()
    GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=1).fit(X, Y)
    gc.collect()
    before, threads, files = process.memory_info().rss, threading.active_count(), process.num_fds()
    for _ in range(15):
        GridSearchCV(StubClassifier(), GRID, cv=2, n_jobs=1).fit(X, Y)
    gc.collect()
    assert len(running()) == 1
    assert len(list(scratch.iterdir())) == 1
    assert process.memory_info().rss - before < 20 * 2**20
    assert threading.active_count() <= threads + 1
    assert process.num_fds() <= files + 4


def test_a_process_that_ends_takes_its_workers_along(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import functools, sys, psutil
        from orchestrator.dispatch import LocalDispatcher
        from orchestrator.search_cv import GridSearchCV, workers
        from sklearn.datasets import load_iris
        from stub_estimators import StubClassifier

        workers.LocalDispatcher = functools.partial(LocalDispatcher, command=sys.argv[1:])
        GridSearchCV(StubClassifier(), {"blur": [1.0]}, cv=2, n_jobs=1).fit(*load_iris(return_X_y=True))
        print(*[child.pid for child in psutil.Process().children(recursive=True)])
        """
    )
    root = Path(__file__).parents[3]
    paths = f"{root}{os.pathsep}{root / 'tests' / 'fakes'}"
    environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path)}
    worker = str(root / "tests" / "fakes" / "stub_estimator_worker.py")
    ended = subprocess.run(
        [sys.executable, "-", sys.executable, worker], input=script, env=environment, capture_output=True, text=True, check=True
    )
    assert all_gone(map(int, ended.stdout.split()), within=3.0)
    assert ended.stderr == ""
    assert list(tmp_path.iterdir()) == []
