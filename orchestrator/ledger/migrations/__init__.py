"""The ledger's tables brought from version to version, one step a release, by Alembic's operations."""

from orchestrator.ledger.migrations.steps import copy_before, migrate

__all__ = ["copy_before", "migrate"]
