"""A ledger that cannot be opened says where it is, what is wrong, and what to do; an open one is set up as it should be."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.errors import LedgerError
from orchestrator.ledger.database import Database
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.tables import SCHEMA_VERSION


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=rf"Ledger sqlite:///.* cannot be opened: .*Make the folder '{tmp_path}/no/such' first"):
        Ledger(f"sqlite:///{tmp_path}/no/such/ledger.db")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all, but long enough to have a header\n" * 5)
    with pytest.raises(LedgerError, match=r"not a database\. Move the file '.*notes\.txt' away, or name another path"):
        Ledger(f"sqlite:///{path}")
    assert path.read_text().startswith("not a database at all")


def test_a_folder_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"cannot be opened: unable to open database file\. Check that '.*' can be written"):
        Ledger(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("kerasweep.db", r"expected a URL such as 'sqlite:///kerasweep\.db'\. Got 'kerasweep\.db' instead"),
        ("mysql://user:secret@host/db", r"sqlite:/// or postgresql:// URL\. Got 'mysql://user:\*\*\*@host/db' instead"),
        ("mysql://host/db?password=secret", r"Got 'mysql://host/db\?password=\*\*\*' instead"),
        ("sqlite://", r"a ledger in memory would forget"),
        ("sqlite:///:memory:", r"a ledger in memory would forget"),
        ("sqlite:///file:x.db?mode=ro&uri=true", r"expected the path of a file"),
    ],
)
def test_a_url_that_is_no_ledgers_is_refused(url: str, message: str) -> None:
    with pytest.raises(LedgerError, match=message):
        Ledger(url)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(LedgerError, match=r"Check that the server runs") as caught:
        Ledger("postgresql://kerasweep:secret@127.0.0.1:1/kerasweep")
    assert "postgresql://kerasweep:***@127.0.0.1:1/kerasweep cannot be opened" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"'psycopg' is not installed; install it by pip install 'kerasweep\[postgres\]'"):
        Ledger("postgresql://kerasweep@127.0.0.1:1/kerasweep")


def test_sqlite_is_set_up_for_several_writers_and_crashes(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    with database.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert settings == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_writer_is_alone_from_its_first_statement_on(tmp_path: Path) -> None:
    """Two that read, then write what they read plus one, would else lose an update or fail with 'database is locked'."""
    database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")

    def add_many() -> None:
        for _ in range(50):
            with database.write() as connection:
                version = connection.exec_driver_sql("SELECT version FROM kerasweep_schema").scalar_one()
                connection.exec_driver_sql("UPDATE kerasweep_schema SET version = ?", (version + 1,))

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version FROM kerasweep_schema").scalar_one() == SCHEMA_VERSION + 4 * 50
    database.close()


def test_a_new_database_is_opened_by_many_at_the_same_moment(ledger_url: str) -> None:
    start = threading.Barrier(6)

    def open_and_close(_: int) -> int:
        start.wait()
        database = Database(ledger_url)
        with database.read() as connection:
            rows = connection.exec_driver_sql("SELECT count(*) FROM kerasweep_schema").scalar_one()
        database.close()
        return int(rows)

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(open_and_close, range(6))) == [1] * 6


def test_an_exception_in_a_transaction_undoes_it(ledger_url: str) -> None:
    database = Database(ledger_url)

    def fail_halfway() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE kerasweep_schema SET version = 7")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail_halfway()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT version FROM kerasweep_schema").scalar_one() == SCHEMA_VERSION
    database.close()


def test_a_row_without_its_sweep_is_refused(ledger_url: str) -> None:
    database = Database(ledger_url)
    with pytest.raises(LedgerError, match="cannot be written"), database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO kerasweep_trials (sweep, number, key, config, state, attempt, created) "
            "VALUES (9, 0, 'k', '{}', 'PENDING', 0, 0)"
        )
    database.close()


def test_a_relative_path_stays_the_same_file_when_the_process_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Ledger("sqlite:///ledger.db") as ledger:
        monkeypatch.chdir(tmp_path / "elsewhere")
        ledger._database._engine.dispose()  # so that the next statement opens the file anew
        ledger.claim_sweep("pima", {}, None, Owner("here", 1), 60)
    assert not (tmp_path / "elsewhere" / "ledger.db").exists()
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        assert ledger.sweep("pima").occasion == "manual-1"


def test_a_database_that_goes_away_and_comes_back_is_used_again(postgres_url: str, postgres_server: sa.URL) -> None:
    with Ledger(postgres_url) as ledger:
        ledger.claim_sweep("pima", {}, None, Owner("here", 1), 60)
        engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'postgres'"
            )
        engine.dispose()
        assert ledger.sweep("pima").occasion == "manual-1"


def test_opening_a_ledger_loads_no_heavy_package() -> None:
    code = "import sys, orchestrator.ledger.ledger, orchestrator.results.formats as _; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "tensorflow", "jax", "ray", "mlflow", "pandas", "scipy", "sklearn"} & set(loaded)
