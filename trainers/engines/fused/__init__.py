"""The parts of the fused engine; ``cohorts`` is the door. Everything here but ``members`` needs Keras on JAX."""

from trainers.engines.fused.cohorts import FusedCohorts
from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.evaluation import evaluate_fused
from trainers.engines.fused.members import Member, MemberResult, Rows, Stopping, Unfused, Visit
from trainers.engines.fused.refit import fit_alone
from trainers.engines.fused.shapes import memory_share

__all__ = [
    "FusedCohorts",
    "FusedEngine",
    "Member",
    "MemberResult",
    "Rows",
    "Stopping",
    "Unfused",
    "Visit",
    "evaluate_fused",
    "fit_alone",
    "memory_share",
]
