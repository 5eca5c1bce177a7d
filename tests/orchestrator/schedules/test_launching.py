"""Sweeps as processes of their own: begun once, whoever asks again; what goes wrong before they have begun is told."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import LaunchError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.schedules.launching import Order, ProcessLauncher
from orchestrator.search.trials import SweepState

DRIVER = (sys.executable, str(Path(__file__).parents[2] / "fakes" / "fake_driver.py"))
OCCASION = "2026-11-20T02:00Z"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url) as opened:
        yield opened


@pytest.fixture
def launcher(ledger: Ledger, url: str, tmp_path: Path) -> ProcessLauncher:
    return ProcessLauncher(ledger, url, lambda name, occasion: tmp_path / name / occasion / "driver.log", command=DRIVER)


def order(behaviour: str = "drive") -> Order:
    return Order(spec={"sweep": {"name": "pima", "behaviour": behaviour, "ledger": "sqlite:///elsewhere.db"}}, occasion=OCCASION)


def completed(ledger: Ledger) -> bool:
    deadline = time.monotonic() + 20
    while ledger.sweep("pima", OCCASION).state is not SweepState.COMPLETED:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_launched_sweep_is_driven_in_the_scheduler_s_ledger(launcher: ProcessLauncher, ledger: Ledger, tmp_path: Path) -> None:
    submission = launcher.reserve(order())
    assert submission == "pima-2026-11-20T02:00Z-a1"
    launcher.launch(order(), submission)
    sweep = ledger.sweep("pima", OCCASION)
    assert launcher.is_running(sweep)
    assert launcher.reserve(order()) == submission, "the attempt at work"
    assert completed(ledger)
    assert not launcher.is_running(ledger.sweep("pima", OCCASION))
    assert (tmp_path / "pima" / OCCASION / "driver.log").read_text() == "this driver will drive\n"
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_sweep_launched_again_is_left_alone(launcher: ProcessLauncher, ledger: Ledger) -> None:
    for _ in range(2):
        launcher.launch(order(), launcher.reserve(order()))
    assert completed(ledger)
    launcher.launch(order(), launcher.reserve(order()))
    assert ledger.sweep("pima", OCCASION).attempt == 1


def test_two_that_launch_at_the_same_moment_begin_one_sweep(launcher: ProcessLauncher, ledger: Ledger) -> None:
    errors: list[Exception] = []

    def launch() -> None:
        try:
            launcher.launch(order(), launcher.reserve(order()))
        except LaunchError as error:
            errors.append(error)

    threads = [threading.Thread(target=launch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert completed(ledger)
    assert ledger.sweep("pima", OCCASION).attempt == 1


def test_a_sweep_whose_driver_is_gone_is_continued_by_the_next_attempt(launcher: ProcessLauncher, ledger: Ledger) -> None:
    gone = ledger.claim_sweep("pima", {}, None, Owner("gone", 1), 0.0, occasion=OCCASION)
    ledger.finish_sweep(gone, SweepState.STOPPED)
    submission = launcher.reserve(order())
    assert submission == "pima-2026-11-20T02:00Z-a2"
    launcher.launch(order(), submission)
    assert completed(ledger)
    assert ledger.sweep("pima", OCCASION).attempt == 2


def test_a_driver_that_fails_after_it_has_begun_is_the_sweep_s_own_failure(launcher: ProcessLauncher, ledger: Ledger) -> None:
    launcher.launch(order("die"), launcher.reserve(order("die")))
    assert ledger.sweep("pima", OCCASION).attempt == 1


@pytest.mark.parametrize(("behaviour", "code", "words"), [("refuse", 1, "no such column"), ("find mistakes", 2, "no such file")])
def test_a_driver_that_ends_before_it_has_begun_is_a_failed_launch(
    launcher: ProcessLauncher, behaviour: str, code: int, words: str
) -> None:
    with pytest.raises(LaunchError, match=f"a1: this driver will {behaviour}.*{words}.*driver.log") as raised:
        launcher.launch(order(behaviour), launcher.reserve(order(behaviour)))
    assert raised.value.exit_code == code


def test_a_driver_that_hangs_before_it_has_begun_is_killed(launcher: ProcessLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.schedules.launching.START_SECONDS", 1.0)
    with pytest.raises(LaunchError, match="a1: the driver had not begun after 1 s"):
        launcher.launch(order("hang"), launcher.reserve(order("hang")))


def test_a_command_that_is_not_there_is_a_failed_launch(ledger: Ledger, url: str, tmp_path: Path) -> None:
    launcher = ProcessLauncher(ledger, url, lambda name, occasion: tmp_path / "driver.log", command=["/no/such/kerasweep"])
    with pytest.raises(LaunchError, match=r"pima/2026-11-20T02:00Z cannot be started: .*No such file"):
        launcher.launch(order(), launcher.reserve(order()))
