"""The ledger: the SQL store of finished work, schedules and firings. It knows neither Ray nor MLflow nor Keras."""

from orchestrator.ledger.database import ledger_url
from orchestrator.ledger.lease import LEASE_SECONDS, Lease, is_driven
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import (
    FiringRow,
    FiringState,
    FoldCommit,
    Removed,
    ScheduleRow,
    SubmissionRow,
    SubmissionState,
    SweepRow,
    TrialEnd,
    TrialRow,
)
from orchestrator.ledger.rows import END, LEFT_OPEN
from orchestrator.ledger.stored_json import dump_lossy, load

__all__ = [
    "END",
    "LEASE_SECONDS",
    "LEFT_OPEN",
    "FiringRow",
    "FiringState",
    "FoldCommit",
    "Lease",
    "Ledger",
    "Owner",
    "Removed",
    "ScheduleRow",
    "SubmissionRow",
    "SubmissionState",
    "SweepRow",
    "TrialEnd",
    "TrialRow",
    "dump_lossy",
    "is_driven",
    "ledger_url",
    "load",
]
