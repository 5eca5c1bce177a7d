"""The database under the ledger: opening it, its tables, and transactions that mean the same on SQLite and PostgreSQL.

What a commit survives. A committed row outlives its process, killed with -9 at any moment: SQLite's write-ahead log is in the
operating system's hands by then. With ``synchronous=NORMAL`` a power cut may take the last commits with it, never the database's
soundness; PostgreSQL keeps even those.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from orchestrator.errors import LedgerAwayError, LedgerError, LedgerUrlError, NotFoundError
from orchestrator.ledger.tables import METADATA, SCHEMA, SCHEMA_VERSION
from orchestrator.redaction import without_password

logger = logging.getLogger(__name__)

BUSY_SECONDS = 30
"""How long a writer waits for another one before it gives up."""

_SETUP_LOCK = 0x6B65726173  # PostgreSQL's advisory lock for making the tables; one number that nobody else has use for
_WRITES = "kerasweep_writes"


def ledger_url(place: str | os.PathLike[str]) -> str:
    """Return the URL of a ledger that is named by its URL, or by the path of its SQLite file."""
    return place if isinstance(place, str) and "://" in place else f"sqlite:///{os.fspath(place)}"


class Database:
    """One database, open. Threads may share it; a forked child may not.

    Parameters
    ----------
    url : ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db`` or ``postgresql://user:password@host/database``.
    create : whether a ledger is made where there is none.

    Raises
    ------
    LedgerError : the database cannot be opened, is no ledger, or was written by a newer version.
    NotFoundError : there is none, and none is to be made.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            shown = without_password(url)
            raise LedgerUrlError(f"Ledger: expected a URL such as 'sqlite:///kerasweep.db'. Got {shown!r} instead.") from error
        self.url = without_password(parsed.render_as_string())
        """The URL for messages: a password in it is hidden."""
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise LedgerUrlError(f"Ledger: expected a sqlite:/// or postgresql:// URL. Got {self.url!r} instead.")
        self.is_sqlite = backend == "sqlite"
        try:
            if self.is_sqlite:
                self._engine = _sqlite_engine(parsed)
            else:
                self._engine = _postgresql_engine(parsed)
            self._writing = self._engine.execution_options(**{_WRITES: True})
        except ModuleNotFoundError as error:
            remedy = "install it by pip install 'kerasweep[postgres]'" if error.name == "psycopg" else "install it"
            raise LedgerError(f"Ledger {self.url}: the driver {error.name!r} is not installed; {remedy}.") from error
        try:
            if not create and not self._is_there():
                raise NotFoundError(f"There is no ledger {self.url}.")
            self._set_up()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection inside a transaction that only reads."""
        with self._named_errors("read"), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection inside a transaction that writes: committed as a whole at the end, or not at all after an exception.

        On SQLite it is the only writer from its first statement on (``BEGIN IMMEDIATE``), so that what it reads stays true.
        """
        with self._named_errors("written"), self._writing.begin() as connection:
            yield connection

    def lock_name(self, connection: Connection, name: str) -> None:
        """Keep other transactions that lock the same ``name`` waiting until this one ends."""
        if not self.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, _SETUP_LOCK))))

    def keep_as_it_is(self, connection: Connection, table: sa.Table) -> None:
        """Keep others from writing to ``table`` until this transaction, which writes, ends."""
        if not self.is_sqlite:  # there it is the only one that writes
            connection.execute(sa.text(f"LOCK TABLE {table.name} IN SHARE MODE"))

    def compact(self) -> None:
        """Give a SQLite file's free pages back to the disk; PostgreSQL does so by itself."""
        if self.is_sqlite:
            with self._named_errors("compacted"):
                connection = self._engine.raw_connection()
                try:
                    connection.cursor().execute("VACUUM")
                    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    connection.close()

    def insert_new(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """Return an INSERT that leaves rows alone which are there already."""
        if self.is_sqlite:
            return sqlite.insert(table).on_conflict_do_nothing()
        return postgresql.insert(table).on_conflict_do_nothing()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _is_there(self) -> bool:
        if self.is_sqlite and not self._file.exists():
            return False
        with self.read() as connection:
            return self._version(connection) is not None

    def _set_up(self) -> None:
        """Make the tables or bring old ones up to date, once, however many processes open the database at the same time."""
        with self._named_errors("opened"):
            if self.is_sqlite:
                self._switch_to_wal()
            with self._engine.begin() as connection:
                version = self._version(connection)
            if version is None or version < SCHEMA_VERSION:
                with self._writing.begin() as connection:
                    if not self.is_sqlite:
                        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SETUP_LOCK)))
                    version = self._bring_up_to_date(connection)
        if version > SCHEMA_VERSION:
            raise LedgerError(
                f"Ledger {self.url}: its tables have version {version}, this kerasweep knows version {SCHEMA_VERSION}. "
                "Install the newer kerasweep that wrote it, or name another ledger."
            )

    def _bring_up_to_date(self, connection: Connection) -> int:
        """Make the tables, or change old ones; the caller's transaction lets nobody else do so. Return their version."""
        version = self._version(connection)  # somebody may have been faster
        if version is None:
            METADATA.create_all(connection)
            connection.execute(SCHEMA.insert().values(version=SCHEMA_VERSION))
        elif version < SCHEMA_VERSION:
            from orchestrator.ledger.migrations import copy_before, migrate

            kept = f"; a copy from before is {copy_before(self._file, version)}" if self.is_sqlite else ""
            migrate(connection, version)
            logger.warning("the ledger %s has tables of version %d now, from %d%s", self.url, SCHEMA_VERSION, version, kept)
        return max(version or 0, SCHEMA_VERSION)

    @property
    def _file(self) -> Path:
        return Path(self._engine.url.database or "").absolute()

    @staticmethod
    def _version(connection: Connection) -> int | None:
        if not sa.inspect(connection).has_table(SCHEMA.name):
            return None
        version: int | None = connection.scalar(sa.select(sa.func.max(SCHEMA.c.version)))
        return version

    def _switch_to_wal(self) -> None:
        """Put the file into WAL mode, which it keeps. The switch does not wait for other openers by itself."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            finally:
                connection.close()

    @contextmanager
    def _named_errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            cause = str(error.orig).strip() if isinstance(error, DBAPIError) else str(error)
            kind = LedgerAwayError if self._is_away(error) else LedgerError
            raise kind(f"Ledger {self.url} cannot be {done}: {cause}. {self._remedy(cause)}") from error

    def _is_away(self, error: Exception) -> bool:
        """Whether the server may come back; a busy SQLite file has been waited for already, and its disk does not come back."""
        if self.is_sqlite or not isinstance(error, DBAPIError):
            return False
        return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)

    def _remedy(self, cause: str) -> str:
        if not self.is_sqlite:
            return "Check that the server runs and that host, port, user, password and database are right."
        path = self._file
        if not path.parent.is_dir():
            return f"Make the folder {str(path.parent)!r} first, or name another path."
        if "locked" in cause:
            return f"Another process has been writing to it for over {BUSY_SECONDS} s; end that process, or try again."
        if "not a database" in cause:
            return f"Move the file {str(path)!r} away, or name another path."
        return f"Check that {str(path)!r} can be written and that its disk has room."


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:" or url.query:
        raise LedgerError(
            f"Ledger: expected the path of a file, as in 'sqlite:///kerasweep.db'. Got {url.render_as_string()!r} instead; "
            "a ledger in memory would forget what is finished."
        )
    # Absolute from the start: a driver that changes its folder later must not find itself in another file.
    engine = sa.create_engine(url.set(database=str(Path(url.database).absolute())))

    # sqlite3 begins transactions when it sees fit (not before a SELECT), so it is told not to, and SQLAlchemy's begin does it.
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writes: Any = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    # A connection that the server has dropped meanwhile (a restart) is replaced before it is used.
    return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
