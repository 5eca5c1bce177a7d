"""What people see on the screen and in logs."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from orchestrator.results import display
from orchestrator.results.status import Status


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=120), out


def status(**changes: object) -> Status:
    fields = {"total": 10, "done": 4, "running": 2, "failed": 1, "cached": 1, "metric": "accuracy"}
    fields |= {"best": 0.91, "best_std": 0.02, "best_number": 3}
    fields |= {"best_config": {"learning_rate": 0.00123456, "units": 8}, "seconds": 60.0, "seconds_left": 125.0}
    return Status(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "-"),
        (math.nan, "-"),
        (0.91234, "0.9123"),
        (0.0, "0.0000"),
        (123456.78, "123,456.8"),
        (1.2e12, "1.200e+12"),
        (1e-5, "1.000e-05"),
    ],
)
def test_numbers_are_short(given: float | None, shown: str) -> None:
    assert display.number(given) == shown


@pytest.mark.parametrize(("given", "shown"), [(None, "-"), (7.4, "7 s"), (125, "2 min 05 s"), (11520, "3 h 12 min")])
def test_durations_read_like_speech(given: float | None, shown: str) -> None:
    assert display.duration(given) == shown


def test_a_log_line_says_all_that_matters() -> None:
    to, out = console()
    display.PlainWatch(to).progress(status())
    assert out.getvalue() == (
        "4/10 trials; 2 running; 1 failed; 1 cached; 3.0 a minute; 1 min 00 s so far; about 2 min 05 s left; "
        "best accuracy 0.9100 ± 0.0200 (trial 3: learning_rate=0.001235, units=8)\n"
    )


def test_a_race_says_what_it_saved() -> None:
    to, out = console()
    display.PlainWatch(to).progress(status(given_up=3, fits=14, fits_saved=9, fits_total=50))
    assert "; 3 given up: 14 fits done, 9 saved, 27 left; " in out.getvalue()


def test_a_log_gets_one_line_in_a_while_and_always_the_last_one() -> None:
    to, out = console()
    watch = display.PlainWatch(to)
    for done in range(1, 11):
        watch.progress(status(done=done))
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["1/10", "10/10"]


def test_a_terminal_shows_a_live_table() -> None:
    to, out = console(terminal=True)
    with display.LiveWatch(to) as watch:
        watch.phase("training")
        watch.progress(status())
    shown = out.getvalue()
    assert "training" in shown
    assert "4/10" in shown
    assert "best accuracy 0.9100" in shown


def test_table_keeps_brackets_that_look_like_markup() -> None:
    to, out = console()
    to.print(display.table([{"config": "layers=[1]"}]))
    assert "layers=[1]" in out.getvalue()


def test_after_a_resume_the_rate_counts_only_what_was_trained_since() -> None:
    to, out = console()
    display.PlainWatch(to).progress(status(done=9, before=6, cached=1, failed=0))
    assert out.getvalue().startswith("9/10 trials; 2 running; 6 done before; 1 cached; 2.0 a minute; 1 min 00 s so far;")
