"""The ledger's tables as version 1 made them, for tests of what becomes of old ledgers. They never change again."""

from __future__ import annotations

import sqlalchemy as sa
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

FOLD = {
    "metrics": '{"accuracy": 0.75}',
    "history": '{"loss": [2.0, 1.0]}',
    "epoch": 1,
    "epochs_run": 2,
    "seconds": 0.5,
    "stopped": "epochs",
    "engine": "fused",
    "created": 3.0,
}


def write_old_ledger(url: str) -> None:
    """Make a ledger as version 1 left it: a sweep of two trials, one of them over, and their folds."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        METADATA.create_all(connection)
        connection.execute(SCHEMA.insert().values(version=1))
        sweep = {"id": 1, "name": "pima", "occasion": "manual-1", "state": "STOPPED", "spec": "{}", "created": 1.0, "attempt": 1}
        connection.execute(SWEEPS.insert().values(**sweep, facts='{"engine": "fused"}'))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT setval('kerasweep_sweeps_id_seq', 1)")
        trial = {"sweep": 1, "config": '{"units": 4}', "attempt": 1, "created": 2.0}
        connection.execute(TRIALS.insert().values(**trial, number=0, key="k", state="COMPLETED", score=0.75))
        connection.execute(TRIALS.insert().values(**trial, number=1, key="l", state="PENDING"))
        for key, fold in (("k", 0), ("k", 1), ("l", 0)):
            connection.execute(FOLDS.insert().values(**FOLD, key=key, fold=fold, sweep=1))
    engine.dispose()
