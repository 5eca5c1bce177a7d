"""Old tables brought to this version inside the caller's transaction, and the copy that is made of a SQLite file before.

A step spells out what it changes: ``tables.py`` says how the newest tables look, never how older ones became so.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import Connection

from orchestrator.errors import LedgerError
from orchestrator.ledger.migrations import version_2
from orchestrator.ledger.tables import SCHEMA, SCHEMA_VERSION

if TYPE_CHECKING:
    from alembic.operations import Operations

STEPS: Mapping[int, Callable[[Operations], None]] = {2: version_2.upgrade}
"""What brings the tables of the version before to this one."""


def migrate(connection: Connection, version: int) -> None:
    """Bring tables of ``version`` to ``SCHEMA_VERSION``. Whoever calls has a transaction that nobody else can migrate beside."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    operations = Operations(MigrationContext.configure(connection))
    for step in range(version + 1, SCHEMA_VERSION + 1):
        STEPS[step](operations)
    connection.execute(SCHEMA.update().values(version=SCHEMA_VERSION))


def copy_before(file: Path, version: int) -> Path:
    """Copy a SQLite database as it was last committed, and return the copy: ``ledger.db.v1.bak`` beside ``ledger.db``.

    One that is there already is replaced: it was made by somebody who then did not finish.

    Raises
    ------
    LedgerError : it cannot be written.
    """
    copy = file.with_name(f"{file.name}.v{version}.bak")
    aside = copy.with_name(f"{copy.name}.{os.getpid()}")
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(aside)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, whole without a log beside it
        shutil.copymode(file, aside)
        aside.replace(copy)
    except (OSError, sqlite3.Error) as error:
        aside.unlink(missing_ok=True)
        raise LedgerError(
            f"Ledger {str(file)!r}: its tables have version {version} and must become {SCHEMA_VERSION}, but the copy that is "
            f"made first cannot be written to {str(copy)!r}: {error}. Nothing is changed; make room there and try again."
        ) from error
    return copy
