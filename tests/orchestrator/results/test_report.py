"""What changed between two occasions, in words and as data; who hears of it, and what a dead webhook does: nothing."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fake_sweeps import DATA, Clock, fake_config, fake_key, fake_spec

from orchestrator.champion.webhook import notify, post
from orchestrator.cli.root import main
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow, TrialEnd
from orchestrator.results.finalists import Finalist, Finals
from orchestrator.results.report import is_reported, report_of
from orchestrator.search.trials import SweepState, Trial, TrialState
from orchestrator.tracking.note import MOST_CHARACTERS, sweep_note
from trainers.results import TrialResult

FIRST, SECOND = "2026-11-20T02:00Z", "2026-11-21T02:00Z"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger(url, Clock(step=10.0)) as ledger:
        yield ledger


def night(
    ledger: Ledger,
    occasion: str,
    *,
    best: int = 3,
    score: float = 0.9,
    state: SweepState = SweepState.COMPLETED,
    spec: dict[str, Any] | None = None,
    **facts: Any,
) -> SweepRow:
    """One occasion: trial ``best`` with ``score``, a worse one that was taken over, one that failed."""
    sweep = claim(ledger, occasion, spec or {})
    numbers = [best, best + 1, best + 2]
    ledger.add_trials(sweep, [Trial(number, fake_config(number), fake_key(number)) for number in numbers])
    for number, value, origin in ((best, score, None), (best + 1, score - 0.1, f"demo/{FIRST}/{best + 1}")):
        spread = {"accuracy": 0.004}
        summary = TrialResult(mean={"accuracy": value}, std={"accuracy": 0.01}, standard_error=spread, seconds=30.0, epoch=5)
        end = TrialEnd(number=number, state=TrialState.COMPLETED, score=value, summary=summary, cached_from=origin)
        ledger.commit(sweep, ends=[end])
    ledger.finish_trial(sweep, best + 2, TrialState.FAILED, cause="exception", message="boom")
    ledger.update_facts(sweep, {"data": DATA, "winner": best} | facts)
    return ledger.finish_sweep(sweep, state, "no luck" if state is SweepState.FAILED else None)


def claim(ledger: Ledger, occasion: str, spec: dict[str, Any]) -> SweepRow:
    return ledger.claim_sweep("demo", fake_spec(**spec), None, Owner("host", 1), 30.0, occasion=occasion)


def text_of(ledger: Ledger, sweep: SweepRow) -> str:
    return report_of(ledger, sweep).markdown()


def test_the_first_night_has_nothing_to_be_compared_with(ledger: Ledger) -> None:
    text = text_of(ledger, night(ledger, FIRST))
    assert text.startswith("### The first time")
    assert "**Best now:** accuracy 0.9 (standard error 0.004, over folds 0.01), trial 3" in text
    assert "last time" not in text
    assert "+ learning_rate: " in text
    assert "**Data:** 569 rows, fingerprint `f00df00df00d`" in text


def test_the_second_night_says_best_data_trials_time_and_cost_beside_the_first(ledger: Ledger) -> None:
    night(ledger, FIRST)
    text = text_of(ledger, night(ledger, SECOND, best=4, score=0.92))
    assert text.startswith(f"### What changed since demo/{FIRST}")
    assert f"**demo/{SECOND}:** completed" in text
    assert "accuracy 0.92 (standard error 0.004, over folds 0.01), trial 4; **last time:** accuracy 0.9 (" in text
    assert "trial 3: better by 0.02" in text
    assert "**Data:** unchanged, 569 rows" in text
    assert "**Trials:** 2 run, 1 cached, 1 failed (last time 2 run, 1 cached, 1 failed)" in text
    assert "**Time:** 50 s (last time 50 s)" in text
    assert "**cost:** 30 worker-seconds (last time 30 worker-seconds)" in text
    assert "Champion" not in text


def test_the_best_config_is_a_diff(ledger: Ledger) -> None:
    night(ledger, FIRST, best=3)
    text = text_of(
        ledger, night(ledger, SECOND, best=5, spec={"trainer": {"type": "mlp", "builder": None, "params": {"l2": 0.1}}})
    )
    block = text.split("```diff")[1].split("```")[0]
    lines = [line[2:] for line in block.strip("\n").splitlines()]
    assert "- units: 4" in lines
    assert "+ units: 6" in lines
    assert '  optimizer: "sgd"' in lines
    assert "+ l2: 0.1" in lines
    assert "- hidden_layers: 2" in lines
    assert "  epochs: 20" in lines


def test_an_unchanged_config_and_a_worse_score_are_said(ledger: Ledger) -> None:
    night(ledger, FIRST, score=0.9)
    text = text_of(ledger, night(ledger, SECOND, score=0.89))
    assert "worse by 0.01" in text
    assert "**Best config:** as last time (epochs = 20" in text
    assert "```" not in text


def test_an_error_that_falls_is_better(ledger: Ledger) -> None:
    spec = {"objective": {"metric": "accuracy", "direction": "minimize", "select": "best"}}
    night(ledger, FIRST, score=0.9, spec=spec)  # the trial beside it has 0.1 less, so it is the best
    text = text_of(ledger, night(ledger, SECOND, score=0.7, spec=spec))
    assert "**Best now:** accuracy 0.6 " in text
    assert "accuracy 0.8 " in text
    assert "better by 0.2" in text


def test_other_data_is_said_with_its_rows_and_the_scores_are_marked(ledger: Ledger) -> None:
    night(ledger, FIRST)
    text = text_of(ledger, night(ledger, SECOND, score=0.95, data=DATA | {"rows": 600, "fingerprint": "beef" * 16}))
    assert "**Data:** changed, 569 -> 600 rows, fingerprint `f00df00df00d` -> `beefbeefbeef`" in text
    assert "better by 0.05 (of other data)" in text
    same_rows = text_of(ledger, night(ledger, "2026-11-22T02:00Z", data=DATA | {"rows": 600, "fingerprint": "cafe" * 16}))
    assert "**Data:** changed, still 600 rows" in same_rows


def test_another_objective_is_not_compared(ledger: Ledger) -> None:
    night(ledger, FIRST)
    spec = {"objective": {"metric": "roc_auc", "direction": "maximize", "select": "best"}}
    assert "The objective has changed" in text_of(ledger, night(ledger, SECOND, spec=spec))


def test_the_champion_and_the_cost_of_the_comparison_are_told(ledger: Ledger) -> None:
    outcome = {"model": "m", "version": "4", "champion": False, "previous": None, "reason": "it is not better."}
    text = text_of(ledger, night(ledger, FIRST, promotion=outcome, comparison={"seconds": 12.0}))
    assert "**Champion:** m/4 stays challenger: it is not better." in text
    assert "**cost:** 42 worker-seconds" in text
    won = outcome | {"champion": True, "previous": "2", "reason": "better with p = 0.01."}
    text = text_of(ledger, night(ledger, SECOND, promotion=won))
    assert "m/4 became champion, in the place of version 2: better with p = 0.01." in text


def test_last_time_is_the_last_one_that_was_completed(ledger: Ledger) -> None:
    night(ledger, FIRST, score=0.7)
    night(ledger, SECOND, state=SweepState.FAILED)
    third = night(ledger, "2026-11-22T02:00Z", score=0.8)
    night(ledger, "2026-11-23T02:00Z")
    assert f"since demo/{FIRST}" in text_of(ledger, third)


def test_a_night_that_failed_before_its_data_was_read_has_a_report_too(ledger: Ledger) -> None:
    night(ledger, FIRST)
    sweep = ledger.finish_sweep(claim(ledger, SECOND, {}), SweepState.FAILED, "no such file")
    text = text_of(ledger, sweep)
    assert f"**demo/{SECOND}:** failed (no such file)" in text
    assert "**Best now:** no trial has a score; **last time:** accuracy 0.9" in text
    assert "0 run, 0 cached, 0 failed" in text


@pytest.mark.parametrize(
    ("occasion", "state", "reported"),
    [
        (FIRST, SweepState.COMPLETED, True),
        ("2026-11-20T02:00:30Z", SweepState.COMPLETED, True),
        (FIRST, SweepState.FAILED, True),
        (FIRST, SweepState.STOPPED, False),
        ("nightly-29384920", SweepState.COMPLETED, True),
        ("manual-1", SweepState.COMPLETED, False),
    ],
)
def test_nights_that_are_over_end_with_a_report(ledger: Ledger, occasion: str, state: SweepState, reported: bool) -> None:
    assert is_reported(night(ledger, occasion, state=state)) is reported


def test_the_command_prints_the_report_of_any_sweep(ledger: Ledger, url: str) -> None:
    night(ledger, FIRST)
    night(ledger, "manual-1", score=0.92)
    result = CliRunner().invoke(main, ["report", "demo", "--ledger", url])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"### What changed since demo/{FIRST}")
    record = json.loads(CliRunner().invoke(main, ["report", "demo/manual-1", "--ledger", url, "--json"]).stdout)
    assert record["text"] + "\n" == result.stdout
    assert (record["now"]["best"]["score"], record["last"]["best"]["score"]) == (0.92, 0.9)
    assert record["now"]["trials"] == {"run": 2, "cached": 1, "failed": 1, "given_up": 0}
    missing = CliRunner().invoke(main, ["report", "other", "--ledger", url])
    assert missing.exit_code == 2


def test_the_description_ends_with_the_report_and_keeps_to_its_length(ledger: Ledger) -> None:
    sweep = night(ledger, FIRST)
    trials = ledger.trials(sweep.id)
    assert sweep_note(sweep, trials, "the report").endswith("\n\nthe report")
    long = sweep_note(sweep, trials, "x" * 20_000)
    assert len(long) <= MOST_CHARACTERS
    assert "Winner: trial 3" in long


# --- the webhook --------------------------------------------------------------------------------------------------------------


class Hook:
    """A web server on this machine that answers with the codes it is given, and keeps what it gets."""

    def __init__(self, codes: list[int]) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.got.append((self.headers["Content-Type"], body))
                self.send_response(codes.pop(0))
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/secret"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Hook:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def test_a_webhook_gets_the_report_as_json(ledger: Ledger) -> None:
    sweep = claim(ledger, FIRST, {})
    ledger.finish_sweep(sweep, SweepState.FAILED, "boom")
    with Hook([200]) as hook:
        notify(ledger, sweep, hook.url)
    ((kind, content),) = hook.got
    assert kind == "application/json"
    assert (content["sweep"], content["occasion"], content["state"]) == ("demo", FIRST, "FAILED")
    assert "boom" in content["text"]


def test_a_webhook_hears_nothing_of_runs_by_hand_nor_of_another_drivers_sweep(ledger: Ledger) -> None:
    by_hand = night(ledger, "manual-1")
    mine = claim(ledger, FIRST, {})
    ledger.finish_sweep(mine, SweepState.STOPPED)
    ledger.finish_sweep(claim(ledger, FIRST, {}), SweepState.FAILED)
    with Hook([]) as hook:
        notify(ledger, by_hand, hook.url)
        notify(ledger, mine, hook.url)
        notify(ledger, mine, None)
    assert hook.got == []


def test_a_webhook_that_stumbles_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    pauses: list[float] = []
    with Hook([503, 429, 204]) as hook:
        assert post(hook.url, {"sweep": "demo", "occasion": FIRST}, sleep=pauses.append)
    assert len(hook.got) == 3
    assert pauses == [1.0, 4.0]
    assert caplog.records == []


@pytest.mark.parametrize(("code", "tries"), [(500, 3), (404, 1), (302, 1)])
def test_a_webhook_that_refuses_is_a_warning_without_its_address(caplog: pytest.LogCaptureFixture, code: int, tries: int) -> None:
    with Hook([code] * 3) as hook:
        assert not post(hook.url, {"sweep": "demo", "occasion": FIRST}, sleep=lambda pause: None)
    assert len(hook.got) == tries
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"127.0.0.1 did not take the report of demo/{FIRST}: it answered {code}" in record.getMessage()
    assert "secret" not in record.getMessage()


def test_a_dead_webhook_never_fails_a_sweep(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with Hook([]) as hook:
        pass
    assert not post(hook.url, {"sweep": "demo", "occasion": FIRST}, sleep=lambda pause: None, timeout=0.5)
    assert "refused" in caplog.text
    sweep = claim(ledger, FIRST, {})
    ledger.forget_sweep(sweep)
    notify(ledger, sweep, hook.url)  # not even when the sweep itself is gone
    assert "could not be made for the webhook" in caplog.text


def test_a_sweep_begun_by_hand_has_no_webhook(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    sweep = claim(ledger, "manual-1", {})
    ledger.forget_sweep(sweep)
    notify(ledger, sweep, "http://127.0.0.1:9/")
    assert caplog.text == ""


def test_finalists_and_their_cost_are_told(ledger: Ledger) -> None:
    looked = Finals(
        metric="accuracy",
        folds=6,
        repeats=2,
        finalists=(Finalist(trial=3, search=0.9, fresh=0.85), Finalist(trial=4, search=0.8, fresh=0.87)),
        winner=4,
        cross_fitted=0.86,
        seconds=12.0,
    )
    sweep = night(ledger, FIRST, winner=4, finalists=looked.record())
    text = text_of(ledger, sweep)
    assert (
        "- **Best now:** accuracy 0.8 (standard error 0.004, over folds 0.01), trial 4\n- **Finalists:** 2 finalists on" in text
    )
    assert "trial 4 wins with accuracy 0.87; a winner chosen so is worth 0.86 (cross-fitted)." in text
    assert "42 worker-seconds" in text
    record = report_of(ledger, sweep).record()
    assert record["now"]["best"]["trial"] == 4
    assert record["now"]["finalists"]["cross_fitted"] == 0.86
    assert "finalists" not in text_of(ledger, night(ledger, SECOND)).lower()
