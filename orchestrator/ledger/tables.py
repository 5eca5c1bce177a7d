"""The ledger's tables, for SQLite and PostgreSQL alike. JSON stands in text columns: both databases keep it to the letter.

All names begin with ``kerasweep_``, so that the ledger can share a database with MLflow.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = 2
"""Raised whenever the tables change, with a step in ``migrations``; a ledger written by a newer version is refused."""

METADATA = MetaData()

SCHEMA = Table("kerasweep_schema", METADATA, Column("version", Integer, nullable=False))


def _projection() -> tuple[Column[int], Column[int]]:
    return (
        Column("revision", Integer, nullable=False, server_default="1"),
        Column("projected_revision", Integer, nullable=False, server_default="0"),
    )


SWEEPS = Table(
    "kerasweep_sweeps",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("occasion", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("spec", Text, nullable=False),
    Column("identity", Text),
    Column("created", Double, nullable=False),
    Column("finished", Double),
    Column("attempt", Integer, nullable=False),
    Column("owner_host", Text),
    Column("owner_pid", Integer),
    Column("owner_machine", Text),
    Column("heartbeat", Double),
    Column("lease_seconds", Double),
    Column("reason", Text),
    Column("facts", Text, nullable=False),
    Column("mlflow_experiment", Text),
    Column("mlflow_run", Text),
    *_projection(),
    UniqueConstraint("name", "occasion", name="kerasweep_sweeps_occasion"),
    sqlite_autoincrement=True,  # an id is never given twice, so that the greatest is the newest
)

TRIALS = Table(
    "kerasweep_trials",
    METADATA,
    Column("sweep", ForeignKey(SWEEPS.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("config", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("score", Double),
    Column("summary", Text),
    Column("cause", Text),
    Column("message", Text),
    Column("traceback", Text),
    Column("cohort", Text),
    Column("engine", Text),
    Column("engine_reason", Text),
    Column("cached_from", Text),
    Column("attempt", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("started", Double),
    Column("finished", Double),
    Column("mlflow_run", Text),
    *_projection(),
    Index("kerasweep_trials_key", "key"),
)
Index(
    "kerasweep_trials_unprojected",  # small at any time: the tracker asks often
    TRIALS.c.sweep,
    TRIALS.c.number,
    sqlite_where=text("revision <> projected_revision"),
    postgresql_where=text("revision <> projected_revision"),
)

FOLDS = Table(
    "kerasweep_folds",  # by the key of the work, whichever sweep did it
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("fold", Integer, primary_key=True),
    Column("metrics", Text, nullable=False),
    Column("history", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("epochs_run", Integer, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("stopped", String(20), nullable=False),
    Column("engine", Text, nullable=False),
    Column("engine_reason", Text),
    Column("size", BigInteger),
    Column("sweep", ForeignKey(SWEEPS.c.id), nullable=False),
    Column("created", Double, nullable=False),
    # 0: the result that all sweeps share; else the sweep that computed it again for itself
    Column("only_for", Integer, primary_key=True, autoincrement=False, server_default="0"),
    Index("kerasweep_folds_sweep", "sweep"),
)

SUBMISSIONS = Table(
    "kerasweep_submissions",
    METADATA,
    Column("sweep", ForeignKey(SWEEPS.c.id), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("id", String(400), nullable=False, unique=True),
    Column("state", String(20), nullable=False),
    Column("address", Text),
    Column("message", Text),
    Column("created", Double, nullable=False),
)

SCHEDULES = Table(
    "kerasweep_schedules",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("cron", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("overlap", String(20), nullable=False),
    Column("catch_up", Double, nullable=False),
    Column("spec", Text, nullable=False),
    Column("path", Text),
    Column("address", Text),
    Column("local_store", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("created", Double, nullable=False),
)

FIRINGS = Table(
    "kerasweep_firings",  # they outlive their schedule: its history
    METADATA,
    Column("schedule", String(200), primary_key=True),
    Column("due", BigInteger, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("owner_host", Text),
    Column("owner_pid", Integer),
    Column("owner_machine", Text),
    Column("not_before", Double),
    Column("occasion", String(100)),
    Column("submission", String(400)),
    Column("message", Text),
    Column("created", Double, nullable=False),
    Column("finished", Double),
    Index("kerasweep_firings_state", "state"),
)
