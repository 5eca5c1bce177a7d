"""Version 2: a fold may be kept once more, for one sweep alone, beside the result that all share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.operations import Operations

_FOLDS = "kerasweep_folds"
_KEY = ("key", "fold", "only_for")


def upgrade(operations: Operations) -> None:
    """Add ``only_for`` to the folds and to their key, and an index by sweep, by which folds are counted and pruned."""
    if operations.get_bind().dialect.name == "sqlite":  # which cannot change a key in place
        _made_anew(operations)
    else:
        operations.add_column(_FOLDS, _only_for())
        operations.drop_constraint(f"{_FOLDS}_pkey", _FOLDS, type_="primary")
        operations.create_primary_key(f"{_FOLDS}_pkey", _FOLDS, list(_KEY))
    operations.create_index(f"{_FOLDS}_sweep", _FOLDS, ["sweep"])


def _made_anew(operations: Operations) -> None:
    before = f"{_FOLDS}_1"
    operations.rename_table(_FOLDS, before)
    columns: list[sa.Column[Any]] = [
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("fold", sa.Integer, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("history", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("epochs_run", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("stopped", sa.String(20), nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("engine_reason", sa.Text),
        sa.Column("size", sa.BigInteger),
        sa.Column("sweep", sa.Integer, sa.ForeignKey("kerasweep_sweeps.id"), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    ]
    names = [column.name for column in columns]
    after = operations.create_table(_FOLDS, *columns, _only_for(), sa.PrimaryKeyConstraint(*_KEY))
    rows = sa.select(sa.table(before, *(sa.column(name) for name in names)))
    operations.execute(sa.insert(after).from_select(names, rows, include_defaults=False))
    operations.drop_table(before)


def _only_for() -> sa.Column[int]:
    return sa.Column("only_for", sa.Integer, nullable=False, server_default="0")
