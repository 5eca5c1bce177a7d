"""A ledger of an older version opens as one of this version: same tables as a new one, every row kept, a copy made before."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import tables_version_1 as old
from tables_version_1 import FOLD, write_old_ledger

from orchestrator.errors import LedgerError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.migrations import steps
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.tables import METADATA, SCHEMA_VERSION
from orchestrator.search.trials import TrialState


@contextmanager
def database(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def old_url(ledger_url: str) -> str:
    write_old_ledger(ledger_url)
    return ledger_url


def described(connection: sa.Connection) -> dict[str, Any]:
    """All that the database says of the ledger's tables."""
    looked = sa.inspect(connection)
    keyed = {table: looked.get_pk_constraint(table) for table in looked.get_table_names() if table.startswith("kerasweep_")}
    return {
        table: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], str(column["default"]).strip("'"))
                for column in looked.get_columns(table)
            ],
            "key": (sorted(key["constrained_columns"]), key["name"] if connection.dialect.name == "postgresql" else None),
            "indexes": sorted((one["name"], tuple(one["column_names"]), one["unique"]) for one in looked.get_indexes(table)),
            "unique": sorted((str(one["name"]), tuple(one["column_names"])) for one in looked.get_unique_constraints(table)),
            "foreign": sorted((*one["constrained_columns"], one["referred_table"]) for one in looked.get_foreign_keys(table)),
        }
        for table, key in keyed.items()
    }


def version_of(url: str) -> int:
    with database(url) as connection:
        return int(connection.exec_driver_sql("SELECT version FROM kerasweep_schema").scalar_one())


def test_an_old_ledger_keeps_every_row(old_url: str) -> None:
    with Ledger(old_url) as ledger:
        (sweep,) = ledger.sweeps()
        assert (sweep.title, dict(sweep.facts)) == ("pima/manual-1", {"engine": "fused"})
        assert [(row.number, row.state, row.score) for row in ledger.trials(sweep.id)] == [
            (0, TrialState.COMPLETED, 0.75),
            (1, TrialState.PENDING, None),
        ]
        known = ledger.known_folds(["k", "l"])
        assert {key: sorted(folds) for key, folds in known.items()} == {"k": [0, 1], "l": [0]}
        assert known["k"][1].history == {"loss": (2.0, 1.0)}
        lease = ledger.claim_sweep("pima", {}, None, Owner("here", 1), 60)
        assert (lease.id, lease.attempt) == (1, 2), "it is continued"
    assert version_of(old_url) == SCHEMA_VERSION


def test_a_migrated_ledger_has_the_tables_of_a_new_one(old_url: str, tmp_path: Path) -> None:
    Ledger(old_url).close()
    with database(old_url) as connection:
        migrated = described(connection)
        METADATA.drop_all(connection)
    Ledger(old_url).close()
    with database(old_url) as connection:
        assert migrated == described(connection)
    assert {column for column, *_ in migrated["kerasweep_folds"]["columns"]} >= {"only_for"}


def test_every_version_has_its_step() -> None:
    assert sorted(steps.STEPS) == list(range(2, SCHEMA_VERSION + 1))


def test_a_copy_of_the_file_is_made_before(tmp_path: Path, old_url: str, caplog: pytest.LogCaptureFixture) -> None:
    Ledger(old_url).close()
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "orchestrator.ledger.database"]
    assert warning.startswith(f"the ledger {sa.make_url(old_url).render_as_string()}") or "postgresql" in old_url
    assert f"has tables of version {SCHEMA_VERSION} now, from 1" in warning
    copies = sorted(path.name for path in tmp_path.iterdir() if "bak" in path.name)
    if not old_url.startswith("sqlite"):
        assert copies == []
        return
    assert copies == ["ledger.db.v1.bak"], "one file, and nothing half made beside it"
    assert f"a copy from before is {tmp_path / 'ledger.db.v1.bak'}" in warning
    with closing(sqlite3.connect(tmp_path / "ledger.db.v1.bak")) as copy:
        assert copy.execute("SELECT version FROM kerasweep_schema").fetchall() == [(1,)]
        assert copy.execute("SELECT count(*) FROM kerasweep_folds").fetchone() == (3,)
    caplog.clear()
    Ledger(old_url).close()
    assert caplog.records == [], "once"


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path) -> None:
    old_url = f"sqlite:///{tmp_path / 'ledger.db'}"
    write_old_ledger(old_url)
    (tmp_path / "ledger.db.v1.bak").mkdir()  # a file cannot take its place
    with pytest.raises(
        LedgerError, match=r"have version 1 and must become \d+, but the copy .*v1\.bak'.*Nothing is changed; make"
    ):
        Ledger(old_url)
    assert version_of(old_url) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if "bak" in path.name) == ["ledger.db.v1.bak"]


def test_a_step_that_fails_changes_nothing(old_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_halfway(operations: Any) -> None:
        operations.add_column("kerasweep_folds", sa.Column("only_for", sa.Integer))
        operations.execute("SELECT nothing FROM nowhere")

    monkeypatch.setattr(steps, "STEPS", {2: fails_halfway})
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger(old_url)
    monkeypatch.undo()
    with database(old_url) as connection:
        assert "only_for" not in {column for column, *_ in described(connection)["kerasweep_folds"]["columns"]}
    with Ledger(old_url) as ledger:
        assert len(ledger.folds("k")) == 2


def test_a_driver_of_the_version_before_goes_on_beside_it(old_url: str) -> None:
    """It has the ledger open while a newer kerasweep brings the tables up to date, and writes as it did before."""
    engine = sa.create_engine(old_url)
    with engine.begin() as connection:
        assert connection.execute(sa.select(old.FOLDS)).mappings().first() is not None
    Ledger(old_url).close()
    with engine.begin() as connection:
        connection.execute(old.FOLDS.insert().values(**FOLD, key="new", fold=0, sweep=1))
        assert len(connection.execute(sa.select(old.FOLDS)).all()) == 4
    engine.dispose()
    with Ledger(old_url) as ledger:
        assert len(ledger.folds("new")) == 1
